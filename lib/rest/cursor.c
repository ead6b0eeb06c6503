#include "rest/tree.h"

#include <string.h>

char cursor_peek(const struct cursor *c)
{
	return c->at < c->text.n ? c->text.p[c->at] : 0;
}

bool cursor_at(const struct cursor *c, struct sv s)
{
	return sv_starts(sv_skip(c->text, c->at), s);
}

bool cursor_take(struct cursor *c, char ch)
{
	if (c->at >= c->text.n || c->text.p[c->at] != ch)
		return false;
	c->at++;
	return true;
}

bool cursor_take_all(struct cursor *c, struct sv s)
{
	if (!cursor_at(c, s))
		return false;
	c->at += s.n;
	return true;
}

void cursor_space(struct cursor *c)
{
	while (cursor_peek(c) == ' ' || cursor_peek(c) == '\n' || cursor_peek(c) == '\t' ||
	       cursor_peek(c) == '\r')
		c->at++;
}

/* Columns are counted in characters, as people do. */
static size_t position(const struct cursor *c)
{
	size_t n = c->before + 1;

	for (size_t i = 0; i < c->at && i < c->text.n; i++)
		n += ((unsigned char)c->text.p[i] & 0xc0) != 0x80;
	return n;
}

enum status cursor_unexpected(struct cursor *c, const char *expecting)
{
	struct tree *t = c->t;
	struct sv rest = sv_skip(c->text, c->at);
	size_t n = rest.n > 0;

	while (n < rest.n && ((unsigned char)rest.p[n] & 0xc0) == 0x80)
		n++;
	parse_fail(t, "\"failed to parse %s (%.*s)\" (line 1, column %zu)", c->what,
		   SV_ARG(c->text), position(c));
	if (n)
		t->e->details = sv_from(arena_printf(t->arena, "unexpected %s%.*s%s expecting %s",
						     c->words ? "\"" : "'", (int)n, rest.p,
						     c->words ? "\"" : "'", expecting));
	else
		t->e->details = sv_from(
			arena_printf(t->arena, "unexpected end of input expecting %s", expecting));
	return t->e->status;
}

bool cursor_quoted(struct cursor *c, struct sv *out)
{
	struct buf b buf_auto = BUF_INIT;

	for (c->at++; c->at < c->text.n && cursor_peek(c) != '"'; c->at++) {
		if (cursor_peek(c) == '\\' && c->at + 1 < c->text.n)
			c->at++;
		buf_addc(&b, cursor_peek(c));
	}
	*out = arena_sv(c->t->arena, buf_sv(&b));
	return cursor_take(c, '"');
}

static bool ends_name(const struct cursor *c, const char *ends)
{
	char ch = cursor_peek(c);

	return !ch || strchr(ends, ch) || (ch == '-' && cursor_at(c, SV("->")));
}

static enum status name_until(struct cursor *c, const char *ends, const char *expecting,
			      struct sv *out)
{
	size_t from;

	cursor_space(c);
	from = c->at;
	if (cursor_peek(c) == '"')
		return cursor_quoted(c, out) ? ST_OK : cursor_unexpected(c, "\"\\\"\"");
	while (!ends_name(c, ends))
		c->at++;
	*out = sv_trim(sv_make(c->text.p + from, c->at - from));
	return out->n ? ST_OK : cursor_unexpected(c, expecting);
}

enum status cursor_name(struct cursor *c, struct sv *out)
{
	return name_until(c, ",():!.", "field name (* or [a..z0..9_$])", out);
}

static bool is_index(struct sv key)
{
	int64_t n;

	return key.n < 10 && key.n && key.p[0] != '+' && sv_to_i64(key, &n);
}

/* ->a->>b; a key may hold dots only in quotes. */
static enum status steps(struct cursor *c, struct step **out)
{
	bool words = c->words;
	int n = 0;

	while (cursor_at(c, SV("->"))) {
		struct step *s = ARENA_NEW(c->t->arena, struct step);
		bool quoted;

		if (++n > REST_DEPTH_MAX)
			return parse_fail(c->t, "The JSON path in the %s is too long", c->what);
		c->at += 2;
		s->text = cursor_take(c, '>');
		quoted = cursor_peek(c) == '"';
		c->words = true;
		if (name_until(c, "(:.,>)",
			       "\"-\", digit or any non reserved character different from: .,>()",
			       &s->key))
			return c->t->e->status;
		c->words = words;
		s->index = !quoted && is_index(s->key);
		if (!quoted && sv_starts(s->key, SV("--"))) {
			c->at -= s->key.n - 1;
			c->words = true;
			return cursor_unexpected(c, "digit");
		}
		*out = s;
		out = &s->next;
	}
	return ST_OK;
}

enum status cursor_field(struct cursor *c, struct field *out)
{
	return cursor_name(c, &out->name) ? c->t->e->status : steps(c, &out->steps);
}
