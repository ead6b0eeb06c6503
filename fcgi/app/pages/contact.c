/* /contacts/:id, its notes and its deletion. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

static int add_contact(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" internal.initials(c.first_name, c.last_name, c.emails[1]) as initials, c.phones, c.emails, c.tags, c.source,"
		" c.description, c.opt_in_status, co.id as company_id, co.name as company,"
		" a.id as assignee_id, internal.person(a.first_name, a.last_name, a.email) as assignee,"
		" internal.initials(a.first_name, a.last_name, a.email) as assignee_initials,"
		" internal.custom_shown('contact', c.custom_fields) as custom,"
		" replace(c.phones[1], '+', '') as whatsapp,"
		" internal.shown_time(c.created_at, (select internal.my_zone())) as added,"
		" internal.shown_time(c.updated_at, (select internal.my_zone())) as changed"
		" from contacts c"
		" left join companies co on co.organization_id = c.organization_id and co.id = c.company_id"
		" left join profiles a on a.organization_id = c.organization_id and a.id = c.assignee_id"
		" where c.id = $1::uuid", DB_S(id));
}

static int add_deals(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select d.id, d.title, internal.shown_money(d.value, d.currency) as amount,"
		" internal.stage_name(d.pipeline_id, d.stage) as stage, d.won_at is not null as won, d.lost_at is not null as lost"
		" from deals d where d.contact_id = $1::uuid order by d.created_at desc limit 20", DB_S(id));
}

static int add_conversations(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, c.status, c.last_message_preview as preview, c.unread_count, coalesce(a.name, 'Conversation') as channel,"
		" c.status = 'CLOSED' as closed, internal.shown_time(c.last_message_at, (select internal.my_zone())) as shown"
		" from conversations c"
		" left join channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id"
		" where c.contact_id = $1::uuid order by c.last_message_at desc nulls last limit 10", DB_S(id));
}

/* What goes with the contact, for the question before deleting (CON-9, CON-10). */
static int add_losses(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select (select count(*) from deals d where d.contact_id = $1::uuid) as deals,"
		" (select count(*) from conversations c where c.contact_id = $1::uuid) as conversations,"
		" (select count(*) from notes n where n.contact_id = $1::uuid) as notes", DB_S(id));
}

enum status contact_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int contact, deals, talks, losses, timeline;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	web_me(rq, b);
	contact = add_contact(b, id);
	deals = add_deals(b, id);
	talks = add_conversations(b, id);
	losses = add_losses(b, id);
	timeline = timeline_add(b, "contact", id, SV_NONE);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, contact))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This contact does not exist");
	page = web_page(rq, b);
	web_set_row(page, "contact", b, contact, 0);
	web_set_rows(page, "deals", b, deals);
	web_set_rows(page, "conversations", b, talks);
	web_set_row(page, "losses", b, losses, 0);
	timeline_show(rq, page, "contact", id, b, timeline);
	tmpl_set_text(page, "note_id", uuid_new(rq->arena));
	tmpl_set_text(page, "note_path", rq->path);
	return web_render(rq, rs, "app/contact", page, e);
}

enum status contact_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	gone = db_add(b, "delete from contacts where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This contact does not exist");
	return http_redirect(rs, SV("/contacts?done=deleted"));
}
