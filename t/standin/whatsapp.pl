#!/usr/bin/perl
# A stand-in for the WhatsApp Cloud API, after developers.facebook.com.
#
#	whatsapp.pl --phone-number-id ID --token TOKEN [--app-secret S --webhook URL]
#		[--statuses sent,delivered,read] [--port N] [--log FILE]
#
# Serves /<version>/<phone-number-id>/messages and /media, /<version>/<media-id>
# and the address named there. With --webhook, each accepted message is
# followed by the statuses, signed. Control beside that of Standin.pm:
#	POST /control/media	{"mime_type":..,"base64":..} -> {"id":..}
#	POST /control/post	{"value":{..}} or {"raw":".."}: a signed call of the webhook
#	POST /control/statuses	{"list":["sent","failed"],"errors":[..]} from now on
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
use Standin;

my %o = (port => 0, statuses => 'sent,delivered,read');
GetOptions(\%o, 'port=i', 'phone-number-id=s', 'token=s', 'app-secret=s', 'webhook=s', 'statuses=s', 'log=s')
	&& $o{'phone-number-id'} && $o{token}
	or die "usage: whatsapp.pl --phone-number-id ID --token TOKEN [--app-secret S --webhook URL] [--port N] [--log FILE]\n";

my $json = JSON::PP->new->utf8->canonical;
my (%media, @errors);
my $next = time % 1_000_000_000; # ids differ from run to run
my @statuses = split /,/, $o{statuses};

# What /media takes, and how much of it, in bytes.
my $mb = 1024 * 1024;
my %types = (
	(map { $_ => 5 * $mb } qw(image/jpeg image/png)),
	(map { $_ => 16 * $mb } qw(video/mp4 video/3gpp audio/aac audio/amr audio/mpeg audio/mp4 audio/ogg)),
	(map { $_ => 100 * $mb } qw(text/plain application/pdf application/msword application/vnd.ms-excel
		application/vnd.ms-powerpoint application/vnd.openxmlformats-officedocument.wordprocessingml.document
		application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
		application/vnd.openxmlformats-officedocument.presentationml.presentation)),
	'image/webp' => $mb,
);

sub fail {
	my ($status, $code, $message, %more) = @_;
	return [$status, { error => { message => "(#$code) $message", type => 'OAuthException', code => $code,
		error_data => { messaging_product => 'whatsapp', details => $message }, fbtrace_id => 'A' . ++$next, %more } }];
}

sub webhook {
	my ($body) = @_;
	return { status => 0, content => 'no --webhook' } if !$o{webhook};
	return HTTP::Tiny->new(timeout => 10)->post($o{webhook}, { content => $body,
		headers => { 'Content-Type' => 'application/json',
			'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, $o{'app-secret'} // '') } });
}

sub post_value {
	my ($value) = @_;
	return webhook($json->encode({ object => 'whatsapp_business_account', entry => [{ id => '102290129340398',
		changes => [{ field => 'messages', value => { messaging_product => 'whatsapp',
			metadata => { display_phone_number => '15550783881', phone_number_id => $o{'phone-number-id'} },
			%$value } }] }] }));
}

sub post_status {
	my ($id, $to, $status, $opaque) = @_;
	my %s = (id => $id, status => $status, timestamp => '' . time, recipient_id => $to);
	$s{biz_opaque_callback_data} = $opaque if defined $opaque;
	$s{errors} = \@errors if $status eq 'failed';
	post_value({ statuses => [\%s] });
	return;
}

sub check_content {
	my ($p) = @_;
	my $type = $p->{type} // 'text';
	if ($type eq 'text') {
		my $body = $p->{text}{body} // '';
		return fail(400, 100, "The parameter text['body'] is required.") if !length $body;
		return fail(400, 100, "Param text['body'] must be at most 4096 characters long.") if length $body > 4096;
	} elsif ($type =~ /^(?:image|video|audio|document|sticker)$/) {
		my $m = $p->{$type};
		return fail(400, 100, "The parameter $type is required.") if ref $m ne 'HASH' || !($m->{id} || $m->{link});
		return fail(400, 131009, 'Parameter value is not valid') if $m->{id} && !$media{ $m->{id} };
		return fail(400, 100, "Unexpected key \"caption\" on param \"$type\".")
			if defined $m->{caption} && $type =~ /^(?:audio|sticker)$/;
	} elsif ($type eq 'template') {
		return fail(400, 132001, 'Template name does not exist in the translation')
			if !$p->{template}{name} || !$p->{template}{language}{code};
	} else {
		return fail(400, 131051, 'Unsupported message type');
	}
	return;
}

sub messages {
	my ($s, $rq) = @_;
	my $p = $rq->{params};
	return fail(400, 100, 'The parameter messaging_product is required.') if ($p->{messaging_product} // '') ne 'whatsapp';
	return fail(400, 100, 'The parameter to is required.') if !length($p->{to} // '');
	my $bad = check_content($p);
	return $bad if $bad;
	my ($to, $id) = ($p->{to} =~ s/\D//gr, 'wamid.' . encode_base64("out$^T." . ++$next, ''));
	my $opaque = $p->{biz_opaque_callback_data};
	if ($o{webhook}) {
		my $delay = 0.05;
		for my $status (@statuses) {
			$s->later($delay, sub { post_status($id, $to, $status, $opaque) });
			$delay += 0.05;
		}
	}
	return [200, { messaging_product => 'whatsapp', contacts => [{ input => $p->{to}, wa_id => $to }],
		messages => [{ id => $id, message_status => 'accepted' }] }];
}

# What the number is called, and how it is rated.
sub number {
	return [200, { id => $o{'phone-number-id'}, display_phone_number => '+1 555-078-3881', verified_name => 'Stand-in Ltd',
		quality_rating => 'GREEN' }];
}

sub upload {
	my ($s, $rq) = @_;
	my $file = $rq->{files}{file};
	return fail(400, 100, 'The parameter messaging_product is required.')
		if ($rq->{params}{messaging_product} // '') ne 'whatsapp';
	return fail(400, 100, 'The parameter file is required.') if !$file;
	my $max = $types{ $file->{type} =~ s/;.*//r };
	return fail(400, 100, 'Param file must be a file with one of the following types: ' . join ', ', sort keys %types)
		if !$max;
	return fail(400, 131053, 'Media upload error: the file is too large') if length $file->{data} > $max;
	my $id = '' . ++$next;
	$media{$id} = { data => $file->{data}, type => $file->{type} };
	return [200, { id => $id }];
}

sub handle {
	my ($s, $rq) = @_;
	if (($rq->{headers}{authorization} // '') ne "Bearer $o{token}") {
		return [401, { error => { message => 'Invalid OAuth access token - Cannot parse access token',
			type => 'OAuthException', code => 190, fbtrace_id => 'A' . ++$next } }];
	}
	if ($rq->{path} =~ m{^/whatsapp_business/attachments}) {
		my $m = $media{ $rq->{query}{mid} // '' } or return { status => 404, body => 'gone' };
		return { status => 200, type => $m->{type}, body => $m->{data} };
	}
	my ($node, $edge) = $rq->{path} =~ m{^(?:/v\d+\.\d+)?/([^/]+)(?:/(\w+))?$};
	$node //= '';
	if ($node eq $o{'phone-number-id'} && $rq->{method} eq 'POST') {
		return messages($s, $rq) if ($edge // '') eq 'messages';
		return upload($s, $rq) if ($edge // '') eq 'media';
	}
	return number() if $node eq $o{'phone-number-id'} && $rq->{method} eq 'GET' && !$edge;
	# The token's own person, and any other node is the business account.
	return [200, ($edge // '') eq 'permissions' ? { data => [map { { permission => $_, status => 'granted' } }
		qw(whatsapp_business_management whatsapp_business_messaging)] } : { id => '122100000000', name => 'Kontor' }] if $node eq 'me';
	return [200, { success => JSON::PP::true }] if ($edge // '') eq 'subscribed_apps' && $rq->{method} eq 'POST';
	return [200, { id => $node, name => 'Business', account_review_status => 'APPROVED', business_verification_status => 'verified' }]
		if ($rq->{query}{fields} // '') =~ /account_review_status/;
	my $m = $media{$node};
	return [200, { messaging_product => 'whatsapp', id => $node, mime_type => $m->{type}, sha256 => sha256_hex($m->{data}),
		file_size => length $m->{data}, url => $s->base . "/whatsapp_business/attachments/?mid=$node&ext=1&hash=x" }]
		if $m && !$edge;
	return [400, { error => { message => "Unsupported request. Object with ID '$node' does not exist, cannot be loaded "
		. 'due to missing permissions, or does not support this operation', type => 'GraphMethodException',
		code => 100, error_subcode => 33, fbtrace_id => 'A' . ++$next } }];
}

sub add_media {
	my ($s, $rq) = @_;
	my $id = '' . ++$next;
	$media{$id} = { data => decode_base64($rq->{params}{base64}), type => $rq->{params}{mime_type} };
	return [200, { id => $id }];
}

sub post {
	my ($s, $rq) = @_;
	my $p = $rq->{params};
	my $r = defined $p->{raw} ? webhook($p->{raw}) : post_value($p->{value});
	return [200, { status => $r->{status}, content => $r->{content} }];
}

sub set_statuses {
	my ($s, $rq) = @_;
	@statuses = @{ $rq->{params}{list} };
	@errors = @{ $rq->{params}{errors} // [] };
	return [200, { ok => JSON::PP::true }];
}

Standin->new(port => $o{port}, log => $o{log}, handler => \&handle,
	control => { media => \&add_media, post => \&post, statuses => \&set_statuses })->run;
