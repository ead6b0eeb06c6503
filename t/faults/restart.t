#!/usr/bin/perl
# PostgreSQL goes away under load and comes back: errors in between say when
# to try again, and everything recovers without help.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Test::More;
use Time::HiRes qw(sleep time);

my $k      = own_instance(demo => 1);
my $tenant = $k->json->{tenants}[0];
my $tg     = $tenant->{channels}{telegram};
my $pg     = $k->home . '/pg';
my ($bin)  = map { m{^(.*)/postgres$} ? $1 : () } sort glob '/usr/lib/postgresql/*/bin/postgres';
my @as     = $> == 0 ? ('runuser', '-u', 'postgres', '--') : ();
my $n      = 0;

sub list { $k->api(GET => '/functions/v1/rest-api-proxy/contacts?limit=1', key => $tenant->{api_key}, timeout => 10) }

sub hook {
	$n++;
	return $k->api(POST => '/functions/v1/telegram-webhook', timeout => 10,
		headers => { 'X-Telegram-Bot-Api-Secret-Token' => $tg->{secret_token} },
		json => { update_id => 9_000_000 + $n, message => { message_id => $n, date => int time, text => "restart $n",
			from => { id => 4711, is_bot => JSON::PP::false, first_name => 'Re' }, chat => { id => 4711, type => 'private' } } });
}

is(list()->{status}, 200, 'it works before');
is(hook()->{status}, 200, 'hooks too');

my $pid = fork // die "fork: $!\n";
if (!$pid) {
	open STDOUT, '>', '/dev/null';
	exec @as, "$bin/pg_ctl", '-s', '-w', '-m', 'immediate', '-D', $pg, '-l', "$pg/restart.log", 'restart';
}
my (%status, @bad, @acknowledged);
my $end = time + 2.5;
while (time < $end) {
	for my $r (list(), hook()) {
		$status{ $r->{status} }++;
		push @bad, $r if $r->{status} != 200 && !($r->{status} == 503 && $r->{headers}{'retry-after'});
	}
	sleep 0.02;
}
waitpid $pid, 0;
is($?, 0, 'PostgreSQL restarted');
is(scalar @bad, 0, 'every error in between is 503 with Retry-After')
	or diag "$bad[0]{status} $bad[0]{content}";
note join ', ', map { "$_: $status{$_}" } sort keys %status;

ok(wait_for(5, sub { list()->{status} == 200 && hook()->{status} == 200 }), 'recovered within 5 s without help');
is(scalar(grep { list()->{status} != 200 } 1 .. 20), 0, 'in every process');
my $stored = $k->psql("select count(*) from inbound_hooks where dedupe like '%90000%' or dedupe like '9000%'");
ok(wait_for(10, sub { $k->psql("select count(*) from inbound_hooks where state = 'new'") == 0 }), 'the worker goes on by itself');
is($k->psql("select count(*) from messages where content like 'restart %'"),
	$k->psql("select count(*) from inbound_hooks where convert_from(body, 'UTF8') like '%restart %'"),
	'every stored call is a message');
done_testing;
