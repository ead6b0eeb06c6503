/*
 * What is done to a message of a thread: POST /inbox/:id/messages/:message/
 * {react,edit,delete,settle,forward,withdraw,schedule,task,translate}, its details, and
 * what the composer keeps: a preference, what is scheduled.
 */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"
#include "channel/channel.h"

static enum status ids(struct http_request *rq, struct sv *id, struct sv *message, struct err *e)
{
	*message = http_param(rq, "message");
	if (inbox_id(rq, id, e))
		return e->status;
	if (!uuid_valid(*message))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This message does not exist");
	return ST_OK;
}

static void must_be_in(struct db_batch *b, struct sv id, struct sv message)
{
	must_exist(b, "conversations", id);
	db_add(b, "select app.message_in($1, $2)", DB_S(id), DB_S(message));
}

/* Run what is in the batch; the answer is the message as it is now, or nothing when it went. */
static enum status answer(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			  struct sv id, struct sv message, struct err *e)
{
	int items = db_add(b, "select t.*, app.mail_part(t.id, t.message_type) as mail from app.thread_some($1, array[$2::uuid]) t",
			   DB_S(id), DB_S(message));

	return inbox_added(rq, rs, b, id, items, e);
}

static enum status act(struct http_request *rq, struct http_response *rs, const char *kind, struct sv emoji,
		       struct sv content, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, message;

	if (ids(rq, &id, &message, e))
		return e->status;
	must_be_in(b, id, message);
	db_add(b, "insert into message_acts (message_id, kind, emoji, content) values ($1, $2, $3, $4)",
	       DB_S(message), DB_C(kind), DB_OPT(emoji), DB_OPT(content));
	return answer(rq, rs, b, id, message, e);
}

enum status message_react(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return act(rq, rs, "react", sv_trim(http_form(rq, "emoji")), SV_NONE, e);
}

enum status message_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv text = sv_trim(http_form(rq, "content"));

	if (!text.n)
		return inbox_refuse(rq, "content", tr("Write what the message is to say"), e);
	return act(rq, rs, "edit", SV_NONE, text, e);
}

enum status message_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return act(rq, rs, http_form(rq, "everywhere").n ? "revoke" : "delete", SV_NONE, SV_NONE, e);
}

enum status message_settle(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return act(rq, rs, "settle", SV_NONE, SV_NONE, e);
}

/* Into another conversation; the answer is where it went. */
enum status message_forward(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, message, to = http_form(rq, "to"), client = http_form(rq, "client_id");
	struct db_batch *b = web_batch(rq);

	if (ids(rq, &id, &message, e))
		return e->status;
	if (!uuid_valid(to))
		return inbox_refuse(rq, "to", tr("Choose a conversation"), e);
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	must_be_in(b, id, message);
	db_add(b, "select app.forward($1, $2, $3)", DB_S(message), DB_S(to), DB_S(client));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"conversation_id\":");
	buf_json(&rs->body, to);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* Undo of a send, or changing what is scheduled: it comes back as text. */
enum status message_withdraw(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, message, files;
	int row;

	if (ids(rq, &id, &message, e))
		return e->status;
	must_exist(b, "conversations", id);
	row = db_add(b, "select * from app.withdraw($1, $2)", DB_S(id), DB_S(message));
	if (db_run(b, e))
		return e->status;
	files = db_first(b, row, "files");
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"content\":");
	buf_json(&rs->body, db_first(b, row, "content"));
	buf_json_key(&rs->body, "reply_to");
	buf_json(&rs->body, db_first(b, row, "reply_to_id"));
	buf_json_key(&rs->body, "files");
	buf_add(&rs->body, files.n ? files : SV("[]"));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* Other words or another time for what waits. now=1: without waiting. */
enum status message_schedule(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, message, text = sv_trim(http_form(rq, "content")), at = http_form(rq, "scheduled_at");
	struct db_batch *b = web_batch(rq);

	if (ids(rq, &id, &message, e))
		return e->status;
	must_be_in(b, id, message);
	db_add(b, "select app.reschedule($1, $2, $3, $4)", DB_S(message), DB_OPT(text), DB_OPT(at),
	       DB_B(http_form(rq, "now").n > 0));
	return answer(rq, rs, b, id, message, e);
}

/* MSG-74: a task that points to the conversation, with the message as its description. */
enum status message_task(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, message, title = sv_trim(http_form(rq, "title")), task = http_form(rq, "id");
	struct db_batch *b = web_batch(rq);

	if (ids(rq, &id, &message, e))
		return e->status;
	if (!title.n)
		return inbox_refuse(rq, "title", tr("Give the task a title"), e);
	if (!uuid_valid(task))
		task = uuid_new(rq->arena);
	db_add(b, "select auth.enter('tasks')");
	must_be_in(b, id, message);
	db_add(b,
	       "insert into tasks (id, title, description, due_date, contact_id, conversation_id, assignee_id)"
	       " select $1, $2, m.content, ($3::date + time '17:00') at time zone app.zone(), m.contact_id,"
	       " m.conversation_id, auth.uid() from messages m where m.id = $4"
	       " on conflict do nothing",
	       DB_S(task), DB_S(title), DB_OPT(http_form(rq, "due_date")), DB_S(message));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"id\":");
	buf_json(&rs->body, task);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status message_translate(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, message;

	if (ids(rq, &id, &message, e))
		return e->status;
	must_be_in(b, id, message);
	db_add(b, "select internal.translate_message($1, internal.lang())", DB_S(message));
	return answer(rq, rs, b, id, message, e);
}

/* ---- details ---------------------------------------------------------------------- */

static const char details_sql[] =
	"select m.id, m.external_id, m.client_id, m.status, m.error, m.error_code, m.message_type, m.direction,"
	" m.direction = 'OUTBOUND' as outbound, length(m.content) as characters,"
	" internal.shown_time(m.created_at, app.zone()) as created, internal.shown_time(m.scheduled_at, app.zone()) as scheduled,"
	" a.name as channel, a.type as channel_type, a.connection_state, a.is_active, a.last_error as channel_error,"
	" internal.shown_time(a.last_out_at, app.zone()) as last_out, internal.shown_time(a.last_in_at, app.zone()) as last_in,"
	" coalesce(c.external_id, (select h.value from contact_handles h where h.organization_id = m.organization_id"
	"	and h.contact_id = m.contact_id order by h.kind = 'phone' desc, h.created_at limit 1)) as recipient,"
	" (select h.kind from contact_handles h where h.organization_id = m.organization_id and h.contact_id = m.contact_id"
	"	and h.value = c.external_id limit 1) as recipient_kind, p.phones[1] as phone,"
	" internal.phone_normalized(p.phones[1]) is not null as phone_ok, m.metadata ->> 'provider_timestamp' as provider_time,"
	" m.metadata #>> '{settled,at}' is not null as settled,"
	" coalesce(m.metadata ->> 'source', case when m.sender_id is not null then 'inbox' end) as source,"
	" m.metadata #>> '{crossChannelResponse,originalChannelType}' as crossed,"
	" (select json_agg(json_build_object('status', h.status, 'is', json_build_object(h.status, true), 'at', internal.shown_time(h.at, app.zone()),"
	"	'clock', to_char(h.at at time zone app.zone(), 'HH24:MI:SS'), 'error', h.error) order by h.at, h.id)"
	"	from message_status_history h where h.message_id = m.id) as history,"
	" (select json_agg(json_build_object('at', internal.shown_time((x ->> 'at')::timestamptz, app.zone()), 'was', x ->> 'was'))"
	"	from jsonb_array_elements(m.metadata -> 'edits') x) as edits,"
	" (select json_agg(json_build_object('kind', x.kind, 'state', x.state, 'error', x.error,"
	"	'at', internal.shown_time(x.created_at, app.zone()), 'who', app.person(u.first_name, u.last_name, null, array[u.email]))"
	"	order by x.created_at) from message_acts x left join profiles u on u.organization_id = x.organization_id"
	"	and u.id = x.created_by where x.message_id = m.id) as acts,"
	" (select json_agg(json_build_object('name', t.name, 'state', t.state, 'type', t.content_type, 'error', t.error))"
	"	from message_attachments t where t.message_id = m.id) as files"
	" from messages m join conversations c on c.organization_id = m.organization_id and c.id = m.conversation_id"
	" left join contacts p on p.organization_id = m.organization_id and p.id = m.contact_id"
	" left join channel_accounts a on a.organization_id = m.organization_id and a.id = m.channel_account_id"
	" where m.id = $1 and m.conversation_id = $2";

/* MSG-73, MSG-106, MSG-107: everything known of one message. */
enum status message_details(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *m;
	const struct channel *c;
	struct sv id, message, state;
	int row;

	if (ids(rq, &id, &message, e))
		return e->status;
	row = db_add(b, details_sql, DB_S(message), DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This message does not exist");
	page = web_page(rq, b);
	web_set_row(page, "message", b, row, 0);
	m = tmpl_set_map(page, "facts");
	c = channel_find(db_first(b, row, "channel_type"));
	tmpl_set_bool(m, "tells_delivered", c && c->caps & CHANNEL_HAS_DELIVERED);
	tmpl_set_bool(m, "tells_read", c && c->caps & CHANNEL_HAS_READ);
	tmpl_set_bool(m, "by_phone", c && sv_eq(sv_from(c->handle_kind), SV("phone")));
	if (c)
		tmpl_set_int(m, "text_max", (int64_t)c->text_max);
	tmpl_set_bool(m, "has_files", db_first(b, row, "files").n);
	tmpl_set_bool(m, "has_edits", db_first(b, row, "edits").n);
	tmpl_set_bool(m, "has_acts", db_first(b, row, "acts").n);
	state = db_first(b, row, "status");
	tmpl_set_bool(m, "is_failed", sv_eq(state, SV("FAILED")));
	tmpl_set_bool(m, "is_unknown", sv_eq(state, SV("UNKNOWN")));
	tmpl_set_bool(m, "is_sent", sv_eq(state, SV("SENT")));
	tmpl_set_bool(m, "is_stuck", sv_eq(state, SV("SENDING")) || sv_eq(state, SV("PENDING")));
	return web_render(rq, rs, "app/inbox/details", page, e);
}

/* /inbox/messages/:message: where it is. */
enum status message_place(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv message = http_param(rq, "message"), talk;
	struct db_batch *b = web_batch(rq);
	int row;

	if (!uuid_valid(message))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This message does not exist");
	row = db_add(b, "select m.conversation_id from messages m where m.id = $1", DB_S(message));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This message does not exist");
	talk = db_first(b, row, "conversation_id");
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/inbox/%.*s?view=all&message=%.*s",
						      SV_ARG(talk), SV_ARG(message))));
}

/* ---- what the composer keeps ----------------------------------------------------------- */

static enum status done(struct http_response *rs, struct db_batch *b, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}

/* One of the two at a time: name and on. */
enum status inbox_preference(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool undo = sv_eq(http_form(rq, "name"), SV("undo_send"));
	struct db_batch *b = web_batch(rq);

	db_add(b,
	       "insert into composer_preferences (undo_send, enter_sends) values ($1 and $2, $1 or $2)"
	       " on conflict (organization_id, user_id) do update set"
	       " undo_send = case when $1 then $2 else composer_preferences.undo_send end,"
	       " enter_sends = case when $1 then composer_preferences.enter_sends else $2 end",
	       DB_B(undo), DB_B(http_form(rq, "on").n > 0));
	return done(rs, b, e);
}

/* /inbox/:id/scheduled: what waits in this conversation. */
enum status inbox_scheduled(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int rows;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	rows = db_add(b, "select * from app.scheduled($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "scheduled", b, rows);
	return web_render(rq, rs, "app/inbox/scheduled", page, e);
}
