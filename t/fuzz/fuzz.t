#!/usr/bin/perl
# Every fuzzer of t/fuzz for KONTOR_FUZZ_SECONDS (3; 0 skips), always from the
# same seed. They are built with clang in a copy of the tree: this one is
# configured in place, without them.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $tree    = abs_path(dirname(__FILE__) . '/../..');
my $seconds = $ENV{KONTOR_FUZZ_SECONDS} // 3;
my @names   = map { m{(fuzz_\w+)\.c$} } glob "$tree/t/fuzz/fuzz_*.c";
my ($clang) = grep { -x } map { ("$_/clang", "$_/clang-14") } split /:/, $ENV{PATH};
plan skip_all => 'KONTOR_FUZZ_SECONDS is 0' unless $seconds > 0;
plan skip_all => 'clang is not installed' unless $clang;
my $dir = tempdir('kontor-fuzz.XXXXXX', TMPDIR => 1, CLEANUP => 1);

# The end of what a command says, and whether it went well.
sub run {
	my ($command) = @_;
	my $said = `cd $dir && ($command) 2>&1 </dev/null`;
	return ($? == 0, join "\n", grep { defined } (reverse split /\n/, $said)[reverse 0 .. 24]);
}

sub put {
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$dir/$name: $!\n";
	print $fh $text;
	close $fh or die "$dir/$name: $!\n";
}

put('probe.c', "int LLVMFuzzerTestOneInput(const char *p, long n) { return p && n < 0; }\n");
my ($able) = run("$clang -fsanitize=fuzzer,address,undefined probe.c -o probe");
plan skip_all => 'clang has no libFuzzer here: apt-get install libclang-rt-14-dev' unless $able;
plan tests => 1 + @names;

my $without = join ' ', map { "--exclude=$_" } qw(./.git ./var node_modules .deps .dirstamp *.o *.a *.log),
	qw(./config.status ./Makefile ./kontor-* ./doc/kontor.conf.example);
my $programs = join ' ', map { "t/fuzz/$_" } @names;
my ($built, $said) = run("tar -C '$tree' $without -cf - . | tar -xf - && rm -f probe* $programs && "
	. 'if ! test -x configure; then autoreconf -i; fi && '
	. "./configure CC=$clang --enable-fuzzing && make -s -j2 $programs");
ok($built, 'the fuzzers build with clang and --enable-fuzzing') or diag $said;

for my $name (@names) {
	my ($clean, $end) = run("mkdir corpus.$name && exec timeout -k 5 @{[$seconds + 60]} t/fuzz/$name -seed=1 "
		. "-max_total_time=$seconds -timeout=10 -rss_limit_mb=1024 -verbosity=1 corpus.$name");
	my ($runs) = $end =~ /Done (\d+) runs/;
	ok($built && $clean && $runs, "$name: " . ($runs // 0) . ' inputs without a report') or diag $end;
}
