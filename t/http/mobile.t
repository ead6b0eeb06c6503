#!/usr/bin/perl
# The mobile API: contacts and recordings of calls, as printed (27880-28041).
use strict;
use warnings;
use Kontor;
use Test::More;

my $base  = '/functions/v1/mobile-api';
my $mine  = tenant(0);
my $other = tenant(1);
my $org   = $mine->{organization_id};
my $mark  = 'Mob' . $$;

my $login = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $mine->{users}[1]{email}, password => $mine->{users}[1]{password} });
my $token = $login->{json}{access_token};
my $me    = $login->{json}{user}{id};

sub get { return api(GET => "$base/$_[0]", bearer => $_[1] // $token) }

# ---- contacts ------------------------------------------------------------------------

my $company = psql("insert into companies (organization_id, name) values ('$org', 'Acme Corp') returning id");
for my $n (1 .. 5) {
	psql("insert into contacts (organization_id, first_name, last_name, phones, emails, tags, company_id, description, source)
		values ('$org', 'Sara$n', '$mark', '{+2010012345$n$n}', '{sara$n\@$mark.example}', '{VIP}', '$company', 'Key account', 'whatsapp')");
}
my $r = get("contacts?page=1&limit=20");
is($r->{status}, 200, 'INB-124 GET /contacts') or diag($r->{content});
is("$r->{json}{page} $r->{json}{limit} $r->{json}{total}", '1 20 ' . psql("select count(*) from contacts where organization_id = '$org'"),
	'API-44 INB-124 page, limit and the total');
$r = get('contacts');
is("$r->{json}{page} $r->{json}{limit}", '1 50', 'API-44 INB-124 page 1 and 50 at once by default');
is(get('contacts?limit=1000')->{json}{limit}, 200, 'API-44 INB-124 at most 200');
$r = get("contacts?search=$mark&limit=2&page=3");
is("@{$r->{json}}{qw(total page limit total_pages)}", '5 3 2 3', 'API-44 pages of a search') or diag($r->{content});
is(join(' ', map { $_->{first_name} } @{ $r->{json}{contacts} }), 'Sara1', 'the last page has the rest, oldest last');
is(join(' ', sort keys %{ $r->{json}{contacts}[0] }), 'company_id created_at emails first_name id last_name phones tags updated_at',
	'INB-124 the keys of a contact in the list');
is(join(' ', sort keys %{ $r->{json} }), 'contacts limit page total total_pages', 'API-44 and of the list');
for my $search ("sara3%20$mark", lc("$mark%20SARA3"), '%2B20%20100%20123%2045%2033', '201001234533') {
	$r = get("contacts?search=$search");
	is(join(' ', map { $_->{first_name} } @{ $r->{json}{contacts} }), 'Sara3', "INB-124 search by name or phone: $search");
}
is(get("contacts?search=sara3\@$mark")->{json}{total}, 0, 'not by e-mail');
is(get("contacts?search=VIP%25")->{json}{total}, 0, 'wildcards are characters');
is(get('contacts?page=0')->{status}, 400, 'page 0 is refused');
is(get('contacts?limit=many')->{status}, 400, 'so is a limit that is no number');

my $id = psql("select id from contacts where organization_id = '$org' and last_name = '$mark' and first_name = 'Sara1'");
$r = get("contacts/$id");
is($r->{status}, 200, 'INB-125 GET /contacts/:id') or diag($r->{content});
is(join(' ', sort keys %{ $r->{json} }), 'assignee_id company company_id created_at custom_fields description emails first_name id last_name opt_in_status phones source tags updated_at',
	'INB-125 the whole record');
is_deeply($r->{json}{company}, { id => $company, name => 'Acme Corp' }, 'INB-125 with its company');
is_deeply([@{ $r->{json} }{qw(description source custom_fields)}, $r->{json}{opt_in_status} ? 1 : 0], ['Key account', 'whatsapp', {}, 1], 'INB-125 and its values');
my $foreign = psql("select id from contacts where organization_id = '$other->{organization_id}' limit 1");
for my $none ($foreign, '00000000-0000-7000-8000-000000000000', 'nobody') {
	$r = get("contacts/$none");
	is("$r->{status} $r->{json}{code}", '404 RESOURCE_NOT_FOUND', "API-5 no contact $none");
}
is(get('contacts', 'eyJ.x.y')->{status}, 401, 'API-13 INB-123 a token that is none');
is(api(GET => "$base/contacts")->{status}, 401, 'API-13 INB-123 nor without one');
$r = get('contacts', kontor_json()->{anon_key});
is($r->{status}, 401, 'the public key alone opens nothing');
psql("update profiles set is_active = false where organization_id = '$org' and id = '$me'");
$r = get('contacts');
is("$r->{status} $r->{json}{error}", '403 This account is deactivated', 'INB-123 a deactivated account is 403');
psql("update profiles set is_active = true where organization_id = '$org' and id = '$me'");
is(get('contacts?limit=1')->{status}, 200, 'INB-123 until it is active again');

# ---- recordings ----------------------------------------------------------------------

sub form {
	my ($file, %field) = @_;
	my $body = '';
	$body .= "--XX\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$field{$_}\r\n" for sort keys %field;
	$body .= "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"$file->[0]\"\r\nContent-Type: $file->[1]\r\n\r\n$file->[2]\r\n" if $file;
	return $body . "--XX--\r\n";
}
sub upload {
	my ($file, %field) = @_;
	my $bearer = delete $field{bearer} // $token;
	return api(POST => "$base/call-recording", bearer => $bearer, body => form($file, %field), type => 'multipart/form-data; boundary=XX');
}
sub record { return (rows("select * from call_records where id = '$_[0]'"))[0] }

$r = upload(['recording.mp3', 'audio/mpeg', "ID3$mark"], customer_phone => '+201001234511', duration_seconds => 180, direction => 'outbound',
	notes => 'Follow up on pricing');
is($r->{status}, 200, 'INB-126 POST /call-recording') or diag($r->{content});
my $call = $r->{json}{call_record_id};
is_deeply($r->{json}, { success => JSON::PP::true, call_record_id => $call, status => 'received', contact_matched => JSON::PP::true,
	recording_stored => JSON::PP::true }, 'INB-127 INB-129 the answer as printed');
is(psql("select concat_ws(' ', contact_id, agent_id, customer_phone, duration_seconds, direction, status, notes, source) from call_records where id = '$call'"),
	"$id $me +201001234511 180 outbound received Follow up on pricing mobile", 'INB-127 the contact is found by the phone');
is(psql("select f.name || ' ' || f.content_type || ' ' || f.size from call_records c join files f on f.id = c.recording_file_id where c.id = '$call'"),
	'recording.mp3 audio/mpeg ' . length("ID3$mark"), 'the recording is a stored file');
is(psql("select sha256 from call_records c join files f on f.id = c.recording_file_id where c.id = '$call'"),
	psql("select encode(sha256('ID3$mark'), 'hex')"), 'under its content');
$r = upload(['a.amr', 'application/octet-stream', 'x'], contact_id => $id, call_timestamp => '2025-01-15T10:00:00+02:00');
is(psql("select concat_ws(' ', contact_id, direction, call_timestamp at time zone 'UTC') from call_records where id = '$r->{json}{call_record_id}'"),
	"$id inbound 2025-01-15 08:00:00", 'INB-128 inbound by default, the time as told');
$r = upload(['a.3gp', 'audio/3gpp', 'x'], customer_phone => '+999000111222');
ok($r->{status} == 200 && !$r->{json}{contact_matched}, 'INB-127 an unknown number matches nobody');
ok(psql("select call_timestamp > now() - interval '1 minute' from call_records where id = '$r->{json}{call_record_id}'") eq 't', 'INB-128 and now is the time');
for (qw(x.mp3 x.m4a x.wav x.ogg x.webm x.aac x.3gp x.amr X.MP3)) {
	is(upload([$_, 'application/octet-stream', 'x'])->{status}, 200, "INB-126 $_ is taken");
}
is(upload(['blob', 'audio/ogg; codecs=opus', 'x'])->{status}, 200, 'INB-126 without a name the type decides');
$r = upload(['a.txt', 'audio/mpeg', 'x']);
is("$r->{status} $r->{json}{error}", '400 Unsupported format', 'INB-126 another format');
$r = upload(undef, customer_phone => '+201001234511');
is($r->{status}, 400, 'INB-126 no file');
like($r->{json}{error}, qr/^Missing file/, 'INB-126 is told');
is(upload(['a.mp3', 'audio/mpeg', ''])->{status}, 400, 'INB-126 nor an empty one');
for ([direction => 'sideways'], [duration_seconds => 'long'], [duration_seconds => -1], [contact_id => 'x'], [contact_id => $foreign],
		[call_timestamp => 'yesterday-ish']) {
	is(upload(['a.mp3', 'audio/mpeg', 'x'], @$_)->{status}, 400, "$_->[0]=$_->[1] is refused");
}
is(upload(['a.mp3', 'audio/mpeg', 'x'], bearer => 'eyJ.x.y')->{status}, 401, 'INB-123 a token that is none');
$r = upload(['big.wav', 'audio/wav', 'x' x (12 * 1024 * 1024)]);
is($r->{status}, 200, 'INB-126 twelve megabytes');
$r = upload(['big.wav', 'audio/wav', 'x' x (52 * 1024 * 1024)]);
is($r->{status}, 413, 'INB-126 more than 50 are too many');

done_testing;
