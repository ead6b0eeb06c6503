#include "rest/media.h"

#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 32

/* One of the types in Accept: "text/csv; q=0.5; charset=utf-8". */
struct wish {
	struct sv type; /* lower case, without parameters */
	struct sv parameters;
	double weight;
	int place;
};

static struct sv lower(struct arena *a, struct sv s)
{
	char *p = arena_dup(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	return sv_make(p, s.n);
}

/* The value of a parameter, without its quotes; or SV_NONE. */
static struct sv parameter(struct arena *a, struct sv list, const char *name)
{
	while (sv_present(list)) {
		struct sv value = sv_trim(sv_cut(&list, ';'));
		struct sv key = sv_trim(sv_cut(&value, '='));

		if (!sv_ieq(key, sv_from(name)) || !sv_present(value))
			continue;
		value = sv_trim(value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = sv_make(value.p + 1, value.n - 2);
		return arena_sv(a, value);
	}
	return SV_NONE;
}

static struct wish read_wish(struct arena *a, struct sv text, int place)
{
	struct wish w = { .weight = 1, .place = place };
	struct sv q;

	w.type = lower(a, sv_trim(sv_cut(&text, ';')));
	w.parameters = text;
	q = parameter(a, text, "q");
	if (q.n)
		w.weight = strtod(q.p, NULL);
	return w;
}

/* The heavier first, and of equals the one that was named first. */
static int compare(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->place - y->place;
}

static size_t read_wishes(const struct tree *t, struct wish *out)
{
	struct sv rest = t->in->accept;
	size_t n = 0;

	while (sv_present(rest) && n < TYPES_MAX) {
		struct sv one = sv_trim(sv_cut(&rest, ','));

		if (one.n)
			out[n] = read_wish(t->arena, one, (int)n), n++;
	}
	if (!n)
		out[n++] = (struct wish){ .type = SV("*/*") };
	qsort(out, n, sizeof(*out), compare);
	return n;
}

/* ---- what is there ----------------------------------------------------------------- */

#define JSON_TYPE "application/json; charset=utf-8"
#define OBJECT_TYPE "application/vnd.pgrst.object+json"
#define ARRAY_TYPE "application/vnd.pgrst.array+json"

static bool stripped(struct tree *t, const struct wish *w)
{
	return sv_eq(parameter(t->arena, w->parameters, "nulls"), SV("stripped"));
}

static void as_json(struct tree *t)
{
	t->media = (struct rest_media){ .form = REST_JSON, .type = SV(JSON_TYPE) };
}

static bool vendored(struct tree *t, const struct wish *w)
{
	bool strip = stripped(t, w);

	if (sv_eq(w->type, SV(OBJECT_TYPE)) || sv_eq(w->type, SV("application/vnd.pgrst.object"))) {
		t->shape = REST_OBJECT;
		t->media = (struct rest_media){ .form = REST_JSON, .strip = strip };
		t->media.type = strip ? SV(OBJECT_TYPE ";nulls=stripped; charset=utf-8")
				      : SV(OBJECT_TYPE "; charset=utf-8");
		return true;
	}
	if (!sv_eq(w->type, SV(ARRAY_TYPE)) && !sv_eq(w->type, SV("application/vnd.pgrst.array")))
		return false;
	as_json(t);
	if (strip)
		t->media = (struct rest_media){ .form = REST_JSON,
						.strip = true,
						.type = SV(ARRAY_TYPE
							   ";nulls=stripped; charset=utf-8") };
	return true;
}

/* All columns, in their order: what an aggregate over rows can take. */
static bool whole_rows(const struct tree *t)
{
	const struct item *i = t->root->items;

	return !i || (i->star && !i->next);
}

static bool of_target(const struct tree *t, const struct rest_handler *h)
{
	if (t->function)
		return h->function && sv_eq(h->target, t->function->name) &&
		       sv_eq(h->target_schema, t->function->schema);
	return !h->function && t->root->table && sv_eq(h->target, t->root->table->name) &&
	       sv_eq(h->target_schema, t->root->table->schema);
}

/* The rows of a function of tables are a table's too. */
static bool of_result(const struct tree *t, const struct rest_handler *h)
{
	return t->function && t->function->result && !h->function &&
	       sv_eq(h->target, t->function->result->name) &&
	       sv_eq(h->target_schema, t->function->result->schema);
}

typedef bool fits_fn(const struct tree *t, const struct rest_handler *h);

static const struct rest_handler *find(const struct tree *t, struct sv media, fits_fn *fits)
{
	for (size_t i = 0; i < t->schema->nhandlers; i++) {
		const struct rest_handler *h = &t->schema->handlers[i];

		if (sv_eq(h->media, media) && fits(t, h))
			return h;
	}
	return NULL;
}

static bool of_anything(const struct tree *t, const struct rest_handler *h)
{
	(void)t;
	return h->anything;
}

/* Known types have their charset named. */
static struct sv content_type(const struct tree *t, const struct rest_handler *h)
{
	static const char *const texts[] = { "application/json", "application/geo+json", "text/csv",
					     "text/plain", "text/xml", "application/openapi+json" };
	struct sv type = h->resolved;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (sv_eq(type, sv_from(texts[i])))
			return sv_from(arena_printf(t->arena, "%s; charset=utf-8", texts[i]));
	return type;
}

static bool handled(struct tree *t, struct sv type)
{
	const struct rest_handler *h = NULL;

	if (whole_rows(t)) {
		h = find(t, SV("*/*"), of_target);
		if (!h)
			h = find(t, type, of_target);
		if (!h)
			h = find(t, type, of_result);
	}
	if (!h)
		h = find(t, type, of_anything);
	if (!h)
		return false;
	t->media = (struct rest_media){ .form = REST_RAW, .handler = h };
	t->media.type = content_type(t, h);
	t->media.plain = true;
	return true;
}

static bool scalar_result(const struct tree *t, const char *type)
{
	return t->function && !t->function->result && !t->function->set &&
	       sv_eq(t->function->result_type, sv_from(type));
}

/* The value of a function of one value, as it is. */
static bool scalar(struct tree *t, struct sv type)
{
	static const struct {
		struct sv media;
		const char *result, *type;
	} rows[] = {
		{ SV("text/plain"), "text", "text/plain; charset=utf-8" },
		{ SV("text/xml"), "xml", "text/xml; charset=utf-8" },
		{ SV("application/octet-stream"), "bytea", "application/octet-stream" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (sv_eq(type, rows[i].media) && scalar_result(t, rows[i].result)) {
			t->media = (struct rest_media){ .form = REST_RAW,
							.type = sv_from(rows[i].type),
							.plain = true };
			return true;
		}
	return false;
}

static bool built_in(struct tree *t, struct sv type)
{
	if (sv_eq(type, SV("*/*")) || sv_eq(type, SV("application/*")) ||
	    sv_eq(type, SV("application/json"))) {
		as_json(t);
		return true;
	}
	if (sv_eq(type, SV("text/csv"))) {
		t->media = (struct rest_media){ .form = REST_CSV,
						.type = SV("text/csv; charset=utf-8"),
						.plain = true };
		return true;
	}
	if (!sv_eq(type, SV("application/geo+json")) || !t->schema->geojson)
		return scalar(t, type);
	t->media = (struct rest_media){ .form = REST_RAW,
					.type = SV("application/geo+json; charset=utf-8"),
					.geojson = true,
					.plain = true };
	return true;
}

static bool serve(struct tree *t, const struct wish *w)
{
	return vendored(t, w) || handled(t, w->type) || built_in(t, w->type);
}

/* ---- the plan -------------------------------------------------------------------------- */

static const char *plan_options(struct tree *t, struct sv list, struct buf *echo)
{
	static const char *const known[] = { "analyze", "verbose", "settings", "buffers", "wal" };
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct sv rest = list;

		while (sv_present(rest)) {
			if (!sv_eq(sv_trim(sv_cut(&rest, '|')), sv_from(known[i])))
				continue;
			buf_addf(&b, ", %s", known[i]);
			buf_addf(echo, "%s%s", echo->n ? "|" : "", known[i]);
		}
	}
	return arena_dup(t->arena, buf_sv(&b));
}

/* application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|buffers */
static bool plan(struct tree *t, const struct wish *w)
{
	struct sv form = sv_skip(w->type, sizeof("application/vnd.pgrst.plan") - 1);
	struct sv of = parameter(t->arena, w->parameters, "for"), type;
	struct sv options = parameter(t->arena, w->parameters, "options");
	struct wish inner = read_wish(t->arena, of.n ? of : SV("application/json"), 0);
	struct buf echo buf_auto = BUF_INIT;
	bool json = sv_eq(form, SV("+json"));

	if (!t->options->plan || !sv_starts(w->type, SV("application/vnd.pgrst.plan")) ||
	    (form.n && !json && !sv_eq(form, SV("+text"))) || !serve(t, &inner))
		return false;
	type = t->media.type;
	type = sv_trim(sv_cut(&type, ';'));
	if (t->media.strip)
		type = sv_from(arena_printf(t->arena, "%.*s;nulls=stripped", SV_ARG(type)));
	t->media.explain = json ? "format json" : "format text";
	t->media.explain = arena_printf(t->arena, "%s%s", t->media.explain,
					plan_options(t, options, &echo));
	struct sv echoed = buf_sv(&echo);
	t->media.type = sv_from(arena_printf(
		t->arena, "application/vnd.pgrst.plan+%s; for=\"%.*s\"%s%.*s; charset=utf-8",
		json ? "json" : "text", SV_ARG(type), echo.n ? "; options=" : "", SV_ARG(echoed)));
	return true;
}

/* ---- the choice -------------------------------------------------------------------------- */

static enum status nothing_fits(struct tree *t, const struct wish *w, size_t n)
{
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_addf(&b, "%s%.*s", i ? ", " : "", SV_ARG(w[i].type));
		if (w[i].parameters.n && !sv_present(parameter(t->arena, w[i].parameters, "q")))
			buf_addf(&b, ";%.*s", SV_ARG(w[i].parameters));
	}
	*t->e = (struct err){ .status = ST_NOT_ACCEPTABLE, .code = SV("PGRST107") };
	struct sv offered = buf_sv(&b);
	t->e->message = sv_from(arena_printf(
		t->arena, "None of these media types are available: %.*s", SV_ARG(offered)));
	return t->e->status;
}

enum status media_choose(struct tree *t)
{
	struct wish wishes[TYPES_MAX];
	size_t n = read_wishes(t, wishes);

	t->shape = REST_ARRAY;
	for (size_t i = 0; i < n; i++)
		if (plan(t, &wishes[i]) || serve(t, &wishes[i]))
			return ST_OK;
	return nothing_fits(t, wishes, n);
}

enum status media_openapi(struct tree *t)
{
	static const char *const fits[] = { "*/*", "application/*", "application/json",
					    "application/openapi+json" };
	struct wish wishes[TYPES_MAX];
	size_t n = read_wishes(t, wishes);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < sizeof(fits) / sizeof(*fits); j++)
			if (sv_eq(wishes[i].type, sv_from(fits[j])))
				return ST_OK;
	return nothing_fits(t, wishes, n);
}

/* ---- the statement ------------------------------------------------------------------------ */

static void add_aggregate(const struct tree *t, const struct rest_handler *h, struct buf *b)
{
	buf_addf(b, "%.*s(_", SV_ARG(h->quoted));
	if (!h->anything) {
		struct sv schema = rest_quoted(t->arena, h->target_schema);
		struct sv target = rest_quoted(t->arena, h->target);

		buf_addf(b, "::%.*s.%.*s", SV_ARG(schema), SV_ARG(target));
	}
	buf_addc(b, ')');
}

void media_wrap(const struct tree *t, struct rest_plan *p)
{
	const struct rest_media *m = &p->media;
	struct buf b buf_auto = BUF_INIT;

	if (m->explain)
		buf_addf(&b, "explain (%s) ", m->explain);
	if (p->answer == REST_ROWS && (m->geojson || (m->handler && !m->handler->function))) {
		/* A CTE, because a write can be nowhere else. */
		buf_addf(&b, "with r as (%.*s) select ", SV_ARG(p->main.sql));
		if (m->geojson)
			buf_lit(&b, "json_build_object('type','FeatureCollection','features',"
				    "coalesce(json_agg(st_asgeojson(_)::json),'[]'))");
		else
			add_aggregate(t, m->handler, &b);
		buf_lit(&b, ",count(*) from r as _");
		p->media.counted = true;
	} else if (b.n) {
		buf_add(&b, p->main.sql);
	}
	if (b.n)
		p->main.sql = arena_sv(t->arena, buf_sv(&b));
}
