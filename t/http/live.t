#!/usr/bin/perl
# Live updates: from a provider's call to the event stream of a signed-in tab. How
# long that takes: bin/kontor bench live.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Kontor;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

my $json    = kontor_json();
my $user    = tenant(0)->{users}[0];
my $other   = tenant(1)->{users}[0];
my $channel = tenant(0)->{channels}{telegram} // $json->{channels}{telegram};
my $base    = int(time * 10) % 100_000_000 + 1_000_000_000;

my $mine   = browser(email => $user->{email}, password => $user->{password})->stream('/live');
my $theirs = browser(email => $other->{email}, password => $other->{password})->stream('/live');
is($mine->status, 200, 'a signed-in tab gets an event stream');
# A new stream begins with the newest message of before.
1 while $mine->next(0.3);
1 while $theirs->next(0.3);
isnt(Kontor::Browser->new($json->{base_url})->stream('/live')->status, 200, 'nobody else does');

sub update {
	my ($n) = @_;
	return json_encode({ update_id => $base + $n, message => { message_id => $base + $n, date => int time,
		from => { id => $base + $n % 10, is_bot => JSON::PP::false, first_name => 'Live' },
		chat => { id => $base + $n % 10, type => 'private' }, text => "live $base $n" } });
}

# A connection that sends each call in one piece: a client that does not waits
# 40 ms for itself.
my ($host) = $channel->{webhook_url} =~ m{^http://([^/]+)};
my ($path) = $channel->{webhook_url} =~ m{^http://[^/]+(.*)};

sub post {
	my $body = update($_[0]);
	my $s    = IO::Socket::INET->new(PeerAddr => $host) or die "$host: $!\n";
	setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
	print $s "POST $path HTTP/1.1\r\nHost: $host\r\nContent-Type: application/json\r\nConnection: close\r\n"
		. "X-Telegram-Bot-Api-Secret-Token: $channel->{secret_token}\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
	my $answer = <$s> // '';
	close $s;
	return $answer =~ /^HTTP\/1.1 200/;
}

my (%seen, @seqs);

sub hear {
	my ($seconds) = @_;
	while (my $m = $mine->next($seconds)) {
		my $got = json_decode($m->{data});
		push @seqs, map { $_->{seq} } @{ $got->{events} };
		$seen{ $_->{record_id} } = 1 for grep { $_->{type} eq 'message.received' } @{ $got->{events} };
		$seconds = 0;
	}
	return;
}

post(0);
hear(5) until keys %seen or time > $^T + 20;
is(scalar(keys %seen), 1, 'a message that came in is on the stream');

my $failed = 0;
my $start  = time;
for my $n (1 .. 200) {
	my $due = $start + $n / 50;
	hear(0);
	while ((my $left = $due - time) > 0) { hear($left) }
	$failed++ unless post($n);
}
hear(0.2) until keys %seen >= 201 or time > $start + 20;
is($failed, 0, '200 calls at 50 a second are accepted');
is(scalar(keys %seen), 201, 'each is on the stream');
is(scalar(grep { $seqs[$_] != $seqs[$_ - 1] + 1 } 1 .. $#seqs), 0, 'their numbers have no gap and are in order');
is($theirs->next(0.3), undef, 'the other tenant hears nothing of it');

done_testing;
