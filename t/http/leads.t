# Leads outside the pages: tables, /api/v1, convert-lead, web forms, visits, webhooks.
use strict;
use warnings;
use Kontor;
use Test::More;

my $mine = tenant(0);
my $mark = 'l' . time . $$;

my $token_of = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password} })->{json}{access_token};

sub crm {
	my ($method, $path, %o) = @_;
	return api($method => "/api/v1/$path", headers => { Authorization => "Bearer $mine->{crm_key}" }, %o);
}

# ---- tables ----------------------------------------------------------------------------

my $r = api(POST => '/functions/v1/rest-api-proxy/leads', key => $mine->{api_key}, headers => { Prefer => 'return=representation' },
	json => { name => "Rest $mark", email => "REST-$mark\@x.example", source => 'campaign', company_name => "Firm $mark" });
is($r->{status}, 201, 'LEA-1 leads have a table of the API') or diag $r->{content};
my $lead = $r->{json}[0];
is($lead->{email}, lc "rest-$mark\@x.example", 'LEA-2 stored as contacts store it, with its source');
is(api(PATCH => "/functions/v1/rest-api-proxy/leads?id=eq.$lead->{id}", key => $mine->{api_key}, json => { score => 99 })->{status}, 400,
	'LEA-3 the score is not written');
$r = api(POST => '/functions/v1/rest-api-proxy/lead_engagement_events', key => $mine->{api_key}, json => { lead_id => $lead->{id}, kind => 'email_open' });
is($r->{status}, 201, 'LEA-4 a signal comes through the API');
is(api(GET => "/functions/v1/rest-api-proxy/leads?id=eq.$lead->{id}&select=score", key => $mine->{api_key})->{json}[0]{score}, 5, 'LEA-4 and moves the score');
is(api(PATCH => "/functions/v1/rest-api-proxy/leads?id=eq.$lead->{id}", key => $mine->{api_key}, json => { status => 'Converted' })->{status}, 409,
	'LEA-14 Converted comes by a conversion only');

# ---- /api/v1 ------------------------------------------------------------------------------

$r = crm(POST => 'leads', json => { name => "Crm $mark", companyName => 'NexGen', companySize => 40, email => "crm-$mark\@x.example", status => 'qualified' });
is($r->{status}, 201, 'CAP-6 CAP-10 leads of /api/v1') or diag $r->{content};
like($r->{json}{data}{id}, qr/^lea_[0-9A-HJKMNP-TV-Z]{26}$/, 'CAP-12 ids begin with lea_');
is($r->{json}{data}{status}, 'Qualified', 'a status in any case');
my $id = $r->{json}{data}{id};
is(crm(GET => "leads/$id")->{json}{data}{companySize}, 40, 'CAP-13 one by its id, in camelCase');
is(crm(GET => "leads?email=crm-$mark\@x.example")->{json}{meta}{total}, 1, 'CAP-11 filtered by a field');
is(crm(PATCH => "leads/$id", json => { territory => 'West' })->{json}{data}{territory}, 'West', 'changed');
is(crm(PATCH => "leads/$id", json => { score => 5 })->{status}, 422, 'LEA-3 not its score');

# ---- convert-lead ---------------------------------------------------------------------------

sub convert { return api(POST => '/functions/v1/convert-lead', key => $mine->{api_key}, json => { lead_id => $lead->{id}, @_ }) }
is(convert()->{status}, 400, 'LEA-12 neither contact nor company is refused');
is(convert(create_contact => \1, create_opportunity => \1)->{status}, 400, 'LEA-13 an opportunity needs its stage');
is(api(POST => '/functions/v1/convert-lead', json => { lead_id => $lead->{id} })->{status}, 401, 'and a key is needed');
$r = convert(create_contact => \1, create_company => \1, create_opportunity => \1, stage => 'qualified', opportunity_value => 1200.5);
is($r->{status}, 200, 'LEA-14 converted in one step') or diag $r->{content};
my $made = $r->{json}{data};
ok($made->{contact_id} && $made->{company_id} && $made->{opportunity_id}, 'LEA-14 contact, company and opportunity are made');
$r = convert(create_contact => \1);
is_deeply([@{ $r->{json}{data} }{qw(contact_id already_converted)}], [$made->{contact_id}, JSON::PP::true], 'LEA-14 sent again: the same');
$r = api(GET => "/functions/v1/rest-api-proxy/deals?id=eq.$made->{opportunity_id}&select=value,stage,contact_id,company_id", key => $mine->{api_key});
is_deeply($r->{json}[0], { value => 1200.5, stage => 'qualified', contact_id => $made->{contact_id}, company_id => $made->{company_id} },
	'LEA-16 the opportunity is linked to both') or diag explain $r->{json};
is(crm(GET => "leads?email=rest-$mark\@x.example")->{json}{data}[0]{opportunityId} =~ /^opp_/ ? 1 : 0, 1, 'LEA-15 the lead links to it');

# Two at once convert once.
$r = api(POST => '/functions/v1/rest-api-proxy/leads', key => $mine->{api_key}, headers => { Prefer => 'return=representation' }, json => { name => "Race $mark", email => "race-$mark\@x.example" });
my $race = $r->{json}[0]{id};
my @pids;
for (1 .. 4) {
	my $pid = fork;
	if (!$pid) {
		api(POST => '/functions/v1/convert-lead', key => $mine->{api_key}, json => { lead_id => $race, create_contact => \1 });
		require POSIX;
		POSIX::_exit(0);
	}
	push @pids, $pid;
}
waitpid $_, 0 for @pids;
is(scalar @{ api(GET => "/functions/v1/rest-api-proxy/contacts?emails=cs.{race-$mark\@x.example}&select=id", key => $mine->{api_key})->{json} }, 1,
	'LEA-14 four at once convert once');

# ---- web forms ------------------------------------------------------------------------------------

$r = api(POST => '/functions/v1/rest-api-proxy/lead_forms', key => $mine->{api_key}, headers => { Prefer => 'return=representation' },
	json => { name => "Form $mark", allowed_origins => ['https://shop.example'], redirect_url => 'https://shop.example/thanks', tags => [$mark] });
is($r->{status}, 201, 'a form is made by the API as well') or diag $r->{content};
my $token = $r->{json}[0]{token};
my $form  = $r->{json}[0]{id};

sub send_form {
	my ($json, %headers) = @_;
	return api(POST => "/f/$token", json => $json, headers => { Origin => 'https://shop.example', %headers });
}
$r = send_form({ name => "Ada $mark", email => "ada-$mark\@x.example", _page => 'https://shop.example/contact' });
is($r->{status}, 201, 'LEA-2 a form of a site sends JSON') or diag $r->{content};
is($r->{headers}{'access-control-allow-origin'}, 'https://shop.example', 'from a site that the form names');
is($r->{json}{redirect}, 'https://shop.example/thanks', 'and is told where to go on');
$r = api(OPTIONS => "/f/$token", headers => { Origin => 'https://shop.example', 'Access-Control-Request-Method' => 'POST' });
is($r->{status} . ($r->{headers}{'access-control-allow-origin'} // ''), '204https://shop.example', 'browsers may ask first');
is(api(OPTIONS => "/f/$token", headers => { Origin => 'https://evil.example' })->{headers}{'access-control-allow-origin'}, undef, 'other sites are not let in');
is(api(POST => "/f/$token", json => { name => 'E', email => 'e@x.example' }, headers => { Origin => 'https://evil.example' })->{status}, 403, 'nor may they send');
$r = send_form({ name => '', email => 'nobody' });
is($r->{status}, 422, 'what is wrong is refused');
is_deeply([sort keys %{ $r->{json}{errors} }], [qw(email name)], 'by field');
send_form({ name => "Ada $mark", email => "ADA-$mark\@x.example" });
$r = api(GET => "/functions/v1/rest-api-proxy/leads?email=eq.ada-$mark\@x.example&select=id,score,tags,source", key => $mine->{api_key});
is(scalar @{ $r->{json} }, 1, 'LEA-2 a known address makes no second lead');
is($r->{json}[0]{score}, 40, 'LEA-4 but a signal');
send_form({ name => 'Bot', email => "bot-$mark\@x.example", website => 'http://spam.example' });
is_deeply(api(GET => "/functions/v1/rest-api-proxy/leads?email=eq.bot-$mark\@x.example", key => $mine->{api_key})->{json}, [], 'what falls into the trap makes nothing');
my %outcomes;
$outcomes{ $_->{outcome} }++ for @{ api(GET => "/functions/v1/rest-api-proxy/lead_form_submissions?form_id=eq.$form&select=outcome", key => $mine->{api_key})->{json} };
is_deeply(\%outcomes, { created => 1, matched => 1, refused => 1, spam => 1 }, 'the log has every one of them') or diag explain \%outcomes;
$r = api(GET => "/f/$token");
like($r->{headers}{'content-security-policy'}, qr{frame-ancestors 'self' https://shop\.example$}, 'only the sites that it names may frame it');
is($r->{headers}{'x-frame-options'}, undef, 'which older words would forbid');
unlike($r->{content}, qr/<script>|style="/, 'without scripts or styles inside');
is(api(GET => '/f/0000')->{status}, 404, 'another token is no form');
like(api(GET => '/f/0000')->{headers}{'content-security-policy'} // '', qr/frame-ancestors 'self'/, 'with a policy of its own');
is(api(POST => "/f/$token", body => 'name=Q&email=q@x.example', type => 'application/x-www-form-urlencoded')->{status}, 303, 'a form without its stamp looks as if it worked');
is_deeply(api(GET => '/functions/v1/rest-api-proxy/leads?email=eq.q@x.example', key => $mine->{api_key})->{json}, [], 'and makes nothing');
send_form({ name => '<script>alert(1)</script>', email => "xss-$mark\@x.example" });
my $limit = 0;
$limit ||= send_form({ name => 'Many', email => "many$_-$mark\@x.example" })->{status} == 429 for 1 .. 40;
ok($limit, 'LEA-2 too many from one address are held back');
api(PATCH => "/functions/v1/rest-api-proxy/lead_forms?id=eq.$form", key => $mine->{api_key}, json => { is_active => \0 });
is(api(GET => "/f/$token")->{status}, 404, 'a form that is switched off is gone');

# ---- visits and opened mails ---------------------------------------------------------------------------

my $known = psql("select id from leads where email = 'ada-$mark\@x.example'");
my $key   = psql("select track_key from leads where id = '$known'");
$r = api(GET => "/t.gif?k=$key&u=https%3A%2F%2Fshop.example%2Fpricing%3Fx%3D1&n=Pricing");
is($r->{headers}{'content-type'}, 'image/gif', 'a picture');
is(psql("select url || ' ' || subject from lead_engagement_events where lead_id = '$known' and kind = 'page_visit'"), 'https://shop.example/pricing Pricing',
	'LEA-4 a visit of a known lead is counted, without the query of its address');
api(GET => "/t.gif?k=$key&u=https%3A%2F%2Fshop.example%2Fother", headers => { DNT => '1' });
is(psql("select count(*) from lead_engagement_events where lead_id = '$known' and kind = 'page_visit'"), 1, 'who does not want to be followed is not');
is(api(GET => '/t.gif?k=nobody&u=https%3A%2F%2Fshop.example%2F')->{status}, 200, 'strangers get the picture, and nothing is counted');
$r = api(POST => '/rest/v1/rpc/lead_mail_pixel', apikey => kontor_json()->{anon_key}, bearer => $token_of, json => { lead_id => $known, subject => 'Hello' });
like($r->{json}, qr{^/t\.gif\?m=[0-9a-f]{32}$}, 'the address of a mail\'s picture') or diag $r->{content};
api(GET => $r->{json});
is(psql("select subject from lead_engagement_events where lead_id = '$known' and kind = 'email_open'"), 'Hello', 'LEA-4 an opened mail is a signal');
like(api(GET => '/t.js')->{content}, qr/kontor_lead/, 'the script for a site');
is(api(GET => '/t.js')->{headers}{'cross-origin-resource-policy'}, 'cross-origin', 'which other sites may load');

# ---- the worker computes scores anew -----------------------------------------------------------------------

psql("insert into lead_scoring (organization_id, form_submission_points) values ('$mine->{organization_id}', 15)
	on conflict (organization_id) do update set form_submission_points = 15");
ok(wait_for(30, sub { psql("select score from leads where id = '$known'") == 37 }), 'LEA-4 new weights: the worker computes all scores again');
psql("delete from lead_scoring where organization_id = '$mine->{organization_id}'");

# ---- another tenant sees nothing -------------------------------------------------------------------------------

my $other = tenant(1);
is_deeply(api(GET => "/functions/v1/rest-api-proxy/leads?id=eq.$known", key => $other->{api_key})->{json}, [], 'API-5 another tenant does not see them');
is(api(POST => '/functions/v1/convert-lead', key => $other->{api_key}, json => { lead_id => $known, create_contact => \1 })->{status}, 404, 'API-5 nor converts them');

psql("delete from deals where id = '$made->{opportunity_id}'; delete from leads where name like '%$mark' or email like '%$mark\@x.example'; delete from contacts where '$mark' = any (tags) or emails[1] like '%$mark\@x.example'; delete from companies where name like '%$mark'; delete from lead_forms where id = '$form'");
done_testing();
