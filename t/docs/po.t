# The pages of the CRM are translated, all of them: no text that nobody marked, none
# without a translation, none whose translation lost a value on its way.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $tree = abs_path(dirname(__FILE__) . '/../..');
chdir $tree or die "$tree: $!\n";
my $po = "$tree/bin/kontor.d/po.pl";

# All but the pages of other rooms, so that a new page is covered by itself.
my $others = qr/^(?:bookings?|onboarding|organizations|products?|profile_(?!notifications)\w+|quotes?|reset_password|scheduling|settings_keys|signup|side_deals|verify|invitation|webhooks?)(?:_|$)/;
my @pages  = grep { m{([^\/]+)\.html$} && ($1 eq 'profile_head' || $1 !~ $others) } glob 'templates/app/*.html';
push @pages, glob 'templates/app/inbox/*.html templates/app/settings/{channel*,chat,facebook*,inbox*,macro*,messages,sla*,whatsapp*}.html';
my @files  = (grep({ !/public/ } glob 'templates/layout/*.html'), 'templates/error.html', @pages);
cmp_ok(scalar @pages, '>', 40, 'the templates of these modules');

for my $file (@files) {
	my $bare = qx($^X $po bare $file);
	is($bare, '', "FACT-3 $file: every word is marked for translation");
}

my $missing = qx($^X $po missing ar);
is(join("\n", $missing =~ /^msgid .*/mg), '', 'FACT-3 every marked word has its Arabic');

# ---- what stands in a text stands in its translation -----------------------------------------

sub literal { return join '', map { s/\\n/\n/gr =~ s/\\(.)/$1/gr } $_[0] =~ /"((?:[^"\\]|\\.)*)"/g }

for my $file (glob 'templates/po/ar/*.po') {
	is(system("msgfmt --check -o /dev/null $file 2>/dev/null"), 0, "$file is well-formed");
	open my $fh, '<:encoding(UTF-8)', $file or die "$file: $!\n";
	my $text = do { local $/; <$fh> };
	my @lost;
	while ($text =~ /^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)^msgstr ((?:"(?:[^"\\]|\\.)*"\s*)+)/mg) {
		my ($id, $translated) = (literal($1), literal($2));
		next if !length $id || !length $translated;
		for my $part (qr/\{\{[^{}]*\}\}/, qr/%[a-z]+/, qr/\{\d\}/, qr{href="[^"]*"}) {
			my ($a, $b) = map { join ' ', sort $_ =~ /$part/g } $id, $translated;
			push @lost, "$id: $a / $b" if $a ne $b;
		}
	}
	is(join("\n", @lost), '', "$file: no value is lost in a translation");
}
done_testing;
