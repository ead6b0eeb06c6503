#!/usr/bin/perl
# The curl samples of the documents about messages, the inbox's filters, the
# bot and the mobile API, as printed but for host, keys and ids.
use strict;
use warnings;
use Kontor;
use Kontor::Samples;
use File::Temp ();
use Test::More;

my $mine = tenant(0);
my $org  = $mine->{organization_id};
my $json = kontor_json();
my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => $json->{anon_key},
	json => { email => $mine->{users}[0]{email}, password => $mine->{users}[0]{password} });
my ($token, $me) = ($r->{json}{access_token}, $r->{json}{user}{id});
my $dir = File::Temp->newdir;
open my $mp3, '>', "$dir/recording.mp3" or die;
print $mp3 'ID3';
close $mp3;

# The public key alone opens no data (api.md, open points), so where a sample
# sends it as the bearer, it is the user's token here.
my $s = Kontor::Samples->new(file => '003_c413ec7ac58f4bb0.txt', base_url => $json->{base_url},
	env => { SUPABASE_URL => $json->{base_url}, ANON_KEY => $json->{anon_key}, JWT => $token },
	replace => { 'Bearer YOUR_ANON_KEY' => "Bearer $token", YOUR_ANON_KEY => $json->{anon_key}, cg_your_api_key_here => $mine->{api_key}, cg_your_api_key => $mine->{api_key},
		'cg_abc123def456...' => $mine->{api_key} });

# What the filters are to find: one conversation of each kind.
psql(<<SQL);
insert into channel_accounts (organization_id, name, type) values ('$org', 'IG', 'instagram'), ('$org', 'FB', 'MESSENGER');
insert into contacts (organization_id, first_name, last_name) values ('$org', 'John', 'Samples');
insert into conversations (organization_id, contact_id, channel_account_id, metadata, tags, is_important, status)
	select '$org', k.id, a.id, v.metadata, v.tags, v.important, v.status
	from contacts k, channel_accounts a, (values ('{"is_comment_thread": true}'::jsonb, '{vip}'::text[], true, 'open'),
		('{}', '{}', false, 'CLOSED')) v (metadata, tags, important, status)
	where k.last_name = 'Samples' and a.organization_id = '$org' and a.name in ('IG', 'FB');
SQL
sub ids_where { return [split /,/, psql("select coalesce(string_agg(c.id::text, ',' order by c.id::text), '') from conversations c
	join contacts k on k.id = c.contact_id left join channel_accounts a on a.id = c.channel_account_id
	where c.organization_id = '$org' and ($_[0])")] }
sub ids { return [sort map { $_->{id} } @{ ref $_[0]{json} eq 'ARRAY' ? $_[0]{json} : [{ id => $_[0]{content} }] }] }
sub same {
	my ($line, $where, $name, %replace) = @_;
	my $r = $s->run($line, %replace);
	is($r->{status}, 200, "$name, line $line") or diag("$r->{text}\n$r->{content}");
	my $want = ids_where($where);
	cmp_ok(scalar @$want, '>', 0, '... there are some');
	is_deeply(ids($r), $want, '... and it finds them, and no others');
	return $r;
}

# ---- the filters of the inbox (27650-27878) ---------------------------------------------

$r = same(27682, 'true', 'INB-12 INB-3 API-38 all');
my @at = map { $_->{last_message_at} // '' } @{ $r->{json} };
is_deeply(\@at, [sort { $b cmp $a } @at], 'INB-3 newest first, those without a message last');
is(join(' ', sort keys %{ $r->{json}[0]{contact} }), 'emails first_name id last_name phones tags', 'API-38 with the contact');
$r = $s->run(27694);
is($r->{status}, 200, 'INB-13 unread counts');
my %unread = map { $_->{conversation_id} => $_->{unread_count} } @{ $r->{json} };
is_deeply([sort keys %unread], ids_where('c.unread_count > 0'), 'INB-13 of the conversations with unread messages');
my $list = join ',', sort keys %unread;
same(27709, 'c.unread_count > 0', 'INB-13 the unread ones', 'uuid-1,uuid-2' => $list);
same(27720, 'c.unread_count = 0', 'INB-14 the read ones', 'uuid-1,uuid-2' => $list);
psql("update conversations set assignee_id = '$me' where id = (select id from conversations where organization_id = '$org' limit 1)");
same(27736, "c.assignee_id = '$me'", 'INB-15 mine', '"assignee_id=eq."' => "\"assignee_id=eq.$me\"");
same(27746, 'c.assignee_id is null', 'INB-16 unassigned');
same(27756, "c.status = 'OPEN'", 'INB-17 by status');
for (qw(pending resolved closed)) {
	psql("update conversations set status = upper('$_') where id = (select id from conversations where organization_id = '$org' and status = 'CLOSED' limit 1)");
	same(27756, "c.status = upper('$_')", "INB-17 $_", 'eq.open' => "eq.$_");
	psql("update conversations set status = 'CLOSED' where organization_id = '$org' and status = upper('$_')");
}
$r = $s->run(27768);
is_deeply(ids($r), [sort split /\n/, psql("select id from channel_accounts where organization_id = '$org' and type = 'INSTAGRAM'")], 'INB-18 the accounts of a type');
same(27774, "a.type = 'INSTAGRAM'", 'INB-18 API-39 by type of channel');
same(27774, "a.type like 'WHATSAPP%'", 'INB-19 WhatsApp', 'eq.INSTAGRAM' => 'in.(WHATSAPP_LITE,WHATSAPP_CLOUD)');
same(27774, "a.type = '$_'", "INB-18 $_", 'eq.INSTAGRAM' => "eq.$_") for qw(TELEGRAM WHATSAPP_CLOUD FB_MESSENGER);
same(27786, "a.type = 'INSTAGRAM' and c.metadata ->> 'is_comment_thread' = 'true'", 'INB-20 Instagram comments');
same(27796, "a.type = 'INSTAGRAM' and not c.metadata ? 'is_comment_thread'", 'INB-21 Instagram direct messages');
same(27807, "a.type = 'FB_MESSENGER' and c.metadata ->> 'is_comment_thread' = 'true'", 'INB-22 Facebook comments');
same(27818, 'c.is_important', 'INB-23 important ones');
same(27827, "c.tags \@> '{vip}'", 'INB-24 by tag');
same(27837, "k.full_name_search like '%john%'", 'INB-25 API-40 by name');
$r = $s->run(27847);
is("$r->{status} $r->{content}", '200 ' . psql("select count(*) from conversations where organization_id = '$org'
	and status in ('OPEN', 'PENDING') and last_message_direction = 'INBOUND'"), 'INB-27 the count of unanswered ones is a bare number');

# ---- the bot (24478-24503) ----------------------------------------------------------------

my $talk = psql("select id from conversations where organization_id = '$org' order by id limit 1");
my %conv = (CONV_ID => $talk);
$r = $s->run(24488, %conv);
is("$r->{status} $r->{json}{action}", '200 pause', 'API-88 pause, line 24488') or diag("$r->{text}\n$r->{content}");
$r = $s->run(24482, %conv);
is_deeply($r->{json}, [{ id => $talk, ai_agent_active => JSON::PP::false, status => psql("select status from conversations where id = '$talk'") }],
	'BOT-168 API-31 the state, line 24482') or diag("$r->{text}\n$r->{content}");
$r = $s->run(24496, %conv);
is("$r->{status} $r->{json}{action}", '200 resume', 'API-88 resume, line 24496');

for my $query ('status=open&ai_agent_active=true&select=id,ai_agent_active,contact_id',
		'channel_account_id=CHANNEL&ai_agent_active=true&select=id,ai_agent_active,contact_id,status,last_message_at&order=last_message_at.desc&limit=100') {
	my $channel = psql("select channel_account_id from conversations where id = '$talk'");
	(my $asked = $query) =~ s/CHANNEL/$channel/;
	psql("update conversations set status = 'OPEN' where id = '$talk'");
	$r = api(GET => "/functions/v1/rest-api-proxy/conversations?$asked", key => $mine->{api_key});
	is_deeply(ids($r), ids_where($query =~ /CHANNEL/ ? "c.ai_agent_active and c.channel_account_id = '$channel'" : "c.ai_agent_active and c.status = 'OPEN'"),
		'BOT-168 API-31 conversations with an active bot') or diag($r->{content});
}

# ---- messages ---------------------------------------------------------------------------------

for my $line (24296, 24858, 28275, 28686) {
	$r = $s->run($line, '{{api_key}}' => $mine->{api_key}, API_KEY => $mine->{api_key});
	is($r->{status}, 200, "API-76 insert-message, line $line") or diag("$r->{text}\n$r->{content}");
	ok($r->{json}{success} && $r->{json}{messageId}, '... and the message is there');
}
# No gateway is connected for it: the request as such is understood.
for my $line (24606, 28105, 23858, 23869, 23880, 23891, 23902, 23914, 23925, 23936, 23947, 23967, 23979, 23990) {
	$r = $s->run($line, 'your-org-uuid-here' => $org, 'org-uuid' => $org, 'existing-conversation-uuid' => $talk);
	is("$r->{status} $r->{json}{code}", '404 RESOURCE_NOT_FOUND', "API-73 whatsapp-lite-send without credentials, line $line") or diag("$r->{text}\n$r->{content}");
	like($r->{json}{error}, qr/WHATSAPP_LITE/, '... in words');
}

# ---- the mobile API -----------------------------------------------------------------------------

# As printed the address has no quotes, so that the shell cuts it at the &.
$r = $s->run(28027, 'https://' => 'https://', "contacts?page=1&limit=20" => "'contacts?page=1&limit=20'", 'Bearer "' => "Bearer $token\"");
is("$r->{status} $r->{json}{limit}", '200 20', 'INB-124 contacts, line 28027') or diag("$r->{text}\n$r->{content}");
$r = $s->run(28032, 'Bearer "' => "Bearer $token\"", '@recording.mp3' => "\@$dir/recording.mp3");
is("$r->{status} $r->{json}{status}", '200 received', 'INB-126 a recording, line 28032') or diag("$r->{text}\n$r->{content}");

psql("delete from conversations where organization_id = '$org' and contact_id in (select id from contacts where last_name = 'Samples')");
psql("delete from channel_accounts where organization_id = '$org' and name in ('IG', 'FB')");

done_testing;
