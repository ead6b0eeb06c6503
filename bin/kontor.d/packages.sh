# packages: what has to be installed from Debian, and installing it.
#
# An entry is PACKAGE or PACKAGE:COMMAND; with a command, having the command is
# enough (Node may come from elsewhere). doc/dependencies.md says why each.

# To run.
RUN_PACKAGES='
postgresql postgresql-contrib nginx:nginx libnginx-mod-nchan spawn-fcgi multiwatch
perl util-linux procps tzdata ca-certificates fonts-dejavu-core
libfcgi0ldbl libpq5 libjansson4 libcurl4 libargon2-1 libgmime-3.0-0 libical3
libfribidi0 libharfbuzz0b libhpdf-2.3.0 libqrencode4 libarchive13 libxml2
'
# To build from a source tree.
BUILD_PACKAGES='
gcc make autoconf automake pkg-config gettext:msgfmt libc6-dev libfcgi-dev libpq-dev libjansson-dev
libcurl4-openssl-dev libssl-dev libargon2-dev libgmime-3.0-dev libical-dev
libfribidi-dev libharfbuzz-dev libhpdf-dev libpng-dev zlib1g-dev
libqrencode-dev libarchive-dev libxml2-dev
'
# To gather the browser's assets, only when they are not there yet.
ASSET_PACKAGES='nodejs:node npm:npm'
# To test and to measure.
TEST_PACKAGES='
chromium pgbouncer opensmtpd dovecot-imapd dovecot-pop3d postgresql-15-pgtap clang libclang-rt-14-dev libxml2-utils poppler-utils
php-fpm php-pgsql wrk curl nodejs:node npm:npm
'

# packages_missing LIST: the packages of the list that are not installed.
packages_missing() {
	local entry installed package
	installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' |
		awk '$2 == "installed" { printf "%s ", $1 }') "
	for entry in $1; do
		package=${entry%%:*}
		case $installed in
		*" $package "*) continue ;;
		esac
		if [ "$package" != "$entry" ] && have "${entry#*:}"; then
			continue
		fi
		say "$package"
	done
}

# packages_need LIST WHAT-FOR: install what is missing.
packages_need() {
	local missing
	have dpkg-query || {
		warn "this is not Debian: the packages for $2 are taken as installed"
		return
	}
	missing=$(packages_missing "$1" | sort -u | tr '\n' ' ')
	[ -n "${missing// /}" ] || return 0
	packages_install "$missing" "$2"
}

as_root() {
	if is_root; then
		"$@"
	else
		sudo -n "$@"
	fi
}

packages_install() {
	local log
	is_root || { have sudo && sudo -n true 2>/dev/null; } ||
		die "packages for $2 are missing: $1" \
			"run this as root, or: sudo apt-get install $1"
	say "installing for $2: $1"
	log=$(mktemp)
	# A stock cluster would be made on port 5432; ours is private.
	case " $1 " in
	*" postgresql "*) packages_without_stock_cluster "$log" ;;
	esac
	packages_apt "$log" "$1" || {
		tail -n 15 "$log" >&2
		rm -f "$log"
		die "apt-get could not install: $1" \
			"check the network and /etc/apt/sources.list, then run this again"
	}
	rm -f "$log"
	packages_quieten "$1"
}

# apt_get LOG ARGUMENT...: without questions, and without starting services.
apt_get() {
	local log=$1 policy=/usr/sbin/policy-rc.d made="" rc=0
	shift
	if [ ! -e "$policy" ] && as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy"; then
		as_root chmod +x "$policy"
		made=yes
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Options::=--force-confold -y -q "$@" >>"$log" 2>&1 </dev/null || rc=$?
	[ -z "$made" ] || as_root rm -f "$policy"
	return $rc
}

packages_apt() {
	local log=$1
	# shellcheck disable=SC2086
	apt_get "$log" install --no-install-recommends $2 && return
	# Lists may be missing (a bare image) or old.
	apt_get "$log" update || return 1
	# shellcheck disable=SC2086
	apt_get "$log" install --no-install-recommends $2
}

packages_without_stock_cluster() {
	local conf=/etc/postgresql-common/createcluster.conf
	[ ! -e "$conf" ] || return 0
	packages_apt "$1" postgresql-common || return 0
	as_root sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' "$conf"
}

# A service that came only because we needed its program does not start with
# the machine.
packages_quieten() {
	local service
	have systemctl || return 0
	for service in nginx pgbouncer opensmtpd dovecot-imapd; do
		case " $1 " in
		*" $service "*) as_root systemctl -q disable "${service%-imapd}" 2>/dev/null || true ;;
		esac
	done
}
