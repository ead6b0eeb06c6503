#!/usr/bin/perl
# WhatsApp Lite, SMS, TikTok, LinkedIn, Shopify Inbox and app push, from the
# provider's call to the message and back, against stand-ins of the providers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use HTTP::Tiny;
use Kontor;
use Kontor::Tenant;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

my $t = Kontor::Tenant->new('social');
my $org = $t->{organization_id};
my $hooks = kontor_json()->{base_url} . '/functions/v1';
my $run = int(time * 10) % 1_000_000_000;

my (@children, @outputs);
END { local $?; kill TERM => @children if @children; }
sub standin {
	my ($program, @args) = @_;
	my $pid = open(my $out, '-|', $^X, "$FindBin::Bin/../standin/$program", @args) or die "$program: $!\n";
	push @children, $pid;
	push @outputs, $out;
	(<$out> // '') =~ /listening 127\.0\.0\.1 (\d+)/ or die "$program did not start\n";
	return "http://127.0.0.1:$1";
}
sub control {
	my ($base, $what, $data) = @_;
	return json_decode(HTTP::Tiny->new->post("$base/control/$what", { content => json_encode($data // {}),
		headers => { 'Content-Type' => 'application/json' } })->{content});
}
sub calls { my ($base, $match) = @_; return grep { $_->{path} =~ $match } @{ json_decode(HTTP::Tiny->new->get("$base/control/calls")->{content}) } }

sub rest { my ($method, $what, %o) = @_; return api($method, "/functions/v1/rest-api-proxy/$what", key => $t->{api_key}, %o) }
sub account {
	my ($type, %settings) = @_;
	my $r = rest(POST => 'channel_accounts', json => { name => "$type $run", type => $type, is_active => JSON::PP::true, settings => \%settings },
		headers => { Prefer => 'return=representation' });
	is($r->{status}, 201, "CHA-2 API a $type account by the API") or diag($r->{content});
	return (ref $r->{json} eq 'ARRAY' ? $r->{json}[0] : $r->{json})->{id};
}
sub message { my ($id, $what) = @_; return psql("select " . ($what // 'status') . " from messages where id = '$id'") }
sub becomes { my ($id, $status, $name) = @_; is(wait_for(15, sub { message($id) eq $status ? $status : undef }) // message($id), $status, $name) or diag(message($id, 'error')); return }
sub arrives {
	my ($channel, $where, $name, $wanted) = @_;
	return is(wait_for(10, sub { psql("select content from messages where channel_account_id = '$channel' and direction = 'INBOUND' and $where") }), $wanted, $name);
}
sub answer {
	my ($channel, $text, %o) = @_;
	my $id = psql("insert into messages (organization_id, conversation_id, direction, content, status) select organization_id, id, 'OUTBOUND', '$text', 'PENDING'
		from conversations where channel_account_id = '$channel' order by created_at desc limit 1 returning id");
	return $id;
}

# ---- WhatsApp Lite ------------------------------------------------------------------------

my $number = '2012' . sprintf '%08d', $run % 100_000_000;
my $gateway = standin('gateway.pl', '--key', "gw-$run", '--webhook', "$hooks/appgain-whatsapp-webhook", '--secret', "hook-$run");
my $lite = account('WHATSAPP_LITE', sender_id => "s-$run", phone_number => "+$number", api_key => "gw-$run", secret_token => "hook-$run", api_base => $gateway);
is(psql("select external_id from channel_accounts where id = '$lite'"), $number, 'CHA-32 the number of the settings is what calls are found by');
is(psql("select settings ? 'api_key' or settings ? 'secret_token' from channel_accounts where id = '$lite'"), 'f', 'CHA-16 no secret stays in the settings');
is(psql("select string_agg(name || ' ' || left(sealed, 3), ',' order by name) from channel_secrets where channel_account_id = '$lite'"),
	'api_key v1.,secret_token v1.', 'CHA-37 CHA-16 the key is sealed, for this organization alone');

# The owner, with a password like anna's.
my $demo = tenant()->{users}[0];
psql("update auth.users set password_hash = (select password_hash from auth.users where email = '$demo->{email}') where id = '$t->{user_id}'");
my $anna = browser(email => "$t->{slug}\@kontor.example", password => $demo->{password});

my $r = $t->call('whatsapp-lite-send', { to => '201001383533', message => 'Too early', contactName => 'Mohamed Ali' });
is($r->{status}, 200, 'CHA-44 a message is queued') or diag($r->{content});
becomes($r->{json}{result}{id}, 'FAILED', 'CHA-36 without a paired phone it fails');
like(message($r->{json}{result}{id}, 'error'), qr/Scan the QR code again/, 'CHA-36 and says what to do');
is(psql("select connection_state from channel_accounts where id = '$lite'"), 'Disconnected', 'CHA-6 CHA-36 the account is disconnected');

$anna->get("/settings/channels/$lite/connect");
is($anna->post("/settings/channels/$lite/pair", {})->{status}, 303, 'CHA-35 pairing begins, by the button of the steps');
ok(wait_for(10, sub { psql("select state || ' ' || (qr is not null) from channel_sessions where channel_account_id = '$lite'") eq 'pairing true' }),
	'CHA-35 the code to scan is there') or diag(psql("select state || coalesce(error, '') from channel_sessions where channel_account_id = '$lite'"));
my ($begun) = grep { $_->{method} eq 'POST' } calls($gateway, qr{/session$});
is($begun->{params}{UOWHATSAPP}{sender_id}, "s-$run", 'CHA-35 for the sender');
like($begun->{path}, qr{^/\Q$org\E/}, 'CHA-44 under the organization');
is(psql("select count(*) from channel_sessions where organization_id <> '$org' and channel_account_id = '$lite'"), 0, 'CHA-35 of this tenant alone');
control($gateway, 'scan');
ok(wait_for(15, sub { psql("select state from channel_sessions where channel_account_id = '$lite'") eq 'connected' }), 'CHA-35 the phone is found there');
is(psql("select connection_state || ' ' || is_active from channel_accounts where id = '$lite'"), 'Connected true', 'CHA-35 CHA-6 Connected and active');
is(psql("select qr from channel_sessions where channel_account_id = '$lite'"), '', 'CHA-35 the code is forgotten');
ok(psql("select count(*) from events where organization_id = '$org' and type = 'channel.session'") >= 3, 'CHA-35 each state is told to open pages');

$r = $t->call('whatsapp-lite-send', { to => '201001383533@s.whatsapp.net', message => 'Hello', contactName => 'Mohamed Ali',
	crossChannelResponse => { originalChannelId => $lite, originalChannelType => 'WHATSAPP_CLOUD', responseChannelId => $lite } });
my $first = $r->{json};
becomes($first->{result}{id}, 'READ', 'CHA-39 CHA-44 MSG-43 sent, then delivered and read');
my ($send) = grep { ($_->{params}{UOWHATSAPP}{message} // '') eq 'Hello' } calls($gateway, qr{/send$});
is_deeply($send->{params}, { UOWHATSAPP => { random_string => 0, receivers => [{ mobileNum => '201001383533' }], message => 'Hello' } },
	'CHA-44 CHA-45 MSG-40 the body as it is printed');
is(psql("select metadata #>> '{crossChannelResponse,originalChannelType}' || ' ' || (metadata #>> '{crossChannelResponse,responseChannelId}') from messages where id = '$first->{result}{id}'"),
	"WHATSAPP_CLOUD $lite", 'MSG-49 CHA-118 the original and the answering channel are kept');
is(psql("select phones[1] || ' ' || first_name from contacts where id = '$first->{contactId}'"), '+201001383533 Mohamed', 'MSG-41 the contact is made');

my $c = control($gateway, inbound => { message_id => "in-$run", from => '+201001383533', to => "+$number", message => 'I am here', timestamp => '2025-01-15T10:00:00Z', channel => 'whatsapp_lite' });
is($c->{status}, 200, 'CHA-54 CHA-28 the second address takes the same calls') or diag($c->{content});
arrives($lite, "external_id = 'in-$run'", 'CHA-54 MSG-52 the message is there', 'I am here');
is(psql("select conversation_id from messages where external_id = 'in-$run'"), $first->{conversationId}, 'MSG-42 in the same conversation');
is(psql("select count(*) from app.conversation_rows where id = '$first->{conversationId}' and channel_type = 'WHATSAPP_LITE'"), 1, 'INB-1 FACT-35 which the inbox lists');
control($gateway, inbound => { message_id => "in-$run", from => '+201001383533', to => "+$number", message => 'I am here', timestamp => '2025-01-15T10:00:01Z', channel => 'whatsapp_lite' });
sleep 0.5;
is(psql("select count(*) from messages where channel_account_id = '$lite' and external_id = 'in-$run'"), 1, 'MSG-53 twice is once');
my $bad = HTTP::Tiny->new->post("$hooks/whatsapp-lite-webhook", { content => json_encode({ message_id => 'x', from => '1', to => $number, message => 'forged' }),
	headers => { 'Content-Type' => 'application/json', 'X-Webhook-Secret' => 'wrong' } });
is($bad->{status}, 401, 'CHA-30 a call without our secret is refused');
is(psql("select count(*) from inbound_hooks where channel_account_id = '$lite' and convert_from(body, 'UTF8') like '%forged%'"), 0, 'CHA-30 and leaves no trace');

# Two files: one call each, the words with the first, a pause between them, and
# random_string 0 only at the first.
my $pictures = do {
	my $pid = open(my $out, '-|', $^X, '-I', "$FindBin::Bin/../standin", '-MStandin', '-e', 'Standin->new(port => 0, handler => sub {
		return { status => 200, type => $_[1]{path} =~ /pdf/ ? "application/pdf" : "image/jpeg", headers => {}, body => "bytes of $_[1]{path}" } })->run');
	push @children, $pid;
	push @outputs, $out;
	<$out> =~ /(\d+)$/;
	"http://127.0.0.1:$1";
};
$r = $t->call('whatsapp-lite-send', { conversationId => $first->{conversationId}, message => 'Two pictures', media_urls => ["$pictures/a.jpg", "$pictures/b.jpg"] });
becomes($r->{json}{result}{id}, 'READ', 'CHA-46 CHA-49 several files');
my $both = sub { my @s = sort { $a->{at} <=> $b->{at} } grep { $_->{params}{UOWHATSAPP}{imageUrl} } calls($gateway, qr{/send$}); return @s >= 2 ? \@s : undef };
my @sends = @{ wait_for(10, $both) // [] };
is(scalar @sends, 2, 'MSG-44 one call for each');
is($sends[0]{params}{UOWHATSAPP}{message}, 'Two pictures', 'MSG-44 the first has the words');
ok(!exists $sends[1]{params}{UOWHATSAPP}{message}, 'MSG-44 the second has none');
is($sends[0]{params}{UOWHATSAPP}{random_string}, 0, 'CHA-49 MSG-45 random_string is 0 at first');
isnt($sends[1]{params}{UOWHATSAPP}{random_string}, 0, 'CHA-49 MSG-45 and a value of its own then');
cmp_ok($sends[1]{at} - $sends[0]{at}, '>=', 0.75, 'CHA-49 MSG-46 with a pause between');
my @fetched = @{ wait_for(10, sub { my $f = control($gateway, 'fetched'); @$f >= 2 ? $f : undef }) // [] };
is(join(' ', map { "$_->{status} $_->{content}" } @fetched), '200 bytes of /a.jpg 200 bytes of /b.jpg', 'CHA-119 CHA-46 the gateway fetches both from our own store');
is($fetched[0]{type}, 'image/jpeg', 'with their type') if @fetched;
like($fetched[0]{url}, qr{/s/f/v1\.[\w-]+/}, 'by an address that nobody can guess') if @fetched;
(my $changed = $fetched[0]{url} // '') =~ s{(/s/f/v1\.)(.)}{$1 . ($2 eq 'A' ? 'B' : 'A')}e;
is(HTTP::Tiny->new->get($changed)->{status}, 404, 'a changed one leads nowhere');

# Two numbers of one organization keep their conversations.
my $second = account('WHATSAPP_LITE', sender_id => "t-$run", phone_number => '49' . $number, api_key => "gw-$run", api_base => $gateway);
$r = $t->call('whatsapp-lite-send', { conversationId => $first->{conversationId}, message => 'Still the first' });
becomes($r->{json}{result}{id}, 'READ', 'CHA-8 CHA-9 with several numbers');
is(message($r->{json}{result}{id}, 'channel_account_id'), $lite, 'CHA-8 the conversation keeps its own');
$r = $t->call('whatsapp-lite-send', { to => '201009998877', message => 'By the second', channelAccountId => $second });
is(message($r->{json}{result}{id}, 'channel_account_id'), $second, 'CHA-8 or the one that is named sends');
is($t->call('whatsapp-lite-send', { to => '201009998877', message => 'x', channelAccountId => $org })->{status}, 404, 'CHA-48 one that there is not: 404');
psql("update channel_accounts set is_active = false where id in ('$lite', '$second')");
$r = $t->call('whatsapp-lite-send', { to => '201009998877', message => 'x' });
is("$r->{status} $r->{json}{error}", '404 Credentials not available: no WHATSAPP_LITE channel is connected and active', 'CHA-52 CHA-48 no active account: 404, and none is made');

# ---- SMS ----------------------------------------------------------------------------------------

my $twilio = standin('twilio.pl', '--sid', "AC$run", '--token', "tw-$run");
my $sms = account('SMS', provider => 'twilio', account_sid => "AC$run", access_token => "tw-$run", from => '+15005550006', api_base => $twilio,
	segment_price => '0.0075', currency => 'USD');
my $phone = '+4915' . sprintf '%09d', $run % 1_000_000_000;
my $before = psql("select count(*) from events where organization_id = '$org' and type = 'conversation.created'");
$r = $t->call('sms-send', { to => $phone, message => 'Your table is ready', contactName => 'Sam Short' });
is($r->{status}, 200, 'CHA-110 an SMS is queued') or diag($r->{content});
is("$r->{json}{result}{segments} $r->{json}{result}{encoding}", '1 GSM-7', 'CHA-111 its length is told');
my $sent = $r->{json}{result}{id};
becomes($sent, 'DELIVERED', 'CHA-109 CHA-112 sent, and the report of delivery came');
my ($call) = calls($twilio, qr/Messages\.json/);
is("$call->{params}{To} $call->{params}{From} $call->{params}{Body}", "$phone +15005550006 Your table is ready", 'CHA-109 what Twilio got');
is(message($sent, "metadata #>> '{sms,cost}' || ' ' || (metadata #>> '{sms,currency}')"), '0.0075 USD', 'CHA-112 what it cost');
like(message($sent, 'external_id'), qr/^SM/, 'CHA-112 under Twilio\'s id');
is(psql("select count(*) from events where organization_id = '$org' and type = 'conversation.created'"), $before, 'INB-2 no conversation is announced');
is(psql("select c.is_hidden || ' ' || c.status from conversations c join messages m on m.conversation_id = c.id where m.id = '$sent'"), 'true CLOSED', 'INB-2 what holds it together is hidden');
my $talk = message($sent, 'conversation_id');
is(scalar @{ rest(GET => "conversations?id=eq.$talk")->{json} }, 0, 'INB-2 FACT-35 the API lists no such conversation');
is(scalar @{ rest(GET => "messages?id=eq.$sent")->{json} }, 1, 'CHA-110 the message itself is there');
unlike($anna->get('/inbox?view=all')->{content}, qr/Sam Short/, 'INB-2 FACT-35 the inbox shows none');
unlike($anna->get('/inbox?view=closed')->{content}, qr/Sam Short/, 'INB-2 nor among the closed ones');
$r = $t->call('sms-send', { to => $phone, message => "Second \x{645}" });
is("$r->{json}{result}{segments} $r->{json}{result}{encoding}", '1 UCS-2', 'CHA-111 Unicode');
becomes($r->{json}{result}{id}, 'DELIVERED', 'CHA-110 again to the same person');
is(message($r->{json}{result}{id}, 'conversation_id'), $talk, 'INB-2 which holds all his SMS');
my $dead = $t->call('sms-send', { to => '+491510000005', message => 'Anybody?' })->{json}{result}{id};
becomes($dead, 'FAILED', 'CHA-112 a report that says undelivered');
like(message($dead, "error || ' ' || error_code"), qr/does not exist any more.* 30005/, 'CHA-112 in words, with the code');
$dead = $t->call('sms-send', { to => '+15005550009', message => 'Landline' })->{json}{result}{id};
becomes($dead, 'FAILED', 'CHA-109 a number that is none for SMS');
like(message($dead, 'error'), qr/no mobile phone/, 'CHA-109 in words');
is($t->call('sms-send', { to => $phone, message => 'x' x 1601 })->{status}, 400, 'MSG-101 CHA-111 1601 characters are refused');
is($t->call('sms-send', { to => $phone, message => 'x' x 161, single => JSON::PP::true })->{status}, 400, 'MSG-101 CHA-111 161 too, where one SMS is wanted');
$r = $t->call('sms-send', { to => $phone, message => 'x' x 160, single => JSON::PP::true });
is($r->{status}, 200, 'MSG-101 160 are not');
$c = HTTP::Tiny->new->post_form("$hooks/sms-webhook?channel=$sms", { MessageSid => 'SMx', MessageStatus => 'delivered' }, { headers => { 'X-Twilio-Signature' => 'AAAA' } });
is($c->{status}, 401, 'CHA-30 a report with a wrong signature is refused');
my $hook = control($twilio, callback => { url => "$hooks/sms-webhook?channel=$sms", form => { SmsSid => 'SMin', MessageSid => 'SMin', From => $phone, To => '+15005550006', Body => 'STOP', AccountSid => "AC$run" } });
is($hook->{status}, 200, 'CHA-110 an SMS that comes in is taken');
ok(wait_for(10, sub { psql("select state from inbound_hooks where channel_account_id = '$sms' and convert_from(body, 'UTF8') like '%SMin%'") eq 'ignored' }), 'CHA-110 and ignored: there is no inbox for it');

# ---- TikTok -----------------------------------------------------------------------------------------

my $biz = "biz-$run";
my $api = standin('tiktok.pl', '--app-id', "app-$run", '--secret', "tts-$run", '--open-id', $biz, '--webhook', "$hooks/tiktok-webhook");
my $tt = account('TIKTOK', client_key => "app-$run", client_secret => "tts-$run", business_id => $biz, api_base => $api, authorize_base => $api);

# The way through the sign-in, as a browser goes it.
my $go = $anna->request(GET => "/settings/channels/$tt/authorize", {});
is($go->{status}, 303, 'CHA-25 CHA-96 the browser is sent to TikTok') or diag($go->{status});
my ($state) = ($go->{headers}{location} // '') =~ /state=([^&]+)/;
like($go->{headers}{location}, qr{^\Q$api\E/v2/auth/authorize/\?response_type=code&client_key=app-$run&}, 'CHA-96 to its sign-in');
control($api, code => { code => "code-$run" });
my $back = $anna->request(GET => "/functions/v1/tiktok-oauth?code=code-$run&state=$state", {});
like($back->{headers}{location}, qr{/settings/channels/$tt/connect\?outcome=signed-in}, 'CHA-25 and comes back');
ok(wait_for(15, sub { psql("select connection_state from channel_accounts where id = '$tt'") eq 'Connected'
	&& psql("select count(*) from channel_secrets where channel_account_id = '$tt' and name in ('access_token', 'refresh_token')") == 2 }),
	'CHA-25 CHA-96 the code became tokens') or diag(psql("select coalesce(last_error, '-') from channel_accounts where id = '$tt'"));
ok(psql("select token_expires_at > now() + interval '20 hours' from channel_accounts where id = '$tt'") eq 't', 'CHA-19 until when they hold is known');
is(api(GET => "/functions/v1/tiktok-oauth?code=x&state=forged")->{status}, 400, 'CHA-27 a state of others is refused');
like(api(GET => "/functions/v1/tiktok-oauth?error=access_denied&state=$state")->{headers}{location}, qr/outcome=refused/, 'CHA-27 a refused sign-in goes back to try again');
my $renewals = () = calls($api, qr/refresh_token/);
psql("update channel_accounts set checked_at = now() - interval '2 hours', token_expires_at = now() + interval '1 hour' where id = '$tt'; select internal.channel_checks_due(1000)");
ok(wait_for(15, sub { my @n = calls($api, qr/refresh_token/); @n > $renewals }), 'CHA-96 CHA-19 before they end they are renewed');
ok(wait_for(10, sub { psql("select token_expires_at > now() + interval '20 hours' from channel_accounts where id = '$tt'") eq 't' }), 'CHA-96 by themselves');

my %talk = (conversation_id => "c-$run", from_user => { id => "u-$run", role => 'personal_account' }, to_user => { id => $biz, role => 'business_account' });
$c = control($api, event => { event => 'im_receive_msg', content => { %talk, from => 'wanda', message_id => "tt1-$run", timestamp => int(time * 1000), type => 'text', text => { body => 'Do you ship?' } } });
is($c->{status}, 200, 'CHA-28 an event of TikTok is taken') or diag($c->{content});
arrives($tt, "external_id = 'tt1-$run'", 'CHA-97 the direct message is there', 'Do you ship?');
is(psql("select count(*) from contact_handles where kind = 'tiktok' and value = 'u-$run'"), 1, 'CHA-98 its writer is known by his TikTok id');
control($api, event => { event => 'im_receive_msg', content => { %talk, from => 'wanda', message_id => "tt2-$run", timestamp => int(time * 1000), type => 'image', image => { media_id => 'm9' } } });
is(wait_for(10, sub { psql("select f.size from message_attachments x join files f on f.id = x.file_id join messages m on m.id = x.message_id where m.external_id = 'tt2-$run'") }),
	11, 'CHA-97 MSG-56 a picture is fetched into our own store');
$r = $t->call('tiktok-send', { to => "u-$run", message => 'Yes, everywhere' });
becomes($r->{json}{result}{id}, 'SENT', 'CHA-98 an answer is sent');
($call) = grep { ($_->{params}{text}{body} // '') eq 'Yes, everywhere' } calls($api, qr{message/send});
is($call->{params}{recipient}, "c-$run", 'CHA-98 into the conversation');
control($api, event => { event => 'im_mark_read_msg', content => { %talk, read => { last_read_timestamp => int((time + 5) * 1000) } } });
becomes($r->{json}{result}{id}, 'READ', 'CHA-39 a thread that was read');
is(control($api, event => { event => 'im_receive_msg', secret => 'wrong', content => { %talk, message_id => 'x', type => 'text', text => { body => 'forged' } } })->{status}, 401, 'CHA-30 a forged event is refused');
is(control($api, event => { event => 'im_receive_msg', age => 7200, content => { %talk, message_id => 'y', type => 'text', text => { body => 'old' } } })->{status}, 401, 'CHA-30 a replayed one too');
psql("update conversations set last_inbound_at = now() - interval '49 hours' where channel_account_id = '$tt'");
my $late = $t->call('tiktok-send', { to => "u-$run", message => 'Too late' })->{json}{result}{id};
becomes($late, 'FAILED', 'after 48 hours nothing is sent');
like(message($late, 'error'), qr/48 hours/, 'and it says why');
control($api, tokens => { access => 'other', refresh => 'other' });
psql("update conversations set last_inbound_at = now() where channel_account_id = '$tt'");
$late = $t->call('tiktok-send', { to => "u-$run", message => 'With a dead token' })->{json}{result}{id};
becomes($late, 'FAILED', 'CHA-27 with a dead token it fails');
like(message($late, 'error'), qr/Connect the account again/, 'CHA-27 and says what to do');

# ---- Shopify Inbox ----------------------------------------------------------------------------------

my $shop = standin('shopify.pl', '--shop', "Shop-$run.myshopify.com", '--secret', "shs-$run", '--token', "sht-$run", '--webhook', "$hooks/shopify-inbox-webhook");
my $store = account('SHOPIFY_INBOX', shop_domain => "https://shop-$run.myshopify.com/", client_secret => "shs-$run", access_token => "sht-$run", api_base => $shop);
my %chat = (message_id => "sh-$run", from => "cust-$run", name => 'Shopper', conversation_id => "chat-$run", message => 'Is it in stock?');
is(control($shop, message => \%chat)->{status}, 200, 'CHA-101 a signed call of the store is taken');
arrives($store, "external_id = 'sh-$run'", 'CHA-102 the chat message is there', 'Is it in stock?');
is(control($shop, message => { %chat, message_id => 'z', secret => 'wrong' })->{status}, 401, 'CHA-30 CHA-101 a forged one is refused');
my $reply = answer($store, 'It is');
becomes($reply, 'SENT', 'CHA-102 an answer goes to the store');
($call) = calls($shop, qr{/messages});
is("$call->{params}{conversation_id} $call->{params}{message}", "chat-$run It is", 'CHA-102 into the chat');

# ---- LinkedIn ------------------------------------------------------------------------------------------

my $page = "urn:li:organization:$run";
my $li = standin('linkedin.pl', '--client-id', "ci-$run", '--secret', "lis-$run", '--organization', $page, '--webhook', "$hooks/linkedin-webhook");
my $link = account('LINKEDIN', organization => $page, client_id => "ci-$run", client_secret => "lis-$run", api_base => $li, authorize_base => $li);
$c = control($li, 'challenge');
is("$c->{status} $c->{right}", '200 1', 'CHA-99 LinkedIn\'s challenge is answered');
like($c->{type}, qr{application/json}, 'CHA-99 as JSON');
$go = $anna->request(GET => "/settings/channels/$link/authorize", {});
($state) = ($go->{headers}{location} // '') =~ /state=([^&]+)/;
control($li, code => { code => "lic-$run" });
$anna->request(GET => "/functions/v1/linkedin-oauth?code=lic-$run&state=$state", {});
ok(wait_for(15, sub { psql("select connection_state from channel_accounts where id = '$link'") eq 'Connected' }), 'CHA-99 CHA-25 signed in at LinkedIn') or diag(psql("select coalesce(last_error, '-') from channel_accounts where id = '$link'"));
is(control($li, event => { activity => { id => "li-$run", author => "urn:li:person:$run", authorName => 'Lin Ked', thread => "urn:li:messagingThread:$run", content => { text => 'Are you hiring?' } } })->{status}, 200, 'CHA-100 a signed event is taken');
arrives($link, "external_id = 'li-$run'", 'CHA-100 the message is there', 'Are you hiring?');
is(control($li, event => { secret => 'wrong', activity => { id => 'x', author => 'urn:li:person:1' } })->{status}, 401, 'CHA-30 a forged one is refused');
$reply = answer($link, 'We are');
becomes($reply, 'SENT', 'CHA-100 an answer is sent');
($call) = calls($li, qr{/rest/messages});
is("$call->{params}{thread} $call->{params}{body}", "urn:li:messagingThread:$run We are", 'CHA-100 into the thread');
like(message($reply, 'external_id'), qr/^urn:li:messagingMessage:/, 'CHA-100 under its id');

# ---- app push -----------------------------------------------------------------------------------------------

my $service = do {
	my $pid = open(my $out, '-|', $^X, '-I', "$FindBin::Bin/../standin", '-MStandin', '-e', 'Standin->new(port => 0, handler => sub {
		return [401, {}] if ($_[1]{headers}{authorization} // "") ne "key=push"; return [200, { id => "p-1" }] })->run');
	push @children, $pid;
	push @outputs, $out;
	<$out> =~ /(\d+)$/;
	"http://127.0.0.1:$1";
};
my $push = account('SHRINKIT_PUSH', access_token => 'key=push', title => 'Shop', api_base => "$service/send");
$r = $t->call('push-send', { to => "device-$run", message => 'Your parcel is here' });
is($r->{status}, 200, 'CHA-117 an app message is queued') or diag($r->{content});
becomes($r->{json}{result}{id}, 'SENT', 'CHA-117 and sent');
($call) = calls($service, qr{/send});
is_deeply($call->{params}, { to => "device-$run", notification => { title => 'Shop', body => 'Your parcel is here' }, data => { id => $r->{json}{result}{id} } }, 'CHA-117 as the service takes it');
is(psql("select c.is_hidden from conversations c join messages m on m.conversation_id = c.id where m.id = '$r->{json}{result}{id}'"), 't', 'INB-2 nothing of it in the inbox');

done_testing;
