#!/usr/bin/perl
# Messenger, Instagram and WhatsApp's interactive messages and templates, from
# Meta's calls to the inbox and back, against a stand-in of the Graph API.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Kontor;
use HTTP::Tiny;
use Test::More;
use Time::HiRes qw(time sleep);

my $t = tenant();
my $org = $t->{organization_id};
my @me = (apikey => kontor_json()->{anon_key}, bearer => api(POST => '/auth/v1/token?grant_type=password', apikey => kontor_json()->{anon_key},
	json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} })->{json}{access_token});
my $run = int(time * 10) % 100_000_000 * 10;
my ($page, $insta, $number, $waba, $token, $secret) = ("1$run", "2$run", "3$run", "4$run", "EAAmeta$run", "app-secret-$run");
my ($kontor, $base) = (kontor(), kontor_json()->{base_url});

my (@children, @outputs);
END { local $?; kill TERM => @children if @children; }
sub standin {
	my ($program, @args) = @_;
	my $pid = open(my $out, '-|', $^X, "$FindBin::Bin/../standin/$program", @args) or die "$program: $!\n";
	push @children, $pid;
	push @outputs, $out;
	my $line = <$out> // '';
	$line =~ /listening 127\.0\.0\.1 (\d+)/ or die "$program did not start\n";
	return "http://127.0.0.1:$1";
}
my %hook = map { $_ => "$base/functions/v1/$_-webhook" } qw(messenger instagram whatsapp-cloud);
my $graph = standin('meta.pl', '--page-id', $page, '--instagram-id', $insta, '--phone-number-id', $number, '--waba-id', $waba,
	'--token', $token, '--app-secret', $secret, '--messenger-webhook', $hook{messenger}, '--instagram-webhook', $hook{instagram},
	'--whatsapp-webhook', $hook{'whatsapp-cloud'});
sub control {
	my ($what, $data) = @_;
	my $r = HTTP::Tiny->new->post("$graph/control/$what", { content => json_encode($data // {}), headers => { 'Content-Type' => 'application/json' } });
	return json_decode($r->{content});
}
sub calls { my ($match) = @_; return grep { $_->{path} =~ $match } @{ json_decode(HTTP::Tiny->new->get("$graph/control/calls")->{content}) } }
sub count { return psql("select count(*) from $_[0]") }

# Connected through the API, as an integrator does it.
my %account;
for my $c (['FB_MESSENGER', { page_id => $page }], ['INSTAGRAM', { instagram_id => $insta, page_id => $page }],
	['WHATSAPP_CLOUD', { phone_number_id => $number, waba_id => $waba }]) {
	my $r = api(POST => '/rest/v1/channel_accounts', @me, headers => { Prefer => 'return=representation' }, json => { name => "$c->[0] $run",
		type => $c->[0], is_active => JSON::PP::true, settings => { %{ $c->[1] }, access_token => $token, app_secret => $secret,
			verify_token => "verify-$run", api_base => "$graph/v22.0" } });
	is($r->{status}, 201, "CHA-8 $c->[0] is connected by the API");
	$account{ $c->[0] } = $r->{json}[0]{id};
	unlike($r->{content}, qr/$token|$secret/, 'CHA-16 and its tokens do not come back');
}
my ($fb, $ig, $wa) = @account{qw(FB_MESSENGER INSTAGRAM WHATSAPP_CLOUD)};
is(psql("select string_agg(external_id, ' ' order by type) from channel_accounts where id in ('$fb', '$ig')"), "$page $insta",
	'CHA-32 calls find it by the page or account id');

# ---- the webhook -------------------------------------------------------------------

for my $h (qw(messenger instagram)) {
	my $r = wait_for(5, sub { my $r = HTTP::Tiny->new->get("$hook{$h}?hub.mode=subscribe&hub.verify_token=verify-$run&hub.challenge=4711"); $r->{status} == 200 && $r });
	is($r->{content}, '4711', "CHA-66 $h: the handshake");
	is(HTTP::Tiny->new->get("$hook{$h}?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1")->{status}, 403, 'CHA-66 with another token: 403');
}
my $psid = "5$run";
my $igsid = "6$run";
control(person => { id => $psid, first_name => 'Mia', last_name => 'Senger' });
control(person => { id => $igsid, name => 'Ines Gram', username => 'ines', instagram => 1 });
my $mid = 0;
sub messaging { my ($to, %e) = @_; return control(post => { to => $to, entry => { messaging => [{ timestamp => int(time * 1000), %e }] } }) }
sub from { my ($to) = @_; return $to eq 'instagram' ? (sender => { id => $igsid }, recipient => { id => $insta }) : (sender => { id => $psid }, recipient => { id => $page }) }
sub say_it { my ($to, $id, %m) = @_; return messaging($to, from($to), message => { mid => "m.$run.$id", %m }) }
sub message { my ($id) = @_; return psql("select m.content || '|' || m.message_type || '|' || m.direction || '|' || m.status from messages m where m.organization_id = '$org' and m.external_id = '$id'") }
sub arrives { my ($id, $what, $name) = @_; is(wait_for(8, sub { message($id) }), $what, $name) }

my $r = say_it(messenger => 1, text => 'Bonjour');
is("$r->{status} $r->{content}", '200 {"status":"ok"}', 'CHA-28 a call of Messenger is taken and answered');
arrives("m.$run.1", 'Bonjour|text|INBOUND|DELIVERED', 'CHA-29 MSG-51 and becomes a message');
is(wait_for(8, sub { psql("select c.first_name || ' ' || c.last_name from contacts c join contact_handles h on h.contact_id = c.id
	where h.kind = 'messenger' and h.value = '$psid' and c.first_name <> 'Unknown'") }), 'Mia Senger', 'CHA-85 the sender is known by the page-scoped id; the name follows');
my $talk = psql("select conversation_id from messages where external_id = 'm.$run.1'");
control(post => { to => 'messenger', times => 3, raw => json_encode({ object => 'page', entry => [{ id => $page, time => 1, messaging => [{ timestamp => 1,
	from('messenger'), message => { mid => "m.$run.2", text => 'Three times' } }] }] }) });
arrives("m.$run.2", 'Three times|text|INBOUND|DELIVERED', 'MSG-53 a call that comes three times');
is(count("messages where external_id = 'm.$run.2'"), 1, 'MSG-53 is one message');
is(api(POST => '/functions/v1/messenger-webhook', body => '{"object":"page","entry":[]}', type => 'application/json',
	headers => { 'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex('{"object":"page","entry":[]}', 'forged') })->{status}, 401, 'CHA-30 a forged signature: 401');

say_it(messenger => 3, attachments => [{ type => 'image', payload => { url => "$graph/file/a.png" } }, { type => 'file', payload => { url => "$graph/file/b.png" } }]);
ok(wait_for(8, sub { count("message_attachments a join messages m on m.id = a.message_id where m.external_id = 'm.$run.3' and a.state = 'stored'") == 2 }),
	'MSG-13 MSG-56 all files of a message come into our own store');
say_it(messenger => 4, text => 'Yes', quick_reply => { payload => 'YES' });
arrives("m.$run.4", 'Yes|interactive|INBOUND|DELIVERED', 'MSG-9 a quick reply that was chosen');
messaging('messenger', from('messenger'), postback => { mid => "m.$run.5", title => 'Get started', payload => 'START', referral => { ref => 'flyer', source => 'SHORTLINK' } });
arrives("m.$run.5", 'Get started|button|INBOUND|DELIVERED', 'MSG-9 a button that was pressed');
is(psql("select metadata #>> '{referral,ref}' from messages where external_id = 'm.$run.5'"), 'flyer', 'MSG-59 where the person came from');
messaging('messenger', from('messenger'), reaction => { mid => "m.$run.1", action => 'react', reaction => 'love', emoji => "\x{2764}" });
ok(wait_for(8, sub { count("message_reactions r join messages m on m.id = r.message_id where m.external_id = 'm.$run.1'") == 1 }), 'MSG-75 a reaction of the customer');

say_it(instagram => 20, text => 'Hi', reply_to => { story => { id => 's1', url => 'https://example.com/s1' } });
arrives("m.$run.20", 'Hi|story_reply|INBOUND|DELIVERED', 'MSG-11 CHA-89 Instagram: an answer to a story is its own kind');
say_it(instagram => 21, attachments => [{ type => 'story_mention', payload => { url => "$graph/file/story.png" } }]);
is(wait_for(8, sub { psql("select message_type from messages where external_id = 'm.$run.21'") }), 'story_mention', 'MSG-11 CHA-89 a mention in a story');
is(wait_for(8, sub { psql("select c.first_name || ' ' || c.last_name from contacts c join contact_handles h on h.contact_id = c.id
	where h.kind = 'instagram' and h.value = '$igsid' and c.first_name <> 'Unknown'") }), 'Ines Gram', 'CHA-90 the sender by the Instagram-scoped id');
say_it(instagram => 22, text => 'Oops');
arrives("m.$run.22", 'Oops|text|INBOUND|DELIVERED', 'a message');
say_it(instagram => 22, is_deleted => JSON::PP::true);
ok(wait_for(8, sub { psql("select coalesce(content, '') from messages where external_id = 'm.$run.22'") ne 'Oops' }), 'MSG-69 that was taken back is gone here, too');

# ---- sending ----------------------------------------------------------------------------

my $sent = 0;
sub queue {
	my ($conversation, $text, %more) = @_;
	my $meta = json_encode($more{metadata} // {}) =~ s/'/''/gr;
	return psql("insert into messages (organization_id, conversation_id, direction, content, message_type, metadata)
		values ('$org', '$conversation', 'OUTBOUND', " . (defined $text ? "'$text'" : 'null') . ", '" . ($more{type} // 'text') . "', '$meta') returning id");
}
sub ends { my ($id) = @_; return wait_for(10, sub { my $s = psql("select status || coalesce(' ' || error_code, '') from messages where id = '$id'"); $s =~ /^(?:SENT|DELIVERED|READ|FAILED|UNKNOWN)/ && $s }) }
sub said { my ($p) = @_; return ref $p->{message} ? $p->{message}{text} : $p->{message} // $p->{text}{body} // $p->{interactive}{body}{text} }
sub body_of { my ($text) = @_; my ($c) = grep { (said($_->{params}) // '') eq $text } calls(qr/messages|comments|replies/); return $c->{params} }

my $m = queue($talk, "Answer $run");
is(ends($m), 'SENT', 'CHA-85 MSG-43 an answer goes out');
my $p = body_of("Answer $run");
is("$p->{recipient}{id} $p->{messaging_type}", "$psid RESPONSE", 'CHA-85 to the page-scoped id');
$m = queue($talk, "Choose $run", metadata => { buttons => ['Red', { id => 'g', title => 'Green' }] });
is(ends($m), 'SENT', 'CHA-84 a message with choices');
is(join(',', map { "$_->{title}=$_->{payload}" } @{ body_of("Choose $run")->{message}{quick_replies} }), 'Red=1,Green=g', 'MSG-97 CHA-84 as quick replies');
$m = queue($talk, "Long $run", metadata => { buttons => ['This title is longer than twenty characters', 'No'] });
is(ends($m), 'SENT', 'choices with long titles');
ok(body_of("Long $run\n\n1. This title is longer than twenty characters\n2. No"), 'MSG-97 become a numbered list, nothing is cut');
is(ends(queue($talk, '!551/1545041')), 'FAILED 551', 'MSG-30 an error is permanent');
like(psql("select error from messages where organization_id = '$org' and error_code = '551' order by created_at desc limit 1"), qr/does not receive messages.*551\/1545041/, 'MSG-30 CHA-79 and told in words');
control(fail => { match => 'me/messages', times => 1, status => 429, body => { error => { code => 613, message => 'slow', type => 'OAuthException' } }, headers => { 'Retry-After' => 1 } });
is(ends(queue($talk, "After the limit $run")), 'SENT', 'a 429 with Retry-After is waited for');
is(scalar(grep { (said($_->{params}) // '') eq "After the limit $run" && $_->{status} == 200 } calls(qr/me\/messages/)), 1, 'and the message goes once');

control(receipts => { list => ['echo', 'delivery', 'read'] });
$m = queue($talk, "With receipts $run");
ok(wait_for(12, sub { psql("select status from messages where id = '$m'") eq 'READ' }), 'MSG-28 delivered and read by their watermarks');
is(count("messages where conversation_id = '$talk' and content = 'With receipts $run'"), 1, 'our own echo is no second message');
control(receipts => { list => ['read', 'delivery', 'echo'], before => 1 });
$m = queue($talk, "Receipts first $run");
ok(wait_for(20, sub { psql("select status from messages where id = '$m'") eq 'READ' }), 'MSG-25 receipts that come before the answer and in the wrong order');
is(count("messages where conversation_id = '$talk' and content = 'Receipts first $run'"), 1, 'nothing twice');
control(receipts => { list => [] });
messaging('messenger', sender => { id => $page }, recipient => { id => $psid }, message => { mid => "m.$run.e1", is_echo => JSON::PP::true, app_id => 26390, text => "From the page's own inbox" });
arrives("m.$run.e1", "From the page's own inbox|text|OUTBOUND|SENT", 'what the page wrote elsewhere stands in the thread');

control(fail => { match => 'me/messages', times => 1, status => 500, body => 'garbage' });
$m = queue($talk, "Lost answer $run");
like(ends($m), qr/^UNKNOWN/, 'a lost answer: nobody sends twice');
messaging('messenger', sender => { id => $page }, recipient => { id => $psid }, message => { mid => "m.$run.e2", is_echo => JSON::PP::true, app_id => 1, metadata => $m, text => "Lost answer $run" });
ok(wait_for(8, sub { psql("select status || external_id from messages where id = '$m'") eq "SENTm.$run.e2" }), 'the echo tells that it was sent');

psql("update conversations set last_inbound_at = now() - interval '25 hours' where id = '$talk'");
is(ends(queue($talk, 'Too late')), 'FAILED window', 'INB-105 CHA-87 after 24 hours nothing is sent');
psql("update channel_accounts set settings = settings || '{\"human_agent\":\"on\"}' where id = '$fb'");
is(ends(queue($talk, "Late answer $run")), 'SENT', 'but within 7 days where the account may');
is(body_of("Late answer $run")->{tag}, 'HUMAN_AGENT', 'with the tag that says so');
psql("update conversations set last_inbound_at = now() - interval '8 days' where id = '$talk'");
is(ends(queue($talk, 'Much too late')), 'FAILED window', 'INB-105 and not later');
psql("update conversations set last_inbound_at = now() where id = '$talk'");

# ---- comments -------------------------------------------------------------------------------

sub comment { my ($id, $verb, $text, %more) = @_; return control(post => { to => 'messenger', entry => { changes => [{ field => 'feed', value => { item => 'comment', verb => $verb,
	comment_id => "c.$run.$id", post_id => "p.$run", parent_id => "p.$run", from => { id => $psid, name => 'Mia Senger' }, message => $text, created_time => int time, %more } }] } }) }
comment(1, 'add', 'How much?');
arrives("c.$run.1", 'How much?|text|INBOUND|DELIVERED', 'CHA-86 a comment on a post arrives');
my $thread = psql("select conversation_id from messages where external_id = 'c.$run.1'");
isnt($thread, $talk, 'INB-71 in a conversation of its own');
is(psql("select metadata ->> 'is_comment_thread' from conversations where id = '$thread'"), 'true', 'INB-71 INB-22 which says that it is one of comments');
is(count("events where type = 'facebook.comment.received' and record_id = (select id from messages where external_id = 'c.$run.1')"), 1, 'CHA-86 automations are told');
comment(1, 'edited', 'How much is it?');
ok(wait_for(8, sub { psql("select content from messages where external_id = 'c.$run.1'") eq 'How much is it?' }), 'CHA-86 a comment that is edited');
$m = queue($thread, "Ten euros $run");
is(ends($m), 'SENT', 'CHA-86 an answer goes out');
is((grep { said($_->{params}) eq "Ten euros $run" } calls(qr/comments$/))[0]{path}, "/v22.0/c.$run.1/comments", 'CHA-86 below the comment');
$r = api(POST => '/rest/v1/rpc/reply_privately', @me, json => { comment => psql("select id from messages where external_id = 'c.$run.1'"), body => "In private $run" });
is($r->{status}, 200, 'CHA-92 a private reply by hand');
ok(wait_for(10, sub { body_of("In private $run") }), 'CHA-92 goes out');
is(body_of("In private $run")->{recipient}{comment_id}, "c.$run.1", 'CHA-92 to the author of the comment');
psql("update channel_accounts set settings = settings || '{\"comment_dm\":\"Thank you $run\"}' where id = '$ig'");
sub ig_comment { my ($id, %v) = @_; return control(post => { to => 'instagram', entry => { time => int time, changes => [{ field => 'comments', value => { id => "ic.$run.$id",
	from => { id => $igsid, username => 'ines' }, media => { id => "media.$run", media_product_type => 'FEED' }, %v } }] } }) }
ig_comment(1, text => 'Lovely');
arrives("ic.$run.1", 'Lovely|text|INBOUND|DELIVERED', 'CHA-91 a comment on Instagram');
ok(wait_for(10, sub { body_of("Thank you $run") }), 'CHA-92 is answered privately by itself');
ig_comment(2, text => 'Again', parent_id => "ic.$run.1");
arrives("ic.$run.2", 'Again|text|INBOUND|DELIVERED', 'CHA-91 the next one');
my $igthread = psql("select conversation_id from messages where external_id = 'ic.$run.2'");
is($igthread, psql("select conversation_id from messages where external_id = 'ic.$run.1'"), 'INB-20 stands in the same thread');
is(scalar(grep { (said($_->{params}) // '') eq "Thank you $run" } calls(qr/me\/messages/)), 1, 'CHA-92 and is not answered privately again');
is(ends(queue($igthread, "Thanks $run")), 'SENT', 'CHA-91 an answer in public');
is((grep { said($_->{params}) eq "Thanks $run" } calls(qr/replies$/))[0]{path}, "/v22.0/ic.$run.1/replies", 'CHA-91 below the topmost comment');
for my $f (['INB-20', 'channel_account.type=eq.INSTAGRAM&metadata->>is_comment_thread=eq.true', $igthread],
	['INB-22', 'channel_account.type=eq.MESSENGER&metadata->>is_comment_thread=eq.true', $thread],
	['INB-21', 'channel_account.type=eq.INSTAGRAM&or=(metadata->>is_comment_thread.is.null,metadata->>is_comment_thread.eq.false)',
		psql("select conversation_id from messages where external_id = 'm.$run.20'")]) {
	my $rows = api(GET => "/rest/v1/conversations?select=id,channel_account:channel_accounts!inner(id,type)&limit=1000&$f->[1]", @me);
	ok((grep { $_->{id} eq $f->[2] } @{ $rows->{json} }), "$f->[0] the filter finds it");
}
comment(1, 'remove', undef);
ok(wait_for(8, sub { psql("select coalesce(content, '') from messages where external_id = 'c.$run.1'") ne 'How much is it?' }), 'CHA-86 a comment that was deleted is gone');

# ---- WhatsApp: interactive messages ------------------------------------------------------------

my $phone = '4917' . sprintf '%09d', $run % 1_000_000_000;
control(post => { to => 'whatsapp', entry => { changes => [{ field => 'messages', value => { messaging_product => 'whatsapp', metadata => { phone_number_id => $number },
	contacts => [{ profile => { name => 'Wanda Cloud' }, wa_id => $phone }], messages => [{ from => $phone, id => "wamid.in.$run", timestamp => '' . int time, type => 'text', text => { body => 'Hello' } }] } }] } });
arrives("wamid.in.$run", 'Hello|text|INBOUND|DELIVERED', 'a message on WhatsApp');
my $wtalk = psql("select conversation_id from messages where external_id = 'wamid.in.$run'");
sub interactive { my ($text) = @_; return body_of($text)->{interactive} }
is(ends(queue($wtalk, "Three $run", metadata => { buttons => [qw(A B C)] })), 'SENT', 'MSG-97 three choices');
is(interactive("Three $run")->{type}, 'button', 'MSG-97 MSG-96 are buttons');
is(ends(queue($wtalk, "Ten $run", metadata => { buttons => [map { "Row $_" } 1 .. 10] })), 'SENT', 'MSG-97 ten choices');
is(scalar @{ interactive("Ten $run")->{action}{sections}[0]{rows} }, 10, 'MSG-97 MSG-96 are a list');
is(ends(queue($wtalk, "Eleven $run", metadata => { buttons => [map { "No $_" } 1 .. 11] })), 'SENT', 'MSG-97 eleven choices');
like(body_of("Eleven $run\n\n" . join("\n", map { "$_. No $_" } 1 .. 11))->{type} // '', qr/^text$/, 'MSG-97 are a numbered text');
is(ends(queue($wtalk, undef, type => 'location', metadata => { location => { latitude => 52.5, longitude => 13.4, name => 'Office' } })), 'SENT', 'MSG-7 a location goes out');
is((grep { ($_->{params}{type} // '') eq 'location' } calls(qr/$number\/messages/))[-1]{params}{location}{name}, 'Office', 'MSG-7 as one');
is(ends(queue($wtalk, undef, type => 'contacts', metadata => { contacts => [{ name => { formatted_name => 'Eva', first_name => 'Eva' }, phones => [{ phone => '+49170' }] }] })), 'SENT', 'MSG-8 a contact card goes out');
is(ends(queue($wtalk, undef, type => 'interactive', metadata => { interactive => { type => 'product', body => { text => "Product $run" }, action => { catalog_id => 'c', product_retailer_id => 'p' } } })), 'SENT',
	'MSG-96 CHA-74 products and flows go out in WhatsApp\'s own form');
is(ends(queue($talk, undef, type => 'location', metadata => { location => { latitude => 1, longitude => 2 } })), 'FAILED content', 'a channel that has no locations says so');
psql("update channel_accounts set settings = settings || '{\"read_receipts\":\"on\"}' where id = '$wa'");
psql("begin; select set_config('request.jwt.claims', json_build_object('organization_id', '$org', 'app_role', 'SYSTEM', 'role', 'authenticated')::text, true); select conversation_read('$wtalk'); commit");
ok(wait_for(8, sub { grep { ($_->{params}{status} // '') eq 'read' && $_->{params}{message_id} eq "wamid.in.$run" } calls(qr/$number\/messages/) }), 'INB-65 the customer sees that the message was read');
is(api(POST => '/rest/v1/rpc/conversation_typing', @me, json => { talk => $talk })->{status} / 100 | 0, 2, 'MSG-16 somebody writes');
ok(wait_for(8, sub { grep { ($_->{params}{sender_action} // '') eq 'typing_on' } calls(qr/me\/messages/) }), 'MSG-16 the customer sees it');

# ---- taps on links ------------------------------------------------------------------------------

control(post => { to => 'whatsapp', times => 2, entry => { changes => [{ field => 'messages', value => { messaging_product => 'whatsapp', metadata => { phone_number_id => $number },
	user_actions => [{ action_type => 'marketing_messages_link_click', marketing_messages_link_click_data => { tracking_token => "AI\@$run", click_id => "Iw$run", click_component => 'CTA' } }] } }] } });
ok(wait_for(8, sub { count("link_clicks where click_id = 'Iw$run' and tracking_token = 'AI\@$run' and click_component = 'CTA'") == 1 }), 'CHA-69 CHA-70 a tap without messages beside it is stored once');
control(post => { to => 'whatsapp', entry => { changes => [{ field => 'messages', value => { messaging_product => 'whatsapp', metadata => { phone_number_id => $number },
	messages => [{ from => $phone, type => 'template', template => { name => "sale_$run", button => { type => 'url', url => 'https://example.com' } }, interaction => { type => 'click', timestamp => int(time * 1000) } }] } }] } });
ok(wait_for(8, sub { count("link_clicks k join contact_handles h on h.contact_id = k.contact_id where k.template = 'sale_$run' and h.value = '+$phone'") == 1 }), 'CHA-71 the other shape counts, and names the contact');
is(count("events e join link_clicks k on k.id = e.record_id where e.type = 'message.link_clicked' and k.click_id = 'Iw$run'"), 1, 'CHA-72 webhooks are told');

# ---- templates --------------------------------------------------------------------------------------

my $one = control(template => { name => "order_$run", language => 'en', category => 'UTILITY', status => 'APPROVED',
	components => [{ type => 'HEADER', format => 'TEXT', text => 'Order {{1}}' }, { type => 'BODY', text => 'Hello {{1}}, order {{2}} is on its way' },
		{ type => 'BUTTONS', buttons => [{ type => 'URL', text => 'Track', url => 'https://example.com/{{1}}' }] }] });
control(template => { name => "sale_$run", language => 'ar', category => 'MARKETING', status => 'REJECTED', rejected_reason => 'PROMOTIONAL', components => [{ type => 'BODY', text => 'x' }] });
my $gone = control(template => { name => "old_$run", language => 'en', category => 'UTILITY', status => 'APPROVED', components => [{ type => 'BODY', text => 'x' }] });
sub sync { my $b = psql("select coalesce(max(synced_at)::text, '') from whatsapp_template_syncs where channel_account_id = '$wa'");
	my $r = api(POST => '/rest/v1/rpc/sync_whatsapp_templates', @me, json => { channel => $wa });
	return wait_for(10, sub { my $n = psql("select coalesce(max(synced_at)::text, '') from whatsapp_template_syncs where channel_account_id = '$wa' and state = 'done'"); $n ne '' && $n ne $b }) }
ok(sync(), 'MSG-92 the templates are read from Meta');
is(psql("select status || ' ' || category || ' ' || array_to_string(variables, ',') from whatsapp_templates where name = 'order_$run'"),
	'APPROVED UTILITY header.1,body.1,body.2,button.0.1', 'MSG-92 with status, category and variables; over several pages');
is(psql("select status || ' ' || reason from whatsapp_templates where name = 'sale_$run'"), 'REJECTED PROMOTIONAL', 'MSG-92 and why it was rejected');
control('template_gone' => { id => $gone->{id} });
sync();
is(count("whatsapp_templates where name = 'old_$run'"), 0, 'MSG-92 what Meta does not have any more goes');
sub send_template { my (%v) = @_; return api(POST => '/rest/v1/messages', @me, headers => { Prefer => 'return=representation' }, json => { conversation_id => $wtalk, direction => 'OUTBOUND',
	status => 'PENDING', message_type => 'template', metadata => { template => { name => "order_$run", language => 'en', values => \%v } } }) }
$r = send_template('header.1' => 7, 'body.1' => 'Wanda');
is($r->{status}, 422, 'MSG-94 a value is missing: refused before sending');
like($r->{content}, qr/body\.2/, 'MSG-94 and named');
psql("update conversations set last_inbound_at = now() - interval '25 hours' where id = '$wtalk'");
$r = send_template('header.1' => 7, 'body.1' => 'Wanda', 'body.2' => 'A-1', 'button.0.1' => 'A1');
is($r->{status}, 201, 'MSG-94 with all values it is taken');
is($r->{json}[0]{content}, "Order 7\nHello Wanda, order A-1 is on its way", 'MSG-19 the thread has the text with the values');
is(ends($r->{json}[0]{id}), 'SENT', 'INB-102 CHA-75 an approved template goes out after 24 hours');
my ($tc) = map { $_->{params}{template} } grep { ($_->{params}{template}{name} // '') eq "order_$run" } calls(qr/$number\/messages/);
is(join(' ', map { my $c = $_; join ':', $c->{type}, $c->{sub_type} // (), map { $_->{text} } @{ $c->{parameters} } } @{ $tc->{components} }),
	'header:7 body:Wanda:A-1 button:url:A1', 'MSG-95 header, body and call-to-action each with their parameters');
is(api(POST => '/rest/v1/messages', @me, json => { conversation_id => $wtalk, direction => 'OUTBOUND', status => 'PENDING', message_type => 'template',
	metadata => { template => { name => "sale_$run", language => 'ar' } } })->{status}, 422, 'MSG-92 one that is not approved is refused');
$r = api(POST => '/rest/v1/rpc/send_whatsapp_template', @me, json => { template => psql("select id from whatsapp_templates where name = 'order_$run'"), phone => "49171$run",
	given => { 'header.1' => 1, 'body.1' => 'x', 'body.2' => 'y', 'button.0.1' => 'z' } });
is($r->{status}, 200, 'MSG-98 to a number that nobody wrote from');
is(api(GET => "/rest/v1/rpc/approved_templates?channel=$wa", @me)->{json}[0]{name}, "order_$run", 'MSG-18 what may be sent is listed for pickers');
control(post => { to => 'whatsapp', entry => { changes => [{ field => 'message_template_status_update', value => { event => 'PAUSED', message_template_id => 0 + $one->{id},
	message_template_name => "order_$run", message_template_language => 'en', reason => 'NONE' } }] } });
ok(wait_for(8, sub { psql("select status from whatsapp_templates where name = 'order_$run'") eq 'PAUSED' }), 'MSG-92 what Meta decides later comes by itself');

# ---- checks of the connection --------------------------------------------------------------------------

sub check { my ($id) = @_; my $b = psql("select checked_at from channel_accounts where id = '$id'");
	api(POST => '/rest/v1/rpc/channel_check', @me, json => { channel => $id });
	wait_for(10, sub { psql("select checked_at from channel_accounts where id = '$id'") ne $b });
	return psql("select connection_state || '|' || is_active || '|' || coalesce(last_error, '') from channel_accounts where id = '$id'") }
for my $c ([$fb, 'Messenger'], [$ig, 'Instagram'], [$wa, 'WhatsApp Cloud']) {
	is(check($c->[0]), 'Connected|true|', "CHA-25 $c->[1]: the credentials are good");
}
is(psql("select string_agg(x ->> 'what', ' ' order by n) from channel_accounts a, jsonb_array_elements(a.check_results) with ordinality e (x, n) where a.id = '$wa'"),
	'token permissions number tier quality business review verification sending namespace webhook', 'CHA-59 CHA-60 CHA-76 CHA-77 identity, scopes, number, tier and account are looked at');
ok((grep { $_->{path} =~ /$page\/subscribed_apps/ } calls(qr/subscribed_apps/)), 'CHA-62 CHA-65 Meta is told what to call about');
control(number => { status => 'PENDING' });
like(check($wa), qr/not connected/, 'CHA-60 a number that is not CONNECTED is told');
control(number => { status => 'CONNECTED' });
psql("update channel_accounts set settings = settings || '{\"waba_id\":\"999\"}' where id = '$wa'");
like(check($wa), qr/not assigned to this system user.*subcode 33/, 'CHA-61 CHA-58 code 100 subcode 33 in words');
psql("update channel_accounts set settings = settings || '{\"waba_id\":\"$waba\"}' where id = '$wa'");
check($wa);
control(token => { dead => 1 });
like(check($fb), qr/^Disconnected\|false\|/, 'CHA-19 a dead token: the channel is switched off');
ok(wait_for(5, sub { count("notifications where kind = 'channel.disconnected' and record_id = '$fb'") > 0 }), 'CHA-19 and the administrators are told');
control(token => { dead => 0 });
psql("update channel_accounts set is_active = false where id in ('$fb', '$ig', '$wa')");
done_testing;
