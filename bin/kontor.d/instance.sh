# instance: where one installation keeps its things, and what it remembers.
#
# $KONTOR_HOME holds
#	instance	what was decided at first start (port, passwords), mode 0600
#	kontor.conf	settings of the programs; lines of the administrator stay
#	kontor.json	addresses and keys for tests and tools, mode 0600
#	master.key	the key that seals secrets
#	pg/ files/ log/ nginx/
# and $RUN (usually $KONTOR_HOME/run) the sockets and process ids.

SYSTEM_USER=kontor      # the programs and the worker
DATABASE_USER=postgres  # the private cluster; PostgreSQL refuses to run as root
WEB_USER=www-data       # nginx's worker processes
# Longest directory of sockets: a socket's path has at most 107 bytes.
RUN_MAX=80

# instance_users: who runs what. Without root everything is the caller.
instance_users() {
	if is_root; then
		id -u "$SYSTEM_USER" >/dev/null 2>&1 ||
			useradd --system --user-group --home-dir /nonexistent --no-create-home \
				--shell /usr/sbin/nologin "$SYSTEM_USER" ||
			die "the system user $SYSTEM_USER could not be made" "useradd says why"
	else
		SYSTEM_USER=$(id -un)
		DATABASE_USER=$SYSTEM_USER
		WEB_USER=$SYSTEM_USER
	fi
}

# as USER COMMAND...: from /, because USER may not enter the caller's directory.
as() {
	local user=$1
	shift
	cd /
	if is_root; then
		exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
	fi
	exec "$@"
}

# run_as USER COMMAND...: the same in a process of its own.
run_as() {
	(as "$@")
}

random_hex() {
	od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# instance_locate: sets KONTOR_HOME to the real path; does not make it.
instance_locate() {
	KONTOR_HOME=${KONTOR_HOME:-$DEFAULT_HOME}
	case $KONTOR_HOME in
	/*) ;;
	*) KONTOR_HOME=$PWD/$KONTOR_HOME ;;
	esac
	GIVEN_HOME=${KONTOR_HOME%/}
	KONTOR_HOME=$(readlink -m "$GIVEN_HOME")
	export KONTOR_HOME
	LOG=$KONTOR_HOME/log
	CONF=$KONTOR_HOME/kontor.conf
}

# enterable DIRECTORY: the users of the programs can reach what is in it.
enterable() {
	! is_root || {
		run_as "$SYSTEM_USER" test -x "$1" && run_as "$WEB_USER" test -x "$1" &&
			{ ! id -u "$DATABASE_USER" >/dev/null 2>&1 || run_as "$DATABASE_USER" test -x "$1"; }
	}
}

# instance_make: the directories. A home below a directory that is closed to
# others (/root) becomes a link to one below /var/lib.
instance_make() {
	local parent real
	parent=$(dirname "$KONTOR_HOME")
	mkdir -p "$parent" 2>/dev/null && { [ -w "$parent" ] || [ -w "$KONTOR_HOME" ]; } ||
		die "$KONTOR_HOME cannot be written by $(id -un)" \
			"set KONTOR_HOME to a directory that can, or run this as root"
	if ! enterable "$parent"; then
		real=/var/lib/kontor/$(instance_hash)
		! [ -d "$GIVEN_HOME" ] || rmdir "$GIVEN_HOME" 2>/dev/null ||
			die "$parent is closed to the users $SYSTEM_USER, $WEB_USER and $DATABASE_USER" \
				"chmod o+x $parent, or set KONTOR_HOME to a new directory"
		mkdir -p "$real"
		ln -s "$real" "$GIVEN_HOME"
		say "$parent is closed to other users: the data is in $real"
		instance_locate
	fi
	mkdir -p "$KONTOR_HOME" "$LOG" "$KONTOR_HOME/nginx" "$KONTOR_HOME/files" || exit 1
	[ -w "$KONTOR_HOME" ] || die "$KONTOR_HOME cannot be written by $(id -un)" \
		"chown it, or set KONTOR_HOME to another directory"
	chmod a+x "$KONTOR_HOME"
	chmod 0750 "$LOG"
	if is_root; then
		chown "$SYSTEM_USER:$WEB_USER" "$KONTOR_HOME/files"
	fi
	chmod 2750 "$KONTOR_HOME/files"
	instance_space
}

instance_hash() {
	printf '%s' "$GIVEN_HOME" | sha256sum | cut -c1-12
}

instance_space() {
	local free
	free=$(df -Pk "$KONTOR_HOME" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge 1048576 ] || die "only $((free / 1024)) MB are free for $KONTOR_HOME; 1 GB is needed" \
		"make room, or set KONTOR_HOME to a directory on a larger disk"
}

# instance_lock: one `up` or `down` at a time. Daemons must not inherit fd 9.
instance_lock() {
	exec 9>"$KONTOR_HOME/lock"
	flock -w 300 9 || die "another kontor command has worked on $KONTOR_HOME for 5 minutes" \
		"wait for it, or find it with: fuser $KONTOR_HOME/lock"
}

# instance_load: what the instance remembers; false when there is none.
instance_load() {
	PORT='' RUN='' OWNER_PASSWORD='' APP_PASSWORD='' WORKER_PASSWORD='' PROCESSES='' DEMO=''
	[ -e "$KONTOR_HOME/instance" ] || return 1
	[ -r "$KONTOR_HOME/instance" ] || die "$KONTOR_HOME belongs to another user" \
		"run this as $(stat -c %U "$KONTOR_HOME/instance")"
	# shellcheck source=/dev/null
	. "$KONTOR_HOME/instance"
}

# instance_need: for commands that make no sense without one. With
# KONTOR_DATABASE_URL the database is the administrator's own (doc/install.md).
instance_need() {
	EXTERNAL=
	instance_locate
	if [ -n "${KONTOR_DATABASE_URL:-}" ]; then
		EXTERNAL=yes
		CONF=${KONTOR_CONF:-/etc/kontor/kontor.conf}
		instance_users
		return
	fi
	instance_load || die "there is no installation in $KONTOR_HOME" \
		"start one with kontor up, or name its directory in KONTOR_HOME"
	instance_users
}

instance_save() {
	local name
	for name in PORT RUN OWNER_PASSWORD APP_PASSWORD WORKER_PASSWORD PROCESSES DEMO; do
		printf '%s=%q\n' "$name" "${!name}"
	done | write_file "$KONTOR_HOME/instance" 0600
}

# instance_decide: fill what is not decided yet.
instance_decide() {
	instance_load || true
	PORT=${KONTOR_PORT:-${PORT:-8080}}
	case $PORT in
	*[!0-9]*) die "KONTOR_PORT is '$PORT'" "give a number from 1 to 65535" ;;
	esac
	PROCESSES=${KONTOR_PROCESSES:-$PROCESSES}
	OWNER_PASSWORD=${OWNER_PASSWORD:-$(random_hex 16)}
	APP_PASSWORD=${APP_PASSWORD:-$(random_hex 16)}
	WORKER_PASSWORD=${WORKER_PASSWORD:-$(random_hex 16)}
	RUN=$KONTOR_HOME/run
	if [ ${#RUN} -gt "$RUN_MAX" ]; then
		is_root && RUN=/run/kontor-$(instance_hash) || RUN=/tmp/kontor-$EUID-$(instance_hash)
	fi
	instance_run_dir
}

# $RUN is open to enter; what is in it has owners and modes of its own.
instance_run_dir() {
	mkdir -p "$RUN" "$RUN/pg" "$RUN/live" "$RUN/state"
	[ -O "$RUN" ] || die "$RUN belongs to another user" "remove it, or set KONTOR_HOME to a shorter path"
	chmod 0711 "$RUN"
	chmod 0711 "$RUN/pg"
	chmod 0750 "$RUN/live" "$RUN/state"
	if is_root; then
		chown "$DATABASE_USER" "$RUN/pg"
		chgrp "$SYSTEM_USER" "$RUN/live"
		chown "$SYSTEM_USER" "$RUN/state"
	fi
}

# write_file PATH MODE: from standard input, at once and never half.
write_file() {
	(umask 077 && cat >"$1.new")
	chmod "$2" "$1.new"
	mv -f "$1.new" "$1"
}

# ---- kontor.conf ----------------------------------------------------------

conf_get() {
	sed -n "s/^$1[ \t]*=[ \t]*//p" "$CONF" 2>/dev/null | tail -n 1
}

# conf_put NAME VALUE: replace the line, or append it.
conf_put() {
	local value=$2
	[ "$(conf_get "$1")" != "$value" ] || return 0
	{
		grep -v "^$1[ 	]*=" "$CONF" 2>/dev/null || true
		printf '%s = %s\n' "$1" "$value"
	} | write_file "$CONF" 0640
}

# conf_default NAME VALUE: only when nothing is said.
conf_default() {
	[ -n "$(conf_get "$1")" ] || conf_put "$1" "$2"
}

database_url() {
	printf 'postgresql://%s:%s@/kontor?host=%s' "$1" "$2" "${RUN//\//%2F}%2Fpg"
}

instance_conf() {
	local old
	[ -e "$CONF" ] || printf '%s\n' '# Settings of this installation: kontor.conf(5).' \
		'# kontor up keeps your lines and corrects its own.' | write_file "$CONF" 0640
	conf_put db_url "$(database_url kontor_app "$APP_PASSWORD")"
	conf_put db_worker_url "$(database_url kontor_worker "$WORKER_PASSWORD")"
	conf_put master_key_file "$KONTOR_HOME/master.key"
	conf_put templates_dir "$TEMPLATES"
	conf_put files_dir "$KONTOR_HOME/files"
	conf_put live_publish_url "http://live/publish"
	conf_put live_socket "$RUN/live/live.sock"
	# An address that somebody chose stays; ours follows the port.
	old=$(conf_get base_url)
	case $old in
	'' | http://127.0.0.1:*) conf_put base_url "http://127.0.0.1:$PORT" ;;
	esac
	if [ -n "$DEMO" ]; then
		# Stand-ins for providers listen on loopback.
		conf_default net_allow 127.0.0.1
		conf_default net_insecure_webhooks on
	fi
	is_root && chgrp "$SYSTEM_USER" "$CONF"
	[ -e "$KONTOR_HOME/master.key" ] || random_hex 32 | write_file "$KONTOR_HOME/master.key" 0600
	is_root && chown "$SYSTEM_USER" "$KONTOR_HOME/master.key"
	return 0
}

# ---- kontor.json ----------------------------------------------------------

# instance_json: the addresses of this instance, and what kontor-admin said
# (keys.json, demo.json), as one object.
instance_json() {
	local parts=()
	[ ! -e "$KONTOR_HOME/keys.json" ] || parts+=("$KONTOR_HOME/keys.json")
	[ ! -e "$KONTOR_HOME/demo.json" ] || parts+=("$KONTOR_HOME/demo.json")
	perl -MJSON::PP -e '
		my %all = (base_url => shift, database_url => shift, home => shift, tenants => []);
		for my $file (@ARGV) {
			open my $fh, "<:raw", $file or die "$file: $!\n";
			my $part = eval { decode_json(join "", <$fh>) } or die "$file is not JSON\n";
			%all = (%all, %$part);
		}
		print JSON::PP->new->canonical->pretty->utf8->encode(\%all);
	' "$(conf_get base_url)" "$(database_url kontor "$OWNER_PASSWORD")" "$KONTOR_HOME" "${parts[@]}" |
		write_file "$KONTOR_HOME/kontor.json" 0600
	if is_root && [ -n "${SUDO_UID:-}" ]; then
		chown "$SUDO_UID" "$KONTOR_HOME/kontor.json"
	fi
}

# admin ARGUMENT...: kontor-admin as the programs' user, with the owner's rights
# in the database.
admin() {
	local program
	program=$(program admin)
	[ -x "$program" ] || die "not built: kontor-admin" "run make in ${TREE:-the source tree}"
	[ -z "${PROGRAM_DIR:-}" ] || program=$PROGRAM_DIR/kontor-admin
	(
		export KONTOR_CONF=$CONF KONTOR_DB_URL
		KONTOR_DB_URL=${KONTOR_DATABASE_URL:-$(database_url kontor "$OWNER_PASSWORD")}
		as "$SYSTEM_USER" "$program" "$@"
	)
}

cmd_admin() {
	instance_need
	program_place
	admin "$@"
}
