/* E-mail going out: one mail per message, by SMTP or by Amazon SES. */
#include "channel/internal.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "mail/mail.h"
#include "mail/read.h"
#include "net/sigv4.h"

#define FILES_BYTES_MAX (25 << 20) /* CHA-106: together; what usual servers take */
#define SEND_MS 180000
#define RECIPIENTS_MAX 100

/* ---- composing ----------------------------------------------------------------- */

static const json_t *mail_of(const struct channel_part *p)
{
	return json_object_get(p->metadata, "mail");
}

static struct sv setting(const struct channel_part *p, const char *name)
{
	return channel_text(p->arena, p->account->settings, name);
}

/* [{address, name}], as far as they are addresses. */
static struct mail_address *people(const struct channel_part *p, const char *key, size_t *n)
{
	const json_t *list = json_object_get(mail_of(p), key), *one;
	struct mail_address *v = ARENA_ARRAY(p->arena, RECIPIENTS_MAX + 1, struct mail_address);
	size_t i;

	json_array_foreach (list, i, one) {
		struct mail_address who = { channel_text(p->arena, one, "name"),
					    channel_text(p->arena, one, "address") };

		if (*n < RECIPIENTS_MAX && mail_valid_address(who.email) && mail_one_line(who.name))
			v[(*n)++] = who;
	}
	return v;
}

/* "Ann" <ann@x> answers to ann+k.TOKEN@x where the mailbox takes that. */
static struct sv reply_address(const struct channel_part *p, struct sv own)
{
	struct sv token = channel_text(p->arena, mail_of(p), "token"), domain = own,
		  local = sv_cut(&domain, '@'), said = setting(p, "reply_to"),
		  plus = setting(p, "plus_addressing");

	if (said.n)
		return said;
	if (!token.n || !(sv_eq(plus, SV("yes")) || sv_eq(plus, SV("true")) || sv_eq(plus, SV("1"))))
		return SV_NONE;
	return sv_from(arena_printf(p->arena, "%.*s+k.%.*s@%.*s", SV_ARG(local), SV_ARG(token),
				    SV_ARG(domain)));
}

/* The text once more for programs that show HTML: its lines, and its addresses as links. */
static void add_line(struct buf *out, struct sv line)
{
	while (line.n) {
		ptrdiff_t at = sv_find(line, SV("https://"));
		size_t n = 0;

		if (at < 0) {
			buf_html(out, line);
			return;
		}
		buf_html(out, sv_make(line.p, (size_t)at));
		line = sv_skip(line, (size_t)at);
		while (n < line.n && (unsigned char)line.p[n] > ' ' && !strchr("<>\"'()", line.p[n]))
			n++;
		while (n > 8 && strchr(".,;:!?", line.p[n - 1]))
			n--;
		buf_lit(out, "<a href=\"");
		buf_html(out, sv_make(line.p, n));
		buf_lit(out, "\">");
		buf_html(out, sv_make(line.p, n));
		buf_lit(out, "</a>");
		line = sv_skip(line, n);
	}
}

static struct sv as_html(struct arena *a, struct sv text)
{
	struct buf *out = buf_in_arena(a);
	bool first = true;

	buf_lit(out, "<!doctype html><html><head><meta charset=\"utf-8\"></head><body><div dir=\"auto\">");
	while (sv_present(text)) {
		if (!first)
			buf_lit(out, "<br>\n");
		first = false;
		add_line(out, sv_cut(&text, '\n'));
	}
	buf_lit(out, "</div></body></html>\n");
	return buf_sv(out);
}

static struct sv references(const struct channel_part *p)
{
	struct buf *out = buf_in_arena(p->arena);
	const json_t *list = json_object_get(mail_of(p), "references"), *one;
	size_t i;

	json_array_foreach (list, i, one)
		if (json_is_string(one))
			buf_addf(out, "%s<%s>", out->n ? " " : "", json_string_value(one));
	return buf_sv(out);
}

static void set_files(const struct channel_part *p, struct mail_message *m)
{
	struct mail_attachment *v = ARENA_ARRAY(p->arena, p->n_files + 1, struct mail_attachment);

	for (size_t i = 0; i < p->n_files; i++)
		v[i] = (struct mail_attachment){ .name = p->files[i].name,
						 .type = p->files[i].type,
						 .data = p->files[i].data };
	m->attachments = v;
	m->n_attachments = p->n_files;
}

static const struct mail_header by_program[] = { { SV("Auto-Submitted"), SV("auto-generated") } };

static struct sv or_else(struct sv s, struct sv other)
{
	return s.n ? s : other;
}

static void compose(const struct channel_part *p, struct mail_message *m)
{
	struct mail_address *to, *one;
	struct sv html = channel_text(p->arena, mail_of(p), "body_html");

	*m = (struct mail_message){ .from = { setting(p, "display_name"), setting(p, "address") },
				    .subject = channel_text(p->arena, mail_of(p), "subject"),
				    .text = p->text.n ? p->text : SV(" "),
				    .message_id = p->own_id,
				    .in_reply_to = channel_text(p->arena, mail_of(p), "in_reply_to"),
				    .references = references(p),
				    .unsubscribe_url = channel_text(p->arena, mail_of(p), "unsubscribe_url") };
	m->html = or_else(html, as_html(p->arena, m->text));
	m->reply_to.email = reply_address(p, m->from.email);
	to = people(p, "to", &m->n_to);
	if (!m->n_to) {
		one = ARENA_ARRAY(p->arena, 1, struct mail_address);
		one->email = p->to;
		to = one;
		m->n_to = 1;
	}
	m->to = to;
	m->cc = people(p, "cc", &m->n_cc);
	m->bcc = people(p, "bcc", &m->n_bcc);
	if (json_is_true(json_object_get(mail_of(p), "auto"))) {
		m->headers = by_program;
		m->n_headers = 1;
	}
	set_files(p, m);
}

/* The mail's bytes into p->data. */
static bool build(struct channel_part *p, struct mail_message *m, struct channel_failure *f)
{
	struct buf *bytes = buf_in_arena(p->arena);
	struct err e = { 0 };
	size_t total = 0;

	for (size_t i = 0; i < p->n_files; i++)
		total += p->files[i].data.n;
	if (total > FILES_BYTES_MAX) {
		channel_fail(f, CHANNEL_PERMANENT, SV("file"),
			     SV("The files of a mail may have 25 MB together"));
		return false;
	}
	compose(p, m);
	if (mail_build(m, bytes, NULL, p->arena, &e)) {
		channel_fail(f, CHANNEL_PERMANENT, or_else(e.field, SV("mail")), err_message(&e));
		return false;
	}
	p->data = buf_sv(bytes);
	return true;
}

/* ---- SMTP ---------------------------------------------------------------------------- */

static bool smtp_request(struct channel_part *p, struct net_request *out, struct channel_failure *f)
{
	const struct channel_account *acc = p->account;
	struct mail_server s = {
		.url = setting(p, "outgoing_url"),
		.user = or_else(setting(p, "outgoing_user"), setting(p, "user")),
		.password = or_else(channel_secret(acc, "outgoing_password"), channel_secret(acc, "password")),
		.total_ms = SEND_MS,
	};
	struct mail_message m;
	struct err e = { 0 };

	if (!s.url.n) {
		channel_fail(f, CHANNEL_PERMANENT, SV("channel"),
			     SV("The account has no server for sending. Enter one in its settings"));
		return false;
	}
	if (!s.password.n)
		s.user = SV_NONE;
	if (!build(p, &m, f))
		return false;
	if (mail_smtp_request(&s, &m, SV_NONE, p->data, out, p->arena, &e)) {
		channel_fail(f, CHANNEL_PERMANENT, SV("channel"), err_message(&e));
		return false;
	}
	return true;
}

/* Reply codes of RFC 5321 and 4954 in words; the server's own follow. */
static struct sv smtp_words(struct arena *a, int code, struct sv said)
{
	static const struct {
		int code;
		const char *words;
	} known[] = {
		{ 421, "The mail server is not available" },
		{ 450, "The recipient's mailbox is busy" },
		{ 451, "The mail server had a problem" },
		{ 452, "The mail server has no room" },
		{ 530, "The mail server asks for a user name and password" },
		{ 534, "The mail server asks for another way to sign in" },
		{ 535, "The mail server does not accept the user name or password" },
		{ 550, "The recipient's mailbox does not exist or takes no mail from here" },
		{ 551, "The recipient has moved" },
		{ 552, "The mail is too large for the recipient" },
		{ 553, "The address is not allowed" },
		{ 554, "The mail was refused" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].code == code)
			return sv_from(arena_printf(a, "%s: %.*s", known[i].words, SV_ARG(said)));
	return sv_from(arena_printf(a, "The mail server refused: %.*s", SV_ARG(said)));
}

static enum channel_next smtp_answer(struct channel_part *p, const struct net_response *r,
				     struct channel_failure *f)
{
	struct arena *a = p->arena;
	int code = r->status;

	if (code / 100 == 2) {
		p->sent_id = p->own_id;
		return CHANNEL_DONE;
	}
	f->disconnected = code == 530 || code == 534 || code == 535;
	return channel_fail(f, code / 100 == 5 ? CHANNEL_PERMANENT : CHANNEL_TEMPORARY,
			    sv_from(arena_printf(a, "%d", code)), smtp_words(a, code, r->text));
}

/* No answer. Whether the server has the mail is unknown only after its last
 * byte has gone out: it may then have said yes to a line that was cut. */
static enum channel_next smtp_silence(struct channel_part *p, const struct net_response *r,
				      struct channel_failure *f)
{
	struct arena *a = p->arena;
	struct sv code = sv_from(net_error_name(r->error)), why = arena_sv(a, r->text);

	if (r->error == NET_BAD_REQUEST || r->error == NET_REFUSED)
		return channel_fail(f, CHANNEL_PERMANENT, code,
				    sv_from(arena_printf(a, "The mail server cannot be called: %.*s",
							 SV_ARG(why))));
	if (r->sent && r->sent >= p->data.n)
		return channel_fail(f, CHANNEL_UNCERTAIN, code,
				    SV("The mail server took the mail and did not say what became of it. "
				       "Ask the customer or send it again"));
	return channel_fail(f, CHANNEL_TEMPORARY, code,
			    sv_from(arena_printf(a, "The mail server could not be reached: %.*s",
						 SV_ARG(why))));
}

enum channel_next email_send(struct channel_part *p, const struct net_response *r,
			     struct net_request *out, struct channel_failure *f)
{
	if (!r)
		return smtp_request(p, out, f) ? CHANNEL_CALL : CHANNEL_DEAD;
	return r->error ? smtp_silence(p, r, f) : smtp_answer(p, r, f);
}

/* ---- Amazon SES, API v2: SendEmail with the raw mail ------------------------------------ */

static json_t *addresses(const struct mail_address *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_stringn(v[i].email.p, v[i].email.n));
	return list;
}

static struct sv ses_body(const struct channel_part *p, const struct mail_message *m)
{
	json_t *o = channel_json_keep(p->arena, json_object()), *raw = json_object(),
	       *content = json_object(), *to = json_object();

	channel_set(o, "FromEmailAddress", m->from.email);
	json_object_set_new(to, "ToAddresses", addresses(m->to, m->n_to));
	json_object_set_new(to, "CcAddresses", addresses(m->cc, m->n_cc));
	json_object_set_new(to, "BccAddresses", addresses(m->bcc, m->n_bcc));
	json_object_set_new(o, "Destination", to);
	channel_set(raw, "Data", crypto_base64(p->arena, p->data));
	json_object_set_new(content, "Raw", raw);
	json_object_set_new(o, "Content", content);
	channel_set(o, "ConfigurationSetName", setting(p, "configuration_set"));
	return channel_dump(p->arena, o);
}

static bool ses_request(struct channel_part *p, struct net_request *out, struct channel_failure *f)
{
	struct sv region = setting(p, "region"), base = p->account->api_base;
	struct sigv4_key key = { .access_key_id = setting(p, "access_key_id"),
				 .secret_access_key = channel_secret(p->account, "secret_access_key"),
				 .region = region,
				 .service = SV("ses") };
	struct mail_message m;
	struct err e = { 0 };

	if (!build(p, &m, f))
		return false;
	if (!base.n)
		base = sv_from(arena_printf(p->arena, "https://email.%.*s.amazonaws.com", SV_ARG(region)));
	channel_post_json(p->arena, out,
			  sv_from(arena_printf(p->arena, "%.*s/v2/email/outbound-emails", SV_ARG(base))),
			  SV_NONE, ses_body(p, &m));
	out->total_ms = SEND_MS;
	if (sigv4_sign(out, &key, clock_now_ms(), p->arena, &e)) {
		channel_fail(f, CHANNEL_PERMANENT, SV("channel"), err_message(&e));
		return false;
	}
	return true;
}

/* {"__type": "...#MessageRejected", "message": "..."}, the name also in a header. */
static enum channel_next ses_refused(struct channel_part *p, const struct net_response *r,
				     const json_t *body, struct channel_failure *f)
{
	static const struct {
		const char *name, *words;
	} known[] = {
		{ "TooManyRequests", "Amazon SES asks to send more slowly" },
		{ "LimitExceeded", "Amazon SES allows no more mails today" },
		{ "SendingPaused", "Sending is paused for this account in Amazon SES" },
		{ "AccountSuspended", "Amazon SES has suspended this account" },
		{ "MailFromDomainNotVerified", "The sender's domain is not verified in Amazon SES" },
		{ "MessageRejected", "Amazon SES refused the mail" },
		{ "SignatureDoesNotMatch", "Amazon SES does not accept the access key" },
		{ "UnrecognizedClient", "Amazon SES does not know the access key" },
		{ "InvalidClientTokenId", "Amazon SES does not know the access key" },
	};
	struct arena *a = p->arena;
	struct sv name = net_header(r, "x-amzn-ErrorType"), said = channel_text(a, body, "message"),
		  words = SV("Amazon SES refused");
	enum channel_certainty c = channel_certainty(r, true, false);

	name = arena_sv(a, name.n ? name : channel_text(a, body, "__type"));
	said = said.n ? said : channel_text(a, body, "Message");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (sv_find(name, sv_from(known[i].name)) >= 0)
			words = sv_from(known[i].words);
	f->retry_after = r->retry_after;
	f->disconnected = r->status == 403;
	return channel_fail(f, c, name.n ? name : sv_from(arena_printf(a, "%d", r->status)),
			    sv_from(arena_printf(a, "%.*s (%d %.*s)", SV_ARG(words), r->status, SV_ARG(said))));
}

enum channel_next ses_send(struct channel_part *p, const struct net_response *r,
			   struct net_request *out, struct channel_failure *f)
{
	struct err e = { 0 };
	json_t *body;

	if (!r)
		return ses_request(p, out, f) ? CHANNEL_CALL : CHANNEL_DEAD;
	if (channel_net_failed(p->arena, r, true, f))
		return CHANNEL_DEAD;
	body = channel_json(p->arena, r->body, &e);
	if (r->status == 200 && channel_text(p->arena, body, "MessageId").n) {
		p->sent_id = p->own_id;
		return CHANNEL_DONE;
	}
	return ses_refused(p, r, body, f);
}
