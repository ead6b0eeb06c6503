package Kontor::Receiver;

# Kontor::Receiver: a web server that takes webhooks and remembers them.
#
#	my $rx = Kontor::Receiver->start;
#	... a webhook to $rx->url('/ok')
#	my @got = $rx->requests;      # {method, path, headers => {lower => value}, body, time}
#
# How it answers is in the path:
#	/ok /...            200 OK
#	/status/CODE        that code
#	/after/SECONDS      429 with Retry-After
#	/flaky/N            503 for the first N requests with each webhook-id
#	/redirect           302 to /ok
#	/hang               nothing, ever
#	/slow/MS            200 after so long
#	/text/N             200 with a body of N bytes

use strict;
use warnings;
use Errno qw(EAGAIN);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(time);

my $json = JSON::PP->new->latin1->canonical;

sub start {
	my $class  = shift;
	my $listen = IO::Socket::INET->new(Listen => 512, LocalAddr => '127.0.0.1', ReuseAddr => 1)
		or die "receiver: $!\n";
	my $log  = File::Temp->new;
	my $self = bless { port => $listen->sockport, log => $log, own => $$ }, $class;
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		$SIG{TERM} = $SIG{INT} = 'DEFAULT';
		eval { serve($listen, $log) };
		require POSIX;
		POSIX::_exit(0);
	}
	return $self;
}

sub url { return "http://127.0.0.1:$_[0]{port}$_[1]" }

# Everything that came so far, or only what came to one path.
sub requests {
	my ($self, $path) = @_;
	open my $fh, '<', $self->{log}->filename or die "receiver log: $!\n";
	my @all = map { $json->decode($_) } grep { /\n\z/ } <$fh>;
	return grep { !defined $path || $_->{path} eq $path } @all;
}

sub stop {
	my $self = shift;
	return unless $self->{pid} && $self->{own} == $$;
	local $?;
	kill KILL => $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub DESTROY { $_[0]->stop; return }

# ---- in the child ------------------------------------------------------------

my (%seen, @later);

sub answer {
	my ($path, $headers) = @_;
	my $id = $headers->{'webhook-id'} // '';
	return (200, '', 'OK', $1 / 1000) if $path =~ m{^/slow/(\d+)};
	return (200, '', 'x' x $1, 0) if $path =~ m{^/text/(\d+)};
	return ($1, '', "status $1", 0) if $path =~ m{^/status/(\d+)};
	return (429, "Retry-After: $1\r\n", '', 0) if $path =~ m{^/after/(\d+)};
	return (302, "Location: /ok\r\n", '', 0) if $path =~ m{^/redirect};
	return ($seen{"$path $id"}++ < $1 ? 503 : 200, '', '', 0) if $path =~ m{^/flaky/(\d+)};
	return if $path =~ m{^/hang};
	return (200, '', 'OK', 0);
}

sub take {
	my ($c, $log) = @_;
	while ($c->{in} =~ /\A(.*?)\r\n\r\n/s) {
		my ($head, $rest) = ($1, substr $c->{in}, $+[0]);
		my ($first, @lines) = split /\r\n/, $head;
		my ($method, $path) = split / /, $first;
		my %h = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @lines;
		my $length = $h{'content-length'} // 0;
		return if length $rest < $length;
		my $body = substr $rest, 0, $length;
		$c->{in} = substr $rest, $length;
		syswrite $log, $json->encode({ method => $method, path => $path, headers => \%h,
			names => [map { /^([^:]+)/ } @lines], body => $body, time => time }) . "\n";
		my ($code, $extra, $text, $delay) = answer($path, \%h) or next;
		push @later, [time + $delay, $c->{fh}, "HTTP/1.1 $code Status\r\n$extra"
			. 'Content-Length: ' . length($text) . "\r\n\r\n$text"];
	}
	return;
}

sub serve {
	my ($listen, $log) = @_;
	my $select = IO::Select->new($listen);
	my %open;
	$log->autoflush(1);
	while (1) {
		my ($next) = sort { $a <=> $b } map { $_->[0] } @later;
		my $wait = defined $next ? $next - time : 1;
		for my $fh ($select->can_read($wait < 0 ? 0 : $wait)) {
			if ($fh == $listen) {
				my $new = $listen->accept or next;
				$select->add($new);
				$open{$new} = { fh => $new, in => '' };
			} elsif (sysread $fh, $open{$fh}{in}, 65536, length $open{$fh}{in}) {
				take($open{$fh}, $log);
			} else {
				$select->remove($fh);
				delete $open{$fh};
				close $fh;
			}
		}
		my @due = grep { $_->[0] <= time } @later;
		@later = grep { $_->[0] > time } @later if @due;
		local $SIG{PIPE} = 'IGNORE';
		$_->[1]->opened && syswrite $_->[1], $_->[2] for @due;
		exit if getppid() == 1;
	}
}

1;
