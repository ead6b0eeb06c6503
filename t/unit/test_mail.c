/* mail/mime: messages read back by GMime. */
#include "t/unit/tap.h"

#include "mail/mail.h"

#include <gmime/gmime.h>

static struct arena *arena;

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

/* ---- messages ---- */

static const struct mail_address ann = { SV("Änn Exämple, Ltd"), SV("ann@example.org") };
static const struct mail_address bob = { SV(""), SV("bob@example.net") };

static struct mail_message plain(void)
{
	return (struct mail_message){
		.from = ann,
		.to = &bob,
		.n_to = 1,
		.subject = SV("Grüße"),
		.text = SV("Hello\r\nyou\n"),
	};
}

static struct sv build(const struct mail_message *m)
{
	struct buf out = BUF_INIT;
	struct err e;
	struct sv bytes;

	if (mail_build(m, &out, NULL, arena, &e) != ST_OK) {
		printf("# %.*s\n", SV_ARG(e.message));
		return SV("");
	}
	bytes = arena_sv(arena, buf_sv(&out));
	buf_release(&out);
	return bytes;
}

static GMimeMessage *parse(struct sv bytes)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes.p, bytes.n);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *msg = g_mime_parser_construct_message(parser, NULL);

	g_object_unref(parser);
	g_object_unref(stream);
	return msg;
}

static struct sv header(GMimeMessage *msg, const char *name)
{
	return sv_from(g_mime_object_get_header(GMIME_OBJECT(msg), name));
}

/* "text/plain", and its decoded content. */
static struct sv type_of(GMimeObject *o)
{
	char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(o));
	struct sv copy = arena_sv(arena, sv_from(type));

	g_free(type);
	return copy;
}

static struct sv content_of(GMimeObject *o)
{
	GMimeStream *stream = g_mime_stream_mem_new();
	GByteArray *bytes;
	struct sv copy;

	g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(o)), stream);
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	copy = arena_sv(arena, sv_make((char *)bytes->data, bytes->len));
	g_object_unref(stream);
	return copy;
}

static GMimeObject *child(GMimeObject *o, int i)
{
	return g_mime_multipart_get_part(GMIME_MULTIPART(o), i);
}

static int children(GMimeObject *o)
{
	return GMIME_IS_MULTIPART(o) ? g_mime_multipart_get_count(GMIME_MULTIPART(o)) : 0;
}

/* Every line ends in CRLF, none is longer than 998 bytes, all bytes are ASCII. */
static bool is_transportable(struct sv s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++, line++) {
		if ((s.p[i] == '\n') != (i && s.p[i - 1] == '\r') || s.p[i] & 0x80 || line > 998)
			return false;
		if (s.p[i] == '\n')
			line = 0;
	}
	return sv_ends(s, SV("\r\n"));
}

static void test_plain(void)
{
	struct mail_message m = plain();
	struct sv bytes, id;
	struct err e;
	buf_auto struct buf out = BUF_INIT;
	InternetAddress *from;
	GMimeMessage *msg;

	m.date_ms = INT64_C(1736944496000);
	bytes = build(&m);
	msg = parse(bytes);
	ok(is_transportable(bytes), "CRLF, short lines, ASCII");
	is_sv(sv_from(g_mime_message_get_subject(msg)), SV("Grüße"), "subject");
	ok(has(bytes, "Subject: =?") && !has(bytes, "Gr\xc3"), "which is encoded");
	from = internet_address_list_get_address(g_mime_message_get_from(msg), 0);
	is_sv(sv_from(internet_address_get_name(from)), ann.name, "sender's name");
	is_sv(sv_from(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(from))), ann.email,
	      "sender's address");
	is_sv(header(msg, "To"), SV("bob@example.net"), "recipient without one");
	is_sv(header(msg, "Date"), SV("Wed, 15 Jan 2025 12:34:56 +0000"), "date");
	ok(has(bytes, "MIME-Version: 1.0\r\n"), "MIME-Version");
	is_sv(type_of(msg->mime_part), SV("text/plain"), "one part");
	is_sv(content_of(msg->mime_part), SV("Hello\r\nyou\r\n"),
	      "text, its line ends made the same");
	ok(sv_ends(sv_from(g_mime_message_get_message_id(msg)), SV("@example.org")),
	   "a new Message-ID at the sender's domain");
	g_object_unref(msg);
	m.message_id = SV("abc.1@mail.example.org");
	ok(mail_build(&m, &out, &id, arena, &e) == ST_OK && sv_eq(id, m.message_id) &&
		   has(buf_sv(&out), "Message-Id: <abc.1@mail.example.org>\r\n"),
	   "or the one given");
}

static void test_headers(void)
{
	static const struct mail_header more[] = { { SV("Auto-Submitted"), SV("auto-generated") },
						   { SV("X-Kontor-Note"), SV("schön") } };
	static const struct mail_address cc[] = { { SV("Cé"), SV("c@example.com") },
						  { SV("D"), SV("d@example.com") } };
	static const struct mail_address bcc = { SV(""), SV("hidden@example.com") };
	struct mail_message m = plain();
	const char *url = arena_printf(arena, "https://kontor.example.org/u/%0200d", 7);
	struct sv bytes;
	GMimeMessage *msg;

	m.reply_to = (struct mail_address){ SV("Désk"), SV("desk@example.org") };
	m.cc = cc;
	m.n_cc = 2;
	m.bcc = &bcc;
	m.n_bcc = 1;
	m.in_reply_to = SV("x@example.net");
	m.references = SV("<w@example.net> <x@example.net>");
	m.unsubscribe_url = sv_from(url);
	m.headers = more;
	m.n_headers = 2;
	bytes = build(&m);
	msg = parse(bytes);
	ok(is_transportable(bytes), "CRLF, short lines, ASCII");
	is_sv(header(msg, "Reply-To"), SV("Désk <desk@example.org>"), "Reply-To");
	is_sv(header(msg, "Cc"), SV("Cé <c@example.com>, D <d@example.com>"), "Cc");
	ok(!has(bytes, "hidden@"), "Bcc stands in no header");
	is_sv(header(msg, "In-Reply-To"), SV("<x@example.net>"), "In-Reply-To");
	is_sv(header(msg, "References"), SV("<w@example.net> <x@example.net>"), "References");
	ok(has(bytes, arena_printf(arena, "List-Unsubscribe: <%s>\r\n", url)),
	   "List-Unsubscribe is not broken, however long");
	ok(has(bytes, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "RFC 8058");
	is_sv(header(msg, "Auto-Submitted"), SV("auto-generated"), "own header");
	is_sv(header(msg, "X-Kontor-Note"), SV("schön"), "own header, encoded");
	g_object_unref(msg);
}

static void test_alternative(void)
{
	struct mail_message m = plain();
	char *longline = arena_alloc(arena, 3001);
	GMimeMessage *msg;
	struct sv bytes;

	memset(longline, 'x', 3000);
	m.html = sv_from(arena_printf(arena, "<p>سلام = %s\n.\n</p>", longline));
	bytes = build(&m);
	msg = parse(bytes);
	ok(is_transportable(bytes), "a line of 3000 bytes is wrapped");
	is_sv(type_of(msg->mime_part), SV("multipart/alternative"), "text and HTML");
	is_sv(type_of(child(msg->mime_part, 0)), SV("text/plain"), "the plain one first");
	is_sv(type_of(child(msg->mime_part, 1)), SV("text/html"), "the rich one last");
	is_sv(content_of(child(msg->mime_part, 1)),
	      sv_from(arena_printf(arena, "<p>سلام = %s\r\n.\r\n</p>", longline)),
	      "the HTML is what was given");
	g_object_unref(msg);
	m.text = SV("");
	msg = parse(build(&m));
	is_sv(type_of(msg->mime_part), SV("text/html"), "HTML alone");
	g_object_unref(msg);
}

static void test_attachments(void)
{
	static char bytes[70000];
	struct mail_attachment files[] = {
		{ SV("Angebot für Ånn – 2025.pdf"),
		  SV("application/pdf"),
		  { bytes, sizeof(bytes) } },
		{ SV("logo.png"), SV("image/png"), SV("\x89PNG\r\n\x1a\n\0"), SV("logo@kontor") },
	};
	struct mail_message m = plain();
	GMimeObject *top, *o;
	GMimeMessage *msg;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	m.html = SV("<img src=\"cid:logo@kontor\">");
	m.attachments = files;
	m.n_attachments = 2;
	msg = parse(build(&m));
	top = msg->mime_part;
	is_sv(type_of(top), SV("multipart/mixed"), "with a file");
	is_int(children(top), 2, "what is read, and the file");
	o = child(top, 1);
	is_sv(type_of(o), SV("application/pdf"), "the file's type");
	is_sv(sv_from(g_mime_part_get_filename(GMIME_PART(o))), files[0].name, "its name");
	ok(sv_eq(content_of(o), files[0].data), "its bytes");
	ok(g_mime_part_is_attachment(GMIME_PART(o)), "it is an attachment");
	o = child(child(top, 0), 1);
	is_sv(type_of(o), SV("multipart/related"), "HTML with its picture");
	is_sv(sv_from(g_mime_part_get_content_id(GMIME_PART(child(o, 1)))), SV("logo@kontor"),
	      "which the HTML names");
	ok(sv_eq(content_of(child(o, 1)), files[1].data), "the picture's bytes");
	g_object_unref(msg);
}

/* ---- what is refused ---- */

static void refuse(const struct mail_message *m, const char *field, const char *name)
{
	buf_auto struct buf out = BUF_INIT;
	struct err e = { .status = ST_OK };

	ok(mail_build(m, &out, NULL, arena, &e) == ST_BAD_INPUT && sv_eq(e.field, sv_from(field)) &&
		   !out.n,
	   "refused: %s", name);
}

#define REFUSE(name, member, ...)                                                                  \
	do {                                                                                       \
		struct mail_message bad_ = plain();                                                \
		bad_.member = __VA_ARGS__;                                                         \
		refuse(&bad_, #member, name);                                                      \
	} while (0)

static void test_refused(void)
{
	static const struct mail_address evil_name = { SV("A\r\nBcc: x@example.com"),
						       SV("a@example.org") };
	/* clang-format off */
	static const struct mail_address evil[] = {
		{ SV(""), SV("a@example.org\r\nBcc: x@example.com") },
		{ SV(""), SV("a@example.org>") },
		{ SV(""), SV("a@b@c") },
		{ SV(""), SV("a") },
		{ SV(""), SV("") },
		{ SV(""), SV("@x") },
		{ SV(""), SV("a b@example.org") },
		{ SV(""), SV("a@example..org") },
		{ SV(""), SV("a,b@example.org") },
	};
	static const struct mail_header headers[] = {
		{ SV("X-A"), SV("1\r\nBcc: x@example.com") },
		{ SV("X-A\r\nBcc"), SV("x@example.com") },
		{ SV("X-A"), SV("1\n2") },
		{ SV("X-A"), SV("1\r2") },
		{ SV("X A"), SV("1") },
		{ SV("Bcc"), SV("x@example.com") },
		{ SV("subject"), SV("x") },
		{ SV("Content-Type"), SV("text/html") },
		{ SV("X-A"), SV("a\0b") },
	};
	static const struct mail_attachment files[] = {
		{ SV("a\r\nX: y"), SV("image/png"), SV("") },
		{ SV("a"), SV("image/png\r\nX: y"), SV("") },
		{ SV("a"), SV("image"), SV("") },
		{ SV("a"), SV(""), SV(""), SV("c\r\nd") },
	};
	/* clang-format on */

	REFUSE("line break in the subject", subject, SV("Hello\r\nBcc: x@example.com"));
	REFUSE("bare LF in the subject", subject, SV("Hello\nBcc: x@example.com"));
	REFUSE("bare CR in the subject", subject, SV("Hello\rBcc: x@example.com"));
	REFUSE("NUL in the subject", subject, SV("Hello\0"));
	REFUSE("text that is not UTF-8", text, SV("\xff\xfe"));
	REFUSE("line break in the sender's name", from, evil_name);
	REFUSE("line break in the Message-ID", message_id, SV("a\r\nb@c"));
	REFUSE("line break in References", references, SV("<a@b>\r\nBcc: x@example.com"));
	REFUSE("In-Reply-To that closes its bracket", in_reply_to, SV("a@b> <c"));
	REFUSE("line break in the unsubscribe address", unsubscribe_url,
	       SV("https://x/\r\nBcc: y@z"));
	REFUSE("Reply-To with a line break", reply_to, evil[0]);
	REFUSE("no recipient's address", to, &(struct mail_address){ SV("Nobody"), SV("") });
	for (size_t i = 0; i < sizeof(evil) / sizeof(*evil); i++)
		REFUSE("recipient's address", to, &evil[i]);
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct mail_message m = plain();

		m.headers = &headers[i];
		m.n_headers = 1;
		refuse(&m, "headers", "header");
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct mail_message m = plain();

		m.attachments = &files[i];
		m.n_attachments = 1;
		refuse(&m, "attachments", "attachment");
	}
}

static void test_address(void)
{
	struct mail_address p;
	struct err e;

	ok(mail_parse_address(SV("Kontor <kontor@localhost>"), &p, arena, &e) == ST_OK &&
		   sv_eq(p.name, SV("Kontor")) && sv_eq(p.email, SV("kontor@localhost")),
	   "name and address");
	ok(mail_parse_address(SV(" a@example.org "), &p, arena, &e) == ST_OK && !p.name.n &&
		   sv_eq(p.email, SV("a@example.org")),
	   "address alone");
	ok(mail_parse_address(SV("\"Doe, J\" <j@example.org>"), &p, arena, &e) == ST_OK &&
		   sv_eq(p.name, SV("Doe, J")),
	   "quoted name");
	ok(mail_parse_address(SV("a@x.org, b@x.org"), &p, arena, &e) == ST_BAD_INPUT &&
		   mail_parse_address(SV("nobody"), &p, arena, &e) == ST_BAD_INPUT &&
		   mail_parse_address(SV(""), &p, arena, &e) == ST_BAD_INPUT &&
		   mail_parse_address(SV("a@x.org\nb"), &p, arena, &e) == ST_BAD_INPUT,
	   "two, none, broken");
}

static void test_invitation(void)
{
	struct ics_event v = { .uid = SV("1@example.org"),
			       .organizer = ann,
			       .attendees = &bob,
			       .n_attendees = 1,
			       .start_ms = 0,
			       .end_ms = 1800000,
			       .summary = SV("Erstgespräch") };
	buf_auto struct buf ics = BUF_INIT;
	struct mail_message m = plain();
	struct err e;
	GMimeObject *top, *part;
	GMimeMessage *msg;

	m.html = SV("<p>Booked</p>");
	ok(ics_build(&v, &ics, arena, &e) == ST_OK, "an invitation");
	m.calendar = buf_sv(&ics);
	msg = parse(build(&m));
	top = msg->mime_part;
	ok(sv_eq(type_of(top), SV("multipart/mixed")) && children(top) == 2 &&
		   children(child(top, 0)) == 3,
	   "text, HTML and calendar, then the file");
	part = child(child(top, 0), 2);
	is_sv(type_of(part), SV("text/calendar"), "SCH-90 the calendar is an alternative");
	is_sv(sv_from(g_mime_object_get_content_type_parameter(part, "method")), SV("REQUEST"),
	      "SCH-90 with its method");
	ok(sv_eq(content_of(part), m.calendar), "SCH-90 byte for byte");
	part = child(top, 1);
	ok(sv_eq(sv_from(g_mime_part_get_filename(GMIME_PART(part))), SV("invite.ics")) &&
		   sv_eq(content_of(part), m.calendar),
	   "SCH-90 and the file invite.ics");
	g_object_unref(msg);
}

int main(void)
{
	arena = arena_new();
	mail_init();
	test_plain();
	test_headers();
	test_alternative();
	test_attachments();
	test_refused();
	test_address();
	test_invitation();
	arena_free(arena);
	return tap_done();
}
