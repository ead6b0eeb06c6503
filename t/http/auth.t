#!/usr/bin/perl
# /auth/v1 as its protocol has it: every grant, every mail, every refusal.
use strict;
use utf8;
use warnings;
use Digest::SHA qw(sha256 hmac_sha1);
use Kontor;
use Kontor::Postbox;
use MIME::Base64 qw(encode_base64url decode_base64url);
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;
my $box  = Kontor::Postbox->start;
my $k    = own_instance(demo => 1, conf => { smtp_url => $box->url, auth_mail_gap_s => 2,
	auth_redirect_urls => 'https://app.example.com' });
my $base = $k->base_url;
my $anon = $k->json->{anon_key};
my $n    = 0;
my $r;

sub auth {
	my ($method, $path, $json, %o) = @_;
	return $k->api($method, "/auth/v1/$path", apikey => $anon, defined $json ? (json => $json) : (), %o);
}
sub grant { return auth(POST => "token?grant_type=$_[0]", $_[1]) }
sub refusal { my $x = shift; return "$x->{status} " . ($x->{json}{error_code} // '') }
sub claims { my (undef, $body) = split /\./, $_[0]; return json_decode(decode_base64url($body)) }
sub user { return auth(GET => 'user', undef, bearer => $_[0]) }
sub fragment { my ($f) = ($_[0]{headers}{location} // '') =~ /#(.*)/; return { map { split /=/, $_, 2 } split /&/, $f // '' } }
sub to { my $p = $_[0]{link} =~ s/^\Q$base\E//r; return $k->api(GET => $p) }
# Another code; the text itself stays text for JSON.
sub other_code { my $c = "$_[0]"; return sprintf '%06d', ($c + 1) % 1000000 }
sub fresh { $n++; return "person$n-$$\@mail.example" }
# A confirmed user with his address and session.
sub member {
	my %data    = @_;
	my $address = fresh();
	auth(POST => 'signup', { email => $address, password => 'long enough', data => \%data });
	my $m = $box->mail(to => $address);
	auth(POST => 'verify', { type => 'signup', email => $address, token => $m->{code} });
	return ($address, grant(password => { email => $address, password => 'long enough' })->{json});
}

# ---- what it says of itself ------------------------------------------------------

$r = auth(GET => 'settings');
ok($r->{json}{external}{email} && !$r->{json}{disable_signup}, 'settings: by mail, and open');
is(auth(GET => 'health')->{json}{name}, 'Kontor', 'health');
is_deeply(auth(GET => '.well-known/jwks.json')->{json}, { keys => [] }, 'no public key: tokens are HS256');
is($k->api(OPTIONS => '/auth/v1/signup', headers => { Origin => 'https://app.example.com',
	'Access-Control-Request-Method' => 'POST' })->{headers}{'access-control-allow-origin'}, '*', 'pages of others may call');

# ---- signing up ------------------------------------------------------------------------

my $jane = fresh();
$r = auth(POST => 'signup', { email => uc $jane, password => 'secure_password',
	data => { first_name => 'Jane', last_name => 'Roe', organization_name => 'Roe & Söhne', timezone => 'Europe/Berlin',
		currency => 'EUR', phone => '+49301234567' } });
is($r->{status}, 200, 'signing up');
my $jane_id = $r->{json}{id};
is($r->{json}{email}, $jane, 'the address in small letters');
is($r->{json}{email_confirmed_at}, undef, 'not confirmed yet');
is($r->{json}{identities}[0]{provider}, 'email', 'with an identity');
my ($row) = $k->rows("select u.email, p.first_name, p.last_name, o.name, o.timezone, o.currency, o.slug, r.role,
	(select count(*) from pipelines l where l.organization_id = o.id) as pipelines, u.password_hash, u.raw_user_meta_data as data
	from auth.users u join profiles p on p.id = u.id join organizations o on o.id = p.organization_id
	join user_roles r on r.user_id = u.id where u.id = '$jane_id'");
is("$row->{role} $row->{pipelines}", 'OWNER 1', 'AUTH-2 user, profile and organization, whose owner he is');
is("$row->{first_name} $row->{last_name}", 'Jane Roe', 'AUTH-6 data.first_name and data.last_name are the profile\'s');
is($row->{name}, 'Roe & Söhne', 'AUTH-1 the organization is named');
is("$row->{timezone} $row->{currency} $row->{slug}", 'Europe/Berlin EUR roe-s-hne', 'AUTH-5 with time zone and currency');
is($row->{data}{phone}, '+49301234567', 'AUTH-1 the optional phone is kept');
like($row->{password_hash}, qr/^\$argon2id\$/, 'the password as argon2id');
my $mail = $box->mail(to => $jane);
ok($mail, 'AUTH-4 the mail for verification comes by itself');
is($mail->{subject}, 'Confirm your e-mail address', 'its subject');
like($mail->{html}, qr/Confirm address/, 'in HTML, too');
like($mail->{link}, qr{^\Q$base\E/auth/v1/verify\?token=[\w-]{43}&type=signup}, 'its link leads here');
is($k->psql("select count(*) from auth.one_time_tokens where encode(token_hash, 'escape') like '%' || '" .
	($mail->{link} =~ /token=([\w-]+)/)[0] . "' || '%' or encode(code_hash, 'escape') like '%$mail->{code}%'"), 0,
	'neither token nor code is stored as it is');

$r = grant(password => { email => $jane, password => 'secure_password' });
is(refusal($r), '400 email_not_confirmed', 'AUTH-7 who has not confirmed cannot sign in');
my $b = browser_of();
is($b->post('/login', { email => $jane, password => 'secure_password' })->{status}, 403, 'AUTH-7 nor on the page');

for my $bad ([{ email => fresh(), password => 'short' }, '422 weak_password', 'AUTH-26 seven characters are too few'],
	[{ email => fresh(), password => 'äöüäöüä' }, '422 weak_password', 'AUTH-26 characters count, not bytes'],
	[{ email => 'nobody', password => 'long enough' }, '400 email_address_invalid', 'AUTH-1 an address is an address'],
	[{ password => 'long enough' }, '400 validation_failed', 'AUTH-1 the address is required'],
	[{ email => fresh() }, '422 weak_password', 'AUTH-1 so is the password']) {
	is(refusal(auth(POST => 'signup', $bad->[0])), $bad->[1], $bad->[2]);
}
$r = auth(POST => 'signup', { email => fresh(), password => 'short' });
is_deeply([sort keys %{ $r->{json} }], [qw(code error error_code message msg weak_password)], 'an error body');
is_deeply($r->{json}{weak_password}, { reasons => ['length'] }, 'names the rule');
is($r->{json}{code}, 'weak_password', 'under our name for the code as well');
is(refusal(auth(POST => 'signup', undef, body => '{')), '400 validation_failed', 'no JSON');

# ---- the link ----------------------------------------------------------------------------

$r = to($mail);
is($r->{status}, 303, 'the link is a redirect');
like($r->{headers}{location}, qr/^\Q$base\E#access_token=/, 'AUTH-9 which carries a session');
my $f = fragment($r);
is_deeply([sort keys %$f], [qw(access_token expires_at expires_in refresh_token sb token_type type)], 'in the fragment');
ok(user($f->{access_token})->{json}{email_confirmed_at}, 'AUTH-9 AUTH-10 the address is confirmed');
$r = to($mail);
like($r->{headers}{location}, qr/\?error=access_denied&error_code=otp_expired&error_description=Email%20link%20is%20invalid%20or%20has%20expired#error=/,
	'a link works once');
my $session = grant(password => { email => $jane, password => 'secure_password' })->{json};
is_deeply([sort keys %$session], [qw(access_token expires_at expires_in refresh_token token_type user)], 'AUTH-11 the documented keys');
is("$session->{token_type} $session->{expires_in}", 'bearer 3600', 'AUTH-13 an hour');
cmp_ok(abs($session->{expires_at} - time - 3600), '<', 5, 'AUTH-13 expires_at says when');
ok($session->{user}{email_confirmed_at}, 'AUTH-10 with the verification state');
my $c = claims($session->{access_token});
is_deeply([@$c{qw(sub role aud aal app_role)}], [$jane_id, 'authenticated', 'authenticated', 'aal1', 'OWNER'], 'claims of the token');
is($c->{amr}[0]{method}, 'password', 'which say how he proved himself');
is($session->{user}{user_metadata}{first_name}, 'Jane', 'user_metadata');
is(user($session->{access_token})->{json}{id}, $jane_id, 'AUTH-16 the user of the token');
is($k->psql("select is_online from profiles where id = '$jane_id'"), 't', 'signing in sets him online');
$r = $k->api(GET => '/rest/v1/contacts?limit=1', apikey => $anon, bearer => $session->{access_token});
is("$r->{status} $r->{content}", '200 []', 'API-10 apikey and the user\'s token open the tables');
$r = $k->api(GET => '/rest/v1/contacts?limit=1');
is_deeply([@{ $r->{json} }{qw(message hint)}], ['No API key found in request', 'No `apikey` request header or url param was found.'],
	'API-14 without a key');
is($k->api(GET => "/rest/v1/contacts?limit=1&apikey=$anon", bearer => $session->{access_token})->{status}, 200,
	'API-14 the key as a parameter');
is($k->api(GET => '/functions/v1/rest-api-proxy/contacts?limit=1', bearer => $session->{access_token})->{status}, 200,
	'API-11 the user\'s token alone');

# An address that has an account is answered like one that has none.
$r = auth(POST => 'signup', { email => $jane, password => 'another one' });
is($r->{status}, 200, 'an address that is taken is not told');
isnt($r->{json}{id}, $jane_id, 'nor whose it is');
is_deeply($r->{json}{identities}, [], 'as clients know it');
ok($box->none(to => $jane), 'and nothing is sent');
is(grant(password => { email => $jane, password => 'another one' })->{status}, 400, 'nor changed');

# ---- wrong passwords ------------------------------------------------------------------------

$r = grant(password => { email => $jane, password => 'wrong' });
is(refusal($r), '400 invalid_credentials', 'AUTH-11 a wrong password');
is("$r->{json}{msg} $r->{json}{details}", 'Invalid login credentials Invalid credentials', 'AUTH-11 in words');
is(grant(password => { email => fresh(), password => 'wrong' })->{content}, $r->{content}, 'AUTH-11 the same for an unknown address');
is(refusal(grant(password => { email => $jane })), '400 validation_failed', 'none at all');
is(refusal(grant(other => {})), '400 validation_failed', 'another grant');
grant(password => { email => $jane, password => 'wrong' }) for 1 .. 4;
$r = grant(password => { email => $jane, password => 'secure_password' });
is(refusal($r), '429 account_locked', 'AUTH-12 five failures lock the account');
like($r->{json}{message}, qr/locked/, 'AUTH-12 which is told');
cmp_ok($r->{headers}{'retry-after'}, '>', 890, 'AUTH-12 for a quarter of an hour');

# ---- reset --------------------------------------------------------------------------------------

$r = auth(POST => 'recover', { email => $jane, options => { redirect_to => "$base/reset-password" } });
is("$r->{status} $r->{content}", '200 {"message":"Password recovery email sent"}', 'AUTH-29 asking for a reset');
$mail = $box->mail(to => $jane, subject => qr/password/);
ok($mail, 'AUTH-23 the link is mailed');
$r = auth(POST => 'recover', { email => $jane });
is(refusal($r), '429 over_email_send_rate_limit', 'one mail at a time');
like($r->{json}{msg}, qr/^For security purposes, you can only request this after [12] seconds\.$/, 'in GoTrue\'s words');
my $stranger = fresh();
is(auth(POST => 'recover', { email => $stranger })->{content}, '{"message":"Password recovery email sent"}', 'an unknown address gets the same answer');
is(refusal(auth(POST => 'recover', { email => $stranger })), '429 over_email_send_rate_limit', 'and the same refusal');
is(refusal(auth(POST => 'recover', { email => 'x' })), '400 email_address_invalid', 'AUTH-23 the address is validated');
$r = to($mail);
like($r->{headers}{location}, qr{^\Q$base\E/reset-password#.*type=recovery}, 'AUTH-24 AUTH-29 the link leads to /reset-password');
$f = fragment($r);
like(to($mail)->{headers}{location}, qr{reset-password\?error=access_denied&error_code=otp_expired}, 'AUTH-24 AUTH-28 once; then it is told');
is(refusal(auth(POST => 'user', { password => 'new password' })), '401 no_user', 'AUTH-30 without a session no password');
$r = auth(POST => 'user', { password => 'new' }, bearer => $f->{access_token});
is(refusal($r), '422 weak_password', 'AUTH-26 eight characters here, too');
$r = auth(POST => 'user', { password => 'new password' }, bearer => $f->{access_token});
is($r->{status}, 200, 'AUTH-30 with the session of the link it is set');
is(refusal(user($f->{access_token})), '401 session_not_found', 'AUTH-27 that session ends');
is(refusal(user($session->{access_token})), '401 session_not_found', 'AUTH-27 as do all others');
is(refusal(grant(refresh_token => { refresh_token => $session->{refresh_token} })), '400 session_expired', 'AUTH-27 with their refresh tokens');
is($k->psql("select is_online from profiles where id = '$jane_id'"), 'f', 'and he is offline');
$session = grant(password => { email => $jane, password => 'new password' })->{json};
ok($session->{access_token}, 'AUTH-12 the reset opened the account, AUTH-27 the new password signs in');
is(grant(password => { email => $jane, password => 'secure_password' })->{status}, 400, 'the old one does not');
sleep 2;
auth(POST => 'recover?redirect_to=https://evil.example/', { email => $jane });
$mail = $box->mail(to => $jane, subject => qr/password/);
$k->psql("update auth.one_time_tokens set expires_at = now() where kind = 'recovery'");
like(to($mail)->{headers}{location}, qr{^\Q$base\E\?error=.*otp_expired}, 'AUTH-28 an expired link; a foreign address is replaced by ours');

# ---- refresh tokens ----------------------------------------------------------------------------------

my $first = $session->{refresh_token};
$r = grant(refresh_token => { refresh_token => $first });
is($r->{status}, 200, 'AUTH-14 a refresh token renews the session');
isnt($r->{json}{refresh_token}, $first, 'with another one');
is(claims($r->{json}{access_token})->{session_id}, claims($session->{access_token})->{session_id}, 'of the same session');
my $second = $r->{json}{refresh_token};
$r = grant(refresh_token => { refresh_token => $first });
is($r->{status}, 200, 'within ten seconds the old one is a repetition');
ok(grant(refresh_token => { refresh_token => $r->{json}{refresh_token} })->{status} == 200, 'whose answer is good');
$k->psql("update auth.refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null");
$r = grant(refresh_token => { refresh_token => $first });
is(refusal($r), '400 refresh_token_already_used', 'later it is a theft');
is($r->{json}{hint}, 'Session expired: sign in again', 'AUTH-14 the user is told to sign in');
is(refusal(grant(refresh_token => { refresh_token => $second })), '400 session_expired', 'and the family has ended');
is(refusal(user($session->{access_token})), '401 session_not_found', 'with its access tokens');
is(refusal(grant(refresh_token => { refresh_token => 'made up' })), '400 refresh_token_not_found', 'an unknown one');
is(refusal(grant(refresh_token => {})), '400 validation_failed', 'none');

# ---- signing out ---------------------------------------------------------------------------------------

my @s = map { grant(password => { email => $jane, password => 'new password' })->{json} } 1 .. 4;
sub alive { return join '', map { user($_->{access_token})->{status} == 200 ? 1 : 0 } @s }
is(auth(POST => 'logout?scope=local', {}, bearer => $s[0]{access_token})->{status}, 204, 'AUTH-15 signing out');
is(alive(), '0111', 'AUTH-15 here');
is(auth(POST => 'logout?scope=others', {}, bearer => $s[1]{access_token})->{status}, 204, 'everywhere else');
is(alive(), '0100', 'but here');
is(refusal(auth(POST => 'logout?scope=moon', {}, bearer => $s[1]{access_token})), '400 validation_failed', 'no such scope');
push @s, grant(password => { email => $jane, password => 'new password' })->{json};
is(auth(POST => 'logout', {}, bearer => $s[1]{access_token})->{status}, 204, 'AUTH-15 without a word');
is(alive(), '00000', 'everywhere');
is(auth(POST => 'logout', {}, bearer => $s[1]{access_token})->{status}, 401, 'a second time');
is(refusal(auth(POST => 'logout', {})), '401 no_user', 'the public key has no session');

# ---- codes and links for signing in -------------------------------------------------------------------------

is(auth(POST => 'otp', { email => $jane, create_user => JSON::PP::false })->{content}, '{}', 'a code is asked for');
$mail = $box->mail(to => $jane, subject => qr/sign-in/);
like($mail->{code}, qr/^\d{6}$/, 'and mailed: six digits');
my $wrong = other_code($mail->{code});
is(refusal(auth(POST => 'verify', { type => 'email', email => $jane, token => $wrong })), '403 otp_expired', 'a wrong one');
$r = auth(POST => 'verify', { type => 'email', email => $jane, token => $mail->{code} });
is($r->{status}, 200, 'the right one signs in') or diag($r->{content});
is(claims($r->{json}{access_token})->{amr}[0]{method}, 'otp', 'by otp');
is(refusal(auth(POST => 'verify', { type => 'email', email => $jane, token => $mail->{code} })), '403 otp_expired', 'once');
sleep 2;
auth(POST => 'magiclink', { email => $jane });
$mail = $box->mail(to => $jane, subject => qr/sign-in/);
$wrong = other_code($mail->{code});
auth(POST => 'verify', { type => 'magiclink', email => $jane, token => $wrong }) for 1 .. 5;
is(refusal(auth(POST => 'verify', { type => 'magiclink', email => $jane, token => $mail->{code} })), '403 otp_expired', 'five wrong codes end it');
is(auth(POST => 'verify', { type => 'magiclink', token_hash => ($mail->{link} =~ /token=([\w-]+)/)[0] })->{status}, 200, 'the link\'s token is another matter');
is(refusal(auth(POST => 'verify', { type => 'moon', token_hash => 'x' })), '400 validation_failed', 'an unknown type');
is(refusal(auth(POST => 'verify', { type => 'email' })), '400 validation_failed', 'neither token nor hash');
is(refusal(auth(POST => 'otp', { phone => '+49301234567' })), '400 phone_provider_disabled', 'no codes by phone');
my $new = fresh();
is(auth(POST => 'otp', { email => $new, create_user => JSON::PP::false })->{content}, '{}', 'an unknown address gets the same answer');
ok($box->none(to => $new), 'and no mail');
sleep 2;
is(auth(POST => 'otp', { email => $new, create_user => JSON::PP::true })->{content}, '{}', 'who may make an account');
$mail = $box->mail(to => $new);
$r = auth(POST => 'verify', { type => 'email', email => $new, token => $mail->{code} });
is("$r->{status} " . ($r->{json}{user}{email} // ''), "200 $new", 'has one with the first code');

# ---- resend, failing mail ------------------------------------------------------------------------------------

my $late = fresh();
auth(POST => 'signup', { email => $late, password => 'long enough' });
my $old = $box->mail(to => $late);
is(refusal(auth(POST => 'resend', { email => $late, type => 'signup' })), '429 over_email_send_rate_limit', 'AUTH-8 not at once');
sleep 2;
is(auth(POST => 'resend', { email => $late, type => 'signup' })->{content}, '{}', 'AUTH-8 the mail once more');
$mail = $box->mail(to => $late);
like(to($old)->{headers}{location}, qr/otp_expired/, 'the first link is void');
like(to($mail)->{headers}{location}, qr/access_token/, 'AUTH-8 the second works');
is(refusal(auth(POST => 'resend', { email => $late, type => 'moon' })), '400 validation_failed', 'another type');
is($k->psql("select extract(epoch from expires_at - created_at) / 3600 from auth.one_time_tokens where kind = 'signup' limit 1") + 0, 24,
	'a confirmation is good for a day');

# ---- PKCE -------------------------------------------------------------------------------------------------------

my $verifier = 'v' x 50;
my $challenge = encode_base64url(sha256($verifier));
my $pkce = fresh();
auth(POST => 'signup?redirect_to=https://app.example.com/welcome', { email => $pkce, password => 'long enough',
	code_challenge => $challenge, code_challenge_method => 's256' });
$r = to($box->mail(to => $pkce));
my ($code) = ($r->{headers}{location} // '') =~ m{^https://app\.example\.com/welcome\?code=([\w-]+)$};
ok($code, 'with a challenge the link gives a code');
is(refusal(grant(pkce => { auth_code => $code })), '400 validation_failed', 'which needs its verifier');
$r = grant(pkce => { auth_code => $code, code_verifier => $verifier });
is("$r->{status} " . ($r->{json}{user}{email} // ''), "200 $pkce", 'and is exchanged for a session');
is(refusal(grant(pkce => { auth_code => $code, code_verifier => $verifier })), '404 flow_state_not_found', 'once');
auth(POST => 'recover', { email => $pkce, code_challenge => $challenge, code_challenge_method => 's256' });
($code) = to($box->mail(to => $pkce, subject => qr/password/))->{headers}{location} =~ /code=([\w-]+)/;
is(refusal(grant(pkce => { auth_code => $code, code_verifier => 'w' x 50 })), '400 bad_code_verifier', 'not with another verifier');
is(refusal(auth(POST => 'otp', { email => $pkce, code_challenge => $challenge })), '400 validation_failed', 'challenge without method');
is(refusal(auth(POST => 'otp', { email => $pkce, code_challenge => 'short', code_challenge_method => 's256' })), '400 validation_failed', 'too short a challenge');

# ---- the user changes himself ------------------------------------------------------------------------------------

my ($mia, $ms) = member(first_name => 'Mia');
my $other = grant(password => { email => $mia, password => 'long enough' })->{json};
for my $verb (qw(PUT POST PATCH)) {
	$r = auth($verb => 'user', { data => { first_name => "Mia $verb", theme => 'dark' } }, bearer => $ms->{access_token});
	is("$r->{status} $r->{json}{user_metadata}{first_name} $r->{json}{user_metadata}{theme}", "200 Mia $verb dark", "$verb user");
}
is($k->psql("select first_name from profiles where email = '$mia'"), 'Mia PATCH', 'the profile follows');
is(refusal(auth(PUT => 'user', { data => 'x' }, bearer => $ms->{access_token})), '400 validation_failed', 'data is an object');
is(auth(PUT => 'user', { password => 'even longer' }, bearer => $ms->{access_token})->{status}, 200, 'a password');
is(user($ms->{access_token})->{status}, 200, 'a change of it leaves this session');
is(user($other->{access_token})->{status}, 401, 'and ends the others');
my $moved = fresh();
is(refusal(auth(PUT => 'user', { email => $jane }, bearer => $ms->{access_token})), '422 email_exists', 'an address that is taken');
$r = auth(PUT => 'user', { email => $moved }, bearer => $ms->{access_token});
is("$r->{status} $r->{json}{email} $r->{json}{new_email}", "200 $mia $moved", 'a new address waits');
$mail = $box->mail(to => $moved);
my $notice = $box->mail(to => $mia);
like($notice->{text}, qr/\Q$moved\E/, 'the current one is told');
is($notice->{link}, undef, 'without a link');
like(to($mail)->{headers}{location}, qr/type=email_change/, 'the link of the new one');
is(user($ms->{access_token})->{json}{email}, $moved, 'makes it the user\'s');
is($k->psql("select email from profiles where id = '$ms->{user}{id}'"), $moved, 'and the profile\'s');
is(refusal($k->api(GET => '/auth/v1/user', apikey => $anon)), '401 no_user', 'AUTH-16 the public key is nobody');
is(refusal(user('no.such.token')), '401 bad_jwt', 'AUTH-16 a made-up token');
is($k->api(GET => '/auth/v1/user')->{status}, 401, 'AUTH-16 none');

# ---- second factors ---------------------------------------------------------------------------------------------------

sub unbase32 {
	my $bits = join '', map { sprintf '%05b', index('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_) } split //, $_[0];
	return pack 'B' . (length($bits) - length($bits) % 8), $bits;
}
sub totp {
	my ($secret, $step) = @_;
	my $mac = hmac_sha1(pack('Q>', $step), unbase32($secret));
	return sprintf '%06d', (unpack('N', substr $mac, ord(substr $mac, -1) & 15, 4) & 0x7fffffff) % 1000000;
}
my ($tom, $ts) = member(first_name => 'Tom');
my $plain = grant(password => { email => $tom, password => 'long enough' })->{json};
my @in    = (bearer => $ts->{access_token});
is(refusal(auth(POST => 'factors', { factor_type => 'phone' }, @in)), '400 validation_failed', 'totp is the one kind');
$r = auth(POST => 'factors', { factor_type => 'totp', friendly_name => 'phone', issuer => 'Kontor' }, @in);
my ($factor, $totp) = @{ $r->{json} }{qw(id totp)};
like($totp->{qr_code}, qr/^<svg /, 'enrolling: a picture');
like($totp->{uri}, qr{^otpauth://totp/Kontor:\S+secret=\Q$totp->{secret}\E$}, 'and what is in it');
is($k->psql("select count(*) from auth.factors where secret like 'v1.%' and secret not like '%$totp->{secret}%'"), 1, 'the secret is sealed');
is(refusal(auth(POST => 'factors', { factor_type => 'totp', friendly_name => 'Phone' }, @in)), '422 mfa_factor_name_conflict', 'a name once');
my $ch = auth(POST => "factors/$factor/challenge", {}, @in)->{json};
is($ch->{type}, 'totp', 'a challenge');
my $step = int(time / 30);
my $bad = other_code(totp($totp->{secret}, $step));
is(refusal(auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => $bad }, @in)), '422 mfa_verification_failed', 'a wrong code');
is(refusal(auth(POST => "factors/$factor/verify", { challenge_id => $factor, code => $bad }, @in)), '422 mfa_challenge_not_found', 'without its challenge');
is(refusal(auth(POST => 'factors/x/challenge', {}, @in)), '404 mfa_factor_not_found', 'no such factor');
is(refusal(auth(POST => "factors/$factor/challenge", {}, bearer => $ms->{access_token})), '404 mfa_factor_not_found', 'nor another user\'s');
$r = auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => totp($totp->{secret}, $step) }, @in);
is($r->{status}, 200, 'the right code');
my $strong = $r->{json};
is(claims($strong->{access_token})->{aal}, 'aal2', 'lifts the session to aal2');
is_deeply([map { $_->{method} } @{ claims($strong->{access_token})->{amr} }], [qw(totp password)], 'amr says by what');
is($strong->{user}{factors}[0]{status}, 'verified', 'the factor is verified');
is(user($plain->{access_token})->{status}, 401, 'sessions without it end');
$ch = auth(POST => "factors/$factor/challenge", {}, @in)->{json};
is(refusal(auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => totp($totp->{secret}, $step) }, @in)),
	'422 mfa_verification_failed', 'a code works once');
is(grant(refresh_token => { refresh_token => $strong->{refresh_token} })->{status}, 200, 'and goes on');
my $weak = grant(password => { email => $tom, password => 'long enough' })->{json};
is(claims($weak->{access_token})->{aal}, 'aal1', 'a new session has one factor');
@in = (bearer => $weak->{access_token});
is(refusal(auth(PUT => 'user', { password => 'even longer' }, @in)), '403 insufficient_aal', 'which is not enough for a password');
is(refusal(auth(POST => 'factors', { factor_type => 'totp' }, @in)), '403 insufficient_aal', 'nor for another factor');
is(refusal(auth(DELETE => "factors/$factor", undef, @in)), '403 insufficient_aal', 'nor to remove it');
$ch = auth(POST => "factors/$factor/challenge", {}, @in)->{json};
auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => $bad }, @in) for 1 .. 5;
is(refusal(auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => totp($totp->{secret}, $step + 1) }, @in)),
	'429 account_locked', 'five wrong codes lock the factor');
$k->psql('update auth.factors set locked_until = null');
is(auth(POST => "factors/$factor/verify", { challenge_id => $ch->{id}, code => totp($totp->{secret}, $step + 1) }, @in)->{status}, 200, 'then it goes on');
my $page = $b->post('/login', { email => $tom, password => 'long enough' });
is("$page->{status} $page->{headers}{location}", '303 /login/code', 'the sign-in page asks for the code');
is($b->request(GET => '/inbox', {})->{status}, 303, 'and what the password opened shows nothing without it');
is($b->post('/login/code', { code => $bad })->{status}, 422, 'nor with a wrong one');
is($b->post('/login/code', { code => totp($totp->{secret}, $step + 1) })->{status}, 422, 'nor with one that was used');
$k->psql('update auth.factors set last_step = 0');
is($b->post('/login/code', { code => totp($totp->{secret}, int(time / 30)) })->{status}, 303, 'with the right one it does');
is($k->psql("select aal from auth.sessions where kind = 'web' and ended_at is null and user_id = '$ts->{user}{id}'"), 'aal2', 'a session of two factors');
$b = browser_of();
is_deeply(auth(DELETE => "factors/$factor", undef, @in)->{json}, { id => $factor }, 'removed with both factors shown');

# ---- the mobile login --------------------------------------------------------------------------------------------------

sub mobile { return $k->api(POST => '/functions/v1/mobile-api/login', json => $_[0]) }
$r = mobile({ email => $jane, password => 'new password' });
is_deeply([sort keys %{ $r->{json} }], [qw(access_token expires_in refresh_token user)], 'API-13 the mobile login needs no key');
is($r->{json}{expires_in}, 2592000, 'AUTH-13 thirty days');
is_deeply([sort keys %{ $r->{json}{user} }], [qw(avatar_url email first_name id last_name organization_id)], 'its user');
is($k->api(GET => '/functions/v1/rest-api-proxy/contacts?limit=1', bearer => $r->{json}{access_token})->{status}, 200, 'API-13 its token is a bearer');
is(claims($r->{json}{access_token})->{exp} - claims($r->{json}{access_token})->{iat}, 2592000, 'AUTH-13 in the token, too');
$r = grant(refresh_token => { refresh_token => $r->{json}{refresh_token} });
is($r->{json}{expires_in}, 2592000, 'AUTH-13 and after renewing it');
$r = mobile({ email => $jane, password => 'wrong' });
is("$r->{status} $r->{json}{error}", '401 Invalid credentials', 'wrong credentials are 401 there');
$k->psql("update profiles set is_active = false where email = '$jane'");
$r = mobile({ email => $jane, password => 'new password' });
is("$r->{status} $r->{json}{error}", '403 This account is deactivated', 'AUTH-18 a deactivated account is 403');
is(grant(password => { email => $jane, password => 'new password' })->{status}, 403, 'AUTH-19 and cannot sign in');
is($b->post('/login', { email => $jane, password => 'new password' })->{status}, 403, 'AUTH-19 on the page neither');
$k->psql("update profiles set is_active = true where email = '$jane'");

# AUTH-20: whatever the schedule says, check_login is asked by every way in.
$k->psql(q{create or replace function auth.check_login(org uuid, usr uuid, addr text) returns void language plpgsql as $$
	begin raise exception using errcode = 'KT403', message = 'Outside your login schedule'; end $$});
is(grant(password => { email => $jane, password => 'new password' })->{json}{message}, 'Outside your login schedule', 'the schedule is asked: password');
is(mobile({ email => $jane, password => 'new password' })->{status}, 403, 'mobile');
is(grant(refresh_token => { refresh_token => $strong->{refresh_token} })->{status}, 403, 'refresh');
like($b->post('/login', { email => $jane, password => 'new password' })->{content}, qr/Outside your login schedule/, 'page');
sleep 2;
auth(POST => 'magiclink', { email => $jane });
like(to($box->mail(to => $jane, subject => qr/sign-in/))->{headers}{location}, qr/error_description=Outside%20your%20login%20schedule/, 'link');
$k->psql(q{create or replace function auth.check_login(org uuid, usr uuid, addr text) returns void language plpgsql as $$ begin return; end $$});

# ---- what a client reads after login --------------------------------------------------------------------------------------

$session = grant(password => { email => $jane, password => 'new password' })->{json};
$r = $k->api(POST => '/rest/v1/rpc/get_user_login_data', apikey => $anon, bearer => $session->{access_token}, json => { _user_id => $jane_id });
is_deeply($r->{json}, { user_id => $jane_id, email => $jane, organization_name => 'Roe & Söhne', appgain_credentials => { apiKey => undef } },
	'get_user_login_data') or diag($r->{content});
my $omar = $k->json->{tenants}[0]{users}[1];
$r = $k->api(POST => '/rest/v1/rpc/get_user_login_data', apikey => $anon, bearer => $session->{access_token},
	json => { _user_id => $k->psql("select id from auth.users where email = '$omar->{email}'") });
is($r->{status}, 404, 'not of another organization');

# ---- mail that does not go out -----------------------------------------------------------------------------------------------

undef $box;
my $lost = fresh();
is(auth(POST => 'signup', { email => $lost, password => 'long enough' })->{status}, 200, 'AUTH-3 a relay that is down does not stop a sign-up');
is($k->psql("select count(*) from auth.users where email = '$lost'"), 1, 'AUTH-3 the account is there');
ok(wait_for(5, sub { $k->psql("select count(*) from job.jobs where kind = 'mail' and last_error is not null") }), 'AUTH-3 and the mail tries again');
is($k->psql("select count(*) from job.jobs where kind = 'mail' and payload ? 'sealed' and payload::text not like '%$lost%'"), 1, 'sealed as it waits');

sub browser_of { my $x = Kontor::Browser->new($base); $x->get('/login'); return $x }

done_testing;
