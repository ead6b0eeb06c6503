# programs: the FastCGI programs and the worker as supervised processes.
#
# Each part is one multiwatch, which keeps its children alive and passes
# SIGTERM on; it leads a process group of its own. $RUN/PART.pid holds its
# process id, its start time (ids are used again), and what it was started from.

PARTS="$PROGRAMS worker"
STOP_SECONDS=20

# part_children PART: KONTOR_PROCESSES="api=8 app=2" overrides.
part_children() {
	local word cores
	for word in $PROCESSES; do
		[ "${word%%=*}" != "$1" ] || { say "${word#*=}"; return; }
	done
	cores=$(nproc)
	# Twice the cores serve best while requests wait for commits; more lets
	# single backends starve.
	case $1 in
	api | app | webhooks) say $((cores * 2 > 16 ? 16 : cores * 2)) ;;
	worker) say 1 ;;
	*) say 2 ;;
	esac
}

# program_place: sets PROGRAM_DIR and TEMPLATES. In a tree that other users
# cannot enter the programs run from a copy.
program_place() {
	PROGRAM_DIR='' TEMPLATES=$DATA_DIR/templates
	if [ -z "$TREE" ] || enterable "$DATA_DIR/templates"; then
		return
	fi
	PROGRAM_DIR=$KONTOR_HOME/copy/programs
	TEMPLATES=$KONTOR_HOME/copy/templates
}

program_copy() {
	local name from to
	[ -n "$PROGRAM_DIR" ] || return 0
	mkdir -p "$PROGRAM_DIR"
	for name in $PARTS admin; do
		from=$(program "$name")
		to=$PROGRAM_DIR/kontor-$name
		if ! cmp -s "$from" "$to"; then
			install -m 0755 "$from" "$to.new"
			mv -f "$to.new" "$to"
		fi
	done
	rm -rf "$TEMPLATES.new"
	cp -R "$DATA_DIR/templates" "$TEMPLATES.new"
	rm -rf "$TEMPLATES.new/assets/node_modules" "$TEMPLATES"
	mv "$TEMPLATES.new" "$TEMPLATES"
	chmod -R a+rX "$TEMPLATES"
}

# part_program PART: what is executed.
part_program() {
	if [ -n "$PROGRAM_DIR" ]; then
		say "$PROGRAM_DIR/kontor-$1"
	else
		program "$1"
	fi
}

# process_start PID: when it began, in ticks since boot; empty when it is gone
# or a zombie that nobody collected.
process_start() {
	sed -n 's/.*) \([^ZX]\)/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true
}

# part_pid PART: its supervisor while that lives, else false.
part_pid() {
	local pid start stamp
	[ -e "$RUN/$1.pid" ] || return 1
	read -r pid start stamp <"$RUN/$1.pid" || true
	[ -n "$pid" ] && [ -n "$start" ] && [ "$(process_start "$pid")" = "$start" ] || return 1
	say "$pid"
}

# What a running part was started from: another program or other settings mean a restart.
part_stamp() {
	printf '%s-%s-%s' "$(stat -c %i.%Y "$(part_program "$1")")" "$(part_children "$1")" \
		"$(cat "$CONF" "$TEMPLATES"/po/*/LC_MESSAGES/kontor.mo 2>/dev/null | cksum | tr ' ' .)"
}

part_started_from() {
	local pid start stamp=
	read -r pid start stamp <"$RUN/$1.pid" || true
	say "$stamp"
}

# part_group PART: every process of the part, also when its supervisor was killed.
# The supervisor comes first, whatever its number: numbers wrap around.
part_group() {
	local pid start stamp members member exe
	[ -e "$RUN/$1.pid" ] || return 0
	read -r pid start stamp <"$RUN/$1.pid" || return 0
	members=$(pgrep -g "$pid") || return 0
	for member in $(grep -x "$pid" <<<"$members") $(grep -vx "$pid" <<<"$members"); do
		exe=$(readlink "/proc/$member/exe" 2>/dev/null) || continue
		case ${exe% (deleted)} in
		*/multiwatch | */kontor-"$1") say "$member" ;;
		esac
	done
}

# part_launch PART: replaces nothing; $! is the supervisor, because setsid and
# spawn-fcgi -n and setpriv all exec.
part_launch() {
	local part=$1 pid log=$LOG/$1.log
	local watch=("$(command -v multiwatch)" -f "$(part_children "$part")" -r 1000 -t 1000 -s TERM --)
	local open=(spawn-fcgi -n -s "$RUN/$part.sock" -M 0660)
	local user=()
	if is_root; then
		open+=(-U "$SYSTEM_USER" -G "$WEB_USER" -u "$SYSTEM_USER" -g "$SYSTEM_USER")
		user=(setpriv "--reuid=$SYSTEM_USER" "--regid=$SYSTEM_USER" --init-groups)
	fi
	if [ "$part" = worker ]; then
		open=("${user[@]}")
	else
		rm -f "$RUN/$part.sock"
		open+=(--)
	fi
	(
		cd /
		exec 9>&-
		export KONTOR_CONF=$CONF KONTOR_METRICS=$RUN/state/metrics \
			KONTOR_LIMITS=$RUN/state/limits
		exec setsid "${open[@]}" "${watch[@]}" "$(part_program "$part")"
	) </dev/null >>"$log" 2>&1 &
	pid=$!
	printf '%s %s %s\n' "$pid" "$(process_start "$pid")" "$(part_stamp "$part")" \
		>"$RUN/$part.pid"
}

# part_ensure PART: running, and running what is installed now.
part_ensure() {
	local pid=''
	if pid=$(part_pid "$1"); then
		[ "$(part_started_from "$1")" != "$(part_stamp "$1")" ] || return 0
		say "restarting kontor-$1: its program or settings changed"
	else
		part_stop "$1"
	fi
	part_launch "$1"
	# The new one has the socket already; the old one finishes what it has.
	[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true
}

# part_stop PART: gently, then not.
part_stop() {
	local pid i members
	if pid=$(part_pid "$1"); then
		kill -TERM "$pid" 2>/dev/null || true
	else
		members=$(part_group "$1")
		# shellcheck disable=SC2086
		[ -z "$members" ] || kill -TERM $members 2>/dev/null || true
	fi
	for ((i = 0; i < STOP_SECONDS * 20; i++)); do
		members=$(part_group "$1")
		[ -n "$members" ] || break
		sleep 0.05
	done
	if [ -n "$members" ]; then
		warn "kontor-$1 did not end within $STOP_SECONDS s and was killed"
		# shellcheck disable=SC2086
		kill -KILL $members 2>/dev/null || true
	fi
	rm -f "$RUN/$1.pid" "$RUN/$1.sock"
}

parts_start() {
	local part
	for part in $PARTS; do
		part_ensure "$part"
	done
}

parts_stop() {
	local part jobs=()
	for part in $PARTS; do
		part_stop "$part" &
		jobs+=($!)
	done
	wait "${jobs[@]}"
}
