#!/usr/bin/perl
# po: catalogues of translations against the texts of the sources.
#
# usage: po.pl missing LANGUAGE   texts without a translation, as entries for a .po file
#        po.pl unused LANGUAGE    translations of texts that are gone
#        po.pl bare FILE...       text in templates that nobody marked for translation
#
# Texts: {{#_}}...{{/_}} in templates/, tr("..."), tr_n("...", "...") and N_("...")
# in fcgi/, lib/ and worker/, messages of form_error, form_required and err_set in
# fcgi/app, and what the SQL refuses: message and hint without values in them. Prints
# what it finds; the exit status is 1 when there is something.
use strict;
use warnings;
use File::Find qw(find);
use FindBin;

my $top = "$FindBin::Bin/../..";

sub slurp {
	open my $fh, '<', $_[0] or die "$_[0]: $!\n";
	local $/;
	return <$fh>;
}

sub files {
	my ($pattern, @dirs) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1, return if m{/(?:node_modules|vendor)$};
		push @found, $_ if /$pattern/ && -f;
	} }, map { "$top/$_" } @dirs);
	return sort @found;
}

# A C literal, its pieces joined.
my $literal = qr/"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*/s;
sub literal_text {
	my ($c) = @_;
	my $text = join '', $c =~ /"((?:[^"\\]|\\.)*)"/gs;
	my %escape = (n => "\n", t => "\t");
	$text =~ s/\\(.)/$escape{$1} \/\/ $1/ges;
	return $text;
}

# What SQL refuses with words of its own: message and hint of an exception, one or
# a choice of them, and what is handed to internal.unmerge_refused. Words put
# together by format() or by || hold values, those that ask internal.lang() are
# translated already, and an example in JSON or an address needs no translation.
my $words = qr/'((?:[^']|'')*)'/;
sub refusals {
	my ($sql) = @_;
	my @found;
	while ($sql =~ /\b(?:message|hint) *= *|\binternal\.unmerge_refused\(/g) {
		if ($sql =~ /\G$words(?!\s*\|\|)/gc) {
			push @found, $1;
		} elsif ($sql =~ /\Gcase\b((?:$words|[^';])*?)\bend\b/gc && (my $case = $1) !~ /\binternal\.lang\(/) {
			push @found, $case =~ /\b(?:then|else)\s+$words/g;
		}
	}
	return grep { !m{^(?:https?://\S+|[\[\{].*)?$} } map { s/''/'/gr } @found;
}

# Text to the first file that has it.
sub texts {
	my %texts;
	for my $file (files(qr/\.html$/, 'templates')) {
		my $text = slurp($file);
		while ($text =~ /\{\{#_\}\}(.*?)\{\{\/_\}\}/gs) {
			my $key = $1 =~ s/\s+/ /gr =~ s/^ | $//gr;
			$texts{$key} //= $file if length $key;
		}
	}
	for my $file (files(qr/\.(?:c|h|def)$/, 'fcgi', 'lib', 'worker')) {
		next if $file =~ m{/base/tr\.};
		my $text = slurp($file);
		$texts{literal_text($1)} //= $file while $text =~ /\b(?:tr|N_)\(\s*($literal)/g;
		# What a form says beside its fields, and what an error page says, go through web_tr.
		if ($file =~ m{/fcgi/app/}) {
			$texts{literal_text($1)} //= $file
				while $text =~ /\bform_(?:error\([^;"]*"[^"]*",\s*SV\(|required\([^;"]*"[^"]*",\s*)($literal)/g;
			$texts{literal_text($1)} //= $file while $text =~ /\binbox_refuse\(rq,\s*"[^"]*",\s*($literal)/g;
			while ($text =~ /\berr_set\([^;"]*,\s*ST_\w+,\s*($literal)\)/g) {
				$texts{literal_text($1)} //= $file;
			}
		}
		while ($text =~ /\btr_n\(\s*($literal)\s*,\s*($literal)/g) {
			$texts{literal_text($1)} //= $file;
			$texts{literal_text($2)} //= $file;
		}
	}
	for my $file (files(qr/\.sql$/, 'sql')) {
		$texts{$_} //= $file for refusals(slurp($file));
	}
	delete $texts{''};
	return \%texts;
}

# msgid and msgid_plural of all catalogues of a language that have a translation.
sub catalogue {
	my ($language) = @_;
	my (%known, $ids, $into, $done);
	my $keep = sub {
		@known{@$ids} = (1) x @$ids if $ids && $done;
		($ids, $done) = (undef, 0);
	};
	for my $file (glob "$top/templates/po/$language/*.po") {
		for (split /\n/, slurp($file)) {
			if (/^msgid (".*")$/)           { $keep->(); $ids = [literal_text($1)]; $into = \$ids->[0] }
			elsif (/^msgid_plural (".*")$/) { push @$ids, literal_text($1); $into = \$ids->[1] }
			elsif (/^msgstr(?:\[\d\])? (".*")$/) { $done ||= $1 ne '""'; $into = undef }
			elsif (/^(".*")$/) { $into ? ($$into .= literal_text($1)) : ($done = 1) }
		}
		$keep->();
	}
	delete $known{''};
	return \%known;
}

sub quoted { return '"' . ($_[0] =~ s/(["\\])/\\$1/gr =~ s/\n/\\n/gr) . '"' }

sub missing {
	my ($language) = @_;
	my ($texts, $known) = (texts(), catalogue($language));
	my @missing = grep { !$known->{$_} } sort { $texts->{$a} cmp $texts->{$b} || $a cmp $b } keys %$texts;
	printf "#: %s\nmsgid %s\nmsgstr \"\"\n\n", $texts->{$_} =~ s/^\Q$top\E\///r, quoted($_) for @missing;
	return @missing > 0;
}

sub unused {
	my ($language) = @_;
	my ($texts, $known) = (texts(), catalogue($language));
	my @unused = grep { !$texts->{$_} } sort keys %$known;
	print "$_\n" for @unused;
	return @unused > 0;
}

# Words between tags and in the attributes that people read, outside {{#_}}.
sub bare {
	my $found = 0;
	for my $file (@_) {
		my $text = slurp($file);
		$text =~ s/\{\{!.*?\}\}//gs;
		$text =~ s{\{\{#_\}\}(.*?)\{\{/_\}\}}{"\n" x ($1 =~ tr/\n//)}ges;
		$text =~ s/\{\{\$(\w+_class)\}\}.*?\{\{\/\g1\}\}//gs;
		$text =~ s/(<(?:kbd|code)\b[^<>]*>)[^<]*/$1/g;
		$text =~ s/(<(\w+)[^<>]* lang="\w+"[^<>]*>)[^<]*(?=<\/\g2>)/$1/g; # in its own language
		$text =~ s/\bKontor\b//g;
		$text =~ s/\{\{[^{}]*\}\}\}?//g;
		$text =~ s{(<(script|style)\b.*?</\2>)}{"\n" x ($1 =~ tr/\n//)}ges;
		my @lines = split /\n/, $text, -1;
		for my $n (0 .. $#lines) {
			my @words = $lines[$n] =~ /\b(?:title|aria-label|placeholder|alt|data-text-?\w*)="([^"]*\p{L}{2}[^"]*)"/g;
			(my $shown = $lines[$n]) =~ s/<[^<>]*>/\x{1}/g;
			$shown =~ s/^[^<]*>|<[^>]*$//g; # a tag over several lines
			$shown = '' if $lines[$n] =~ /^\s*[\w:-]+=/; # its attributes
			push @words, grep { /[A-Za-z]{2}/ } map { s/^\s+|\s+$|&\w+;//gr } split /\x{1}/, $shown;
			# Addresses as examples, codes of currencies and formats, names.
			@words = grep { !m{^(?:\S+\@\S+|https?://|[\w-]+(?:\.[\w-]+)+|[A-Z]{2,5}|[A-Z]+=\S+|WhatsApp|Telegram)$} } @words;
			$found += @words;
			printf "%s:%d: %s\n", $file =~ s/^\Q$top\E\///r, $n + 1, $_ for @words;
		}
	}
	return $found > 0;
}

my %verbs = (missing => \&missing, unused => \&unused, bare => \&bare);
my $verb = shift // '';
exit($verbs{$verb} && @ARGV ? $verbs{$verb}->(@ARGV) : die "usage: po.pl missing|unused LANGUAGE, po.pl bare FILE...\n");
