# web: nginx of this instance, its configuration made from nginx/*.conf.

NGINX_MODULE=/usr/lib/nginx/modules/ngx_nchan_module.so

# port_holder PORT: who listens there ("nginx, process 812"); empty when nobody.
port_holder() {
	local hex inode fd pid
	hex=$(printf '%04X' "$1")
	inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }')
	[ -n "$inode" ] || return 0
	for fd in /proc/[0-9]*/fd/*; do
		[ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ] || continue
		pid=${fd#/proc/}
		pid=${pid%%/*}
		say "$(cat "/proc/$pid/comm"), process $pid"
		return
	done
	say "a process of another user"
}

port_check() {
	local holder
	holder=$(port_holder "$PORT")
	[ -z "$holder" ] || die "port $PORT is taken by $holder" \
		"end it, or choose another port: KONTOR_PORT=8081 kontor up"
}

nginx_pid() {
	local pid
	pid=$(cat "$RUN/nginx.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$KONTOR_HOME/nginx/nginx.conf" ||
		return 1
	say "$pid"
}

nginx_run() {
	nginx -p "$KONTOR_HOME/nginx" -c "$KONTOR_HOME/nginx/nginx.conf" -e "$LOG/nginx.log" "$@"
}

# nginx_write FILE: the installed snippet with this instance's places; false
# when nothing changed.
nginx_write() {
	local to=$KONTOR_HOME/nginx/$1
	sed -e "s|/run/kontor/|$RUN/|g" \
		-e "s|/usr/share/kontor/templates/|$TEMPLATES/|g" \
		-e "s|/usr/share/kontor/nginx/|$KONTOR_HOME/nginx/|g" \
		-e "s|/var/lib/kontor/files/|$KONTOR_HOME/files/|g" \
		"$DATA_DIR/nginx/$1" >"$to.new"
	if cmp -s "$to.new" "$to"; then
		rm -f "$to.new"
		return 1
	fi
	mv -f "$to.new" "$to"
}

nginx_main() {
	local to=$KONTOR_HOME/nginx/nginx.conf
	{
		say "# Written by kontor up; changes are lost."
		! is_root || say "user $WEB_USER;"
		cat <<-END
			load_module $NGINX_MODULE;
			worker_processes 1;
			worker_shutdown_timeout 2s;
			pid $RUN/nginx.pid;
			error_log $LOG/nginx.log warn;
			events {
				worker_connections 4096;
			}
			http {
				include /etc/nginx/mime.types;
				default_type application/octet-stream;
				sendfile on;
				tcp_nopush on;
				server_tokens off;
				variables_hash_max_size 2048;
				access_log off;
				client_body_temp_path $KONTOR_HOME/nginx/body;
				fastcgi_temp_path $KONTOR_HOME/nginx/fastcgi;
				proxy_temp_path $KONTOR_HOME/nginx/proxy;
				uwsgi_temp_path $KONTOR_HOME/nginx/uwsgi;
				scgi_temp_path $KONTOR_HOME/nginx/scgi;
				include $KONTOR_HOME/nginx/kontor-http.conf;
				server {
					listen 127.0.0.1:$PORT;
					include $KONTOR_HOME/nginx/kontor.conf;
					# Your own lines, such as fastcgi_param KONTOR_TENANT:
					include $KONTOR_HOME/nginx/local*.conf;
				}
			}
		END
	} >"$to.new"
	if cmp -s "$to.new" "$to"; then
		rm -f "$to.new"
		return 1
	fi
	mv -f "$to.new" "$to"
}

nginx_ensure() {
	local changed="" out
	[ -e "$NGINX_MODULE" ] || die "nginx's module nchan is missing" "apt-get install libnginx-mod-nchan"
	nginx_write kontor-http.conf && changed=yes
	nginx_write kontor.conf && changed=yes
	nginx_main && changed=yes
	[ "$(find "$KONTOR_HOME/nginx" -name 'local*.conf' -newer "$RUN/nginx.pid" 2>/dev/null)" = '' ] ||
		changed=yes
	if nginx_pid >/dev/null; then
		[ -n "$changed" ] || return 0
		# A new port or module needs a new process.
		nginx_stop
	fi
	port_check
	rm -f "$RUN/live/live.sock" "$RUN/nginx.pid"
	out=$(nginx_run 9>&- 2>&1) || {
		printf '%s\n' "$out" >&2
		die "nginx does not start" "the lines above say why; $LOG/nginx.log has more"
	}
}

nginx_stop() {
	local pid i
	pid=$(nginx_pid) || return 0
	kill -QUIT "$pid" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		[ -n "$(process_start "$pid")" ] || return 0
		[ "$i" -ne 60 ] || kill -TERM "$pid" 2>/dev/null || true
		sleep 0.05
	done
	kill -KILL "$pid" 2>/dev/null || true
}

# http_status PATH: of a GET on the instance; 000 without an answer.
http_status() {
	local line=
	{
		exec 3<>"/dev/tcp/127.0.0.1/$PORT" &&
			printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3 &&
			read -r -t 5 line <&3
		exec 3>&-
	} 2>/dev/null || true
	line=${line#* }
	say "${line:-000}" | cut -c1-3
}
