/* The state of a list: read from its address or a saved view, and written back. */
#include "fcgi/app/records_state.h"

#include "base/uuid.h"

#include <string.h>

#define T(type) (1u << FIELD_##type)
#define TEXTS (T(TEXT) | T(LONG) | T(URL))
#define NUMBERS (T(NUMBER) | T(MONEY))
#define TIMES (T(DATE) | T(TIME))
#define HANDLES (T(PHONES) | T(EMAILS))
#define SETS (T(TAGS) | T(LIST))

const struct record_op records_ops[] = {
	{ "has", N_("contains"), TEXTS | HANDLES, OP_ONE },
	{ "is", N_("is"), T(TEXT) | NUMBERS | T(BOOL), OP_ONE },
	{ "is", N_("is"), T(CHOICE) | T(PERSON) | T(LINK), OP_MANY },
	{ "is", N_("is on"), TIMES, OP_ONE },
	{ "not", N_("is not"), T(TEXT) | T(CHOICE) | T(PERSON) | T(LINK), OP_MANY },
	{ "any", N_("has any of"), SETS, OP_MANY },
	{ "all", N_("has all of"), SETS, OP_MANY },
	{ "none", N_("has none of"), SETS, OP_MANY },
	{ "gt", N_("is greater than"), NUMBERS, OP_ONE },
	{ "lt", N_("is less than"), NUMBERS, OP_ONE },
	{ "before", N_("is before"), TIMES, OP_ONE },
	{ "after", N_("is after"), TIMES, OP_ONE },
	{ "between", N_("is between"), NUMBERS | TIMES, OP_TWO },
	{ "last", N_("in the last days:"), TIMES, OP_DAYS },
	{ "next", N_("in the next days:"), TIMES, OP_DAYS },
	{ "empty", N_("is nobody"), T(PERSON), OP_NONE },
	{ "set", N_("is anybody"), T(PERSON), OP_NONE },
	{ "empty", N_("is empty"), ~(T(PERSON) | T(BOOL)), OP_NONE },
	{ "set", N_("is not empty"), ~(T(PERSON) | T(BOOL)), OP_NONE },
	{ 0 },
};

#define KIND(k) extern const struct record_kind k;
#include "fcgi/app/records.def"
#undef KIND

#define KIND(k) &k,
static const struct record_kind *const kinds[] = {
#include "fcgi/app/records.def"
	NULL,
};
#undef KIND

const struct record_kind *record_kind_named(struct sv name)
{
	for (const struct record_kind *const *k = kinds; *k; k++)
		if (sv_eq(name, sv_from((*k)->name)))
			return *k;
	return NULL;
}

enum status records_kind_of(struct http_request *rq, const struct record_kind **kind, struct err *e)
{
	*kind = record_kind_named(http_param(rq, "kind"));
	if (!*kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such list");
	return ST_OK;
}

/* ---- fields ---------------------------------------------------------------- */

bool field_is_custom(const struct record_field *f)
{
	return !strncmp(f->key, "cf.", 3);
}

const struct record_field *records_field(const struct records *r, struct sv key)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (sv_eq(key, sv_from(r->fields[i]->key)))
			return r->fields[i];
	return NULL;
}

static const struct custom_type {
	const char *name;
	enum field_type type;
	const char *shown; /* %s: the key, made of letters, digits and _ */
} custom_types[] = {
	{ "number", FIELD_NUMBER, "t.custom_fields ->> '%s'" },
	{ "currency", FIELD_MONEY,
	  "internal.shown_money((t.custom_fields #>> '{%1$s,amount}')::numeric,"
	  " t.custom_fields #>> '{%1$s,currency}')" },
	{ "date", FIELD_DATE, "internal.shown_date(internal.custom_day(t.custom_fields ->> '%s'))" },
	{ "select", FIELD_CHOICE, "t.custom_fields ->> '%s'" },
	{ "multi_select", FIELD_LIST, "t.custom_fields -> '%s'" },
	{ "checkbox", FIELD_BOOL, "(t.custom_fields -> '%s') = 'true'" },
	{ "url", FIELD_URL, "t.custom_fields ->> '%s'" },
	{ "file", FIELD_URL, "t.custom_fields ->> '%s'" },
	{ "text", FIELD_TEXT, "t.custom_fields ->> '%s'" },
	{ 0 },
};

static const struct custom_type *custom_type(struct sv name)
{
	const struct custom_type *t = custom_types;

	while (t->name && t[1].name && !sv_eq(name, sv_from(t->name)))
		t++;
	return t->name ? t : t - 1;
}

static const struct record_choice *custom_choices(struct arena *a, struct sv options)
{
	json_t *list = json_loadb(options.p, options.n, 0, NULL);
	size_t n = json_array_size(list);
	struct record_choice *out = ARENA_ARRAY(a, n + 1, struct record_choice);

	for (size_t i = 0; i < n; i++)
		out[i].value = out[i].label =
			arena_dup(a, sv_from(json_string_value(json_array_get(list, i))));
	json_decref(list);
	return out;
}

/* The SQL of a custom field: its key is checked here once more, because it
 * becomes part of a statement. */
static const char *custom_sql(struct arena *a, const char *pattern, struct sv key)
{
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < key.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", key.p[i]))
			return "null";
	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			buf_addc(&out, *p);
			continue;
		}
		p += p[1] == '1' ? 3 : 1;
		buf_add(&out, key);
	}
	return arena_dup(a, buf_sv(&out));
}

static void add_custom_field(struct records *r, int stmt, size_t row)
{
	struct record_field *f = ARENA_NEW(r->arena, struct record_field);
	struct sv key = db_named(r->setup, stmt, row, "key");
	struct sv type = db_named(r->setup, stmt, row, "type");
	const struct custom_type *t = custom_type(type);

	if (r->n_fields == RECORD_FIELDS || sv_eq(type, SV("lookup")))
		return;
	*f = (struct record_field){
		.key = arena_printf(r->arena, "cf.%.*s", SV_ARG(key)),
		.label = arena_dup(r->arena, db_named(r->setup, stmt, row, "label")),
		.type = t->type,
		.flags = FIELD_SORT | FIELD_FILTER | FIELD_EDIT,
		.shown = custom_sql(r->arena, t->shown, key),
		.raw = custom_sql(r->arena,
				  t->type == FIELD_MONEY ? "t.custom_fields #>> '{%s,amount}'" :
				  t->type == FIELD_LIST  ? "t.custom_fields -> '%s'" :
							   "t.custom_fields ->> '%s'", key),
	};
	if (t->type == FIELD_CHOICE || t->type == FIELD_LIST)
		f->choices = custom_choices(r->arena, db_named(r->setup, stmt, row, "options"));
	r->fields[r->n_fields++] = f;
}

static void read_fields(struct records *r, int definitions)
{
	for (const struct record_field *f = r->kind->fields; f->key && r->n_fields < RECORD_FIELDS; f++)
		r->fields[r->n_fields++] = f;
	for (size_t i = 0; i < db_rows(r->setup, definitions); i++)
		add_custom_field(r, definitions, i);
}

/* ---- filters ------------------------------------------------------------------- */

static const struct record_op *op_of(const struct record_field *f, struct sv name)
{
	for (const struct record_op *op = records_ops; op->name; op++)
		if (op->types & (1u << f->type) && sv_eq(name, sv_from(op->name)))
			return op;
	return NULL;
}

static void decref(void *arg)
{
	json_decref(arg);
}

/* a,b\,c: the parts "a" and "b,c". */
static json_t *split(struct arena *a, struct sv value)
{
	json_t *list = json_array();
	buf_auto struct buf part = BUF_INIT;

	arena_cleanup(a, decref, list);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == ',') {
			json_array_append_new(list, json_stringn(buf_sv(&part).p, part.n));
			buf_clear(&part);
		} else {
			i += value.p[i] == '\\' && i + 1 < value.n;
			buf_addc(&part, value.p[i]);
		}
	}
	if (part.n)
		json_array_append_new(list, json_stringn(part.p, part.n));
	return list;
}

static enum status add_filter(struct records *r, const struct record_field *f, struct sv op_name,
			      struct sv value, struct err *e)
{
	const struct record_op *op = f && f->flags & FIELD_FILTER ? op_of(f, op_name) : NULL;

	if (!op || r->n_filters == RECORD_FILTERS)
		return err_set(e, r->arena, ST_BAD_INPUT,
			       "The address has a filter that this list does not know");
	/* One that is being chosen still. */
	if (op->values != OP_NONE && !value.n)
		return ST_OK;
	r->filters[r->n_filters++] = (struct record_filter){
		f, op, value,
		op->values == OP_MANY || op->values == OP_TWO ?
			split(r->arena, value) : json_pack("[s%]", value.p, value.n) };
	if (op->values != OP_MANY && op->values != OP_TWO)
		arena_cleanup(r->arena, decref, r->filters[r->n_filters - 1].values);
	return ST_OK;
}

static enum status read_filter(struct records *r, struct sv text, struct err *e)
{
	struct sv rest = text, key = sv_cut(&rest, ':'), op = sv_cut(&rest, ':');

	if (!text.n)
		return ST_OK;
	return add_filter(r, records_field(r, key), op, rest, e);
}

/* tags=vip, assignee_id=none: short forms, which links of other pages use. */
static enum status read_short(struct records *r, const struct record_field *f, struct sv value,
			      struct err *e)
{
	struct sv op = f->type == FIELD_TAGS || f->type == FIELD_LIST ? SV("all") :
		       f->type == FIELD_PHONES || f->type == FIELD_EMAILS ? SV("has") : SV("is");

	if (sv_eq(value, SV("none")))
		return add_filter(r, f, SV("empty"), SV_NONE, e);
	return value.n ? add_filter(r, f, op, value, e) : ST_OK;
}

/* ---- sort, columns, cursor ---------------------------------------------------------- */

static void read_sort(struct records *r, struct sv text)
{
	bool down = sv_starts(text, SV("-"));
	const struct record_field *f = records_field(r, sv_skip(text, down));

	if (f && f->flags & FIELD_SORT) {
		r->sort = f;
		r->descending = down;
	}
}

static void read_columns(struct records *r, struct sv list)
{
	struct sv rest = list;

	r->n_columns = 0;
	while (sv_present(rest) && r->n_columns < RECORD_COLUMNS) {
		const struct record_field *f = records_field(r, sv_cut(&rest, ','));

		if (f && !(f->flags & (FIELD_TITLE | FIELD_EXPORT_ONLY)))
			r->columns[r->n_columns++] = f;
	}
}

static void read_cursor(struct records *r, struct sv cursor, bool backwards)
{
	if (cursor.n < UUID_LEN + 1 || cursor.p[cursor.n - UUID_LEN - 1] != '|')
		return;
	r->edge_id = sv_skip(cursor, cursor.n - UUID_LEN);
	r->edge_key = cursor.p[0] == '=' ? sv_make(cursor.p + 1, cursor.n - UUID_LEN - 2) : SV_NONE;
	r->edge = uuid_valid(r->edge_id);
	r->backwards = backwards;
}

static bool is_state(struct sv name)
{
	return sv_eq(name, SV("f")) || sv_eq(name, SV("q")) || sv_eq(name, SV("sort")) ||
	       sv_eq(name, SV("cols"));
}

/* tags, and tag as links of other pages call it; assignee_id and assignee. */
static const struct record_field *short_field(const struct records *r, struct sv name)
{
	const struct record_field *f = records_field(r, name);

	if (!f)
		f = records_field(r, sv_from(arena_printf(r->arena, "%.*ss", SV_ARG(name))));
	if (!f)
		f = records_field(r, sv_from(arena_printf(r->arena, "%.*s_id", SV_ARG(name))));
	return f && f->flags & FIELD_FILTER ? f : NULL;
}

static enum status read_pair(struct records *r, const struct http_pair *p, struct err *e)
{
	const struct record_field *f;

	if (sv_eq(p->name, SV("f")))
		return read_filter(r, p->value, e);
	if (sv_eq(p->name, SV("q"))) {
		r->q = sv_trim(p->value);
	} else if (sv_eq(p->name, SV("sort"))) {
		read_sort(r, p->value);
	} else if (sv_eq(p->name, SV("cols"))) {
		read_columns(r, p->value);
		r->own_columns = p->value.n > 0;
	} else if (sv_eq(p->name, SV("after")) || sv_eq(p->name, SV("before"))) {
		read_cursor(r, p->value, p->name.p[0] == 'b');
	} else if (sv_eq(p->name, SV("page"))) {
		if (!sv_to_i64(p->value, &r->page) || r->page < 1)
			r->page = 1;
	} else if ((f = short_field(r, p->name))) {
		return read_short(r, f, p->value, e);
	}
	return ST_OK;
}

static enum status read_pairs(struct records *r, const struct http_pairs *given, struct err *e)
{
	for (size_t i = 0; i < given->n; i++)
		if (read_pair(r, &given->v[i], e))
			return e->status;
	if (!r->edge)
		r->page = 1;
	return ST_OK;
}

/* ---- views ------------------------------------------------------------------------------ */

static struct sv json_text(const json_t *o, const char *key)
{
	return sv_from(json_string_value(json_object_get(o, key)));
}

/* What a saved view holds; filters of fields that are gone are passed over. */
static void read_view_state(struct records *r, struct sv text)
{
	json_t *state = json_loadb(text.p, text.n, 0, NULL), *one;
	struct err ignored = { 0 };
	size_t i;

	if (!state)
		return;
	arena_cleanup(r->arena, decref, state);
	json_array_foreach(json_object_get(state, "f"), i, one)
		(void)!read_filter(r, sv_from(json_string_value(one)), &ignored);
	r->q = json_text(state, "q");
	read_sort(r, json_text(state, "sort"));
	if (json_text(state, "cols").n) {
		read_columns(r, json_text(state, "cols"));
		r->own_columns = true;
	}
	if (json_text(state, "view").n)
		r->table = sv_eq(json_text(state, "view"), SV("table"));
}

static bool has_state(const struct records *r, const struct http_pairs *given)
{
	for (size_t i = 0; i < given->n; i++)
		if (is_state(given->v[i].name) || short_field(r, given->v[i].name))
			return true;
	return false;
}

static void clear_state(struct records *r)
{
	r->q = SV_NONE;
	r->n_filters = 0;
	r->own_columns = false;
	read_sort(r, sv_from(r->kind->sort));
	read_columns(r, sv_from(r->kind->columns));
	struct sv own = db_first(r->setup, r->preferences, "columns");
	if (own.n)
		read_columns(r, own);
}

/* The row of the view that is asked for: by v, or the own default on a bare address. */
static bool find_view(struct records *r, const struct http_pairs *given, size_t *row)
{
	struct sv id = SV_NONE;

	for (size_t i = 0; i < given->n; i++)
		if (sv_eq(given->v[i].name, SV("v")))
			id = given->v[i].value;
	if (!sv_present(id) && !has_state(r, given))
		id = db_first(r->setup, r->preferences, "default_view_id");
	for (*row = 0; *row < db_rows(r->setup, r->views); ++*row)
		if (id.n && sv_eq(id, db_named(r->setup, r->views, *row, "id")))
			return true;
	return false;
}

static enum status read_state(struct records *r, const struct http_pairs *given, struct err *e)
{
	size_t row;
	struct sv saved = SV_NONE;
	bool found = find_view(r, given, &row), table = r->table;

	clear_state(r);
	if (found) {
		r->view_id = db_named(r->setup, r->views, row, "id");
		r->view_name = db_named(r->setup, r->views, row, "name");
		r->view_mine = sv_eq(db_named(r->setup, r->views, row, "mine"), SV("t"));
		r->view_shared = sv_eq(db_named(r->setup, r->views, row, "is_shared"), SV("t"));
		r->view_default = sv_eq(r->view_id, db_first(r->setup, r->preferences, "default_view_id"));
		read_view_state(r, db_named(r->setup, r->views, row, "state"));
		saved = records_state_json(r);
	}
	if (!found || has_state(r, given)) {
		r->table = table;
		clear_state(r);
	}
	if (read_pairs(r, given, e))
		return e->status;
	r->view_changed = found && !sv_eq(saved, records_state_json(r));
	return ST_OK;
}

enum status records_open(struct records *r, struct http_request *rq, const struct record_kind *kind,
			 const struct http_pairs *given, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool table = r->table || kind->only_table; /* the caller's: a cookie says it */
	int definitions;

	memset(r, 0, sizeof(*r));
	r->table = table;
	r->rq = rq;
	r->arena = rq->arena;
	r->kind = kind;
	r->setup = b;
	r->page = 1;
	db_add(b, "select auth.enter($1)", DB_C(kind->area));
	web_me(rq, b);
	definitions = db_add(b,
		"select d.key, d.label, d.type, d.options from custom_field_definitions d"
		" where d.entity = $1 and not d.is_hidden order by d.position, d.key", DB_C(kind->entity));
	r->views = db_add(b,
		"select v.id, v.name, v.is_shared, v.state, v.owner_id = auth.uid() as mine"
		" from saved_views v where v.kind = $1 order by v.position, lower(v.name), v.id limit 60",
		DB_C(kind->name));
	r->preferences = db_add(b,
		"select array_to_string(p.columns, ',') as columns, p.default_view_id from list_preferences p"
		" where p.user_id = auth.uid() and p.kind = $1", DB_C(kind->name));
	if (db_run(b, e))
		return e->status;
	read_fields(r, definitions);
	return read_state(r, given, e);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void add_condition(struct buf *out, const char *key, const char *op, const json_t *values)
{
	char *text = json_dumps(values, JSON_COMPACT);

	buf_lit(out, "{\"key\":");
	buf_json(out, sv_from(key));
	buf_addf(out, ",\"op\":\"%s\",\"v\":%s}", op, text ? text : "[]");
	free(text);
}

struct sv records_where(const struct records *r)
{
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < r->n_filters; i++) {
		if (i)
			buf_addc(&out, ',');
		add_condition(&out, r->filters[i].field->key, r->filters[i].op->name, r->filters[i].values);
	}
	if (r->q.n) {
		buf_add(&out, r->n_filters ? SV(",{\"key\":\"q\",\"v\":[") : SV("{\"key\":\"q\",\"v\":["));
		buf_json(&out, r->q);
		buf_lit(&out, "]}");
	}
	buf_addc(&out, ']');
	return arena_sv(r->arena, buf_sv(&out));
}

static void add_parameter(struct buf *out, const char *name, struct sv value)
{
	buf_addf(out, "%s%s=", out->n && out->p[out->n - 1] != '?' ? "&" : "", name);
	buf_url(out, value);
}

static struct sv filter_text(const struct records *r, const struct record_filter *f)
{
	return sv_from(arena_printf(r->arena, "%s:%s:%.*s", f->field->key, f->op->name, SV_ARG(f->value)));
}

static struct sv sort_text(const struct records *r, const struct record_field *f, bool down)
{
	return sv_from(arena_printf(r->arena, "%s%s", down ? "-" : "", f->key));
}

static struct sv columns_text(const struct records *r)
{
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < r->n_columns; i++)
		buf_addf(&out, "%s%s", i ? "," : "", r->columns[i]->key);
	return arena_sv(r->arena, buf_sv(&out));
}

struct sv records_link(const struct records *r, const struct records_link *c)
{
	buf_auto struct buf out = BUF_INIT;
	bool filters = false;

	if (!c->only_state)
		buf_addf(&out, "%s?", r->kind->path);
	if (r->view_id.n && !c->no_view)
		add_parameter(&out, "v", r->view_id);
	if (r->q.n && !c->no_filters)
		add_parameter(&out, "q", r->q);
	for (size_t i = 0; i < r->n_filters && !c->no_filters; i++) {
		if ((int)i + 1 == c->without)
			continue;
		add_parameter(&out, "f", filter_text(r, &r->filters[i]));
		filters = true;
	}
	if (!filters && r->view_id.n && !c->no_view)
		add_parameter(&out, "f", SV_NONE);
	add_parameter(&out, "sort", c->sort ? sort_text(r, c->sort, c->descending) :
					      sort_text(r, r->sort, r->descending));
	if (r->own_columns)
		add_parameter(&out, "cols", columns_text(r));
	if (c->view)
		add_parameter(&out, "view", sv_from(c->view));
	return arena_sv(r->arena, buf_sv(&out));
}

struct sv records_state_json(const struct records *r)
{
	buf_auto struct buf out = BUF_INIT;

	buf_lit(&out, "{\"q\":");
	buf_json(&out, r->q);
	buf_lit(&out, ",\"f\":[");
	for (size_t i = 0; i < r->n_filters; i++) {
		if (i)
			buf_addc(&out, ',');
		buf_json(&out, filter_text(r, &r->filters[i]));
	}
	buf_lit(&out, "],\"sort\":");
	buf_json(&out, sort_text(r, r->sort, r->descending));
	buf_lit(&out, ",\"cols\":");
	buf_json(&out, r->own_columns ? columns_text(r) : SV(""));
	buf_addf(&out, ",\"view\":\"%s\"}", r->table ? "table" : "grid");
	return arena_sv(r->arena, buf_sv(&out));
}
