#!/usr/bin/perl
# kill -9 of every program and of the worker at random moments, while 1,000
# provider calls come in and their webhooks go out: nothing that was
# acknowledged is lost, nothing is there twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Kontor::Receiver;
use HTTP::Tiny;
use Test::More;
use Time::HiRes qw(sleep time);

my $CALLS   = 1000;
my $SENDERS = 4;

my $k       = own_instance(demo => 1, conf => { webhook_retry_s => '1,1,1,2,2,2,3,3,5,5' });
my $tenant  = $k->json->{tenants}[0];
my $channel = $tenant->{channels}{telegram};
my $rx      = Kontor::Receiver->start;
my $url     = $rx->url('/ok');
my $org     = $tenant->{organization_id};

$k->psql("insert into webhook_configurations (organization_id, url, events)
	values ('$org', '$url', '{message.received,conversation.created,contact.created}')");
my $before = $k->psql("select coalesce(max(seq), 0) from events where organization_id = '$org'");

# A provider repeats a call until it gets its 200, as Telegram does.
sub sender {
	my ($me) = @_;
	my $http = HTTP::Tiny->new(timeout => 5);
	for (my $n = $me; $n < $CALLS; $n += $SENDERS) {
		my $from = 800000 + $n % 50;
		my $body = sprintf '{"update_id":%d,"message":{"message_id":%d,"from":{"id":%d,"is_bot":false,"first_name":"P%d"},'
			. '"chat":{"id":%d,"type":"private"},"date":%d,"text":"crash %d"}}', 5_000_000 + $n, $n, $from, $from, $from, time, $n;
		for my $try (1 .. 200) {
			my $r = $http->post($channel->{webhook_url}, { content => $body, headers => {
				'Content-Type' => 'application/json', 'X-Telegram-Bot-Api-Secret-Token' => $channel->{secret_token} } });
			last if $r->{status} == 200;
			die "gave up on $n\n" if $try == 200;
			sleep 0.05;
		}
	}
	require POSIX;
	POSIX::_exit(0);
}

# The programs' own processes, not their supervisors.
sub victims {
	my @pids;
	for my $dir (glob '/proc/[0-9]*') {
		open my $env, '<', "$dir/environ" or next;
		local $/;
		next unless (<$env> // '') =~ /KONTOR_CONF=\Q@{[$k->home]}\E/;
		open my $comm, '<', "$dir/comm" or next;
		push @pids, $dir =~ /(\d+)$/ if <$comm> =~ /^kontor-/;
	}
	return @pids;
}

sub is_worker {
	open my $comm, '<', "/proc/$_[0]/comm" or return 0;
	return <$comm> =~ /worker/;
}

my @senders = map { my $me = $_; my $pid = fork // die "fork: $!\n"; sender($me) if !$pid; $pid } 0 .. $SENDERS - 1;
my ($killed, %workers) = (0);
my $end = time + 60;
while (@senders && time < $end) {
	my @pids = victims();
	my @workers = grep { is_worker($_) } @pids;
	for my $pid ((@pids ? $pids[rand @pids] : ()), ($killed % 8 == 0 ? @workers : ())) {
		$killed += kill KILL => $pid;
	}
	sleep 0.1;
	@senders = grep { waitpid($_, 1) == 0 } @senders;
}
is(scalar @senders, 0, 'every call was acknowledged in the end');
cmp_ok($killed, '>=', 10, "$killed processes were killed meanwhile");

my $done = wait_for(60, sub {
	$k->psql("select (select count(*) from job.jobs where state <> 'dead') + (select count(*) from events where seq is null)") eq '0';
});
ok($done, 'the queue runs empty by itself') or diag $k->psql("select kind, state, attempts, last_error from job.jobs limit 5");

is($k->psql("select count(*) from messages where organization_id = '$org' and content like 'crash %'"), $CALLS,
	'MSG-53 every acknowledged call is a message');
is($k->psql("select count(distinct content) from messages where organization_id = '$org' and content like 'crash %'"), $CALLS,
	'MSG-53 none is there twice');
is($k->psql("select count(*) from conversations where organization_id = '$org' and external_id like '8000__'"), 50,
	'INB-42 one conversation per contact');
is($k->psql("select count(*) from job.jobs where state = 'dead'"), 0, 'no dead letters');
is($k->psql("select max(seq) - count(*) from events where organization_id = '$org'"), 0, 'the sequence has no gaps');

my %got;
$got{ $_->{headers}{'webhook-id'} }++ for $rx->requests;
my %want = map { $_ => 1 } split /\n/, $k->psql("select id from events where organization_id = '$org' and seq > $before
	and type in ('message.received', 'conversation.created', 'contact.created')");
is(scalar(grep { !$got{$_} } keys %want), 0, 'WHK-57 every event reached the receiver');
is(scalar(grep { !$want{$_} } keys %got), 0, 'and nothing else did');
is(scalar keys %got, scalar keys %want, 'WHK-58 a receiver that keeps ids sees each event once');
is($k->psql("select count(*) from webhook_deliveries where organization_id = '$org' and state <> 'delivered'"), 0,
	'all deliveries are marked so');
done_testing;
