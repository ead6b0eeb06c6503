/*
 * The job "send_message": one message goes out, in one or more parts.
 *
 * The row is SENDING, committed, while a call is under way. Found so at the
 * beginning, an earlier attempt died in the middle: nobody knows whether the
 * customer has the message, and the row becomes UNKNOWN. What has gone out is
 * in metadata.sent, so that a second try goes on behind it.
 */
#include "channel/internal.h"

#include "base/conf.h"
#include "base/log.h"
#include "file/file.h"

#include <unistd.h>

#define UPLOAD_MS 120000
#define SAVE_TRIES 20 /* a quarter of a second apart */

struct draft {
	bool claimed;
	int message, files;
	struct db_batch *b;
};

/* since_inbound: seconds since the contact last wrote to the account that is
 * to answer, in whichever conversation. */
static const char load_sql[] =
	"select m.status, m.content, m.message_type, m.metadata, a.is_active,"
	" case when c.channel_account_id = a.id then c.external_id end thread,"
	" p.phones[1] phone,"
	" (select jsonb_object_agg(h.kind, h.value order by h.created_at)"
	"  from contact_handles h where h.organization_id = m.organization_id"
	"  and h.contact_id = m.contact_id) handles,"
	" (select extract(epoch from now() - max(w.last_inbound_at))::bigint"
	"  from conversations w where w.organization_id = m.organization_id"
	"  and w.contact_id = m.contact_id and w.channel_account_id = a.id) since_inbound,"
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
	" where m.id = $1";

static const char files_sql[] =
	"select x.kind, f.name, f.content_type, f.sha256 from message_attachments x"
	" join files f on f.organization_id = x.organization_id and f.id = x.file_id"
	" where x.message_id = $1 order by x.position, x.id";

static enum status load(struct channel_task *t, struct draft *d, struct err *e)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	int claim;

	db_as_system(b, t->job.organization_id);
	claim = db_add(b,
		       "update messages m set status = 'SENDING', error = null, error_code = null "
		       "where id = $1 and direction = 'OUTBOUND' and (status = 'PENDING' "
		       " or (status = 'SCHEDULED' and coalesce(scheduled_at, now()) <= now())) "
		       "and not exists (select from message_attachments x"
		       " where x.organization_id = m.organization_id and x.message_id = m.id"
		       " and x.state = 'waiting')",
		       DB_S(t->id));
	d->message = db_add(b, load_sql, DB_S(t->id));
	d->files = db_add(b, files_sql, DB_S(t->id));
	d->b = b;
	if (db_run(b, e))
		return e->status;
	d->claimed = db_affected(b, claim) == 1;
	return ST_OK;
}

/* ---- the result ----------------------------------------------------------------- */

struct result {
	const char *status;
	struct sv code, text;
	bool disconnected;
};

static enum status save_once(struct channel_task *t, const struct result *r, struct err *e)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct sv first =
		channel_clip(sv_from(json_string_value(json_array_get(t->sent, 0))), 1000);

	db_as_system(b, t->job.organization_id);
	db_add(b,
	       "update messages set status = $2, error = $3, error_code = $4, "
	       "external_id = coalesce(external_id, $5), "
	       "metadata = case when $6::jsonb = '[]' then metadata "
	       " else jsonb_set(metadata, '{sent}', $6::jsonb) end where id = $1",
	       DB_S(t->id), DB_C(r->status), DB_OPT(r->text), DB_OPT(r->code), DB_OPT(first),
	       DB_S(channel_dump(a, t->sent)));
	if (!strcmp(r->status, "SENT"))
		db_add(b,
		       "update channel_accounts set last_out_at = now(), last_error = null where "
		       "id = $1 "
		       "and (last_out_at is null or last_error is not null "
		       " or last_out_at < now() - interval '1 minute')",
		       DB_S(t->account.id));
	else if (r->disconnected)
		channel_account_error(b, t->account.id, r->text, true);
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
	return end(t, &(struct result){ "FAILED", code, text, false }, out);
}

static enum channel_next failed(struct channel_task *t, const struct channel_failure *f,
				struct channel_step *out)
{
	struct result r = { "FAILED", f->code, f->text, f->disconnected };
	bool again = f->certainty == CHANNEL_TEMPORARY && (f->retry_after || !t->job.last);
	struct err e = { 0 };

	if (f->certainty == CHANNEL_UNCERTAIN)
		r.status = "UNKNOWN";
	if (!again)
		return end(t, &r, out);
	r.status = "PENDING";
	if (save(t, &r, &e))
		return channel_db_failed(t, &e, out);
	channel_later(out, f->retry_after, f->text);
	out->uncounted = f->retry_after > 0;
	return CHANNEL_RETRY;
}

/* ---- what is to be sent ------------------------------------------------------------ */

static struct sv recipient(struct channel_task *t, const struct draft *d)
{
	const char *kind = t->account.channel->handle_kind;
	struct arena *a = t->job.arena;
	struct sv to = db_first(d->b, d->message, "thread"),
		  handles = db_first(d->b, d->message, "handles");
	struct err e;

	if (!to.n && handles.n)
		to = channel_text(a, channel_json(a, handles, &e), kind);
	if (!to.n && !strcmp(kind, "phone"))
		to = db_first(d->b, d->message, "phone");
	return to;
}

/* The text goes with the first file where it may (MSG-44), else ahead of it. */
static void make_parts(struct channel_task *t, const struct draft *d, json_t *template,
		       struct sv to)
{
	const struct channel *c = t->account.channel;
	struct sv text = db_first(d->b, d->message, "content");
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
	if (files && (!text.n || (c->caption(&p[1]) && channel_units(text) <= c->caption_max))) {
		p[1].text = text;
		t->parts++;
		t->contents++;
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		t->parts[i].arena = t->job.arena;
		t->parts[i].account = &t->account;
		t->parts[i].to = to;
	}
	t->parts[0].message_id = t->id;
	t->parts[0].reply_to = db_first(d->b, d->message, "reply_to");
	t->n_parts = n;
}

static bool window_closed(const struct channel_task *t, const struct draft *d)
{
	struct sv since = db_first(d->b, d->message, "since_inbound");
	int64_t seconds, hours = t->account.channel->window_hours;

	return hours && (!sv_to_i64(since, &seconds) || seconds >= hours * 3600);
}

/* Reasons to send nothing, found before the provider is asked. Empty: none. */
static struct sv objection(const struct channel_task *t, const struct draft *d, json_t *template,
			   struct sv *code)
{
	const struct channel *c = t->account.channel;
	struct sv text = db_first(d->b, d->message, "content");

	*code = SV("channel");
	if (sv_eq(db_first(d->b, d->message, "is_active"), SV("f")))
		return SV("The channel is switched off. Switch it on in the settings, or answer by "
			  "another one");
	if (t->account.sealed)
		return SV(
			"The channel's secrets cannot be opened. Enter them anew in its settings");
	*code = SV("file");
	if (sv_find(db_first(d->b, d->message, "file_states"), SV("failed")) >= 0)
		return SV("A file of the message could not be fetched from its address");
	*code = SV("content");
	if (template && !(c->caps & CHANNEL_CAN_TEMPLATE))
		return SV("This channel has no templates");
	if (template && !json_is_string(json_object_get(template, "name")))
		return SV("Choose a template");
	if (!template && !text.n && !db_rows(d->b, d->files))
		return SV("The message is empty, or its file does not exist any more");
	if (!template && channel_units(text) > c->text_max) /* MSG-2 */
		return SV("The text is longer than this channel allows");
	*code = SV("131047"); /* WhatsApp's own code for it (INB-103) */
	if (!template && window_closed(t, d))
		return SV("More than 24 hours have passed since the customer last wrote. Send an "
			  "approved template");
	return SV_NONE;
}

/* ---- the parts ------------------------------------------------------------------------ */

static enum channel_next ask(struct channel_task *t, const struct net_response *r,
			     struct channel_step *out, struct channel_failure *f)
{
	struct channel_part *p = &t->parts[t->part];
	enum channel_next next = t->account.channel->send(p, r, &out->request, f);

	out->request.lane = t->account.id;
	if (p->kind.n)
		out->request.total_ms = UPLOAD_MS;
	return next;
}

static enum channel_next begin_part(struct channel_task *t, struct channel_step *out)
{
	struct channel_part *p = &t->parts[t->part];
	struct channel_failure f = { 0 };
	struct err e = { 0 };
	enum channel_next next;

	if (p->kind.n && file_get(t->job.organization_id, t->contents[t->part],
				  conf_int(CONF_upload_max), t->job.arena, &p->data, &e))
		return refuse(t, out, SV("file"), err_message(&e));
	next = ask(t, NULL, out, &f);
	return next == CHANNEL_CALL ? next : failed(t, &f, out);
}

static enum channel_next part_sent(struct channel_task *t, struct channel_step *out)
{
	struct sv id = t->parts[t->part].sent_id;
	struct err e = { 0 };

	json_array_append_new(t->sent, json_stringn(id.p, id.n));
	if (++t->part == t->n_parts)
		return end(t, &(struct result){ .status = "SENT" }, out);
	/* Note it now: what fails later must not bring this part again. */
	if (save(t, &(struct result){ .status = "SENDING" }, &e))
		return channel_db_failed(t, &e, out);
	return begin_part(t, out);
}

static enum channel_next prepare(struct channel_task *t, const struct draft *d,
				 struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct sv type = db_first(d->b, d->message, "message_type"), code, why, to;
	struct err e;
	json_t *metadata = channel_json(a, db_first(d->b, d->message, "metadata"), &e),
	       *template = NULL;

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
	why = objection(t, d, template, &code);
	if (why.n)
		return refuse(t, out, code, why);
	to = recipient(t, d);
	if (!to.n)
		return refuse(t, out, SV("recipient"),
			      SV("The contact has no address on this channel"));
	make_parts(t, d, template, to);
	t->part = json_array_size(t->sent);
	if (t->part >= t->n_parts)
		return end(t, &(struct result){ .status = "SENT" }, out);
	return begin_part(t, out);
}

static enum channel_next begin(struct channel_task *t, struct channel_step *out)
{
	struct draft d = { 0 };
	struct err e = { 0 };

	if (load(t, &d, &e))
		return channel_db_failed(t, &e, out);
	if (d.claimed)
		return prepare(t, &d, out);
	if (sv_find(db_first(d.b, d.message, "file_states"), SV("waiting")) >= 0)
		return channel_later(out, 1, SV("A file of the message is on its way"));
	if (sv_eq(db_first(d.b, d.message, "status"), SV("SENDING"))) {
		t->sent = channel_json_keep(t->job.arena, json_array());
		return end(t,
			   &(struct result){
				   "UNKNOWN", SV("interrupted"),
				   SV("Sending was interrupted, so the message may have been sent. "
				      "Ask the customer or send it again"),
				   false },
			   out);
	}
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
