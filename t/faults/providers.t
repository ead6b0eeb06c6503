#!/usr/bin/perl
# Providers on a bad day. Whatever they answer, or do not: each message reaches the
# customer once, or is UNKNOWN, in words, and stays so until somebody decides. And
# what they call with three times, in the wrong order, forged, or while the programs
# are killed is there once.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha1_base64 hmac_sha256_base64 hmac_sha256_hex);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use HTTP::Tiny;
use Kontor;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

my $k    = own_instance(demo => 1);
my $t    = $k->json->{tenants}[0];
my $org  = $t->{organization_id};
my $base = $k->base_url;
my $anna = $k->browser(email => $t->{users}[0]{email}, password => $t->{users}[0]{password});
my @me   = do {
	my $anon = $k->json->{anon_key};
	(apikey => $anon, bearer => $k->api(POST => '/auth/v1/token?grant_type=password', apikey => $anon,
		json => { email => $t->{users}[0]{email}, password => $t->{users}[0]{password} })->{json}{access_token});
};
sub sql { return $k->psql($_[0]) }
sub calls_to { return $k->api(POST => $_[0], body => $_[1], type => $_[2] // 'application/json', headers => $_[3] // {})->{status} }

# ---- the provider that has bad days --------------------------------------------------------

my ($http, $smtp) = (free_port(), free_port());
my $log = File::Temp->new;
my ($secret, $provider) = ('app-secret-of-the-test');
my @outputs; # a closed one would wait for its process
END { local $?; kill TERM => $provider if $provider }

sub provider_begins {
	my $pid = open(my $out, '-|', $^X, "$FindBin::Bin/../standin/rough.pl", '--base', $base, '--log', $log->filename, '--secret', $secret,
		'--port', $http, '--smtp', $smtp) or die "rough.pl: $!\n";
	$provider = $pid;
	(my $line = <$out> // '') =~ /listening/ or die "rough.pl did not start\n";
	push @outputs, $out;
	return;
}

sub attempts {
	my ($text) = @_;
	open my $in, '<', $log->filename or die;
	return grep { $_->{text} eq $text } map { json_decode($_) } <$in>;
}
sub had { return scalar grep { $_->{has} } attempts($_[0]) }

my %of = (
	whatsapp => ['WHATSAPP_CLOUD', { phone_number_id => '990001', waba_id => '990002', access_token => 'token-990001', app_secret => $secret, verify_token => 'v1', api_base => "http://127.0.0.1:$http/v22.0" }],
	messenger => ['FB_MESSENGER', { page_id => '990003', access_token => 'token-990003', app_secret => $secret, verify_token => 'v2', api_base => "http://127.0.0.1:$http/v22.0" }],
	telegram => ['TELEGRAM', { bot_token => '990004:tok', secret_token => 'tg-secret', api_base => "http://127.0.0.1:$http" }],
	twilio => ['SMS', { provider => 'twilio', account_sid => 'AC990005', access_token => $secret, from => '+15005550006', api_base => "http://127.0.0.1:$http" }],
	smtp => ['EMAIL', { address => 'shop@shop.example', display_name => 'Shop', outgoing_url => "smtp://127.0.0.1:$smtp" }],
);
my @via = sort keys %of;
my %account;

sub connect_account {
	my ($name, $type, $settings) = @_;
	my $r = $k->api(POST => '/rest/v1/channel_accounts?select=id', @me, headers => { Prefer => 'return=representation' },
		json => { name => "Rough $name", type => $type, is_active => JSON::PP::true, settings => $settings });
	die "$name: $r->{content}\n" if $r->{status} != 201;
	sql("update channel_accounts set connection_state = 'Connected', is_active = true where id = '$r->{json}[0]{id}'");
	return $account{$name} = $r->{json}[0]{id};
}
connect_account($_, @{ $of{$_} }) for @via;

# Messages, each to a person of his own who has just written: [via, text]. In one go, for
# each call of psql costs time; answers pairs of conversation and message.
my $people = 0;
sub to_people {
	my $script = '';
	for (@_) {
		my ($via, $text) = @$_;
		my $n = ++$people;
		my $handle = $via eq 'whatsapp' ? sprintf('4915%08d', 7000000 + $n) : 7000000 + $n;
		my ($column, $value) = $via eq 'smtp' ? ('emails', "p$n\@kunde.example") : ('phones', sprintf '+4915%08d', 7000000 + $n);
		my $thread = $via =~ /^(?:smtp|twilio)$/ ? 'null' : "'$handle'";
		$script .= "with p as (insert into contacts (organization_id, first_name, last_name, $column) values ('$org', 'P', '$n', array['$value']) returning id)
			insert into conversations (organization_id, contact_id, channel_account_id, external_id, last_inbound_at)
				select '$org', p.id, '$account{$via}', $thread, now() from p returning id as talk \\gset\n"
			. "insert into messages (organization_id, conversation_id, direction, content, status) values ('$org', :'talk', 'OUTBOUND', '$text', 'PENDING') returning :'talk', id;\n";
	}
	return map { [split /\|/] } split /\n/, sql($script);
}

sub queue {
	my ($talk, $text) = @_;
	return sql("insert into messages (organization_id, conversation_id, direction, content, status) values ('$org', '$talk', 'OUTBOUND', '$text', 'PENDING') returning id");
}
sub of_message { my ($id, $what) = @_; return sql("select " . ($what // "status") . " from messages where id = '$id'") }
# Waiting for another attempt does not take its time here.
sub ends {
	my ($id, $seconds) = @_;
	return wait_for($seconds // 15, sub { hour_passes(); my $s = of_message($id); $s =~ /^(?:SENT|DELIVERED|READ|FAILED|UNKNOWN)$/ && $s }) // of_message($id);
}
# What of all waits for another attempt is due now.
sub hour_passes { return sql("update job.jobs set run_at = now() where organization_id = '$org' and kind = 'send_message' and state = 'waiting'") }
# Each state that it had came behind the one before.
sub never_back {
	my ($id) = @_;
	return sql("select count(*) from (select internal.status_rank(status) r, lag(internal.status_rank(status)) over (order by id) before, status,
		lag(status) over (order by id) was from message_status_history where message_id = '$id') h
		where r < before and not (status = 'PENDING' and was in ('SENDING', 'FAILED'))");
}
sub health { my ($via) = @_; my ($cell) = $anna->get('/settings/channels/health')->{content} =~ /<li class="panel" data-channel="$account{$via}">(.*?)<\/li>/s; return $cell // '' }

# ---- nobody answers, for an hour ---------------------------------------------------------------

my (%first, %second);
my %talk;
@first{@via} = map { $_->[1] } my @begun = to_people(map { [$_, "plain first by $_"] } @via);
@talk{@via} = map { $_->[0] } @begun;
for my $via (@via) {
	ok(wait_for(10, sub { sql("select last_error from job.jobs where kind = 'send_message' and key = '$first{$via}' and state = 'waiting'") }),
		"MSG-29 $via: a provider that cannot be reached is tried again");
}
$second{$_} = queue($talk{$_}, "plain second by $_") for @via;
# The third to the fifth are as the second.
for my $n (2, 6) {
	sql("update job.jobs set attempts = 5 where organization_id = '$org' and kind = 'send_message' and state = 'waiting' and attempts = 2") if $n == 6;
	sql("update job.jobs set run_at = now() where organization_id = '$org' and kind = 'send_message' and state = 'waiting' and attempts < $n");
	my $all = join ',', map { "'$first{$_}'" } @via;
	wait_for(10, sub { sql("select count(*) from job.jobs where kind = 'send_message' and key in ($all) and state = 'waiting' and attempts >= $n") == @via });
}
for my $via (@via) {
	is(of_message($first{$via}), 'PENDING', "MSG-29 $via: after an hour and six attempts it still waits");
	is(of_message($second{$via}), 'PENDING', "$via: the one behind it, too");
	like(of_message($first{$via}, 'error'), qr/could not be reached/, "MSG-30 $via: the thread says why");
	like(health($via), qr/class="channel-problem"[^>]*>[^<]*could not be reached/, "INB-116 CHA-11 $via: the health page says what happens");
}
is(sql("select count(*) from job.jobs where kind = 'send_message' and key in (" . join(',', map { "'$_'" } values %second) . ") and attempts = 0 and state = 'waiting'"), scalar @via,
	'MSG-29 what is behind a message that waits is not tried before it');
# Whoever writes on asks for news: no time has to pass.
provider_begins();
my %third = map { $_ => queue($talk{$_}, "plain third by $_") } @via;
wait_for(15, sub { sql("select count(*) from messages where organization_id = '$org' and content like 'plain % by %' and status = 'SENT'") == 3 * @via });
for my $via (@via) {
	is(of_message($first{$via}), 'SENT', "MSG-29 $via: it goes once the provider is back, when somebody writes on");
	is(of_message($second{$via}), 'SENT', "$via: so does the one behind it");
	is(of_message($third{$via}), 'SENT', "$via: and the new one");
	is(join('|', map { $_->{text} } grep { $_->{via} eq $via } map { attempts("plain $_ by $via") } qw(first second third)), "plain first by $via|plain second by $via|plain third by $via",
		"MSG-43 $via: each of them once") ;
	unlike(health($via), qr/class="channel-problem"/, "INB-116 $via: the health page counts it as well again");
	like(health($via), qr/class="dot bad"[^>]*><\/span> <small[^>]*>[^<]*could not be reached/, "INB-116 and remembers what happened");
}
{
	open my $in, '<', $log->filename or die;
	my @order = map { json_decode($_)->{text} } <$in>;
	for my $via (@via) {
		is(join(' ', map { /plain (\w+)/ } grep { /by $via$/ } @order), 'first second third', "$via: in the order in which they were written");
	}
}

# ---- bad answers --------------------------------------------------------------------------------

# how, what becomes of it by each provider, attempts
my @cases = (
	['hang', { map { $_ => 'UNKNOWN' } grep { $_ ne 'smtp' } @via }, 1, 'no answer'],
	['500', { map { $_ => 'UNKNOWN' } grep { $_ ne 'smtp' } @via }, 1, 'a page of HTML with status 500'],
	['broken:1', { whatsapp => 'SENT', messenger => 'SENT', twilio => 'SENT' }, 2, 'an error of its own with status 500'],
	['broken', { telegram => 'UNKNOWN' }, 1, 'an error of its own with status 500, which says nothing'],
	['429:1', { map { $_ => 'SENT' } grep { $_ ne 'smtp' } @via }, 2, '429 without more'],
	['wait:2', { map { $_ => 'SENT' } grep { $_ ne 'smtp' } @via }, 3, '429 with Retry-After'],
	['450:1', { smtp => 'SENT' }, 2, 'a busy mailbox'],
	['cut', { map { $_ => 'UNKNOWN' } @via }, 1, 'half of an answer'],
	['garbage', { map { $_ => 'UNKNOWN' } @via }, 1, 'garbage'],
	['empty', { map { $_ => 'UNKNOWN' } grep { $_ ne 'smtp' } @via }, 1, 'an empty answer'],
	['flood', { map { $_ => 'UNKNOWN' } grep { $_ ne 'smtp' } @via }, 1, 'an answer without end'],
	['early', { whatsapp => 'READ', messenger => 'DELIVERED', twilio => 'DELIVERED' }, 1, 'receipts before the answer, in the wrong order, three times each'],
	['lost', { whatsapp => 'DELIVERED', twilio => 'DELIVERED' }, 1, 'a receipt, and no answer'],
);
my %id;
{
	my @all = map { my ($how, $by) = @$_; map { [$_, "[$how] said by $_", "$how $_"] } sort keys %$by } @cases;
	@id{map { $_->[2] } @all} = map { $_->[1] } to_people(@all);
}
# All of them at once: each look at the database costs time.
sub judge {
	my ($seconds, @of) = @_;
	my %want = map { my ($how, $by) = @$_; map { $id{"$how $_"} => $by->{$_} } keys %$by } @of;
	my $list = join ',', map { "'$_'" } keys %want;
	my %is;
	wait_for($seconds, sub {
		hour_passes();
		%is = map { $_->{id} => $_ } $k->rows("select m.id, m.status, coalesce(m.error, '') as error, (select count(*) from (select internal.status_rank(h.status) r,
			lag(internal.status_rank(h.status)) over (order by h.id) before, h.status, lag(h.status) over (order by h.id) was
			from message_status_history h where h.message_id = m.id) x where r < before and not (status = 'PENDING' and was in ('SENDING', 'FAILED'))) as back
			from messages m where m.id in ($list)");
		return !grep { $is{$_}{status} ne $want{$_} } keys %want;
	});
	for (@of) {
		my ($how, $by, $times, $what) = @$_;
		for my $via (sort keys %$by) {
			my ($m, $text, $wanted) = ($is{ $id{"$how $via"} }, "[$how] said by $via", $by->{$via});
			is($m->{status}, $wanted, "MSG-108 $via: $what: $wanted") or diag $m->{error};
			is(scalar(attempts($text)) . ' ' . had($text), "$times 1", "MSG-43 $via: $what: asked $times times, and the customer has it once");
			$wanted eq 'UNKNOWN' ? like($m->{error}, qr/Ask the customer or send it again/, "MSG-30 $via: in words")
				: is($m->{error}, '', "MSG-30 $via: and no error is left");
			is($m->{back}, 0, "MSG-31 $via: $what: no state was taken back");
		}
	}
	return;
}
judge(30, grep { $_->[0] ne 'hang' } @cases);
for my $via (grep { $_ ne 'smtp' } @via) {
	my $slow = sql("select count(*) from channel_states where channel_account_id = '$account{$via}' and state = 'problem' and why ~* 'slow|limit'");
	cmp_ok($slow, '>', 0, "INB-116 $via: that it asks to go slower is remembered");
}

# ---- what a person decides ------------------------------------------------------------------------

hour_passes();
is(scalar(attempts('[cut] said by telegram')), 1, 'MSG-108 what nobody knows of is not sent again by itself');



# ---- what providers call with ------------------------------------------------------------------------

my $other = 'secret-of-somebody-else';
my %also = (
	instagram => ['INSTAGRAM', { instagram_id => '990006', page_id => '990007', access_token => 'token-990007', app_secret => $secret, verify_token => 'v3', api_base => "http://127.0.0.1:$http/v22.0" }],
	lite => ['WHATSAPP_LITE', { sender_id => 's-1', phone_number => '+201299990008', api_key => 'k', secret_token => 'lite-secret', api_base => "http://127.0.0.1:$http" }],
	tiktok => ['TIKTOK', { client_key => 'app-990009', client_secret => $secret, business_id => 'biz-990009', api_base => "http://127.0.0.1:$http" }],
	shopify => ['SHOPIFY_INBOX', { shop_domain => 'https://rough.myshopify.com/', client_secret => $secret, access_token => 'x', api_base => "http://127.0.0.1:$http" }],
	linkedin => ['LINKEDIN', { organization => 'urn:li:organization:990010', client_id => 'ci', client_secret => $secret, api_base => "http://127.0.0.1:$http" }],
);
connect_account($_, @{ $also{$_} }) for sort keys %also;

sub padded { my $m = shift; $m .= '=' while length($m) % 4; return $m }
sub meta_sign { my ($body, $key) = @_; return ('X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $key // $secret)) }
sub meta_message {
	my ($object, $account) = @_;
	return sub { my ($n, $text, $id) = @_; return json_encode({ object => $object, entry => [{ id => $account, time => 1, messaging => [{ timestamp => 1760000000000 + $n,
		sender => { id => "55$n" }, recipient => { id => $account }, message => { mid => $id, text => $text } }] }] }) };
}
# Body for (person, text, the provider's id of it); headers that prove it.
my %call = (
	whatsapp => ['whatsapp-cloud-webhook', sub { my ($n, $text, $id) = @_; my $from = sprintf '4916%08d', $n; return json_encode({ object => 'whatsapp_business_account',
		entry => [{ id => '990002', changes => [{ field => 'messages', value => { messaging_product => 'whatsapp', metadata => { display_phone_number => '1', phone_number_id => '990001' },
			contacts => [{ profile => { name => "W $n" }, wa_id => $from }], messages => [{ from => $from, id => $id, timestamp => '1760000000', type => 'text', text => { body => $text } }] } }] }] }) }, \&meta_sign],
	messenger => ['messenger-webhook', meta_message('page', '990003'), \&meta_sign],
	instagram => ['instagram-webhook', meta_message('instagram', '990006'), \&meta_sign],
	telegram => ['telegram-webhook', sub { my ($n, $text, $id) = @_; my $u = hex substr $id, -8; return json_encode({ update_id => $u, message => { message_id => $u, date => 1760000000,
		from => { id => 800000 + $n, is_bot => JSON::PP::false, first_name => "T$n" }, chat => { id => 800000 + $n, type => 'private' }, text => $text } }) },
		sub { my (undef, $key) = @_; return ('X-Telegram-Bot-Api-Secret-Token' => $key // 'tg-secret') }],
	lite => ['whatsapp-lite-webhook', sub { my ($n, $text, $id) = @_; return json_encode({ message_id => $id, from => sprintf('+2010%08d', $n), to => '+201299990008', message => $text, timestamp => '2025-01-15T10:00:00Z' }) },
		sub { my (undef, $key) = @_; return ('X-Webhook-Secret' => $key // 'lite-secret') }],
	tiktok => ['tiktok-webhook', sub { my ($n, $text, $id) = @_; return json_encode({ client_key => 'app-990009', event => 'im_receive_msg', create_time => 1760000000, user_openid => 'biz-990009',
		content => json_encode({ conversation_id => "c-$n", from => "u$n", from_user => { id => "u-$n", role => 'personal_account' }, to_user => { id => 'biz-990009', role => 'business_account' },
			message_id => $id, timestamp => 1760000000000, type => 'text', text => { body => $text } }) }) },
		sub { my ($body, $key, $at) = @_; $at //= int time; return ('TikTok-Signature' => "t=$at,s=" . hmac_sha256_hex("$at.$body", $key // $secret)) }],
	shopify => ['shopify-inbox-webhook', sub { my ($n, $text, $id) = @_; return json_encode({ message_id => $id, from => "cust-$n", name => "Shopper $n", conversation_id => "chat-$n", message => $text }) },
		sub { my ($body, $key) = @_; return ('X-Shopify-Shop-Domain' => 'rough.myshopify.com', 'X-Shopify-Hmac-Sha256' => padded(hmac_sha256_base64($body, $key // $secret))) }],
	linkedin => ['linkedin-webhook', sub { my ($n, $text, $id) = @_; return json_encode({ type => 'MESSAGES', notifications => [{ notificationId => $n, owner => 'urn:li:organization:990010',
		resourceName => 'messages', resourceId => $id, method => 'CREATE', activity => { owner => 'urn:li:organization:990010', createdAt => 1760000000000, id => $id, author => "urn:li:person:$n",
			authorName => "L $n", thread => "urn:li:messagingThread:$n", content => { text => $text } } }] }) },
		sub { my ($body, $key) = @_; return ('X-LI-Signature' => hmac_sha256_hex("hmacsha256=$body", $key // $secret)) }],
);
my $ids = 0;
sub new_id { return sprintf 'rough-%d-%08x', $$, ++$ids }
sub post_call { my ($via, $body, %h) = @_; return HTTP::Tiny->new(timeout => 10)->post("$base/functions/v1/$call{$via}[0]", { content => $body, headers => { 'Content-Type' => 'application/json', %h } })->{status} }
sub messages_like { return sql("select count(*) from messages where organization_id = '$org' and content = '$_[0]'") }
sub settled { return wait_for(20, sub { sql("select count(*) from inbound_hooks where organization_id = '$org' and state = 'new'") == 0 }) }

my $hooks = sub { sql("select count(*) from inbound_hooks where organization_id = '$org'") };
for my $via (sort keys %call) {
	my (undef, $body_of, $proof) = @{ $call{$via} };
	my $body = $body_of->(1, "once by $via", new_id());
	my @pids = map { my $pid = fork // die; if (!$pid) { POSIX::_exit(post_call($via, $body, $proof->($body)) == 200 ? 0 : 1) } $pid } 1 .. 2;
	is(post_call($via, $body, $proof->($body)), 200, "CHA-29 $via: a call is taken");
	my $bad = 0;
	for (@pids) { waitpid $_, 0; $bad += $? != 0 }
	is($bad, 0, "CHA-29 $via: two more of the same at the same time are acknowledged");
	(my $again = $body) =~ s/\}\z/, "sent_again": 1}/;
	is(post_call($via, $again, $proof->($again)), 200, "CHA-29 $via: and the same message in another call");
}
settled();
is(messages_like("once by $_"), 1, "MSG-53 $_: it is one message") for sort keys %call;

for my $via (sort keys %call) {
	my (undef, $body_of, $proof) = @{ $call{$via} };
	my $before = $hooks->();
	my $forged = $body_of->(2, "forged by $via", new_id());
	my $known = $body_of->(1, 'known', new_id());
	my @answers = (post_call($via, $forged, $proof->($forged, $other)), post_call($via, $forged), post_call($via, $forged, map { ref ? () : $_ } do {
		my %h = $proof->($known); $_ = ($via =~ /^(?:telegram|lite)$/ ? substr($_, 0, -1) : $_) for values %h; %h }));
	is("@answers", '401 401 401', "CHA-30 $via: with another secret, without a signature, with that of another call: refused");
	is($hooks->(), $before, "CHA-30 $via: and nothing of it is kept");
}
{
	my (undef, $body_of, $proof) = @{ $call{tiktok} };
	my $body = $body_of->(2, 'replayed', new_id());
	is(post_call('tiktok', $body, $proof->($body, undef, int(time) - 7200)), 401, 'CHA-30 tiktok: a signature of two hours ago is refused');
	my $changed = $body =~ s/replayed/changed!/r;
	is(post_call('tiktok', $changed, $proof->($body)), 401, 'CHA-30 tiktok: and one that stood on other words');
}
is(messages_like("forged by $_"), 0, "CHA-30 $_: no message came of what was forged") for sort keys %call;
like(health('whatsapp'), qr/Calls refused<\/dt><dd class="is-bad">[1-9]/, 'CHA-30 INB-116 the health page counts calls that were refused');

# Twilio's reports, and receipts that come late, early, twice and for nobody.
{
	my ($of_it) = to_people(['whatsapp', 'plain receipts']);
	my $sent = $of_it->[1];
	ends($sent);
	my $wamid = of_message($sent, 'external_id');
	my $status = sub { my ($s, $id) = @_; my $body = json_encode({ object => 'whatsapp_business_account', entry => [{ id => '1', changes => [{ field => 'messages', value => { messaging_product => 'whatsapp',
		metadata => { display_phone_number => '1', phone_number_id => '990001' }, statuses => [{ id => $id // $wamid, status => $s, timestamp => '1760000000', recipient_id => '1' }] } }] }] });
		return post_call('whatsapp', $body, meta_sign($body)) };
	is(join(' ', map { $status->($_) } qw(read delivered sent read failed delivered), 'read'), join(' ', (200) x 7), 'MSG-31 receipts in any order, repeated');
	$status->('delivered', 'wamid.of-nobody');
	sql("update inbound_hooks set received_at = now() - interval '1 minute' where organization_id = '$org' and convert_from(body, 'UTF8') like '%of-nobody%';
		update job.jobs set run_at = now() where organization_id = '$org' and kind = 'inbound' and state = 'waiting'"); # its message may still come, for a while
	is(wait_for(10, sub { of_message($sent) eq 'READ' }) && of_message($sent), 'READ', 'MSG-31 the furthest of them counts');
	settled();
	is(of_message($sent), 'READ', 'MSG-31 and none takes it back');
	is(never_back($sent), 0, 'MSG-31 at no time');
	my $url = "$base/functions/v1/sms-webhook?channel=$account{twilio}";
	my %form = (MessageSid => 'SM1', MessageStatus => 'delivered');
	my $mark = padded(hmac_sha1_base64($url . join('', map { $_ . $form{$_} } sort keys %form), $other));
	is(HTTP::Tiny->new->post_form($url, \%form, { headers => { 'X-Twilio-Signature' => $mark } })->{status}, 401, 'CHA-30 twilio: a forged report is refused');
}

# ---- who hung has been given up meanwhile: before the worker is killed, for that ends it, too -----------

judge(30, $cases[0]);
is(sql("select count(distinct channel_account_id) from channel_states where why like '%did not answer%' and state = 'problem'"), 4,
	'INB-116 the state of each channel says that it did not answer');

# ---- killed at random moments ----------------------------------------------------------------------------

sql("insert into channel_accounts (organization_id, name, type, is_active, connection_state) values ('$org', 'Rough chat', 'WEB_CHAT', true, 'Connected')");
my $chat = sql("select id from channel_accounts where organization_id = '$org' and name = 'Rough chat'");
sub chat_call {
	my ($path, $data, $token) = @_;
	return HTTP::Tiny->new(timeout => 10)->post("$base/chat/$chat/$path", { content => json_encode($data),
		headers => { 'Content-Type' => 'application/json', Origin => $base, $token ? (Authorization => "Bearer $token") : () } });
}
my ($begun, $token);
ok(wait_for(10, sub { $begun = chat_call(session => { name => 'Vera', consent => JSON::PP::true }); $begun->{status} == 200 }), 'FACT-75 a chat on the site begins') or diag $begun->{content};
$token = json_decode($begun->{content})->{token};
is(chat_call(messages => { client => '00000000-0000-7000-8000-00000000000a', text => 'forged by chat' }, 'x' x 43)->{status}, 401, 'FACT-75 chat: with a token of nobody: refused');

my @mixed = map { my $n = $_; map { [$_, "kill $n by $_", new_id()] } sort keys %call } 1 .. 30;
push @mixed, map { ['chat', "kill $_ by chat", sprintf '00000000-0000-7000-8000-%012x', 1000 + $_] } 1 .. 20;
sub kept_on {
	my ($via, $text, $id) = @_;
	return chat_call(messages => { client => $id, text => $text }, $token)->{status} if $via eq 'chat';
	my ($n) = $text =~ /(\d+)/;
	my $body = $call{$via}[1]->($n % 7, $text, $id);
	return post_call($via, $body, $call{$via}[2]->($body));
}
my @senders = map {
	my $me = $_;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		my $lost = 0;
		for my $c (@mixed[grep { $_ % 4 == $me } 0 .. $#mixed]) {
			my $tries = 0;
			$tries++, sleep 0.05 while kept_on(@$c) != 200 && $tries < 200;
			$lost++ if $tries == 200;
		}
		POSIX::_exit($lost ? 1 : 0);
	}
	$pid;
} 0 .. 3;

# The programs' own processes, not their supervisors.
sub victims {
	my @pids;
	for my $dir (glob '/proc/[0-9]*') {
		open my $comm, '<', "$dir/comm" or next;
		next if (<$comm> // '') !~ /^kontor-(?:webhooks|worker|share)/;
		open my $env, '<', "$dir/environ" or next;
		local $/;
		push @pids, $dir =~ /(\d+)$/ if (<$env> // '') =~ /KONTOR_CONF=\Q@{[$k->home]}\E/;
	}
	return @pids;
}
my ($killed, $failed) = (0, 0);
while (@senders) {
	my @pids = victims();
	$killed += kill KILL => $pids[rand @pids] if @pids && $killed < 24;
	sleep 0.15;
	@senders = grep { my $over = waitpid($_, POSIX::WNOHANG()); $failed += $? != 0 if $over; !$over } @senders;
}
is($failed, 0, 'CHA-29 every call is acknowledged in the end');
cmp_ok($killed, '>=', 5, "$killed processes were killed meanwhile");
ok(wait_for(90, sub { settled() && sql("select count(*) from job.jobs where kind = 'inbound' and state <> 'dead'") == 0 }), 'CHA-31 all of them are worked on')
	or diag sql("select kind, state, last_error from job.jobs where kind = 'inbound' limit 3");
my $kill = "from messages where organization_id = '$org' and content like 'kill %'";
is(sql("select count(distinct content) $kill"), scalar @mixed, 'MSG-53 MSG-52 0 lost: each call of nine kinds of channels is a message');
is(sql("select count(*) $kill"), scalar @mixed, 'MSG-53 0 doubled: and one only');
is(sql("select count(*) from events where type = 'message.received' and record_id in (select id $kill)"), scalar @mixed, 'MSG-58 with one event each');
is(sql("select count(*) from (select conversation_id, channel_account_id $kill group by 1, 2) x"), 8 * 7 + 1, 'INB-42 in one conversation for each person and channel');
is(sql("select count(*) from inbound_hooks where organization_id = '$org' and state = 'failed'"), 0, 'CHA-31 and no dead letter');
is(sql("select count(*) from job.jobs where state = 'dead'"), 0, 'nor a dead job') or diag sql("select kind, last_error from job.jobs where state = 'dead'");
done_testing;
