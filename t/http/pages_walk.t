#!/usr/bin/perl
# Every page that has no id in its address, as each member of a tenant: it is there,
# or it says in words that this member may not see it. No page ends in an error of
# the database, which a member's rights may bring about and an owner's do not.
use strict;
use warnings;
use FindBin;
use Kontor;
use Test::More;

my $t    = tenant(0);
my $org  = $t->{organization_id};
my $tree = "$FindBin::Bin/../..";
my @pages;
for my $file (glob "$tree/fcgi/app/routes/*.def") {
	open my $fh, '<', $file or die "$file: $!\n";
	while (<$fh>) { push @pages, $1 if /^PAGE\("([^":]+)"/ }
}
cmp_ok(scalar @pages, '>', 60, scalar(@pages) . ' pages');

# Something to be counted on each of them: an answered survey, a promise, sums.
my ($talk, $contact) = split /\|/, psql("select id || '|' || contact_id from conversations where organization_id = '$org' order by id limit 1");
my $survey = psql("insert into csat_surveys (organization_id, conversation_id, contact_id, state, sent_at, score, answered_at)
	values ('$org', '$talk', '$contact', 'answered', now(), 4, now()) returning id");

for my $user (@{ $t->{users} }) {
	my $b = browser(email => $user->{email}, password => $user->{password});
	for my $path (@pages) {
		my $r = $b->request(GET => $path, {});
		next if $path =~ m{^/(?:logout|sign)};
		my $said = $r->{content} // '';
		ok($r->{status} =~ /^(?:200|204|303|4\d\d)$/ && $said !~ /permission denied for/, "$user->{role}: $path: $r->{status}")
			or diag substr $said, 0, 300;
		is($r->{status}, 200, "$user->{role}: the reports of the inbox are there") if $path eq q{/inbox/reports};
		isnt($r->{status}, 403, "an owner may see $path") if $user->{role} eq "OWNER" && $path ne "/live"; # its key comes with a page
	}
}
psql("delete from csat_surveys where id = '$survey'");
done_testing;
