#!/usr/bin/perl
# What the pages of the inbox never send: refused in the documented shape, in words
# for people, and the conversation is as before.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Test::More;

my $org   = tenant()->{organization_id};
my $user  = tenant()->{users}[0];
my $staff = browser(email => $user->{email}, password => $user->{password});
my $talk  = psql("select id from conversations where organization_id = '$org' and status = 'OPEN' order by created_at limit 1");
my $none  = '00000000-0000-0000-0000-000000000000';

sub state { return psql("select md5(c::text) || (select count(*) from tasks where organization_id = '$org') || (select count(*) from messages where organization_id = '$org') from conversations c where organization_id = '$org' and id = '$talk'") }

for my $try (
	['INB-47 a word that is no time to come back', snooze => { until => 'yesterdayish' }],
	['INB-47 a time that is none', snooze => { until => 'at', at => 'garbage' }],
	['INB-47 a thirteenth month', snooze => { until => 'at', at => '2031-13-01T10:00' }],
	['INB-47 a time in the past', snooze => { until => 'at', at => '2020-01-01T10:00' }],
	['INB-69 a channel that is no id', channel => { channel => 'zz' }],
	['INB-69 a channel that does not exist', channel => { channel => $none }],
	['INB-46 a status of one\'s own', status => { status => 'BURNT' }],
	['INB-53 a member that is none', assign => { assignee_id => 'zz' }],
	['INB-83 a task that is due never', tasks => { title => 'Call', due => 'soon' }],
	['INB-83 a task without a title', tasks => { title => ' ' }],
	['a merge with itself', merge => { with => $talk }],
	['a macro that is none', macro => { macro => 'zz' }],
	['a note without words', notes => { content => ' ' }],
) {
	my ($name, $path, $fields) = @$try;
	my $before = state();
	my $r = $staff->post("/inbox/$talk/$path", $fields, headers => { Accept => 'application/json' });
	my $said = eval { json_decode($r->{content}) } // {};
	ok($r->{status} >= 400 && $r->{status} < 500 && length($said->{error} // '') && length($said->{code} // ''), "$name: refused in the documented shape")
		or diag "$r->{status} $r->{content}";
	unlike($r->{content}, qr/invalid input|syntax|operator|column/, "$name: in words for people");
	is(state(), $before, "$name: nothing is changed");
}
is($staff->request(POST => "/inbox/$talk/status", { headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }, content => 'status=CLOSED' })->{status}, 403,
	'without its token a form changes nothing');
done_testing;
