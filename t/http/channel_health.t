#!/usr/bin/perl
# Channels as they are kept: checks of credentials, deletion without a loss, routing,
# access, figures, states, the log of calls, dead letters and their re-run, rates.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use HTTP::Tiny;
use Kontor;
use Test::More;
use Time::HiRes qw(time sleep);

my $t     = tenant(1);
my $org   = $t->{organization_id};
my $wa    = $t->{channels}{whatsapp_cloud};
my $run   = int(time * 10) % 100_000_000 * 10;
my $bo    = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my $omar  = browser(email => tenant()->{users}[1]{email}, password => tenant()->{users}[1]{password});

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

sub calls {
	my ($base, $match) = @_;
	return grep { $_->{path} =~ $match } @{ json_decode(HTTP::Tiny->new->get("$base/control/calls")->{content}) };
}

my $anon = kontor_json()->{anon_key};
sub rest {
	my ($method, $path, $user) = @_;
	my $token = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $user->{email}, password => $user->{password} })->{json}{access_token};
	return api($method => "/rest/v1/$path", apikey => $anon, bearer => $token);
}

# Of the page PATH, sent to ACTION.
sub form {
	my ($b, $path, $fields, $action) = @_;
	$b->get($path) if !$b->{csrf};
	return $b->submit($action // $path, $fields);
}

sub account { return (rows("select * from channel_accounts where id = '$_[0]'"))[0] }

# ---- an account is made by the form, checked, switched on -------------------------------------

my $token = "$run:good-token";
my $bot = standin('telegram.pl', '--token', $token);
my $name = "Health bot $run";

sub connect_bot {
	my ($of_name, $with, $secret) = @_;
	my $r = form($bo, '/settings/channels/new?type=telegram', { name => $of_name, bot_token => $with, secret_token => $secret,
		api_base => $bot, type => 'telegram' }, '/settings/channels/new');
	return psql("select id from channel_accounts where organization_id = '$org' and name = '$of_name'");
}

my $bad = connect_bot("Bad $run", "$run:wrong", "wrong-secret-$run");
ok(wait_for(10, sub { account($bad)->{last_error} }), 'CHA-12 CHA-18 credentials that are wrong are found by the check');
is(account($bad)->{is_active}, 0, 'CHA-12 and the channel stays inactive');
is(account($bad)->{connection_state}, 'Disconnected', 'CHA-6 and disconnected');
like($bo->get("/settings/channels/$bad/steps")->{content}, qr/token is not valid.*Check the credentials, the rights/s, 'CHA-18 and says what to check');

my $id = connect_bot($name, $token, "right-secret-$run");
ok(wait_for(10, sub { account($id)->{is_active} }), 'CHA-12 good ones make it active');
is(account($id)->{connection_state}, 'Connected', 'CHA-6 and connected');
is(account($id)->{provider_name}, '@stand_in_bot', 'CHA-3 with what the provider calls it');
like(account($id)->{check_notice}, qr/does not call this installation yet/, 'CHA-18 that the webhook lacks is noticed');
form($bo, "/settings/channels/$id/connect", { subscribe => 1 }, "/settings/channels/$id/check");
ok(wait_for(10, sub { account($id)->{subscribed_at} }), 'CHA-12 the webhook is set by a button');
my ($set) = calls($bot, qr/setWebhook/);
like($set->{params}{url}, qr{/functions/v1/telegram-webhook$}, 'CHA-28 with the address of this installation');
is($set->{params}{secret_token}, "right-secret-$run", 'CHA-30 and the secret');

# ---- receiving and answering, and the figures of both ---------------------------------------------

my $update = 0;
sub telegram {
	my ($text, $from) = @_;
	$update++;
	return api(POST => '/functions/v1/telegram-webhook', type => 'application/json',
		headers => { 'X-Telegram-Bot-Api-Secret-Token' => "right-secret-$run" },
		body => json_encode({ update_id => $run + $update, message => { message_id => $run + $update, date => int time,
			from => { id => $from // $run, is_bot => JSON::PP::false, first_name => 'Hea', last_name => "Lth$run" },
			chat => { id => $from // $run, type => 'private' }, text => $text } }))->{status};
}

is(form($bo, "/settings/channels/$id/connect", { client => '' }, "/settings/channels/$id/test")->{status}, 409,
	'CHA-12 a test message needs somebody who wrote');
is(wait_for(5, sub { telegram('Hello') == 200 }), 1, 'CHA-29 a call is taken');
ok(wait_for(10, sub { psql("select count(*) from conversations where channel_account_id = '$id'") }), 'CHA-29 and becomes a conversation');
form($bo, "/settings/channels/$id/connect", { client => '' }, "/settings/channels/$id/test");
ok(wait_for(10, sub { psql("select status from messages where id = (select last_test_id from channel_accounts where id = '$id')") eq 'SENT' }),
	'CHA-12 a test message goes to who wrote last');
like($bo->get("/settings/channels/$id/steps")->{content}, qr/Sent\./, 'CHA-12 and the page says so');
ok(wait_for(15, sub { psql("select received || ' ' || sent || ' ' || conversations || ' ' || answers from channel_totals where channel_account_id = '$id'") eq '1 1 1 1' }),
	'CHA-10 FACT-60 figures count messages in and out, conversations and answers, the test message too');
is(psql("select received || ' ' || sent from channel_days where channel_account_id = '$id'"), '1 1', 'CHA-10 and per day');
my $page = $bo->get("/settings/channels/$id")->{content};
like($page, qr/id="figure-received">1</, 'CHA-10 they are on the page of the account');
like($page, qr/Average response time/, 'CHA-10 with the response time');
like($bo->get('/settings/channels?q=' . $run)->{content}, qr/\Q$name\E/, 'CHA-1 SET-22 the list finds an account by its name');
unlike($bo->get('/settings/channels?state=inactive')->{content}, qr/\Q$name\E/, 'CHA-1 and filters by state');
is($omar->get('/settings/channels')->{status}, 403, 'CHA-15 nobody but owners and administrators sees these pages');
is(rest(GET => "channel_days?channel_account_id=eq.$id&select=received", $t->{users}[0])->{json}[0]{received}, 1,
	'CHA-10 the days are in the API');
is(scalar @{ rest(GET => "channel_days?channel_account_id=eq.$id", tenant()->{users}[0])->{json} }, 0, 'and of no other tenant');

# ---- two accounts of a kind ------------------------------------------------------------------------

my $second = connect_bot("Second $run", $token, "second-secret-$run");
ok(wait_for(10, sub { account($second)->{is_active} }), 'CHA-8 UC-CHANNELS-003 a second account of the kind stands beside the first');
is(psql("select count(*) from channel_totals where channel_account_id = '$second' and received > 0"), '0', 'CHA-8 with figures of its own');

# ---- not faster than the provider allows --------------------------------------------------------

psql("update channel_accounts set settings = settings || '{\"rate_per_second\": 4}' where id = '$id'");
telegram("Fast $_", $run + 10 + $_) for 1 .. 6;
ok(wait_for(10, sub { psql("select count(*) from conversations where channel_account_id = '$id' and external_id::bigint > " . ($run + 10)) == 6 }), 'six customers');
psql("insert into messages (organization_id, conversation_id, direction, content) select organization_id, id, 'OUTBOUND', 'Paced $run'
	from conversations where channel_account_id = '$id' and external_id::bigint > " . ($run + 10));
ok(wait_for(20, sub { psql("select count(*) from messages where content = 'Paced $run' and status = 'SENT'") == 6 }), 'are answered');
my @at = map { $_->{at} } grep { ($_->{params}{text} // '') eq "Paced $run" } calls($bot, qr/sendMessage/);
cmp_ok($at[-1] - $at[0], '>=', 1.1, 'CHA-10 six messages at four a second take their time: the rate of the account is kept');
psql("insert into messages (organization_id, conversation_id, direction, content) select organization_id, id, 'OUTBOUND', 'Chat $run ' || n
	from conversations, generate_series(1, 3) n where channel_account_id = '$id' and external_id = '" . ($run + 11) . "'");
ok(wait_for(20, sub { psql("select count(*) from messages where content like 'Chat $run %' and status = 'SENT'") == 3 }), 'three messages to one chat');
@at = map { $_->{at} } grep { ($_->{params}{text} // '') =~ /^Chat $run/ } calls($bot, qr/sendMessage/);
cmp_ok($at[2] - $at[0], '>=', 1.8, 'Telegram: one a second to one chat');

# ---- to the team of the account -------------------------------------------------------------------------

my $bo_id = psql("select id from profiles where organization_id = '$org' limit 1");
psql("insert into teams (organization_id, name) values ('$org', 'Sales $run'); insert into team_members (organization_id, team_id, user_id)
	select '$org', id, '$bo_id' from teams where name = 'Sales $run'");
my $team = psql("select id from teams where name = 'Sales $run'");
form($bo, "/settings/channels/$id", { team_id => $team, routing => 'least_busy', rate_per_second => 20 }, "/settings/channels/$id/routing");
telegram('For sales', $run + 5);
is(wait_for(10, sub { psql("select assignee_id from conversations where channel_account_id = '$id' and external_id = '" . ($run + 5) . "'") }), $bo_id,
	'CHA-13 UC-CHANNELS-003 a new conversation goes to a member of the team of its account');
is(psql("select settings ->> 'rate_per_second' from channel_accounts where id = '$id'"), 20, 'the rate of an account is a setting');
form($bo, "/settings/channels/$id", { enabled => 1, default_active => 1 }, "/settings/channels/$id/bot");
telegram('For the bot', $run + 6);
is(wait_for(10, sub { psql("select ai_agent_active from conversations where channel_account_id = '$id' and external_id = '" . ($run + 6) . "'") }), 't',
	'CHA-23 the channel says whether its bot begins');
form($bo, "/settings/channels/$id", { url => 'https://example.com/hook', method => 'PUT', headers => '{"X-Key": "v"}', body => '{"a": 1}' },
	"/settings/channels/$id/takeover");
is(psql("select settings #>> '{human_takeover_webhook,method}' || (settings #>> '{human_takeover_webhook,body,a}') from channel_accounts where id = '$id'"),
	'PUT1', 'CHA-22 the takeover webhook has address, method, headers and body');
is(form($bo, "/settings/channels/$id", { url => 'https://example.com/hook', headers => 'nonsense' }, "/settings/channels/$id/takeover")->{status}, 422,
	'CHA-22 what is no JSON is refused');

# ---- who uses it ---------------------------------------------------------------------------------------------

my $first = tenant();
my $anna = browser(email => $first->{users}[0]{email}, password => $first->{users}[0]{password});
my $tg0 = $first->{channels}{telegram}{id};
my $omar_id = psql("select id from profiles where email = '$first->{users}[1]{email}'");
my $seen = sub { psql("begin; select set_config('request.jwt.claims', '{\"sub\":\"$omar_id\",\"organization_id\":\"$first->{organization_id}\",\"role\":\"authenticated\",\"app_role\":\"AGENT\"}', true);
	set local role authenticated; select count(*) from channel_accounts where id = '$tg0'; commit") };
my @others = map { $_->{id} } rows("select p.id from profiles p join user_roles r on r.user_id = p.id and r.organization_id = p.organization_id where p.organization_id = '$first->{organization_id}' and r.role not in ('OWNER', 'ADMIN') and p.id <> '$omar_id'");
form($anna, "/settings/channels/$tg0", { user => $others[0] // '' }, "/settings/channels/$tg0/access");
like($seen->(), qr/\b0$/, 'CHA-21 INB-35 a member who is not given a channel does not see it');
form($anna, "/settings/channels/$tg0", { user => $omar_id }, "/settings/channels/$tg0/access");
like($seen->(), qr/\b1$/, 'CHA-21 given it, he does');
psql("delete from user_channel_access where user_id = '$omar_id'");

# ---- a token that dies -------------------------------------------------------------------------------------------

control($bot, 'fail', { match => 'getMe', times => 1, status => 401, body => { ok => JSON::PP::false, error_code => 401, description => 'Unauthorized' } });
psql("update channel_accounts set checked_at = now() - interval '2 days' where id = '$id'; select internal.channel_checks_due(500)");
ok(wait_for(10, sub { !account($id)->{is_active} }), 'CHA-19 FACT-391 the daily check switches a channel off whose token is dead');
is(psql("select count(*) from notifications where organization_id = '$org' and kind = 'channel.disconnected' and record_id = '$id'"), '1',
	'CHA-19 and the administrators are told');
like($bo->get("/settings/channels/$id")->{content}, qr/Disconnected.*not valid any more/s, 'CHA-11 the page says why');
is(telegram('While off'), 401, 'CHA-7 an inactive channel takes nothing in');
form($bo, "/settings/channels/$id/connect", {}, "/settings/channels/$id/check");
ok(wait_for(10, sub { account($id)->{is_active} }), 'CHA-19 one whose token is good again is switched on again');
is(psql("select string_agg(state, ' ' order by id desc) from (select * from channel_states where channel_account_id = '$id' order by id desc limit 2) s") =~ /on/ ? 1 : 0, 1,
	'CHA-11 its states are kept');

# ---- switched off by hand ------------------------------------------------------------------------------------------

form($bo, "/settings/channels/$id", {}, "/settings/channels/$id/switch");
is(account($id)->{is_active}, 0, 'CHA-4 an account is switched off');
my $talk = psql("select id from conversations where channel_account_id = '$id' order by created_at limit 1");
my $m = psql("insert into messages (organization_id, conversation_id, direction, content) values ('$org', '$talk', 'OUTBOUND', 'To nobody') returning id");
ok(wait_for(10, sub { psql("select status from messages where id = '$m'") eq 'FAILED' }), 'CHA-7 and sends nothing');
like(psql("select error from messages where id = '$m'"), qr/switched off/, 'CHA-7 and the message says so');
form($bo, "/settings/channels/$id", { on => 1 }, "/settings/channels/$id/switch");
is(account($id)->{is_active}, 1, 'CHA-4 and on');

# ---- calls, dead letters -----------------------------------------------------------------------------------------------

my $hook = psql("select id from inbound_hooks where channel_account_id = '$id' order by id limit 1");
$page = $bo->get('/settings/channels/log')->{content};
like($page, qr{log/$hook}, 'CHA-33 calls of providers are listed');
$page = $bo->get("/settings/channels/log/$hook")->{content};
like($page, qr/&quot;text&quot;: &quot;Hello&quot;/, 'CHA-33 with what came, laid out');
is($anna->get("/settings/channels/log/$hook")->{status}, 404, 'CHA-33 not to another tenant');
is($omar->get('/settings/channels/log')->{status}, 403, 'CHA-33 nor to agents');
like($bo->get("/settings/channels/log?channel=$id&state=done")->{content}, qr{log/$hook}, 'CHA-33 they are filtered by channel and outcome');
unlike($bo->get("/settings/channels/log?channel=$id&state=failed")->{content}, qr{log/$hook}, 'and by it alone');

psql("insert into inbound_hooks (organization_id, channel_account_id, dedupe, body, state, error, received_at) values ('$org', '$id', 'dead-$run',
	convert_to('{\"update_id\": " . ($run + 900) . ", \"message\": {\"message_id\": " . ($run + 900) . ", \"date\": 1760000000, \"from\": {\"id\": $run, \"is_bot\": false, \"first_name\": \"Hea\"},
	\"chat\": {\"id\": $run, \"type\": \"private\"}, \"text\": \"Late but here\", \"token\": \"tell-nobody\"}}', 'UTF8'), 'failed', 'The database was asleep', now())");
my $dead = psql("select id from inbound_hooks where dedupe = 'dead-$run'");
$page = $bo->get('/settings/channels/dead')->{content};
like($page, qr{\Q$dead\E.*The database was asleep}s, 'CHA-31 INB-117 a call that could not be worked on is a dead letter, with its reason');
# A letter that could not be sent may let its reader in: not even administrators read it there.
psql("insert into job.jobs (organization_id, kind, key, state, last_error, payload) values ('$org', 'mail', 'letter-$run', 'dead', 'No such mailbox',
	'{\"to\": \"owner-$run\@example.com\", \"subject\": \"Your link\", \"text\": \"https://x.example/secret-$run\"}')");
$page = $bo->get('/settings/channels/dead')->{content};
like($page, qr{owner-$run\@example\.com}, 'INB-117 a mail that could not be sent is a dead letter');
unlike($page, qr/secret-$run/, 'without its text, which may hold a link that signs somebody in');
psql("delete from job.jobs where key = 'letter-$run'");
unlike($bo->get("/settings/channels/log/$dead")->{content}, qr/tell-nobody/, 'CHA-16 secrets in it are covered');
form($bo, '/settings/channels/dead', { source => 'call', id => $dead }, '/settings/channels/dead/discard');
is(psql("select state from inbound_hooks where id = '$dead'"), 'ignored', 'INB-117 it can be discarded');
form($bo, '/settings/channels/dead', { source => 'call', id => $dead, back => 1 }, '/settings/channels/dead/discard');
is(psql("select state from inbound_hooks where id = '$dead'"), 'failed', 'INB-117 and that taken back');
form($bo, '/settings/channels/dead', { source => 'call', id => $dead }, '/settings/channels/dead/run');
ok(wait_for(10, sub { psql("select count(*) from messages where channel_account_id = '$id' and content = 'Late but here'") }),
	'CHA-31 INB-117 worked on again, it becomes what it should have been');
psql("update inbound_hooks set state = 'failed', processed_at = now() - interval '1 hour', received_at = now() - interval '2 hours', tried_at = null, tries = 0 where id = '$dead'");
psql("delete from messages where channel_account_id = '$id' and content = 'Late but here'; select internal.retry_dead_letters(1000)");
ok(wait_for(10, sub { psql("select count(*) from messages where channel_account_id = '$id' and content = 'Late but here'") }),
	'CHA-31 INB-117 and by itself after a while');
is(psql("select tries from inbound_hooks where id = '$dead'"), 1, 'which is counted');

# A call for a number that is connected later.
my $number = 990000000 + $run % 1000000;
my $body = json_encode({ object => 'whatsapp_business_account', entry => [{ id => '1', changes => [{ field => 'messages', value => {
	messaging_product => 'whatsapp', metadata => { display_phone_number => '15550783881', phone_number_id => "$number" },
	contacts => [{ profile => { name => 'Early Bird' }, wa_id => '4915' . sprintf('%09d', $run % 1_000_000_000) }],
	messages => [{ from => '4915' . sprintf('%09d', $run % 1_000_000_000), id => "wamid.early.$run", timestamp => '' . int time, type => 'text', text => { body => 'Too early' } }] } }] }] });
is(api(POST => '/functions/v1/whatsapp-cloud-webhook', body => $body, type => 'application/json',
	headers => { 'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $wa->{app_secret}) })->{status}, 200, 'CHA-73 a call of an unknown number is kept');
my $early = psql("select id from inbound_hooks where organization_id = '$org' and unmatched = '$number'");
is(form($bo, '/settings/channels/dead', { source => 'call', id => $early }, '/settings/channels/dead/run')->{status}, 409, 'CHA-73 it waits for its channel');
psql("insert into channel_accounts (organization_id, name, type, external_id, connection_state) values ('$org', 'Early $run', 'WHATSAPP_CLOUD', '$number', 'Connected')");
form($bo, '/settings/channels/dead', { source => 'call', id => $early }, '/settings/channels/dead/run');
ok(wait_for(10, sub { psql("select count(*) from messages m join channel_accounts a on a.id = m.channel_account_id where a.external_id = '$number' and m.content = 'Too early'") }),
	'CHA-73 CHA-31 once it is connected, the call is worked on in it');

# ---- health -----------------------------------------------------------------------------------------------------------------

psql("insert into messages (organization_id, conversation_id, direction, content, status, created_at) values ('$org', '$talk', 'OUTBOUND', 'Waits $run', 'PENDING', now() - interval '5 minutes');
	update job.jobs j set state = 'waiting', run_at = now() + interval '10 minutes', created_at = now() - interval '5 minutes' from messages m
	where m.content = 'Waits $run' and j.organization_id = m.organization_id and j.kind = 'send_message' and j.key = m.id::text");
$page = $bo->get('/settings/channels/health')->{content};
like($page, qr/data-channel="$id"/, 'INB-116 CHA-11 FACT-52 one cell for each account');
like($page, qr/Provider until here/, 'INB-114 with the time from the provider to us');
like($page, qr/Here until the inbox/, 'INB-114 and from there to the inbox');
like($page, qr/id="backlog-out">/, 'INB-115 the backlog');
like($page, qr/Wait for an answer/, 'INB-118 and the conversations on their way');
is($bo->get('/inbox-health')->{status}, 200, 'FACT-52 also under its own address');
psql("delete from job.jobs j using messages m where m.content = 'Waits $run' and j.key = m.id::text; delete from messages where content = 'Waits $run'");
my $refused = account($id)->{bad_signatures};
cmp_ok(psql("select lags from channel_days where channel_account_id = '$id' order by day desc limit 1"), '>', 0, 'INB-114 the provider\'s clock is compared');

is($bo->post("/settings/channels/$id/switch", { wizard => 1 })->{headers}{location}, '/onboarding', 'CHA-14 a card of the wizard switches its channel, and one is back there');
$bo->submit("/settings/channels/$id/switch", { on => 1 });

# ---- deleted ------------------------------------------------------------------------------------------------------------------

form($bo, "/settings/channels/$id", {}, "/settings/channels/$id/delete");
unlike($bo->get('/settings/channels')->{content}, qr/\Q$name\E/, 'CHA-5 a deleted account is in the list no more');
is(psql("select count(*) from conversations where channel_account_id = '$id'") > 0 ? 1 : 0, 1, 'CHA-5 its conversations stay');
is(psql("select count(*) from channel_secrets where channel_account_id = '$id'"), 0, 'CHA-16 its secrets do not');
is($bo->get("/inbox/$talk")->{status}, 200, 'CHA-5 they can be read');
$m = psql("insert into messages (organization_id, conversation_id, direction, content) values ('$org', '$talk', 'OUTBOUND', 'After the end') returning id");
ok(wait_for(10, sub { psql("select status from messages where id = '$m'") eq 'FAILED' }), 'CHA-5 nothing is sent by it');
is(form($bo, "/settings/channels/$id", { on => 1 }, "/settings/channels/$id/switch")->{status}, 409, 'CHA-5 and it does not come back');
is(rest(DELETE => "channel_accounts?id=eq.$second", $t->{users}[0])->{status}, 204, 'CHA-5 the API deletes in the same way');
is(psql("select deleted_at is not null and not is_active from channel_accounts where id = '$second'"), 't', 'CHA-5 which keeps the row');

psql("update channel_accounts set deleted_at = now() where organization_id = '$org' and (name = 'Early $run' or id = '$bad');
	delete from teams where id = '$team'");
done_testing;
