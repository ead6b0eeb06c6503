#!/usr/bin/perl
# Tasks over HTTP: both forms of the API, what others hear of them, quick adding
# in two languages, changes of many with undo, the queue, the export, sizes.
use strict;
use warnings;
use utf8;
use Kontor;
use Test::More;

binmode Test::More->builder->$_, ":encoding(UTF-8)" for qw(output failure_output todo_output);
my $mine  = tenant(0);
my $org   = $mine->{organization_id};
my $other = tenant(1);
my $mark  = "tk$$" . time;

sub token_of {
	my ($user) = @_;
	my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
		json => { email => $user->{email}, password => $user->{password} });
	return $r->{json}{access_token} // die "no token: $r->{content}\n";
}
my $owner = token_of($mine->{users}[0]);
my $agent = token_of($mine->{users}[1]);
my ($me, $omar) = map { psql("select id from profiles where organization_id = '$org' and email = '$mine->{users}[$_]{email}'") } 0, 1;

sub rest {
	my ($method, $path, %o) = @_;
	return api($method, "/rest/v1/$path", apikey => kontor_json()->{anon_key}, bearer => $owner,
		headers => { Prefer => 'return=representation' }, %o);
}
sub make {
	my (%row) = @_;
	my $r = rest(POST => 'tasks', json => { organization_id => $org, %row });
	is($r->{status}, 201, "made: $row{title}") or diag($r->{content});
	return $r->{json}[0];
}

# ---- the API: path id and query, plain values ---------------------------------------

my $contact = psql("select id from contacts where organization_id = '$org' order by created_at limit 1");
my $t = make(title => "$mark Follow up call", description => 'Call John about quote', due_date => '2025-01-15T10:00:00Z',
	priority => 'HIGH', assignee_id => $me, contact_id => $contact, deal_id => undef);
my $r = rest(PATCH => "tasks/$t->{id}", json => { completed => JSON::PP::true, priority => 'MEDIUM' });
is("$r->{json}[0]{status} $r->{json}[0]{priority}", 'Complete MEDIUM', 'TSK-5 TSK-7 PATCH /rest/v1/tasks/{id}');
$r = rest(GET => "tasks?assignee_id=$me&contact_id=$contact&completed=true&priority=MEDIUM&title=eq.$mark%20Follow%20up%20call");
is(scalar @{ $r->{json} }, 1, 'TSK-40 plain values filter');
$r = rest(PATCH => "tasks?id=eq.$t->{id}", json => { completed => JSON::PP::false });
is("$r->{json}[0]{status}", 'To Do', 'TSK-8 by the query form as well');
$r = rest(GET => "tasks?id=eq.$t->{id}&select=id,is_blocked,is_open");
is_deeply($r->{json}[0], { id => $t->{id}, is_blocked => JSON::PP::false, is_open => JSON::PP::true }, 'GAT-31 is_blocked is a column that can be asked for');

my $first = make(title => "$mark first");
my $second = make(title => "$mark second");
$r = rest(POST => 'task_dependencies', json => { task_id => $second->{id}, blocked_by_id => $first->{id} });
is($r->{status}, 201, 'GAT-29 a dependency by the API');
$r = rest(PATCH => "tasks/$second->{id}", json => { status => 'In Progress' });
is($r->{status}, 409, 'GAT-32 the API does not start a blocked task either');
like($r->{content}, qr/blocked by .*\Q$mark\E first/, 'GAT-32 and says by what');
$r = rest(PATCH => "tasks/$second->{id}", json => { completed => JSON::PP::true });
is($r->{status}, 409, 'GAT-32 nor completes it');
rest(PATCH => "tasks/$first->{id}", json => { status => 'cancelled' });
$r = rest(PATCH => "tasks/$second->{id}", json => { status => 'In Progress' });
is($r->{status}, 200, 'GAT-33 its blocker cancelled, it is started') or diag($r->{content});
$r = rest(POST => 'task_dependencies', json => { task_id => $first->{id}, blocked_by_id => $second->{id} });
is($r->{status}, 409, 'GAT-29 a circle is refused');
$r = rest(POST => 'task_checklist_items', json => { task_id => $first->{id}, title => 'one step' });
is($r->{status}, 201, 'a checklist by the API');
$r = api(GET => "/rest/v1/task_checklist_items?task_id=eq.$first->{id}", apikey => kontor_json()->{anon_key}, bearer => token_of($other->{users}[0]));
is($r->{content}, '[]', 'of another organization it does not exist');

# ---- the queue ----------------------------------------------------------------------------

my $team = psql("select id from teams where organization_id = '$org' and name = 'Customer care'");
my $q = make(title => "$mark queue", team_id => $team);
my @claims = map { rest(POST => 'rpc/claim_task', bearer => $_, json => { task => $q->{id} }) } $owner, $agent;
is(join(' ', map { $_->{status} } @claims), '200 409', 'GAT-26 the first claim wins, the second fails');
is(psql("select assignee_id from tasks where id = '$q->{id}'"), $me, 'GAT-26 and changes nothing');
my @each = @{ rest(POST => 'rpc/assign_task_to_team', json => { task => make(title => "$mark all")->{id}, team => $team })->{json} };
is(scalar(@each), psql("select count(*) from team_members m join profiles p on p.id = m.user_id and p.is_active where m.team_id = '$team'"),
	'UC-TASK-004 everybody of the team has one');

# ---- what comes due ---------------------------------------------------------------------------

my $late = make(title => "$mark late", due_date => '2025-01-01T10:00:00Z', assignee_id => $omar);
ok(wait_for(20, sub { psql("select count(*) from events where record_id = '$late->{id}' and type = 'task.overdue'") }),
	'TSK-35 the worker tells that it is overdue');
is(psql("select count(*) from notifications where record_id = '$late->{id}' and kind = 'task.assigned' and user_id = '$omar'"), 1,
	'UC-TASK-002 the assignee hears of it');
my $soon = make(title => "$mark soon", due_date => psql("select to_char(now() + interval '3 seconds', 'YYYY-MM-DD\"T\"HH24:MI:SSOF')"), assignee_id => $omar);
ok(wait_for(25, sub { psql("select count(*) from notifications where record_id = '$soon->{id}' and kind = 'task.due' and user_id = '$omar'") }),
	'UC-TASK-001 a notice when it is due');
is(psql("select count(*) from notifications where record_id = '$soon->{id}' and kind = 'task.due'"), 1, 'once');
psql("update job.timers set next_at = now()");
ok(wait_for(20, sub { !psql('select count(*) from internal.task_deltas') }), 'TSK-44 the worker folds the figures');
$r = rest(POST => 'rpc/task_analytics', json => { days => 30 });
cmp_ok($r->{json}{overdue}{count}, '>=', 1, 'TSK-47 figures by the API');

# ---- pages --------------------------------------------------------------------------------------

my $b = browser(email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password});
my $json = { Accept => 'application/json' };
sub page { return $b->get($_[0])->{content} }
sub post { my ($path, %f) = @_; my $got = $b->post($path, \%f, headers => $json);
	$got->{json} = eval { json_decode($got->{content}) }; return $got }
sub titles { return join '|', map { s/^\Q$mark\E //r } $_[0] =~ m{class="task-title"[^>]*>(\Q$mark\E [^<]*)<}g }
sub escaped { my $text = shift; utf8::encode($text) if utf8::is_utf8($text); return $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger }

# One line becomes a task; days are checked by the organization's clock.
my $zone = "(select timezone from organizations where id = '$org')";
my $today = "(now() at time zone $zone)::date";
sub next_day { return "$today + coalesce(nullif(($_[0] - extract(isodow from $today)::int + 7) % 7, 0), 7)" }
my $n = 0;
for ([ 'Call Anna tomorrow 10:00 !high @omar #offer', 'Call Anna', 'HIGH', $omar, "$today + 1", '10:00', 'offer' ],
	[ 'Send the papers on friday at 5pm', 'Send the papers', 'MEDIUM', $me, next_day(5), '17:00', '' ],
	[ 'Plan next week !low', 'Plan', 'LOW', $me, next_day(1), '23:59', '' ],
	[ 'Renew in 2 weeks', 'Renew', 'MEDIUM', $me, "$today + 14", '23:59', '' ],
	[ 'Audit 2031-03-31 #a #b', 'Audit', 'MEDIUM', $me, "date '2031-03-31'", '23:59', 'a,b' ],
	[ 'Room 12 on the 3rd floor', 'Room 12 on the 3rd floor', 'MEDIUM', $me, undef, undef, '' ],
	[ 'Ask @nobodyhere today', 'Ask @nobodyhere', 'MEDIUM', $me, $today, '23:59', '' ],
	[ 'اتصل بسارة غدا ١٠:٣٠ !عالي', 'اتصل بسارة', 'HIGH', $me, "$today + 1", '10:30', '' ],
	[ 'اجتماع يوم الخميس الساعة 14:00', 'اجتماع', 'MEDIUM', $me, next_day(4), '14:00', '' ],
	[ 'متابعة بعد 3 أيام', 'متابعة', 'MEDIUM', $me, "$today + 3", '23:59', '' ]) {
	my ($line, $title, $priority, $who, $day, $clock, $tags) = @$_;
	page('/tasks') unless $n++;
	my $got = post('/tasks/quick', text => $line);
	my $id = $got->{json}{id} // '';
	my $row = psql("select concat_ws('|', title, priority, assignee_id, to_char(due_date at time zone $zone, 'YYYY-MM-DD HH24:MI'), array_to_string(tags, ',')) from tasks where id = '$id'") // '';
	my $due = defined $day ? psql("select to_char($day, 'YYYY-MM-DD') || ' $clock'") : undef;
	my $want = join '|', grep { defined } $title, $priority, $who, $due, $tags;
	utf8::decode($row) unless utf8::is_utf8($row);
	is($row, $want, "TSK-2 one line: $line");
	psql("delete from tasks where id = '$id'") if $id;
}
is(post('/tasks/quick', text => '   !high ')->{status}, 422, 'a line without a title is refused');

# ---- list, filters, groups ----------------------------------------------------------------------

psql("delete from tasks where organization_id = '$org' and title like '$mark%'");
psql("insert into tasks (organization_id, title, description, due_date, priority, status, assignee_id, tags) values
	('$org', '$mark overdue Follow up with John', 'about the <b>pump</b>', now() - interval '2 days', 'HIGH', 'To Do', '$me', '{t$mark}'),
	('$org', '$mark today', null, (($today) + time '23:59') at time zone $zone, 'MEDIUM', 'In Progress', '$omar', '{t$mark}'),
	('$org', '$mark upcoming', 'special words', now() + interval '3 days', 'LOW', 'To Do', null, '{t$mark}'),
	('$org', '$mark none', null, null, 'MEDIUM', 'To Do', '$me', '{t$mark}'),
	('$org', '$mark done', null, now() - interval '9 days', 'MEDIUM', 'Complete', '$me', '{t$mark}')");
my $list = page("/tasks?view=list&tag=t$mark");
is(titles($list), 'overdue Follow up with John|today|upcoming|none|done', 'TSK-15 in groups, by due date, without one last, what is done behind');
is(join('|', map { s/<[^>]+>//gr =~ s/^\s+|\s+$//gr } $list =~ m{<section class="task-group[^"]*">\s*<h2>(.*?)</h2>}gs), 'Overdue|Today|Upcoming|No due date|Completed', 'TSK-15 FACT-135 the five groups');
like($list, qr{task-group is-late">\s*<h2>.*?Overdue}s, 'TSK-16 FACT-135 Overdue has a red indicator');
like($list, qr/task-due today[^>]*>Today/, 'TSK-20 what is due today says so');
like($list, qr/Days late: 2/, 'UC-TASK-006 how many days it is late');
like($list, qr/class="chip"><span>Tag: <b[^>]*>t\Q$mark\E/, 'TSK-32 the page shows which filters are set');
my %want = ('status=pending' => 'overdue Follow up with John|today|upcoming|none', 'status=completed' => 'done', 'status=overdue' => 'overdue Follow up with John',
	'status=' => 'overdue Follow up with John|today|upcoming|none|done',
	'priority=HIGH' => 'overdue Follow up with John', 'priority=MEDIUM' => 'today|none|done', 'priority=LOW' => 'upcoming',
	'assignee=me' => 'overdue Follow up with John|none|done', 'assignee=none' => 'upcoming', "assignee=$omar" => 'today',
	'q=Follow' => 'overdue Follow up with John', 'q=john' => 'overdue Follow up with John', 'q=john+follow' => 'overdue Follow up with John',
	'q=special' => 'upcoming', 'q=nothing-like-it' => '', 'assignee=me&priority=HIGH' => 'overdue Follow up with John',
	'group=priority' => 'overdue Follow up with John|today|none|done|upcoming', 'group=status' => 'today|overdue Follow up with John|upcoming|none|done',
	'group=assignee' => 'overdue Follow up with John|none|done|today|upcoming', 'group=due' => 'overdue Follow up with John|today|upcoming|none|done');
my %rows = (status => 'TSK-28 FACT-137', priority => 'TSK-29 FACT-137 UC-TASK-003', assignee => 'TSK-30 TSK-38 FACT-137', q => 'TSK-31 FACT-137', group => 'TSK-19 FACT-135');
for (sort keys %want) {
	my ($name) = /^(\w+)/;
	is(titles(page("/tasks?view=list&tag=t$mark&$_")), $want{$_}, "$rows{$name} tasks by $_" . (/&/ ? ', TSK-32 combined' : ''));
}
like(page("/tasks?view=list&tag=t$mark&q=nothing-like-it"), qr/No task fits/, 'TSK-31 no hit is an empty list');
like($list, qr/\Q$mark\E overdue/, 'the title is there');
unlike(page("/tasks?view=list&tag=t$mark&q=pump"), qr/<b>pump/, 'script in a text shows as text');

# 50 per page, each task once over the pages, forwards and back.
psql("insert into tasks (organization_id, title, due_date, priority, tags) select '$org', '$mark p' || n, now() + n * interval '1 minute',
	(array['LOW', 'HIGH'])[1 + n % 2], '{p$mark}' from generate_series(1, 120) n");
for my $group ('', '&group=priority') {
	my (%seen, @sizes, @pages);
	my $path = "/tasks?view=list&tag=p$mark$group";
	while ($path) {
		my $html = page($path);
		my @t = $html =~ m{class="task-title"[^>]*>\Q$mark\E (p\d+)<}g;
		$seen{$_}++ for @t;
		push @sizes, scalar @t;
		push @pages, $html;
		($path) = $html =~ m{href="([^"]+)" rel="next"};
		$path =~ s/&amp;/&/g if $path;
	}
	is("@sizes " . keys(%seen), '50 50 20 120', "TSK-21 50 tasks per page, each once$group");
	my ($back) = $pages[2] =~ m{href="([^"]+)" rel="prev"};
	is(titles(page($back =~ s/&amp;/&/gr)), titles($pages[1]), "TSK-21 and back$group");
}
my $gz = $b->request(GET => "/tasks?view=list&tag=p$mark", { headers => { 'Accept-Encoding' => 'gzip' } });
cmp_ok(length $gz->{content}, '<', 60 * 1024, 'a page of 50 tasks is under 60 KB gzipped') if ($gz->{headers}{'content-encoding'} // '') eq 'gzip';

# ---- changes of many, undone --------------------------------------------------------------------------

my @ids = split /\n/, psql("select id from tasks where organization_id = '$org' and tags = '{p$mark}' order by due_date limit 3");
my $ids = join ',', @ids;
my $in = join ',', map { "'$_'" } @ids;
my $done = post('/tasks/bulk', ids => $ids, status => 'Complete');
is($done->{json}{n} . ' ' . psql("select count(*) from tasks where id in ($in) and completed"), '3 3', 'UC-TASK-007 FACT-139 several are marked as completed');
post('/tasks/undo', before => json_encode($done->{json}{before}));
is(psql("select count(*) from tasks where id in ($in) and status = 'To Do'"), 3, 'and undone');
post('/tasks/bulk', ids => $ids, priority => 'HIGH', assignee => $omar, due => 'tomorrow');
is(psql("select count(*) from tasks where id in ($in) and priority = 'HIGH' and assignee_id = '$omar' and (due_date at time zone $zone)::date = $today + 1"), 3,
	'FACT-139 priority, assignee and day of several');
my $gone = post('/tasks/bulk', ids => $ids, delete => 1);
is(psql("select count(*) from tasks where id in ($in)"), 0, 'TSK-6 FACT-139 several are deleted');
post('/tasks/undo', trash => $gone->{json}{trash});
is(psql("select count(*) from tasks where id in ($in) and assignee_id = '$omar'"), 3, 'and come back as they were');
my $whole = post("/tasks/bulk?tag=p$mark", all => 1, priority => 'LOW');
is($whole->{json}{n}, 120, 'all that the filters leave at once');
is(psql("select count(*) from tasks where organization_id = '$org' and priority = 'LOW' and tags = '{p$mark}'"), 120, 'and no other');
my $foreign = psql("insert into tasks (organization_id, title) values ('$other->{organization_id}', 'theirs') returning id");
is(post('/tasks/bulk', ids => $foreign, status => 'Complete')->{json}{n}, 0, 'tasks of another organization stay as they are');
is(post("/tasks/$foreign/set", status => 'Complete')->{status}, 404, 'and are not there');
psql("delete from tasks where id = '$foreign'");

# Deleted with its parts, and back with them.
my ($top) = psql("insert into tasks (organization_id, title) values ('$org', '$mark top') returning id");
psql("insert into tasks (organization_id, title, parent_id) values ('$org', '$mark sub', '$top')");
psql("insert into task_checklist_items (organization_id, task_id, title, done) values ('$org', '$top', 'step', true)");
psql("insert into notes (organization_id, task_id, content) values ('$org', '$top', 'kept')");
$gone = post("/tasks/$top/delete");
is(psql("select count(*) from tasks where title in ('$mark top', '$mark sub')"), 0, 'TSK-6 a task goes with its subtasks');
post('/tasks/undo', trash => $gone->{json}{trash});
is(psql("select (select count(*) from tasks where title in ('$mark top', '$mark sub')) || ' ' || (select count(*) from task_checklist_items where task_id = '$top' and done) || ' '
	|| (select count(*) from notes where task_id = '$top')"), '2 1 1', 'and comes back with subtasks, steps and notes');

# ---- rescheduling keeps the clock time ------------------------------------------------------------------

my $at = psql("insert into tasks (organization_id, title, due_date) values ('$org', '$mark at', (($today + 5) + time '14:30') at time zone $zone) returning id");
my $day = psql("select to_char($today + 9, 'YYYY-MM-DD')");
post("/tasks/$at/set", due => $day);
is(psql("select to_char(due_date at time zone $zone, 'YYYY-MM-DD HH24:MI') from tasks where id = '$at'"), "$day 14:30", 'TSK-25 another day keeps the time');
post("/tasks/$at/set", due => 'none');
is(psql("select due_date is null from tasks where id = '$at'"), 't', 'TSK-33 no due date can be chosen');
is(post("/tasks/$at/set", due => 'whenever')->{status}, 400, 'what is no date is refused');
like(page('/tasks?view=calendar&month=2031-02'), qr/data-day="2031-02-28"/, 'TSK-22 months can be changed');
is(scalar(() = page('/tasks?view=calendar&month=2031-02') =~ /data-day="2031-02/g), 28, 'TSK-22 a month has its days');
unlike(page("/tasks?view=calendar&tag=t$mark"), qr/\Q$mark\E none/, 'TSK-26 tasks without a due date are not in the calendar');
is(page('/tasks?view=calendar&month=9999-99') =~ /cal-day is-today/ ? 1 : 0, 1, 'a month that there is not is this one');
page('/tasks?view=list');

# ---- the form ---------------------------------------------------------------------------------------------

my $new = page("/tasks/new?contact_id=$contact");
like($new, qr/name="contact_id" value="\Q$contact\E"/, 'TSK-4 made from a contact, it is linked');
my $talk = psql("select c.id from conversations c where c.organization_id = '$org' order by created_at limit 1");
$new = page("/tasks/new?conversation_id=$talk");
like($new, qr/name="conversation_id" value="\Q$talk\E"/, 'UC-TASK-001 made from a conversation, that is linked');
like($new, qr/name="contact_id" value="[0-9a-f-]{36}"/, 'UC-TASK-001 with the contact');
is(($new =~ /name="due_day" value="([^"]+)"/)[0], psql("select to_char($today + 3, 'YYYY-MM-DD')"), 'UC-TASK-001 due in three days');
my $deal = psql("select id from deals where organization_id = '$org' and contact_id is not null order by created_at limit 1");
like(page("/tasks/new?deal_id=$deal"), qr/name="deal_id" value="\Q$deal\E".*|name="contact_id" value="[0-9a-f-]{36}"/s, 'UC-TASK-005 made from a deal, both are filled in');
my $id = psql('select uuid7()');
my %f = (id => $id, title => "$mark form", description => 'All fields', priority => 'HIGH', assign => $omar, due_day => '2031-05-06', due_time => '09:15',
	tags => 'one, two', contact_id => $contact, contact_name => 'x', deal_id => $deal, deal => 'x', repeat => 'FREQ=WEEKLY', reminder => '60');
$b->post('/tasks/new', \%f) for 1, 2;
is(psql("select count(*) from tasks where title = '$mark form'"), 1, 'sent twice, it is one task');
is(psql("select concat_ws('|', description, priority, assignee_id = '$omar', to_char(due_date at time zone $zone, 'YYYY-MM-DD HH24:MI'), tags, contact_id = '$contact',
	deal_id = '$deal', recurrence, due_date - reminder_at) from tasks where id = '$id'"), 'All fields|HIGH|t|2031-05-06 09:15|{one,two}|t|t|FREQ=WEEKLY|01:00:00', 'TSK-2 TSK-3 TSK-33 TSK-41 FACT-133 every value is kept');
my $detail = page("/tasks/$id");
like($detail, qr/$_/, "TSK-11 the details show $_") for "\Q$mark\E form", 'All fields', 'High', '6 May 2031 09:15', 'one', 'Every week';
like($detail, qr{href="/contacts/\Q$contact\E"}, 'TSK-12 a link to the contact');
like($detail, qr{href="/deals/\Q$deal\E"}, 'TSK-12 and to the deal');
like(page("/contacts/$contact"), qr/\Q$mark\E form/, 'TSK-40 TSK-42 the contact lists it');
like(page("/deals/$deal"), qr/\Q$mark\E form/, 'UC-TASK-005 TSK-42 so does the deal');
my $bad = $b->post('/tasks/new', { id => psql('select uuid7()'), title => '', due_time => '10:00', repeat => 'FREQ=DAILY', description => 'kept text' });
is($bad->{status}, 422, 'a form with faults comes back');
like($bad->{content}, qr/id="title-error"/, 'with the fault beside the field');
like($bad->{content}, qr/kept text/, 'and nothing typed is lost');
$bad = $b->post('/tasks/new', { id => psql('select uuid7()'), title => 'x', due_day => '2031-01-01', repeat => 'custom', recurrence => 'every monday' });
like($bad->{content}, qr/id="recurrence-error"/, 'a rule that is none is refused beside its field');
$b->post("/tasks/$id/edit", { title => "$mark edited", priority => 'LOW', assign => "team:$team", due_day => '', description => '' });
is(psql("select concat_ws('|', title, priority, assignee_id is null, team_id = '$team', due_date is null, recurrence is null) from tasks where id = '$id'"), "$mark edited|LOW|t|t|t|t", 'TSK-5 GAT-24 every field can be changed; to a queue as well');
$b->post('/tasks/new', { id => psql('select uuid7()'), title => "$mark each", assign => "each:$team" });
is(psql("select count(distinct assignee_id) from tasks where title = '$mark each'"), scalar @each, 'UC-TASK-004 one for each of a team');

# ---- a task's page: steps, notes, dependencies ----------------------------------------------------------------

$b->post("/tasks/$id/checklist", { title => 'Weigh it', new_id => $id });
$b->post("/tasks/$id/checklist", { title => 'Weigh it', new_id => $id });
is(psql("select count(*) from task_checklist_items where task_id = '$id'"), 1, 'a step, once');
$b->post("/tasks/$id/checklist/$id", { done => 1 });
is(psql("select done from task_checklist_items where id = '$id'"), 't', 'ticked off');
$b->post("/tasks/$id/subtasks", { title => "$mark below" });
$b->post("/timeline/task/$id/note", { content => 'A note on it' });
like(page("/tasks/$id"), qr/A note on it/, 'TSK-13 a note on a task');
like(page("/tasks/$id"), qr/\Q$mark\E below/, 'a subtask');
$b->post("/tasks/$id/dependencies", { other => $top, way => 'blocked_by' });
$detail = page("/tasks/$id");
like($detail, qr/id="dependencies-title">Dependencies.*Blocked By.*\Q$mark\E top.*Blocks/s, 'GAT-28 GAT-29 the section Dependencies with both directions');
like($detail, qr{class="pill bad"><svg.*?</svg> Blocked}s, 'GAT-31 the red badge');
like(page("/tasks/$top"), qr/Blocks<.*\Q$mark\E edited/s, 'GAT-30 seen from the other end');
my $refused = post("/tasks/$id/set", status => 'In Progress');
is($refused->{status}, 409, 'GAT-32 the page does not start it');
like($refused->{content}, qr/blocked by/, 'and says why');
is(post('/tasks/bulk', ids => "$id", status => 'Complete')->{status}, 409, 'GAT-32 nor do many at once');
like(post("/tasks/$top/dependencies", other => $id, way => 'blocked_by')->{content}, qr/wait for each other/, 'GAT-29 a circle is refused with its chain');
post("/tasks/$top/set", status => 'Complete');
unlike(page("/tasks/$id"), qr{class="pill bad"><svg.*?</svg> Blocked}s, 'GAT-33 the badge goes');
is(post("/tasks/$id/set", status => 'In Progress')->{status}, 200, 'GAT-33 and it is started');

# ---- queue, day, count, figures, export --------------------------------------------------------------------------

psql("update tasks set status = 'To Do' where id = '$id'");
like(page('/tasks/queue'), qr/Customer care.*\Q$mark\E edited/s, 'GAT-25 the queue of the team');
is(post("/tasks/$id/claim")->{status}, 200, 'GAT-26 claimed');
is(post("/tasks/$id/claim")->{status}, 409, 'GAT-26 a second time it is refused');
unlike(page('/tasks/queue'), qr/\Q$mark\E edited/, 'GAT-26 and it is in the queue no more');
my $before = post('/tasks/count')->{json};
my $count = json_decode($b->get('/tasks/count')->{content})->{due};
psql("update tasks set due_date = now() - interval '1 hour' where id = '$id'");
is(json_decode($b->get('/tasks/count')->{content})->{due}, $count + 1, 'the number beside Tasks');
like(page('/tasks/my-day'), qr/Overdue.*\Q$mark\E edited/s, 'my day has it');
for my $days (7, 365) {
	like(page("/tasks/analytics?days=$days"), qr{Completion.*By priority.*By assignee}s, "TSK-44..47 TSK-49 FACT-140 the figures of $days days");
}
like(page('/tasks/analytics'), qr/Longest overdue/, 'TSK-48 what is overdue longest');
psql("update tasks set title = '=1+1 $mark' where id = '$id'");
my $csv = $b->get("/tasks/export?q=$mark")->{content};
like($csv, qr/^"title","status","priority","due_date"/, 'the export has a head');
like($csv, qr/"'=1\+1 \Q$mark\E"/, 'and no formulas');
is(scalar(() = page("/tasks?q=$mark&view=list") =~ /class="task-title"/g) <= 50 ? 1 : 0, 1, 'and the list its page');

# ---- permissions ------------------------------------------------------------------------------------------------------

psql("update profiles set permissions = permissions || '{\"can_access_tasks\": false}' where id = '$omar'");
my $closed = browser(email => $mine->{users}[1]{email}, password => $mine->{users}[1]{password})->get('/tasks');
is($closed->{status}, 403, 'without the permission the pages are closed');
psql("update profiles set permissions = permissions - 'can_access_tasks' where id = '$omar'");

psql("delete from tasks where organization_id = '$org' and title like '%$mark%'");
done_testing;
