#!/usr/bin/perl
# The functions of the inbox: insert-message, {channel}-send, bot-control,
# service-monitoring, as their pages print them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../standin";
use HTTP::Tiny;
use Kontor;
use Test::More;
use Time::HiRes qw(time sleep);

my $k = own_instance(demo => 1, conf => { net_insecure_webhooks => 'on', net_allow => '127.0.0.1' });
my ($mine, $other) = @{ $k->json->{tenants} };
my $org = $mine->{organization_id};
my $f   = '/functions/v1';

sub call {
	my ($name, $json, %o) = @_;
	return $k->api(POST => "$f/$name", key => $mine->{api_key}, json => $json, %o);
}
sub sql { return $k->psql($_[0]) }
sub error_is {
	my ($r, $status, $text, $name) = @_;
	is($r->{status}, $status, $name) or diag($r->{content});
	like($r->{json}{error} // $r->{content}, $text, '... and says so');
}
sub key_with {
	my ($may) = @_;
	my $key = "cg_test_${may}_$$";
	sql("insert into api_keys (organization_id, name, prefix, key_hash, can_send_messages, can_read_messages)
		values ('$org', 'test', 'cg_test', sha256('$key'), @{[ $may eq 'send' ? 'true, false' : 'false, true' ]})");
	return $key;
}
my ($send_key, $read_key) = (key_with('send'), key_with('read'));

my (@children, @outputs);
END { local $?; kill TERM => @children if @children; }
sub standin {
	my @command = @_;
	my $pid = open(my $out, '-|', $^X, @command) or die "$command[0]: $!\n";
	push @children, $pid;
	push @outputs, $out;
	(<$out> // '') =~ /listening 127\.0\.0\.1 (\d+)/ or die "$command[0] did not start\n";
	return "http://127.0.0.1:$1";
}
sub calls { return @{ json_decode(HTTP::Tiny->new->get("$_[0]/control/calls")->{content}) } }

# ---- insert-message ------------------------------------------------------------------

sub stored { return sql("select direction || ' ' || status || ' ' || message_type || ' ' || content from messages where id = '$_[0]'") }

my $r = call('insert-message', { phone => '201001383533', content => 'Hello from external system!', direction => 'outgoing',
	status => 'sent', message_type => 'text', metadata => { order => 7 } });
is($r->{status}, 200, 'API-76 insert-message by API key') or diag($r->{content});
my $first = $r->{json};
ok($first->{success}, 'API-56 success');
is_deeply($first->{message}, { id => $first->{messageId}, conversation_id => $first->{conversationId}, contact_id => $first->{contactId} },
	'both documented forms of the answer at once');
is(stored($first->{messageId}), 'OUTBOUND SENT text Hello from external system!', 'API-74 API-75 the message as it was told');
is(sql("select metadata ->> 'order' from messages where id = '$first->{messageId}'"), 7, 'API-75 with its metadata');
is(sql("select phones[1] || ' ' || first_name || ' ' || last_name from contacts where id = '$first->{contactId}'"),
	'+201001383533 Unknown Contact', 'API-74 MSG-50 the contact is made from the phone');
is(sql("select count(*) from job.jobs where kind = 'send_message' and payload ->> 'message_id' = '$first->{messageId}'"), 0,
	'API-76 nothing is sent');
is(sql("select string_agg(type, ' ') from events where record_id = '$first->{messageId}'"), 'message.sent', 'its event is written');

$r = call('insert-message', { phone => '+20 100 138 3533', content => 'Again', direction => 'outgoing' });
is("$r->{json}{contactId} $r->{json}{conversationId}", "$first->{contactId} $first->{conversationId}", 'API-74 contact and conversation are found again');
is(stored($r->{json}{messageId}), 'OUTBOUND SENT text Again', 'without status an outgoing message was sent');
is(sql("select last_message_at = (select created_at from messages where id = '$r->{json}{messageId}') from conversations
	where id = '$first->{conversationId}'"), 't', 'API-74 INB-48 last_message_at follows');
my $status = sub { sql("select status from conversations where id = '$first->{conversationId}'") };
sql("update conversations set status = 'CLOSED' where id = '$first->{conversationId}'");
$r = call('insert-message', { phone => '201001383533', content => 'Out', direction => 'outgoing', status => 'delivered' });
is("$r->{json}{conversationId} " . $status->(), "$first->{conversationId} CLOSED", 'INB-45 an outgoing one leaves it closed');
$r = call('insert-message', { phone => '201001383533', content => 'In', direction => 'incoming', status => 'received' });
is("$r->{json}{conversationId} " . $status->(), "$first->{conversationId} OPEN", 'INB-45 API-74 an incoming one opens it again');
is(stored($r->{json}{messageId}), 'INBOUND DELIVERED text In', 'received is DELIVERED of an inbound one');
is(sql("select string_agg(type, ' ') from events where record_id = '$r->{json}{messageId}'"), 'message.received', 'with its event');
$r = call('insert-message', { phone => '201001383533', content => 'In 2', direction => 'INBOUND' });
is(stored($r->{json}{messageId}), 'INBOUND DELIVERED text In 2', 'the words of the tables are taken, and no status is needed');
my %state = (sent => 'SENT', delivered => 'DELIVERED', read => 'READ', failed => 'FAILED');
for (sort keys %state) {
	$r = call('insert-message', { phone => '201001383533', content => $_, direction => 'outgoing', status => $_, message_type => 'image' });
	is(stored($r->{json}{messageId}), "OUTBOUND $state{$_} image $_", "API-75 status $_");
}
my $wa = $mine->{channels}{whatsapp_cloud}{id};
$r = call('insert-message', { phone => '201001383533', content => 'On a channel', direction => 'incoming', channel_account_id => $wa });
is(sql("select channel_account_id from conversations where id = '$r->{json}{conversationId}'"), $wa, 'API-75 on the channel that is named');

for ([{ content => 'x', direction => 'outgoing' }, qr/phone is required/], [{ phone => '201001383533', direction => 'outgoing' }, qr/content is required/],
		[{ phone => '201001383533', content => 'x' }, qr/direction is required/],
		[{ phone => '201001383533', content => 'x', direction => 'up' }, qr/"incoming" or "outgoing"/],
		[{ phone => '12', content => 'x', direction => 'incoming' }, qr/not a phone number/],
		[{ phone => '201001383533', content => 'x', direction => 'outgoing', status => 'pending' }, qr/sent, received, delivered/],
		[{ phone => '201001383533', content => 'x', direction => 'outgoing', metadata => [] }, qr/metadata must be an object/],
		[['x'], qr/JSON object/]) {
	error_is(call('insert-message', $_->[0]), 400, $_->[1], 'API-75 a refused insert-message');
}
my $theirs = sql("select id from channel_accounts where organization_id = '$other->{organization_id}' limit 1") || $org;
error_is(call('insert-message', { phone => '201001383533', content => 'x', direction => 'incoming', channel_account_id => $theirs }), 404,
	qr/Channel account not found/, 'API-5 a channel of another organization');
$r = $k->api(POST => "$f/insert-message", json => { phone => '201001383533' });
error_is($r, 401, qr/Missing authentication/, 'insert-message without a key');
$r = call('insert-message', { phone => '201001383533', content => 'x', direction => 'incoming' }, key => 'cg_wrong');
is($r->{json}{code}, 'INVALID_API_KEY', 'API-16 with a wrong one');
$r = call('insert-message', { phone => '201001383533', content => 'x', direction => 'outgoing' }, key => $read_key);
error_is($r, 403, qr/may not send messages/, 'API-19 INB-108 with one that may not send');
is($r->{json}{code}, 'INSUFFICIENT_PERMISSIONS', 'API-58 with its code');
$r = call('insert-message', { phone => '201001383533', content => 'x', direction => 'outgoing' }, key => $send_key);
is($r->{status}, 200, 'API-19 one that may send but not read inserts') or diag($r->{content});

my @pids = map {
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		my $r = call('insert-message', { phone => '4915112345999', content => "n$_", direction => 'incoming' });
		require POSIX;
		POSIX::_exit($r->{status} == 200 ? 0 : 1);
	}
	$pid;
} 1 .. 12;
my $bad = 0;
for (@pids) { waitpid $_, 0; $bad += $? >> 8 }
is($bad, 0, 'twelve at once for a new phone');
is(sql("select count(distinct c.id) || ' ' || count(distinct v.id) || ' ' || count(m.id) from contacts c
	join conversations v on v.contact_id = c.id join messages m on m.conversation_id = v.id
	where c.phones @> '{+4915112345999}'"), '1 1 12', 'API-74 one contact, one conversation, twelve messages');

# ---- {channel}-send --------------------------------------------------------------------

my $tg = $mine->{channels}{telegram};
my $bot = standin("$FindBin::Bin/../standin/telegram.pl", '--token', $tg->{bot_token});
sql("update channel_accounts set settings = settings || '{\"api_base\":\"$bot\"}' where id = '$tg->{id}'");

$r = call('telegram-send', { to => '887766', message => 'Hello via Telegram!', from => 'AIBot', contactName => 'Tara Gram' });
is($r->{status}, 200, 'telegram-send') or diag($r->{content});
my $sent = $r->{json};
is(join(' ', sort keys %$sent), 'contactId conversationId debug result success', 'API-71 the keys of the answer');
is($sent->{result}{messageId}, $sent->{result}{id}, 'both keys of the message');
my $state_of = sub { my $id = shift; sub { my $s = sql("select status from messages where id = '$id'"); $s =~ /SENT|FAILED/ ? $s : undef } };
is(wait_for(10, $state_of->($sent->{result}{id})), 'SENT', 'API-72 MSG-43 the message is sent');
is(sql("select direction || ' ' || (external_id is not null) || ' ' || (metadata ->> 'sender_name') from messages where id = '$sent->{result}{id}'"),
	'OUTBOUND true AIBot', 'API-72 OUTBOUND, with the provider\'s id, from in metadata.sender_name');
my ($out) = grep { ($_->{params}{text} // '') eq 'Hello via Telegram!' } calls($bot);
is($out->{params}{chat_id}, 887766, 'and the provider got it');
is(sql("select first_name || ' ' || last_name from contacts where id = '$sent->{contactId}'"), 'Tara Gram', 'MSG-41 the contact is made with contactName');
is(sql("select status || ' ' || (last_message_at is not null) from conversations where id = '$sent->{conversationId}'"), 'OPEN true', 'API-72 in a new open conversation');
$r = call('telegram-send', { to => '887766', message => 'Second' });
is($r->{json}{conversationId}, $sent->{conversationId}, 'MSG-42 the open conversation is used again');
sql("update conversations set status = 'CLOSED' where id = '$sent->{conversationId}'");
$r = call('telegram-send', { to => '887766', message => 'Third' });
isnt($r->{json}{conversationId}, $sent->{conversationId}, 'MSG-42 a closed one is not: another is made');
is($r->{json}{contactId}, $sent->{contactId}, 'for the same contact');
$r = call('telegram-send', { to => '887766', message => 'Fourth', conversationId => $sent->{conversationId} });
is($r->{json}{conversationId}, $sent->{conversationId}, 'API-71 MSG-42 with conversationId it goes there');
ok($r->{json}{debug}{hasConversationId}, 'as the answer says');
$r = call('telegram-send', { phone_number => '887766', message => 'Generic', organization_id => $org, contact_id => $sent->{contactId} });
is($r->{status}, 200, 'the generic form with its own keys') or diag($r->{content});
$r = call('telegram-send', { conversationId => $sent->{conversationId}, message => 'No to' });
is($r->{status}, 200, 'a conversation says whom it is for');

for ([{ message => 'x' }, qr/to is required/], [{ to => '1' }, qr/message is required/], [{ to => '1', message => '' }, qr/message is required/],
		[{ to => '1', message => 'x' x 4097 }, qr/at most 4096 characters/], [{ to => '1', message => 'x', conversationId => 'y' }, qr/must be a UUID/]) {
	error_is(call('whatsapp-lite-send', $_->[0]), 400, $_->[1], 'API-73 MSG-39 CHA-42 a refused whatsapp-lite-send');
}
error_is(call('whatsapp-lite-send', { to => '201001383533', message => 'Hello!', organizationId => $other->{organization_id} }), 404,
	qr/Organization not found/, 'API-73 MSG-104 an organization that is not the caller\'s');
error_is(call('whatsapp-lite-send', { to => '201001383533', message => 'Hello!', organizationId => $org }), 404, qr/Credentials not available/,
	'API-73 MSG-104 CHA-48 CHA-52 without credentials, and no channel is made for it');
sql("insert into channel_accounts (organization_id, name, type) values ('$org', 'Lite', 'WHATSAPP_LITE')");
is(sql("select count(*) from channel_accounts where organization_id = '$org' and type = 'WHATSAPP_LITE'"), 1, 'CHA-48 no other account was made');
error_is(call('messenger-send', { to => 'psid', message => 'x', accessToken => 't' }), 404, qr/FB_MESSENGER/, 'messenger-send');
error_is(call('instagram-send', { to => 'ig', message => 'x' }), 404, qr/INSTAGRAM/, 'instagram-send');
error_is(call('tiktok-send', { to => 'tt', message => 'x' }), 404, qr/TIKTOK/, 'tiktok-send');
error_is(call('telegram-send', { to => '1', message => 'x', conversationId => $org }), 404, qr/Conversation not found/, 'a conversation that there is not');
my $foreign = sql("select id from contacts where organization_id = '$other->{organization_id}' limit 1");
error_is(call('telegram-send', { to => '1', message => 'x', contact_id => $foreign }), 404, qr/Contact not found/, 'API-5 a contact of another organization');
error_is(call('telegram-send', { to => '1', message => 'x' }, key => $read_key), 403, qr/may not send/, 'API-19 a key that may not send');
is(call('telegram-send', { to => '887766', message => 'x' }, key => $send_key)->{status}, 200, 'API-19 one that may send and not read');
is(sql("select count(*) from contact_handles where organization_id = '$org' and kind = 'telegram' and value = '1'"), 0,
	'a refused one leaves nothing behind');

$r = call('whatsapp-cloud-send', { to => '201009990000@s.whatsapp.net', message => 'Hello via WhatsApp Cloud!', accessToken => 'x', phoneNumberId => 'y' });
is($r->{status}, 200, 'whatsapp-cloud-send') or diag($r->{content});
is(sql("select phones[1] from contacts where id = '$r->{json}{contactId}'"), '+201009990000', 'MSG-40 with the suffix of WhatsApp');
is(wait_for(10, $state_of->($r->{json}{result}{id})), 'FAILED', 'outside the 24 hours free text fails');
like(sql("select error from messages where id = '$r->{json}{result}{id}'"), qr/24 hours/, 'INB-103 and says why');

# ---- media by its address -------------------------------------------------------------

my $files = standin('-I', "$FindBin::Bin/../standin", '-MStandin', '-e', 'Standin->new(port => 0, handler => sub {
	return [404, {}] if $_[1]{path} eq "/none.jpg";
	return { status => 200, type => $_[1]{path} =~ /pdf/ ? "application/pdf" : "image/jpeg", headers => {}, body => "\xff\xd8 picture" } })->run');
$r = call('telegram-send', { to => '887766', message => 'Check out this image', media_url => "$files/image.jpg", media_type => 'image', organization_id => $org });
is($r->{status}, 200, 'a message with media_url') or diag($r->{content});
is(wait_for(15, $state_of->($r->{json}{result}{id})), 'SENT', 'is sent');
is(sql("select m.message_type || ' ' || a.kind || ' ' || a.state || ' ' || f.content_type from messages m join message_attachments a on a.message_id = m.id
	join files f on f.id = a.file_id where m.id = '$r->{json}{result}{id}'"), 'image image stored image/jpeg', 'MSG-57 its file is kept');
my ($photo) = grep { $_->{path} =~ /sendPhoto/ } calls($bot);
is($photo->{params}{caption}, 'Check out this image', 'MSG-44 with the text as caption');
is($photo->{files}{photo}{data}, length "\xff\xd8 picture", 'and the provider got the file');
$r = call('telegram-send', { to => '887766', media_urls => ["$files/a.jpg", "$files/b.jpg"] });
is(wait_for(15, $state_of->($r->{json}{result}{id})), 'SENT', 'media_urls without a text');
is(sql("select count(*) from message_attachments where message_id = '$r->{json}{result}{id}' and state = 'stored'"), 2, 'MSG-13 several files');
$r = call('telegram-send', { to => '887766', message => 'x', media_url => "$files/none.jpg" });
is(wait_for(15, $state_of->($r->{json}{result}{id})), 'FAILED', 'an address without a file');
like(sql("select error from messages where id = '$r->{json}{result}{id}'"), qr/could not be fetched/, 'MSG-30 is told');
$r = call('telegram-send', { to => '887766', message => 'x', media_url => 'http://10.0.0.1/x.jpg' });
is(wait_for(15, $state_of->($r->{json}{result}{id})), 'FAILED', 'an address within a private network is not called');
error_is(call('telegram-send', { to => '1', message => 'x', media_url => 'file:///etc/passwd' }), 400, qr/http or https/, 'nor one of another kind');
error_is(call('telegram-send', { to => '1', message => 'x', media_url => "$files/a", media_type => 'smell' }), 400, qr/media_type/, 'a kind that there is not');

# ---- bot-control ---------------------------------------------------------------------------

my $hook = standin('-I', "$FindBin::Bin/../standin", '-MStandin', '-e', 'Standin->new(port => 0, handler => sub { $_[1]{params}{_headers} = $_[1]{headers}; [200, { ok => 1 }] })->run');
sql("update channel_accounts set settings = settings || '" . json_encode({ human_takeover_webhook => { url => "$hook/taken", method => 'PUT',
	headers => { 'X-Team' => 'green' }, body => { event => 'mine', extra => 1 } } }) . "' where id = '$wa'");
my $talk = sql("select id from conversations where organization_id = '$org' and channel_account_id = '$wa' limit 1");
sql("update conversations set ai_agent_active = true where id = '$talk'");
sql("insert into bot_sessions (organization_id, conversation_id) values ('$org', '$talk')");
$r = call('bot-control', { conversation_id => $talk, action => 'pause' });
is($r->{status}, 200, 'API-88 pause') or diag($r->{content});
is_deeply($r->{json}, { success => JSON::PP::true, conversation_id => $talk, bot_active => JSON::PP::false, action => 'pause' }, 'API-88 its answer');
is(sql("select ai_agent_active || ' ' || (ai_handoff_at is not null) from conversations where id = '$talk'"), 'false true', 'API-88 BOT-169 the bot is off');
is(sql("select is_active from bot_sessions where conversation_id = '$talk'"), 'f', 'API-88 BOT-170 INB-94 its sessions have ended');
my $taken = wait_for(10, sub { (grep { $_->{path} eq '/taken' } calls($hook))[0] });
is($taken->{method}, 'PUT', 'API-88 BOT-171 the webhook of the channel is called');
is($taken->{params}{_headers}{'x-team'}, 'green', 'CHA-22 with its headers');
my $body = $taken->{params};
my $name = sql("select name from channel_accounts where id = '$wa'");
is("$body->{event} $body->{extra}", 'mine 1', 'BOT-175 CHA-22 custom keys win over the documented ones');
is("$body->{conversation_id} $body->{channel_account_id} $body->{channel_name}", "$talk $wa $name", 'the documented payload');
is(join(' ', sort keys %{ $body->{contact} }), 'emails first_name id last_name phones', 'with the contact');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and the time');
$r = call('bot-control', { conversation_id => $talk, action => 'resume' });
is_deeply($r->{json}, { success => JSON::PP::true, conversation_id => $talk, bot_active => JSON::PP::true, action => 'resume' }, 'API-88 BOT-172 resume');
is(sql("select ai_agent_active from conversations where id = '$talk'"), 't', 'API-88 the bot is on again');
$r = $k->api(GET => "$f/rest-api-proxy/conversations?id=$talk&select=id,ai_agent_active,status,contact_id,channel_account_id", key => $mine->{api_key});
is(join(' ', sort keys %{ $r->{json}[0] }), 'ai_agent_active channel_account_id contact_id id status', 'BOT-168 the state as printed');
sql("update bot_sessions set is_active = true where conversation_id = '$talk'");
$r = $k->api(PATCH => "$f/rest-api-proxy/conversations?id=$talk", key => $mine->{api_key}, json => { ai_agent_active => JSON::PP::false });
is(sql("select is_active from bot_sessions where conversation_id = '$talk'"), 'f', 'BOT-170 the same by PATCH');
is(sql("select string_agg(type, ' ' order by position) from events where record_id = '$talk' and type like '%.bot.%'"),
	'conversation.bot.paused conversation.bot.resumed conversation.bot.paused', 'each is an event');
error_is(call('bot-control', {}), 400, qr/^Required: conversation_id, action$/, 'API-88 nothing named');
error_is(call('bot-control', { conversation_id => $talk, action => 'stop' }), 400, qr/^action must be "pause" or "resume"$/, 'API-88 another action');
error_is(call('bot-control', { conversation_id => $org, action => 'pause' }), 404, qr/^Conversation not found$/, 'API-88 no conversation');
error_is(call('bot-control', { conversation_id => $talk, action => 'pause' }, key => $other->{api_key}), 404, qr/^Conversation not found$/,
	'BOT-173 API-5 one of another organization');
$r = $k->api(POST => "$f/bot-control", json => { conversation_id => $talk, action => 'pause' });
error_is($r, 401, qr/^Missing authentication$/, 'API-88 without key or token');
$r = $k->api(PATCH => "$f/rest-api-proxy/channel_accounts?id=$wa", key => $mine->{api_key},
	json => { settings => { human_takeover_webhook => { url => 'ftp://x' } } });
is($r->{status}, 400, 'BOT-174 a webhook that cannot be called is refused');

# ---- health, and what needs a provider ----------------------------------------------------------

$r = $k->api(GET => "$f/service-monitoring");
is("$r->{status} $r->{json}{status}", '200 healthy', 'API-94 service-monitoring');
is_deeply({ map { $_->{name} => $_->{status} } @{ $r->{json}{services} } },
	{ map { $_ => 'operational' } qw(api database worker queue) }, 'API-94 part by part');
$r = $k->api(GET => "$f/facebook-oauth?code=abc");
is("$r->{status} $r->{json}{code}", '503 SERVICE_UNAVAILABLE', 'API-92 facebook-oauth without a Facebook application');
$r = $k->api(POST => "$f/stripe-webhook", json => {});
is("$r->{status} $r->{json}{code}", '503 SERVICE_UNAVAILABLE', 'API-93 stripe-webhook is public, and without a connector says so');
for my $provider (qw(whatsapp-lite messenger instagram tiktok appgain-whatsapp shopify-inbox linkedin sms)) {
	$r = $k->api(POST => "$f/$provider-webhook", json => {});
	is("$r->{status} $r->{json}{code}", '401 AUTHENTICATION_FAILED', "API-93 CHA-28 $provider-webhook is public, and believes nobody without a signature");
}
is($k->api(POST => "$f/telegram-webhook", json => {})->{status}, 401, 'API-93 telegram-webhook needs the secret of its provider alone');

done_testing;
