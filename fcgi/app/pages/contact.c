/* /contacts/:id and its deletion. */
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

static int add_contact(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" internal.initials(c.first_name, c.last_name, c.emails[1]) as initials, c.phones, c.emails, c.tags, c.source,"
		" c.phones[1] as phone, c.emails[1] as email, c.title, c.status, c.first_name, c.last_name,"
		" (select jsonb_agg(jsonb_build_object('name', t.name, 'colour', internal.tag_colour(t.name)) order by t.n)"
		"	from unnest(c.tags) with ordinality t (name, n)) as tag_list,"
		" c.status = 'Lead' as is_lead, c.status = 'Prospect' as is_prospect, c.status = 'Customer' as is_customer,"
		" c.status = 'Churned' as is_churned,"
		" case c.status when 'Customer' then 'good' when 'Churned' then 'bad' when 'Prospect' then 'accent' end as status_tone,"
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

/* The tiles (LEA-31, CON-13, CON-15). What is counted belongs to one contact. */
static int add_figures(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select coalesce(d.n, 0) as open_deals, d.total, k.notes, m.messages, l.at is not null as talked,"
		" internal.shown_span(now() - x.last) as last_activity, x.last is not null as is_active,"
		" to_char(x.last at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as last_iso,"
		" m.messages::numeric > 0 as writes, to_char(m.messages / 13.0, 'FM990.0') as per_week,"
		" internal.shown_span(now() - l.at) as last_contact"
		" from (select internal.last_activity('contact', $1::uuid) as last) x,"
		" (select sum(y.n)::integer as n, string_agg(internal.shown_money(y.total, y.currency), ' + ' order by y.total desc) as total"
		"	from (select d.currency, count(*) as n, sum(d.value) as total from deals d"
		"		where d.organization_id = auth.org() and d.contact_id = $1::uuid and internal.is_open(d.pipeline_id, d.stage)"
		"		group by d.currency) y) d,"
		" (select count(*) as notes from notes n where n.organization_id = auth.org() and n.contact_id = $1::uuid) k,"
		" (select greatest((select max(c.last_message_at) from conversations c"
		"		where c.organization_id = auth.org() and c.contact_id = $1::uuid),"
		"	(select max(r.call_timestamp) from call_records r"
		"		where r.organization_id = auth.org() and r.contact_id = $1::uuid and r.call_timestamp <= now())) as at) l,"
		" (select count(*) as messages"
		"	from ((select s.created_at as at from conversations c join lateral (select s.created_at from messages s"
		"		where s.organization_id = auth.org() and s.conversation_id = c.id"
		"		and s.created_at > now() - interval '91 days' order by s.created_at desc limit 500) s on true"
		"		where c.organization_id = auth.org() and c.contact_id = $1::uuid)) z) m", DB_S(id));
}

static int add_companies(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select co.id, co.name, l.is_primary, coalesce(l.role, '') as role, upper(left(co.name, 1)) as initials"
		" from contact_companies l join companies co on co.organization_id = l.organization_id and co.id = l.company_id"
		" where l.contact_id = $1::uuid order by l.is_primary desc, l.created_at limit 20", DB_S(id));
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
		"select c.id, c.status, c.last_message_preview as preview, c.unread_count, a.name as channel,"
		" c.status = 'CLOSED' as closed, internal.shown_time(c.last_message_at, (select internal.my_zone())) as shown"
		" from conversations c"
		" left join channel_accounts a on a.organization_id = c.organization_id and a.id = c.channel_account_id"
		" where c.contact_id = $1::uuid order by c.last_message_at desc nulls last limit 10", DB_S(id));
}

static int add_quotes(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select q.id, q.number, q.title, q.status, internal.shown_money(q.total, q.currency) as amount"
		" from quotes q where q.contact_id = $1::uuid order by q.created_at desc, q.id desc limit 10", DB_S(id));
}

/* What goes with the contact, for the question before deleting (CON-9, CON-10). */
static int add_losses(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select (select count(*) from deals d where d.contact_id = $1::uuid) as deals,"
		" (select count(*) from conversations c where c.contact_id = $1::uuid) as conversations,"
		" (select count(*) from tasks t where t.contact_id = $1::uuid) as tasks,"
		" (select count(*) from record_files f where f.contact_id = $1::uuid) as files,"
		" (select count(*) from notes n where n.contact_id = $1::uuid) as notes", DB_S(id));
}

/* What was merged into it, and can be taken out again. */
static int add_merged(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select m.id, internal.person(m.duplicate ->> 'first_name', m.duplicate ->> 'last_name',"
		" coalesce(m.duplicate #>> '{phones,0}', m.duplicate #>> '{emails,0}')) as name,"
		" internal.shown_time(m.created_at, (select internal.my_zone())) as shown from record_merges m"
		" where m.primary_id = $1::uuid and m.unmerged_at is null order by m.created_at desc limit 20", DB_S(id));
}

enum status contact_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct record r;
	int contact, figures, companies, deals, talks, quotes, losses, merged;

	if (record_begin(&r, "contact", rq, e))
		return e->status;
	contact = add_contact(r.b, r.id);
	figures = add_figures(r.b, r.id);
	companies = add_companies(r.b, r.id);
	deals = add_deals(r.b, r.id);
	talks = add_conversations(r.b, r.id);
	quotes = add_quotes(r.b, r.id);
	merged = add_merged(r.b, r.id);
	losses = add_losses(r.b, r.id);
	if (record_run(&r, contact, e))
		return e->status;
	web_set_row(r.page, "contact", r.b, contact, 0);
	web_set_row(r.page, "figures", r.b, figures, 0);
	web_set_rows(r.page, "companies", r.b, companies);
	web_set_rows(r.page, "deals", r.b, deals);
	web_set_rows(r.page, "conversations", r.b, talks);
	web_set_rows(r.page, "quotes", r.b, quotes);
	web_set_rows(r.page, "merged", r.b, merged);
	tmpl_set_bool(r.page, "has_merged", db_rows(r.b, merged) > 0);
	web_set_row(r.page, "losses", r.b, losses, 0);
	return web_render(rq, rs, "app/contact", r.page, e);
}

enum status contact_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "contact", &id, e))
		return e->status;
	gone = db_add(b, "select internal.record_delete('contacts', $1::uuid) as gone", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, gone, "gone"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This contact does not exist");
	return redirect_to(rq, rs, "/contacts?done=deleted&restore=contacts/", id, "");
}
