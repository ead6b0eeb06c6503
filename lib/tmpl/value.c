#include "tmpl/code.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tmpl_value *value_new(struct arena *a, enum tmpl_kind kind)
{
	struct tmpl_value *v = ARENA_NEW(a, struct tmpl_value);

	v->kind = kind;
	return v;
}

struct tmpl_value *tmpl_null(struct arena *a)
{
	return value_new(a, TMPL_NULL);
}

struct tmpl_value *tmpl_bool(struct arena *a, bool b)
{
	struct tmpl_value *v = value_new(a, TMPL_BOOL);

	v->b = b;
	return v;
}

struct tmpl_value *tmpl_int(struct arena *a, int64_t i)
{
	struct tmpl_value *v = value_new(a, TMPL_INT);

	v->i = i;
	return v;
}

struct tmpl_value *tmpl_text(struct arena *a, struct sv s)
{
	struct tmpl_value *v = value_new(a, sv_present(s) ? TMPL_TEXT : TMPL_NULL);

	v->s = s;
	return v;
}

static struct tmpl_value *entries_new(struct arena *a, enum tmpl_kind kind)
{
	struct tmpl_value *v = value_new(a, kind);

	v->entries = ARENA_NEW(a, struct tmpl_entries);
	v->entries->arena = a;
	return v;
}

struct tmpl_value *tmpl_list(struct arena *a)
{
	return entries_new(a, TMPL_LIST);
}

struct tmpl_value *tmpl_map(struct arena *a)
{
	return entries_new(a, TMPL_MAP);
}

static struct tmpl_value value_of_json(json_t *json)
{
	switch (json ? json_typeof(json) : JSON_NULL) {
	case JSON_TRUE:
	case JSON_FALSE:
		return (struct tmpl_value){ .kind = TMPL_BOOL, .b = json_is_true(json) };
	case JSON_INTEGER:
		return (struct tmpl_value){ .kind = TMPL_INT, .i = json_integer_value(json) };
	case JSON_STRING:
		return (struct tmpl_value){ .kind = TMPL_TEXT,
					    .s = { json_string_value(json),
						   json_string_length(json) } };
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_REAL:
		return (struct tmpl_value){ .kind = TMPL_JSON, .json = json };
	default:
		return (struct tmpl_value){ .kind = TMPL_NULL };
	}
}

static void json_release(void *json)
{
	json_decref(json);
}

struct tmpl_value *tmpl_from_json(struct arena *a, json_t *json)
{
	struct tmpl_value *v = value_new(a, TMPL_NULL);

	*v = value_of_json(json);
	if (json)
		arena_cleanup(a, json_release, json_incref(json));
	return v;
}

static void entries_add(struct tmpl_entries *e, struct sv key, struct tmpl_value *value)
{
	e->at = arena_more(e->arena, e->at, e->n, &e->size, sizeof(*e->at));
	e->at[e->n++] = (struct tmpl_entry){ key, value ? value : tmpl_null(e->arena) };
}

void tmpl_set(struct tmpl_value *map, const char *key, struct tmpl_value *value)
{
	entries_add(map->entries, sv_from(key), value);
}

void tmpl_set_text(struct tmpl_value *map, const char *key, struct sv s)
{
	tmpl_set(map, key, tmpl_text(map->entries->arena, s));
}

void tmpl_set_int(struct tmpl_value *map, const char *key, int64_t i)
{
	tmpl_set(map, key, tmpl_int(map->entries->arena, i));
}

void tmpl_set_bool(struct tmpl_value *map, const char *key, bool b)
{
	tmpl_set(map, key, tmpl_bool(map->entries->arena, b));
}

struct tmpl_value *tmpl_set_map(struct tmpl_value *map, const char *key)
{
	struct tmpl_value *v = tmpl_map(map->entries->arena);

	tmpl_set(map, key, v);
	return v;
}

struct tmpl_value *tmpl_set_list(struct tmpl_value *map, const char *key)
{
	struct tmpl_value *v = tmpl_list(map->entries->arena);

	tmpl_set(map, key, v);
	return v;
}

void tmpl_push(struct tmpl_value *list, struct tmpl_value *value)
{
	entries_add(list->entries, SV_NONE, value);
}

struct tmpl_value *tmpl_push_map(struct tmpl_value *list)
{
	struct tmpl_value *v = tmpl_map(list->entries->arena);

	tmpl_push(list, v);
	return v;
}

static void set_rows(struct tmpl_value *map, const char *key, enum tmpl_kind kind,
		     const struct tmpl_table *table, size_t row)
{
	struct arena *a = map->entries->arena;
	struct tmpl_table *copy = ARENA_NEW(a, struct tmpl_table);
	struct tmpl_value *v = value_new(a, kind);

	*copy = *table;
	v->table = copy;
	v->row = row;
	tmpl_set(map, key, v);
}

void tmpl_set_table(struct tmpl_value *map, const char *key, const struct tmpl_table *table)
{
	set_rows(map, key, TMPL_TABLE, table, 0);
}

void tmpl_set_row(struct tmpl_value *map, const char *key, const struct tmpl_table *table,
		  size_t row)
{
	if (row < table->rows)
		set_rows(map, key, TMPL_ROW, table, row);
	else
		tmpl_set(map, key, NULL);
}

static bool map_get(const struct tmpl_entries *e, struct sv key, struct tmpl_value *found)
{
	for (size_t i = e->n; i-- > 0;) {
		if (e->at[i].key.n == key.n && !memcmp(e->at[i].key.p, key.p, key.n)) {
			*found = *e->at[i].value;
			return true;
		}
	}
	return false;
}

static size_t row_column(const struct tmpl_table *t, struct arena *a, const struct tmpl_name *key,
			 struct tmpl_columns *columns)
{
	size_t col;

	if (!columns || key->id >= columns->n)
		return t->column(t->src, key->text);
	if (!columns->at)
		columns->at = ARENA_ARRAY(a, columns->n, uint32_t);
	if (columns->at[key->id])
		return columns->at[key->id] == 1 ? SIZE_MAX : columns->at[key->id] - 2;
	col = t->column(t->src, key->text);
	if (col == SIZE_MAX)
		columns->at[key->id] = 1;
	else if (col < UINT32_MAX - 2)
		columns->at[key->id] = (uint32_t)col + 2;
	return col;
}

static bool row_get(const struct tmpl_value *v, struct arena *a, const struct tmpl_name *key,
		    struct tmpl_columns *columns, struct tmpl_value *found)
{
	size_t col = row_column(v->table, a, key, columns);
	struct tmpl_value *cell;

	if (col == SIZE_MAX)
		return false;
	cell = v->table->cell(v->table->src, a, v->row, col);
	*found = cell ? *cell : (struct tmpl_value){ .kind = TMPL_NULL };
	return true;
}

bool tmpl_value_get(const struct tmpl_value *v, struct arena *a, const struct tmpl_name *key,
		    struct tmpl_columns *columns, struct tmpl_value *found)
{
	json_t *json;

	switch (v->kind) {
	case TMPL_MAP:
		return map_get(v->entries, key->text, found);
	case TMPL_ROW:
		return row_get(v, a, key, columns, found);
	case TMPL_JSON:
		json = json_object_getn(v->json, key->text.p, key->text.n);
		if (!json)
			return false;
		*found = value_of_json(json);
		return true;
	default:
		return false;
	}
}

size_t tmpl_value_count(const struct tmpl_value *v)
{
	switch (v->kind) {
	case TMPL_LIST:
		return v->entries->n;
	case TMPL_TABLE:
		return v->table->rows;
	case TMPL_JSON:
		return json_is_array(v->json) ? json_array_size(v->json) : SIZE_MAX;
	default:
		return SIZE_MAX;
	}
}

struct tmpl_value tmpl_value_item(const struct tmpl_value *v, size_t i)
{
	switch (v->kind) {
	case TMPL_LIST:
		return *v->entries->at[i].value;
	case TMPL_TABLE:
		return (struct tmpl_value){ .kind = TMPL_ROW, .table = v->table, .row = i };
	default:
		return value_of_json(json_array_get(v->json, i));
	}
}

bool tmpl_value_true(const struct tmpl_value *v)
{
	switch (v->kind) {
	case TMPL_NULL:
		return false;
	case TMPL_BOOL:
		return v->b;
	case TMPL_INT:
		return v->i != 0;
	case TMPL_TEXT:
		return v->s.n != 0;
	case TMPL_JSON:
		if (json_is_real(v->json))
			return fpclassify(json_real_value(v->json)) != FP_ZERO;
		return tmpl_value_count(v) != 0;
	default:
		return tmpl_value_count(v) != 0;
	}
}

/* The shortest form that reads back as the same number. */
static void write_real(struct buf *out, double d)
{
	char text[40];
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, sizeof(text), "%.*g", digits, d);
		if (fpclassify(strtod(text, NULL) - d) == FP_ZERO)
			break;
	}
	buf_add(out, sv_make(text, (size_t)n));
}

void tmpl_value_write(struct buf *out, const struct tmpl_value *v, bool raw)
{
	switch (v->kind) {
	case TMPL_BOOL:
		buf_add(out, v->b ? SV("true") : SV("false"));
		break;
	case TMPL_INT:
		buf_add_i64(out, v->i);
		break;
	case TMPL_TEXT:
		if (raw)
			buf_add(out, v->s);
		else
			buf_html(out, v->s);
		break;
	case TMPL_JSON:
		if (json_is_real(v->json))
			write_real(out, json_real_value(v->json));
		break;
	default:
		break;
	}
}
