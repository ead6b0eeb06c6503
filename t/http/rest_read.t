#!/usr/bin/perl
# Reading through the engine alone, from a schema that it has never seen: a
# lending library with views, junctions, functions of a row and odd names.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Kontor::Rest;
use Test::More;

my $sql = <<'SQL';
set search_path = lib;
create table towns (id int primary key, name text not null);
create table writers (id int primary key, name text not null, born date, town_id int references towns,
	mentor_id int references writers);
create table books (id int primary key, title text not null, pages int, price numeric(8,2),
	writer_id int references writers, editor_id int references writers, tags text[] not null default '{}',
	facts jsonb not null default '{}', plain json, sold int4range, words tsvector,
	added timestamptz not null default '2025-01-01Z');
create table covers (book_id int primary key references books, colour text);
create table shelves (id int primary key, label text);
create table book_shelves (book_id int references books, shelf_id int references shelves, primary key (book_id, shelf_id));
create table "odd names" ("id#1" int primary key, "größe" int, "a.b" text, "say ""hi""" text);
create table loans (book_id int references books, day date, fee numeric) partition by range (day);
create table loans_2025 partition of loans for values from ('2025-01-01') to ('2026-01-01');
create table keyless (n int, t text);
create materialized view old_books as select id as book_no, title, writer_id as by_id from books where pages > 300;
create view book_list as select b.id, b.title, b.writer_id, b.price from books b where b.price is not null;
create view book_list_2 as select id as no, title, writer_id as author from book_list;
create view writer_list as select id, upper(name) as name, town_id from writers;
create view with_query as select (select t.name from towns t where t.id = w.town_id) as town, '{":' as "{odd}", w.id, w.town_id
	from writers w;
create function blurb(books) returns text stable language sql as $$select $1.title || ' (' || $1.pages || ')'$$;
create function cheaper(books) returns setof books stable language sql as $$select * from lib.books where price < $1.price order by id$$;
create function hometown(writers) returns setof towns rows 1 stable language sql as $$select * from lib.towns where id = $1.town_id$$;
create function long_books(at_least int default 0) returns setof books stable language sql as $$select * from lib.books where pages >= at_least order by id$$;

insert into towns values (1, 'Prague'), (2, 'Cairo');
insert into writers values (1, 'Čapek', '1890-01-09', 1, null), (2, 'Mahfouz', '1911-12-11', 2, 1), (3, 'Nobody', null, null, 1);
insert into books (id, title, pages, price, writer_id, editor_id, tags, facts, plain, sold, words) values
	(1, 'War with the Newts', 348, 12.50, 1, 3, '{sf,satire}', '{"prize": {"year": 1936, "who": ["a","b"]}, "n": 10}', '{"k": 1}', '[1,10)', to_tsvector('english', 'newts make war')),
	(2, 'R.U.R.', 84, 7.00, 1, null, '{sf,play}', '{"n": 9}', null, '[10,20)', to_tsvector('english', 'robots make things')),
	(3, 'Palace Walk', 498, 15.00, 2, 3, '{novel}', '{"n": "many"}', null, '[30,40)', null),
	(4, 'Sugar, "Street"', 306, null, 2, 3, '{}', '{}', null, null, null),
	(5, 'Lost', null, null, null, null, '{}', '{}', null, null, null);
insert into covers values (1, 'green'), (3, 'red');
insert into shelves values (1, 'A'), (2, 'B');
insert into book_shelves values (1, 1), (1, 2), (2, 2);
insert into "odd names" values (1, 7, 'dot', 'yes'), (2, 8, 'comma,', null);
insert into loans values (1, '2025-02-01', 1.5), (1, '2025-03-01', 2.5), (3, '2025-03-02', 1);
insert into keyless values (1, 'x'), (2, null);
refresh materialized view old_books;
set search_path = other;
create table things (id int primary key, name text);
insert into things values (1, 'other');
analyze lib.books;
SQL

my $rest = Kontor::Rest->start(schemas => [qw(lib other)], sql => $sql,
	config => { 'db-aggregates-enabled' => 'true' });

# is_rows(target, expected JSON, name)
sub is_rows {
	my ($target, $want, $name, %headers) = @_;
	my $r = $rest->get($target, %headers);
	$want = json_decode(do { my $w = $want; utf8::encode($w); $w });
	is_deeply($r->{json}, $want, $name) or diag "$target: $r->{status} $r->{content}";
	return $r;
}

# fails(target, '400 CODE', name, key => pattern ...)
sub fails {
	my ($target, $want, $name, %like) = @_;
	my $r = $rest->get($target);
	is("$r->{status} $r->{json}{code}", $want, $name) or diag $r->{content};
	for my $key (sort keys %like) {
		my $got = $r->{json}{$key};
		$got = json_encode($got) if ref $got;
		like($got // '', $like{$key}, "$name: $key");
	}
	return;
}

sub ids {
	my ($target, @want) = @_;
	my $name = pop @want;
	my $r = $rest->get("/books?select=id&order=id&$target");
	is(join(' ', map { $_->{id} } ref $r->{json} eq 'ARRAY' ? @{ $r->{json} } : ()), join(' ', @want), $name)
		or diag "$target: $r->{status} $r->{content}";
	return;
}

# ---- filters ------------------------------------------------------------------------

ids('id=eq.2', 2, 'eq');
ids('id=neq.2', 1, 3, 4, 5, 'neq');
ids('pages=gt.306', 1, 3, 'gt');
ids('pages=gte.306', 1, 3, 4, 'gte');
ids('pages=lt.306', 2, 'lt');
ids('pages=lte.306', 2, 4, 'lte');
ids('title=like.*a*', 1, 3, 4, 'like');
ids('title=like(any).{W*,P*}', 1, 3, 'like(any)');
ids('title=ilike(all).{*a*,*s*}', 1, 4, 'ilike(all)');
ids('title=match.^[A-R][.a]', 2, 3, 'match');
ids('title=imatch.^(lost|r)', 2, 5, 'imatch');
ids('price=is.null', 4, 5, 'is.null');
ids('price=is.not_null', 1, 2, 3, 'is.not_null');
ids('price=not.is.NULL', 1, 2, 3, 'not.is.NULL');
ids('pages=isdistinct.306', 1, 2, 3, 5, 'isdistinct');
ids('id=in.(1,3)', 1, 3, 'in');
ids('title=in.("Sugar, \"Street\"",Lost)', 4, 5, 'in with quotes, commas and backslashes');
ids('id=in.()', 'in of nothing');
ids('id=not.in.(1,2,3)', 4, 5, 'not.in');
ids('id=eq(any).{1,2}', 1, 2, 'eq(any)');
ids('pages=gt(all).{100,300}', 1, 3, 4, 'gt(all)');
ids('tags=cs.{sf}', 1, 2, 'cs of an array');
ids('tags=cd.{sf,play,novel}', 2, 3, 4, 5, 'cd of an array');
ids('tags=ov.{play,novel}', 2, 3, 'ov of an array');
ids('facts=cs.{"n":9}', 2, 'cs of jsonb');
ids('sold=sl.[15,25)', 1, 'sl');
ids('sold=sr.[1,12)', 3, 'sr');
ids('sold=nxr.[5,20)', 1, 2, 'nxr');
ids('sold=nxl.[10,12)', 2, 3, 'nxl');
ids('sold=adj.[20,25)', 2, 'adj');
ids('words=fts.robot', 2, 'fts of a tsvector');
ids('words=fts(english).make&words=not.fts.war', 2, 'not.fts');
ids('title=plfts(english).the newts', 1, 'plfts of a text');
ids('title=phfts(english).palace walking', 3, 'phfts of a text');
ids('title=wfts(english).newts or lost', 1, 5, 'wfts of a text');
ids('facts->>n=eq.9', 2, '->>');
ids('facts->prize->>year=eq.1936', 1, '-> and ->>');
ids('facts->prize->who->>-1=eq.b', 1, 'the last of an array');
ids('facts->prize->who->0=eq."a"', 1, 'JSON is compared as JSON');
ids('tags->>0=eq.novel', 3, 'a path in an array column');
ids('or=(id.eq.1,and(pages.gt.400,price.eq.15))', 1, 3, 'or with and');
ids('and=(id.gt.1,not.or(id.eq.2,id.eq.5))', 3, 4, 'not.or');
ids('not.and=(id.gt.1,id.lt.5)', 1, 5, 'not.and');
ids('or=(title.eq."Sugar, \"Street\"",tags.cs.{novel},id.in.(1,2))', 1, 2, 3, 4, 'commas within or');
ids('or=( id.eq.1 , and( id.gt.4 , id.lt.6 ) )', 1, 5, 'white space within or');
is_rows('/odd names?select="id%231","größe"&"größe"=gt.7', '[{"id#1":2,"größe":8}]', 'names of other letters');
is_rows('/odd names?select="say \"hi\""&"a.b"=eq.dot', '[{"say \"hi\"":"yes"}]', 'names with quotes and dots');
fails('/books?id=0', '400 PGRST100', 'no operator', message => qr/^"failed to parse filter \(0\)" \(line 1, column 1\)$/,
	details => qr/^unexpected "0" expecting "not" or operator \(eq, gt, ...\)$/);
fails('/books?id=neq(any).{1}', '400 PGRST100', 'neq takes no any');
fails('/books?or=()', '400 PGRST100', 'a group of nothing');
fails('/books?titel=eq.x', '400 42703', 'an unknown column', message => qr/column books\.titel does not exist/, hint => qr/books\.title/);
fails('/bookz', '404 PGRST205', 'an unknown table', hint => qr/\.books'/);
fails('/books?price=is.cheap', '400 PGRST100', 'is takes keywords');

# ---- select ------------------------------------------------------------------------------

is_rows('/books?select=no:id,title,p:pages::text&id=eq.2', '[{"no":2,"title":"R.U.R.","p":"84"}]', 'aliases and casts');
is_rows('/books?select=facts->prize->>year,w:facts->prize->who->0,facts->n::int&id=eq.1', '[{"year":"1936","w":"a","n":10}]', 'JSON paths');
is_rows('/books?select=a:sold::text,sold::int4multirange&id=eq.1', '[{"a":"[1,10)","sold":"{[1,10)}"}]', 'a cast to any type');
is_rows('/books?select=id,blurb&blurb=like.R*&order=blurb', '[{"id":2,"blurb":"R.U.R. (84)"}]', 'a function of the row is a column');
is_rows('/keyless?select=*&order=n', '[{"n":1,"t":"x"},{"n":2,"t":null}]', 'a table without a key');
is_rows('/things', '[{"id":1,"name":"other"}]', 'another schema', 'Accept-Profile' => 'other');
fails('/books?select=id::int;drop', '400 PGRST100', 'a cast is made of words');

# ---- embedding ------------------------------------------------------------------------------

is_rows('/books?select=id,writers!writer_id(name)&id=in.(1,5)&order=id',
	'[{"id":1,"writers":{"name":"Čapek"}},{"id":5,"writers":null}]', 'many to one, by the column');
is_rows('/books?select=id,editor:writers!books_editor_id_fkey(name)&id=eq.3', '[{"id":3,"editor":{"name":"Nobody"}}]', 'by the constraint');
is_rows('/writers?select=name,books!books_writer_id_fkey(id)&id=eq.2&books.order=id.desc', '[{"name":"Mahfouz","books":[{"id":4},{"id":3}]}]', 'one to many');
is_rows('/books?select=id,covers(colour)&id=in.(1,2)&order=id', '[{"id":1,"covers":{"colour":"green"}},{"id":2,"covers":null}]', 'one to one');
is_rows('/books?select=id,shelves(label)&id=in.(1,3)&shelves.order=label.desc&order=id',
	'[{"id":1,"shelves":[{"label":"B"},{"label":"A"}]},{"id":3,"shelves":[]}]', 'many to many');
is_rows('/shelves?select=label,books(id)&books.id=gt.1&order=label', '[{"label":"A","books":[]},{"label":"B","books":[{"id":2}]}]', 'and back, filtered');
is_rows('/writers?select=name,mentor_id(name)&id=eq.2', '[{"name":"Mahfouz","mentor_id":{"name":"Čapek"}}]', 'itself, upwards');
is_rows('/writers?select=name,pupils:writers(name)&id=eq.1&pupils.order=id', '[{"name":"Čapek","pupils":[{"name":"Mahfouz"},{"name":"Nobody"}]}]', 'itself, downwards');
is_rows('/books?select=id,loans(fee)&id=eq.1&loans.order=day', '[{"id":1,"loans":[{"fee":1.5},{"fee":2.5}]}]', 'a partitioned table');
is_rows('/book_list_2?select=no,writers(name)&no=eq.3', '[{"no":3,"writers":{"name":"Mahfouz"}}]', "a view over a view has its table's keys");
is_rows('/writer_list?select=name,book_list(id)&id=eq.1&book_list.order=id', '[{"name":"ČAPEK","book_list":[{"id":1},{"id":2}]}]', 'a view of a view');
is_rows('/old_books?select=book_no,writer_list(name)&book_no=eq.1', '[{"book_no":1,"writer_list":{"name":"ČAPEK"}}]', 'a materialized view');
is_rows('/with_query?select=town,towns(name)&id=eq.2', '[{"town":"Cairo","towns":{"name":"Cairo"}}]', 'a view with a query in a column');
is_rows('/books?select=id,cheaper(id)&id=eq.1', '[{"id":1,"cheaper":[{"id":2}]}]', 'a function of the row is a relation');
is_rows('/writers?select=id,hometown(name)&id=in.(1,3)&order=id', '[{"id":1,"hometown":{"name":"Prague"}},{"id":3,"hometown":null}]', 'to one row');
is_rows('/towns?select=name,writers(name,books!writer_id(id,shelves(label)))&id=eq.1&writers.books.id=eq.2',
	'[{"name":"Prague","writers":[{"name":"Čapek","books":[{"id":2,"shelves":[{"label":"B"}]}]}]}]', 'four levels');
is_rows('/books?select=id,covers!inner(colour)&order=id', '[{"id":1,"covers":{"colour":"green"}},{"id":3,"covers":{"colour":"red"}}]', '!inner');
is_rows('/books?select=id,covers!inner()&covers.colour=eq.red', '[{"id":3}]', 'an empty embed only filters');
is_rows('/books?select=id,covers(),loans()&or=(covers.not.is.null,loans.is.null)&order=id&id=lt.4', '[{"id":1},{"id":2},{"id":3}]', 'null filters within or');
is_rows('/books?select=id,shelves()&shelves=is.null&order=id.desc&limit=1', '[{"id":5}]', 'rows without a related one');
is_rows('/books?select=id,shelves(label)&id=eq.1&shelves.order=label&shelves.limit=1&shelves.offset=1', '[{"id":1,"shelves":[{"label":"B"}]}]', 'limit and offset below');
is_rows('/books?select=id,shelves(label)&id=eq.1&shelves.or=(label.eq.A,label.eq.C)', '[{"id":1,"shelves":[{"label":"A"}]}]', 'or below');
is_rows('/books?select=id,writers!writer_id(name)&order=writers(name).desc.nullslast,id&limit=3',
	'[{"id":1,"writers":{"name":"Čapek"}},{"id":2,"writers":{"name":"Čapek"}},{"id":3,"writers":{"name":"Mahfouz"}}]', 'order by a related column');
is_rows('/books?select=id&order=facts->>n.desc.nullslast,id&limit=2', '[{"id":3},{"id":2}]', 'order by a JSON path');
fails('/books?select=id,writers(name)', '300 PGRST201', 'two keys', hint => qr/'writers!books_editor_id_fkey', 'writers!books_writer_id_fkey'/,
	details => qr/"cardinality":"many-to-one".*"relationship":"books_editor_id_fkey using books\(editor_id\) and writers\(id\)"/);
fails('/books?select=id,towns(name)', '400 PGRST200', 'no key', details => qr/relationship between 'books' and 'towns' in the schema/);
fails('/books?select=id,coverz(colour)', '400 PGRST200', 'an unknown relation', hint => qr/'covers' instead of 'coverz'/);
fails('/books?select=id&covers.colour=eq.red', '400 PGRST108', 'a filter on what is not embedded');
fails('/books?select=id,shelves(label)&order=shelves(label)', '400 PGRST118', 'order by one of many', details => qr/do not form a many-to-one/);

# ---- spreads and aggregates ---------------------------------------------------------------

is_rows('/books?select=id,...writers!writer_id(author:name,...towns(town:name))&id=in.(1,5)&order=id',
	'[{"id":1,"author":"Čapek","town":"Prague"},{"id":5,"author":null,"town":null}]', 'a spread within a spread');
is_rows('/writers?select=name,...books!writer_id(titles:title,pages)&id=in.(2,3)&books.order=id&order=id',
	'[{"name":"Mahfouz","titles":["Palace Walk","Sugar, \"Street\""],"pages":[498,306]},{"name":"Nobody","titles":[],"pages":[]}]', 'a spread of many');
is_rows('/books?select=count(),pages.sum(),p:pages.avg()::int,price.max(),price.min()', '[{"count":5,"sum":1236,"p":309,"max":15.00,"min":7.00}]', 'aggregates of all');
is_rows('/books?select=writer_id,count()&order=writer_id', '[{"writer_id":1,"count":2},{"writer_id":2,"count":2},{"writer_id":null,"count":1}]', 'groups');
is_rows('/writers?select=name,books!writer_id(n:count(),pages.sum())&id=eq.2', '[{"name":"Mahfouz","books":[{"n":2,"sum":804}]}]', 'aggregates below');
is_rows('/books?select=pages.sum(),...writers!writer_id(name)&order=writers(name)&writer_id=not.is.null',
	'[{"sum":804,"name":"Mahfouz"},{"sum":432,"name":"Čapek"}]', 'groups by a spread column');
is_rows('/books?select=count(),writers!writer_id(name)&writer_id=eq.2', '[{"count":2,"writers":{"name":"Mahfouz"}}]', 'groups by a relation');
is_rows('/loans?select=...books(pages.max())', '[{"max":498}]', 'an aggregate of a spread');
fails('/writers?select=...books!writer_id(pages.max())', '400 PGRST127', 'but not of many');

# ---- ranges and counts --------------------------------------------------------------------

for (
	['/books?select=id&order=id&limit=2', {}, '200 0-1/*'],
	['/books?select=id&order=id&limit=2', { Prefer => 'count=exact' }, '206 0-1/5'],
	['/books?select=id&order=id&offset=3', { Prefer => 'count=exact' }, '206 3-4/5'],
	['/books?select=id&order=id', { Range => '1-2', Prefer => 'count=exact' }, '206 1-2/5'],
	['/books?select=id&order=id&limit=4&offset=1', { Range => '2-9', Prefer => 'count=exact' }, '206 2-4/5'],
	['/books?select=id', { Prefer => 'count=planned' }, '200 0-4/5'],
	['/books?select=id', { Prefer => 'count=estimated' }, '200 0-4/5'],
	['/books?limit=0', {}, '200 */*'],
	['/books?limit=-1', {}, '416 '],
	['/books', { Range => '3-1' }, '416 '],
) {
	my ($target, $headers, $want) = @$_;
	my $r = $rest->get($target, %$headers);
	is("$r->{status} " . ($r->{headers}{'content-range'} // ''), $want, join ' ', $target, %$headers);
}
is_rows('/rpc/long_books?at_least=300&select=id,covers(colour)&id=lt.4&order=id.desc',
	'[{"id":3,"covers":{"colour":"red"}},{"id":1,"covers":{"colour":"green"}}]', "a function's rows are filtered, ordered and embed");

$rest->stop;
$rest = Kontor::Rest->start(schemas => [qw(lib other)], sql => $sql, config => { 'db-max-rows' => 2 });
is(@{ $rest->get('/books?limit=4')->{json} }, 2, 'db-max-rows bounds an answer');
is_rows('/writers?select=id,pupils:writers(id),editor:books!editor_id(id)&id=eq.3&editor.order=id&editor.limit=9',
	'[{"id":3,"pupils":[],"editor":[{"id":1},{"id":3}]}]', 'and what is embedded');
is($rest->get('/books', Prefer => 'count=estimated')->{headers}{'content-range'}, '0-1/5', 'an estimate beyond it');
fails('/books?select=count()', '400 PGRST123', 'aggregates are off');
$rest->stop;
done_testing;
