#!/usr/bin/perl
# The inbox for each role and channel, answers by another channel, opt-out, what a failed
# message shows, WhatsApp Lite's receipts, videos, connecting Telegram, a phone's sign-in.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(encode_utf8);
use File::Basename qw(dirname);
use HTTP::Tiny;
use Kontor;
use Kontor::Tenant;
use Test::More;
use Time::HiRes qw(time);

my $builder = Test::More->builder;
binmode $builder->$_, ':utf8' for qw(output failure_output todo_output);

my $t   = Kontor::Tenant->new('rows');
my $org = $t->{organization_id};
my $run = int(time * 10) % 1_000_000_000;
my $hooks = kontor_json()->{base_url} . '/functions/v1';
my $demo  = tenant();

my (@children, @outputs);
END { local $?; kill TERM => @children if @children; }
sub standin {
	my ($program, @args) = @_;
	my @command = $program =~ /\.pl$/ ? "$FindBin::Bin/../standin/$program" : ('-I', "$FindBin::Bin/../standin", '-MStandin', '-e', $program);
	my $pid = open(my $out, '-|', $^X, @command, @args) or die "$program: $!\n";
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
sub one { return psql($_[0]) }
sub soon { my ($sql, $seconds) = @_; return wait_for($seconds // 10, sub { my $v = one($sql); $v eq 'f' ? '' : $v }) }
sub becomes {
	my ($id, $status, $name) = @_;
	return is(soon("select status from messages where id = '$id' and status = '$status'", 15) // one("select status || coalesce(error, '') from messages where id = '$id'"), $status, $name);
}

# Members, each with the password of the demo's first user.
my $password = $demo->{users}[0]{password};
my %as;
sub member {
	my ($role) = @_;
	my $email = lc("$role-$run\@rows.example");
	my $id = one("select internal.create_user('$org', '$email', (select password_hash from auth.users where email = '$demo->{users}[0]{email}'), initcap('$role'), 'Member', '$role')");
	$as{$role} = { id => $id, email => $email };
	return $id;
}
member($_) for qw(OWNER ADMIN AGENT TEAM_ADMIN PROJECT_MANAGER);
$as{$_}{browser} = browser(email => $as{$_}{email}, password => $password) for sort keys %as;
my $owner = $as{OWNER}{browser};

sub account {
	my ($type, %settings) = @_;
	my $r = $t->proxy(POST => 'channel_accounts', json => { name => "$type $run", type => $type, is_active => JSON::PP::true, settings => \%settings },
		headers => { Prefer => 'return=representation' });
	is($r->{status}, 201, "an account of $type") or diag($r->{content});
	return (ref $r->{json} eq 'ARRAY' ? $r->{json}[0] : $r->{json})->{id};
}

# ---- Telegram: connecting, writing ----------------------------------------------------------------

my $token = "$run:rows-token";
my $bot = standin('telegram.pl', '--token', $token);
$owner->get('/settings/channels/new?type=telegram');
$owner->submit('/settings/channels/new', { name => "Bot $run", bot_token => $token, secret_token => "sec-$run", api_base => $bot, type => 'telegram' });
my $tg = one("select id from channel_accounts where organization_id = '$org' and name = 'Bot $run'");
ok(soon("select connection_state = 'Connected' and is_active from channel_accounts where id = '$tg'"), 'CHA-93 the token of a bot connects it');
$owner->get("/settings/channels/$tg/connect");
$owner->submit("/settings/channels/$tg/check", { connect => 1, subscribe => 1 });
ok(soon("select subscribed_at from channel_accounts where id = '$tg'"), 'CHA-93 a button of the steps');
my ($hook) = (calls($bot, qr/setWebhook/))[-1];
is($hook->{params}{url}, "$hooks/telegram-webhook", 'CHA-93 sets the address of our webhook there');
my $secret = $hook->{params}{secret_token};
ok($secret, 'CHA-93 with a secret');

my $n = 0;
sub says {
	my ($who, $text, %more) = @_;
	$n++;
	my $r = api(POST => '/functions/v1/telegram-webhook', type => 'application/json', headers => { 'X-Telegram-Bot-Api-Secret-Token' => $secret },
		body => json_encode({ update_id => $run + $n, message => { message_id => $run + $n, date => int time, text => $text,
			from => { id => $who, is_bot => JSON::PP::false, first_name => "Tele$who" }, chat => { id => $who, type => 'private' }, %more } }));
	is($r->{status}, 200, "the customer says $text") if $r->{status} != 200;
	return soon("select conversation_id from messages where channel_account_id = '$tg' and external_id = '$who:" . ($run + $n) . "'");
}
my $who = $run + 7;
my $talk = says($who, 'Guten Tag');
ok($talk, 'a customer writes');
my $contact = one("select contact_id from conversations where id = '$talk'");

my %fragment = ('HX-Request' => 'true', Accept => 'text/html, application/json');
sub multipart {
	my ($fields, @files) = @_;
	my $b = "----b$run";
	my $body = '';
	while (my ($name, $value) = each %$fields) { $body .= qq{--$b\r\nContent-Disposition: form-data; name="$name"\r\n\r\n} . encode_utf8($value) . "\r\n" }
	$body .= qq{--$b\r\nContent-Disposition: form-data; name="files"; filename="$_->[0]"\r\nContent-Type: $_->[1]\r\n\r\n$_->[2]\r\n} for @files;
	return ("multipart/form-data; boundary=$b", "$body--$b--\r\n");
}
sub writes {
	my ($where, $fields, @files) = @_;
	$owner->get('/inbox') if !$owner->{csrf};
	my ($type, $body) = multipart({ %$fields, _csrf => $owner->{csrf} }, @files);
	return $owner->request(POST => "/inbox/$where/messages", { content => $body, headers => { %fragment, 'Content-Type' => $type } });
}
sub newest { my ($where) = @_; return one("select id from messages where conversation_id = '$where' and direction = 'OUTBOUND' order by created_at desc, id desc limit 1") }
sub item { my ($where, $id) = @_; return $owner->get("/inbox/$where/items?ids=$id", headers => \%fragment)->{content} }

# ---- who uses the inbox ---------------------------------------------------------------------------

is(join(' ', map { "$_ " . $as{$_}{browser}->get("/inbox/$talk")->{status} } qw(OWNER ADMIN AGENT TEAM_ADMIN)), 'OWNER 200 ADMIN 200 AGENT 200 TEAM_ADMIN 200',
	'INB-107 owner, admin, agent and team admin open a conversation');
is($as{PROJECT_MANAGER}{browser}->get('/inbox')->{status}, 403, 'INB-107 a project manager has no inbox');
one("update profiles set is_active = false where id in (" . join(', ', map { "'$as{$_}{id}'" } qw(OWNER ADMIN AGENT TEAM_ADMIN)) . ") or organization_id = '$org' and id = '$t->{user_id}'");
is(one("select coalesce(internal.next_assignee('$org', '$tg')::text, 'nobody')"), 'nobody', 'INB-107 and is given no conversation automatically, even when there is nobody else');
one("update profiles set is_active = true where organization_id = '$org'");

my $stranger = browser(email => $demo->{users}[0]{email}, password => $demo->{users}[0]{password});
my $foreign = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key}, json => { email => $demo->{users}[0]{email}, password => $demo->{users}[0]{password} })->{json}{access_token};
my @theirs = (apikey => kontor_json()->{anon_key}, bearer => $foreign);
is(join(' ', map { $stranger->get($_, headers => \%fragment)->{status} } "/inbox/$talk", "/inbox/$talk/items", "/inbox/$talk/state", "/inbox/$talk/find?q=Guten"), '404 404 404 404',
	'INB-106 no page of a conversation opens for another organization');
is(join(' ', map { scalar @{ api(GET => "/rest/v1/$_", @theirs)->{json} } } "conversations?id=eq.$talk", "messages?conversation_id=eq.$talk", "channel_accounts?id=eq.$tg"), '0 0 0',
	'INB-106 the API has nothing of it for them');
unlike($stranger->get('/inbox/search?q=Guten')->{content}, qr/$talk/, 'INB-106 nor has the search');
is($stranger->post("/inbox/$talk/notes", { content => 'Mine?' })->{status}, 404, 'INB-106 and nothing can be written there');

my $other_channel = account('TELEGRAM', bot_token => "$run:other", secret_token => "other-$run", api_base => $bot);
my $agent = $as{AGENT}{browser};
one("insert into user_channel_access (organization_id, user_id, channel_account_id) values ('$org', '$as{AGENT}{id}', '$other_channel')");
is($agent->get("/inbox/$talk")->{status}, 404, 'INB-109 a member who is limited to other channels does not see the conversation');
unlike($agent->get('/inbox/list?view=all', headers => \%fragment)->{content}, qr/$talk/, 'INB-109 nor its row');
one("insert into user_channel_access (organization_id, user_id, channel_account_id) values ('$org', '$as{AGENT}{id}', '$tg')");
is($agent->get("/inbox/$talk")->{status}, 200, 'INB-109 with access to its channel he does');
one("delete from user_channel_access where organization_id = '$org'; update channel_accounts set is_active = false where id = '$other_channel'");

$agent->get("/inbox/$talk");
is($agent->post("/inbox/$talk/assign", { assignee_id => 'me' }, headers => \%fragment)->{status}, 200, 'INB-55 an agent takes a conversation');
is(one("select assignee_id from conversations where id = '$talk'"), $as{AGENT}{id}, 'INB-55 and has it');

# ---- what an agent sees of the contact -----------------------------------------------------------------

one("insert into companies (organization_id, name) values ('$org', 'Panel & Co $run');
	update contacts set emails = array['panel$run\@kunde.example'], phones = array['+4930$run'], tags = array['vip$run'], custom_fields = '{\"shoe_size\": \"43\"}',
		company_id = (select id from companies where organization_id = '$org' and name = 'Panel & Co $run') where id = '$contact'");
my ($panel) = $owner->get("/inbox/$talk")->{content} =~ m{(<aside class="talk-panel".*?</aside>)}s;
like($panel, qr/Tele$who/, 'INB-79 the panel has the name');
like($panel, qr/mailto:panel$run\@kunde\.example/, 'INB-79 e-mail');
like($panel, qr/tel:\+4930$run/, 'INB-79 phone');
like($panel, qr/Panel &amp; Co $run/, 'INB-79 company');
like($panel, qr/vip$run/, 'INB-79 tags');
like($panel, qr/<dt>shoe size<\/dt><dd[^>]*>43</, 'INB-79 and custom fields of the contact');

# ---- the bot's history, taking over -----------------------------------------------------------------------

my $second = says($who + 1, 'I am another');
one("update conversations set ai_agent_active = true where id in ('$talk', '$second')");
my $r = $t->call('telegram-send', { to => "$who", message => 'Our bot answers', from => "Botty $run", conversationId => $talk });
is($r->{status}, 200, 'a bot answers by the API') or diag($r->{content});
becomes($r->{json}{result}{id}, 'SENT', 'which goes out');
like($owner->get("/inbox/$talk")->{content}, qr/Bot answers/, 'INB-93 the conversation shows that a bot answers');
like(item($talk, $r->{json}{result}{id}), qr/bubble-author">Botty $run</, 'MSG-21 the thread names the sender that the API told');
$owner->get("/inbox/$talk");
$r = $owner->post("/inbox/$talk/bot", { on => '0', reason => "Wants a discount $run" }, headers => \%fragment);
is($r->{status}, 200, 'INB-93 a person takes over');
is(one("select ai_agent_active from conversations where id = '$talk'"), 'f', 'INB-93 which stops the bot at once');
like($r->{content}, qr/Taken over from the bot, [^<]*\d.*Wants a discount $run/s, 'INB-93 reason and time stand beside the conversation');
unlike($r->{content}, qr/Bot answers/, 'INB-93 and that the bot answers is said no more');
is(one("select (data ->> 'reason') || ' ' || (data ->> 'taken_over_at' is not null) from events where record_id = '$talk' and type = 'conversation.bot.paused' order by position desc limit 1"),
	"Wants a discount $run true", 'INB-93 and in the log of events');
like($owner->get("/inbox/$talk")->{content}, qr/Guten Tag.*Our bot answers/s, 'INB-68 who takes over sees what the bot and the customer said');
is(one("select string_agg(ai_agent_active::text, ' ' order by id = '$second') from conversations where id in ('$talk', '$second')"), 'false true',
	'INB-95 the bot rests in this conversation only');

# ---- a message to one, to several ---------------------------------------------------------------------------

$r = $owner->post('/inbox/new', { contact_id => $contact, channel_id => $tg, content => "To one $run" });
is($r->{status}, 303, 'MSG-34 a message to one contact') or diag($r->{content});
is($r->{headers}{location}, "/inbox/$talk", 'MSG-34 goes into the open conversation with him');
becomes(newest($talk), 'SENT', 'MSG-34 and out');
is((calls($bot, qr/sendMessage/))[-1]{params}{text}, "To one $run", 'MSG-34 to the provider');

writes($talk, { content => "Grüße 👋🏽 für *Sie*" });
becomes(newest($talk), 'SENT', 'text with an emoji goes out');
is((calls($bot, qr/sendMessage/))[-1]{params}{text}, "Grüße 👋🏽 für *Sie*", 'letter by letter');
like(item($talk, newest($talk)), qr/@{[encode_utf8('Grüße 👋🏽 für')]}/, 'and stands so in the thread');

# ---- videos ---------------------------------------------------------------------------------------------------

my $mp4 = "\0\0\0\x18ftypisom\0\0\2\0isomiso2" . "\0" x 64;
my $mov = "\0\0\0\x14ftypqt  \0\0\2\0qt  " . "\0" x 64;
my $avi = "RIFF" . pack('V', 100) . 'AVI LIST' . "\0" x 92;
for my $v (['clip.mp4', 'video/mp4', $mp4], ['clip.mov', 'video/quicktime', $mov], ['clip.avi', 'video/x-msvideo', $avi]) {
	$r = writes($talk, { content => "A film: $v->[0]" }, $v);
	is($r->{status}, 200, "MSG-4 $v->[0] is taken") or diag($r->{content});
	my $id = newest($talk);
	becomes($id, 'SENT', "MSG-4 $v->[0] goes out");
	is(one("select kind || ' ' || content_type from message_attachments where message_id = '$id'"), "video $v->[1]", "MSG-4 $v->[0] as a video");
	my ($call) = grep { ($_->{params}{caption} // '') eq "A film: $v->[0]" } calls($bot, qr/send(?:Video|Document)/);
	is(((values %{ $call->{files} })[0] // {})->{data}, length $v->[2], "MSG-4 $v->[0] with every byte");
	like(item($talk, $id), $v->[0] =~ /mp4/ ? qr/<video class="bubble-video"/ : qr/bubble-file" href="[^"]*download.*?$v->[0]/s, "MSG-4 $v->[0] stands in the thread");
}

# ---- a place, a contact card ------------------------------------------------------------------------------------------

for my $p (['52.5163, 13.3777', '52.5163 13.3777'], ['https://www.openstreetmap.org/?mlat=48.8584&mlon=2.2945#map=16/48.8584/2.2945', '48.8584 2.2945'],
	['https://www.google.com/maps/place/Cairo/@30.0444,31.2357,12z', '30.0444 31.2357'], ['-33.85;151.21', '-33.85 151.21']) {
	$r = writes($talk, { special => 'place', place => $p->[0], place_name => "Meet here $run" });
	is($r->{status}, 200, "MSG-7 a place is sent from the composer: $p->[0]") or diag($r->{content});
	becomes(newest($talk), 'SENT', 'MSG-7 it goes out');
	my $sent = (calls($bot, qr/sendLocation/))[-1]{params};
	is(($sent->{latitude} // '') . ' ' . ($sent->{longitude} // ''), $p->[1], 'MSG-7 as a location');
}
like(item($talk, newest($talk)), qr/bubble-place.*?Meet here $run/s, 'MSG-7 and stands in the thread under its name');
is(one("select last_message_preview from conversations where id = '$talk'"), "Meet here $run", 'MSG-7 and so in the list of conversations');
for my $bad ('somewhere', '152.1, 13.1', '') {
	$r = writes($talk, { special => 'place', place => $bad });
	is($r->{status}, 422, "\"$bad\" is no place");
}
my $colleague = one("insert into contacts (organization_id, first_name, last_name, phones, emails) values ('$org', 'Cara', 'Card$run', array['+49301$run'], array['cara$run\@shop.example']) returning id");
$r = writes($talk, { special => 'card', card => $colleague });
is($r->{status}, 200, 'MSG-8 a contact card is sent from the composer') or diag($r->{content});
becomes(newest($talk), 'SENT', 'MSG-8 it goes out');
my $card = (calls($bot, qr/sendContact/))[-1]{params};
is("$card->{first_name} $card->{phone_number}", "Cara Card$run +49301$run", 'MSG-8 as a card with name and number');
like(item($talk, newest($talk)), qr/bubble-card.*?Cara Card$run.*?cara$run/s, 'MSG-8 and stands in the thread');
is(writes($talk, { special => 'card' })->{status}, 422, 'without a contact there is no card');
my $theirs = one("select id from contacts where organization_id = '$demo->{organization_id}' limit 1");
is(writes($talk, { special => 'card', card => $theirs })->{status}, 404, 'nor one of another organization');

# ---- what could not be sent says why ----------------------------------------------------------------------------

control($bot, fail => { match => 'sendMessage', times => 1, status => 403, body => { ok => JSON::PP::false, error_code => 403, description => 'Forbidden: bot was blocked by the user' } });
writes($talk, { content => "Blocked $run" });
my $blocked = newest($talk);
becomes($blocked, 'FAILED', 'a message that the provider refuses');
like(item($talk, $blocked), qr/item-problem.*?Not sent: [^<]*blocked/s, 'INB-120 the message says what the provider said');
control($bot, fail => { match => 'sendMessage', times => 1, status => 429, body => { ok => JSON::PP::false, error_code => 429, description => 'Too Many Requests: retry after 2',
	parameters => { retry_after => 2 } } });
writes($talk, { content => "Too fast $run" });
my $fast = newest($talk);
ok(soon("select error from messages where id = '$fast' and status = 'PENDING' and error is not null"), 'a provider that wants us to wait');
like(item($talk, $fast), qr/item-problem.*?(?:wait|limit|many)/is, 'INB-120 a limit of the provider is told at the message while it waits');
becomes($fast, 'SENT', 'and goes out by itself');
unlike(item($talk, $fast), qr/item-problem/, 'then nothing is said any more');

# ---- files by their address ---------------------------------------------------------------------------------------

my $files = standin('Standin->new(port => 0, handler => sub { return [404, {}] if $_[1]{path} ne "/ok.jpg";
	return { status => 200, type => "image/jpeg", headers => {}, body => "\xff\xd8\xff picture" } })->run');
$r = $t->call('telegram-send', { to => "$who", message => 'By address', media_url => "$files/none.jpg" });
becomes($r->{json}{result}{id}, 'FAILED', 'MSG-103 a file that its address does not have is not sent');
like(one("select error from messages where id = '$r->{json}{result}{id}'"), qr/could not be fetched/, 'MSG-103 and the message says so');
$r = $t->call('telegram-send', { to => "$who", message => 'By address', media_url => "$files/ok.jpg" });
becomes($r->{json}{result}{id}, 'SENT', 'MSG-103 one that it has is');

# ---- opted out of marketing -----------------------------------------------------------------------------------------

one("update contacts set opt_in_status = false where id = '$contact'");
$r = $t->proxy(POST => 'messages', json => { conversation_id => $talk, direction => 'OUTBOUND', content => "Sale $run", metadata => { marketing => JSON::PP::true } });
my $sale = soon("select id from messages where content = 'Sale $run' and status = 'FAILED'");
ok($sale, 'MSG-48 marketing does not go to a contact who has opted out');
like(item($talk, $sale), qr/opted out of marketing/, 'MSG-48 and the message says so');
writes($talk, { content => "Answer $run" });
becomes(newest($talk), 'SENT', 'MSG-48 an answer still does');
my $cloud_api = standin('whatsapp.pl', '--phone-number-id', "77$run", '--token', "cloud-$run", '--app-secret', "as-$run", '--webhook', "$hooks/whatsapp-cloud-webhook", '--statuses', 'sent');
my $cloud = account('WHATSAPP_CLOUD', phone_number_id => "77$run", access_token => "cloud-$run", app_secret => "as-$run", api_base => $cloud_api);
one("update channel_accounts set is_active = true, connection_state = 'Connected' where id = '$cloud'");
my $opted_talk = one("insert into conversations (organization_id, contact_id, channel_account_id, last_inbound_at) values ('$org', '$contact', '$cloud', now()) returning id");
my $bulk = account('BULK_EMAIL', address => "news$run\@shop.example", outgoing_url => 'smtp://127.0.0.1:1');
one("update channel_accounts set is_active = true where id = '$bulk'");
my $news = one("with c as (insert into conversations (organization_id, contact_id, channel_account_id) values ('$org', '$contact', '$bulk') returning id)
	insert into messages (organization_id, conversation_id, direction, content, status) select '$org', id, 'OUTBOUND', 'News', 'PENDING' from c returning id");
is(soon("select error_code from messages where id = '$news' and status = 'FAILED'"), 'opted_out', 'MSG-48 nor does bulk mail');
my $ad = one("insert into whatsapp_templates (organization_id, channel_account_id, name, language, category, status, components) values ('$org', '$cloud', 'ad_$run', 'en', 'MARKETING', 'APPROVED',
	'[{\"type\": \"BODY\", \"text\": \"Buy now\"}]') returning id");
my $promotion = one("insert into messages (organization_id, conversation_id, direction, status, message_type, metadata) select organization_id, id, 'OUTBOUND', 'PENDING', 'template',
	'{\"template\": {\"name\": \"ad_$run\", \"language\": \"en\"}}' from conversations where id = '$opted_talk' returning id");
is(soon("select error_code from messages where id = '$promotion' and status = 'FAILED'"), 'opted_out', 'MSG-48 nor a marketing template of WhatsApp');
one("update contacts set opt_in_status = true where id = '$contact'; update channel_accounts set is_active = false where id = '$bulk'");

# ---- read, unread ---------------------------------------------------------------------------------------------------

says($who, 'One more');
$agent->get("/inbox/$talk");
$agent->post("/inbox/$talk/read", {}, headers => \%fragment);
is(one("select unread_count from conversations where id = '$talk'"), 0, 'MSG-70 marked as read');
$agent->post("/inbox/$talk/unread", {}, headers => \%fragment);
cmp_ok(one("select unread_count from conversations where id = '$talk'"), '>', 0, 'MSG-70 marked as unread again');
like($agent->get('/inbox/list?view=all', headers => \%fragment)->{content}, qr/is-unread[^>]*data-id="$talk"|data-id="$talk"[^>]*is-unread/, 'MSG-70 and the list shows it');

# ---- quick replies ----------------------------------------------------------------------------------------------------

like($owner->get('/settings')->{content}, qr{<a[^>]*href="/templates"[^>]*>Quick replies}, 'MSG-81 Settings lead to the quick replies');
$owner->get('/templates/new');
$r = $owner->post('/templates/new', { name => "Hours $run", shortcut => "hours$run", text => 'We open at nine' });
is($r->{status}, 303, 'MSG-81 one is made');
my $quick = one("select id from templates where organization_id = '$org' and name = 'Hours $run'");
ok($quick, 'MSG-81 and stored');
like($owner->get('/templates')->{content}, qr/Hours $run/, 'MSG-81 the page of templates lists it');
$owner->get("/templates/$quick");
$owner->post("/templates/$quick", { name => "Hours $run", shortcut => "hours$run", text => 'We open at ten' });
like($owner->get("/inbox/$talk/replies?q=hours$run", headers => \%fragment)->{content}, qr/We open at ten/, 'MSG-81 changed there, it is offered so in the composer');
$owner->post("/templates/$quick/delete", {});
is(one("select count(*) from templates where id = '$quick'"), 0, 'MSG-81 and deleted there');

# ---- WhatsApp Lite: receipts, buttons as numbers ------------------------------------------------------------------------

my $number = '2011' . sprintf '%08d', $run % 100_000_000;
my $gateway = standin('gateway.pl', '--key', "gw-$run", '--webhook', "$hooks/whatsapp-lite-webhook", '--secret', "hook-$run");
my $lite = account('WHATSAPP_LITE', sender_id => "s-$run", phone_number => "+$number", api_key => "gw-$run", secret_token => "hook-$run", api_base => $gateway);
$owner->get("/settings/channels/$lite/connect");
$owner->post("/settings/channels/$lite/pair", {});
ok(soon("select state = 'pairing' from channel_sessions where channel_account_id = '$lite'"), 'a phone is paired');
control($gateway, 'scan');
one("update channel_accounts set is_active = true, connection_state = 'Connected' where id = '$lite'");
my $customer = '2010' . sprintf '%08d', $run % 100_000_000;
$r = $t->call('whatsapp-lite-send', { to => $customer, message => "Lite $run", contactName => 'Lina Lite' });
is($r->{status}, 200, 'a message by WhatsApp Lite') or diag($r->{content});
my $lite_message = $r->{json}{result}{id};
my $lite_talk = $r->{json}{conversationId};
becomes($lite_message, 'READ', 'MSG-32 the receipts of the gateway are followed to READ');
is(one("select string_agg(status, ' ' order by at, id) from message_status_history where message_id = '$lite_message' and status in ('SENT', 'DELIVERED', 'READ')"), 'SENT DELIVERED READ', 'MSG-32 each of SENT, DELIVERED, READ once');
my $failing = one("insert into messages (organization_id, conversation_id, channel_account_id, direction, content, status, external_id, message_type)
	values ('$org', '$lite_talk', '$lite', 'OUTBOUND', 'Will fail', 'SENT', 'lite.failed.$run', 'text') returning id");
control($gateway, inbound => { message_id => "lite.failed.$run", status => 'failed', from => $number, to => $customer, timestamp => int time, channel => 'whatsapp_lite' });
becomes($failing, 'FAILED', 'MSG-32 and FAILED');
my $numbered = one("insert into messages (organization_id, conversation_id, direction, content, status, metadata)
	values ('$org', '$lite_talk', 'OUTBOUND', 'Which one?', 'PENDING', '{\"buttons\": [\"Red\", \"Blue\"]}') returning id");
ok(soon("select status from messages where id = '$numbered' and status in ('SENT', 'DELIVERED', 'READ')"), 'a message with buttons');
is((grep { ($_->{params}{UOWHATSAPP}{message} // '') =~ /Which one/ } calls($gateway, qr{/send$}))[0]{params}{UOWHATSAPP}{message}, "Which one?\n\n1. Red\n2. Blue",
	'CHA-43 where there are no buttons the choices are numbered in the text');

# ---- received on one channel, answered by another ----------------------------------------------------------------------------

my $cloud_talk = one("with c as (insert into conversations (organization_id, contact_id, channel_account_id) select '$org', contact_id, '$cloud' from conversations where id = '$lite_talk' returning id, contact_id),
	m as (insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status) select '$org', id, contact_id, '$cloud', 'INBOUND', 'By Cloud', 'DELIVERED' from c)
	select id from c");
sub state_of_composer {
	my ($html) = $owner->get("/inbox/$_[0]/state", headers => \%fragment)->{content} =~ m{(<div class="composer".*?<aside)}s;
	my ($state) = $html =~ /data-state="(\w*)/;
	my ($chosen) = $html =~ /<option value="([^"]+)"[^>]* selected/;
	return ($state, $chosen // 'none', $html);
}
my ($state, $chosen, $html) = state_of_composer($cloud_talk);
is("$state $chosen", "open $cloud", 'INB-69 a conversation is answered by its own channel');
like($html, qr/<select[^>]*data-reply-channel.*?<option value="$lite"/s, 'INB-69 CHA-82 what came by WhatsApp Cloud may be answered by WhatsApp Lite');
one("update conversations set last_inbound_at = now() - interval '30 hours' where id = '$cloud_talk'");
($state, $chosen, $html) = state_of_composer($cloud_talk);
is("$state $chosen", "window $cloud", 'INB-69 beyond the 24 hours of Cloud there is the choice, too');
is($owner->post("/inbox/$cloud_talk/channel", { channel => $tg }, headers => \%fragment)->{status}, 422, 'a channel that does not reach the contact is refused');
is($owner->post("/inbox/$cloud_talk/channel", { channel => $lite }, headers => \%fragment)->{status}, 200, 'INB-69 another channel is chosen');
is(one("select response_channel_id from conversations where id = '$cloud_talk'"), $lite, 'INB-69 the choice is stored with the conversation');
($state, $chosen, $html) = state_of_composer($cloud_talk);
is("$state $chosen", "open $lite", 'INB-69 and one may write by it');
writes($cloud_talk, { content => "Crossed $run", channel => $lite });
my $crossed = newest($cloud_talk);
ok(soon("select 1 from messages where id = '$crossed' and status in ('SENT', 'DELIVERED', 'READ')", 15), 'INB-69 CHA-82 received by Cloud, answered by Lite');
my ($by_lite) = grep { ($_->{params}{UOWHATSAPP}{message} // '') eq "Crossed $run" } calls($gateway, qr{/send$});
ok($by_lite, 'INB-70 with the credentials of WhatsApp Lite: the gateway, which refuses any other key, took it');
is(scalar(grep { ($_->{params}{text}{body} // '') eq "Crossed $run" } calls($cloud_api, qr/messages/)), 0, 'INB-70 and nothing went to Meta');
$r = $t->proxy(POST => 'messages', json => { conversation_id => $cloud_talk, direction => 'OUTBOUND', content => "Stored choice $run" });
ok(wait_for(15, sub { grep { ($_->{params}{UOWHATSAPP}{message} // '') eq "Stored choice $run" } calls($gateway, qr{/send$}) }), 'INB-69 what the API sends goes by the stored choice');
one("update conversations set last_inbound_at = now() where id = '$cloud_talk'");
$owner->post("/inbox/$lite_talk/channel", { channel => $cloud }, headers => \%fragment);
writes($lite_talk, { content => "Back $run", channel => $cloud });
becomes(newest($lite_talk), 'SENT', 'INB-69 CHA-82 received by Lite, answered by Cloud');
my ($by_cloud) = grep { ($_->{params}{text}{body} // '') eq "Back $run" } calls($cloud_api, qr/messages/);
ok($by_cloud, 'INB-70 with the credentials of WhatsApp Cloud: Meta, which refuses any other token, took it');
unlike($owner->get("/inbox/$lite_talk/state", headers => \%fragment)->{content}, qr/data-category/, 'before Meta says what it is billed as, nothing is shown');
for my $c (['marketing_lite', 'Marketing'], ['utility', 'Utility'], ['authentication', 'Authentication'], ['service', 'Service']) {
	control($cloud_api, post => { value => { statuses => [{ id => one("select external_id from messages where content = 'Back $run'"), status => 'delivered', timestamp => '' . int time,
		recipient_id => $customer, pricing => { billable => JSON::PP::true, pricing_model => 'PMP', category => $c->[0] } }] } });
	ok(wait_for(8, sub { $owner->get("/inbox/$lite_talk/state", headers => \%fragment)->{content} =~ />$c->[1]</ }), "CHA-78 the conversation shows that Meta bills it as $c->[0]");
}
$owner->post("/inbox/$cloud_talk/channel", { channel => $cloud }, headers => \%fragment);
is(one("select response_channel_id from conversations where id = '$cloud_talk'"), '', 'INB-69 the own channel again is no choice any more');

# ---- calls and SMS on the timeline ---------------------------------------------------------------------------------------

my $caller = one("select contact_id from conversations where id = '$lite_talk'");
$t->proxy(POST => 'call_records', json => { source => 'mobile', contact_id => $caller, direction => 'inbound', duration_seconds => 95, customer_phone => "+$customer", notes => "Asked for a price $run" });
my $sms = one("insert into channel_accounts (organization_id, name, type) values ('$org', 'SMS $run', 'SMS') returning id");
one("with c as (insert into conversations (organization_id, contact_id, channel_account_id) values ('$org', '$caller', '$sms') returning id)
	insert into messages (organization_id, conversation_id, contact_id, channel_account_id, direction, content, status, message_type)
	select '$org', c.id, '$caller', '$sms', 'OUTBOUND', 'Your code is $run', 'SENT', 'sms' from c");
my $timeline = $owner->get("/contacts/$caller")->{content};
like($timeline, qr/Asked for a price $run/, 'HUB-5 a call stands on the timeline of the contact');
like($timeline, qr/Your code is $run/, 'HUB-5 and an SMS');

# ---- the form of WhatsApp Cloud, and Messenger's ------------------------------------------------------------------------------

my $form = $owner->get('/settings/channels/new?type=whatsapp')->{content};
like($form, qr/<input[^>]*name="phone_number_id"[^>]*required/, 'CHA-64 the form asks for the phone number ID');
like($form, qr/<input[^>]*name="access_token"[^>]*required/, 'CHA-64 and the access token');
my ($waba) = $form =~ /(<input[^>]*name="waba_id"[^>]*>)/;
ok($waba && $waba !~ /required/, 'CHA-64 the business account ID may be left out');
is(join(' ', grep { /token/ && !/verify/ } $form =~ /name="(\w+)"/g), 'access_token', 'CHA-63 there is no other token than the access token to enter');
$r = $owner->submit('/settings/channels/new', { name => "Cloud $run", type => 'whatsapp', account_password => $password, phone_number_id => $run, access_token => 'tok', app_secret => 'sec', api_base => $bot });
is(one("select count(*) from channel_accounts where organization_id = '$org' and name = 'Cloud $run' and not settings ? 'waba_id'"), 1, 'CHA-64 and is saved without') or diag(join "\n", $r->{content} =~ /(class="[^"]*(?:feedback|error|problem)[^>]*>[^<]*)/g);

# ---- Meta's webhook ---------------------------------------------------------------------------------------------------------------

one("update channel_accounts set last_in_at = null where id = '$cloud'");
my $steps = $owner->get("/settings/channels/$cloud/connect")->{content};
like($steps, qr/one or two minutes until a change/, 'CHA-80 that Meta takes a while to apply other fields is said');
like($steps, qr/Receive a message.*shows when it has arrived/s, 'CHA-80 with a test of the webhook: the page waits for a message');
control($cloud_api, post => { value => { messages => [{ from => $customer, id => "wamid.in.$run", timestamp => '' . int time, type => 'text', text => { body => "Field test $run" } }],
	contacts => [{ wa_id => $customer, profile => { name => 'Lina' } }] } });
ok(soon("select 1 from messages where external_id = 'wamid.in.$run'"), 'CHA-80 the message of the test arrives');
ok(wait_for(8, sub { $owner->get("/settings/channels/$cloud/steps")->{content} =~ /The last one came in at/ }), 'CHA-80 and the page shows it');
control($cloud_api, post => { raw => json_encode({ object => 'whatsapp_business_account', entry => [{ id => '1', changes => [{ field => 'account_alerts',
	value => { messaging_product => 'whatsapp', metadata => { phone_number_id => "77$run" }, alert_type => "alert$run" } }] }] }) });
my $log = wait_for(8, sub { my $x = $owner->get('/settings/channels/log')->{content}; $x =~ /account_alerts/ ? $x : '' });
ok($log, 'CHA-81 the log names the field of the last change that was received');
my ($call_page) = ($log // '') =~ m{href="(/settings/channels/log/[^"?]+)"};
my $shown = $owner->get($call_page // '/settings/channels/log')->{content};
like($shown, qr/account_alerts.*alert$run/s, 'CHA-81 and shows it whole');

# ---- why a message may be missing -----------------------------------------------------------------------------------------------

one("update channel_accounts set last_error = 'The token was revoked $run' where id = '$cloud'");
my $trouble = $owner->get('/inbox/trouble', headers => \%fragment)->{content};
like($trouble, qr/Bot $run.*?Connected.*?Last message in: /s, 'INB-119 the inbox tells of each channel whether it is connected and when something came in');
like($trouble, qr/The token was revoked $run/, 'INB-119 what is wrong with it');
like($trouble, qr{\Q$hooks/telegram-webhook}, 'INB-119 and for administrators the address that its provider calls');
unlike($agent->get('/inbox/trouble', headers => \%fragment)->{content}, qr/telegram-webhook/, 'INB-119 others see the state without the address');
one("update channel_accounts set last_error = null where id = '$cloud'");

# ---- a new organization signs up ------------------------------------------------------------------------------------------------

my $signup = api(GET => '/signup')->{content};
my %input;
for my $field ($signup =~ /<input[^>]*>/g) {
	my ($name) = $field =~ /name="(\w+)"/ or next;
	$input{$name} = $field =~ /\brequired\b/ ? 'required' : 'optional';
}
is(join(' ', map { "$_:" . ($input{$_} // 'missing') } qw(email password organization_name first_name last_name phone)),
	'email:required password:required organization_name:required first_name:optional last_name:optional phone:optional', 'CHA-50 the fields of a sign-up');
like($signup, qr/Recommended if you work with WhatsApp/, 'CHA-50 a phone is recommended for WhatsApp');

# ---- a phone signs in ----------------------------------------------------------------------------------------------------------

my $mobile = '/functions/v1/mobile-api';
sub login { return api(POST => "$mobile/login", json => { email => $_[0], password => $_[1] }) }
$r = login($as{AGENT}{email}, $password);
is($r->{status}, 200, 'INB-121 a phone signs in without a key') or diag($r->{content});
is("$r->{json}{expires_in} $r->{json}{user}{id} $r->{json}{user}{email}", "2592000 $as{AGENT}{id} $as{AGENT}{email}", 'INB-121 for thirty days, with the user');
ok($r->{json}{access_token} && $r->{json}{refresh_token}, 'INB-121 and both tokens');
my $phone = $r->{json}{access_token};
is(api(GET => "$mobile/contacts?limit=1", bearer => $phone)->{status}, 200, 'INB-121 which opens the rest');
is(login($as{AGENT}{email}, 'wrong')->{status}, 401, 'INB-122 a wrong password is 401');
one("update profiles set is_active = false where id = '$as{AGENT}{id}'");
is(login($as{AGENT}{email}, $password)->{status}, 403, 'INB-122 a deactivated account is 403');
one("update profiles set is_active = true where id = '$as{AGENT}{id}'");

# Its files cannot be stored: where the directory of this organization would be there is a file.
my $store = dirname($ENV{KONTOR_JSON} // '') . "/files/$org";
SKIP: {
	skip 'files are not in a directory of this machine', 1 if !-d dirname($store);
	rename $store, "$store.away" if -e $store;
	open my $block, '>', $store or die "$store: $!\n";
	close $block;
	$r = api(POST => "$mobile/call-recording", bearer => $phone, type => 'multipart/form-data; boundary=XX',
		body => "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\nID3 new $run\r\n--XX--\r\n");
	unlink $store;
	rename "$store.away", $store if -e "$store.away";
	is($r->{status}, 500, 'INB-130 a recording that cannot be stored is answered with 500') or diag($r->{content});
}
is(one("select count(*) from call_records where organization_id = '$org' and recording_file_id is not null"), 0, 'INB-130 and leaves no record behind');

done_testing;
