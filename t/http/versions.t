#!/usr/bin/perl
# Two who change the same record: ETag says which version was read, If-Match
# lets a change through only when it is still that one.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $n    = "v$$" . time;

sub rest {
	my ($method, $path, %o) = @_;
	return api($method, "/rest/v1/$path", apikey => kontor_json()->{anon_key}, bearer => token(), %o);
}

my $token;
sub token {
	return $token //= api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
		json => { email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password} })->{json}{access_token};
}

my $r = rest(POST => 'contacts', json => { first_name => $n, source => 'a' }, headers => { Prefer => 'return=representation' });
is($r->{status}, 201, 'a contact is made');
my $id = $r->{json}[0]{id};
my $made = $r->{headers}{etag};
like($made, qr/^"\d+"$/, 'and its version told with it');

$r = rest(GET => "contacts?id=eq.$id");
is($r->{headers}{etag}, $made, 'reading it by its id tells the same version');
is_deeply([sort keys %{ $r->{json}[0] }], [sort grep { !/version|xmin/ } keys %{ $r->{json}[0] }], 'beside the columns, not among them');
$r = rest(GET => "contacts?id=eq.$id&select=first_name", headers => { Accept => 'application/vnd.pgrst.object+json' });
is($r->{content}, qq({"first_name":"$n"}), 'an object has what was asked for');
is($r->{headers}{etag}, $made, 'and the version');
ok(!rest(GET => 'contacts?limit=2')->{headers}{etag}, 'a list has none');
is(rest(GET => "contacts/$id")->{headers}{etag}, $made, 'the path form has it');

$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'b' }, headers => { 'If-Match' => $made, Prefer => 'return=representation' });
is($r->{status}, 200, 'a change of the version that was read goes through') or diag $r->{content};
my $changed = $r->{headers}{etag};
isnt($changed, $made, 'and makes another one');
is(rest(GET => "contacts?id=eq.$id")->{headers}{etag}, $changed, 'which is the one that is read then');

for my $method (qw(PATCH DELETE)) {
	$r = rest($method => "contacts?id=eq.$id", json => { source => 'lost' }, headers => { 'If-Match' => $made });
	is($r->{status}, 412, "$method of another version is refused");
	is_deeply([$r->{json}{code}, exists $r->{json}{message}, exists $r->{json}{hint}],
		["PRECONDITION_FAILED", 1, 1], 'in the form of errors that clients know');
}
$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'lost' },
	headers => { 'If-Match' => $made, Accept => 'application/vnd.pgrst.object+json', Prefer => 'return=representation' });
is($r->{status}, 412, 'and when an object is asked for');
is(psql("select source from contacts where id = '$id'"), 'b', 'nothing was changed');

$r = rest(PUT => "contacts?id=eq.$id", json => { id => $id, first_name => $n, source => 'put' }, headers => { 'If-Match' => $made });
is($r->{status}, 412, 'PUT of another version is refused') or diag $r->{content};
my $absent = '0190a000-0000-7000-8000-' . sprintf '%012d', $$;
$r = rest(PUT => "contacts?id=eq.$absent", json => { id => $absent, first_name => $n }, headers => { 'If-Match' => '*' });
is($r->{status}, 412, 'If-Match: * makes nothing new') or diag $r->{content};
is(psql("select count(*) from contacts where id = '$absent'"), 0, 'so there is none');
$r = rest(PUT => "contacts?id=eq.$id", json => { id => $id, first_name => $n, source => 'put' }, headers => { 'If-Match' => "\"1\", W/$changed" });
ok($r->{status} < 300, 'one of several tags is enough, also as nginx marks it when it compresses') or diag $r->{content};
is(psql("select source from contacts where id = '$id'"), 'put', 'and the row is replaced');
$r = rest(PATCH => "contacts?first_name=eq.$n", json => { source => 'x' }, headers => { 'If-Match' => $changed });
is($r->{status}, 400, 'a filter that does not name one row takes no If-Match');
$r = rest(PATCH => "contacts?id=eq.$id", json => { source => 'any' }, headers => { 'If-Match' => '*' });
ok($r->{status} < 300, 'If-Match: * takes whatever is there');

# Two at once: one wins.
my $tag = rest(GET => "contacts?id=eq.$id")->{headers}{etag};
pipe my $in, my $out;
for my $who (1 .. 4) {
	next if fork;
	my $s = rest(PATCH => "contacts?id=eq.$id", json => { source => "w$who" }, headers => { 'If-Match' => $tag })->{status};
	syswrite $out, "$s\n";
	require POSIX;
	POSIX::_exit(0);
}
close $out;
1 while wait > 0;
my @got = sort <$in>;
is_deeply([map { 0 + $_ } @got], [204, 412, 412, 412], 'of four at once one is let through');

# /api/v1
my $key = $mine->{crm_key};
my $v1 = sub { api($_[0], "/api/v1/$_[1]", bearer => $key, @_[2 .. $#_]) };
$r = $v1->(POST => 'contacts', json => { firstName => "Crm$n", lastName => 'V' });
is($r->{status}, 201, '/api/v1 makes a contact') or diag $r->{content};
my $cnt = $r->{json}{data}{id};
my $e1 = $r->{headers}{etag};
is($v1->(GET => "contacts/$cnt")->{headers}{etag}, $e1, '/api/v1 tells versions too');
$r = $v1->(PATCH => "contacts/$cnt", json => { lastName => 'W' }, headers => { 'If-Match' => $e1 });
is($r->{status}, 200, 'and takes the one that was read') or diag $r->{content};
my $e2 = $r->{headers}{etag};
is($v1->(GET => "contacts/$cnt")->{headers}{etag}, $e2, 'whose successor it tells');
$r = $v1->(PATCH => "contacts/$cnt", json => { lastName => 'X' }, headers => { 'If-Match' => $e1 });
is($r->{status}, 412, 'but no other');
is($r->{json}{error}{code}, 'PRECONDITION_FAILED', 'in its own form');
is($v1->(DELETE => "contacts/$cnt", headers => { 'If-Match' => $e1 })->{status}, 412, 'nor for deleting');
is($v1->(GET => "contacts/$cnt")->{json}{data}{lastName}, 'W', 'nothing was changed');
is($v1->(DELETE => "contacts/$cnt", headers => { 'If-Match' => $e2 })->{status}, 204, 'with the right one it goes');
is($v1->(PATCH => "contacts/$cnt", json => { lastName => 'X' }, headers => { 'If-Match' => $e2 })->{status}, 404, 'then it is not there');

rest(DELETE => "contacts?id=eq.$id");
done_testing;
