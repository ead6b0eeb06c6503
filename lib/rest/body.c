/*
 * What is written: JSON, CSV or a form, all of which become the JSON text
 * that PostgreSQL takes apart, and the names in it.
 */
#include "rest/tree.h"

#include <string.h>

enum status body_fail(struct tree *t, const char *message)
{
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST102") };
	t->e->message = sv_from(message);
	return ST_BAD_INPUT;
}

static bool named(const struct body *b, struct sv name)
{
	for (size_t i = 0; i < b->n; i++)
		if (sv_eq(b->names[i], name))
			return true;
	return false;
}

static void add_name(struct tree *t, struct body *b, struct sv name)
{
	if (named(b, name))
		return;
	if ((b->n & (b->n - 1)) == 0) { /* 0 and the powers of two */
		struct sv *more = ARENA_ARRAY(t->arena, b->n ? 2 * b->n : 1, struct sv);

		if (b->n)
			memcpy(more, b->names, b->n * sizeof(*more));
		b->names = more;
	}
	b->names[b->n++] = name;
}

static enum status bad_columns(struct tree *t)
{
	parse_fail(t, "\"failed to parse columns parameter (%.*s)\" (line 1, column 1)",
		   SV_ARG(t->columns));
	t->e->details = SV("unexpected end of input expecting field name (* or [a..z0..9_$])");
	return t->e->status;
}

enum status body_names(struct tree *t, struct sv text, struct body *b)
{
	while (sv_present(text)) {
		struct sv name = sv_trim(sv_cut(&text, ','));

		if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
			name = sv_make(name.p + 1, name.n - 2);
		if (!name.n)
			return bad_columns(t);
		add_name(t, b, name);
	}
	return ST_OK;
}

/* ---- JSON ------------------------------------------------------------------- */

static void free_json(void *arg)
{
	json_decref(arg);
}

static enum status load(struct tree *t, struct sv text, json_t **out)
{
	json_error_t at;

	/* Only its keys are looked at: any number is good enough here. */
	*out = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_INT_AS_REAL, &at);
	if (*out) {
		arena_cleanup(t->arena, free_json, *out);
		return ST_OK;
	}
	body_fail(t, "Empty or invalid json");
	if (t->options->strict)
		return t->e->status;
	if (!text.n)
		t->e->hint = SV("Put the values as a JSON object into the body of the request");
	else
		t->e->details = sv_from(arena_printf(t->arena, "%s (line %d, column %d)", at.text,
						     at.line, at.column));
	return t->e->status;
}

static bool same_keys(json_t *a, json_t *b)
{
	const char *key;
	json_t *value;

	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(a, key, value) {
		if (!json_object_get(b, key))
			return false;
	}
	return true;
}

static void add_keys(struct tree *t, struct body *b, json_t *row)
{
	const char *key;
	json_t *value;

	json_object_foreach(row, key, value)
		add_name(t, b, arena_sv(t->arena, sv_from(key)));
}

/* All rows have the keys of the first one; with missing=default they may lack
 * some, so that all keys count. */
static enum status row_keys(struct tree *t, struct body *b, json_t *list)
{
	json_t *first = json_array_get(list, 0), *row;
	size_t i;

	json_array_foreach(list, i, row) {
		if (!json_is_object(row) || (!t->missing_default && !same_keys(first, row)))
			return body_fail(t, "All object keys must match");
		if (!i || t->missing_default)
			add_keys(t, b, row);
	}
	return ST_OK;
}

static enum status read_json(struct tree *t, struct body *b)
{
	json_t *json;

	b->text = sv_trim(t->in->body);
	if (load(t, b->text, &json))
		return t->e->status;
	b->array = json_is_array(json);
	b->rows = b->array ? json_array_size(json) : 1;
	if (sv_present(t->columns))
		return ST_OK;
	if (b->array)
		return row_keys(t, b, json);
	add_keys(t, b, json);
	return ST_OK;
}

/* ---- CSV ---------------------------------------------------------------------- */

/* One field: plain up to the comma, or quoted with "" for a quote. False at
 * the end of its line. */
static bool csv_field(struct tree *t, struct sv *rest, struct sv *out)
{
	struct buf b buf_auto = BUF_INIT;
	size_t i = 0;

	if (rest->n && rest->p[0] == '"') {
		for (i = 1; i < rest->n; i++) {
			if (rest->p[i] == '"' && (i + 1 == rest->n || rest->p[i + 1] != '"'))
				break;
			i += rest->p[i] == '"';
			buf_addc(&b, rest->p[i]);
		}
		*rest = sv_skip(*rest, i + 1);
		*out = arena_sv(t->arena, buf_sv(&b));
		i = 0;
	} else {
		while (i < rest->n && rest->p[i] != ',' && rest->p[i] != '\n' &&
		       rest->p[i] != '\r')
			i++;
		*out = sv_make(rest->p, i);
		*rest = sv_skip(*rest, i);
	}
	if (rest->n && rest->p[0] == ',') {
		*rest = sv_skip(*rest, 1);
		return true;
	}
	if (rest->n && rest->p[0] == '\r')
		*rest = sv_skip(*rest, 1);
	if (rest->n && rest->p[0] == '\n')
		*rest = sv_skip(*rest, 1);
	return false;
}

static void csv_value(struct buf *json, struct sv name, struct sv value, bool first)
{
	if (!first)
		buf_addc(json, ',');
	buf_json(json, name);
	buf_addc(json, ':');
	if (sv_eq(value, SV("NULL")))
		buf_lit(json, "null");
	else
		buf_json(json, value);
}

static enum status csv_line(struct tree *t, struct sv *rest, const struct body *b, struct buf *json)
{
	struct sv value;
	size_t n = 0;
	bool more = true;

	buf_addc(json, '{');
	for (; more; n++) {
		more = csv_field(t, rest, &value);
		if (n < b->n)
			csv_value(json, b->names[n], value, !n);
	}
	buf_addc(json, '}');
	return n == b->n ? ST_OK : body_fail(t, "All lines must have same number of fields");
}

static bool skip_empty_lines(struct sv *rest)
{
	while (rest->n && (rest->p[0] == '\n' || rest->p[0] == '\r'))
		*rest = sv_skip(*rest, 1);
	return rest->n > 0;
}

static enum status read_csv(struct tree *t, struct body *b)
{
	struct sv rest = t->in->body, name;
	struct buf json buf_auto = BUF_INIT;
	bool more = true;
	size_t names = 0;

	if (!sv_is_text(rest) || !skip_empty_lines(&rest))
		return body_fail(t, "Empty or invalid csv");
	for (; more; names++) {
		more = csv_field(t, &rest, &name);
		add_name(t, b, name);
	}
	if (names != b->n)
		return body_fail(t, "A column is named twice in the first line");
	buf_addc(&json, '[');
	for (; skip_empty_lines(&rest); b->rows++) {
		if (b->rows)
			buf_addc(&json, ',');
		if (csv_line(t, &rest, b, &json))
			return t->e->status;
	}
	buf_addc(&json, ']');
	b->array = true;
	b->text = arena_sv(t->arena, buf_sv(&json));
	return ST_OK;
}

/* ---- forms ---------------------------------------------------------------------- */

static enum status read_form(struct tree *t, struct body *b)
{
	struct buf json buf_auto = BUF_INIT;
	struct http_pairs form;

	if (http_parse_urlencoded(t->arena, t->in->body, &form, t->e))
		return t->e->status;
	buf_addc(&json, '{');
	for (size_t i = 0; i < form.n; i++) {
		if (i)
			buf_addc(&json, ',');
		buf_json(&json, form.v[i].name);
		buf_addc(&json, ':');
		buf_json(&json, form.v[i].value);
		add_name(t, b, form.v[i].name);
	}
	buf_addc(&json, '}');
	b->text = arena_sv(t->arena, buf_sv(&json));
	b->rows = 1;
	return ST_OK;
}

/* ---- the whole -------------------------------------------------------------------- */

bool body_begins_json(const struct tree *t)
{
	struct sv body = sv_trim(t->in->body);

	return body.n && (body.p[0] == '{' || body.p[0] == '[');
}

static enum status read_any(struct tree *t, struct body *b)
{
	struct sv type = t->in->content_type;

	if (sv_starts(type, SV("text/csv")))
		return read_csv(t, b);
	/* curl -d says "form" of whatever it sends. */
	if (sv_starts(type, SV("application/x-www-form-urlencoded")) && !body_begins_json(t))
		return read_form(t, b);
	if (!type.n || sv_find(type, SV("json")) >= 0 || body_begins_json(t))
		return read_json(t, b);
	return body_fail(t, arena_printf(t->arena, "Content-Type not acceptable: %.*s",
					 SV_ARG(type)));
}

enum status body_read(struct tree *t, struct body *b)
{
	*b = (struct body){ 0 };
	if (read_any(t, b) || !sv_present(t->columns))
		return t->e->status;
	b->names = NULL;
	b->n = 0;
	return body_names(t, t->columns, b);
}
