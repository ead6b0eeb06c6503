#!/usr/bin/perl
# Files that are meant to hurt, in messages, uploads and mails: refused or harmless,
# and the thread says so. Who may not see a conversation gets none of its files.
use strict;
use warnings;
use Encode qw(encode_utf8);
use File::Copy qw(copy);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use HTTP::Tiny;
use IO::Socket::INET;
use Kontor;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $t     = tenant();
my $org   = $t->{organization_id};
my $run   = int(time * 10) % 100_000_000;
my $anna  = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my ($host) = kontor_json()->{base_url} =~ m{^http://([^/]+)};
my $files = kontor()->home . '/files';
my @me    = do {
	my $anon = kontor_json()->{anon_key};
	(apikey => $anon, bearer => api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} })->{json}{access_token});
};
sub count { return psql("select count(*) from $_[0]") }

# ---- what customers send, from a provider's store ---------------------------------------------

my $gif  = "GIF89a/*\x01\x00\x80\x00\x00*/=1;</title><script>parent.hacked=1</script>";
my $jpeg = "\xff\xd8\xff\xe0" . 'x' x 100;
my $pdf  = "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\nPK\x03\x04" . 'z' x 60;
my $svg  = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(document.cookie)</script></svg>';
my $html = '<!DOCTYPE html><script>alert(1)</script>';
my $docx = do { # 64 MB of zeros in a few KB
	my $dir = File::Temp::tempdir(CLEANUP => 1);
	mkdir "$dir/word";
	open my $fh, '>:raw', "$dir/word/document.xml" or die;
	print $fh "\0" x (1 << 20) for 1 .. 64;
	close $fh;
	system("cd $dir && zip -q -9 -r x.docx word") == 0 or die "zip\n";
	open $fh, '<:raw', "$dir/x.docx" or die;
	local $/;
	<$fh>;
};
my $word = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
# name: what it is called, its type as the sender says, its bytes
my %evil = (
	gif => ['fun.gif', 'image/gif', $gif], gifhtml => ['fun.gif', 'text/html', $gif], liar => ['photo.jpg', 'image/jpeg', $html],
	pdf => ['paper.pdf', 'application/pdf', $pdf], svg => ['logo.svg', 'image/svg+xml', $svg], html => ['page.html', 'text/html', $html],
	xhtml => ['page.xhtml', 'application/xhtml+xml', "<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"],
	xml => ['data.xml', 'text/xml', '<?xml-stylesheet type="text/xsl" href="#x"?><x/>'], js => ['a.js', 'text/javascript', 'alert(1)'],
	docx => ['letter.docx', $word, $docx], name => ["a\"; filename=evil.html\r\nX-Evil: 1", 'image/jpeg', $jpeg],
);
my @children;
END { local $?; kill KILL => @children if @children; psql("update channel_accounts set is_active = false where organization_id = '$org' and name like 'Evil % $run'") if $run }

# A provider's file store: /NAME is one of the above, /endless says 2 GB and never ends.
# What is sent by the provider is taken and noted.
my $sent = File::Temp->new;
my $store = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die;
my $from = 'http://127.0.0.1:' . $store->sockport;
push @children, fork // die;
if (!$children[-1]) {
	@children = ();
	$SIG{PIPE} = 'IGNORE';
	while (my $c = $store->accept) {
		my $line = <$c> // '';
		my $length = 0;
		while (defined(my $l = <$c>)) { last if $l =~ /^\r?\n/; $length = $1 if $l =~ /^Content-Length: (\d+)/i }
		my ($what) = $line =~ m{^\S+ /(\w+)};
		if ($what eq 'endless' || $what eq 'unsaid') {
			print $c "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n" . ($what eq 'endless' ? "Content-Length: 2147483648\r\n" : '') . "Connection: close\r\n\r\n";
			my $n = 0;
			$n++ while $n < 2048 && print $c 'x' x (1 << 20);
		} elsif ($line =~ /^POST/) {
			read $c, my $body, $length;
			syswrite $sent, "$body\n";
			print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\nConnection: close\r\n\r\n" . sprintf '{"message_id":"%7d"}', rand 10_000_000;
		} else {
			my (undef, $type, $data) = @{ $evil{$what} };
			print $c "HTTP/1.1 200 OK\r\nContent-Type: $type\r\nContent-Length: " . length($data) . "\r\nConnection: close\r\n\r\n$data";
		}
		close $c;
	}
	POSIX::_exit(0);
}

my $number = sprintf '2011%08d', $run;
my $lite = api(POST => '/rest/v1/channel_accounts?select=id', @me, headers => { Prefer => 'return=representation' }, json => { name => "Evil gateway $run", type => 'WHATSAPP_LITE',
	is_active => JSON::PP::true, settings => { sender_id => "e-$run", phone_number => "+$number", api_key => 'k', secret_token => "evil-$run", api_base => $from } })->{json}[0]{id};
ok($lite, 'a channel by which files come') or BAIL_OUT('no channel');
psql("update channel_accounts set is_active = true, connection_state = 'Connected' where id = '$lite'");
sub customer {
	my ($id, %more) = @_;
	my $r;
	wait_for(5, sub { $r = api(POST => '/functions/v1/whatsapp-lite-webhook', headers => { 'X-Webhook-Secret' => "evil-$run" }, json => { message_id => "$id-$run", from => "+20155$run",
		to => "+$number", timestamp => '2025-01-15T10:00:00Z', %more }); $r->{status} == 200 });
	return $r->{status};
}
customer('first', message => "Evil files $run");
my $talk = wait_for(10, sub { psql("select conversation_id from messages where channel_account_id = '$lite' and external_id = 'first-$run'") });
ok($talk, 'somebody writes');
for my $what (sort keys %evil) {
	my ($name, $type) = @{ $evil{$what} };
	customer($what, message => "See $what", type => $type =~ /^image/ ? 'image' : 'document', media_url => "$from/$what", file_name => $name);
}
customer($_, message => "See $_", type => 'video', media_url => "$from/$_") for qw(endless unsaid);
my %stored;
my $came = wait_for(25, sub {
	%stored = map { $_->{what} => $_ } rows("select split_part(m.external_id, '-', 1) as what, a.state, a.error, a.file_id, f.content_type, f.size, f.name
		from messages m join message_attachments a on a.message_id = m.id left join files f on f.id = a.file_id where m.channel_account_id = '$lite'");
	(grep { $_->{state} ne 'waiting' } values %stored) >= keys(%evil) + 2;
});
ok($came, 'MSG-56 what the customer sends is fetched') or diag json_encode(\%stored);

# Never as what a browser would run, never by its own judgement.
sub harmless {
	my ($r, $what, $shown) = @_;
	my %h = %{ $r->{headers} };
	my ($type) = ($h{'content-type'} // '') =~ /^([^;]*)/;
	is($r->{status}, 200, "$what: is there");
	like($type, $shown, "$what: goes out as $type");
	like($h{'content-disposition'} // '', $type =~ m{^image/(?!svg)} ? qr/^inline; / : qr/^attachment/, "$what: with Content-Disposition");
	is($h{'x-content-type-options'}, 'nosniff', "$what: whose type nobody guesses");
	my $policy = $h{'content-security-policy'} // '';
	ok(!ref $policy && $policy =~ /default-src 'none'/ && $policy =~ /sandbox/ && $policy !~ /allow-|script-src/, "$what: under a policy in which nothing runs") or diag explain $policy;
	ok(!exists $h{'x-evil'}, "$what: a name makes no header");
	return;
}
for my $what (sort keys %evil) {
	my $f = $stored{$what};
	is($f->{state}, 'stored', "MSG-56 $what: is kept") or next;
	harmless($anna->get("/files/$f->{file_id}"), $what, $what =~ /^(?:gif|name)$/ ? qr{^image/(?:gif|jpeg)$} : qr{^(?:application/octet-stream)$});
	is($anna->get("/files/$f->{file_id}?download=1")->{headers}{'content-type'}, 'application/octet-stream', "$what: and as a download is nothing but bytes");
}
is($stored{docx}{size}, length $docx, 'a document of 64 MB in a few KB stays as it is: nobody unpacks it');
like($anna->get("/files/$stored{pdf}{file_id}?view=1")->{headers}{'content-security-policy'}, qr/default-src 'none'.*object-src 'self'/, 'a PDF in the viewer runs no script of ours');
for my $what (qw(endless unsaid)) {
	is($stored{$what}{state}, 'failed', "MSG-30 $what: a file of 2 GB is given up");
	like($stored{$what}{error} // '', qr/larger than this installation takes/, "$what: in words");
}
my $page = $anna->get("/inbox/$talk")->{content};
like($page, qr/larger than this installation takes/, 'and the thread says so');
unlike($page, qr/<script>alert|onload=|X-Evil: 1\r/, 'nothing of all that stands in the page');

# ---- by the composer, a record, the chat: what colleagues and visitors send ----------------------

sub form { # fields, then one file
	my ($name, $type, $data, %fields) = @_;
	my $mark = "m$run";
	return ("multipart/form-data; boundary=$mark", join('', map { "--$mark\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$fields{$_}\r\n" } sort keys %fields)
		. "--$mark\r\nContent-Disposition: form-data; name=\"files\"; filename=\"$name\"\r\nContent-Type: $type\r\n\r\n$data\r\n--$mark--\r\n");
}
for my $what (qw(svg liar docx)) {
	my $client = psql('select uuid7()');
	my ($type, $body) = form(@{ $evil{$what} }, _csrf => $anna->{csrf}, content => "Mine $what", client_id => $client);
	$anna->request(POST => "/inbox/$talk/messages", { content => $body, headers => { 'Content-Type' => $type } });
	my $id = psql("select a.file_id from messages m join message_attachments a on a.message_id = m.id where m.client_id = '$client'");
	ok($id, "MSG-13 $what: is attached to an answer") or next;
	harmless($anna->get("/files/$id"), "$what of a colleague", qr{^application/octet-stream$});
}

# The provider fetches it at an address that nobody can guess, without a sign-in: as what
# it is, but to be kept and not to be shown.
my $link = wait_for(10, sub { open my $in, '<', $sent->filename or die; local $/; (<$in> // '') =~ m{(http[^"\s]*?/s/f/v1\.[\w.-]+[^"\s]*logo\.svg[^"\s]*|http[^"\s]*?/s/f/v1\.[^"\s]+)} ? $1 =~ s{\\/}{/}gr : undef });
ok($link, 'what is sent by address') and harmless(HTTP::Tiny->new->get($link), 'by its address', qr{^image/svg\+xml$});

# ---- two gigabytes, announced ----------------------------------------------------------------------

# The head says 2 GB; the answer comes before any of it, or the connection ends.
sub announced {
	my ($path, $length, %o) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => $host, Timeout => 5) or die "$host: $!\n";
	local $SIG{PIPE} = 'IGNORE';
	print $s "POST $path HTTP/1.1\r\nHost: $host\r\nContent-Type: " . ($o{type} // 'application/json') . "\r\nContent-Length: $length\r\nConnection: close\r\n"
		. join('', map { "$_: $o{headers}{$_}\r\n" } sort keys %{ $o{headers} // {} }) . "\r\n" . ($o{begin} // '{');
	return close $s if $o{leave};
	local $SIG{ALRM} = sub { die "no answer\n" };
	alarm 10;
	my $answer = eval { local $/ = "\r\n\r\n"; <$s> } // ''; # the server waits a while for the rest
	alarm 0;
	return $answer;
}
my $two = 2 * 1024 ** 3;
my %cookie = (Cookie => $anna->cookie_header);
my $multi  = 'multipart/form-data; boundary=x';
my @rows   = ('inbound_hooks', "files where organization_id = '$org'", "messages where organization_id = '$org'", "contacts where organization_id = '$org'");
my $spool  = sub { return join ' ', map { -d $_ ? do { my @f = `find $_ -type f -size +512k 2>/dev/null`; scalar @f } : 0 } $files, kontor()->home . '/nginx' };
my ($before, $on_disk) = (join(' ', map { count($_) } @rows), $spool->());
my $contact = psql("select contact_id from conversations where id = '$talk'");
for (["/inbox/$talk/messages", $multi, \%cookie, 'the composer'], ["/attachments/contacts/$contact", $multi, \%cookie, 'files of a contact'],
	['/imports/new', $multi, \%cookie, 'an import'], ['/rest/v1/contacts', undef, { apikey => $me[1], Authorization => "Bearer $me[3]" }, 'the REST API'],
	['/functions/v1/rest-api-proxy/contacts', undef, { 'X-API-Key' => $t->{api_key} }, 'the proxy'],
	['/functions/v1/whatsapp-lite-webhook', undef, { 'X-Webhook-Secret' => "evil-$run" }, 'a webhook'],
	['/chat/00000000-0000-7000-8000-000000000000/files', $multi, {}, 'the chat']) {
	my ($path, $type, $headers, $what) = @$_;
	like(announced($path, $two, type => $type, headers => $headers), qr{^HTTP/1\.1 413 }, "2 GB for $what: refused by its length");
	announced($path, 900_000, type => $type, headers => $headers, begin => '--x' . 'y' x 1000, leave => 1);
}
ok($anna->get('/inbox')->{status} == 200, 'everything goes on');
is(join(' ', map { count($_) } @rows), $before, 'nothing is kept of them, nor of those who left in the middle');
is($spool->(), $on_disk, 'nor on the disk');

# ---- a body that is packed -------------------------------------------------------------------------------

SKIP: {
	eval { require IO::Compress::Gzip; 1 } or skip 'no gzip here', 5;
	my $plain = '{"message_id": "bomb-' . $run . '", "message": "' . 'a' x (64 << 20) . '"}';
	IO::Compress::Gzip::gzip(\$plain => \my $bomb) or die "gzip\n";
	cmp_ok(length $bomb, '<', 100_000, '64 MB in less than 100 KB');
	for (['/rest/v1/contacts', { apikey => $me[1], Authorization => "Bearer $me[3]" }, 'the REST API'], ['/functions/v1/rest-api-proxy/contacts', { 'X-API-Key' => $t->{api_key} }, 'the proxy'],
		['/functions/v1/whatsapp-lite-webhook', { 'X-Webhook-Secret' => "evil-$run" }, 'a webhook'], ['/functions/v1/telegram-webhook', {}, 'another webhook']) {
		my ($path, $headers, $what) = @$_;
		my $r = api(POST => $path, body => $bomb, type => 'application/json', headers => { 'Content-Encoding' => 'gzip', %$headers });
		is($r->{status}, 415, "a packed body for $what: refused, in its own words") or diag substr $r->{content}, 0, 200;
	}
	is(join(' ', map { count($_) } @rows), $before, 'and nothing is kept of it');
}

# ---- who may see them -------------------------------------------------------------------------------------

my $file = $stored{gif}{file_id};
my $omar = browser(email => $t->{users}[1]{email}, password => $t->{users}[1]{password});
my $bo   = browser(email => tenant(1)->{users}[0]{email}, password => tenant(1)->{users}[0]{password});
my $omar_id = psql("select id from profiles where email = '$t->{users}[1]{email}'");
# Who is given channels sees those alone.
psql("insert into user_channel_access (organization_id, user_id, channel_account_id) values ('$org', '$omar_id', '$t->{channels}{telegram}{id}') on conflict do nothing");
for my $address ("/files/$file", "/files/$file?download=1", "/files/$stored{pdf}{file_id}?view=1") {
	is($omar->get($address)->{status}, 404, "INB-35 CHA-21 a member who may not see the conversation: 404 ($address)");
	is($bo->get($address)->{status}, 404, 'another tenant: 404');
	my $nobody = browser()->request(GET => $address, {});
	like("$nobody->{status} " . ($nobody->{headers}{location} // ''), qr{^30[23] /login}, 'nobody: to the sign-in');
	unlike($nobody->{content} // '', qr/GIF89a|%PDF/, 'without a byte of it');
}
is($omar->get("/inbox/$talk")->{status}, 404, 'INB-35 nor the conversation');
my @omar = do { my $anon = kontor_json()->{anon_key}; (apikey => $anon, bearer => api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
	json => { email => $t->{users}[1]{email}, password => $t->{users}[1]{password} })->{json}{access_token}) };
is(api(GET => "/rest/v1/files?id=eq.$file&select=id", @omar)->{content}, '[]', 'INB-35 nor does the API tell him of it');
is(api(GET => "/rest/v1/message_attachments?file_id=eq.$file&select=id", @omar)->{content}, '[]', 'nor of what it is attached to');
is(scalar @{ api(GET => "/rest/v1/files?id=eq.$file&select=id", @me)->{json} }, 1, 'who may see it finds it there');
is($omar->get('/-/files/' . psql("select organization_id || '/' || left(sha256, 2) || '/' || sha256 from files where id = '$file'"))->{status}, 404, 'and there is no other way to its bytes');
psql("insert into user_channel_access (organization_id, user_id, channel_account_id) values ('$org', '$omar_id', '$lite') on conflict do nothing");
is($omar->get("/files/$file")->{status}, 200, 'CHA-21 given the channel, he sees them');
psql("delete from user_channel_access where user_id = '$omar_id'");

# ---- mails without end ------------------------------------------------------------------------------------------

SKIP: {
	my $program = "$FindBin::Bin/../../worker/kontor-mail-in";
	skip 'kontor-mail-in is not built here', 5 unless -x $program && -d $files;
	my $user = getpwuid((stat $files)[4]);
	my $dir = File::Temp::tempdir('/tmp/kontor-evil.XXXXXX', CLEANUP => 1);
	copy($program, "$dir/in") or die "copy: $!\n";
	chmod 0755, $dir, "$dir/in";
	my $shop = "evil$run\@shop.example";
	my $mail = api(POST => '/rest/v1/channel_accounts?select=id', @me, headers => { Prefer => 'return=representation' },
		json => { name => "Evil mail $run", type => 'EMAIL', settings => { address => $shop, outgoing_url => 'smtp://127.0.0.1:1' } })->{json}[0]{id};
	my $head = sub { "From: e$_[0]-$run\@kunde.example\nTo: $shop\nSubject: Evil $_[0]\nMessage-ID: <$_[0].$run\@x>\n" };
	my %mail = (
		parts => $head->('parts') . "Content-Type: multipart/mixed; boundary=o\n\n" . join('', map { "--o\nContent-Type: application/x-$_\nContent-Disposition: attachment\n\n$_\n" } 1 .. 10_000) . "--o--\n",
		deep => $head->('deep') . join('', map { "Content-Type: multipart/mixed; boundary=b$_\n\n--b$_\n" } 1 .. 1000) . "\nbottom\n",
	);
	for my $what (sort keys %mail) {
		local $ENV{KONTOR_CONF} = kontor()->home . '/kontor.conf';
		open my $fh, '|-', $> == 0 ? ('runuser', '-u', $user, '--') : (), "$dir/in", $shop or die "pipe: $!\n";
		print $fh $mail{$what};
		close $fh;
		is($? >> 8, 0, "CHA-104 a mail with $what without end is taken from the mail server");
		my $m = wait_for(15, sub { (rows("select id, conversation_id, metadata #>> '{mail,cut}' as cut, (select count(*) from message_attachments a where a.message_id = m.id) as n
			from messages m where channel_account_id = '$mail' and metadata #>> '{mail,subject}' = 'Evil $what'"))[0] });
		is($m->{cut}, 'true', "$what: it is cut");
		cmp_ok($m->{n} // 99, '<=', 60, "$what: with a reasonable number of files");
		like($anna->get("/inbox/$m->{conversation_id}")->{content}, qr/too large or has too many parts/, "$what: and the thread says so");
	}
	$? = 0;
}
done_testing;
