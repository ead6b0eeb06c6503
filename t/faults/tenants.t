#!/usr/bin/perl
# Every route with the other tenant's ids: 404 or an empty list, and nothing of
# the other tenant changes. The routes are read from the programs' own tables,
# so that a new one is walked without anybody thinking of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use Test::More;

my ($a, $b)     = (tenant(0), tenant(1));
my ($org, $own) = ($a->{organization_id}, $b->{organization_id});
my $tree        = "$FindBin::Bin/../..";

# What the first part of a path is about, and an id of it that belongs to A.
my %table = (contacts => 'contacts', companies => 'companies', deals => 'deals', inbox => 'conversations', files => 'files',
	pipelines => 'pipelines', quotes => 'quotes', products => 'products', bookings => 'bookings',
	'settings/webhooks' => 'webhook_configurations', 'settings/channels' => 'channel_accounts', 'settings/keys' => 'api_keys',
	'settings/api-keys' => 'api_keys', 'settings/scheduling' => 'event_types', messages => 'messages', notes => 'notes',
	'settings/pipelines' => 'pipelines', webhooks => 'webhook_configurations', 'timeline/contact' => 'contacts',
	'settings/fields' => 'custom_field_definitions', 'settings/sessions' => 'auth.sessions', 'settings/addresses' => 'ip_ranges',
	'settings/history' => 'config_commits', 'profile/security' => 'auth.sessions', invitation => 'invitations', 'settings/team' => 'profiles',
	'settings/team/invitations' => 'invitations',
	'settings/teams' => 'teams', 'settings/members' => 'profiles', leads => 'leads', tasks => 'tasks', imports => 'imports',
	calls => 'call_records', merges => 'record_merges', 'record-jobs' => 'record_jobs', notifications => 'notifications',
	'attachments/contact' => 'contacts', 'trash/contacts' => 'contacts', 'records/contacts' => 'contacts',
	'records/contacts/views' => 'saved_views', 'records/contacts/changes' => 'bulk_changes', 'settings/lead-forms' => 'lead_forms',
	'settings/discard-reasons' => 'discard_reasons', 'settings/assignment' => 'assignment_rules', 'settings/currencies' => 'exchange_rates',
	'settings/macros' => 'macros', 'settings/sla' => 'sla_policies', 'settings/sla/channels' => 'channel_accounts', templates => 'templates',
	'settings/whatsapp-templates' => 'whatsapp_templates', 'profile/notifications' => 'push_subscriptions',
	'inbox/views' => 'saved_views', 'inbox/deletions' => 'trash', 'inbox/runs' => 'macro_runs', 'inbox/messages' => 'messages',
	'inbox/mail' => 'messages', 'settings/channels/log' => 'inbound_hooks', 'settings/channels/facebook' => 'internal.channel_visits');
# The same for what stands further behind in a path.
my %part = (message => 'messages', note => 'notes', hook => 'inbound_hooks');
# Where no id is: of one's own records, by what they are called.
my $own_only = qr{^/(?:lookup/:kind|imports/template/:file|records/:kind/(?:filter|columns|views|views/new|bulk|changes|export))$};
my $nobody = '01900000-0000-7000-8000-000000000000';

# What the demo lacks, so that there is something to reach for.
psql("insert into webhook_configurations (organization_id, url, events, is_active)
	select '$org', 'https://hooks.example/x', '{deal.created}', false
	where not exists (select from webhook_configurations where organization_id = '$org')");
psql("insert into files (organization_id, sha256, name, content_type, size)
	select '$org', repeat('0', 64), 'a.txt', 'text/plain', 1 where not exists (select from files where organization_id = '$org')");
psql("insert into teams (organization_id, name) select '$org', 'Reached for' where not exists (select from teams where organization_id = '$org')");
psql("insert into bookings (organization_id, title, start_date_time, end_date_time)
	select '$org', 'By hand', now(), now() + interval '1 hour' where not exists (select from bookings where organization_id = '$org')");

psql("insert into custom_field_definitions (organization_id, entity, key, label, type)
	select '$org', 'contact', 'walked', 'Walked', 'text' where not exists (select from custom_field_definitions where organization_id = '$org')");
psql("insert into ip_ranges (organization_id, range) select '$org', '0.0.0.0/0'
	where not exists (select from ip_ranges where organization_id = '$org')");

my $anna = psql("select id from profiles where organization_id = '$org' and email = '$a->{users}[0]{email}'");
psql("insert into macros (organization_id, name, owner_id, actions) select '$org', 'Reached for', '$anna', '[{\"do\": \"star\"}]' where not exists (select from macros where organization_id = '$org')");
psql("insert into sla_policies (organization_id, name, first_response_minutes) select '$org', 'Reached for', 30
	where not exists (select from sla_policies where organization_id = '$org')");
psql("insert into templates (organization_id, name, components) select '$org', 'Reached for', '[{\"type\": \"BODY\", \"text\": \"x\"}]'
	where not exists (select from templates where organization_id = '$org')");
psql("insert into whatsapp_templates (organization_id, channel_account_id, name, language) select '$org', a.id, 'reached_for', 'en'
	from channel_accounts a where a.organization_id = '$org' and a.type = 'WHATSAPP_CLOUD' and not exists (select from whatsapp_templates where organization_id = '$org') limit 1");
psql("insert into push_subscriptions (organization_id, user_id, endpoint, p256dh, auth)
	select '$org', '$anna', 'https://push.example/x', repeat('A', 87), repeat('A', 22)
	where not exists (select from push_subscriptions where organization_id = '$org')");
psql("insert into saved_views (organization_id, kind, name, owner_id) select '$org', 'conversations', 'Reached for', '$anna'
	where not exists (select from saved_views where organization_id = '$org')");
psql("insert into notes (organization_id, conversation_id, content, author_id) select '$org', c.id, 'Reached for', '$anna'
	from conversations c where c.organization_id = '$org' and not exists (select from notes where organization_id = '$org') limit 1");
psql("insert into inbound_hooks (organization_id, channel_account_id, dedupe, body, state) select '$org', a.id, 'reached for', '{}', 'done'
	from channel_accounts a where a.organization_id = '$org' and not exists (select from inbound_hooks where organization_id = '$org') limit 1");
psql("insert into macro_runs (organization_id, conversation_id, user_id, before) select '$org', c.id, '$anna', '{}'
	from conversations c where c.organization_id = '$org' and not exists (select from macro_runs where organization_id = '$org') limit 1");
psql("insert into trash (organization_id, kind, record_id, name, user_id, rows, links) select '$org', 'conversations', uuid7(), 'Reached for',
	'$anna', '[]', '[]' where not exists (select from trash where organization_id = '$org')");
psql("insert into internal.channel_visits (organization_id, user_id, kind, state_hash) select '$org', '$anna', 'FB_MESSENGER', sha256('x')
	where not exists (select from internal.channel_visits where organization_id = '$org')");

my %id;
sub id_of { my $t = shift; return $id{$t} //= psql("select id from $t where organization_id = '$org' order by id limit 1") || $nobody }

# Everything of A in one sum, except what merely looking changes.
my @tables = split /\n/, psql("select c.table_name from information_schema.columns c
	join information_schema.tables t using (table_schema, table_name)
	where c.table_schema = 'public' and c.column_name = 'organization_id' and t.table_type = 'BASE TABLE'
	and c.table_name not in ('api_keys', 'events', 'webhook_logs', 'webhook_deliveries') order by 1");
sub sum_of_a { join ' ', map { psql("select count(*) || ':' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from $_ t where organization_id = '$org'") } @tables }

my $before = sum_of_a();
my $browser = browser(email => $b->{users}[0]{email}, password => $b->{users}[0]{password});
$browser->get('/');

my @routes;
for my $file (glob "$tree/fcgi/app/routes/*.def $tree/fcgi/quote/main.c") {
	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	my $text = <$fh>;
	push @routes, ["HTTP_" . ($1 eq 'PAGE' ? 'GET' : 'POST'), $2] while $text =~ /^(PAGE|POST)\("([^"]+)"/mg;
	push @routes, [$1, $2] while $text =~ /^ROUTE\((HTTP_[\w |]+), "([^"]+)", \w+, HTTP_STAFF/mg;
	push @routes, [$1, $2] while $text =~ /\{\s*((?:HTTP_\w+(?:\s*\|\s*)?)+),\s*"([^"]+)"[^}]*HTTP_STAFF/g;
}
cmp_ok(scalar @routes, '>', 20, scalar(@routes) . ' routes of signed-in people');

my $walked = 0;
for (@routes) {
	my ($methods, $pattern) = @$_;
	next if $pattern !~ /:/ || $pattern =~ $own_only;
	$pattern =~ s{^/(timeline|attachments)/:kind}{/$1/contact};
	$pattern =~ s{^/(trash|records)/:kind}{/$1/contacts};
	my ($first) = grep { index($pattern, "/$_/") == 0 } sort { length $b <=> length $a } keys %table;
	ok($first, "known: $pattern") or next;
	(my $path = $pattern) =~ s{:\w+}{id_of($table{$first})}e;
	$path =~ s{:(\w+)}{$part{$1} ? id_of($part{$1}) : $nobody}eg;
	for my $method (grep { $methods =~ /HTTP_$_\b/ } qw(GET POST)) {
		my $r = $method eq 'GET' ? $browser->request(GET => $path, {})
			: $browser->post($path, { status => 'CLOSED', content => 'x', title => 'x', name => 'x', first_name => 'Stray', stage => 'won',
				url => 'https://x.example/', events => 'deal.created', value => 1, qty => 1, currency => 'EUR', assignee_id => '', on => 1 });
		# The timeline of a record that is not there has nothing to show.
		next if $pattern =~ /^.timeline/ && $r->{status} == 200 && $r->{content} !~ /<time/;
		# A form may complain about its fields before it looks for the record.
		ok($r->{status} == 404 || ($method eq 'POST' && $r->{status} =~ /^4(?:00|03|09|22)$/), "API-5 $method $pattern: $r->{status}");
		$walked++;
	}
}
cmp_ok($walked, '>', 20, "$walked walked");

# The API: by id, by embedding, by writing.
for my $table (qw(contacts companies deals pipelines conversations messages notes products quotes quote_lines bookings event_types
	channel_accounts webhook_configurations webhook_logs api_keys profiles user_roles files events share_links)) {
	my $r = api(GET => "/functions/v1/rest-api-proxy/$table?organization_id=eq.$org&limit=1", key => $b->{api_key});
	ok($r->{status} == 200 && $r->{content} eq '[]', "API-5 CON-70 $table of the other tenant: empty") or diag "$r->{status} $r->{content}";
}
my $c = id_of('contacts');
my $r = api(PATCH => "/functions/v1/rest-api-proxy/contacts?id=eq.$c", key => $b->{api_key}, json => { first_name => 'Taken' });
ok($r->{status} == 200 && $r->{content} eq '[]' || $r->{status} == 404, 'API-47 a change reaches nothing') or diag $r->{content};
$r = api(DELETE => "/functions/v1/rest-api-proxy/contacts?id=eq.$c", key => $b->{api_key});
ok($r->{status} < 300 && $r->{content} =~ /^(?:\[\])?$/ || $r->{status} == 404, 'API-47 a delete reaches nothing') or diag $r->{content};
$r = api(POST => '/functions/v1/rest-api-proxy/deals', key => $b->{api_key}, json => { title => 'x', contact_id => $c });
cmp_ok($r->{status}, '>=', 400, 'CON-77 a foreign contact cannot be linked');
$r = api(POST => '/functions/v1/rest-api-proxy/contacts', key => $b->{api_key}, json => { first_name => 'Stray', organization_id => $org });
ok($r->{status} >= 400 || ($r->{json} && $r->{json}[0]{organization_id} eq $own), 'API-47 organization_id cannot be chosen') or diag $r->{content};

# The live stream is the own tenant's.
my $mine = $browser->stream('/live');
is($mine->status, 200, 'an own stream');
1 while $mine->next(0.5); # what this tenant did itself just now
psql("update deals set title = title || '.' where id = '" . id_of('deals') . "'");
is($mine->next(1.5), undef, 'SCH-143 nothing of the other tenant on it');
psql("update deals set title = left(title, -1) where id = '" . id_of('deals') . "'");
is(browser()->request(GET => '/live', {})->{status} =~ /^(?:401|303|403)$/, 1, 'and none without a session');

(my $after = sum_of_a()) =~ s/\s+$//;
$before =~ s/\s+$//;
my @x = split / /, $before;
my @y = split / /, $after;
my @changed = grep { $x[$_] ne $y[$_] && $tables[$_] !~ /^(?:deals)$/ } 0 .. $#x;
is("@tables[@changed]", '', 'nothing of the other tenant has changed');
psql("delete from contacts where first_name = 'Stray'");
psql("delete from ip_ranges where organization_id = '$org' and range = '0.0.0.0/0'");
done_testing;
