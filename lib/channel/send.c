/*
 * The job "send_message": one message goes out, in one or more parts.
 *
 * The row is SENDING, committed, while a call is under way. Found so at the
 * beginning, an earlier attempt died in the middle: nobody knows whether the
 * customer has the message, and the row becomes UNKNOWN. What has gone out is
 * in metadata.sent, so that a second try goes on behind it.
 */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "file/file.h"
#include "file/link.h"

#include <unistd.h>

#define UPLOAD_MS 120000
#define SAVE_TRIES 20 /* a quarter of a second apart */
#define RETRY_AFTER_MAX (2 * 86400) /* seconds, whatever the provider asks for */
#define LINK_S 3600   /* in which a provider fetches a file by its address */

struct draft {
	bool claimed;
	int message, files;
	struct db_batch *b;
	json_t *metadata;
	struct sv text; /* with the choices below it, where the channel has no buttons */
	bool late;	/* beyond the window, within the longer one that the account has */
};

/* since_inbound: seconds since the contact last wrote to the account that is
 * to answer, in whichever conversation. */
static const char load_sql[] =
	"select m.status, ceil(extract(epoch from m.scheduled_at - now()))::bigint early,"
	" m.content, m.message_type, m.metadata, m.external_id, a.is_active,"
	" case when m.metadata ? 'mail' then internal.mail_cap_left(a.id) end cap_left,"
	" case when c.channel_account_id = a.id and not c.metadata ? 'is_comment_thread'"
	"  then c.external_id end thread, c.metadata ? 'is_comment_thread' is_comment,"
	" k.external_id as comment, k.metadata #>> '{comment,parent_id}' comment_root,"
	" extract(epoch from now() - k.created_at)::bigint since_comment,"
	" p.phones[1] phone, p.emails[1] email,"
	/* MSG-48: what is marketing does not go to who has opted out of it. */
	" not p.opt_in_status and (a.type in ('BULK_EMAIL', 'BULK_EMAIL_SES') or m.metadata ->> 'marketing' = 'true'"
	"  or exists (select from whatsapp_templates w where w.organization_id = m.organization_id"
	"   and w.channel_account_id = a.id and w.category = 'MARKETING' and w.name = m.metadata #>> '{template,name}')) opted_out,"
	" (select jsonb_object_agg(h.kind, h.value order by h.created_at)"
	"  from contact_handles h where h.organization_id = m.organization_id"
	"  and h.contact_id = m.contact_id) handles,"
	" (select extract(epoch from now() - max(w.last_inbound_at))::bigint"
	"  from conversations w where w.organization_id = m.organization_id"
	"  and w.contact_id = m.contact_id and w.channel_account_id = a.id"
	"  and not w.metadata ? 'is_comment_thread') since_inbound,"
	" (select string_agg(distinct x.state, ' ' order by x.state) from message_attachments x"
	"  where x.organization_id = m.organization_id and x.message_id = m.id) file_states,"
	" (select r.external_id from messages r where r.organization_id = m.organization_id"
	"  and r.id = m.reply_to_id and r.channel_account_id = a.id) reply_to,"
	CHANNEL_ACCOUNT_COLUMNS
	"from messages m"
	" join conversations c"
	"  on c.organization_id = m.organization_id and c.id = m.conversation_id"
	" left join contacts p on p.organization_id = m.organization_id and p.id = m.contact_id"
	" left join channel_accounts a"
	"  on a.organization_id = m.organization_id and a.id = m.channel_account_id"
	/* The comment that is answered: the one replied to, else the newest. */
	" left join lateral (select x.external_id, x.metadata, x.created_at from messages x"
	"  where c.metadata ? 'is_comment_thread' and x.organization_id = m.organization_id"
	"  and x.conversation_id = m.conversation_id and x.direction = 'INBOUND'"
	"  and x.metadata ? 'comment' order by x.id = m.reply_to_id desc nulls last,"
	"  x.created_at desc, x.id desc limit 1) k on true"
	" where m.id = $1";

static const char files_sql[] =
	"select x.kind, f.name, f.content_type, f.sha256 from message_attachments x"
	" join files f on f.organization_id = x.organization_id and f.id = x.file_id"
	" where x.message_id = $1 order by x.position, x.id";

/* The claim, and what is to be sent; returns the claim's index. */
static int add_load(struct db_batch *b, const struct channel_task *t, struct draft *d)
{
	int claim = db_add(b,
		       "update messages m set status = 'SENDING', error = null, error_code = null "
		       "where id = $1 and direction = 'OUTBOUND' and (status = 'PENDING' "
		       " or (status = 'SCHEDULED' and coalesce(scheduled_at, now()) <= now())) "
		       "and not exists (select from message_attachments x"
		       " where x.organization_id = m.organization_id and x.message_id = m.id"
		       " and x.state = 'waiting') and internal.send_ahead(m.id) is null",
		       DB_S(t->id));

	d->message = db_add(b, load_sql, DB_S(t->id));
	d->files = db_add(b, files_sql, DB_S(t->id));
	d->b = b;
	return claim;
}

static enum status load(struct channel_task *t, struct draft *d, struct err *e)
{
	struct db_batch *b;
	int claim;

	if (t->ahead) {
		*d = *t->ahead;
		return ST_OK;
	}
	b = db_batch(t->job.db, t->job.arena);
	db_as_system(b, t->job.organization_id);
	claim = add_load(b, t, d);
	if (db_run(b, e))
		return e->status;
	d->claimed = db_affected(b, claim) == 1;
	return ST_OK;
}

/* ---- several at once --------------------------------------------------------------- */

/* What was read for several tasks lives until the last of them has ended. */
struct shared {
	struct arena *arena;
	size_t users;
};

static void leave(void *arg)
{
	struct shared *s = arg;

	if (!--s->users)
		arena_free(s->arena);
}

void channel_send_ahead(struct channel_task *const *tasks, size_t n)
{
	struct arena *a = arena_new();
	struct shared *s = ARENA_NEW(a, struct shared);
	struct db_batch *b = db_batch(tasks[0]->job.db, a);
	struct draft *drafts = ARENA_ARRAY(a, n, struct draft);
	int *claims = ARENA_ARRAY(a, n, int);
	struct err e = { 0 };

	*s = (struct shared){ .arena = a };
	db_as_system(b, tasks[0]->job.organization_id);
	for (size_t i = 0; i < n; i++)
		claims[i] = add_load(b, tasks[i], &drafts[i]);
	if (db_run(b, &e)) { /* each by itself, then */
		arena_free(a);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		drafts[i].claimed = db_affected(b, claims[i]) == 1;
		tasks[i]->ahead = &drafts[i];
		s->users++;
		arena_cleanup(tasks[i]->job.arena, leave, s);
	}
}

/* ---- the result ----------------------------------------------------------------- */

struct result {
	const char *status;
	struct sv code, text;
	bool disconnected;
	bool trouble; /* the provider's, not the message's */
};

static enum status save_once(struct channel_task *t, const struct result *r, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct sv first =
		channel_clip(sv_from(json_string_value(json_array_get(t->sent, 0))), 1000);

	db_as_system(b, t->job.organization_id);
	db_soon(b); /* lost in a crash of the database it is UNKNOWN, as any interrupted send */
	db_add(b,
	       "update messages set status = $2, error = $3, error_code = $4, "
	       "external_id = coalesce(external_id, $5), "
	       "metadata = case when $6::jsonb = '[]' then metadata "
	       " else jsonb_set(metadata, '{sent}', $6::jsonb) end || $7::jsonb where id = $1",
	       DB_S(t->id), DB_C(r->status), DB_OPT(r->text), DB_OPT(r->code), DB_OPT(first),
	       DB_S(channel_dump(a, t->sent)),
	       DB_S(t->noted ? channel_dump(a, t->noted) : SV("{}")));
	if (strcmp(r->status, "PENDING") && strcmp(r->status, "SENDING"))
		db_add(b, "select internal.send_next($1)", DB_S(t->id));
	if (!strcmp(r->status, "SENT"))
		db_add(b,
		       "update channel_accounts set last_out_at = now(), last_error = null where "
		       "id = $1 "
		       "and (last_out_at is null or last_error is not null "
		       " or last_out_at < now() - interval '1 minute')",
		       DB_S(t->account.id));
	else if (r->disconnected)
		channel_account_error(b, t->account.id, r->text, true);
	else if (r->trouble)
		db_add(b, "select internal.channel_trouble($1, $2)", DB_S(t->account.id), DB_S(r->text));
	return db_run(b, e);
}

/* What the provider did is known here and nowhere else, so a database that
 * is restarting is waited for: without it the worker has nothing to do. */
static enum status save(struct channel_task *t, const struct result *r, struct err *e)
{
	for (int i = 0; i < SAVE_TRIES; i++) {
		*e = (struct err){ 0 };
		if (save_once(t, r, e) != ST_UNAVAILABLE)
			break;
		usleep(250000);
	}
	if (e->status)
		log_error("the result of a send could not be written", LOG_S("message", t->id),
			  LOG_C("status", r->status), LOG_S("error", err_message(e)));
	return e->status;
}

static enum channel_next end(struct channel_task *t, const struct result *r,
			     struct channel_step *out)
{
	struct err e = { 0 };

	return save(t, r, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

static enum channel_next refuse(struct channel_task *t, struct channel_step *out, struct sv code,
				struct sv text)
{
	return end(t, &(struct result){ .status = "FAILED", .code = code, .text = text }, out);
}

/* "Telegram refused: 200" alone would not tell that the customer may have it. */
static struct sv what_to_do(struct arena *a, struct sv said)
{
	if (sv_find(said, SV("Ask the customer")) >= 0)
		return said;
	return sv_from(arena_printf(a, "The provider's answer does not tell whether the message was sent. "
				       "Ask the customer or send it again (%.*s)", SV_ARG(said)));
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	struct result r = { .status = "FAILED",
			    .code = f->code,
			    .text = f->text,
			    .disconnected = f->disconnected,
			    .trouble = f->certainty != CHANNEL_PERMANENT };
	bool again = f->certainty == CHANNEL_TEMPORARY && (f->retry_after || !t->job.last);
	int after = f->retry_after < RETRY_AFTER_MAX ? f->retry_after : RETRY_AFTER_MAX;
	struct err e = { 0 };

	if (f->certainty == CHANNEL_UNCERTAIN) {
		r.status = "UNKNOWN";
		r.text = what_to_do(t->job.arena, f->text);
	}
	if (!again)
		return end(t, &r, out);
	r.status = "PENDING";
	if (save(t, &r, &e))
		return channel_db_failed(t, &e, out);
	channel_later(out, after, f->text);
	out->uncounted = after > 0;
	return CHANNEL_RETRY;
}

/* ---- what is to be sent ------------------------------------------------------------ */

struct sv channel_recipient(const struct channel_task *t, const struct db_batch *b, int stmt)
{
	const char *kind = t->account.channel->handle_kind;
	struct arena *a = t->job.arena;
	struct sv to = db_first(b, stmt, "thread"), handles = db_first(b, stmt, "handles");
	struct err e;

	if (!to.n && handles.n)
		to = channel_text(a, channel_json(a, handles, &e), kind);
	if (!to.n && !strcmp(kind, "phone"))
		to = db_first(b, stmt, "phone");
	if (!to.n && !strcmp(kind, "email"))
		to = db_first(b, stmt, "email");
	return to;
}

static bool is_private(const struct draft *d)
{
	return json_is_true(json_object_get(d->metadata, "private_reply"));
}

/* MSG-97: choices that the channel does not show as such, or not beside this
 * text, become numbers in it. */
static void place_buttons(struct channel_task *t, struct draft *d)
{
	const struct channel *c = t->account.channel;
	struct channel_button *v;
	size_t n = channel_buttons(t->job.arena, d->metadata, &v);
	bool shown = n <= c->buttons_max && d->text.n && channel_units(d->text) <= c->button_text_max &&
		     !db_rows(d->b, d->files) && (!db_first(d->b, d->message, "comment").n || is_private(d));

	for (size_t i = 0; i < n; i++)
		shown &= channel_units(v[i].title) <= c->button_title_max;
	if (n && shown)
		return;
	if (n)
		d->text = channel_numbered(t->job.arena, d->text, v, n);
	json_object_del(d->metadata, "buttons");
}

/* One part with all files; their contents are read when it is sent. */
static void make_whole(struct channel_task *t, const struct draft *d, struct sv to)
{
	struct arena *a = t->job.arena;
	size_t n = db_rows(d->b, d->files);
	struct channel_file *files = ARENA_ARRAY(a, n + 1, struct channel_file);
	struct channel_part *p = ARENA_ARRAY(a, 1, struct channel_part);

	t->contents = ARENA_ARRAY(a, n + 1, struct sv);
	for (size_t i = 0; i < n; i++) {
		files[i].name = db_named(d->b, d->files, i, "name");
		files[i].type = db_named(d->b, d->files, i, "content_type");
		t->contents[i] = db_named(d->b, d->files, i, "sha256");
	}
	*p = (struct channel_part){ .arena = a,
				    .account = &t->account,
				    .to = to,
				    .message_id = t->id,
				    .reply_to = db_first(d->b, d->message, "reply_to"),
				    .text = d->text,
				    .files = files,
				    .n_files = n,
				    .metadata = d->metadata,
				    .own_id = db_first(d->b, d->message, "external_id") };
	t->parts = p;
	t->n_parts = 1;
}

/* The text goes with the first file where it may (MSG-44), else ahead of it. */
static void make_parts(struct channel_task *t, const struct draft *d, json_t *template,
		       struct sv to)
{
	const struct channel *c = t->account.channel;
	struct sv text = d->text;
	size_t files = template ? 0 : db_rows(d->b, d->files), n = 0;
	struct channel_part *p;

	t->parts = p = ARENA_ARRAY(t->job.arena, files + 1, struct channel_part);
	t->contents = ARENA_ARRAY(t->job.arena, files + 1, struct sv);
	for (size_t i = 0; i < files; i++) {
		p[i + 1].kind = db_named(d->b, d->files, i, "kind");
		p[i + 1].name = db_named(d->b, d->files, i, "name");
		p[i + 1].type = db_named(d->b, d->files, i, "content_type");
		t->contents[i + 1] = db_named(d->b, d->files, i, "sha256");
	}
	p[0].template = template;
	p[0].text = text;
	n = files + 1;
	if (files && (!text.n || (c->caption && c->caption(&p[1]) && channel_units(text) <= c->caption_max))) {
		p[1].text = text;
		t->parts++;
		t->contents++;
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		t->parts[i].arena = t->job.arena;
		t->parts[i].account = &t->account;
		t->parts[i].to = to;
		t->parts[i].place = i;
		t->parts[i].comment = db_first(d->b, d->message, "comment");
		t->parts[i].comment_root = db_first(d->b, d->message, "comment_root");
		t->parts[i].late = d->late;
	}
	t->parts[0].message_type = db_first(d->b, d->message, "message_type");
	t->parts[0].metadata = d->metadata;
	t->parts[0].message_id = t->id;
	t->parts[0].reply_to = db_first(d->b, d->message, "reply_to");
	t->n_parts = n;
}

/* A comment may be answered at any time, and privately within 7 days of it. */
#define PRIVATE_REPLY_S (7 * 86400)

static bool window_closed(const struct channel_task *t, struct draft *d)
{
	const struct channel *c = t->account.channel;
	struct sv since = db_first(d->b, d->message, "since_inbound");
	int64_t seconds, hours = c->window_hours;

	if (db_first(d->b, d->message, "comment").n)
		return is_private(d) && sv_to_i64(db_first(d->b, d->message, "since_comment"), &seconds) &&
		       seconds >= PRIVATE_REPLY_S;
	if (!hours || (sv_to_i64(since, &seconds) && seconds < hours * 3600))
		return false;
	d->late = c->late_hours && since.n && seconds < c->late_hours * INT64_C(3600) &&
		  sv_eq(channel_text(t->job.arena, t->account.settings, "human_agent"), SV("on"));
	return !d->late;
}

/* What a message of that type needs, if it is one that is no text. */
static const struct special {
	const char *type, *refusal;
	unsigned cap;
} specials[] = {
	{ "location", "This channel sends no locations", CHANNEL_CAN_LOCATION },
	{ "contacts", "This channel sends no contact cards", CHANNEL_CAN_CONTACTS },
	{ "interactive", "This channel has no such messages", CHANNEL_CAN_INTERACTIVE },
};

static const struct special *special_of(const struct draft *d)
{
	struct sv type = db_first(d->b, d->message, "message_type");

	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (sv_eq(type, sv_from(specials[i].type)) &&
		    json_object_get(d->metadata, specials[i].type))
			return &specials[i];
	return NULL;
}

/* Reasons to send nothing, found before the provider is asked. Empty: none. */
static struct sv objection(const struct channel_task *t, struct draft *d, json_t *template,
			   struct sv *code)
{
	const struct channel *c = t->account.channel;
	const struct special *special = special_of(d);
	struct sv text = d->text;

	*code = SV("channel");
	if (sv_eq(db_first(d->b, d->message, "is_active"), SV("f")))
		return SV("The channel is switched off. Switch it on in the settings, or answer by "
			  "another one");
	if (t->account.sealed)
		return SV(
			"The channel's secrets cannot be opened. Enter them anew in its settings");
	*code = SV("opted_out");
	if (sv_eq(db_first(d->b, d->message, "opted_out"), SV("t")))
		return SV("The contact has opted out of marketing, so this is not sent");
	*code = SV("file");
	if (sv_find(db_first(d->b, d->message, "file_states"), SV("failed")) >= 0)
		return SV("A file of the message could not be fetched from its address");
	*code = SV("content");
	if (template && !(c->caps & CHANNEL_CAN_TEMPLATE))
		return SV("This channel has no templates");
	if (template && !json_is_string(json_object_get(template, "name")))
		return SV("Choose a template");
	if (special && !(c->caps & special->cap))
		return sv_from(special->refusal);
	if (sv_eq(db_first(d->b, d->message, "is_comment"), SV("t")) &&
	    !db_first(d->b, d->message, "comment").n)
		return SV("There is no comment to answer");
	if (!template && !special && !text.n && !db_rows(d->b, d->files))
		return SV("The message is empty, or its file does not exist any more");
	if (!template && channel_units(text) > c->text_max) /* MSG-2 */
		return SV("The text is longer than this channel allows");
	*code = c->caps & CHANNEL_CAN_TEMPLATE ? SV("131047") : SV("window"); /* INB-103 */
	if (template || !window_closed(t, d))
		return SV_NONE;
	if (db_first(d->b, d->message, "comment").n)
		return SV("A comment can be answered privately within 7 days only");
	if (!(c->caps & CHANNEL_CAN_TEMPLATE)) /* INB-105 */
		return sv_from(arena_printf(t->job.arena, "More than %d hours have passed since the customer "
					    "last wrote. You can write again as soon as the customer does",
					    c->window_hours));
	return SV("More than 24 hours have passed since the customer last wrote. Send an approved "
		  "template");
}

/* ---- the parts ------------------------------------------------------------------------ */

/* MSG-46: a random pause between two parts of one message. */
static void pause_between(const struct channel_task *t, struct channel_step *out)
{
	const int *gap = t->account.channel->part_gap_ms;
	uint32_t n;

	if (!gap[1] || t->n_parts < 2)
		return;
	crypto_random(&n, sizeof(n));
	out->chat_gap_ms = gap[0] + (int)(n % (uint32_t)(gap[1] - gap[0]));
}

static enum channel_next ask(struct channel_task *t, const struct net_response *r,
			     struct channel_step *out, struct channel_failure *f)
{
	struct channel_part *p = &t->parts[t->part];
	enum channel_next next = t->account.channel->send(p, r, &out->request, f);

	out->request.lane = t->account.id;
	if (t->account.per_second) {
		out->request.lane_gap_us = 1000000 / t->account.per_second;
		/* As many at once as answers that take a second need. */
		out->request.lane_max = t->account.per_second;
	}
	out->chat = p->to;
	out->chat_gap_ms = t->account.channel->chat_gap_ms;
	pause_between(t, out);
	if (p->kind.n)
		out->request.total_ms = UPLOAD_MS;
	return next;
}

/* ST_OK also when there is none to read. */
static enum status read_files(struct channel_task *t, struct channel_part *p, struct err *e)
{
	struct channel_file *f = (struct channel_file *)(uintptr_t)p->files;

	for (size_t i = 0; i < p->n_files; i++)
		if (file_get(t->job.organization_id, t->contents[i], conf_int(CONF_upload_max),
			     t->job.arena, &f[i].data, e))
			return e->status;
	return ST_OK;
}

/* Its bytes, or an address under which the provider fetches them. */
static enum status give_file(struct channel_task *t, struct channel_part *p, struct err *e)
{
	struct arena *a = t->job.arena;
	struct file_link link = { t->job.organization_id, t->contents[t->part], p->name, p->type };

	if (!(t->account.channel->caps & CHANNEL_BY_URL))
		return file_get(link.organization_id, link.sha256, conf_int(CONF_upload_max), a,
				&p->data, e);
	if (file_size(link.organization_id, link.sha256, a) < 0)
		return err_set(e, a, ST_NOT_FOUND, "The file does not exist any more");
	p->url = file_link_make(a, &link, clock_now_ms() / 1000 + LINK_S);
	return ST_OK;
}

static enum channel_next part_sent(struct channel_task *t, struct channel_step *out);

static enum channel_next begin_part(struct channel_task *t, struct channel_step *out)
{
	struct channel_part *p = &t->parts[t->part];
	struct channel_failure f = { 0 };
	struct err e = { 0 };
	enum channel_next next;

	if (p->kind.n && give_file(t, p, &e))
		return refuse(t, out, SV("file"), err_message(&e));
	if (read_files(t, p, &e))
		return refuse(t, out, SV("file"), err_message(&e));
	next = ask(t, NULL, out, &f);
	if (next == CHANNEL_DONE)
		return part_sent(t, out);
	return next == CHANNEL_CALL ? next : failed(t, &f, out);
}

static enum channel_next part_sent(struct channel_task *t, struct channel_step *out)
{
	struct sv id = t->parts[t->part].sent_id;
	struct err e = { 0 };

	json_array_append_new(t->sent, json_stringn(id.p, id.n));
	if (t->parts[t->part].noted)
		t->noted = t->parts[t->part].noted;
	if (++t->part == t->n_parts)
		return end(t, &(struct result){ .status = "SENT" }, out);
	/* Note it now: what fails later must not bring this part again. */
	if (save(t, &(struct result){ .status = "SENDING" }, &e))
		return channel_db_failed(t, &e, out);
	return begin_part(t, out);
}

/* CHA-108: as many a day as the account may; the others wait for the next one (UTC). */
static bool capped(const struct draft *d, struct channel_failure *f)
{
	struct sv left = db_first(d->b, d->message, "cap_left");
	int64_t n;

	if (!sv_to_i64(left, &n) || n >= 0)
		return false;
	*f = (struct channel_failure){
		.certainty = CHANNEL_TEMPORARY,
		.code = SV("daily_cap"),
		.text = SV("The account has sent as many mails as it may in a day; this one goes tomorrow"),
		.retry_after = (int)(86400 - clock_now_ms() / 1000 % 86400) + 1,
	};
	return true;
}

static enum channel_next prepare(struct channel_task *t, struct draft *d,
				 struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct sv type = db_first(d->b, d->message, "message_type"), code, why, to;
	struct channel_failure f;
	struct err e;
	json_t *metadata = channel_json(a, db_first(d->b, d->message, "metadata"), &e),
	       *template = NULL;

	d->metadata = metadata;
	d->text = db_first(d->b, d->message, "content");
	t->sent = json_object_get(metadata, "sent");
	if (!json_is_array(t->sent))
		t->sent = channel_json_keep(a, json_array());
	if (!channel_task_account(t, d->b, d->message))
		return refuse(t, out, SV("channel"),
			      SV("The conversation has no channel to answer by"));
	if (sv_eq(type, SV("template"))) {
		template = json_object_get(metadata, "template");
		if (!template)
			template = channel_json_keep(a, json_object());
	}
	if (!template)
		place_buttons(t, d);
	why = objection(t, d, template, &code);
	if (why.n)
		return refuse(t, out, code, why);
	to = channel_recipient(t, d->b, d->message);
	if (!to.n)
		return refuse(t, out, SV("recipient"),
			      SV("The contact has no address on this channel"));
	if (capped(d, &f))
		return failed(t, &f, out);
	if (t->account.channel->whole)
		make_whole(t, d, to);
	else
		make_parts(t, d, template, to);
	t->part = json_array_size(t->sent);
	if (t->part >= t->n_parts)
		return end(t, &(struct result){ .status = "SENT" }, out);
	return begin_part(t, out);
}

/* An earlier message to the same person waits for another attempt: none goes past it. */
static enum channel_next wait_behind(struct channel_task *t, struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };
	int64_t seconds = 1;
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b, "select internal.send_behind($1)", DB_S(t->id));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	sv_to_i64(db_get(b, row, 0, 0), &seconds);
	return channel_later(out, (int)seconds, SV("An earlier message of this conversation goes first"));
}

static enum channel_next begin(struct channel_task *t, struct channel_step *out)
{
	struct draft d = { 0 };
	struct err e = { 0 };
	int64_t early;

	if (load(t, &d, &e))
		return channel_db_failed(t, &e, out);
	t->ahead = NULL;
	if (d.claimed)
		return prepare(t, &d, out);
	if (sv_find(db_first(d.b, d.message, "file_states"), SV("waiting")) >= 0)
		return channel_later(out, 1, SV("A file of the message is on its way"));
	if (sv_eq(db_first(d.b, d.message, "status"), SV("SCHEDULED")) &&
	    sv_to_i64(db_first(d.b, d.message, "early"), &early)) /* it was put off meanwhile */
		return channel_later(out, early > 0 ? (int)early : 1, SV("It is not time yet"));
	if (sv_eq(db_first(d.b, d.message, "status"), SV("SENDING"))) {
		t->sent = channel_json_keep(t->job.arena, json_array());
		return end(t,
			   &(struct result){
				   .status = "UNKNOWN",
				   .code = SV("interrupted"),
				   .text = SV("Sending was interrupted, so the message may have been sent. "
					      "Ask the customer or send it again") },
			   out);
	}
	if (sv_eq(db_first(d.b, d.message, "status"), SV("PENDING")))
		return wait_behind(t, out);
	return CHANNEL_DONE; /* sent, failed, withdrawn: nothing to do */
}

enum channel_next channel_send_step(struct channel_task *t, const struct net_response *r,
				    struct channel_step *out)
{
	struct channel_failure f = { 0 };

	if (!r)
		return begin(t, out);
	switch (ask(t, r, out, &f)) {
	case CHANNEL_CALL:
		return CHANNEL_CALL;
	case CHANNEL_DONE:
		return part_sent(t, out);
	default:
		return failed(t, &f, out);
	}
}
