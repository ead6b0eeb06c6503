#!/usr/bin/perl
# The public booking pages, as a guest and as a script see them.
use strict;
use warnings;
use Kontor;
use Kontor::Browser;
use IO::Select;
use IO::Socket::INET;
use Test::More;

my $org  = tenant()->{organization_id};
my $host = (rows("select id, username, timezone from profiles where organization_id = '$org' and username is not null order by username desc limit 1"))[0];
my $slug = "t-$$";
my $path = "/schedule/$host->{username}/$slug";

# An event type that is open day and night, so that the test can run at any time.
sub event_type {
	my ($name, %o) = @_;
	psql("insert into event_types (organization_id, profile_id, title, slug, description, duration_minutes, location_type,
			location_details, theme_color, confirmation_message, window_days)
		values ('$org', '$host->{id}', '$o{title}', '$name', 'What it is about', 30, '$o{place}', 'Harbour 7', '#0a7d55', 'Bring a pen.', 60);
		insert into availability_rules (organization_id, event_type_id, weekday, start_time_minutes, end_time_minutes)
		select '$org', t.id, d, 0, 1440 from event_types t, generate_series(0, 6) d where t.slug = '$name'");
}
event_type($slug, title => 'Harbour tour', place => 'In-Person');
END { psql("delete from event_types where organization_id = '$org' and slug like 't-$$%'") if $slug }

sub links { return map { s/&amp;/&/gr } $_[0] =~ /class="$_[1]" href="([^"]+)"/g }
sub hidden { return $_[0] =~ /name="$_[1]" value="([^"]*)"/ ? $1 : undef }
sub free_times { my $r = api(GET => "$path$_[0]", headers => { Accept => 'application/json' });
	return map { map { $_->{at} } @{ $_->{times} // [] } } @{ $r->{json}{days} } }

# ---- what a guest sees ----------------------------------------------------------

my $b = browser();
my $r = $b->get("/schedule/$host->{username}");
is($r->{status}, 200, 'SCH-73 the host\'s page is public');
like($r->{content}, qr/Harbour tour/, 'SCH-73 it lists the active event types');
my $name = psql("select first_name || ' ' || last_name from profiles where id = '$host->{id}'");
like($r->{content}, qr/class="avatar.*<h1>\Q$name\E/s, 'SCH-73 name and avatar');
$r = $b->get($path);
is($r->{status}, 200, 'SCH-74 the booking page is public');
like($r->{content}, qr{<h1>Harbour tour</h1>.*What it is about}s, 'SCH-75 title and description');
like($r->{content}, qr/30 minutes/, 'SCH-75 duration');
like($r->{content}, qr/class="avatar.*\Q$name\E.*<table class="days"/s, 'SCH-75 host, then a calendar');
like($r->{content}, qr/Harbour 7/, 'SCH-19 the place that the host named');
like($r->{content}, qr{/schedule/booking/theme/0a7d55\.css}, 'the event type\'s colour');
unlike($r->{content}, qr/ style=/, 'no inline style');
my $css = api(GET => '/assets/booking.css');
cmp_ok(length($r->{content}) + length($css->{content}), '<', 50 * 1024, 'page and style sheet are under 50 KB');
# Not today, of which the evening leaves little.
my $next = psql("select to_char(current_date + 20, 'YYYY-MM')");
my $today = psql('select current_date');
my ($day) = grep { !/date=\Q$today\E/ } links($b->get("$path?month=$next")->{content}, 'day') or diag($r->{content});
$r = $b->get($day);
my ($date) = $day =~ /date=([\d-]+)/;
my @slots = links($r->{content}, 'slot');
cmp_ok(scalar @slots, '>', 10, 'SCH-76 a chosen day shows its times');
is(psql("select count(*) from unnest('{" . join(',', free_times("?date=$date&tz=Asia/Tokyo")) . "}'::timestamptz[]) x
	where (x at time zone 'Asia/Tokyo')::date <> '$date'"), 0, 'SCH-76 of that day on the guest\'s clock only');
is(api(GET => '/schedule/nobody-here')->{status}, 404, 'SCH-81 an unknown host');
is(api(GET => "/schedule/$host->{username}/nothing")->{status}, 404, 'SCH-81 an unknown slug');
psql("update event_types set is_active = false where slug = '$slug'");
$r = api(GET => $path);
is($r->{status}, 404, 'SCH-81 an inactive event type');
unlike($r->{content}, qr/<form/, 'SCH-81 shows no form');
unlike(api(GET => "/schedule/$host->{username}")->{content}, qr/$slug/, 'nor is it listed');
psql("update event_types set is_active = true where slug = '$slug'");

# The same moment on two clocks.
my ($tokyo)  = $b->get("$path?date=$date&tz=Asia/Tokyo")->{content} =~ /selected>([^<]+)/;
is($tokyo, 'Asia/Tokyo', 'SCH-43 times in the guest\'s zone');
my $at = (free_times("?date=$date&tz=UTC"))[0];
$r = $b->get("$path?time=$at&tz=America/New_York");
my $clock = psql("select to_char('$at'::timestamptz at time zone 'America/New_York', 'HH24:MI')");
like($r->{content}, qr/\Q$clock\E – /, 'SCH-43 converted');
is($b->get("$path?tz=Nowhere/Land")->{status}, 200, 'a zone that nobody knows does no harm');
like($b->get("$path?tz=Nowhere/Land")->{content}, qr/selected>\Q$host->{timezone}\E</, 'SCH-33 it falls back to the host\'s');
psql("insert into blocked_dates (organization_id, event_type_id, date_from, date_to)
	select '$org', id, '$date', '$date' from event_types where slug = '$slug'");
$r = $b->get("$path?date=$date&tz=$host->{timezone}");
like($r->{content}, qr/No times are free on this day/, 'SCH-35 SCH-77 a blocked date says so');
unlike($r->{content}, qr/class="day[^"]*" href="[^"]*date=\Q$date\E/, 'SCH-77 and cannot be chosen');
psql("delete from blocked_dates where organization_id = '$org'");
like($b->get("$path?month=2020-01")->{content}, qr/No times free in January 2020.*Go to /s, 'an empty month leads to the next free day');

# ---- booking ------------------------------------------------------------------------

$date = psql("select (current_date + 9)::text");
my @free = free_times("?date=$date&tz=UTC");
$r = $b->get("$path?time=$free[4]&tz=Asia/Tokyo");
like($r->{content}, qr/id="$_"/, "SCH-78 the form asks for $_") for qw(name email phone notes);
like($r->{content}, qr/name="name"[^>]*required/, 'SCH-78 the name is required');
my %form = (start => $free[4], client_id => hidden($r->{content}, 'client_id'), tz => 'Asia/Tokyo', name => "Gu\x{e9}st One",
	email => "guest.$$\@example.org", phone => '', notes => 'At the gate', website => '');
is($b->post($path, { %form, email => 'nonsense' })->{status}, 422, 'SCH-78 a wrong address is refused');
like($b->post($path, { %form, email => 'nonsense' })->{content}, qr/id="email-error".*At the gate/s, 'beside its field, and nothing typed is lost');
is($b->post($path, { %form, website => 'spam' })->{status}, 422, 'programs that fill in everything get nowhere');
is($b->post($path, { %form, _csrf => 'wrong' })->{status}, 403, 'a form of another site is refused');
is(Kontor::Browser->new(kontor_json()->{base_url})->post($path, { %form, _csrf => $b->{csrf} })->{status}, 403, 'so is one without our cookie');
$r = $b->post($path, \%form);
is($r->{status}, 303, 'SCH-79 booked at once');
my $page = $r->{headers}{location};
like($page, qr{^/schedule/booking/[0-9a-f-]{36}$}, 'SCH-80 to the confirmation page');
is($b->post($path, \%form)->{headers}{location}, $page, 'the same form again is the same booking');
my ($booking) = rows("select * from bookings where client_id = '$form{client_id}'");
is($booking->{status}, 'confirmed', 'the staff\'s table has it');
is($booking->{guest_timezone}, 'Asia/Tokyo', 'with the guest\'s zone');
$r = $b->get($page);
like($r->{content}, qr/Bring a pen\./, 'SCH-15 SCH-80 the confirmation message');
like($r->{content}, qr/Harbour tour.*Asia\/Tokyo.*Harbour 7/s, 'SCH-80 the details');
$r = $b->get("$page/invite.ics");
like($r->{headers}{'content-type'}, qr{text/calendar}, 'SCH-90 the invitation as a file');
like($r->{content}, qr/METHOD:REQUEST.*SUMMARY:Harbour tour - /s, 'named after event type and guest');
is($b->get('/schedule/booking/018f0000-0000-7000-8000-000000000000')->{status}, 404, 'SCH-147 another token shows nothing');
is($b->get('/schedule/booking/x')->{status}, 404, 'SCH-147 nor does what is no token');
is(scalar(grep { $_ eq $free[4] } free_times("?date=$date&tz=UTC")), 0, 'SCH-40 the slot is gone');
is(scalar(rows("select from contacts where organization_id = '$org' and emails = '{guest.$$\@example.org}'")), 1, 'SCH-131 the guest is a contact');

# ---- mails -----------------------------------------------------------------------------

sub mails {
	my $key = shift;
	return @{ wait_for(10, sub {
		my @m = rows("select key, payload from job.jobs where kind = 'mail' and key like '$booking->{id}:$key:%' order by key");
		return @m == 2 ? \@m : undef;
	}) // [] };
}
my ($guest, $for_host) = map { $_->{payload} } mails(0);
is($guest->{to}, $form{email}, 'SCH-90 a mail to the guest');
like($guest->{ics} // '', qr/BEGIN:VCALENDAR.*METHOD:REQUEST/s, 'SCH-90 with the invitation');
like($guest->{text} // '', qr{Reschedule: \S+\Q$page\E/reschedule\s+Cancel Booking: \S+\Q$page\E/cancel}, 'SCH-91 and both links by the token');
like($guest->{html} // '', qr{\Q$page\E/reschedule.*\Q$page\E/cancel}s, 'SCH-91 in both forms of the mail');
like($for_host->{subject} // '', qr/^New booking: Harbour tour/, 'a mail to the host');
unlike(json_encode($for_host // {}), qr{\Q$page\E}, 'SCH-147 without the guest\'s token');

# ---- move and cancel ----------------------------------------------------------------------

$r = $b->get("$page/reschedule?date=$date&tz=UTC");
like($r->{content}, qr/Move: Harbour tour.*Now: /s, 'SCH-101 the present time is shown');
my ($to) = grep { /time=\Q$free[8]\E|time=\Q@{[ $free[8] =~ s,:,%3A,gr ]}\E/ } links($r->{content}, 'slot');
ok($to, 'SCH-102 the guest picks another one');
$b->get($to);
is($b->post("$page/reschedule", { start => $free[8], tz => 'UTC' })->{status}, 303, 'SCH-102 and confirms, without an account');
is(psql("select status from bookings where id = '$booking->{id}'"), 'rescheduled', 'the status says so');
is(join(' ', map { my $s = $_; (grep { $_ eq $s } free_times("?date=$date&tz=UTC")) ? 'free' : 'taken' } @free[4, 8]), 'free taken',
	'SCH-103 the old slot is free, the new one is taken');
($guest, $for_host) = map { $_->{payload} } mails(1);
like($guest->{ics} // '', qr/SEQUENCE:1/, 'SCH-93 the guest gets an updated invitation');
like($for_host->{subject} // '', qr/^Booking moved/, 'SCH-93 so does the host');
like($b->get("$page/cancel")->{content}, qr/Cancel this appointment\?/, 'SCH-107 cancelling asks first');
is($b->post("$page/cancel", { reason => ' ' })->{status}, 422, 'SCH-106 and wants a reason');
is($b->post("$page/cancel", { reason => 'No ship' })->{status}, 303, 'SCH-107 then it is cancelled');
like($b->get($page)->{content}, qr/was cancelled.*No ship/s, 'SCH-108 and stays to be seen');
is(psql("select cancelled_by from bookings where id = '$booking->{id}'"), 'guest', 'SCH-106 by the guest');
is(scalar(grep { $_ eq $free[8] } free_times("?date=$date&tz=UTC")), 1, 'SCH-41 the slot is free at once');
($guest, $for_host) = map { $_->{payload} } mails(2);
like($guest->{ics} // '', qr/METHOD:CANCEL/, 'SCH-94 the calendar entry goes');
like($for_host->{text} // '', qr/No ship/, 'SCH-94 the host reads why');
is($b->post("$page/reschedule", { start => $free[9] })->{status}, 410, 'a cancelled booking cannot be moved');

# ---- scripts ---------------------------------------------------------------------------------

my %json = (start => $free[12], name => 'Script', email => 'script@example.org', timezone => 'UTC');
$r = api(POST => $path, json => \%json);
is($r->{status}, 201, 'a script books with JSON');
like($r->{json}{booking_url}, qr{/schedule/booking/$r->{json}{token}$}, 'and gets the address of the booking');
$r = api(POST => $path, json => \%json);
is($r->{status}, 409, 'SCH-38 409 when the slot is gone');
is($r->{json}{error}, 'slot taken', 'in the documented form');
$r = api(POST => $path, json => { %json, name => '', start => $free[13] });
is($r->{status}, 422, '422 for a missing name');
is($r->{json}{details}{field}, 'name', 'with the field');
is(api(POST => $path, json => { %json, start => $_ })->{status} =~ /^4(00|09|22)$/ ? 'refused' : $_, 'refused', 'a time that is none')
	for '', 'soon', '2026-99-99T99:99:99Z', "2099-01-01T00:00:00Z'--", "2099-01-01T00:00:00Z";
is(api(POST => $path, body => '{"start"', type => 'application/json')->{status}, 400, 'malformed JSON');
is(api(GET => "$path?$_")->{status} =~ /^(200|400|409)$/ ? 'answered' : $_, 'answered', "odd query $_")
	for 'month=2026-13', 'date=2026-02-31', 'date=%27--', 'time=9999-99-99T99:99:99Z', 'tz=%00', 'month=0000-00', 'month=9999-12', 'time=2026-11-23T08:00:00Z%27';

# ---- a hundred at once --------------------------------------------------------------------------

$r = $b->get("$path?time=$free[20]&tz=UTC");
my ($where) = kontor_json()->{base_url} =~ m{^http://([^/]+)};
my (@sockets, %answer);
for my $n (1 .. 100) {
	my $s = IO::Socket::INET->new(PeerAddr => $where, Timeout => 10) or die "$where: $!\n";
	my $body = HTTP::Tiny->new->www_form_urlencode({ _csrf => $b->{csrf}, start => $free[20], tz => 'UTC', name => "Racer $n",
		email => "racer$n\@example.org", client_id => sprintf('018f0000-0000-7000-8%03d-%012d', $n, $$) });
	print $s "POST $path HTTP/1.1\r\nHost: $where\r\nConnection: close\r\nCookie: ", $b->cookie_header,
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ", length $body, "\r\n\r\n",
		substr $body, 0, length($body) - 1;
	push @sockets, [$s, substr($body, -1)];
}
# All hold their last byte back until everybody is connected.
print { $_->[0] } $_->[1] for @sockets;
$_->[0]->flush for @sockets;
my ($won, $friendly) = (0, 0);
for (@sockets) {
	my $text = do { local $/; readline $_->[0] } // '';
	my ($status) = $text =~ m{^HTTP/1.1 (\d+)};
	$answer{ $status // 'none' }++;
	$friendly++ if ($status // 0) == 409 && $text =~ /Slot taken\./ && $text =~ /type="radio" name="start"/;
}
is_deeply(\%answer, { 303 => 1, 409 => 99 }, 'SCH-38 a hundred at once for one slot: one is booked, ninety-nine are told') or diag(explain(\%answer));
is($friendly, 99, 'SCH-38 in a page with other free times to choose from');
is(psql("select count(*) from bookings where start_date_time = '$free[20]' and profile_id = '$host->{id}' and status = 'confirmed'"), 1,
	'SCH-38 the database has one');
done_testing;
