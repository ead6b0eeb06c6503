# build: from a fresh checkout to programs and assets; quick when nothing changed.

PROGRAMS='api webhooks share booking quote app'

# program NAME: path of an executable.
program() {
	if [ -z "$TREE" ]; then
		say "$LIBEXEC_DIR/kontor-$1"
		return
	fi
	case $1 in
	worker) say "$TREE/worker/kontor-worker" ;;
	admin) say "$TREE/bin/kontor-admin" ;;
	*) say "$TREE/fcgi/$1/kontor-$1" ;;
	esac
}

# Build as the owner of the checkout when sudo made us root.
as_builder() {
	if is_root && [ -n "${SUDO_UID:-}" ] && [ "$(stat -c %u "$TREE")" = "$SUDO_UID" ]; then
		setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --init-groups "$@"
	else
		"$@"
	fi
}

# build_run LOG COMMAND...: show the end of the log when the command fails.
build_run() {
	local log=$1
	shift
	(cd "$TREE" && as_builder "$@") >>"$log" 2>&1 && return
	tail -n 30 "$log" >&2
	rm -f "$log"
	die "the build failed at: $*" "the lines above say why; kontor doctor checks the packages"
}

# build_all [TARGET...]: configure when needed, then make. One at a time per tree.
build_all() {
	local log
	[ -n "$TREE" ] || return 0
	(
		flock 7
		log=$(mktemp)
		is_root && [ -n "${SUDO_UID:-}" ] && chown "$SUDO_UID" "$log"
		if [ ! -x "$TREE/configure" ] || [ ! -e "$TREE/build-aux/tap-driver.sh" ]; then
			say "autoreconf"
			build_run "$log" autoreconf -i
		fi
		if [ ! -e "$TREE/Makefile" ]; then
			say "configure"
			build_run "$log" ./configure
		fi
		build_run "$log" make -s -j"$(nproc)" all "$@"
		rm -f "$log"
		build_npm "$TREE/templates/assets" "assets for the browser"
		[ ! -e "$TREE/templates/assets/package.json" ] || build_vendor
	) 7<"$TREE/configure.ac"
}

# build_fresh DIRECTORY: vendor/ there is what package.json asks for.
build_fresh() {
	[ -e "$1/vendor/.complete" ] && ! [ "$1/package-lock.json" -nt "$1/vendor/.complete" ] &&
		! [ "$1/package.json" -nt "$1/vendor/.complete" ]
}

# build_npm DIRECTORY WHAT: `npm ci` when its lock file changed since the last time.
build_npm() {
	local dir=$1 stamp=$1/node_modules/.kontor-stamp log
	[ -e "$dir/package-lock.json" ] || return 0
	# A release tarball carries the result and needs no Node.
	! build_fresh "$dir" || return 0
	[ ! -e "$stamp" ] || [ "$dir/package-lock.json" -nt "$stamp" ] || return 0
	packages_need "$ASSET_PACKAGES" "$2"
	say "npm ci in ${dir#"$TREE"/}"
	log=$(mktemp)
	(cd "$dir" && as_builder npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 || {
		tail -n 15 "$log" >&2
		rm -f "$log"
		die "npm ci failed in $dir" "check that the npm registry can be reached, then run this again"
	}
	rm -f "$log"
	as_builder touch "$stamp"
}

# Copy what package.json names under "vendor" ({"path in node_modules": "name"}).
build_vendor() {
	local dir=$TREE/templates/assets
	! build_fresh "$dir" || vendor_purged_before "$dir" || return 0
	as_builder perl "$PARTS_DIR/vendor.pl" "$dir" ||
		die "the assets of the browser could not be copied" \
			"remove $dir/node_modules and run this again"
}

# vendor_purged_before DIRECTORY: a template is newer than the style sheets,
# which hold only what templates use, or one of our own files than its minified form.
vendor_purged_before() {
	[ -d "$1/node_modules" ] && [ -n "$(find "$TREE/templates" \( -name node_modules -o -name vendor \) -prune \
		-o \( -name '*.html' -o -name '*.js' -o -name '*.css' \) -newer "$1/vendor/.complete" -print -quit)" ]
}

# build_check: every program is there.
build_check() {
	local name missing=
	for name in $PROGRAMS rest worker admin; do
		[ -x "$(program "$name")" ] || missing="$missing kontor-$name"
	done
	[ -z "$missing" ] || die "not built:$missing" \
		"run make in $TREE and look at its output; each program is one folder of the tree"
}
