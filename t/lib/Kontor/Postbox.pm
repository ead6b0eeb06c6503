package Kontor::Postbox;

# Kontor::Postbox: an SMTP server (RFC 5321) that keeps what it is given.
#
#	my $box = Kontor::Postbox->start;
#	my $k   = own_instance(conf => { smtp_url => $box->url });
#	my $m   = $box->mail(to => 'ann@x.example', subject => qr/password/);
#	$m->{to}, $m->{subject}, $m->{text}, $m->{html}, $m->{link}, $m->{code}
#
# mail() waits up to ten seconds for one that was not returned before; none()
# is true when nothing more comes to an address within a second.

use strict;
use warnings;
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use MIME::QuotedPrint;
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->latin1->canonical;

sub start {
	my $class  = shift;
	my $listen = IO::Socket::INET->new(Listen => 32, LocalAddr => '127.0.0.1', ReuseAddr => 1)
		or die "postbox: $!\n";
	my $log  = File::Temp->new;
	my $self = bless { port => $listen->sockport, log => $log, own => $$, seen => {} }, $class;
	$self->{pid} = fork // die "fork: $!\n";
	if (!$self->{pid}) {
		$SIG{TERM} = $SIG{INT} = 'DEFAULT';
		$SIG{CHLD} = 'IGNORE';
		eval { serve($listen, $log->filename) };
		require POSIX;
		POSIX::_exit(0);
	}
	return $self;
}

sub url { return "smtp://127.0.0.1:$_[0]{port}" }

sub serve {
	my ($listen, $path) = @_;
	while (my $c = $listen->accept) {
		next if fork;
		talk($c, $path);
		require POSIX;
		POSIX::_exit(0);
	}
	return;
}

sub talk {
	my ($c, $path) = @_;
	my @to;
	$c->autoflush(1);
	print $c "220 postbox ESMTP\r\n";
	while (defined(my $line = <$c>)) {
		if ($line =~ /^RCPT TO:<(.*?)>/i) {
			push @to, $1;
		} elsif ($line =~ /^DATA/i) {
			print $c "354 go on\r\n";
			my $data = '';
			while (defined(my $l = <$c>)) {
				last if $l eq ".\r\n";
				$l =~ s/^\.//;
				$data .= $l;
			}
			open my $fh, '>>', $path or die "$path: $!\n";
			syswrite $fh, $json->encode({ to => \@to, data => $data }) . "\n";
			close $fh;
			@to = ();
		} elsif ($line =~ /^QUIT/i) {
			print $c "221 bye\r\n";
			return;
		}
		print $c "250 ok\r\n";
	}
	return;
}

# ---- reading ----------------------------------------------------------------------

sub part {
	my ($data, $type) = @_;
	my ($head, $body) = $data =~ m{(Content-Type: \Q$type\E.*?)\r\n\r\n(.*?)(?:\r\n--|\z)}si or return '';
	return decode_base64($body) if $head =~ /base64/i;
	$body =~ s/\r\n/\n/g;
	return $head =~ /quoted-printable/i ? decode_qp($body) : $body;
}

sub read_mail {
	my $m = shift;
	($m->{subject}) = $m->{data} =~ /^Subject: (.*?)\r$/m;
	$m->{text} = part($m->{data}, 'text/plain');
	$m->{html} = part($m->{data}, 'text/html');
	($m->{link}) = $m->{text} =~ m{(https?://\S+?/(?:auth/v1/verify|verify|reset-password|invitation)\S+)};
	($m->{code}) = $m->{text} =~ /code: (\d{6})/;
	return $m;
}

sub all {
	my $self = shift;
	open my $fh, '<', $self->{log}->filename or die "postbox: $!\n";
	return map { read_mail($json->decode($_)) } <$fh>;
}

sub look {
	my ($self, %o) = @_;
	my $n = 0;
	for my $m ($self->all) {
		$n++;
		next if $self->{seen}{$n};
		next if $o{to} && !grep { lc $_ eq lc $o{to} } @{ $m->{to} };
		next if $o{subject} && ($m->{subject} // '') !~ $o{subject};
		$self->{seen}{$n} = 1;
		return $m;
	}
	return undef;
}

sub mail {
	my ($self, %o) = @_;
	my $end = time + ($o{seconds} // 10);
	while (1) {
		my $m = $self->look(%o);
		return $m if $m;
		return undef if time >= $end;
		sleep 0.05;
	}
}

sub none {
	my ($self, %o) = @_;
	return !$self->mail(seconds => 1, %o);
}

sub DESTROY {
	my $self = shift;
	local ($?, $!);
	return unless $self->{own} == $$ && $self->{pid};
	kill TERM => $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

1;
