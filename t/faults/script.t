#!/usr/bin/perl
# Script, quotes, template marks and formulas in every text field of every kind of
# record: text everywhere, on pages and in exports.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $org  = $mine->{organization_id};
my $n    = 'sc' . $$ . substr(time, -5);
my $evil  = qq{=HYPERLINK(1)<script>$n()</script>"><img src=x onerror=1>'{{x}}{{{y}}}};
my $short = qq{"><script>$n()</script>{{x}}};
my $key  = $mine->{api_key};

my $token = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password} })->{json}{access_token};
sub rest {
	my ($method, $path, $body) = @_;
	return api($method, "/rest/v1/$path", apikey => kontor_json()->{anon_key}, bearer => $token,
		headers => { Prefer => 'return=representation' }, json => $body);
}

# Text columns of a table that take our text, by the catalogue: none is forgotten.
sub fields_of {
	my ($table, %given) = @_;
	my @columns = split /\n/, psql("select column_name from information_schema.columns where table_schema = 'public' and table_name = '$table'
		and data_type = 'text' and is_generated = 'NEVER'");
	my %row = %given;
	for my $c (@columns) {
		next if exists $row{$c};
		for my $text ($evil, $short) {
			my ($r) = rest(POST => $table, { %given, $c => $text });
			next if $r->{status} != 201;
			$row{$c} = $text;
			rest(DELETE => "$table?id=eq.$r->{json}[0]{id}");
			last;
		}
	}
	return %row;
}

my %made;
my $contact;
for (
	['contacts', { last_name => $evil, emails => ["$n\@example.com"], tags => ['<script>t()</script>'], custom_fields => { evil => $evil } }],
	['companies', { name => $evil, tags => ['<script>t()</script>'], custom_fields => { evil => $evil } }],
	['deals', { title => $evil, value => 5, tags => ['<script>t()</script>'], custom_fields => { evil => $evil } }],
	['tasks', { title => $evil, tags => ['<script>t()</script>'] }],
	['leads', { name => $evil, email => "lead.$n\@example.com", tags => ['<script>t()</script>'], custom_fields => { evil => $evil } }],
	['notes', { content => $evil }],
) {
	my ($table, $given) = @$_;
	$given->{contact_id} = $contact if $contact && $table =~ /^(?:deals|tasks|notes)$/;
	my %row = fields_of($table, %$given);
	my $r = rest(POST => $table, \%row);
	is($r->{status}, 201, "$table: stored as it was sent in " . scalar(grep { defined && !ref && ($_ eq $evil || $_ eq $short) } values %row) . ' fields') or diag $r->{content};
	next if $r->{status} != 201;
	$made{$table} = $r->{json}[0]{id};
	$contact = $made{$table} if $table eq 'contacts';
	my ($field) = grep { defined $row{$_} && !ref $row{$_} && $row{$_} eq $evil } sort keys %row;
	is($r->{json}[0]{$field}, $evil, 'and answered as it is') if $field;
}

my $b = browser();
$b->sign_in($mine->{users}[0]{email}, $mine->{users}[0]{password});

# What of it would run, were it not text.
sub is_text {
	my ($content, $name) = @_;
	my @bad = ($content =~ /<script>\Q$n\E/ ? 'script' : (), $content =~ /<img src=x/ ? 'picture' : (), $content =~ /<script>t\(\)/ ? 'tag' : ());
	return ok(!@bad, $name) || diag "@bad";
}

my @walk = ('/', qw(/contacts /companies /deals /tasks /leads /inbox /quotes /products /bookings /imports /settings /settings/audit),
	"/contacts?q=$n", '/contacts?view=table', '/companies?view=table', '/deals?view=list', '/tasks?view=list', '/leads?view=table',
	(map { ("/$_/$made{$_}", "/$_/$made{$_}/edit") } grep { $made{$_} } qw(contacts companies deals tasks leads)), '/contacts/options?q=HYPER', '/companies/options?q=HYPER');
my $seen = 0;
for my $path (@walk) {
	my $r = $b->get($path);
	next if $r->{status} == 404;
	is_text($r->{content}, "$path ($r->{status})");
	ok($r->{status} < 500, "$path answers");
	$seen += $r->{content} =~ /&lt;script&gt;\Q$n\E/;
}
ok($seen >= 8, "it is seen as text on $seen of these pages");

# Exports: a spreadsheet must not take any of it for a formula.
for my $path (map { ("/$_/export?format=csv", "/$_/export.csv", "/$_/export?format=xlsx", "/$_/export.xlsx") } qw(contacts companies deals tasks leads)) {
	my $r = $b->get($path);
	next if $r->{status} != 200 || ($r->{headers}{'content-type'} // '') !~ /csv|sheet/;
	if ($r->{headers}{'content-type'} =~ /csv/) {
		my @cells = $r->{content} =~ /(?:^|,|;|\n)"?(=HYPERLINK)/g;
		ok(!@cells, "$path: no cell begins as a formula");
	} else {
		open my $fh, '>:raw', "/tmp/$n.xlsx" or die $!;
		print $fh $r->{content};
		close $fh;
		my $sheet = `unzip -p /tmp/$n.xlsx 'xl/worksheets/*' 2>/dev/null`;
		ok($sheet !~ /<f>|<f /, "$path: no formula in it");
		unlike($sheet, qr/<script>/, "$path: and no markup");
		unlink "/tmp/$n.xlsx";
	}
}

rest(DELETE => "$_?id=eq.$made{$_}") for grep { $made{$_} } qw(notes tasks deals leads contacts companies);
done_testing;
