#!/usr/bin/perl
# GET /search: one search over records of all kinds, under everybody's own rights.
use strict;
use warnings;
use Kontor;
use Test::More;
use Time::HiRes qw(time);

my $stamp = sprintf 'sx%x', int(time * 100);
my $org   = tenant(0)->{organization_id};
my ($owner, $agent) = @{ tenant(0)->{users} };
my $other = tenant(1)->{users}[0];

sub signed_in { my ($u) = @_; return browser(email => $u->{email}, password => $u->{password}) }
my ($anna, $omar, $bo) = map { signed_in($_) } $owner, $agent, $other;

sub make { my ($sql) = @_; return psql($sql =~ s/ORG/'$org'/gr =~ s/STAMP/$stamp/gr . ' returning id') }

my $number  = 10_000_000 + int(time * 10) % 89_999_999;
my %made = (
	company => make("insert into companies (organization_id, name, domain) values (ORG, 'Firma STAMP', 'STAMP.example')"),
	contact => make("insert into contacts (organization_id, first_name, last_name, emails, phones) values (ORG, 'Perla', 'STAMP', array['perla\@STAMP.example'], array['+49151$number'])"),
);
$made{deal} = make("insert into deals (organization_id, title, pipeline_id, contact_id) select ORG, 'Order STAMP', p.id, '$made{contact}' from pipelines p where p.organization_id = ORG and p.is_default");
$made{lead}    = make("insert into leads (organization_id, name, email) values (ORG, 'Lead STAMP', 'lead\@STAMP.example')");
$made{task}    = make("insert into tasks (organization_id, title) values (ORG, 'Call about STAMP')");
$made{quote}   = make("insert into quotes (organization_id, title, deal_id, currency) values (ORG, 'Offer STAMP', '$made{deal}', 'EUR')");
$made{product} = make("insert into products (organization_id, name, sku) values (ORG, 'Thing STAMP', 'SKU-STAMP')");
$made{conversation} = make("insert into conversations (organization_id, contact_id, last_message_at) values (ORG, '$made{contact}', now())");

sub escaped { my ($t) = @_; utf8::encode($t) if utf8::is_utf8($t); return $t =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger }
# The kinds and ids that a search finds, as the palette gets them.
sub found {
	my ($who, $q, %o) = @_;
	my $r = $who->get('/search?q=' . escaped($q) . ($o{more} // ''), headers => { 'HX-Request' => 'true', %{ $o{headers} // {} } });
	is($r->{status}, 200, "an answer for $q") or return {};
	my %f;
	push @{ $f{$1} }, $2 while $r->{content} =~ /id="found-(\w+)-([0-9a-f-]{36})"/g;
	return { map { my $k = $_; $k => { map { $_ => 1 } @{ $f{$k} } } } keys %f };
}

my $all = found($anna, $stamp);
ok($all->{$_}{ $made{$_} }, "FACT-5 a $_ is found by its words") for sort keys %made;

for my $spelled ("+49151$number", "0049151$number", "0151$number", "151 " . substr($number, 0, 4) . '-' . substr($number, 4), "(0151) $number") {
	ok(found($anna, $spelled)->{contact}{ $made{contact} }, "CON-25 CON-18 a phone number as $spelled");
}
ok(found($anna, "perla\@$stamp")->{contact}{ $made{contact} }, 'CON-19 part of an e-mail address');
ok(found($anna, "STAMP" =~ s/STAMP/\U$stamp/r)->{company}{ $made{company} }, 'COM-12 whatever the case');
ok(found($anna, "SKU-$stamp")->{product}{ $made{product} }, 'a product by its SKU');
ok(found($anna, psql("select number from quotes where id = '$made{quote}'"))->{quote}{ $made{quote} }, 'a quote by its number');
ok(found($anna, $made{task})->{task}{ $made{task} }, 'a record by its id');
is(scalar keys %{ found($anna, '%') }, scalar keys %{ found($anna, '\\%') }, 'wildcards are letters');
is_deeply(found($anna, "nothing $stamp has"), {}, 'nothing where there is nothing');
is_deeply(found($anna, ''), {}, 'and nothing without a word, when nothing was open lately');

# ---- rights ----------------------------------------------------------------------------------
is_deeply(found($bo, $stamp), {}, 'another tenant finds nothing of it');
is_deeply(found($bo, $made{deal}), {}, 'not by its id either');
ok(found($omar, $stamp)->{deal}{ $made{deal} }, 'an agent who may see all deals finds those of others');
psql("update profiles set permissions = '{\"can_see_all_deals\": false}' where organization_id = '$org' and email = '$agent->{email}'");
is(found($omar, $stamp)->{deal}{ $made{deal} }, undef, 'ADM-10 one who may not does not');
is(found($omar, $made{deal})->{deal}{ $made{deal} }, undef, 'nor by the id');
psql("update deals set owner_id = (select p.id from profiles p where p.organization_id = '$org' and p.email = '$agent->{email}') where id = '$made{deal}'");
ok(found($omar, $stamp)->{deal}{ $made{deal} }, 'his own he finds in any case');
psql("update profiles set permissions = '{\"can_access_crm\": false}' where organization_id = '$org' and email = '$agent->{email}'");
is_deeply([grep { !/product|task|conversation/ } sort keys %{ found($omar, $stamp) }], [], 'AUTH-79 nothing of the CRM without its flag');
psql("update profiles set permissions = '{}' where organization_id = '$org' and email = '$agent->{email}'");

# ---- recent -----------------------------------------------------------------------------------
my $cookie = 'c' . $made{contact} =~ tr/-//dr . '.t' . $made{task} =~ tr/-//dr . '.x' . ('0' x 32) . '.zzz';
$anna->{cookies}{kontor_recent} = $cookie;
my $recent = $anna->get('/search?q=', headers => { 'HX-Request' => 'true' })->{content};
like($recent, qr/Recent.*found-contact-$made{contact}.*found-task-$made{task}/s, 'records of the cookie come by their names, in their order');
$bo->{cookies}{kontor_recent} = $cookie;
unlike($bo->get('/search?q=', headers => { 'HX-Request' => 'true' })->{content}, qr/$stamp/, 'but not for somebody who may not see them');

# ---- what it takes ---------------------------------------------------------------------------------
is($anna->get("/search?q=$stamp")->{status}, 200, 'as a page');
is(Kontor::Browser->new(kontor_json()->{base_url})->request(GET => '/search?q=x', {})->{status}, 303, 'only for who is signed in');
is($anna->get('/search?q=' . ('x' x 5000))->{status}, 200, 'a long word is cut');
is($anna->get('/search?q=%FF%FE%00')->{status} =~ /^(?:200|400)$/ ? 1 : 0, 1, 'bytes that are no text are no error of ours');

psql("delete from $_->[0] where id = '$_->[1]'") for ['quotes', $made{quote}], ['tasks', $made{task}], ['leads', $made{lead}],
	['deals', $made{deal}], ['conversations', $made{conversation}], ['contacts', $made{contact}], ['companies', $made{company}], ['products', $made{product}];
done_testing;
