#!/usr/bin/perl
# A stand-in for a push service (RFC 8030), with the browser behind it: it makes
# subscriptions, checks VAPID (RFC 8292) and opens what comes (RFC 8291) with
# openssl's command, independent of the program's own code.
#
#	push.pl [--port N] [--log FILE]
#
#	POST /control/subscription	{"endpoint", "p256dh", "auth"}, as a browser gives them
#	GET /control/received		[{"endpoint", "text", "ttl", "aud", "sub", "k"}]
#	POST /control/gone		{"endpoint"}: 410 from now on
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256 sha256);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64url);
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'log=s') or die "usage: push.pl [--port N]\n";
my $dir = tempdir(CLEANUP => 1);
my ($s, %subscriptions, @received);
my $n = 0;

sub run_openssl {
	my ($in, @args) = @_;
	open my $out, '>:raw', "$dir/in" or die "$dir/in: $!\n";
	print {$out} $in;
	close $out or die "$dir/in: $!\n";
	open my $from, '-|', 'sh', '-c', 'exec openssl "$@" < "$0" 2>/dev/null', "$dir/in", @args or die "openssl: $!\n";
	binmode $from;
	local $/;
	my $text = <$from>;
	close $from;
	return $? ? undef : $text;
}

# A public key of P-256 in DER is this and the point.
my $spki = pack 'H*', '3059301306072a8648ce3d020106082a8648ce3d030107034200';

sub subscription {
	my $name = 'sub' . ++$n . int rand 1e9;
	my $pem = run_openssl('', qw(ecparam -name prime256v1 -genkey -noout));
	my $der = run_openssl($pem, qw(ec -pubout -outform DER));
	my $auth = join '', map { chr int rand 256 } 1 .. 16;
	$subscriptions{"/push/$name"} = { pem => $pem, point => substr($der, -65), auth => $auth };
	return { endpoint => $s->base . "/push/$name", p256dh => encode_base64url(substr $der, -65), auth => encode_base64url($auth) };
}

sub hkdf { my ($salt, $secret, $info, $length) = @_; return substr hmac_sha256("$info\x01", hmac_sha256($secret, $salt)), 0, $length }

# Returns the text, or undef when it cannot be opened.
sub open_body {
	my ($sub, $body) = @_;
	my ($salt, $size, $length) = unpack 'a16 N C', $body;
	return if $length != 65;
	my $theirs = substr $body, 21, 65;
	my $sealed = substr $body, 86;
	open my $k, '>:raw', "$dir/own.pem" or die $!;
	print {$k} $sub->{pem};
	close $k;
	open my $p, '>:raw', "$dir/peer.der" or die $!;
	print {$p} $spki . $theirs;
	close $p;
	my $secret = run_openssl('', qw(pkeyutl -derive -inkey), "$dir/own.pem", '-peerkey', "$dir/peer.der", qw(-peerform DER)) // return;
	my $ikm = hkdf($sub->{auth}, $secret, "WebPush: info\0$sub->{point}$theirs", 32);
	my $key = hkdf($salt, $ikm, "Content-Encoding: aes128gcm\0", 16);
	my $nonce = hkdf($salt, $ikm, "Content-Encoding: nonce\0", 12);
	# openssl's command has no GCM; counter mode from block 2 is what it does inside.
	my $plain = run_openssl(substr($sealed, 0, -16), qw(enc -d -aes-128-ctr -nopad -K), unpack('H*', $key), '-iv', unpack('H*', $nonce . pack('N', 2))) // return;
	$plain =~ s/\x02\z// or return;
	return $plain;
}

# vapid t=<JWT>, k=<point>: the signature is checked with the key that is named.
sub vapid {
	my ($value) = @_;
	my ($head, $claims, $signature, $k) = $value =~ /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/ or return;
	my ($r, $t) = unpack 'a32 a32', decode_base64url($signature);
	my $der = sub { my $v = $_[0]; $v =~ s/^\0+//; $v = "\0$v" if ord($v) > 127; return "\x02" . chr(length $v) . $v };
	my $both = $der->($r) . $der->($t);
	open my $f, '>:raw', "$dir/signature" or die $!;
	print {$f} "\x30" . chr(length $both) . $both;
	close $f;
	open my $p, '>:raw', "$dir/vapid.der" or die $!;
	print {$p} $spki . decode_base64url($k);
	close $p;
	run_openssl('', qw(pkey -pubin -inform DER -in), "$dir/vapid.der", '-out', "$dir/vapid.pem") // return;
	run_openssl("$head.$claims", qw(dgst -sha256 -verify), "$dir/vapid.pem", '-signature', "$dir/signature") // return;
	return { %{ decode_json(decode_base64url($claims)) }, k => $k };
}

sub handle {
	my ($self, $rq) = @_;
	$s = $self;
	my $sub = $subscriptions{ $rq->{path} } or return [404, { error => 'no such subscription' }];
	return [410, { error => 'gone' }] if $sub->{gone};
	my $h = $rq->{headers};
	return [400, { error => 'TTL is missing' }] if ($h->{ttl} // '') !~ /^\d+$/;
	return [415, { error => 'aes128gcm' }] if ($h->{'content-encoding'} // '') ne 'aes128gcm';
	my $claims = vapid($h->{authorization} // '') or return [403, { error => 'VAPID' }];
	return [403, { error => 'aud or exp' }] if $claims->{aud} ne $s->base || $claims->{exp} < time || $claims->{exp} > time + 86400;
	my $text = open_body($sub, $rq->{body}) // return [400, { error => 'cannot be opened' }];
	push @received, { endpoint => $s->base . $rq->{path}, text => $text, ttl => $h->{ttl}, aud => $claims->{aud}, sub => $claims->{sub}, k => $claims->{k} };
	return { status => 201, headers => { Location => $s->base . '/message/1' }, body => '' };
}

$s = Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	subscription => sub { [200, subscription()] },
	received => sub { [200, \@received] },
	gone => sub { my ($path) = $_[1]{params}{endpoint} =~ m{(/push/.*)}; $subscriptions{$path}{gone} = 1; [200, { ok => 1 }] },
});
$s->run;
