/* /companies/:id and its deletion. */
#include "fcgi/app/record.h"
#include "fcgi/app/routes.h"

static int add_company(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, c.name, upper(left(c.name, 1)) as initials, c.industry, c.street, c.city, c.state, c.postal_code,"
		" (select jsonb_agg(jsonb_build_object('name', t.name, 'colour', internal.tag_colour(t.name)) order by t.n)"
		"	from unnest(c.tags) with ordinality t (name, n)) as tag_list,"
		" c.website, c.domain, c.phones, c.emails, c.tags,"
		" c.phone, c.email, c.country, up.id as parent_id, up.name as parent, ow.id as owner_id,"
		" internal.person(ow.first_name, ow.last_name, ow.email) as owner,"
		" c.description, c.employee_count, c.website ~* '^https?://' as has_link,"
		" regexp_replace(c.website, '^https?://', '') as site,"
		" case when c.annual_revenue is not null then internal.shown_money(c.annual_revenue, o.currency) end as revenue,"
		" array_remove(array[nullif(c.street, ''), nullif(trim(concat_ws(' ', c.postal_code, c.city)), ''),"
		"	nullif(concat_ws(', ', nullif(c.state, ''), nullif(c.country, '')), '')], null) as address,"
		" internal.custom_shown('company', c.custom_fields) as custom,"
		" internal.shown_time(c.created_at, (select internal.my_zone())) as added"
		" from companies c join organizations o on o.id = c.organization_id"
		" left join companies up on up.organization_id = c.organization_id and up.id = c.parent_company_id"
		" left join profiles ow on ow.organization_id = c.organization_id and ow.id = c.owner_id"
		" where c.id = $1::uuid", DB_S(id));
}

/* All that belong to it, whether it is their first company or another (LEA-33). */
static int add_people(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, internal.person(c.first_name, c.last_name, coalesce(c.phones[1], c.emails[1])) as name,"
		" internal.initials(c.first_name, c.last_name, c.emails[1]) as initials,"
		" coalesce(l.role, c.title, c.emails[1], c.phones[1]) as detail, not l.is_primary as is_other"
		" from contact_companies l join contacts c on c.organization_id = l.organization_id and c.id = l.contact_id"
		" where l.company_id = $1::uuid order by c.full_name_search, c.id limit 50", DB_S(id));
}

/* Companies that belong to this one. */
static int add_children(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select c.id, c.name, upper(left(c.name, 1)) as initials from companies c"
		" where c.organization_id = auth.org() and c.parent_company_id = $1::uuid order by lower(c.name), c.id limit 50",
		DB_S(id));
}

static int add_quotes(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select q.id, q.number, q.title, q.status, internal.shown_money(q.total, q.currency) as amount"
		" from quotes q where q.company_id = $1::uuid order by q.created_at desc, q.id desc limit 10", DB_S(id));
}

static int add_deals(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select d.id, d.title, internal.shown_money(d.value, d.currency) as amount,"
		" internal.stage_name(d.pipeline_id, d.stage) as stage, d.won_at is not null as won,"
		" case when c.id is not null then internal.person(c.first_name, c.last_name, c.phones[1]) end as \"with\""
		" from deals d left join contacts c on c.organization_id = d.organization_id and c.id = d.contact_id"
		" where d.company_id = $1::uuid order by d.created_at desc limit 20", DB_S(id));
}

/* Revenue over the company's deals (COM-11), one sum per currency; the tiles. */
static int add_sums(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select string_agg(internal.shown_money(x.won, x.currency), ' + ' order by x.won desc) filter (where x.won > 0) as won,"
		" string_agg(internal.shown_money(x.open, x.currency), ' + ' order by x.open desc) filter (where x.open > 0) as open,"
		" coalesce(sum(x.n), 0)::integer as open_deals, (select count(*) from (select from contact_companies l"
		"	where l.organization_id = auth.org() and l.company_id = $1::uuid limit 1000) y) as people,"
		" (select internal.shown_span(now() - internal.last_activity('company', $1::uuid))) as last_activity"
		" from (select d.currency, sum(d.value) filter (where d.won_at is not null) as won,"
		"	count(*) filter (where internal.is_open(d.pipeline_id, d.stage)) as n,"
		"	sum(d.value) filter (where internal.is_open(d.pipeline_id, d.stage)) as open"
		"	from deals d where d.company_id = $1::uuid group by d.currency) x", DB_S(id));
}

/* What was merged into it, and can be taken out again. */
static int add_merged(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select m.id, m.duplicate ->> 'name' as name,"
		" internal.shown_time(m.created_at, (select internal.my_zone())) as shown from record_merges m"
		" where m.primary_id = $1::uuid and m.unmerged_at is null order by m.created_at desc limit 20", DB_S(id));
}

enum status company_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct record r;
	int company, people, children, deals, sums, quotes, merged;

	if (record_begin(&r, "company", rq, e))
		return e->status;
	company = add_company(r.b, r.id);
	people = add_people(r.b, r.id);
	children = add_children(r.b, r.id);
	deals = add_deals(r.b, r.id);
	sums = add_sums(r.b, r.id);
	quotes = add_quotes(r.b, r.id);
	merged = add_merged(r.b, r.id);
	if (record_run(&r, company, e))
		return e->status;
	web_set_row(r.page, "company", r.b, company, 0);
	web_set_rows(r.page, "people", r.b, people);
	web_set_rows(r.page, "children", r.b, children);
	web_set_rows(r.page, "deals", r.b, deals);
	web_set_row(r.page, "sums", r.b, sums, 0);
	web_set_rows(r.page, "quotes", r.b, quotes);
	web_set_rows(r.page, "merged", r.b, merged);
	tmpl_set_bool(r.page, "has_merged", db_rows(r.b, merged) > 0);
	return web_render(rq, rs, "app/company", r.page, e);
}

/* People and deals stay, without the company (COM-6, COM-7). */
enum status company_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "company", &id, e))
		return e->status;
	gone = db_add(b, "select internal.record_delete('companies', $1::uuid) as gone", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, gone, "gone"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This company does not exist");
	return redirect_to(rq, rs, "/companies?done=deleted&restore=companies/", id, "");
}
