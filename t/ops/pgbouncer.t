#!/usr/bin/perl
# The programs behind a real PgBouncer in transaction mode: the same tests over
# HTTP as without it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use Kontor;
use Test::More;

my ($pgbouncer) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;

my $k   = own_instance(demo => 1);
my $dir = tempdir('/tmp/kontor-bouncer.XXXXXX', CLEANUP => 1);
my $port = free_port();
my ($conf) = do { open my $fh, '<', $k->home . '/kontor.conf' or die $!; local $/; <$fh> };
my ($user, $password, $socket) = $conf =~ m{^db_url = postgresql://([^:]+):([^@]+)@/kontor\?host=(\S+)}m or die "db_url: $conf\n";
$socket =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

sub write_file {
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$name: $!\n";
	print $fh $text;
	close $fh;
	chmod 0644, "$dir/$name";
}
write_file('users.txt', qq("$user" "$password"\n));
write_file('pgbouncer.ini', <<END);
[databases]
kontor = host=$socket port=5432 dbname=kontor
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = plain
auth_file = $dir/users.txt
pool_mode = transaction
default_pool_size = 4
END
chmod 0755, $dir;
my $pid = fork // die "fork: $!\n";
if (!$pid) {
	open STDOUT, '>', "$dir/log";
	open STDERR, '>&', \*STDOUT;
	exec $pgbouncer, ($> == 0 ? ('-u', 'postgres') : ()), "$dir/pgbouncer.ini" or die "pgbouncer: $!\n";
}
END { local $?; if ($pid) { kill TERM => $pid; waitpid $pid, 0 } }
ok(wait_for(5, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") }), 'pgbouncer listens');

# bin/kontor keeps its own db_url; an administrator's environment wins.
$k->{env} = { KONTOR_DB_URL => "postgresql://$user:$password\@127.0.0.1:$port/kontor", KONTOR_DB_PREPARED => 'off' };
$k->kontor('down');
$k->up('--demo');
is($k->api(GET => '/readyz')->{status}, 200, 'ready');
for my $file (qw(rest booking inbound)) {
	local ($ENV{KONTOR_JSON}, $ENV{KONTOR_BEHIND_PGBOUNCER}) = ($k->home . '/kontor.json', 1);
	my $out = qx($^X -I$FindBin::Bin/../lib $FindBin::Bin/../http/$file.t 2>&1);
	is($?, 0, "t/http/$file.t passes through PgBouncer") or diag join '', grep { !/^ok/ } split /^/, $out;
}
my $clients = $k->superuser("select count(*) from pg_stat_activity where usename = '$user'");
cmp_ok($clients, '<=', 4, "with $clients server connections for all programs");
done_testing;
