#!/usr/bin/perl
# A stand-in for a WhatsApp Lite gateway, after the documented calls (23759-23850)
# and the contract of pairing in lib/channel/whatsapp_lite.c.
#
#	gateway.pl --key KEY [--webhook URL --secret SECRET] [--port N] [--log FILE]
#
# Control beside that of Standin.pm:
#	POST /control/scan	the phone scans the code: the session is connected
#	POST /control/lose	the session is lost
#	POST /control/inbound	a body, posted to the webhook with the secret
# Each sent message is fetched from its address, when it has one, and reported
# as delivered and read.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'key=s', 'webhook=s', 'secret=s', 'log=s') && $o{key} or die "usage: gateway.pl --key KEY\n";

my $json = JSON::PP->new->utf8->canonical;
my $next = time % 1_000_000_000;
my ($session, %phone, @fetched) = ('disconnected');

sub fail { return [$_[0], { status => 'error', message => $_[1] }] }

sub hook {
	my ($body) = @_;
	return HTTP::Tiny->new(timeout => 10)->post($o{webhook}, { content => $json->encode($body),
		headers => { 'Content-Type' => 'application/json', 'X-Webhook-Secret' => $o{secret} } });
}

# The bodies as the page prints them, and nothing else.
my %known = map { $_ => 1 } qw(random_string receivers message imageUrl videoUrl documentUrl);

sub send_message {
	my ($s, $rq) = @_;
	my $m = $rq->{params}{UOWHATSAPP};
	return fail(400, 'UOWHATSAPP is missing') if ref $m ne 'HASH';
	my ($odd) = grep { !$known{$_} } sort keys %$m;
	return fail(400, "unknown key $odd") if $odd;
	return fail(400, 'random_string is missing') if !defined $m->{random_string};
	return fail(400, 'receivers are missing') if ref $m->{receivers} ne 'ARRAY' || !@{ $m->{receivers} };
	return fail(400, 'a number has digits only') if grep { ($_->{mobileNum} // '') !~ /^\d{8,15}$/ } @{ $m->{receivers} };
	my ($file) = grep { length } map { $m->{$_} // '' } qw(imageUrl videoUrl documentUrl);
	return fail(400, 'nothing to send') if !length($m->{message} // '') && !$file;
	return fail(400, 'session not connected') if $session ne 'connected';
	my $id = 'lite.' . ++$next;
	$s->later(0.1, sub {
		if ($file) {
			my $r = HTTP::Tiny->new(timeout => 10)->get($file);
			push @fetched, { url => $file, status => $r->{status}, type => $r->{headers}{'content-type'}, content => $r->{content} };
		}
		hook({ message_id => $id, status => $_, from => $phone{phone_number}, to => $m->{receivers}[0]{mobileNum},
			timestamp => time, channel => 'whatsapp_lite' }) for qw(delivered read);
	}) if $o{webhook};
	return [200, { status => 'success', message => 'successfully sent', message_id => $id }];
}

sub state_of {
	return [200, { status => $session, $session eq 'pairing' ? (qr => "2\@stand-in,$next") : (), phone => $phone{phone_number} }];
}

sub handle {
	my ($s, $rq) = @_;
	my ($what) = $rq->{path} =~ m{^/[^/]+/(send|session)$} or return fail(404, 'not found');
	return fail(401, 'invalid key') if ($rq->{headers}{appapikey} // '') ne $o{key};
	return send_message($s, $rq) if $what eq 'send' && $rq->{method} eq 'POST';
	return fail(405, 'method not allowed') if $what eq 'send';
	if ($rq->{method} eq 'POST') {
		%phone = %{ $rq->{params}{UOWHATSAPP} // {} };
		$session = 'pairing';
	}
	return state_of();
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	scan => sub { $session = 'connected'; state_of() },
	lose => sub { $session = 'disconnected'; state_of() },
	fetched => sub { [200, \@fetched] },
	inbound => sub { my $r = hook($_[1]{params}); [200, { status => $r->{status}, content => $r->{content} }] },
})->run;
