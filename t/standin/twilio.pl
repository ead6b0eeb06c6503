#!/usr/bin/perl
# A stand-in for Twilio's Messages resource, after www.twilio.com/docs/messaging/api.
#
#	twilio.pl --sid AC... --token TOKEN [--port N] [--log FILE]
#
# A sent message is reported to its StatusCallback as sent and delivered, as a
# signed form. Numbers that end in 0005 are reported undelivered with 30005; the
# magic number +15005550009 is no mobile phone (21614).
use strict;
use warnings;
use Digest::SHA qw(hmac_sha1_base64);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use MIME::Base64;
use Standin;

my %o = (port => 0);
GetOptions(\%o, 'port=i', 'sid=s', 'token=s', 'log=s') && $o{sid} && $o{token} or die "usage: twilio.pl --sid SID --token TOKEN\n";
my $next = time % 1_000_000_000;

sub fail { return [$_[0], { code => $_[1], message => $_[2], more_info => "https://www.twilio.com/docs/errors/$_[1]", status => $_[0] }] }

# X-Twilio-Signature: HMAC-SHA1 over the address and each parameter, sorted.
sub callback {
	my ($url, %form) = @_;
	my $signed = hmac_sha1_base64($url . join('', map { $_ . $form{$_} } sort keys %form), $o{token});
	$signed .= '=' while length($signed) % 4;
	return HTTP::Tiny->new(timeout => 10)->post_form($url, \%form, { headers => { 'X-Twilio-Signature' => $signed } });
}

sub messages {
	my ($s, $p) = @_;
	return fail(400, 21604, "A 'To' phone number is required.") if !length($p->{To} // '');
	return fail(400, 21211, "The 'To' number $p->{To} is not a valid phone number.") if $p->{To} !~ /^\+\d{8,15}$/;
	return fail(400, 21603, "A 'From' phone number is required.") if !length($p->{From} // $p->{MessagingServiceSid} // '');
	return fail(400, 21602, 'Message body is required.') if !length($p->{Body} // '');
	return fail(400, 21614, "'To' number is not a valid mobile number") if $p->{To} eq '+15005550009';
	my $text = $p->{Body};
	utf8::decode($text);
	return fail(400, 21617, 'The concatenated message body exceeds the 1600 character limit') if length $text > 1600;
	my $sid = sprintf 'SM%032x', ++$next;
	my $url = $p->{StatusCallback};
	my $dead = $p->{To} =~ /0005$/;
	$s->later(0.1, sub {
		callback($url, MessageSid => $sid, SmsSid => $sid, MessageStatus => $_, SmsStatus => $_, To => $p->{To},
			From => $p->{From} // '', AccountSid => $o{sid}, ApiVersion => '2010-04-01',
			$_ eq 'undelivered' ? (ErrorCode => 30005) : ()) for 'sent', $dead ? 'undelivered' : 'delivered';
	}) if $url;
	return [201, { sid => $sid, account_sid => $o{sid}, status => 'queued', to => $p->{To}, from => $p->{From}, body => $p->{Body},
		num_segments => '1', price => undef, price_unit => 'USD', error_code => undef, error_message => undef }];
}

sub handle {
	my ($s, $rq) = @_;
	my ($sid, $what) = $rq->{path} =~ m{^/2010-04-01/Accounts/([^/.]+)(/Messages)?\.json$} or return fail(404, 20404, 'The requested resource was not found');
	return fail(401, 20003, 'Authenticate') if ($rq->{headers}{authorization} // '') ne 'Basic ' . encode_base64("$o{sid}:$o{token}", '') || $sid ne $o{sid};
	return [200, { sid => $sid, friendly_name => 'Stand-in account', status => 'active', type => 'Full' }] if !$what;
	return messages($s, $rq->{params});
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle, control => {
	callback => sub { my $r = callback($_[1]{params}{url}, %{ $_[1]{params}{form} }); [200, { status => $r->{status} }] },
})->run;
