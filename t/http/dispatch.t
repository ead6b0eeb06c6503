#!/usr/bin/perl
# The outbox: numbers without gaps in commit order, and what survives kill -9
# of the worker in the middle of 1,000 deliveries and 1,000 inbound messages.
use strict;
use warnings;
use IO::Handle;
use Kontor;
use Kontor::Receiver;
use Test::More;
use Time::HiRes qw(sleep time);

my $k = own_instance(demo => 1, conf => { net_insecure_webhooks => 'on', net_allow => '127.0.0.1',
	webhook_retry_s => '1,1,1,1,1' });
my $rx    = Kontor::Receiver->start;
my $org   = $k->json->{tenants}[0]{organization_id};
my $other = $k->json->{tenants}[1]{organization_id};

sub sql { return $k->psql($_[0]) }

sub numbered {
	return wait_for(20, sub { sql('select count(*) from events where seq is null') == 0 });
}

sub gaps {
	return sql("select count(*) from (select seq, row_number() over (partition by organization_id order by seq) n from events) x where seq <> n");
}

# A session that can stay open.
sub open_session {
	my $pid = open my $fh, '|-', 'psql', '-XAtq', '-o', '/dev/null', $k->json->{database_url} or die "psql: $!\n";
	$fh->autoflush(1);
	return $fh;
}

# ---- numbers -----------------------------------------------------------------------------

ok(numbered(), 'every event gets a number');
is(gaps(), 0, 'without gaps from 1 on');

my $late = open_session();
print $late "begin; insert into contacts (organization_id, first_name) values ('$org', 'Late');\n";
sleep 0.5;
my $start = time;
sql("insert into contacts (organization_id, first_name) values ('$org', 'Early')");
cmp_ok(time - $start, '<', 1, 'a writer waits for no other');
ok(wait_for(5, sub { sql("select seq from events where data ->> 'first_name' = 'Early'") }),
	'an event behind an open transaction is numbered');
print $late "commit;\n";
close $late;
ok(wait_for(5, sub { sql("select seq from events where data ->> 'first_name' = 'Late'") }), 'so is the one that commits late');
is(sql("select (select seq from events where data ->> 'first_name' = 'Late') > (select seq from events where data ->> 'first_name' = 'Early')"
	. ", (select position from events where data ->> 'first_name' = 'Late') < (select position from events where data ->> 'first_name' = 'Early')"),
	't|t', 'with a later number, although it was written earlier');
is(gaps(), 0, 'and no gap');

my $rolled = open_session();
print $rolled "begin; insert into contacts (organization_id, first_name) values ('$org', 'Never'); rollback;\n";
close $rolled;
my @writers = map { my $fh = open_session(); $fh } 1 .. 4;
for my $i (1 .. 100) {
	print { $writers[$i % 4] } "insert into contacts (organization_id, first_name) values ('" . ($i % 3 ? $org : $other) . "', 'W$i');\n";
}
close $_ for @writers;
ok(numbered(), 'four writers for two tenants: all numbered');
is(gaps(), 0, 'a rollback leaves no gap, neither do many writers');

# ---- kill -9 ---------------------------------------------------------------------------------

my ($out) = $k->kontor('webhook', 'create', '--tenant', $org, '--url', $rx->url('/slow/5'), '--events', 'contact.created');
my ($hook) = $out =~ /"webhook_id": "([^"]+)"/;
is(sql("select count(*) from webhook_deliveries where webhook_id = '$hook'"), 0, 'a new webhook gets no old events');
sql("insert into contacts (organization_id, first_name) select '$org', 'K' || i from generate_series(1, 1000) i");

my $channel = $k->json->{tenants}[0]{channels}{telegram} // $k->json->{channels}{telegram};
sql("insert into inbound_hooks (organization_id, channel_account_id, dedupe, body)"
	. " select '$org', '$channel->{id}', 'kill' || i, convert_to(json_build_object('update_id', 880000 + i, 'message',"
	. " json_build_object('message_id', 880000 + i, 'date', 1763700000, 'text', 'kill ' || i, 'from', json_build_object("
	. "'id', 88000 + i % 50, 'is_bot', false, 'first_name', 'K'), 'chat', json_build_object('id', 88000 + i % 50, 'type', 'private')))::text, 'utf8')"
	. " from generate_series(1, 1000) i");
my $kills = 0;
for my $part (200, 500, 800) {
	wait_for(60, sub { sql("select count(*) from webhook_deliveries where webhook_id = '$hook' and state = 'delivered'") >= $part });
	my @pids = $k->pids('worker');
	$kills += kill KILL => $pids[-1];
}
is($kills, 3, 'the worker was killed three times');
ok(wait_for(90, sub { sql("select count(*) from webhook_deliveries where webhook_id = '$hook' and state = 'delivered'") >= 1000 }),
	'every event is delivered all the same');
ok(wait_for(60, sub { sql("select count(*) from job.jobs where kind in ('webhook', 'inbound')") == 0 }), 'no job is left over');
my %ids;
$ids{ $_->{headers}{'webhook-id'} }++ for $rx->requests('/slow/5');
my $events = sql("select count(*) from events where organization_id = '$org' and type = 'contact.created' and id in"
	. " (select event_id from webhook_deliveries where webhook_id = '$hook')");
is(scalar(keys %ids), $events, 'WHK-58 a receiver that keeps ids has each event once');
note(scalar(grep { $_ > 1 } values %ids) . ' events came twice, under their id');
is(sql("select count(*) from (select event_id from webhook_deliveries where webhook_id = '$hook' group by 1 having count(*) > 1) x"), 0,
	'one delivery for each event and webhook');
is(sql("select count(*) from messages where content like 'kill %'"), 1000, 'every inbound message is there');
is(sql("select count(distinct external_id) from messages where content like 'kill %'"), 1000, 'and none twice');
is(sql("select count(*) from events where type = 'message.received' and data ->> 'content' like 'kill %'"), 1000, 'with one event each');
ok(numbered(), 'all events have numbers');
is(gaps(), 0, 'without gaps');

# ---- shut-down ----------------------------------------------------------------------------------

my $slow = Kontor::Receiver->start;
$k->kontor('webhook', 'create', '--tenant', $org, '--url', $slow->url('/slow/1500'), '--events', 'company.created');
sql("insert into companies (organization_id, name) values ('$org', 'Last')");
wait_for(10, sub { $slow->requests });
my @pids = $k->pids('worker');
kill TERM => $pids[-1];
ok(wait_for(10, sub { sql("select count(*) from webhook_logs where event_type = 'company.created' and status = 'success'") == 1 }),
	'a call under way at SIGTERM is finished');
sleep 0.5;
is(scalar($slow->requests), 1, 'and not made again');

$k->stop;
done_testing;
