package Kontor::Browser;

# Kontor::Browser: a visitor who keeps cookies, reads pages and sends forms.
#
#	my $b = browser(email => $user->{email}, password => $user->{password});
#	my $r = $b->get('/deals');
#	$r = $b->submit('/deals', { title => 'Pump' });   # with the page's CSRF token
#	my $s = $b->stream('/live'); $s->next(5);          # the next event or undef

use strict;
use warnings;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

sub new {
	my ($class, $base, %o) = @_;
	return bless { base => $base, cookies => {}, from => $o{from} }, $class;
}

sub request {
	my ($self, $method, $path, $o) = @_;
	my $http = HTTP::Tiny->new(timeout => 30, max_redirect => 0, agent => 'Mozilla/5.0 (test)',
		$self->{from} ? (local_address => $self->{from}) : ());
	my %h = (Accept => 'text/html', %{ $o->{headers} // {} });
	my $cookies = $self->cookie_header;
	$h{Cookie} = $cookies if length $cookies;
	my $url = $path =~ m{^https?://} ? $path : $self->{base} . $path;
	my $r   = $http->request($method, $url, { %$o, headers => \%h });
	$r->{content} //= '';
	my $set = $r->{headers}{'set-cookie'};
	$self->keep($_) for ref $set ? @$set : $set // ();
	$self->{csrf} = $1
		if $r->{content} =~ /name="_csrf"[^>]*?value="([^"]+)"/
		|| $r->{content} =~ /<meta name="csrf(?:-token)?" content="([^"]+)"/;
	return $r;
}

sub keep {
	my ($self, $line) = @_;
	my ($pair, @attributes) = split /;\s*/, $line;
	my ($name, $value) = split /=/, $pair, 2;
	if (grep { /^max-age=(-|0)/i } @attributes) {
		delete $self->{cookies}{$name};
	} else {
		$self->{cookies}{$name} = $value;
	}
	return;
}

sub cookie_header {
	my $self = shift;
	return join '; ', map { "$_=$self->{cookies}{$_}" } sort keys %{ $self->{cookies} };
}

# get(PATH): follows redirects as a browser does.
sub get {
	my ($self, $path, %o) = @_;
	my $r = $self->request(GET => $path, \%o);
	for (1 .. 5) {
		last unless $r->{status} =~ /^30[1237]$/;
		$r = $self->request(GET => $r->{headers}{location}, \%o);
	}
	return $r;
}

# post(PATH, {field => value}): urlencoded with the last page's CSRF token; the
# answer as it is, redirect or not. An array as value repeats the field.
sub post {
	my ($self, $path, $fields, %o) = @_;
	my %f    = (defined $self->{csrf} ? (_csrf => $self->{csrf}) : (), %{ $fields // {} });
	my $body = HTTP::Tiny->new->www_form_urlencode(\%f);
	$o{headers} = { 'Content-Type' => 'application/x-www-form-urlencoded', %{ $o{headers} // {} } };
	return $self->request(POST => $path, { %o, content => $body });
}

# The same, then the page that the redirect leads to.
sub submit {
	my ($self, $path, $fields, %o) = @_;
	my $r = $self->post($path, $fields, %o);
	return $r->{status} =~ /^30[1237]$/ ? $self->get($r->{headers}{location}) : $r;
}

sub sign_in {
	my ($self, $email, $password) = @_;
	$self->get('/login');
	my $r = $self->submit('/login', { email => $email, password => $password });
	die "cannot sign in as $email: $r->{status}\n" if $r->{status} != 200 || $r->{url} =~ m{/login};
	return $r;
}

# ---- event streams --------------------------------------------------------------

# stream(PATH): an open EventSource; next(SECONDS) returns {id, event, data}.
sub stream {
	my ($self, $path) = @_;
	my ($host) = $self->{base} =~ m{^http://([^/]+)};
	my $s = IO::Socket::INET->new(PeerAddr => $host, Timeout => 5) or die "$host: $!\n";
	my $cookies = $self->cookie_header;
	print $s "GET $path HTTP/1.1\r\nHost: $host\r\nAccept: text/event-stream\r\n",
		length $cookies ? "Cookie: $cookies\r\n" : '', "\r\n";
	my $stream = bless { socket => $s, buffer => '' }, 'Kontor::Stream';
	my $head   = $stream->until(qr/\r\n\r\n/, 5) // die "$path: no answer\n";
	($stream->{status}) = $head =~ m{^HTTP/1.1 (\d+)};
	return $stream;
}

package Kontor::Stream;

use Time::HiRes qw(time);

# What stands before the separator; undef when it does not come in time.
sub until {
	my ($self, $separator, $seconds) = @_;
	my $end    = time + $seconds;
	my $select = IO::Select->new($self->{socket});
	while (1) {
		return $1 if $self->{buffer} =~ s/\A(.*?)$separator//s;
		my $left = $end - time;
		return undef if $left <= 0 || !$select->can_read($left);
		sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or return undef;
	}
}

sub next {
	my ($self, $seconds) = @_;
	my $end = time + $seconds;
	while (1) {
		my $left  = $end - time;
		my $block = $self->until(qr/\r?\n\r?\n/, $left > 0 ? $left : 0) // return undef;
		my %event;
		for my $line (split /\r?\n/, $block) {
			my ($name, $value) = $line =~ /^(id|event|data|retry): ?(.*)/ or next;
			$event{$name} = defined $event{$name} ? "$event{$name}\n$value" : $value;
		}
		return \%event if defined $event{data};
	}
}

sub status { return $_[0]{status} }
sub close { return CORE::close($_[0]{socket}) }

1;
