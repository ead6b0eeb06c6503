/*
 * What a record's page writes: POST /timeline/:kind/:id/{note,task,mail,call},
 * /notes/:id and its deletion, /calls/:id; and GET /timeline/:kind/:id, older
 * entries or those of one kind.
 *
 * Every entry has its id from the page, so that sending it twice makes one. A
 * script gets the new entry as a piece of HTML, a plain form goes back to the page.
 */
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "base/uuid.h"

static enum status kind_of(struct http_request *rq, const struct detail_kind **kind, struct sv *id, struct err *e)
{
	*kind = detail_kind(http_param(rq, "kind"));
	if (!*kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such timeline");
	return path_id(rq, (*kind)->name, id, e);
}

/* The batch, and whether this member may come to records of that kind at all. */
static struct db_batch *batch_for(struct http_request *rq, const struct detail_kind *kind)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select auth.enter($1)", DB_C(kind->area));
	return b;
}

static struct sv new_id(struct http_request *rq)
{
	struct sv id = http_form(rq, "new_id");

	return uuid_valid(id) ? id : uuid_new(rq->arena);
}

static enum status back_to(struct http_request *rq, struct http_response *rs, const struct detail_kind *kind,
			   struct sv id, const char *done)
{
	return redirect_to(rq, rs, kind->path, id, done);
}

/* Run what was added and answer with the entry it made. */
static enum status finish(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  const struct detail_kind *kind, struct sv id, struct sv item, struct err *e)
{
	struct tmpl_value *page;
	int entry = record_timeline_one(b, kind->name, id, item);

	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return back_to(rq, rs, kind, id, "?done=noted");
	page = web_page(rq, b);
	record_timeline_show(rq, page, kind->name, id, b, entry);
	return web_render(rq, rs, "app/timeline_rows", page, e);
}

enum status timeline_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv text = sv_trim(http_form(rq, "content")), id, item = new_id(rq);
	const struct detail_kind *kind;
	struct db_batch *b;

	if (kind_of(rq, &kind, &id, e))
		return e->status;
	if (!text.n && wants_fragment(rq))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Write something first"));
	if (!text.n)
		return back_to(rq, rs, kind, id, "");
	b = batch_for(rq, kind);
	must_exist(b, kind->table, id);
	db_add(b, kind->add_note, DB_S(item), DB_S(id), DB_S(text));
	return finish(rq, rs, b, kind, id, item, e);
}

enum status timeline_task(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv title = sv_trim(http_form(rq, "title")), due = http_form(rq, "due"), id, item = new_id(rq);
	struct sv person = http_form(rq, "assignee_id");
	const struct detail_kind *kind;
	struct db_batch *b;

	if (kind_of(rq, &kind, &id, e))
		return e->status;
	if (!kind->add_task)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such page");
	if (!title.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Write what is to be done"));
	b = batch_for(rq, kind);
	must_exist(b, kind->table, id);
	db_add(b, kind->add_task, DB_S(item), DB_S(id), DB_S(title), DB_OPT(due),
	       DB_OPT(uuid_valid(person) ? person : SV_NONE));
	return finish(rq, rs, b, kind, id, item, e);
}

enum status timeline_mail(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv to = sv_trim(http_form(rq, "to")), subject = sv_trim(http_form(rq, "subject"));
	struct sv text = sv_trim(http_form(rq, "content")), id, item = new_id(rq);
	const struct detail_kind *kind;
	struct db_batch *b;

	if (kind_of(rq, &kind, &id, e))
		return e->status;
	if (!*conf_str(CONF_smtp_url))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s",
			       tr("No mail server is set up yet: an administrator sets smtp_url in kontor.conf"));
	if (!to.n || !subject.n || !text.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s",
			       tr("An e-mail needs an address, a subject and a text"));
	b = batch_for(rq, kind);
	must_exist(b, kind->table, id);
	db_add(b, kind->add_mail, DB_S(item), DB_S(id), DB_S(to), DB_S(subject), DB_S(text));
	return finish(rq, rs, b, kind, id, item, e);
}

/* Minutes as people write them: 5, 2.5, 1:30. Seconds; -1: no number. */
static int64_t seconds_of(struct sv typed)
{
	struct sv minutes = typed, rest;
	int64_t m = 0, s = 0;

	if (sv_chr(typed, ':') >= 0) {
		rest = typed;
		minutes = sv_cut(&rest, ':');
		if (!sv_to_i64(rest, &s) || s < 0 || s > 59)
			return -1;
	}
	return sv_to_i64(minutes, &m) && m >= 0 && m < 24 * 60 ? m * 60 + s : -1;
}

static struct db_value duration(struct http_request *rq)
{
	int64_t s = seconds_of(sv_trim(http_form(rq, "minutes")));

	return s < 0 ? DB_NULL : DB_I(s);
}

enum status timeline_call(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv phone = sv_trim(http_form(rq, "phone")), status = http_form(rq, "status"), id, item = new_id(rq);
	const struct detail_kind *kind;
	struct db_batch *b;

	if (kind_of(rq, &kind, &id, e))
		return e->status;
	if (!kind->add_call)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such page");
	b = batch_for(rq, kind);
	must_exist(b, kind->table, id);
	db_add(b, kind->add_call, DB_S(item), DB_S(id), DB_OPT(phone), DB_B(http_form(rq, "inbound").n > 0),
	       duration(rq), DB_S(status.n ? status : SV("COMPLETED")), DB_OPT(sv_trim(http_form(rq, "content"))));
	return finish(rq, rs, b, kind, id, item, e);
}

/* The telephone's icon was pressed (CON-66): the dialer opens, the call begins. */
enum status contact_call(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct detail_kind *kind = detail_kind(SV("contact"));
	struct db_batch *b = web_batch(rq);
	struct sv id, item = new_id(rq);

	if (path_id(rq, "contact", &id, e))
		return e->status;
	must_exist(b, "contacts", id);
	db_add(b, kind->add_call, DB_S(item), DB_S(id), DB_OPT(sv_trim(http_form(rq, "phone"))), DB_B(false), DB_NULL,
	       DB_C("INITIATED"), DB_NULL);
	return finish(rq, rs, b, kind, id, item, e);
}

/* How a call went, added when it is over (CON-67). */
enum status call_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	const struct detail_kind *kind = detail_kind(http_form(rq, "kind"));
	struct sv id, of = http_form(rq, "of"), talk = http_form(rq, "conversation_id");
	int saved;

	if (path_id(rq, "call", &id, e))
		return e->status;
	if (!kind || !uuid_valid(of))
		return err_set(e, rq->arena, ST_BAD_INPUT, "The record of the call is missing");
	saved = db_add(b,
		"update call_records set call_status = coalesce($2, call_status),"
		" duration_seconds = coalesce($3::integer, duration_seconds), notes = coalesce($4, notes),"
		" conversation_id = coalesce($5::uuid, conversation_id) where id = $1::uuid",
		DB_S(id), DB_OPT(http_form(rq, "status")), duration(rq), DB_OPT(sv_trim(http_form(rq, "content"))),
		DB_OPT(uuid_valid(talk) ? talk : SV_NONE));
	if (finish(rq, rs, b, kind, of, id, e))
		return e->status;
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This call does not exist");
	return ST_OK;
}

/* ---- one note ------------------------------------------------------------ */

static enum status note_answer(struct http_request *rq, struct http_response *rs, struct db_batch *b, int changed,
			       struct err *e)
{
	struct sv back = http_form(rq, "back");

	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, changed) && !db_rows(b, changed))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This note does not exist");
	if (!wants_fragment(rq))
		return http_redirect(rs, back);
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"success\":true}");
	return ST_OK;
}

enum status note_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv text = sv_trim(http_form(rq, "content")), id;
	struct db_batch *b = web_batch(rq);

	if (path_id(rq, "note", &id, e))
		return e->status;
	if (!text.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Write something first"));
	return note_answer(rq, rs, b, db_add(b, "update notes set content = $2 where id = $1::uuid", DB_S(id),
					     DB_S(text)), e);
}

enum status note_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "note", &id, e))
		return e->status;
	return note_answer(rq, rs, b, db_add(b, "delete from notes where id = $1::uuid", DB_S(id)), e);
}

enum status note_restore(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "note", &id, e))
		return e->status;
	return note_answer(rq, rs, b, db_add(b, "select internal.note_restore($1::uuid)", DB_S(id)), e);
}

/* ---- reading --------------------------------------------------------------- */

enum status timeline_fragment(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct detail_kind *kind;
	struct tmpl_value *page;
	struct db_batch *b;
	struct sv id;
	int timeline;

	if (kind_of(rq, &kind, &id, e))
		return e->status;
	b = batch_for(rq, kind);
	timeline = record_timeline_add(b, rq, kind->name, id);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	record_timeline_show(rq, page, kind->name, id, b, timeline);
	return web_render(rq, rs, "app/timeline_rows", page, e);
}
