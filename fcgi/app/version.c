/* Two who change the same record: the version that a form carries, and the
 * page that lets the later one choose (sql/151_versions.sql). */
#include "fcgi/app/crm.h"

static const struct {
	const char *column, *label;
} labels[] = {
#define EVENT(type, icon, words)
#define FIELD(column, label) { column, label },
#include "fcgi/app/timeline.def"
#undef EVENT
#undef FIELD
};

/* "custom_fields.shoe_size" and what has no label read as "Shoe size". */
static struct sv label_of(struct arena *a, struct sv column)
{
	static const struct sv custom = { "custom_fields.", 14 };
	char *out;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (sv_eq(column, sv_from(labels[i].column)))
			return sv_from(tr(labels[i].label));
	out = arena_dup(a, sv_starts(column, custom) ? sv_skip(column, custom.n) : column);
	for (char *p = out; *p; p++)
		if (*p == '_')
			*p = ' ';
	if (*out >= 'a' && *out <= 'z')
		*out ^= 0x20;
	return sv_from(out);
}

void version_hold(struct db_batch *b, const char *kind, struct sv id, struct sv version,
		  struct sv keep)
{
	db_add(b,
	       "select internal.hold_version($1, $2::uuid, $3::timestamptz,"
	       " array(select jsonb_array_elements_text($4::jsonb)))",
	       DB_C(kind), DB_S(id), DB_S(version), DB_S(keep.n ? keep : SV("[]")));
}

void version_hold_field(struct db_batch *b, const char *kind, struct sv id, struct sv version,
			struct sv field)
{
	db_add(b, "select internal.hold_version($1, $2::uuid, $3::timestamptz, '{}', array[$4])", DB_C(kind),
	       DB_S(id), DB_S(version), DB_S(field));
}

struct sv version_kept(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++)
		if (sv_starts(all->v[i].name, SV("keep.")) && sv_eq(all->v[i].value, SV("theirs"))) {
			buf_addc(&json, json.n ? ',' : '[');
			buf_json(&json, sv_skip(all->v[i].name, 5));
		}
	buf_addc(&json, json.n ? ']' : ' ');
	return arena_sv(f->rq->arena, json.n > 1 ? buf_sv(&json) : SV("[]"));
}

/* {"emails":"a@x.org, b@x.org", ...}: all that was sent; an input of a list
 * that is not there at all was emptied. */
static struct sv typed(struct http_request *rq)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf json = BUF_INIT;
	buf_auto struct buf value = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = !sv_eq(all->v[k].name, all->v[i].name);
		if (!first)
			continue;
		buf_clear(&value);
		for (size_t k = i; k < all->n; k++)
			if (sv_eq(all->v[k].name, all->v[i].name) && all->v[k].value.n) {
				if (value.n)
					buf_lit(&value, ", ");
				buf_add(&value, all->v[k].value);
			}
		buf_addc(&json, json.n ? ',' : '{');
		buf_json(&json, all->v[i].name);
		buf_addc(&json, ':');
		buf_json(&json, buf_sv(&value));
	}
	buf_addc(&json, json.n ? '}' : '{');
	if (json.n == 1)
		buf_addc(&json, '}');
	return arena_sv(rq->arena, buf_sv(&json));
}

enum status version_clash(struct form *f, const char *kind, struct sv id, struct err *e)
{
	struct http_request *rq = f->rq;
	struct db_batch *b = web_batch(rq);
	/* Before what changed: nothing may change between the two unseen. */
	int version = db_add(b, "select internal.record_version($1, $2::uuid) as v", DB_C(kind), DB_S(id));
	int rows = db_add(b,
			  "select * from internal.version_clash($1, $2::uuid, $3::timestamptz, $4::jsonb)",
			  DB_C(kind), DB_S(id), DB_S(http_form(rq, "version")), DB_S(typed(rq)));
	struct tmpl_value *list;

	if (db_run(b, e))
		return e->status;
	f->clash = tmpl_map(rq->arena);
	list = tmpl_set_list(f->clash, "rows");
	for (size_t i = 0; i < db_rows(b, rows); i++) {
		struct tmpl_value *row = tmpl_push_map(list);

		web_set_row(row, "change", b, rows, i);
		tmpl_set_text(row, "label", label_of(rq->arena, db_get(b, rows, i, 0)));
	}
	tmpl_set_text(f->values, "version", db_first(b, version, "v"));
	return ST_OK;
}
