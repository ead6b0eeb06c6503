#include "fcgi/rest/rest.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/keys.h"

#include <stdlib.h>

extern char **environ;

static struct sv get(const struct setup *s, enum rest_config_key key)
{
	return rest_config_get(&s->config, key);
}

static enum rest_openapi openapi_mode(const struct setup *s)
{
	struct sv mode = get(s, REST_CONFIG_openapi_mode);

	if (sv_eq(mode, SV("disabled")))
		return REST_OPENAPI_OFF;
	return sv_eq(mode, SV("ignore-privileges")) ? REST_OPENAPI_ALL : REST_OPENAPI_MAY;
}

static void make_options(struct setup *s)
{
	const struct rest_config *c = &s->config;

	s->options = (struct rest_options){
		.schemas = arena_dup(s->arena, get(s, REST_CONFIG_db_schemas)),
		.extra_schemas = rest_config_str(c, REST_CONFIG_db_extra_search_path),
		.max_rows = rest_config_int(c, REST_CONFIG_db_max_rows),
		.channel = rest_config_str(c, REST_CONFIG_db_channel),
		.deaf = !rest_config_bool(c, REST_CONFIG_db_channel_enabled),
		.response_settings = true,
		.read_only = true,
		.strict = true,
		.openapi = openapi_mode(s),
		.openapi_security = rest_config_bool(c, REST_CONFIG_openapi_security_active),
		.openapi_url = rest_config_str(c, REST_CONFIG_openapi_server_proxy_uri),
		.tx_override = sv_ends(get(s, REST_CONFIG_db_tx_end), SV("-allow-override")),
		.plan = rest_config_bool(c, REST_CONFIG_db_plan_enabled),
		.aliases_only = !rest_config_bool(c, REST_CONFIG_url_use_legacy_target_names),
		.no_aggregates = !rest_config_bool(c, REST_CONFIG_db_aggregates_enabled),
	};
}

static enum status make_identity(struct setup *s, struct err *e)
{
	struct sv secret = get(s, REST_CONFIG_jwt_secret);
	struct crypto_keys *keys = NULL;
	bool good;

	if (secret.n &&
	    crypto_keys_read(s->arena, secret,
			     rest_config_bool(&s->config, REST_CONFIG_jwt_secret_is_base64), &keys,
			     e))
		return e->status;
	s->who = (struct rest_identity_options){
		.keys = keys,
		.audience = get(s, REST_CONFIG_jwt_aud),
		.role_path = get(s, REST_CONFIG_jwt_role_claim_key),
		.anon_role = get(s, REST_CONFIG_db_anon_role),
	};
	rest_role_path(s->arena, s->who.role_path, SV("{}"), &good);
	if (!good)
		return err_set(e, s->arena, ST_BAD_INPUT,
			       "jwt-role-claim-key cannot be understood: %.*s",
			       SV_ARG(s->who.role_path));
	return ST_OK;
}

/* select "schema"."function"() */
static void make_before(struct setup *s)
{
	struct sv name = rest_config_function(&s->config, REST_CONFIG_db_pre_request);

	if (get(s, REST_CONFIG_db_pre_request).n)
		s->before_sql = arena_printf(s->arena, "select %.*s()", SV_ARG(name));
}

static void make_db(struct setup *s)
{
	struct db_options o = { .name = "kontor-rest", .own_settings = true };

	o.url = arena_dup(s->arena, get(s, REST_CONFIG_db_uri));
	o.prepared = rest_config_bool(&s->config, REST_CONFIG_db_prepared_statements);
	s->db = db_new(&o);
}

/* A database that is not there yet is asked again with the next NOTIFY; what
 * else can be said is in the file. */
static void ask_database(struct setup *s)
{
	struct err e = { 0 };

	if (rest_config_bool(&s->config, REST_CONFIG_db_config) &&
	    rest_config_ask(&s->config, s->db, &e))
		log_warn("no settings from the database", LOG_S("why", err_message(&e)));
}

static enum status make(struct setup *s, const char *path, struct err *e)
{
	if (rest_config_load(&s->config, s->arena, path, environ, e))
		return e->status;
	make_db(s);
	ask_database(s);
	make_options(s);
	if (make_identity(s, e))
		return e->status;
	make_before(s);
	s->identify_sql = identify_compose(s);
	s->rest = rest_new(&s->options);
	return ST_OK;
}

struct setup *setup_load(const char *path, struct err *e)
{
	struct arena *a = arena_new();
	struct setup *s = ARENA_NEW(a, struct setup);

	s->arena = a;
	if (!make(s, path, e))
		return s;
	log_error("the configuration cannot be used", LOG_S("why", err_message(e)));
	setup_free(s);
	return NULL;
}

void setup_free(struct setup *s)
{
	if (!s)
		return;
	rest_free(s->rest);
	db_free(s->db);
	arena_free(s->arena);
}
