package Kontor::Samples;

# Kontor::Samples: the curl samples of the documents, run as printed.
#
#	my $s = Kontor::Samples->new(file => '003_c413ec7ac58f4bb0.txt', base_url => $url,
#		env => { JWT => $token }, replace => { 'conv-uuid' => $id });
#	my $r = $s->run(24488);                      # the sample that begins in line 24488
#	my $r = $s->run(24488, CONV_ID => $id);      # more to replace in this one
#
# Only what stands for somebody's own host, keys and ids is replaced, each text
# by another; env are variables of the shell. $r: status, json, content.

use strict;
use warnings;
use JSON::PP;
use Kontor ();

my $HOST = qr{https://[a-z0-9]+\.supabase\.co|\{\{url\}\}};

sub new {
	my ($class, %o) = @_;
	my $path = Kontor::shared_dir() . "/seeds/$o{file}";
	open my $fh, '<:raw', $path or die "$path: $!\n";
	my @lines = <$fh>;
	return bless { env => {}, replace => {}, %o, lines => \@lines }, $class;
}

# The command from that line on: up to the last one that ends in a backslash or
# lies within quotes.
sub text {
	my ($self, $line) = @_;
	my $text = '';
	for my $n ($line .. $line + 80) {
		my $l = $self->{lines}[$n - 1];
		last if $l =~ /^```|^\s*$/ || ($text ne '' && $l =~ /^curl /);
		$text .= $l;
	}
	$text =~ /^\s*curl / or die "no sample in line $line: $text\n";
	return $text;
}

sub run {
	my ($self, $line, %more) = @_;
	my $text = $self->text($line);
	my %replace = (%{ $self->{replace} }, %more);
	$text =~ s/$HOST/$self->{base_url}/g;
	for my $from (sort { length $b <=> length $a || $a cmp $b } keys %replace) {
		$text =~ s/\Q$from\E/$replace{$from}/g;
	}
	local %ENV = (%ENV, %{ $self->{env} });
	local $?;
	open my $fh, '-|', 'sh', '-c', qq{curl() { command curl -s -w '\\n%{http_code}' "\$@"; }\n$text} or die "sh: $!\n";
	my $out = do { local $/; <$fh> } // '';
	close $fh;
	my ($content, $status) = $out =~ /\A(.*)\n(\d+)\z/s ? ($1, $2) : ($out, 0);
	return { status => $status, content => $content, text => $text,
		json => scalar eval { JSON::PP->new->utf8->allow_nonref->decode($content) } };
}

1;
