#!/usr/bin/perl
# kontor rest: everything around a request. Who asks, what SQL knows and says of
# it, forms of the answer, descriptions, large answers, settings.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use File::Temp ();
use JSON::PP;
use Kontor;
use Kontor::Rest;
use MIME::Base64 qw(encode_base64url);
use Test::More;
use Time::HiRes qw(sleep);

my $secret = 'reallyreallyreallyreallyverysafe';
my %config = (
	'db-schemas' => 'shop, attic', 'db-extra-search-path' => 'hidden', 'db-pre-request' => 'hidden.before',
	'jwt-secret' => $secret, 'jwt-role-claim-key' => '.realm.roles[0]', 'app.settings.motto' => 'ex nihilo',
	'db-tx-end' => 'commit-allow-override', 'server-trace-header' => 'X-Trace',
	'server-cors-allowed-origins' => 'http://a.example, http://b.example',
);

my $rest = Kontor::Rest->start(config => \%config, sql => <<'END');
create schema shop; create schema attic; create schema hidden;
comment on schema shop is 'Shop
What there is to buy';
create function hidden.before() returns void language plpgsql as $$ begin
	if current_setting('request.headers')::json ->> 'x-bad' is not null then
		raise exception 'Go away' using errcode = 'PT403', hint = 'Be good';
	end if; end $$;
create function hidden.doubled(int) returns int language sql immutable as 'select $1 * 2';
create table shop.makers (id int primary key, name text not null);
create table shop.items (id int primary key, name varchar(40) not null, price numeric, note text, tags text[] default '{}',
	maker_id int references shop.makers);
comment on table shop.items is 'Items
All that is sold';
comment on column shop.items.price is 'in euro';
create table shop.open_to_all (id int);
create table shop.staff_only (id int primary key);
create view shop.names as select name, hidden.doubled(id) as twice from shop.items;
create view shop.totals as select count(*) as n from shop.items;
create table attic.items (id int primary key);
insert into shop.makers values (1, 'Acme');
insert into shop.items (id, name, price, maker_id) values (1, 'pen, "blue"', 1.5, 1), (2, 'ink', null, null);
insert into attic.items values (99);
create function shop.who() returns json language sql stable as $$ select json_build_object('user', current_user,
	'claims', current_setting('request.jwt.claims')::json, 'headers', current_setting('request.headers')::json,
	'cookies', current_setting('request.cookies')::json, 'method', current_setting('request.method'),
	'path', current_setting('request.path'), 'search', current_setting('search_path'),
	'motto', current_setting('app.settings.motto')) $$;
create function shop.teapot() returns json language plpgsql as $$ begin
	perform set_config('response.status', '418', true),
		set_config('response.headers', '[{"X-Pot": "round"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]', true);
	return '{"tea": true}'; end $$;
create function shop.bad_status() returns int language sql as $$ select length(set_config('response.status', 'x', true)) $$;
create function shop.bad_headers() returns int language sql as $$ select length(set_config('response.headers', '{}', true)) $$;
create domain shop."text/html" as text;
create function shop.page() returns shop."text/html" language sql stable as $$ select '<p>hi</p>'::shop."text/html" $$;
create function shop.picture() returns bytea language sql immutable as $$ select '\x00ff10'::bytea $$;
create domain shop."application/vnd.lines" as text;
create function hidden.one_more(t text, i shop.items) returns text language sql immutable as $$ select t || i.id || ';' $$;
create function hidden.lines(t text) returns shop."application/vnd.lines" language sql immutable as
	$$ select t::shop."application/vnd.lines" $$;
create aggregate shop.as_lines(shop.items) (sfunc = hidden.one_more, stype = text, initcond = '', finalfunc = hidden.lines);
create table shop.big as select i as id, repeat(md5(i::text), 4) as text from generate_series(1, 100000) i;
create view shop.breaks as select id, text, 1 / (50000 - id) as x from shop.big;
grant usage on schema shop, attic, hidden to ANON;
grant all on all tables in schema shop, attic to ANON;
revoke all on shop.staff_only from ANON;
END

sub ask { my ($method, $target, %headers) = @_; return $rest->request($method, $target, headers => \%headers) }
sub code { my $r = shift; return "$r->{status} " . ($r->{json}{code} // '') }

my $anon = "$rest->{name}_anon";
$rest->psql("create role $rest->{name}_staff; grant $rest->{name}_staff to $rest->{name}_login;
	grant usage on schema shop, hidden to $rest->{name}_staff; grant select on shop.staff_only to $rest->{name}_staff;");

sub token {
	my ($claims, $key) = @_;
	my $text = join '.', map { encode_base64url(encode_json($_)) } { alg => 'HS256' }, $claims;
	return "Bearer $text." . encode_base64url(hmac_sha256($text, $key // $secret));
}

# ---- who asks, and what SQL knows of it -----------------------------------------------

my $r = ask(GET => '/rpc/who?', Cookie => 'a=1; b=x y', 'X-Foo' => 'bar');
is($r->{json}{user}, $anon, 'nobody is the anonymous role');
is_deeply($r->{json}{cookies}, { a => '1', b => 'x y' }, 'cookies');
is($r->{json}{headers}{'x-foo'}, 'bar', 'headers, in lower case');
is("@{$r->{json}}{qw(method path motto search)}", 'GET /rpc/who ex nihilo "shop", "hidden"', 'method, path, settings, search path');
my $staff = token({ realm => { roles => ["$rest->{name}_staff", 'x'] }, sub => 7 });
$r = ask(GET => '/rpc/who', Authorization => $staff);
is("$r->{json}{user} $r->{json}{claims}{sub}", "$rest->{name}_staff 7", 'a token brings its role and its claims');
is(ask(GET => '/staff_only', Authorization => $staff)->{status}, 200, 'and with them what the role may do');
$r = ask(GET => '/staff_only');
is(code($r) . " $r->{headers}{'www-authenticate'}", '401 42501 Bearer', 'nobody has to say who he is');
is(code(ask(GET => '/items', Authorization => $staff)), '403 42501', 'somebody may not do it');
$r = ask(GET => '/items', Authorization => token({ realm => { roles => ['postgres'] } }));
is(code($r), '403 42501', 'a role that the login is no member of');
$r = ask(GET => '/items', Authorization => token({}, 'some other secret, equally long ..'));
is(code($r), '401 PGRST301', 'a signature of somebody else');
is($r->{headers}{'www-authenticate'}, 'Bearer error="invalid_token", error_description="No suitable key or wrong key type"',
	'and what is wrong with it');
is(code(ask(GET => '/items', Authorization => token({ exp => time - 100 }))), '401 PGRST303', 'too late');
$r = ask(GET => '/items', 'X-Bad' => 1);
is("$r->{status} $r->{json}{message} $r->{json}{hint}", '403 Go away Be good', 'the function before each request refuses');
is_deeply([sort keys %{ $r->{json} }], [qw(code details hint message)], 'errors have four members');

# ---- what SQL says of the answer ---------------------------------------------------------

$r = ask(POST => '/rpc/teapot');
is("$r->{status} $r->{headers}{'x-pot'} $r->{content}", '418 round {"tea": true}', 'status and headers');
is(code(ask(POST => '/rpc/bad_status')), '500 PGRST112', 'a status that is none');
is(code(ask(POST => '/rpc/bad_headers')), '500 PGRST111', 'headers that are none');
is(ask(GET => '/items', 'X-Trace' => 'abc')->{headers}{'x-trace'}, 'abc', 'what is traced comes back');

# ---- forms ---------------------------------------------------------------------------------

sub form { my ($target, $accept) = @_; my $r = ask(GET => $target, Accept => $accept);
	return join '|', $r->{status}, $r->{headers}{'content-type'}, $r->{content} }
my $items = '/items?select=id,name,note&order=id';
is(form($items, 'text/csv'), qq{200|text/csv; charset=utf-8|id,name,note\n1,"pen, ""blue""",\n2,ink,}, 'CSV');
is(form("$items&id=eq.2", 'application/vnd.pgrst.object+json'),
	'200|application/vnd.pgrst.object+json; charset=utf-8|{"id":2,"name":"ink","note":null}', 'one object');
is(form("$items&id=eq.2", 'application/vnd.pgrst.array+json;nulls=stripped'),
	'200|application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8|[{"id":2,"name":"ink"}]', 'without nulls');
is(form('/items?select=id,makers(id,name),price,note&order=id', 'application/vnd.pgrst.array+json;nulls=stripped'),
	'200|application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8|[{"id":1,"makers":{"id":1,"name":"Acme"},"price":1.5},{"id":2}]',
	'in what is embedded too');
is(code(ask(GET => '/items', Accept => 'application/vnd.pgrst.object+json')), '406 PGRST116', 'two rows are not one');
is(code(ask(GET => '/items', Accept => 'image/png')), '406 PGRST107', 'a form that there is not');
like(form($items, 'image/png;q=0.9, text/csv;q=0.2, application/json;q=0.1'), qr/text\/csv/, 'the best of what there is');
is(form('/rpc/page', 'text/html'), '200|text/html|<p>hi</p>', "a function's own media type");
is(form('/rpc/picture', 'application/octet-stream'), "200|application/octet-stream|\0\xff\x10", 'bytes as they are');
is(form('/items?order=id', 'application/vnd.lines'), '200|application/vnd.lines|1;2;', "an aggregate's");
is(code(ask(GET => '/items', Accept => 'application/vnd.pgrst.plan+json')), '406 PGRST107', 'plans are not for everybody');

# ---- what can be done ------------------------------------------------------------------------

sub allow { ask(OPTIONS => shift)->{headers}{allow} }
is(allow('/items'), 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE', 'a table');
is(allow('/open_to_all'), 'OPTIONS,GET,HEAD,POST,PATCH,DELETE', 'one without a key');
is(allow('/totals'), 'OPTIONS,GET,HEAD', 'a view that counts');
is(allow('/rpc/teapot'), 'OPTIONS,POST', 'a function that changes things');
is(allow('/rpc/who'), 'OPTIONS,GET,HEAD,POST', 'one that does not');
is(ask(OPTIONS => '/none')->{status}, 404, 'nothing');
$r = ask(OPTIONS => '/items', Origin => 'http://b.example', 'Access-Control-Request-Method' => 'POST',
	'Access-Control-Request-Headers' => 'Foo,Bar');
is($r->{headers}{'access-control-allow-origin'}, 'http://b.example', 'a preflight from an origin that is listed');
like($r->{headers}{'access-control-allow-headers'}, qr/^Authorization, Foo, Bar/, 'with the headers it asks for');
is(ask(GET => '/items', Origin => 'http://c.example')->{headers}{'access-control-allow-origin'}, undef, 'others are not told');
$r = ask(HEAD => '/items', Prefer => 'count=exact');
is("$r->{status} $r->{headers}{'content-range'} " . length $r->{content}, '200 0-1/2 0', 'HEAD has the headers alone');
is($r->{headers}{'content-length'}, undef, 'and no length');
is(ask(GET => '/items?order=id&id=gt.1')->{headers}{'content-location'}, '/items?id=gt.1&order=id', 'Content-Location');
$r = ask(GET => '/items', 'Accept-Profile' => 'attic');
is("$r->{content} $r->{headers}{'content-profile'}", '[{"id":99}] attic', 'the other schema');
is(code(ask(GET => '/items', 'Accept-Profile' => 'hidden')), '406 PGRST106', 'one that is not served');
is(code(ask(GET => '/a/b/c')), '404 PGRST125', 'no address');
is(code(ask(TRACE => '/items')), '405 PGRST117', 'no method');
is(ask(DELETE => '/items?id=eq.2', Prefer => 'tx=rollback, return=representation')->{status}, 200, 'tx=rollback answers');
is($rest->psql('select count(*) from shop.items'), 2, 'and does nothing');

# ---- the description ----------------------------------------------------------------------------

$r = ask(GET => '/');
is($r->{headers}{'content-type'}, 'application/openapi+json; charset=utf-8', 'the root describes itself');
my $api = $r->{json};
is("$api->{swagger} $api->{info}{title} $api->{info}{description}", '2.0 Shop What there is to buy', "by the schema's comment");
is("@{$api->{paths}{'/items'}{get}}{qw(summary description)}", 'Items All that is sold', "a table's comment");
is_deeply($api->{definitions}{items}{required}, [qw(id name)], 'what a row must have');
is($api->{definitions}{items}{properties}{price}{description}, 'in euro', "a column's comment");
is($api->{definitions}{items}{properties}{name}{maxLength}, 40, 'its length');
like($api->{definitions}{items}{properties}{maker_id}{description}, qr/Foreign Key to `makers\.id`/, 'where it points');
ok(!$api->{paths}{'/staff_only'}, 'what the caller may not see is not there');
ok(ask(GET => '/', Authorization => $staff)->{json}{paths}{'/staff_only'}, 'but for who may');
ok(!$api->{paths}{'/rpc/teapot'}{get} && $api->{paths}{'/rpc/who'}{get}, 'functions by what they do');
is(code(ask(GET => '/', Accept => 'text/csv')), '406 PGRST107', 'it is no table');
SKIP: {
	my $modules = "$ENV{KONTOR_TREE}/t/pages/node_modules";
	skip 'swagger-parser is not there', 1 unless -e "$modules/\@apidevtools/swagger-parser";
	my $file = File::Temp->new(SUFFIX => '.json');
	print $file $r->{content};
	$file->flush;
	local $ENV{NODE_PATH} = $modules;
	my $out = `node -e 'require("\@apidevtools/swagger-parser").validate("$file").then(() => console.log("valid"), e => console.log(e.message))' 2>&1`;
	is($out, "valid\n", 'an independent validator finds it valid');
}

# ---- large answers -----------------------------------------------------------------------------------

my ($worker) = $rest->workers;
sub rss { open my $fh, '<', "/proc/$worker/status" or die; my ($kb) = map { /^VmRSS:\s*(\d+)/ } <$fh>; return $kb }
my $before = rss();
$r = ask(GET => '/big?order=id');
is("$r->{status} " . @{ $r->{json} } . " $r->{json}[-1]{id}", '200 100000 100000', 'a hundred thousand rows');
is($r->{headers}{'content-length'}, undef, 'begun before its length is known');
$r = ask(GET => '/big?order=id', Accept => 'text/csv', Prefer => 'count=exact');
is("$r->{headers}{'content-range'} " . ($r->{content} =~ tr/\n//), '0-99999/100000 100000', 'as CSV, counted');
SKIP: {
	open my $maps, '<', "/proc/$worker/maps" or die;
	skip 'AddressSanitizer keeps what was freed', 1 if grep { /\[shadow|libasan/ || /^0*7fff7000-/ } <$maps>;
	cmp_ok(rss() - $before, '<', 16 * 1024, 'in less than 16 MB more');
}
$r = ask(GET => '/breaks');
ok($r->{status} == 200 && !$r->{ended} && !$r->{json}, 'what fails in the middle has no end');
is(code(ask(GET => '/breaks?id=eq.50000')), '400 22012', 'what fails at once has its status');
is(ask(GET => '/items?id=eq.1')->{status}, 200, 'and the next request is answered');

# ---- settings that change ---------------------------------------------------------------------------------

sub until_true { my $test = shift; for (1 .. 50) { return 1 if $test->(); sleep 0.05 } return 0 }
is(code(ask(GET => '/later')), '404 PGRST205', 'a table that is not there');
$rest->psql("create table shop.later (id int); grant all on shop.later to $anon; notify pgrst, 'reload schema';");
ok(until_true(sub { ask(GET => '/later')->{status} == 200 }), 'is there after NOTIFY');
$rest->configure(%config, 'db-max-rows' => 1, 'openapi-mode' => 'disabled', 'client-error-verbosity' => 'minimal');
$rest->psql("notify pgrst, 'reload config'");
ok(until_true(sub { @{ ask(GET => '/items')->{json} } == 1 }), 'so is another configuration');
$r = ask(GET => '/');
is(code($r), '404 PGRST126', 'the description is off');
is_deeply([sort keys %{ $r->{json} }], [qw(code message)], 'errors say less');
$rest->psql("alter role $rest->{name}_login set pgrst.db_max_rows = '2'; alter role $rest->{name}_login set pgrst.openapi_mode = 'ignore-privileges';
	notify pgrst, 'reload config';");
ok(until_true(sub { ask(GET => '/')->{status} == 200 }), "the database's own settings count for more");
ok(ask(GET => '/')->{json}{paths}{'/staff_only'}, 'and this one shows all');

$rest->stop;
$rest->{instance}->superuser("drop role $rest->{name}_staff");

done_testing;
