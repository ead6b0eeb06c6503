package Standin;

# Standin: a small HTTP server for stand-ins of providers; core modules only.
#
#	my $s = Standin->new(port => 0, log => 'calls.jsonl', handler => sub { my ($s, $rq) = @_; ... });
#	$s->run;	# prints "listening 127.0.0.1 PORT" and serves until a signal
#
# $rq: method, path, query (hash), headers (lower-case names), body; params of
# a JSON, urlencoded or multipart body; files (field to {name, type, data}).
# The handler returns {status, type, headers, body} or [status, data for JSON].
# $s->later(seconds, sub) runs after the answer has gone out. Each call is a
# line of JSON in the log, without file contents.
#
# Control, for tests:
#	POST /control/fail	{"match":"sendMessage","times":2,"status":429,"body":{..},"headers":{..},"delay":0}
#	GET /control/calls	the calls so far
#	POST /control/reset	forget calls and failures

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub new {
	my ($class, %o) = @_;
	my $listen = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1',
		LocalPort => $o{port} // 0, ReuseAddr => 1) or die "cannot listen: $!\n";
	return bless { %o, listen => $listen, queue => [], calls => [], fail => [] }, $class;
}

sub port { return $_[0]{listen}->sockport }
sub base { return 'http://127.0.0.1:' . $_[0]->port }

sub later {
	my ($s, $delay, $what) = @_;
	push @{ $s->{queue} }, [time + $delay, $what];
	return;
}

sub run {
	my ($s) = @_;
	my $select = IO::Select->new($s->{listen});
	local $SIG{PIPE} = 'IGNORE';
	$| = 1;
	print 'listening 127.0.0.1 ', $s->port, "\n";
	while (1) {
		my ($next) = sort { $a <=> $b } map { $_->[0] } @{ $s->{queue} };
		my $wait = defined $next ? $next - time : 60;
		if ($select->can_read($wait > 0 ? $wait : 0)) {
			my $c = $s->{listen}->accept or next;
			eval { $s->serve($c); 1 } or warn "stand-in: $@";
			close $c;
		}
		my @due = grep { $_->[0] <= time } @{ $s->{queue} };
		$s->{queue} = [grep { $_->[0] > time } @{ $s->{queue} }];
		eval { $_->[1]->(); 1 } or warn "stand-in: $@" for sort { $a->[0] <=> $b->[0] } @due;
	}
}

sub serve {
	my ($s, $c) = @_;
	my $rq = $s->read_request($c) or return;
	my $answer = $rq->{path} =~ m{^/control/} ? $s->control($rq) : $s->answer($rq);
	$answer = { status => $answer->[0], type => 'application/json', body => $json->encode($answer->[1]) }
		if ref $answer eq 'ARRAY';
	my %headers = ('Content-Type' => $answer->{type} // 'text/plain', 'Content-Length' => length $answer->{body},
		'Connection' => 'close', %{ $answer->{headers} // {} });
	my $head = "HTTP/1.1 $answer->{status} X\r\n" . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n";
	print {$c} $head, $rq->{method} eq 'HEAD' ? '' : $answer->{body};
	return;
}

# ---- failures on demand -------------------------------------------------------

sub answer {
	my ($s, $rq) = @_;
	my $answer;
	for my $f (@{ $s->{fail} }) {
		next if !$f->{times} || index($rq->{path}, $f->{match}) < 0;
		$f->{times}--;
		sleep $f->{delay} if $f->{delay};
		$answer = { status => $f->{status}, headers => $f->{headers}, type => 'application/json',
			body => ref $f->{body} ? $json->encode($f->{body}) : $f->{body} // '' };
		last;
	}
	$answer //= $s->{handler}->($s, $rq);
	$s->note($rq, ref $answer eq 'ARRAY' ? $answer->[0] : $answer->{status});
	return $answer;
}

sub note {
	my ($s, $rq, $status) = @_;
	my %call = (method => $rq->{method}, path => $rq->{path}, status => $status, params => $rq->{params},
		at => time, files => { map { $_ => { %{ $rq->{files}{$_} }, data => length $rq->{files}{$_}{data} } }
			keys %{ $rq->{files} } });
	push @{ $s->{calls} }, \%call;
	return if !$s->{log};
	open my $out, '>>', $s->{log} or die "$s->{log}: $!\n";
	print {$out} $json->encode(\%call), "\n";
	close $out or die "$s->{log}: $!\n";
	return;
}

sub control {
	my ($s, $rq) = @_;
	my ($what) = $rq->{path} =~ m{^/control/(\w+)};
	return [200, $s->{calls}] if $what eq 'calls';
	if ($what eq 'fail') {
		push @{ $s->{fail} }, { times => 1, status => 500, %{ $rq->{params} } };
		return [200, { ok => JSON::PP::true }];
	}
	if ($what eq 'reset') {
		$s->{$_} = [] for qw(calls fail);
		return [200, { ok => JSON::PP::true }];
	}
	my $own = $s->{control}{$what} or return [404, { error => 'no such control' }];
	return $own->($s, $rq);
}

# ---- reading a request --------------------------------------------------------

sub read_request {
	my ($s, $c) = @_;
	my $in = '';
	while ($in !~ /\r\n\r\n/) {
		my $n = sysread $c, $in, 65536, length $in;
		return if !$n || length $in > 1 << 20;
	}
	my ($head, $body) = split /\r\n\r\n/, $in, 2;
	my ($first, @lines) = split /\r\n/, $head;
	my ($method, $target) = split / /, $first;
	my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @lines;
	if ((lc($headers{expect} // '')) eq '100-continue') {
		syswrite $c, "HTTP/1.1 100 Continue\r\n\r\n";
	}
	while (length $body < ($headers{'content-length'} // 0)) {
		my $n = sysread $c, $body, 1 << 20, length $body;
		return if !$n;
	}
	my ($path, $query) = split /\?/, $target, 2;
	my $rq = { method => $method, path => unescape($path), query => { pairs($query // '') }, headers => \%headers,
		body => $body, params => {}, files => {} };
	read_params($rq);
	return $rq;
}

sub unescape {
	my ($t) = @_;
	$t =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $t;
}

sub pairs {
	my ($text) = @_;
	return map { my ($k, $v) = split /=/, $_, 2; $v //= ''; tr/+/ / for $k, $v; (unescape($k) => unescape($v)) }
		grep { length } split /&/, $text;
}

sub read_params {
	my ($rq) = @_;
	my $type = $rq->{headers}{'content-type'} // '';
	if ($type =~ m{^application/json}) {
		$rq->{params} = eval { $json->decode($rq->{body}) } // {};
		$rq->{params} = {} if ref $rq->{params} ne 'HASH';
	} elsif ($type =~ m{^application/x-www-form-urlencoded}) {
		$rq->{params} = { pairs($rq->{body}) };
	} elsif ($type =~ m{^multipart/form-data;.*boundary="?([^";]+)}) {
		read_multipart($rq, $1);
	} else {
		$rq->{params} = { %{ $rq->{query} } };
	}
	return;
}

sub read_multipart {
	my ($rq, $boundary) = @_;
	my $rest = "\r\n" . $rq->{body};
	my @parts = split /\r\n--\Q$boundary\E/, $rest;
	shift @parts;
	for my $part (@parts) {
		last if $part =~ /^--/;
		my ($head, $data) = split /\r\n\r\n/, $part, 2;
		next if $head !~ /name="([^"]*)"/;
		my $name = $1;
		if ($head =~ /filename="([^"]*)"/) {
			my $file = unescape($1);
			my ($type) = $head =~ /^Content-Type:\s*(\S+)/mi;
			$rq->{files}{$name} = { name => $file, type => $type // '', data => $data };
		} else {
			$rq->{params}{$name} = $data;
		}
	}
	return;
}

1;
