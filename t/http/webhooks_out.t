#!/usr/bin/perl
# From a change in the database to a signed request at the tenant's endpoint.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use File::Temp qw(tempdir);
use IPC::Open2;
use JSON::PP;
use Kontor;
use Kontor::Receiver;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep time);

my $k = own_instance(demo => 1, conf => { net_insecure_webhooks => 'on', net_allow => '127.0.0.1',
	webhook_retry_s => '1,1', db_statement_timeout => '15s' });
my $rx     = Kontor::Receiver->start;
my $org    = $k->json->{tenants}[0]{organization_id};
my $other  = $k->json->{tenants}[1]{organization_id};
my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

sub sql { return $k->psql($_[0]) }

# An endpoint; returns its id.
sub webhook {
	my ($tenant, $path, $events, %o) = @_;
	my $url = $path =~ /^http/ ? $path : $rx->url($path);
	my ($out, $code) = $k->kontor('webhook', 'create', '--tenant', $tenant, '--url', $url, '--events', $events,
		map { ("--$_", $o{$_}) } sort keys %o);
	die "webhook create: $out" if $code;
	return decode_json($out)->{webhook_id};
}

sub contact {
	my ($tenant, $name, %o) = @_;
	my $fields = $o{fields} // "'{}'";
	return sql("insert into contacts (organization_id, first_name, custom_fields) values ('$tenant', '$name', $fields) returning id");
}

sub log_of { return $k->rows("select * from webhook_logs where webhook_id = '$_[0]' order by created_at") }

sub arrived {
	my ($path, $n) = @_;
	wait_for(15, sub { $rx->requests($path) >= $n });
	return $rx->requests($path);
}

# ---- one event, whole ----------------------------------------------------------------

my $hook = webhook($org, '/ok/first', 'contact.created,contact.updated', secret => $secret,
	headers => '{"Authorization":"Bearer abc","X-Source":"Kontor","X-Webhook-Event":"mine"}');
my $odd = q(E'{"n": 1500.00, "big": 9007199254740993, "tiny": 1e-7, "10": 1, "9": 2, "t": "é€😀 / \u2028 \\\\\\\\ \\\\"q\\\\"", "signed_at": "2025-01-15T14:34:56+02:00"}');
my $company = sql("insert into companies (organization_id, name) values ('$org', 'Acme Corp') returning id");
my $before  = time;
my $id      = sql("insert into contacts (organization_id, first_name, phones, company_id, custom_fields) values ('$org', 'Ann',"
	. " '{+201000000001}', '$company', $odd) returning id");
my ($r) = arrived('/ok/first', 1);
cmp_ok($r->{time} - $before, '<', 10, 'WHK-39 in near real time');
is($r->{method}, 'POST', 'WHK-32 always POST');
my $h = $r->{headers};
is($h->{'content-type'}, 'application/json', 'WHK-33 Content-Type');
is($h->{'x-webhook-event'}, 'contact.created', 'WHK-34 X-Webhook-Event');
my $body = decode_json($r->{body});
is($h->{'x-webhook-timestamp'}, $body->{timestamp}, 'WHK-35 X-Webhook-Timestamp is the time of the body');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'in UTC with milliseconds and Z');
is($h->{'x-webhook-signature'}, hmac_sha256_hex($r->{body}, $secret), 'WHK-40 WHK-41 bare hex HMAC over the body');
is($h->{authorization}, 'Bearer abc', 'WHK-7 WHK-37 custom headers');
is_deeply([sort keys %$body], [qw(data event timestamp)], 'WHK-38 exactly event, timestamp, data');
is($body->{data}{id}, $id, 'WHK-46 data is the row');
is($body->{data}{organization_id}, $org, 'WHK-46 with its organization_id');
is($body->{data}{organization}{slug}, sql("select slug from organizations where id = '$org'"), 'WHK-47 organization beside its id');
is_deeply($body->{data}{organization}{settings}, {}, 'settings are never sent');
is($body->{data}{company}{name}, 'Acme Corp', 'WHK-51 company of the contact');
is($body->{data}{custom_fields}{signed_at}, '2025-01-15T14:34:56+02:00', "a customer's own text stays as it is");
my $key = decode_base64(substr $secret, 6);
is($h->{'webhook-signature'}, 'v1,' . encode_base64(hmac_sha256("$h->{'webhook-id'}.$h->{'webhook-timestamp'}.$r->{body}", $key), ''),
	'Standard Webhooks signature');
is($h->{'x-webhook-id'}, $h->{'webhook-id'}, 'X-Webhook-Id is the same id');
is($h->{'webhook-id'}, sql("select id from events where organization_id = '$org' and record_id = '$id' and type = 'contact.created'"),
	'which is the id of the event');
is($h->{'webhook-sequence'}, sql("select seq from events where id = '$h->{'webhook-id'}'"), 'webhook-sequence is its number');

my @log = wait_for(5, sub { log_of($hook) }) ? log_of($hook) : ();
is(scalar(@log), 1, 'WHK-63 the attempt is logged');
is("$log[0]{status} $log[0]{response_status} $log[0]{response_body} $log[0]{event_type}", 'success 200 OK contact.created',
	'WHK-63 with status, answer and event');
is($log[0]{payload}, do { my $t = $r->{body}; utf8::decode($t); $t }, 'WHK-63 and the bytes that were sent');

# ---- the published receivers ------------------------------------------------------------

sub verified {
	my ($program, @args) = @_;
	my $pid = open2(my $out, my $in, $program, @args);
	print $in encode_json({ headers => $h, secret => $secret, raw => encode_base64($r->{body}, '') });
	close $in;
	my $said = do { local $/; <$out> };
	waitpid $pid, 0;
	return $said // '';
}

my $node = <<'END';
const crypto = require('crypto'), got = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const raw = Buffer.from(got.raw, 'base64').toString('utf8');
const req = { headers: got.headers, body: JSON.parse(raw) };   // what express.json() leaves
const hmac = crypto.createHmac('sha256', got.secret);
hmac.update(JSON.stringify(req.body));
console.log(req.headers['x-webhook-signature'] === hmac.digest('hex') ? 'OK' : 'Invalid signature');
END
my $python = <<'END';
import hmac, hashlib, json, sys, base64
got = json.load(sys.stdin)
computed = hmac.new(got['secret'].encode(), base64.b64decode(got['raw']), hashlib.sha256).hexdigest()
print('OK' if hmac.compare_digest(computed, got['headers']['x-webhook-signature']) else 'Invalid signature')
END
my $npm = <<'END';
const { Webhook } = require('standardwebhooks'), got = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const raw = Buffer.from(got.raw, 'base64').toString('utf8');
const out = [];
try { new Webhook(got.secret).verify(raw, got.headers); out.push('OK'); } catch (e) { out.push(String(e)); }
try { new Webhook('whsec_' + 'A'.repeat(32)).verify(raw, got.headers); out.push('OK'); } catch (e) { out.push('refused'); }
console.log(out.join(' '));
END

SKIP: {
	skip 'node is not installed', 1 if system('node -e 0 2>/dev/null');
	is(verified('node', '-e', $node), "OK\n", 'WHK-42 the published Node sample verifies the re-serialised body');
}
SKIP: {
	skip 'python3 is not installed', 1 if system('python3 -c 0 2>/dev/null');
	is(verified('python3', '-c', $python), "OK\n", 'WHK-43 the published Python sample verifies the raw bytes');
}
SKIP: {
	local $ENV{NODE_PATH} = ($ENV{KONTOR_TREE} // '.') . '/t/pages/node_modules';
	skip 'standardwebhooks of npm is not installed (npm ci in t/pages)', 1 unless -d "$ENV{NODE_PATH}/standardwebhooks";
	is(verified('node', '-e', $npm), "OK refused\n", 'WHK-44 the library standardwebhooks verifies ours, and no other secret');
}

# ---- who gets what --------------------------------------------------------------------------

my $second = webhook($org, '/ok/second', 'contact.created');
my $paused = webhook($org, '/ok/paused', 'contact.created');
my $alias  = webhook($org, '/ok/alias', 'message.created');
my $theirs = webhook($other, '/ok/theirs', 'contact.created');
sql("update webhook_configurations set is_active = false where id = '$paused'");
contact($org, 'Bert');
my ($plain) = arrived('/ok/second', 1);
ok(!exists $plain->{headers}{'x-webhook-signature'} && !exists $plain->{headers}{'webhook-signature'},
	'WHK-36 no signature without a secret');
is(scalar(arrived('/ok/first', 2)), 2, 'WHK-4 each subscribed webhook gets its own request');
sql("insert into deals (organization_id, title, stage, contact_id) values ('$org', 'Big', 'new', '$id')");
my $c = $k->json->{tenants}[0]{channels}{telegram} // $k->json->{channels}{telegram};
$k->api(POST => $c->{webhook_url}, headers => { 'X-Telegram-Bot-Api-Secret-Token' => $c->{secret_token} },
	json => { update_id => 990001, message => { message_id => 990001, date => int time,
		from => { id => 990, is_bot => JSON::PP::false, first_name => 'Tess' }, chat => { id => 990, type => 'private' },
		text => 'Hello, I need help with my order' } });
my ($message) = arrived('/ok/alias', 1);
is($message->{headers}{'x-webhook-event'}, 'message.received', 'message.created is delivered as message.received');
my $data = decode_json($message->{body})->{data};
is("$data->{direction} $data->{status}", 'INBOUND DELIVERED', 'WHK-54 direction and status of a received message');
is($data->{channel_type}, 'TELEGRAM', 'WHK-53 with its channel');
is($data->{contact}{first_name}, 'Tess', 'WHK-47 contact beside its id');
is($data->{conversation}{id}, $data->{conversation_id}, 'WHK-47 WHK-48 conversation beside its id');
is_deeply($data->{conversation}{channel_account}{settings}, {}, 'WHK-51 channel account without its settings');
like($message->{body}, qr/"data":\{"id":"[^"]+","conversation_id":"[^"]+","contact_id":"[^"]+","organization_id":"[^"]+","content":"[^"]+","direction":"INBOUND","status":"DELIVERED","created_at":"[^"]+","channel_type":"TELEGRAM","channel_name":"[^"]+","contact":\{/,
	'the keys in the documented order');
is(scalar($rx->requests('/ok/paused')), 0, 'WHK-5 a paused webhook gets nothing');
is(scalar($rx->requests('/ok/theirs')), 0, "no tenant gets another's events");
is(sql("select count(*) from webhook_deliveries where organization_id = '$org' and event_type = 'deal.created'"), 0,
	'WHK-62 only subscribed events become deliveries');

# ---- objects that cannot be read ---------------------------------------------------------------

my $function = sql("select pg_get_functiondef('event.organization_object'::regproc)");
sql("create or replace function event.organization_object(org uuid) returns json language plpgsql stable as"
	. " 'begin raise exception ''out of order''; end'");
contact($org, 'Idonly');
wait_for(10, sub { grep { $_->{body} =~ /Idonly/ } $rx->requests('/ok/second') });
sql($function);
my $ids = decode_json(((grep { $_->{body} =~ /Idonly/ } $rx->requests('/ok/second'))[0] // { body => '{}' })->{body})->{data};
ok($ids->{organization_id} && !$ids->{organization}, 'WHK-49 without the objects the ids are sent alone');

# ---- failures --------------------------------------------------------------------------------------

sub one {    # an endpoint, an event for it alone, and its attempts when they are over
	my ($path, $attempts, %o) = @_;
	my $w = webhook($org, $path, 'note.created', %o);
	sql("insert into notes (organization_id, contact_id, content) values ('$org', '$id', 'x')");
	wait_for(25, sub { @{ [log_of($w)] } >= $attempts });
	sleep 0.2;
	my @l = log_of($w);
	my ($d) = $k->rows("select * from webhook_deliveries where webhook_id = '$w'");
	my ($c) = $k->rows("select is_active, failing_since, last_success_at from webhook_configurations where id = '$w'");
	sql("update webhook_configurations set is_active = false where id = '$w'");
	return ($d, $c, @l);
}

my ($d, $conf, @l) = one('/flaky/2', 3, secret => 'plain secret');
is(join(' ', map { $_->{status} } @l), 'failure failure success', 'WHK-57 a failed delivery is tried again');
my @tries = $rx->requests('/flaky/2');
is(scalar(keys %{ { map { $_->{body} => 1 } @tries } }), 1, 'the body stays the same');
is(scalar(keys %{ { map { $_->{headers}{'x-webhook-signature'} => 1 } @tries } }), 1, 'and its signature');
is(scalar(keys %{ { map { $_->{headers}{'webhook-id'} => 1 } @tries } }), 1, 'WHK-58 and its id');
cmp_ok($tries[2]{headers}{'webhook-timestamp'}, '>', $tries[0]{headers}{'webhook-timestamp'}, 'webhook-timestamp is fresh');
is($tries[0]{headers}{'webhook-signature'}, 'v1,' . encode_base64(hmac_sha256("$tries[0]{headers}{'webhook-id'}."
	. "$tries[0]{headers}{'webhook-timestamp'}.$tries[0]{body}", 'plain secret'), ''), 'a secret without whsec_ is its own bytes');
is("$d->{state} $d->{attempts}", 'delivered 3', 'the delivery knows how it went');
ok(!$conf->{failing_since} && $conf->{last_success_at}, 'and so does the endpoint');

my $dead;
($dead, $conf, @l) = one('/status/500', 3);
is("$dead->{state} $dead->{attempts}", 'dead 3', 'after the last attempt it is dead');
ok($conf->{failing_since}, 'WHK-61 the endpoint is known to fail');
is($l[0]{error_message}, 'The receiver answered 500', 'the log says why');
like($k->kontor('job', 'dead', '--tenant', $org), qr/"The receiver answered 500"/, 'WHK-60 the dead letter can be looked at');

(my $moved, $conf, @l) = one('/redirect', 1);
like($l[0]{error_message}, qr/redirects are not followed/, 'a redirect is a failure');
is(scalar(grep { $_->{headers}{'x-webhook-event'} eq 'note.created' } $rx->requests('/ok')), 0, 'and not followed');
is($moved->{state}, 'waiting', 'it is tried again');

(my $gone, $conf, @l) = one('/status/410', 1);
is($gone->{state} . ($conf->{is_active} ? ' on' : ' off'), 'dead off', '410 switches the webhook off at once');

(my $after) = one('/after/30', 1);
is(sql("select next_attempt_at > now() + interval '20 seconds' from webhook_deliveries where id = '$after->{id}'"), 't',
	'Retry-After is kept');

my $hits = () = $rx->requests;
(my $inner, $conf, @l) = one('http://127.0.0.2:9/', 1);
like($l[0]{error_message}, qr/refus|allow|private|loopback|not/i, 'a private address is refused: ' . ($l[0]{error_message} // ''));
(my $text, $conf, @l) = one('/text/100000', 1);
is(length $l[0]{response_body}, 4096, 'of an answer 4 KB are kept');

# By hand, as an administrator of the tenant.
my $as = "select set_config('request.jwt.claims', '{\"organization_id\":\"$org\",\"app_role\":\"%s\"}', false); set role authenticated;";
sql("update webhook_configurations set url = '" . $rx->url('/ok/repaired') . "', is_active = true where id = '$dead->{webhook_id}'");
sql(sprintf($as, 'ADMIN') . "select webhook_retry('$dead->{id}')");
is(scalar(arrived('/ok/repaired', 1)), 1, 'WHK-59 a dead delivery is sent again by hand');
is(($rx->requests('/ok/repaired'))[0]{headers}{'webhook-id'}, $dead->{event_id}, 'under its old id');
ok(!eval { sql(sprintf($as, 'AGENT') . "select webhook_retry('$dead->{id}')"); 1 }, 'WHK-9 agents may not');

# ---- the Test button -----------------------------------------------------------------------------------

my $tested = webhook($org, '/ok/tested', 'message.received,deal.created', secret => $secret);
sql(sprintf($as, 'OWNER') . "select webhook_test('$tested', 'message.received')");
my ($test) = arrived('/ok/tested', 1);
is($test->{headers}{'x-webhook-signature'}, hmac_sha256_hex($test->{body}, $secret),
	'WHK-66 WHK-67 a test event with normal headers and signature');
is(decode_json($test->{body})->{data}{direction}, 'INBOUND', 'WHK-66 in the shape of its event');
ok(wait_for(5, sub { grep { $_->{response_status} == 200 } log_of($tested) }), 'WHK-63 WHK-66 logged with the response code');

# ---- in the form of the CRM API ---------------------------------------------------------------------------

my $crm = webhook($org, '/ok/crm', 'contact.created,deal.created,deal.stage.changed', secret => $secret);
sql("update webhook_configurations set format = 'crm' where id = '$crm'");
sql("insert into contacts (organization_id, first_name, last_name, emails, status) values ('$org', 'John', 'Doe', '{john.doe\@example.com}', 'Lead')");
my ($sent) = arrived('/ok/crm', 1);
my $said = decode_json($sent->{body});
is_deeply([sort keys %$said], [qw(data event tenantId timestamp)], 'CAP-15 CAP-16 the payload of the CRM API');
is($said->{event}, 'contact.created', 'CAP-16 its event');
like($said->{tenantId}, qr/^ten_[0-9A-HJKMNP-TV-Z]{26}$/, 'CAP-12 CAP-16 its tenant');
like($said->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'CAP-16 its time');
is_deeply([@{ $said->{data} }{qw(firstName lastName email status)}], ['John', 'Doe', 'john.doe@example.com', 'Lead'], 'CAP-16 the full record');
like($said->{data}{id}, qr/^cnt_/, 'CAP-12 with prefixed ids');
like($said->{data}{createdAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'CAP-13 in camelCase');
is($sent->{headers}{'x-webhook-signature'}, hmac_sha256_hex($sent->{body}, $secret), 'signed like any other');
sql("insert into deals (organization_id, title, pipeline_id) select '$org', 'Crm', id from pipelines where organization_id = '$org' and is_default limit 1");
sql("update deals set stage = 'won' where organization_id = '$org' and title = 'Crm'");
my @deals = grep { $_->{body} =~ /opportunity/ } arrived('/ok/crm', 3);
is_deeply([sort map { decode_json($_->{body})->{event} } @deals], ['opportunity.created', 'opportunity.stage_changed'], 'CAP-14 subscribed events by their names there');
is($deals[0]{headers}{'x-webhook-event'}, decode_json($deals[0]{body})->{event}, 'in the header too');

# ---- a slow endpoint, a busy tenant ------------------------------------------------------------------------

sql("update webhook_configurations set is_active = false");
my @slow = map { webhook($org, "/hang/$_", 'company.created') } 1 .. 5;
my $fast = webhook($org, '/ok/fast', 'contact.created');
sql("insert into companies (organization_id, name) select '$org', 'C' || i from generate_series(1, 40) i");
wait_for(10, sub { $rx->requests('/hang/5') >= 4 });
contact($org, 'Quick');
arrived('/ok/fast', 1);
is(scalar($rx->requests('/ok/fast')), 1, 'WHK-56 endpoints that hang do not delay another one of the same tenant');
is(scalar($rx->requests('/hang/1')), 4, 'no more than 4 calls to one endpoint at once');
sql("update webhook_configurations set is_active = false where url like '%hang%'");

my $mass = webhook($org, '/slow/20', 'contact.created');
sql("update webhook_configurations set is_active = true where id = '$theirs'");
sql("insert into contacts (organization_id, first_name) select '$org', 'Mass' || i from generate_series(1, 1000) i");
wait_for(10, sub { $rx->requests('/slow/20') >= 20 });
contact($other, 'Single');
arrived('/ok/theirs', 1);
cmp_ok(scalar($rx->requests('/slow/20')), '<', 1000, 'a tenant with 1,000 deliveries does not delay another tenant');

$k->stop;
done_testing;
