/*
 * Integrators send the tokens of a channel within its settings
 * (POST /rest/v1/channel_accounts, 25496). They are sealed here, where the
 * master key is; a trigger of the table puts them into channel_secrets, and
 * nobody reads them out again.
 */
#include "fcgi/api/routes.h"

#include "base/uuid.h"
#include "crypto/crypto.h"

#include <stdlib.h>

/* lookup: calls of the provider are found by it. */
static const struct secret {
	const char *name;
	bool lookup;
} secrets[] = {
	{ "access_token", false },    { "app_secret", false },	  { "api_key", false },
	{ "appgain_api_key", false }, { "bot_token", false },	  { "client_secret", false },
	{ "outgoing_password", false }, { "page_access_token", false }, { "password", false },
	{ "refresh_token", false },   { "secret_access_key", false }, { "secret_token", true },
	{ "verify_token", true },
};

#define SECRETS (sizeof(secrets) / sizeof(*secrets))

static bool has_secrets(const json_t *row)
{
	const json_t *settings = json_object_get(row, "settings");

	for (size_t i = 0; i < SECRETS; i++)
		if (json_object_get(settings, secrets[i].name))
			return true;
	return false;
}

static json_t *text(struct sv s)
{
	return s.n ? json_stringn(s.p, s.n) : json_null();
}

static json_t *sealed_secret(struct arena *a, const struct secret *s, struct sv id, struct sv plain)
{
	struct sv context = sv_from(arena_printf(a, "channel:%.*s:%s", SV_ARG(id), s->name));
	struct sv hash = s->lookup ? crypto_token_hash(a, plain) : SV_NONE;

	return json_pack("{s:o,s:o}", "sealed", text(crypto_seal(a, context, plain)), "lookup",
			 text(hash));
}

/* {"access_token": "x"} becomes {"$sealed": {"id": .., "secrets": {"access_token":
 * {"sealed": .., "lookup": ..}}}}; an empty one keeps what is stored. */
static void seal_row(struct arena *a, json_t *row, struct sv id)
{
	json_t *settings = json_object_get(row, "settings"), *sealed = json_object();

	for (size_t i = 0; i < SECRETS; i++) {
		const json_t *v = json_object_get(settings, secrets[i].name);
		struct sv plain = sv_make(json_string_value(v), json_string_length(v));

		if (plain.n)
			json_object_set_new(sealed, secrets[i].name,
					    sealed_secret(a, &secrets[i], id, plain));
		if (json_is_string(v) || json_is_null(v))
			json_object_del(settings, secrets[i].name);
	}
	json_object_set_new(settings, "$sealed",
			    json_pack("{s:o,s:o}", "id", text(id), "secrets", sealed));
}

/* The one row that a PATCH is about: channel_accounts/<id> or ?id=eq.<id>. */
static struct sv row_named(struct http_request *rq, struct sv target)
{
	struct sv id = http_query(rq, "id");

	sv_cut(&target, '/');
	if (target.n)
		id = target;
	else if (sv_starts(id, SV("eq.")))
		id = sv_skip(id, 3);
	return uuid_valid(id) ? id : SV_NONE;
}

/* A new row gets its id here, because it is part of what is sealed. */
static enum status seal_one(struct http_request *rq, json_t *row, struct sv named, struct err *e)
{
	const char *own = json_string_value(json_object_get(row, "id"));
	struct sv id = named;

	if (rq->method == HTTP_PATCH && !id.n)
		return err_set(e, rq->arena, ST_BAD_INPUT,
			       "Name one channel by its id to change its secrets");
	if (rq->method != HTTP_PATCH && !own) {
		id = uuid_new(rq->arena);
		json_object_set_new(row, "id", text(id));
	} else if (rq->method != HTTP_PATCH) {
		id = sv_from(own);
	}
	if (has_secrets(row))
		seal_row(rq->arena, row, id);
	return ST_OK;
}

static enum status seal_all(struct http_request *rq, json_t *body, struct sv named, struct err *e)
{
	size_t i, n = json_is_array(body) ? json_array_size(body) : 1;
	bool any = false;
	char *out;

	for (i = 0; i < n; i++)
		any = any || has_secrets(json_is_array(body) ? json_array_get(body, i) : body);
	for (i = 0; any && i < n; i++)
		if (seal_one(rq, json_is_array(body) ? json_array_get(body, i) : body, named, e))
			return e->status;
	if (!any)
		return ST_OK;
	out = json_dumps(body, JSON_COMPACT);
	rq->body = arena_sv(rq->arena, sv_from(out));
	free(out);
	return ST_OK;
}

enum status channel_settings_seal(struct http_request *rq, struct sv target, struct err *e)
{
	struct sv rest = target;
	json_t *body;

	if (rq->method == HTTP_GET || !sv_eq(sv_cut(&rest, '/'), SV("channel_accounts")))
		return ST_OK;
	if (rq->method == HTTP_DELETE ||
	    (rq->content_type.n && sv_find(rq->content_type, SV("json")) < 0))
		return ST_OK; /* the trigger refuses what stays plain */
	if (http_json(rq, &body, e))
		return e->status;
	return seal_all(rq, body, row_named(rq, target), e);
}
