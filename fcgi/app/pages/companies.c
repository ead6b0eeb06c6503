/* /companies, as cards or as a table; /companies/options for pickers. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.created_at", "::timestamptz", true },
	{ "oldest", "Oldest first", "t.created_at", "::timestamptz", false },
	{ "az", "Name A to Z", "lower(t.name)", "::text", false },
	{ "za", "Name Z to A", "lower(t.name)", "::text", true },
	{ 0 },
};
static const char *const kept[] = { "q", "country", "tag", NULL };
static const struct list_kind companies = { "/companies", sorts, kept };

/* Name, industry, website, country by any part (COM-12, COM-14). */
static void match(struct query *q, struct http_request *rq)
{
	struct sv term = sv_trim(http_query(rq, "q")), tag = http_query(rq, "tag");

	if (term.n) {
		query_with(q, " and t.search_text like internal.search_pattern(", DB_S(term));
		query_add(q, ")");
	}
	if (tag.n) {
		query_with(q, " and t.tags @> array[", DB_S(tag));
		query_add(q, "::text]");
	}
}

/* Together with the search (COM-16). */
static void filter(struct query *q, struct http_request *rq)
{
	struct sv country = http_query(rq, "country");

	if (sv_eq(country, SV("none")))
		query_add(q, " and coalesce(t.country, '') = ''");
	else if (country.n)
		query_with(q, " and t.country = ", DB_S(country));
}

static const struct list_search search = { "companies", "internal.find_companies", match, filter };

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_search(l, &q, &search);
	query_add(&q,
		"select p.id, p.k::text as k, p.total, p.name, upper(left(p.name, 1)) as"
		" initials, p.industry, p.country, p.city,"
		" p.website, regexp_replace(p.website, '^https?://', '') as site, p.website ~*"
		" '^https?://' as has_link,"
		" p.phones[1] as phone, p.emails[1] as email, p.tags[1:4] as tags,"
		" p.employee_count,"
		" (select count(*) from (select from contacts c where c.organization_id ="
		" p.organization_id"
		" and c.company_id = p.id limit 1000) x) as people,"
		" (select count(*) from (select from deals d where d.organization_id ="
		" p.organization_id and d.company_id = p.id"
		" and d.won_at is null and d.lost_at is null limit 100) x) as deals,"
		" internal.shown_time(p.created_at, (select internal.my_zone())) as added"
		" from page p where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

struct choices {
	int countries, tags;
};

static void add_choices(struct http_request *rq, struct db_batch *b, struct choices *c)
{
	c->countries = db_add(b,
		"select x.country, x.country = $1 as selected from (select distinct r.country from"
		" (select co.country from companies co order by co.created_at desc limit 2000) r"
		" union select nullif(nullif($1, ''), 'none')) x where x.country <> '' order by"
		" lower(x.country)",
		DB_S(http_query(rq, "country")));
	c->tags = db_add(b,
		"select x.tag, x.tag = $1 as selected from (select distinct unnest(r.tags) as"
		" tag from"
		" (select co.tags from companies co order by co.created_at desc limit 2000) r"
		" union select nullif($1, '')) x where x.tag is not null order by lower(x.tag)",
		DB_S(http_query(rq, "tag")));
}

enum status companies_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool table = wants_table(rq, rs, "kontor_companies");
	struct choices choices;
	struct tmpl_value *page;
	struct list l;
	int rows, count;

	web_me(rq, b);
	list_init(&l, rq, &companies);
	rows = add_rows(&l, b);
	count = list_search_count(rq, b, &search);
	add_choices(rq, b, &choices);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	tmpl_set_bool(page, "table", table);
	tmpl_set_bool(page, "nowhere", sv_eq(http_query(rq, "country"), SV("none")));
	web_set_rows(page, "countries", b, choices.countries);
	web_set_rows(page, "tags", b, choices.tags);
	return web_render(rq, rs, wants_fragment(rq) ? "app/companies_rows" : "app/companies", page,
			  e);
}

enum status companies_options(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows = db_add(b,
		"select t.id, t.name, concat_ws(' · ', nullif(t.industry, ''), nullif(t.city,"
		" ''), nullif(t.country, '')) as detail"
		" from companies t where t.id = any (array(select internal.find_companies($1,"
		" null, 200))) order by"
		" lower(t.name), t.id limit 8",
		DB_S(sv_trim(http_query(rq, "q"))));

	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "options", b, rows);
	return web_render(rq, rs, "app/options", page, e);
}
