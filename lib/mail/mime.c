/* A message as bytes. */
#include "mail/mail.h"

#include "base/clock.h"
#include "base/uuid.h"

#include <gmime/gmime.h>

/* ---- checks ---- */

static enum status wrong(struct err *e, struct arena *a, const char *field, const char *why)
{
	err_set(e, a, ST_BAD_INPUT, "The mail's %s %s", field, why);
	e->field = sv_from(field);
	return ST_BAD_INPUT;
}

/* Printable ASCII without white space and < >, fit for one line: ids, addresses on the web. */
static bool one_word(struct sv s)
{
	if (s.n > 900)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '<' || s.p[i] == '>')
			return false;
	return true;
}

static enum status check_people(const struct mail_address *p, size_t n, const char *field,
				struct arena *a, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (!mail_valid_address(p[i].email))
			return wrong(e, a, field, "has no valid e-mail address");
		if (!mail_one_line(p[i].name))
			return wrong(e, a, field, "has a line break in the name");
	}
	return ST_OK;
}

static enum status check_all_people(const struct mail_message *m, struct arena *a, struct err *e)
{
	enum status s = check_people(&m->from, 1, "from", a, e);

	if (s == ST_OK && (m->reply_to.email.n || m->reply_to.name.n))
		s = check_people(&m->reply_to, 1, "reply_to", a, e);
	if (s == ST_OK)
		s = check_people(m->to, m->n_to, "to", a, e);
	if (s == ST_OK)
		s = check_people(m->cc, m->n_cc, "cc", a, e);
	if (s == ST_OK)
		s = check_people(m->bcc, m->n_bcc, "bcc", a, e);
	if (s == ST_OK && !(m->n_to + m->n_cc + m->n_bcc))
		s = wrong(e, a, "to", "is missing");
	return s;
}

static enum status check_texts(const struct mail_message *m, struct arena *a, struct err *e)
{
	const struct {
		const char *field;
		struct sv text;
		bool (*good)(struct sv s);
	} texts[] = {
		{ "subject", m->subject, mail_one_line },
		{ "message_id", m->message_id, one_word },
		{ "in_reply_to", m->in_reply_to, one_word },
		{ "references", m->references, mail_one_line },
		{ "unsubscribe_url", m->unsubscribe_url, one_word },
		{ "text", m->text, sv_is_text },
		{ "html", m->html, sv_is_text },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].text.n && !texts[i].good(texts[i].text))
			return wrong(e, a, texts[i].field, "has characters that cannot be sent");
	return ST_OK;
}

static bool is_token(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!g_ascii_isalnum(s.p[i]) && !strchr("!#$&-^_.+", s.p[i]))
			return false;
	return s.n != 0;
}

static bool is_type(struct sv type)
{
	struct sv sub = type, main = sv_cut(&sub, '/');

	return is_token(main) && is_token(sub);
}

static enum status check_attachments(const struct mail_message *m, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct mail_attachment *f = &m->attachments[i];

		if (!mail_one_line(f->name) || !one_word(f->content_id))
			return wrong(e, a, "attachments", "have a line break in a name");
		if (f->type.n && !is_type(f->type))
			return wrong(e, a, "attachments", "have a malformed type");
	}
	return ST_OK;
}

static bool is_header_name(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!g_ascii_isalnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n != 0;
}

/* Headers that fields of the message make; a second one would be an attack or a slip. */
static bool is_made_here(struct sv name)
{
	static const char *const made[] = {
		"from",
		"sender",
		"to",
		"cc",
		"bcc",
		"reply-to",
		"subject",
		"date",
		"message-id",
		"in-reply-to",
		"references",
		"mime-version",
		"list-unsubscribe",
		"list-unsubscribe-post",
		"return-path",
		"received",
	};

	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		if (sv_ieq(name, sv_from(made[i])))
			return true;
	return name.n >= 8 && sv_ieq(sv_make(name.p, 8), SV("content-"));
}

static enum status check_headers(const struct mail_message *m, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < m->n_headers; i++) {
		const struct mail_header *h = &m->headers[i];

		if (!is_header_name(h->name) || !mail_one_line(h->value))
			return wrong(e, a, "headers", "have characters that cannot be sent");
		if (is_made_here(h->name))
			return wrong(e, a, "headers", "name one that the mail has by itself");
	}
	return ST_OK;
}

static enum status check(const struct mail_message *m, struct arena *a, struct err *e)
{
	enum status s = check_all_people(m, a, e);

	if (s == ST_OK)
		s = check_texts(m, a, e);
	if (s == ST_OK)
		s = check_attachments(m, a, e);
	if (s == ST_OK)
		s = check_headers(m, a, e);
	return s;
}

/* ---- parts ---- */

static void set_content(GMimePart *part, struct sv data, GMimeContentEncoding encoding)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data.n ? data.p : "", data.n);
	GMimeDataWrapper *content =
		g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

	g_mime_part_set_content(part, content);
	g_mime_part_set_content_encoding(part, encoding);
	g_object_unref(content);
	g_object_unref(stream);
}

/* Lines end in LF here; the writer makes CRLF of them. */
static struct sv with_lf(struct sv s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n')
			out[n++] = s.p[i];
	return sv_make(out, n);
}

static GMimeObject *text_part(struct sv text, const char *subtype, struct arena *a)
{
	GMimePart *part = g_mime_part_new_with_type("text", subtype);

	g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
	set_content(part, with_lf(text, a), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	return GMIME_OBJECT(part);
}

static GMimeObject *calendar_part(const struct mail_message *m)
{
	GMimePart *part = g_mime_part_new_with_type("text", "calendar");
	GMimeObject *o = GMIME_OBJECT(part);

	g_mime_object_set_content_type_parameter(o, "charset", "utf-8");
	g_mime_object_set_content_type_parameter(o, "method", ics_method_name(m->calendar_method));
	set_content(part, m->calendar, GMIME_CONTENT_ENCODING_BASE64);
	return o;
}

static GMimeObject *file_part(const struct mail_attachment *f, struct arena *a)
{
	struct sv sub = f->type.n ? f->type : SV("application/octet-stream");
	struct sv main = sv_cut(&sub, '/');
	GMimePart *part = g_mime_part_new_with_type(arena_dup(a, main), arena_dup(a, sub));

	g_mime_object_set_disposition(GMIME_OBJECT(part),
				      f->content_id.n ? "inline" : "attachment");
	if (f->name.n)
		g_mime_part_set_filename(part, arena_dup(a, f->name));
	if (f->content_id.n)
		g_mime_part_set_content_id(part, arena_dup(a, f->content_id));
	set_content(part, f->data, GMIME_CONTENT_ENCODING_BASE64);
	return GMIME_OBJECT(part);
}

static void add_part(GMimeMultipart *to, GMimeObject *part)
{
	g_mime_multipart_add(to, part);
	g_object_unref(part);
}

/* The HTML, with the pictures that it shows. */
static GMimeObject *html_part(const struct mail_message *m, struct arena *a)
{
	GMimeObject *html = text_part(m->html, "html", a);
	GMimeMultipart *related = NULL;

	for (size_t i = 0; i < m->n_attachments; i++) {
		if (!m->attachments[i].content_id.n)
			continue;
		if (!related) {
			related = g_mime_multipart_new_with_subtype("related");
			add_part(related, html);
		}
		add_part(related, file_part(&m->attachments[i], a));
	}
	return related ? GMIME_OBJECT(related) : html;
}

/* What is read: text, HTML and invitation, the richest last (RFC 2046). */
static GMimeObject *readable_part(const struct mail_message *m, struct arena *a)
{
	GMimeMultipart *all;

	if (!m->html.n && !m->calendar.n)
		return text_part(m->text, "plain", a);
	if (!m->text.n && !m->calendar.n)
		return html_part(m, a);
	all = g_mime_multipart_new_with_subtype("alternative");
	if (m->text.n || !m->html.n)
		add_part(all, text_part(m->text, "plain", a));
	if (m->html.n)
		add_part(all, html_part(m, a));
	if (m->calendar.n)
		add_part(all, calendar_part(m));
	return GMIME_OBJECT(all);
}

static bool is_file(const struct mail_message *m, size_t i)
{
	return !m->attachments[i].content_id.n || !m->html.n;
}

static GMimeObject *body_part(const struct mail_message *m, struct arena *a)
{
	GMimeObject *readable = readable_part(m, a);
	GMimeMultipart *mixed;
	size_t files = m->calendar.n != 0;

	for (size_t i = 0; i < m->n_attachments; i++)
		files += is_file(m, i);
	if (!files)
		return readable;
	mixed = g_mime_multipart_new_with_subtype("mixed");
	add_part(mixed, readable);
	if (m->calendar.n) {
		struct mail_attachment invite = { .name = SV("invite.ics"),
						  .type = SV("application/ics"),
						  .data = m->calendar };

		add_part(mixed, file_part(&invite, a));
	}
	for (size_t i = 0; i < m->n_attachments; i++)
		if (is_file(m, i))
			add_part(mixed, file_part(&m->attachments[i], a));
	return GMIME_OBJECT(mixed);
}

/* ---- headers ---- */

static void set_people(GMimeMessage *msg, GMimeAddressType type, const struct mail_address *p,
		       size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++)
		g_mime_message_add_mailbox(msg, type, p[i].name.n ? arena_dup(a, p[i].name) : NULL,
					   arena_dup(a, p[i].email));
}

static void set_header(GMimeMessage *msg, const char *name, const char *value)
{
	g_mime_object_set_header(GMIME_OBJECT(msg), name, value, "utf-8");
}

/* As it is: GMime would break a long address on the web in two. */
static void set_raw_header(GMimeMessage *msg, const char *name, const char *value)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(msg));

	set_header(msg, name, "");
	g_mime_header_set_raw_value(g_mime_header_list_get_header(list, name), value);
}

static void set_unsubscribe(GMimeMessage *msg, struct sv url, struct arena *a)
{
	set_raw_header(msg, "List-Unsubscribe", arena_printf(a, " <%.*s>\n", SV_ARG(url)));
	set_header(msg, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
}

static struct sv make_id(const struct mail_message *m, struct arena *a)
{
	struct sv domain = m->from.email;

	if (m->message_id.n)
		return arena_sv(a, m->message_id);
	sv_cut(&domain, '@');
	struct sv unique = uuid_new(a);
	return sv_from(arena_printf(a, "%.*s@%.*s", SV_ARG(unique), SV_ARG(domain)));
}

static void set_date(GMimeMessage *msg, int64_t ms)
{
	GDateTime *date = g_date_time_new_from_unix_utc((ms ? ms : clock_now_ms()) / 1000);

	g_mime_message_set_date(msg, date);
	g_date_time_unref(date);
}

static void set_headers(GMimeMessage *msg, const struct mail_message *m, struct sv id,
			struct arena *a)
{
	set_date(msg, m->date_ms);
	set_people(msg, GMIME_ADDRESS_TYPE_FROM, &m->from, 1, a);
	set_people(msg, GMIME_ADDRESS_TYPE_REPLY_TO, &m->reply_to, m->reply_to.email.n != 0, a);
	set_people(msg, GMIME_ADDRESS_TYPE_TO, m->to, m->n_to, a);
	set_people(msg, GMIME_ADDRESS_TYPE_CC, m->cc, m->n_cc, a);
	g_mime_message_set_subject(msg, arena_dup(a, m->subject), "utf-8");
	g_mime_message_set_message_id(msg, id.p);
	if (m->in_reply_to.n)
		set_header(msg, "In-Reply-To", arena_printf(a, "<%.*s>", SV_ARG(m->in_reply_to)));
	if (m->references.n)
		set_header(msg, "References", arena_dup(a, m->references));
	if (m->unsubscribe_url.n)
		set_unsubscribe(msg, m->unsubscribe_url, a);
	for (size_t i = 0; i < m->n_headers; i++)
		set_header(msg, arena_dup(a, m->headers[i].name),
			   arena_dup(a, m->headers[i].value));
}

static void write_out(GMimeMessage *msg, struct buf *out)
{
	GMimeFormatOptions *options = g_mime_format_options_new();
	GMimeStream *stream = g_mime_stream_mem_new();
	GByteArray *bytes;

	g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
	g_mime_object_write_to_stream(GMIME_OBJECT(msg), options, stream);
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	buf_add(out, sv_make((const char *)bytes->data, bytes->len));
	g_object_unref(stream);
	g_mime_format_options_free(options);
}

enum status mail_build(const struct mail_message *m, struct buf *out, struct sv *message_id,
		       struct arena *a, struct err *e)
{
	enum status s = check(m, a, e);
	GMimeMessage *msg;
	GMimeObject *body;
	struct sv id;

	if (s != ST_OK)
		return s;
	mail_init();
	id = make_id(m, a);
	msg = g_mime_message_new(false);
	set_headers(msg, m, id, a);
	body = body_part(m, a);
	g_mime_message_set_mime_part(msg, body);
	g_object_unref(body);
	write_out(msg, out);
	g_object_unref(msg);
	if (message_id)
		*message_id = id;
	return ST_OK;
}
