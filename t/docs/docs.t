# The guides say what is there: folders, links, files, commands, metrics,
# packages; and their examples work on a running instance. (The manual pages
# are checked in t/ops/doc.t.)
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use Kontor;
use Test::More;
use Time::HiRes qw(sleep);

my $tree = abs_path(dirname(__FILE__) . '/../..');
chdir $tree or die "$tree: $!\n";
my @guides = ('README.md', sort glob 'doc/*.md');
my %text   = map { $_ => slurp($_) } @guides;

sub slurp {
	open my $fh, '<:encoding(UTF-8)', $_[0] or die "$_[0]: $!\n";
	local $/;
	return scalar <$fh>;
}

# ---- the map --------------------------------------------------------------------

my %made = map { $_ => 1 } qw(.git var build-aux autom4te.cache node_modules);
my @rooms = grep { -d && !-l && !$made{$_} && !/^kontor-\d/ } map { s{/$}{}r } glob '.[!.]*/ */';
my ($map) = $text{'README.md'} =~ /^## The rooms\n(.*?)^## /ms;
is_deeply([sort $map =~ /^\| `([^`\/]+)\/` \|/mg], [sort @rooms], 'the map of README.md has every folder and no other');

my ($programs) = $text{'doc/architecture.md'} =~ /^## The programs\n(.*?)^## /ms;
ok($programs =~ /^\| `kontor-$_` \|/m, "architecture.md has kontor-$_") for map { basename $_ } glob 'fcgi/*';
my ($floors) = $text{'doc/architecture.md'} =~ /^## The floors.*?\n(.*?)^## /ms;
my @floors = $floors =~ /^\| `(\w+)` \|/mg;
is_deeply([sort @floors], [sort map { basename $_ } grep { -d } glob 'lib/*'], 'and every folder of lib/');

# Each folder uses only those above it.
my %floor = map { $floors[$_] => $_ } 0 .. $#floors;
my @down;
for my $file (glob 'lib/*/*.[ch]') {
	my $own = $floor{ basename(dirname($file)) };
	push @down, map { defined $floor{$_} && $floor{$_} > $own ? "$file uses $_" : () }
		slurp($file) =~ /^#include "(\w+)\//mg;
}
is(join('; ', @down), '', 'and no folder of lib/ uses one below it');

# ---- links, files, commands ---------------------------------------------------------

sub anchors {
	return map { my $h = lc; $h =~ s/[^\w\- ]//g; $h =~ tr/ /-/r } slurp($_[0]) =~ /^#+ (.*)$/mg;
}

my %verb = map { /^(\w+)\|/ ? ($1 => 1) : () } split /\n/, slurp('bin/kontor') =~ s/\A.*?^COMMANDS='//msr;
for my $guide (@guides) {
	my $dir = dirname($guide);
	my @bad;
	for my $link ($text{$guide} =~ /\]\(([^)\s]+)\)/g) {
		next if $link =~ /^\w+:/;
		my ($path, $anchor) = split /#/, $link, 2;
		my $file = length $path ? "$dir/$path" : $guide;
		push @bad, $link if !-e $file || ($anchor && !grep { $_ eq $anchor } anchors($file));
	}
	is("@bad", '', "$guide: every link leads somewhere");

	# The recipes name files that are yet to be written.
	(my $told = $text{$guide}) =~ s/^## Adding things\n.*?(?=^## )//ms;
	my @gone = grep { !/[*…]/ && !-e } $told =~ m{`((?:sql|lib|fcgi|worker|templates|nginx|bin|t|doc)/[\w./*…-]*[\w/*…])`}g;
	is("@gone", '', "$guide: every file that it names is there");
	my @unknown = grep { !$verb{$_} } $told =~ m{\bbin/kontor (\w+)}g;
	is("@unknown", '', "$guide: every command is one");
}
cmp_ok(-s $_, '<', 120 * 1024, "$_ is small") for glob 'doc/images/*.png';

# ---- names ------------------------------------------------------------------------------

my $metrics = slurp('lib/http/metrics.def') . slurp('lib/http/metrics.c');
for my $name ($text{'doc/admin.md'} =~ /`(kontor_\w+_(?:total|seconds))`/g) {
	like($metrics, qr/\b\Q$name\E\b/, "there is a metric $name");
}
for my $type (slurp('fcgi/app/pages/webhook_event.def') =~ /^EVENT\("([\w.]+)"/mg) {
	ok($text{'doc/webhooks.md'} =~ /`\Q$type\E`/, "webhooks.md has $type");
}
for my $file (qw(templates/assets/package.json t/pages/package.json)) {
	ok($text{'doc/dependencies.md'} =~ /\Q$_\E\b/, "dependencies.md says why $_")
		for sort keys %{ json_decode(slurp($file))->{dependencies} };
}
for my $module (map { split } slurp('configure.ac') =~ /^PKG_CHECK_MODULES\(\[\w+\], \[([^\]]+)\]/mg) {
	ok($text{'doc/dependencies.md'} =~ /`\Q$module\E`/, "dependencies.md says why $module");
}

# ---- examples -------------------------------------------------------------------------------

my $scratch = tempdir(CLEANUP => 1);
my @examples;
push @examples, [$1, $2] while $text{'doc/api.md'} =~ /^<!-- runs: (\d+) -->\n```sh\n(.*?)^```/msg;
push @examples, [$1, $2] while $text{'doc/webhooks.md'} =~ /^<!-- runs: (\d+) -->\n```sh\n(.*?)^```/msg;
my ($setup) = $text{'doc/api.md'} =~ /^<!-- setup -->\n```sh\n(.*?)^```/ms;

# All in one shell, so that a later one has the variables of those before.
my $script = qq{curl() { command curl -sS --max-time 20 -D $scratch/head "\$@"; }\n$setup};
for my $i (0 .. $#examples) {
	$script .= "rm -f $scratch/head\n{\n$examples[$i][1]} >$scratch/out.$i 2>&1 </dev/null\n"
		. qq{sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' $scratch/head | tail -n 1 >$scratch/status.$i\n};
}
my $home = kontor()->home;
open my $sh, '>:encoding(UTF-8)', "$scratch/examples.sh" or die "examples.sh: $!\n";
print $sh $script;
close $sh;
{
	local $ENV{KONTOR_JSON} = "$home/kontor.json";
	system 'bash', "$scratch/examples.sh";
}
for my $i (0 .. $#examples) {
	my ($status, $text) = @{ $examples[$i] };
	my ($name) = $text =~ /curl (?:-\S+ (?:[A-Z]+ )?)*"?([^" ]+)/;
	is(slurp("$scratch/status.$i") =~ s/\s//gr, $status, "example $name answers $status")
		or diag(slurp("$scratch/out.$i"));
}
cmp_ok(scalar @examples, '>=', 20, 'API-8 the reference has examples with curl, and they run as printed');
my $people = "(first_name, source) in (('Nora', 'telegram'), ('Ben', 'whatsapp'))";
is(wait_for(10, sub { psql("select count(*) from contacts where $people") == 2 }) // 0, 1, 'what providers said is there');
# Other tests count what is in the demo.
psql("delete from bookings where guest_email = 'ann\@example.com';"
	. " delete from contacts where emails = '{ann\@example.com}' or $people");

# ---- receivers -------------------------------------------------------------------------------

my %run = ('receiver.js' => 'node', 'receiver.py' => 'python3');
for my $name (sort keys %run) {
	my ($code) = $text{'doc/webhooks.md'} =~ /^<!-- file: \Q$name\E -->\n```\w+\n(.*?)^```/ms;
	ok($code, "webhooks.md has $name");
	SKIP: {
		skip "no $run{$name} here", 4 if system "command -v $run{$name} >/dev/null";
		receiver($name, $code, $_) for 'sesame', 'whsec_' . 'c2VzYW1lIGlzIGEgc2VjcmV0';
	}
}

sub receiver {
	my ($name, $code, $secret) = @_;
	my $port = free_port();
	open my $fh, '>:encoding(UTF-8)', "$scratch/$name" or die "$name: $!\n";
	print $fh $code;
	close $fh;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		@ENV{qw(PORT WEBHOOK_SECRET)} = ($port, $secret);
		open STDOUT, '>', "$scratch/$name.log" or die "$!\n";
		exec $run{$name}, "$scratch/$name" or die "$run{$name}: $!\n";
	}
	my $key = tenant()->{api_key};
	my $api = '/functions/v1/rest-api-proxy';
	my $up  = wait_for(10, sub { api(POST => "http://127.0.0.1:$port/", body => '{}')->{status} == 401 });
	ok($up, "$name refuses what is not signed");
	my $hook = api(POST => "$api/webhook_configurations", key => $key,
		json => { url => "http://127.0.0.1:$port/", events => ['contact.created'], secret => $secret })->{json}[0];
	my $made = api(POST => "$api/contacts", key => $key, json => { first_name => "Docs $port" })->{json}[0];
	my $got = wait_for(15, sub { slurp("$scratch/$name.log") =~ /^contact\.created \Q$made->{id}\E$/m });
	ok($got, "$name takes what Kontor signed with $secret");
	api(DELETE => "$api/$_->[0]?id=eq.$_->[1]", key => $key)
		for ['webhook_configurations', $hook->{id}], ['contacts', $made->{id}];
	kill TERM => $pid;
	waitpid $pid, 0;
}

done_testing;
