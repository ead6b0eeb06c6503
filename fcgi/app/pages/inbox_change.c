/* What agents do with a conversation: assign, close, star, read, make a deal. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* ---- answering ------------------------------------------------------------- */

static struct sv talk_path(struct http_request *rq, struct sv id)
{
	return sv_from(arena_printf(rq->arena, "/inbox/%.*s", SV_ARG(id)));
}

/* The statement of a change is in the batch: run it with what the page shows
 * of the conversation afterwards. Without script the page comes again. */
enum status inbox_changed(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  struct sv id, struct err *e)
{
	struct inbox_talk talk;
	struct tmpl_value *page;

	if (!wants_fragment(rq)) {
		if (db_run(b, e))
			return e->status;
		return http_redirect(rs, talk_path(rq, id));
	}
	web_me(rq, b);
	inbox_add_talk(b, id, &talk);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	return web_render(rq, rs, "app/inbox/state", page, e);
}

/* The same after something was added to the thread: the item itself. */
enum status inbox_added(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			struct sv id, int items, struct err *e)
{
	struct tmpl_value *page;

	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return http_redirect(rs, talk_path(rq, id));
	page = web_page(rq, b);
	web_set_rows(page, "items", b, items);
	return web_render(rq, rs, "app/inbox/items", page, e);
}

/* 422 with the field that the message belongs to. */
enum status inbox_refuse(struct http_request *rq, const char *field, const char *message,
			 struct err *e)
{
	err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", message);
	e->field = sv_from(field);
	return e->status;
}

/* ---- the conversation itself ---------------------------------------------------- */

enum status inbox_assign(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, to = http_form(rq, "assignee_id");

	if (inbox_id(rq, &id, e))
		return e->status;
	if (to.n && !uuid_valid(to) && !sv_eq(to, SV("me")) && !sv_eq(to, SV("auto")))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "There is no such member");
	must_exist(b, "conversations", id);
	if (sv_eq(to, SV("auto")))
		db_add(b, "select public.auto_assign_conversation($1)", DB_S(id));
	else
		db_add(b,
		       "update conversations set assignee_id = case $2 when 'me' then auth.uid()"
		       " else nullif($2, '')::uuid end where id = $1",
		       DB_S(id), DB_S(to));
	return inbox_changed(rq, rs, b, id, e);
}

enum status inbox_status(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, to = http_form(rq, "status");
	enum status s;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!sv_eq(to, SV("OPEN")) && !sv_eq(to, SV("CLOSED")) && !sv_eq(to, SV("PENDING")) &&
	    !sv_eq(to, SV("RESOLVED")))
		return err_set(e, rq->arena, ST_UNPROCESSABLE,
			       "status is OPEN, PENDING, RESOLVED or CLOSED");
	must_exist(b, "conversations", id);
	db_add(b, "update conversations set status = $2 where id = $1", DB_S(id), DB_S(to));
	s = inbox_changed(rq, rs, b, id, e);
	if (s == ST_CONFLICT) {
		err_set(e, rq->arena, ST_CONFLICT,
			"This contact has an open conversation on this channel already");
		e->hint = SV("Go on in that one: it is in the list of the contact's conversations");
	}
	return s;
}

/* INB-47: until a moment of the menu, or one that was typed, in the reader's time. */
static const char snooze_sql[] =
	"update conversations set snoozed_until = case $2"
	" when '' then case when $3::text is null then null else $3::timestamp at time zone z.zone end"
	" when '1h' then now() + interval '1 hour' when '3h' then now() + interval '3 hours'"
	" when 'tomorrow' then ((now() at time zone z.zone)::date + 1 + time '09:00') at time zone z.zone"
	" when 'monday' then (date_trunc('week', now() at time zone z.zone)::date + 7 + time '09:00') at time zone z.zone"
	" when 'week' then now() + interval '7 days' when 'month' then now() + interval '1 month' end"
	" from (select app.zone() as zone) z where id = $1";
static const char *const snooze_until[] = { "", "1h", "3h", "tomorrow", "monday", "week", "month" };

static bool is_snooze(struct sv until)
{
	for (size_t i = 0; i < sizeof(snooze_until) / sizeof(*snooze_until); i++)
		if (sv_eq(until, sv_from(snooze_until[i])))
			return true;
	return false;
}

enum status inbox_snooze(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, until = http_form(rq, "until"), at = sv_trim(http_form(rq, "at"));

	if (inbox_id(rq, &id, e))
		return e->status;
	if (sv_eq(until, SV("at")) ? !form_is_time(at) : !is_snooze(until))
		return inbox_refuse(rq, "at", "Choose when it comes back", e);
	must_exist(b, "conversations", id);
	if (sv_eq(until, SV("at")))
		db_add(b, snooze_sql, DB_S(id), DB_S(SV("")), DB_S(at));
	else
		db_add(b, snooze_sql, DB_S(id), DB_S(until), DB_NULL);
	return inbox_changed(rq, rs, b, id, e);
}

/* INB-72: one tag more, or one less. */
enum status inbox_tag(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, add = sv_trim(http_form(rq, "add")), remove = http_form(rq, "remove");

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!add.n && !remove.n)
		return inbox_refuse(rq, "add", "Write a tag first", e);
	must_exist(b, "conversations", id);
	if (add.n)
		db_add(b,
		       "update conversations c set tags = c.tags || array(select distinct t from"
		       " (select trim(x) as t from regexp_split_to_table($2, ',') x) w"
		       " where t <> '' and not t = any (c.tags)) where c.id = $1",
		       DB_S(id), DB_S(add));
	if (remove.n)
		db_add(b, "update conversations set tags = array_remove(tags, $2) where id = $1", DB_S(id), DB_S(remove));
	return inbox_changed(rq, rs, b, id, e);
}

/* INB-93: the bot's switch; taking over is told to the channel's own bot. */
enum status inbox_bot(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select app.bot_switch($1, $2, $3)", DB_S(id), DB_B(sv_eq(http_form(rq, "on"), SV("1"))),
	       DB_S(http_form(rq, "reason")));
	return inbox_changed(rq, rs, b, id, e);
}

/* As the team had not seen it. */
enum status inbox_unread(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select public.conversation_unread($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return http_redirect(rs, SV("/inbox"));
	rs->status = 204;
	return ST_OK;
}

enum status inbox_star(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "update conversations set is_important = $2 where id = $1", DB_S(id),
	       DB_B(sv_eq(http_form(rq, "on"), SV("1"))));
	return inbox_changed(rq, rs, b, id, e);
}

/* A thread that is open in front of somebody is read as it grows. */
enum status inbox_read(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select public.conversation_read($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}

static const char deal_sql[] =
	"insert into deals (title, value, currency, pipeline_id, stage, contact_id, company_id,"
	"	conversation_id, owner_id, source)"
	" select $2, coalesce($3::numeric, 0), o.currency, $4::uuid, coalesce($5, 'new'), k.id,"
	"	k.company_id, c.id, auth.uid(), 'inbox'"
	" from conversations c"
	" join contacts k on k.organization_id = c.organization_id and k.id = c.contact_id"
	" join organizations o on o.id = c.organization_id where c.id = $1";

/* INB-82: a deal of this contact, linked to this conversation. The stage
 * comes as "<pipeline>:<stage>", one choice for both. */
enum status inbox_deal(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, title, value, stage = http_form(rq, "stage"), pipeline = sv_cut(&stage, ':');
	struct db_batch *b = web_batch(rq);
	struct form f;

	if (inbox_id(rq, &id, e))
		return e->status;
	form_init(&f, rq);
	title = form_text(&f, "title");
	if (!title.n) {
		return inbox_refuse(rq, "title", "Give the deal a title", e);
	}
	value = form_money(&f, "value");
	if (f.wrong) {
		return inbox_refuse(rq, "value", "The value is a number such as 4800 or 99.50", e);
	}
	must_exist(b, "conversations", id);
	db_add(b, deal_sql, DB_S(id), DB_S(title), DB_OPT(value), DB_OPT(pipeline), DB_OPT(stage));
	return inbox_changed(rq, rs, b, id, e);
}

/* INB-83: a follow-up of this conversation. */
enum status inbox_task(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, title, due, client;
	struct form f;

	if (inbox_id(rq, &id, e))
		return e->status;
	form_init(&f, rq);
	title = form_text(&f, "title");
	due = form_text(&f, "due");
	client = form_id(&f, "client_id");
	if (!title.n)
		return inbox_refuse(rq, "title", "Say what is to be done", e);
	if (due.n && !form_is_time(due))
		return inbox_refuse(rq, "due", "Choose a day and a time", e);
	must_exist(b, "conversations", id);
	db_add(b,
	       "insert into tasks (id, title, due_date, assignee_id, contact_id, conversation_id)"
	       " select coalesce($4::uuid, uuid7()), $2, $3::timestamp at time zone app.zone(), auth.uid(),"
	       " c.contact_id, c.id from conversations c where c.id = $1 on conflict do nothing",
	       DB_S(id), DB_S(title), DB_OPT(due), DB_OPT(client));
	return inbox_changed(rq, rs, b, id, e);
}
