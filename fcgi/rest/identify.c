/*
 * What SQL may know of a request: role and search path, and request.* for
 * current_setting(). All of it holds for the transaction only.
 */
#include "fcgi/rest/rest.h"
#include "base/clock.h"

#include <ctype.h>
#include <string.h>

#define FIXED 7 /* parameters before those of app.settings */

const char *identify_compose(struct setup *s)
{
	struct buf b buf_auto = BUF_INIT;

	buf_lit(&b, "select set_config('search_path', $1, true), set_config('role', $2, true),"
		    " set_config('request.jwt.claims', $3, true),"
		    " set_config('request.method', $4, true), set_config('request.path', $5, true),"
		    " set_config('request.headers', $6, true),"
		    " set_config('request.cookies', $7, true)");
	for (size_t i = 0; i < s->config.napp; i++)
		buf_addf(&b, ", set_config($%zu, $%zu, true)", FIXED + 1 + 2 * i,
			 FIXED + 2 + 2 * i);
	return arena_dup(s->arena, buf_sv(&b));
}

/* ---- headers and cookies as JSON ------------------------------------------------ */

static void add_member(struct buf *b, struct sv name, struct sv value)
{
	if (!sv_is_text(name) || !sv_is_text(value))
		return;
	if (b->n > 1)
		buf_addc(b, ',');
	buf_json(b, name);
	buf_addc(b, ':');
	buf_json(b, value);
}

/* HTTP_X_NAME -> x-name */
static struct sv header_name(struct arena *a, struct sv variable)
{
	char *p = arena_dup(a, variable);

	for (char *c = p; *c; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return sv_from(p);
}

static struct sv headers_json(struct http_request *rq)
{
	struct buf b buf_auto = BUF_INIT;

	buf_addc(&b, '{');
	for (char **v = rq->envp; *v; v++) {
		struct sv value = sv_from(*v), name = sv_cut(&value, '=');

		if (sv_starts(name, SV("HTTP_")) && !sv_eq(name, SV("HTTP_COOKIE")))
			add_member(&b, header_name(rq->arena, sv_skip(name, 5)), value);
		else if (sv_eq(name, SV("CONTENT_TYPE")) && value.n)
			add_member(&b, SV("content-type"), value);
	}
	buf_addc(&b, '}');
	return arena_sv(rq->arena, buf_sv(&b));
}

static struct sv cookies_json(struct http_request *rq)
{
	struct buf b buf_auto = BUF_INIT;
	struct sv rest = http_env(rq, "HTTP_COOKIE");

	buf_addc(&b, '{');
	while (sv_present(rest)) {
		struct sv value = sv_trim(sv_cut(&rest, ';')), name = sv_cut(&value, '=');

		if (name.n && sv_present(value))
			add_member(&b, name, value);
	}
	buf_addc(&b, '}');
	return arena_sv(rq->arena, buf_sv(&b));
}

/* ---- the search path --------------------------------------------------------------- */

static void add_schema(struct buf *b, struct arena *a, struct sv name)
{
	if (!name.n)
		return;
	if (b->n)
		buf_lit(b, ", ");
	buf_add(b, rest_quoted(a, name));
}

/* The schema asked for, and the extra ones. That it may be asked for,
 * rest_compile finds out. */
static struct sv search_path(const struct setup *s, struct http_request *rq)
{
	bool reads = rq->method & (HTTP_GET | HTTP_HEAD);
	struct sv wanted = http_header(rq, reads ? "Accept-Profile" : "Content-Profile");
	struct sv list = sv_from(s->options.schemas);
	struct sv extra = rest_config_get(&s->config, REST_CONFIG_db_extra_search_path);
	struct buf b buf_auto = BUF_INIT;

	add_schema(&b, rq->arena, wanted.n ? wanted : sv_trim(sv_cut(&list, ',')));
	while (sv_present(extra))
		add_schema(&b, rq->arena, sv_trim(sv_cut(&extra, ',')));
	return arena_sv(rq->arena, buf_sv(&b));
}

/* ---- the end of the transaction -------------------------------------------------------- */

static bool prefers(const struct http_request *rq, struct sv what)
{
	struct sv rest = http_header(rq, "Prefer");

	while (sv_present(rest))
		if (sv_eq(sv_trim(sv_cut(&rest, ',')), what))
			return true;
	return false;
}

/* db-tx-end and Prefer: tx= say that nothing is to stay. */
static bool undoes(const struct setup *s, const struct http_request *rq)
{
	struct sv end = rest_config_get(&s->config, REST_CONFIG_db_tx_end);
	bool undo = sv_starts(end, SV("rollback"));

	if (!sv_ends(end, SV("-allow-override")))
		return undo;
	return undo ? !prefers(rq, SV("tx=commit")) : prefers(rq, SV("tx=rollback"));
}

/* ---- the whole ----------------------------------------------------------------------- */

enum status identify(const struct setup *s, struct http_request *rq, struct db_batch **out,
		     unsigned *flags, struct err *e)
{
	size_t n = FIXED + 2 * s->config.napp;
	struct db_value *p = ARENA_ARRAY(rq->arena, n, struct db_value);
	struct rest_identity who;

	if (rest_identify(&s->who, http_env(rq, "HTTP_AUTHORIZATION"), clock_now_ms() / 1000,
			  rq->arena, &who, e))
		return e->status;
	p[0] = DB_S(search_path(s, rq));
	p[1] = DB_S(who.role);
	p[2] = DB_S(who.claims);
	p[3] = DB_S(http_env(rq, "REQUEST_METHOD"));
	p[4] = DB_S(rq->path);
	p[5] = DB_S(headers_json(rq));
	p[6] = DB_S(cookies_json(rq));
	for (size_t i = 0; i < s->config.napp; i++) {
		p[FIXED + 2 * i] = DB_S(s->config.app[i].name);
		p[FIXED + 2 * i + 1] = DB_S(s->config.app[i].value);
	}
	*out = db_batch(s->db, rq->arena);
	if (undoes(s, rq)) {
		*flags |= REST_ROLLBACK;
		db_hold(*out);
	}
	if (!who.token || sv_eq(who.role, s->who.anon_role))
		*flags |= REST_ANONYMOUS;
	db_as(*out, s->identify_sql, n, p);
	if (s->before_sql)
		db_add(*out, s->before_sql);
	return ST_OK;
}
