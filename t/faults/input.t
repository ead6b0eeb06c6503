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
