#!/usr/bin/perl
# Connecting by signing in at Facebook: consent, code, tokens, choice, and all
# that can go wrong on the way (CHA-25..27), against a stand-in of Meta.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp;
use Kontor;
use HTTP::Tiny;
use Test::More;

my $secret_file = File::Temp->new;
print {$secret_file} "app-secret\n";
close $secret_file;
chmod 0644, "$secret_file"; # the programs are another user
my (@children, @outputs);
END { local $?; kill TERM => @children if @children; }
# A handle of the file itself would be closed, and its program waited for, before END ends it.
my $pid = open(our $out, '-|', $^X, "$FindBin::Bin/../standin/meta.pl", '--page-id', '1001', '--instagram-id', '2002', '--phone-number-id', '3003',
	'--waba-id', '4004', '--token', 'EAAgranted', '--app-secret', 'app-secret', '--app-id', '900100') or die "meta.pl: $!\n";
push @children, $pid;
push @outputs, $out;
(scalar <$out>) =~ /(\d+)\s*$/ or die "meta.pl did not start\n";
my $graph = "http://127.0.0.1:$1";
my $k = own_instance(demo => 1, conf => { facebook_app_id => '900100', facebook_app_secret_file => "$secret_file", facebook_verify_token => 'shared-token',
	facebook_dialog_url => "$graph/dialog/oauth", facebook_graph_url => "$graph/v22.0", net_allow => '127.0.0.1' });
my $t = $k->json->{tenants}[0];
my ($anna, $omar) = map { $k->browser(email => $_->{email}, password => $_->{password}) } @{ $t->{users} }[0, 1];

sub control { my ($what, $data) = @_; return HTTP::Tiny->new->post("$graph/control/$what", { content => json_encode($data), headers => { 'Content-Type' => 'application/json' } }) }
sub location { return $_[0]{headers}{location} // '' }
sub begin {
	my ($who, $type) = @_;
	my $r = $who->request(GET => "/settings/channels/facebook?type=$type");
	my ($state) = location($r) =~ /[?&]state=([^&]+)/;
	return ($r, $state);
}
sub back { my ($query) = @_; return $k->api(GET => "/functions/v1/facebook-oauth?$query") }
sub settled { my ($path) = @_; return wait_for(10, sub { my $r = $anna->get($path); ($r->{content}) = ($r->{content} // '') =~ /(<div class="panel form" id="visit"[\s\S]*?)<\/main>/; ($r->{content} // '') !~ /hx-trigger/ && $r }) }

# ---- all goes well -----------------------------------------------------------------

my ($r, $state) = begin($anna, 'messenger');
is($r->{status}, 303, 'CHA-25 the connection begins at Facebook');
like(location($r), qr{^\Q$graph\E/dialog/oauth\?client_id=900100&redirect_uri=[^&]+facebook-oauth&state=[^&]{30,}&scope=[^&]*pages_messaging}, 'CHA-25 CHA-83 with our app, a state and the permissions that are needed');
$r = back("code=good-1&state=$state");
is($r->{status}, 303, 'CHA-26 the callback takes the code');
like(location($r), qr{^/settings/channels/facebook/[0-9a-f-]{36}$}, 'CHA-26 and leads on');
my $visit = location($r);
unlike($k->psql('select sealed from internal.channel_visits'), qr/good-1/, 'CHA-16 the code is stored sealed');
$r = settled($visit);
like($r->{content}, qr/Nordlicht Shop/, 'CHA-25 what was granted is offered');
unlike($r->{content}, qr/EAAgranted/, 'CHA-16 without its token');
is($omar->request(GET => $visit)->{status}, 403, 'an agent does not get there');
$r = $anna->post($visit, {});
is($r->{status}, 422, 'nothing was chosen: asked again');
$r = $anna->post($visit, { choice => '1001' });
like(location($r), qr{^/settings/channels/[0-9a-f-]{36}/connect$}, 'CHA-25 the page is chosen');
my ($channel) = location($r) =~ m{channels/([^/]+)};
ok(wait_for(10, sub { $k->psql("select connection_state || is_active from channel_accounts where id = '$channel'") eq 'Connectedtrue' }), 'CHA-25 the connection is verified and active') or diag $k->psql("select connection_state, is_active, last_error from channel_accounts where id = '$channel'");
is($k->psql("select type || ' ' || external_id || ' ' || name from channel_accounts where id = '$channel'"), 'FB_MESSENGER 1001 Nordlicht Shop', 'CHA-83 as that page');
like($k->psql("select left(sealed, 3) from channel_secrets where channel_account_id = '$channel' and name = 'access_token'"), qr/^v1\.$/, 'CHA-25 its token is stored sealed');
is($k->api(GET => '/functions/v1/messenger-webhook?hub.mode=subscribe&hub.verify_token=shared-token&hub.challenge=77')->{content}, '77', 'CHA-66 the app\'s own verify token is known');

# ---- what goes wrong ------------------------------------------------------------------

$r = back("code=good-2&state=$state");
is($r->{status}, 400, 'CHA-27 a state works once');
is(back("code=good-2&state=made-up")->{status}, 400, 'CHA-27 and no other works');
($r, $state) = begin($anna, 'messenger');
$r = back("error=access_denied&error_description=Permissions+error&state=$state");
$r = settled(location($r));
like($r->{content}, qr/Permissions error/, 'CHA-27 what was refused there is told');
like($r->{content}, qr{facebook\?type=messenger}, 'CHA-27 and can be tried again');
($r, $state) = begin($anna, 'instagram');
like(location($r), qr/instagram_manage_messages/, 'CHA-88 Instagram asks for its own permissions');
control(grant => { permissions => [qw(pages_show_list instagram_basic)] });
$r = settled(location(back("code=good-3&state=$state")));
like($r->{content}, qr/Not all permissions were granted.*instagram_manage_messages/, 'CHA-27 a permission that was left out is named');
control(grant => { permissions => [qw(pages_show_list pages_manage_metadata instagram_basic instagram_manage_messages instagram_manage_comments
	whatsapp_business_management whatsapp_business_messaging)] });
($r, $state) = begin($anna, 'instagram');
$r = settled(location(back("code=bad&state=$state")));
like($r->{content}, qr/did not accept the sign-in.*authorization code/, 'CHA-27 an expired code is told');
($r, $state) = begin($anna, 'instagram');
$visit = location(back("code=good-4&state=$state"));
like(settled($visit)->{content}, qr/nordlicht/, 'CHA-88 the linked Instagram account is offered');
like(location($anna->post($visit, { choice => '2002' })), qr{/connect$}, 'CHA-88 and chosen');
is($k->psql("select settings ->> 'page_id' from channel_accounts where type = 'INSTAGRAM' and external_id = '2002'"), '1001', 'CHA-88 with its page');
($r, $state) = begin($anna, 'whatsapp');
$visit = location(back("code=good-5&state=$state"));
like(settled($visit)->{content}, qr/555-078-3881[\s\S]*system user/, 'CHA-55 CHA-56 WhatsApp: the numbers of granted accounts, and that others are entered by hand');
like(location($anna->post($visit, { choice => '3003' })), qr{/connect$}, 'CHA-55 a number is chosen');
is($k->psql("select settings ->> 'waba_id' from channel_accounts where type = 'WHATSAPP_CLOUD' and external_id = '3003'"), '4004', 'CHA-62 with its business account');

# Signing in again for an account that is here gives it the new token.
($r, $state) = begin($anna, 'whatsapp');
$visit = location(back("code=good-6&state=$state"));
settled($visit);
$anna->post($visit, { choice => '3003' });
is($k->psql("select count(*) from channel_accounts where type = 'WHATSAPP_CLOUD' and external_id = '3003'"), '1', 'CHA-17 CHA-27 connecting it again replaces the token');
is($omar->request(GET => '/settings/channels/facebook?type=messenger')->{status}, 403, 'CHA-15 an agent begins nothing');
done_testing;
