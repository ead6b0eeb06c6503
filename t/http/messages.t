#!/usr/bin/perl
# Messages over HTTP: writing now and later, calling back, reactions, edits and deletion at a
# Telegram stand-in, files and their limits, search and export, quick replies, links and
# translations.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(encode_utf8);
use HTTP::Tiny;
use IO::Socket::INET;
use Kontor;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

my $builder = Test::More->builder;
binmode $builder->$_, ':utf8' for qw(output failure_output todo_output);

my $t   = tenant();
my $org = $t->{organization_id};
my $tg  = $t->{channels}{telegram};
my $run = int(time * 10) % 100_000_000 * 10;

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
my $bot = standin('telegram.pl', '--token', $tg->{bot_token});
psql("update channel_accounts set settings = settings || '{\"api_base\":\"$bot\"}', is_active = true where id = '$tg->{id}'");
sub calls { my $match = shift; return grep { $_->{path} =~ $match } @{ json_decode(HTTP::Tiny->new->get("$bot/control/calls")->{content}) } }

my $anna = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my $who = $run + 1;
my $n = 0;
sub says {
	my (%m) = @_;
	$n++;
	api(POST => '/functions/v1/telegram-webhook', type => 'application/json', headers => { 'X-Telegram-Bot-Api-Secret-Token' => $tg->{secret_token} },
		body => json_encode({ update_id => $run + $n, $m{update} ? %{ $m{update} } : (message => { message_id => $run + $n, date => int time,
			from => { id => $who, is_bot => JSON::PP::false, first_name => 'Mess', last_name => "Age$run" },
			chat => { id => $who, type => 'private' }, %m }) }));
	return "$who:" . ($run + $n);
}
my $token = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} })->{json}{access_token};
sub rest { my ($method, $what, %o) = @_; return api($method, "/rest/v1/$what", apikey => kontor_json()->{anon_key}, bearer => $token, %o) }
sub one { return psql($_[0]) }
sub soon { my $sql = shift; return wait_for(8, sub { one($sql) }) }

my $first = says(text => 'Hello there');
my $talk = soon("select conversation_id from messages where external_id = '$first'");
ok($talk, 'a customer writes');
my $hello = one("select id from messages where external_id = '$first'");
$anna->get("/inbox/$talk");

sub multipart {
	my ($fields, @files) = @_;
	my $b = "----b$run";
	my $body = '';
	while (my ($name, $value) = each %$fields) { $body .= qq{--$b\r\nContent-Disposition: form-data; name="$name"\r\n\r\n} . encode_utf8($value) . "\r\n" }
	$body .= qq{--$b\r\nContent-Disposition: form-data; name="files"; filename="$_->[0]"\r\nContent-Type: $_->[1]\r\n\r\n$_->[2]\r\n} for @files;
	return ("multipart/form-data; boundary=$b", "$body--$b--\r\n");
}
my %fragment = ('HX-Request' => 'true', Accept => 'text/html, application/json');
sub write_message {
	my ($fields, @files) = @_;
	my ($type, $body) = multipart({ %$fields, _csrf => $anna->{csrf} }, @files);
	return $anna->request(POST => "/inbox/$talk/messages", { content => $body, headers => { %fragment, 'Content-Type' => $type } });
}
sub do_it {
	my ($message, $what, %fields) = @_;
	return $anna->post("/inbox/$talk/messages/$message/$what", \%fields, headers => \%fragment);
}
sub id_of { return one("select id from messages where conversation_id = '$talk' and content = '$_[0]' order by created_at desc limit 1") }
sub state_of { return soon("select status from messages where id = '$_[0]' and status = '$_[1]'") // one("select status || ' ' || coalesce(error, '') from messages where id = '$_[0]'") }

# ---- answering, quoting, files -------------------------------------------------------------

my $client = sprintf '%08x-0000-4000-8000-%012d', $run & 0xffffffff, $run;
my $r = write_message({ content => 'First answer', client_id => $client, reply_to => $hello });
is($r->{status}, 200, 'an answer') or diag($r->{content});
like($r->{content}, qr{bubble-quote[^>]*data-jump="$hello"[^>]*>Hello there}, 'MSG-67 with what it refers to');
write_message({ content => 'First answer', client_id => $client, reply_to => $hello });
is(one("select count(*) from messages where client_id = '$client'"), 1, 'MSG-53 the same client id is the same message');
my $answer = id_of('First answer');
is(state_of($answer, 'SENT'), 'SENT', 'MSG-23 it goes out');
my ($call) = grep { ($_->{params}{text} // '') eq 'First answer' } calls(qr/sendMessage/);
my $quoted = ref $call->{params}{reply_parameters} ? $call->{params}{reply_parameters} : json_decode($call->{params}{reply_parameters} // '{}');
is($quoted->{message_id}, $run + 1, 'MSG-67 and refers to it at the provider as well');
is(one("select string_agg(status, ' ' order by at, id) from message_status_history where message_id = '$answer'"), 'PENDING SENDING SENT', 'MSG-27 each state with its time');
is(one("select string_agg(type, ' ' order by position) from events where record_id = '$answer'"), 'message.queued message.sending message.sent',
	'MSG-33 each transition is an event');

my $png = decode_base64('iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR4nGNkYPjPgA0wYRUdtBIAO/8BD7Pkjm8AAAAASUVORK5CYII=');
$r = write_message({ content => 'Two files' }, ['a.png', 'image/png', $png], ['plan.pdf', 'application/pdf', "%PDF-1.4\n"]);
is($r->{status}, 200, 'MSG-13 two files in one message') or diag($r->{content});
my $two = id_of('Two files');
is(state_of($two, 'SENT'), 'SENT', 'MSG-44 they go out');
is(scalar(grep { ($_->{params}{caption} // '') eq 'Two files' } calls(qr/send(?:Photo|Document)/)), 1, 'MSG-44 the first with the text');
$r = write_message({ content => 'A trick' }, ['x.png', 'image/png', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'],
	['y.svg', 'image/svg+xml', '<svg onload="alert(1)"/>'], ['bomb.zip', 'application/zip', "PK\x03\x04" . "\0" x 100],
	['polyglot.gif', 'image/gif', "GIF89a/*<script>*/=alert(1)"]);
is($r->{status}, 200, 'files that are not what they say');
my @tricks = map { [split /\|/] } split /\n/, one("select string_agg(f.id || '|' || f.name || '|' || f.content_type, e'\\n' order by a.position) from message_attachments a join files f on f.id = a.file_id
	where a.message_id = '" . id_of('A trick') . "'");
is($tricks[0][2], 'application/octet-stream', 'an SVG that is called PNG is stored as bytes');
for my $f (@tricks) {
	my $got = $anna->get("/files/$f->[0]");
	my $shown = $f->[1] =~ /gif$/;
	like($got->{headers}{'content-disposition'}, $shown ? qr/^inline/ : qr/^attachment/, "$f->[1]: " . ($shown ? 'shown as a picture' : 'a download'));
	is($got->{headers}{'x-content-type-options'}, 'nosniff', '... with nosniff');
	like($got->{headers}{'content-security-policy'}, qr/default-src 'none'.*sandbox/, '... and nothing in it can run');
}
is(HTTP::Tiny->new(max_redirect => 0)->get(kontor_json()->{base_url} . "/files/$tricks[0][0]")->{status}, 303, 'MSG-72 a visitor gets no file');
my $bo = browser(email => tenant(1)->{users}[0]{email}, password => tenant(1)->{users}[0]{password});
is($bo->get("/files/$tricks[0][0]")->{status}, 404, 'API-5 nor does another tenant');
my $got = $anna->get("/files/" . one("select a.file_id from message_attachments a where a.message_id = '$two' and a.kind = 'image'") . '?download=1');
is($got->{content}, $png, 'MSG-72 MSG-76 what was attached comes back byte for byte');
like($got->{headers}{'content-disposition'}, qr/^attachment; filename="a\.png"/, 'MSG-72 as a download under its name');

# The provider's own limits, before anything is stored.
my $wa = $t->{channels}{whatsapp_cloud};
my $wtalk = one("insert into conversations (organization_id, contact_id, channel_account_id, last_inbound_at) select '$org', contact_id, '$wa->{id}', now() from conversations
	where id = '$talk' returning id");
{
	my ($type, $body) = multipart({ content => 'Big', _csrf => $anna->{csrf} }, ['big.png', 'image/png', $png . ("\0" x (5 * 1024 * 1024))]);
	$r = $anna->request(POST => "/inbox/$wtalk/messages", { content => $body, headers => { %fragment, 'Content-Type' => $type } });
	is($r->{status}, 422, 'MSG-102 an image of more than 5 MB is too large for WhatsApp');
	like($r->{content}, qr/big\.png is too large: WhatsApp.* up to 5 MB/, 'MSG-102 and the error says which and how much');
	is(one("select count(*) from messages where conversation_id = '$wtalk'"), 0, 'nothing is stored');
}

# ---- later, and calling back ------------------------------------------------------------------

my $soon = one("select to_char((now() + interval '2 hours') at time zone app.zone(), 'YYYY-MM-DD\"T\"HH24:MI') from (select set_config('request.jwt.claims',
	json_build_object('organization_id', '$org', 'sub', (select user_id from user_roles r join profiles p on p.id = r.user_id where p.email = '$t->{users}[0]{email}' and r.organization_id = '$org'))::text, true) offset 0) x");
$soon =~ s/.*\n//s;
$r = write_message({ content => 'For later', scheduled_at => $soon });
is($r->{status}, 200, 'MSG-17 a message for later') or diag($r->{content});
like($r->{content}, qr/is-scheduled.*Scheduled for/s, 'MSG-24 stands in the thread as scheduled');
my $later = id_of('For later');
is(one("select status || ' ' || round(extract(epoch from scheduled_at - now()) / 60) from messages where id = '$later'") =~ /^SCHEDULED 1(?:19|20)$/ ? 1 : 0, 1, 'MSG-24 in the zone of the writer');
like($anna->get("/inbox/$talk/scheduled")->{content}, qr/For later/, 'MSG-17 the list of scheduled ones');
$r = do_it($later, 'schedule', content => 'For later, anew');
is(one("select content || ' ' || status from messages where id = '$later'"), 'For later, anew SCHEDULED', 'MSG-36 it can be changed');
$r = do_it($later, 'schedule', scheduled_at => '2020-01-01T10:00');
is($r->{status}, 422, 'a time that has passed is refused');
$r = do_it($later, 'withdraw');
is(json_decode($r->{content})->{content}, 'For later, anew', 'MSG-36 called back, it comes as text');
is(one("select count(*) from messages where id = '$later'"), 0, 'and is no message any more');
is(do_it($answer, 'withdraw')->{status}, 409, 'what has gone out is not called back');
$r = write_message({ content => 'Every week', scheduled_at => $soon, repeat => 'weekly' });
is($r->{status}, 422, 'a repetition needs an end');
$r = write_message({ content => 'Every week', scheduled_at => $soon, repeat => 'weekly', repeat_until => '2099-01-01' });
is($r->{status}, 200, 'MSG-36 a message that is repeated') or diag($r->{content});
my $weekly = id_of('Every week');
do_it($weekly, 'schedule', now => 1);
is(state_of($weekly, 'SENT'), 'SENT', 'MSG-36 sent now');
is(one("select count(*) from messages where conversation_id = '$talk' and content = 'Every week' and status = 'SCHEDULED'"), 1, 'MSG-36 and the next one waits');
do_it(one("select id from messages where conversation_id = '$talk' and content = 'Every week' and status = 'SCHEDULED'"), 'delete');
is(one("select count(*) from message_schedules s join messages m on m.id = s.message_id where m.conversation_id = '$talk'"), 0, 'cancelled, the row of them ends');

$r = rest(POST => 'messages', json => { conversation_id => $talk, direction => 'outgoing', content => "By the API $run",
	scheduled_at => one("select (now() + interval '1 second')::text") });
is($r->{status}, 201, 'MSG-36 the API plans, too') or diag($r->{content});
is(state_of(id_of("By the API $run"), 'SENT'), 'SENT', 'MSG-37 a scheduled message goes out at its time by itself');

$anna->post('/inbox/preference', { name => 'undo_send', on => 1 });
$r = write_message({ content => 'Oh no' });
like($r->{content}, qr/data-undo/, 'a message that can be called back waits five seconds');
$r = do_it(id_of('Oh no'), 'withdraw');
is(json_decode($r->{content})->{content}, 'Oh no', 'and comes back into the composer');
write_message({ content => 'Oh yes' });
is(state_of(id_of('Oh yes'), 'SENT'), 'SENT', 'left alone it goes out');
ok(!(grep { ($_->{params}{text} // '') eq 'Oh no' } calls(qr/sendMessage/)), 'what was called back never left');
$anna->post('/inbox/preference', { name => 'undo_send', on => '' });

# ---- reactions, edits, deletion -----------------------------------------------------------------

$r = do_it($hello, 'react', emoji => '👍');
is($r->{status}, 200, 'MSG-75 a reaction') or diag($r->{content});
like($r->{content}, qr/bubble-reactions.*is-ours/s, 'MSG-75 is shown');
ok(wait_for(8, sub { one("select count(*) from message_acts where message_id = '$hello' and state = 'done'") == 1 }), 'MSG-75 the provider has it');
is((calls(qr/setMessageReaction/))[-1]{params}{message_id}, $run + 1, 'MSG-75 at the message');
do_it($hello, 'react', emoji => '🦄');
ok(soon("select error from message_acts where message_id = '$hello' and state = 'failed'"), 'an emoji that Telegram does not have is refused');
is(one("select count(*) from message_reactions where message_id = '$hello'"), 0, 'and is not shown');
my $sent = one("select external_id from messages where id = '$answer'");
my ($sent_id) = $sent =~ /:(\d+)$/;
says(update => { message_reaction => { chat => { id => $who, type => 'private' }, message_id => $sent_id + 0, date => int time, user => { id => $who, first_name => 'Mess' },
	old_reaction => [], new_reaction => [{ type => 'emoji', emoji => '🔥' }] } });
is(soon("select emoji from message_reactions where message_id = '$answer'"), encode_utf8('🔥'), 'MSG-75 the customer\'s reaction stands at our message');
like($anna->get("/inbox/$talk/items?ids=$answer", headers => \%fragment)->{content}, qr/bubble-reactions/, 'MSG-75 and is shown');

$r = do_it($answer, 'edit', content => 'First answer, better');
ok(soon("select 1 from messages where id = '$answer' and content = 'First answer, better'"), 'a message is changed at the provider, then here');
is((calls(qr/editMessageText/))[-1]{params}{text}, 'First answer, better', 'with the new words');
do_it($two, 'edit', content => 'Two files, changed');
ok(soon("select 1 from messages where id = '$two' and content = 'Two files, changed'"), 'the words of a file, too');
is((calls(qr/editMessageCaption/))[-1]{params}{caption}, 'Two files, changed', 'are its caption');
says(update => { edited_message => { message_id => $run + 1, date => int time, edit_date => int time, from => { id => $who, first_name => 'Mess' }, chat => { id => $who, type => 'private' }, text => 'Hello there!' } });
is(soon("select content || ' ' || (metadata #>> '{edits,0,was}') from messages where id = '$hello' and edited_at is not null"), 'Hello there! Hello there', 'what the customer edits is edited here');
$r = $anna->get("/inbox/$talk/messages/$answer", headers => \%fragment);
like($r->{content}, qr/PENDING.*SENDING.*SENT/s, 'MSG-73 the details have the history of states');
like($r->{content}, qr/\Q$sent\E/, 'MSG-73 the id at the provider');
like($r->{content}, qr/First answer<|First answer\s*</, 'MSG-73 what it said before');
like($r->{content}, qr/Telegram/, 'MSG-106 MSG-107 and the state of the channel');
is($bo->get("/inbox/$talk/messages/$answer")->{status}, 404, 'API-5 nobody else sees them');
$r = do_it($answer, 'delete', everywhere => 1);
ok(soon("select 1 from messages where id = '$answer' and deleted_at is not null and metadata ? 'revoked'"), 'MSG-69 deleted for everyone');
is((calls(qr/deleteMessage/))[-1]{params}{message_id}, $sent_id, 'MSG-69 at the provider, too');
do_it($two, 'delete');
is(one("select (content is null) || ' ' || (select count(*) from message_attachments where message_id = '$two') from messages where id = '$two'"), 'true 0', 'MSG-69 deleted here: words and files are gone');
is(scalar(calls(qr/deleteMessage/)), 1, 'MSG-69 the customer\'s copy stays');
like($anna->get("/inbox/$talk/items?ids=$two", headers => \%fragment)->{content}, qr/Deleted here; the customer still has it/, 'MSG-69 which is said');

# ---- unknown and failed ------------------------------------------------------------------------

HTTP::Tiny->new->post("$bot/control/fail", { content => json_encode({ match => 'sendMessage', times => 1, status => 502 }), headers => { 'Content-Type' => 'application/json' } });
write_message({ content => 'Did it?' });
my $did = id_of('Did it?');
is(state_of($did, 'UNKNOWN'), 'UNKNOWN', 'a send without an answer is unknown');
sleep 1;
is(one("select status || ' ' || (select count(*) from job.jobs where kind = 'send_message' and key = '$did') from messages where id = '$did'"), 'UNKNOWN 0', 'and is not sent again by itself');
my $page = $anna->get("/inbox/$talk/items?ids=$did", headers => \%fragment)->{content};
like($page, qr/Send again.*It arrived/s, 'MSG-108 the person decides');
do_it($did, 'settle');
is(one("select status from messages where id = '$did'"), 'SENT', 'MSG-108 it arrived');
HTTP::Tiny->new->post("$bot/control/fail", { content => json_encode({ match => 'sendMessage', times => 1, status => 400, body => { ok => JSON::PP::false, error_code => 400, description => 'Bad Request: chat not found' } }),
	headers => { 'Content-Type' => 'application/json' } });
write_message({ content => 'No chat' });
my $fails = id_of('No chat');
like(state_of($fails, 'FAILED'), qr/FAILED/, 'MSG-25 a message that fails');
like($anna->get("/inbox/$talk/messages/$fails", headers => \%fragment)->{content}, qr/details-problem.*not know this chat.*400/s, 'MSG-30 MSG-106 the details say why, with the code of the provider');
do_it($fails, 'retry');
is(state_of($fails, 'SENT'), 'SENT', 'MSG-29 tried again it goes out');

# ---- forward, task -----------------------------------------------------------------------------

my $other = one("select c.id from conversations c where c.organization_id = '$org' and c.status = 'OPEN' and c.channel_account_id = '$tg->{id}' and c.id <> '$talk' limit 1");
$r = do_it($hello, 'forward', to => $other);
is($r->{status}, 200, 'MSG-68 forwarded') or diag($r->{content});
is(one("select content from messages where conversation_id = '$other' and metadata ? 'forwarded' order by created_at desc limit 1"), 'Hello there!', 'MSG-68 the words stand in the other conversation');
like($anna->get("/inbox/$talk/targets?q=", headers => \%fragment)->{content}, qr/data-target="/, 'MSG-68 conversations to choose from');
my $task = sprintf '%08x-0000-4000-8000-%012d', ($run + 1) & 0xffffffff, $run;
do_it($hello, 'task', title => "Call back $run", id => $task) for 1 .. 2;
is(one("select count(*) || ' ' || min(description) || ' ' || (min(conversation_id::text) = '$talk') from tasks where title = 'Call back $run'"), '1 Hello there! true',
	'MSG-74 a task from a message, once, that points to the conversation');

# ---- search and export -----------------------------------------------------------------------------

says(text => "Wo bleibt die Lieferung KX$run? Die Häuser warten");
ok(soon("select 1 from messages where content like '%KX$run%'"), 'a message to look for');
my $looked = wait_for(8, sub { my $p = $anna->get("/inbox/search?q=kx$run"); $p->{content} =~ /<mark>/ && $p->{content} });
ok($looked, 'MSG-63 found a moment later by a part of it, and marked');
for my $q (['Haus', 'the stem of a German word'], ["x$run", 'the middle of a number'], ['liefer', 'the beginning'], ['Liferung', 'misspelt']) {
	my $about = '/inbox/search?q=' . $q->[0] . '&contact=' . one("select contact_id from conversations where id = '$talk'");
	ok(wait_for(8, sub { $anna->get($about)->{content} =~ /class="hit"/ }), "MSG-63 MSG-64 by $q->[1]");
}
like($anna->get("/inbox/search?q=kx$run&from=2099-01-01")->{content}, qr/No message found/, 'MSG-64 filtered by date');
like($anna->get("/inbox/search?q=kx$run&channel=$wa->{id}")->{content}, qr/No message found/, 'MSG-64 by channel');
like($bo->get("/inbox/search?q=kx$run")->{content}, qr/No message found/, 'API-5 another tenant finds nothing');
$r = $anna->get("/inbox/$talk/find?q=kx$run", headers => \%fragment);
is(scalar @{ json_decode($r->{content})->{ids} }, 1, 'MSG-63 inside a conversation');
$r = $anna->get("/inbox/messages/" . json_decode($r->{content})->{ids}[0]);
like($r->{url}, qr{/inbox/$talk\?.*message=}, 'a result leads to its place');
$r = $anna->get("/inbox/export?format=csv&conversation=$talk");
like($r->{headers}{'content-disposition'}, qr/messages\.csv/, 'MSG-65 export as CSV');
like($r->{content}, qr/"INBOUND","DELIVERED".*"Hello there!"/, 'MSG-65 with the messages');
$r = $anna->get("/inbox/export?format=json&q=kx$run");
is(scalar @{ json_decode($r->{content}) }, 1, 'MSG-65 as JSON, of what a search finds');

# ---- quick replies -----------------------------------------------------------------------------------

$anna->get('/templates/new');
$r = $anna->post('/templates/new', { name => '', text => '' });
is($r->{status}, 422, 'TPL-4 MSG-82 a template without text is refused');
like($r->{content}, qr/Write the text first/, 'TPL-4 and asks for it');
$r = $anna->post('/templates/new', { name => '', text => "Dear {{first_name}}, {{nothing}} $run", shortcut => "s$run" });
is($r->{headers}{location}, '/templates?done=saved', 'TPL-16 after saving the list');
like(one("select name from templates where search_text like '%$run%'"), qr/^General template \(\d\d\.\d\d\.\d{4} \d\d:\d\d\)$/, 'TPL-3 MSG-83 named by the date when the name is blank');
$r = $anna->get("/inbox/$talk/replies?q=s$run", headers => \%fragment);
like($r->{content}, qr/Dear Mess, \{\{nothing\}\} $run/, 'MSG-79 variables are filled, the unknown stays to be seen');
like($r->{content}, qr/data-open/, 'and is marked');
my $tpl = one("select id from templates where shortcut = 's$run'");
$anna->post("/templates/$tpl/mark", { used => 1 });
is(one("select uses from templates where id = '$tpl'"), 1, 'MSG-91 uses are counted');
$r = rest(POST => 'templates', json => { name => "Welcome $run", status => 'APPROVED', category => 'UTILITY',
	components => [{ type => 'BODY', text => 'Hello {{name}}, thank you' }] });
is($r->{status}, 201, 'MSG-38 message templates with variables by the API');
like($anna->get("/inbox/$talk/replies?q=Welcome+$run", headers => \%fragment)->{content}, qr/Hello Mess Age$run, thank you/, 'MSG-38 MSG-19 are in the same menu, filled');
for my $table (qw(message_reactions message_acts message_schedules link_previews message_settings template_marks composer_preferences)) {
	is(rest(GET => "$table?limit=1")->{status}, 200, "API-1 $table is in the REST API");
}
psql("delete from templates where search_text like '%$run%'");

# ---- what is asked outside ------------------------------------------------------------------------------

# A page and a translation server in one process.
my $listen = IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "no socket\n";
my $web = 'http://127.0.0.1:' . $listen->sockport;
my $pid = fork // die;
if (!$pid) {
	while (my $c = $listen->accept) {
		my ($head, $length) = ('', 0);
		while (my $l = <$c>) { $head .= $l; $length = $1 if $l =~ /^Content-Length: (\d+)/i; last if $l =~ /^\r?$/ }
		read $c, my $body, $length if $length;
		my ($type, $answer) = ('text/html; charset=utf-8', '<html><head><title>Plain</title><meta property="og:title" content="A &amp; B"><meta property="og:description" content="What it is"><meta property="og:image" content="/p.png"></head><body><script>alert(1)</script>');
		($type, $answer) = ('image/png', $png) if $head =~ m{^GET /p\.png};
		($type, $answer) = ('application/json', '{"translatedText":"Guten Tag","detectedLanguage":{"language":"en"}}') if $head =~ m{^POST /translate};
		print $c "HTTP/1.1 200 OK\r\nContent-Type: $type\r\nContent-Length: " . length($answer) . "\r\nConnection: close\r\n\r\n$answer";
		close $c;
	}
	require POSIX; POSIX::_exit(0);
}
push @children, $pid;
close $listen;
says(text => "Off: $web/off$run");
ok(soon("select 1 from messages where content like 'Off:%$run'"), 'a link');
is(one("select count(*) from link_previews where url like '%off$run'"), 0, 'nothing is asked as long as previews are off');
is(do_it($hello, 'translate')->{status}, 409, 'MSG-99 nor is anything translated');
$anna->get('/settings/messages');
$r = $anna->post('/settings/messages', { link_previews => 1, provider => 'libretranslate', url => '' });
is($r->{status}, 422, 'a translation server has an address');
$r = $anna->post('/settings/messages', { link_previews => 1, provider => 'libretranslate', url => $web, key => 'secret-key' });
is($r->{status}, 303, 'MSG-99 an administrator switches both on');
unlike(one("select sealed from internal.translation_keys where organization_id = '$org'"), qr/secret-key/, 'the key is stored sealed');
says(text => "Look: $web/page$run");
is(soon("select title || '|' || description || '|' || (image_file_id is not null) from link_previews where url like '%page$run' and state = 'done'"), 'A & B|What it is|true',
	'MSG-12 title, description and picture of a link');
like($anna->get("/inbox/$talk/items?ids=" . one("select id from messages where content like 'Look:%$run'"), headers => \%fragment)->{content}, qr/bubble-link.*A &amp; B/s, 'MSG-12 shown below the message');
says(text => "Inside: http://169.254.169.254/latest/$run");
is(soon("select state from link_previews where url like '%latest/$run' and state <> 'waiting'"), 'failed', 'addresses inside are not asked');
$r = do_it($hello, 'translate');
is($r->{status}, 200, 'MSG-99 a translation is asked for') or diag($r->{content});
is(soon("select translation ->> 'text' from messages where id = '$hello' and translation is not null"), 'Guten Tag', 'MSG-99 and stands at the message');
like($anna->get("/inbox/$talk/items?ids=$hello", headers => \%fragment)->{content}, qr/bubble-translation.*Guten Tag/s, 'MSG-99 shown below it');
$r = api(POST => '/functions/v1/translate-message', key => $t->{api_key}, json => { messageId => $hello, targetLanguage => 'en' });
is("$r->{status} $r->{json}{state} $r->{json}{translation}{text}", '200 done Guten Tag', 'MSG-99 by the API: what is there already');
$r = api(POST => '/functions/v1/translate-message', key => $t->{api_key}, json => { messageId => $hello, targetLanguage => 'de' });
is("$r->{status} $r->{json}{state}", '202 queued', 'MSG-99 or on its way');
is(api(POST => '/functions/v1/translate-message', key => $t->{api_key}, json => { messageId => $hello, targetLanguage => 'x; drop' })->{status}, 400, 'a language is a code');
psql("update messages set transcript = 'Ich rufe wegen der Rechnung an' where id = '$hello'");
like($anna->get("/inbox/$talk/items?ids=$hello", headers => \%fragment)->{content}, qr/bubble-transcript.*Rechnung/s, 'MSG-100 what a voice message says is shown');
ok(wait_for(8, sub { $anna->get("/inbox/search?q=Rechnung")->{content} =~ /class="hit"/ }), 'MSG-100 and found');

# ---- kinds of messages -----------------------------------------------------------------------------------

says(location => { latitude => 52.52, longitude => 13.405 }, venue => { title => 'Depot', address => 'Hafen 3' });
says(contact => { phone_number => '+4930123456', first_name => 'Carla', last_name => 'Klein' });
says(poll => { id => '1', question => 'Which day?', options => [{ text => 'Monday', voter_count => 2 }, { text => 'Friday', voter_count => 1 }], is_closed => JSON::PP::false });
my $last = says(text => "the end $run");
soon("select 1 from messages where external_id = '$last'");
$page = $anna->get("/inbox/$talk/items", headers => \%fragment)->{content};
like($page, qr/bubble-place.*mlat=52\.52.*Depot.*Hafen 3/s, 'MSG-7 a location leads to a map');
like($page, qr/bubble-card.*Carla Klein.*tel:\+4930123456/s, 'MSG-8 a contact card with its number');
like($page, qr/bubble-poll.*Which day\?.*Monday.*Friday/s, 'MSG-10 a poll with its options');
psql("delete from message_settings where organization_id = '$org'; delete from internal.translation_keys where organization_id = '$org'");
psql("delete from conversations where id = '$wtalk'");

done_testing;
