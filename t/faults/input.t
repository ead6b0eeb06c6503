#!/usr/bin/perl
# What no honest client sends: an answer of the documented shape, nothing
# stored, and every process still alive.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Test::More;

my $key   = tenant()->{api_key};
my $proxy = '/functions/v1/rest-api-proxy';
my $org   = tenant()->{organization_id};
my $count = "select (select count(*) from contacts where organization_id = '$org') + (select count(*) from deals where organization_id = '$org')";
my $before = psql($count);
my @pids   = sort map { kontor()->pids($_) } qw(api webhooks share booking quote app);

sub refused {
	my ($r, $what) = @_;
	my $good = $r->{status} >= 400 && $r->{status} < 500 && ref $r->{json} eq 'HASH' && length($r->{json}{error} // '')
		&& $r->{json}{error} eq ($r->{json}{message} // '') && length($r->{json}{code} // '');
	ok($good, $what) or diag "$r->{status} " . substr $r->{content}, 0, 200;
	return;
}

sub write_contact { api(POST => "$proxy/contacts", key => $key, type => 'application/json', body => $_[0]) }

refused(write_contact($_->[1]), "API-57 $_->[0]") for
	['malformed JSON', '{"first_name":'],
	['two documents', '{} {}'],
	['no JSON at all', "\x00\x01\x02"],
	['bad UTF-8', qq({"first_name":"\xff\xfe"})],
	['a NUL in a text', '{"first_name":"a\u0000b"}'],
	['a lone surrogate', '{"first_name":"\ud800"}'],
	['deep nesting', '{"custom_fields":' . '[' x 5000 . ']' x 5000 . '}'],
	['a number as the body', '42'],
	['an unknown column', '{"frist_name":"x"}'],
	['the wrong type', '{"opt_in_status":"perhaps"}'],
	['a bad e-mail', '{"emails":["nobody"]}'],
	['a bad phone', '{"phones":["abc"]}'],
	['a text that is too long', '{"first_name":"' . 'x' x 101 . '"}'];
my $r = api(POST => "$proxy/contacts", key => $key, type => 'application/json', body => '{"first_name":"' . 'x' x 10_000_000 . '"}');
is($r->{status}, 413, '10 MB of body');
refused($r, 'API-57 in the documented shape');

# SQL in every parameter: it is data or an error, never a statement.
my $sql = "'; drop table contacts; --";
(my $sent = $sql) =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
for my $query ("first_name=eq.$sent", "first_name=ilike.$sent", "first_name=in.($sent)", "tags=cs.{$sent}") {
	$r = api(GET => "$proxy/contacts?$query", key => $key);
	ok($r->{status} == 200 || $r->{status} == 400, "SQL as a value: $query") or diag $r->{content};
}
refused(api(GET => "$proxy/$_", key => $key), "SQL as $_") for "contacts?$sent=eq.1", "contacts?select=$sent",
	"contacts?order=$sent", "contacts?limit=$sent", "contacts?offset=$sent", "contacts?or=($sent)", $sent,
	"contacts?id=eq.$sent", "contacts?created_at=gt.$sent";
refused(api(DELETE => "$proxy/contacts", key => $key), 'a delete without a filter');
refused(api(PATCH => "$proxy/contacts", key => $key, json => { first_name => 'x' }), 'a change without a filter');
refused(api(DELETE => "$proxy/contacts?id", key => $key), 'a delete with half a filter');
refused(api(GET => "$proxy/contacts", key => "cg_$sent"), 'SQL as the key');
is(api(GET => "$proxy/contacts?first_name=eq.%ff%fe", key => $key)->{status}, 400, 'bad UTF-8 in the query');
is(api(GET => "$proxy/contacts?first_name=eq.%00", key => $key)->{status}, 400, 'a NUL in the query');


# ---- what a table does not take ------------------------------------------------

my $login = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => tenant()->{users}[0]{email}, password => tenant()->{users}[0]{password} });
my $jwt = $login->{json}{access_token} // die "no token: $login->{content}\n";
my %as  = (apikey => kontor_json()->{anon_key}, bearer => $jwt);

# Each on both doors, with its status, code, and what the words name.
for my $case (
	['an unknown table', GET => 'contcts', undef, 404, 'PGRST205', qr/contacts/],
	['an unknown column to read', GET => 'contacts?select=id,frist_name', undef, 400, '42703', qr/first_name/],
	['an unknown column to filter', GET => 'contacts?frist_name=eq.x', undef, 400, '42703', qr/first_name/],
	['an unknown column to sort by', GET => 'contacts?order=frist_name', undef, 400, '42703', qr/first_name/],
	['an unknown relation', GET => 'contacts?select=id,compnies(name)', undef, 400, 'PGRST200', qr/compan/],
	['an unknown function', POST => 'rpc/get_unanswerd_conversations_count', '{}', 404, 'PGRST202', qr/get_unanswered_conversations_count/],
	['an unknown operator', GET => 'contacts?first_name=equals.x', undef, [200, 400], undef, qr/./],
	['half a tree', GET => 'contacts?or=(first_name.eq.x', undef, 400, undef, qr/./],
	['half a list', GET => 'contacts?id=in.(', undef, 400, undef, qr/./],
	['half a selection', GET => 'contacts?select=id,companies(name', undef, 400, undef, qr/./],
	['a range that ends before it begins', GET => 'contacts?limit=-1', undef, [400, 416], undef, qr/./],
	['an offset that is none', GET => 'contacts?offset=99999999999999999999999', undef, 400, undef, qr/./],
	['no UUID', GET => 'contacts?id=eq.12', undef, 400, '22P02', qr/id|uuid/],
	['no date', GET => 'contacts?created_at=gt.soon', undef, 400, undef, qr/created_at|timestamp/],
	['a number that is none', POST => 'deals', '{"title":"x","value":"many"}', [400, 422], undef, qr/value/],
	['a number beyond all', POST => 'deals', '{"title":"x","value":1e400}', [400, 422], undef, qr/./],
	['a number too big for its type', POST => 'deals', '{"title":"x","probability":99999999999999999999}', [400, 422], undef, qr/overflow|range/],
	['a probability beyond 100', POST => 'deals', '{"title":"x","probability":101}', [400, 422], undef, qr/probability/],
	['an object for a text array', POST => 'contacts', '{"first_name":"x","tags":{"a":1}}', [400, 422], undef, qr/tags/],
	['an array for a flag', POST => 'contacts', '{"first_name":"x","opt_in_status":[1]}', [400, 422], undef, qr/opt_in_status/],
	['a reference to nothing', POST => 'deals', '{"title":"x","contact_id":"00000000-0000-4000-8000-000000000000"}', [400, 409], '23503', qr/contact/],
	['a required value left out', POST => 'deals', '{"value":1}', 400, '23502', qr/title/],
	['rows of different kinds', POST => 'deals', '[{"title":"x"},{"title":"y","valu":2}]', 400, undef, qr/./],
	['a list in a list', POST => 'deals', '[[{"title":"x"}]]', 400, undef, qr/./],
	['a list of numbers', POST => 'deals', '[1,2]', 400, undef, qr/./],
	['no body', POST => 'deals', '', 400, undef, qr/./],
	['a body cut off', POST => 'deals', '[{"title":"x"},{"titl', 400, undef, qr/./],
	['two of one key', POST => 'contacts', '{"first_name":"x","first_name":"y","emails":["nobody"]}', [400, 422], undef, qr/./],
	['a NUL in a key', POST => 'contacts', '{"first\u0000name":"x"}', 400, undef, qr/./],
	['a NUL within JSON', POST => 'contacts', '{"first_name":"x","custom_fields":{"a":"\u0000"}}', 400, undef, qr/./],
	['a lone surrogate within JSON', POST => 'contacts', '{"first_name":"x","custom_fields":{"a":"\udc00"}}', 400, undef, qr/./],
	['bad UTF-8 within JSON', POST => 'contacts', qq({"first_name":"x","custom_fields":{"a":"\xc0\xaf"}}), 400, undef, qr/./],
	['a change of everything', PATCH => 'contacts', '{"first_name":"x"}', 400, undef, qr/filter/],
	['a change with half a filter', PATCH => 'contacts?first_name', '{"first_name":"x"}', 400, undef, qr/./],
	['a change to nothing known', PATCH => 'contacts?first_name=eq.nobody', '{"frist_name":"x"}', 400, undef, qr/frist_name/],
	['a delete of everything', DELETE => 'deals', undef, 400, undef, qr/filter/],
	['a delete by order alone', DELETE => 'deals?order=id&limit=1', undef, 400, undef, qr/filter/],
	['a method that there is not', PUT => 'rpc/get_unanswered_conversations_count', '{}', 405, undef, qr/./],
	['a table that is closed', GET => 'api_keys?select=key_hash', undef, [400, 401, 403, 404], undef, qr/./],
) {
	my ($what, $method, $path, $body, $status, $code, $words) = @$case;
	for my $door (["$proxy/", key => $key], ['/rest/v1/', %as]) {
		my ($base, @who) = @$door;
		my $got = api($method, "$base$path", @who, defined $body ? (type => 'application/json', body => $body) : ());
		my $where = "$what at $base";
		# On the proxy a bare value is equality (API-31).
		if (ref $status && $status->[0] == 200 && $got->{status} == 200) {
			is($got->{content}, '[]', "API-31 $where is a value that nobody has");
			next;
		}
		refused($got, "API-57 $where");
		ok((grep { $got->{status} == $_ } ref $status ? @$status : $status), "API-61 $where: its status") or diag "$got->{status} $got->{content}";
		is($got->{json}{code}, $code, "API-58 $where: its code") or diag $got->{content} if defined $code;
		like(join(' ', map { ref ? json_encode($_) : $_ } grep { defined } @{ $got->{json} }{qw(message details hint)}), $words, "API-62 $where: it says what")
			or diag $got->{content};
	}
}

# Deep is not malformed: it is stored as it was sent.
my $deep = '{"a":' x 1000 . '1' . '}' x 1000;
my $kept = api(POST => '/rest/v1/contacts', %as, type => 'application/json', body => qq({"first_name":"Deep $$","custom_fields":$deep}));
is($kept->{status}, 201, '1000 levels') or diag $kept->{content};
is(psql("select custom_fields = '$deep'::jsonb from contacts where first_name = 'Deep $$'"), 't', '... are stored');
psql("delete from contacts where first_name = 'Deep $$'");

# ---- every function ------------------------------------------------------------

open my $def, '<', "$FindBin::Bin/../../fcgi/api/functions.def" or die "functions.def: $!\n";
my $nobody = '00000000-0000-4000-8000-000000000000';
my @functions = map { s/:id/$nobody/; /^FUNCTION\(HTTP_(\w+), "([^"]+)"/ ? [$1, $2] : () } <$def>;
close $def;
cmp_ok(scalar @functions, '>=', 30, scalar(@functions) . ' functions');
my @bodies = ('{', '[]', '42', 'null', '"x"', "\xff\xfe", '{"a":"\u0000"}', '[' x 1001 . ']' x 1001,
	'{' . join(',', map { qq("$_":[[{}]]) } qw(name phone content direction status to message leads deals contacts searchTerm tags
		dealStatus csvData organizationId organization_id email role token password conversation_id action contactIds companyIds
		import_id priceId first_name emails phones deal permissions expires_in_days expires_at)) . '}',
	'{' . join(',', map { qq("$_":1e308) } qw(name phone content direction status to message leads deals contacts searchTerm tags
		dealStatus csvData organizationId organization_id email role token password conversation_id action contactIds companyIds
		import_id priceId first_name emails phones deal permissions expires_in_days expires_at)) . '}');
for (@functions) {
	my ($method, $name) = @$_;
	my (@bad, $n);
	if ($method eq 'POST') {
		for my $body (@bodies) {
			my $got = api(POST => "/functions/v1/$name", key => $key, type => 'application/json', body => $body);
			# Some take no parameter that they have to have.
			push @bad, substr($body, 0, 20) . " -> $got->{status} $got->{content}" unless $got->{status} == 200 && ref $got->{json}
				|| $got->{status} >= 400 && $got->{status} < 500 && length($got->{json}{error} // '') && length($got->{json}{code} // '')
				|| $got->{status} == 503 && ($got->{json}{code} // '') eq 'SERVICE_UNAVAILABLE';
		}
		my $get = api(GET => "/functions/v1/$name", key => $key);
		push @bad, "GET -> $get->{status}" if $get->{status} != 405;
		push @bad, "GET says $get->{content}" if ($get->{json}{error} // '') !~ /Use POST/;
	} else {
		for my $query ('?x=%ff', '?page=-1&limit=1e9&search=%00', '?import_id=x&code=', '?page=99999999999999999999') {
			my $got = api(GET => "/functions/v1/$name$query", key => $key);
			push @bad, "$query -> $got->{status} $got->{content}" if $got->{status} >= 500 && ($got->{json}{code} // '') ne 'SERVICE_UNAVAILABLE';
		}
	}
	is(join("\n", @bad), '', "API-61 $name refuses what makes no sense");
}

# ---- every address of /auth/v1 ----------------------------------------------------

open $def, '<', "$FindBin::Bin/../../fcgi/api/auth.def" or die "auth.def: $!\n";
my @auth = map { s/:id/$nobody/; /^AUTH\(HTTP_(\w+).*?, "([^"]+)"/ ? [$1, $2] : () } <$def>;
close $def;
for (grep { $_->[1] ne 'logout' } @auth) {
	my ($method, $name) = @$_;
	my @bad;
	for my $body ($method eq 'GET' ? undef : @bodies[0 .. 7], '{"email":[],"password":{},"token":1e308,"type":[],"refresh_token":{},"data":1,"factor_type":[],"code":{}}') {
		for my $query ('', '?grant_type=%ff', '?grant_type=password&type=%00&token=x', '?grant_type=refresh_token&provider=x&state=%27') {
			my $got = api($method, "/auth/v1/$name$query", %as, defined $body && $method ne 'GET' ? (type => 'application/json', body => $body) : ());
			push @bad, "$query " . substr($body // '', 0, 20) . " -> $got->{status} $got->{content}" if $got->{status} >= 500;
		}
	}
	is(join("\n", @bad), '', "API-61 /auth/v1/$name has no 500");
}

# ---- the other dialects --------------------------------------------------------------

for my $path ('/api/v1/contacts', '/api/v1/deals', '/api/v1/nothing', '/external/v1/opportunities', '/rest/v1/', '/auth/v1/nothing', '/functions/v1/nothing') {
	my @bad;
	for my $body (@bodies) {
		my $got = api(POST => $path, key => $key, type => 'application/json', body => $body);
		push @bad, substr($body, 0, 20) . " -> $got->{status} $got->{content}" unless $got->{status} >= 400 && $got->{status} < 500 && ref $got->{json} eq 'HASH';
	}
	is(join("\n", @bad), '', "API-61 $path refuses what makes no sense");
}

# Pages and public routes.
for my $path ('/s/%00', '/s/..%2f..%2fetc%2fpasswd', '/schedule/%ff/x', "/schedule/$sent/$sent", '/s/' . 'x' x 4000,
	'/schedule/anna/consultation?month=99999-99&date=x&tz=' . $sent, '/contacts/' . $sent, '/' . 'a/' x 500) {
	$r = api(GET => $path);
	ok($r->{status} >= 200 && $r->{status} < 500, 'no crash: ' . substr($path, 0, 50)) or diag "$r->{status}";
}
is(api(POST => '/login', body => 'email=a&password=b', type => 'application/x-www-form-urlencoded')->{status}, 403,
	'a form without its CSRF token');
is(api(POST => '/login', body => "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n", type => 'multipart/form-data; boundary=x')->{status} < 500, 1,
	'half a multipart body');

is(psql($count), $before, 'nothing was stored and nothing is gone');
is_deeply([sort map { kontor()->pids($_) } qw(api webhooks share booking quote app)], \@pids, 'every process is still the same');
done_testing;
