#!/usr/bin/perl
# Contacts, companies, deals and pipelines through the forms and pages of the
# staff: what each holds, how it is found, what goes with it when it goes.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $org  = $mine->{organization_id};
my $n    = 'cr' . $$ . substr(time, -5);
my ($user) = @{ $mine->{users} };
my $b  = browser(email => $user->{email}, password => $user->{password});
my $me = psql("select id from profiles where organization_id = '$org' and email = '$user->{email}'");
my %json = (headers => { Accept => 'application/json' });

sub page { return $b->get($_[0])->{content} }
sub uuid { return psql('select uuid7()') }

# ---- pipelines -------------------------------------------------------------------------

sub stages { my $html = $_[0] =~ s{<template.*?</template>}{}gsr; return join ' > ', $html =~ /name="stage_name" value="([^"]*)"/g }

my @presets = (
	[ 76, booking => 'Booking', 'Inquiry > Confirmed > Completed > Cancelled' ],
	[ 77, tours => 'Tour Bookings', 'Inquiry > Itinerary Sent > Confirmed > Completed > Cancelled' ],
	[ 78, enrollments => 'Enrollments', 'Inquiry > Enrolled > Lost' ],
	[ 79, registrations => 'Registrations', 'Inquiry > Payment Pending > Registered > Lost' ],
	[ 80, clients => 'Client Pipeline', 'Proposal > Active Campaign > Completed > Lost' ],
	[ 81, leads => 'Lead Pipeline', 'Inquiry > Qualified > Closed Won > Closed Lost' ],
	[ 82, real_estate => 'Real estate', 'Lead > Offer Submitted > Under Contract > Closed Won > Closed Lost' ],
	[ 83, acquisition => 'Customer Acquisition', 'Lead > Contacted > Qualified > Offer Made > Closed Won > Closed Lost' ],
	[ 84, returns => 'Returns', 'Return Requested > Item Received > Inspected > Refund/Exchange Processed > Declined' ],
	[ 85, outreach => 'Influencer partnerships', 'Outreach > Negotiation > Agreement > Content Creation > Published > Lost' ],
	[ 86, purchase_orders => 'Purchase orders', 'RFQ Sent > Quote Received > Negotiation > PO Issued > Shipped > Received > QC Passed > Cancelled' ],
	[ 87, kyc => 'KYC Pipeline', 'Documents Submitted > Under Review > Approved > Rejected' ],
	[ 88, loans => 'Loan Pipeline', 'Application Received > Document Verification > Credit Check > Underwriting > Approved > Disbursed > Declined' ],
	[ 89, collections => 'Collections Pipeline', 'Overdue > Contacted > Payment Plan > Partial Payment > Resolved > Written Off' ],
	[ 90, investments => 'Investment decisions', 'Interest > Consultation > Proposal > Commitment > Executed > Lost' ],
	[ 91, fraud => 'Fraud Cases', 'Alert > Investigation > Customer Verified > Resolved > Escalated' ],
	[ 92, accounts => 'Account Opening', 'Inquiry > Documents Submitted > Verification > Approved > Account Active > Declined' ],
	[ 93, disputes => 'Disputes', 'Filed > Under Investigation > Provisional Credit > Resolved > Declined' ],
	[ 94, restructuring => 'Restructuring', 'Application > Under Review > Offer Made > Accepted > Declined' ],
	[ 96, renewals => 'Policy renewal', 'Reminder Sent > Engaged > Renewed/Upgraded > Churned' ],
	[ 97, vehicles => 'Vehicle Sales', 'Inquiry > Test Drive Scheduled > Visited > Negotiation > Contract > Delivered > Lost' ],
	[ 98, trade_in => 'Trade-In Pipeline', 'Inquiry > Preliminary Valuation > Inspection Scheduled > Inspected > Offer Made > Accepted > Declined' ],
	[ 99, financing => 'Financing Pipeline', 'Pre-Qualification > Application > Bank Submission > Approved > Disbursed > Declined' ],
	[ 100, pre_order => 'Vehicle pre-order', 'Interest > Reserved (deposit) > Configured > Allocated > Delivery Scheduled > Delivered > Cancelled' ],
	[ 101, vehicle_insurance => 'Insurance Pipeline', 'Reminder Sent > Quote Requested > Quote Sent > Negotiation > Closed Won > Closed Lost' ],
	[ 102, recall => 'Recall Pipeline', 'Notified > Scheduled > In Service > Completed > Verified' ],
	[ 103, events => 'Events Pipeline', 'Inquiry > Proposal > Confirmed > Completed > Cancelled' ],
	[ 104, damage => 'Damage claims', 'Reported > Photos Received > Assessed > Approved > Refund > Rejected' ],
	[ 105, retention => 'Retention Pipeline', 'At-Risk > Contacted > Offer Made > Accepted > Churned' ],
	[ 106, applications => 'Applications Pipeline', 'Submitted > Under Review > Additional Info Required > Approved > Issued > Rejected' ],
	[ 107, cases => 'Case Pipeline', 'Inquiry > Consultation > Engaged > Discovery > Trial/Settlement > Closed > Lost' ],
	[ 108, memberships => 'Membership Sales', 'Inquiry > Visited > Offer Made > Closed Won > Closed Lost' ],
	[ 109, groups => 'Group Bookings', 'Inquiry > Quote Sent > Contract > Confirmed > Cancelled' ],
);
my $choice = page('/pipelines/new');
for (@presets) {
	my ($row, $key, $name, $want) = @$_;
	my $html = page("/pipelines/new?template=$key");
	my ($named) = $html =~ /id="name" name="name" value="([^"]*)"/;
	is("$named: " . stages($html), "$name: $want", "UCF-$row $name with its stages in order");
	like($choice, qr/<option value="$key"[^>]*>\Q$name\E</, "UCF-$row it is offered for a new pipeline");
}
is(stages($choice), 'New > Qualified > Proposal > Won > Lost', 'DEA-9 a new pipeline begins with a set of stages');
is(join(' ', page('/pipelines/new?template=sales') =~ s{<template.*?</template>}{}gsr =~ /name="stage_probability" value="(\d+)"/g), '10 30 50 70 100 0',
	'UCF-26 the probabilities of Lead, Qualified, Proposal, Negotiation, Closed Won, Closed Lost');
is(psql("select string_agg(s ->> 'name', ' > ' order by (s ->> 'position')::int) from pipelines p, jsonb_array_elements(p.stages) s
	where p.organization_id = '$org' and p.is_default"), 'Deal > Qualified > Proposal > Negotiation > Closed Won > Closed Lost',
	'FACT-112 the stages that an organization begins with');
# The form of a page as a browser sends it, in its order, with values changed:
# the answer and the id that the form brought.
sub submit {
	my ($path, %changed) = @_;
	my ($form) = page($path) =~ m{<form class="panel form[^"]*"[^>]*method="post"(.*?)</form>}s;
	my ($to) = $form =~ /action="([^"]*)"/;
	my @f;
	$form =~ s{<template.*?</template>}{}gs;
	while ($form =~ m{<input\b([^>]*)>|<select\b([^>]*)>(.*?)</select>|<textarea\b([^>]*)>(.*?)</textarea>}gs) {
		my ($in, $sel, $options, $area, $text) = ($1, $2, $3, $4, $5);
		my ($name) = ($in // $sel // $area) =~ /\bname="([^"]*)"/ or next;
		next if defined $in && $in =~ /type="(?:checkbox|radio)"/ && $in !~ /\bchecked\b/;
		my ($value) = defined $in ? $in =~ /value="([^"]*)"/ : defined $area ? $text
			: $options =~ /<option value="([^"]*)"[^>]*\bselected/ ? $1 : $options =~ /<option value="([^"]*)"/;
		push @f, $name, $value // '' unless exists $changed{$name};
	}
	push @f, map { my $k = $_; map { ($k, $_) } ref $changed{$k} ? @{ $changed{$k} } : $changed{$k} } sort keys %changed;
	my $r = $b->request(POST => $to, { headers => { 'Content-Type' => 'application/x-www-form-urlencoded' },
		content => HTTP::Tiny->new->www_form_urlencode(\@f) });
	my %f = @f;
	diag "$to: $r->{status} " . join ' ', $r->{content} =~ /role="alert">([^<]*)/g if $r->{status} != 303;
	return $f{id};
}
my $pipeline = submit('/pipelines/new?template=sales', name => "Region $n");
is(psql("select string_agg(stage || ' ' || coalesce(probability, 0)::int, ', ' order by position) from pipeline_stages where pipeline_id = '$pipeline'"),
	'lead 10, qualified 30, proposal 50, negotiation 70, closed_won 100, closed_lost 0', 'DEA-5 FACT-111 FACT-112 a further pipeline with stages of its own');
like(page("/deals?pipeline=$pipeline"), qr/Region \Q$n\E/, 'FACT-111 the board switches to it');
my $was = psql("select id from pipelines where organization_id = '$org' and is_default");
for ([ $pipeline, 'is the default' ], [ $was, 'and the former one again' ]) {
	submit("/pipelines/$_->[0]", is_default => 1);
	is(psql("select string_agg(id::text, ' ') from pipelines where organization_id = '$org' and is_default"), $_->[0], "DEA-3 FACT-111 one pipeline $_->[1]");
}
$b->post("/pipelines/$pipeline/delete", {});
is(psql("select count(*) from pipelines where id = '$pipeline'"), 0, 'FACT-111 a pipeline is deleted');

done_testing;
