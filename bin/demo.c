/* The demo: a tenant with data that looks like a working week, and a small second one. */
#include "bin/admin.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#include <string.h>

struct demo_tenant {
	const char *name, *slug, *zone, *currency;
	struct {
		const char *email, *first_name, *last_name, *role, *username;
	} people[4];
	const char *data; /* SQL that fills it: $1 tenant, $2 first person, $3 second */
	const char *phone_number_id;
};

/* The password of every demo person; the demo listens on loopback only. */
#define DEMO_PASSWORD "kontor-demo"

static const struct demo_tenant tenants[] = {
	{
		.name = "Nordlicht Trading",
		.slug = "nordlicht",
		.zone = "Europe/Berlin",
		.currency = "EUR",
		.people = { { "anna@nordlicht.example", "Anna", "Berg", "OWNER", "anna" },
			    { "omar@nordlicht.example", "Omar", "Haddad", "AGENT", "omar" },
			    { "lea@nordlicht.example", "Lea", "Novak", "ADMIN", "lea" } },
		.data = "select internal.demo_data($1, $2, $3), internal.demo_tasks($1, $2, $3),"
			" internal.demo_leads($1, $2, $3)",
		.phone_number_id = "106540352242922",
	},
	{
		.name = "Bluebird Studio",
		.slug = "bluebird",
		.zone = "America/New_York",
		.currency = "USD",
		.people = { { "bo@bluebird.example", "Bo", "Larsen", "OWNER", "bo" } },
		.data = "select internal.demo_small($1, $2, $3)",
		.phone_number_id = "106540352242923",
	},
};

static void set(json_t *object, const char *key, struct sv value)
{
	json_object_set_new(object, key, json_stringn(value.p, value.n));
}

/* ---- channels ------------------------------------------------------------- */

struct secret {
	const char *name;
	struct sv value;
	bool lookup;
};

static void add_secret(struct admin *ad, struct db_batch *b, struct sv organization_id,
		       struct sv channel_id, const struct secret *s)
{
	struct sv context = sv_from(arena_printf(ad->arena, "channel:%.*s:%s", SV_ARG(channel_id),
						 s->name));

	db_add(b,
	       "insert into channel_secrets (organization_id, channel_account_id, name, sealed, lookup)"
	       " values ($1, $2, $3, $4, decode($5, 'hex'))",
	       DB_S(organization_id), DB_S(channel_id), DB_C(s->name),
	       DB_S(crypto_seal(ad->arena, context, s->value)),
	       DB_S(s->lookup ? crypto_token_hash(ad->arena, s->value) : SV_NONE));
}

static enum status add_channel(struct admin *ad, struct sv organization_id, const char *type,
			       const char *name, const char *external_id, const char *settings,
			       struct sv *id, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);
	int made;

	db_as_self(b);
	made = db_add(b,
		      "insert into channel_accounts (organization_id, name, type, external_id,"
		      " connection_state, settings) values ($1, $2, $3, $4, 'Connected', $5) returning id",
		      DB_S(organization_id), DB_C(name), DB_C(type), DB_C(external_id),
		      DB_C(settings));
	if (db_run(b, e))
		return e->status;
	*id = db_first(b, made, "id");
	return ST_OK;
}

static enum status store_channel(struct admin *ad, struct sv organization_id, struct sv id,
				 const struct secret *secrets, size_t n, const char *hook,
				 json_t *channel, struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);

	set(channel, "id", id);
	set(channel, "webhook_url",
	    sv_from(arena_printf(ad->arena, "%s/functions/v1/%s", conf_str(CONF_base_url), hook)));
	db_as_self(b);
	for (size_t i = 0; i < n; i++) {
		add_secret(ad, b, organization_id, id, &secrets[i]);
		set(channel, secrets[i].name, secrets[i].value);
	}
	return db_run(b, e);
}

static enum status telegram(struct admin *ad, struct sv organization_id, json_t *channels,
			    struct err *e)
{
	json_t *channel = json_object();
	struct secret secrets[] = {
		{ "bot_token", sv_from(arena_printf(ad->arena, "110201543:%s",
						    crypto_token_new(ad->arena, "").p)), false },
		{ "secret_token", crypto_token_new(ad->arena, ""), true },
	};
	struct sv id;

	json_object_set_new(channels, "telegram", channel);
	if (add_channel(ad, organization_id, "TELEGRAM", "Telegram", NULL, "{}", &id, e))
		return e->status;
	return store_channel(ad, organization_id, id, secrets, 2, "telegram-webhook", channel, e);
}

static enum status whatsapp(struct admin *ad, const struct demo_tenant *t,
			    struct sv organization_id, json_t *channels, struct err *e)
{
	json_t *channel = json_object();
	struct secret secrets[] = {
		{ "access_token", crypto_token_new(ad->arena, "EAA"), false },
		{ "app_secret", crypto_token_new(ad->arena, ""), false },
		{ "verify_token", crypto_token_new(ad->arena, ""), true },
	};
	char *settings = arena_printf(ad->arena,
				      "{\"phone_number_id\":\"%s\",\"waba_id\":\"102290129340398\"}",
				      t->phone_number_id);
	struct sv id;

	json_object_set_new(channels, "whatsapp_cloud", channel);
	json_object_set_new(channel, "phone_number_id", json_string(t->phone_number_id));
	if (add_channel(ad, organization_id, "WHATSAPP_CLOUD", "WhatsApp", t->phone_number_id,
			settings, &id, e))
		return e->status;
	return store_channel(ad, organization_id, id, secrets, 3, "whatsapp-cloud-webhook", channel,
			     e);
}

/* ---- one tenant ------------------------------------------------------------- */

static enum status people(struct admin *ad, const struct demo_tenant *t, struct sv organization_id,
			  json_t *out, struct sv ids[static 4], struct err *e)
{
	json_t *users = json_array();

	json_object_set_new(out, "users", users);
	for (int i = 0; i < 4 && t->people[i].email; i++) {
		struct admin_person p = {
			.organization_id = organization_id,
			.email = sv_from(t->people[i].email),
			.password = SV(DEMO_PASSWORD),
			.first_name = sv_from(t->people[i].first_name),
			.last_name = sv_from(t->people[i].last_name),
			.role = sv_from(t->people[i].role),
			.username = sv_from(t->people[i].username),
		};

		if (admin_user(ad, &p, &ids[i], e))
			return e->status;
		json_array_append_new(users, json_pack("{s:s,s:s,s:s}", "email", t->people[i].email,
						       "password", DEMO_PASSWORD, "role",
						       t->people[i].role));
	}
	return ST_OK;
}

static enum status fill(struct admin *ad, const struct demo_tenant *t, struct sv organization_id,
			const struct sv ids[static 4], struct err *e)
{
	struct db_batch *b = db_batch(ad->db, ad->arena);

	db_as_self(b);
	db_add(b, t->data, DB_S(organization_id), DB_S(ids[0]), DB_S(ids[1].n ? ids[1] : ids[0]));
	return db_run(b, e);
}

static enum status one(struct admin *ad, const struct demo_tenant *t, json_t *out, struct err *e)
{
	json_t *channels = json_object();
	struct sv ids[4] = { 0 }, organization_id, api_key, crm_key;

	json_object_set_new(out, "name", json_string(t->name));
	json_object_set_new(out, "channels", channels);
	if (admin_tenant(ad, sv_from(t->name), sv_from(t->slug), sv_from(t->zone),
			 sv_from(t->currency), &organization_id, e))
		return e->status;
	set(out, "organization_id", organization_id);
	set(out, "booking_url",
	    sv_from(arena_printf(ad->arena, "%s/schedule/%s/consultation", conf_str(CONF_base_url),
				 t->people[0].username)));
	if (people(ad, t, organization_id, out, ids, e) ||
	    admin_key(ad, organization_id, SV("Demo"), "cg_", &api_key, e) ||
	    admin_key(ad, organization_id, SV("Demo CRM"), "ck_live_", &crm_key, e) ||
	    telegram(ad, organization_id, channels, e) ||
	    whatsapp(ad, t, organization_id, channels, e) ||
	    fill(ad, t, organization_id, ids, e))
		return e->status;
	set(out, "api_key", api_key);
	set(out, "crm_key", crm_key);
	return ST_OK;
}

enum status admin_demo(struct admin *ad, struct err *e)
{
	json_t *list = json_array();

	json_object_set_new(ad->out, "tenants", list);
	for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
		json_t *out = json_object();

		json_array_append_new(list, out);
		if (one(ad, &tenants[i], out, e))
			return e->status;
	}
	return ST_OK;
}
