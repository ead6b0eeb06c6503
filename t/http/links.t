#!/usr/bin/perl
# Every address that stands in a template of the staff's pages, as far as it is one
# without anything filled in, is a page.
use strict;
use warnings;
use File::Find;
use Kontor;
use Test::More;

my $tree = $ENV{KONTOR_TREE} or plan skip_all => 'run bin/kontor test';
my %where;
find({ no_chdir => 1, wanted => sub {
	return unless /\.html\z/;
	open my $fh, '<:encoding(UTF-8)', $_ or die "$_: $!\n";
	local $/;
	my $text = <$fh>;
	s{^\Q$tree\E/}{} for my $file = $_;
	while ($text =~ /\bhref="(\/[^"{}]*)"/g) {
		$where{ $1 =~ s/&amp;/&/gr =~ s/#.*//sr } //= $file;
	}
} }, map { "$tree/templates/$_" } qw(app layout));

my $user    = tenant(0)->{users}[0];
my $browser = browser(email => $user->{email}, password => $user->{password});
ok(keys %where > 40, 'the templates name pages');
for my $path (sort keys %where) {
	next if $path =~ m{^/assets/|^/auth/|^/logout};
	my $status = $browser->get($path)->{status};
	ok($status =~ /^(?:200|30[237])\z/, "$path ($where{$path})") or diag "answers $status";
}
done_testing;
