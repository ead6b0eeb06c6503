#!/usr/bin/perl
# The queue: fair, exactly once, nothing lost when a worker dies. Kinds that
# the worker does not know, so that it leaves these jobs alone.
use strict;
use warnings;
use Kontor;
use Test::More;

my $a    = tenant(0)->{organization_id};
my $b    = tenant(1)->{organization_id};
my $kind = "test.$$";
my $zero = '00000000-0000-0000-0000-000000000000';

sub claim {
	my ($worker, $room, %o) = @_;
	my $k     = $o{kind}  // $kind;
	my $lanes = $o{lanes} // $room;
	return "select organization_id, key, attempts from job.claim('$worker', '{$k}', '{$room}', '{$lanes}',"
		. " '{}', '{}', '{}', '" . ($o{after} // $zero) . "')";
}

# Lines of one session: claiming and what follows must be the same worker.
sub session { return map { [split /\|/] } split /\n/, psql($_[0]) }

END { psql("delete from job.jobs where kind like 'test.$$%'") if $a }

# ---- fair ----------------------------------------------------------------------

psql("insert into job.jobs (organization_id, kind, key) select '$a', '$kind', 'a' || i from generate_series(1, 1000) i;"
	. "insert into job.jobs (organization_id, kind, key) values ('$b', '$kind', 'b1')");
my @got = session(claim('fair', 10));
is(scalar(@got), 6, 'an equal share for each tenant, the rest stays for the next turn');
ok((grep { $_->[1] eq 'b1' } @got[0, 1]), "a tenant with 1,000 jobs does not hold up another's single one");

psql("update job.jobs set state = 'ready', locked_by = null where kind = '$kind'");
@got = session(claim('fair', 1) . ';' . claim('fair', 1, after => $a));
is_deeply([map { $_->[0] } @got], [sort($a, $b)]->[0] eq $a ? [$a, $b] : [$b, $b], 'turns go on behind the last tenant served');
psql("delete from job.jobs where kind = '$kind'");

# ---- lanes ---------------------------------------------------------------------

psql("insert into job.jobs (organization_id, kind, key, lane) select '$a', '$kind', 'slow' || i, '$a' from generate_series(1, 100) i;"
	. "insert into job.jobs (organization_id, kind, key, lane) values ('$a', '$kind', 'quick', '$b')");
# In one session: what a worker holds that is gone becomes ready again.
my ($first, $then) = split /^--\n/m, psql(claim('lanes', 20, lanes => 4)
	. ";select '--';select key from job.claim('lanes', '{$kind}', '{20}', '{4}', '{$kind}', '{$a}', '{$a}', '$zero')");
is(scalar(() = $first =~ /slow/g), 4, 'one lane gets no more than its room');
is(scalar(() = $first =~ /quick/g), 1, 'another lane of the tenant goes past it');
is($then // '', '', 'a busy lane is left alone');
psql("delete from job.jobs where kind = '$kind'");

# ---- who is spoken to does not wait behind a mailing -------------------------------

my $last = 'ffffffff-ffff-7fff-bfff-ffffffffffff';
psql("insert into job.jobs (organization_id, kind, key, lane, priority, run_at) select '$a', '$kind', 'mailing' || i, uuid7(), 3, now() - interval '1 hour'
	from generate_series(1, 200) i;
	insert into job.jobs (organization_id, kind, key, lane, priority) values ('$a', '$kind', 'answer', '$last', 2)");
@got = session(claim('urgent', 5, lanes => 1));
is($got[0][1], 'answer', 'an answer goes out before two hundred queued messages, whose lanes come first');
is(scalar(@got), 5, 'and they have the room that it leaves');
psql("delete from job.jobs where kind = '$kind'");
psql("insert into job.jobs (organization_id, kind, key, lane, priority, run_at) select '$a', '$kind', 'talk' || i, ('ffffffff-ffff-7fff-bfff-' || lpad((900 - i)::text, 12, '0'))::uuid,
	2, now() - interval '1 minute' + i * interval '1 second' from generate_series(1, 20) i");
@got = session(claim('urgent', 3, lanes => 1));
is(join(' ', map { $_->[1] } @got), 'talk1 talk2 talk3', 'of answers the one that waits longest goes first');
psql("insert into job.jobs (organization_id, kind, key, lane, priority, run_at) select '$a', '$kind', 'many' || i, '$last', 2, now() - interval '1 hour'
	from generate_series(1, 100) i");
@got = session("select key from job.claim('urgent', '{$kind}', '{3}', '{1}', '{$kind}', '{$a}', '{$last}', '$zero')");
is(scalar(@got), 3, 'also behind a hundred of a lane that is busy');
psql("delete from job.jobs where kind = '$kind'");

# A program's message, then a member's in the same conversation: one after the other, both now.
my $spoken = psql("select id from conversations where organization_id = '$a' order by id limit 1");
my $member = psql("select user_id from user_roles where organization_id = '$a' order by role limit 1");
my $send = sub { my ($text, $who) = @_; "insert into messages (organization_id, conversation_id, direction, content, sender_id) values ('$a', '$spoken', 'OUTBOUND', '$text $$', $who)" };
my $order = "select string_agg(m.content || ' ' || j.priority, ', ' order by j.priority, j.run_at, j.id) from job.jobs j join messages m on m.id = j.key::uuid
	where j.kind = 'send_message' and m.content like '% $$'";
is(psql("begin; " . $send->('program', 'null') . "; $order; rollback"), "program $$ 3", 'what a program sends stands behind');
is(psql("begin; " . $send->('program', 'null') . '; ' . $send->('member', "'$member'") . "; $order; rollback"), "program $$ 2, member $$ 2",
	'what waits in a conversation goes with the answer of a member, and before it');
psql("delete from job.jobs where kind = '$kind'");

# ---- order ---------------------------------------------------------------------

psql("insert into job.jobs (organization_id, kind, key, priority) values ('$a', '$kind', 'low', 9), ('$a', '$kind', 'high', 0);"
	. "insert into job.jobs (organization_id, kind, key, run_at) values ('$a', '$kind', 'later', now() + interval '1 hour')");
is_deeply([map { $_->[1] } session(claim('order', 10))], ['high', 'low'], 'priority first; what is not due waits');
is(psql("select state from job.jobs where kind = '$kind' and key = 'later'"), 'waiting', 'a job with a time to come is not ready');
psql("update job.jobs set run_at = now() - interval '1 second' where kind = '$kind' and key = 'later'");
# The first two may come again: the session that took them is over.
is(wait_for(5, sub { (grep { $_ eq 'later' } map { $_->[1] } session(claim('order', 10)))[0] }), 'later', 'at its time it is');
psql("delete from job.jobs where kind = '$kind'");

# ---- unique --------------------------------------------------------------------

psql("select job.enqueue('$a', '$kind', 'one', '{\"n\":1}'), job.enqueue('$a', '$kind', 'one', '{\"n\":2}')");
is(psql("select count(*), min(payload ->> 'n') from job.jobs where kind = '$kind'"), '1|1', 'a key is in the queue once');
session(claim('unique', 1));
psql("select job.enqueue('$a', '$kind', 'one', '{}')");
is(psql("select count(*) from job.jobs where kind = '$kind'"), 1, 'also while it runs');
psql("delete from job.jobs where kind = '$kind'");

# ---- many workers ----------------------------------------------------------------

psql("insert into job.jobs (organization_id, kind, key) select '$a', '$kind', i from generate_series(1, 400) i");
my $dsn = kontor_json()->{database_url};
my @pipes = map {
	my $n = $_;
	open my $fh, '-|', 'psql', '-XAtq', $dsn, map { ('-c', claim("w$n", 10)) } 1 .. 12 or die "psql: $!\n";
	$fh;
} 1 .. 4;
my %times;
for my $fh (@pipes) {
	$times{ (split /\|/)[1] }++ while <$fh>;
	close $fh;
}
is(scalar(keys %times), 400, 'four workers at once take every job');
is(scalar(grep { $_ > 1 } values %times), 0, 'and none of them twice');
psql("delete from job.jobs where kind = '$kind'");

# ---- a worker that dies --------------------------------------------------------------

psql("select job.enqueue('$a', '$kind', 'killer', '{}')");
session(claim('dead1', 1));
psql('select job.reap()');
is(psql("select state, attempts, crashes from job.jobs where kind = '$kind'"), 'ready|1|1',
	'a job whose worker is gone is ready again, its attempt counted');
is((session(claim('alive', 1) . '; select job.reap(); ' . "select state from job.jobs where kind = '$kind'"))[-1][0],
	'running', 'that of a living worker is left alone');
psql('select job.reap()');
is(scalar(session(claim('dead3', 1))), 0, 'a job over which workers died twice is not taken among others');
my $suspect = "select key from job.claim_suspect('dead3', '{$kind}')";
is(psql($suspect), 'killer', 'but by itself');
psql('select job.reap()');
for (4 .. 10) {
	psql($suspect);
	psql('select job.reap()');
}
is(psql("select state, crashes from job.jobs where kind = '$kind'"), 'dead|10', 'at the tenth death it is dead: no endless loop');

# ---- dead letters --------------------------------------------------------------------

like(psql("select key, last_error from job.dead_letters('$a') where kind = '$kind'"), qr/^killer\|The worker ended/,
	'dead letters can be looked at');
my $id = psql("select id from job.jobs where kind = '$kind'");
is(psql("select job.rerun('$a', $id)"), 't', 'and run again');
is(psql("select state, attempts, crashes from job.jobs where id = $id"), 'ready|0|0', 'from the start');
is(psql("select job.rerun('$b', $id)"), 'f', 'not under another tenant');
psql("update job.jobs set state = 'dead' where id = $id; select job.enqueue('$a', '$kind', 'killer', '{}')");
is(psql("select job.rerun('$a', $id)"), 'f', 'not beside the same work that is in the queue already');

# ---- failing and finishing ---------------------------------------------------------------

psql("delete from job.jobs where kind = '$kind'; select job.enqueue('$a', '$kind', 'x', '{}')");
my $own = "(select id from job.jobs where kind = '$kind')";
session(claim('f', 1) . "; select job.fail('f', '$a', $own, 'no luck', 60000)");
is(psql("select state, attempts, last_error, run_at > now() + interval '55 seconds' from job.jobs where kind = '$kind'"),
	'waiting|1|no luck|t', 'a failed job waits for its next attempt');
psql("update job.jobs set state = 'ready' where kind = '$kind'");
session(claim('f', 1) . "; select job.fail('f', '$a', $own, 'come back', 0, false)");
is(psql("select attempts from job.jobs where kind = '$kind'"), 1, 'a postponed attempt is not counted');
psql("update job.jobs set state = 'ready' where kind = '$kind'");
# In one session: the instance's own worker takes jobs back from sessions that ended.
my @said = session(claim('f', 1) . "; select job.fail('stranger', '$a', $own, 'x', null); select 'state', state from job.jobs"
	. " where kind = '$kind'; select job.done('f', array['$a']::uuid[], array[$own])");
is_deeply([grep { ($_->[0] // '') eq 'state' } @said], [['state', 'running']], "a worker cannot end another's job");
is(psql("select count(*) from job.jobs where kind = '$kind'"), 0, 'a finished job is gone');

# ---- rights ---------------------------------------------------------------------------------

is(psql("select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('job', 'event')"
	. " and (has_function_privilege('anon', p.oid, 'execute') or has_function_privilege('authenticated', p.oid, 'execute'))"),
	0, 'people can call nothing of the queue');

done_testing;
