package Kontor::Rest;

# Kontor::Rest: the REST engine alone, in front of a database of its own.
#
#	my $rest = Kontor::Rest->start(sql => 'create schema shop; ...', config => { 'db-schemas' => 'shop' });
#	my $r = $rest->request(POST => '/items', json => { name => 'x' }, headers => { Prefer => '...' });
#	is($r->{status}, 201);
#	$rest->psql('select count(*) from shop.items');
#
# Or with schemas that are made and opened to everybody:
#
#	my $rest = Kontor::Rest->start(schemas => [qw(lib other)], sql => 'set search_path = lib; ...');
#	my $r = $rest->get('/books?id=eq.1', Accept => 'text/csv');
#
# The SQL runs as the superuser; ANON in it becomes the name of the role that
# requests have. The program is asked over FastCGI, as nginx would. Stopped
# and dropped at the end of the test.

use strict;
use warnings;
use Cwd ();
use File::Basename ();
use File::Temp ();
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw(sleep);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $tree = $ENV{KONTOR_TREE};
my $started = 0;
my @all;

sub start {
	my ($class, %o) = @_;
	my $self = bless { instance => Kontor::kontor(), pid => $$, name => "rest_$$" . '_' . $started++,
		dir => File::Temp::tempdir('/tmp/kontor-rest.XXXXXX', CLEANUP => 1) }, $class;
	chmod 0755, $self->{dir};
	push @all, $self;
	my @schemas = @{ $o{schemas} // [] };
	$self->create(join '', map({ "create schema $_;\n" } @schemas), $o{sql}, map { opened($_) } @schemas);
	$self->configure(@schemas ? ('db-schemas' => join ',', @schemas) : (), %{ $o{config} // {} });
	$self->run;
	return $self;
}

sub opened {
	my $schema = shift;
	return ";\ngrant usage on schema $schema to ANON;\n" . join '',
		map { "grant all on all $_ in schema $schema to ANON;\n" } qw(tables sequences functions);
}

sub create {
	my ($self, $sql) = @_;
	my $n = $self->{name};
	$self->{instance}->superuser("create database $n;");
	$self->{instance}->superuser("create role ${n}_anon nologin;
		create role ${n}_login login noinherit password 'secret' in role ${n}_anon;");
	$sql =~ s/\bANON\b/${n}_anon/g;
	$self->psql($sql);
	return;
}

sub host {
	my ($host) = $_[0]{instance}->json->{database_url} =~ /host=([^&]+)/;
	$host =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $host;
}

sub psql {
	my ($self, $sql) = @_;
	return $self->{instance}->run_psql($sql, '-h', $self->host, '-U', 'postgres', '-d', $self->{name});
}

sub configure {
	my ($self, %config) = @_;
	my $n = $self->{name};
	%config = ('db-uri' => "postgresql://${n}_login:secret\@/$n?host=" . $self->host,
		'db-anon-role' => "${n}_anon", 'log-level' => 'crit', %config);
	open my $fh, '>', "$self->{dir}/rest.conf" or die "rest.conf: $!\n";
	print $fh "$_ = \"$config{$_}\"\n" for sort keys %config;
	close $fh;
	return;
}

sub run {
	my $self = shift;
	$tree //= Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
	$self->{socket} = "$self->{dir}/rest.sock";
	$self->{program} = fork // die "fork: $!\n";
	if (!$self->{program}) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$self->{dir}/log";
		open STDERR, '>&', \*STDOUT;
		exec "$tree/bin/kontor", 'rest', '--config', "$self->{dir}/rest.conf", '--socket', $self->{socket},
			'--children', 1;
		exit 1;
	}
	for (1 .. 200) {
		return if IO::Socket::UNIX->new(Peer => $self->{socket});
		sleep 0.05;
	}
	die 'kontor rest does not start: ' . do { local (@ARGV, $/) = "$self->{dir}/log"; <> };
}

sub stop {
	my $self = shift;
	return unless $self->{pid} && $self->{pid} == $$;
	delete $self->{pid};
	my $n = $self->{name};
	if ($self->{program}) {
		local $?;
		kill 'TERM', $self->{program};
		waitpid $self->{program}, 0;
	}
	$self->{instance}->superuser("drop database if exists $n with (force);");
	$self->{instance}->superuser("drop role if exists ${n}_login; drop role if exists ${n}_anon;");
	return;
}

END { local $?; eval { $_->stop } for grep { defined } @all }

# The processes that answer.
sub workers {
	my $self = shift;
	return split ' ', scalar `pgrep -P $self->{program}`;
}

# ---- FastCGI -----------------------------------------------------------------------

sub record {
	my ($type, $data) = @_;
	my $out = '';
	$out .= pack('CCnnCC', 1, $type, 1, length, 0, 0) . $_ for unpack '(a60000)*', $data;
	return $out . pack 'CCnnCC', 1, $type, 1, 0, 0, 0;
}

sub params {
	my (%env) = @_;
	my $out = '';
	for my $name (sort keys %env) {
		$out .= $_ < 128 ? pack 'C', $_ : pack 'N', $_ | 0x80000000 for length $name, length $env{$name};
		$out .= $name . $env{$name};
	}
	return $out;
}

sub exchange {
	my ($self, $env, $body) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $self->{socket}) or die "$self->{socket}: $!\n";
	my ($in, $out) = ('', '');
	print $s pack('CCnnCC', 1, 1, 1, 8, 0, 0), pack('nCx5', 1, 0), record(4, params(%$env)),
		length $body ? record(5, $body) : pack 'CCnnCC', 1, 5, 1, 0, 0, 0;
	$s->flush;
	local $/;
	$in = <$s> // '';
	$self->{ended} = 0;
	for (my $at = 0; $at + 8 <= length $in;) {
		my (undef, $type, undef, $n, $pad) = unpack 'CCnnC', substr $in, $at, 8;
		$out .= substr $in, $at + 8, $n if $type == 6;
		$self->{ended} = 1 if $type == 3;
		$at += 8 + $n + $pad;
	}
	return $out;
}

# get('/path', Header => value ...)
sub get {
	my ($self, $target, %headers) = @_;
	return $self->request(GET => $target, headers => \%headers);
}

# request(METHOD, TARGET, OPTIONS): {status, headers, content, json}; json =>
# data or body => bytes, type => content type, headers => {...}. ended says
# whether the answer has an end.
sub request {
	my ($self, $method, $target, %o) = @_;
	my $body = exists $o{json} ? $json->encode($o{json}) : $o{body} // '';
	utf8::encode($target) if utf8::is_utf8($target);
	my ($path, $query) = split /\?/, $target, 2;
	my %env = (REQUEST_METHOD => $method, REQUEST_URI => $target, QUERY_STRING => $query // '',
		REMOTE_ADDR => '127.0.0.1', SERVER_PROTOCOL => 'HTTP/1.1', CONTENT_LENGTH => length $body);
	$env{CONTENT_TYPE} = $o{type} // 'application/json' if length $body;
	for my $name (keys %{ $o{headers} // {} }) {
		$env{ 'HTTP_' . uc $name =~ tr/-/_/r } = $o{headers}{$name};
	}
	my ($head, $content) = split /\r\n\r\n/, $self->exchange(\%env, $body), 2;
	my %r = (status => 200, content => $content // '', headers => {});
	for (split /\r\n/, $head // '') {
		my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
		lc $name eq 'status' ? ($r{status} = 0 + ($value =~ /^(\d+)/)[0]) : ($r{headers}{ lc $name } = $value);
	}
	$r{ended} = $self->{ended};
	$r{json} = eval { $json->decode($r{content}) };
	return \%r;
}

1;
