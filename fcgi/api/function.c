#include "fcgi/api/function.h"
#include "event/stable_json.h"

#include <ctype.h>
#include <math.h>

#define CUSTOM_FIELDS_MAX 32768 /* bytes (CON-54) */
#define KEY_MAX 64

/* ---- faults --------------------------------------------------------------- */

static struct sv field_name(const struct fields *f, const char *key)
{
	if (!f->within)
		return sv_from(key);
	return sv_from(arena_printf(f->arena, "%s.%s", f->within, key));
}

void field_fault(struct fields *f, const char *key, const char *fmt, ...)
{
	struct sv name = field_name(f, key);
	va_list ap;

	if (f->e.status)
		return;
	va_start(ap, fmt);
	err_set(&f->e, f->arena, ST_BAD_INPUT, "%.*s %s", SV_ARG(name),
		arena_vprintf(f->arena, fmt, ap));
	va_end(ap);
	f->e.field = name;
}

enum status fields_check(const struct fields *f, struct err *e)
{
	if (f->e.status)
		*e = f->e;
	return f->e.status;
}

void fields_of(struct fields *f, struct arena *a, json_t *object, const char *within)
{
	*f = (struct fields){ .arena = a, .within = within };
	if (json_is_object(object))
		f->object = object;
	else
		err_set(&f->e, a, ST_BAD_INPUT, "%s must be an object",
			within ? within : "The row");
}

enum status function_body(struct http_request *rq, struct fields *f, struct err *e)
{
	json_t *body;

	if (http_json(rq, &body, e))
		return e->status;
	fields_of(f, rq->arena, body, NULL);
	if (f->e.status)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Send a JSON object as the body");
	return ST_OK;
}

/* ---- what texts are --------------------------------------------------------- */

bool is_uuid(struct sv s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i]))
			return false;
	}
	return true;
}

size_t text_length(struct sv s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static struct sv text_of(json_t *v)
{
	return sv_trim(sv_make(json_string_value(v), json_string_length(v)));
}

/* ---- reading ----------------------------------------------------------------- */

json_t *field_get(const struct fields *f, const char *key)
{
	json_t *v = json_object_get(f->object, key);

	if (f->e.status || json_is_null(v) || (json_is_string(v) && !text_of(v).n))
		return NULL;
	return v;
}

static json_t *get_needed(struct fields *f, const char *key, enum field_need need)
{
	json_t *v = field_get(f, key);

	if (!v && need == FIELD_NEEDED)
		field_fault(f, key, "is required");
	return v;
}

struct sv field_text(struct fields *f, const char *key, size_t max, enum field_need need)
{
	json_t *v = get_needed(f, key, need);

	if (!v)
		return SV_NONE;
	if (!json_is_string(v)) {
		field_fault(f, key, "must be a text");
		return SV_NONE;
	}
	if (max && text_length(text_of(v)) > max) {
		field_fault(f, key, "must be at most %zu characters", max);
		return SV_NONE;
	}
	return text_of(v);
}

struct sv field_uuid(struct fields *f, const char *key, enum field_need need)
{
	struct sv s = field_text(f, key, 0, need);

	if (!s.n || is_uuid(s))
		return s;
	field_fault(f, key, "must be a UUID");
	return SV_NONE;
}

bool field_bool(struct fields *f, const char *key, bool otherwise)
{
	json_t *v = field_get(f, key);

	if (!v)
		return otherwise;
	if (!json_is_boolean(v))
		field_fault(f, key, "must be true or false");
	return json_is_true(v);
}

bool field_number(struct fields *f, const char *key, double min, double max, double *out)
{
	json_t *v = field_get(f, key);

	if (!v)
		return false;
	if (!json_is_number(v))
		field_fault(f, key, "must be a number");
	else if (json_number_value(v) < min || json_number_value(v) > max)
		isinf(max) ? field_fault(f, key, "must be at least %g", min) :
			     field_fault(f, key, "must be between %.15g and %.15g", min, max);
	if (f->e.status)
		return false;
	*out = json_number_value(v);
	return true;
}

json_t *field_list(struct fields *f, const char *key, size_t max, enum field_need need)
{
	json_t *v = get_needed(f, key, need);

	if (v && !json_is_array(v))
		field_fault(f, key, "must be a list");
	else if (v && json_array_size(v) > max)
		field_fault(f, key, "may have at most %zu elements", max);
	return f->e.status ? NULL : v;
}

/* ---- writing JSON ------------------------------------------------------------- */

static void write_object(struct buf *out, json_t *object)
{
	const char *key;
	size_t n;
	json_t *v;

	buf_addc(out, '{');
	json_object_keylen_foreach(object, key, n, v) {
		if (out->p[out->n - 1] != '{')
			buf_addc(out, ',');
		buf_json(out, sv_make(key, n));
		buf_addc(out, ':');
		buf_json_value(out, v);
	}
	buf_addc(out, '}');
}

static void write_array(struct buf *out, json_t *array)
{
	size_t i;
	json_t *v;

	buf_addc(out, '[');
	json_array_foreach(array, i, v) {
		if (i)
			buf_addc(out, ',');
		buf_json_value(out, v);
	}
	buf_addc(out, ']');
}

void buf_json_value(struct buf *out, json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		write_object(out, v);
		break;
	case JSON_ARRAY:
		write_array(out, v);
		break;
	case JSON_STRING:
		buf_json(out, sv_make(json_string_value(v), json_string_length(v)));
		break;
	case JSON_INTEGER:
		buf_add_i64(out, json_integer_value(v));
		break;
	case JSON_REAL:
		sj_number(out, json_real_value(v));
		break;
	case JSON_TRUE:
		buf_lit(out, "true");
		break;
	case JSON_FALSE:
		buf_lit(out, "false");
		break;
	default:
		buf_lit(out, "null");
	}
}

/* ---- copying ------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *key, struct sv s)
{
	if (!s.n)
		return;
	buf_json_key(out, key);
	buf_json(out, s);
}

void copy_text(struct fields *f, const struct field_rule *r, struct buf *out)
{
	put_text(out, r->key, field_text(f, r->key, (size_t)r->max, FIELD_OPTIONAL));
}

void copy_uuid(struct fields *f, const struct field_rule *r, struct buf *out)
{
	put_text(out, r->key, field_uuid(f, r->key, FIELD_OPTIONAL));
}

void copy_bool(struct fields *f, const struct field_rule *r, struct buf *out)
{
	bool value = field_bool(f, r->key, false);

	if (!field_get(f, r->key))
		return;
	buf_json_key(out, r->key);
	buf_add(out, value ? SV("true") : SV("false"));
}

void copy_json(struct fields *f, const struct field_rule *r, struct buf *out)
{
	json_t *v = field_get(f, r->key);

	if (!v)
		return;
	buf_json_key(out, r->key);
	buf_json_value(out, v);
}

void copy_number(struct fields *f, const struct field_rule *r, struct buf *out)
{
	double value;

	if (field_number(f, r->key, r->min, r->max, &value))
		copy_json(f, r, out);
}

/* A date that there is: the calendar of PostgreSQL would refuse the whole
 * batch where one row is wrong. */
static bool is_date(struct sv s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t y, m, d;

	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !isdigit((unsigned char)s.p[5]) ||
	    !isdigit((unsigned char)s.p[8]) || !sv_to_i64(sv_make(s.p, 4), &y) ||
	    !sv_to_i64(sv_make(s.p + 5, 2), &m) || !sv_to_i64(sv_make(s.p + 8, 2), &d))
		return false;
	if (y < 1 || m < 1 || m > 12 || d < 1)
		return false;
	return d <= days[m - 1] ||
	       (m == 2 && d == 29 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

void copy_date(struct fields *f, const struct field_rule *r, struct buf *out)
{
	struct sv s = field_text(f, r->key, 0, FIELD_OPTIONAL);

	/* "2025-12-31T10:00:00Z" is an ISO date string too (x:27110). */
	if (s.n > 10 && s.p[10] == 'T')
		s.n = 10;
	if (s.n && !is_date(s))
		field_fault(f, r->key, "must be a date, YYYY-MM-DD");
	else
		put_text(out, r->key, s);
}

static bool seen_before(json_t *list, size_t n, struct sv s)
{
	for (size_t i = 0; i < n; i++)
		if (sv_eq(text_of(json_array_get(list, i)), s))
			return true;
	return false;
}

void copy_texts(struct fields *f, const struct field_rule *r, struct buf *out)
{
	json_t *list = field_list(f, r->key, 1000, FIELD_OPTIONAL), *v;
	const char *comma = "";
	size_t i;

	if (!list)
		return;
	buf_json_key(out, r->key);
	buf_addc(out, '[');
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			field_fault(f, r->key, "must be a list of texts");
		else if (text_length(text_of(v)) > (size_t)r->max)
			field_fault(f, r->key, "must each be at most %.0f characters", r->max);
		if (f->e.status)
			break;
		if (!text_of(v).n || seen_before(list, i, text_of(v)))
			continue;
		buf_add(out, sv_from(comma));
		buf_json(out, text_of(v));
		comma = ",";
	}
	buf_addc(out, ']');
}

static bool is_custom_key(const char *key, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '_')
			return false;
	return n > 0 && n <= KEY_MAX;
}

void copy_custom_fields(struct fields *f, const struct field_rule *r, struct buf *out)
{
	json_t *object = field_get(f, r->key), *v;
	const char *key;
	size_t n, from;

	if (!object)
		return;
	if (!json_is_object(object)) {
		field_fault(f, r->key, "must be an object");
		return;
	}
	json_object_keylen_foreach(object, key, n, v) {
		if (!is_custom_key(key, n))
			field_fault(f, r->key, "has the key \"%.*s\"; keys are letters, digits and "
				    "underscores, at most %d", (int)n, key, KEY_MAX);
	}
	buf_json_key(out, r->key);
	from = out->n;
	buf_json_value(out, object);
	if (out->n - from > CUSTOM_FIELDS_MAX)
		field_fault(f, r->key, "must be at most 32 KB");
}

void fields_copy(struct fields *f, const struct field_rule *rules, struct buf *out)
{
	for (; rules->key && !f->e.status; rules++)
		rules->copy(f, rules, out);
}

/* ---- asking and answering -------------------------------------------------------- */

/* The public key says which installation is meant, not who asks. */
static bool is_public_key(const struct http_request *rq)
{
	json_t *claims = json_loadb(rq->claims.p ? rq->claims.p : "", rq->claims.n, 0, NULL);
	const char *role = json_string_value(json_object_get(claims, "role"));
	bool anon = rq->claims.n && (!role || sv_eq(sv_from(role), SV("anon")));

	json_decref(claims);
	return anon;
}

enum status function_refusal(struct http_request *rq, struct err *e)
{
	if (e->status == ST_FORBIDDEN && is_public_key(rq)) {
		err_set(e, rq->arena, ST_UNAUTHENTICATED,
			"The public key alone gives no access to data");
		e->hint = SV("Send Authorization: Bearer with the access_token that signing in "
			     "returned");
	}
	if (e->status == ST_UNAUTHENTICATED && rq->api_key.n)
		e->status = ST_BAD_KEY;
	return e->status;
}

enum status function_run(struct http_request *rq, struct db_batch *b, struct err *e)
{
	return db_run(b, e) ? function_refusal(rq, e) : ST_OK;
}

struct buf *function_success(struct http_response *rs)
{
	http_content_type(rs, "application/json; charset=utf-8");
	buf_lit(&rs->body, "{\"success\":true");
	return &rs->body;
}
