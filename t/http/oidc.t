#!/usr/bin/perl
# Sign-in at an OpenID Connect provider, against a real one (oidc_provider.mjs).
use strict;
use warnings;
use Cwd qw(abs_path);
use Digest::SHA qw(sha256);
use File::Basename qw(dirname);
use File::Temp ();
use Kontor;
use Kontor::Browser;
use MIME::Base64 qw(encode_base64url);
use Test::More;
use Time::HiRes qw(sleep);

my $tree   = abs_path(dirname(__FILE__) . '/../..');
my $port   = free_port();
my $issuer = "http://127.0.0.1:$port";
my $file   = File::Temp->new;
print $file json_encode({
	keyring => { issuer => $issuer, client_id => 'kontor', client_secret => 'secret of kontor +%&' },
	wrong   => { issuer => "$issuer/", client_id => 'kontor', client_secret => 'not the secret' },
	gone    => { issuer => 'http://127.0.0.1:1', client_id => 'kontor' },
});
close $file;
chmod 0644, $file->filename;
my $k    = own_instance(demo => 1, conf => { oidc_providers => $file->filename, net_allow => '127.0.0.1' });
my $base = $k->base_url;
my $anon = $k->json->{anon_key};
my $jane = $k->json->{tenants}[0]{users}[0]{email};

pipe(my $in, my $out) or die "pipe: $!\n";
my $provider = fork // die "fork: $!\n";
if (!$provider) {
	open STDOUT, '>&', $out;
	exec 'node', '--no-warnings', "$tree/t/http/oidc_provider.mjs", $port, "$base/auth/v1/callback", $jane;
}
close $out;
END { local $?; kill('TERM', $provider), waitpid $provider, 0 if $provider }
scalar <$in>;

# Follow redirects and waiting pages until `stop` is seen; returns that location.
sub follow {
	my ($b, $url) = @_;
	for (1 .. 100) {
		my $r = $b->request(GET => $url, {});
		my $to = $r->{headers}{location};
		if ($to) {
			return $to if $to =~ /^\Q$base\E(?!\/auth\/v1)/ || $to =~ m{/interaction/};
			$url = $to =~ /^http/ ? $to : ($url =~ m{^(https?://[^/]+)} ? $1 : $base) . $to;
		} elsif ($r->{content} =~ /http-equiv="refresh"/) {
			$b->{waited}++;
			sleep 0.2;
		} else {
			return "$r->{status} $r->{content}";
		}
	}
	return 'too many';
}

# The forms of the provider: who one is, and that one agrees.
sub visit {
	my ($b, $who, $query) = @_;
	my $at = follow($b, "$base/auth/v1/authorize?$query");
	for my $form ({ prompt => 'login', login => $who, password => 'x' }, { prompt => 'consent' }) {
		last unless $at =~ m{/interaction/};
		my $page = $at =~ /^http/ ? $at : "$issuer$at";
		$b->request(GET => $page, {});
		my $r = $b->request(POST => $page, { content => HTTP::Tiny->new->www_form_urlencode($form),
			headers => { 'Content-Type' => 'application/x-www-form-urlencoded' } });
		my $to = $r->{headers}{location} // return "$r->{status} $r->{content}";
		$at = follow($b, $to =~ /^http/ ? $to : "$issuer$to");
	}
	return $at;
}
sub parts { my ($text) = @_; return { map { split /=/, $_, 2 } split /&/, $text // '' } }
sub user { return $k->api(GET => '/auth/v1/user', apikey => $anon, bearer => $_[0])->{json} }

# ---- by fragment -----------------------------------------------------------------

is($k->api(GET => '/auth/v1/settings')->{json}{external}{keyring}, JSON::PP::true, 'settings name the provider');
my $b = Kontor::Browser->new($base);
my $at = visit($b, 'ada', 'provider=keyring&redirect_to=' . "$base/welcome");
like($at, qr{^\Q$base\E/welcome#access_token=}, 'a visit ends with a session') or diag($at);
ok($b->{waited}, 'while a page waited');
my $f = parts(($at =~ /#(.*)/)[0]);
my $u = user($f->{access_token});
is($u->{email}, 'ada@provider.example', 'of the user whom the provider named');
is("$u->{user_metadata}{first_name} $u->{user_metadata}{last_name}", 'Ada Byron', 'with his names');
is_deeply($u->{app_metadata}{providers}, ['keyring'], 'known there alone');
is($u->{app_metadata}{role}, 'OWNER', 'AUTH-2 an owner of an organization of his own');
ok($u->{email_confirmed_at}, 'the provider vouches for the address');
my $ada = $u->{id};
$b  = Kontor::Browser->new($base);
$at = visit($b, 'ada', "provider=keyring&redirect_to=$base/welcome");
is(user(parts(($at =~ /#(.*)/)[0])->{access_token})->{id}, $ada, 'the second time he is the same');
is($k->psql("select count(*) from auth.users where email = 'ada\@provider.example'"), 1, 'once');
is($k->psql("select count(*) from auth.flow_state where secrets is not null"), 0, 'no secret is left of it');

# ---- with PKCE of our own client -------------------------------------------------------

my $verifier  = 'v' x 64;
my $challenge = encode_base64url(sha256($verifier));
$b  = Kontor::Browser->new($base);
$at = visit($b, 'jane', "provider=keyring&redirect_to=$base/welcome&code_challenge=$challenge&code_challenge_method=s256");
my ($code) = $at =~ m{^\Q$base\E/welcome\?code=([\w-]+)$};
ok($code, 'with a challenge there is a code') or diag($at);
my $r = $k->api(POST => '/auth/v1/token?grant_type=pkce', json => { auth_code => $code, code_verifier => $verifier });
is($r->{json}{user}{email}, $jane, 'for the account that has that address already');
is_deeply([sort map { $_->{provider} } grep { $_->{provider} eq 'keyring' } @{ $r->{json}{user}{identities} }], ['keyring'], 'which is known there now, too');
is($k->api(POST => '/auth/v1/token?grant_type=password', json => { email => $jane, password => $k->json->{tenants}[0]{users}[0]{password} })->{status},
	200, 'and keeps its password');

# Somebody who claimed an address without owning it loses it to the owner.
$k->api(POST => '/auth/v1/signup', json => { email => 'ada2@provider.example', password => 'long enough' });
$k->psql("update auth.identities set provider_id = 'other' where provider_id = 'ada';
	update auth.users set email = 'old\@provider.example' where id = '$ada';
	update auth.users set email = 'ada\@provider.example' where email = 'ada2\@provider.example'");
$b  = Kontor::Browser->new($base);
$at = visit($b, 'ada', 'provider=keyring');
like($at, qr/#access_token=/, 'an unconfirmed account is the owner\'s');
is($k->psql("select password_hash is null and email_confirmed_at is not null from auth.users where email = 'ada\@provider.example'"), 't',
	'without the password of who claimed it');

# ---- what is refused -----------------------------------------------------------------------

sub failure { return $_[0] =~ /^\Q$base\E[^?]*\?error=\w+&error_code=(\w+)/ ? $1 : $_[0] }
$b = Kontor::Browser->new($base);
is(failure(visit($b, 'eve', 'provider=keyring')), 'provider_email_needs_verification', 'an address that the provider does not vouch for');
$b = Kontor::Browser->new($base);
is(failure(visit($b, 'nobody', 'provider=keyring')), 'provider_email_missing', 'no address');
$b = Kontor::Browser->new($base);
is(failure(visit($b, 'ada', 'provider=wrong')), 'unexpected_failure', 'a provider that does not accept our secret');
$b = Kontor::Browser->new($base);
is(failure(visit($b, 'ada', 'provider=gone')), 'unexpected_failure', 'one that is not there');
$r = $k->api(GET => '/auth/v1/authorize?provider=moon');
is("$r->{status} $r->{json}{error_code}", '400 oauth_provider_not_supported', 'one that nobody knows');
$b  = Kontor::Browser->new($base);
$at = follow($b, "$base/auth/v1/authorize?provider=keyring");
my $thief = Kontor::Browser->new($base);
is($thief->request(GET => '/auth/v1/callback?code=x&state=' . $b->{cookies}{kontor_flow}, {})->{status}, 400, 'a visit that another browser began');
is($b->request(GET => '/auth/v1/callback?code=x&state=y', {})->{status}, 400, 'or with another state');
$r = $b->request(GET => "/auth/v1/callback?code=x&iss=http://evil.example&state=$b->{cookies}{kontor_flow}", {});
is(failure(follow($b, "$base/auth/v1/flow")), 'bad_oauth_callback', 'the answer of another issuer');
$b = Kontor::Browser->new($base);
follow($b, "$base/auth/v1/authorize?provider=keyring&redirect_to=https://evil.example/");
$b->request(GET => "/auth/v1/callback?error=access_denied&error_description=No&state=$b->{cookies}{kontor_flow}", {});
like(follow($b, "$base/auth/v1/flow"), qr{^\Q$base\E\?error=access_denied&error_code=access_denied&error_description=No}, 'who says no there is told here, and nowhere else');
$k->psql("update profiles set is_active = false where email = '$jane'");
$b = Kontor::Browser->new($base);
like(visit($b, 'jane', 'provider=keyring'), qr/error_description=This%20account%20is%20deactivated/, 'AUTH-19 a deactivated account stays so');

done_testing;
