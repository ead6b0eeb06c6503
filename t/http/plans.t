#!/usr/bin/perl
# How PostgreSQL answers the CRM's pages: no page reads a table of more than
# 10,000 rows from end to end. auto_explain writes the plan of every statement
# that the programs run, nested ones too, over a twentieth of the data set of
# the figures: 50,000 contacts and tasks, 15,000 deals in one tenant.
use strict;
use warnings;
use JSON::PP;
use Kontor;
use Test::More;

my $k = own_instance(demo => 1);
my $log = $k->home . '/log/postgresql.log';
my $tenant = $k->json->{tenants}[0];
my ($org, $user) = ($tenant->{organization_id}, $tenant->{users}[0]);

system('psql', '-Xq', '-o', '/dev/null', '-v', "org=$org", '-v', 'part=20', '-f', "$ENV{KONTOR_TREE}/t/bench/crm_data.sql",
	$k->json->{database_url}) == 0 or BAIL_OUT('the data set could not be made');
open my $conf, '>>', $k->home . '/pg/postgresql.conf' or die "postgresql.conf: $!\n";
print $conf <<'END';
session_preload_libraries = 'auto_explain'
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_timing = off
auto_explain.log_nested_statements = on
auto_explain.log_format = json
END
close $conf;
$k->kontor('down');
$k->up;

my $browser = $k->browser(email => $user->{email}, password => $user->{password});

# [rows read, table] of each sequential scan in a plan that read more than 10,000;
# one more is read to say "10,000+".
sub scans {
	my ($node) = @_;
	my $read = ($node->{'Actual Rows'} // 0) + ($node->{'Rows Removed by Filter'} // 0);
	return ((($node->{'Node Type'} eq 'Seq Scan' && $read > 10_001) ? [$read, $node->{'Relation Name'}] : ()),
		map { scans($_) } @{ $node->{Plans} // [] });
}

# The plans that the log has got since the place.
sub plans {
	my ($from) = @_;
	open my $fh, '<', $log or die "$log: $!\n";
	seek $fh, $from, 0;
	my $text = do { local $/; <$fh> };
	return map { decode_json($_) } $text =~ /plan:\n((?:\t.*\n)+)/g;
}

# What the test looks for is found when it is there.
my $before = -s $log;
$k->psql("select count(*) from tasks where description like '%no such order%'");
is((map { scans($_->{Plan}) } plans($before))[0][1], 'tasks', 'a table read from end to end is found in the log');

my $me   = $k->psql("select id from profiles where organization_id = '$org' and email = '$user->{email}'");
my $some = sub { $k->psql("select id from $_[0] where organization_id = '$org' order by id offset 500 limit 1") };
my @pages = (
	'/contacts', '/contacts?view=table&sort=name', "/contacts?tag=segment+3&assignee=$me&sort=-name",
	"/contacts?f=assignee_id:is:me&f=created_at:last:300&sort=-updated_at", '/contacts?f=assignee_id:empty:&f=tags:none:segment+3&sort=source',
	'/companies?f=country:not:Norway&f=tags:any:segment+1,segment+2&sort=industry', '/companies?f=country:empty:&sort=-country', '/contacts?q=anna+ander', '/contacts?q=00491510000',
	'/contacts?q=' . 'fisch', '/companies', '/companies?q=labs+12', '/deals', '/deals?view=list', '/deals?q=order+12', "/deals?owner=$me&tag=segment+4",
	'/contacts/' . $some->('contacts'), '/companies/' . $some->('companies'), '/deals/' . $some->('deals'), '/',
	'/search?q=anna+ander', '/search?q=00491510000', '/search?q=order+12', '/search?q=ab', '/search?q=call+fisch', '/search?q=nothing+has+this', '/notifications',
);
for my $page (@pages) {
	my $from = -s $log;
	my $r = $browser->get($page);
	is($r->{status}, 200, "$page answers") or next;
	my $plans = 0;
	my @found = map { $plans++; map { [$_, @$_] } scans($_->{Plan}) } plans($from);
	cmp_ok($plans, '>', 1, "$page: its plans are in the log");
	is(join(', ', map { "$_->[2] ($_->[1] rows)" } @found), '', "$page reads no large table from end to end");
}
done_testing;
