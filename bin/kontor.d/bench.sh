# bench: runs t/bench/*.bench. Each prints one JSON object per figure:
# {"name", "ours", "theirs", "ratio", "range", "reach", "holds"}.

cmd_bench() {
	local form=text files=() name file
	while [ $# -gt 0 ]; do
		case $1 in
		--json) form=json ;;
		-*) die "kontor bench has no option '$1'" "kontor bench [--json] [NAME...]" ;;
		*)
			name=${1##*/}
			file=$TREE/t/bench/${name%.bench}.bench
			[ -x "$file" ] || die "there is no bench '$1'" "these are: $(bench_names)"
			files+=("$file")
			;;
		esac
		shift
	done
	[ -n "$TREE" ] || die "the benches are in the source tree" "run bin/kontor bench there"
	[ ${#files[@]} -gt 0 ] || mapfile -t files < <(find "$TREE/t/bench" -name '*.bench' -perm -u+x 2>/dev/null | sort)
	[ ${#files[@]} -gt 0 ] || die "there are no benches in t/bench" "a bench is an executable t/bench/NAME.bench"
	test_prepare >&2
	test_traps
	test_shared_start KONTOR_JSON >&2
	bench_run "${files[@]}" | bench_print "$form"
}

bench_run() {
	local file rc=0
	for file; do
		warn "${file##*/}"
		"$file" </dev/null || {
			rc=1
			warn "${file##*/} failed"
		}
	done
	return "$rc"
}

bench_names() {
	find "$TREE/t/bench" -name '*.bench' -perm -u+x -printf '%f\n' 2>/dev/null |
		sed 's/\.bench$//' | sort | tr '\n' ' '
}

# One row per figure; status 1 when one does not hold.
bench_print() {
	perl -MJSON::PP -we '
		my $json = JSON::PP->new->canonical->utf8;
		my (@rows, $bad);
		while (<STDIN>) {
			next unless /^\s*\{/;
			push @rows, my $row = $json->decode($_);
			$bad ||= !$row->{holds};
		}
		if ($ARGV[0] eq "json") {
			print $json->pretty->encode(\@rows);
		} else {
			my @cols = qw(name ours theirs ratio range reach holds);
			my @lines = (\@cols, map { my $r = $_; [map { cell($r->{$_}) } @cols] } @rows);
			my @width = map { my $c = $_; (sort { $b <=> $a } map { length $_->[$c] } @lines)[0] } 0 .. $#cols;
			for my $line (@lines) {
				my $text = join "  ", map { sprintf "%-*s", $width[$_], $line->[$_] } 0 .. $#cols;
				$text =~ s/\s+$//;
				print "$text\n";
			}
		}
		exit($bad ? 1 : 0);
		sub cell {
			my $v = shift;
			return "-" unless defined $v;
			return $v ? "yes" : "NO" if JSON::PP::is_bool($v);
			return join "-", @$v if ref $v eq "ARRAY";
			return "$v";
		}
	' "$1"
}
