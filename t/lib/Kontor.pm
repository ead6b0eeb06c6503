package Kontor;

# Kontor: what tests over HTTP need; core modules only.
#
#	use Kontor;
#	use Test::More;
#	my $r = api(GET => '/rest/v1/deals?select=id', key => tenant()->{api_key});
#	is($r->{status}, 200, 'API-3 a key opens the API');
#	is(psql('select count(*) from deals'), 12);
#	done_testing;
#
# bin/kontor test starts one instance with the demo data for all files and
# names its kontor.json in $KONTOR_JSON. A test that stops programs, changes
# settings or needs an empty database takes its own: own_instance().
# A file that is run alone (perl -It/lib t/http/x.t) starts one by itself.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use Kontor::Instance;
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(kontor kontor_json tenant api psql rows browser own_instance free_port
	wait_for shared_dir json_encode json_decode);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub json_encode { return $json->encode($_[0]) }
sub json_decode { return $json->decode($_[0]) }

# The instance that all files share, as a Kontor::Instance.
my $shared;

sub kontor {
	return $shared if $shared;
	if (my $path = $ENV{KONTOR_JSON}) {
		return $shared = Kontor::Instance->attach(dirname($path));
	}
	Test::More::note('no KONTOR_JSON: starting an instance for this file');
	return $shared = own_instance(demo => 1);
}

# The contents of kontor.json.
sub kontor_json { return kontor()->json }

# tenant(): the first of the demo; tenant(1) or tenant('Name'): another.
sub tenant {
	my $which = shift // 0;
	my $all   = kontor_json()->{tenants};
	return $all->[$which] if $which =~ /^\d+$/;
	return (grep { $_->{name} eq $which } @$all)[0];
}

# Each of these works on the shared instance; as methods on any.
sub api     { return kontor()->api(@_) }
sub psql    { return kontor()->psql(@_) }
sub rows    { return kontor()->rows(@_) }
sub browser { return kontor()->browser(@_) }

# own_instance(demo => 1, conf => {name => value}, env => {NAME => value}):
# started now, stopped and removed when the object or the test ends.
sub own_instance { return Kontor::Instance->start(@_) }

# A TCP port that is free now.
sub free_port {
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
		or die "no free port: $!\n";
	return $s->sockport;
}

# wait_for(seconds, sub { ... }): what the sub returns once it is true; undef
# when the time is over.
sub wait_for {
	my ($seconds, $what) = @_;
	my $end = time + $seconds;
	while (1) {
		my $got = $what->();
		return $got if $got;
		return undef if time >= $end;
		sleep 0.02;
	}
}

# The material beside the checkout; skips the whole file where it is absent.
sub shared_dir {
	my $dir = $ENV{KONTOR_SHARED} || abs_path(dirname(__FILE__) . '/../../../shared') // '';
	Test::More::plan(skip_all => 'no ../shared beside the checkout') unless -d $dir;
	return $dir;
}

1;
