#!/usr/bin/perl
# Files that are no tables, or meant to hurt: a clear answer, and nothing changed.
use strict;
use warnings;
use IO::Socket::INET;
use Kontor;
use Test::More;
use Time::HiRes qw(time);

my $mine = tenant(0);
my $org  = $mine->{organization_id};
my $n    = 'hf' . $$ . substr(int(time), -5);
my $b    = browser();
$b->sign_in($mine->{users}[0]{email}, $mine->{users}[0]{password});
my ($csrf) = $b->get('/imports/new')->{content} =~ /name="_csrf" value="([^"]+)"/;

sub body {
	my ($id, $name, $data) = @_;
	my $mark = "mark$n";
	return ("multipart/form-data; boundary=$mark", join '', (map { "--$mark\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n" }
			[_csrf => $csrf], [kind => 'contacts'], [id => $id]),
		"--$mark\r\nContent-Disposition: form-data; name=\"file\"; filename=\"$name\"\r\n\r\n$data\r\n--$mark--\r\n");
}

sub upload {
	my ($name, $data) = @_;
	my $id = psql('select uuid7()');
	my ($type, $body) = body($id, $name, $data);
	return ($b->request(POST => '/imports/new', { content => $body, headers => { 'Content-Type' => $type } }), $id);
}

sub count { return psql("select (select count(*) from contacts where organization_id = '$org') || ' ' || (select count(*) from imports where organization_id = '$org')") }

sub words { my ($r) = @_; return $r->{content} =~ /data-problem[^>]*>([^<]*)</ ? $1 : $r->{content} =~ /<h1[^>]*>([^<]*)</ ? $1 : '' }

# A zip as small as can be: stored or deflated entries, by the tool that is there.
sub zip_of {
	my (%files) = @_;
	my $dir = "/tmp/$n.zip";
	for my $path (keys %files) {
		my $at = "$dir/$path";
		system('mkdir', '-p', $at =~ s{/[^/]*$}{}r);
		open my $fh, '>:raw', $at or die $!;
		print $fh $files{$path};
		close $fh;
	}
	system("cd $dir && rm -f x.zip && zip -q -9 -r x.zip . >/dev/null") == 0 or die "zip\n";
	open my $fh, '<:raw', "$dir/x.zip" or die $!;
	local $/;
	my $zip = <$fh>;
	system('rm', '-rf', $dir);
	return $zip;
}

my $rels = '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>';
my $book = '<workbook xmlns:r="r"><sheets><sheet name="A" r:id="r1"/></sheets></workbook>';
my %workbook = ('xl/workbook.xml' => $book, 'xl/_rels/workbook.xml.rels' => $rels);

# ---- refused at the door ------------------------------------------------------------

my $before = count();
for (
	['picture.csv', "\x89PNG\r\n\x1a\n" . "\0" x 100, qr/picture/, 'a picture called .csv'],
	['old.xls', "\xd0\xcf\x11\xe0" . 'x' x 500, qr/old Excel file or one with a password/, 'an old or sealed workbook'],
	['nul.csv', "Email\na\0b\@example.com\n", qr/zero bytes/, 'NUL bytes'],
	['empty.csv', '', qr/not empty/, 'an empty file'],
	['head.csv', "Email\n", qr/no rows below/, 'a head without rows'],
	['wide.csv', join(',', map { "c$_" } 1 .. 10_000) . "\n1\n", qr/more than 512 columns/, '10,000 columns'],
	['quote.csv', "Email,\"Name\na,b\nc,d\n", qr/a quote is opened and never closed/, 'a quote that never closes, in the head'],
	['text.xlsx', 'PK' . "\3\4" . 'nonsense', qr/not an XLSX file|damaged/, 'no zip'],
	['zip.xlsx', zip_of('a.txt' => 'hello'), qr/not an XLSX file/, 'a zip of something else'],
	['bomb.xlsx', zip_of(%workbook, 'xl/worksheets/sheet1.xml' => '<w><sheetData>' . ' ' x (24 << 20)), qr/unpacks to far more/, 'a zip bomb'],
	['laugh.xlsx', zip_of(%workbook, 'xl/worksheets/sheet1.xml' => '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><worksheet><sheetData><row><c t="str"><v>&c;</v></c></row></sheetData></worksheet>'),
		qr/document type/, 'entities that grow'],
	['file.xlsx', zip_of(%workbook, 'xl/worksheets/sheet1.xml' => '<!DOCTYPE w [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet><sheetData><row><c t="str"><v>&a;</v></c></row></sheetData></worksheet>'),
		qr/document type/, 'an entity that reads files'],
	['columns.xlsx', zip_of(%workbook, 'xl/worksheets/sheet1.xml' => '<worksheet><sheetData><row><c r="AAA1" t="str"><v>x</v></c></row></sheetData></worksheet>'),
		qr/too many columns/, 'a workbook with too many columns'],
	['broken.xlsx', zip_of(%workbook, 'xl/worksheets/sheet1.xml' => '<worksheet><sheetData><row>'), qr/not well-formed/, 'broken XML'],
) {
	my ($name, $data, $says, $what) = @$_;
	my ($r) = upload($name, $data);
	ok($r->{status} >= 400 && $r->{status} < 500, "$what: refused ($r->{status})");
	like(words($r), $says, 'in words that say why');
}
is(count(), $before, 'and nothing is there of it');

# ---- a gigabyte -------------------------------------------------------------------------

# Told by its length, before anything of it is read.
my ($host) = kontor_json()->{base_url} =~ m{^http://([^/]+)};
my $s = IO::Socket::INET->new(PeerAddr => $host, Timeout => 5) or die $!;
my $start = time;
print $s "POST /imports/new HTTP/1.1\r\nHost: $host\r\nCookie: " . $b->cookie_header . "\r\nContent-Type: multipart/form-data; boundary=x\r\n"
	. 'Content-Length: ' . (1 << 30) . "\r\nConnection: close\r\n\r\n--x\r\n";
my $answer = do { local $/; <$s> };
like($answer, qr{^HTTP/1.1 413}, 'a file of a gigabyte is refused by its length');
like($answer, qr{<h1[^>]*>[^<]*larger than 101 MB}, 'with a page that says how large it may be');
ok(time - $start < 20, 'at once');
ok($b->get('/imports')->{status} == 200, 'and everything goes on');

# ---- files that are tables, with rows that are not -----------------------------------------

sub run {
	my ($name, $data, %columns) = @_;
	my ($r, $id) = upload($name, $data);
	return ($r, undef) if $r->{status} != 303;
	my $page = $b->get("/imports/$id")->{content};
	my %f = (_csrf => $csrf, duplicates => 'merge', match => 'email');
	while ($page =~ /<select class="form-select" name="(column\.\d+)"[^>]*>(.*?)<\/select>/gs) {
		my ($field, $options) = ($1, $2);
		$f{$field} = $options =~ /<option value="([^"]*)" selected/ ? $1 : '';
	}
	$b->post("/imports/$id/start", \%f);
	wait_for(60, sub { psql("select state in ('done', 'failed') from imports where id = '$id'") eq 't' });
	return ($r, json_decode(psql("select to_jsonb(i) from imports i where id = '$id'")), $id);
}

my (undef, $i, $id) = run('ragged.csv', "First Name,Last Name,Email\nA,$n\nB,$n,b.$n\@example.com,extra,cells\n,,\nC,$n,c.$n\@example.com\n");
is_deeply([@$i{qw(state imported failed)}], ['done', 2, 1], 'ragged rows: too short is fine, too long is told');
like($b->get("/imports/$id")->{content}, qr/more values than the first line has columns/, 'in words');

my $people = psql("select count(*) from contacts where organization_id = '$org'");
(undef, $i) = run('late.csv', "Last Name,Email\n" . join('', map { "$n,l$_.$n\@example.com\n" } 1 .. 50) . "\"$n,never closed\n" . join('', map { "$n,m$_.$n\@example.com\n" } 1 .. 50));
is($i->{state}, 'failed', 'a quote that never closes, further down: the import fails');
like($i->{error}, qr/Line 52: a quote is opened and never closed/, 'with the line');
is(psql("select count(*) from contacts where organization_id = '$org'"), $people, 'and nothing of it is written');

(undef, $i) = run('wrong.csv', "First Name,Last Name,Email\nJ\xfcrgen,$n,w.$n\@example.com\n");
is(psql("select first_name from contacts where emails @> '{w.$n\@example.com}'"), "J\xc3\xbcrgen", 'letters of another encoding are read as what they are');

(undef, $i) = run('formula.csv', "First Name,Last Name,Email\n\"=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",$n,f.$n\@example.com\n\@SUM(1),$n,g.$n\@example.com\n");
is($i->{imported}, 2, 'a formula is a text like any other');
is(psql("select first_name from contacts where emails @> '{f.$n\@example.com}'"), '=HYPERLINK("http://evil","x")', 'kept as it is');
my $page = $b->get("/contacts?q=f.$n")->{content};
unlike($page, qr/href="http:\/\/evil/, 'and no link on a page');

(undef, $i) = run('script.csv', "First Name,Last Name,Email\n<script>alert(1)</script>,$n,s.$n\@example.com\n");
unlike($b->get('/contacts')->{content}, qr/<script>alert/, 'script in a file is text on pages');

# 40 MB in one field that is not quoted, and long lines.
(undef, $i) = run('long.csv', "First Name,Last Name,Email\n" . 'x' x (40 << 20) . ",$n,x.$n\@example.com\nOk,$n,ok.$n\@example.com\n");
is_deeply([@$i{qw(state imported failed)}], ['done', 1, 1], 'a field of 40 MB is one row with an error');

psql("delete from contacts where organization_id = '$org' and last_name = '$n'");
done_testing;
