# postgres: the private cluster in $KONTOR_HOME/pg, its roles, and migrations.

PG_OLDEST=15

# pg_find: sets PG_BIN. An existing cluster decides the version, else the newest.
pg_find() {
	local dir version wanted='' found=''
	[ -e "$KONTOR_HOME/pg/PG_VERSION" ] && wanted=$(pg_cat PG_VERSION)
	for dir in ${KONTOR_PG_BIN:-$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)}; do
		[ -x "$dir/postgres" ] || continue
		version=$("$dir/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
		found="$found $version"
		[ -z "$wanted" ] || [ "$version" = "$wanted" ] || continue
		[ "$version" -ge "$PG_OLDEST" ] || continue
		PG_BIN=$dir
	done
	[ -n "${PG_BIN:-}" ] && return
	[ -z "$wanted" ] || [ "$wanted" -lt "$PG_OLDEST" ] ||
		die "$KONTOR_HOME/pg was made by PostgreSQL $wanted, and only$found is installed" \
			"apt-get install postgresql-$wanted, or restore a backup into a new KONTOR_HOME"
	die "PostgreSQL $PG_OLDEST or later is needed;${found:- none} is installed" \
		"apt-get install postgresql-$PG_OLDEST"
}

pg_cat() {
	run_as "$DATABASE_USER" cat "$KONTOR_HOME/pg/$1"
}

# superuser ARGUMENT...: psql as the cluster's superuser.
superuser() {
	PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 \
		-h "$RUN/pg" -p 5432 -U postgres "$@"
}

# owner ARGUMENT...: psql as the owner of the model.
owner() {
	local at=(-h "${RUN:-}/pg" -p 5432 -U kontor -d kontor)
	[ -z "${EXTERNAL:-}" ] || at=(-d "$KONTOR_DATABASE_URL")
	PGOPTIONS='-c client_min_messages=warning' PGPASSWORD=${OWNER_PASSWORD:-${PGPASSWORD:-}} \
		psql -X -q -v ON_ERROR_STOP=1 "${at[@]}" "$@"
}

pg_running() {
	[ -S "$RUN/pg/.s.PGSQL.5432" ] &&
		run_as "$DATABASE_USER" "$PG_BIN/pg_ctl" -s -D "$KONTOR_HOME/pg" status >/dev/null 2>&1
}

# An eighth of the memory, at least 128 MB, at most 1 GB.
pg_shared_buffers() {
	awk '/^MemTotal/ { mb = int($2 / 8192); print (mb < 128 ? 128 : mb > 1024 ? 1024 : mb) "MB" }' \
		/proc/meminfo
}

pg_create() {
	local dir=$KONTOR_HOME/pg
	say "creating the database cluster in $dir"
	mkdir -p "$dir"
	chmod 0700 "$dir"
	! is_root || chown "$DATABASE_USER" "$dir"
	! pg_template_take || return 0
	run_as "$DATABASE_USER" "$PG_BIN/initdb" -D "$dir" -U postgres -E UTF8 --locale=C.UTF-8 \
		--data-checksums --auth=scram-sha-256 --auth-local=peer --no-instructions \
		>>"$LOG/postgresql.log" 2>&1 || {
		tail -n 5 "$LOG/postgresql.log" >&2
		rm -rf "$dir"
		die "PostgreSQL could not create its cluster in $dir" "the lines above say why"
	}
	printf "include 'kontor.conf'\n" | pg_append postgresql.conf
}

# The many installations of a test run need not each make a cluster and apply
# every migration: the first leaves its own, migrated and still empty, in
# $KONTOR_PG_TEMPLATE, and the others begin with a copy.
pg_template_take() {
	[ -d "${KONTOR_PG_TEMPLATE:-}" ] && cp -a "$KONTOR_PG_TEMPLATE/." "$KONTOR_HOME/pg"
}

pg_template_leave() {
	[ -n "${KONTOR_PG_TEMPLATE:-}" ] && [ ! -e "$KONTOR_PG_TEMPLATE" ] || return 0
	pg_stop
	cp -a "$KONTOR_HOME/pg" "$KONTOR_PG_TEMPLATE"
	pg_start
}

pg_append() {
	run_as "$DATABASE_USER" tee -a "$KONTOR_HOME/pg/$1" >/dev/null
}

pg_put() {
	run_as "$DATABASE_USER" tee "$KONTOR_HOME/pg/$1" >/dev/null
}

# Settings that kontor owns. Yours go into postgresql.conf below the include.
pg_settings() {
	pg_put kontor.conf <<-END
		listen_addresses = ''
		port = 5432
		unix_socket_directories = '$RUN/pg'
		max_connections = 100
		shared_buffers = $(pg_shared_buffers)
		work_mem = 8MB
		maintenance_work_mem = 128MB
		random_page_cost = 1.1
		jit = off
		track_commit_timestamp = on
		wal_compression = lz4
		min_wal_size = 256MB
		max_wal_size = 2GB
		checkpoint_timeout = 15min
		password_encryption = scram-sha-256
		log_min_duration_statement = 1s
		log_line_prefix = '%m [%p] %q%u '
	END
	pg_put pg_hba.conf <<-END
		local all postgres peer map=superuser
		local all all scram-sha-256
	END
	printf 'superuser %s postgres\n' "$DATABASE_USER" root | sort -u | pg_put pg_ident.conf
}

pg_start() {
	touch "$LOG/postgresql.log"
	if is_root; then
		chown "$DATABASE_USER" "$LOG/postgresql.log"
		chmod a+x "$LOG"
	fi
	[ -e "$KONTOR_HOME/pg/PG_VERSION" ] || pg_create
	pg_running && return
	pg_settings
	run_as "$DATABASE_USER" "$PG_BIN/pg_ctl" -s -w -t 60 -D "$KONTOR_HOME/pg" \
		-l "$LOG/postgresql.log" start 9>&- >/dev/null 2>&1 || {
		tail -n 5 "$LOG/postgresql.log" >&2
		die "PostgreSQL does not start" "the lines above are from $LOG/postgresql.log"
	}
}

pg_stop() {
	[ -n "${PG_BIN:-}" ] && [ -e "$KONTOR_HOME/pg/PG_VERSION" ] && pg_running || return 0
	run_as "$DATABASE_USER" "$PG_BIN/pg_ctl" -s -w -t 60 -m fast -D "$KONTOR_HOME/pg" stop ||
		die "PostgreSQL does not stop" "look at $LOG/postgresql.log"
}

# Roles and the database, each time: a lost password or grant heals itself.
pg_roles() {
	{
		printf "\\\\set owner_password '%s'\n\\\\set app_password '%s'\n\\\\set worker_password '%s'\n" \
			"$OWNER_PASSWORD" "$APP_PASSWORD" "$WORKER_PASSWORD"
		cat "$DATA_DIR/sql/roles.sql"
	} | superuser -d postgres -o /dev/null ||
		die "the database roles could not be made" "the lines above say why"
}

# ---- migrations -------------------------------------------------------------

migrations() {
	local file
	for file in "$DATA_DIR"/sql/[0-9][0-9][0-9]_*.sql; do
		[ ! -e "$file" ] || say "$file"
	done
}

# migrate: apply what is missing, each file in a transaction that also records
# it. With "check", only say what is missing (status 1).
migrate() {
	local file name sum applied missing=0
	owner <<-'END' || exit 1
		create table if not exists public.kontor_migrations (
			name text primary key,
			checksum text not null,
			applied_at timestamptz not null default now()
		);
		alter table public.kontor_migrations enable row level security;
		alter table public.kontor_migrations force row level security;
		revoke all on public.kontor_migrations from public;
	END
	applied=$(owner -At -F ' ' -c 'select name, checksum from kontor_migrations') || exit 1
	while read -r sum file; do
		name=$(basename "$file" .sql)
		case $'\n'$applied$'\n' in
		*$'\n'"$name $sum"$'\n'*) continue ;;
		*$'\n'"$name "*)
			die "sql/$name.sql was applied and has changed since" \
				"migrations only go forward: restore the file and write a new one"
			;;
		esac
		missing=$((missing + 1))
		if [ "${1:-}" = check ]; then
			say "not applied: $name"
		else
			migrate_one "$file" "$name" "$sum"
		fi
	done < <(migrations | xargs -r -d '\n' sha256sum)
	# The API programs read the catalogue again.
	[ "$missing" -eq 0 ] || [ "${1:-}" = check ] || owner -c 'notify pgrst'
	[ "${1:-}" != check ] || [ "$missing" -eq 0 ]
}

# The row comes first: its key makes a second, concurrent migration wait and fail.
migrate_one() {
	local out
	say "migration $2"
	out=$({
		printf "begin;\ninsert into public.kontor_migrations (name, checksum) values ('%s', '%s');\n" \
			"$2" "$3"
		cat "$1"
		printf '\n;commit;\n'
	} | owner -o /dev/null 2>&1) || {
		printf '%s\n' "$out" >&2
		die "migration $2 failed; nothing of it was kept" \
			"line numbers above count from two lines before $1"
	}
}

cmd_migrate() {
	instance_need
	pg_answers >/dev/null || die "the database does not answer" "kontor up starts it; kontor doctor says more"
	case ${1:-} in
	'') migrate ;;
	--check) migrate check ;;
	*) die "kontor migrate has no argument '$1'" "kontor migrate [--check]" ;;
	esac
}
