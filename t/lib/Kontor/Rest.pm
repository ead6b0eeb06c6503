package Kontor::Rest;

# Kontor::Rest: the REST engine alone (kontor rest), over schemas of a test's
# own, without nginx.
#
#	my $rest = Kontor::Rest->start(kontor(), schemas => [qw(shop other)], sql => $sql,
#		config => { 'db-max-rows' => 100 });
#	my $r = $rest->get('/items?id=eq.1', Accept => 'text/csv');
#	my $r = $rest->request(POST => '/items', json => {...}, headers => { Prefer => '...' });
#	is($r->{status}, 200);          # headers in lower case, content, json
#
# The schemas are made before and dropped when the object goes; in sql and in
# paths they have the names that were given, in the database others: {shop} in
# sql becomes the quoted name. The role is the owner of the instance's
# database.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(sleep);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $tree = abs_path(dirname(__FILE__) . '/../../..');

sub start {
	my ($class, $kontor, %o) = @_;
	my $self = bless {
		kontor => $kontor,
		owner  => $$,
		dir    => File::Temp->newdir('/tmp/kontor-rest.XXXXXX'),
		names  => { map { $_ => "rest_${$}_$_" } @{ $o{schemas} } },
	}, $class;
	my @names = @{ $self->{names} }{ @{ $o{schemas} } };
	(my $sql = $o{sql}) =~ s/\{(\w+)\}/$self->{names}{$1} ? qq{"$self->{names}{$1}"} : "{$1}"/ge;
	$self->drop;
	$kontor->psql(join '', (map { qq{create schema "$_";\n} } @names), $sql);
	$self->{config} = {
		'db-uri'       => $kontor->json->{database_url},
		'db-schemas'   => join(',', @names),
		'db-anon-role' => $kontor->psql('select current_user'),
		'log-level'    => 'error',
		%{ $o{config} // {} },
	};
	$self->run;
	return $self;
}

sub run {
	my ($self) = @_;
	my $file = "$self->{dir}/rest.conf";
	open my $out, '>', $file or die "$file: $!\n";
	for my $name (sort keys %{ $self->{config} }) {
		(my $value = $self->{config}{$name}) =~ s/(["\\])/\\$1/g;
		print $out qq{$name = "$value"\n};
	}
	close $out;
	$self->{socket} = "$self->{dir}/socket";
	chmod 0755, "$self->{dir}";
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		open STDIN, '<', '/dev/null';
		POSIX::setsid();
		exec('spawn-fcgi', '-n', '-s', $self->{socket}, '--', "$tree/fcgi/rest/kontor-rest", '--config', $file)
			or POSIX::_exit(127);
	}
	for (1 .. 200) {
		last if -S $self->{socket};
		sleep 0.02;
	}
	return;
}

sub drop {
	my ($self) = @_;
	$self->{kontor}->psql(join '', 'set client_min_messages = error;',
		map { qq{drop schema if exists "$_" cascade;} } values %{ $self->{names} });
	return;
}

sub stop {
	my ($self) = @_;
	return unless $self->{pid} && $self->{owner} == $$;
	kill 'TERM', $self->{pid};
	waitpid delete $self->{pid}, 0;
	$self->drop;
	return;
}

sub DESTROY { local ($@, $?, $!); shift->stop; return }

# ---- FastCGI ---------------------------------------------------------------------

sub record {
	my ($type, $data) = @_;
	my $out = '';
	while (length $data) {
		my $part = substr $data, 0, 65000, '';
		$out .= pack('CCnnCx', 1, $type, 1, length $part, 0) . $part;
	}
	return $out . pack('CCnnCx', 1, $type, 1, 0, 0);
}

sub pairs {
	my (%env) = @_;
	my $out = '';
	for my $name (sort keys %env) {
		$out .= join '', map { $_ < 128 ? pack('C', $_) : pack('N', $_ | 0x80000000) }
			length $name, length $env{$name};
		$out .= $name . $env{$name};
	}
	return $out;
}

# get('/path', Header => value ...)
sub get {
	my ($self, $target, %headers) = @_;
	return $self->request(GET => $target, headers => \%headers);
}

sub request {
	my ($self, $method, $target, %o) = @_;
	utf8::encode($target) if utf8::is_utf8($target);
	my %headers = %{ $o{headers} // {} };
	my $body = $o{body} // '';
	if (exists $o{json}) {
		$body = $json->encode($o{json});
		$headers{'Content-Type'} //= 'application/json';
	}
	$headers{$_} = $self->{names}{ $headers{$_} } // $headers{$_} for grep { /-Profile$/ } keys %headers;
	my ($path, $query) = split /\?/, $target, 2;
	my %env = (
		REQUEST_METHOD => $method, REQUEST_URI => $target, DOCUMENT_URI => $path, QUERY_STRING => $query // '',
		REMOTE_ADDR => '127.0.0.1', SERVER_PROTOCOL => 'HTTP/1.1', SERVER_NAME => 'localhost', SERVER_PORT => 80,
	);
	$env{CONTENT_LENGTH} = length $body if length $body;
	for my $name (keys %headers) {
		(my $key = uc $name) =~ tr/-/_/;
		$env{ $key eq 'CONTENT_TYPE' ? $key : "HTTP_$key" } = $headers{$name};
	}
	my $s = IO::Socket::UNIX->new($self->{socket}) or die "$self->{socket}: $!\n";
	print $s pack('CCnnCxnCx5', 1, 1, 1, 8, 0, 1, 0), record(4, pairs(%env)), record(5, $body);
	$s->flush;
	my $raw = do { local $/; <$s> } // '';
	return $self->answer($raw);
}

sub answer {
	my ($self, $raw) = @_;
	my $out = '';
	while (length $raw >= 8) {
		my (undef, $type, undef, $n, $pad) = unpack 'CCnnC', substr $raw, 0, 8, '';
		my $data = substr $raw, 0, $n, '';
		substr $raw, 0, $pad, '';
		$out .= $data if $type == 6;
	}
	my ($head, $content) = split /\r\n\r\n/, $out, 2;
	my %h = map { my ($k, $v) = split /:\s*/, $_, 2; (lc $k, $v // '') } split /\r\n/, $head // '';
	my ($status) = ($h{status} // 200) =~ /^(\d+)/;
	my $r = { status => $status, headers => \%h, content => $content // '' };
	$r->{json} = eval { $json->decode($r->{content}) } if ($h{'content-type'} // '') =~ /\bjson\b/;
	return $r;
}

1;
