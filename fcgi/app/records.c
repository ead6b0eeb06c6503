/* The page of a list: one statement for its rows, and what stands around them. */
#include "fcgi/app/records_state.h"

#include "fcgi/app/routes.h"

#include <string.h>

/* ---- the rows -------------------------------------------------------------- */

static const struct record_field *title_field(const struct record_kind *kind)
{
	const struct record_field *f = kind->fields;

	while (f->key && !(f->flags & FIELD_TITLE))
		f++;
	return f;
}

static void add_edge(const struct records *r, struct buf *ask)
{
	if (!r->edge)
		return;
	buf_addf(ask, ",\"%s\":{\"null\":%s,\"k\":", r->backwards ? "before" : "after",
		 sv_present(r->edge_key) ? "false" : "true");
	buf_json(ask, sv_present(r->edge_key) ? r->edge_key : SV(""));
	buf_lit(ask, ",\"id\":");
	buf_json(ask, r->edge_id);
	buf_addc(ask, '}');
}

/* What internal.records_page is asked. */
static struct sv ask(const struct records *r, int64_t most)
{
	buf_auto struct buf out = BUF_INIT;
	struct sv where = records_where(r);

	buf_addf(&out, "{\"kind\":\"%s\",\"where\":%.*s,\"sort\":\"%s\",\"desc\":%s,\"most\":%lld",
		 r->kind->name, SV_ARG(where), r->sort->key, r->descending ? "true" : "false",
		 (long long)most);
	add_edge(r, &out);
	buf_addc(&out, '}');
	return arena_sv(r->arena, buf_sv(&out));
}

static int add_rows(const struct records *r, struct db_batch *b)
{
	struct query q;

	query_init(&q, r->arena);
	query_add(&q, "select p.id, p.k, p.total, p.many, p.more, t.updated_at::text as version");
	cell_columns(&q, title_field(r->kind), RECORD_COLUMNS);
	for (size_t i = 0; r->table && i < r->n_columns; i++)
		cell_columns(&q, r->columns[i], i);
	query_add(&q, r->kind->card_sql);
	query_with(&q, " from internal.records_page(", DB_S(ask(r, LIST_ROWS)));
	query_add(&q, "::jsonb) p join ");
	query_add(&q, r->kind->table);
	query_add(&q, " t on t.organization_id = (select auth.org()) and t.id = p.id ");
	query_add(&q, r->kind->joins);
	query_add(&q, " order by p.n");
	return query_run(&q, b);
}

static void show_rows(const struct records *r, struct tmpl_value *page, const struct db_batch *b,
		      int rows)
{
	struct tmpl_value *list = tmpl_set_list(page, "rows");

	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *row = tmpl_push_map(list);
		struct sv id = db_named(b, rows, i, "id");

		web_set_row(row, "card", b, rows, i);
		tmpl_set_text(row, "id", id);
		cell_show(tmpl_set_map(row, "title"), title_field(r->kind), RECORD_COLUMNS, b, rows, i);
		struct tmpl_value *cells = tmpl_set_list(row, "cells");
		for (size_t c = 0; r->table && c < r->n_columns; c++) {
			struct tmpl_value *cell = tmpl_push_map(cells);

			tmpl_set_text(cell, "label", sv_from(tr(r->columns[c]->label)));
			cell_show(cell, r->columns[c], c, b, rows, i);
		}
	}
}

/* ---- numbers and links --------------------------------------------------------- */

static struct sv cursor_link(const struct records *r, const char *way, const struct db_batch *b,
			     int rows, size_t row, int64_t page)
{
	struct sv base = records_link(r, &(struct records_link){ 0 });
	struct sv key = db_named(b, rows, row, "k"), id = db_named(b, rows, row, "id");
	buf_auto struct buf out = BUF_INIT;

	buf_addf(&out, "%.*s&%s=", SV_ARG(base), way);
	if (sv_present(key))
		buf_lit(&out, "%3D");
	buf_url(&out, key);
	buf_lit(&out, "%7C");
	buf_url(&out, id);
	buf_addf(&out, "&page=%lld", (long long)page);
	return arena_sv(r->arena, buf_sv(&out));
}

static struct sv total_text(struct arena *a, int64_t total, bool many)
{
	if (total > LIST_COUNTED)
		return SV("10,000+");
	if (many)
		return SV("2,000+");
	if (total < 1000)
		return sv_from(arena_printf(a, "%lld", (long long)total));
	return sv_from(arena_printf(a, "%lld,%03lld", (long long)total / 1000, (long long)total % 1000));
}

static void show_numbers(const struct records *r, struct tmpl_value *list, const struct db_batch *b,
			 int rows)
{
	size_t n = db_rows(b, rows);
	int64_t total = 0, from = (r->page - 1) * LIST_ROWS + 1;
	bool more = sv_eq(db_first(b, rows, "more"), SV("t"));

	sv_to_i64(db_first(b, rows, "total"), &total);
	tmpl_set_bool(list, "empty", n == 0);
	tmpl_set_text(list, "total", total_text(r->arena, total, sv_eq(db_first(b, rows, "many"), SV("t"))));
	tmpl_set_bool(list, "beyond", total > (int64_t)n);
	tmpl_set_int(list, "from", from);
	tmpl_set_int(list, "to", from + (int64_t)n - 1);
	if (n && (r->backwards ? more : r->edge))
		tmpl_set_text(list, "previous", cursor_link(r, "before", b, rows, 0, r->page - 1));
	if (n && (r->backwards || more))
		tmpl_set_text(list, "next", cursor_link(r, "after", b, rows, n - 1, r->page + 1));
}

static void show_head(const struct records *r, struct tmpl_value *column, const struct record_field *f)
{
	bool sorted = r->sort == f;

	tmpl_set_text(column, "key", sv_from(f->key));
	tmpl_set_text(column, "label", sv_from(tr(f->label)));
	tmpl_set_bool(column, "num", f->type == FIELD_NUMBER || f->type == FIELD_MONEY);
	if (!(f->flags & FIELD_SORT))
		return;
	/* The first click: A to Z, but the latest and the largest first. */
	bool first_down = f->type == FIELD_TIME || f->type == FIELD_MONEY || f->type == FIELD_NUMBER;
	tmpl_set_text(column, "sort_link",
		      records_link(r, &(struct records_link){
			      .sort = f, .descending = sorted ? !r->descending : first_down }));
	if (sorted)
		tmpl_set_text(column, "aria", r->descending ? SV("descending") : SV("ascending"));
	tmpl_set_bool(column, "up", sorted && !r->descending);
	tmpl_set_bool(column, "down", sorted && r->descending);
}

static void show_heads(const struct records *r, struct tmpl_value *list)
{
	struct tmpl_value *columns = tmpl_set_list(list, "columns");

	show_head(r, tmpl_set_map(list, "title"), title_field(r->kind));
	for (size_t i = 0; i < r->n_columns; i++)
		show_head(r, tmpl_push_map(columns), r->columns[i]);
}

static void push_sort(const struct records *r, struct tmpl_value *sorts, const struct record_field *f,
		      bool down)
{
	struct tmpl_value *one = tmpl_push_map(sorts);
	bool time = f->type == FIELD_TIME || f->type == FIELD_DATE;
	bool number = f->type == FIELD_NUMBER || f->type == FIELD_MONEY;

	tmpl_set_text(one, "value", sv_from(arena_printf(r->arena, "%s%s", down ? "-" : "", f->key)));
	tmpl_set_text(one, "label", sv_from(tr(f->label)));
	tmpl_set_text(one, "way", sv_from(tr(time ? (down ? N_("newest first") : N_("oldest first")) :
					     number ? (down ? N_("largest first") : N_("smallest first")) :
						      (down ? N_("Z to A") : N_("A to Z")))));
	tmpl_set_bool(one, "selected", r->sort == f && r->descending == down);
}

static void show_sorts(const struct records *r, struct tmpl_value *list)
{
	struct tmpl_value *sorts = tmpl_set_list(list, "sorts");

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct record_field *f = r->fields[i];
		bool late = f->type == FIELD_TIME;

		if (!(f->flags & FIELD_SORT))
			continue;
		push_sort(r, sorts, f, late);
		push_sort(r, sorts, f, !late);
	}
}

/* ---- chips and views ------------------------------------------------------------ */

#define NAMES 8 /* values of a chip that are named */

struct chips {
	int names[RECORD_FILTERS]; /* statements that name uuids, or -1 */
};

static const char *entity_of(const struct record_field *f)
{
	const struct record_kind *k;

	if (f->type == FIELD_PERSON)
		return "user";
	k = f->to ? record_kind_named(sv_from(f->to + 1)) : NULL;
	return k ? k->entity : NULL;
}

static void add_names(const struct records *r, struct db_batch *b, struct chips *c)
{
	for (size_t i = 0; i < r->n_filters; i++) {
		const struct record_filter *f = &r->filters[i];
		const char *entity = entity_of(f->field);
		char *ids = json_dumps(f->values, JSON_COMPACT);

		c->names[i] = -1;
		if (entity)
			c->names[i] = db_add(b,
				"select x.v, internal.entity_label(auth.org(), $1, x.v::uuid) as name"
				" from jsonb_array_elements_text($2::jsonb) x (v)"
				" where x.v ~ '^[0-9a-f-]{36}$' limit 8", DB_C(entity), DB_C(ids));
		free(ids);
	}
}

static struct sv choice_label(const struct record_field *f, struct sv value)
{
	for (const struct record_choice *c = f->choices; c && c->value; c++)
		if (sv_eq(value, sv_from(c->value)))
			return sv_from(tr(c->label));
	return value;
}

static struct sv value_label(const struct record_filter *f, const struct db_batch *b, int names,
			     struct sv value)
{
	if (f->field->type == FIELD_PERSON && sv_eq(value, SV("me")))
		return sv_from(tr(N_("me")));
	if (f->field->type == FIELD_BOOL)
		return sv_from(tr(sv_eq(value, SV("true")) ? N_("yes") : N_("no")));
	for (size_t i = 0; names >= 0 && i < db_rows(b, names); i++)
		if (sv_eq(db_named(b, names, i, "v"), value))
			return db_named(b, names, i, "name");
	return choice_label(f->field, value);
}

static struct sv chip_value(const struct records *r, const struct record_filter *f,
			    const struct db_batch *b, int names)
{
	buf_auto struct buf out = BUF_INIT;
	json_t *one;
	size_t i;

	json_array_foreach(f->values, i, one) {
		struct sv value = sv_from(json_string_value(one));

		if (f->op->values == OP_NONE)
			break;
		if (i)
			buf_add(&out, f->op->values == OP_TWO ? SV(" – ") : SV(", "));
		buf_add(&out, value_label(f, b, names, value));
	}
	return arena_sv(r->arena, buf_sv(&out));
}

static void show_chips(const struct records *r, struct tmpl_value *list, const struct db_batch *b,
		       const struct chips *c)
{
	struct tmpl_value *chips = tmpl_set_list(list, "chips");

	for (size_t i = 0; i < r->n_filters; i++) {
		const struct record_filter *f = &r->filters[i];
		struct tmpl_value *chip = tmpl_push_map(chips);

		tmpl_set_text(chip, "label", sv_from(tr(f->field->label)));
		tmpl_set_text(chip, "op", sv_from(tr(f->op->label)));
		tmpl_set_text(chip, "value", chip_value(r, f, b, c->names[i]));
		tmpl_set_text(chip, "text", sv_from(arena_printf(r->arena, "%s:%s:%.*s", f->field->key,
								 f->op->name, SV_ARG(f->value))));
		tmpl_set_text(chip, "remove", records_link(r, &(struct records_link){ .without = (int)i + 1 }));
	}
	tmpl_set_bool(list, "has_chips", r->n_filters);
	tmpl_set_bool(list, "filtered", r->n_filters || r->q.n);
	tmpl_set_text(list, "clear", records_link(r, &(struct records_link){ .no_filters = true }));
}

static void show_views(const struct records *r, struct tmpl_value *page)
{
	struct tmpl_value *list = tmpl_set_list(page, "views"), *view = tmpl_set_map(page, "view");

	for (size_t i = 0; i < db_rows(r->setup, r->views); i++) {
		struct tmpl_value *one = tmpl_push_map(list);
		struct sv id = db_named(r->setup, r->views, i, "id");

		tmpl_set_text(one, "id", id);
		tmpl_set_text(one, "name", db_named(r->setup, r->views, i, "name"));
		tmpl_set_bool(one, "shared", sv_eq(db_named(r->setup, r->views, i, "is_shared"), SV("t")));
		tmpl_set_bool(one, "current", sv_eq(id, r->view_id));
	}
	tmpl_set_text(view, "id", r->view_id);
	tmpl_set_text(view, "name", r->view_name);
	tmpl_set_bool(view, "changed", r->view_changed);
	tmpl_set_bool(view, "mine", r->view_mine);
	tmpl_set_bool(view, "shared", r->view_shared);
	tmpl_set_bool(view, "is_default", r->view_default);
	tmpl_set_text(view, "state", records_state_json(r));
}

static void show_kind(const struct record_kind *k, struct tmpl_value *page)
{
	struct tmpl_value *kind = tmpl_set_map(page, "kind");
	const struct {
		const char *key, *text;
	} words[] = {
		{ "title", k->title }, { "one", k->one }, { "new_label", k->new_label },
		{ "hint", k->hint }, { "empty_title", k->empty_title }, { "empty_text", k->empty_text },
		{ "none_title", k->none_title }, { "none_text", k->none_text },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		tmpl_set_text(kind, words[i].key, words[i].text ? sv_from(tr(words[i].text)) : SV_NONE);
	tmpl_set_text(kind, "name", sv_from(k->name));
	tmpl_set_text(kind, "path", sv_from(k->path));
	tmpl_set_text(kind, "icon", sv_from(k->icon));
	tmpl_set_text(kind, "card", sv_from(k->card));
	tmpl_set_text(kind, "views", sv_from(k->views));
	tmpl_set_text(kind, "merge", sv_from(k->merge));
	tmpl_set_bool(kind, "owner", k->owner);
	tmpl_set_bool(kind, "consent", k->consent);
	tmpl_set_text(kind, "imports", sv_from(k->imports));
	tmpl_set_text(kind, "duplicates", sv_from(k->duplicates));
	for (const struct record_field *f = k->fields; f->key; f++)
		if (f->type == FIELD_TAGS)
			tmpl_set_bool(kind, "tags", true);

}

/* What the filter menu offers. */
static void show_fields(const struct records *r, struct tmpl_value *list)
{
	struct tmpl_value *fields = tmpl_set_list(list, "filters");

	for (size_t i = 0; i < r->n_fields; i++) {
		struct tmpl_value *one;

		if (!(r->fields[i]->flags & FIELD_FILTER))
			continue;
		one = tmpl_push_map(fields);
		tmpl_set_text(one, "key", sv_from(r->fields[i]->key));
		tmpl_set_text(one, "label", sv_from(tr(r->fields[i]->label)));
	}
}

static void show_list(const struct records *r, struct tmpl_value *page, const struct db_batch *b,
		      int rows, const struct chips *chips)
{
	struct tmpl_value *list = tmpl_set_map(page, "list");

	show_numbers(r, list, b, rows);
	show_heads(r, list);
	show_sorts(r, list);
	show_fields(r, list);
	show_chips(r, list, b, chips);
	tmpl_set_text(list, "q", r->q);
	tmpl_set_text(list, "sort", sv_from(arena_printf(r->arena, "%s%s", r->descending ? "-" : "",
							 r->sort->key)));
	if (r->own_columns) {
		buf_auto struct buf cols = BUF_INIT;

		for (size_t i = 0; i < r->n_columns; i++)
			buf_addf(&cols, "%s%s", i ? "," : "", r->columns[i]->key);
		tmpl_set_text(list, "cols", arena_sv(r->arena, buf_sv(&cols)));
	}
	tmpl_set_text(list, "state", records_link(r, &(struct records_link){ .only_state = true, .no_view = true }));
	tmpl_set_text(list, "as_grid", records_link(r, &(struct records_link){ .view = "grid" }));
	tmpl_set_text(list, "as_table", records_link(r, &(struct records_link){ .view = "table" }));
}

enum status records_page(struct http_request *rq, struct http_response *rs,
			 const struct record_kind *kind, struct err *e)
{
	struct records r = { 0 };
	struct db_batch *b;
	struct chips chips;
	struct tmpl_value *page;
	int rows;

	r.table = wants_table(rq, rs, arena_printf(rq->arena, "kontor_%s", kind->name));
	if (records_open(&r, rq, kind, http_query_all(rq), e))
		return e->status;
	b = web_batch(rq);
	rows = add_rows(&r, b);
	add_names(&r, b, &chips);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, r.setup);
	show_kind(kind, page);
	show_list(&r, page, b, rows, &chips);
	show_rows(&r, page, b, rows);
	show_views(&r, page);
	tmpl_set_bool(page, "table", r.table);
	tmpl_set_bool(page, "fragment", wants_fragment(rq));
	return web_render(rq, rs, wants_fragment(rq) ? "app/records_list" : "app/records", page, e);
}
