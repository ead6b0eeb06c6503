#include "fcgi/api/crm/crm.h"
#include "base/uuid.h"

#include <string.h>

#define LIMIT 25
#define LIMIT_MAX 100

/* ---- answering -------------------------------------------------------------- */

void crm_error(struct http_response *rs, const struct err *e)
{
	struct buf *b = &rs->body;
	struct sv message = err_message(e);

	rs->status = status_http(e->status);
	http_content_type(rs, "application/json");
	buf_lit(b, "{\"error\":{");
	buf_json_key(b, "code");
	buf_json(b, err_code(e));
	buf_json_key(b, "message");
	buf_json(b, sv_is_text(message) ? message : sv_from(status_text(e->status)));
	if (e->field.n && sv_is_text(message)) {
		buf_json_key(b, "details");
		buf_lit(b, "[{");
		buf_json_key(b, "field");
		buf_json(b, sv_is_text(e->field) ? e->field : SV("?"));
		buf_json_key(b, "message");
		buf_json(b, message);
		buf_lit(b, "}]");
	}
	if (e->hint.n) {
		buf_json_key(b, "hint");
		buf_json(b, e->hint);
	}
	buf_lit(b, "}}");
}

/* "2024-01-15 09:30:00.123+00" as 2024-01-15T09:30:00Z; sessions are in UTC. */
static void add_time(struct buf *out, struct sv t)
{
	buf_addc(out, '"');
	buf_add(out, sv_make(t.p, t.n < 10 ? t.n : 10));
	buf_addc(out, 'T');
	buf_add(out, t.n >= 19 ? sv_make(t.p + 11, 8) : SV("00:00:00"));
	buf_lit(out, "Z\"");
}

static void add_value(struct buf *out, const struct crm_field *f, const struct db_batch *b,
		      int stmt, size_t row, size_t col)
{
	struct sv v = db_get(b, stmt, row, col);

	if (!sv_present(v))
		buf_lit(out, "null");
	else if (f->kind == CRM_ID && f->prefix)
		buf_json(out, uuid_prefixed(db_arena(b), f->prefix, v));
	else if (f->kind == CRM_TIME)
		add_time(out, v);
	else
		db_json_value(out, b, stmt, row, col);
}

static void add_record(struct buf *out, const struct crm_entity *of, const struct db_batch *b,
		       int stmt, size_t row)
{
	size_t col = 0;

	buf_addc(out, '{');
	for (const struct crm_field *f = of->fields; f->name; f++) {
		buf_json_key(out, f->name);
		add_value(out, f, b, stmt, row, col++);
	}
	buf_addc(out, '}');
}

/* ---- asking ------------------------------------------------------------------- */

static const struct crm_entity *entity_of(struct http_request *rq, struct err *e)
{
	for (const struct crm_entity *of = crm_entities; of->path; of++)
		if (sv_eq(http_param(rq, "entity"), sv_from(of->path)))
			return of;
	err_set(e, rq->arena, ST_NOT_FOUND, "There is no such entity");
	return NULL;
}

static void sql_free(struct crm_sql *q)
{
	buf_release(&q->text);
}

#define crm_sql_auto __attribute__((cleanup(sql_free))) struct crm_sql

static enum status not_found(struct http_request *rq, const struct crm_entity *of, struct err *e)
{
	return err_set(e, rq->arena, ST_NOT_FOUND, "There is no %s with this id", of->one);
}

/* What the database refuses in a record is the fault of one field. */
static enum status refused(struct http_request *rq, const struct crm_entity *of,
			   const struct db_batch *b, struct err *e)
{
	struct sv rule = db_constraint(b);

	if (sv_eq(db_sqlstate(b), SV("23503")))
		for (const struct crm_field *f = of->fields; f->name; f++)
			if (f->column && sv_find(rule, sv_from(f->column)) >= 0) {
				err_set(e, rq->arena, ST_UNPROCESSABLE,
					"%s names a record that does not exist", f->name);
				e->field = sv_from(f->name);
				return e->status;
			}
	if (e->status == ST_BAD_KEY || e->status == ST_UNAUTHENTICATED)
		e->status = ST_BAD_KEY;
	else if (e->status == ST_BAD_INPUT && rq->method != HTTP_GET)
		e->status = ST_UNPROCESSABLE;
	return e->status;
}

static enum status page_number(struct http_request *rq, const char *name, int64_t otherwise,
			       int64_t max, int64_t *out, struct err *e)
{
	struct sv sent = http_query(rq, name);

	*out = otherwise;
	if (!sv_present(sent) || (sv_to_i64(sent, out) && *out >= 0 && *out <= max))
		return ST_OK;
	err_set(e, rq->arena, ST_BAD_INPUT, "%s must be a number from 0 to %lld", name,
		(long long)max);
	e->field = sv_from(name);
	return e->status;
}

static enum status list(struct http_request *rq, struct http_response *rs,
			const struct crm_entity *of, struct err *e)
{
	crm_sql_auto rows = { .arena = rq->arena, .of = of };
	crm_sql_auto count = { .arena = rq->arena, .of = of };
	struct db_batch *b = web_batch(rq);
	int64_t limit, offset;
	int page, total;

	if (page_number(rq, "limit", LIMIT, LIMIT_MAX, &limit, e) ||
	    page_number(rq, "offset", 0, INT32_MAX, &offset, e))
		return e->status;
	buf_lit(&rows.text, "select ");
	crm_reads(&rows);
	buf_addf(&rows.text, " from %s t", of->table);
	buf_addf(&count.text, "select count(*) from %s t", of->table);
	if (crm_filters(&rows, rq, e) || crm_filters(&count, rq, e))
		return e->status;
	buf_lit(&rows.text, " order by t.created_at desc, t.id desc limit");
	crm_param(&rows, DB_I(limit));
	buf_lit(&rows.text, " offset");
	crm_param(&rows, DB_I(offset));
	page = db_add_composed(b, buf_sv(&rows.text), rows.n, rows.params);
	total = db_add_composed(b, buf_sv(&count.text), count.n, count.params);
	if (db_run(b, e))
		return refused(rq, of, b, e);
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"data\":[");
	for (size_t i = 0; i < db_rows(b, page); i++) {
		if (i)
			buf_addc(&rs->body, ',');
		add_record(&rs->body, of, b, page, i);
	}
	buf_lit(&rs->body, "],\"meta\":{\"total\":");
	buf_add(&rs->body, db_get(b, total, 0, 0));
	buf_addf(&rs->body, ",\"limit\":%lld,\"offset\":%lld}}", (long long)limit,
		 (long long)offset);
	return ST_OK;
}

/* With If-Match, why no row was written: whether there is one at all. */
static int still_there(struct http_request *rq, struct db_batch *b, const struct crm_entity *of,
		       struct sv id)
{
	struct crm_sql q = { .arena = rq->arena, .of = of };
	int stmt;

	if (!http_header(rq, "If-Match").n || !id.n)
		return -1;
	buf_addf(&q.text, "select from %s t where t.id =", of->table);
	crm_param(&q, DB_S(id));
	stmt = db_add_composed(b, buf_sv(&q.text), q.n, q.params);
	buf_release(&q.text);
	return stmt;
}

static enum status none_written(struct http_request *rq, const struct db_batch *b,
				const struct crm_entity *of, int there, struct err *e)
{
	if (there < 0 || !db_rows(b, there))
		return not_found(rq, of, e);
	err_set(e, rq->arena, ST_CHANGED, "This %s was changed since you read it", of->one);
	e->hint = SV("Read it again, see what changed, and send your change with the new ETag in If-Match");
	return e->status;
}

/* A statement that comes to one record and its version, and the answer with it. */
static enum status answer_one(struct http_request *rq, struct http_response *rs, struct crm_sql *q,
			      struct sv id, int status, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int one = db_add_composed(b, buf_sv(&q->text), q->n, q->params), there;
	struct sv version;

	there = still_there(rq, b, q->of, id);
	if (db_run(b, e))
		return refused(rq, q->of, b, e);
	if (!db_rows(b, one))
		return none_written(rq, b, q->of, there, e);
	version = db_get(b, one, 0, db_cols(b, one) - 1);
	http_set_header(rs, "ETag", sv_from(arena_printf(rq->arena, "\"%.*s\"", SV_ARG(version))));
	rs->status = status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{\"data\":");
	add_record(&rs->body, q->of, b, one, 0);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

static enum status create(struct http_request *rq, struct http_response *rs,
			  const struct crm_entity *of, struct err *e)
{
	crm_sql_auto q = { .arena = rq->arena, .of = of };
	json_t *body;

	if (http_json(rq, &body, e) || crm_insert(&q, body, e))
		return e->status;
	return answer_one(rq, rs, &q, SV_NONE, 201, e);
}

static enum status change(struct http_request *rq, struct http_response *rs,
			  const struct crm_entity *of, struct sv id, json_t *body, struct err *e)
{
	crm_sql_auto q = { .arena = rq->arena, .of = of };

	if (!sv_present(id))
		return not_found(rq, of, e);
	if (crm_update(&q, id, body, http_header(rq, "If-Match"), e))
		return e->status;
	return answer_one(rq, rs, &q, id, 200, e);
}

/* ---- /api/v1 -------------------------------------------------------------------- */

enum status crm_list(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct crm_entity *of = entity_of(rq, e);

	return of ? list(rq, rs, of, e) : e->status;
}

enum status crm_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct crm_entity *of = entity_of(rq, e);

	return of ? create(rq, rs, of, e) : e->status;
}

enum status crm_read(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct crm_entity *of = entity_of(rq, e);
	crm_sql_auto q = { .arena = rq->arena, .of = of };
	struct sv id;

	if (!of)
		return e->status;
	id = crm_id(rq->arena, of->prefix, http_param(rq, "id"));
	if (!sv_present(id))
		return not_found(rq, of, e);
	buf_lit(&q.text, "select ");
	crm_reads(&q);
	buf_addf(&q.text, ", t.xmin::text from %s t where t.id =", of->table);
	crm_param(&q, DB_S(id));
	return answer_one(rq, rs, &q, id, 200, e);
}

enum status crm_change(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct crm_entity *of = entity_of(rq, e);
	json_t *body;

	if (!of || http_json(rq, &body, e))
		return e->status;
	return change(rq, rs, of, crm_id(rq->arena, of->prefix, http_param(rq, "id")), body, e);
}

enum status crm_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct crm_entity *of = entity_of(rq, e);
	crm_sql_auto q = { .arena = rq->arena, .of = of };
	struct db_batch *b;
	struct sv id;
	int gone, there;

	if (!of)
		return e->status;
	id = crm_id(rq->arena, of->prefix, http_param(rq, "id"));
	if (!sv_present(id))
		return not_found(rq, of, e);
	buf_addf(&q.text, "delete from %s t where t.id =", of->table);
	crm_param(&q, DB_S(id));
	crm_if_match(&q, http_header(rq, "If-Match"));
	b = web_batch(rq);
	gone = db_add_composed(b, buf_sv(&q.text), q.n, q.params);
	there = still_there(rq, b, of, id);
	if (db_run(b, e))
		return refused(rq, of, b, e);
	if (!db_affected(b, gone))
		return none_written(rq, b, of, there, e);
	rs->status = 204;
	return ST_OK;
}

/* ---- /external/v1/opportunities ----------------------------------------------------- */

enum status external_list(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return list(rq, rs, &crm_opportunity, e);
}

enum status external_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return create(rq, rs, &crm_opportunity, e);
}

enum status external_stage(struct http_request *rq, struct http_response *rs, struct err *e)
{
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	if (!json_is_string(json_object_get(body, "stage"))) {
		err_set(e, rq->arena, ST_UNPROCESSABLE, "stage is required");
		e->field = SV("stage");
		return e->status;
	}
	return change(rq, rs, &crm_opportunity, crm_id(rq->arena, NULL, http_param(rq, "id")), body,
		      e);
}
