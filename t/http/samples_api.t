#!/usr/bin/perl
# What the API reference, the overview and the guide to signing in print, as
# curl or as raw HTTP, with its body and the keys of its answer; as printed but
# for host, keys and ids. (Contacts and deals: samples_crm.t; inbox: samples_inbox.t.)
use strict;
use warnings;
use Kontor;
use Kontor::Samples;
use Kontor::Tenant;
use Test::More;

my $file = '003_c413ec7ac58f4bb0.txt';
my ($url, $anon) = @{ kontor_json() }{qw(base_url anon_key)};
my $t = Kontor::Tenant->new('reference');
my $email = psql("select email from auth.users where id = '$t->{user_id}'");
# The password of a demo user becomes that of ours.
psql("update auth.users u set password_hash = o.password_hash from auth.users o
	where u.id = '$t->{user_id}' and o.email = '" . tenant()->{users}[0]{email} . "'");
my $password = tenant()->{users}[0]{password};

open my $fh, '<:raw', shared_dir() . "/seeds/$file" or die "$file: $!\n";
my @line = ('', map { s/\r?\n\z//r } <$fh>);
close $fh;

# ---- ids in place of those printed --------------------------------------------------------

my %made;
my %make = (
	contact  => "insert into contacts (organization_id, first_name, phones) values (:org, 'Johnny', '{+12025550199}') returning id",
	deal     => "insert into deals (organization_id, title, stage, contact_id) values (:org, 'A deal', 'lead', 'CONTACT') returning id",
	channel  => "insert into channel_accounts (organization_id, name, type) values (:org, 'Shop', 'WHATSAPP_LITE') returning id",
	conversation => "insert into conversations (organization_id, contact_id, channel_account_id) values (:org, 'CONTACT', 'CHANNEL') returning id",
	message  => "insert into messages (organization_id, conversation_id, direction, content) values (:org, 'CONVERSATION', 'INBOUND', 'Hi') returning id",
	task     => "insert into tasks (organization_id, title, contact_id) values (:org, 'Call', 'CONTACT') returning id",
	company  => "insert into companies (organization_id, name) values (:org, 'Acme Works') returning id",
);

# One that is there: deleting is among the samples.
sub id {
	my ($kind) = @_;
	return $t->{user_id} if $kind eq 'user';
	return $t->{organization_id} if $kind eq 'org' || $kind eq 'organization';
	return $t->{pipeline_id} if $kind eq 'pipeline';
	my %table = (company => 'companies', channel => 'channel_accounts');
	my $table = $table{$kind} // "${kind}s";
	delete $made{$kind} if $made{$kind} && !$t->sql("select count(*) from $table where id = '$made{$kind}'");
	return $made{$kind} //= $t->sql($make{$kind} =~ s/'([A-Z]+)'(?=[,)])/exists $make{ lc $1 } ? "'" . id(lc $1) . "'" : $&/ger);
}

sub fill {
	my $s = shift;
	$s =~ s/\{\{url\}\}//g;
	$s =~ s/\b(org|contact|deal|pipeline|channel|conversation|user)-uuid\b/id($1)/ge;
	$s =~ s/\bconv-uuid\b/id('conversation')/ge;
	$s =~ s/\{(org|contact|deal|conversation|message|task|user)_id\}/id($1)/ge;
	return $s;
}

# ---- what is printed ------------------------------------------------------------------------

sub fence { my $n = shift; $n++ while $n < @line && $line[$n] !~ /^```/; return $n }

# [line, method, path, body]: raw requests, and endpoints with the body below.
sub requests {
	my ($from, $to) = @_;
	my (@found, $in);
	for (my $n = $from; $n <= $to; $n++) {
		$in = !$in if $line[$n] =~ /^```/;
		if ($in && $line[$n] =~ /^(GET|POST|PATCH|DELETE) (\S+)$/) {
			my $end  = fence($n);
			my $body = join "\n", grep { !/^[\w-]+: / } @line[$n + 1 .. $end - 1];
			push @found, { line => $n, method => $1, path => $2, body => $body };
		} elsif (!$in && $line[$n] =~ /^\*\*Endpoint:\*\* `(GET|POST|PATCH|DELETE) ([^`]+)`/) {
			push @found, { line => $n, method => $1, path => $2, body => '' };
		} elsif (!$in && @found && $line[$n + 1] =~ /^```json/ && $line[$n] =~ /^\*\*(?:Request )?(Body|Response):\*\*/) {
			my $part = $1 eq 'Body' ? 'body' : 'answer';
			$found[-1]{$part} ||= join "\n", @line[$n + 2 .. fence($n + 2) - 1];
		}
	}
	return @found;
}

# Each key that is printed is there, in objects within objects and lists too.
sub lacking {
	my ($want, $got, $at) = @_;
	if (ref $want eq 'HASH') {
		return "$at is no object" if ref $got ne 'HASH';
		return map { exists $got->{$_} ? lacking($want->{$_}, $got->{$_}, "$at.$_") : "$at.$_" } sort keys %$want;
	}
	return () if ref $want ne 'ARRAY' || !@$want;
	return "$at is no list" if ref $got ne 'ARRAY';
	return @$got ? lacking($want->[0], $got->[0], "$at.0") : ();
}

sub show { my $r = shift; diag(substr "$r->{status} $r->{content}", 0, 600); return }

# ---- signing in (8020-8220) --------------------------------------------------------------------

my %token;
for my $sample (requests(8080, 8160)) {
	my ($what) = $sample->{path} =~ m{/auth/v1/(.*)};
	my $body = $sample->{body};
	my $new  = "newuser-$$\@example.com";
	$body =~ s/(?<=")user\@example\.com/$email/;
	$body =~ s/your_password/$password/;
	$body =~ s/newuser\@example\.com/$new/;
	$body =~ s/\{\{refresh_token\}\}/$token{refresh_token}/;
	my $r = api($sample->{method}, fill($sample->{path}), headers => { apikey => $anon, 'Content-Type' => 'application/json' },
		$what =~ /^(?:user|logout)/ ? (bearer => $token{access_token}) : (), length $body ? (body => $body) : ());
	like($r->{status}, $what eq 'logout' ? qr/^20[04]$/ : qr/^200$/, "API-11 $sample->{method} $what, line $sample->{line}") or show($r);
	%token = %{ $r->{json} } if $what =~ /^token/;
	is(join(' ', lacking(json_decode(join "\n", @line[8098 .. 8111 - 1]), $r->{json}, 'answer')), '', '... with the keys printed')
		if $what =~ /password/ && $line[8097] =~ /json/;
	is($r->{json}{email}, $email, '... the user') if $what eq 'user';
}
is(api(GET => '/auth/v1/user', apikey => $anon, bearer => $token{access_token})->{status}, 401, 'and after the logout the token opens nothing')
	if %token;
psql("delete from auth.users where email = 'newuser-$$\@example.com'");

my $login = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon, json => { email => $email, password => $password });
my $jwt = $login->{json}{access_token} // die "no token: $login->{content}\n";

# ---- curl: keys and headers, the overview (24206-24343, 28021, 28043-28720) ---------------------

my $s = Kontor::Samples->new(file => $file, base_url => $url, replace => {
	'{{anon_key}}"' => "$jwt\"", 'apikey: {{anon_key}}' => "apikey: $anon", '{{organization_id}}' => id('org'), '{{contact_id}}' => id('contact'),
	'{{pipeline_id}}' => id('pipeline'), CONTACT_UUID => id('contact'), DEAL_UUID => id('deal'), 'org-uuid' => id('org'),
	'cg_your_api_key_here' => $t->{api_key}, "'X-API-Key: cg_...'" => "'X-API-Key: $t->{api_key}'",
	'apikey: YOUR_ANON_KEY' => "apikey: $anon", 'Bearer YOUR_ANON_KEY' => "Bearer $jwt" });
id('conversation');
sub sample {
	my ($line, $status, $name, %replace) = @_;
	my $r = $s->run($line, %replace);
	is($r->{status}, $status, "$name, line $line") or diag("$r->{text}\n$r->{content}");
	return $r;
}

# As printed the public key is the bearer as well: alone it opens no table.
my $r = sample(24249, 401, 'API-10 the public key alone', YOUR_SUPABASE_ANON_KEY => $anon);
$r = sample(24249, 200, 'API-10 with a token of a user', 'Bearer YOUR_SUPABASE_ANON_KEY' => "Bearer $jwt", YOUR_SUPABASE_ANON_KEY => $anon);
is_deeply([map { $_->{first_name} } @{ $r->{json} }], ['Johnny'], 'API-23 API-55 a bare list of what was searched');
$r = sample(24260, 401, 'API-15 the way that the page warns of');
is("$r->{json}{message} | $r->{json}{hint}", 'No API key found in request | No `apikey` request header or url param was found.', 'API-14 in the words printed');
for ([24263, 'contacts by name'], [24283, 'contacts by name'], [24286, 'conversations by page'], [24289, 'columns']) {
	$r = sample($_->[0], 200, "API-2 API-9 $_->[1]");
	cmp_ok(scalar @{ $r->{json} }, '>', 0, '... a bare list, and not empty');
}
is(join(' ', sort keys %{ $r->{json}[0] }), 'first_name id last_name phones', 'API-36 the columns, and no others');
$r = sample(28021, 200, 'API-13 the mobile login', 'agent@company.com' => $email, secret123 => $password);
$r = sample($_, 200, 'API-20 SET-60 an API key') for 28321, 28678;
is(join(' ', lacking({ success => 1, api_key => '', key_info => { map { $_ => '' } qw(id name key_prefix expires_at created_at) }, warning => '' },
	$r->{json}, 'answer')), '', 'API-20 shown once, with its keys');
$r = sample(28362, 200, 'API-10 the contacts');
is(join(' ', lacking({ map { $_ => '' } qw(id organization_id first_name last_name phones emails tags custom_fields opt_in_status created_at updated_at) },
	$r->{json}[0], 'row')), '', 'API-55 the keys printed');
sample($_->[0], $_->[1], "API-3 the workflow: $_->[2]") for [28627, 200, 'list'], [28631, 201, 'create'], [28637, 204, 'update'],
	[28650, 201, 'create a deal'], [28663, 204, 'move it'], [28669, 204, 'close it'];
is($t->sql("select stage from deals where id = '" . id('deal') . "'"), 'won', 'API-52 the deal is won');
sample(28643, 204, 'API-3 the workflow: delete the contact');
sample(28686, 200, 'API-76 a message', 'cg_abc123def456...' => $t->{api_key});

# ---- the reference (24505-25987) and the overview (28043-28600), endpoint by endpoint -------------

# Placeholders, and providers that are not connected: what is answered then.
my %other = (
	'POST whatsapp-cloud-send' => 400, 'POST telegram-send' => 404,
	'POST messenger-send' => 404, 'POST instagram-send' => 404, 'POST tiktok-send' => 404,
	'POST accept-invitation' => 404, 'POST import-kommo-leads' => 400, 'GET facebook-oauth?code=oauth_code' => 503,
	'POST create-checkout' => 503, 'GET customer-portal' => 503);
my %turn = (POST => 0, GET => 1, PATCH => 2, DELETE => 3);
my @samples = grep { $_->{path} =~ m{^/(?:rest|functions)/v1/} } requests(24560, 25560), requests(28085, 28590);
my %seen;
for my $sample (sort { $turn{ $a->{method} } <=> $turn{ $b->{method} } || $a->{line} <=> $b->{line} } @samples) {
	# Another contact: one conversation with each is open at a time.
	my $contact = id('contact');
	delete $made{contact} if $sample->{method} eq 'POST' && $sample->{path} =~ /conversations/;
	my ($method, $path, $body) = ($sample->{method}, fill($sample->{path}), fill($sample->{body} // ''));
	$made{contact} = $contact;
	my ($rest, $name) = $sample->{path} =~ m{^/(rest|functions)/v1/(.*)};
	my $want = $other{"$method $name"} // ($rest eq 'rest' && $method eq 'POST' ? 201 : 200);
	$seen{"$method $name"}++;
	my $external = $name =~ /^insert-message/;
	my $r = api($method, $path, $external ? (key => $t->{api_key}) : (apikey => $anon, bearer => $jwt),
		headers => { 'Content-Type' => 'application/json', Prefer => 'return=representation' }, length $body ? (body => $body) : ());
	is($r->{status}, $want, "$method $name, line $sample->{line}") or show($r), diag($body);
	next if $r->{status} != $want;
	if ($want >= 400) {
		ok(length($r->{json}{error} // '') && $r->{json}{code}, 'API-57 ... in words') or show($r);
		next;
	}
	is(join(' ', lacking(json_decode($sample->{answer}), $r->{json}, 'answer')), '', 'API-56 ... with the keys printed') or show($r)
		if $sample->{answer} && $rest eq 'functions';
	next if $rest ne 'rest';
	is(ref $r->{json}, 'ARRAY', 'API-55 ... a bare list') or show($r);
	cmp_ok(scalar @{ $r->{json} }, '>', 0, '... of what there is') or show($r);
	next if !length $body;
	my $sent = json_decode($body);
	# A list of stages sent as text is a list; tokens are sealed and not told.
	$sent->{stages} = $r->{json}[0]{stages} if $sent->{stages} && !ref $sent->{stages};
	delete @$sent{qw(settings trigger_type)};
	s/Z$/+00:00/ for grep { defined && !ref } @$sent{qw(due_date scheduled_at)};
	is_deeply({ map { $_ => $r->{json}[0]{$_} } keys %$sent }, $sent, '... and what was sent is stored') or show($r);
}
cmp_ok(scalar keys %seen, '>=', 70, 'API-1 ' . keys(%seen) . ' endpoints');

done_testing;
