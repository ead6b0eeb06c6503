/* INB-34: a conversation that we begin: whom, by which channel, the first message. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* The open conversation of contact and channel, else a new one (INB-42). */
static const char begin_sql[] =
	"insert into conversations (id, contact_id, channel_account_id, assignee_id)"
	" select $1::uuid, $2::uuid, $3::uuid, auth.uid() where not exists (select from conversations c"
	"	where c.contact_id = $2::uuid and c.channel_account_id = $3::uuid"
	"	and c.status in ('OPEN', 'PENDING') and not (c.metadata ? 'is_comment_thread'))";
static const char which_sql[] =
	"select c.id from conversations c where c.contact_id = $1::uuid and c.channel_account_id = $2::uuid"
	" and c.status in ('OPEN', 'PENDING') and not (c.metadata ? 'is_comment_thread')"
	" order by c.last_message_at desc nulls last limit 1";

enum status inbox_new_form(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv contact = http_query(rq, "contact");
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int channels, who;

	channels = db_add(b, "select a.id, a.name, app.channel_label(a.type) as label, a.type from channel_accounts a"
			     " where a.is_active and a.type not in ('SMS', 'SHRINKIT_PUSH', 'BULK_EMAIL', 'BULK_EMAIL_SES')"
			     " order by a.name limit 100");
	who = db_add(b, "select k.id, app.person(k.first_name, k.last_name, k.phones, k.emails) as name"
			" from contacts k where k.id = $1::uuid",
		     uuid_valid(contact) ? DB_S(contact) : DB_NULL);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "channels", b, channels);
	if (db_rows(b, who))
		web_set_row(page, "contact", b, who, 0);
	return web_render(rq, rs, "app/inbox/new", page, e);
}

enum status inbox_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv contact = http_form(rq, "contact_id"), channel = http_form(rq, "channel_id"), talk;
	struct sv text = sv_trim(http_form(rq, "content")), client = http_form(rq, "client_id");
	struct db_batch *b = web_batch(rq);
	int found;

	if (!uuid_valid(contact))
		return inbox_refuse(rq, "contact", "Choose a contact", e);
	if (!uuid_valid(channel))
		return inbox_refuse(rq, "channel_id", "Choose a channel", e);
	if (!text.n)
		return inbox_refuse(rq, "content", "Write the first message", e);
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	must_exist(b, "contacts", contact);
	must_exist(b, "channel_accounts", channel);
	db_add(b, begin_sql, DB_S(uuid_new(rq->arena)), DB_S(contact), DB_S(channel));
	db_add(b,
	       "select app.reply((select c.id from conversations c where c.contact_id = $1::uuid"
	       " and c.channel_account_id = $2::uuid and c.status in ('OPEN', 'PENDING')"
	       " and not (c.metadata ? 'is_comment_thread') limit 1), $3, $4::uuid, '[]')",
	       DB_S(contact), DB_S(channel), DB_S(text), DB_S(client));
	found = db_add(b, which_sql, DB_S(contact), DB_S(channel));
	if (db_run(b, e))
		return e->status;
	talk = db_first(b, found, "id");
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/inbox/%.*s", SV_ARG(talk))));
}
