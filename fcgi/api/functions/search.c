/*
 * POST /functions/v1/search-contacts and search-companies (API-77..79): all
 * members of the body are optional, all that are given have to hold.
 */
#include "fcgi/api/function.h"

#define RESULTS_MAX 2000

static struct sv list_as_json(struct fields *f, const char *key)
{
	static const struct field_rule rule = { "tags", copy_texts, .max = 50 };
	buf_auto struct buf list = BUF_INIT;
	struct field_rule r = rule;

	r.key = key;
	buf_addc(&list, '{');
	copy_texts(f, &r, &list);
	buf_addc(&list, '}');
	return arena_sv(f->arena, buf_sv(&list));
}

static void check_deal_status(struct fields *f, struct sv status)
{
	static const char *const known[] = { "open", "closed", "won", "lost", "none" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (sv_eq(status, sv_from(known[i])))
			return;
	if (status.n)
		field_fault(f, "dealStatus", "must be open, closed, won, lost or none");
}

enum status search_contacts(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv term, tags, status;
	struct fields f;
	int found;

	if (function_body(rq, &f, e))
		return e->status;
	term = field_text(&f, "searchTerm", 200, FIELD_OPTIONAL);
	tags = list_as_json(&f, "tags");
	status = field_text(&f, "dealStatus", 20, FIELD_OPTIONAL);
	check_deal_status(&f, status);
	if (fields_check(&f, e))
		return e->status;
	found = db_add(b,
		       "select c.id, c.first_name, c.last_name, c.phones, c.emails, c.tags,"
		       " case when k.id is not null then json_build_object('id', k.id, 'name', k.name)"
		       "	end as company,"
		       " case when p.id is not null then json_build_object('id', p.id,"
		       "	'first_name', p.first_name, 'last_name', p.last_name) end as assignee"
		       " from internal.search_contacts($1, $2::jsonb, $3, $4::integer) s (id)"
		       " join contacts c on c.organization_id = (select auth.org()) and c.id = s.id"
		       " left join companies k on k.organization_id = c.organization_id"
		       "	and k.id = c.company_id"
		       " left join profiles p on p.organization_id = c.organization_id"
		       "	and p.id = c.assignee_id"
		       " order by c.created_at desc, c.id desc",
		       DB_OPT(term), DB_S(tags), DB_OPT(status), DB_I(RESULTS_MAX));
	if (function_run(rq, b, e))
		return e->status;
	function_success(rs);
	buf_json_key(&rs->body, "contacts");
	db_json_rows(&rs->body, b, found);
	buf_addf(&rs->body, ",\"count\":%zu}", db_rows(b, found));
	return ST_OK;
}

enum status search_companies(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv term, country;
	struct fields f;
	int found;

	if (function_body(rq, &f, e))
		return e->status;
	term = field_text(&f, "searchTerm", 200, FIELD_OPTIONAL);
	country = field_text(&f, "country", 100, FIELD_OPTIONAL);
	if (fields_check(&f, e))
		return e->status;
	found = db_add(b,
		       "select c.id, c.name, c.domain, c.email, c.phone, c.city, c.country, c.industry"
		       " from internal.search_companies($1, $2, $3::integer) s (id)"
		       " join companies c on c.organization_id = (select auth.org()) and c.id = s.id"
		       " order by lower(c.name), c.id",
		       DB_OPT(term), DB_OPT(country), DB_I(RESULTS_MAX));
	if (function_run(rq, b, e))
		return e->status;
	function_success(rs);
	buf_json_key(&rs->body, "companies");
	db_json_rows(&rs->body, b, found);
	buf_addc(&rs->body, '}');
	return ST_OK;
}
