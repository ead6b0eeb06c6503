/*
 * The parameters of a URL and the headers that shape an answer.
 */
#include "rest/media.h"

struct level *level_child(const struct tree *t, const struct level *l, struct sv name)
{
	for (int i = 0; i < t->nlevels; i++) {
		struct level *child = t->levels[i];

		if (child->parent == l && sv_eq(child->alias.n ? child->alias : child->name, name))
			return child;
	}
	if (t->options->aliases_only)
		return NULL;
	/* The relation's own name does too where an alias was given. */
	for (int i = 0; i < t->nlevels; i++)
		if (t->levels[i]->parent == l && sv_eq(t->levels[i]->name, name))
			return t->levels[i];
	return NULL;
}

static enum status bad_range(struct tree *t, struct sv details)
{
	*t->e = (struct err){ .status = ST_BAD_RANGE, .code = SV("PGRST103") };
	t->e->message = SV("Requested range not satisfiable");
	t->e->details = details;
	return t->e->status;
}

static enum status parse_count(struct tree *t, const char *what, struct sv text, int64_t *out)
{
	if (sv_to_i64(text, out) && *out < 0 && what[0] == 'l')
		return bad_range(t, SV("Limit should be greater than or equal to zero."));
	if (t->options->strict) { /* PostgREST takes no notice of what is no number */
		int64_t n;

		*out = sv_to_i64(text, &n) && n >= 0 ? n : what[0] == 'l' ? -1 : 0;
		return ST_OK;
	}
	if (!sv_to_i64(text, out) || *out < 0)
		return parse_fail(t, "\"%s\" takes a number from 0 on, not %.*s", what,
				  SV_ARG(text));
	return ST_OK;
}

/* The first part of a dotted path; false when there is only one. Dots in
 * JSON keys and in quotes are not separators. */
static bool cut_path(struct sv *name, struct sv *first)
{
	bool quoted = false;

	for (size_t i = 0; i < name->n; i++) {
		if (name->p[i] == '\\' && quoted)
			i++;
		else if (name->p[i] == '"')
			quoted = !quoted;
		else if (!quoted && sv_starts(sv_skip(*name, i), SV("->")))
			return false;
		else if (!quoted && name->p[i] == '.') {
			*first = sv_make(name->p, i);
			*name = sv_skip(*name, i + 1);
			return true;
		}
	}
	return false;
}

static struct sv unquoted(struct tree *t, struct sv name)
{
	struct cursor c = { .t = t, .text = name };
	struct sv out;

	return name.n && name.p[0] == '"' && cursor_quoted(&c, &out) ? out : name;
}

enum status level_missing(struct tree *t, struct sv name)
{
	*t->e = (struct err){ .status = ST_BAD_INPUT, .code = SV("PGRST108") };
	t->e->message = sv_from(arena_printf(
		t->arena, "'%.*s' is not an embedded resource in this request", SV_ARG(name)));
	for (int i = 0; i < t->nlevels; i++) {
		const struct level *l = t->levels[i];

		if (!l->alias.n || !sv_eq(l->name, name))
			continue;
		t->e->details = SV("Target names are not allowed in filters if they have an alias");
		t->e->hint = sv_from(arena_printf(
			t->arena, "Change '%.*s' to '%.*s' in filters, orders or limits.",
			SV_ARG(name), SV_ARG(l->alias)));
		return ST_BAD_INPUT;
	}
	t->e->hint = sv_from(arena_printf(
		t->arena, "Verify that '%.*s' is included in the 'select' query parameter.",
		SV_ARG(name)));
	return ST_BAD_INPUT;
}

/* order, limit, offset, and, or: of the whole or of an embedded relation. */
static bool reserved(struct tree *t, struct level *l, struct sv name, struct sv value)
{
	bool negate = sv_starts(name, SV("not."));
	struct sv word = negate ? sv_skip(name, 4) : name;

	if (sv_eq(word, SV("or")) || sv_eq(word, SV("and")))
		parse_logic(t, l, negate, word.p[0] == 'o', value);
	else if (sv_eq(name, SV("order")))
		parse_order(t, l, value);
	else if (sv_eq(name, SV("limit")))
		parse_count(t, "limit", value, &l->limit);
	else if (sv_eq(name, SV("offset")))
		parse_count(t, "offset", value, &l->offset);
	else
		return false;
	return true;
}

/* A name alone is half a filter: what a write touches is never guessed from it. */
static bool is_bare(const struct tree *t, const struct level *l, struct sv name, struct sv value)
{
	if (!value.n && (t->in->method == HTTP_PATCH || t->in->method == HTTP_DELETE))
		return false;
	if (t->in->flags & REST_PROXY)
		return true;
	if (l != t->root || !t->options->bare)
		return false;
	for (const char *const *b = t->options->bare; *b; b++)
		if (sv_eq(sv_from(*b), name))
			return true;
	return false;
}

/* `curl -G --data '{...}'` puts a body there, where it is no filter. */
static enum status body_in_url(struct tree *t)
{
	parse_fail(t, "The URL holds JSON where a filter should be");
	t->e->hint = SV("Send the JSON as the body of the request: filters in the URL, "
			"-d for the body, no -G");
	return t->e->status;
}

static enum status parse_parameter(struct tree *t, struct sv name, struct sv value)
{
	struct level *l = t->root;
	struct sv rest = name, first;

	if (sv_starts(name, SV("{")))
		return body_in_url(t);
	while (!reserved(t, l, rest, value)) {
		if (!cut_path(&rest, &first))
			return parse_filter(t, l, rest, value, is_bare(t, l, rest, value));
		first = unquoted(t, first);
		l = level_child(t, l, first);
		if (!l)
			return level_missing(t, first);
	}
	return t->e->status;
}

/* What decides how the others are read. */
static bool parse_early(struct tree *t, const struct http_pair *p)
{
	if (sv_eq(p->name, SV("select")))
		parse_select(t, p->value);
	else if (sv_eq(p->name, SV("columns")))
		t->columns = p->value;
	else if (sv_eq(p->name, SV("on_conflict")))
		t->on_conflict = p->value;
	else
		return sv_eq(p->name, SV("apikey"));
	return true;
}

static int64_t range_end(int64_t offset, int64_t limit)
{
	return limit < 0 || offset > INT64_MAX - limit ? INT64_MAX : offset + limit;
}

/* Range: 0-24, of what limit and offset leave. */
static void parse_range(struct tree *t)
{
	struct sv range = t->in->range, first;
	struct level *l = t->root;
	int64_t from, to, end = range_end(l->offset, l->limit);

	if (t->in->method != HTTP_GET || l->limit == 0 || t->e->status)
		return;
	if (sv_starts(range, SV("items=")))
		range = sv_skip(range, 6);
	first = sv_cut(&range, '-');
	if (!sv_present(range) || !sv_to_i64(first, &from) || from < 0)
		return;
	if (!range.n)
		to = INT64_MAX - 1;
	else if (!sv_to_i64(range, &to))
		return;
	if (to < from) {
		bad_range(t, SV("The lower boundary must be lower than or equal to the upper "
				"boundary in the Range header."));
		return;
	}
	if (from > l->offset)
		l->offset = from;
	if (to < end - 1)
		end = to + 1;
	if (end < l->offset)
		bad_range(t, SV("Limit should be greater than or equal to zero."));
	else if (end < INT64_MAX - 1)
		l->limit = end - l->offset;
}

enum status parse_query(struct tree *t)
{
	const struct http_pairs *q = t->in->query;

	if (media_choose(t) || prefer_parse(t))
		return t->e->status;
	for (size_t i = 0; i < q->n && !t->e->status; i++)
		parse_early(t, &q->v[i]);
	for (size_t i = 0; i < q->n && !t->e->status; i++) {
		const struct http_pair *p = &q->v[i];

		if (sv_eq(p->name, SV("select")) || sv_eq(p->name, SV("columns")) ||
		    sv_eq(p->name, SV("on_conflict")) || sv_eq(p->name, SV("apikey")) || !p->name.n)
			continue;
		if (!call_takes(t, p))
			parse_parameter(t, p->name, p->value);
	}
	parse_range(t);
	return t->e->status;
}
