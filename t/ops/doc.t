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
my $page    = slurp('doc/kontor.conf.5');
my @named   = $page =~ /^\.TP\n\.B (\w+)$/mg;
is_deeply([sort @named], [sort keys %setting], 'kontor.conf(5) has every setting and no other');
for my $name (sort keys %setting) {
	my ($part) = $page =~ /^\.B \Q$name\E\n(.*?)(?:^\.TP|^\.SH)/ms;
	my ($default) = ($part // '') =~ /^Default: (.*)$/m;
	is($default // '', $setting{$name}, "the default of $name");
}

my $manual = slurp('doc/kontor.1');
my ($table) = slurp('bin/kontor') =~ /^COMMANDS='\n(.*?)^'/ms;
for my $row (split /\n/, $table) {
	my ($name) = split /\|/, $row;
	ok($manual =~ /^(?:\.B|\.BR|\.BI) "?$name\b/m, "kontor(1) explains $name");
}

my $why = slurp('doc/dependencies.md');
my ($lists) = slurp('bin/kontor.d/packages.sh') =~ /\A(.*?)^# packages_missing/ms;
for my $entry (map { split } $lists =~ /_PACKAGES='([^']*)'/g) {
	my ($package) = split /:/, $entry;
	(my $stem = lc $package) =~ s/^lib(?=.{3})|-dev$|\d[\d.]*(ldbl)?(-\d+)?$|-\d[\d.]*(-\d+)?$//g;
	$stem =~ s/\d.*|-dev|-openssl$//g;
	$stem =~ s/[-0-9.]+$//;
	ok(index(lc $why, $stem) >= 0, "doc/dependencies.md says why $package");
}

done_testing;
