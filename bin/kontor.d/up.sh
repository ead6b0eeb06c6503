# up and down: the whole installation in the right order.

READY_SECONDS=30

cmd_up() {
	local demo=
	while [ $# -gt 0 ]; do
		case $1 in
		--demo) demo=yes ;;
		*) die "kontor up has no argument '$1'" "kontor up [--demo]" ;;
		esac
		shift
	done
	up_prepare
	instance_locate
	instance_users
	instance_make
	instance_lock
	instance_decide
	nginx_pid >/dev/null || port_check
	DEMO=${demo:-$DEMO}
	instance_save
	pg_find
	pg_start
	pg_roles
	migrate
	pg_template_leave
	program_place
	program_copy
	instance_conf
	up_data
	parts_start
	nginx_ensure
	up_wait
	say "Kontor is at $(conf_get base_url)"
	[ -z "$DEMO" ] || up_accounts
}

# Packages and programs; nothing of the instance is touched.
up_prepare() {
	# bin/kontor test has just done it.
	[ -z "${KONTOR_BUILT:-}" ] || return 0
	packages_need "$RUN_PACKAGES" "running Kontor"
	if [ -n "$TREE" ]; then
		packages_need "$BUILD_PACKAGES" "building Kontor"
		build_all
	fi
	build_check
}

# up_data: the keys of the installation, and the demo tenants, each once.
up_data() {
	[ -s "$KONTOR_HOME/keys.json" ] || up_ask keys
	if [ -n "$DEMO" ] && [ ! -s "$KONTOR_HOME/demo.json" ]; then
		say "loading the demo"
		up_ask demo
	fi
	instance_json
}

# up_ask VERB: what kontor-admin says becomes a part of kontor.json.
up_ask() {
	local out
	out=$(admin "$1") || die "kontor-admin $1 failed" "the lines above say why"
	printf '%s\n' "$out" | write_file "$KONTOR_HOME/$1.json" 0600
}

# One address of each program; any answer of its own will do.
PROBES='/rest/v1/ /functions/v1/none-webhook /s/- /schedule/- /quotes/-/pdf /login'

up_wait() {
	local i status=000 probe
	for ((i = 0; i < READY_SECONDS * 20; i++)); do
		status=$(http_status /readyz)
		[ "$status" != 200 ] || break
		up_alive
		sleep 0.05
	done
	[ "$status" = 200 ] || up_not_ready "/readyz" "$status"
	for probe in $PROBES; do
		for ((i = 0; i < 40; i++)); do
			status=$(http_status "$probe")
			case $status in
			000 | 5??) sleep 0.05 ;;
			*) continue 2 ;;
			esac
		done
		up_not_ready "$probe" "$status"
	done
}

up_not_ready() {
	local log
	for log in "$LOG"/*.log; do
		case $log in
		*/postgresql.log) ;;
		*) tail -n 2 "$log" >&2 ;;
		esac
	done
	die "Kontor did not get ready: $1 answers $2" \
		"kontor doctor says what is wrong; the logs are in $LOG"
}

up_alive() {
	local part
	for part in $PARTS; do
		part_pid "$part" >/dev/null || {
			tail -n 3 "$LOG/$part.log" >&2
			die "kontor-$part does not start" "the lines above are from $LOG/$part.log"
		}
	done
}

up_accounts() {
	perl -MJSON::PP -e '
		open my $fh, "<:raw", shift or exit;
		my $all = decode_json(join "", <$fh>);
		for my $tenant (@{ $all->{tenants} }) {
			my $user = $tenant->{users}[0] or next;
			binmode STDOUT, ":utf8";
			print "  $tenant->{name}: sign in as $user->{email}, password $user->{password}\n";
		}
	' "$KONTOR_HOME/kontor.json"
}

cmd_down() {
	instance_locate
	instance_load || {
		say "there is nothing to stop in $KONTOR_HOME"
		return
	}
	instance_users
	instance_lock
	PROGRAM_DIR=
	nginx_stop
	parts_stop
	pg_find
	pg_stop
	say "stopped"
}
