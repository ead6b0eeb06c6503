/*
 * The job "facebook_connect": somebody came back from Facebook's consent page
 * with a code. It becomes a token that lasts, and the list of what he may
 * connect: pages, Instagram accounts or WhatsApp numbers. The payload: {visit}.
 * What fails is told to him and he tries again; nobody else does.
 */
#include "worker/worker.h"

#include "base/conf.h"
#include "base/log.h"
#include "channel/channel.h"
#include "crypto/crypto.h"

#include <jansson.h>
#include <stdlib.h>

#define TOTAL_MS 15000
#define ACCOUNTS_MAX 10

struct visit {
	struct sv id, kind, state, context, code, token;
	json_t *choices; /* [{"key","title","detail"}], for the page */
	json_t *secrets; /* {key: {"token", ids ..}}, sealed for it */
	json_t *wabas;   /* ids still to be asked */
	size_t waba;
	/* what is written at the end */
	struct sv sealed, found, error;
};

static void drop_json(void *json)
{
	json_decref(json);
}

static json_t *keep(struct job *j, json_t *o)
{
	arena_cleanup(j->arena, drop_json, o);
	return o;
}

static struct sv text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static bool is_kind(const struct visit *v, const char *kind)
{
	return sv_eq(v->kind, sv_from(kind));
}

/* ---- ends --------------------------------------------------------------------- */

static void write_end(struct job *j, struct db_batch *b)
{
	const struct visit *v = j->state;

	db_as_system(b, j->organization_id);
	db_add(b, "select internal.visit_end($1, $2, $3::jsonb, $4)", DB_S(v->id), DB_OPT(v->sealed),
	       DB_OPT(v->found), DB_OPT(v->error));
}

static void end(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };

	write_end(j, b);
	if (!db_run(b, &e))
		job_done(j);
	else if (e.status == ST_UNAVAILABLE)
		job_postpone(j, err_message(&e), 1000);
	else
		job_fail(j, err_message(&e), -1);
}

static void give_up(struct job *j, struct sv words, struct sv said)
{
	struct visit *v = j->state;

	log_warn("connecting by Facebook failed", LOG_S("why", words), LOG_S("said", said));
	v->error = said.n ? sv_from(arena_printf(j->arena, "%.*s (%.*s)", SV_ARG(words), SV_ARG(said)))
			  : words;
	end(j);
}

/* The answer's JSON; NULL: the job has ended. */
static json_t *usable(struct job *j, const struct net_response *r, const char *words)
{
	const json_t *error;
	json_t *body;

	if (r->error == NET_ABORTED) {
		job_release(j);
		return NULL;
	}
	body = r->error ? NULL : json_loadb(r->body.p, r->body.n, 0, NULL);
	if (body)
		keep(j, body);
	if (!r->error && r->status == 200 && body)
		return body;
	if ((r->error || r->status >= 500) && job_retry_ms(j, r->retry_after) >= 0) {
		job_fail(j, r->text.n ? r->text : SV("Facebook has trouble"), job_retry_ms(j, r->retry_after));
		return NULL;
	}
	error = json_object_get(body, "error");
	give_up(j, sv_from(words), error ? text(error, "message") : arena_sv(j->arena, r->text));
	return NULL;
}

/* ---- questions ------------------------------------------------------------------- */

static void param(struct buf *b, const char *name, struct sv value)
{
	buf_addf(b, "%s%s=", sv_chr(buf_sv(b), '?') < 0 ? "?" : "&", name);
	buf_url(b, value);
}

static void ask(struct job *j, const struct buf *url, bool with_token, net_callback *done)
{
	const struct visit *v = j->state;
	struct net_header bearer = { SV("Authorization"),
				     sv_from(arena_printf(j->arena, "Bearer %.*s", SV_ARG(v->token))) };
	struct net_request r = { .method = SV("GET"), .url = buf_sv(url), .total_ms = TOTAL_MS,
				 .lane = SV("facebook"), .lane_max = 8 };

	if (with_token) {
		r.headers = &bearer;
		r.n_headers = 1;
	}
	net_start(worker_of(j)->net, &r, done, j);
}

static void begin_url(struct buf *b, const char *path)
{
	buf_addf(b, "%s%s", conf_str(CONF_facebook_graph_url), path);
}

static void add_app(struct job *j, struct buf *b)
{
	param(b, "client_id", sv_from(conf_str(CONF_facebook_app_id)));
	param(b, "client_secret", channel_app_secret(j->arena));
}

/* ---- what there is to choose ------------------------------------------------------ */

static void offer(struct visit *v, struct sv key, struct sv title, struct sv detail, json_t *secret)
{
	json_t *choice = json_object();

	json_object_set_new(choice, "key", json_stringn(key.p, key.n));
	json_object_set_new(choice, "title", json_stringn(title.n ? title.p : key.p, title.n ? title.n : key.n));
	json_object_set_new(choice, "detail", json_stringn(detail.p ? detail.p : "", detail.n));
	json_array_append_new(v->choices, choice);
	json_object_setn_new(v->secrets, key.p, key.n, secret);
}

static struct sv dumped(struct job *j, const json_t *o)
{
	char *all = json_dumps(o, JSON_COMPACT);
	struct sv out = arena_sv(j->arena, sv_from(all));

	free(all);
	return out;
}

static void finish(struct job *j)
{
	struct visit *v = j->state;

	if (!json_array_size(v->choices)) {
		give_up(j, is_kind(v, "INSTAGRAM") ?
			SV("No page with a linked Instagram professional account was granted") :
			is_kind(v, "WHATSAPP_CLOUD") ?
			SV("No WhatsApp number was granted; numbers of a system user are entered by hand") :
			SV("No page was granted"), SV_NONE);
		return;
	}
	v->sealed = crypto_seal(j->arena, v->context, dumped(j, v->secrets));
	v->found = dumped(j, v->choices);
	end(j);
}

static void got_pages(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	const json_t *body = usable(j, r, "Facebook did not name your pages"), *page;
	size_t i;

	if (!body)
		return;
	json_array_foreach(json_object_get(body, "data"), i, page) {
		const json_t *instagram = json_object_get(page, "instagram_business_account");
		json_t *secret = json_pack("{s:O?,s:O?,s:O?}", "token", json_object_get(page, "access_token"),
					   "page_id", json_object_get(page, "id"), "instagram_id",
					   json_object_get(instagram, "id"));

		if (is_kind(v, "FB_MESSENGER"))
			offer(v, text(page, "id"), text(page, "name"), text(page, "id"), secret);
		else if (instagram)
			offer(v, text(instagram, "id"), text(instagram, "username"), text(page, "name"), secret);
		else
			json_decref(secret);
	}
	finish(j);
}

static void ask_pages(struct job *j)
{
	buf_auto struct buf url = BUF_INIT;

	begin_url(&url, "/me/accounts");
	param(&url, "fields", SV("id,name,access_token,instagram_business_account{id,username}"));
	param(&url, "limit", SV("100"));
	ask(j, &url, true, got_pages);
}

static void ask_numbers(struct job *j);

static void got_numbers(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	const json_t *body = usable(j, r, "Facebook did not name the numbers"), *one;
	json_t *waba = json_array_get(v->wabas, v->waba);
	size_t i;

	if (!body)
		return;
	json_array_foreach(json_object_get(body, "data"), i, one) {
		json_t *secret = json_pack("{s:s%,s:O,s:O?}", "token", v->token.p, v->token.n, "waba_id", waba,
					   "phone_number_id", json_object_get(one, "id"));

		offer(v, text(one, "id"), text(one, "display_phone_number"), text(one, "verified_name"), secret);
	}
	v->waba++;
	ask_numbers(j);
}

static void ask_numbers(struct job *j)
{
	struct visit *v = j->state;
	struct sv id = sv_from(json_string_value(json_array_get(v->wabas, v->waba)));
	buf_auto struct buf url = BUF_INIT;

	if (!id.n || v->waba == ACCOUNTS_MAX) {
		finish(j);
		return;
	}
	begin_url(&url, "/");
	buf_url(&url, id);
	buf_lit(&url, "/phone_numbers");
	param(&url, "fields", SV("id,display_phone_number,verified_name"));
	ask(j, &url, true, got_numbers);
}

/* Which business accounts were granted stands in the token itself (CHA-56). */
static void got_grants(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	const json_t *body = usable(j, r, "Facebook did not say what was granted"), *one;
	size_t i;

	if (!body)
		return;
	json_array_foreach(json_object_get(json_object_get(body, "data"), "granular_scopes"), i, one)
		if (sv_eq(text(one, "scope"), SV("whatsapp_business_management")))
			v->wabas = json_object_get(one, "target_ids");
	ask_numbers(j);
}

static void ask_grants(struct job *j)
{
	const struct visit *v = j->state;
	struct sv secret = channel_app_secret(j->arena);
	buf_auto struct buf url = BUF_INIT;

	begin_url(&url, "/debug_token");
	param(&url, "input_token", v->token);
	param(&url, "access_token",
	      sv_from(arena_printf(j->arena, "%s|%.*s", conf_str(CONF_facebook_app_id), SV_ARG(secret))));
	ask(j, &url, false, got_grants);
}

/* ---- permissions --------------------------------------------------------------------- */

static struct sv lacking(struct job *j, const json_t *granted, struct sv wanted)
{
	buf_auto struct buf out = BUF_INIT;

	while (sv_present(wanted)) {
		struct sv scope = sv_cut(&wanted, ',');
		const json_t *one;
		bool has = false;
		size_t i;

		json_array_foreach(granted, i, one)
			has |= sv_eq(text(one, "permission"), scope) &&
			       sv_eq(text(one, "status"), SV("granted"));
		if (has)
			continue;
		if (out.n)
			buf_lit(&out, ", ");
		buf_add(&out, scope);
	}
	return arena_sv(j->arena, buf_sv(&out));
}

/* CHA-27: what was not granted is named, and asked for again. */
static void got_permissions(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	const json_t *body = usable(j, r, "Facebook did not say what was granted");
	struct sv lacks;

	if (!body)
		return;
	lacks = lacking(j, json_object_get(body, "data"), sv_from(facebook_scopes(v->kind)));
	if (lacks.n)
		give_up(j, SV("Not all permissions were granted"), lacks);
	else if (is_kind(v, "WHATSAPP_CLOUD"))
		ask_grants(j);
	else
		ask_pages(j);
}

/* ---- tokens ------------------------------------------------------------------------------ */

static void got_long_token(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct visit *v = j->state;
	const json_t *body = usable(j, r, "Facebook gave no token that lasts");
	buf_auto struct buf url = BUF_INIT;

	if (!body)
		return;
	v->token = text(body, "access_token");
	begin_url(&url, "/me/permissions");
	ask(j, &url, true, got_permissions);
}

static void got_token(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	const json_t *body = usable(j, r, "Facebook did not accept the sign-in; it may have taken too long");
	buf_auto struct buf url = BUF_INIT;

	if (!body)
		return;
	begin_url(&url, "/oauth/access_token");
	param(&url, "grant_type", SV("fb_exchange_token"));
	add_app(j, &url);
	param(&url, "fb_exchange_token", text(body, "access_token"));
	ask(j, &url, false, got_long_token);
}

static void exchange(struct job *j)
{
	const struct visit *v = j->state;
	buf_auto struct buf url = BUF_INIT;

	begin_url(&url, "/oauth/access_token");
	add_app(j, &url);
	param(&url, "redirect_uri",
	      sv_from(arena_printf(j->arena, "%s/functions/v1/facebook-oauth", conf_str(CONF_base_url))));
	param(&url, "code", v->code);
	ask(j, &url, false, got_token);
}

/* ---- the job --------------------------------------------------------------------------------- */

void facebook_start(struct job *j)
{
	struct visit *v = ARENA_NEW(j->arena, struct visit);
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	json_t *payload = json_loadb(j->payload.p, j->payload.n, 0, NULL);
	struct err e = { 0 };
	int row;

	j->state = v;
	keep(j, payload);
	v->id = text(payload, "visit");
	db_as_system(b, j->organization_id);
	row = db_add(b, "select * from internal.visit_load($1)", DB_S(v->id));
	if (db_run(b, &e)) {
		job_fail(j, err_message(&e), job_retry_ms(j, 0));
		return;
	}
	if (!db_rows(b, row)) {
		job_done(j);
		return;
	}
	v->kind = db_first(b, row, "kind");
	v->state = db_first(b, row, "state_sha256");
	v->context = sv_from(arena_printf(j->arena, "facebook:%.*s", SV_ARG(v->state)));
	v->code = crypto_open(j->arena, v->context, db_first(b, row, "sealed"));
	v->choices = keep(j, json_array());
	v->secrets = keep(j, json_object());
	v->wabas = NULL;
	if (v->code.n)
		exchange(j);
	else
		give_up(j, SV("The sign-in cannot be read any more; begin again"), SV_NONE);
}
