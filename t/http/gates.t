#!/usr/bin/perl
# Gates, approvals, assignment and figures as programs meet them: the same rules
# by PATCH, by filter, in bulk; what a refusal leaves behind; the mail to the
# approver; the timers.
use strict;
use utf8;
use warnings;
use Kontor;
use Kontor::Tenant;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;
my $t = Kontor::Tenant->new('gates');
my $approver = Kontor::psql("select internal.create_user('$t->{organization_id}', 'ali-$$\@gates.example', null, 'Ali', 'Approver', 'AGENT')");
$t->sql("update profiles set language = 'ar' where id = '$approver'");
my $contact = $t->call('create-lead', { first_name => 'Gina', email => 'gina@gates.example' })->{json}{data}{contact}{id};

my $r = $t->proxy(POST => 'pipelines', json => { name => 'Gated', stages => [
	{ id => 'new', name => 'New' }, { id => 'qualified', name => 'Qualified' },
	{ id => 'proposal', name => 'Proposal', gate => { mode => 'hard', conditions => [{ kind => 'field', field => 'expected_close_date' },
		{ kind => 'approval', user_id => $approver }] } },
	{ id => 'won', name => 'Won' }, { id => 'lost', name => 'Lost' }] }, headers => { Prefer => 'return=representation' });
is($r->{status}, 201, 'GAT-10 a pipeline with a gate is made by the API');
my $pipeline = $r->{json}[0]{id};
$r = $t->proxy(GET => "pipeline_stages?pipeline_id=eq.$pipeline&gate_mode=not.is.null&select=stage,gate_mode,gate_conditions");
is_deeply([map { "$_->{stage} $_->{gate_mode} " . @{ $_->{gate_conditions} } } @{ $r->{json} }], ['proposal hard 2'], 'GAT-3 its stages are a table of the API');
$r = $t->proxy(PATCH => "pipelines?id=eq.$pipeline", json => { stages => [{ id => 'x', gate => { mode => 'hard', conditions => [{ kind => 'moon' }] } }] });
is("$r->{status} $r->{json}{error}", '400 Stage "x": a condition is one of field, task, approval', 'a condition of another kind is refused') or diag explain $r->{json};

sub deal {
	my $made = $t->proxy(POST => 'deals', json => { title => $_[0], contact_id => $contact, pipeline_id => $pipeline, value => 1000 }, headers => { Prefer => 'return=representation' });
	return $made->{json}[0]{id};
}
my ($one, $two) = (deal('One'), deal('Two'));
$r = $t->proxy(PATCH => "deals?id=eq.$one", json => { stage => 'proposal' });
is($r->{status}, 409, 'GAT-12 GAT-16 PATCH is stopped by a hard gate');
like($r->{json}{error}, qr/"One" cannot go to this stage yet: fill in "Close date"; Ali Approver has to approve/, 'and told everything that is missing');
like(json_encode($r->{json}), qr/condition_id/, 'with the conditions for a program to read');
is($t->sql("select count(*) from deal_approvals where deal_id = '$one' and state = 'pending'"), 1, 'GAT-15 the refused move has asked for the approval all the same');
$t->proxy(PATCH => "deals?id=eq.$one", json => { stage => 'won' });
is($t->sql("select count(*) from deal_approvals where deal_id = '$one'"), 1, 'GAT-15 once per deal and gate, however often one tries');
is($t->sql("select kind || ' ' || record_id from notifications where user_id = '$approver'"), "approval.requested $one", 'GAT-15 the approver is told');
my $mail = wait_for(20, sub { $t->sql("select payload from job.jobs where organization_id = :org and kind = 'mail'") });
like($mail, qr/ali-$$\@gates/, 'GAT-15 and written a mail');
like($mail, qr/One/, 'that names the deal');
like($mail, qr/lang=\\"ar\\" dir=\\"rtl\\"/, 'in his language');
unlike($mail, qr/Unnamed/, 'without a name for a program that asked');
$r = $t->proxy(PATCH => "deals?pipeline_id=eq.$pipeline&stage=eq.new", json => { stage => 'proposal' });
is($r->{status}, 409, 'GAT-16 nor does a PATCH by filter pass');
$r = $t->call('create-deals-bulk', { default_pipeline_id => $pipeline, deals => [{ title => 'Bulk', contact_id => $contact, stage => 'proposal' }, { title => 'Bulk 2', contact_id => $contact }] });
is_deeply([map { $_->{success} ? 'made' : $_->{error} =~ /cannot go to this stage/ ? 'stopped' : $_->{error} } @{ $r->{json}{results} }], ['stopped', 'made'],
	'GAT-16 create-deals-bulk is stopped row by row');
$r = $t->proxy(POST => 'rpc/deal_gate', json => { deal => $two, to_stage => 'won' });
is(join(', ', map { "$_->{kind} $_->{mode}" } @{ $r->{json} }), 'field hard, approval hard', 'GAT-12 deal_gate says it beforehand') or diag explain $r;
$r = $t->proxy(PATCH => "deals?id=eq.$two", json => { stage => 'lost', discard_reason => 'Found by a program' });
is($t->sql("select discard_reason from deals where id = '$two'"), 'Found by a program', 'DEA-65 a program sends its own reason');
$t->proxy(PATCH => "deals?id=eq.$one", json => { expected_close_date => '2031-01-31' });
my $approval = $t->proxy(GET => "deal_approvals?deal_id=eq.$one&state=eq.pending&select=id")->{json}[0]{id};
$r = $t->proxy(POST => 'rpc/answer_approval', json => { approval => $approval, approve => JSON::PP::false });
is($r->{status}, 400, 'GAT-15 a no needs a comment');
$r = $t->proxy(POST => 'rpc/answer_approval', json => { approval => $approval, approve => JSON::PP::true });
is($r->{status}, 200, 'GAT-15 a key of administrators answers') or diag explain $r;
is($t->sql("select stage from deals where id = '$one'"), 'proposal', 'GAT-15 and the deal moves');

# ---- figures ------------------------------------------------------------------------

$r = $t->proxy(POST => 'exchange_rates', json => { currency => 'EUR', rate => 1.1 });
is($r->{status}, 201, 'a rate is written by the API');
$t->proxy(POST => 'deals', json => { title => 'In euro', contact_id => $contact, pipeline_id => $pipeline, value => 100, currency => 'EUR', probability => 50, expected_close_date => '2031-01-15' });
$r = $t->proxy(POST => 'rpc/forecast', json => { from_month => '2031-01-01', to_month => '2031-01-01', pipeline => $pipeline });
is($r->{json}[0]{open_value} + 0, 1110, 'DEA-69 two currencies in one forecast') or diag explain $r;
$r = $t->proxy(POST => 'rpc/move_deals', json => { deals => [$one, $two], to_stage => 'new' });
is(join(' ', sort map { $_->{outcome} } @{ $r->{json} }), 'moved moved', 'DEA-44 DEA-47 several deals move at once') or diag explain $r;

# ---- timers -----------------------------------------------------------------------------

$t->sql("update deals set stage_entered_at = now() - interval '8 days' where id = '$one'");
Kontor::psql("update job.timers set next_at = now() where name = 'deal_clock'");
ok(wait_for(30, sub { $t->sql("select count(*) from events where organization_id = :org and type = 'deal.stalled' and record_id = '$one'") eq '1' }),
	'GAT-9 the worker tells of a deal that has stalled');

# Idle ones go to somebody who is there; two and a half weeks without a change.
my $absent = Kontor::psql("select internal.create_user('$t->{organization_id}', 'away-$$\@gates.example', null, 'Ab', 'Sent', 'AGENT')");
$t->sql("update profiles set is_online = id = '$approver' where organization_id = :org");
$t->sql("update deals set owner_id = '$absent', stage = 'new' where id in ('$one', '$two')");
$t->sql("begin; alter table deals disable trigger touch; update deals set updated_at = now() - interval '17 days' where id = '$two';
	alter table deals enable trigger touch; commit");
$t->sql("update organizations set settings = settings || '{\"reassign_idle_deals\": true, \"reassign_after_days\": 7}' where id = :org");
Kontor::psql("update job.timers set next_at = now() where name = 'deal_clock'");
ok(wait_for(30, sub { $t->sql("select owner_id from deals where id = '$two'") eq $approver }), 'UCF-31 DEA-60 the worker finds what nobody has touched');
is($t->sql("select owner_id from deals where id = '$one'"), $absent, 'UCF-31 and nothing else');
$r = $t->proxy(GET => "deal_owner_history?reason=eq.Auto-reassigned&select=deal_id,owner_id,previous_owner_id");
is_deeply($r->{json}, [{ deal_id => $two, owner_id => $approver, previous_owner_id => $absent }], 'UCF-31 DEA-63 what was reassigned can be read afterwards') or diag $r->{content};
done_testing;
