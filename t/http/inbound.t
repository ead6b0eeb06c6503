#!/usr/bin/perl
# The line from a provider's call to the message in the inbox, and back.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use HTTP::Tiny;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

my $t  = tenant();
my $tg = $t->{channels}{telegram};
my $wa = $t->{channels}{whatsapp_cloud};
my $org = $t->{organization_id};
my ($tg_path, $wa_path) = map { "/functions/v1/$_-webhook" } qw(telegram whatsapp-cloud);
my $run = int(time * 10) % 100_000_000 * 10; # ids of this run

# ---- stand-ins -----------------------------------------------------------------

my (@children, @outputs); # a closed output would wait for its process
END { local $?; kill TERM => @children if @children; }

sub standin {
	my ($program, @args) = @_;
	my $pid = open(my $out, '-|', $^X, "$FindBin::Bin/../standin/$program", @args) or die "$program: $!\n";
	push @children, $pid;
	push @outputs, $out;
	my $line = <$out> // '';
	$line =~ /listening 127\.0\.0\.1 (\d+)/ or die "$program did not start\n";
	return "http://127.0.0.1:$1";
}

my $bot_api = standin('telegram.pl', '--token', $tg->{bot_token});
my $graph = standin('whatsapp.pl', '--phone-number-id', $wa->{phone_number_id}, '--token', $wa->{access_token},
	'--app-secret', $wa->{app_secret}, '--webhook', $wa->{webhook_url});
psql("update channel_accounts set settings = settings || '{\"api_base\":\"$bot_api\"}' where id = '$tg->{id}'");
psql("update channel_accounts set settings = settings || '{\"api_base\":\"$graph/v22.0\"}' where id = '$wa->{id}'");

sub control {
	my ($base, $what, $data) = @_;
	my $r = HTTP::Tiny->new->post("$base/control/$what", { content => json_encode($data // {}),
		headers => { 'Content-Type' => 'application/json' } });
	return json_decode($r->{content});
}

sub calls {
	my ($base, $match) = @_;
	return grep { $_->{path} =~ $match } @{ json_decode(HTTP::Tiny->new->get("$base/control/calls")->{content}) };
}

# ---- calls of the providers ---------------------------------------------------------

sub update {
	my ($id, %message) = @_;
	my $from = delete $message{from} // $run + 1;
	return json_encode({ update_id => $run + $id, message => { message_id => $run + $id, date => int time,
		from => { id => $from, is_bot => JSON::PP::false, first_name => 'Ina', last_name => 'Bound', username => 'ina' },
		chat => { id => $from, type => 'private', first_name => 'Ina', last_name => 'Bound' }, %message } });
}

sub telegram {
	my ($body, $token) = @_;
	return api(POST => $tg_path, body => $body, type => 'application/json',
		headers => { defined($token // 1) ? ('X-Telegram-Bot-Api-Secret-Token' => $token // $tg->{secret_token}) : () });
}

sub change {
	my ($value, $number) = @_;
	return json_encode({ object => 'whatsapp_business_account', entry => [{ id => '102290129340398', changes => [{ field => 'messages',
		value => { messaging_product => 'whatsapp', metadata => { display_phone_number => '15550783881',
			phone_number_id => $number // $wa->{phone_number_id} }, %$value } }] }] });
}

sub whatsapp {
	my ($body, $secret) = @_;
	return api(POST => $wa_path, body => $body, type => 'application/json',
		headers => { 'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $secret // $wa->{app_secret}) });
}

my $phone = '4917' . sprintf '%09d', $run % 1_000_000_000;
sub wa_text {
	my ($id, $text, %more) = @_;
	return change({ contacts => [{ profile => { name => 'Wanda Cloud' }, wa_id => $phone }],
		messages => [{ from => $phone, id => "wamid.$run.$id", timestamp => '' . int time, type => 'text',
			text => { body => $text }, %more }] });
}

sub count { return psql("select count(*) from $_[0]") }

# ---- Telegram ----------------------------------------------------------------------

my $r = telegram(update(1, text => 'Guten Tag'));
is($r->{status}, 200, 'CHA-28 a Telegram update is taken');
is($r->{json}{ok}, 1, 'CHA-28 and acknowledged');
my $message = sub { psql("select content from messages where organization_id = '$org' and channel_account_id = '$tg->{id}' and external_id = '"
	. ($run + 1) . ':' . ($run + $_[0]) . "'") };
is(wait_for(5, sub { $message->(1) }), 'Guten Tag', 'MSG-51 CHA-29 the worker makes the message');
is(psql("select p.first_name || ' ' || p.last_name || ' ' || c.status from conversations c join contacts p on p.id = c.contact_id
	where c.channel_account_id = '$tg->{id}' and c.external_id = '" . ($run + 1) . "'"), 'Ina Bound OPEN',
	'MSG-54 MSG-55 INB-41 with contact and open conversation');

my $hooks = count('inbound_hooks');
my $body = update(2, text => 'Fifty times', from => $run + 2);
my @pids = map {
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		my @codes = map { telegram($body)->{status} } 1 .. 5;
		require POSIX;
		POSIX::_exit(scalar grep { $_ != 200 } @codes);
	}
	$pid;
} 1 .. 10;
my $bad = 0;
for (@pids) { waitpid $_, 0; $bad += $? >> 8 }
is($bad, 0, 'the same update 50 times in parallel: 200 each time');
is(count('inbound_hooks') - $hooks, 1, 'CHA-29 stored once');
my $who = $run + 2;
ok(wait_for(5, sub { count("messages where external_id = '$who:$who'") == 1 }), 'MSG-53 one message');
is(count("conversations where external_id = '$who'"), 1, 'INB-42 one conversation');
is(count("contact_handles where kind = 'telegram' and value = '$who'"), 1, 'MSG-54 one contact');
is(count("events e join messages m on m.id = e.record_id where e.type = 'message.received' and m.external_id = '$who:$who'"), 1,
	'MSG-58 one event');

# The same message under another update id passes the first guard (the call is new) and stops at the second.
(my $again = $body) =~ s/"update_id":\d+/'"update_id":' . ($run + 500)/e or die "no update_id\n";
is(telegram($again)->{status}, 200, 'the same message in another update: 200');
is(wait_for(5, sub { psql("select state from inbound_hooks where channel_account_id = '$tg->{id}' and dedupe like '%"
	. ($run + 500) . "'") =~ /^(?:done|ignored)$/ ? 'processed' : undef }), 'processed', 'it is stored and processed');
is(count("messages where external_id = '$who:$who'"), 1, 'MSG-53 still one message');
is(count("events e join messages m on m.id = e.record_id where e.type = 'message.received' and m.external_id = '$who:$who'"), 1,
	'MSG-58 still one event');

$hooks = count('inbound_hooks');
my $refused = psql("select coalesce(sum(n), 0) from internal.intake_counters where what = 'refused' and channel_type = 'TELEGRAM'");
$r = telegram(update(3, text => 'x'), 'wrong');
is($r->{status}, 401, 'CHA-30 a wrong secret token: 401');
is($r->{json}{code}, 'AUTHENTICATION_FAILED', 'in the documented shape');
is(api(POST => $tg_path, body => update(3, text => 'x'), type => 'application/json')->{status}, 401, 'CHA-30 no token: 401');
is(count('inbound_hooks'), $hooks, 'CHA-30 nothing is stored');
cmp_ok(psql("select sum(n) from internal.intake_counters where what = 'refused' and channel_type = 'TELEGRAM'"), '>=', $refused + 2,
	'CHA-30 but counted');
for my $case (['half a body', '{"update_id":'], ['bad UTF-8', "{\"update_id\":1,\"x\":\"\xff\"}"], ['NUL', "{\"update_id\":1}\0"],
	['a list', '[]'], ['no update', '{}'], ['deep nesting', '{"a":' . '[' x 100_000], ['nothing', '']) {
	is(telegram($case->[1])->{status}, 400, "$case->[0]: 400");
}
is(telegram(update(4, text => 'x' x (5 * 1024 * 1024)))->{status}, 413, 'more than 4 MB: 413');
is(count('inbound_hooks'), $hooks, 'and none of it is stored');
is(api(GET => $tg_path)->{status}, 405, 'GET: 405');

control($bot_api, file => { file_id => "PHOTO$run", path => 'photos/file_1.jpg', base64 => encode_base64("\xff\xd8\xff\xe0 bytes", '') });
telegram(update(5, caption => 'Look', photo => [{ file_id => 'small', width => 90, height => 60 },
	{ file_id => "PHOTO$run", width => 900, height => 600 }]));
my $stored = wait_for(5, sub { psql("select f.name || ' ' || f.size || ' ' || f.content_type from message_attachments x
	join files f on f.id = x.file_id where x.provider_media_id = 'PHOTO$run'") });
is($stored, 'file_1.jpg 10 image/jpeg', 'MSG-56 a photo is fetched into our own store');

# ---- WhatsApp Cloud -------------------------------------------------------------------

$r = api(GET => "$wa_path?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=$wa->{verify_token}");
is($r->{status}, 200, 'CHA-66 the handshake');
is($r->{content}, '1158201444', 'CHA-66 echoes the challenge');
like($r->{headers}{'content-type'}, qr{^text/plain}, 'as plain text');
is(api(GET => "$wa_path?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong")->{status}, 403, 'CHA-66 a wrong token: 403');
is(api(GET => $wa_path)->{status}, 403, 'CHA-66 none: 403');

$r = whatsapp(wa_text(1, 'Hello', referral => { source_type => 'ad', ctwa_clid => 'Aff' }));
is($r->{status}, 200, 'CHA-28 a WhatsApp call is taken');
is($r->{json}{status}, 'ok', 'CHA-68 and answered');
is(wait_for(5, sub { psql("select m.content || ' ' || p.phones[1] || ' ' || (m.metadata #>> '{referral,ctwa_clid}') from messages m
	join contacts p on p.id = m.contact_id where m.external_id = 'wamid.$run.1'") }), "Hello +$phone Aff",
	'CHA-32 CHA-34 MSG-59 found by its number, stored with E.164 and ad');
whatsapp(wa_text(1, 'Hello', referral => { source_type => 'ad', ctwa_clid => 'Aff' }));
is(count("messages where external_id = 'wamid.$run.1'"), 1, 'MSG-53 a repeated call is one message');

$hooks = count('inbound_hooks');
my $before = psql("select bad_signatures from channel_accounts where id = '$wa->{id}'");
is(whatsapp(wa_text(2, 'x'), 'wrong')->{status}, 401, 'CHA-30 a wrong signature: 401');
is(api(POST => $wa_path, body => wa_text(2, 'x'), type => 'application/json')->{status}, 401, 'CHA-30 none: 401');
is(whatsapp('{"object":', 'wrong')->{status}, 401, 'CHA-30 unsigned rubbish: 401');
is(whatsapp('{"object":')->{status}, 400, 'signed rubbish: 400');
is(count('inbound_hooks'), $hooks, 'CHA-30 nothing is stored');
cmp_ok(psql("select bad_signatures from channel_accounts where id = '$wa->{id}'"), '>=', $before + 2, 'CHA-30 but counted at the account');
is(whatsapp(change({ messages => [{ from => '1', id => 'x', type => 'text' }] }, "9$run"))->{status}, 200, 'CHA-73 an unknown number: 200');
is(psql("select error from inbound_hooks where state = 'failed' and error like '%9$run'"), "No active channel has the phone_number_id 9$run",
	'CHA-73 a dead letter with the id');
is(whatsapp(json_encode({ object => 'whatsapp_business_account', entry => [] }))->{status}, 200, 'CHA-68 an empty call');

# Two tenants in one call, signed by an app that they share.
my $two = tenant(1)->{channels}{whatsapp_cloud};
my $both = json_decode(wa_text(7, 'mine'));
push @{ $both->{entry}[0]{changes} }, json_decode(change({ messages => [{ from => '49170', id => "wamid.$run.other", timestamp => '1',
	type => 'text', text => { body => 'theirs' } }] }, $two->{phone_number_id}))->{entry}[0]{changes}[0];
is(whatsapp(json_encode($both))->{status}, 200, 'a call for two numbers');
is(count("inbound_hooks where organization_id = '$org' and convert_from(body, 'UTF8') like '%theirs%'"), 0,
	'what is for another tenant is not stored for this one');
ok(wait_for(5, sub { count("messages where external_id = 'wamid.$run.7'") == 1 }), 'and this one has its own');
is(count("messages where external_id = 'wamid.$run.other'"), 0, 'CHA-30 another tenant believes its own app only');

my $media = control($graph, media => { mime_type => 'application/pdf', base64 => encode_base64('%PDF-1.4', '') })->{id};
whatsapp(wa_text(3, undef, type => 'document', document => { id => $media, mime_type => 'application/pdf', filename => 'offer.pdf', caption => 'My offer' }));
is(wait_for(5, sub { psql("select f.name || ' ' || f.size from message_attachments x join files f on f.id = x.file_id
	where x.provider_media_id = '$media' and x.organization_id = '$org'") }), 'offer.pdf 8', 'MSG-6 MSG-56 a document is fetched');

# ---- out ----------------------------------------------------------------------------------

sub answer {
	my ($where, $text) = @_;
	return psql("insert into messages (organization_id, conversation_id, direction, content)
		select organization_id, id, 'OUTBOUND', '$text' from conversations where $where returning id");
}
sub status { return psql("select status from messages where id = '$_[0]'") }

my $chat = $run + 1;
my $out = answer("channel_account_id = '$tg->{id}' and external_id = '$chat'", 'Bitte sehr');
ok(wait_for(5, sub { status($out) eq 'SENT' }), 'MSG-43 an answer is sent to Telegram');
my ($call) = grep { ($_->{params}{text} // '') eq 'Bitte sehr' } calls($bot_api, qr/sendMessage/);
is($call->{params}{chat_id}, $chat, 'CHA-95 to the chat');

control($bot_api, fail => { match => 'sendMessage', status => 429,
	body => { ok => JSON::PP::false, error_code => 429, description => 'Too Many Requests: retry after 1', parameters => { retry_after => 1 } } });
my $start = time;
$out = answer("channel_account_id = '$tg->{id}' and external_id = '$chat'", 'Later');
ok(wait_for(15, sub { status($out) eq 'SENT' }), 'MSG-29 a 429 is waited out');
cmp_ok(time - $start, '>=', 0.9, 'as long as told');

$out = answer("channel_account_id = '$wa->{id}' and external_id = '$phone'", 'Gerne');
ok(wait_for(8, sub { status($out) eq 'READ' }), 'MSG-28 MSG-33 sent, delivered and read come back from WhatsApp');
is(psql("select string_agg(status, ' ' order by at) from message_status_history where message_id = '$out'"),
	'PENDING SENDING SENT DELIVERED READ', 'MSG-25 MSG-27 in order');
control($graph, statuses => { list => ['sent', 'failed'], errors => [{ code => 131026, title => 'Message undeliverable',
	error_data => { details => 'Message Undeliverable.' } }] });
$out = answer("channel_account_id = '$wa->{id}' and external_id = '$phone'", 'Unmöglich');
ok(wait_for(8, sub { status($out) eq 'FAILED' }), 'MSG-33 a failure comes back');
like(psql("select error from messages where id = '$out'"), qr/not on WhatsApp/, 'MSG-30 CHA-79 in words');
psql("update conversations set last_inbound_at = now() - interval '25 hours' where channel_account_id = '$wa->{id}' and external_id = '$phone'");
$out = answer("channel_account_id = '$wa->{id}' and external_id = '$phone'", 'Zu spät');
ok(wait_for(5, sub { status($out) eq 'FAILED' }), 'INB-101 INB-103 outside the window nothing is sent');
is(scalar(grep { ($_->{params}{text}{body} // '') eq 'Zu spät' } calls($graph, qr/messages/)), 0, 'INB-103 the provider is not asked');

done_testing;
