#!/usr/bin/perl
# A provider on a bad day: WhatsApp Cloud, Messenger, Telegram, Twilio and SMTP at
# one time, each misbehaving as the text of the message that is sent asks for.
#
#	rough.pl --base URL --log FILE --secret S [--port N] [--smtp N]
#
# "[hang] any text" hangs. "[429:2] any text" does it to the first two attempts and
# is a good provider then. Each attempt is a line of the log: {"via", "text", "how",
# "has"}; `has` says that the customer has the message now.
#
#	500	a page of HTML with status 500; the customer has the message
#	broken	the provider's own error with status 500: not sent, unless it is Telegram's, which says nothing
#	429	429 without anything; wait: with Retry-After: 1
#	hang	no answer, ever; the customer has it
#	cut	half of the answer, then the end; the customer has it
#	garbage	200 and no JSON; the customer has it
#	empty	200 and nothing; the customer has it
#	flood	200 and an answer without end; the customer has it
#	early	the receipts first, three times each and in the wrong order, then the answer
#	lost	the receipt of delivery first, then the end of the connection
#	450	of SMTP: the mailbox is busy
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex hmac_sha1_base64);
use Getopt::Long;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;

my %o = (port => 0, smtp => 0);
GetOptions(\%o, 'port=i', 'smtp=i', 'base=s', 'log=s', 'secret=s') && $o{log} or die "usage: see the head of rough.pl\n";
my $json = JSON::PP->new->utf8->canonical;
my (%tries, %open);
my $next = time % 1_000_000_000;
$SIG{PIPE} = 'IGNORE';

sub listen_at { return IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $_[0], ReuseAddr => 1) || die "listen: $!\n" }
my ($http, $smtp) = (listen_at($o{port}), listen_at($o{smtp}));
my $select = IO::Select->new($http, $smtp);

# How this attempt is to go.
sub how {
	my ($text) = @_;
	my ($how, $times) = $text =~ /\[([a-z0-9]+)(?::(\d+))?\]/ or return 'well';
	$tries{$text}++;
	return !defined $times || $tries{$text} <= $times ? $how : 'well';
}

sub note {
	my ($via, $text, $how) = @_;
	my $not = $how =~ /^(?:429|wait|450)$/ || $how eq 'broken' && $via ne 'telegram';
	my $has = $not ? JSON::PP::false : JSON::PP::true;
	open my $out, '>>', $o{log} or die "$o{log}: $!\n";
	syswrite $out, $json->encode({ via => $via, text => $text, how => $how, has => $has }) . "\n";
	close $out;
	return;
}

# ---- receipts ---------------------------------------------------------------------

sub hook { my ($name, $body, %h) = @_; return HTTP::Tiny->new(timeout => 10)->post("$o{base}/functions/v1/$name", { content => $body, headers => \%h }) }

sub signed {
	my ($name, $data) = @_;
	my $body = $json->encode($data);
	return hook($name, $body, 'Content-Type' => 'application/json', 'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $o{secret}));
}

sub whatsapp_status {
	my ($c, $status) = @_;
	return signed('whatsapp-cloud-webhook', { object => 'whatsapp_business_account', entry => [{ id => '1', changes => [{ field => 'messages',
		value => { messaging_product => 'whatsapp', metadata => { display_phone_number => '1', phone_number_id => $c->{account} },
			statuses => [{ id => $c->{id}, status => $status, timestamp => '' . time, recipient_id => $c->{to},
				defined $c->{ours} ? (biz_opaque_callback_data => $c->{ours}) : () }] } }] }] });
}

sub messenger_status {
	my ($c, $status) = @_;
	my $now = int(1000 * time);
	return signed('messenger-webhook', { object => 'page', entry => [{ id => $c->{page}, time => $now, messaging => [{ sender => { id => $c->{to} },
		recipient => { id => $c->{page} }, timestamp => $now,
		$status eq 'delivered' ? (delivery => { mids => [$c->{id}], watermark => $now }) : (read => { watermark => $now }) }] }] });
}

sub twilio_status {
	my ($c, $status) = @_;
	my %form = (MessageSid => $c->{id}, SmsSid => $c->{id}, MessageStatus => $status, To => $c->{to}, AccountSid => $c->{account});
	my $url = $c->{report};
	(my $path = $url) =~ s{^https?://[^/]+}{};
	my $mark = hmac_sha1_base64($url . join('', map { $_ . $form{$_} } sort keys %form), $o{secret});
	$mark .= '=' while length($mark) % 4;
	return HTTP::Tiny->new(timeout => 10)->post_form($o{base} . $path, \%form, { headers => { 'X-Twilio-Signature' => $mark } });
}

my %status = (whatsapp => \&whatsapp_status, messenger => \&messenger_status, twilio => \&twilio_status);
my %early = (whatsapp => [qw(read delivered sent)], messenger => [qw(delivered)], twilio => [qw(delivered sent)]);

sub receipts { my ($c, @all) = @_; for my $s (@all) { $status{ $c->{via} }->($c, $s) for 1 .. 3 } return }

# ---- what each of them says -----------------------------------------------------------

my %good = (
	whatsapp => sub { [200, { messaging_product => 'whatsapp', contacts => [{ input => $_[0]{to}, wa_id => $_[0]{to} }], messages => [{ id => $_[0]{id}, message_status => 'accepted' }] }] },
	messenger => sub { [200, { recipient_id => $_[0]{to}, message_id => $_[0]{id} }] },
	telegram => sub { [200, { ok => JSON::PP::true, result => { message_id => $next, date => time, chat => { id => $_[0]{to} + 0, type => 'private' }, text => $_[0]{text} } }] },
	twilio => sub { [201, { sid => $_[0]{id}, status => 'queued', body => $_[0]{text} }] },
);
my %broken = (
	whatsapp => [500, { error => { message => '(#131000) Something went wrong', type => 'OAuthException', code => 131000 } }],
	messenger => [500, { error => { message => 'An unexpected error', type => 'OAuthException', code => 2, is_transient => JSON::PP::true } }],
	telegram => [500, { ok => JSON::PP::false, error_code => 500, description => 'Internal Server Error' }],
	twilio => [503, { code => 20503, message => 'Service unavailable', status => 503 }],
);
my %slow = (
	whatsapp => { error => { message => '(#130429) Rate limit hit', type => 'OAuthException', code => 130429 } },
	messenger => { error => { message => '(#613) Calls to this api have exceeded the rate limit.', type => 'OAuthException', code => 613 } },
	telegram => { ok => JSON::PP::false, error_code => 429, description => 'Too Many Requests' },
	twilio => { code => 20429, message => 'Too many requests', status => 429 },
);

sub call_of {
	my ($path, $body, $head) = @_;
	my $p = eval { $json->decode($body) } // {};
	return { via => 'telegram', to => $p->{chat_id}, text => $p->{text} } if $path =~ m{/bot[^/]+/sendMessage$};
	return { via => 'whatsapp', account => $1, to => $p->{to}, text => $p->{text}{body}, ours => $p->{biz_opaque_callback_data}, id => 'wamid.' . ++$next }
		if $path =~ m{/(\d+)/messages$};
	return { via => 'messenger', page => ($head =~ /^Authorization: Bearer token-(\d+)/mi)[0], to => $p->{recipient}{id}, text => $p->{message}{text}, id => 'm_' . ++$next }
		if $path =~ m{/me/messages$} && $p->{message};
	if ($path =~ m{/Accounts/([^/]+)/Messages\.json$}) {
		my %f = map { my ($k, $v) = split /=/, $_, 2; tr/+/ / for $k, $v; s/%(..)/chr hex $1/ge for $k, $v; ($k, $v) } split /&/, $body;
		return { via => 'twilio', account => $1, to => $f{To}, text => $f{Body}, report => $f{StatusCallback}, id => sprintf 'SM%032x', ++$next };
	}
	return;
}

sub answer {
	my ($c, $status, $data, %more) = @_;
	my $body = ref $data ? $json->encode($data) : $data;
	my $type = ref $data ? 'application/json' : 'text/html';
	my $length = delete $more{length} // length $body;
	my $head = "HTTP/1.1 $status X\r\nContent-Type: $type\r\nContent-Length: $length\r\nConnection: close\r\n" . join('', map { "$_: $more{$_}\r\n" } sort keys %more);
	print {$c} "$head\r\n$body";
	return;
}

# True when the connection is to be closed now.
sub serve {
	my ($c, $path, $body, $head) = @_;
	my $call = call_of($path, $body, $head) or return answer($c, 200, { ok => JSON::PP::true, result => JSON::PP::true }) || 1;
	my $how = how($call->{text});
	note($call->{via}, $call->{text}, $how);
	return 0 if $how eq 'hang';
	my $good = $good{ $call->{via} }->($call);
	$next++;
	if ($how eq '500') { answer($c, 500, '<html><body>Internal Server Error</body></html>') }
	elsif ($how eq 'broken') { answer($c, @{ $broken{ $call->{via} } }) }
	elsif ($how eq '429') { answer($c, 429, $slow{ $call->{via} }) }
	elsif ($how eq 'wait') { answer($c, 429, $slow{ $call->{via} }, 'Retry-After' => 1) }
	elsif ($how eq 'garbage') { answer($c, $good->[0], "\x00\xff<<<{\"ok\":") }
	elsif ($how eq 'empty') { answer($c, $good->[0], '') }
	elsif ($how eq 'flood') { answer($c, $good->[0], 'x' x (3 << 20)) }
	elsif ($how eq 'cut') { my $text = $json->encode($good->[1]); answer($c, $good->[0], substr($text, 0, 9), length => length $text) }
	elsif ($how eq 'lost') { receipts($call, 'delivered') }
	else {
		receipts($call, @{ $early{ $call->{via} } }) if $how eq 'early';
		answer($c, @$good);
	}
	return 1;
}

# ---- connections -----------------------------------------------------------------------

sub http_in {
	my ($s) = @_;
	return 0 if $s->{in} !~ /\A(.*?)\r\n\r\n/s;
	my ($head, $rest) = ($1, substr $s->{in}, $+[0]);
	my ($length) = $head =~ /^Content-Length: (\d+)/mi;
	return 0 if length $rest < ($length // 0);
	my ($path) = $head =~ m{^\S+ ([^ ?]+)};
	$s->{in} = '';
	return serve($s->{fh}, $path, $rest, $head);
}

sub smtp_in {
	my ($s) = @_;
	while (1) {
		if ($s->{data}) {
			return 0 if $s->{in} !~ s/\A(.*?)\r\n\.\r\n//s;
			(my $mail = $1) =~ s/=\r\n//g;
			$s->{data} = 0;
			my ($text) = $mail =~ /^(\[[a-z0-9:]+\] [^\r\n<]+?)\r?$/m;
			$text //= ($mail =~ /^([^\r\n:<]*plain [^\r\n<]+?)\r?$/m)[0] // '';
			my $how = how($text);
			note('smtp', $text, $how);
			return 0 if $how eq 'hang';
			return 1 if $how eq 'cut';
			print { $s->{fh} } $how eq '450' ? "450 4.2.1 mailbox busy\r\n" : $how eq 'garbage' ? "\x00\xff what?\r\n" : "250 2.0.0 kept\r\n";
			return 1 if $how eq 'garbage';
			next;
		}
		return 0 if $s->{in} !~ s/\A(.*?)\r\n//s;
		my $line = $1;
		print { $s->{fh} } $line =~ /^DATA/i ? "354 go on\r\n" : $line =~ /^QUIT/i ? "221 bye\r\n" : "250 ok\r\n";
		$s->{data} = 1 if $line =~ /^DATA/i;
		return 1 if $line =~ /^QUIT/i;
	}
}

$| = 1;
print "listening 127.0.0.1 ", $http->sockport, ' ', $smtp->sockport, "\n";
while (1) {
	for my $fh ($select->can_read(60)) {
		if ($fh == $http || $fh == $smtp) {
			my $c = $fh->accept or next;
			$c->autoflush(1);
			print {$c} "220 rough ESMTP\r\n" if $fh == $smtp;
			$select->add($c);
			$open{$c} = { fh => $c, in => '', smtp => $fh == $smtp };
			next;
		}
		my $s = $open{$fh};
		my $over = !sysread $fh, $s->{in}, 65536, length $s->{in};
		$over ||= $s->{smtp} ? smtp_in($s) : http_in($s);
		next if !$over;
		$select->remove($fh);
		delete $open{$fh};
		close $fh;
	}
}
