/*
 * E-mail: mailboxes that are read (EMAIL), and accounts that only send
 * (BULK_EMAIL by SMTP, BULK_EMAIL_SES by Amazon's interface).
 *
 * A mail comes as a file: whoever took it from the mailbox (worker/mailbox.c,
 * kontor-mail-in) has put it into the file store and left a hook
 * {"raw": its SHA-256, "size", "via"}. So here, unlike in other channels, reading a call reads and
 * writes files. Doing it again writes the same files.
 */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/tr.h"
#include "file/file.h"
#include "mail/html.h"
#include "mail/mail.h"
#include "mail/read.h"

#include <unistd.h>

#define QUOTED_MAX 16384
#define CONTENT_MAX 65000

/* ---- the files of a mail -------------------------------------------------------- */

struct keeper {
	struct arena *a;
	struct sv organization_id;
	struct file_writer *w;
	json_t *files; /* for receive_mail */
	int64_t size;
	struct err e; /* the store failed: read the mail again later */
};

static bool begin_file(void *arg, struct mail_file *f)
{
	struct keeper *k = arg;

	(void)f;
	k->size = 0;
	k->w = file_begin(k->organization_id, k->a, &k->e);
	return k->w != NULL;
}

static bool write_file(void *arg, struct mail_file *f, struct sv piece)
{
	struct keeper *k = arg;

	(void)f;
	k->size += (int64_t)piece.n;
	return k->size <= conf_int(CONF_upload_max) && !file_write(k->w, piece, &k->e);
}

static const char *kind_of(struct sv type)
{
	if (sv_eq(type, SV("image/jpeg")) || sv_eq(type, SV("image/png")) ||
	    sv_eq(type, SV("image/gif")) || sv_eq(type, SV("image/webp")))
		return "image";
	if (sv_starts(type, SV("video/")))
		return "video";
	return sv_starts(type, SV("audio/")) ? "audio" : "document";
}

static json_t *file_row(struct keeper *k, const char *role, struct sv hash, int64_t size)
{
	json_t *row = json_object();

	json_array_append_new(k->files, row);
	json_object_set_new(row, "role", json_string(role));
	channel_set(row, "sha256", hash);
	json_object_set_new(row, "size", json_integer(size));
	return row;
}

static bool end_file(void *arg, struct mail_file *f)
{
	struct keeper *k = arg;
	struct sv hash;
	int64_t size;

	if (file_end(k->w, &hash, &size, &k->e))
		return false;
	f->kept = file_row(k, "attachment", hash, size);
	return true;
}

/* What each file is called and serves for is known when the whole mail is read. */
static void describe_files(struct mail_in *m)
{
	for (size_t i = 0; i < m->n_files; i++) {
		const struct mail_file *f = &m->files[i];
		json_t *row = f->kept;

		channel_set(row, "name", f->name);
		channel_set(row, "content_type", f->type);
		json_object_set_new(row, "kind", json_string(kind_of(f->type)));
		if (!f->is_inline)
			continue;
		json_object_set_new(row, "role", json_string("inline"));
		channel_set(row, "content_id", f->content_id);
	}
}

static enum status keep_html(struct keeper *k, const struct mail_in *m, json_t *mail, struct err *e)
{
	struct mail_html o = { 0 };
	struct buf out = BUF_INIT;
	json_t *row;
	struct sv hash;

	if (!m->html.n)
		return ST_OK;
	if (file_put(k->organization_id, m->html, k->a, &hash, e))
		return e->status;
	row = file_row(k, "html", hash, (int64_t)m->html.n);
	json_object_set_new(row, "name", json_string("mail.html"));
	json_object_set_new(row, "content_type", json_string("text/html"));
	mail_html_clean(m->html, &o, &out);
	buf_release(&out);
	json_object_set_new(mail, "html", json_true());
	json_object_set_new(mail, "remote", json_boolean(o.remote));
	return ST_OK;
}

static void keep_original(struct keeper *k, const struct mail_in *m, const json_t *call)
{
	struct sv name = channel_clip(m->subject.n ? m->subject : SV("mail"), 200);
	json_t *row = file_row(k, "original", channel_text(k->a, call, "raw"),
			       channel_number(call, "size"));

	channel_set(row, "name", sv_from(arena_printf(k->a, "%.*s.eml", SV_ARG(name))));
	json_object_set_new(row, "content_type", json_string("message/rfc822"));
}

/* ---- what the message says of the mail --------------------------------------------- */

static json_t *person(const struct mail_address *p)
{
	json_t *o = json_object();

	channel_set(o, "address", p->email);
	if (p->name.n)
		channel_set(o, "name", p->name);
	return o;
}

static void set_people(json_t *mail, const char *key, const struct mail_address *p, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, person(&p[i]));
	if (n)
		json_object_set_new(mail, key, list);
	else
		json_decref(list);
}

static void push(json_t *list, struct sv text)
{
	if (text.n)
		json_array_append_new(list, json_stringn(text.p, text.n));
}

/* The nearest first: what it answers, then what that answered ... */
static void set_relatives(json_t *mail, const struct mail_in *m)
{
	json_t *relatives = json_array(), *references = json_array(), *tokens = json_array();

	push(relatives, m->in_reply_to);
	push(tokens, mail_token_of(m->in_reply_to));
	for (size_t i = m->n_references; i > 0; i--) {
		push(relatives, m->references[i - 1]);
		push(tokens, mail_token_of(m->references[i - 1]));
	}
	for (size_t i = 0; i < m->n_references; i++)
		push(references, m->references[i]);
	for (size_t i = 0; i < m->n_to; i++)
		push(tokens, mail_token_of(m->to[i].email));
	for (size_t i = 0; i < m->n_cc; i++)
		push(tokens, mail_token_of(m->cc[i].email));
	push(tokens, mail_token_of(m->delivered_to));
	json_object_set_new(mail, "relatives", relatives);
	json_object_set_new(mail, "references", references);
	json_object_set_new(mail, "tokens", tokens);
	channel_set(mail, "in_reply_to", m->in_reply_to);
}

static json_t *describe(struct arena *a, const struct mail_in *m)
{
	json_t *mail = channel_json_keep(a, json_object());
	char *iso = arena_alloc(a, CLOCK_ISO_SIZE);

	channel_set(mail, "message_id", m->message_id);
	json_object_set_new(mail, "subject", json_stringn(m->subject.p ? m->subject.p : "", m->subject.n));
	json_object_set_new(mail, "from", person(&m->from));
	if (m->reply_to.email.n)
		json_object_set_new(mail, "reply_to", person(&m->reply_to));
	set_people(mail, "to", m->to, m->n_to);
	set_people(mail, "cc", m->cc, m->n_cc);
	set_relatives(mail, m);
	if (m->date_ms > 0) {
		clock_iso(iso, m->date_ms);
		channel_set(mail, "date", sv_from(iso));
	}
	if (m->automatic)
		json_object_set_new(mail, "auto", json_true());
	if (m->quoted.n)
		channel_set(mail, "quoted", channel_clip(m->quoted, QUOTED_MAX));
	if (m->cut)
		json_object_set_new(mail, "cut", json_true());
	return mail;
}

/* ---- one mail ------------------------------------------------------------------------ */

static void ignore(struct channel_item *it, struct sv why)
{
	it->kind = CHANNEL_IGNORED;
	it->why = why;
}

/* RFC 3464: what became of a mail of ours; it opens no conversation. */
static void read_report(struct arena *a, const struct mail_in *m, struct channel_item *it)
{
	const struct mail_report *r = &m->report;
	bool failed = sv_ieq(r->action, SV("failed"));
	struct sv said = r->reason.n ? r->reason : r->code;

	if (!r->message_id.n)
		return ignore(it, SV("A delivery report that does not say about which mail it is"));
	if (!failed && !sv_ieq(r->action, SV("delivered")))
		return ignore(it, SV("The mail is still on its way"));
	it->kind = CHANNEL_RECEIPT;
	it->provider_id = r->message_id;
	it->status = failed ? SV("FAILED") : SV("DELIVERED");
	if (!failed)
		return;
	it->error_code = r->code;
	it->error = sv_from(arena_printf(a, "The mail could not be delivered to %.*s: %.*s",
					 SV_ARG(r->recipient), SV_ARG(said)));
}

/* A mail from our own address: a form of the own website, which names the
 * writer in Reply-To, or what its owner sent with another program. */
static bool is_own(const struct channel_account *acc, struct mail_in *m, json_t *mail)
{
	struct sv own = channel_text(NULL, acc->settings, "address");

	if (!sv_ieq(m->from.email, own))
		return false;
	if (m->reply_to.email.n && !sv_ieq(m->reply_to.email, own)) {
		m->from = m->reply_to;
		json_object_set_new(mail, "from", person(&m->from));
		return false;
	}
	json_object_set_new(mail, "outbound", json_true());
	return true;
}

static void read_mail(struct arena *a, const struct channel_account *acc, const json_t *call,
		      struct mail_in *m, json_t *mail, struct channel_item *it)
{
	it->kind = CHANNEL_MESSAGE;
	it->extra = mail;
	it->type = SV("email");
	it->text = channel_clip(m->text.n ? m->text : m->subject, CONTENT_MAX);
	it->provider_id = m->message_id;
	if (!it->provider_id.n) {
		struct sv raw = channel_text(a, call, "raw");

		it->provider_id = sv_from(arena_printf(a, "%.*s@without.id", SV_ARG(raw)));
		channel_set(mail, "message_id", it->provider_id);
	}
	if (is_own(acc, m, mail) ? !m->n_to : !m->from.email.n)
		return ignore(it, SV("The mail names nobody to write to"));
	it->handle = m->from.email;
	it->display_name = m->from.name;
}

static enum status parse_file(struct arena *a, const struct channel_account *acc, json_t *call, int fd,
			      struct channel_items *out, struct err *e)
{
	struct keeper k = { .a = a, .organization_id = acc->organization_id,
			    .files = channel_json_keep(a, json_array()) };
	struct mail_sink sink = { begin_file, write_file, end_file, &k };
	struct channel_item *it;
	struct mail_in m;
	json_t *mail;

	if (mail_read(fd, &sink, &m, a, e))
		return e->status;
	if (k.e.status)
		return (*e = k.e).status;
	m.cut |= json_object_get(call, "too_large") != NULL;
	it = channel_item_add(a, out);
	if (m.report.is_report) {
		read_report(a, &m, it);
		return ST_OK;
	}
	mail = describe(a, &m);
	describe_files(&m);
	keep_original(&k, &m, call);
	if (keep_html(&k, &m, mail, e))
		return e->status;
	it->files = k.files;
	read_mail(a, acc, call, &m, mail, it);
	return ST_OK;
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *call,
			 struct channel_items *out, struct err *e)
{
	int fd = file_open(acc->organization_id, channel_text(a, call, "raw"), a, e);
	enum status st;

	if (fd < 0)
		return e->status;
	st = parse_file(a, acc, call, fd, out, e);
	close(fd);
	return st;
}

static void store(struct db_batch *b, const struct channel_account *acc, const struct channel_item *it,
		  struct sv received_at)
{
	struct arena *a = db_arena(b);

	db_add(b, "select receive_mail($1, $2::jsonb, $3, $4::timestamptz, $5::jsonb)", DB_S(acc->id),
	       DB_S(channel_dump(a, it->extra)), DB_S(it->text), DB_S(received_at),
	       DB_S(channel_dump(a, it->files)));
}

/* ---- the table ------------------------------------------------------------------------- */

#define ADDRESS                                                                              \
	{ "address", N_("E-mail address"), N_("Under which customers write to you, and see your answers"), \
	  CHANNEL_REQUIRED }
#define DISPLAY_NAME                                                                         \
	{ "display_name", N_("Name of the sender"), N_("As customers see it; empty: the channel's name"), 0 }
#define OUTGOING                                                                             \
	{ "outgoing_url", N_("Server for sending"),                                          \
	  N_("smtps://smtp.example.com, or smtp://smtp.example.com:587 for STARTTLS"),       \
	  CHANNEL_REQUIRED }

const struct channel channel_email = {
	.type = "EMAIL",
	.label = "E-mail",
	.slug = "email",
	.icon = "mail",
	.about = N_("A mailbox: mails come into the inbox, answers go out from its address"),
	.steps = N_("Nothing is to be entered at the provider. Where it asks for a second factor, make an "
		    "app password and enter that"),
	.settings = {
		ADDRESS,
		DISPLAY_NAME,
		{ "incoming_url", N_("Server for receiving"),
		  N_("imaps://imap.example.com, or pop3s://pop.example.com. Empty: a mail server hands mails over by kontor-mail-in"), 0 },
		{ "user", N_("User name"), N_("Usually the address"), 0 },
		{ "password", N_("Password"), N_("Or app password"), CHANNEL_SECRET },
		{ "folder", N_("Folder"), N_("Empty: INBOX"), 0 },
		OUTGOING,
		{ "outgoing_user", N_("User name for sending"), N_("Empty: the same"), 0 },
		{ "outgoing_password", N_("Password for sending"), N_("Empty: the same"), CHANNEL_SECRET },
		{ "scope", N_("Which mails"), N_("all, or crm: only of people who are in the CRM"), 0 },
		{ "lookback_months", N_("Months of older mail"), N_("0 to 12; 0: only what comes from now on"), 0 },
		{ "plus_addressing", N_("Addresses with a plus"),
		  N_("yes, when mail to name+anything arrives in this mailbox: answers are then known even by programs that lose the thread"), 0 },
	},
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY,
	.text_max = 60000,
	.caption_max = 60000,
	.handle_kind = "email",
	.whole = true,
	.parse = parse,
	.store = store,
	.send = email_send,
	.check = email_check,
};

const struct channel channel_bulk_email = {
	.type = "BULK_EMAIL",
	.label = "Bulk e-mail (SMTP)",
	.slug = "bulk-email",
	.icon = "mail-fast",
	.about = N_("Sends campaigns and sequences by an SMTP server, so many mails a day; receives nothing"),
	.steps = N_("Nothing is to be entered at the provider"),
	.settings = {
		ADDRESS,
		DISPLAY_NAME,
		OUTGOING,
		{ "outgoing_user", N_("User name"), N_("Empty: the server asks for none"), 0 },
		{ "outgoing_password", N_("Password"), N_("Or app password"), CHANNEL_SECRET },
		{ "reply_to", N_("Answers go to"), N_("Another address; empty: the one above"), 0 },
		{ "daily_cap", N_("Mails a day"), N_("Empty: 150"), CHANNEL_DIGITS },
	},
	.caps = CHANNEL_CAN_MEDIA,
	.text_max = 60000,
	.caption_max = 60000,
	.handle_kind = "email",
	.whole = true,
	.send = email_send,
	.check = email_check,
};

const struct channel channel_ses = {
	.type = "BULK_EMAIL_SES",
	.label = "Bulk e-mail (Amazon SES)",
	.slug = "ses",
	.icon = "mail-fast",
	.about = N_("Sends campaigns and sequences by Amazon SES; receives nothing"),
	.steps = N_("Verify the sender's address or domain in SES, and make an access key that may call ses:SendEmail"),
	.settings = {
		ADDRESS,
		DISPLAY_NAME,
		{ "region", N_("Region"), N_("eu-central-1, us-east-1 ..."), CHANNEL_REQUIRED },
		{ "access_key_id", N_("Access key ID"), N_("AKIA..."), CHANNEL_REQUIRED },
		{ "secret_access_key", N_("Secret access key"), N_("Amazon shows it once"), CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "configuration_set", N_("Configuration set"), N_("Empty: none"), 0 },
		{ "reply_to", N_("Answers go to"), N_("Another address; empty: the one above"), 0 },
		{ "daily_cap", N_("Mails a day"), N_("Empty: what SES allows"), CHANNEL_DIGITS },
		{ "api_base", N_("Address of the interface"), N_("Empty: Amazon's own in that region"), CHANNEL_URL },
	},
	.caps = CHANNEL_CAN_MEDIA,
	.text_max = 60000,
	.caption_max = 60000,
	.handle_kind = "email",
	.api_base = "",
	.whole = true,
	.send = ses_send,
	.check = ses_check,
};
