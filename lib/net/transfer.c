/* One call: a request turned into libcurl's options, an outcome into a response. */
#include "net/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_HEADER_BYTES 65536

/* An option that libcurl does not take must end the call: some of them are the guard. */
#define SET(t, option, value)                                                                      \
	do {                                                                                       \
		if (curl_easy_setopt((t)->easy, (option), (value)) != CURLE_OK)                    \
			(t)->setup_failed = true;                                                  \
	} while (0)

void transfer_fail(struct net_transfer *t, enum net_error e, const char *text)
{
	t->response.error = e;
	t->response.text = arena_sv(t->arena, sv_from(text));
}

/* ---- what may be sent ---- */

static bool is_token(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("():;,<>@\"/[]?={}\\", s.p[i]))
			return false;
	return s.n != 0;
}

static bool is_line(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || !s.p[i])
			return false;
	return true;
}

static bool is_ours(struct sv name)
{
	static const char *const ours[] = {
		"host", "content-length", "transfer-encoding", "connection", "expect",
		"te",	"upgrade",
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (sv_ieq(name, sv_from(ours[i])))
			return true;
	return false;
}

static const char *check_headers(const struct net_request *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (!is_token(r->headers[i].name) || !is_line(r->headers[i].value))
			return "A header's name or value has characters that are not allowed there";
		if (is_ours(r->headers[i].name))
			return "A header was given that cannot be set";
	}
	return NULL;
}

/* A bare address for MAIL FROM and RCPT TO. */
static bool is_mailbox(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '<' ||
		    s.p[i] == '>')
			return false;
	return sv_chr(s, '@') > 0;
}

static const char *check_smtp(const struct net_smtp *m)
{
	if (m->from.n && !is_mailbox(m->from))
		return "The sender is no e-mail address";
	if (!m->n_to && !m->check)
		return "The mail has no recipient";
	for (size_t i = 0; i < m->n_to; i++)
		if (!is_mailbox(m->to[i]))
			return "A recipient is no e-mail address";
	return NULL;
}

static const char *check_mailbox(const struct net_mailbox *m)
{
	if (!is_line(m->command) || !is_line(m->user) || !is_line(m->password))
		return "The command has a line break";
	return m->user.n ? NULL : "The mailbox has no user name";
}

static bool is_scheme(const char *scheme, const char *plain)
{
	size_t n = strlen(plain);

	return strncmp(scheme, plain, n) == 0 &&
	       (!scheme[n] || (scheme[n] == 's' && !scheme[n + 1]));
}

static bool right_scheme(const struct net_request *r, const char *scheme)
{
	if (r->mailbox)
		return is_scheme(scheme, "imap") || is_scheme(scheme, "pop3");
	return is_scheme(scheme, r->smtp ? "smtp" : "http");
}

static void check_request(struct net_transfer *t)
{
	const struct net_request *r = &t->r;
	struct err e = { .status = ST_OK };
	const char *why;

	if (net_url_parse(r->url, &t->url, t->arena, &e) != ST_OK)
		why = arena_dup(t->arena, err_message(&e));
	else if (!right_scheme(r, t->url.scheme))
		why = "The address is not of a kind that can be called";
	else if (!is_token(r->method))
		why = "The method is malformed";
	else if (r->unix_socket && !r->trusted)
		why = "A Unix socket needs a trusted request";
	else
		why = r->smtp	 ? check_smtp(r->smtp) :
		      r->mailbox ? check_mailbox(r->mailbox) :
				   check_headers(r);
	if (why)
		transfer_fail(t, NET_BAD_REQUEST, why);
	else if (r->https_only && strcmp(t->url.scheme, "https") != 0)
		transfer_fail(t, NET_REFUSED, "Only https:// addresses may be called");
}

/* ---- making one ---- */

static void copy_smtp(struct net_transfer *t, const struct net_smtp *m)
{
	struct sv *to = ARENA_ARRAY(t->arena, m->n_to, struct sv);

	for (size_t i = 0; i < m->n_to; i++)
		to[i] = arena_sv(t->arena, m->to[i]);
	t->smtp = (struct net_smtp){
		.from = arena_sv(t->arena, m->from),
		.to = to,
		.n_to = m->n_to,
		.tls = m->tls,
		.user = arena_sv(t->arena, m->user),
		.password = arena_sv(t->arena, m->password),
		.bearer = arena_sv(t->arena, m->bearer),
		.check = m->check,
	};
	t->r.smtp = &t->smtp;
}

static void copy_mailbox(struct net_transfer *t, const struct net_mailbox *m)
{
	t->mailbox = (struct net_mailbox){ .command = arena_sv(t->arena, m->command),
					   .tls = m->tls,
					   .user = arena_sv(t->arena, m->user),
					   .password = arena_sv(t->arena, m->password),
					   .bearer = arena_sv(t->arena, m->bearer),
					   .fresh = m->fresh,
					   .max_age_s = m->max_age_s,
					   .last = m->last };
	t->r.mailbox = &t->mailbox;
}

static void copy_request(struct net_transfer *t, const struct net_request *r)
{
	struct net_header *headers = ARENA_ARRAY(t->arena, r->n_headers, struct net_header);

	for (size_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct net_header){ arena_sv(t->arena, r->headers[i].name),
						  arena_sv(t->arena, r->headers[i].value) };
	t->r = *r;
	t->r.headers = headers;
	t->r.url = arena_sv(t->arena, r->url);
	t->r.method = sv_present(r->body) ? SV("POST") : SV("GET");
	if (r->method.n)
		t->r.method = arena_sv(t->arena, r->method);
	if (sv_present(r->lane))
		t->r.lane = arena_sv(t->arena, r->lane);
	if (r->unix_socket)
		t->r.unix_socket = arena_dup(t->arena, sv_from(r->unix_socket));
	if (r->smtp)
		copy_smtp(t, r->smtp);
	if (r->mailbox)
		copy_mailbox(t, r->mailbox);
}

struct net_transfer *transfer_new(struct net *n, const struct net_request *r)
{
	struct net_transfer *t = mem_alloc(sizeof(*t));

	*t = (struct net_transfer){ .net = n, .arena = arena_new(), .queued_us = clock_mono_us() };
	copy_request(t, r);
	if (!t->r.connect_ms)
		t->r.connect_ms = n->o.connect_ms;
	if (!t->r.total_ms)
		t->r.total_ms = n->o.total_ms;
	if (!t->r.max_body)
		t->r.max_body = n->o.max_body;
	check_request(t);
	t->state = t->response.error ? T_FAILED : T_QUEUED;
	return t;
}

void transfer_free(struct net_transfer *t)
{
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->recipients);
	buf_release(&t->body);
	free(t->got);
	arena_free(t->arena);
	free(t);
}

/* ---- what libcurl asks and tells ---- */

static enum guard_kind guard_kind(const struct net_transfer *t)
{
	return t->r.mailbox ? GUARD_MAILBOX : t->r.smtp ? GUARD_SMTP : GUARD_HTTP;
}

/* libcurl wants a socket for one of the addresses that the name resolved to. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct net_transfer *t = arg;
	const char *why = guard_check_address(t->net->guard, &to->addr, guard_kind(t));

	if (why || purpose != CURLSOCKTYPE_IPCXN) {
		t->refused = why ? why : "not an outgoing connection";
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* The request is about to go out: the connection may be one that a trusted call has opened. */
static int on_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct net_transfer *t = arg;
	const char *why = guard_check_text(t->net->guard, remote, remote_port, guard_kind(t));

	(void)local;
	(void)local_port;
	if (!why)
		return CURL_PREREQFUNC_OK;
	t->refused = why;
	return CURL_PREREQFUNC_ABORT;
}

static void add_header(struct net_transfer *t, struct sv line)
{
	struct sv value = line, name = sv_cut(&value, ':');

	if (!sv_present(value))
		return;
	if (t->n_got == t->got_size) {
		t->got_size = t->got_size ? t->got_size * 2 : 16;
		t->got = mem_realloc(t->got, t->got_size * sizeof(*t->got));
	}
	t->got[t->n_got++] =
		(struct net_header){ arena_sv(t->arena, name), arena_sv(t->arena, sv_trim(value)) };
}

/* The last reply; but the one to libcurl's QUIT after a failure says nothing. */
static void keep_reply(struct net_transfer *t, struct sv line)
{
	if (!sv_starts(line, SV("221")))
		t->response.text = arena_sv(t->arena, line);
}

/* libcurl shows every line of these protocols as a header, the mails' own
 * excepted; what matters of them comes as the body, or is the refusal. */
static size_t keep_refusal(struct net_transfer *t, struct sv line, size_t n)
{
	if (sv_find(line, SV(" NO ")) == 4 || sv_find(line, SV(" BAD ")) == 4 ||
	    sv_starts(line, SV("-ERR")))
		t->response.text = arena_sv(t->arena, sv_make(line.p, line.n < 500 ? line.n : 500));
	return n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct net_transfer *t = arg;
	struct sv line = sv_trim(sv_make(p, size * n));

	if (t->r.mailbox)
		return keep_refusal(t, line, n);
	t->header_bytes += n;
	if (t->header_bytes > MAX_HEADER_BYTES) {
		t->too_large = true;
		return 0;
	}
	if (t->r.smtp)
		keep_reply(t, line);
	else if (sv_starts(line, SV("HTTP/")))
		t->n_got = 0; /* a 1xx came before */
	else
		add_header(t, line);
	return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct net_transfer *t = arg;
	size_t room = t->r.max_body - t->n_body, take;

	n *= size;
	take = n < room ? n : room;
	t->n_body += take;
	if (!t->r.sink)
		buf_add(&t->body, sv_make(p, take));
	else if (!t->r.sink(t->r.sink_arg, sv_make(p, take)))
		return 0;
	if (n <= room)
		return n;
	t->response.truncated = true;
	return 0;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct net_transfer *t = arg;
	size_t left = t->r.body.n - t->sent, take = size * n < left ? size * n : left;

	if (take)
		memcpy(p, t->r.body.p + t->sent, take);
	t->sent += take;
	return take;
}

/* ---- options ---- */

static void add_line(struct net_transfer *t, struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (more)
		*list = more;
	else
		t->setup_failed = true;
}

static bool has_header(const struct net_request *r, struct sv name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (sv_ieq(r->headers[i].name, name))
			return true;
	return false;
}

static void set_headers(struct net_transfer *t)
{
	const struct net_request *r = &t->r;

	for (size_t i = 0; i < r->n_headers; i++) {
		const struct net_header *h = &r->headers[i];

		/* libcurl takes "Name:" for "do not send it" and "Name;" for an empty value. */
		add_line(t, &t->headers,
			 arena_printf(t->arena, h->value.n ? "%s: %s" : "%s;", h->name.p,
				      h->value.p));
	}
	add_line(t, &t->headers, "Expect:");
	if (!has_header(r, SV("Content-Type")))
		add_line(t, &t->headers, "Content-Type:");
	SET(t, CURLOPT_HTTPHEADER, t->headers);
}

static void set_http(struct net_transfer *t)
{
	const struct net_request *r = &t->r;
	struct sv method = r->method;

	SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
	if (sv_eq(method, SV("HEAD"))) {
		SET(t, CURLOPT_NOBODY, 1L);
	} else if (sv_present(r->body) || sv_eq(method, SV("POST")) || sv_eq(method, SV("PUT")) ||
		   sv_eq(method, SV("PATCH"))) {
		SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
		SET(t, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
		SET(t, CURLOPT_CUSTOMREQUEST, method.p);
	} else {
		SET(t, CURLOPT_CUSTOMREQUEST, method.p);
	}
	set_headers(t);
}

static void set_mail(struct net_transfer *t)
{
	const struct net_smtp *m = &t->smtp;

	SET(t, CURLOPT_MAIL_FROM, m->from.n ? m->from.p : "<>");
	for (size_t i = 0; i < m->n_to; i++)
		add_line(t, &t->recipients, m->to[i].p);
	SET(t, CURLOPT_MAIL_RCPT, t->recipients);
	SET(t, CURLOPT_UPLOAD, 1L);
	SET(t, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->r.body.n);
	SET(t, CURLOPT_READFUNCTION, on_read);
	SET(t, CURLOPT_READDATA, t);
}

static void set_smtp(struct net_transfer *t)
{
	const struct net_smtp *m = &t->smtp;

	SET(t, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(t, CURLOPT_USE_SSL,
	    (long)(m->tls == NET_TLS_REQUIRED ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	/* libcurl 7.88 would lend this connection to a call that asks for STARTTLS. */
	if (m->tls == NET_TLS_NONE)
		SET(t, CURLOPT_FORBID_REUSE, 1L);
	if (m->check) {
		SET(t, CURLOPT_CUSTOMREQUEST, "NOOP");
		SET(t, CURLOPT_NOBODY, 1L);
	} else {
		set_mail(t);
	}
	if (!m->user.n)
		return;
	SET(t, CURLOPT_USERNAME, m->user.p);
	if (m->bearer.n)
		SET(t, CURLOPT_XOAUTH2_BEARER, m->bearer.p);
	else
		SET(t, CURLOPT_PASSWORD, m->password.p);
}

static void set_mailbox(struct net_transfer *t)
{
	const struct net_mailbox *m = &t->mailbox;

	SET(t, CURLOPT_PROTOCOLS_STR, "imap,imaps,pop3,pop3s");
	SET(t, CURLOPT_USE_SSL,
	    (long)(m->tls == NET_TLS_REQUIRED ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	if (m->command.n)
		SET(t, CURLOPT_CUSTOMREQUEST, m->command.p);
	SET(t, CURLOPT_FRESH_CONNECT, (long)m->fresh);
	SET(t, CURLOPT_FORBID_REUSE, (long)m->last);
	SET(t, CURLOPT_MAXLIFETIME_CONN, (long)m->max_age_s);
	SET(t, CURLOPT_USERNAME, m->user.p);
	if (m->bearer.n)
		SET(t, CURLOPT_XOAUTH2_BEARER, m->bearer.p);
	else
		SET(t, CURLOPT_PASSWORD, m->password.p);
}

static void set_tls(struct net_transfer *t)
{
	struct curl_blob pem = { (void *)(uintptr_t)t->r.ca_pem.p, t->r.ca_pem.n,
				 CURL_BLOB_NOCOPY };

	SET(t, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!t->r.ca_pem.n)
		return;
	SET(t, CURLOPT_CAINFO_BLOB, &pem);
	SET(t, CURLOPT_CAPATH, (char *)NULL);
}

static void set_guard(struct net_transfer *t)
{
	if (t->r.trusted)
		return;
	SET(t, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(t, CURLOPT_OPENSOCKETDATA, t);
	SET(t, CURLOPT_PREREQFUNCTION, on_ready);
	SET(t, CURLOPT_PREREQDATA, t);
}

static void set_common(struct net_transfer *t)
{
	SET(t, CURLOPT_URL, t->url.text);
	SET(t, CURLOPT_PRIVATE, t);
	SET(t, CURLOPT_NOSIGNAL, 1L);
	/* A name server that hangs must not hold up the loop when its call times out. */
	SET(t, CURLOPT_QUICK_EXIT, 1L);
	SET(t, CURLOPT_PROXY, "");
	SET(t, CURLOPT_FOLLOWLOCATION, 0L);
	SET(t, CURLOPT_USERAGENT, t->net->o.user_agent);
	SET(t, CURLOPT_CONNECTTIMEOUT_MS, (long)t->r.connect_ms);
	SET(t, CURLOPT_TIMEOUT_MS, (long)t->r.total_ms);
	SET(t, CURLOPT_ERRORBUFFER, t->error);
	SET(t, CURLOPT_HEADERFUNCTION, on_header);
	SET(t, CURLOPT_HEADERDATA, t);
	SET(t, CURLOPT_WRITEFUNCTION, on_body);
	SET(t, CURLOPT_WRITEDATA, t);
	if (t->r.unix_socket)
		SET(t, CURLOPT_UNIX_SOCKET_PATH, t->r.unix_socket);
}

bool transfer_setup(struct net_transfer *t)
{
	t->easy = curl_easy_init();
	if (t->easy) {
		set_common(t);
		set_guard(t);
		set_tls(t);
		if (t->r.smtp)
			set_smtp(t);
		else if (t->r.mailbox)
			set_mailbox(t);
		else
			set_http(t);
	}
	if (t->easy && !t->setup_failed)
		return true;
	transfer_fail(t, NET_BAD_REQUEST, "The call could not be prepared");
	return false;
}

/* ---- the outcome ---- */

static enum net_error map_code(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum net_error error;
	} map[] = {
		{ CURLE_OK, NET_OK },
		{ CURLE_URL_MALFORMAT, NET_BAD_REQUEST },
		{ CURLE_COULDNT_RESOLVE_HOST, NET_RESOLVE },
		{ CURLE_COULDNT_CONNECT, NET_CONNECT },
		{ CURLE_OPERATION_TIMEDOUT, NET_TIMEOUT },
		{ CURLE_SSL_CONNECT_ERROR, NET_TLS },
		{ CURLE_PEER_FAILED_VERIFICATION, NET_TLS },
		{ CURLE_SSL_CERTPROBLEM, NET_TLS },
		{ CURLE_SSL_CIPHER, NET_TLS },
		{ CURLE_SSL_CACERT_BADFILE, NET_TLS },
		{ CURLE_SSL_ISSUER_ERROR, NET_TLS },
		{ CURLE_SSL_INVALIDCERTSTATUS, NET_TLS },
		{ CURLE_USE_SSL_FAILED, NET_TLS },
		{ CURLE_LOGIN_DENIED, NET_DENIED },
		{ CURLE_REMOTE_FILE_NOT_FOUND, NET_MISSING },
		{ CURLE_QUOTE_ERROR, NET_MISSING }, /* the command was refused */
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].code == code)
			return map[i].error;
	return NET_BROKEN;
}

static int64_t info_us(const struct net_transfer *t, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(t->easy, what, &us);
	return us;
}

static int64_t since(int64_t later, int64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

/* libcurl counts each stage from the start; a stage that was skipped is 0 there. */
static void fill_times(struct net_transfer *t, struct net_times *times)
{
	int64_t dns = info_us(t, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t connected = info_us(t, CURLINFO_CONNECT_TIME_T);
	int64_t tls = info_us(t, CURLINFO_APPCONNECT_TIME_T);
	int64_t sent = info_us(t, CURLINFO_PRETRANSFER_TIME_T);
	long fresh = 0;

	times->total_us = info_us(t, CURLINFO_TOTAL_TIME_T);
	times->first_byte_us = since(info_us(t, CURLINFO_STARTTRANSFER_TIME_T), sent);
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &fresh);
	if (!fresh && sent)
		return;
	times->dns_us = dns;
	times->connect_us = since(connected, dns);
	times->tls_us = since(tls, connected);
}

static void fill_info(struct net_transfer *t, struct net_response *r)
{
	curl_off_t wait = 0;
	long status = 0;
	char *ip = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
	r->status = t->r.mailbox ? 0 : (int)status;
	r->retry_after = wait > INT32_MAX ? INT32_MAX : (int)wait;
	r->address = arena_sv(t->arena, sv_from(ip));
	r->headers = t->got;
	r->n_headers = t->n_got;
	r->body = buf_sv(&t->body);
	r->sent = t->sent;
	fill_times(t, &r->times);
}

static void fill_error(struct net_transfer *t, CURLcode code)
{
	struct net_response *r = &t->response;

	/* SMTP's 4xx or 5xx is an answer, as HTTP's 500 is; its text is there already. */
	if (t->r.smtp && code != CURLE_OPERATION_TIMEDOUT && r->status >= 400)
		return;
	r->error = map_code(code);
	if (t->r.mailbox && r->error == NET_DENIED && !strcmp(t->error, "Select failed"))
		r->error = NET_MISSING;
	if (t->refused && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK)) {
		transfer_fail(t, NET_REFUSED,
			      arena_printf(t->arena, "%s may not be called: %s", t->url.host,
					   t->refused));
	} else if (t->too_large) {
		transfer_fail(t, NET_TOO_LARGE, "The answer's headers are too long");
	} else if (r->truncated && t->r.truncate) {
		r->error = NET_OK;
	} else if (r->truncated) {
		transfer_fail(t, NET_TOO_LARGE,
			      arena_printf(t->arena, "The answer has more than %zu bytes",
					   t->r.max_body));
	} else if (r->error && !(t->r.mailbox && r->text.n)) {
		transfer_fail(t, r->error, t->error[0] ? t->error : curl_easy_strerror(code));
	}
}

void transfer_finish(struct net_transfer *t, CURLcode code)
{
	fill_info(t, &t->response);
	fill_error(t, code);
}
