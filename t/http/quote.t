#!/usr/bin/perl
# A quote from the deal to the customer's answer: staff's pages, the public
# page, the PDF.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use HTTP::Tiny;
use Test::More;
use Time::HiRes qw(time);

my $t     = tenant();
my $org   = $t->{organization_id};
my $base  = kontor_json()->{base_url};
my $staff = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my $run   = int(time * 1000);
my ($year) = (localtime)[5] + 1900;

psql("insert into contacts (organization_id, first_name, emails) values ('$org', 'Marco', '{marco$run\@quote.example}')");

sub deal {
	my $title = shift;
	return psql("insert into deals (organization_id, title, value, currency, contact_id)
		select '$org', '$title', 1, 'EUR', (select id from contacts where emails \@> '{marco$run\@quote.example}' limit 1) returning id");
}
sub of_quote { my ($id, $what) = @_; return psql("select $what from quotes where id = '$id'") }
sub events { return psql("select coalesce(string_agg(type, ' ' order by id), '') from events where record_id = '$_[0]'") }

# A product through its form; returns its id.
sub product {
	my %p = @_;
	$staff->get('/products/new');
	my $r = $staff->post('/products/new', \%p);
	return $r->{status} == 303 ? $r->{headers}{location} =~ m{/products/([0-9a-f-]{36})} && $1 : undef;
}

# ---- the catalogue ---------------------------------------------------------------

my $platform = product(name => "Platform $run", sku => "P$run", price => '150,00', currency => 'EUR', tax_rate => '19', is_active => 1);
my $setup    = product(name => "Setup $run", price => '12000', currency => 'EUR', is_active => 1);
my $support  = product(name => "Support $run", price => '5000.00', currency => 'EUR', is_active => 1);
ok($platform && $setup && $support, 'Q2C-1 products are kept under Products');
like($staff->get("/products?q=p$run")->{content}, qr{Platform $run.*150\.00 EUR}s, 'Q2C-1 and found by name or SKU');
is($staff->post('/products/new', { name => 'Twin', sku => "p$run" })->{status}, 422, 'a SKU is given once');
is($staff->post('/products/new', { name => '' })->{status}, 422, 'a product needs a name');
is($staff->post('/products/new', { name => 'X', tax_rate => '19 or so' })->{status}, 422, 'a tax is a number');
$staff->get("/products/$platform");
is($staff->post("/products/$platform/discounts", { min_quantity => 50, discount => 10 })->{status}, 303, 'Q2C-4 a quantity discount is defined');
is($staff->post("/products/$platform/prices", { price => '999', currency => 'EUR', effective_from => ($year + 1) . '-12-31' })->{status}, 303, 'Q2C-2 a price with a date');

# ---- a draft -----------------------------------------------------------------------

my $deal = deal("Enterprise $run");
like($staff->get("/deals/$deal/quotes/new")->{content}, qr/Enterprise $run/, 'Q2C-5 a quote begins at the deal');
my $made = $staff->post("/deals/$deal/quotes/new", { title => 'Enterprise Platform', currency => 'eur', valid_until => ($year + 1) . '-05-15', terms => 'Net 30' });
my ($id) = ($made->{headers}{location} // '') =~ m{^/quotes/([0-9a-f-]{36})};
ok($id, 'Q2C-5 and is created with it') or BAIL_OUT("no quote: $made->{status}");
is(of_quote($id, 'deal_id'), $deal, 'Q2C-5 linked to the deal');
like(of_quote($id, 'number'), qr/^QT-\d{4}-\d{4}$/, 'Q2C-12 QT, year, four digits');

sub add { my ($product, $qty) = @_; return $staff->post("/quotes/$id/lines", { product_id => $product, qty => $qty }, headers => { 'HX-Request' => 'true' }) }
like($staff->get("/quotes/$id/catalogue?q=setup+$run", headers => { 'HX-Request' => 'true' })->{content}, qr{Setup $run.*12,000\.00 EUR}s, 'Q2C-6 the catalogue is searched');
my $lines = add($platform, 50);
like($lines->{content}, qr{^<div id="lines".*Platform $run.*value="50".*value="150\.00".*value="10".*6,750\.00}s, 'Q2C-4, Q2C-6 name, price and discount come from the catalogue');
add($setup, 1);
add($support, 1);
my ($line) = psql("select id from quote_lines where quote_id = '$id' and product_id = '$support'");
$lines = $staff->post("/quotes/$id/lines/$line", { qty => 1, unit_price => '5000.00', discount => '15', tax_rate => '0' }, headers => { 'HX-Request' => 'true' });
is(join(' ', $lines->{content} =~ /line-sum">([\d.,]+)</g), '6,750.00 12,000.00 4,250.00', 'Q2C-8 the three sample lines');
like($lines->{content}, qr{Total</dt><dd>24,282\.50 EUR}, 'Q2C-9, Q2C-10 total with tax, in the currency');
is(psql("select total from quotes where id = '$id'"), '24282.500', 'Q2C-8 the same in the database');
like($staff->post("/quotes/$id/lines/$line", { qty => 'many', unit_price => 1 }, headers => { 'HX-Request' => 'true' })->{content}, qr/role="alert">Write numbers/, 'what is no number is refused in words');
is($staff->post("/quotes/$id/lines/$line", { qty => 1, unit_price => 1, discount => 101 })->{status}, 400, 'a discount over 100 is refused');
$staff->post("/quotes/$id/lines/$line", { qty => 1, unit_price => '4900', discount => '15', tax_rate => '0' });
is(psql("select total from quote_lines where id = '$line'"), '4165.000', 'Q2C-7 the unit price is overridden by hand');
$staff->post("/quotes/$id/lines/$line", { qty => 1, unit_price => '5000', discount => '15', tax_rate => '0' });
$staff->get("/products/$support");
$staff->post("/products/$support/prices", { price => '7777', currency => 'EUR' });
is(psql("select unit_price from quote_lines where id = '$line'"), '5000.0000', 'Q2C-3 a later price change leaves the line');
is($staff->post("/quotes/$id", { title => 'Enterprise Platform', valid_until => ($year + 1) . '-06-01', terms => 'Net 30', notes => "Dear Marco,\nتحية" })->{status}, 303, 'Q2C-7 the expiry date is set');
is(of_quote($id, 'valid_until'), ($year + 1) . '-06-01', 'Q2C-7 and kept');

my $pdf = $staff->get("/quotes/$id/pdf");
is($pdf->{headers}{'content-type'}, 'application/pdf', 'Q2C-13 a PDF before sending');
like($pdf->{content}, qr/^%PDF-1\..*%%EOF\s*\z/s, 'Q2C-13 whole');
like($pdf->{headers}{'content-disposition'}, qr/^inline; filename="QT-\d{4}-\d{4}\.pdf"$/, 'with its number as name');
is($staff->request(GET => "/quotes/$id/pdf", { headers => { 'If-None-Match' => $pdf->{headers}{etag} } })->{status}, 304, 'and an ETag that holds');
is(HTTP::Tiny->new(max_redirect => 0)->get("$base/quotes/$id/pdf")->{status}, 303, 'not without signing in');

# ---- sent ----------------------------------------------------------------------------

$staff->get("/quotes/$id");
is($staff->post("/quotes/$id/send", { email => 'marco, polo' })->{status}, 422, 'not to what is no address');
is(of_quote($id, 'status'), 'Draft', 'and then not at all');
is($staff->post("/quotes/$id/send", { email => "marco$run\@quote.example" })->{status}, 303, 'Q2C-14 sent');
my $page = $staff->get("/quotes/$id")->{content};
my ($link) = $page =~ m{value="\Q$base\E(/s/[A-Za-z0-9_-]{43})"};
ok($link, 'Q2C-14 with a link that staff can copy') or BAIL_OUT('no link');
is(psql("select encode(token_hash, 'hex') from share_links where record_id = '$id'"), do { require Digest::SHA; Digest::SHA::sha256_hex($link =~ s{^/s/}{}r) },
	'of which the database knows the SHA-256 only');
like(psql("select payload from job.jobs where kind = 'mail' and payload ->> 'to' = 'marco$run\@quote.example'"), qr/\Q$link\E/, 'Q2C-14 a letter with the link waits');
is(of_quote($id, 'status'), 'Sent', 'status Sent');
is($staff->post("/quotes/$id/lines/$line", { qty => 2, unit_price => 1 })->{status}, 409, 'a sent quote is locked');
is($staff->post("/quotes/$id", { title => 'Other', valid_until => "$year-12-31" })->{status}, 409, 'its title too');
is($staff->post("/quotes/$id/delete", {})->{status}, 404, 'and it stays');

# ---- the customer -----------------------------------------------------------------------

my $guest = browser();
is($guest->request(HEAD => $link)->{status}, 200, 'HEAD is answered');
HTTP::Tiny->new(agent => 'WhatsApp/2.23')->get("$base$link");
$staff->get($link);
is(of_quote($id, 'views'), 0, 'Q2C-15 HEAD, previews and staff are no views');
my $r = $guest->get($link);
is($r->{status}, 200, 'the page of the quote');
like($r->{content}, qr{Enterprise Platform.*Valid until June 1, @{[$year + 1]}}s, 'Q2C-11 title and "Valid until"');
like($r->{content}, qr{Quote QT-\d{4}-\d{4}}, 'Q2C-11 number');
my @totals = $r->{content} =~ /line-total" data-label="Total">([\d.,]+)</g;
is("@totals", '6,750.00 12,000.00 4,250.00', 'Q2C-8 line totals on the page');
ok(length($r->{content}) + length($guest->get('/assets/public.css')->{content}) < 50_000, 'page and styles under 50 KB');
unlike($r->{content}, qr/<script|style=|onclick=/, 'no script, no inline style');
like($r->{headers}{'content-security-policy'}, qr/default-src 'self'/, 'under the strict policy');
is(of_quote($id, "status || ' ' || views"), 'Viewed 1', 'Q2C-15 the first look makes it viewed');
$guest->get($link);
is(of_quote($id, "status || ' ' || views"), 'Viewed 2', 'Q2C-15 every look counts');
is(events($id), 'quote.created quote.sent quote.viewed', 'Q2C-15 one event of the first look');
like($staff->get("/quotes/$id")->{content}, qr/Opened 2 ×/, 'Q2C-15 staff see it on the quote');

is($guest->request(GET => "$link/pdf")->{headers}{'content-type'}, 'application/pdf', 'Q2C-13 the customer gets the PDF');
is(HTTP::Tiny->new->post_form("$base$link/accept", { name => 'Eve', agree => 'yes' })->{status}, 403, 'no answer without the CSRF token');
$r = $guest->post("$link/accept", { name => ' ', agree => 'yes' });
is($r->{status}, 422, 'no acceptance without a name');
like($r->{content}, qr/role="alert".*Please type your name/s, 'which is said on the page');
is($guest->post("$link/accept", { name => 'Marco Polo' })->{status}, 422, 'nor without the tick');
is(of_quote($id, 'status'), 'Viewed', 'nothing happened so far');

my $rival = psql("insert into quotes (organization_id, deal_id, title, currency) values ('$org', '$deal', 'Rival', 'EUR') returning id");
psql("insert into quote_lines (organization_id, quote_id, name, qty, unit_price) values ('$org', '$rival', 'x', 1, 1); update quotes set status = 'Sent' where id = '$rival'");

# Twenty at once: one acceptance.
my @pids;
for my $n (1 .. 20) {
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		my $status = $guest->post("$link/accept", { name => "Marco Polo <$n>", agree => 'yes' })->{status};
		require POSIX;
		POSIX::_exit($status == 303 ? 0 : 1);
	}
	push @pids, $pid;
}
is(scalar(grep { waitpid($_, 0); $? == 0 } @pids), 20, 'twenty parallel acceptances are all answered');
is(events($id), 'quote.created quote.sent quote.viewed quote.accepted', 'Q2C-16 and make one event');
like(of_quote($id, "concat_ws('|', status, accepted_name, accepted_addr)"), qr/^Accepted\|Marco Polo <\d+>\|127\.0\.0\.1$/, 'Q2C-16 name and address are recorded');
is(psql("select s ->> 'type' from deals d, pipelines p, jsonb_array_elements(p.stages) s where d.id = '$deal' and p.id = d.pipeline_id and s ->> 'id' = d.stage"), 'won', 'Q2C-16 the deal moved on');
is(of_quote($rival, 'status'), 'Expired', 'other open quotes of the deal are superseded');
$r = $guest->get($link);
like($r->{content}, qr{Accepted\. Thank you!.*Marco Polo &lt;\d+&gt;}s, 'the page says so, with the name escaped');
unlike($r->{content}, qr/Accept quote</, 'and asks no more');
$guest->get($link);
is($guest->post("$link/decline", { reason => 'x' })->{status}, 409, 'what was accepted is not declined');
like($staff->get("/deals/$deal")->{content}, qr{The customer</strong> accepted the quote}, "it stands in the deal's timeline");

# ---- other ends ---------------------------------------------------------------------------

# A sent quote straight from the database; its link through the page.
sub sent {
	my ($of, $lines, $days) = (@_, 5);
	my $q = psql("insert into quotes (organization_id, deal_id, title, currency, valid_until) values ('$org', '$of', 'Q $run', 'EUR', current_date + $days) returning id");
	psql("insert into quote_lines (organization_id, quote_id, position, name, description, qty, unit_price, tax_rate)
		select '$org', '$q', n, 'Position ' || n, 'Beschreibung, وصف, ' || repeat('text ', n % 30), n, n * 1.25, 19 from generate_series(1, $lines) n");
	$staff->get("/quotes/$q");
	$staff->post("/quotes/$q/send", { email => '' });
	my ($l) = $staff->get("/quotes/$q")->{content} =~ m{value="\Q$base\E(/s/[A-Za-z0-9_-]{43})"};
	return ($q, $l);
}
my $deal2 = deal("Other $run");
my ($q2, $link2) = sent($deal2, 1);
$guest->get($link2);
is($guest->post("$link2/decline", { name => 'Ann', reason => 'Too <b>late</b>' })->{status}, 303, 'declined');
is(of_quote($q2, "concat_ws('|', status, declined_name, decline_reason)"), 'Declined|Ann|Too <b>late</b>', 'with name and reason');
is(psql("select stage from deals where id = '$deal2'"), 'new', 'the deal stays where it is');
is(events($q2), 'quote.created quote.sent quote.viewed quote.declined', 'one event');
like($guest->get($link2)->{content}, qr/This quote was declined on/, 'and the page says so');

my ($q3, $link3) = sent($deal2, 1, -2);
like($guest->get($link3)->{content}, qr/This quote is no longer open/, 'an expired quote says so');
$r = $guest->post("$link3/accept", { name => 'Marco', agree => 'yes' });
is($r->{status}, 410, 'no acceptance after the last day');
like($r->{content}, qr/This quote has expired/, 'which is said on the page');
$staff->get("/quotes/$q3");
is($staff->post("/quotes/$q3/revoke", {})->{status}, 303, 'a link is revoked');
is($guest->get($link3)->{status}, 410, 'a revoked link is gone');
is($guest->get("$link3/pdf")->{status}, 410, 'its PDF too');
is($staff->post("/quotes/$q3/link", {})->{status}, 303, 'a new link');
my ($again) = $staff->get("/quotes/$q3")->{content} =~ m{value="\Q$base\E(/s/[A-Za-z0-9_-]{43})"};
isnt($again, $link3, 'is another one');
is($guest->get($again)->{status}, 200, 'and works');
$r = $guest->get('/s/' . 'A' x 43);
is($r->{status}, 404, 'a token nobody gave leads nowhere');
like($r->{content}, qr/This link does not lead anywhere/, 'in words');
is($guest->get("/s/%00%ff'--")->{status}, 400, 'nor does rubbish') or diag $guest->get("/s/%00%ff'--")->{status};

my ($q4) = sent($deal2, 1);
$staff->get("/quotes/$q4");
is($staff->post("/quotes/$q4/answer", { answer => 'Accepted' })->{status}, 303, 'Q2C-16 "Accept Quote" for staff');
is(psql("select stage from deals where id = '$deal2'"), 'won', 'Q2C-16 moves the deal just the same');

# ---- a long one ------------------------------------------------------------------------------

my ($q5, $link5) = sent(deal("Long $run"), 500);
my $start = time;
my $long  = $guest->get("$link5/pdf");
my $took  = time - $start;
is($long->{status}, 200, 'Q2C-13 a quote of 500 lines as PDF');
cmp_ok($took, '<', 3, sprintf 'within seconds (%.2f)', $took);
my $pages = () = $long->{content} =~ m{/Type\s*/Page\b}g;
cmp_ok($pages, '>', 10, "on $pages pages");
is($guest->get($link5)->{status}, 200, 'and as a page');

# ---- another tenant ----------------------------------------------------------------------------

my $u = tenant(1)->{users}[0];
my $other = browser(email => $u->{email}, password => $u->{password});
$other->get('/products/new');
my @foreign = (
	(map { [GET => $_] } "/quotes/$id", "/quotes/$id/pdf", "/products/$platform", "/deals/$deal/quotes/new"),
	(map { [POST => $_] } "/quotes/$id", "/quotes/$id/lines/$line", "/quotes/$id/delete", "/quotes/$id/send", "/quotes/$id/revoke",
		"/quotes/$id/link", "/quotes/$id/answer"));
for (@foreign) {
	my ($method, $path) = @$_;
	my $got = $method eq 'GET' ? $other->get($path) : $other->post($path, { title => 'x', valid_until => "$year-12-31", qty => 1, unit_price => 1, answer => 'Accepted' });
	is($got->{status}, 404, "another tenant: $method " . ($path =~ s/[0-9a-f-]{36}/:id/gr));
}
is($other->post("/quotes/$id/lines", { product_id => $platform })->{status}, 404, 'another tenant: no line from our catalogue');
unlike($other->get('/quotes')->{content}, qr/Enterprise Platform/, 'another tenant: its list has none of ours');
is($other->get("/quotes/$id/catalogue")->{content} =~ /Platform $run/ ? 1 : 0, 0, 'another tenant: no catalogue of ours');

done_testing;
