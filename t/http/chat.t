#!/usr/bin/perl
# The chat on a tenant's site, as its script talks to Kontor: origins, beginning,
# messages both ways, files, receipts, the stream, identity, limits.
use strict;
use utf8;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use Kontor;
use Test::More;
use Time::HiRes qw(time sleep);

my $t    = tenant(1);
my $org  = $t->{organization_id};
my $run  = int(time * 10) % 100_000_000 * 10;
my $bo   = browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my $base = kontor_json()->{base_url};
my $site = "https://shop-$run.example";

# ---- the channel is made by the form ---------------------------------------------------------

$bo->get('/settings/channels/new?type=chat');
my $r = $bo->submit('/settings/channels/new', { type => 'chat', name => "Chat $run" });
my $id = psql("select id from channel_accounts where organization_id = '$org' and name = 'Chat $run'");
ok($id, 'FACT-75 a chat for the site is a kind of channel');
my ($secret) = $r->{content} =~ /id="invented"[^>]*>([^<]+)</;
ok(length $secret > 30, 'with a secret for identities, shown once');
is(psql("select is_active and connection_state = 'Connected' from channel_accounts where id = '$id'"), 't', 'active at once: nobody has to be asked');
$r = $bo->submit("/settings/channels/$id/chat", { title => 'Shop help', greeting => 'Hello!', color => '#117733', position => 'left', language => 'auto',
	ask_name => 'must', ask_email => 'maybe', consent => 'I agree to the processing of my data', origins => "not a site", offline => '' });
is($r->{status}, 422, 'an origin that is none is refused');
like($r->{content}, qr/is not the address of a site/, 'beside its field');
$r = $bo->submit("/settings/channels/$id/chat", { title => 'Shop help', greeting => 'Hello!', color => '#117733', position => 'left', language => 'auto',
	ask_name => 'must', ask_email => 'maybe', consent => 'I agree to the processing of my data', origins => "$site/\nhttps://other.example", offline => '' });
is($r->{status}, 200, 'the look is saved');
like($bo->get("/settings/channels/$id/chat")->{content}, qr{data-channel="$id" async}, 'with the line of code for the site');

# ---- as a page of the site does -----------------------------------------------------------------

my $http = HTTP::Tiny->new(timeout => 20);
sub ask {
	my ($method, $path, %o) = @_;
	my %h = (exists $o{origin} ? (defined $o{origin} ? (Origin => $o{origin}) : ()) : (Origin => $site));
	$h{Authorization} = "Bearer $o{token}" if $o{token};
	$h{'Accept-Language'} = $o{language} if $o{language};
	$h{'Content-Type'} = $o{type} // 'application/json' if $o{body} || $o{raw};
	my $answer = $http->request($method, "$base/chat/" . ($o{channel} // $id) . "/$path",
		{ headers => \%h, $o{body} ? (content => json_encode($o{body})) : $o{raw} ? (content => $o{raw}) : () });
	$answer->{json} = eval { json_decode($answer->{content}) };
	return $answer;
}

$r = ask(GET => 'config');
is($r->{status}, 200, 'the site asks how the chat looks');
is($r->{headers}{'access-control-allow-origin'}, $site, 'which its page may read, and exactly it');
is("$r->{json}{title} $r->{json}{color} $r->{json}{position} $r->{json}{ask_name}", 'Shop help #117733 left must', 'as the settings say');
is($r->{json}{words}{send}, 'Send', 'with its words');
is(ask(GET => 'config?lang=ar')->{json}{language}, 'ar', 'in the language of the page');
ok(!$r->{headers}{'set-cookie'}, 'FACT-75 no cookie is set');
$r = ask(GET => 'config', origin => 'https://evil.example');
is($r->{status}, 403, 'another site is refused');
ok(!$r->{headers}{'access-control-allow-origin'}, 'and may not read why');
is(ask(GET => 'config', origin => "$site.evil.example")->{status}, 403, 'also one whose name begins alike');
$r = ask(OPTIONS => 'messages');
is($r->{status}, 204, 'a browser may ask before');
like($r->{headers}{'access-control-allow-headers'}, qr/Authorization/, 'and is told what it may send');
is(ask(GET => 'config', channel => '00000000-0000-7000-8000-000000000000')->{status}, 404, 'a chat that is none: 404');

# ---- beginning ---------------------------------------------------------------------------------------

$r = ask(POST => 'session', body => { email => 'v@example.com', consent => JSON::PP::true });
is("$r->{status} $r->{json}{details}{field}", '422 name', 'the pre-chat form: what is needed is asked for');
$r = ask(POST => 'session', body => { name => 'Vera' });
is("$r->{status} $r->{json}{details}{field}", '422 consent', 'nobody begins without consent');
is($r->{headers}{'access-control-allow-origin'}, $site, 'the page may read what is wrong');
like(ask(POST => 'session', body => { name => 'Vera' }, language => 'ar')->{json}{details}{message}, qr/للمتابعة/, 'in the words of the visitor');
is(ask(POST => 'session', body => { name => 'Vera', email => 'nonsense', consent => JSON::PP::true })->{json}{details}{field}, 'email', 'an address has to be one');
$r = ask(POST => 'session', body => { name => "Vera Visitor$run", email => "vera-$run\@example.com", consent => JSON::PP::true, page => "$site/cart" });
is($r->{status}, 200, 'then it begins');
my $token = $r->{json}{token};
is(psql("select count(*) from internal.chat_visitors where token_hash = sha256(convert_to('$token', 'UTF8')) and consent like 'I agree%' and consented_at is not null"), 1,
	'what was agreed to is kept, the token only as its hash');
is(psql("select count(*) from contacts where organization_id = '$org' and last_name = 'Visitor$run'"), 0, 'who only begins is no contact yet');

# ---- messages both ways -----------------------------------------------------------------------------------

my $uuid = sub { psql('select uuid7()') };
my $client = $uuid->();
is(ask(POST => 'messages', body => { client => $client, text => 'x' })->{status}, 401, 'without a token nothing is taken');
is(ask(POST => 'messages', token => 'wrong', body => { client => $client, text => 'x' })->{status}, 401, 'nor with a wrong one');
my $stream = $bo->stream('/live');
$r = ask(POST => 'messages', token => $token, body => { client => $client, text => "Do you deliver? $run", page => "$site/cart" });
is($r->{status}, 200, 'FACT-75 FACT-S29 a message of a visitor is taken');
my $message = $r->{json}{id};
ask(POST => 'messages', token => $token, body => { client => $client, text => "Do you deliver? $run" }) for 1 .. 3;
is(psql("select count(*) from messages where organization_id = '$org' and content = 'Do you deliver? $run'"), 1, 'MSG-53 sent four times it is one');
is(psql("select k.first_name || ' ' || k.last_name || ' ' || k.emails[1] || ' ' || c.status from conversations c join contacts k on k.id = c.contact_id and k.organization_id = c.organization_id where c.channel_account_id = '$id'"),
	"Vera Visitor$run vera-$run\@example.com OPEN", 'FACT-75 FACT-S29 contact and conversation exist');
is(psql("select metadata ->> 'page' from messages where id = '$message'"), "$site/cart", 'with the page that he was on');
ok($stream->until(5, sub { $_[0]{data} =~ /message\.received/ }), 'an open inbox hears of it');
my $talk = psql("select conversation_id from messages where id = '$message'");
is(ask(POST => 'messages', token => $token, body => { client => $uuid->(), text => '   ' })->{status}, 422, 'an empty message is none');
is(ask(POST => 'messages', token => $token, body => { client => $uuid->(), text => 'x' x 10001 })->{status}, 422, 'nor one that is endless');

my $thread = ask(GET => 'thread', token => $token)->{json};
is($thread->{thread}{messages}[0]{client}, $client, 'the page finds its own message again');
like($thread->{stream}, qr/^[\w-]{43}$/, 'and the key of its stream');

# The stream of the visitor, as EventSource opens it.
my ($host) = $base =~ m{^http://(.*)};
my $socket = IO::Socket::INET->new(PeerAddr => $host) or die "$host: $!";
print $socket "GET /chat/$id/live?key=$thread->{stream} HTTP/1.1\r\nHost: $host\r\nOrigin: $site\r\nAccept: text/event-stream\r\n\r\n";
my $heard = '';
sub hear {
	my ($what, $seconds) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		return 1 if $heard =~ $what;
		IO::Select->new($socket)->can_read(0.1) and (sysread($socket, $heard, 65536, length $heard) or return 0);
	}
	return 0;
}
ok(hear(qr/text\/event-stream/, 5), 'its stream opens');
like($heard, qr/Access-Control-Allow-Origin/i, 'for a page of another origin');
is($http->get("$base/chat/$id/live?key=short")->{status}, 404, 'not without a key');
is($http->get("$base/chat/$id/live?key=$_")->{status}, 404, 'nor with one that is a path')
	for '..%2Ffiles%2F' . 'a' x 34, '%0D%0AX-Accel-Redirect:%20%2F-%2Ffiles%2F' . 'a' x 15, 'a' x 42 . '%3F';

my $reply = psql("insert into messages (organization_id, conversation_id, sender_id, direction, content) select '$org', '$talk', p.id, 'OUTBOUND', 'Within three days. $run' from profiles p where p.organization_id = '$org' limit 1 returning id");
ok(hear(qr/"type":"message"/, 10), 'FACT-75 agent handoff: what an agent writes is told at once');
$thread = ask(GET => 'thread', token => $token)->{json}{thread};
is($thread->{messages}[1]{text}, "Within three days. $run", 'and read');
is($thread->{unread}, 1, 'it counts as unread');
ok(wait_for(5, sub { psql("select status from messages where id = '$reply'") eq 'DELIVERED' }), 'MSG-25 fetched is delivered');
is(ask(GET => 'thread?seen=1', token => $token)->{json}{thread}{unread}, 0, 'looked at it is not unread any more');
is(psql("select status from messages where id = '$reply'"), 'READ', 'MSG-25 and read');
is(psql("insert into messages (organization_id, conversation_id, direction, content, status, scheduled_at) values ('$org', '$talk', 'OUTBOUND', 'Not yet $run', 'SCHEDULED', now() + interval '1 hour') returning 1"), 1, 'what is to be sent later');
unlike(ask(GET => 'thread', token => $token)->{content}, qr/Not yet/, 'is not shown before');
psql("delete from messages where content = 'Not yet $run'");
psql("insert into notes (organization_id, conversation_id, content) values ('$org', '$talk', 'Internal $run')");
unlike(ask(GET => 'thread', token => $token)->{content}, qr/Internal/, 'nor are notes of the team');

$stream->next(0.2) for 1 .. 20;
is(ask(POST => 'typing', token => $token, body => {})->{status}, 204, 'typing is told');
ok($stream->until(5, sub { $_[0]{data} =~ /conversation\.typing.*$talk/ }), 'to the open inbox');
my $typed = sub { psql("select count(*) from events where organization_id = '$org' and type = 'conversation.typing' and record_id = '$talk'") };
my $so_far = $typed->();
ask(POST => 'typing', token => $token, body => {}) for 1 .. 20;
cmp_ok($typed->() - $so_far, '<', 5, 'not with every key');

$heard = '';
my $bearer = api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} })->{json}{access_token};
api(POST => '/rest/v1/rpc/conversation_typing', apikey => kontor_json()->{anon_key}, bearer => $bearer, json => { talk => $talk });
ok(hear(qr/"type":"typing"/, 10), 'and that an agent writes, to the visitor');

# ---- files ------------------------------------------------------------------------------------------------------

my $png = join '', map { chr } 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1 .. 46;
sub upload {
	my ($name, $type, $data, %o) = @_;
	my $client = $o{client} // $uuid->();
	my $raw = join '', map { "--BB\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n" } [client => $client], [text => $o{text} // ''];
	$raw .= "--BB\r\nContent-Disposition: form-data; name=\"file\"; filename=\"$name\"\r\nContent-Type: $type\r\n\r\n$data\r\n--BB--\r\n";
	return ask(POST => 'files', token => $o{token} // $token, raw => $raw, type => 'multipart/form-data; boundary=BB');
}
$r = upload('cat.png', 'image/png', $png, text => 'Look');
is($r->{status}, 200, 'a file is taken');
is(psql("select f.name || ' ' || f.size || ' ' || x.kind || ' ' || m.content from message_attachments x join files f on f.id = x.file_id and f.organization_id = x.organization_id join messages m on m.id = x.message_id and m.organization_id = x.organization_id where m.id = '$r->{json}{id}'"),
	'cat.png 54 image Look', 'MSG-56 and stands with its message');
is(upload('x.png', 'image/png', $png, token => 'wrong')->{status}, 401, 'not from somebody without a token');
$thread = ask(GET => 'thread', token => $token)->{json};
my ($file) = map { @{ $_->{files} // [] } } @{ $thread->{thread}{messages} };
my $link = "$base/chat/$id/file/$file->{id}?v=$thread->{visitor}&k=$thread->{file_key}";
$r = $http->get($link);
is("$r->{status} " . length $r->{content}, '200 54', 'the visitor gets it back');
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nothing in it is guessed');
is($http->get($link =~ s/k=./k=_/r)->{status}, 404, 'nobody without the key');
$r = upload('page.png', 'image/png', '<html><script>alert(1)</script>');
is(psql("select content_type from message_attachments where message_id = '$r->{json}{id}'"), 'application/octet-stream', 'a page that calls itself a picture is none');
upload('evil.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
$thread = ask(GET => 'thread', token => $token)->{json};
($file) = grep { $_->{name} eq 'evil.svg' } map { @{ $_->{files} // [] } } @{ $thread->{thread}{messages} };
$r = $http->get("$base/chat/$id/file/$file->{id}?v=$thread->{visitor}&k=$thread->{file_key}");
like($r->{headers}{'content-disposition'}, qr/^attachment/, 'a picture with a script is a download');
is($r->{headers}{'content-type'}, 'application/octet-stream', 'and no picture');

# ---- another visitor sees nothing of it -----------------------------------------------------------------------------

my $second = ask(POST => 'session', body => { name => 'Sven', consent => JSON::PP::true })->{json}{token};
is(scalar @{ ask(GET => 'thread', token => $second)->{json}{thread}{messages} }, 0, 'another visitor sees nothing of it');
my $theirs = ask(GET => 'thread', token => $second)->{json};
is($http->get("$base/chat/$id/file/$file->{id}?v=$theirs->{visitor}&k=$theirs->{file_key}")->{status}, 404, 'nor its files');
isnt($theirs->{stream}, $thread->{stream}, 'and has a stream of his own');

# ---- who is signed in at the site ----------------------------------------------------------------------------------------

is(ask(POST => 'session', body => { name => 'Eve', consent => JSON::PP::true, user_id => '42', user_hash => 'f' x 64 })->{status}, 401, 'an identity needs the site\'s signature');
psql("insert into contacts (organization_id, first_name, last_name, emails) values ('$org', 'Known', 'Customer$run', array['known-$run\@example.com'])");
my %who = (name => 'Known', email => "known-$run\@example.com", consent => JSON::PP::true, user_id => "u$run", user_hash => hmac_sha256_hex("u$run\nknown-$run\@example.com", $secret));
my @tokens = map { ask(POST => 'session', body => \%who)->{json}{token} } 1 .. 2;
ok($tokens[0] && $tokens[1], 'with it he begins, in two browsers');
ask(POST => 'messages', token => $tokens[0], body => { client => $uuid->(), text => "It is me $run" });
is(psql("select k.last_name from messages m join contacts k on k.organization_id = m.organization_id and k.id = m.contact_id where m.content = 'It is me $run'"),
	"Customer$run", 'and is the contact whom the tenant knows by that address');
is(ask(GET => 'thread', token => $tokens[1])->{json}{thread}{messages}[0]{text}, "It is me $run", 'his other browser has the same conversation');
ask(POST => 'messages', token => ask(POST => 'session', body => { name => 'Faker', email => "known-$run\@example.com", consent => JSON::PP::true })->{json}{token},
	body => { client => $uuid->(), text => "Trust me $run" });
isnt(psql("select k.last_name from messages m join contacts k on k.organization_id = m.organization_id and k.id = m.contact_id where m.content = 'Trust me $run'"),
	"Customer$run", 'what a stranger types makes him nobody else');
# A customer of the site with an honest signature of his own id, and another's address.
my %eve = (name => 'Eve', email => "known-$run\@example.com", consent => JSON::PP::true, user_id => "e$run", user_hash => hmac_sha256_hex("e$run", $secret));
$r = ask(POST => 'session', body => \%eve);
is($r->{status}, 200, 'an id that is signed without an address is somebody');
my $eve = $r->{json}{token};
ask(POST => 'messages', token => $eve, body => { client => $uuid->(), text => "I am Eve $run" });
isnt(psql("select k.last_name from messages m join contacts k on k.organization_id = m.organization_id and k.id = m.contact_id where m.content = 'I am Eve $run'"),
	"Customer$run", 'but not whom the address beside it belongs to');
unlike(ask(GET => 'thread', token => $eve)->{content}, qr/It is me/, 'and reads nothing of that one');
is(ask(POST => 'session', body => { %eve, user_hash => hmac_sha256_hex("u$run\nknown-$run\@example.com", $secret) })->{status}, 401,
	'a signature is good for its own id alone');

# ---- an agent takes two visitors for one person ----------------------------------------------------------------------------

my ($mine, $other) = map { ask(POST => 'session', body => { name => "Twin$_", consent => JSON::PP::true })->{json}{token} } 1 .. 2;
my $in = sub { my ($token, $text) = @_; psql("select conversation_id from messages where id = '" . ask(POST => 'messages', token => $token,
	body => { client => $uuid->(), text => "$text $run" })->{json}{id} . "'") };
my $kept = $in->($other, 'Private');
psql("insert into messages (organization_id, conversation_id, direction, content, status) values ('$org', '$kept', 'OUTBOUND', 'To the other $run', 'SENT')");
$mine = ask(POST => 'session', body => { name => 'Twin', consent => JSON::PP::true })->{json}{token};
my $merged = $in->($mine, 'Before');
isnt($merged, $kept, 'two visitors are two conversations');
psql("update conversations set status = 'CLOSED' where id = '$merged'");
psql("update contact_handles h set contact_id = (select contact_id from conversations where id = '$kept') where h.organization_id = '$org'
	and h.contact_id = (select contact_id from conversations where id = '$merged')");
psql("update conversations c set contact_id = k.contact_id from conversations k where k.id = '$kept' and c.id = '$merged'");
is(api(POST => '/rest/v1/rpc/merge_conversations', apikey => kontor_json()->{anon_key}, bearer => $bearer, json => { kept => $kept, others => [$merged] })->{status},
	200, 'which an agent merges');
is($in->($mine, 'After'), $kept, 'and are one then');
psql("insert into messages (organization_id, conversation_id, direction, content, status) values ('$org', '$kept', 'OUTBOUND', 'Answer $run', 'SENT')");
is(join(', ', map { $_->{text} } @{ ask(GET => 'thread', token => $mine)->{json}{thread}{messages} }), "Before $run, After $run, Answer $run",
	'the visitor goes on where he was, and sees nothing of what the other wrote and was told');

# ---- hours, limits, off --------------------------------------------------------------------------------------------------------

psql("update channel_accounts set settings = jsonb_set(settings, '{chat,hours}', '{\"from\": \"09:00\", \"to\": \"17:00\", \"days\": []}') where id = '$id'");
is(ask(GET => 'config')->{json}{online}, JSON::PP::false, 'outside of its hours the chat says so');
like(ask(GET => 'config')->{json}{offline}, qr/not here right now/, 'in words');
my $codes = join ' ', map { ask(POST => 'messages', token => $second, body => { client => $uuid->(), text => "flood $_" })->{status} } 1 .. 32;
like($codes, qr/^(200 ){30}429/, 'a visitor writes at most thirty messages a minute');
is(upload('cat.png', 'image/png', $png, token => $second)->{status}, 429, 'nor files, which are not stored then');
psql("update internal.chat_visitors set stored_bytes = 600000000 where channel_account_id = '$id' and name = 'Sven'");
is(upload('cat.png', 'image/png', $png)->{status}, 429, 'an address fills the disk with so many bytes a day and no more');
psql("update internal.chat_visitors set stored_bytes = 0 where channel_account_id = '$id'");
$codes = join ' ', map { ask(POST => 'session', body => { name => 'Many', consent => JSON::PP::true })->{status} } 1 .. 31;
like($codes, qr/429/, 'an address begins so many chats and no more');
$bo->submit("/settings/channels/$id/switch", {});
is(ask(POST => 'messages', token => $token, body => { client => $uuid->(), text => 'x' })->{status}, 409, 'CHA-7 switched off it takes nothing');
is(ask(GET => 'config')->{json}{active}, JSON::PP::false, 'and the site shows no chat');
$r = $http->get("$base/chat/widget.js");
is($r->{status}, 200, 'the script is there');
is($r->{headers}{'cross-origin-resource-policy'}, 'cross-origin', 'for pages of other origins');
is(api(GET => '/rest/v1/rpc/chat_send')->{status} >= 400, 1, 'none of its functions is in the API');

psql("update channel_accounts set deleted_at = now() where id = '$id'");
done_testing;
