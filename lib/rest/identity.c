#include "rest/identity.h"
#include "crypto/crypto.h"
#include "crypto/keys.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

/* Clocks of two machines may differ by so much. */
#define SKEW_SECONDS 30

static void free_json(void *arg)
{
	json_decref(arg);
}

static json_t *parse(struct arena *a, struct sv text)
{
	json_t *json = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;

	if (json)
		arena_cleanup(a, free_json, json);
	return json;
}

static struct sv string(const json_t *v)
{
	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static enum status refuse(struct err *e, const char *code, const char *message)
{
	*e = (struct err){ .status = ST_UNAUTHENTICATED };
	e->code = sv_from(code);
	e->message = sv_from(message);
	return e->status;
}

/* ---- the path to the role ------------------------------------------------------ */

struct path {
	struct arena *a;
	struct sv text;
	size_t at;
};

static char peek(const struct path *p)
{
	return p->at < p->text.n ? p->text.p[p->at] : 0;
}

static bool take(struct path *p, struct sv s)
{
	if (!sv_starts(sv_skip(p->text, p->at), s))
		return false;
	p->at += s.n;
	return true;
}

static void skip_space(struct path *p)
{
	while (peek(p) == ' ')
		p->at++;
}

/* "..." or '...', with \ before what is meant literally. */
static bool quoted(struct path *p, struct sv *out)
{
	struct buf b buf_auto = BUF_INIT;
	char quote = peek(p);

	if (quote != '"' && quote != '\'')
		return false;
	for (p->at++; peek(p) && peek(p) != quote; p->at++) {
		if (peek(p) == '\\' && p->at + 1 < p->text.n)
			p->at++;
		buf_addc(&b, peek(p));
	}
	*out = arena_sv(p->a, buf_sv(&b));
	return take(p, quote == '"' ? SV("\"") : SV("'"));
}

static bool key(struct path *p, struct sv *out)
{
	size_t from = p->at;

	if (peek(p) == '"')
		return quoted(p, out);
	while (peek(p) && !strchr(".[", peek(p)))
		p->at++;
	*out = sv_make(p->text.p + from, p->at - from);
	return out->n > 0;
}

enum test { SAME, OTHER, BEGINS, ENDS, CONTAINS };

static bool test_of(struct path *p, enum test *out)
{
	static const struct {
		struct sv text;
		enum test test;
	} tests[] = {
		{ SV("==^"), ENDS },   { SV("=="), SAME },      { SV("!="), OTHER },
		{ SV("^=="), BEGINS }, { SV("*=="), CONTAINS },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (take(p, tests[i].text)) {
			*out = tests[i].test;
			return true;
		}
	return false;
}

static bool holds(enum test t, struct sv have, struct sv want)
{
	switch (t) {
	case SAME:
		return sv_eq(have, want);
	case OTHER:
		return !sv_eq(have, want);
	case BEGINS:
		return sv_starts(have, want);
	case ENDS:
		return sv_ends(have, want);
	case CONTAINS:
		return sv_find(have, want) >= 0;
	}
	return false;
}

/* ?(@ == "writer")], or the same without parentheses: the first that fits. */
static bool filter(struct path *p, const json_t *list, const json_t **out)
{
	bool group = take(p, SV("("));
	const json_t *v;
	struct sv want;
	enum test t;
	size_t i;

	if (!take(p, SV("@")))
		return false;
	skip_space(p);
	if (!test_of(p, &t))
		return false;
	skip_space(p);
	if (!quoted(p, &want) || (group && !take(p, SV(")"))))
		return false;
	*out = NULL;
	json_array_foreach(list, i, v) if (!*out && json_is_string(v) && holds(t, string(v), want))
		*out = v;
	return true;
}

static bool bracket(struct path *p, const json_t *v, const json_t **out)
{
	struct sv name;
	size_t from = p->at;
	int64_t n;

	if (take(p, SV("?"))) {
		if (!filter(p, v, out))
			return false;
	} else if (quoted(p, &name)) {
		*out = json_object_getn(v, name.p, name.n);
	} else {
		while (peek(p) && peek(p) != ']')
			p->at++;
		if (!sv_to_i64(sv_make(p->text.p + from, p->at - from), &n))
			return false;
		if (n < 0)
			n += (int64_t)json_array_size(v);
		*out = n < 0 ? NULL : json_array_get(v, (size_t)n);
	}
	return take(p, SV("]"));
}

/* False when the path cannot be understood. */
static bool walk(struct path *p, const json_t **v)
{
	struct sv name;

	take(p, SV("$"));
	while (p->at < p->text.n) {
		if (take(p, SV("["))) {
			if (!bracket(p, *v, v))
				return false;
		} else if (!take(p, SV(".")) || !key(p, &name)) {
			return false;
		} else {
			*v = json_object_getn(*v, name.p, name.n);
		}
	}
	return true;
}

/* A text as it is, anything else as JSON. */
static struct sv value_text(struct arena *a, const json_t *v)
{
	struct sv text = string(v);
	char *dump;

	if (!v)
		return SV_NONE;
	if (sv_present(text))
		return arena_sv(a, text);
	dump = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	text = arena_sv(a, sv_from(dump));
	free(dump);
	return text;
}

static struct sv role_in(struct arena *a, struct sv path, const json_t *claims, bool *good)
{
	struct path p = { .a = a, .text = path };

	*good = walk(&p, &claims);
	return *good ? value_text(a, claims) : SV_NONE;
}

struct sv rest_role_path(struct arena *a, struct sv path, struct sv claims, bool *good)
{
	return role_in(a, path, parse(a, claims), good);
}

/* ---- the token -------------------------------------------------------------------- */

static enum status check_signature(const struct rest_identity_options *o, struct arena *a,
				   struct sv token, struct sv encoded, struct sv signature,
				   struct err *e)
{
	json_t *header = parse(a, crypto_unbase64(a, encoded));
	size_t signed_n = token.n - signature.n - 1;

	if (!json_is_object(header))
		return refuse(e, "PGRST301", "JWT cryptographic operation failed");
	switch (crypto_keys_verify(o->keys, string(json_object_get(header, "alg")),
				   string(json_object_get(header, "kid")),
				   sv_make(token.p, signed_n), crypto_unbase64(a, signature))) {
	case CRYPTO_SIGNED:
		return ST_OK;
	case CRYPTO_NO_KEY:
		refuse(e, "PGRST301", "No suitable key or wrong key type");
		e->details = SV("None of the keys was able to decode the JWT");
		return e->status;
	case CRYPTO_NO_ALGORITHM:
		refuse(e, "PGRST301", "Wrong or unsupported encoding algorithm");
		e->details = SV("JWT is unsecured but expected 'alg' was not 'none'");
		return e->status;
	case CRYPTO_NOT_SIGNED:
		break;
	}
	refuse(e, "PGRST301", "No suitable key or wrong key type");
	e->details = SV("None of the keys was able to decode the JWT");
	return e->status;
}

static enum status open_token(const struct rest_identity_options *o, struct arena *a,
			      struct sv token, json_t **claims, struct err *e)
{
	struct sv rest = token, part[3] = { SV_NONE, SV_NONE, SV_NONE };
	int n = 0;

	if (!token.n)
		return refuse(e, "PGRST301", "Empty JWT is sent in Authorization header");
	for (; sv_present(rest); n++) {
		struct sv one = sv_cut(&rest, '.');

		if (n < 3)
			part[n] = one;
	}
	if (n != 3)
		return refuse(e, "PGRST301",
			      arena_printf(a, "Expected 3 parts in JWT; got %d", n));
	if (check_signature(o, a, token, part[0], part[2], e))
		return e->status;
	*claims = parse(a, crypto_unbase64(a, part[1]));
	if (!json_is_object(*claims))
		return refuse(e, "PGRST303", "Parsing claims failed");
	return ST_OK;
}

/* exp, nbf, iat: seconds, where they are there at all. */
static bool seconds(const json_t *claims, const char *name, int64_t *out, bool *there)
{
	const json_t *v = json_object_get(claims, name);

	*there = v && !json_is_null(v);
	*out = (int64_t)json_number_value(v);
	return !*there || json_is_number(v);
}

static enum status check_times(const json_t *claims, int64_t now, struct err *e)
{
	int64_t t;
	bool there;

	if (!seconds(claims, "exp", &t, &there))
		return refuse(e, "PGRST303", "The JWT 'exp' claim must be a number");
	if (there && now - SKEW_SECONDS > t)
		return refuse(e, "PGRST303", "JWT expired");
	if (!seconds(claims, "nbf", &t, &there))
		return refuse(e, "PGRST303", "The JWT 'nbf' claim must be a number");
	if (there && now + SKEW_SECONDS < t)
		return refuse(e, "PGRST303", "JWT not yet valid");
	if (!seconds(claims, "iat", &t, &there))
		return refuse(e, "PGRST303", "The JWT 'iat' claim must be a number");
	if (there && now + SKEW_SECONDS < t)
		return refuse(e, "PGRST303", "JWT issued at future");
	return ST_OK;
}

static enum status check_audience(const json_t *claims, struct sv wanted, struct err *e)
{
	const json_t *aud = json_object_get(claims, "aud"), *v;
	bool found = !aud || json_is_null(aud), texts = true;
	size_t i;

	json_array_foreach(aud, i, v)
	{
		texts &= json_is_string(v);
		found |= sv_eq(string(v), wanted);
	}
	if (aud && !json_is_null(aud) && !json_is_string(aud) && (!json_is_array(aud) || !texts))
		return refuse(e, "PGRST303",
			      "The JWT 'aud' claim must be a string or an array of strings");
	if (!wanted.n || found || (json_is_array(aud) && !json_array_size(aud)) ||
	    (json_is_string(aud) && sv_eq(string(aud), wanted)))
		return ST_OK;
	return refuse(e, "PGRST303", "JWT not in audience");
}

/* ---- the whole ----------------------------------------------------------------------- */

static enum status finish(const struct rest_identity_options *o, struct arena *a, json_t *claims,
			  struct rest_identity *out, struct err *e)
{
	bool good = true;
	char *text;

	out->role = role_in(a, o->role_path, claims, &good);
	if (!out->role.n)
		out->role = o->anon_role;
	if (!out->role.n)
		return refuse(e, "PGRST302", "Anonymous access is disabled");
	json_object_set_new(claims, "role", json_stringn(out->role.p, out->role.n));
	text = json_dumps(claims, JSON_COMPACT);
	out->claims = arena_sv(a, sv_from(text));
	free(text);
	return ST_OK;
}

static enum status nobody(const struct rest_identity_options *o, struct arena *a,
			  struct rest_identity *out, struct err *e)
{
	struct buf b buf_auto = BUF_INIT;

	if (!o->anon_role.n)
		return refuse(e, "PGRST302", "Anonymous access is disabled");
	out->role = o->anon_role;
	buf_lit(&b, "{\"role\":");
	buf_json(&b, o->anon_role);
	buf_addc(&b, '}');
	out->claims = arena_sv(a, buf_sv(&b));
	return ST_OK;
}

/* SV_NONE: no such scheme, and so no token. */
static struct sv bearer(struct sv authorization)
{
	struct sv rest = authorization, scheme = sv_cut(&rest, ' ');

	if (!sv_ieq(scheme, SV("Bearer")))
		return SV_NONE;
	return sv_present(rest) ? sv_trim(rest) : SV("");
}

enum status rest_identify(const struct rest_identity_options *o, struct sv authorization,
			  int64_t now_s, struct arena *a, struct rest_identity *out,
			  struct err *e)
{
	struct sv token = bearer(authorization);
	json_t *claims = NULL;

	*out = (struct rest_identity){ 0 };
	if (!sv_present(token))
		return nobody(o, a, out, e);
	out->token = true;
	if (!o->keys) {
		*e = (struct err){ .status = ST_INTERNAL, .code = SV("PGRST300") };
		e->message = SV("Server lacks JWT secret");
		return e->status;
	}
	if (open_token(o, a, token, &claims, e) || check_times(claims, now_s, e) ||
	    check_audience(claims, o->audience, e))
		return e->status;
	return finish(o, a, claims, out, e);
}
