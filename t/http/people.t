#!/usr/bin/perl
# People and companies by the API: several companies, files, mails, calls, tags,
# and requests that race for the same person.
use strict;
use warnings;
use Kontor;
use Kontor::Tenant;
use Test::More;

my $t = Kontor::Tenant->new('people');
my $other = Kontor::Tenant->new('strangers');

sub rest { my ($method, $what, %o) = @_; return $t->proxy($method, $what, %o) }
sub made { my $r = rest(POST => $_[0], json => $_[1]); return $r->{json}[0] // die "not made: $_[0] $r->{status} $r->{body}\n" }

# ---- contacts and companies --------------------------------------------------------

my $one = made(companies => { name => 'One' });
my $two = made(companies => { name => 'Two', parent_company_id => $one->{id} });
is($two->{parent_company_id}, $one->{id}, 'COM-8 a company belongs to another one');
my $ada = made(contacts => { first_name => 'Ada', last_name => 'Long', title => 'VP of Engineering', status => 'customer', company_id => $one->{id} });
is("$ada->{title} $ada->{status}", 'VP of Engineering Customer', 'LEA-29 LEA-31 title and status by the API');
my $link = made(contact_companies => { contact_id => $ada->{id}, company_id => $two->{id}, role => 'Board' });
ok(!$link->{is_primary}, 'LEA-33 a second company');
my $r = rest(GET => "contact_companies?contact_id=eq.$ada->{id}&select=is_primary,role,companies(name)&order=is_primary.desc");
is_deeply([map { "$_->{companies}{name} " . ($_->{is_primary} ? 1 : 0) } @{ $r->{json} }], ['One 1', 'Two 0'], 'LEA-33 with their names, the primary first');
rest(PATCH => "contacts?id=eq.$ada->{id}", json => { company_id => $two->{id} });
is($t->sql("select string_agg(c.name || l.is_primary, ' ' order by c.name) from contact_companies l join companies c on c.id = l.company_id where l.contact_id = '$ada->{id}'"),
	'Onefalse Twotrue', 'LEA-33 company_id is the primary, whichever is written');
$r = rest(POST => 'contact_companies', json => { contact_id => $ada->{id}, company_id => $two->{id} });
is($r->{status}, 409, 'one link per pair');
my $foreign = $other->proxy(POST => 'companies', json => { name => 'Foreign' })->{json}[0];
$r = rest(POST => 'contact_companies', json => { contact_id => $ada->{id}, company_id => $foreign->{id} });
ok($r->{status} >= 400 && $r->{status} < 500, 'API-5 no company of another tenant');
is(scalar @{ $other->proxy(GET => 'contact_companies')->{json} }, 0, 'API-5 and nothing is seen from there');

# ---- notes, calls, mails, tags -------------------------------------------------------

my $note = made(notes => { contact_id => $ada->{id}, content => 'First' });
rest(PATCH => "notes?id=eq.$note->{id}", json => { content => 'Second' });
rest(DELETE => "notes?id=eq.$note->{id}");
is($t->sql("select string_agg(type, ' ' order by position) from events where organization_id = :org and type like 'note.%'"), 'note.created note.updated note.deleted', 'a note tells what becomes of it');
my $call = made(call_records => { contact_id => $ada->{id}, source => 'app', direction => 'outbound', call_status => 'initiated', customer_phone => '+4930123456' });
is($call->{call_status}, 'INITIATED', 'CON-66 a call that begins');
is($t->sql("select count(*) from events where organization_id = :org and type = 'call.ended'"), 0, 'has not ended');
$r = rest(PATCH => "call_records?id=eq.$call->{id}", json => { call_status => 'COMPLETED', duration_seconds => 65, notes => 'Wants a quote' });
is($r->{json}[0]{duration_seconds}, 65, 'CON-67 with its duration and notes when it is over');
is($t->sql("select count(*) from events where organization_id = :org and type = 'call.ended'"), 1, 'CON-67 and then it has ended, once');
$r = rest(PATCH => "call_records?id=eq.$call->{id}", json => { call_status => 'CONNECTED' });
is($r->{status}, 409, 'CON-67 it does not begin again');
$r = rest(POST => 'call_records', json => { contact_id => $ada->{id}, call_status => 'RINGING' });
is($r->{status}, 400, 'CON-67 there is no other status');
$r = rest(POST => 'record_emails', json => { contact_id => $ada->{id}, to_address => "a\@b.example", subject => "Hi\r\nBcc: x\@y.example", body => 'x' });
is($r->{status}, 400, 'no header comes in through a subject');
rest(PATCH => "contacts?id=eq.$ada->{id}", json => { tags => ['gold', 'north'] });
$t->sql("select set_config('request.jwt.claims', json_build_object('organization_id', :org, 'app_role', 'SYSTEM')::text, true)");
$r = rest(GET => 'tags?select=name,contacts');
ok($r->{status} == 200, 'CON-46 tags are a table of the API');
for my $table (qw(contact_companies record_files record_emails tags duplicate_dismissals record_jobs retention_rules)) {
	is(rest(GET => "$table?limit=1")->{status}, 200, "API-1 $table is in the REST API");
}

# ---- races -----------------------------------------------------------------------------

# So many at once, each in a process of its own; their answers as lines.
sub at_once {
	my ($n, $what) = @_;
	my @pipes;
	for my $i (1 .. $n) {
		pipe my $in, my $out or die;
		if (!(my $pid = fork)) {
			my $said = eval { $what->($i) } // "died: $@";
			print $out "$said\n";
			close $out;
			require POSIX;
			POSIX::_exit(0);
		}
		close $out;
		push @pipes, $in;
	}
	my @said = map { my $line = <$_>; chomp($line //= ''); $line } @pipes;
	1 while wait > 0;
	return @said;
}

my @ids = at_once(12, sub {
	my $r = $t->call('create-lead', { first_name => "Racer$_[0]", phone => '+493055512345', email => 'racer@race.example' });
	return $r->{json}{data}{contact}{id} // "$r->{status} $r->{body}";
});
my %distinct = map { $_ => 1 } @ids;
is(scalar keys %distinct, 1, 'find or create: twelve requests at once make one person') or diag(join "\n", @ids);
is($t->sql("select count(*) from contacts where organization_id = :org and phones \@> '{+493055512345}'"), 1, 'and there is one');
my @links = at_once(8, sub { return rest(POST => 'contact_companies', json => { contact_id => $ids[0], company_id => $one->{id} })->{status} });
is(scalar(grep { $_ == 201 || $_ == 200 } @links), 1, 'LEA-33 the same link at once: one is made') or diag("@links");
is($t->sql("select count(*) from contact_companies where contact_id = '$ids[0]' and is_primary"), 1, 'and is the primary');
my $dup = made(contacts => { first_name => 'Racer', phones => ['+493055512345'], emails => ['racer2@race.example'] });
my @merges = at_once(4, sub { return $t->call('merge-contacts', { primary_contact_id => $ids[0], primaryContactId => $ids[0], contact_ids => [$ids[0], $dup->{id}], contactIds => [$ids[0], $dup->{id}],
	primary_id => $ids[0], duplicate_ids => [$dup->{id}] })->{status} });
is($t->sql("select count(*) from record_merges where organization_id = :org and duplicate_id = '$dup->{id}'"), 1, 'CON-64 merged once, however often it was asked for') or diag("@merges");

done_testing();
