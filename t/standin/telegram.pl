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
