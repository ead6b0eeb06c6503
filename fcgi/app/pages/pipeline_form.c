#include "fcgi/app/pages/pipeline_form.h"

#include "base/tr.h"

#define STAGES_MAX 50

struct stage {
	struct sv id, name, color, probability, type, days, milestone, gate;
	size_t from, to; /* its fields */
};

static const struct {
	const char *field;
	size_t at;
} parts[] = {
	{ "stage_name", offsetof(struct stage, name) },
	{ "stage_color", offsetof(struct stage, color) },
	{ "stage_probability", offsetof(struct stage, probability) },
	{ "stage_type", offsetof(struct stage, type) },
	{ "stage_days", offsetof(struct stage, days) },
	{ "stage_milestone", offsetof(struct stage, milestone) },
	{ "gate_mode", offsetof(struct stage, gate) },
};

/* ---- the stages ------------------------------------------------------------- */

static size_t read_rows(const struct http_pairs *all, struct stage rows[static STAGES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (sv_eq(all->v[i].name, SV("stage_id"))) {
			if (n == STAGES_MAX)
				break;
			rows[n++] = (struct stage){ .id = sv_trim(all->v[i].value), .from = i };
		}
		if (!n)
			continue;
		rows[n - 1].to = i + 1;
		for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++)
			if (sv_eq(all->v[i].name, sv_from(parts[p].field)))
				*(struct sv *)((char *)&rows[n - 1] + parts[p].at) =
					sv_trim(all->v[i].value);
	}
	return n;
}

static bool id_taken(const struct stage *rows, size_t n, struct sv id)
{
	for (size_t i = 0; i < n; i++)
		if (sv_ieq(rows[i].id, id))
			return true;
	return false;
}

/* A new stage is named after itself: "Second call" is second_call. What has no
 * Latin letters is stage_2, stage_3. */
static struct sv id_for(struct arena *a, const struct stage *rows, size_t n, struct sv name)
{
	buf_auto struct buf slug = BUF_INIT;
	struct sv id;

	for (size_t i = 0; i < name.n && slug.n < 40; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			buf_addc(&slug, c);
		else if (slug.n && slug.p[slug.n - 1] != '_')
			buf_addc(&slug, '_');
	}
	while (slug.n && slug.p[slug.n - 1] == '_')
		slug.n--;
	id = slug.n ? arena_sv(a, buf_sv(&slug)) : SV("stage");
	for (int k = 2; id_taken(rows, n, id); k++)
		id = sv_from(arena_printf(a, "%.*s_%d", slug.n ? (int)slug.n : 5,
					  slug.n ? slug.p : "stage", k));
	return id;
}

static bool is_color(struct sv s)
{
	if (s.n != 7 || s.p[0] != '#')
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') ||
		      (s.p[i] >= 'A' && s.p[i] <= 'F')))
			return false;
	return true;
}

static void check_row(struct form *f, struct stage *s)
{
	int64_t percent = 0;

	if (!s->name.n || s->name.n > 60 * 4)
		form_error(f, "stages", SV(N_("Every stage needs a name of at most 60 characters")));
	if (!s->probability.n)
		s->probability = SV("0");
	if (!sv_to_i64(s->probability, &percent) || percent < 0 || percent > 100)
		form_error(f, "stages", SV(N_("A probability is a whole number from 0 to 100")));
	if (!is_color(s->color))
		s->color = SV("#64748b");
	if (!sv_eq(s->type, SV("won")) && !sv_eq(s->type, SV("lost")))
		s->type = SV("open");
}

/* ---- as JSON --------------------------------------------------------------------- */

static void put(struct buf *json, const char *key, struct sv value)
{
	buf_json_key(json, key);
	buf_json(json, value);
}

/* Who does a task, as one word: owner, person:<id>, team:<id>. */
static void put_assign(struct buf *json, struct sv word)
{
	struct sv id = word, kind = sv_cut(&id, ':');

	put(json, "assign_to", kind);
	if (sv_eq(kind, SV("person")))
		put(json, "assignee_id", id);
	else if (sv_eq(kind, SV("team")))
		put(json, "team_id", id);
}

/* Objects that begin with the field `first`; of each the fields of `names`,
 * under the key behind the underscore of the name. */
static size_t put_objects(struct buf *json, const struct http_pairs *all, const struct stage *s,
			  const char *first, const char *const *names)
{
	size_t n = 0;

	for (size_t i = s->from; i < s->to; i++) {
		const struct http_pair *p = &all->v[i];

		if (sv_eq(p->name, sv_from(first))) {
			buf_add(json, n++ ? SV("},{") : SV("{"));
			put(json, "id", sv_trim(p->value));
		}
		if (n && sv_eq(p->name, SV("task_assign")))
			put_assign(json, sv_trim(p->value));
		for (const char *const *name = names; n && *name; name++)
			if (sv_eq(p->name, sv_from(*name)))
				put(json, *name + sizeof("cond_") - 1, sv_trim(p->value));
	}
	if (n)
		buf_addc(json, '}');
	return n;
}

static void put_gate(struct buf *json, const struct http_pairs *all, const struct stage *s)
{
	static const char *const names[] = { "cond_kind", "cond_field", "cond_title",
					     "cond_template_id", "cond_user_id", NULL };

	buf_json_key(json, "gate");
	if (!sv_eq(s->gate, SV("soft")) && !sv_eq(s->gate, SV("hard"))) {
		buf_lit(json, "null");
		return;
	}
	buf_addc(json, '{');
	put(json, "mode", s->gate);
	buf_json_key(json, "conditions");
	buf_addc(json, '[');
	put_objects(json, all, s, "cond_id", names);
	buf_lit(json, "]}");
}

static void put_tasks(struct buf *json, const struct http_pairs *all, const struct stage *s)
{
	static const char *const names[] = { "task_title", "task_due_days", "task_priority",
					     "task_description", NULL };

	buf_json_key(json, "task_templates");
	buf_addc(json, '[');
	put_objects(json, all, s, "task_id", names);
	buf_addc(json, ']');
}

static void put_stage(struct buf *json, const struct http_pairs *all, const struct stage *s,
		      size_t place)
{
	buf_addc(json, place == 1 ? '[' : ',');
	buf_addc(json, '{');
	put(json, "id", s->id);
	put(json, "name", s->name);
	put(json, "color", s->color);
	put(json, "type", s->type);
	put(json, "probability", s->probability);
	put(json, "rotting_days", s->days);
	put(json, "milestone", s->milestone);
	put_gate(json, all, s);
	put_tasks(json, all, s);
	buf_addf(json, ",\"position\":%zu}", place);
}

struct sv pipeline_form_stages(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct stage rows[STAGES_MAX];
	size_t n = read_rows(all, rows);
	buf_auto struct buf json = BUF_INIT;

	if (!n) {
		form_error(f, "stages", SV(N_("A pipeline has at least one stage")));
		return SV_NONE;
	}
	for (size_t i = 0; i < n; i++)
		check_row(f, &rows[i]);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].id.n && !f->wrong)
			rows[i].id = id_for(f->rq->arena, rows, n, rows[i].name);
		put_stage(&json, all, &rows[i], i + 1);
	}
	buf_addc(&json, ']');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

struct sv pipeline_form_moves(struct http_request *rq)
{
	const struct http_pairs *all = http_form_all(rq);
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '{');
	for (size_t i = 0; i + 1 < all->n; i++) {
		if (!sv_eq(all->v[i].name, SV("move_from")) ||
		    !sv_eq(all->v[i + 1].name, SV("move_to")) || !all->v[i + 1].value.n)
			continue;
		if (json.n > 1)
			buf_addc(&json, ',');
		buf_json(&json, all->v[i].value);
		buf_addc(&json, ':');
		buf_json(&json, all->v[i + 1].value);
	}
	buf_addc(&json, '}');
	return arena_sv(rq->arena, buf_sv(&json));
}
