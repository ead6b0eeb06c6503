#!/usr/bin/perl
# E-mail with real servers: Dovecot's mailboxes, read by IMAP and POP3, and
# OpenSMTPD, by which answers go out and bounces come back.
use strict;
use warnings;
use utf8;
use Encode qw(encode_utf8);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Kontor::Mailserver;
use File::Copy qw(copy);
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time sleep);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $server = Kontor::Mailserver->start or plan skip_all => $Kontor::Mailserver::why;
my $t      = tenant();
my $org    = $t->{organization_id};
my @as     = do { # the API's sign-in, as an owner
	my $anon = kontor_json()->{anon_key};
	my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} });
	(apikey => $anon, bearer => $r->{json}{access_token});
};
my $run    = int(time * 10) % 100_000_000;
my $shop   = "shop$run\@shop.example";
my $n      = 0;

END {
	local $?;
	psql("update channel_accounts set is_active = false where settings ->> 'address' like '%$run\@%'") if $run;
}

# ---- accounts and mails -------------------------------------------------------------

sub account {
	my ($address, %settings) = @_;
	my $r = api(POST => '/rest/v1/channel_accounts?select=id', @as,
		headers => { Prefer => 'return=representation' },
		json => { name => "Mail $address", type => 'EMAIL', settings => { address => $address, display_name => 'Shop',
			incoming_url => $server->imap_url, user => $address, password => 'secret', poll_seconds => '3600',
			outgoing_url => $server->has_smtp ? $server->smtp_url : 'smtp://127.0.0.1:1', %settings } });
	is($r->{status}, 201, "CHA-103 a mailbox is connected: $address") or diag $r->{content};
	my $id = $r->{json}[0]{id};
	polled($id);
	return $id;
}

# Look into it now; when it was looked into, successfully or not.
sub polled {
	my $id     = shift;
	my $before = psql("select coalesce(last_poll_at::text, '') from mailboxes where channel_account_id = '$id'");
	my $r      = api(POST => '/rest/v1/rpc/poll_mailbox', @as, json => { channel => $id });
	diag $r->{content} if $r->{status} !~ /^2/;
	wait_for(30, sub {
		psql("select coalesce(last_poll_at::text, '') from mailboxes where channel_account_id = '$id'") ne $before
			&& psql("select behind from mailboxes where channel_account_id = '$id'") eq '0'
			&& psql("select count(*) from job.jobs where organization_id = '$org' and kind = 'poll_mailbox' and key = '$id' and state <> 'dead'") eq '0';
	}) or diag "the mailbox was not looked into: "
		. psql("select row_to_json(j) from job.jobs j where kind = 'poll_mailbox' and key = '$id'");
	wait_for(30, sub { psql("select count(*) from inbound_hooks where channel_account_id = '$id' and state = 'new'") eq '0' });
	return;
}

sub mail {
	my (%h) = @_;
	my $body = delete $h{body} // "Hello\n";
	my %all  = (From => "Nora Nord <nora$run\@kunde.example>", To => $shop, Subject => "Mail $run",
		'Message-ID' => '<' . ++$n . ".$run\@kunde.example>", %h);
	return encode_utf8(join('', map { "$_: $all{$_}\n" } grep { defined $all{$_} } sort keys %all) . "\n$body");
}

sub messages {
	my ($account, $where) = @_;
	return rows("select m.id, m.conversation_id, m.contact_id, m.direction, m.status, m.content, m.external_id, m.error, m.error_code,
			m.metadata, m.reply_to_id, c.status as talk_status, c.unread_count
		from messages m join conversations c on c.organization_id = m.organization_id and c.id = m.conversation_id
		where m.channel_account_id = '$account'" . ($where ? " and $where" : '') . ' order by m.created_at, m.id');
}

sub box { return rows("select * from mailboxes where channel_account_id = '$_[0]'") }

sub reply {
	my ($talk, $text, %metadata) = @_;
	my $r = api(POST => '/rest/v1/messages?select=id', @as, headers => { Prefer => 'return=representation' },
		json => { conversation_id => $talk, direction => 'OUTBOUND', content => $text, status => 'PENDING', metadata => \%metadata });
	is($r->{status}, 201, "an answer is queued: $text") or diag $r->{content};
	my $id = $r->{json}[0]{id};
	wait_for(30, sub { psql("select status in ('SENT', 'FAILED', 'UNKNOWN', 'DELIVERED') from messages where id = '$id'") eq 't' });
	return (rows("select * from messages where id = '$id'"))[0];
}

# ---- receiving ------------------------------------------------------------------------

$server->deliver($shop, mail(Subject => 'Before'), at => time - 3 * 86400);
my $id = account($shop);
is(scalar(() = messages($id)), 0, 'HUB-8 what lay there before the connection stays there');
is((box($id))[0]{failed_polls}, 0, 'CHA-104 the mailbox was looked into');

my $file = $server->deliver($shop, mail(Subject => 'Frage über Öl', 'Content-Type' => 'text/plain; charset=utf-8', body => "Liefern Sie nach Köln?\n"));
polled($id);
my ($first) = messages($id);
is($first->{content}, 'Liefern Sie nach Köln?', 'MSG-51 CHA-104 FACT-70 a mail in the mailbox is a message in the inbox');
is(psql("select first_name || ' ' || last_name from contacts where id = '$first->{contact_id}'"), 'Nora Nord', 'MSG-54 of a contact with the sender\'s name');
is(psql("select emails[1] from contacts where id = '$first->{contact_id}'"), "nora$run\@kunde.example", 'and his address');
is(psql("select metadata #>> '{mail,subject}' from messages where id = '$first->{id}'"), encode_utf8('Frage über Öl'), 'with its subject');
ok(-e $file || !grep({ /S[^:]*$/ && /,S/ } $server->flags($shop)), 'for the mailbox\'s owner it is still unread');
polled($id);
is(scalar(() = messages($id)), 1, 'MSG-53 another look brings it no second time');
is(psql("select count(*) from mail_files f join messages m on m.id = f.message_id where m.id = '$first->{id}' and f.role = 'original'"), 1, 'the mail is kept as it came');
my $hook = psql("select dedupe from inbound_hooks where channel_account_id = '$id' order by received_at desc limit 1");
like($hook, qr/^\d+:\d+$/, 'known by UIDVALIDITY and UID');
psql("update inbound_hooks set state = 'new' where channel_account_id = '$id'");
wait_for(20, sub { psql("select count(*) from inbound_hooks where channel_account_id = '$id' and state = 'new'") eq '0' });
is(scalar(() = messages($id)), 1, 'CHA-31 what was stored can be worked on again');

# ---- test connection --------------------------------------------------------------------

sub checked {
	my ($account, %settings) = @_;
	psql("update channel_accounts set settings = settings || '" . json_encode(\%settings) . "' where id = '$account'") if %settings;
	psql("select job.enqueue('$org', 'channel_check', '$account', jsonb_build_object('channel_id', '$account'))");
	wait_for(20, sub { psql("select count(*) from job.jobs where kind = 'channel_check' and key = '$account' and state <> 'dead' and attempts = 0") eq '0' });
	wait_for(10, sub { psql("select count(*) from job.jobs where kind = 'channel_check' and key = '$account' and state = 'running'") eq '0' });
	return psql("select row_to_json(a) from channel_accounts a where id = '$account'");
}
if ($server->has_smtp) {
	like(checked($id), qr/"connection_state":"Connected"/, 'CHA-103 the test of the connection opens the mailbox and the server for sending');
	my $bad = checked($id, outgoing_url => 'smtp://127.0.0.1:1');
	like($bad, qr/mail server cannot be used/, 'CHA-103 and says which of the two does not answer');
	checked($id, outgoing_url => $server->smtp_url);
	psql("delete from job.jobs where kind = 'channel_check' and key = '$id'");
}

# ---- threads -----------------------------------------------------------------------------

$server->deliver($shop, mail(Subject => "Re: Frage", 'In-Reply-To' => "<$first->{external_id}>", body => "Noch etwas\n\nOn Monday, Shop wrote:\n> Hello\n"));
$server->deliver($shop, mail(Subject => 'Something else'));
polled($id);
my @m = messages($id);
is($m[1]{conversation_id}, $first->{conversation_id}, 'MSG-66 MSG-61 an answer joins the thread of the mail that it answers');
is($m[1]{content}, 'Noch etwas', 'without what it quotes');
like(psql("select metadata #>> '{mail,quoted}' from messages where id = '$m[1]{id}'"), qr/> Hello/, 'which is kept beside it');
is($m[1]{reply_to_id}, $first->{id}, 'and names the mail that it answers');
isnt($m[2]{conversation_id}, $first->{conversation_id}, 'MSG-66 a mail with nothing before it begins a thread of its own');
is($m[2]{contact_id}, $first->{contact_id}, 'of the same contact');
is($m[0]{talk_status} . $m[2]{talk_status}, 'OPENOPEN', 'both are open');
$server->deliver($shop, mail(From => "Carl <carl$run\@kunde.example>", Cc => "nora$run\@kunde.example", Subject => 'Re: Frage',
	References => "<x\@y> <$first->{external_id}>", body => "I am the copy\n"));
polled($id);
my ($copy) = grep { $_->{content} eq 'I am the copy' } messages($id);
is($copy->{conversation_id}, $first->{conversation_id}, 'MSG-62 somebody who had a copy answers in the same thread');
isnt($copy->{contact_id}, $first->{contact_id}, 'as a contact of his own');
is(psql("select count(*) from mail_links where message_id = '$copy->{id}'"), 2, 'HUB-1 the mail is logged against both contacts');

# ---- attachments ----------------------------------------------------------------------------

my $big = join '', map { chr(($_ * 7) % 256) } 0 .. 65535;
$big x= 390;    # 25.5 million bytes
$big = substr $big, 0, 25 * 1024 * 1024;
$server->deliver($shop, mail(Subject => 'Files', 'MIME-Version' => '1.0', 'Content-Type' => 'multipart/mixed; boundary=o',
	body => "--o\nContent-Type: text/html; charset=utf-8\n\n<p>See <b>here</b></p><img src=\"https://t.example/p.gif\"><script>alert(1)</script>\n"
		. "--o\nContent-Type: application/pdf; name=offer.pdf\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n" . encode_base64('%PDF-1.4')
		. "--o\nContent-Type: application/octet-stream; name=big.bin\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n" . encode_base64($big)
		. "--o\nContent-Type: image/svg+xml; name=x.svg\nContent-Disposition: attachment\n\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>\n--o--\n"));
polled($id);
my ($files) = grep { $_->{content} eq 'See here' } messages($id);
ok($files, 'CHA-106 a mail with HTML alone has its words as text');
my @files = rows("select a.name, a.kind, a.state, f.size, f.id, f.content_type from message_attachments a join files f on f.id = a.file_id
	where a.message_id = '$files->{id}' order by a.position");
is(join(' ', map { "$_->{name}:$_->{kind}" } @files), 'offer.pdf:document big.bin:document x.svg:document', 'MSG-13 MSG-56 its attachments are stored');
is($files[1]{size}, length $big, 'CHA-106 one of 25 MB is whole');
my $anna = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my $svg  = $anna->get("/files/$files[2]{id}");
like($svg->{headers}{'content-disposition'}, qr/^attachment/, 'an SVG with a script in it is a download');
is($svg->{headers}{'x-content-type-options'}, 'nosniff', 'whose type nobody guesses');
like($svg->{headers}{'content-security-policy'}, qr/sandbox/, 'and in which nothing runs');
my $frame = $anna->get("/inbox/mail/$files->{id}");
is($frame->{status}, 200, 'CHA-106 the HTML is a document of its own');
unlike($frame->{content}, qr/script|alert/, 'without scripts');
unlike($frame->{content}, qr/t\.example/, 'without pictures of other servers');
my $policy = $frame->{headers}{'content-security-policy'};
ok(!ref $policy && $policy =~ /default-src 'none'/ && $policy =~ /img-src 'self' data:;/ && $policy =~ /sandbox/ && $policy !~ /allow-scripts/,
	'under a policy of its own: nothing runs, nothing is loaded from elsewhere') or diag explain $policy;
my $pictures = $anna->get("/inbox/mail/$files->{id}?images=1");
like($pictures->{content}, qr{https://t\.example/p\.gif}, 'pictures of other servers come on demand');
like($pictures->{headers}{'content-security-policy'}, qr/img-src 'self' data: https: http:/, 'and the policy lets them');
my $bo = browser(email => tenant(1)->{users}[0]{email}, password => tenant(1)->{users}[0]{password});
is($bo->get("/inbox/mail/$files->{id}")->{status}, 404, 'another tenant does not see it');
my $thread = $anna->get("/inbox/$files->{conversation_id}");
like($thread->{content}, qr{<iframe[^>]*class="mail-frame"[^>]*src="/inbox/mail/$files->{id}"[^>]*sandbox="allow-same-origin allow-popups}, 'it stands in a sandboxed frame in the thread');
unlike($thread->{content}, qr/<iframe[^>]*allow-scripts/, 'that runs no scripts');
like($thread->{content}, qr/mail-subject[^>]*>Files</, 'the bubble shows the subject');

# ---- hostile mails ------------------------------------------------------------------------------

$server->deliver($shop, mail(Subject => 'Ten thousand', 'Content-Type' => 'multipart/mixed; boundary=o',
	body => join('', map { "--o\nContent-Type: application/x-$_\nContent-Disposition: attachment\n\n$_\n" } 1 .. 10_000) . "--o--\n"));
my $deep = join '', map { "Content-Type: multipart/mixed; boundary=b$_\n\n--b$_\n" } 1 .. 5000;
$server->deliver($shop, encode_utf8("From: deep$run\@kunde.example\nTo: $shop\nSubject: Deep\nMessage-ID: <deep.$run\@x>\n$deep\nbottom\n"));
$server->deliver($shop, mail(From => "odd$run\@kunde.example", Subject => '=?utf-8?q?a=00b=0Ac?=', body => "bytes \x{0} here\n"));
$server->deliver($shop, "nothing of a header\n\n\n");
$server->deliver($shop, mail(From => "last$run\@kunde.example", Subject => 'After them', body => "I am after them\n"));
polled($id);
my %by = map { ($_->{content} => $_) } messages($id);
ok($by{'I am after them'}, 'hostile mails hold up nobody');
my ($many) = messages($id, "m.metadata #>> '{mail,subject}' = 'Ten thousand'");
is(psql("select count(*) from message_attachments where message_id = '$many->{id}'"), 60, 'of a mail with 10,000 parts as many files are kept as are reasonable');
is(psql("select metadata #>> '{mail,cut}' from messages where id = '$many->{id}'"), 'true', 'and the thread says so');
like($anna->get("/inbox/$many->{conversation_id}")->{content}, qr/too large or has too many parts/, 'in words');
ok(messages($id, "m.metadata #>> '{mail,subject}' = 'Deep' and m.metadata #>> '{mail,cut}' = 'true'"), 'one that is nested without end is its subject');
is(psql("select string_agg(error, ',') from inbound_hooks where channel_account_id = '$id' and state = 'failed'"), 'This is no e-mail',
	'what is no mail at all stays as a dead letter that says so');

# ---- mails that programs write ---------------------------------------------------------------------

$server->deliver($shop, mail(From => "auto$run\@kunde.example", Subject => 'Away', 'Auto-Submitted' => 'auto-replied', body => "I am away\n"));
polled($id);
my ($away) = grep { $_->{content} eq 'I am away' } messages($id);
is(psql("select metadata #>> '{mail,auto}' from messages where id = '$away->{id}'"), 'true', 'a mail that a program wrote is known as one');
my $looped = reply($away->{conversation_id}, 'Automatic answer', source => 'automation');
is("$looped->{status} $looped->{error_code}", 'FAILED loop', 'and no program of ours answers it');

my $unknown = psql("insert into messages (organization_id, conversation_id, direction, content, status) values ('$org', '$first->{conversation_id}',
	'OUTBOUND', 'Nobody knows', 'UNKNOWN') returning external_id");
$server->deliver($shop, mail(From => "Carl <carl$run\@kunde.example>", Subject => 'Re: Frage', 'In-Reply-To' => "<$unknown>", References => "<$first->{external_id}> <$unknown>", body => "I have it\n"));
polled($id);
is(psql("select status from messages where external_id = '$unknown'"), 'SENT', 'MSG-108 an answer settles the fate of a mail of which nobody knew');

# ---- another UIDVALIDITY, an outage -----------------------------------------------------------------

my $had = () = messages($id);
my $validity = (box($id))[0]{uidvalidity};
sleep 1.1; # UIDVALIDITY is a time
$server->stop_imap;
$server->renumber($shop);
$server->start_imap;
$server->deliver($shop, mail(Subject => 'New numbers', body => "After the new numbers\n"));
polled($id);
isnt((box($id))[0]{uidvalidity}, $validity, 'the folder has other numbers');
is(scalar(() = messages($id)), $had + 1, 'nothing is there twice, and the new mail is there') or diag map { "$_->{content}\n" } messages($id);

$server->stop_imap;
for my $i (1 .. 3) {
	polled($id);
	is((box($id))[0]{failed_polls}, $i, "products-23 the look number $i fails and is counted");
}
like((box($id))[0]{last_error}, qr/does not answer/, 'products-23 the error is in words');
is(psql("select count(*) from notifications where organization_id = '$org' and kind = 'mailbox.failing' and record_id = '$id'") > 0 ? 1 : 0, 1,
	'products-23 after the third the administrators are told');
like(psql("select last_error from channel_accounts where id = '$id'"), qr/^Mailbox: /, 'and the channel shows it');
# What came in three days, dated by its arrival.
$server->deliver($shop, mail(Subject => "Outage $_", body => "Outage $_\n"), at => time - int(86400 * (4 - $_ / 10))) for 1 .. 30;
$server->start_imap;
polled($id);
is(scalar(grep { $_->{content} =~ /^Outage \d+$/ } messages($id)), 30, 'products-24 CHA-104 after an outage of three days every mail is there, whatever its date');
is((box($id))[0]{failed_polls}, 0, 'and the mailbox is well again');
is(psql("select coalesce(last_error, '') from channel_accounts where id = '$id'"), '', 'the channel, too');

psql("update channel_accounts set settings = settings || '{\"user\":\"\"}' where id = '$id'");
api(PATCH => "/rest/v1/channel_accounts?id=eq.$id", @as, json => { settings => { address => $shop, display_name => 'Shop',
	incoming_url => $server->imap_url, user => $shop, password => 'wrong', poll_seconds => '3600',
	outgoing_url => $server->has_smtp ? $server->smtp_url : 'smtp://127.0.0.1:1' } });
polled($id);
like((box($id))[0]{last_error}, qr/user name or password/, 'a wrong password is said in words');
is(psql("select connection_state from channel_accounts where id = '$id'"), 'Disconnected', 'CHA-104 and the channel counts as disconnected');
api(PATCH => "/rest/v1/channel_accounts?id=eq.$id", @as, json => { settings => { address => $shop, display_name => 'Shop',
	incoming_url => $server->imap_url, user => $shop, password => 'secret', poll_seconds => '3600', plus_addressing => 'yes',
	outgoing_url => $server->has_smtp ? $server->smtp_url : 'smtp://127.0.0.1:1' } });
polled($id);
is(psql("select connection_state from channel_accounts where id = '$id'"), 'Connected', 'the right one connects it again');

# ---- two accounts of one mailbox, POP3, folders ------------------------------------------------------

my $second = account($shop);
$server->deliver($shop, mail(Subject => 'Shared', body => "For both\n"));
polled($_) for $id, $second;
for my $account ($id, $second) {
	is(scalar(grep { $_->{content} eq 'For both' } messages($account)), 1, 'a shared mailbox: each account has the mail once');
}
my $crm = "crm$run\@shop.example";
my $cid = account($crm, scope => 'crm');
$server->deliver($crm, mail(To => $crm, Subject => 'Known', body => "You know me\n"));
$server->deliver($crm, mail(To => $crm, From => "stranger$run\@nowhere.example", Subject => 'Stranger', body => "Nobody knows me\n"));
polled($cid);
is(join(',', map { $_->{content} } messages($cid)), 'You know me', 'HUB-7 only mails of people in the CRM, when that is chosen');
is(psql("select count(*) from contacts where emails @> array['stranger$run\@nowhere.example']"), 0, 'HUB-7 a stranger becomes no contact then');
is(psql("select count(*) from mail_links l join messages m on m.id = l.message_id where m.external_id = (select external_id from messages
	where channel_account_id = '$id' and content = 'For both') and l.is_main"), 1, 'HUB-1 one entry for a mail in two mailboxes');

my $pop = "pop$run\@shop.example";
$server->deliver($pop, mail(To => $pop, Subject => 'Old'), at => time - 86400);
my $pid = account($pop, incoming_url => $server->pop3_url);
is(scalar(() = messages($pid)), 0, 'CHA-103 POP3: what lay there stays there');
$server->deliver($pop, mail(To => $pop, Subject => "Pop $_", body => "Pop $_\n")) for 1 .. 3;
polled($pid);
is(join(',', map { $_->{content} } messages($pid)), 'Pop 1,Pop 2,Pop 3', 'CHA-103 POP3: new mails come, each once');
polled($pid);
is(scalar(() = messages($pid)), 3, 'also when it looks again');

my $year = "year$run\@shop.example";
$server->deliver($year, mail(To => $year, Subject => "Months $_", body => "Months $_\n"), folder => 'Kunden', at => time - $_ * 30 * 86400) for 1, 2, 8;
my $yid = account($year, folder => 'Kunden', lookback_months => '6');
is(join(',', map { $_->{content} } messages($yid)), 'Months 2,Months 1', 'HUB-8 so many months of older mail come along, of the folder that was named')
	or is(join(',', sort map { $_->{content} } messages($yid)), 'Months 1,Months 2');
my $r = api(PATCH => "/rest/v1/channel_accounts?id=eq.$yid", @as, json => { settings => { address => $year,
	incoming_url => $server->imap_url, lookback_months => '13' } });
is($r->{status}, 422, 'HUB-8 more than twelve are refused');

# ---- by the pipe of a mail server ----------------------------------------------------------------------

SKIP: {
	my $home    = kontor()->home;
	my $program = "$FindBin::Bin/../../worker/kontor-mail-in";
	my $dir     = "$home/files";
	skip 'kontor-mail-in is not built here', 5 unless -x $program && $dir && -d $dir;
	my $user = getpwuid((stat $dir)[4]);
	my $copy = File::Temp::tempdir('/tmp/kontor-pipe.XXXXXX');
	copy($program, "$copy/in") or die "copy: $!\n";
	chmod 0755, $copy, "$copy/in";
	my $pipe = sub {
		my ($mail, @to) = @_;
		my @as = $> == 0 ? ('runuser', '-u', $user, '--') : ();
		local $ENV{KONTOR_CONF} = "$home/kontor.conf";
		open my $fh, '|-', @as, "$copy/in", @to or die "pipe: $!\n";
		print $fh $mail;
		close $fh;
		return $? >> 8;
	};
	local $?;
	my $piped = "piped$run\@shop.example";
	my $pipe_id = api(POST => '/rest/v1/channel_accounts?select=id', @as, headers => { Prefer => 'return=representation' },
		json => { name => 'Piped', type => 'EMAIL', settings => { address => $piped, outgoing_url => 'smtp://127.0.0.1:1' } })->{json}[0]{id};
	my $mail = mail(To => $piped, Subject => 'Piped', body => "Through the pipe\n");
	is($pipe->($mail, $piped), 0, 'a mail server pipes a mail to the account with its address');
	is($pipe->($mail, "piped$run+any\@shop.example"), 0, 'also with a plus');
	my $there = wait_for(20, sub { my @x = messages($pipe_id); @x ? \@x : undef });
	is($there && $there->[0]{content}, 'Through the pipe', 'CHA-104 it is in the inbox');
	sleep 0.5;
	is(scalar(() = messages($pipe_id)), 1, 'once');
	is($pipe->($mail, "nobody$run\@shop.example"), 67, 'an address that nobody has goes back');
}

# ---- sending ---------------------------------------------------------------------------------------------

SKIP: {
	skip "no OpenSMTPD: $Kontor::Mailserver::why", 25 unless $server->has_smtp;
	my $sent = reply($first->{conversation_id}, "Ja, gerne. Mehr unter https://shop.example/oel.");
	is($sent->{status}, 'SENT', 'CHA-105 an answer goes out by SMTP') or diag $sent->{error};
	my $got = wait_for(15, sub { ($server->mails("nora$run\@kunde.example"))[-1] }) // '';
	like($got, qr/^From: Shop <\Q$shop\E>\r?$/m, 'from the account\'s address and name');
	like($got, qr/^Subject: .*Frage/m, 'CHA-106 with the subject of the thread') or diag $got;
	like($got, qr/^Message-I[dD]: <\Q$sent->{external_id}\E>\r?$/m, 'MSG-43 under the id that the message has');
	like($got, qr/^In-Reply-To: <[^>]+>\r?$/m, 'MSG-66 naming the mail that it answers');
	like($got, qr/^References: .*\Q$first->{external_id}\E/ms, 'and those before');
	like($got, qr/^Reply-To: <?shop$run\+k\.[0-9a-f]{32}\@shop\.example>?\r?$/m, 'CHA-106 answers go to an address with the thread\'s token');
	like($got, qr/^To: .*carl$run/m, 'to who wrote last; the contact has a copy');
	like($got, qr/multipart\/alternative/, 'CHA-106 as text and as HTML');
	like($got, qr/<a href=3D"https:\/\/shop\.example\/oel">/, 'in which addresses are links');

	my ($token) = $got =~ /\+k\.([0-9a-f]{32})/;
	$server->deliver($shop, mail(To => "shop$run+k.$token\@shop.example", Subject => 'Quite another subject', body => "Known by the token\n"));
	$server->deliver($shop, mail(From => "nora-private$run\@home.example", Subject => 'From home', 'In-Reply-To' => "<$sent->{external_id}>", body => "From my other address\n"));
	polled($id);
	my ($by_token) = grep { $_->{content} eq 'Known by the token' } messages($id);
	is($by_token && $by_token->{conversation_id}, $first->{conversation_id}, 'MSG-66 products-24 an answer is known by its token alone');
	my ($home) = grep { $_->{content} eq 'From my other address' } messages($id);
	is($home && $home->{conversation_id}, $first->{conversation_id}, 'MSG-66 and by the id of our mail, whoever writes');

	my $copied = reply($first->{conversation_id}, 'With copies', mail => { subject => 'New subject', cc => [ { address => "cc$run\@kunde.example", name => 'C' } ],
		bcc => [ { address => "bcc$run\@kunde.example" } ] });
	is($copied->{status}, 'SENT', 'CHA-106 with copies') or diag $copied->{error};
	ok(wait_for(15, sub { $server->mails("cc$run\@kunde.example") && $server->mails("bcc$run\@kunde.example") }), 'CHA-106 MSG-62 CC and BCC get it');
	unlike(($server->mails("cc$run\@kunde.example"))[-1], qr/bcc$run/, 'nobody sees who had a blind copy');
	like(($server->mails("cc$run\@kunde.example"))[-1], qr/^Subject: New subject/m, 'with a subject of its own');

	# With a file, through the page.
	my $client = psql('select gen_random_uuid()');
	my $boundary = "b$run";
	$anna->get("/inbox/$first->{conversation_id}");
	my $form = join '', map { "--$boundary\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n" }
		([ _csrf => $anna->{csrf} ], [ content => 'See the file' ], [ client_id => $client ], [ mail_subject => 'By hand' ], [ mail_cc => "cc$run\@kunde.example" ]);
	$form .= "--$boundary\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nOne\r\n"
		. "--$boundary\r\nContent-Disposition: form-data; name=\"files\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\nTwo\r\n--$boundary--\r\n";
	my $posted = $anna->request(POST => "/inbox/$first->{conversation_id}/messages", { content => $form,
		headers => { 'Content-Type' => "multipart/form-data; boundary=$boundary" } });
	like($posted->{status}, qr/^(?:200|303|302)$/, 'an answer of the composer') or diag $posted->{content};
	my $both = wait_for(20, sub { (grep { /See the file/ } $server->mails("nora$run\@kunde.example"))[0] }) // '';
	ok($both =~ /filename=a\.txt/ && $both =~ /filename=b\.txt/, 'MSG-13 CHA-106 both files go in one mail') or diag $both;
	like($both, qr/^Subject: By hand/m, 'with the subject that was typed');
	like($both, qr/^Cc: .*cc$run/m, 'and the copy');

	# Refused at once, and refused later.
	my $gone = reply($first->{conversation_id}, 'To nobody', mail => { to => [ { address => "nobody-here\@kunde.example" } ] });
	is($gone->{status}, 'FAILED', 'CHA-105 an address that the server refuses fails at once');
	like($gone->{error_code} . ' ' . $gone->{error}, qr/^5\d\d .+/, 'MSG-30 with the server\'s words');
	my $bounced = reply($first->{conversation_id}, 'To be bounced', mail => { to => [ { address => "box\@fail.example" } ] });
	is($bounced->{status}, 'SENT', 'a mail that the server takes');
	my $failed = wait_for(60, sub {
		polled($id);
		psql("select status from messages where id = '$bounced->{id}'") eq 'FAILED';
	});
	ok($failed, 'CHA-105 MSG-33 the bounce of it makes the message failed') or diag map { substr($_, 0, 3000) } grep { /fail\.example/ } $server->mails($shop);
	like(psql("select error from messages where id = '$bounced->{id}'"), qr/could not be delivered to .*fail\.example/, 'MSG-30 with the reason');
	is(scalar(grep { $_->{content} =~ /delivery|Undelivered|MAILER-DAEMON/i } messages($id)), 0, 'and opens no conversation');

	# A server that is not there: temporary, then sent.
	my $port = $server->{smtp};
	$server->end('smtpd');
	my $r1 = api(POST => '/rest/v1/messages?select=id', @as, headers => { Prefer => 'return=representation' },
		json => { conversation_id => $first->{conversation_id}, direction => 'OUTBOUND', content => 'Later', status => 'PENDING' });
	my $later = $r1->{json}[0]{id};
	sleep 2;
	is(psql("select status from messages where id = '$later'"), 'PENDING', 'MSG-29 a server that is away is tried again');

	# So many a day.
	$server->start_smtp;
	my $bulk = api(POST => '/rest/v1/channel_accounts?select=id', @as, headers => { Prefer => 'return=representation' },
		json => { name => "Bulk $run", type => 'BULK_EMAIL', settings => { address => "news$run\@shop.example", outgoing_url => $server->smtp_url, daily_cap => '2' } })->{json}[0]{id};
	my @status;
	for my $i (1 .. 3) {
		my $talk = psql("insert into conversations (organization_id, contact_id, channel_account_id) values ('$org', '$first->{contact_id}', '$bulk') returning id");
		my $c = api(POST => '/rest/v1/messages?select=id', @as, headers => { Prefer => 'return=representation' },
			json => { conversation_id => $talk, direction => 'OUTBOUND', content => "News $i", status => 'PENDING', metadata => { source => 'campaign', mail => { subject => "News $i" } } });
		my $m = $c->{json}[0]{id};
		wait_for(15, sub { psql("select status in ('SENT', 'FAILED') or exists (select from job.jobs where kind = 'send_message' and key = '$m' and run_at > now() + interval '1 minute') from messages where id = '$m'") eq 't' });
		push @status, psql("select status from messages where id = '$m'");
	}
	is("@status", 'SENT SENT PENDING', 'CHA-108 CHA-105 a bulk account sends so many a day; the next one waits for tomorrow');
	psql("update channel_accounts set is_active = false where id = '$bulk'");
}

done_testing;
