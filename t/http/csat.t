#!/usr/bin/perl
# The customer's page of a survey, which is public: its token is the key, and it
# gives nothing but the question, once.
use strict;
use utf8;
use warnings;
use HTTP::Tiny;
use Kontor;
use Test::More;

my $t    = tenant(0);
my $org  = $t->{organization_id};
my $base = kontor_json()->{base_url};
my ($talk, $contact) = split /\|/, psql("select c.id || '|' || c.contact_id from conversations c where c.organization_id = '$org' order by c.id limit 1");
my $agent = psql("select id from profiles where organization_id = '$org' order by created_at limit 1");
my $name = psql("select first_name from contacts where id = '$contact'");

sub survey {
	my ($age) = @_;
	my $token = join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 43;
	my $id = psql("insert into csat_surveys (organization_id, conversation_id, contact_id, agent_id, state, sent_at, token_hash)
		values ('$org', '$talk', '$contact', '$agent', 'sent', now() - interval '$age', sha256('$token')) returning id");
	return ($id, $token);
}
my @made;
END { local $?; psql("delete from csat_surveys where id = '$_'") for @made }
my ($id, $token) = survey('1 minute');
push @made, $id;

# A browser: its cookies, and the token against forged forms.
my (%cookie, $page);
my $http = HTTP::Tiny->new(max_redirect => 0);
sub ask {
	my ($method, $path, $form, %headers) = @_;
	my $r = $http->request($method, "$base$path", { headers => { Cookie => join('; ', map { "$_=$cookie{$_}" } keys %cookie), %headers,
			$form ? ('Content-Type' => 'application/x-www-form-urlencoded') : () },
		$form ? (content => $http->www_form_urlencode($form)) : () });
	for (map { ref ? @$_ : $_ // () } $r->{headers}{'set-cookie'}) { $cookie{$1} = $2 if /^([^=]+)=([^;]*)/ }
	utf8::decode($r->{content});
	return $r;
}
my $r = ask(GET => "/s/$token/rate");
is($r->{status}, 200, 'the page of the token');
like($r->{headers}{'x-robots-tag'}, qr/noindex/, 'no search engine keeps it');
my ($csrf) = $r->{content} =~ /name="_csrf" value="([^"]+)"/;
ok($csrf, 'its form has a token of its own');
unlike($r->{content}, qr/\Q$org\E|\Q$talk\E|\Q$contact\E/, 'it shows no ids');
like(ask(GET => "/s/$token/rate", undef, 'Accept-Language' => 'ar')->{content}, qr/lang="ar" dir="rtl"/, 'in the language of the browser');
is(psql("select state from csat_surveys where id = '$id'"), 'sent', 'a link that is only opened answers nothing');

is(ask(GET => '/s/' . 'a' x 43 . '/rate')->{status}, 404, 'a token that was made up: 404');
is(ask(GET => "/s/$_/rate")->{status}, 404, 'nor is an id one') for $id, $talk;
is(ask(GET => '/s/' . substr($token, 0, 42) . '/rate')->{status}, 404, 'nor a part of it');
is(ask(POST => "/s/$token/rate", { score => 5 })->{status}, 403, 'a form of another site is refused');
is(ask(POST => "/s/$token/rate", { _csrf => $csrf, score => $_ })->{status}, 422, "no rating: '$_'") for '', 0, 6, -1, '5; drop', '99999999999999999999';
is(ask(POST => '/s/' . 'b' x 43 . '/rate', { _csrf => $csrf, score => 5 })->{status}, 404, 'a made up token takes no answer');
is(psql("select count(*) from csat_surveys where id = '$id' and score is not null"), 0, 'and nothing was taken');

my $day = "select coalesce(sum(ratings), 0) || ' ' || coalesce(sum(rating_sum), 0) from inbox_days where organization_id = '$org' and agent_id = '$agent'";
my ($n, $sum) = split / /, psql($day);
$r = ask(POST => "/s/$token/rate", { _csrf => $csrf, score => 2, comment => '<script>alert(1)</script> slow' });
is("$r->{status} $r->{headers}{location}", "303 /s/$token/rate?thanks=1", 'a rating is taken');
$r = ask(GET => "/s/$token/rate");
like($r->{content}, qr/&lt;script&gt;alert\(1\)/, 'what was written is text');
unlike($r->{content}, qr/<script>alert/, 'and nothing else');
ask(POST => "/s/$token/rate", { _csrf => $csrf, score => 4, comment => 'better' });
is(psql($day), ($n + 1) . ' ' . ($sum + 4), 'answered twice it counts once, as it was said last');
is(psql("select count(*) from events where organization_id = '$org' and type = 'conversation.rated' and data ->> 'survey_id' = '$id'"), 1, 'and is told once');

my ($old, $gone) = survey('31 days');
push @made, $old;
is(ask(GET => "/s/$gone/rate")->{status}, 404, 'after thirty days it is not open any more');
is(ask(POST => "/s/$gone/rate", { _csrf => $csrf, score => 5 })->{status}, 404, 'nor takes an answer');

# By the API: the same functions, and the table only for who sees the conversation.
is(api(GET => "/functions/v1/rest-api-proxy/csat_surveys?id=eq.$id", key => tenant(1)->{api_key})->{content}, '[]', 'API-5 another tenant sees no survey');
like(api(POST => '/functions/v1/rest-api-proxy/csat_surveys', key => $t->{api_key}, json => { conversation_id => $talk, contact_id => $contact, score => 5 })->{status}, qr/^40[135]$/,
	'and nobody writes ratings by hand');
$r = api(GET => "/functions/v1/rest-api-proxy/csat_surveys?id=eq.$id", key => $t->{api_key});
like($r->{content}, qr{"score":4}, "its own does");
unlike($r->{content}, qr/\Q$token\E/, 'the token stands nowhere, only its hash');
done_testing;
