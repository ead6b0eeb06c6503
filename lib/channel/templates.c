/*
 * WhatsApp's approved templates (MSG-92, MSG-93). The job "sync_templates"
 * {account_id} reads all of an account from Meta, page by page; the job
 * "submit_template" {template_id} hands one in for approval, or its change.
 */
#include "channel/internal.h"

#define PAGES_MAX 60

struct templates {
	struct sv started; /* by the database's clock: what was not seen since then is gone */
	int pages;
};

/* Ours and Meta's words for why it did not work. */
static struct sv explain(struct arena *a, const json_t *body, const struct net_response *r)
{
	const json_t *error = json_object_get(body, "error");
	struct sv said = channel_text(a, error, "error_user_msg"), title = channel_text(a, error, "error_user_title");

	if (!said.n)
		said = channel_text(a, error, "message");
	if (!said.n)
		return sv_from(arena_printf(a, "WhatsApp answered %d", r->status));
	if (!title.n)
		return said;
	return sv_from(arena_printf(a, "%.*s: %.*s", SV_ARG(title), SV_ARG(said)));
}

/* Temporary: run again. Else the caller writes down why. */
static bool again(struct channel_task *t, const struct net_response *r, json_t **body,
		  struct channel_failure *f)
{
	struct err e;

	if (channel_net_failed(t->job.arena, r, false, f))
		return f->certainty == CHANNEL_TEMPORARY;
	*body = channel_json(t->job.arena, r->body, &e);
	if (r->status == 200 && *body)
		return false;
	meta_refused(t->job.arena, *body, r, false, f);
	if (*body)
		f->text = explain(t->job.arena, *body, r);
	return f->certainty == CHANNEL_TEMPORARY;
}

/* ---- all of an account --------------------------------------------------------- */

static enum status load_account(struct channel_task *t, bool *known, struct err *e)
{
	struct templates *own = t->own;
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b,
		     "select clock_timestamp() as started," CHANNEL_ACCOUNT_COLUMNS
		     "from channel_accounts a where a.id = $1 and a.type = 'WHATSAPP_CLOUD'",
		     DB_S(t->id));
	if (db_run(b, e))
		return e->status;
	own->started = db_first(b, row, "started");
	*known = db_rows(b, row) == 1 && channel_task_account(t, b, row);
	return ST_OK;
}

/* The end of it: with an error, what was there stays. */
static enum channel_next finish(struct channel_task *t, struct sv error, struct channel_step *out)
{
	const struct templates *own = t->own;
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	db_add(b, "select internal.templates_synced($1, $2, $3)", DB_S(t->id), DB_S(own->started),
	       DB_OPT(error));
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

static enum channel_next ask_page(struct channel_task *t, struct sv after, struct channel_step *out)
{
	buf_auto struct buf edge = BUF_INIT;

	buf_lit(&edge, "/message_templates?fields=id,name,language,category,status,components,"
		       "rejected_reason,quality_score&limit=100");
	if (after.n) {
		buf_lit(&edge, "&after=");
		buf_url(&edge, after);
	}
	channel_get(t->job.arena, &out->request,
		    meta_url(t->job.arena, &t->account, t->account.waba_id,
			     arena_printf(t->job.arena, "%.*s", (int)edge.n, edge.p)),
		    meta_token(&t->account));
	out->request.lane = t->account.id;
	out->request.max_body = 8 * 1024 * 1024;
	return CHANNEL_CALL;
}

static enum channel_next begin_sync(struct channel_task *t, struct channel_step *out)
{
	bool known = false;
	struct err e = { 0 };

	t->own = ARENA_NEW(t->job.arena, struct templates);
	if (load_account(t, &known, &e))
		return channel_db_failed(t, &e, out);
	if (!known)
		return CHANNEL_DONE;
	if (!t->account.waba_id.n)
		return finish(t, SV("Enter the business account ID in the channel's settings"), out);
	return ask_page(t, SV_NONE, out);
}

static enum channel_next store_page(struct channel_task *t, const json_t *body, struct channel_step *out)
{
	struct templates *own = t->own;
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct sv after = channel_text(t->job.arena, body, "paging.cursors.after");
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	db_add(b, "select internal.templates_store($1, $2::jsonb)", DB_S(t->id),
	       DB_S(channel_dump(t->job.arena, json_object_get(body, "data"))));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	if (!channel_at(body, "paging.next") || !after.n || ++own->pages == PAGES_MAX)
		return finish(t, SV_NONE, out);
	return ask_page(t, after, out);
}

enum channel_next channel_templates_step(struct channel_task *t, const struct net_response *r,
					 struct channel_step *out)
{
	struct channel_failure f = { 0 };
	json_t *body = NULL;

	if (!r)
		return begin_sync(t, out);
	if (again(t, r, &body, &f) && !t->job.last)
		return channel_retry(t, out, f.retry_after, f.text);
	if (f.text.n)
		return finish(t, f.text, out);
	return store_page(t, body, out);
}

/* ---- one for approval ------------------------------------------------------------- */

static enum channel_next submitted(struct channel_task *t, const json_t *body, struct sv error,
				   struct channel_step *out)
{
	struct arena *a = t->job.arena;
	struct db_batch *b = db_batch(t->job.db, a);
	struct err e = { 0 };

	db_as_system(b, t->job.organization_id);
	db_add(b, "select internal.template_submitted($1, $2, $3, $4, $5)", DB_S(t->id),
	       DB_OPT(channel_text(a, body, "id")), DB_OPT(channel_text(a, body, "status")),
	       DB_OPT(channel_text(a, body, "category")), DB_OPT(error));
	return db_run(b, &e) ? channel_db_failed(t, &e, out) : CHANNEL_DONE;
}

/* A new one by its account; a change by the template's own id, without what
 * cannot change. */
static void ask_submit(struct channel_task *t, const struct db_batch *b, int row, struct net_request *out)
{
	struct arena *a = t->job.arena;
	json_t *body = channel_json_keep(a, json_object());
	struct sv known = db_first(b, row, "provider_id");
	struct err e;

	if (!known.n) {
		channel_set(body, "name", db_first(b, row, "name"));
		channel_set(body, "language", db_first(b, row, "language"));
	}
	channel_set(body, "category", db_first(b, row, "category"));
	json_object_set(body, "components", channel_json(a, db_first(b, row, "components"), &e));
	channel_post_json(a, out,
			  known.n ? meta_url(a, &t->account, known, "")
				  : meta_url(a, &t->account, t->account.waba_id, "/message_templates"),
			  meta_token(&t->account), channel_dump(a, body));
	out->lane = t->account.id;
}

static enum channel_next begin_submit(struct channel_task *t, struct channel_step *out)
{
	struct db_batch *b = db_batch(t->job.db, t->job.arena);
	struct err e = { 0 };
	int row;

	db_as_system(b, t->job.organization_id);
	row = db_add(b,
		     "select w.name, w.language, w.category, w.components, w.provider_id,"
		     CHANNEL_ACCOUNT_COLUMNS
		     "from whatsapp_templates w join channel_accounts a"
		     " on a.organization_id = w.organization_id and a.id = w.channel_account_id"
		     " where w.id = $1 and w.is_submitting", DB_S(t->id));
	if (db_run(b, &e))
		return channel_db_failed(t, &e, out);
	if (!db_rows(b, row) || !channel_task_account(t, b, row))
		return CHANNEL_DONE;
	if (!t->account.waba_id.n)
		return submitted(t, NULL, SV("Enter the business account ID in the channel's settings"), out);
	ask_submit(t, b, row, &out->request);
	return CHANNEL_CALL;
}

enum channel_next channel_template_step(struct channel_task *t, const struct net_response *r,
					struct channel_step *out)
{
	struct channel_failure f = { 0 };
	json_t *body = NULL;

	if (!r)
		return begin_submit(t, out);
	if (again(t, r, &body, &f) && !t->job.last)
		return channel_retry(t, out, f.retry_after, f.text);
	return submitted(t, f.text.n ? NULL : body, f.text, out);
}
