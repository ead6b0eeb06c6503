# bin/kontor: what up, down, status, doctor and migrate promise, and how they fail.
use strict;
use warnings;
use IO::Socket::INET;
use Kontor;
use Test::More;
use Time::HiRes qw(time);

my $k    = own_instance();
my $home = $k->home;
my $json = $k->json;

# fails_with(NAME, qr/cause/, qr/remedy/, ENVIRONMENT, ARGUMENT...)
sub fails_with {
	my ($name, $cause, $remedy, $env, @args) = @_;
	local %ENV = (%ENV, KONTOR_HOME => $home, %$env);
	my $out = qx{"\$KONTOR_TREE/bin/kontor" @args 2>&1 </dev/null};
	my $code = $? >> 8;
	is($code, 1, "$name: exit status 1");
	like($out, $cause, "$name: the cause");
	like($out, $remedy, "$name: the remedy");
	return;
}
$ENV{KONTOR_TREE} //= do { require Cwd; Cwd::getcwd() };

# ---- up -------------------------------------------------------------------------

is((stat "$home/kontor.json")[2] & 0777, 0600, 'kontor.json is for its owner alone');
is((stat "$home/master.key")[2] & 0777, 0600, 'the master key too');
ok(defined $json->{$_}, "kontor.json has $_") for qw(base_url database_url anon_key service_key tenants);
is($k->psql("show listen_addresses"), '', 'the database listens on no network');
is($k->psql('select current_user'), 'kontor', 'database_url is the owner');
is($k->psql("select count(*) from pg_roles where rolname in ('kontor_app', 'kontor_worker', 'anon', 'authenticated')
	and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)"), 0, 'the programs have no rights of their own');

my @before = map { $k->pids($_) } qw(api worker nginx);
my ($out, $code) = $k->kontor('up');
is($code, 0, 'a second up is harmless');
is_deeply([map { $k->pids($_) } qw(api worker nginx)], \@before, 'nothing was restarted');

($out, $code) = $k->kontor('down');
$k->up;

SKIP: {
	skip 'runs as root only', 1 if $>;
	my @root;
	for my $part (qw(api webhooks share booking quote app worker nginx postgresql)) {
		push @root, map { "$part $_" } grep { (stat "/proc/$_")[4] == 0 } $k->pids($part);
	}
	my ($master) = $k->pids('nginx');
	is_deeply(\@root, ["nginx $master"], "nothing runs as root but nginx's master");
}

# ---- supervision ------------------------------------------------------------------

my ($supervisor, @children) = $k->pids('webhooks');
kill KILL => $children[0];
ok(wait_for(5, sub {
	my @now = $k->pids('webhooks');
	@now == 1 + @children && !grep { $_ == $children[0] } @now;
}), 'a killed program is replaced');
kill KILL => $supervisor;
($out, $code) = $k->kontor('status');
is($code, 1, 'status says by its exit code that a supervisor is gone');
like($out, qr/webhooks\s+unsupervised/, 'and names the part');
$k->up;
my ($new) = $k->pids('webhooks');
isnt($new, $supervisor, 'up starts it again');
ok(!(grep { kill 0 => $_ } grep { $_ != $children[0] } @children) || wait_for(5, sub {
	!grep { -e "/proc/$_/exe" && readlink "/proc/$_/exe" } @children;
}), 'what the dead supervisor left behind was ended');

my ($api) = $k->pids('api');
open my $fh, '>>', "$home/kontor.conf" or die "kontor.conf: $!\n";
print $fh "log_level = debug\n";
close $fh;
$k->up;
isnt(($k->pids('api'))[0], $api, 'other settings: the programs are started again');

# ---- side by side --------------------------------------------------------------------

my $other = own_instance();
($out, $code) = $other->kontor('status');
is($code, 0, 'a second instance runs beside the first');
$other->kontor('down');
($out, $code) = $k->kontor('status');
is($code, 0, 'its down ends nothing of the first');

# ---- doctor and migrate ------------------------------------------------------------------

($out, $code) = $k->kontor('doctor');
is($code, 0, 'doctor finds nothing wrong') or diag $out;
chmod 0644, "$home/master.key";
($out, $code) = $k->kontor('doctor');
is($code, 1, 'doctor sees a key that everybody can read');
like($out, qr/WRONG files: master\.key is 644/, 'and names it');
chmod 0600, "$home/master.key";
$k->psql('create table public.open (id integer)');
($out, $code) = $k->kontor('doctor');
is($code, 1, 'doctor sees a table without row-level security');
like($out, qr/public\.open/, 'and names it');
$k->psql('drop table public.open');

is(($k->kontor('migrate', '--check'))[1], 0, 'nothing is left to migrate');
my $first = $k->psql('select checksum from kontor_migrations order by name limit 1');
$k->psql("update kontor_migrations set checksum = 'x' where checksum = '$first'");
fails_with('a changed migration', qr/was applied and has changed since/, qr/restore the file/, {}, 'migrate');
$k->psql("update kontor_migrations set checksum = '$first' where checksum = 'x'");

# ---- how up fails ----------------------------------------------------------------------------

my $busy = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0);
my $port = $busy->sockport;
my $new_home = "/tmp/kontor-fail.$$";
fails_with('a taken port', qr/port $port is taken by \w+, process $$/, qr/KONTOR_PORT=/,
	{ KONTOR_HOME => $new_home, KONTOR_PORT => $port }, 'up');
ok(!-e "$new_home/pg", 'and nothing was made before that was known');
fails_with('a port that is none', qr/KONTOR_PORT is 'abc'/, qr/number/,
	{ KONTOR_HOME => $new_home, KONTOR_PORT => 'abc' }, 'up');

mkdir $new_home;
mkdir "$new_home/old";
open $fh, '>', "$new_home/old/postgres" or die "$!\n";
print $fh "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n";
close $fh;
chmod 0755, "$new_home/old/postgres";
fails_with('an old database', qr/PostgreSQL 15 or later is needed; 14 is installed/, qr/apt-get install postgresql-15/,
	{ KONTOR_HOME => $new_home, KONTOR_PORT => free_port(), KONTOR_PG_BIN => "$new_home/old" }, 'up');
system 'rm', '-rf', $new_home;

fails_with('a home below a file', qr/cannot be written/, qr/KONTOR_HOME/,
	{ KONTOR_HOME => '/dev/null/kontor' }, 'up');
SKIP: {
	mkdir $new_home;
	skip 'no small file system can be mounted', 3
		if system "mount -t tmpfs -o size=64m none $new_home 2>/dev/null";
	fails_with('no disk', qr/only \d+ MB are free/, qr/make room/,
		{ KONTOR_HOME => "$new_home/x", KONTOR_PORT => free_port() }, 'up');
	system 'umount', $new_home;
}
rmdir $new_home;
fails_with('an unknown command', qr/no command 'fly'/, qr/kontor help/, {}, 'fly');
fails_with('a home without installation', qr/no installation in/, qr/kontor up/,
	{ KONTOR_HOME => '/tmp/kontor-none' }, 'status');

# ---- backup and down ---------------------------------------------------------------------------

($out, $code) = $k->kontor('backup');
is($code, 0, 'a backup is made');
my ($dir) = $out =~ m{^(/\S+)$}m;
ok(-s "$dir/$_", "it has $_") for qw(database.dump files.tar kontor.conf master.key SHA256SUMS);
is((stat $dir)[2] & 0777, 0700, 'and is for its owner alone');

my @all = map { $k->pids($_) } qw(api app worker nginx postgresql);
is(($k->kontor('down'))[1], 0, 'down');
ok(!(grep { -e "/proc/$_/exe" && readlink "/proc/$_/exe" } @all), 'ends every process of the instance');
is(($k->kontor('down'))[1], 0, 'down again is harmless');

done_testing;
