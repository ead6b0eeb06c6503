#!/usr/bin/perl
# A stand-in for TikTok's Business Messaging API, after business-api.tiktok.com/portal/docs.
#
#	tiktok.pl --app-id ID --secret SECRET --open-id ID --webhook URL [--port N] [--log FILE]
#
# Answers are 200 with a code. An access token is good until the next one is
# given. Control beside that of Standin.pm:
#	POST /control/event	{"event", "content": {..}}, signed and posted to the webhook
#	POST /control/code	the code that a sign-in brings: {"code"}
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'app-id=s', 'secret=s', 'open-id=s', 'webhook=s', 'log=s') && $o{secret} or die "usage: tiktok.pl ...\n";
my $json = JSON::PP->new->utf8->canonical;
my $next = time % 1_000_000_000;
my %now = (access => '', refresh => '', code => '');
my ($s, %files);

sub done { return [200, { code => 0, message => 'OK', request_id => ++$next, data => $_[0] }] }
sub fail { return [200, { code => $_[0], message => $_[1], request_id => ++$next, data => {} }] }

sub tokens {
	my ($p, $first) = @_;
	return fail(40002, 'client is unknown') if $p->{client_id} ne $o{'app-id'} || $p->{client_secret} ne $o{secret};
	return fail(40110, 'auth_code is invalid') if $first && (!$now{code} || $p->{auth_code} ne $now{code} || $p->{redirect_uri} !~ m{/functions/v1/tiktok-oauth$});
	return fail(40105, 'refresh_token is invalid') if !$first && $p->{refresh_token} ne $now{refresh};
	$now{code} = '';
	$now{$_} = "$_-" . ++$next for qw(access refresh);
	return done({ access_token => $now{access}, refresh_token => $now{refresh}, open_id => $o{'open-id'}, scope => 'message.list.send',
		token_type => 'Bearer', expires_in => 86400, refresh_token_expires_in => 31536000 });
}

sub message {
	my ($p) = @_;
	return fail(40002, 'business_id is wrong') if $p->{business_id} ne $o{'open-id'};
	return fail(40002, 'recipient_type is wrong') if ($p->{recipient_type} // '') ne 'CONVERSATION';
	return fail(40002, 'text.body is missing') if $p->{message_type} eq 'TEXT' && !length($p->{text}{body} // '');
	return fail(40002, 'image.media_id is unknown') if $p->{message_type} eq 'IMAGE' && !$files{ $p->{image}{media_id} // '' };
	return done({ message => { message_id => 'tt-' . ++$next } });
}

my %calls = (
	'business/message/send' => sub { message($_[0]{params}) },
	'business/message/media/upload' => sub {
		my $f = $_[0]{files}{file} or return fail(40002, 'file is missing');
		return fail(40002, 'only JPEG and PNG') if $f->{type} !~ m{^image/(?:jpeg|png)$};
		my $id = 'media-' . ++$next;
		$files{$id} = $f->{data};
		return done({ media_id => $id });
	},
	'business/message/media/download' => sub {
		my $p = $_[0]{params};
		return fail(40002, 'ids are missing') if grep { !length($p->{$_} // '') } qw(business_id media_id conversation_id message_id);
		return done({ download_url => $s->base . "/cdn/$p->{media_id}" });
	},
);

sub handle {
	my ($self, $rq) = @_;
	$s = $self;
	return { status => $rq->{headers}{'x-user'} eq $now{access} ? 200 : 403, type => 'image/jpeg', body => 'TikTok JPEG' } if $rq->{path} =~ m{^/cdn/};
	my ($what) = $rq->{path} =~ m{^/open_api/v1\.3/(.+?)/?$} or return [404, {}];
	return tokens($rq->{params}, 1) if $what eq 'tt_user/oauth2/token';
	return tokens($rq->{params}, 0) if $what eq 'tt_user/oauth2/refresh_token';
	return fail(40105, 'Access token is incorrect or has been revoked.') if !$now{access} || ($rq->{headers}{'access-token'} // '') ne $now{access};
	my $do = $calls{$what} or return [404, {}];
	return $do->($rq);
}

sub event {
	my ($p) = @_;
	my $body = $json->encode({ client_key => $o{'app-id'}, event => $p->{event}, create_time => time, user_openid => $o{'open-id'},
		content => $json->encode($p->{content}) });
	my $t = time - ($p->{age} // 0);
	my $signed = hmac_sha256_hex("$t.$body", $p->{secret} // $o{secret});
	return HTTP::Tiny->new(timeout => 10)->post($o{webhook}, { content => $body,
		headers => { 'Content-Type' => 'application/json', 'TikTok-Signature' => "t=$t,s=$signed" } });
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	event => sub { my $r = event($_[1]{params}); [200, { status => $r->{status}, content => $r->{content} }] },
	code => sub { $now{code} = $_[1]{params}{code}; [200, { ok => 1 }] },
	tokens => sub { $now{$_} = $_[1]{params}{$_} for qw(access refresh); [200, { ok => 1 }] },
})->run;
