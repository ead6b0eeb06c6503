#!/usr/bin/perl
# A stand-in for Meta's Graph API as Messenger, Instagram and WhatsApp's
# templates use it, after developers.facebook.com.
#
#	meta.pl --page-id ID --instagram-id ID --phone-number-id ID --waba-id ID
#		--token TOKEN [--app-secret S] [--messenger-webhook URL] [--instagram-webhook URL]
#		[--whatsapp-webhook URL] [--app-id ID] [--port N] [--log FILE]
#
# Serves /vNN.N/me/messages and /me/message_attachments (Send API, sender
# actions), /<comment>/comments and /replies, /<id>?fields=, /subscribed_apps,
# /<waba>/message_templates, /<template>, /<number>/messages, /oauth/access_token,
# /me/permissions, /me/accounts, /debug_token, /<waba>/phone_numbers, /dialog/oauth.
# A text "!CODE" or "!CODE/SUBCODE" is refused with that error. With a webhook, an
# accepted message is followed by its echo and receipts. Control:
#	POST /control/person {"id":..,"first_name":..,"last_name":..,"name":..,"username":..}
#	POST /control/post {"to":"messenger","entry":{..}} or {"raw":".."}: a signed call; "times": n
#	POST /control/receipts {"list":["echo","delivery","read"],"before":true}: from now on
#	POST /control/template {..}: one that Meta has
#	POST /control/grant {"permissions":[..]}: what the person grants
#	POST /control/number {..}: fields of the phone number; POST /control/token {"dead":true}
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use Standin;
use Time::HiRes qw(time);

my %o = (port => 0, 'app-id' => '900100', 'app-secret' => '');
GetOptions(\%o, map { "$_=s" } qw(port page-id instagram-id phone-number-id waba-id token app-secret app-id messenger-webhook
	instagram-webhook whatsapp-webhook log)) && $o{token} or die "usage: meta.pl --token TOKEN ...\n";

my $json = JSON::PP->new->utf8->canonical;
my (%people, %uploads, %templates, %codes);
my @receipts = ();
my ($before, $dead, $next) = (0, 0, int(time * 1000) % 1_000_000_000);
my @granted = qw(pages_show_list pages_manage_metadata pages_messaging pages_read_engagement pages_manage_engagement
	instagram_basic instagram_manage_messages instagram_manage_comments whatsapp_business_management whatsapp_business_messaging);
my %number = (display_phone_number => '+1 555-078-3881', verified_name => 'Nordlicht', status => 'CONNECTED', account_mode => 'LIVE',
	quality_rating => 'GREEN', messaging_limit_tier => 'TIER_1K');

sub fail {
	my ($status, $code, $message, %more) = @_;
	return [$status, { error => { message => "(#$code) $message", type => 'OAuthException', code => 0 + $code, %more, fbtrace_id => 'A' . ++$next } }];
}

sub unknown {
	my ($node) = @_;
	return fail(400, 100, "Unsupported request. Object with ID '$node' does not exist, cannot be loaded due to missing permissions, "
		. 'or does not support this operation', error_subcode => 33);
}

# ---- calls of the webhooks ------------------------------------------------------

sub deliver {
	my ($to, $body) = @_;
	my $url = $o{"$to-webhook"} or return { status => 0, content => "no --$to-webhook" };
	return HTTP::Tiny->new(timeout => 10)->post($url, { content => $body, headers => { 'Content-Type' => 'application/json',
		'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $o{'app-secret'}) } });
}

sub entry {
	my ($to, $entry) = @_;
	my %kind = (messenger => ['page', $o{'page-id'}], instagram => ['instagram', $o{'instagram-id'}],
		whatsapp => ['whatsapp_business_account', $o{'waba-id'}]);
	return $json->encode({ object => $kind{$to}[0], entry => [{ id => $kind{$to}[1], time => int(time * 1000), %$entry }] });
}

sub event { my ($to, %e) = @_; return deliver($to, entry($to, { messaging => [{ timestamp => int(time * 1000), %e }] })) }

sub follow {
	my ($to, $person, $mid, $message) = @_;
	my $page = $to eq 'instagram' ? $o{'instagram-id'} : $o{'page-id'};
	for my $what (@receipts) {
		event($to, sender => { id => $page }, recipient => { id => $person },
			message => { mid => $mid, is_echo => JSON::PP::true, app_id => 0 + $o{'app-id'},
				map { defined $message->{$_} ? ($_ => $message->{$_}) : () } qw(text metadata) }) if $what eq 'echo';
		event($to, sender => { id => $person }, recipient => { id => $page },
			delivery => { mids => [$mid], watermark => int(time * 1000) }) if $what eq 'delivery';
		event($to, sender => { id => $person }, recipient => { id => $page },
			read => $to eq 'instagram' ? { mid => $mid } : { watermark => int(time * 1000) }) if $what eq 'read';
	}
	return;
}

# ---- the Send API -----------------------------------------------------------------

sub send_message {
	my ($s, $rq) = @_;
	my $p = $rq->{params};
	my $to = $p->{recipient}{id} // $p->{recipient}{comment_id} // return fail(400, 100, 'Param recipient must be a JSON object');
	if ($p->{sender_action}) {
		return fail(400, 100, 'sender action with a message') if $p->{message};
		return [200, { recipient_id => $to }];
	}
	my $m = $p->{message} // return fail(400, 100, 'Param message is required');
	my $text = $m->{text} // '';
	return fail($1 == 613 || $1 == 4 || $1 == 80007 ? 429 : 400, $1, 'as asked for', $2 ? (error_subcode => 0 + $2) : ())
		if $text =~ m{^!(\d+)(?:/(\d+))?$};
	return fail(400, 100, 'Length of param message[text] must be less than or equal to 2000', error_subcode => 2018320) if length $text > 2000;
	return fail(400, 100, 'No matching user found', error_subcode => 2018001) if $to =~ /^404/;
	return fail(400, 100, 'quick_replies: at most 13, titles of 20')
		if grep { length $_->{title} > 20 } @{ $m->{quick_replies} // [] } or @{ $m->{quick_replies} // [] } > 13;
	if (my $a = $m->{attachment}) {
		return fail(400, 100, 'Upload attachment failure', error_subcode => 2018047) if !$uploads{ $a->{payload}{attachment_id} // '' };
	} elsif (!length $text) {
		return fail(400, 100, 'Message cannot be empty', error_subcode => 2018034);
	}
	my $mid = 'm_' . ++$next;
	my $channel = $people{$to}{instagram} ? 'instagram' : 'messenger';
	follow($channel, $to, $mid, $m) if $before;
	$s->later(0.05, sub { follow($channel, $to, $mid, $m) }) if @receipts && !$before;
	return [200, { recipient_id => $p->{recipient}{id} // "psid-of-$to", message_id => $mid }];
}

sub upload {
	my ($s, $rq) = @_;
	my $file = $rq->{files}{filedata} or return fail(400, 100, 'filedata is missing', error_subcode => 2018047);
	return fail(400, 100, 'too large', error_subcode => 2018109) if length $file->{data} > 25 * 1024 * 1024;
	my $id = '' . ++$next;
	$uploads{$id} = 1;
	return [200, { attachment_id => $id }];
}

# ---- templates, WhatsApp --------------------------------------------------------------

sub list_templates {
	my ($rq) = @_;
	my @all = map { $templates{$_} } sort keys %templates;
	my $from = $rq->{query}{after} // 0;
	my @page = grep { defined } @all[$from .. ($from + 1 < $#all ? $from + 1 : $#all)];
	my $end = $from + @page;
	return [200, { data => \@page, paging => { cursors => { after => "$end" },
		$end < @all ? (next => "http://x/?after=$end") : () } }];
}

sub new_template {
	my ($p) = @_;
	return [400, { error => { message => 'Invalid parameter', code => 100, error_subcode => 2388024, error_user_title => 'Content exists',
		error_user_msg => 'There is already content in this language for this template.' } }]
		if grep { $_->{name} eq $p->{name} && $_->{language} eq $p->{language} } values %templates;
	my $id = '' . ++$next;
	$templates{$id} = { id => $id, status => 'PENDING', %$p };
	return [200, { id => $id, status => 'PENDING', category => $p->{category} }];
}

sub whatsapp_message {
	my ($p) = @_;
	return [200, { success => JSON::PP::true }] if ($p->{status} // '') eq 'read';
	if (($p->{type} // '') eq 'template') {
		my ($t) = grep { $_->{name} eq $p->{template}{name} && $_->{language} eq $p->{template}{language}{code} } values %templates;
		return fail(404, 132001, 'Template name does not exist in the translation') if !$t;
		my ($body) = map { $_->{text} } grep { $_->{type} eq 'BODY' } @{ $t->{components} };
		my %wanted = map { $_ => 1 } ($body // '') =~ /\{\{(\w+)\}\}/g;
		my $got = map { @{ $_->{parameters} } } grep { $_->{type} eq 'body' } @{ $p->{template}{components} // [] };
		return fail(400, 132000, 'Number of parameters does not match the expected number of params') if $got != keys %wanted;
	} elsif (($p->{type} // '') eq 'interactive') {
		my $i = $p->{interactive};
		return fail(400, 131009, 'body is required') if !length($i->{body}{text} // '');
		return fail(400, 131009, 'at most 3 buttons of 20 characters') if $i->{type} eq 'button'
			&& (@{ $i->{action}{buttons} } > 3 || grep { length $_->{reply}{title} > 20 } @{ $i->{action}{buttons} });
		return fail(400, 131009, 'at most 10 rows of 24 characters') if $i->{type} eq 'list'
			&& (@{ $i->{action}{sections}[0]{rows} } > 10 || grep { length $_->{title} > 24 } @{ $i->{action}{sections}[0]{rows} });
	}
	my $text = $p->{text}{body} // '';
	return fail($1 == 130429 || $1 == 131056 ? 429 : 400, $1, 'as asked for') if $text =~ m{^!(\d+)$};
	return [200, { messaging_product => 'whatsapp', messages => [{ id => 'wamid.' . ++$next, message_status => 'accepted' }] }];
}

# ---- signing in -------------------------------------------------------------------------

sub sign_in {
	my ($rq) = @_;
	my $q = $rq->{query};
	return fail(400, 101, 'Error validating client secret.') if ($q->{client_secret} // '') ne $o{'app-secret'};
	return [200, { access_token => "long-$o{token}", token_type => 'bearer', expires_in => 5183944 }] if ($q->{grant_type} // '') eq 'fb_exchange_token';
	return fail(400, 100, 'This authorization code has been used.', error_subcode => 36009) if ($q->{code} // '') !~ /^good/ || $codes{ $q->{code} }++;
	return [200, { access_token => "short-$o{token}", token_type => 'bearer' }];
}

sub me {
	my ($edge, $rq) = @_;
	return [200, { data => [map { { permission => $_, status => 'granted' } } @granted] }] if $edge eq 'permissions';
	return [200, { data => [{ id => $o{'page-id'}, name => 'Nordlicht Shop', access_token => $o{token}, $o{'instagram-id'} ?
		(instagram_business_account => { id => $o{'instagram-id'}, username => 'nordlicht' }) : () }] }] if $edge eq 'accounts';
	return [200, { id => $o{'page-id'}, name => 'Nordlicht Shop' }];
}

sub token_of {
	my ($rq) = @_;
	my ($t) = ($rq->{headers}{authorization} // '') =~ /^Bearer (.+)/;
	return $t // '';
}

sub node {
	my ($s, $rq, $node, $edge) = @_;
	my $post = $rq->{method} eq 'POST';
	return send_message($s, $rq) if $edge eq 'messages' && $node eq 'me' && $post;
	return upload($s, $rq) if $edge eq 'message_attachments' && $post;
	return me($edge, $rq) if $node eq 'me';
	return [200, { success => JSON::PP::true }] if $edge eq 'subscribed_apps' && $post;
	return $rq->{params}{message} ? [200, { id => "c_" . ++$next }] : fail(400, 100, 'message is required')
		if ($edge eq 'comments' || $edge eq 'replies') && $post;
	return [200, { id => $node, username => 'nordlicht' }] if $node eq ($o{'instagram-id'} // '');
	if ($node eq ($o{'waba-id'} // '')) {
		return $post ? new_template($rq->{params}) : list_templates($rq) if $edge eq 'message_templates';
		return [200, { data => [{ id => $o{'phone-number-id'}, %number }] }] if $edge eq 'phone_numbers';
		return [200, { id => $node, name => 'Nordlicht GmbH', account_review_status => 'APPROVED', business_verification_status => 'verified',
			message_template_namespace => 'ns_1', health_status => { can_send_message => 'LIMITED' } }];
	}
	if ($node eq ($o{'phone-number-id'} // '')) {
		return $edge eq 'messages' ? whatsapp_message($rq->{params}) : [200, { id => $node, %number }];
	}
	if ($templates{$node} && $post) {
		%{ $templates{$node} } = (%{ $templates{$node} }, %{ $rq->{params} }, status => 'PENDING');
		return [200, { success => JSON::PP::true }];
	}
	return [200, { id => $node, %{ $people{$node} } }] if $people{$node};
	return unknown($node);
}

sub handle {
	my ($s, $rq) = @_;
	my ($node, $edge) = $rq->{path} =~ m{^(?:/v\d+\.\d+)?/([^/]+)(?:/([\w.]+))?$};
	$edge //= '';
	return unknown($rq->{path}) if !defined $node;
	return sign_in($rq) if $node eq 'oauth';
	return { status => 200, type => 'image/png', body => "\x89PNG\r\n\x1a\n" } if $node eq 'file';
	return [200, { data => { is_valid => JSON::PP::true, granular_scopes => [{ scope => 'whatsapp_business_management',
		target_ids => [$o{'waba-id'}] }] } }] if $node eq 'debug_token';
	my $token = token_of($rq);
	return fail(401, 190, 'Error validating access token: Session has expired', error_subcode => 463)
		if $dead || $token !~ /^(?:long-)?\Q$o{token}\E$/;
	return node($s, $rq, $node, $edge);
}

# ---- control ---------------------------------------------------------------------------------

my $ok = [200, { ok => JSON::PP::true }];
my %control = (
	person => sub { my $p = $_[1]{params}; $people{ $p->{id} } = $p; return $ok },
	receipts => sub { @receipts = @{ $_[1]{params}{list} }; $before = $_[1]{params}{before} // 0; return $ok },
	template => sub { my $p = $_[1]{params}; my $id = $p->{id} // '' . ++$next; $templates{$id} = { id => $id, %$p }; return [200, { id => $id }] },
	'template_gone' => sub { delete $templates{ $_[1]{params}{id} }; return $ok },
	grant => sub { @granted = @{ $_[1]{params}{permissions} }; return $ok },
	number => sub { %number = (%number, %{ $_[1]{params} }); return $ok },
	token => sub { $dead = $_[1]{params}{dead} ? 1 : 0; return $ok },
	post => sub {
		my $p = $_[1]{params};
		my $body = $p->{raw} // entry($p->{to}, $p->{entry});
		my $r;
		$r = deliver($p->{to}, $body) for 1 .. $p->{times} // 1;
		return [200, { status => $r->{status}, content => $r->{content} }];
	},
);
Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => \%control)->run;
