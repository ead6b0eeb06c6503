#!/usr/bin/perl
# A stand-in for the Telegram Bot API, after core.telegram.org/bots/api.
#
#	telegram.pl --token 123:ABC [--port N] [--log FILE]
#
# Serves /bot<token>/<method> and /file/bot<token>/<path>. Control beside that
# of Standin.pm:
#	POST /control/file	{"file_id":..,"path":"photos/1.jpg","base64":..,"size":N}
#	POST /control/update	an Update, posted to the address of setWebhook with its secret_token
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'token=s', 'log=s') && $o{token} or die "usage: telegram.pl --token TOKEN [--port N] [--log FILE]\n";

my $json = JSON::PP->new->utf8->canonical;
my (%files, %hook);
my $next = time % 1_000_000_000; # ids differ from run to run
my %said; # "chat:message": {text | caption, time}

sub fail {
	my ($code, $text, %parameters) = @_;
	return [$code, { ok => JSON::PP::false, error_code => $code, description => $text,
		%parameters ? (parameters => \%parameters) : () }];
}

sub done { return [200, { ok => JSON::PP::true, result => $_[0] }] }

# Lengths count in UTF-16 units.
sub units {
	my $t = $_[0] // '';
	utf8::decode($t) if !utf8::is_utf8($t);
	return length($t) + scalar grep { ord > 0xffff } split //, $t;
}

sub sent {
	my ($rq, %more) = @_;
	my $chat = $rq->{params}{chat_id} + 0;
	$said{"$chat:" . ($next + 1)} = { time => time, exists $more{text} ? (text => $more{text}) : (caption => $rq->{params}{caption} // '') };
	return done({ message_id => ++$next, date => time, chat => { id => $chat, type => $chat < 0 ? 'group' : 'private' },
		from => { id => 123456, is_bot => JSON::PP::true, first_name => 'Bot' }, %more });
}

sub send_message {
	my ($rq) = @_;
	my $text = $rq->{params}{text} // '';
	return fail(400, 'Bad Request: message text is empty') if !length $text;
	return fail(400, 'Bad Request: message is too long') if units($text) > 4096;
	return sent($rq, text => $text);
}

sub send_location {
	my ($rq) = @_;
	my ($lat, $lon) = @{ $rq->{params} }{qw(latitude longitude)};
	return fail(400, 'Bad Request: latitude is empty') if !defined $lat || !defined $lon;
	return fail(400, 'Bad Request: wrong latitude or longitude') if abs($lat) > 90 || abs($lon) > 180;
	return sent($rq, location => { latitude => $lat + 0, longitude => $lon + 0 });
}

sub send_contact {
	my ($rq) = @_;
	my %c = map { $_ => $rq->{params}{$_} } grep { length($rq->{params}{$_} // '') } qw(phone_number first_name last_name);
	return fail(400, 'Bad Request: phone number is empty') if !$c{phone_number};
	return fail(400, 'Bad Request: first name is empty') if !$c{first_name};
	return sent($rq, contact => \%c);
}

sub send_file {
	my ($field, $max) = @_;
	return sub {
		my ($rq) = @_;
		my $file = $rq->{files}{$field};
		my $known = $rq->{params}{$field};
		return fail(400, "Bad Request: there is no $field in the request") if !$file && !defined $known;
		return fail(413, 'Request Entity Too Large') if $file && length $file->{data} > $max;
		return fail(400, 'Bad Request: file must be non-empty') if $file && !length $file->{data};
		return fail(400, 'Bad Request: message caption is too long') if units($rq->{params}{caption}) > 1024;
		my $id = 'FILE' . ++$next;
		my $about = { file_id => $id, file_unique_id => lc $id };
		return sent($rq, $field => $field eq 'photo' ? [$about] : $about);
	};
}

# Messages of the bot; those of people are reacted to without being known here.
sub target { return $said{"$_[0]{params}{chat_id}:$_[0]{params}{message_id}"} }

sub edit {
	my ($field, $max) = @_;
	return sub {
		my ($rq) = @_;
		my $m = target($rq) or return fail(400, 'Bad Request: message to edit not found');
		my $words = $rq->{params}{$field} // '';
		return fail(400, 'Bad Request: there is no text in the message to edit') if !exists $m->{$field};
		return fail(400, 'Bad Request: message text is empty') if $field eq 'text' && !length $words;
		return fail(400, 'Bad Request: MESSAGE_TOO_LONG') if units($words) > $max;
		return fail(400, 'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message')
			if $m->{$field} eq $words;
		$m->{$field} = $words;
		return done({ message_id => $rq->{params}{message_id} + 0, date => $m->{time}, edit_date => time,
			chat => { id => $rq->{params}{chat_id} + 0, type => 'private' }, $field => $words });
	};
}

sub delete_message {
	my ($rq) = @_;
	my $m = target($rq) or return fail(400, 'Bad Request: message to delete not found');
	return fail(400, "Bad Request: message can't be deleted for everyone") if time - $m->{time} > 48 * 3600;
	delete $said{"$rq->{params}{chat_id}:$rq->{params}{message_id}"};
	return done(JSON::PP::true);
}

my %reactions = map { $_ => 1 } map { my $e = $_; utf8::decode($e); $e } ('👍', '👎', '❤', '🔥', '👏', '😁', '🎉', '😢', '🙏', '👌');
sub react {
	my ($rq) = @_;
	my $list = $rq->{params}{reaction};
	$list = $json->decode($list) if defined $list && !ref $list;
	return fail(400, 'Bad Request: too many reactions') if @{ $list // [] } > 1;
	for my $r (@{ $list // [] }) {
		my $emoji = $r->{emoji} // '';
		utf8::decode($emoji) if !utf8::is_utf8($emoji);
		$emoji =~ s/\x{fe0f}//g;
		return fail(400, 'Bad Request: REACTION_INVALID') if ($r->{type} // '') ne 'emoji' || !$reactions{$emoji};
	}
	return done(JSON::PP::true);
}

sub get_file {
	my ($rq) = @_;
	my $id = $rq->{params}{file_id} // '';
	my $f = $files{$id} or return fail(400, 'Bad Request: invalid file_id');
	return fail(400, 'Bad Request: file is too big') if $f->{size} > 20 * 1024 * 1024;
	return done({ file_id => $id, file_unique_id => lc $id, file_size => $f->{size}, file_path => $f->{path} });
}

sub set_webhook {
	my ($rq) = @_;
	my $secret = $rq->{params}{secret_token} // '';
	return fail(400, 'Bad Request: secret token contains unallowed characters') if $secret !~ /^[A-Za-z0-9_-]{0,256}$/;
	%hook = (url => $rq->{params}{url}, secret => $secret);
	return [200, { ok => JSON::PP::true, result => JSON::PP::true, description => 'Webhook was set' }];
}

my $mb = 1024 * 1024;
my %methods = (
	getMe => sub { done({ id => 123456, is_bot => JSON::PP::true, first_name => 'Bot', username => 'stand_in_bot' }) },
	getFile => \&get_file,
	setWebhook => \&set_webhook,
	getWebhookInfo => sub { done({ url => $hook{url} // '', has_custom_certificate => JSON::PP::false, pending_update_count => 0 }) },
	sendMessage => \&send_message,
	sendLocation => \&send_location,
	sendContact => \&send_contact,
	editMessageText => edit('text', 4096),
	editMessageCaption => edit('caption', 1024),
	deleteMessage => \&delete_message,
	setMessageReaction => \&react,
	sendPhoto => send_file('photo', 10 * $mb),
	sendDocument => send_file('document', 50 * $mb),
	sendVideo => send_file('video', 50 * $mb),
	sendAudio => send_file('audio', 50 * $mb),
	sendVoice => send_file('voice', 50 * $mb),
	sendSticker => send_file('sticker', $mb),
);

sub handle {
	my ($s, $rq) = @_;
	if ($rq->{path} =~ m{^/file/bot([^/]+)/(.+)$}) {
		my ($token, $path) = ($1, $2);
		my ($f) = grep { $_->{path} eq $path } values %files;
		return fail(404, 'Not Found') if $token ne $o{token} || !$f;
		return { status => 200, type => 'application/octet-stream', body => $f->{data} };
	}
	my ($token, $method) = $rq->{path} =~ m{^/bot([^/]+)/(\w+)$} or return fail(404, 'Not Found');
	return fail(401, 'Unauthorized') if $token ne $o{token};
	my $do = $methods{$method} or return fail(404, 'Not Found: method not found');
	return fail(400, 'Bad Request: message identifier is not specified')
		if $method =~ /^(?:edit|deleteMessage|setMessageReaction)/ && !($rq->{params}{message_id} // '');
	return fail(400, 'Bad Request: chat_id is empty') if $method =~ /^send/ && !length($rq->{params}{chat_id} // '');
	return $do->($rq);
}

sub add_file {
	my ($s, $rq) = @_;
	my $p = $rq->{params};
	my $data = decode_base64($p->{base64} // '');
	$files{ $p->{file_id} } = { path => $p->{path}, data => $data, size => $p->{size} // length $data };
	return [200, { ok => JSON::PP::true }];
}

sub post_update {
	my ($s, $rq) = @_;
	my $r = HTTP::Tiny->new(timeout => 10)->post($hook{url}, { content => $rq->{body},
		headers => { 'Content-Type' => 'application/json', 'X-Telegram-Bot-Api-Secret-Token' => $hook{secret} } });
	return [200, { status => $r->{status}, content => $r->{content} }];
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle,
	control => { file => \&add_file, update => \&post_update })->run;
