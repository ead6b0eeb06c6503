#!/usr/bin/perl
# vendor: copy the files that package.json names from node_modules to vendor/.
#
# usage: vendor.pl DIRECTORY
#
# package.json: "vendor": {"htmx.org/dist/htmx.min.js": "htmx.min.js", "pkg/fonts": "fonts"},
# "sprite": {"from": "pkg/icons", "to": "icons.svg", "icons": ["home", ...]}: one
# file of symbols, used as icons.svg#home.
# "purge": ["tabler.css"]: of these style sheets only the rules stay whose
# classes the templates and our own scripts mention somewhere.
# Text files get a .gz beside them, for nginx's gzip_static; that of our own style
# sheets and scripts is of their minified text (esbuild).
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
	compress($to);
}

sub compress {
	my ($to) = @_;
	return unless $to =~ /\.(?:css|js|mjs|svg|json|ttf)$/ && -s $to > 1024;
	gzip($to => "$to.gz", -Level => 9, -Time => 0) or die "$to.gz: cannot compress\n";
}

# An icon without its own size, fill and stroke width, which the page's CSS gives.
sub symbol {
	my ($name, $svg) = @_;
	my ($attributes, $shapes) = $svg =~ m{<svg\b([^>]*)>(.*)</svg>}s
		or die "the icon $name is not an SVG file\n";
	my ($box) = $attributes =~ /viewBox="([^"]+)"/ or die "the icon $name has no viewBox\n";
	$shapes =~ s/>\s+</></g;
	$shapes =~ s/^\s+|\s+$//g;
	return qq{<symbol id="$name" viewBox="$box" stroke="currentcolor" }
		. qq{stroke-linecap="round" stroke-linejoin="round">$shapes</symbol>\n};
}

sub sprite {
	my ($from, $to, $icons) = @_;
	my $text = qq{<svg xmlns="http://www.w3.org/2000/svg">\n};
	for my $name (sort @$icons) {
		-e "$from/$name.svg" or die "there is no icon $name in $from\n";
		$text .= symbol($name, slurp("$from/$name.svg"));
	}
	open my $fh, '>', $to or die "$to: $!\n";
	print $fh "$text</svg>\n" or die "$to: $!\n";
	close $fh or die "$to: $!\n";
	compress($to);
}

# ---- style sheets ------------------------------------------------------------

my $string = qr/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/s;
my $block  = qr/(?<block>\{(?:[^{}"']|$string|(?&block))*\})/s;

# Every word of the templates and scripts may be the name of a class.
sub words {
	my %words;
	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1, return if m{/(?:node_modules|vendor(?:\.new)?)$};
		return unless -f && /\.(?:html|js)$/;
		my $text = slurp($_);
		$words{$1} = 1 while $text =~ /([A-Za-z_][\w-]*)/g;
	} }, "$dir/..");
	return \%words;
}

# Commas inside of parentheses do not separate selectors.
sub selectors {
	my ($list) = @_;
	my (@found, $depth);
	my $one = '';
	for my $c (split //, $list) {
		$depth += $c eq '(' ? 1 : $c eq ')' ? -1 : 0;
		if ($c eq ',' && !$depth) {
			push @found, $one;
			$one = '';
		} else {
			$one .= $c;
		}
	}
	return (@found, $one);
}

sub is_used {
	my ($selector, $words) = @_;
	$selector =~ s/:not\((?:[^()]|\([^()]*\))*\)//g;
	while ($selector =~ /\.((?:[\w-]|\\.)+)/g) {
		my $class = $1 =~ s/\\(.)/$1/gr;
		return 0 unless $words->{$class};
	}
	return 1;
}

sub purged {
	my ($css, $words) = @_;
	my $out = '';
	while ($css =~ /\G\s*((?:[^{};"']|$string)*)(?:(;)|$block)/gc) {
		my ($head, $end, $body) = ($1, $2, $+{block});
		if ($end) {
			$out .= "$head;";
		} elsif ($head =~ /^@(?:media|supports|layer|container)/) {
			my $inner = purged(substr($body, 1, -1), $words);
			$out .= "$head\{$inner}" if length $inner;
		} elsif ($head =~ /^@/) {
			$out .= $head . $body;
		} else {
			my @kept = grep { is_used($_, $words) } selectors($head);
			$out .= join(',', @kept) . $body if @kept;
		}
	}
	die "a style sheet could not be read from: ", substr($css, pos($css) // 0, 60), "\n"
		if substr($css, pos($css) // 0) =~ /\S/;
	return $out;
}

sub purge {
	my ($file, $words) = @_;
	my $css = slurp($file);
	my ($licence) = $css =~ m{(/\*!.*?\*/)}s;
	$css =~ s{/\*.*?\*/}{}gs;
	open my $fh, '>', $file or die "$file: $!\n";
	print $fh $licence // '', "\n", purged($css, $words) or die "$file: $!\n";
	close $fh or die "$file: $!\n";
	compress($file);
}

# ---- our own ------------------------------------------------------------------

# kontor.js.gz holds kontor.js minified: what browsers get, while the file itself
# stays as it was written.
sub minify {
	my $esbuild = "$dir/node_modules/.bin/esbuild";
	return unless -x $esbuild;
	my $out = "$dir/vendor.min";
	my @files;
	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1, return if m{/(?:node_modules|vendor(?:\.new|\.min)?)$};
		push @files, $_ if -f && /\.(?:css|js)$/;
	} }, $dir);
	remove_tree($out);
	system($esbuild, @files, "--outbase=$dir", "--outdir=$out", '--minify', '--charset=utf8', '--log-level=error') == 0
		or die "esbuild could not minify our own assets\n";
	for my $file (@files) {
		my $small = $file =~ s/^\Q$dir\E/$out/r;
		gzip($small => "$file.gz", -Level => 9, -Time => 0) or die "$file.gz: cannot compress\n";
	}
	remove_tree($out);
}

# ---- all of it -----------------------------------------------------------------

my $package = decode_json(slurp("$dir/package.json"));
my $files   = $package->{vendor} // {};
my $new     = "$dir/vendor.new";
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
if (my $files = $package->{purge}) {
	my $words = words();
	purge("$new/$_", $words) for @$files;
}
if (my $s = $package->{sprite}) {
	sprite("$dir/node_modules/$s->{from}", "$new/$s->{to}", $s->{icons});
}
minify();
open my $fh, '>', "$new/.complete" or die "$new/.complete: $!\n";
close $fh;
remove_tree("$dir/vendor");
rename $new, "$dir/vendor" or die "$dir/vendor: $!\n";
