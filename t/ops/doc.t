# The documents say what the program does: settings, commands, packages.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $tree = abs_path(dirname(__FILE__) . '/../..');

sub slurp {
	open my $fh, '<:encoding(UTF-8)', "$tree/$_[0]" or die "$_[0]: $!\n";
	local $/;
	return scalar <$fh>;
}

my %setting = slurp('lib/base/conf.def') =~ /^CONF\((\w+), "(.*?)"/mg;
my %page    = slurp('doc/kontor.conf.5') =~ /^\.TP\n\.B (\w+)\n.*?\n(?:Default: (.*)|No default\.)$/msg
	? map { ($_ => 1) } slurp('doc/kontor.conf.5') =~ /^\.TP\n\.B (\w+)$/mg : ();
is_deeply([sort keys %page], [sort keys %setting], 'kontor.conf(5) has every setting and no other');
my $text = slurp('doc/kontor.conf.5');
for my $name (sort grep { length $setting{$_} } keys %setting) {
	like($text, qr/^\.B \Q$name\E\n(?:(?!\.TP).*\n)*?Default: \Q$setting{$name}\E$/m, "the default of $name");
}

my $manual = slurp('doc/kontor.1');
my ($table) = slurp('bin/kontor') =~ /^COMMANDS='\n(.*?)^'/ms;
for my $row (split /\n/, $table) {
	my ($name) = split /\|/, $row;
	like($manual, qr/^(?:\.B|\.BR|\.BI) "?$name\b/m, "kontor(1) explains $name");
}

my $why = slurp('doc/dependencies.md');
my ($lists) = slurp('bin/kontor.d/packages.sh') =~ /\A(.*?)^# packages_missing/ms;
for my $entry (map { split } $lists =~ /_PACKAGES='([^']*)'/g) {
	my ($package) = split /:/, $entry;
	(my $stem = lc $package) =~ s/^lib(?=.{3})|-dev$|\d[\d.]*(ldbl)?(-\d+)?$|-\d[\d.]*(-\d+)?$//g;
	$stem =~ s/\d.*|-dev|-openssl$//g;
	$stem =~ s/[-0-9.]+$//;
	like(lc $why, qr/\Q$stem\E/, "doc/dependencies.md says why $package");
}

done_testing;
