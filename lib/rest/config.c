#include "rest/config.h"
#include "base/log.h"
#include "db/db.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	struct sv name;
	const char *value;
} known[REST_CONFIG__MAX] = {
#define CONFIG(name, spelling, value, text) \
	[REST_CONFIG_##name] = { { spelling, sizeof(spelling) - 1 }, value },
#include "rest/config.def"
#undef CONFIG
};

/* Older spellings of some. */
static const struct {
	struct sv old;
	enum rest_config_key key;
} aliases[] = {
	{ SV("db-schema"), REST_CONFIG_db_schemas },
	{ SV("max-rows"), REST_CONFIG_db_max_rows },
	{ SV("pre-request"), REST_CONFIG_db_pre_request },
	{ SV("root-spec"), REST_CONFIG_db_root_spec },
	{ SV("role-claim-key"), REST_CONFIG_jwt_role_claim_key },
	{ SV("secret-is-base64"), REST_CONFIG_jwt_secret_is_base64 },
	{ SV("server-proxy-uri"), REST_CONFIG_openapi_server_proxy_uri },
};

/* PostgREST's own web server, pool and caches. */
static const char *const without_effect[] = {
	"admin-server-host", "admin-server-port", "admin-server-unix-socket",
	"admin-server-unix-socket-mode", "db-pool", "db-pool-acquisition-timeout",
	"db-pool-max-idletime", "db-pool-timeout", "db-pool-max-lifetime",
	"db-pool-automatic-recovery", "jwt-cache-max-entries", "jwt-cache-max-lifetime",
	"log-query", "server-host", "server-port", "server-reuseport",
};

struct sv rest_config_get(const struct rest_config *c, enum rest_config_key key)
{
	return c->value[key];
}

const char *rest_config_str(const struct rest_config *c, enum rest_config_key key)
{
	return c->value[key].n ? arena_dup(c->arena, c->value[key]) : NULL;
}

bool rest_config_bool(const struct rest_config *c, enum rest_config_key key)
{
	struct sv v = c->value[key];
	int64_t n;

	return sv_ieq(v, SV("true")) || sv_ieq(v, SV("on")) || (sv_to_i64(v, &n) && n > 0);
}

int64_t rest_config_int(const struct rest_config *c, enum rest_config_key key)
{
	int64_t n = 0;

	return sv_to_i64(c->value[key], &n) ? n : 0;
}

/* ---- names ---------------------------------------------------------------- */

static bool find_key(struct sv name, enum rest_config_key *out)
{
	for (int i = 0; i < REST_CONFIG__MAX; i++)
		if (sv_eq(known[i].name, name)) {
			*out = (enum rest_config_key)i;
			return true;
		}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (sv_eq(aliases[i].old, name)) {
			*out = aliases[i].key;
			return true;
		}
	return false;
}

static bool is_without_effect(struct sv name)
{
	for (size_t i = 0; i < sizeof(without_effect) / sizeof(*without_effect); i++)
		if (sv_eq(sv_from(without_effect[i]), name))
			return true;
	return false;
}

static void set_app(struct rest_config *c, struct sv name, struct sv value)
{
	struct rest_setting *more;

	for (size_t i = 0; i < c->napp; i++)
		if (sv_eq(c->app[i].name, name)) {
			c->app[i].value = value;
			return;
		}
	more = ARENA_ARRAY(c->arena, c->napp + 1, struct rest_setting);
	if (c->napp)
		memcpy(more, c->app, c->napp * sizeof(*more));
	more[c->napp++] = (struct rest_setting){ name, value };
	c->app = more;
}

/* The name in the file's spelling: lower case, - for _. */
static struct sv spelled(struct arena *a, struct sv name)
{
	char *p = arena_dup(a, name);

	for (size_t i = 0; i < name.n; i++)
		p[i] = p[i] == '_' ? '-' : (char)tolower((unsigned char)p[i]);
	return sv_make(p, name.n);
}

bool rest_config_set(struct rest_config *c, struct sv name, struct sv value)
{
	enum rest_config_key key;

	value = arena_sv(c->arena, value);
	if (sv_starts(name, SV("app.settings."))) {
		set_app(c, arena_sv(c->arena, name), value);
		return true;
	}
	name = spelled(c->arena, name);
	if (!find_key(name, &key))
		return is_without_effect(name);
	c->value[key] = value;
	return true;
}

/* ---- the file --------------------------------------------------------------- */

struct reader {
	struct arena *a;
	struct sv text;
	size_t at;
	int line;
	char **env;
};

static char peek(const struct reader *r)
{
	return r->at < r->text.n ? r->text.p[r->at] : 0;
}

static void skip_blank(struct reader *r, bool lines)
{
	for (; r->at < r->text.n; r->at++) {
		char c = peek(r);

		if (c == '#')
			while (r->at + 1 < r->text.n && r->text.p[r->at + 1] != '\n')
				r->at++;
		else if (c == '\n' && lines)
			r->line++;
		else if (c != ' ' && c != '\t' && c != '\r')
			return;
	}
}

static struct sv environment(char **env, struct sv name)
{
	for (; env && *env; env++) {
		struct sv rest = sv_from(*env), key = sv_cut(&rest, '=');

		if (sv_eq(key, name))
			return rest;
	}
	return SV_NONE;
}

/* $(NAME) and $$; a $ before anything else is itself. */
static void dollar(struct reader *r, struct buf *out)
{
	struct sv rest = sv_skip(r->text, r->at + 1);
	ptrdiff_t end = sv_chr(rest, ')');

	if (sv_starts(rest, SV("$"))) {
		r->at++;
	} else if (sv_starts(rest, SV("(")) && end > 0) {
		buf_add(out, environment(r->env, sv_make(rest.p + 1, (size_t)end - 1)));
		r->at += (size_t)end + 1;
		return;
	}
	buf_addc(out, '$');
}

static void escape(struct reader *r, struct buf *out)
{
	static const char names[] = "ntrbf", values[] = "\n\t\r\b\f";
	char c;
	const char *at;

	if (r->at + 1 < r->text.n)
		r->at++;
	c = peek(r);
	at = strchr(names, c);
	buf_addc(out, at && *at ? values[at - names] : c);
}

/* "...": at stands on the first quote, and afterwards behind the last. */
static bool quoted(struct reader *r, struct buf *out)
{
	for (r->at++; r->at < r->text.n && peek(r) != '"'; r->at++) {
		if (peek(r) == '\\')
			escape(r, out);
		else if (peek(r) == '$')
			dollar(r, out);
		else
			buf_addc(out, peek(r));
	}
	if (peek(r) != '"')
		return false;
	r->at++;
	return true;
}

static void bare(struct reader *r, struct buf *out)
{
	size_t from = r->at;

	while (r->at < r->text.n && !strchr("\n#", peek(r)))
		r->at++;
	buf_add(out, sv_trim(sv_make(r->text.p + from, r->at - from)));
}

static struct sv name_of(struct reader *r)
{
	size_t from = r->at;

	while (isalnum((unsigned char)peek(r)) || (peek(r) && strchr("-_.", peek(r))))
		r->at++;
	return sv_make(r->text.p + from, r->at - from);
}

static enum status bad_line(const struct reader *r, struct err *e, const char *what)
{
	return err_set(e, r->a, ST_BAD_INPUT, "line %d of the configuration: %s", r->line, what);
}

static enum status read_setting(struct rest_config *c, struct reader *r, struct err *e)
{
	struct buf value buf_auto = BUF_INIT;
	struct sv name = name_of(r);

	skip_blank(r, false);
	if (!name.n || peek(r) != '=')
		return bad_line(r, e, "expected name = \"value\"");
	r->at++;
	skip_blank(r, false);
	if (peek(r) != '"')
		bare(r, &value);
	else if (!quoted(r, &value))
		return bad_line(r, e, "the quoted value does not end");
	skip_blank(r, false);
	if (peek(r) && peek(r) != '\n')
		return bad_line(r, e, "something stands behind the value");
	if (!rest_config_set(c, name, buf_sv(&value)))
		log_warn("unknown setting", LOG_S("name", name));
	return ST_OK;
}

static enum status read_text(struct rest_config *c, struct sv text, char **env, struct err *e)
{
	struct reader r = { .a = c->arena, .text = text, .line = 1, .env = env };

	for (skip_blank(&r, true); r.at < text.n; skip_blank(&r, true))
		if (read_setting(c, &r, e))
			return e->status;
	return ST_OK;
}

/* PGRST_DB_URI=..., PGRST_APP_SETTINGS_MOTTO=... */
static void read_environment(struct rest_config *c, char **env)
{
	for (; env && *env; env++) {
		struct sv value = sv_from(*env), name = sv_cut(&value, '=');

		if (!sv_starts(name, SV("PGRST_")) || !sv_present(value))
			continue;
		name = sv_skip(name, 6);
		if (sv_starts(name, SV("APP_SETTINGS_"))) {
			struct sv setting = sv_skip(name, 13);
			char *p = arena_printf(c->arena, "app.settings.%.*s", SV_ARG(setting));

			for (char *q = p; *q; q++)
				*q = (char)tolower((unsigned char)*q);
			name = sv_from(p);
		}
		if (!rest_config_set(c, name, value))
			log_warn("unknown setting in the environment", LOG_S("name", name));
	}
}

/* ---- files ------------------------------------------------------------------- */

static enum status slurp(struct arena *a, const char *path, struct sv *out, struct err *e)
{
	struct buf b buf_auto = BUF_INIT;
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return err_set(e, a, ST_NOT_FOUND, "%s: %s", path, strerror(errno));
	while ((n = fread(buf_room(&b, 4096), 1, 4096, f)) > 0)
		b.n += n;
	fclose(f);
	*out = arena_sv(a, buf_sv(&b));
	return ST_OK;
}

static enum status resolve(struct rest_config *c, enum rest_config_key key, struct err *e)
{
	struct sv v = c->value[key];

	if (!sv_starts(v, SV("@")))
		return ST_OK;
	if (slurp(c->arena, arena_dup(c->arena, sv_skip(v, 1)), &c->value[key], e))
		return e->status;
	/* Editors end a file with a line break, which is no part of a secret. */
	if (sv_ends(c->value[key], SV("\n")))
		c->value[key].n--;
	return ST_OK;
}

enum status rest_config_parse(struct rest_config *c, struct arena *a, struct sv text, char **env,
			      struct err *e)
{
	*c = (struct rest_config){ .arena = a };
	for (int i = 0; i < REST_CONFIG__MAX; i++)
		c->value[i] = sv_from(known[i].value);
	if (read_text(c, text, env, e))
		return e->status;
	read_environment(c, env);
	if (resolve(c, REST_CONFIG_db_uri, e) || resolve(c, REST_CONFIG_jwt_secret, e))
		return e->status;
	return ST_OK;
}

enum status rest_config_load(struct rest_config *c, struct arena *a, const char *path, char **env,
			     struct err *e)
{
	struct sv text = SV("");

	if (path && slurp(a, path, &text, e))
		return e->status;
	return rest_config_parse(c, a, text, env, e);
}

/* ---- the database --------------------------------------------------------------- */

/* What has to be known before the database is asked. */
static bool from_database(enum rest_config_key key)
{
	return key != REST_CONFIG_db_uri && key != REST_CONFIG_db_config &&
	       key != REST_CONFIG_db_channel && key != REST_CONFIG_db_channel_enabled &&
	       key != REST_CONFIG_server_unix_socket && key != REST_CONFIG_log_level;
}

/* {db-schemas,...}: all that a database may say. */
static struct sv names(struct arena *a)
{
	struct buf b buf_auto = BUF_INIT;

	for (int i = 0; i < REST_CONFIG__MAX; i++)
		if (from_database((enum rest_config_key)i)) {
			buf_addc(&b, b.n ? ',' : '{');
			buf_add(&b, known[i].name);
		}
	buf_addc(&b, '}');
	return arena_sv(a, buf_sv(&b));
}

/* A role's settings (alter role ... set pgrst.db_schemas) are the session's. */
static const char ask_sql[] =
	"select n, s from unnest($1::text[]) n,"
	" current_setting('pgrst.' || replace(n, '-', '_'), true) s where s <> ''";

/* schema.function, each part quoted. */
struct sv rest_config_function(const struct rest_config *c, enum rest_config_key key)
{
	struct sv rest = c->value[key];
	struct buf b buf_auto = BUF_INIT;

	while (sv_present(rest)) {
		struct sv part = sv_cut(&rest, '.');

		if (b.n)
			buf_addc(&b, '.');
		buf_addc(&b, '"');
		for (size_t i = 0; i < part.n; i++) {
			if (part.p[i] == '"')
				buf_addc(&b, '"');
			buf_addc(&b, part.p[i]);
		}
		buf_addc(&b, '"');
	}
	return arena_sv(c->arena, buf_sv(&b));
}

enum status rest_config_ask(struct rest_config *c, struct db *db, struct err *e)
{
	struct db_batch *b = db_batch(db, c->arena);
	int found;

	db_as_self(b);
	if (c->value[REST_CONFIG_db_pre_config].n) {
		struct sv name = rest_config_function(c, REST_CONFIG_db_pre_config);

		db_add(b, arena_printf(c->arena, "select %.*s()", SV_ARG(name)));
	}
	found = db_add(b, ask_sql, DB_S(names(c->arena)));
	if (db_run(b, e))
		return e->status;
	for (size_t i = 0; i < db_rows(b, found); i++)
		rest_config_set(c, db_get(b, found, i, 0), db_get(b, found, i, 1));
	return ST_OK;
}
