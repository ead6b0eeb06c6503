#include "fcgi/api/crm/crm.h"
#include "base/uuid.h"

#include <stdlib.h>
#include <string.h>

bool crm_param(struct crm_sql *q, struct db_value v)
{
	if (q->n == sizeof(q->params) / sizeof(q->params[0]))
		return false;
	q->params[q->n++] = v;
	buf_addf(&q->text, " $%zu", q->n);
	return true;
}

struct sv crm_id(struct arena *a, const char *prefix, struct sv sent)
{
	if (!prefix)
		return uuid_valid(sent) ? sent : SV_NONE;
	return uuid_from_prefixed(a, prefix, sent);
}

void crm_reads(struct crm_sql *q)
{
	for (const struct crm_field *f = q->of->fields; f->name; f++)
		buf_addf(&q->text, "%s%s as \"%s\"", f == q->of->fields ? "" : ", ", f->read,
			 f->name);
}

static const struct crm_field *field_named(const struct crm_entity *of, struct sv name)
{
	for (const struct crm_field *f = of->fields; f->name; f++)
		if (sv_eq(name, sv_from(f->name)))
			return f;
	return NULL;
}

static enum status wrong(struct arena *a, struct err *e, enum status s, struct sv field,
			 const char *what)
{
	err_set(e, a, s, "%.*s %s", SV_ARG(field), what);
	e->field = field;
	return s;
}

/* ---- filters ---------------------------------------------------------------- */

/* What is compared, by kind; %s is the field's SQL, then comes the parameter. */
static const char *const compared[] = {
	[CRM_TEXT] = "%s =",   [CRM_WORD] = "lower(%s) = lower", [CRM_NUMBER] = "%s =",
	[CRM_BOOL] = "%s =",   [CRM_DATE] = "%s =",		 [CRM_TIME] = "%s =",
	[CRM_ID] = "%s =",     [CRM_FIRST] = "%s =",		 [CRM_LIST] = "%s @> array",
	[CRM_OBJECT] = "%s @>",
};

static enum status add_filter(struct crm_sql *q, const struct crm_field *f, struct sv value,
			      struct err *e)
{
	const char *open = f->kind == CRM_WORD ? "(" : f->kind == CRM_LIST ? "[" : "";
	const char *close = f->kind == CRM_WORD ? ")" : f->kind == CRM_LIST ? "::text]" : "";
	const char *p = compared[f->kind];

	if (f->kind == CRM_ID) {
		value = crm_id(q->arena, f->prefix, value);
		/* What cannot be an id is nobody's. */
		if (!sv_present(value))
			value = SV("00000000-0000-0000-0000-000000000000");
	}
	buf_lit(&q->text, " and ");
	for (; *p; p++)
		if (p[0] == '%' && p[1] == 's')
			buf_add(&q->text, sv_from(f->read)), p++;
		else
			buf_addc(&q->text, *p);
	buf_add(&q->text, sv_from(open));
	if (!crm_param(q, DB_S(value)))
		return wrong(q->arena, e, ST_BAD_INPUT, sv_from(f->name), "is one filter too many");
	buf_add(&q->text, sv_from(close));
	return ST_OK;
}

static enum status add_since(struct crm_sql *q, const char *column, struct sv value, struct err *e)
{
	buf_addf(&q->text, " and t.%s >", column);
	if (crm_param(q, DB_S(value)))
		return ST_OK;
	return wrong(q->arena, e, ST_BAD_INPUT, sv_from(column), "is one filter too many");
}

enum status crm_filters(struct crm_sql *q, struct http_request *rq, struct err *e)
{
	const struct http_pairs *query = http_query_all(rq);

	buf_lit(&q->text, " where true");
	for (size_t i = 0; i < query->n; i++) {
		struct sv name = query->v[i].name, value = query->v[i].value;
		const struct crm_field *f = field_named(q->of, name);
		enum status s = ST_OK;

		if (sv_eq(name, SV("limit")) || sv_eq(name, SV("offset")))
			continue;
		if (f)
			s = add_filter(q, f, value, e);
		else if (sv_eq(name, SV("createdAfter")))
			s = add_since(q, "created_at", value, e);
		else if (sv_eq(name, SV("updatedAfter")))
			s = add_since(q, "updated_at", value, e);
		else
			s = wrong(rq->arena, e, ST_BAD_INPUT, name, "is not a field to filter by");
		if (s)
			return s;
	}
	return ST_OK;
}

/* ---- writing ------------------------------------------------------------------- */

static struct sv dumped(struct crm_sql *q, json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	struct sv copy = arena_sv(q->arena, sv_from(text));

	free(text);
	return copy;
}

static const struct {
	json_type types[2];
	const char *want;
} accepted[] = {
	[CRM_TEXT] = { { JSON_STRING, JSON_STRING }, "must be a text" },
	[CRM_WORD] = { { JSON_STRING, JSON_STRING }, "must be a text" },
	[CRM_NUMBER] = { { JSON_INTEGER, JSON_REAL }, "must be a number" },
	[CRM_BOOL] = { { JSON_TRUE, JSON_FALSE }, "must be true or false" },
	[CRM_DATE] = { { JSON_STRING, JSON_STRING }, "must be a date, YYYY-MM-DD" },
	[CRM_TIME] = { { JSON_STRING, JSON_STRING }, "must be a time, YYYY-MM-DDTHH:MM:SSZ" },
	[CRM_ID] = { { JSON_STRING, JSON_STRING }, "must be an id" },
	[CRM_FIRST] = { { JSON_STRING, JSON_STRING }, "must be a text" },
	[CRM_LIST] = { { JSON_ARRAY, JSON_ARRAY }, "must be a list of texts" },
	[CRM_OBJECT] = { { JSON_OBJECT, JSON_OBJECT }, "must be an object" },
};

static bool texts_only(json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!json_is_string(v))
			return false;
	return true;
}

static bool value_of(struct crm_sql *q, const struct crm_field *f, json_t *v, struct db_value *out)
{
	*out = DB_NULL;
	if (json_is_null(v))
		return true;
	if (json_typeof(v) != accepted[f->kind].types[0] &&
	    json_typeof(v) != accepted[f->kind].types[1])
		return false;
	if (f->kind == CRM_LIST && !texts_only(v))
		return false;
	if (json_is_string(v)) {
		struct sv s = sv_make(json_string_value(v), json_string_length(v));

		if (f->kind == CRM_ID) {
			s = crm_id(q->arena, f->prefix, s);
			if (!sv_present(s))
				return false;
		}
		*out = DB_S(s);
	} else if (json_is_boolean(v)) {
		*out = DB_B(json_is_true(v));
	} else {
		*out = DB_S(dumped(q, v));
	}
	return true;
}

/* The SQL of a value for its column. */
static bool add_value(struct crm_sql *q, const struct crm_field *f, struct db_value v, bool change)
{
	bool fits;

	switch (f->kind) {
	case CRM_FIRST:
		buf_lit(&q->text, "array_remove(array[");
		fits = crm_param(q, v);
		buf_lit(&q->text, "::text], null)");
		/* The others stay as they are. */
		if (change)
			buf_addf(&q->text, " || t.%s[2:]", f->column);
		return fits;
	case CRM_LIST:
		buf_lit(&q->text, "array(select jsonb_array_elements_text(coalesce(");
		fits = crm_param(q, v);
		buf_lit(&q->text, "::jsonb, '[]')))");
		return fits;
	case CRM_OBJECT:
		buf_lit(&q->text, "coalesce(");
		fits = crm_param(q, v);
		buf_lit(&q->text, "::jsonb, '{}')");
		return fits;
	case CRM_TEXT:
	case CRM_WORD:
	case CRM_NUMBER:
	case CRM_BOOL:
	case CRM_DATE:
	case CRM_TIME:
	case CRM_ID:
		break;
	}
	return crm_param(q, v);
}

/* Which field a member of the body is, and its value. */
static enum status take(struct crm_sql *q, struct sv key, json_t *v, const struct crm_field **f,
			struct db_value *out, struct err *e)
{
	key = arena_sv(q->arena, key);
	*f = field_named(q->of, key);
	if (!*f)
		return wrong(q->arena, e, ST_UNPROCESSABLE, key, "is not a field here");
	if (!(*f)->column)
		return wrong(q->arena, e, ST_UNPROCESSABLE, key, "cannot be written");
	if (!value_of(q, *f, v, out))
		return wrong(q->arena, e, ST_UNPROCESSABLE, key, accepted[(*f)->kind].want);
	if (out->kind == DB_NULL_ && (*f)->flags & CRM_NEEDED)
		return wrong(q->arena, e, ST_UNPROCESSABLE, key, "is required");
	return ST_OK;
}

static enum status check_body(struct crm_sql *q, json_t *body, struct err *e)
{
	if (!json_is_object(body))
		return err_set(e, q->arena, ST_BAD_INPUT, "The body must be a JSON object");
	if (!json_object_size(body))
		return err_set(e, q->arena, ST_BAD_INPUT, "The body has no fields");
	return ST_OK;
}

static enum status check_needed(struct crm_sql *q, json_t *body, struct err *e)
{
	for (const struct crm_field *f = q->of->fields; f->name; f++)
		if (f->flags & CRM_NEEDED && !json_object_get(body, f->name))
			return wrong(q->arena, e, ST_UNPROCESSABLE, sv_from(f->name),
				     "is required");
	return ST_OK;
}

enum status crm_insert(struct crm_sql *q, json_t *body, struct err *e)
{
	const struct crm_field *f;
	buf_auto struct buf columns = BUF_INIT;
	struct db_value value;
	const char *key;
	json_t *v;

	if (check_body(q, body, e) || check_needed(q, body, e))
		return e->status;
	buf_addf(&q->text, "with t as (insert into %s as t (", q->of->table);
	json_object_foreach(body, key, v) {
		if (take(q, sv_from(key), v, &f, &value, e))
			return e->status;
		buf_addf(&columns, "%s%s", columns.n ? ", " : "", f->column);
	}
	buf_add(&q->text, buf_sv(&columns));
	buf_lit(&q->text, ") values (");
	json_object_foreach(body, key, v) {
		if (take(q, sv_from(key), v, &f, &value, e))
			return e->status;
		if (q->n)
			buf_lit(&q->text, ", ");
		if (!add_value(q, f, value, false))
			return err_set(e, q->arena, ST_BAD_INPUT, "The body has too many fields");
	}
	buf_lit(&q->text, ") returning t.*, t.xmin::text as version) select ");
	crm_reads(q);
	buf_lit(&q->text, ", t.version from t");
	return ST_OK;
}

void crm_if_match(struct crm_sql *q, struct sv tags)
{
	const char *glue = " and t.xmin::text in (";

	if (!tags.n || sv_eq(sv_trim(tags), SV("*")))
		return;
	while (sv_present(tags)) {
		struct sv tag = sv_trim(sv_cut(&tags, ','));

		if (sv_starts(tag, SV("W/")))
			tag = sv_skip(tag, 2);
		if (tag.n >= 2 && tag.p[0] == '"' && q->n < 60) {
			buf_add(&q->text, sv_from(glue));
			crm_param(q, DB_S(sv_make(tag.p + 1, tag.n - 2)));
			glue = ",";
		}
	}
	buf_add(&q->text, glue[0] == ',' ? SV(")") : SV(" and false"));
}

enum status crm_update(struct crm_sql *q, struct sv id, json_t *body, struct sv if_match,
		       struct err *e)
{
	const struct crm_field *f;
	struct db_value value;
	const char *key;
	json_t *v;

	if (check_body(q, body, e))
		return e->status;
	buf_addf(&q->text, "with t as (update %s as t set ", q->of->table);
	json_object_foreach(body, key, v) {
		if (take(q, sv_from(key), v, &f, &value, e))
			return e->status;
		buf_addf(&q->text, "%s%s = ", q->n ? ", " : "", f->column);
		if (!add_value(q, f, value, true))
			return err_set(e, q->arena, ST_BAD_INPUT, "The body has too many fields");
	}
	buf_lit(&q->text, " where t.id =");
	if (!crm_param(q, DB_S(id)))
		return err_set(e, q->arena, ST_BAD_INPUT, "The body has too many fields");
	crm_if_match(q, if_match);
	buf_lit(&q->text, " returning t.*, t.xmin::text as version) select ");
	crm_reads(q);
	buf_lit(&q->text, ", t.version from t");
	return ST_OK;
}
