#!/usr/bin/perl
# A stand-in for a custom app of a Shopify store: signed webhooks after
# shopify.dev/docs/apps/build/webhooks, and its address for answers.
#
#	shopify.pl --shop X.myshopify.com --secret SECRET --token TOKEN --webhook URL [--port N] [--log FILE]
#
# Control: message {..}, the generic body, signed and posted to the webhook.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_base64);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'shop=s', 'secret=s', 'token=s', 'webhook=s', 'log=s') && $o{secret} or die "usage: shopify.pl ...\n";
my $json = JSON::PP->new->utf8->canonical;
my $next = time % 1_000_000_000;

sub handle {
	my ($s, $rq) = @_;
	return [404, { errors => 'Not Found' }] if $rq->{path} ne '/messages';
	return [401, { errors => '[API] Invalid API key or access token' }] if ($rq->{headers}{'x-shopify-access-token'} // '') ne $o{token};
	return [422, { errors => 'conversation_id is missing' }] if !length($rq->{params}{conversation_id} // '');
	return [201, { message_id => 'shop-' . ++$next }];
}

sub message {
	my ($p) = @_;
	my $secret = delete $p->{secret} // $o{secret};
	my $body = $json->encode($p);
	my $signed = hmac_sha256_base64($body, $secret);
	$signed .= '=' while length($signed) % 4;
	return HTTP::Tiny->new(timeout => 10)->post($o{webhook}, { content => $body, headers => { 'Content-Type' => 'application/json',
		'X-Shopify-Topic' => 'inbox/message', 'X-Shopify-Shop-Domain' => $o{shop}, 'X-Shopify-Webhook-Id' => 'w-' . ++$next,
		'X-Shopify-API-Version' => '2025-01', 'X-Shopify-Hmac-Sha256' => $signed } });
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	message => sub { my $r = message($_[1]{params}); [200, { status => $r->{status}, content => $r->{content} }] },
})->run;
