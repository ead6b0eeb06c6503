#!/usr/bin/perl
# The Communication Hub: everything with a customer in one list, logged by itself.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Test::More;
use Time::HiRes qw(time);

my $t   = tenant();
my $org = $t->{organization_id};
my @as  = do { # the API's sign-in, as an owner
	my $anon = kontor_json()->{anon_key};
	my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} });
	(apikey => $anon, bearer => $r->{json}{access_token});
};
my $run = int(time * 10) % 100_000_000;
my $me  = $t->{users}[0];
my $b   = browser(email => $me->{email}, password => $me->{password});

sub value { return psql("select $_[0]") }
sub make {
	my ($table, %row) = @_;
	my $r = api(POST => "/rest/v1/$table?select=id", @as, headers => { Prefer => 'return=representation' }, json => \%row);
	is($r->{status}, 201, "made in $table") or diag $r->{content};
	return $r->{json}[0]{id};
}
sub page { return $b->get('/communications' . ($_[0] // ''))->{content} }
# The rows of a page as texts, in order.
sub rows_of {
	my $html = page(@_);
	my @rows = $html =~ m{<li class="hub-row".*?</li>}sg;
	s/<[^>]+>/ /g, s/\s+/ /g for @rows;
	return grep { /$run/ } @rows;
}

my $firm   = make('companies', name => "Firm $run");
my $person = make('contacts', first_name => 'Hubert', last_name => "Hub$run", emails => ["hub$run\@kunde.example"], company_id => $firm);
my $other  = make('contacts', first_name => 'Otto', last_name => "Other$run", emails => ["otto$run\@kunde.example"]);
my $deal   = make('deals', title => "Deal $run", contact_id => $person, company_id => $firm);
my $box    = make('channel_accounts', name => "Hub box $run", type => 'EMAIL', settings => { address => "hubbox$run\@shop.example", outgoing_url => 'smtp://127.0.0.1:1' });

# A mail as the worker stores it.
sub mail {
	my ($id, $at, %mail) = @_;
	my $json = json_encode({ message_id => "$id.$run\@kunde.example", subject => "Subject $id $run", to => [ { address => "hubbox$run\@shop.example" } ],
		from => { address => "hub$run\@kunde.example", name => "Hubert Hub$run" }, %mail });
	$json =~ s/'/''/g;
	return psql(<<"END");
begin;
select set_config('request.jwt.claims', '{"organization_id":"$org","role":"authenticated","app_role":"SYSTEM"}', true);
set local role authenticated;
select message_id from receive_mail('$box', '$json', 'Beginning of mail $id', now() - interval '$at', '[]');
commit;
END
}

my ($message) = mail(1, '1 minute', cc => [ { address => "otto$run\@kunde.example" } ]) =~ /([0-9a-f-]{36})\s*\z/;
ok($message, 'a mail came in');
is(value("string_agg(c.first_name, ',' order by c.first_name) from mail_links l join contacts c on c.id = l.contact_id where l.message_id = '$message'"),
	'Hubert,Otto', 'HUB-1 it is logged against every contact that it names');
is(value("company_id = '$firm' and deal_id = '$deal' from mail_links where message_id = '$message' and is_main"), 't',
	'HUB-1 against the company, and the one open deal');
my $call = make('call_records', source => 'mobile', contact_id => $person, direction => 'inbound', duration_seconds => 1080, customer_phone => '+4930123456',
	notes => "Renewal discussion $run", call_timestamp => psql("select now() - interval '2 minutes'"));
make('bookings', title => "Meeting $run", contact_id => $person, start_date_time => psql("select now() - interval '3 hours'"),
	end_date_time => psql("select now() - interval '150 minutes'"), meeting_link => 'https://zoom.us/j/1', guest_name => "Hubert Hub$run");
mail(2, '26 hours');

my @rows = rows_of("?q=Hub$run"); # others write on this instance, too
is(scalar(@rows), 4, 'HUB-2 one list mixes all kinds') or diag "@rows";
like($rows[0], qr/E-mail .*Hubert Hub$run .*Firm $run .*Deal $run .*Subject 1 $run .*Beginning of mail 1/, 'HUB-2 newest first: a mail with counterpart, company, deal, subject and beginning');
like($rows[1], qr/Call .*Hubert.* 18 min/, 'HUB-2 a call with its duration');
like($rows[2], qr/Meeting .*Meeting $run.*zoom\.us/, 'HUB-2 a meeting with subject and platform');
like($rows[3], qr/Yesterday|Mon|Tue|Wed|Thu|Fri|Sat|Sun/, 'HUB-2 "Yesterday" for what was yesterday') if @rows > 3;
is(scalar(rows_of("?kind=email&q=Hub$run")), 2, 'HUB-2 filtered by kind: mails');
is(scalar(rows_of("?kind=call&q=Hub$run")), 1, 'HUB-2 calls');
is(scalar(rows_of("?kind=meeting&q=Hub$run")), 1, 'HUB-2 meetings');
is(scalar(rows_of("?q=Subject+2+$run")), 1, 'HUB-2 searched by subject');
is(scalar(rows_of("?q=Hub$run")), 4, 'HUB-2 searched by name');

# Two open deals: none is guessed.
my $second = make('deals', title => "Second $run", contact_id => $person);
my ($third) = mail(3, '0 minutes') =~ /([0-9a-f-]{36})\s*\z/;
is(value("deal_id is null from mail_links where message_id = '$third' and is_main"), 't', 'HUB-1 with two open deals the mail belongs to neither');

# Timelines.
like($b->get("/deals/$deal")->{content}, qr/Subject 1 $run/, 'HUB-9 the mail is on the timeline of the deal');
like($b->get("/contacts/$other")->{content}, qr/Subject 1 $run/, 'HUB-9 and of a contact that it names');
like($b->get("/contacts/$person")->{content}, qr/Beginning of mail 1/, 'HUB-9 and of the one who wrote it');

# Paging by place.
mail("p$_", "$_ seconds") for 10 .. 64;
my $first = page("?kind=email&q=Hub$run");
my ($older) = $first =~ m{href="/communications(\?[^"]*before=[^"]+)" rel="next"};
ok($older, 'older ones are a page of their own');
$older =~ s/&amp;/&/g;
my @shown = (rows_of("?kind=email&q=Hub$run"), rows_of($older));
my %seen;
$seen{$_}++ for map { /Subject (\w+) / } @shown;
is(scalar(grep { $_ > 1 } values %seen), 0, 'nothing is shown twice');
is(scalar(keys %seen), 58, 'nothing is left out');

# Whose text is it: a member who sees the contact, and not the conversation.
my $secret = psql(<<"END");
begin;
select set_config('request.jwt.claims', json_build_object('organization_id', '$org', 'role', 'authenticated', 'app_role', 'AGENT',
	'sub', '00000000-0000-7000-8000-000000000001', 'may', json_build_object('can_access_crm', true, 'can_read_messages', true))::text, true);
set local role authenticated;
select count(*) || ' ' || count(nullif(body, '')) from app.communications('email', 'Subject 1 $run', null, null);
commit;
END
unlike($secret, qr/ [1-9]\d*\s*\z/, 'who does not see a conversation reads nothing of its text');
is(browser(email => tenant(1)->{users}[0]{email}, password => tenant(1)->{users}[0]{password})->get("/communications?q=$run")->{content} =~ /class="hub-row"/ ? 1 : 0, 0,
	'another tenant sees nothing of it');
is(api(GET => "/rest/v1/mail_links?message_id=eq.$message&select=subject,direction", @as)->{json}[0]{subject}, "Subject 1 $run", 'the API has it, too');

psql("update channel_accounts set is_active = false where id = '$box'");
psql("delete from contacts where id in ('$person', '$other')");
done_testing;
