#!/usr/bin/perl
# vendor: copy the files that package.json names from node_modules to vendor/.
#
# usage: vendor.pl DIRECTORY
#
# package.json: "vendor": {"htmx.org/dist/htmx.min.js": "htmx.min.js", "pkg/fonts": "fonts"}.
# Text files get a .gz beside them, for nginx's gzip_static.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path remove_tree);
use IO::Compress::Gzip qw(gzip);
use JSON::PP;

my $dir = shift // die "usage: vendor.pl DIRECTORY\n";

sub slurp {
	open my $fh, '<:raw', $_[0] or die "$_[0]: $!\n";
	local $/;
	return <$fh>;
}

sub put {
	my ($from, $to) = @_;
	make_path(dirname($to));
	copy($from, $to) or die "$from: $!\n";
	return unless $to =~ /\.(?:css|js|mjs|svg|json|ttf)$/ && -s $to > 1024;
	gzip($to => "$to.gz", -Level => 9, -Time => 0) or die "$to.gz: cannot compress\n";
}

my $files = decode_json(slurp("$dir/package.json"))->{vendor} // {};
my $new   = "$dir/vendor.new";
remove_tree($new);
make_path($new);
for my $from (sort keys %$files) {
	my $path = "$dir/node_modules/$from";
	my $to   = "$new/$files->{$from}";
	-e $path or die "$from is named in package.json, but npm did not bring it\n";
	if (-d $path) {
		find({ no_chdir => 1, wanted => sub {
			put($_, $to . substr($_, length $path)) if -f;
		} }, $path);
	} else {
		put($path, $to);
	}
}
open my $fh, '>', "$new/.complete" or die "$new/.complete: $!\n";
close $fh;
remove_tree("$dir/vendor");
rename $new, "$dir/vendor" or die "$dir/vendor: $!\n";
