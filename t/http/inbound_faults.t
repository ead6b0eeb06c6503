#!/usr/bin/perl
# kill -9 of the intake and of the worker in the middle of 1,000 messages:
# nothing that was acknowledged is lost, nothing comes twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use HTTP::Tiny;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

my $k = own_instance(demo => 1);
my $t = $k->json->{tenants}[0];
my $tg = $t->{channels}{telegram};
my ($messages, $people, $senders) = (1000, 50, 4);

sub update {
	my ($id) = @_;
	my %who = (id => 900_000 + $id % $people, first_name => 'Customer');
	return json_encode({ update_id => $id, message => { message_id => $id, date => int time, from => \%who,
		chat => { %who, type => 'private' }, text => "fault $id" } });
}

# A provider: sends again until it hears 200.
sub deliver {
	my ($first) = @_;
	my $http = HTTP::Tiny->new(timeout => 20);
	my $acknowledged = 0;
	for (my $id = $first; $id <= $messages; $id += $senders) {
		for (1 .. 200) {
			my $r = $http->post($tg->{webhook_url}, { content => update($id), headers => {
				'Content-Type' => 'application/json', 'X-Telegram-Bot-Api-Secret-Token' => $tg->{secret_token} } });
			$acknowledged++, last if $r->{status} == 200;
			sleep 0.05;
		}
	}
	return $acknowledged;
}

my @senders = map {
	my $first = $_;
	pipe(my $in, my $out) or die "pipe: $!\n";
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		syswrite $out, deliver($first) . "\n";
		POSIX::_exit(0);
	}
	[$pid, $in];
} 1 .. $senders;
END { local $?; kill TERM => map { $_->[0] } @senders if @senders }

sub stored { return $k->psql("select count(*) from inbound_hooks where organization_id = '$t->{organization_id}'") }

my $killed = 0;
for my $at (150, 350, 550, 750) {
	wait_for(30, sub { stored() >= $at });
	my @intake = $k->pids('webhooks');
	my @worker = $k->pids('worker');
	$killed += kill KILL => $intake[1], $worker[-1];
}
is($killed, 8, 'four processes of the intake and four workers are killed');
my $acknowledged = 0;
for my $s (@senders) {
	my $line = readline $s->[1];
	$acknowledged += $line // 0;
	waitpid $s->[0], 0;
}
@senders = ();
is($acknowledged, $messages, 'the provider hears 200 for each message in the end');
my $mine = "messages where content like 'fault %'";
ok(wait_for(60, sub { $k->psql("select count(*) from $mine") == $messages }), 'CHA-29 MSG-52 each becomes a message');
is($k->psql("select count(distinct external_id) from $mine"), $messages, 'MSG-53 once');
is($k->psql("select count(*) from events where type = 'message.received' and record_id in (select id from $mine)"), $messages,
	'MSG-58 with one event');
is($k->psql("select count(*) from conversations where channel_account_id = '$tg->{id}' and external_id like '9000%'"), $people,
	'INB-42 in one conversation for each person');
is($k->psql("select count(*) from inbound_hooks where state <> 'done' and organization_id = '$t->{organization_id}'"), 0,
	'CHA-31 no call is left over');
done_testing;
