/* mail/smtp: mails handed to a real SMTP server. */
#include "t/unit/serve.h"
#include "t/unit/tap.h"

#include "base/conf.h"
#include "mail/mail.h"

static struct arena *arena;

static const struct mail_address ann = { SV("Ann"), SV("ann@example.org") };
static const struct mail_address bob = { SV(""), SV("bob@example.net") };

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

static struct mail_message plain(void)
{
	return (struct mail_message){
		.from = ann,
		.to = &bob,
		.n_to = 1,
		.subject = SV("Hello"),
		.text = SV("Hello"),
	};
}

static struct sv build(const struct mail_message *m)
{
	struct buf out = BUF_INIT;
	struct err e;
	struct sv bytes = SV("");

	if (mail_build(m, &out, NULL, arena, &e) == ST_OK)
		bytes = arena_sv(arena, buf_sv(&out));
	buf_release(&out);
	return bytes;
}

/* ---- an SMTP server (RFC 5321, AUTH PLAIN) ---- */

#define BOX_SIZE (1 << 20)
static char *box; /* shared: the last envelope and message */

static struct sv command(int fd, struct buf *in, struct arena *a)
{
	ptrdiff_t end = serve_read(fd, in, SV("\r\n"));
	struct sv line;

	if (end < 0)
		_exit(0);
	line = arena_sv(a, sv_make(in->p, (size_t)end - 2));
	memmove(in->p, in->p + end, in->n - (size_t)end);
	in->n -= (size_t)end;
	return line;
}

static const char *read_data(int fd, struct buf *in, struct buf *seen, struct arena *a)
{
	struct sv line;
	bool spam = false;

	serve_write(fd, SV("354 Go ahead\r\n"));
	while (!sv_eq(line = command(fd, in, a), SV("."))) {
		spam = spam || sv_eq(line, SV("Subject: SPAM"));
		buf_add(seen, sv_starts(line, SV(".")) ? sv_skip(line, 1) : line);
		buf_lit(seen, "\r\n");
	}
	struct sv all = buf_sv(seen);
	snprintf(box, BOX_SIZE, "%.*s", SV_ARG(all));
	return spam ? "554 5.7.1 Looks like spam\r\n" : "250 2.0.0 Queued as 4711\r\n";
}

static const char *recipient(struct sv line)
{
	if (has(line, "busy@"))
		return "450 4.2.1 Mailbox busy, try later\r\n";
	if (has(line, "gone@"))
		return "550 5.1.1 No such user here\r\n";
	return "250 2.1.5 Fine\r\n";
}

/* AUTH PLAIN (RFC 4616) with \0user\0right. */
static const char *log_in(int fd, struct sv line, struct buf *in, struct arena *a)
{
	if (sv_eq(line, SV("AUTH PLAIN"))) {
		serve_write(fd, SV("334 \r\n"));
		line = command(fd, in, a);
	}
	return has(line, "AHVzZXIAcmlnaHQ=") ? "235 2.7.0 Welcome\r\n"
					     : "535 5.7.8 Bad credentials\r\n";
}

static void serve_smtp(int fd, struct served *seen)
{
	struct arena *a = arena_new();
	buf_auto struct buf in = BUF_INIT, mail = BUF_INIT;
	struct sv line = SV("");

	serve_enter(seen);
	serve_write(fd, SV("220 test ESMTP\r\n"));
	while (!sv_starts(line, SV("QUIT"))) {
		const char *say = "502 5.5.1 What?\r\n";

		line = command(fd, &in, a);
		if (sv_starts(line, SV("EHLO ")))
			say = "250-test\r\n250-AUTH PLAIN\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n";
		else if (sv_starts(line, SV("AUTH PLAIN")))
			say = log_in(fd, line, &in, a);
		else if (sv_starts(line, SV("MAIL FROM:")))
			say = "250 2.1.0 Fine\r\n";
		else if (sv_starts(line, SV("RCPT TO:")))
			say = recipient(line);
		else if (sv_eq(line, SV("DATA")))
			say = read_data(fd, &in, &mail, a);
		else if (sv_starts(line, SV("QUIT")))
			say = "221 2.0.0 Bye\r\n";
		if (sv_starts(line, SV("MAIL FROM:")) || sv_starts(line, SV("RCPT TO:")) ||
		    sv_starts(line, SV("EHLO")))
			buf_addf(&mail, "%.*s\r\n", SV_ARG(line));
		serve_write(fd, sv_from(say));
	}
	arena_free(a);
}

static void serve_busy(int fd, struct served *seen)
{
	serve_enter(seen);
	serve_write(fd, SV("421 4.3.2 Too many connections\r\n"));
}

static struct sv smtp_url(const struct server *s)
{
	return sv_from(arena_printf(arena, "smtp://127.0.0.1:%d/kontor.example.org", s->port));
}

static struct net_response submit(struct net *n, struct mail_server *server,
				  const struct mail_message *m)
{
	struct net_request request;
	struct net_response r = { .error = NET__ERROR_MAX };
	struct err e;

	if (mail_smtp_request(server, m, SV(""), build(m), &request, arena, &e) == ST_OK)
		net_call(n, &request, arena, &r);
	else
		printf("# %.*s\n", SV_ARG(e.message));
	return r;
}

static void test_sent(struct net *n, struct mail_server *server)
{
	static const struct mail_address bcc[] = { { SV(""), SV("hidden@example.com") },
						   { SV(""), SV("BOB@example.net") } };
	struct mail_message m = plain();
	struct net_response r;
	struct sv got;

	m.bcc = bcc;
	m.n_bcc = 2;
	m.text = SV(".\n..dots\nlast");
	r = submit(n, server, &m);
	got = sv_from(box);
	ok(r.error == NET_OK && mail_outcome(&r) == MAIL_SENT, "sent: %.*s", SV_ARG(r.text));
	is_sv(r.text, SV("250 2.0.0 Queued as 4711"), "the server's last word");
	ok(sv_starts(got, SV("EHLO kontor.example.org\r\nMAIL FROM:<ann@example.org>")),
	   "own name and envelope sender");
	ok(has(got, "RCPT TO:<bob@example.net>\r\nRCPT TO:<hidden@example.com>\r\nDate"),
	   "each recipient once, the hidden one too");
	ok(has(got, "\r\n\r\n.\r\n..dots\r\nlast"), "dots at a line's begin survive");
	m.text = SV("again");
	r = submit(n, server, &m);
	ok(mail_outcome(&r) == MAIL_SENT, "a second one");
}

static void test_rejected(struct net *n, struct mail_server *server)
{
	struct mail_address to[] = { bob, { SV(""), SV("busy@example.net") } };
	struct mail_message m = plain();
	struct net_response r;

	m.to = to;
	m.n_to = 2;
	r = submit(n, server, &m);
	ok(r.status == 450 && mail_outcome(&r) == MAIL_TEMPORARY, "450 is temporary");
	is_sv(r.text, SV("450 4.2.1 Mailbox busy, try later"), "in the server's words");
	to[1].email = SV("gone@example.net");
	r = submit(n, server, &m);
	ok(r.status == 550 && mail_outcome(&r) == MAIL_PERMANENT, "550 is permanent");
	is_sv(r.text, SV("550 5.1.1 No such user here"), "in the server's words");
	m.n_to = 1;
	m.subject = SV("SPAM");
	r = submit(n, server, &m);
	ok(r.status == 554 && mail_outcome(&r) == MAIL_PERMANENT, "554 after the data: %.*s",
	   SV_ARG(r.text));
}

static void test_log_in(struct net *n, struct mail_server *server)
{
	struct mail_message m = plain();
	struct net_response r;

	server->user = SV("user");
	server->password = SV("right");
	r = submit(n, server, &m);
	ok(mail_outcome(&r) == MAIL_SENT, "log-in: %.*s", SV_ARG(r.text));
	server->password = SV("wrong");
	r = submit(n, server, &m);
	ok(r.status == 535 && mail_outcome(&r) == MAIL_PERMANENT, "wrong password: %.*s",
	   SV_ARG(r.text));
	server->user = server->password = SV("");
}

static void test_no_server(struct net *n, struct mail_server *server)
{
	struct server busy = serve_start(serve_busy);
	struct mail_message m = plain();
	struct net_response r;
	struct net *strict = net_new(&(struct net_options){ .max_total = 1 });
	struct net_request request;
	struct err e;
	int port;

	r = submit(strict, server, &m);
	ok(r.error == NET_REFUSED && mail_outcome(&r) == MAIL_PERMANENT,
	   "a user's mail server on loopback is refused");
	net_free(strict);
	server->url = smtp_url(&busy);
	r = submit(n, server, &m);
	ok(r.status == 421 && mail_outcome(&r) == MAIL_TEMPORARY, "421 as greeting");
	close(serve_listen(&port));
	server->url = sv_from(arena_printf(arena, "smtp://127.0.0.1:%d", port));
	r = submit(n, server, &m);
	ok(r.error == NET_CONNECT && mail_outcome(&r) == MAIL_TEMPORARY, "nobody listens");
	server->url = SV("http://127.0.0.1/");
	ok(mail_smtp_request(server, &m, SV(""), SV("x"), &request, arena, &e) == ST_BAD_INPUT,
	   "no address of a mail server");
	serve_stop(&busy);
}

static void test_tls_choice(struct net *n, const struct server *s)
{
	struct mail_server server = { .url = SV("smtp://mail.example.org:587") };
	struct mail_message m = plain();
	struct net_request request;
	struct net_response r;
	struct err e;
	bool good = mail_smtp_request(&server, &m, SV("bounce+1@example.org"), SV("x"), &request,
				      arena, &e) == ST_OK;

	ok(good && request.smtp->tls == NET_TLS_REQUIRED, "STARTTLS is a must to another host");
	ok(good && sv_eq(request.smtp->from, SV("bounce+1@example.org")), "bounces go elsewhere");
	ok(good && !request.trusted, "a user's server is guarded");
	server.url = smtp_url(s);
	good = mail_smtp_request(&server, &m, SV(""), SV("x\r\n"), &request, arena, &e) == ST_OK;
	ok(good && request.smtp->tls == NET_TLS_NONE, "but not to the loopback");
	((struct net_smtp *)(uintptr_t)request.smtp)->tls = NET_TLS_REQUIRED;
	net_call(n, &request, arena, &r);
	is_int(r.error, NET_TLS, "a server without STARTTLS gets nothing, whatever came before");
}

static void test_envelope(struct net *n, const struct mail_server *server)
{
	static const struct sv wrong[] = { SV("a@b>\r\nRCPT TO:<x@y"), SV("a b@c"), SV("a"),
					   SV("") };
	struct net_response r;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct net_smtp smtp = { .from = SV("a@b"), .to = &wrong[i], .n_to = 1 };

		net_call(
			n,
			&(struct net_request){ .url = server->url, .smtp = &smtp, .body = SV("x") },
			arena, &r);
		is_int(r.error, NET_BAD_REQUEST, "recipient that cannot stand in an envelope");
	}
}

static void test_conf(void)
{
	char path[] = "/tmp/test_mail.XXXXXX";
	struct mail_server s;
	struct err e;
	int fd = mkstemp(path);

	conf_set(CONF_smtp_url, "");
	ok(mail_server_conf(&s, arena, &e) == ST_UNAVAILABLE, "no mail server is set up");
	conf_set(CONF_smtp_url, "smtp://127.0.0.1:25");
	conf_set(CONF_smtp_user, "kontor");
	conf_set(CONF_smtp_password_file, path);
	ok(mail_server_conf(&s, arena, &e) == ST_UNAVAILABLE, "an empty password file");
	ok(fd >= 0 && write(fd, "geheim\n", 7) == 7 && mail_server_conf(&s, arena, &e) == ST_OK &&
		   sv_eq(s.password, SV("geheim")) && sv_eq(s.user, SV("kontor")) && s.trusted,
	   "server, user and password from the settings");
	close(fd);
	unlink(path);
	ok(mail_server_conf(&s, arena, &e) == ST_UNAVAILABLE && has(e.message, path),
	   "no such file");
}

static void test_smtp(void)
{
	struct server smtp;
	struct mail_server server;
	struct err e;
	struct guard *guard = guard_new(SV("127.0.0.1"), arena, &e);
	struct net *n = net_new(&(struct net_options){ .guard = guard });

	box = mmap(NULL, BOX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (box == MAP_FAILED)
		exit(1);
	smtp = serve_start(serve_smtp);
	server = (struct mail_server){ .url = smtp_url(&smtp), .total_ms = 5000 };
	test_sent(n, &server);
	test_rejected(n, &server);
	test_log_in(n, &server);
	test_tls_choice(n, &smtp);
	test_envelope(n, &server);
	test_no_server(n, &server);
	net_free(n);
	guard_free(guard);
	serve_stop(&smtp);
	munmap(box, BOX_SIZE);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	alarm(SERVE_SECONDS);
	arena = arena_new();
	test_smtp();
	test_conf();
	arena_free(arena);
	return tap_done();
}
