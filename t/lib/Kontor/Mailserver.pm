package Kontor::Mailserver;

# Kontor::Mailserver: Dovecot (IMAP, POP3) and OpenSMTPD (SMTP) with mailboxes of
# their own in a temporary directory, on free ports of 127.0.0.1.
#
#	my $s = Kontor::Mailserver->start;            # undef with $Kontor::Mailserver::why
#	$s->imap_url, $s->pop3_url, $s->smtp_url      # any user, password "secret"
#	$s->deliver('shop@shop.example', $mail, at => time - 3 * 86400);
#	$s->stop_imap; $s->start_imap;                # an outage
#	$s->mails('kunde@kunde.example');             # what lies in a mailbox
#
# OpenSMTPD delivers every address to the mailbox of that name; those at
# fail.example cannot be delivered and come back as a bounce. It keeps its queue
# in one place of the machine, so it is started in a mount namespace of its own
# where that is allowed, and has the machine for itself otherwise.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET;
use Kontor;
use Time::HiRes qw(sleep time);

our $why = '';

sub have { return grep { -x "$_/$_[0]" } qw(/usr/sbin /usr/bin /sbin /bin) }

sub start {
	my ($class, %o) = @_;
	if (!have('dovecot')) {
		$why = 'dovecot is not installed';
		return undef;
	}
	my $dir  = File::Temp::tempdir('/tmp/kontor-mail.XXXXXX');
	my $self = bless { dir => $dir, own => $$, n => 0 }, $class;
	$self->{user} = $> == 0 ? 'nobody' : getpwuid $>;
	chmod 0755, $dir;
	make_path("$dir/mail", "$dir/run", "$dir/state");
	$self->own("$dir/mail");
	$self->{imap} = free_port();
	$self->{pop3} = free_port();
	$self->start_imap or return undef;
	$self->start_smtp unless $o{no_smtp};
	return $self;
}

sub own {
	my ($self, @paths) = @_;
	return if $>;
	my (undef, undef, $uid, $gid) = getpwnam $self->{user};
	chown $uid, $gid, @paths;
	return;
}

sub imap_url { return "imap://127.0.0.1:$_[0]{imap}" }
sub pop3_url { return "pop3://127.0.0.1:$_[0]{pop3}" }
sub smtp_url { return "smtp://127.0.0.1:$_[0]{smtp}" }
sub has_smtp { return defined $_[0]{smtp} }

# ---- Dovecot ---------------------------------------------------------------------

sub start_imap {
	my $self = shift;
	my $d    = $self->{dir};
	my (undef, undef, $uid, $gid) = getpwnam $self->{user};
	my $inner = $> ? "default_internal_user = $self->{user}\ndefault_login_user = $self->{user}\ndefault_internal_group = "
		. getgrgid($gid) . "\n" : '';
	my $chroot = $> ? "  chroot =\n" : '';
	$self->write_file("$d/dovecot.conf", <<"END");
base_dir = $d/run
state_dir = $d/state
log_path = $d/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:$d/mail/%u
mail_max_userip_connections = 100
first_valid_uid = 1
${inner}service imap-login {
$chroot  inet_listener imap {
    port = $self->{imap}
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
$chroot  inet_listener pop3 {
    port = $self->{pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=$uid gid=$gid home=$d/mail/%u
}
END
	$self->{dovecot} = $self->run('dovecot', "$d/dovecot.conf", ['-F', '-c', "$d/dovecot.conf"]);
	return 1 if $self->answers('imap') && $self->answers('pop3');
	$why = 'dovecot does not start: ' . ($self->slurp("$d/dovecot.log") // '');
	return undef;
}

sub stop_imap {
	my $self = shift;
	$self->end('dovecot');
	return;
}

# ---- OpenSMTPD -------------------------------------------------------------------

sub start_smtp {
	my $self = shift;
	my $d    = $self->{dir};
	if ($> || !have('smtpd')) {
		$why = 'OpenSMTPD needs root and is not installed or not allowed';
		return;
	}
	my $port = free_port();
	$self->write_file("$d/smtpd.conf", <<"END");
listen on 127.0.0.1 port $port hostname mail.test
table everybody { "\@" = $self->{user} }
action "box" maildir "$d/mail/%{dest:lowercase|strip}" virtual <everybody>
action "fail" mda "/bin/false" virtual <everybody>
match from any for domain "fail.example" action "fail"
match from any for rcpt-to regex { "^nobody-here\@" } reject
match from any for any action "box"
END
	chmod 0644, "$d/smtpd.conf";
	# A queue of its own, if the kernel lets us.
	my @own = system('unshare -m true 2>/dev/null') == 0
		? ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /var/spool && mkdir -m 0711 /var/spool/smtpd &&'
			. ' mount -t tmpfs tmpfs /run && exec smtpd -d -f "$0"', "$d/smtpd.conf")
		: ('smtpd', '-d', '-f', "$d/smtpd.conf");
	$self->{smtp} = $port;
	$self->{smtpd} = $self->run(shift @own, "$d/smtpd.log", \@own);
	return if $self->answers('smtp');
	$why = 'OpenSMTPD does not start: ' . ($self->slurp("$d/smtpd.log") // '');
	$self->end('smtpd');
	delete $self->{smtp};
	return;
}

# ---- mailboxes --------------------------------------------------------------------

# One mail into a mailbox, as if it had come then. Answers its file.
sub deliver {
	my ($self, $address, $mail, %o) = @_;
	my $box = "$self->{dir}/mail/$address";
	$box .= "/.$o{folder}" if $o{folder};
	make_path(map { "$box/$_" } qw(cur new tmp));
	my $at   = $o{at} // time;
	my $name = sprintf '%d.M%dP%d.test', $at, $self->{n}++ * 1000 + $$ % 1000, $$;
	my $tmp  = "$box/tmp/$name";
	$self->write_file($tmp, $mail);
	utime $at, $at, $tmp;
	$self->own("$self->{dir}/mail/$address", $box, map({ "$box/$_" } qw(cur new tmp)), $tmp);
	my $to = $o{seen} ? "$box/cur/$name:2,S" : "$box/new/$name";
	rename $tmp, $to or die "$to: $!\n";
	return $to;
}

# All mails of a mailbox, oldest first.
sub mails {
	my ($self, $address) = @_;
	my @files = map { glob("$self->{dir}/mail/$address/$_/*") } qw(new cur);
	return map { $self->slurp($_) } sort { -M $b <=> -M $a } @files;
}

# As if another program had made the folder anew: other numbers for all mails.
sub renumber {
	my ($self, $address) = @_;
	unlink glob "$self->{dir}/mail/$address/dovecot*";
	return;
}

sub flags {
	my ($self, $address) = @_;
	return map { m{/([^/]+)$} } map { glob("$self->{dir}/mail/$address/$_/*") } qw(new cur);
}

# ---- processes ----------------------------------------------------------------------

sub run {
	my ($self, $program, $log, $args) = @_;
	my $pid = fork // die "fork: $!\n";
	return $pid if $pid;
	setpgrp 0, 0;
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', "$self->{dir}/$program.out";
	open STDERR, '>&', \*STDOUT;
	$ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	{
		no warnings "exec";
		exec { $program } $program, @$args;
	}
	require POSIX;
	POSIX::_exit(127);
}

sub answers {
	my ($self, $which) = @_;
	return wait_for(10, sub {
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{$which}", Timeout => 2) or return 0;
		my $line = <$s> // '';
		return $line =~ /^(?:\* OK|\+OK|220)/;
	});
}

sub end {
	my ($self, $which) = @_;
	my $pid = delete $self->{$which} or return;
	kill TERM => -$pid, $pid;
	my $gone = wait_for(5, sub { waitpid($pid, 1) != 0 });
	kill KILL => -$pid unless $gone;
	waitpid $pid, 0 unless $gone;
	return;
}

sub write_file {
	my ($self, $path, $text) = @_;
	open my $fh, '>:raw', $path or die "$path: $!\n";
	print $fh $text;
	close $fh or die "$path: $!\n";
	return;
}

sub slurp {
	my ($self, $path) = @_;
	open my $fh, '<:raw', $path or return undef;
	local $/;
	return scalar <$fh>;
}

sub DESTROY {
	my $self = shift;
	local ($?, $!, $@);
	return unless $self->{own} == $$;
	$self->end('smtpd');
	$self->end('dovecot');
	remove_tree($self->{dir}) unless $ENV{KONTOR_KEEP};
	return;
}

1;
