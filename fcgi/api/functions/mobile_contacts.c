/* GET /functions/v1/mobile-api/contacts and /contacts/:id (API-44, INB-124, INB-125). */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "base/uuid.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define PAGE_MAX 1000000
#define SEARCH_MAX 200

/* Name (either way round) or digits of a phone; search_text has the index. */
#define MATCHES                                                                       \
	" from contacts c,"                                                           \
	" lateral (select '%' || replace(replace(replace(lower(trim($1)), '\\', '\\\\')," \
	"  '%', '\\%'), '_', '\\_') || '%' as words,"                                 \
	"  '%' || nullif(regexp_replace($1, '[^0-9]', '', 'g'), '') || '%' as digits) s" \
	" where $1::text is null"                                                     \
	" or (c.search_text like s.words and (c.full_name_search like s.words"       \
	"  or lower(c.last_name || ' ' || c.first_name) like s.words))"               \
	" or (c.search_text like s.digits and exists"                                 \
	"  (select from unnest(c.phones) p where p like s.digits))"

static const char list_sql[] =
	"select c.id, c.first_name, c.last_name, c.phones, c.emails, c.tags, c.company_id,"
	" c.created_at, c.updated_at" MATCHES
	" order by c.created_at desc, c.id desc limit $2 offset $3";

static const char count_sql[] = "select count(*)" MATCHES;

static const char one_sql[] =
	"select c.id, c.first_name, c.last_name, c.phones, c.emails, c.tags, c.description,"
	" c.company_id, c.assignee_id, c.source, c.opt_in_status, c.custom_fields,"
	" c.created_at, c.updated_at,"
	" (select json_build_object('id', o.id, 'name', o.name) from companies o"
	"  where o.organization_id = c.organization_id and o.id = c.company_id) as company"
	" from contacts c where c.id = $1";

static enum status number(struct http_request *rq, const char *name, int64_t max, int64_t *out,
			  struct err *e)
{
	struct sv said = http_query(rq, name);

	if (!said.n)
		return ST_OK;
	if (!sv_to_i64(said, out) || *out < 1) {
		err_set(e, rq->arena, ST_BAD_INPUT, "%s must be a number from 1 on", name);
		e->field = sv_from(name);
		return e->status;
	}
	if (*out > max)
		*out = max;
	return ST_OK;
}

enum status mobile_contacts(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv search = sv_trim(http_query(rq, "search"));
	int64_t page = 1, limit = LIMIT_DEFAULT, total = 0;
	struct db_batch *b = web_batch(rq);
	int list, count;

	if (number(rq, "page", PAGE_MAX, &page, e) || number(rq, "limit", LIMIT_MAX, &limit, e))
		return e->status;
	if (text_length(search) > SEARCH_MAX)
		return err_set(e, rq->arena, ST_BAD_INPUT, "search must be at most %d characters",
			       SEARCH_MAX);
	list = db_add(b, list_sql, DB_OPT(search), DB_I(limit), DB_I((page - 1) * limit));
	count = db_add(b, count_sql, DB_OPT(search));
	if (function_run(rq, b, e))
		return e->status;
	sv_to_i64(db_get(b, count, 0, 0), &total);
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"contacts\":");
	db_json_rows(&rs->body, b, list);
	buf_addf(&rs->body, ",\"total\":%lld,\"page\":%lld,\"limit\":%lld,\"total_pages\":%lld}",
		 (long long)total, (long long)page, (long long)limit,
		 (long long)((total + limit - 1) / limit));
	return ST_OK;
}

enum status mobile_contact(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_param(rq, "id");
	struct db_batch *b = web_batch(rq);
	int row;

	if (!uuid_valid(id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "Contact not found");
	row = db_add(b, one_sql, DB_S(id));
	if (function_run(rq, b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "Contact not found");
	http_content_type(rs, "application/json; charset=utf-8");
	db_json_row(&rs->body, b, row, 0);
	return ST_OK;
}
