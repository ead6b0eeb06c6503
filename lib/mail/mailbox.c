#include "mail/mailbox.h"

#include "base/buf.h"
#include "net/url.h"

#include <stdlib.h>

#define CONNECT_MS 15000
#define TOTAL_MS 120000

bool mailbox_is_pop3(const struct mailbox *m)
{
	return sv_starts(m->url, SV("pop3"));
}

/* ---- asking ------------------------------------------------------------------------ */

static bool is_loopback(const char *host)
{
	struct sv h = sv_from(host);

	return sv_ieq(h, SV("localhost")) || sv_starts(h, SV("127.")) || sv_eq(h, SV("::1"));
}

static struct sv folder_of(const struct mailbox *m)
{
	return m->folder.n ? m->folder : SV("INBOX");
}

/* STATUS "Name (...)": quoted as IMAP wants it, then percent-encoded for libcurl. */
static struct sv status_command(const struct mailbox *m, struct arena *a)
{
	struct buf *out = buf_in_arena(a);
	struct sv name = folder_of(m);

	buf_lit(out, "STATUS \"");
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_lit(out, "%5C");
		buf_url(out, sv_make(name.p + i, 1));
	}
	buf_lit(out, "\" (UIDVALIDITY UIDNEXT)");
	return buf_sv(out);
}

static struct sv imap_url(const struct mailbox *m, bool folder, int64_t uid, struct arena *a)
{
	struct buf *out = buf_in_arena(a);

	buf_add(out, m->url);
	buf_addc(out, '/');
	if (folder)
		buf_url(out, folder_of(m));
	if (uid)
		buf_addf(out, "/;UID=%lld", (long long)uid);
	return buf_sv(out);
}

static void ask_imap(const struct mailbox *m, enum mailbox_question q, int64_t n,
		     struct net_mailbox *box, struct sv *url, struct arena *a)
{
	*url = imap_url(m, q != MAILBOX_STATUS && q != MAILBOX_BYE, q == MAILBOX_FETCH || q == MAILBOX_HEADER ? n : 0, a);
	if (q == MAILBOX_HEADER)
		*url = sv_from(arena_printf(a, "%.*s/;SECTION=HEADER", SV_ARG(*url)));
	if (q == MAILBOX_STATUS)
		box->command = status_command(m, a);
	else if (q == MAILBOX_LIST)
		box->command = sv_from(arena_printf(
			a, "UID FETCH %lld:* (UID FLAGS RFC822.SIZE INTERNALDATE)", (long long)n));
	else if (q == MAILBOX_BYE)
		box->command = SV("NOOP");
	else if (q == MAILBOX_UNREAD)
		box->command = sv_from(arena_printf(a, "UID STORE %lld -FLAGS.SILENT (%%5CSeen)",
						    (long long)n));
}

static void ask_pop3(const struct mailbox *m, enum mailbox_question q, int64_t n,
		     struct net_mailbox *box, struct sv *url, struct arena *a)
{
	if (q == MAILBOX_LIST)
		box->command = SV("UIDL");
	*url = sv_from(q == MAILBOX_FETCH ?
			       arena_printf(a, "%.*s/%lld", SV_ARG(m->url), (long long)n) :
			       arena_printf(a, "%.*s/", SV_ARG(m->url)));
}

enum status mailbox_ask(const struct mailbox *m, enum mailbox_question q, int64_t n,
			struct net_request *out, struct arena *a, struct err *e)
{
	struct net_mailbox *box = ARENA_NEW(a, struct net_mailbox);
	struct mailbox plain = *m;
	struct net_url u;
	struct sv url;

	while (plain.url.n && plain.url.p[plain.url.n - 1] == '/')
		plain.url.n--;
	if (net_url_parse(plain.url, &u, a, e))
		return e->status;
	if (strncmp(u.scheme, "imap", 4) != 0 && strncmp(u.scheme, "pop3", 4) != 0)
		return err_set(e, a, ST_BAD_INPUT,
			       "The server for receiving begins with imaps://, imap://, pop3s:// or pop3://");
	if (mailbox_is_pop3(m))
		ask_pop3(&plain, q, n, box, &url, a);
	else
		ask_imap(&plain, q, n, box, &url, a);
	box->user = m->user;
	box->password = m->password;
	box->bearer = m->bearer;
	box->tls = is_loopback(u.host) ? NET_TLS_NONE : NET_TLS_REQUIRED;
	box->fresh = q == MAILBOX_STATUS || (mailbox_is_pop3(m) && q == MAILBOX_LIST);
	*out = (struct net_request){ .url = url,
				     .mailbox = box,
				     .connect_ms = CONNECT_MS,
				     .total_ms = TOTAL_MS,
				     .lane_max = 1 };
	return ST_OK;
}

/* ---- reading ------------------------------------------------------------------------- */

/* The number behind a word: "UIDVALIDITY 17"; -1: there is none. */
static int64_t number_after(struct sv s, const char *word)
{
	ptrdiff_t at = sv_find(s, sv_from(word));
	int64_t n = 0;
	size_t i, from;

	if (at < 0)
		return -1;
	from = i = (size_t)at + strlen(word);
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && n < INT64_C(1000000000000000))
		n = n * 10 + (s.p[i++] - '0');
	return i > from ? n : -1;
}

bool mailbox_read_status(struct sv answer, int64_t *uidvalidity, int64_t *uidnext)
{
	*uidvalidity = number_after(answer, "UIDVALIDITY ");
	*uidnext = number_after(answer, "UIDNEXT ");
	return *uidvalidity >= 0 && *uidnext > 0;
}

/* "03-Feb-2025 10:15:00 +0100", as milliseconds since 1970. */
static int64_t internal_date(struct sv s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	ptrdiff_t at = sv_find(s, SV("INTERNALDATE \""));
	struct tm tm = { 0 };
	char month[4] = "", sign = '+';
	char text[27] = "";
	int zone = 0;
	const char *m;

	if (at < 0 || s.n < (size_t)at + 14 + 26)
		return 0;
	memcpy(text, s.p + at + 14, 26);
	if (sscanf(text, "%2d-%3[A-Za-z]-%4d %2d:%2d:%2d %c%4d", &tm.tm_mday, month,
		   &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &sign, &zone) != 8)
		return 0;
	m = strstr(months, month);
	if (!m || strlen(month) != 3)
		return 0;
	tm.tm_mon = (int)(m - months) / 3;
	tm.tm_year -= 1900;
	zone = (zone / 100 * 60 + zone % 100) * 60;
	return ((int64_t)timegm(&tm) - (sign == '-' ? -zone : zone)) * 1000;
}

/* * 12 FETCH (UID 7 FLAGS (\Seen) RFC822.SIZE 4711 INTERNALDATE "...") */
static bool read_imap(struct sv line, int64_t from, struct mailbox_mail *out)
{
	if (sv_find(line, SV(" FETCH (")) < 0)
		return false;
	*out = (struct mailbox_mail){ .uid = number_after(line, "UID "),
				      .size = number_after(line, "RFC822.SIZE "),
				      .at_ms = internal_date(line),
				      .seen = sv_find(line, SV("\\Seen")) >= 0 };
	return out->uid >= from;
}

/* 3 whqtswO00WBw418f9t5JxYwZ */
static bool read_pop3(struct sv line, struct mailbox_mail *out)
{
	struct sv name = line, number = sv_cut(&name, ' ');
	int64_t n;

	name = sv_trim(name);
	if (!sv_to_i64(number, &n) || n <= 0 || !name.n || name.n > 200 || !sv_is_text(name))
		return false;
	*out = (struct mailbox_mail){ .uid = n, .size = -1, .name = name };
	return true;
}

static int by_uid(const void *a, const void *b)
{
	int64_t x = ((const struct mailbox_mail *)a)->uid, y = ((const struct mailbox_mail *)b)->uid;

	return (x > y) - (x < y);
}

size_t mailbox_read_list(const struct mailbox *m, struct sv answer, int64_t from,
			 struct mailbox_mail **out, struct arena *a)
{
	struct sv rest = answer;
	size_t lines = 1, n = 0;

	for (size_t i = 0; i < answer.n; i++)
		lines += answer.p[i] == '\n';
	*out = ARENA_ARRAY(a, lines, struct mailbox_mail);
	while (sv_present(rest)) {
		struct sv line = sv_trim(sv_cut(&rest, '\n'));

		n += mailbox_is_pop3(m) ? read_pop3(line, &(*out)[n]) : read_imap(line, from, &(*out)[n]);
	}
	qsort(*out, n, sizeof(**out), by_uid);
	return n;
}

struct sv mailbox_error(const struct mailbox *m, const struct net_response *r, struct arena *a)
{
	static const char *const words[NET__ERROR_MAX] = {
		[NET_BAD_REQUEST] = "The server's address is not right",
		[NET_REFUSED] = "The server's address may not be called from here",
		[NET_RESOLVE] = "There is no server of that name",
		[NET_CONNECT] = "The server does not answer",
		[NET_TLS] = "There is no safe connection to the server",
		[NET_TIMEOUT] = "The server did not answer in time",
		[NET_BROKEN] = "The connection to the server broke",
		[NET_DENIED] = "The server does not accept the user name or password",
		[NET_MISSING] = "The server has no such folder",
	};
	const char *said = words[r->error] ? words[r->error] : "The server could not be read";
	struct sv text = r->text;

	(void)m;
	if (text.n > 300)
		text.n = 300;
	while (text.n && !sv_is_text(text))
		text.n--;
	return sv_from(text.n ? arena_printf(a, "%s: %.*s", said, SV_ARG(text)) : said);
}
