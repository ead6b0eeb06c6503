/*
 * The header Prefer, and what Preference-Applied says of it.
 */
#include "rest/tree.h"

struct preference {
	struct sv text;
	enum prefer_group group;
	int value;
};

#define PREFERENCE(text, group, value) { { text, sizeof(text) - 1 }, group, value }

enum { MERGE = 1, IGNORE };
enum { DEFAULTS = 1, NULLS };
enum { EXACT = 1, PLANNED, ESTIMATED };
enum { STRICT = 1, LENIENT };

static const struct preference known[] = {
	PREFERENCE("resolution=merge-duplicates", PREFER_RESOLUTION, MERGE),
	PREFERENCE("resolution=ignore-duplicates", PREFER_RESOLUTION, IGNORE),
	PREFERENCE("missing=default", PREFER_MISSING, DEFAULTS),
	PREFERENCE("missing=null", PREFER_MISSING, NULLS),
	PREFERENCE("return=representation", PREFER_RETURN, REST_ROWS),
	PREFERENCE("return=headers-only", PREFER_RETURN, REST_HEADERS),
	PREFERENCE("return=minimal", PREFER_RETURN, REST_MINIMAL),
	PREFERENCE("count=exact", PREFER_COUNT, EXACT),
	PREFERENCE("count=planned", PREFER_COUNT, PLANNED),
	PREFERENCE("count=estimated", PREFER_COUNT, ESTIMATED),
	PREFERENCE("tx=commit", PREFER_TX, 0),
	PREFERENCE("tx=rollback", PREFER_TX, 0),
	PREFERENCE("handling=strict", PREFER_HANDLING, STRICT),
	PREFERENCE("handling=lenient", PREFER_HANDLING, LENIENT),
};

/* ---- reading -------------------------------------------------------------- */

static const struct preference *find(struct sv word)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (sv_ieq(word, known[i].text))
			return &known[i];
	return NULL;
}

static int chosen(const struct prefer *p, enum prefer_group group)
{
	return p->chosen[group] ? p->chosen[group]->value : 0;
}

/* false: not one that is known. */
static bool take(struct prefer *p, struct sv word)
{
	const struct preference *k = find(word);

	if (k) {
		if (!p->chosen[k->group])
			p->chosen[k->group] = k;
	} else if (sv_starts(word, SV("timezone="))) {
		if (!p->timezone.n)
			p->timezone = sv_skip(word, sizeof("timezone=") - 1);
	} else if (sv_starts(word, SV("max-affected="))) {
		if (p->max_affected < 0)
			sv_to_i64(sv_skip(word, sizeof("max-affected=") - 1), &p->max_affected);
	} else {
		return false;
	}
	return true;
}

static enum status unknown(struct tree *t, struct sv names)
{
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST122") };
	t->e->message = SV("Invalid preferences given with handling=strict");
	t->e->details =
		sv_from(arena_printf(t->arena, "Invalid preferences: %.*s", SV_ARG(names)));
	return t->e->status;
}

enum status prefer_parse(struct tree *t)
{
	struct prefer *p = &t->prefer;
	struct buf refused buf_auto = BUF_INIT;
	struct sv rest = t->in->prefer;

	p->max_affected = -1;
	while (sv_present(rest)) {
		struct sv word = sv_trim(sv_cut(&rest, ','));

		if (word.n && !take(p, word))
			buf_addf(&refused, "%s%.*s", refused.n ? ", " : "", SV_ARG(word));
	}
	if (!t->options->tx_override)
		p->chosen[PREFER_TX] = NULL;
	p->strict = chosen(p, PREFER_HANDLING) == STRICT;
	t->merge_duplicates = chosen(p, PREFER_RESOLUTION) == MERGE;
	t->ignore_duplicates = chosen(p, PREFER_RESOLUTION) == IGNORE;
	t->missing_default = chosen(p, PREFER_MISSING) == DEFAULTS;
	t->counted = chosen(p, PREFER_COUNT) != 0;
	t->planned = chosen(p, PREFER_COUNT) == PLANNED;
	t->estimated = chosen(p, PREFER_COUNT) == ESTIMATED;
	/* API-46: the proxy always answers the row. */
	t->answer = t->in->flags & REST_PROXY ? REST_ROWS :
						(enum rest_return)chosen(p, PREFER_RETURN);
	return p->strict && refused.n ? unknown(t, buf_sv(&refused)) : ST_OK;
}

/* ---- what of it counted ------------------------------------------------------ */

static bool is_write(const struct tree *t)
{
	return !t->function && t->in->method != HTTP_GET && t->in->method != HTTP_HEAD;
}

static bool had_meaning(const struct tree *t, enum prefer_group group)
{
	enum http_method m = t->in->method;

	switch (group) {
	case PREFER_RESOLUTION:
		return is_write(t) && m == HTTP_POST &&
		       (t->on_conflict.n || t->root->table->nprimary);
	case PREFER_MISSING:
		return is_write(t) && (m == HTTP_POST || m == HTTP_PATCH);
	case PREFER_RETURN:
		return is_write(t);
	default:
		return true;
	}
}

static void add(struct buf *b, struct sv name, struct sv value)
{
	buf_addf(b, "%s%.*s%.*s", b->n ? ", " : "", SV_ARG(name), SV_ARG(value));
}

void prefer_apply(const struct tree *t, struct rest_plan *plan)
{
	const struct prefer *p = &t->prefer;
	struct buf b buf_auto = BUF_INIT;

	for (int g = 0; g < PREFER_GROUPS; g++)
		if (p->chosen[g] && had_meaning(t, (enum prefer_group)g))
			add(&b, p->chosen[g]->text, SV_NONE);
	if (p->timezone.n)
		add(&b, SV("timezone="), p->timezone);
	if (p->strict && p->max_affected >= 0 &&
	    (t->function || t->in->method == HTTP_PATCH || t->in->method == HTTP_DELETE))
		add(&b, SV("max-affected="),
		    sv_from(arena_printf(t->arena, "%lld", (long long)p->max_affected)));
	plan->applied = arena_sv(t->arena, buf_sv(&b));
	plan->timezone = p->timezone;
	/* The planner is only asked about what is read. */
	if (t->planned && (t->function || is_write(t)))
		plan->counted = false;
}
