package Kontor::Instance;

# Kontor::Instance: one running installation, the shared or an own one.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp ();
use HTTP::Tiny;
use JSON::PP;
use Kontor::Browser;

my $TREE = $ENV{KONTOR_TREE} || abs_path(dirname(__FILE__) . '/../../..');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my @own;    # stopped at the end, whatever happens

sub attach {
	my ($class, $home) = @_;
	return bless { home => $home, env => {} }, $class;
}

# own_instance() in Kontor.pm says what the options are.
sub start {
	my ($class, %o) = @_;
	my $self = bless { env => $o{env} // {}, own => $$,
		home => File::Temp::tempdir('/tmp/kontor-own.XXXXXX'), port => Kontor::free_port() }, $class;
	push @own, $self;
	if ($o{conf}) {
		open my $fh, '>', "$self->{home}/kontor.conf" or die "kontor.conf: $!\n";
		print $fh "$_ = $o{conf}{$_}\n" for sort keys %{ $o{conf} };
		close $fh;
		chmod 0640, "$self->{home}/kontor.conf";
	}
	$self->up($o{demo} ? '--demo' : ());
	return $self;
}

# kontor(ARGUMENT...): runs bin/kontor on this instance; (output, exit code).
sub kontor {
	my ($self, @args) = @_;
	local %ENV = (%ENV, %{ $self->{env} }, KONTOR_HOME => $self->{home});
	local $?;
	$ENV{KONTOR_PORT} = $self->{port} if $self->{port};
	open my $fh, '-|', 'sh', '-c', 'exec "$0" "$@" 2>&1 </dev/null', "$TREE/bin/kontor", @args
		or die "bin/kontor: $!\n";
	my $out = do { local $/; <$fh> } // '';
	close $fh;
	return wantarray ? ($out, $? >> 8) : $out;
}

# A new up also restarts what has other settings now.
sub up {
	my ($self, @args) = @_;
	my ($out, $code) = $self->kontor('up', @args);
	die "kontor up failed:\n$out" if $code;
	delete $self->{json};
	return $self;
}

sub stop {
	my $self = shift;
	return unless $self->{own} && $self->{own} == $$;
	delete $self->{own};
	$self->kontor('down');
	return if $ENV{KONTOR_KEEP};
	my $real = readlink $self->{home};
	remove_tree($real) if defined $real;
	defined $real ? unlink $self->{home} : remove_tree($self->{home});
	return;
}

sub DESTROY { local ($@, $?); shift->stop; return }
END { local $?; $_->stop for grep { defined } @own }
# Nobody may read any more what is printed on the way out.
$SIG{INT}  //= sub { $SIG{PIPE} = 'IGNORE'; exit 130 };
$SIG{TERM} //= sub { $SIG{PIPE} = 'IGNORE'; exit 143 };

sub home { return $_[0]{home} }

sub json {
	my $self = shift;
	return $self->{json} //= do {
		open my $fh, '<:raw', "$self->{home}/kontor.json" or die "$self->{home}/kontor.json: $!\n";
		local $/;
		$json->decode(scalar <$fh>);
	};
}

sub base_url { return $_[0]->json->{base_url} }

# pids(PART): process ids by bin/kontor status, supervisor first.
sub pids {
	my ($self, $part) = @_;
	my $status = $json->decode(scalar $self->kontor('status', '--json'));
	my ($row) = grep { $_->{name} eq $part } @{ $status->{parts} };
	return @{ $row->{pids} };
}

# ---- HTTP --------------------------------------------------------------------

# api(METHOD, PATH, OPTIONS): {status, headers, content, json}. Options:
#	key => 'cg_...'     X-API-Key
#	apikey => JWT       the apikey header; also Bearer unless bearer is given
#	bearer => JWT       Authorization: Bearer
#	json => data        a body as JSON; or body => bytes, type => content type
#	headers => {...}    more headers
#	from => '127.0.0.2' the address to come from
sub api {
	my ($self, $method, $path, %o) = @_;
	my %h    = %{ $o{headers} // {} };
	my $body = $o{body};
	$h{'X-API-Key'} = $o{key}    if defined $o{key};
	$h{apikey}      = $o{apikey} if defined $o{apikey};
	my $bearer = $o{bearer} // $o{apikey};
	$h{Authorization} = "Bearer $bearer" if defined $bearer;
	if (exists $o{json}) {
		$body = $json->encode($o{json});
		$h{'Content-Type'} //= 'application/json';
	}
	$h{'Content-Type'} = $o{type} if defined $o{type};
	my $http = HTTP::Tiny->new(timeout => $o{timeout} // 30, max_redirect => 0,
		$o{from} ? (local_address => $o{from}) : (), verify_SSL => 0);
	my $url = $path =~ m{^https?://} ? $path : $self->base_url . $path;
	my $r   = $http->request($method, $url, { headers => \%h, defined $body ? (content => $body) : () });
	$r->{json} = eval { $json->decode($r->{content}) }
		if ($r->{headers}{'content-type'} // '') =~ /\bjson\b/;
	return $r;
}

# A visitor with a cookie jar; browser(email => ..., password => ...) signs in.
sub browser {
	my ($self, %o) = @_;
	my $b = Kontor::Browser->new($self->base_url);
	$b->sign_in($o{email}, $o{password}) if $o{email};
	return $b;
}

# ---- database -----------------------------------------------------------------

sub run_psql {
	my ($self, $sql, @command) = @_;
	local $?;
	pipe(my $in, my $out) or die "pipe: $!\n";
	my $pid = open(my $from, '-|') // die "fork: $!\n";
	if (!$pid) {
		close $out;
		open STDIN, '<&', $in or die "psql: $!\n";
		exec 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', @command;
		die "psql: $!\n";
	}
	close $in;
	utf8::encode($sql) if utf8::is_utf8($sql);
	local $SIG{PIPE} = 'IGNORE';
	print $out $sql;
	close $out;
	my $text = do { local $/; <$from> } // '';
	close $from or die "psql failed on: $sql\n";
	chomp $text;
	return $text;
}

# psql(SQL): unaligned output as the owner, who sees every tenant.
sub psql {
	my ($self, $sql) = @_;
	return $self->run_psql($sql, $self->json->{database_url});
}

# The same as the cluster's superuser (create extension, pg_stat_...); only as root.
sub superuser {
	my ($self, $sql) = @_;
	my ($host) = $self->json->{database_url} =~ /host=([^&]+)/;
	$host =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $self->run_psql($sql, '-h', $host, '-U', 'postgres', '-d', 'kontor');
}

# rows(SELECT): a list of hashes.
sub rows {
	my ($self, $sql) = @_;
	my $text = $self->psql("select coalesce(json_agg(t), '[]') from ($sql) t");
	return @{ $json->decode($text) };
}

1;
