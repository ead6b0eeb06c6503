/*
 * Duplicates: find-duplicate-contacts and find-duplicate-companies give groups
 * of records that are likely one; with ids they merge them, as merge-contacts
 * does (COM-31..33, CON-62..64).
 *
 *	{"companyIds":["uuid1","uuid2"],"primaryCompanyId":"uuid1"}
 *
 * What was merged stays in the table record_merges, whole.
 */
#include "fcgi/api/function.h"

#define GROUPS_MAX 500
#define MERGE_MAX 100

/* What contacts and companies differ in. */
struct kind {
	const char *ids, *primary, *plural, *one;
	const char *find, *merge, *read;
};

static const struct kind contacts = {
	.ids = "contactIds",
	.primary = "primaryContactId",
	.plural = "contacts",
	.one = "contact",
	.find = "select g.reasons, json_agg(json_build_object('id', c.id, 'first_name', c.first_name,"
		" 'last_name', c.last_name, 'phones', c.phones, 'emails', c.emails,"
		" 'company_id', c.company_id, 'created_at', c.created_at) order by c.created_at, c.id)"
		" as members"
		" from internal.duplicate_contacts($1::integer) g"
		" join contacts c on c.organization_id = (select auth.org()) and c.id = any (g.ids)"
		" group by g.ids, g.reasons having count(*) > 1 order by g.ids",
	.merge = "select internal.merge_contacts($1::uuid, array(select jsonb_array_elements_text("
		 "$2::jsonb)::uuid)) as merged",
	.read = "select internal.snapshot(to_jsonb(c)) from contacts c"
		" where c.organization_id = (select auth.org()) and c.id = $1::uuid",
};

static const struct kind companies = {
	.ids = "companyIds",
	.primary = "primaryCompanyId",
	.plural = "companies",
	.one = "company",
	.find = "select g.reasons, json_agg(json_build_object('id', c.id, 'name', c.name,"
		" 'domain', c.domain, 'email', c.email, 'phone', c.phone, 'city', c.city,"
		" 'country', c.country, 'created_at', c.created_at) order by c.created_at, c.id)"
		" as members"
		" from internal.duplicate_companies($1::integer) g"
		" join companies c on c.organization_id = (select auth.org()) and c.id = any (g.ids)"
		" group by g.ids, g.reasons having count(*) > 1 order by g.ids",
	.merge = "select internal.merge_companies($1::uuid, array(select jsonb_array_elements_text("
		 "$2::jsonb)::uuid)) as merged",
	.read = "select internal.snapshot(to_jsonb(c)) from companies c"
		" where c.organization_id = (select auth.org()) and c.id = $1::uuid",
};

/* ---- groups -------------------------------------------------------------------- */

/* {"success":true,"groups":[{"reasons":["email"],"contacts":[...]}],"count":1} */
static enum status find(struct http_request *rq, struct http_response *rs, const struct kind *k,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int groups = db_add(b, k->find, DB_I(GROUPS_MAX));
	struct buf *out;

	if (function_run(rq, b, e))
		return e->status;
	out = function_success(rs);
	buf_lit(out, ",\"groups\":[");
	for (size_t i = 0; i < db_rows(b, groups); i++) {
		buf_add(out, i ? SV(",{\"reasons\":") : SV("{\"reasons\":"));
		db_json_value(out, b, groups, i, 0);
		buf_json_key(out, k->plural);
		db_json_value(out, b, groups, i, 1);
		buf_addc(out, '}');
	}
	buf_addf(out, "],\"count\":%zu}", db_rows(b, groups));
	return ST_OK;
}

/* ---- merging -------------------------------------------------------------------- */

/* The ids without the primary's, as JSON. */
static struct sv other_ids(struct fields *f, const struct kind *k, struct sv primary)
{
	json_t *ids = field_list(f, k->ids, MERGE_MAX, FIELD_NEEDED), *v;
	buf_auto struct buf list = BUF_INIT;
	size_t i;

	buf_addc(&list, '[');
	json_array_foreach(ids, i, v) {
		struct sv id = sv_make(json_string_value(v), json_string_length(v));

		if (!is_uuid(id))
			field_fault(f, k->ids, "must be a list of UUIDs");
		else if (!sv_ieq(id, primary))
			buf_add(&list, list.n > 1 ? SV(",") : SV("")), buf_json(&list, id);
	}
	buf_addc(&list, ']');
	if (list.n == 2)
		field_fault(f, k->ids, "must name at least one beside %s", k->primary);
	return arena_sv(f->arena, buf_sv(&list));
}

/* {"success":true,"primaryCompanyId":..,"merged":1,"company":{..}} */
static enum status merge(struct http_request *rq, struct http_response *rs, struct fields *f,
			 const struct kind *k, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv primary = field_uuid(f, k->primary, FIELD_NEEDED);
	struct sv others = other_ids(f, k, primary);
	int merged, row;

	if (fields_check(f, e))
		return e->status;
	merged = db_add(b, k->merge, DB_S(primary), DB_S(others));
	row = db_add(b, k->read, DB_S(primary));
	if (function_run(rq, b, e))
		return e->status;
	function_success(rs);
	buf_json_key(&rs->body, k->primary);
	buf_json(&rs->body, primary);
	buf_json_key(&rs->body, "merged");
	db_json_value(&rs->body, b, merged, 0, 0);
	buf_json_key(&rs->body, k->one);
	db_json_value(&rs->body, b, row, 0, 0);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

static enum status find_or_merge(struct http_request *rq, struct http_response *rs,
				 const struct kind *k, struct err *e)
{
	struct fields f = { 0 };

	if (!sv_trim(rq->body).n)
		return find(rq, rs, k, e);
	if (function_body(rq, &f, e))
		return e->status;
	if (!field_get(&f, k->ids) && !field_get(&f, k->primary))
		return find(rq, rs, k, e);
	return merge(rq, rs, &f, k, e);
}

enum status find_duplicate_contacts(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	return find_or_merge(rq, rs, &contacts, e);
}

enum status find_duplicate_companies(struct http_request *rq, struct http_response *rs,
				     struct err *e)
{
	return find_or_merge(rq, rs, &companies, e);
}

enum status merge_contacts(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct fields f;

	if (function_body(rq, &f, e))
		return e->status;
	return merge(rq, rs, &f, &contacts, e);
}
