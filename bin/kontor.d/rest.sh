# rest: the REST engine alone, in front of any PostgreSQL database. It runs in
# the foreground, as systemd and other supervisors want it.

# rest_setting NAME DEFAULT: as the program will read it.
rest_setting() {
	local name=$1 env value=
	env=PGRST_$(tr 'a-z-' 'A-Z_' <<<"$name")
	value=${!env:-}
	if [ -z "$value" ] && [ -n "$REST_CONFIG" ]; then
		value=$(sed -n "s/^[ \t]*$name[ \t]*=[ \t]*\"\{0,1\}\([^\"#]*\).*/\1/p" "$REST_CONFIG" | tail -n 1)
	fi
	say "${value:-$2}"
}

cmd_rest() {
	local socket='' children='' user='' program
	REST_CONFIG=
	while [ $# -gt 0 ]; do
		case $1 in
		--config | --socket | --children | --user)
			[ $# -gt 1 ] || die "$1 needs a value" "kontor(1) has the details"
			;;&
		--config) REST_CONFIG=$2 ;;
		--socket) socket=$2 ;;
		--children) children=$2 ;;
		--user) user=$2 ;;
		*) die "kontor rest has no argument '$1'" "kontor rest --config FILE --socket PATH" ;;
		esac
		shift 2
	done
	[ -z "$REST_CONFIG" ] || [ -r "$REST_CONFIG" ] || die "$REST_CONFIG cannot be read" \
		"name the configuration: --config FILE"
	[ -z "$REST_CONFIG" ] || REST_CONFIG=$(readlink -f "$REST_CONFIG")
	socket=${socket:-$(rest_setting server-unix-socket '')}
	[ -n "$socket" ] || die "where is it to listen?" "--socket PATH, or server-unix-socket in $REST_CONFIG"
	rest_prepare
	program=$(program rest)
	[ -x "$program" ] || die "not built: kontor-rest" "run make in ${TREE:-the source tree}"
	rest_exec "$program" "$socket" "${children:-$(($(nproc) * 2))}" "$user"
}

rest_prepare() {
	[ -z "${KONTOR_BUILT:-}" ] || return 0
	have spawn-fcgi && have multiwatch || packages_need "$RUN_PACKAGES" "running Kontor"
	[ -z "$TREE" ] || [ -x "$(program rest)" ] || {
		packages_need "$BUILD_PACKAGES" "building Kontor"
		build_all >&2
	}
}

# rest_exec PROGRAM SOCKET CHILDREN USER: as root, the owner of the
# configuration is who it runs as, unless somebody is named.
rest_exec() {
	local open=(spawn-fcgi -n -s "$2" -M "0$(rest_setting server-unix-socket-mode 660)")
	local arguments=() user
	[ -z "$REST_CONFIG" ] || arguments=(--config "$REST_CONFIG")
	if is_root; then
		user=${4:-$([ -n "$REST_CONFIG" ] && stat -c %U "$REST_CONFIG" || say root)}
		open+=(-G "$WEB_USER")
		if [ "$user" = root ]; then
			warn "this runs as root; --user NAME or another owner of the configuration changes that"
		else
			open+=(-U "$user" -u "$user" -g "$(id -gn "$user")")
		fi
	fi
	rm -f "$2"
	exec "${open[@]}" -- "$(command -v multiwatch)" -f "$3" -r 1000 -t 1000 -s TERM -- \
		"$1" "${arguments[@]}"
}
