# check: status (what runs) and doctor (what is wrong).

# pss PID...: memory in kB, shared pages divided among those who share them.
pss() {
	local pid total=0 kb
	for pid in "$@"; do
		kb=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null) || kb=0
		total=$((total + ${kb:-0}))
	done
	say "$total"
}

# children PID: the process and what it started.
children() {
	say "$1"
	pgrep -P "$1" || true
}

# status_rows: part, state, processes, kB, process ids; separated by tabs.
status_rows() {
	local part pids state
	for part in $PARTS nginx postgresql; do
		state=running
		case $part in
		nginx) pids=$(nginx_pid) && pids=$(children "$pids") || pids= ;;
		postgresql)
			pids=
			! pg_running || pids=$(children "$(pg_cat postmaster.pid | head -n 1)")
			;;
		*)
			pids=$(part_group "$part")
			[ -z "$pids" ] || part_pid "$part" >/dev/null || state=unsupervised
			;;
		esac
		[ -n "$pids" ] || state=stopped
		# shellcheck disable=SC2086
		printf '%s\t%s\t%s\t%s\t%s\n' "$part" "$state" "$(wc -w <<<"$pids")" "$(pss $pids)" \
			"$(tr '\n' ' ' <<<"$pids")"
	done
}

# The queue as kontor-admin sees it; {} while the database is down.
status_queue() {
	if pg_running; then
		admin status 2>/dev/null || say '{}'
	else
		say '{}'
	fi
}

cmd_status() {
	local form=text
	case ${1:-} in
	--json) form=json ;;
	'') ;;
	*) die "kontor status has no argument '$1'" "kontor status [--json]" ;;
	esac
	instance_need
	[ -z "$EXTERNAL" ] || die "kontor status shows what kontor up started" \
		"systemctl status 'kontor*' shows the units, kontor doctor checks the database"
	pg_find
	program_place
	{
		status_queue | tr '\n' ' '
		say ''
		status_rows
	} | perl -MJSON::PP -we '
		my ($form, $home, $url) = @ARGV;
		my $queue = eval { decode_json(scalar <STDIN>) } // {};
		my (@parts, $ours);
		while (<STDIN>) {
			chomp;
			my ($name, $state, $n, $kb, $pids) = split /\t/;
			push @parts, { name => $name, state => $state, processes => $n + 0,
				pss_kb => $kb + 0, pids => [map { $_ + 0 } split " ", $pids // ""] };
			$ours += $kb if $name !~ /^(nginx|postgresql)$/;
		}
		my $bad = grep { $_->{state} ne "running" } @parts;
		if ($form eq "json") {
			print JSON::PP->new->canonical->pretty->encode({ home => $home, base_url => $url,
				parts => \@parts, queue => $queue, programs_pss_kb => $ours });
		} else {
			printf "%-12s %-12s %9s %10s\n", "part", "state", "processes", "memory";
			printf "%-12s %-12s %9d %7.1f MB\n", @$_{qw(name state processes)}, $_->{pss_kb} / 1024
				for @parts;
			printf "programs and worker together: %.1f MB\n", $ours / 1024;
			printf "%s: %s\n", $_, ref $queue->{$_} ? encode_json($queue->{$_}) : $queue->{$_} // "none"
				for sort keys %$queue;
			print "address: $url\ndata: $home\n";
		}
		exit($bad ? 1 : 0);
	' "$form" "$KONTOR_HOME" "$(conf_get base_url)"
}

# ---- doctor -----------------------------------------------------------------

# check NAME REMEDY COMMAND...: what the command prints is the detail.
check() {
	local name=$1 remedy=$2 detail
	shift 2
	if detail=$("$@" 2>&1); then
		printf 'ok    %s%s\n' "$name" "${detail:+: $detail}"
	else
		printf 'WRONG %s%s\n      %s\n' "$name" "${detail:+: $detail}" "$remedy"
		return 1
	fi
}

check_packages() {
	local missing
	have dpkg-query || return 0
	missing=$(packages_missing "$RUN_PACKAGES ${TREE:+$BUILD_PACKAGES}" | tr '\n' ' ')
	[ -z "$missing" ] || { say "missing: $missing"; return 1; }
}

check_disk() {
	df -Pk "$KONTOR_HOME" | awk 'NR == 2 { printf "%.1f GB free", $4 / 1048576; exit $4 < 1048576 }'
}

check_parts() {
	local bad
	bad=$(status_rows | awk -F '\t' '$2 != "running" { printf "%s is %s; ", $1, $2 }')
	[ -z "$bad" ] || { say "$bad"; return 1; }
}

check_ready() {
	local status
	status=$(http_status /readyz)
	[ "$status" = 200 ] || { say "/readyz answers $status"; return 1; }
}

check_modes() {
	local file mode bad=
	for file in master.key kontor.json instance; do
		mode=$(stat -c %a "$KONTOR_HOME/$file" 2>/dev/null) || mode=missing
		[ "$mode" = 600 ] || bad="$bad$file is $mode; "
	done
	[ "$(stat -c %a "$CONF")" = 640 ] || bad="$bad kontor.conf is $(stat -c %a "$CONF"); "
	grep -qxE '[0-9a-f]{64}' "$KONTOR_HOME/master.key" || bad="${bad}master.key is not 64 hex digits; "
	[ -z "$bad" ] || { say "$bad"; return 1; }
}

# check_sql QUERY: right when it returns nothing.
check_sql() {
	local out
	out=$(owner -At -R ', ' -c "$1") || { say "$out"; return 1; }
	[ -z "$out" ] || { say "$out"; return 1; }
}

check_roles() {
	check_sql "select r || ' is missing' from unnest('{kontor,kontor_app,kontor_worker,anon,authenticated,service_role}'::text[]) r
		where not exists (select from pg_roles where rolname = r)
		union all select rolname || ' has too many rights' from pg_roles
		where rolname in ('kontor_app', 'kontor_worker', 'anon', 'authenticated')
		and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)"
}

check_clock() {
	local db
	db=$(owner -At -c 'select extract(epoch from clock_timestamp())::bigint') || return 1
	[ $((db - $(date +%s))) -le 2 ] && [ "$(date +%Y)" -ge 2025 ] || { date; return 1; }
}

# What kontor-admin finds: row-level security, owners, the queue, the key.
check_model() {
	admin doctor | perl -MJSON::PP -e '
		my $all = eval { decode_json(join "", <STDIN>) } or exit 1;
		print join "; ", @{ $all->{findings} };
		exit(@{ $all->{findings} } > 0);'
}

check_nginx() {
	nginx_run -t -q
}

check_migrations() {
	migrate check
}

# Checks of the processes and files that kontor up made.
doctor_instance() {
	local bad=0
	check "packages" "kontor up installs them" check_packages || bad=1
	check "disk" "make room for $KONTOR_HOME" check_disk || bad=1
	check "processes" "kontor up starts what is missing; logs are in $LOG" check_parts || bad=1
	check "files" "chmod 600 them (kontor.conf: 640); they hold secrets" check_modes || bad=1
	check "nginx configuration" "correct the line that nginx names" check_nginx || bad=1
	check "readiness" "the logs in $LOG say why" check_ready || bad=1
	return "$bad"
}

doctor_database() {
	local bad=0
	check "database" "start it; its log says why it ended" pg_answers || return 1
	check "migrations" "kontor migrate" check_migrations || bad=1
	check "roles" "sql/roles.sql makes them (kontor up runs it); take away what is too much" \
		check_roles || bad=1
	check "clock" "run a time service such as systemd-timesyncd" check_clock || bad=1
	check "tenants apart, queue, key" "correct what is named; the worker's log tells of jobs" \
		check_model || bad=1
	return "$bad"
}

cmd_doctor() {
	local bad=0
	instance_need
	program_place
	if [ -z "$EXTERNAL" ]; then
		pg_find
		doctor_instance || bad=1
	fi
	doctor_database || bad=1
	exit "$bad"
}

pg_answers() {
	owner -At -c 'show server_version'
}
