/* A mail taken apart. */
#include "mail/read.h"

#include "base/buf.h"
#include "mail/html.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 65536
#define NAME_MAX_BYTES 200
#define SUBJECT_MAX 900
#define HTML_MAX (8 * MAIL_TEXT_MAX)
#define DEPTH_MAX 50
#define REPORT_MAX 65536

struct reader {
	struct arena *a;
	const struct mail_sink *sink;
	struct mail_in *out;
	GMimeParserOptions *options;
	struct buf text, html;
	size_t parts;
	bool has_text, has_html;
};

/* ---- is it harmless to parse? ------------------------------------------------------ */

/* The parser calls itself for each multipart and each mail within the mail, so
 * their number is known before it begins: at most one for each of these words. */
static size_t count_words(const char *p, size_t n)
{
	static const char *const words[] = { "boundary", "message/" };
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		char c = (char)(p[i] | 0x20);

		if (c != 'b' && c != 'm')
			continue;
		for (size_t k = 0; k < 2; k++)
			count += n - i >= 8 && !strncasecmp(p + i, words[k], 8);
	}
	return count;
}

static bool too_nested(int fd)
{
	char buf[PIECE];
	off_t at = 0;
	size_t count = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0 && count <= MAIL_NESTED_MAX) {
		count += count_words(buf, (size_t)n);
		at += n < PIECE ? n : n - 8; /* a word may lie across the border */
	}
	return count > MAIL_NESTED_MAX;
}

/* Where the header ends. */
static gint64 header_end(int fd)
{
	char buf[PIECE];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	struct sv s = sv_make(buf, n > 0 ? (size_t)n : 0);
	ptrdiff_t lf = sv_find(s, SV("\n\n")), crlf = sv_find(s, SV("\r\n\r\n"));

	if (crlf >= 0 && (lf < 0 || crlf < lf))
		return crlf + 4;
	return lf >= 0 ? lf + 2 : (gint64)s.n;
}

/* ---- small texts ----------------------------------------------------------------------- */

static struct sv clip(struct sv s, size_t max)
{
	if (s.n > max)
		s.n = max;
	while (s.n && !sv_is_text(s))
		s.n--;
	return s;
}

/* UTF-8 without control characters; bytes that are none are taken for Windows' Latin. */
static struct sv clean(struct reader *r, const char *text, size_t max)
{
	struct sv s = sv_from(text);
	char *made = NULL, *p;
	struct sv out;

	if (s.n && !g_utf8_validate(s.p, (gssize)s.n, NULL)) {
		made = g_convert_with_fallback(s.p, (gssize)s.n, "UTF-8", "WINDOWS-1252", "?", NULL,
					       NULL, NULL);
		s = sv_from(made);
	}
	p = arena_dup(r->a, s);
	g_free(made);
	for (char *c = p; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	out = sv_trim(sv_from(p));
	if (out.n > max)
		out.n = max;
	while (out.n && !sv_is_text(out))
		out.n--;
	return out;
}

static struct sv id_of(struct reader *r, const char *text)
{
	struct sv s = sv_trim(sv_from(text));

	if (s.n && s.p[0] == '<')
		s = sv_skip(s, 1);
	s = sv_cut(&s, '>');
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f)
			return SV_NONE;
	return s.n && s.n <= 900 ? arena_sv(r->a, s) : SV_NONE;
}

static struct sv header(struct reader *r, GMimeObject *o, const char *name, size_t max)
{
	return clean(r, g_mime_object_get_header(o, name), max);
}

/* ---- the header ----------------------------------------------------------------------------- */

static size_t people_of(struct reader *r, InternetAddressList *list, struct mail_address *v,
			size_t n, int depth)
{
	int count = list ? internet_address_list_length(list) : 0;

	for (int i = 0; i < count && n < MAIL_PEOPLE_MAX; i++) {
		InternetAddress *one = internet_address_list_get_address(list, i);

		if (INTERNET_ADDRESS_IS_GROUP(one)) {
			if (depth < 3)
				n = people_of(r, internet_address_group_get_members(
							 INTERNET_ADDRESS_GROUP(one)),
					      v, n, depth + 1);
			continue;
		}
		v[n].name = clean(r, internet_address_get_name(one), NAME_MAX_BYTES);
		v[n].email = clean(
			r, internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)), 254);
		n += mail_valid_address(v[n].email);
	}
	return n;
}

static size_t read_people(struct reader *r, GMimeMessage *m, GMimeAddressType type,
			  struct mail_address **v)
{
	*v = ARENA_ARRAY(r->a, MAIL_PEOPLE_MAX + 1, struct mail_address);
	return people_of(r, g_mime_message_get_addresses(m, type), *v, 0, 0);
}

static struct mail_address first_of(struct reader *r, GMimeMessage *m, GMimeAddressType type)
{
	struct mail_address *v;

	return read_people(r, m, type, &v) ? v[0] : (struct mail_address){ 0 };
}

static void read_references(struct reader *r, GMimeObject *o, const char *name, struct sv **v,
			    size_t *n)
{
	const char *text = g_mime_object_get_header(o, name);
	GMimeReferences *refs = text ? g_mime_references_parse(r->options, text) : NULL;
	int count = refs ? g_mime_references_length(refs) : 0;
	int from = count > MAIL_RELATIVES_MAX ? count - MAIL_RELATIVES_MAX : 0;

	*v = ARENA_ARRAY(r->a, (size_t)(count - from) + 1, struct sv);
	for (int i = from; i < count; i++) {
		(*v)[*n] = id_of(r, g_mime_references_get_message_id(refs, i));
		*n += (*v)[*n].n > 0;
	}
	if (refs)
		g_mime_references_free(refs);
}

static bool is_one_of(struct sv s, const char *const *list)
{
	for (; *list; list++)
		if (sv_ieq(s, sv_from(*list)))
			return true;
	return false;
}

/* RFC 3834 and what programs did before it. */
static bool is_automatic(struct reader *r, GMimeObject *o)
{
	static const char *const bulk[] = { "bulk", "junk", "list", "auto_reply", NULL };
	static const char *const signs[] = { "X-Autoreply",  "X-Autorespond", "X-Auto-Response-Suppress",
					     "List-Id", "List-Unsubscribe", "Feedback-ID" };
	struct sv said = header(r, o, "Auto-Submitted", 100), from = r->out->from.email;
	struct sv local = sv_cut(&from, '@');
	static const char *const robots[] = { "mailer-daemon", "postmaster", "noreply", "no-reply",
					      "donotreply", "do-not-reply", NULL };

	if (said.n && !sv_ieq(sv_trim(sv_cut(&said, ';')), SV("no")))
		return true;
	if (is_one_of(header(r, o, "Precedence", 100), bulk) || is_one_of(local, robots))
		return true;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (g_mime_object_get_header(o, signs[i]))
			return true;
	return sv_eq(header(r, o, "Return-Path", 100), SV("<>"));
}

static void read_header(struct reader *r, GMimeMessage *m)
{
	GMimeObject *o = GMIME_OBJECT(m);
	struct mail_in *out = r->out;
	GDateTime *date = g_mime_message_get_date(m);
	struct sv *answered;
	size_t n = 0;

	out->message_id = id_of(r, g_mime_message_get_message_id(m));
	out->subject = clean(r, g_mime_message_get_subject(m), SUBJECT_MAX);
	out->from = first_of(r, m, GMIME_ADDRESS_TYPE_FROM);
	if (!out->from.email.n)
		out->from = first_of(r, m, GMIME_ADDRESS_TYPE_SENDER);
	out->reply_to = first_of(r, m, GMIME_ADDRESS_TYPE_REPLY_TO);
	out->n_to = read_people(r, m, GMIME_ADDRESS_TYPE_TO, &out->to);
	out->n_cc = read_people(r, m, GMIME_ADDRESS_TYPE_CC, &out->cc);
	out->delivered_to = header(r, o, "Delivered-To", 254);
	if (date)
		out->date_ms = g_date_time_to_unix(date) * 1000;
	read_references(r, o, "References", &out->references, &out->n_references);
	read_references(r, o, "In-Reply-To", &answered, &n);
	if (n)
		out->in_reply_to = answered[0];
	out->automatic = is_automatic(r, o);
}

/* ---- contents of parts ------------------------------------------------------------------------ */

/* The part's bytes, decoded, as a stream; NULL: it has none. */
static GMimeStream *content_of(GMimePart *part, const char *charset)
{
	GMimeDataWrapper *w = g_mime_part_get_content(part);
	GMimeStream *raw = w ? g_mime_data_wrapper_get_stream(w) : NULL, *s;
	GMimeFilter *f;

	if (!raw)
		return NULL;
	g_mime_stream_reset(raw);
	s = g_mime_stream_filter_new(raw);
	f = g_mime_filter_basic_new(g_mime_data_wrapper_get_encoding(w), false);
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(s), f);
	g_object_unref(f);
	f = charset ? g_mime_filter_charset_new(charset, "UTF-8") : NULL;
	if (f) {
		g_mime_stream_filter_add(GMIME_STREAM_FILTER(s), f);
		g_object_unref(f);
	}
	return s;
}

/* At most max bytes of it behind what out holds; false: there was more. */
static bool read_all(GMimeStream *s, struct buf *out, size_t max)
{
	ssize_t n = 0;

	while (s && out->n < max) {
		size_t want = max - out->n < PIECE ? max - out->n : PIECE;

		n = g_mime_stream_read(s, buf_room(out, want), want);
		if (n <= 0)
			return true;
		out->n += (size_t)n;
	}
	return n <= 0;
}

/* Append text as UTF-8 without NUL and CR. */
static void add_text(struct buf *out, struct sv s)
{
	char *made = NULL;

	if (!g_utf8_validate(s.p, (gssize)s.n, NULL)) {
		gsize n = 0;

		/* NUL is no character of a text either. */
		for (size_t i = 0; i < s.n; i++)
			if (!s.p[i])
				((char *)(uintptr_t)s.p)[i] = ' ';
		if (!g_utf8_validate(s.p, (gssize)s.n, NULL)) {
			made = g_convert_with_fallback(s.p, (gssize)s.n, "UTF-8", "WINDOWS-1252", "?",
						       NULL, &n, NULL);
			s = made ? sv_make(made, n) : SV("");
		}
	}
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] && s.p[i] != '\r')
			buf_addc(out, s.p[i]);
	g_free(made);
}

static void read_text(struct reader *r, GMimePart *part, struct buf *out, size_t max)
{
	const char *charset =
		g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
	GMimeStream *s = content_of(part, charset && g_ascii_strcasecmp(charset, "utf-8") ?
						  charset : NULL);
	struct buf raw = BUF_INIT;

	if (out->n)
		buf_addc(out, '\n');
	if (out->n < max && !read_all(s, &raw, max - out->n))
		r->out->cut = true;
	add_text(out, buf_sv(&raw));
	buf_release(&raw);
	if (s)
		g_object_unref(s);
}

static const char *const endings[][2] = {
	{ "image/jpeg", ".jpg" },     { "image/png", ".png" },	 { "image/gif", ".gif" },
	{ "image/webp", ".webp" },    { "application/pdf", ".pdf" }, { "text/plain", ".txt" },
	{ "text/html", ".html" },     { "text/calendar", ".ics" },   { "message/rfc822", ".eml" },
	{ "message/delivery-status", ".txt" },
};

static struct sv file_name(struct reader *r, const char *given, struct sv type)
{
	struct sv name = clean(r, given, 4 * NAME_MAX_BYTES);
	const char *ending = "";

	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '/' || name.p[i - 1] == '\\') {
			name = sv_skip(name, i);
			break;
		}
	name = clip(name, NAME_MAX_BYTES);
	if (name.n)
		return name;
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (sv_eq(type, sv_from(endings[i][0])))
			ending = endings[i][1];
	return sv_from(arena_printf(r->a, "attachment%s", ending));
}

static struct sv type_of(struct reader *r, GMimeObject *o)
{
	GMimeContentType *t = g_mime_object_get_content_type(o);
	char *text = t ? g_mime_content_type_get_mime_type(t) : NULL;
	char *copy = arena_dup(r->a, sv_from(text));
	size_t n = strlen(copy);

	g_free(text);
	for (char *p = copy; *p; p++)
		*p = g_ascii_tolower(*p);
	if (!strchr(copy, '/') || n > 100 ||
	    strspn(copy, "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-/") != n)
		return SV("application/octet-stream");
	return sv_make(copy, n);
}

/* One more file for the sink; NULL when there are too many. */
static struct mail_file *file_add(struct reader *r)
{
	if (r->out->n_files == MAIL_FILES_MAX) {
		r->out->cut = true;
		return NULL;
	}
	return &r->out->files[r->out->n_files];
}

static void give_file(struct reader *r, struct mail_file *f, GMimeStream *s)
{
	const struct mail_sink *k = r->sink;
	char piece[PIECE];
	ssize_t n = 0;
	bool good = k->begin(k->arg, f);

	while (good && s && (n = g_mime_stream_read(s, piece, sizeof(piece))) > 0)
		good = k->data(k->arg, f, sv_make(piece, (size_t)n));
	if (good && k->end(k->arg, f))
		r->out->n_files++;
	else
		r->out->cut = true;
}

static void read_file(struct reader *r, GMimePart *part)
{
	struct mail_file *f = file_add(r);
	GMimeStream *s;

	if (!f)
		return;
	f->type = type_of(r, GMIME_OBJECT(part));
	f->name = file_name(r, g_mime_part_get_filename(part), f->type);
	f->content_id = id_of(r, g_mime_part_get_content_id(part));
	f->is_inline = f->content_id.n && sv_starts(f->type, SV("image/")) &&
		       !g_mime_object_get_disposition(GMIME_OBJECT(part));
	f->is_inline |= f->content_id.n && sv_starts(f->type, SV("image/")) &&
			!sv_ieq(sv_from(g_mime_object_get_disposition(GMIME_OBJECT(part))),
				SV("attachment"));
	s = content_of(part, NULL);
	give_file(r, f, s);
	if (s)
		g_object_unref(s);
}

/* A mail within the mail, as a file. */
static void read_mail_part(struct reader *r, GMimeMessagePart *part)
{
	GMimeMessage *inner = g_mime_message_part_get_message(part);
	struct mail_file *f = inner ? file_add(r) : NULL;
	GMimeStream *s;

	if (!f)
		return;
	f->type = SV("message/rfc822");
	f->name = file_name(r, g_mime_message_get_subject(inner), f->type);
	if (!sv_ends(f->name, SV(".eml")))
		f->name = sv_from(arena_printf(r->a, "%.*s.eml", SV_ARG(f->name)));
	s = g_mime_stream_mem_new();
	g_mime_object_write_to_stream(GMIME_OBJECT(inner), NULL, s);
	g_mime_stream_reset(s);
	give_file(r, f, s);
	g_object_unref(s);
}

/* ---- delivery reports ------------------------------------------------------------------------- */

/* The value of "Name: value" in the text, the first one. */
static struct sv field_of(struct sv text, const char *name)
{
	struct sv value = SV_NONE, want = sv_from(name);

	while (sv_present(text)) {
		struct sv line = sv_cut(&text, '\n'), key;

		if (value.p && line.n && (line.p[0] == ' ' || line.p[0] == '\t')) {
			value.n = (size_t)(line.p + line.n - value.p); /* folded */
			continue;
		}
		if (value.p)
			break;
		key = sv_cut(&line, ':');
		if (sv_present(line) && sv_ieq(sv_trim(key), want))
			value = sv_trim(line);
	}
	return value;
}

static struct sv behind_semicolon(struct sv s)
{
	struct sv rest = s;

	sv_cut(&rest, ';');
	return sv_trim(sv_present(rest) ? rest : s);
}

static void read_status(struct reader *r, struct sv text)
{
	struct mail_report *p = &r->out->report;

	if (p->action.n)
		return;
	p->action = clean(r, arena_dup(r->a, field_of(text, "Action")), 40);
	p->code = clean(r, arena_dup(r->a, field_of(text, "Status")), 40);
	p->reason = clean(r, arena_dup(r->a, behind_semicolon(field_of(text, "Diagnostic-Code"))), 500);
	p->recipient =
		clean(r, arena_dup(r->a, behind_semicolon(field_of(text, "Final-Recipient"))), 254);
}

/* The texts of a report: its fields, and the header of the mail that it is about. */
static bool read_report_part(struct reader *r, GMimePart *part, struct sv type)
{
	bool status = sv_eq(type, SV("message/delivery-status")) ||
		      sv_eq(type, SV("message/global-delivery-status"));
	bool head = sv_eq(type, SV("text/rfc822-headers")) ||
		    sv_eq(type, SV("message/global-headers"));
	struct buf raw = BUF_INIT, text = BUF_INIT;
	GMimeStream *s;

	if (!r->out->report.is_report || (!status && !head))
		return false;
	s = content_of(part, NULL);
	read_all(s, &raw, REPORT_MAX);
	add_text(&text, buf_sv(&raw));
	if (status)
		read_status(r, buf_sv(&text));
	else if (!r->out->report.message_id.n)
		r->out->report.message_id =
			id_of(r, arena_dup(r->a, field_of(buf_sv(&text), "Message-ID")));
	if (s)
		g_object_unref(s);
	buf_release(&raw);
	buf_release(&text);
	return true;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static bool is_attached(GMimeObject *o)
{
	const char *said = g_mime_object_get_disposition(o);

	return said && !g_ascii_strcasecmp(said, "attachment");
}

static void read_leaf(struct reader *r, GMimePart *part)
{
	struct sv type = type_of(r, GMIME_OBJECT(part));
	bool text = sv_eq(type, SV("text/plain")), html = sv_eq(type, SV("text/html"));

	if (read_report_part(r, part, type))
		return;
	if (text && !is_attached(GMIME_OBJECT(part)) && !g_mime_part_get_filename(part)) {
		r->has_text = true;
		read_text(r, part, &r->text, MAIL_TEXT_MAX);
	} else if (html && !r->has_html && !is_attached(GMIME_OBJECT(part))) {
		r->has_html = true;
		read_text(r, part, &r->html, HTML_MAX);
	} else {
		read_file(r, part);
	}
}

static void read_tree(struct reader *r, GMimeObject *o, int depth)
{
	int n;

	if (!o || depth > DEPTH_MAX || r->parts++ >= MAIL_PARTS_MAX) {
		r->out->cut |= o != NULL;
		return;
	}
	if (GMIME_IS_MULTIPART(o)) {
		n = g_mime_multipart_get_count(GMIME_MULTIPART(o));
		for (int i = 0; i < n && r->parts <= MAIL_PARTS_MAX; i++)
			read_tree(r, g_mime_multipart_get_part(GMIME_MULTIPART(o), i), depth + 1);
	} else if (GMIME_IS_MESSAGE_PART(o)) {
		GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));

		if (r->out->report.is_report && inner)
			r->out->report.message_id = id_of(r, g_mime_message_get_message_id(inner));
		read_mail_part(r, GMIME_MESSAGE_PART(o));
	} else if (GMIME_IS_PART(o)) {
		read_leaf(r, GMIME_PART(o));
	}
}

/* May this be one? It is, when it has the fields of a report. (OpenSMTPD sends them
 * as multipart/mixed.) */
static bool is_report(struct reader *r, GMimeObject *o)
{
	static const char *const daemons[] = { "mailer-daemon", "postmaster", NULL };
	GMimeContentType *t = o ? g_mime_object_get_content_type(o) : NULL;
	const char *kind = t ? g_mime_content_type_get_parameter(t, "report-type") : NULL;
	struct sv from = r->out->from.email;

	if (t && g_mime_content_type_is_type(t, "multipart", "report"))
		return !kind || !g_ascii_strcasecmp(kind, "delivery-status");
	return is_one_of(sv_cut(&from, '@'), daemons);
}

static void finish(struct reader *r)
{
	struct mail_in *out = r->out;
	struct sv text = sv_trim(buf_sv(&r->text));

	out->html = arena_sv(r->a, clip(buf_sv(&r->html), HTML_MAX));
	if (!text.n && out->html.n)
		text = mail_html_text(out->html, MAIL_TEXT_MAX, r->a);
	mail_cut_quote(arena_sv(r->a, clip(text, MAIL_TEXT_MAX)), &out->text, &out->quoted);
	if (!out->html.n)
		for (size_t i = 0; i < out->n_files; i++)
			out->files[i].is_inline = false;
	out->report.is_report &= out->report.action.n > 0;
	buf_release(&r->text);
	buf_release(&r->html);
}

static GMimeMessage *parse(int fd, GMimeParserOptions *options, gint64 end)
{
	GMimeStream *s = g_mime_stream_fs_new_with_bounds(fd, 0, end);
	GMimeParser *parser;
	GMimeMessage *m;

	g_mime_stream_fs_set_owner(GMIME_STREAM_FS(s), false);
	parser = g_mime_parser_new_with_stream(s);
	g_mime_parser_set_persist_stream(parser, true);
	m = g_mime_parser_construct_message(parser, options);
	g_object_unref(parser);
	g_object_unref(s);
	return m;
}

enum status mail_read(int fd, const struct mail_sink *sink, struct mail_in *out, struct arena *a,
		      struct err *e)
{
	struct reader r = { .a = a, .sink = sink, .out = out };
	bool nested = too_nested(fd);
	GMimeMessage *m;

	mail_init();
	*out = (struct mail_in){ .files = ARENA_ARRAY(a, MAIL_FILES_MAX, struct mail_file),
				 .cut = nested };
	r.options = g_mime_parser_options_new();
	m = parse(fd, r.options, nested ? header_end(fd) : -1);
	if (m) {
		read_header(&r, m);
		out->report.is_report = is_report(&r, g_mime_message_get_mime_part(m));
		if (!nested)
			read_tree(&r, g_mime_message_get_mime_part(m), 0);
		g_object_unref(m);
	}
	g_mime_parser_options_free(r.options);
	finish(&r);
	if (!m)
		return err_set(e, a, ST_BAD_INPUT, "This is no e-mail");
	return ST_OK;
}
