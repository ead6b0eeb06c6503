/*
 * The routes as a tree over the parts of their patterns. Literal children
 * are sorted for binary search; a request walks down once, falling back to
 * :name and then to * where the literal way ends nowhere.
 */
#include "http/internal.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METHODS 7

struct node {
	struct sv part;                 /* of its own pattern; "" for the root */
	struct node **children;         /* literals, sorted by part */
	size_t nchildren;
	struct node *param, *star;
	const struct http_route *by_method[METHODS]; /* index: bit of enum http_method */
};

struct http_table {
	struct node root;
};

static const char *const names[METHODS] = { "GET",   "HEAD",   "POST",	 "PUT",
					    "PATCH", "DELETE", "OPTIONS" };

static void broken(const struct http_route *r, const char *why)
{
	fprintf(stderr, "kontor: route %s: %s\n", r->pattern, why);
	abort();
}

static struct node *node_new(struct sv part)
{
	struct node *n = mem_alloc(sizeof(*n));

	n->part = part;
	return n;
}

/* Where part is or belongs among the children. */
static size_t position(const struct node *n, struct sv part)
{
	size_t low = 0, high = n->nchildren;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sv_cmp(n->children[mid]->part, part) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct node *literal(const struct node *n, struct sv part)
{
	size_t at = position(n, part);

	return at < n->nchildren && sv_eq(n->children[at]->part, part) ? n->children[at] : NULL;
}

static struct node *literal_add(struct node *n, struct sv part)
{
	struct node *c = literal(n, part);
	size_t at = position(n, part);

	if (c)
		return c;
	n->children = mem_realloc(n->children, (n->nchildren + 1) * sizeof(*n->children));
	memmove(n->children + at + 1, n->children + at,
		(n->nchildren - at) * sizeof(*n->children));
	n->nchildren++;
	return n->children[at] = node_new(part);
}

static struct node *child_add(struct node *n, const struct http_route *r, struct sv part,
			      size_t *params)
{
	struct node **slot = sv_eq(part, SV("*")) ? &n->star :
			     sv_starts(part, SV(":")) ? &n->param : NULL;

	if (!part.n)
		broken(r, "has an empty part");
	if (!slot)
		return literal_add(n, part);
	if (++*params > HTTP_PARAMS_MAX)
		broken(r, "has too many parameters");
	if (!*slot)
		*slot = node_new(part);
	return *slot;
}

static void add(struct http_table *t, const struct http_route *r)
{
	struct sv rest = sv_from(r->pattern);
	struct node *n = &t->root;
	size_t params = 0;

	if (!sv_starts(rest, SV("/")))
		broken(r, "does not begin with a slash");
	rest = sv_skip(rest, 1);
	if (sv_ends(rest, SV("/")))
		rest.n--;
	while (rest.n) {
		n = child_add(n, r, sv_cut(&rest, '/'), &params);
		if (rest.n && sv_eq(n->part, SV("*")))
			broken(r, "has something behind *");
	}
	if (!r->methods)
		broken(r, "takes no method");
	for (int i = 0; i < METHODS; i++) {
		if (!(r->methods & 1u << i))
			continue;
		if (n->by_method[i])
			broken(r, "is there twice");
		n->by_method[i] = r;
	}
}

struct http_table *http_table_new(const struct http_route *routes)
{
	struct http_table *t = mem_alloc(sizeof(*t));

	for (const struct http_route *r = routes; r->handler; r++)
		add(t, r);
	return t;
}

static void node_clear(struct node *n)
{
	for (size_t i = 0; i < n->nchildren; i++) {
		node_clear(n->children[i]);
		free(n->children[i]);
	}
	free(n->children);
	if (n->param)
		node_clear(n->param);
	if (n->star)
		node_clear(n->star);
	free(n->param);
	free(n->star);
}

void http_table_free(struct http_table *t)
{
	if (!t)
		return;
	node_clear(&t->root);
	free(t);
}

/* All methods that end here; HEAD comes with GET. */
static unsigned allowed_at(const struct node *n)
{
	unsigned set = 0;

	for (int i = 0; i < METHODS; i++)
		set |= n->by_method[i] ? 1u << i : 0;
	return set & HTTP_GET ? set | HTTP_HEAD : set;
}

struct walk {
	const struct http_segments *segs;
	struct sv path;
	struct sv params[HTTP_PARAMS_MAX];
};

/* The rest of the path from part i on, as one view. */
static struct sv rest_from(const struct walk *w, size_t i)
{
	const char *from = w->segs->v[i].p;

	return sv_make(from, (size_t)(w->path.p + w->path.n - from));
}

/* The deepest node with routes that fits; its params are then in w. The
 * depth is bounded by HTTP_SEGMENTS_MAX. */
static const struct node *find(struct walk *w, const struct node *n, size_t i, size_t nparams)
{
	const struct node *hit = NULL, *next;

	if (i == w->segs->n)
		return allowed_at(n) ? n : NULL;
	next = literal(n, w->segs->v[i]);
	if (next)
		hit = find(w, next, i + 1, nparams);
	if (!hit && n->param && w->segs->v[i].n) {
		hit = find(w, n->param, i + 1, nparams + 1);
		if (hit)
			w->params[nparams] = w->segs->v[i];
	}
	if (!hit && n->star) {
		hit = n->star;
		w->params[nparams] = rest_from(w, i);
	}
	return hit;
}

const struct http_route *http_table_find(const struct http_table *t, struct http_request *rq,
					 const struct http_segments *segs, unsigned *allowed)
{
	struct walk w = { .segs = segs, .path = rq->path };
	const struct node *n = find(&w, &t->root, 0, 0);
	const struct http_route *r = NULL;

	*allowed = n ? allowed_at(n) : 0;
	if (!n || !rq->method)
		return NULL;
	r = n->by_method[__builtin_ctz(rq->method)];
	if (!r && rq->method == HTTP_HEAD)
		r = n->by_method[__builtin_ctz(HTTP_GET)];
	if (r)
		memcpy(rq->params, w.params, sizeof(w.params));
	return r;
}

struct sv http_methods_text(struct arena *a, unsigned methods, const char *between)
{
	const char *text = "";

	for (int i = 0; i < METHODS; i++)
		if (methods & 1u << i)
			text = arena_printf(a, "%s%s%s", text, *text ? between : "", names[i]);
	return sv_from(text);
}
