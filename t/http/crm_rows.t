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
my $p5   = sprintf '%05d', $$ % 100000;
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

# ---- contacts --------------------------------------------------------------------------

my $contact = submit('/contacts/new', first_name => "Ada$n", last_name => 'Lovelace', title => 'Countess',
	phones => ['+4930123' . $p5, '+4930999' . $p5],
	emails => ["ada.$n\@example.com", "ada2.$n\@example.com"], company => "Engines $n", tags => "vip$n, math$n", source => 'fair',
	description => 'Writes notes', opt_in_status => 1, custom_key => 'hobby', custom_value => "whist$n",
	deal_title => "Engine $n", deal_value => '1200', assignee_id => $me);
my $row = (rows("select c.*, co.name as company from contacts c left join companies co on co.id = c.company_id where c.id = '$contact'"))[0];
is_deeply([@$row{qw(first_name last_name title source description company)}, scalar @{ $row->{phones} }, scalar @{ $row->{emails} },
		[sort @{ $row->{tags} }], $row->{custom_fields}{hobby}, $row->{opt_in_status} ? 1 : 0],
	["Ada$n", 'Lovelace', 'Countess', 'fair', 'Writes notes', "Engines $n", 2, 2, ["math$n", "vip$n"], "whist$n", 1],
	'FACT-81 FACT-95 a contact with all its fields; its company is made with it') or diag explain $row;
my $deal = psql("select id from deals where contact_id = '$contact' and title = 'Engine $n' and value = 1200");
ok($deal, 'FACT-81 and a deal in the same form');
submit("/contacts/$contact/edit", title => 'Analyst');
is(psql("select title || ' ' || last_name || ' ' || cardinality(phones) from contacts where id = '$contact'"), 'Analyst Lovelace 2', 'FACT-82 it is edited');

psql("insert into tasks (organization_id, title, contact_id) values ('$org', 'Ask $n', '$contact');
	insert into notes (organization_id, contact_id, content) values ('$org', '$contact', 'Noted $n');
	insert into notes (organization_id, contact_id, content) values ('$org', '$contact', 'Noted too $n')");
psql("insert into call_records (organization_id, source, contact_id, direction, duration_seconds, call_timestamp, call_status)
	values ('$org', 'app', '$contact', 'outbound', 125, now(), 'COMPLETED')");
my $html = page("/contacts/$contact");
like($html, qr/$_/, "FACT-83 the details show $_") for "Ada$n", 'Analyst', "ada.$n\@example.com", "ada2.$n\@example.com", "vip$n", 'fair', 'Writes notes', "whist$n",
	"Engine $n", "Ask $n", "Noted $n", 'added this contact';
like($html, qr{href="/companies/\Q$row->{company_id}\E"}, 'FACT-95 from it to its company');
like($html, qr/id="$_->[0]">$_->[1]/, "FACT-97 $_->[2]") for ['open-deals', '1 · ', 'open deals'], ['note-count', '2<', 'notes'],
	['last-activity', '<time', 'last activity'], ['per-week', '0', 'message frequency'], ['last-contact', '(?!never)\\S', 'last contact, by telephone as well'];
my %seen;
$seen{$_}++ for $html =~ /data-category="(\w+)"/g;
ok($seen{$_}, "FACT-99 the timeline holds $_") for qw(call deal task note change);
my @times = ($html =~ m{id="timeline"(.*)}s)[0] =~ m{<time class="muted" datetime="([^"]+)"}g;
is("@times", join(' ', reverse sort @times), 'FACT-99 in the order of time');

my $talked = psql("insert into conversations (organization_id, contact_id) values ('$org', '$contact') returning id");
psql("insert into messages (organization_id, conversation_id, contact_id, direction, content) values ('$org', '$talked', '$contact', 'INBOUND', 'Hello $n'),
	('$org', '$talked', '$contact', 'OUTBOUND', 'Hi back $n')");
psql("insert into notes (organization_id, contact_id, content) select '$org', '$contact', 'Page ' || g || ' $n' from generate_series(1, 60) g");
my $parts = my $part_of = page("/contacts/$contact");
my $fetched = 0;
while ($part_of =~ m{class="timeline-more"><button[^>]*hx-get="([^"]+)" hx-trigger="click, intersect once"} and $fetched++ < 20) {
	$part_of = page($1 =~ s/&amp;/&/gr);
	$parts .= $part_of;
}
cmp_ok($fetched, '>=', 1, 'FACT-99 more is loaded when the end is reached');
my %entries;
$entries{$_}++ for $parts =~ /id="(entry-[^"]+)"/g;
ok(!(grep { $_ > 1 } values %entries) && !(grep { $parts !~ /Page $_ \Q$n\E/ } 1 .. 60), 'FACT-99 each entry once');
like($parts, qr/data-category="message".*\Q$_ $n\E/s, "FACT-99 messages: $_") for 'Hello', 'Hi back';
like($parts, qr/data-category="call".*?(?:2:05|2 min)/s, 'FACT-99 a call with its duration');
psql("delete from notes where contact_id = '$contact' and content like 'Page %'");

# found by each of its properties, and only then
sub found { my $r = page("/contacts?view=table&tags=vip$n&q=" . $_[0]); return $r =~ /Ada$n/ ? 1 : 0 }
my $digits = substr $row->{phones}[0], 4, 7;
is(found($_->[1]), 1, "FACT-84 found by $_->[0]") for ['first name', "ada$n"], ['last name', 'lovelace'], ['full name', "Ada$n+Lovelace"], ['part of the phone', $digits],
	['e-mail', "ada2.$n"], ['company', "engines+$n"], ['tag', "math$n"], ['a custom field', "whist$n"];
is(found("nobody$n"), 0, 'FACT-84 and not by what it has not');

my @made = map { psql("insert into contacts (organization_id, first_name, last_name, tags, phones, created_at)
	values ('$org', '$_->[0]', '$n', '{sort$n,$_->[1]}', array['+493$_->[2]$p5'], now() - interval '$_->[2] days') returning id") } ['Bea', "one$n", 3], ['Cem', "two$n", 1], ['Ali', "one$n", 2];
sub order { return join ' ', page("/contacts?view=table&$_[0]") =~ m{<th scope="row">.*?(Ali|Bea|Cem) \Q$n\E}g }
is(order("tags=sort$n&sort=$_->[0]"), $_->[1], "FACT-86 sorted by $_->[0]") for ['name', 'Ali Bea Cem'], ['-name', 'Cem Bea Ali'], ['-created_at', 'Cem Ali Bea'], ['created_at', 'Bea Ali Cem'];
is(order("tags=sort$n&tags=one$n&sort=name"), 'Ali Bea', 'FACT-93 several tags at once');

my $grid  = page("/contacts?view=grid&tags=vip$n");
my $table = page("/contacts?view=table&tags=vip$n");
like($grid, $_->[1], "FACT-87 a card has $_->[0]") for ['the name', qr/record-card-name">\s*<a[^>]*>Ada$n Lovelace/], ['its company', qr/<span class="muted">Engines \Q$n\E/],
	['tags', qr/<span class="pill[^"]*">(?:vip|math)\Q$n\E/], ['actions', qr/record-card-actions/];
like($table, $_->[1], "FACT-87 the table has $_->[0]") for ['columns that sort', qr/<th scope="col"[^>]*><a href="[^"]*sort=/], ['a selection', qr/data-pick-page/],
	['cells that are changed in place', qr/data-cell="tags"/], ['an export', qr/data-open="export"/];
my $talk = psql("select c.contact_id from conversations c join contacts t on t.id = c.contact_id where c.organization_id = '$org'
	and cardinality(t.phones) > 0 and cardinality(t.emails) > 0 limit 1");
my ($card) = page("/contacts?view=grid&q=" . psql("select phones[1] from contacts where id = '$talk'") =~ s/\D//gr) =~ m{(<li class="record-card" data-row data-record="contacts/$talk".*?</li>)}s;
like($card // '', $_->[1], "FACT-88 a row's actions: $_->[0]") for ['view', qr{href="/contacts/$talk"}], ['edit', qr{href="/contacts/$talk/edit"}], ['delete', qr/data-delete-one="$talk"/],
	['send a message', qr{href="/inbox/}], ['call', qr/href="tel:/], ['WhatsApp', qr{https://wa.me/\d}], ['copy the phone', qr/data-copy="\+\d+"/], ['copy the e-mail', qr/data-copy="[^"]+@/];

# changed together
sub bulk { my $r = $b->post('/records/contacts/bulk', { id => uuid(), ids => \@made, @_ }, %json); return json_decode($r->{content})->{changed} }
is(bulk(action => 'add_tags', value => "bulk$n") . psql("select count(*) from contacts where tags \@> '{bulk$n}'"), '33', 'FACT-89 several are tagged');
is(bulk(action => 'assign', value => $me) . psql("select count(*) from contacts where tags \@> '{bulk$n}' and assignee_id = '$me'"), '33', 'FACT-89 and assigned');
psql("insert into custom_field_definitions (organization_id, entity, key, label, type, options) values ('$org', 'contact', 'k$n', 'Kind $n', 'select', '[\"x\", \"y\"]')");
psql("update contacts set custom_fields = '{\"k$n\": \"y\"}' where id = '$made[0]'");
my $csv = $b->get("/records/contacts/export?format=csv&tags=bulk$n&field=first_name&field=cf.k$n&sort=name")->{content};
like($csv, qr/"Kind \Q$n\E"\r\n.*"Bea","y"/s, 'FACT-89 and exported with their custom fields');
is(bulk(action => 'delete') . psql("select count(*) from contacts where tags \@> '{sort$n}'"), '30', 'FACT-89 and deleted');
psql("delete from custom_field_definitions where key = 'k$n'");

sub left { return psql("select (select count(*) from contacts where id = '$contact') || ' ' || (select count(*) from notes where contact_id = '$contact') || ' ' ||
	(select count(*) from deals where id = '$deal') || ' ' || (select count(*) from call_records where contact_id = '$contact')") }
$b->post("/contacts/$contact/delete", {});
is((split ' ', left())[0], 0, 'FACT-82 it is deleted');
$b->post("/trash/contacts/$contact", {});
is(left(), '1 2 1 1', 'FACT-82 and comes back with the notes, deals and calls that hung on it');
psql("delete from contacts where id = '$contact'; delete from conversations where id = '$talked'; delete from deals where id = '$deal'; delete from tasks where title = 'Ask $n'");

# ---- contacts by the API ---------------------------------------------------------------

my $key = $mine->{api_key};
sub rest { my ($method, $path, $json, %o) = @_; return api($method => "/functions/v1/rest-api-proxy/$path", key => $key, defined $json ? (json => $json) : (), headers => { Prefer => 'return=representation' }, %o) }
my ($one, $two) = map { rest(POST => 'contacts', { first_name => "Api$_", last_name => $n, phones => ["+4917$_$p5"], tags => ['x', 'y'], custom_fields => { a => 1, b => 2 } })->{json}[0] } 1, 2;
my $r = rest(PATCH => "contacts?id=eq.$one->{id}", { custom_fields => { b => 3 }, tags => ['z'] });
is_deeply($r->{json}[0]{custom_fields}, { b => 3 }, 'CON-84 custom fields are replaced as a whole') or diag $r->{content};
is_deeply($r->{json}[0]{tags}, ['z'], 'CON-86 and tags');
$r = rest(GET => "contacts?id=eq.$two->{id}&select=custom_fields");
rest(PATCH => "contacts?id=eq.$two->{id}", { custom_fields => { %{ $r->{json}[0]{custom_fields} }, c => 3 } });
is_deeply(rest(GET => "contacts?id=eq.$two->{id}&select=custom_fields")->{json}, [{ custom_fields => { a => 1, b => 2, c => 3 } }], 'CON-89 read, merged and written back, none is lost');
$r = rest(PATCH => "contacts?last_name=eq.$n&tags=ov.{y,z}", { source => 'filter' });
is(join(' ', sort map { $_->{first_name} } @{ $r->{json} }), 'Api1 Api2', 'CON-85 every match of a filter is changed');
$r = rest(PATCH => "contacts?phones=cs.{%2B49171$p5}", { source => 'phone' });
is(psql("select string_agg(first_name || ' ' || source, ', ' order by first_name) from contacts where last_name = '$n' and first_name like 'Api%'"), 'Api1 phone, Api2 filter',
	'CON-85 found by a phone number, and no other');
$r = rest(GET => "contacts?emails=cs.{nobody.$n\@example.com}&limit=1");
is("$r->{status} $r->{content}", '200 []', 'CON-87 nobody is found: 200 and an empty list');
my @order;
for my $phone ("+49171$p5", "+49179$p5") {
	my $known = rest(GET => "contacts?phones=cs.{" . $phone =~ s/\+/%2B/r . "}&select=id&limit=1")->{json}[0]{id}
		// rest(POST => 'contacts', { first_name => 'Api3', last_name => $n, phones => [$phone] })->{json}[0]{id};
	push @order, rest(POST => 'deals', { title => "Upsert $n", contact_id => $known, value => 1 })->{json}[0]{contact_id};
}
is_deeply([$order[0], psql("select first_name from contacts where id = '$order[1]'"), psql("select count(*) from contacts where last_name = '$n' and first_name like 'Api%'")],
	[$one->{id}, 'Api3', 3], 'CON-88 searched by phone, used or made, then the deal');
is(join(' ', map { $_->{status} } rest(POST => 'contacts', { phones => 'no list' }), rest(POST => 'contacts', { nonsense => 1 }), rest(GET => 'contacts?nonsense=eq.1'),
	rest(GET => "contacts?id=eq.$one->{id}", undef, key => 'none')) =~ /^(4\d\d ?){4}$/ ? 1 : 0, 1, 'CON-72 what is asked wrongly is answered with 4xx, never with 5xx');
psql("delete from deals where title = 'Upsert $n'; delete from contacts where last_name = '$n' and first_name like 'Api%'");

# ---- companies -------------------------------------------------------------------------

my $company = submit('/companies/new', name => "Analytical $n", industry => "Looms$n", website => "https://www.analytical$n.example", street => '1 Dorset St', city => 'London',
	state => 'Greater London', postal_code => 'W1U', country => "Albion$n", phones => '+4420794' . $p5, emails => "office\@analytical$n.example",
	employee_count => 12, annual_revenue => '500000', tags => "key$n, old$n", description => 'Builds engines', deal_title => "Mill $n", deal_value => '900', person_first => "Charles$n");
$row = (rows("select * from companies where id = '$company'"))[0];
is_deeply([@$row{qw(name industry website street city state postal_code country employee_count description)}, $row->{annual_revenue} + 0, scalar @{ $row->{phones} }, $row->{emails}[0], scalar @{ $row->{tags} }],
	["Analytical $n", "Looms$n", "https://www.analytical$n.example", '1 Dorset St', 'London', 'Greater London', 'W1U', "Albion$n", 12, 'Builds engines', 500000, 1, "office\@analytical$n.example", 2],
	'FACT-104 a company with all its fields') or diag explain $row;
$deal = psql("select id from deals where company_id = '$company' and title = 'Mill $n'");
ok($deal, 'FACT-104 and a deal in the same form');
submit("/companies/$company/edit", city => 'Bath');
is(psql("select city || ' ' || industry from companies where id = '$company'"), "Bath Looms$n", 'FACT-105 it is edited');
psql("insert into notes (organization_id, company_id, content) values ('$org', '$company', 'Remember $n');
	insert into deals (organization_id, pipeline_id, title, value, currency, stage, company_id) select '$org', id, 'Won $n', 700, 'EUR', 'won', '$company' from pipelines where id = '$was'");
$html = page("/companies/$company");
like($html, qr/$_/, "FACT-106 the details show $_") for "Looms$n", 'Bath', "Charles$n", "Mill $n", "Remember $n", 'added this company', 'id="add-person"|/people"';
like($html, qr/id="open-deals">1 · [^<]*900/, 'FACT-110 open deals with their count and sum');
like($html, qr/id="won-sum">[^<]*700/, 'FACT-110 and revenue');
sub firms { my $r = page("/companies?view=table&$_[0]"); return $r =~ /Analytical \Q$n\E/ ? 1 : 0 }
is(firms("tags=key$n&q=$_->[1]"), 1, "FACT-107 found by $_->[0]") for ['name', "analytical+$n"], ['industry', "looms$n"], ['website', "analytical$n.example"], ['country', "albion$n"];
is(firms($_->[1]), $_->[2], "FACT-107 filtered by $_->[0]") for ['country', "country=Albion$n", 1], ['another country', "tags=key$n&country=Nowhere", 0], ['no country', "tags=key$n&country=none", 0],
	['industry', "industry=Looms$n", 1], ['several tags', "tags=key$n&tags=old$n", 1], ['a tag that it has not', "tags=key$n&tags=none$n", 0];
psql("insert into companies (organization_id, name, tags, created_at) values ('$org', 'Zed $n', '{key$n}', now() - interval '1 day')");
is(join(' ', page("/companies?view=table&tags=key$n&sort=$_->[0]") =~ m{<th scope="row">.*?(Analytical|Zed) \Q$n\E}g), $_->[1], "COM-19 FACT-107 sorted by $_->[0]")
	for ['name', 'Analytical Zed'], ['-name', 'Zed Analytical'], ['-created_at', 'Analytical Zed'], ['created_at', 'Zed Analytical'];
($card) = page("/companies?view=grid&tags=old$n") =~ m{(<li class="record-card".*?</li>)}s;
like($card, $_->[1], "$_->[2] a card has $_->[0]") for ['tags', qr/key\Q$n\E/, 'FACT-108'], ['its country', qr/Albion\Q$n\E/, 'FACT-108'], ['its website', qr/analytical\Q$n\E\.example/, 'FACT-108'],
	['the number of people', qr/(?:<b>)?1(?:<\/b>)?\s*(?:people|person|contact)|People[^0-9]*1\b/i, 'UCF-56'];
$table = page("/companies?view=table&tags=old$n");
like($table, $_->[1], "FACT-108 the table has $_->[0]") for ['columns that sort', qr/<th scope="col"[^>]*><a href="[^"]*sort=industry/], ['a selection', qr/data-pick-page/],
	['cells that are changed in place', qr/data-cell="industry"/], ['an export', qr/data-open="export"/];
like($table, qr/id="search"[^>]*hx-get="\/companies"[^>]*hx-trigger="input changed[^"]*from:#q/, 'COM-13 the list follows what is typed');
my $part = $b->request(GET => "/companies?view=table&tags=key$n&q=zed", { headers => { 'HX-Request' => 'true', 'HX-Target' => 'results' } })->{content};
ok($part =~ /Zed \Q$n\E/ && $part !~ /Analytical \Q$n\E|<html/, 'COM-13 which comes as a part of the page');
my $charles = psql("select id from contacts where company_id = '$company'");
$b->post("/companies/$company/delete", {});
is(psql("select (select count(*) from companies where id = '$company') || ' ' || (select count(*) from contacts where id = '$charles' and company_id is null)"), '0 1',
	'FACT-105 deleted, while its people stay');
psql("delete from companies where name = 'Zed $n'; delete from contacts where id = '$charles'; delete from deals where title in ('Mill $n', 'Won $n')");

# ---- deals -----------------------------------------------------------------------------

my $buyer = psql("insert into contacts (organization_id, first_name, last_name) values ('$org', 'Buyer', '$n') returning id");
my $firm = psql("insert into companies (organization_id, name) values ('$org', 'Firm $n') returning id");
$deal = submit('/deals/new', title => "All $n", contact_id => $buyer, contact => 'x', company_id => $firm, company => 'x', stage => "$was:qualified", value => '4200.50', currency => 'USD',
	probability => '', expected_close_date => '2031-03-04', owner_id => $me, tags => "deal$n", description => 'Whole', custom_key => 'po', custom_value => "no$n");
$row = (rows("select * from deals where id = '$deal'"))[0] // {};
is_deeply([@$row{qw(title description contact_id company_id pipeline_id stage currency expected_close_date owner_id)}, ($row->{value} // 0) + 0, $row->{tags}[0], $row->{custom_fields}{po}],
	["All $n", 'Whole', $buyer, $firm, $was, 'qualified', 'USD', '2031-03-04', $me, 4200.5, "deal$n", "no$n"], 'FACT-114 GAT-5 a deal with all its fields') or diag explain $row;
is($row->{probability} + 0, 0 + psql("select probability from pipeline_stages where pipeline_id = '$was' and stage = 'qualified'"), 'FACT-117 GAT-5 its probability is that of its stage');
submit("/deals/$deal/edit", probability => '66');
is(psql("select probability::int || ' ' || probability_is_manual from deals where id = '$deal'"), '66 true', 'FACT-117 until somebody says another');
psql("insert into tasks (organization_id, title, deal_id, contact_id) values ('$org', 'Do $n', '$deal', '$buyer')");
like(page("/contacts/$buyer"), qr/id="timeline".*Do \Q$n\E/s, 'GAT-27 its task is on the timeline of the contact');
like(page("/deals/$deal"), qr/Do \Q$n\E/, 'GAT-27 and on the deal');
psql("update deals set owner_id = null where id = '$deal'");

# Two members had two deals, 4 and 10 days, 6 days and until now.
my $other = psql("select id from profiles where organization_id = '$org' and id <> '$me' and is_active order by id limit 1");
my $region = submit('/pipelines/new?template=sales', name => "Owners $n");
for ([ 1, 10, 6 ], [ 2, 14, 4 ]) {
	my ($i, $from, $to) = @$_;
	my $d = psql("insert into deals (organization_id, title, value, pipeline_id, stage, owner_id) values ('$org', 'Owned$i $n', 1, '$region', 'lead', '$me') returning id");
	psql("update deals set owner_id = '$other', stage_entered_at = now() - interval '30 days' where id = '$d';
		update deal_owner_history set changed_at = now() - case owner_id when '$me' then interval '$from days' else interval '$to days' end where deal_id = '$d'");
}
my ($mine_of, $his) = map { my $id = $_; (grep { $_->{owner_id} eq $id } @{ rest(POST => 'rpc/ownership_metrics', { pipeline => $region })->{json} })[0] } $me, $other;
is_deeply([map { defined $_ ? $_ + 0 : undef } @$mine_of{qw(deals open_deals average_days handling_days takeovers)}], [2, 0, 7, 7, 0],
	'DEA-64 FACT-127 days with an owner and until it was handed on') or diag explain $mine_of;
is_deeply([map { defined $_ ? $_ + 0 : undef } @$his{qw(deals open_deals average_days takeovers changes_per_deal stalled share)}], [2, 2, 5, 2, 1, 2, 100],
	'DEA-64 FACT-127 changes of owners, what stands still with whom, and the share of the work') or diag explain $his;
psql("delete from deals where pipeline_id = '$region'; delete from pipelines where id = '$region'");
my $theirs = tenant(1);
is(psql("select count(*) > 0 from deal_owner_history where deal_id = '$deal'"), 't', 'the owners of a deal are kept');
is(scalar @{ rest(GET => "deal_owner_history?deal_id=eq.$deal")->{json} } > 0 ? 1 : 0, 1, 'DEA-58 who may see a deal sees its owners');
is_deeply(api(GET => "/functions/v1/rest-api-proxy/deal_owner_history?deal_id=eq.$deal", key => $theirs->{api_key})->{json}, [], 'DEA-58 and nobody of another organization');
psql("insert into tasks (organization_id, title) values ('$theirs->{organization_id}', 'Theirs $n'), ('$org', 'Ours $n')");
my $tasks = page("/tasks?view=list&q=$n");
ok($tasks =~ /Ours \Q$n\E/ && $tasks !~ /Theirs \Q$n\E/, 'TSK-1 /tasks shows the tasks of the own organization');
psql("delete from tasks where title in ('Do $n', 'Ours $n', 'Theirs $n'); delete from deals where id = '$deal';
	delete from contacts where id = '$buyer'; delete from companies where id = '$firm'");

done_testing;
