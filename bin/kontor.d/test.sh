# test: runs everything, or the files named, under prove.
#
#	t/unit/test_*	programs of `make check`
#	t/**/*.t	Perl, Node or shell, as the first line says
#	t/sql/*.sql	pgTAP
#
# Three lanes run side by side, one file at a time in each, about as long as each
# other: the tests of pages, which the browser makes slow, up to o; those from p on,
# with the tests that need no instance (units, the REST engine alone) or start one of
# their own because they stop programs or change settings (own_instance of
# t/lib/Kontor.pm); and all others. The files of a lane share an instance with the
# demo data, started here and stopped at the end whatever happens; $KONTOR_JSON names
# its kontor.json.

TEST_HOMES=()
TEST_TEMPLATE=
TEST_PROVE=

cmd_test() {
	local verbose='' files=() file rc=0
	[ -n "$TREE" ] || die "the tests are in the source tree" "run bin/kontor test there"
	while [ $# -gt 0 ]; do
		case $1 in
		-v) verbose=-v ;;
		-*) die "kontor test has no option '$1'" "kontor test [-v] [FILE...]" ;;
		*) files+=("$(test_file "$1")") || exit 1 ;;
		esac
		shift
	done
	test_prepare
	test_traps
	unset KONTOR_JSON KONTOR_JSON_PAGES KONTOR_JSON_MORE
	if [ ${#files[@]} -eq 0 ]; then
		mapfile -t files < <(test_files)
		# Building them with sanitizers takes longer than they run: by name, or by the variable.
		export KONTOR_FUZZ_SECONDS="${KONTOR_FUZZ_SECONDS:-0}"
	fi
	for file in "${files[@]}"; do
		case $file in
		t/unit/*) ;;
		t/pages/all/walk.t) [ -n "${KONTOR_JSON:-}" ] || test_shared_start KONTOR_JSON ;;
		t/pages/[p-z]*) [ -n "${KONTOR_JSON_MORE:-}" ] || test_shared_start KONTOR_JSON_MORE ;;
		t/pages/*) [ -n "${KONTOR_JSON_PAGES:-}" ] || test_shared_start KONTOR_JSON_PAGES ;;
		*) [ -n "${KONTOR_JSON:-}" ] || test_shared_start KONTOR_JSON ;;
		esac
	done
	cd "$TREE" || exit 1
	# In the background, so that a signal reaches us at once; in a session of
	# its own, so that the whole of it can be ended.
	# shellcheck disable=SC2086
	setsid prove --timer --failures $verbose -j "${KONTOR_TEST_JOBS:-3}" -e t/lib/run \
		--rules "seq={$(test_lane)}" --rules 'seq={t/pages/*,t/pages/all/budget.t}' --rules 'seq=**' "${files[@]}" </dev/null &
	TEST_PROVE=$!
	wait "$TEST_PROVE" || rc=$?
	TEST_PROVE=
	[ "$rc" -eq 0 ] || test_keep_logs
	exit "$rc"
}

# test_file NAME: as a path from the top of the tree; "crm" finds t/http/crm.t.
test_file() {
	local path found
	path=$(readlink -m "$1")
	if [ ! -e "$path" ] && [ "${1#*/}" = "$1" ]; then
		found=$(find "$TREE/t" -name node_modules -prune -o \( -name "$1.t" -o -name "test_$1.c" \) -print -quit)
		path=${found:-$path}
	fi
	path=${path#"$TREE"/}
	case $path in
	t/unit/test_*.c) say "${path%.c}" ;;
	t/unit/test_*) say "$path" ;;
	*)
		[ -e "$TREE/$path" ] || die "there is no test $1" "the tests are below t/"
		say "$path"
		;;
	esac
}

# The lane of what asks nothing of a shared instance, and of pages from p on.
test_lane() {
	local shared='(^|[^>:[:alnum:]_])(tenant|api|psql|rows|browser|kontor|kontor_json)\('
	{
		find t -name node_modules -prune -o -name '*.t' -exec grep -l 'own_instance' {} + | xargs grep -LE "$shared"
		find t/pages -maxdepth 1 -name '[p-z]*.t'
		printf '%s\n' 't/unit/*' t/http/rest_standalone.t
	} | sort | paste -sd,
}

# Small and fast ones first, so that the first failure is the simplest.
test_files() {
	cd "$TREE" || exit 1
	find t/unit -maxdepth 1 -name 'test_*' -perm -u+x -type f ! -name '*.*' | sort
	[ ! -d t/sql ] || find t/sql -name '*.sql' | sort
	find t -name node_modules -prune -o -name '*.t' -print | sort
}

# The instances of a run serve more than any tenant may ask for; the test of
# the limits sets its own.
test_unlimited() {
	export KONTOR_RATE_FUNCTIONS=0 KONTOR_RATE_REST=0 KONTOR_RATE_KEY=0 KONTOR_RATE_ADDRESS=0
}

test_prepare() {
	test_unlimited
	local list=$TEST_PACKAGES
	# opensmtpd would replace the mail server of the machine.
	! have sendmail || have smtpd || list=${list/opensmtpd/}
	packages_need "$RUN_PACKAGES $BUILD_PACKAGES" "running and building Kontor"
	packages_need "$list" "the tests"
	build_all check-programs
	build_npm "$TREE/t/pages" "the tests of pages"
	export KONTOR=$self KONTOR_TREE=$TREE KONTOR_SHARED
	export PERL5LIB=$TREE/t/lib${PERL5LIB:+:$PERL5LIB}
	KONTOR_SHARED=${KONTOR_SHARED:-$(readlink -m "$TREE/../shared")}
	[ -d "$KONTOR_SHARED" ] || KONTOR_SHARED=
}

# free_port: one that nobody listens on now.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		[ -n "$(port_holder "$port")" ] || break
	done
	say "$port"
}

test_traps() {
	trap test_shared_stop EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# test_shared_start VARIABLE: an instance, and where its kontor.json lies.
test_shared_start() {
	local home port
	if [ -z "$TEST_TEMPLATE" ]; then
		TEST_TEMPLATE=$(mktemp -d /tmp/kontor-template.XXXXXX)
		chmod 0711 "$TEST_TEMPLATE"
		export KONTOR_PG_TEMPLATE=$TEST_TEMPLATE/pg
	fi
	home=$(mktemp -d /tmp/kontor-test.XXXXXX)
	TEST_HOMES+=("$home")
	port=$(free_port)
	KONTOR_HOME=$home KONTOR_PORT=$port KONTOR_BUILT=1 "$self" up --demo >"$home/up.log" 2>&1 || {
		cat "$home/up.log" >&2
		die "the instance for the tests does not start" "the lines above say why"
	}
	export "$1=$home/kontor.json"
	test_pgtap "$home"
}

test_shared_stop() {
	local home
	trap - EXIT
	if [ -n "$TEST_PROVE" ]; then
		kill -TERM -- "-$TEST_PROVE" 2>/dev/null || true
		wait "$TEST_PROVE" || true
	fi
	for home in "${TEST_HOMES[@]}"; do
		KONTOR_HOME=$home "$self" down >/dev/null ||
			warn "the instance in $home did not stop"
		[ -n "${KONTOR_KEEP:-}" ] || rm -rf "$(readlink -f "$home")" "$home"
	done
	[ -z "$TEST_TEMPLATE" ] || rm -rf "$TEST_TEMPLATE"
}

# In a schema of its own, away from the API's tables.
test_pgtap() {
	(
		KONTOR_HOME=$1
		instance_need
		superuser -d kontor <<-'END'
			create schema if not exists tap;
			grant usage on schema tap to public;
			create extension if not exists pgtap schema tap;
			grant execute on all functions in schema tap to public;
		END
	) || die "pgTAP could not be set up" "apt-get install postgresql-15-pgtap"
}

test_keep_logs() {
	local home to
	for home in "${TEST_HOMES[@]}"; do
		to=$TREE/var/test-logs/${home##*.}
		mkdir -p "$to"
		cp -R "$home/log/." "$to/" && warn "logs of an instance: $to"
	done
}
