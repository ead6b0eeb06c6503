/* What stands in the cells of a list: which SQL, and how it is shown. */
#include "fcgi/app/records_state.h"

#include "base/uuid.h"

#define ZONE "(select internal.my_zone())"

const char *field_look(enum field_type type)
{
	static const char *const looks[] = {
		[FIELD_TEXT] = "text", [FIELD_LONG] = "long", [FIELD_URL] = "url",
		[FIELD_NUMBER] = "number", [FIELD_MONEY] = "money", [FIELD_DATE] = "date",
		[FIELD_TIME] = "time", [FIELD_BOOL] = "bool", [FIELD_CHOICE] = "choice",
		[FIELD_LIST] = "list", [FIELD_TAGS] = "tags", [FIELD_PHONES] = "phones",
		[FIELD_EMAILS] = "emails", [FIELD_PERSON] = "person", [FIELD_LINK] = "link",
	};

	return looks[type];
}

/* The stored value. */
static void add_raw(struct query *q, const struct record_field *f)
{
	if (f->raw) {
		query_add(q, f->raw);
	} else {
		query_add(q, "t.");
		query_add(q, f->key);
	}
}

static void add_wrapped(struct query *q, const char *before, const struct record_field *f,
			const char *after)
{
	query_add(q, before);
	add_raw(q, f);
	query_add(q, after);
}

static void add_shown(struct query *q, const struct record_field *f)
{
	if (f->shown)
		query_add(q, f->shown);
	else if (f->type == FIELD_DATE)
		add_wrapped(q, "internal.shown_date(", f, ", " ZONE ")");
	else if (f->type == FIELD_TIME)
		add_wrapped(q, "internal.shown_time(", f, ", " ZONE ")");
	else
		add_raw(q, f);
}

void cell_columns(struct query *q, const struct record_field *f, size_t i)
{
	bool other = f->type == FIELD_LINK || f->type == FIELD_PERSON;

	query_add(q, ", ");
	if (other)
		add_wrapped(q, "case when ", f, " is not null then ");
	add_shown(q, f);
	query_add(q, arena_printf(q->arena, "%s as s%zu", other ? " end" : "", i));
	if (f->type != FIELD_LINK && f->type != FIELD_PERSON && f->type != FIELD_CHOICE)
		return;
	query_add(q, ", ");
	add_raw(q, f);
	query_add(q, arena_printf(q->arena, " as r%zu", i));
}

void cell_export_columns(struct query *q, const struct record_field *f, size_t i)
{
	query_add(q, i ? ", " : "");
	switch (f->type) {
	case FIELD_TAGS:
	case FIELD_PHONES:
	case FIELD_EMAILS:
		add_wrapped(q, "array_to_string(", f, ", ', ')");
		break;
	case FIELD_LIST:
		add_wrapped(q, "(select string_agg(x, ', ') from jsonb_array_elements_text(nullif(", f,
			    ", 'null')) x)");
		break;
	case FIELD_TIME:
		add_wrapped(q, "to_char(", f, " at time zone " ZONE ", 'YYYY-MM-DD HH24:MI:SS')");
		break;
	case FIELD_DATE:
		add_wrapped(q, "(", f, ")::text");
		break;
	case FIELD_BOOL:
		add_wrapped(q, "case (", f, ")::text when 'true' then 'yes' when 'false' then 'no' end");
		break;
	case FIELD_LINK:
	case FIELD_PERSON:
		add_wrapped(q, "case when ", f, " is not null then ");
		add_shown(q, f);
		query_add(q, " end");
		break;
	default:
		if (f->flags & FIELD_TITLE && f->shown)
			add_shown(q, f);
		else
			add_raw(q, f);
	}
	query_add(q, arena_printf(q->arena, " as s%zu", i));
}

/* ---- showing ------------------------------------------------------------------ */

static struct sv initials(struct arena *a, struct sv name)
{
	buf_auto struct buf out = BUF_INIT;
	struct sv rest = sv_trim(name);

	for (int words = 0; sv_present(rest) && words < 2; words++) {
		struct sv word = sv_cut(&rest, ' ');
		size_t n = 1;

		while (n < word.n && (word.p[n] & 0xc0) == 0x80)
			n++;
		if (word.n)
			buf_add(&out, sv_make(word.p, n));
	}
	return arena_sv(a, buf_sv(&out));
}

static void decref(void *arg)
{
	json_decref(arg);
}

static json_t *as_json(const struct db_batch *b, int stmt, size_t row, size_t col)
{
	buf_auto struct buf text = BUF_INIT;
	json_t *json;

	db_json_value(&text, b, stmt, row, col);
	json = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
	if (json)
		arena_cleanup(db_arena(b), decref, json);
	return json;
}

#define LISTED 4

static void show_list(struct tmpl_value *cell, const struct db_batch *b, int stmt, size_t row,
		      size_t col)
{
	json_t *json = as_json(b, stmt, row, col);
	struct tmpl_value *list;
	size_t n = json_array_size(json);

	if (!n)
		return;
	list = tmpl_set_list(cell, "items");
	for (size_t i = 0; i < n && i < LISTED; i++)
		tmpl_push(list, tmpl_text(db_arena(b),
			  sv_from(json_string_value(json_array_get(json, i)))));
	tmpl_set_text(cell, "first", sv_from(json_string_value(json_array_get(json, 0))));
	if (n > LISTED)
		tmpl_set_int(cell, "more", (int64_t)(n - LISTED));
	if (n > 1)
		tmpl_set_int(cell, "others", (int64_t)n - 1);
}

static void show_choice(struct tmpl_value *cell, const struct record_field *f, struct sv shown,
			struct sv raw)
{
	const struct record_choice *c = f->choices;

	while (c && c->value && !sv_eq(raw, sv_from(c->value)))
		c++;
	if (c && c->value) {
		tmpl_set_text(cell, "text", sv_from(tr(c->label)));
		tmpl_set_text(cell, "look", c->look ? sv_from(c->look) : SV_NONE);
	} else {
		tmpl_set_text(cell, "text", shown);
	}
}

static void show_web(struct tmpl_value *cell, struct arena *a, struct sv text)
{
	bool http = sv_starts(text, SV("http://")), https = sv_starts(text, SV("https://"));

	tmpl_set_text(cell, "text", sv_skip(text, http ? 7 : https ? 8 : 0));
	if (http || https)
		tmpl_set_text(cell, "href", text);
	else if (text.n && sv_chr(text, '.') > 0 && sv_chr(text, ':') < 0)
		tmpl_set_text(cell, "href", sv_from(arena_printf(a, "https://%.*s", SV_ARG(text))));
}

void cell_show(struct tmpl_value *cell, const struct record_field *f, size_t i,
	       const struct db_batch *b, int stmt, size_t row)
{
	struct arena *a = db_arena(b);
	struct sv shown = db_named(b, stmt, row, arena_printf(a, "s%zu", i));
	struct sv raw = db_named(b, stmt, row, arena_printf(a, "r%zu", i));
	size_t col = db_col(b, stmt, sv_from(arena_printf(a, "s%zu", i)));

	tmpl_set_text(cell, "key", sv_from(f->key));
	tmpl_set_text(cell, "type", sv_from(field_look(f->type)));
	tmpl_set_bool(cell, "edit", f->flags & FIELD_EDIT);
	tmpl_set_bool(cell, "num", f->type == FIELD_NUMBER || f->type == FIELD_MONEY);
	tmpl_set_bool(cell, arena_printf(a, "is_%s", field_look(f->type)), true);
	tmpl_set_bool(cell, "blank", !shown.n || sv_eq(shown, SV("{}")));
	if (!shown.n)
		return;
	switch (f->type) {
	case FIELD_TAGS:
	case FIELD_LIST:
	case FIELD_PHONES:
	case FIELD_EMAILS:
		show_list(cell, b, stmt, row, col);
		break;
	case FIELD_BOOL:
		tmpl_set_bool(cell, "yes", sv_eq(shown, SV("t")) || sv_eq(shown, SV("true")));
		break;
	case FIELD_CHOICE:
		show_choice(cell, f, shown, raw);
		break;
	case FIELD_URL:
		show_web(cell, a, shown);
		break;
	case FIELD_PERSON:
		tmpl_set_text(cell, "initials", initials(a, shown));
		tmpl_set_text(cell, "text", shown);
		break;
	case FIELD_LINK:
		tmpl_set_text(cell, "text", shown);
		if (f->to && raw.n)
			tmpl_set_text(cell, "href", sv_from(arena_printf(a, "%s/%.*s", f->to, SV_ARG(raw))));
		break;
	default:
		tmpl_set_text(cell, "text", shown);
	}
}

/* ---- choices ---------------------------------------------------------------------- */

#define TEAM                                                                                    \
	"select p.id as value, internal.person(p.first_name, p.last_name, p.email) as label,"  \
	" p.id = auth.uid() as is_me from profiles p where p.is_active order by p.id = auth.uid()" \
	" desc, lower(p.first_name), p.id limit 500"

int choices_add(const struct records *r, struct db_batch *b, const struct record_field *f)
{
	struct query q;

	if (f->type == FIELD_PERSON)
		return db_add(b, TEAM);
	if (f->options)
		return db_add(b, f->options);
	if (f->type != FIELD_TAGS)
		return -1;
	query_init(&q, r->arena);
	query_add(&q, "select x.tag as value, x.tag as label from (select distinct unnest(r.tags) as tag"
		  " from (select c.tags from ");
	query_add(&q, r->kind->table);
	query_add(&q, " c order by c.created_at desc limit 2000) r) x order by lower(x.tag) limit 300");
	return query_run(&q, b);
}

static bool is_chosen(const json_t *chosen, struct sv value)
{
	json_t *one;
	size_t i;

	json_array_foreach(chosen, i, one)
		if (sv_eq(value, sv_from(json_string_value(one))))
			return true;
	return false;
}

static void push_choice(struct tmpl_value *list, struct sv value, struct sv label, bool selected)
{
	struct tmpl_value *one = tmpl_push_map(list);

	tmpl_set_text(one, "value", value);
	tmpl_set_text(one, "label", label);
	tmpl_set_bool(one, "selected", selected);
}

void choices_show(struct tmpl_value *map, const struct record_field *f, const struct db_batch *b,
		  int stmt, const json_t *chosen)
{
	struct tmpl_value *list = tmpl_set_list(map, "choices");

	for (const struct record_choice *c = f->choices; c && c->value; c++)
		push_choice(list, sv_from(c->value), sv_from(tr(c->label)),
			    is_chosen(chosen, sv_from(c->value)));
	for (size_t i = 0; stmt >= 0 && i < db_rows(b, stmt); i++) {
		struct sv value = db_named(b, stmt, i, "value");

		push_choice(list, value, db_named(b, stmt, i, "label"), is_chosen(chosen, value));
	}
	tmpl_set_bool(map, "has_choices", f->choices || (stmt >= 0 && db_rows(b, stmt)));
}
