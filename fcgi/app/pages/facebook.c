/*
 * /settings/channels/facebook: connecting a page, an Instagram account or a
 * WhatsApp number by signing in at Facebook (CHA-25..27). The browser goes to
 * the consent page with a state that only its own person can use; it comes back
 * to /functions/v1/facebook-oauth, and from there to this page, which waits
 * while the worker asks what was granted, and offers it.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"
#include "fcgi/app/routes.h"

#include <string.h>

static const struct channel *kind_of(struct sv name)
{
	const struct channel *k = channel_kind(name);

	return k && k->caps & CHANNEL_BY_FACEBOOK ? k : NULL;
}

static void add(struct buf *b, const char *name, struct sv value)
{
	buf_addf(b, "%s%s=", sv_chr(buf_sv(b), '?') < 0 ? "?" : "&", name);
	buf_url(b, value);
}

/* To Facebook, with the state. */
enum status facebook_begin(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct channel *k = kind_of(http_query(rq, "type"));
	struct sv state = crypto_token_new(rq->arena, "");
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf url = BUF_INIT;

	if (!k)
		return http_redirect(rs, SV("/settings/channels/kinds"));
	if (!*conf_str(CONF_facebook_app_id))
		return err_set(e, rq->arena, ST_UNAVAILABLE, "%s",
			       tr("This installation has no application at Facebook; enter the token by hand"));
	db_add(b, "select app.visit_begin($1, $2)", DB_C(k->type),
	       DB_S(crypto_token_hash(rq->arena, state)));
	if (db_run(b, e))
		return e->status;
	buf_add(&url, sv_from(conf_str(CONF_facebook_dialog_url)));
	add(&url, "client_id", sv_from(conf_str(CONF_facebook_app_id)));
	add(&url, "redirect_uri",
	    sv_from(arena_printf(rq->arena, "%s/functions/v1/facebook-oauth", conf_str(CONF_base_url))));
	add(&url, "state", state);
	add(&url, "scope", sv_from(facebook_scopes(sv_from(k->type))));
	add(&url, "auth_type", SV("rerequest")); /* what was refused once is asked again */
	add(&url, "response_type", SV("code"));
	rs->status = 303;
	http_set_header(rs, "Location", arena_sv(rq->arena, buf_sv(&url)));
	return ST_OK;
}

/* ---- back again ------------------------------------------------------------------ */

static int add_visit(struct db_batch *b, struct sv id)
{
	return db_add(b,
		      "select v.kind, v.choices, v.error, v.sealed, v.state_sha256, v.status in ('begun', 'asking') as is_asking,"
		      " v.status = 'choose' as is_choosing, v.status = 'failed' as is_failed, v.status = 'done' as is_done"
		      " from app.visit($1) v", DB_S(id));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			struct sv problem, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	const struct channel *k;
	struct tmpl_value *page;
	int row;

	db_add(b, CHANNEL_ADMINS);
	web_me(rq, b);
	row = add_visit(b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This sign-in is over; begin again"));
	k = channel_kind(db_first(b, row, "kind"));
	page = web_page(rq, b);
	web_set_row(page, "visit", b, row, 0);
	tmpl_set_text(page, "visit_id", id);
	tmpl_set_text(page, "problem", problem);
	tmpl_set_text(page, "visit_error", web_tr(rq->arena, db_first(b, row, "error")));
	if (k)
		channel_set_kind(rq, page, k);
	if (problem.n)
		rs->status = 422;
	return web_render(rq, rs, wants_fragment(rq) ? "app/settings/facebook_now" : "app/settings/facebook",
			  page, e);
}

enum status facebook_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	return show(rq, rs, id, SV_NONE, e);
}

/* ---- chosen ------------------------------------------------------------------------ */

static void free_json(void *json)
{
	json_decref(json);
}

static struct sv text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static struct sv title_of(struct arena *a, struct sv choices, struct sv key)
{
	json_t *list = json_loadb(choices.p, choices.n, 0, NULL), *one;
	struct sv found = key;
	size_t i;

	arena_cleanup(a, free_json, list);
	json_array_foreach(list, i, one)
		if (sv_eq(text(one, "key"), key))
			found = text(one, "title");
	return found;
}

/* What was granted under that key; NULL: nothing. */
static const json_t *grant_of(struct arena *a, const struct db_batch *b, int row, struct sv key)
{
	struct sv hash = db_first(b, row, "state_sha256");
	struct sv context = sv_from(arena_printf(a, "facebook:%.*s", SV_ARG(hash)));
	struct sv plain = crypto_open(a, context, db_first(b, row, "sealed"));
	json_t *all = plain.n ? json_loadb(plain.p, plain.n, 0, NULL) : NULL;

	if (all)
		arena_cleanup(a, free_json, all);
	return key.n ? json_object_getn(all, key.p, key.n) : NULL;
}

/* An account that is here already gets the new token (CHA-17, CHA-27). */
static const char account_sql[] =
	"with known as (select a.id from channel_accounts a where a.type = $2 and a.external_id = $4 and a.deleted_at is null"
	" order by a.is_active desc, a.created_at limit 1),"
	" made as (insert into channel_accounts (id, name, type, external_id, settings, connection_state, is_active, awaits_check)"
	" select $1, left($3, 100), $2, $4, $5::jsonb, 'Disconnected', false, true where not exists (select from known)"
	" on conflict (organization_id, id) do nothing returning id)"
	" select coalesce((select k.id from known k), (select m.id from made m), $1::uuid) as id";

/* A Graph API of one's own (a stand-in) is that of the account, too. */
static struct sv settings_of(struct arena *a, const struct channel *k, const json_t *grant)
{
	buf_auto struct buf b = BUF_INIT;
	const char *const keys[] = { "page_id", "instagram_id", "waba_id", "phone_number_id" };

	buf_addc(&b, '{');
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!text(grant, keys[i]).n)
			continue;
		buf_json_key(&b, keys[i]);
		buf_json(&b, text(grant, keys[i]));
	}
	if (strcmp(conf_str(CONF_facebook_graph_url), k->api_base)) {
		buf_json_key(&b, "api_base");
		buf_json(&b, sv_from(conf_str(CONF_facebook_graph_url)));
	}
	buf_addc(&b, '}');
	return arena_sv(a, buf_sv(&b));
}

static enum status store_choice(struct http_request *rq, struct http_response *rs, struct sv visit,
				const struct channel *k, const json_t *grant, struct sv key,
				struct sv title, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, context;
	int row;

	db_add(b, CHANNEL_ADMINS);
	/* Its id is that of the visit, so that choosing twice connects once. */
	row = db_add(b, account_sql, DB_S(visit), DB_C(k->type), DB_S(title), DB_S(key),
		     DB_S(settings_of(rq->arena, k, grant)));
	if (db_run(b, e))
		return e->status;
	id = arena_sv(rq->arena, db_first(b, row, "id"));
	context = sv_from(arena_printf(rq->arena, "channel:%.*s:access_token", SV_ARG(id)));
	b = web_batch(rq);
	db_add(b, "select app.set_channel_secret($1, 'access_token', $2, null)", DB_S(id),
	       DB_S(crypto_seal(rq->arena, context, text(grant, "token"))));
	db_add(b, "update channel_accounts set settings = settings || $2::jsonb where id = $1 and not settings @> $2::jsonb",
	       DB_S(id), DB_S(settings_of(rq->arena, k, grant)));
	db_add(b, "select app.visit_done($1)", DB_S(visit));
	db_add(b, "select channel_check($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/settings/channels/", id, "/connect");
}

enum status facebook_choose(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, key = http_form(rq, "choice");
	const struct channel *k;
	const json_t *grant;
	int row;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	db_add(b, CHANNEL_ADMINS);
	row = add_visit(b, id);
	if (db_run(b, e))
		return e->status;
	k = channel_kind(db_first(b, row, "kind"));
	grant = k ? grant_of(rq->arena, b, row, key) : NULL;
	if (!grant)
		return show(rq, rs, id, key.n ? sv_from(tr("This sign-in is over; begin again")) :
						sv_from(tr("Choose one of them")), e);
	return store_choice(rq, rs, id, k, grant, key, title_of(rq->arena, db_first(b, row, "choices"), key), e);
}
