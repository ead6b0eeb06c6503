# backup: database, stored files, settings and keys into one directory.

cmd_backup() {
	local to=${1:-} new
	instance_need
	[ -z "$EXTERNAL" ] || die "kontor backup saves what kontor up made" \
		"use pg_dump, and keep the files and the master key beside its output"
	pg_find
	pg_running || die "the database does not run" "kontor up starts it"
	to=${to:-$KONTOR_HOME/backup/$(date -u +%Y%m%dT%H%M%SZ)}
	[ ! -e "$to" ] || die "$to exists already" "name a new directory"
	new=$to.part
	mkdir -p "$(dirname "$to")"
	(umask 077 && mkdir "$new") || die "$new cannot be made" "name another directory"
	instance_space
	# The database first: files are only ever added, so each row finds its file.
	PGPASSWORD=$OWNER_PASSWORD "$PG_BIN/pg_dump" -h "$RUN/pg" -p 5432 -U kontor -d kontor \
		-Fc -f "$new/database.dump" || die "pg_dump failed" "the lines above say why"
	tar -C "$KONTOR_HOME" -cf "$new/files.tar" files || die "the files could not be packed" "tar says why"
	cp -p "$CONF" "$KONTOR_HOME/master.key" "$new/"
	(cd "$new" && sha256sum -- * >SHA256SUMS)
	mv "$new" "$to"
	say "$to"
}
