#!/usr/bin/perl
# Rate limits with their headers, and POSTs that are done once.
use strict;
use warnings;
use Kontor;
use Test::More;

# Small numbers, so that they are reached; the window is a minute of UTC, so a
# count that would cross its end begins after it.
my $k = own_instance(demo => 1, env => {
	KONTOR_RATE_FUNCTIONS => 100, KONTOR_RATE_REST => 12, KONTOR_RATE_KEY => 10, KONTOR_RATE_ADDRESS => 8,
});
my $json   = $k->json;
my $mine   = $json->{tenants}[0];
my $other  = $json->{tenants}[1];
my $proxy  = '/functions/v1/rest-api-proxy';

# What was agreed before the first call: one tenant has no limits, one key its own.
my ($out, $code) = $k->kontor('tenant', 'limit', '--tenant', $other->{organization_id}, '--plan', 'unlimited');
is($code, 0, 'bin/kontor tenant limit') or diag $out;
my $own = json_decode(scalar $k->kontor('key', 'create', '--tenant', $mine->{organization_id}, '--name', 'Own'))->{api_key};
$k->psql("update api_keys set rate_per_minute = 25 where name = 'Own'");

sub early_in_the_minute {
	my $left = 60 - time % 60;
	if ($left < 20) {
		note("waiting $left s for the next minute");
		sleep $left + 1;
	}
	return;
}

sub token {
	my ($tenant, $n) = @_;
	my $user = $tenant->{users}[$n // 0];
	my $r = $k->api(POST => '/auth/v1/token?grant_type=password', json => { email => $user->{email}, password => $user->{password} });
	return $r->{json}{access_token} // die "no token: $r->{status} $r->{content}\n";
}

sub rest {
	my ($token, $path) = @_;
	return $k->api(GET => "/rest/v1/$path", headers => { apikey => $json->{anon_key}, Authorization => "Bearer $token" });
}

# ---- per API key ---------------------------------------------------------------

early_in_the_minute();
my $r = $k->api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key});
is($r->{status}, 200, 'the first call');
is($r->{headers}{'x-ratelimit-limit'}, 10, 'API-65 API-66 the limit of a key');
is($r->{headers}{'x-ratelimit-remaining'}, 9, 'API-66 and what remains');
my $reset = $r->{headers}{'x-ratelimit-reset'};
ok($reset > time && $reset <= time + 61, 'API-66 until then, in seconds since 1970');
my @seen = map { $k->api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key})->{headers}{'x-ratelimit-remaining'} } 1 .. 9;
is("@seen", '8 7 6 5 4 3 2 1 0', 'API-66 all processes count together');
$r = $k->api(GET => "$proxy/contacts?limit=1", key => $mine->{api_key});
is($r->{status}, 429, 'API-67 one too many is 429');
is($r->{json}{code}, 'RATE_LIMIT_EXCEEDED', 'API-67 API-58 with its code');
is($r->{json}{error}, 'rate limit', 'CON-71 and its words');
cmp_ok($r->{headers}{'retry-after'}, '<=', 61, 'API-67 Retry-After says how long to wait');
cmp_ok($r->{headers}{'retry-after'}, '>', 0, 'API-67 which is not at once');
is($r->{headers}{'x-ratelimit-remaining'}, 0, 'API-66 a refused call has the headers too');
$r = $k->api(GET => "$proxy/contacts?limit=1", key => $other->{api_key});
is($r->{status}, 200, 'API-65 another key has its own count');
my $before = $k->psql("select count(*) from contacts where source = 'limit'");
$r = $k->api(POST => "$proxy/contacts", key => $mine->{api_key}, json => { first_name => 'No', source => 'limit' });
is($r->{status}, 429, 'API-67 a write is refused as well');
is($k->psql("select count(*) from contacts where source = 'limit'"), $before, 'and has written nothing');

# ---- per tenant ------------------------------------------------------------------

early_in_the_minute();
my @tokens = (token($mine, 0), token($mine, 1));
$r = rest($tokens[0], 'contacts?limit=1');
is($r->{headers}{'x-ratelimit-limit'}, 12, 'API-65 the limit of table REST');
rest($tokens[$_ % 2], 'contacts?limit=1') for 1 .. 11;
is(rest($tokens[1], 'contacts?limit=1')->{status}, 429, 'API-65 users of a tenant are counted together');
is(rest(token($other), 'contacts?limit=1')->{status}, 200, 'API-65 tenants are not');
$r = $k->api(GET => '/rest/v1/contacts?limit=1', headers => { apikey => $json->{service_key}, Authorization => "Bearer $json->{service_key}" });
is($r->{status}, 200, 'the key of the installation belongs to no tenant');

# ---- per address, and by agreement --------------------------------------------------

early_in_the_minute();
my @status = map { $k->api(GET => '/auth/v1/health')->{status} } 1 .. 9;
is($status[0], 200, 'a public address');
is($status[8], 429, 'API-67 is counted per client address');
@status = map { $k->api(GET => "$proxy/contacts?limit=1", key => $other->{api_key})->{status} } 1 .. 40;
is(scalar(grep { $_ == 200 } @status), 40, 'a plan without limits has none');
$r = $k->api(GET => "$proxy/contacts?limit=1", key => $own);
is($r->{headers}{'x-ratelimit-limit'}, 10, 'before the first answer the setting holds');
$r = $k->api(GET => "$proxy/contacts?limit=1", key => $own);
is($r->{headers}{'x-ratelimit-limit'}, 25, 'then what was agreed for the key');
@status = map { $k->api(GET => "$proxy/contacts?limit=1", key => $own)->{status} } 1 .. 30;
is(scalar(grep { $_ == 429 } @status), 7, 'and it is counted by that');

# ---- Idempotency-Key ------------------------------------------------------------------

# Of the tenant without limits: two keys.
my $free = $other->{api_key};
my $own_other = json_decode(scalar $k->kontor('key', 'create', '--tenant', $other->{organization_id}, '--name', 'Second'))->{api_key};

my $once = 'once-' . $$;
my $new = { first_name => 'Once', source => $once };
my @same = (key => $free, json => $new, headers => { 'Idempotency-Key' => "k-$$" });
my $first = $k->api(POST => "$proxy/contacts", @same);
is($first->{status}, 201, 'a POST with an Idempotency-Key');
ok(!$first->{headers}{'idempotency-replayed'}, 'is done the first time');
my $again = $k->api(POST => "$proxy/contacts", @same);
is($again->{status}, 201, 'sent again it is answered as before');
is($again->{content}, $first->{content}, 'with the same body');
is($again->{headers}{'content-type'}, $first->{headers}{'content-type'}, 'and type');
is($again->{headers}{'idempotency-replayed'}, 'true', 'and says so');
is($k->psql("select count(*) from contacts where source = '$once'"), 1, 'and nothing was done twice');
$r = $k->api(POST => "$proxy/contacts", key => $free, json => { first_name => 'Else', source => $once }, headers => { 'Idempotency-Key' => "k-$$" });
is($r->{status}, 422, 'the key with another body is refused');
$r = $k->api(POST => "$proxy/contacts", key => $own_other, json => $new, headers => { 'Idempotency-Key' => "k-$$" });
is($r->{status}, 201, 'another caller may use the same key');
$r = $k->api(POST => "$proxy/contacts", key => $free, json => { company_id => 'no uuid' }, headers => { 'Idempotency-Key' => "bad-$$" });
is($r->{status}, 400, 'what failed');
$r = $k->api(POST => "$proxy/contacts", key => $free, json => { first_name => 'Good', source => $once }, headers => { 'Idempotency-Key' => "bad-$$" });
is($r->{status}, 201, 'is not kept: the key is free for another attempt');
is($k->api(GET => "$proxy/contacts?limit=1", key => $free)->{status}, 200, 'no transaction stays open behind it');

# Ten at once with one key: one works, the others wait and get its answer.
my $race = "race-$$";
my @children = map {
	my $pid = open my $fh, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		my $c = $k->api(POST => "$proxy/contacts", key => $free,
			json => { first_name => 'Race', source => "$once-race" }, headers => { 'Idempotency-Key' => $race });
		print "$c->{status} $c->{json}[0]{id}\n";
		require POSIX;
		STDOUT->flush;
		POSIX::_exit(0);
	}
	$fh;
} 1 .. 10;
my %answers;
for my $fh (@children) {
	chomp(my $line = <$fh> // '');
	$answers{$line}++;
	close $fh;
}
is(scalar keys %answers, 1, 'ten at once with one key have one answer') or diag explain \%answers;
is($k->psql("select count(*) from contacts where source = '$once-race'"), 1, 'and made one contact');

# ---- batches ------------------------------------------------------------------------------

my $batch = json_decode(scalar $k->kontor('key', 'create', '--tenant', $mine->{organization_id}, '--name', 'Batch'))->{api_key};
my $bulk = $k->api(POST => '/functions/v1/import-contacts-bulk', key => $batch,
	json => { contacts => [map { { first_name => "Batch $_" } } 1 .. 50] });
is("$bulk->{status} $bulk->{json}{summary}{new_contacts} $bulk->{headers}{'x-ratelimit-remaining'}", '200 50 9',
	'API-68 CON-71 a batch of 50 rows counts as one request');

done_testing;
