#!/usr/bin/perl
# A stand-in for LinkedIn: OAuth 2.0, the Messages API, and its webhook with the
# challenge, after learn.microsoft.com/linkedin.
#
#	linkedin.pl --client-id ID --secret SECRET --organization URN --webhook URL [--port N] [--log FILE]
#
# Control: challenge (asks the webhook for its proof; the answer is checked),
# event {activity}, code {code}.
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
GetOptions(\%o, 'port=i', 'client-id=s', 'secret=s', 'organization=s', 'webhook=s', 'log=s') && $o{secret} or die "usage: linkedin.pl ...\n";
my $json = JSON::PP->new->utf8->canonical;
my $next = time % 1_000_000_000;
my %now = (access => '', code => '');

sub handle {
	my ($s, $rq) = @_;
	my $p = $rq->{params};
	if ($rq->{path} eq '/oauth/v2/accessToken') {
		return [401, { error => 'invalid_client', error_description => 'Client authentication failed' }] if $p->{client_id} ne $o{'client-id'} || $p->{client_secret} ne $o{secret};
		return [400, { error => 'invalid_request', error_description => 'the code is not valid' }] if $p->{grant_type} eq 'authorization_code' && ($p->{code} ne $now{code} || !$now{code});
		return [400, { error => 'invalid_grant', error_description => 'the refresh token is not valid' }] if $p->{grant_type} eq 'refresh_token' && $p->{refresh_token} ne "refresh-$o{'client-id'}";
		$now{code} = '';
		$now{access} = 'li-' . ++$next;
		return [200, { access_token => $now{access}, expires_in => 5184000, refresh_token => "refresh-$o{'client-id'}", refresh_token_expires_in => 31536000, scope => 'w_messages' }];
	}
	return [404, { status => 404, message => 'No such resource' }] if $rq->{path} ne '/rest/messages';
	return [401, { status => 401, code => 'INVALID_ACCESS_TOKEN', message => 'Invalid access token' }] if !$now{access} || ($rq->{headers}{authorization} // '') ne "Bearer $now{access}";
	return [426, { status => 426, code => 'NONEXISTENT_VERSION', message => 'Requested version is not active' }] if ($rq->{headers}{'linkedin-version'} // '') !~ /^\d{6}$/;
	return [400, { status => 400, message => 'body is required' }] if !length($p->{body} // '');
	return [400, { status => 400, message => 'either recipients or thread' }] if !!$p->{recipients} == !!$p->{thread};
	return { status => 201, headers => { 'X-RestLi-Id' => 'urn:li:messagingMessage:' . ++$next }, body => '' };
}

sub event {
	my ($p) = @_;
	my $body = $json->encode({ type => 'MESSAGES', notifications => [{ notificationId => ++$next, owner => $o{organization}, resourceName => 'messages',
		resourceId => "r-$next", method => 'CREATE', activity => { owner => $o{organization}, createdAt => time * 1000, %{ $p->{activity} } } }] });
	return HTTP::Tiny->new(timeout => 10)->post($o{webhook}, { content => $body, headers => { 'Content-Type' => 'application/json',
		'X-LI-Signature' => hmac_sha256_hex("hmacsha256=$body", $p->{secret} // $o{secret}) } });
}

sub challenge {
	my $code = 'c-' . ++$next . '-' . int rand 1e9;
	my $r = HTTP::Tiny->new(timeout => 10)->get("$o{webhook}?challengeCode=$code");
	my $said = eval { $json->decode($r->{content}) } // {};
	return [200, { status => $r->{status}, type => $r->{headers}{'content-type'},
		right => ($said->{challengeCode} // '') eq $code && ($said->{challengeResponse} // '') eq hmac_sha256_hex($code, $o{secret}) ? 1 : 0 }];
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	event => sub { my $r = event($_[1]{params}); [200, { status => $r->{status}, content => $r->{content} }] },
	challenge => sub { challenge() },
	code => sub { $now{code} = $_[1]{params}{code}; [200, { ok => 1 }] },
})->run;
