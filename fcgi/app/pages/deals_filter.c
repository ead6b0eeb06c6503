/* Filters of the board: from the query to SQL, and back to chips that say what
 * holds and take it away. */
#include "fcgi/app/pages/deals.h"

#include "base/uuid.h"

#include <stdlib.h>
#include <string.h>

void deals_pipe(struct query *q, struct http_request *rq)
{
	struct sv pipeline = http_query(rq, "pipeline");

	query_with(q, "with pipe as materialized (select p.id, p.name, p.stages from pipelines p order by p.id = ",
		   DB_S(uuid_valid(pipeline) ? pipeline : SV_NONE));
	/* The stage as a plain column: an expression over the row would have to
	 * wait for the policies of deals, and no index would find a column's cards. */
	query_add(q, "::uuid desc nulls last, p.is_default desc, p.created_at limit 1),"
		     " st as materialized (select s.* from pipe, rows from (jsonb_to_recordset(pipe.stages)"
		     "	as (id text, name text, color text, type text, probability numeric,"
		     "	rotting_days numeric)) with ordinality"
		     "	s (id, name, color, type, probability, rotting_days, place))");
}

/* ---- one value ------------------------------------------------------------- */

/* A bound of the value, or nothing when it is no number. */
static bool bound(struct http_request *rq, const char *name, double *n, struct sv *text)
{
	char *end, *typed = arena_dup(rq->arena, sv_trim(http_query(rq, name)));

	*text = sv_from(typed);
	if (!text->n || text->n > 15 || typed[0] < '0' || typed[0] > '9')
		return false;
	*n = strtod(typed, &end);
	return !*end && sv_chr(*text, 'x') < 0 && sv_chr(*text, 'e') < 0;
}

bool deals_bounds_clash(struct http_request *rq)
{
	double min, max;
	struct sv text;

	return bound(rq, "min", &min, &text) && bound(rq, "max", &max, &text) && max <= min;
}

static bool is_day(struct sv s)
{
	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (i != 4 && i != 7 && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return sv_cmp(sv_make(s.p + 5, 2), SV("13")) < 0 && sv_cmp(sv_make(s.p + 8, 2), SV("32")) < 0;
}

static void filter_value(struct query *q, struct http_request *rq)
{
	struct sv text;
	double n;

	if (deals_bounds_clash(rq))
		return;
	if (bound(rq, "min", &n, &text)) {
		query_with(q, " and t.value >= ", DB_S(text));
		query_add(q, "::numeric");
	}
	if (bound(rq, "max", &n, &text)) {
		query_with(q, " and t.value <= ", DB_S(text));
		query_add(q, "::numeric");
	}
}

static void filter_text(struct query *q, struct sv term)
{
	if (!term.n)
		return;
	query_with(q, " and (t.title ilike internal.search_pattern(", DB_S(term));
	query_with(q, ") or t.contact_id = any (array(select internal.find_contacts(", DB_S(term));
	query_with(q,
		   ", null, 2000))) or t.company_id = any (array(select internal.find_companies(",
		   DB_S(term));
	query_add(q, ", null, 500))))");
}

static void filter_owner(struct query *q, struct sv owner)
{
	if (sv_eq(owner, SV("none")))
		query_add(q, " and t.owner_id is null");
	else if (sv_eq(owner, SV("me")))
		query_add(q, " and t.owner_id = (select auth.uid())");
	else if (uuid_valid(owner)) {
		query_with(q, " and t.owner_id = ", DB_S(owner));
		query_add(q, "::uuid");
	}
}

/* The expected close date, or with on=created and on=moved a time: `to` is its
 * last day, where the reader is. */
static void filter_days(struct query *q, struct http_request *rq)
{
	struct sv on = http_query(rq, "on"), from = http_query(rq, "from"), to = http_query(rq, "to");
	bool created = sv_eq(on, SV("created")), moved = sv_eq(on, SV("moved"));

	if (is_day(from)) {
		query_with(q, created ? " and t.created_at >= (" : moved ? " and t.stage_entered_at >= ("
			   : " and t.expected_close_date >= (", DB_S(from));
		query_add(q, created || moved ? "::timestamp at time zone (select internal.my_zone()))"
					      : "::date)");
	}
	if (is_day(to)) {
		query_with(q, created ? " and t.created_at < ((" : moved ? " and t.stage_entered_at < (("
			   : " and t.expected_close_date <= ((", DB_S(to));
		query_add(q, created || moved
			  ? "::timestamp + interval '1 day') at time zone (select internal.my_zone()))"
			  : "::date))");
	}
}

/* Values of a parameter that may be repeated, as a JSON array. */
static struct sv all_values(struct http_request *rq, const char *name)
{
	const struct http_pairs *all = http_query_all(rq);
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		if (!sv_eq(all->v[i].name, sv_from(name)) || !all->v[i].value.n)
			continue;
		buf_addc(&json, json.n ? ',' : '[');
		buf_json(&json, all->v[i].value);
	}
	if (!json.n)
		return SV_NONE;
	buf_addc(&json, ']');
	return arena_sv(rq->arena, buf_sv(&json));
}

void deals_stage_filter(struct query *q, struct http_request *rq)
{
	struct sv only = http_query(rq, "stage"), without = all_values(rq, "not");

	if (only.n)
		query_with(q, " and st.id = ", DB_S(only));
	if (without.n) {
		query_with(q, " and st.id <> all (array(select jsonb_array_elements_text(",
			   DB_S(without));
		query_add(q, "::jsonb)))");
	}
}

void deals_filter(struct query *q, struct http_request *rq)
{
	struct sv tags = all_values(rq, "tag"), without = all_values(rq, "not");
	struct sv stage = http_query(rq, "stage"), company = http_query(rq, "company");
	struct sv source = http_query(rq, "source");

	filter_owner(q, http_query(rq, "owner"));
	if (stage.n)
		query_with(q, " and t.stage = ", DB_S(stage));
	if (without.n) {
		query_with(q, " and t.stage <> all (array(select jsonb_array_elements_text(",
			   DB_S(without));
		query_add(q, "::jsonb)))");
	}
	if (tags.n) {
		query_with(q, " and t.tags @> array(select jsonb_array_elements_text(", DB_S(tags));
		query_add(q, "::jsonb))");
	}
	if (uuid_valid(company)) {
		query_with(q, " and t.company_id = ", DB_S(company));
		query_add(q, "::uuid");
	}
	if (source.n)
		query_with(q, " and t.source = ", DB_S(source));
	filter_value(q, rq);
	filter_days(q, rq);
	filter_text(q, sv_trim(http_query(rq, "q")));
}

/* ---- in the address ------------------------------------------------------------ */

/* Every parameter that narrows the board, with what its chip says. */
static const struct parameter {
	const char *name, *label;
} parameters[] = {
	{ "pipeline", NULL }, { "on", NULL },
	{ "q", N_("Text") }, { "owner", N_("Owner") }, { "tag", N_("Tag") },
	{ "min", N_("At least") }, { "max", N_("At most") }, { "stage", N_("Stage") },
	{ "not", N_("Without") }, { "company", N_("Company") }, { "source", N_("Source") },
	{ "from", N_("From") }, { "to", N_("Until") },
};

static const struct parameter *parameter_named(struct sv name)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++)
		if (sv_eq(name, sv_from(parameters[i].name)))
			return &parameters[i];
	return NULL;
}

/* All filters of the request as a query, but for pair number `but`. */
static struct sv query_without(struct http_request *rq, size_t but)
{
	const struct http_pairs *all = http_query_all(rq);
	buf_auto struct buf out = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		if (i == but || !all->v[i].value.n || !parameter_named(all->v[i].name))
			continue;
		buf_add(&out, all->v[i].name);
		buf_addc(&out, '=');
		buf_url(&out, all->v[i].value);
		buf_addc(&out, '&');
	}
	return arena_sv(rq->arena, buf_sv(&out));
}

struct sv deals_filter_query(struct http_request *rq)
{
	return query_without(rq, SIZE_MAX);
}

bool deals_filtered(struct http_request *rq)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(*parameters); i++)
		if (parameters[i].label && http_query(rq, parameters[i].name).n)
			return true;
	return false;
}

/* ---- the list's addresses ----------------------------------------------------------- */

static const char *day_field(struct http_request *rq)
{
	struct sv on = http_query(rq, "on");

	return sv_eq(on, SV("created")) ? "created_at" :
	       sv_eq(on, SV("moved")) ? "stage_entered_at" : "expected_close_date";
}

/* f=KEY:between:FROM,TO with whichever end is missing far away. */
static void add_between(struct buf *out, const char *key, struct sv from, const char *first,
			struct sv to, const char *last)
{
	if (!from.n && !to.n)
		return;
	buf_addf(out, "f=%s%%3Abetween%%3A", key);
	buf_url(out, from.n ? from : sv_from(first));
	buf_lit(out, "%2C");
	buf_url(out, to.n ? to : sv_from(last));
	buf_addc(out, '&');
}

struct sv deals_list_query(struct http_request *rq)
{
	static const char *const as_they_are[] = { "pipeline", "q", "owner", "tag", "stage", "company", "source" };
	const struct http_pairs *all = http_query_all(rq);
	buf_auto struct buf out = BUF_INIT, without = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv name = all->v[i].name, value = all->v[i].value;

		for (size_t k = 0; k < sizeof(as_they_are) / sizeof(*as_they_are) && value.n; k++)
			if (sv_eq(name, sv_from(as_they_are[k]))) {
				buf_addf(&out, "%s=", as_they_are[k]);
				buf_url(&out, value);
				buf_addc(&out, '&');
			}
		if (sv_eq(name, SV("not")) && value.n) {
			buf_add(&without, without.n ? SV("%2C") : SV("f=stage%3Anot%3A"));
			buf_url(&without, value);
		}
	}
	if (without.n)
		buf_addf(&out, "%s&", without.p);
	add_between(&out, "value", http_query(rq, "min"), "0", http_query(rq, "max"), "99999999999");
	add_between(&out, day_field(rq), http_query(rq, "from"), "1900-01-01",
		    http_query(rq, "to"), "2999-12-31");
	return arena_sv(rq->arena, buf_sv(&out));
}

static void add_pair(struct buf *out, const char *name, struct sv value)
{
	if (!value.n)
		return;
	buf_addf(out, "%s=", name);
	buf_url(out, value);
	buf_addc(out, '&');
}

static void add_parts(struct buf *out, const char *name, struct sv value)
{
	while (sv_present(value))
		add_pair(out, name, sv_cut(&value, ','));
}

static void add_days(struct buf *out, const char *on, struct sv op, struct sv value)
{
	struct sv first = sv_cut(&value, ',');

	add_pair(out, "on", sv_from(on));
	if (sv_eq(op, SV("between"))) {
		add_pair(out, "from", first);
		add_pair(out, "to", value);
	} else if (sv_eq(op, SV("after")) || sv_eq(op, SV("before"))) {
		add_pair(out, sv_eq(op, SV("after")) ? "from" : "to", first);
	}
}

static void add_value(struct buf *out, struct sv op, struct sv value)
{
	struct sv first = sv_cut(&value, ',');

	if (sv_eq(op, SV("between"))) {
		add_pair(out, "min", first);
		add_pair(out, "max", value);
	} else if (sv_eq(op, SV("gt")) || sv_eq(op, SV("lt"))) {
		add_pair(out, sv_eq(op, SV("gt")) ? "min" : "max", first);
	}
}

/* One f=KEY:OP:VALUE of the list as parameters of the board. */
static void translate(struct buf *out, struct sv filter)
{
	static const char *const same[][2] = { { "owner_id", "owner" }, { "tags", "tag" }, { "stage", "stage" },
		{ "company_id", "company" }, { "source", "source" }, { "pipeline_id", "pipeline" } };
	static const char *const days[][2] = { { "expected_close_date", "" }, { "created_at", "created" },
		{ "stage_entered_at", "moved" } };
	struct sv rest = filter, key = sv_cut(&rest, ':'), op = sv_cut(&rest, ':');

	if (sv_eq(key, SV("stage")) && sv_eq(op, SV("not")))
		add_parts(out, "not", rest);
	else if (sv_eq(key, SV("owner_id")) && sv_eq(op, SV("empty")))
		add_pair(out, "owner", SV("none"));
	else if (sv_eq(key, SV("value")))
		add_value(out, op, rest);
	else
		for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
			if (sv_eq(key, sv_from(same[i][0])) && (sv_eq(op, SV("is")) || sv_eq(op, SV("all"))))
				add_parts(out, same[i][1], rest);
	for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++)
		if (sv_eq(key, sv_from(days[i][0])))
			add_days(out, days[i][1], op, rest);
}

bool deals_board_query(struct http_request *rq, struct buf *out)
{
	const struct http_pairs *all = http_query_all(rq);
	bool foreign = false;

	for (size_t i = 0; i < all->n; i++) {
		if (sv_eq(all->v[i].name, SV("f"))) {
			translate(out, all->v[i].value);
			foreign = true;
		} else if (parameter_named(all->v[i].name)) {
			add_pair(out, parameter_named(all->v[i].name)->name, all->v[i].value);
		}
	}
	return foreign;
}

/* ---- showing --------------------------------------------------------------------- */

void deals_choices_add(struct http_request *rq, struct db_batch *b, struct deals_choices *c)
{
	struct sv pipeline = http_query(rq, "pipeline"), company = http_query(rq, "company");
	struct sv tags = all_values(rq, "tag"), without = all_values(rq, "not");

	pipeline = uuid_valid(pipeline) ? pipeline : SV_NONE;
	c->pipelines = db_add(b,
		"select p.id, p.name, row_number() over (order by p.id = $1::uuid desc nulls last,"
		" p.is_default desc, p.created_at) = 1 as selected"
		" from pipelines p order by p.is_default desc, lower(p.name), p.id",
		DB_S(pipeline));
	c->stages = db_add(b,
		"select s ->> 'id' as id, s ->> 'name' as name, s ->> 'color' as color,"
		" s ->> 'type' = 'won' as is_won, s ->> 'type' = 'lost' as is_lost,"
		" s ->> 'id' = $2 as selected, coalesce($3::jsonb, '[]') ? (s ->> 'id') as left_out"
		" from (select p.stages from pipelines p order by p.id = $1::uuid desc nulls last,"
		"	p.is_default desc, p.created_at limit 1) x,"
		" jsonb_array_elements(x.stages) with ordinality e (s, n) order by n",
		DB_S(pipeline), DB_S(http_query(rq, "stage")), DB_S(without));
	c->team = team_add(b, http_query(rq, "owner"));
	c->tags = db_add(b,
		"select x.tag, coalesce($1::jsonb, '[]') ? x.tag as selected from ("
		"	select distinct unnest(r.tags) as tag from (select d.tags from deals d"
		"		order by d.created_at desc limit 500) r"
		"	union select jsonb_array_elements_text($1::jsonb)) x"
		" order by selected desc, lower(x.tag) limit 60",
		DB_S(tags));
	c->sources = db_add(b,
		"select x.source, x.source = $1 as selected from (select distinct r.source from"
		"	(select d.source from deals d order by d.created_at desc limit 500) r"
		"	union select nullif($1, '')) x where x.source is not null"
		" order by lower(x.source) limit 60",
		DB_S(http_query(rq, "source")));
	c->company = db_add(b, "select co.id, co.name from companies co where co.id = $1::uuid",
			    DB_S(uuid_valid(company) ? company : SV_NONE));
	c->reasons = db_add(b, "select r.name from discard_reasons r where r.is_active order by r.position, r.name");
}

/* The name of the row with this id, or what was written. */
static struct sv named(const struct db_batch *b, int stmt, struct sv id)
{
	for (size_t i = 0; i < db_rows(b, stmt); i++)
		if (sv_eq(db_named(b, stmt, i, "id"), id))
			return db_named(b, stmt, i, "name");
	return id;
}

static struct sv chip_value(const struct parameter *p, struct sv value, const struct db_batch *b,
			    const struct deals_choices *c)
{
	if (!strcmp(p->name, "owner")) {
		if (sv_eq(value, SV("me")))
			return sv_from(tr("me"));
		return sv_eq(value, SV("none")) ? sv_from(tr("nobody")) : named(b, c->team, value);
	}
	if (!strcmp(p->name, "stage") || !strcmp(p->name, "not"))
		return named(b, c->stages, value);
	return strcmp(p->name, "company") ? value : named(b, c->company, value);
}

static void show_chips(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		       const struct deals_choices *c)
{
	const struct http_pairs *all = http_query_all(rq);
	struct tmpl_value *chips = tmpl_set_list(page, "chips");
	int64_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct parameter *p = parameter_named(all->v[i].name);
		struct tmpl_value *chip;

		if (!p || !p->label || !all->v[i].value.n)
			continue;
		chip = tmpl_push_map(chips);
		tmpl_set_text(chip, "label", sv_from(tr(p->label)));
		tmpl_set_text(chip, "value", chip_value(p, all->v[i].value, b, c));
		tmpl_set_text(chip, "without", query_without(rq, i));
		n += strcmp(p->name, "q") != 0;
	}
	tmpl_set_int(page, "filters_used", n);
	tmpl_set_bool(page, "has_chips", n > 0 || http_query(rq, "q").n > 0);
}

void deals_choices_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
			const struct deals_choices *c)
{
	static const char *const single[] = { "pipeline", "q", "min", "max", "from", "to", "on" };
	struct tmpl_value *filter = tmpl_set_map(page, "filter");
	struct sv owner = http_query(rq, "owner"), on = http_query(rq, "on");

	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		tmpl_set_text(filter, single[i], http_query(rq, single[i]));
	tmpl_set_bool(filter, "nobody", sv_eq(owner, SV("none")));
	tmpl_set_bool(filter, "me", sv_eq(owner, SV("me")));
	tmpl_set_bool(filter, "on_created", sv_eq(on, SV("created")));
	tmpl_set_bool(filter, "on_moved", sv_eq(on, SV("moved")));
	tmpl_set_text(filter, "query", deals_filter_query(rq));
	tmpl_set_text(filter, "as_list", deals_list_query(rq));
	web_set_row(filter, "company", b, c->company, 0);
	web_set_rows(page, "pipelines", b, c->pipelines);
	tmpl_set_bool(page, "several_pipelines", db_rows(b, c->pipelines) > 1);
	web_set_rows(page, "stages", b, c->stages);
	web_set_rows(page, "team", b, c->team);
	web_set_rows(page, "tags", b, c->tags);
	web_set_rows(page, "sources", b, c->sources);
	web_set_rows(page, "reasons", b, c->reasons);
	show_chips(rq, page, b, c);
}
