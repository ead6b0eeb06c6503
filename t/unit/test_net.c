/* net: outgoing calls against real servers on loopback. */
#include "t/unit/serve.h"
#include "t/unit/tap.h"

#include "base/clock.h"
#include "net/net.h"

#include <sys/un.h>

static struct arena *arena;
static struct server web;
static struct guard *open_guard; /* allows 127.0.0.1 */

/* ---- a web server ---- */

static bool is_path(struct sv head, const char *path)
{
	struct sv rest = head;

	sv_cut(&rest, ' ');
	return sv_eq(sv_cut(&rest, ' '), sv_from(path));
}

static bool reply(int fd, const char *status, const char *headers, struct sv body)
{
	buf_auto struct buf out = BUF_INIT;

	buf_addf(&out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, body.n, headers);
	buf_add(&out, body);
	return serve_write(fd, buf_sv(&out));
}

static void answer_huge(int fd)
{
	static char x[4096];

	memset(x, 'x', sizeof(x));
	serve_write(fd, SV("HTTP/1.1 200 OK\r\n\r\n"));
	for (int i = 0; i < 2000 && serve_write(fd, sv_make(x, sizeof(x))); i++)
		;
}

static void answer_many_headers(int fd)
{
	serve_write(fd, SV("HTTP/1.1 200 OK\r\n"));
	for (int i = 0; i < 4000; i++)
		if (!serve_write(fd, SV("X-Filler: 0123456789012345678901234567890\r\n")))
			return;
	serve_write(fd, SV("Content-Length: 0\r\n\r\n"));
}

static bool answer_late_date(int fd)
{
	char date[CLOCK_ISO_SIZE], line[64];

	clock_http(date, clock_now_ms() + 120000);
	snprintf(line, sizeof(line), "Retry-After: %s\r\n", date);
	return reply(fd, "503 Unavailable", line, SV("later"));
}

static void work(struct sv head)
{
	if (is_path(head, "/slow"))
		usleep(3000000);
	else if (is_path(head, "/wait"))
		usleep(150000);
}

/* False: the connection is over. */
static bool answer(int fd, struct sv head)
{
	if (is_path(head, "/huge")) {
		answer_huge(fd);
		return false;
	} else if (is_path(head, "/headers")) {
		answer_many_headers(fd);
		return false;
	} else if (is_path(head, "/302")) {
		return reply(fd, "302 Found", "Location: /followed\r\n", SV("moved"));
	} else if (is_path(head, "/429")) {
		return reply(fd, "429 Too Many Requests", "Retry-After: 7\r\n", SV("slower"));
	} else if (is_path(head, "/503")) {
		return answer_late_date(fd);
	} else if (is_path(head, "/close")) {
		return false;
	} else if (is_path(head, "/half")) {
		serve_write(fd, SV("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes!"));
		return false;
	} else if (is_path(head, "/garbage")) {
		serve_write(fd, SV("220 mail.example.org ESMTP\r\n"));
		return false;
	} else if (is_path(head, "/100")) {
		serve_write(fd, SV("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"));
	}
	return reply(fd, "200 OK", "X-Test: here \r\nX-Empty:\r\n", head);
}

static void serve_web(int fd, struct served *seen)
{
	buf_auto struct buf in = BUF_INIT;
	ptrdiff_t end, at;

	while ((end = serve_read(fd, &in, SV("\r\n\r\n"))) >= 0) {
		struct sv head = sv_make(in.p, (size_t)end);
		int64_t length = 0;

		at = sv_find(head, SV("Content-Length: "));
		if (at >= 0) {
			struct sv rest = sv_skip(head, (size_t)at + 16);

			sv_to_i64(sv_cut(&rest, '\r'), &length);
		}
		while ((int64_t)in.n < end + length) {
			ssize_t n = read(fd, buf_room(&in, 4096), 4096);

			if (n <= 0)
				return;
			in.n += (size_t)n;
		}
		serve_enter(seen);
		work(buf_sv(&in));
		serve_leave(seen); /* before the answer: whoever has it may begin the next */
		if (!answer(fd, buf_sv(&in)))
			return;
		buf_clear(&in);
	}
}

static void serve_plain(int fd, struct served *seen)
{
	(void)seen;
	serve_write(fd, SV("HTTP/1.1 400 Bad Request\r\n\r\n"));
}

/* ---- helpers ---- */

static struct sv url(const char *path)
{
	return sv_from(arena_printf(arena, "http://127.0.0.1:%d%s", web.port, path));
}

static struct net *make(void)
{
	return net_new(&(struct net_options){ .guard = open_guard });
}

static struct net_response get(struct net *n, struct net_request r)
{
	struct net_response out;

	net_call(n, &r, arena, &out);
	return out;
}

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

/* ---- tests ---- */

static void test_plain(void)
{
	struct net *n = make();
	struct net_header headers[] = { { SV("Content-Type"), SV("application/json") },
					{ SV("X-Nothing"), SV("") } };
	struct net_response r = get(n, (struct net_request){ .url = url("/ok") });

	ok(r.error == NET_OK && r.status == 200 && !r.text.n, "GET");
	ok(sv_starts(r.body, SV("GET /ok HTTP/1.1\r\n")), "the request line");
	ok(has(r.body, "User-Agent: Kontor/" PACKAGE_VERSION "\r\n"), "user agent");
	is_sv(net_header(&r, "x-test"), SV("here"), "header by name, trimmed");
	ok(sv_present(net_header(&r, "X-Empty")) && !net_header(&r, "X-Empty").n &&
		   !sv_present(net_header(&r, "X-Absent")),
	   "empty header, absent header");
	is_sv(r.address, SV("127.0.0.1"), "the address that was connected to");
	ok(r.times.total_us > 0 && r.times.connect_us > 0 && !r.times.tls_us,
	   "times of a first call");
	r = get(n, (struct net_request){ .url = url("/ok"),
					 .headers = headers,
					 .n_headers = 2,
					 .body = SV("{\"a\":1}") });
	ok(sv_starts(r.body, SV("POST /ok ")) && sv_ends(r.body, SV("\r\n\r\n{\"a\":1}")), "POST");
	ok(has(r.body, "Content-Type: application/json\r\n") && has(r.body, "X-Nothing:\r\n"),
	   "headers, also an empty one");
	ok(!r.times.connect_us && !r.times.dns_us, "the connection was used again");
	is_int(atomic_load(&web.seen->connections), 1, "the server saw one connection");
	r = get(n, (struct net_request){ .url = url("/ok"), .method = SV("PUT") });
	ok(sv_starts(r.body, SV("PUT /ok ")) && has(r.body, "Content-Length: 0\r\n") &&
		   !has(r.body, "Content-Type") && !has(r.body, "Expect"),
	   "PUT without a body");
	r = get(n, (struct net_request){ .url = url("/ok"), .method = SV("DELETE") });
	ok(sv_starts(r.body, SV("DELETE /ok ")) && !has(r.body, "Content-Length"), "DELETE");
	r = get(n, (struct net_request){ .url = url("/ok"), .method = SV("HEAD") });
	ok(r.error == NET_OK && r.status == 200 && !r.body.n, "HEAD");
	net_free(n);
}

static void test_answers(void)
{
	struct net *n = make();
	struct net_response r = get(n, (struct net_request){ .url = url("/302") });
	int before;

	before = atomic_load(&web.seen->requests);
	r = get(n, (struct net_request){ .url = url("/302") });
	ok(r.error == NET_OK && r.status == 302 &&
		   sv_eq(net_header(&r, "location"), SV("/followed")),
	   "a redirect is the answer");
	is_int(atomic_load(&web.seen->requests), before + 1, "and is not followed");
	r = get(n, (struct net_request){ .url = url("/429") });
	ok(r.error == NET_OK && r.status == 429 && r.retry_after == 7, "Retry-After in seconds");
	r = get(n, (struct net_request){ .url = url("/503") });
	ok(r.status == 503 && r.retry_after >= 115 && r.retry_after <= 120,
	   "Retry-After as a date");
	r = get(n, (struct net_request){ .url = url("/100") });
	ok(r.status == 200 && !sv_present(net_header(&r, "x-early")), "interim answer is skipped");
	r = get(n, (struct net_request){ .url = url("/huge"), .max_body = 65536 });
	ok(r.error == NET_TOO_LARGE && r.truncated && r.body.n == 65536 && r.status == 200,
	   "a huge answer is an error");
	r = get(n,
		(struct net_request){ .url = url("/huge"), .max_body = 65536, .truncate = true });
	ok(r.error == NET_OK && r.truncated && r.body.n == 65536 && r.status == 200,
	   "or is cut, when that was asked for");
	r = get(n, (struct net_request){ .url = url("/headers") });
	is_int(r.error, NET_TOO_LARGE, "endless headers");
	net_free(n);
}

static void test_failures(void)
{
	struct net *n = make();
	struct net_response r;
	int64_t began = clock_mono_us(), took;
	int port;

	r = get(n, (struct net_request){ .url = url("/slow"), .total_ms = 300 });
	took = (clock_mono_us() - began) / 1000;
	ok(r.error == NET_TIMEOUT && took >= 290 && took < 2500, "time-out after %d ms", (int)took);
	r = get(n, (struct net_request){ .url = url("/close") });
	ok(r.error == NET_BROKEN && r.text.n, "closed without an answer: %.*s", SV_ARG(r.text));
	r = get(n, (struct net_request){ .url = url("/half") });
	is_int(r.error, NET_BROKEN, "closed in the middle");
	r = get(n, (struct net_request){ .url = url("/garbage") });
	is_int(r.error, NET_BROKEN, "not HTTP");
	close(serve_listen(&port));
	r = get(n, (struct net_request){
			   .url = sv_from(arena_printf(arena, "http://127.0.0.1:%d/", port)) });
	is_int(r.error, NET_CONNECT, "nobody listens");
	r = get(n, (struct net_request){ .url = SV("http://no-such-host.invalid/") });
	is_int(r.error, NET_RESOLVE, "a name without an address");
	r = get(n, (struct net_request){ .url = url("/ok"), .https_only = true });
	is_int(r.error, NET_REFUSED, "http:// where https:// is asked for");
	net_free(n);
}

static void test_malformed(void)
{
	/* clang-format off */
	static const struct net_header bad[] = {
		{ SV("X-A"), SV("1\r\nX-B: 2") }, { SV("X-A\r\nX-B"), SV("1") },
		{ SV("X-A"), SV("a\0b") },
		{ SV(""), SV("1") }, { SV("X A"), SV("1") }, { SV("Host"), SV("internal") },
		{ SV("content-length"), SV("0") }, { SV("Transfer-Encoding"), SV("chunked") },
	};
	static const char *const urls[] = {
		"ftp://127.0.0.1/", "file:///etc/passwd", "smtp://127.0.0.1/",
		"http://u:p@127.0.0.1/",
		"127.0.0.1", "", "http://127.0.0.1/\r\nX: 1", "http://127.0.0.1/a b",
		"dict://127.0.0.1:11/",
	};
	/* clang-format on */
	struct net *n = make();
	int before = atomic_load(&web.seen->requests);
	struct net_response r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		r = get(n, (struct net_request){
				   .url = url("/ok"), .headers = &bad[i], .n_headers = 1 });
		ok(r.error == NET_BAD_REQUEST && r.text.n, "header %zu cannot be sent", i);
	}
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		r = get(n, (struct net_request){ .url = sv_from(urls[i]), .trusted = true });
		is_int(r.error, NET_BAD_REQUEST, "no address for a call");
	}
	r = get(n, (struct net_request){ .url = url("/ok"), .method = SV("GET /x HTTP/1.1\r\n") });
	is_int(r.error, NET_BAD_REQUEST, "malformed method");
	is_int(atomic_load(&web.seen->requests), before, "nothing of that was sent");
	net_free(n);
}

static void test_guard(void)
{
	/* clang-format off */
	static const char *const hosts[] = {
		"127.0.0.1", "localhost", "LocalHost", "[::1]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1",
		"0.0.0.0", "0", "[::]", "app.localhost",
		/* these need not resolve */
		"127.0.0.1.", "LOCALHOST.",
	};
	/* clang-format on */
	struct net *n = net_new(&(struct net_options){ .max_total = 2 });
	int before = atomic_load(&web.seen->connections);
	struct net_response r;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct sv to = sv_from(arena_printf(arena, "http://%s:%d/ok", hosts[i], web.port));

		r = get(n, (struct net_request){ .url = to, .total_ms = 3000 });
		ok(r.error == NET_REFUSED || (r.error == NET_RESOLVE && i >= 15), "%s: %.*s",
		   hosts[i], SV_ARG(r.text));
	}
	is_int(atomic_load(&web.seen->connections), before, "no connection was made");
	r = get(n, (struct net_request){ .url = url("/ok"), .trusted = true });
	ok(r.error == NET_OK && r.status == 200, "a trusted call passes");
	r = get(n, (struct net_request){ .url = url("/ok") });
	is_int(r.error, NET_REFUSED, "its connection is not lent to a guarded call");
	is_int(atomic_load(&web.seen->connections), before + 1, "one connection in all");
	r = get(n, (struct net_request){ .url = url("/ok"), .unix_socket = "/tmp/none" });
	is_int(r.error, NET_BAD_REQUEST, "a Unix socket only for trusted calls");
	net_free(n);
	n = make();
	r = get(n, (struct net_request){
			   .url = sv_from(arena_printf(arena, "http://[::ffff:127.0.0.1]:%d/ok",
						       web.port)) });
	ok(r.error == NET_OK, "an address on the allow list passes in its mapped form too");
	r = get(n, (struct net_request){
			   .url = sv_from(arena_printf(arena, "http://127.0.0.2:%d/", web.port)) });
	is_int(r.error, NET_REFUSED, "its neighbour does not");
	net_free(n);
}

static void test_proxy(void)
{
	struct net *n = make();
	struct net_response r;

	setenv("http_proxy", "http://127.0.0.1:9/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9/", 1);
	r = get(n, (struct net_request){ .url = url("/ok") });
	ok(r.error == NET_OK && r.status == 200, "proxies of the environment are not used");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	net_free(n);
}

/* ---- many at a time ---- */

struct tally {
	int ended, good, aborted;
	int64_t last_us;
};

static void count(const struct net_response *r, void *arg)
{
	struct tally *t = arg;

	t->ended++;
	t->good += r->error == NET_OK && r->status == 200;
	t->aborted += r->error == NET_ABORTED;
	t->last_us = clock_mono_us();
}

static void drain(struct net *n, int max_ms)
{
	int64_t end = clock_mono_us() + max_ms * INT64_C(1000);

	while (net_pending(n) && clock_mono_us() < end)
		net_poll(n, NULL, 0, 50);
}

static void test_limits(void)
{
	struct net *n = net_new(&(struct net_options){ .guard = open_guard, .max_lane = 3 });
	struct tally t = { 0 };

	atomic_store(&web.seen->most, 0);
	for (int i = 0; i < 12; i++)
		net_start(n, &(struct net_request){ .url = url("/wait") }, count, &t);
	drain(n, 8000);
	ok(t.good == 12 && atomic_load(&web.seen->most) == 3,
	   "three at a time to one host: most %d", atomic_load(&web.seen->most));
	t = (struct tally){ 0 };
	atomic_store(&web.seen->most, 0);
	for (int i = 0; i < 6; i++)
		net_start(n,
			  &(struct net_request){
				  .url = url("/wait"), .lane = SV("one"), .lane_max = 1 },
			  count, &t);
	drain(n, 8000);
	ok(t.good == 6 && atomic_load(&web.seen->most) == 1, "a lane with a limit of its own");
	net_free(n);
	n = net_new(&(struct net_options){ .guard = open_guard, .max_total = 2, .max_lane = 8 });
	t = (struct tally){ 0 };
	atomic_store(&web.seen->most, 0);
	for (int i = 0; i < 6; i++)
		net_start(
			n,
			&(struct net_request){ .url = url("/wait"),
					       .lane = sv_from(arena_printf(arena, "lane %d", i)) },
			count, &t);
	drain(n, 8000);
	ok(t.good == 6 && atomic_load(&web.seen->most) == 2, "two at a time in all");
	net_free(n);
}

static void start_lanes(struct net *n, const char *path, int lanes, int calls, struct tally *t)
{
	for (int i = 0; i < lanes * calls; i++)
		net_start(n,
			  &(struct net_request){
				  .url = url(path),
				  .lane = sv_from(arena_printf(arena, "%s %d", path, i % lanes)) },
			  count, t);
}

static void test_fair(void)
{
	struct net *n = make();
	struct tally slow = { 0 }, quick = { 0 };
	int64_t began = clock_mono_us();

	start_lanes(n, "/slow", 10, 8, &slow);
	start_lanes(n, "/ok", 200, 2, &quick);
	while (quick.ended < 400 && clock_mono_us() - began < 8000000)
		net_poll(n, NULL, 0, 50);
	ok(quick.good == 400 && slow.ended == 0 && quick.last_us - began < 2000000,
	   "ten slow receivers hold up none of 200 others: %d ms",
	   (int)((quick.last_us - began) / 1000));
	net_free(n);
	is_int(slow.aborted, 80, "calls that are left end as aborted");
}

static void test_gap(void)
{
	struct net *n = make();
	struct tally t = { 0 };
	int64_t began = clock_mono_us(), took;

	for (int i = 0; i < 4; i++)
		net_start(n, &(struct net_request){ .url = url("/ok"), .lane_gap_us = 100000 }, count,
			  &t);
	drain(n, 5000);
	took = (clock_mono_us() - began) / 1000;
	ok(t.good == 4 && took >= 300 && took < 2000, "least gap between starts: %d ms", (int)took);
	net_free(n);
}

static const char *first_done;

static void note_first(const struct net_response *r, void *arg)
{
	(void)r;
	if (!first_done)
		first_done = arg;
}

/* One that has to wait does not hold up its lane. */
static void test_not_before(void)
{
	struct net *n = make();
	int64_t began = clock_mono_us();

	net_start(n, &(struct net_request){ .url = url("/ok"), .lane = SV("chat"),
					    .not_before_us = began + 200000 },
		  note_first, (void *)(uintptr_t)"late");
	net_start(n, &(struct net_request){ .url = url("/ok"), .lane = SV("chat") }, note_first,
		  (void *)(uintptr_t)"now");
	drain(n, 5000);
	ok(first_done && !strcmp(first_done, "now"), "a call that is to start later is passed by others");
	ok(clock_mono_us() - began >= 200000, "and starts no earlier");
	net_free(n);
}

static void cancel_other(const struct net_response *r, void *arg)
{
	(void)r;
	net_cancel(*(struct net_transfer **)arg);
}

static void test_cancel(void)
{
	struct net *n = net_new(&(struct net_options){ .guard = open_guard, .max_total = 2 });
	struct net_transfer *slow, *queued, *bad;
	struct tally t = { 0 };

	slow = net_start(n, &(struct net_request){ .url = url("/slow") }, count, &t);
	net_start(n, &(struct net_request){ .url = url("/ok") }, cancel_other, &slow);
	queued = net_start(n, &(struct net_request){ .url = url("/slow") }, count, &t);
	bad = net_start(n, &(struct net_request){ .url = SV("nonsense") }, count, &t);
	is_int(t.ended, 0, "no callback from inside net_start");
	net_cancel(queued);
	net_cancel(bad);
	is_int(t.aborted, 2, "a waiting call and a malformed one are cancelled");
	drain(n, 2000);
	ok(t.aborted == 3 && t.ended == 3 && !net_pending(n), "one under way, from a callback");
	net_free(n);
}

static void test_poll(void)
{
	struct net *n = make();
	struct pollfd fds[2];
	int a[2], b[2];
	int64_t began = clock_mono_us();
	struct tally t = { 0 };

	if (pipe(a) != 0 || pipe(b) != 0)
		exit(1);
	fds[0] = (struct pollfd){ .fd = a[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = b[0], .events = POLLIN };
	net_poll(n, fds, 2, 60);
	ok(clock_mono_us() - began >= 55000 && !fds[0].revents && !fds[1].revents,
	   "waits when nothing is to be done");
	net_start(n, &(struct net_request){ .url = url("/slow") }, count, &t);
	ok(write(b[1], "x", 1) == 1, "another descriptor becomes ready");
	began = clock_mono_us();
	while (!fds[1].revents && clock_mono_us() - began < 2000000)
		net_poll(n, fds, 2, 2000);
	ok(fds[1].revents == POLLIN && !fds[0].revents && clock_mono_us() - began < 1000000,
	   "which ends the waiting, with a call under way");
	close(a[1]);
	net_poll(n, fds, 1, 1000);
	ok(fds[0].revents & POLLHUP, "a hang-up is seen");
	net_free(n);
	close(a[0]);
	close(b[0]);
	close(b[1]);
}

/* ---- Unix socket ---- */

static void test_unix_socket(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct net *n = make();
	struct served *seen = web.seen;
	struct net_response r;
	pid_t pid;

	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/test_net.%d.sock", (int)getpid());
	unlink(un.sun_path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 1) != 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		serve_web(accept(fd, NULL, NULL), seen);
		_exit(0);
	}
	r = get(n, (struct net_request){ .url = SV("http://publisher/ok"),
					 .trusted = true,
					 .unix_socket = un.sun_path,
					 .body = SV("x") });
	ok(r.error == NET_OK && has(r.body, "Host: publisher\r\n"), "over a Unix socket");
	net_free(n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	unlink(un.sun_path);
}

/* ---- TLS, by the openssl command ---- */

static bool make_certificate(const char *dir)
{
	return system(arena_printf(
		       arena,
		       "openssl req -x509 -newkey ec -pkeyopt "
		       "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=kontor-test "
		       "-addext subjectAltName=IP:127.0.0.1 -keyout %s/key -out %s/cert "
		       ">/dev/null 2>&1",
		       dir, dir)) == 0;
}

static struct sv read_file(const char *path)
{
	char *text = arena_alloc(arena, 16384);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, 16384, f) : 0;

	if (f)
		fclose(f);
	return sv_make(text, n);
}

static pid_t start_tls(const char *dir, int port)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("openssl", "openssl", "s_server", "-www", "-accept",
		       arena_printf(arena, "127.0.0.1:%d", port), "-key",
		       arena_printf(arena, "%s/key", dir), "-cert",
		       arena_printf(arena, "%s/cert", dir), (char *)NULL);
		_exit(1);
	}
	return pid;
}

static void check_tls(int port, struct sv pem)
{
	struct net *n = make();
	struct net_request r = { .url = sv_from(
					 arena_printf(arena, "https://127.0.0.1:%d/", port)) };
	struct net_response out;

	for (int i = 0; i < 50; i++) {
		out = get(n, r);
		if (out.error != NET_CONNECT)
			break;
		usleep(100000);
	}
	ok(out.error == NET_TLS, "a certificate of an unknown CA: %.*s", SV_ARG(out.text));
	r.ca_pem = pem;
	out = get(n, r);
	ok(out.error == NET_OK && out.status == 200 && out.times.tls_us > 0,
	   "is accepted when its CA is given");
	r.url = sv_from(arena_printf(arena, "https://localhost:%d/", port));
	r.trusted = true;
	out = get(n, r);
	ok(out.error == NET_TLS, "but for no other name: %.*s", SV_ARG(out.text));
	net_free(n);
}

static void test_no_tls(void)
{
	struct server plain = serve_start(serve_plain);
	struct net *n = make();
	struct net_response r = get(
		n, (struct net_request){ .url = sv_from(arena_printf(arena, "https://127.0.0.1:%d/",
								     plain.port)) });

	is_int(r.error, NET_TLS, "no TLS on that port");
	net_free(n);
	serve_stop(&plain);
}

static void test_tls(void)
{
	char dir[] = "/tmp/test_net.XXXXXX";
	int port;
	pid_t pid;

	if (!mkdtemp(dir))
		exit(1);
	if (!make_certificate(dir)) {
		ok(true, "TLS # SKIP no openssl command");
	} else {
		close(serve_listen(&port));
		pid = start_tls(dir, port);
		check_tls(port, read_file(arena_printf(arena, "%s/cert", dir)));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	unlink(arena_printf(arena, "%s/cert", dir));
	unlink(arena_printf(arena, "%s/key", dir));
	rmdir(dir);
}

int main(void)
{
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	alarm(SERVE_SECONDS);
	arena = arena_new();
	web = serve_start(serve_web);
	open_guard = guard_new(SV("127.0.0.1"), arena, &e);
	test_plain();
	test_answers();
	test_failures();
	test_malformed();
	test_guard();
	test_proxy();
	serve_stop(&web); /* one that still sleeps over an earlier call would be counted */
	web = serve_start(serve_web);
	test_limits();
	test_fair();
	test_gap();
	test_not_before();
	test_cancel();
	test_poll();
	test_unix_socket();
	test_no_tls();
	test_tls();
	serve_stop(&web);
	guard_free(open_guard);
	arena_free(arena);
	return tap_done();
}
