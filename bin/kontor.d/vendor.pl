#!/usr/bin/perl
# vendor: copy the files that package.json names from node_modules to vendor/.
#
# usage: vendor.pl DIRECTORY
#
# package.json: "vendor": {"htmx.org/dist/htmx.min.js": "htmx.min.js", "pkg/fonts": "fonts"}.
# "sprite": {"from": "pkg/icons", "to": "icons.svg", "icons": ["home", ...]}: the
# icons as symbols of one file, for <use href="icons.svg#home">.
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
	return squeeze($to);
}

sub squeeze {
	my $to = shift;
	return unless $to =~ /\.(?:css|js|mjs|svg|json|ttf)$/ && -s $to > 1024;
	gzip($to => "$to.gz", -Level => 9, -Time => 0) or die "$to.gz: cannot compress\n";
}

# One <symbol> per icon; the drawing attributes of its <svg> go along.
sub sprite {
	my ($sprite, $new) = @_;
	my $out = qq{<svg xmlns="http://www.w3.org/2000/svg">\n};
	for my $name (@{ $sprite->{icons} }) {
		my $svg = slurp("$dir/node_modules/$sprite->{from}/$name.svg");
		my ($attributes, $inner) = $svg =~ m{<svg\b([^>]*)>(.*)</svg>}s or die "$name.svg is no SVG\n";
		my $kept = join '', map { $attributes =~ /(\s$_="[^"]*")/ ? $1 =~ s/^\s+/ /r : '' }
			qw(viewBox fill stroke stroke-width stroke-linecap stroke-linejoin);
		$inner =~ s/>\s+</></g;
		$inner =~ s/^\s+|\s+$//g;
		$out .= qq{<symbol id="$name"$kept>$inner</symbol>\n};
	}
	open my $fh, '>:raw', "$new/$sprite->{to}" or die "$new/$sprite->{to}: $!\n";
	print $fh "$out</svg>\n";
	close $fh or die "$new/$sprite->{to}: $!\n";
	return squeeze("$new/$sprite->{to}");
}

my $package = decode_json(slurp("$dir/package.json"));
my $files   = $package->{vendor} // {};
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
sprite($package->{sprite}, $new) if $package->{sprite};
open my $fh, '>', "$new/.complete" or die "$new/.complete: $!\n";
close $fh;
remove_tree("$dir/vendor");
rename $new, "$dir/vendor" or die "$dir/vendor: $!\n";
