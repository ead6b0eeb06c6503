/* /functions/v1/whatsapp-cloud-webhook: Meta's handshake and its calls. */
#include "fcgi/webhooks/intake.h"

#include "base/log.h"
#include "crypto/crypto.h"

#include <stdlib.h>

/* Bytes to run through HMAC in search of an account that nothing names. */
#define SEARCH_MAX (64 * 1024 * 1024)
#define CHALLENGE_MAX 1024

/* CHA-32: the account is found by metadata.phone_number_id. */
static struct sv account_key(struct arena *a, const struct channel_account *acc)
{
	(void)a;
	return acc->external_id;
}

static struct accounts accounts = { .key = account_key };

static enum status fresh(struct http_request *rq, struct err *e)
{
	accounts.channel = channel_find(SV("WHATSAPP_CLOUD"));
	return accounts_fresh(&accounts, rq, e);
}

/* CHA-66, Open points: the token of any active account. All are compared. */
static bool token_known(struct sv token)
{
	bool known = false;

	for (size_t i = 0; i < accounts.n; i++) {
		struct sv ours = channel_secret(&accounts.v[i], "verify_token");

		known |= ours.n && crypto_equal(ours, token);
	}
	return known;
}

enum status intake_whatsapp_handshake(struct http_request *rq, struct http_response *rs,
				      struct err *e)
{
	struct sv challenge = http_query(rq, "hub.challenge");

	if (fresh(rq, e))
		return e->status;
	if (!sv_eq(http_query(rq, "hub.mode"), SV("subscribe")) || challenge.n > CHALLENGE_MAX ||
	    !token_known(http_query(rq, "hub.verify_token"))) {
		intake_count(rq, accounts.channel, "refused");
		return err_set(e, rq->arena, ST_FORBIDDEN,
			       "hub.verify_token is not that of a channel here");
	}
	http_content_type(rs, "text/plain");
	buf_add(&rs->body, challenge);
	return ST_OK;
}

/* ---- whose call is it? ----------------------------------------------------- */

/* One account that the call is for, and the part of the body that is its own:
 * a tenant must not find another's messages in what is stored for it. */
struct share {
	const struct channel_account *account; /* NULL: changes that no account claims */
	json_t *body;
	struct sv number; /* phone_number_id or WABA id of the last change */
};

struct call {
	struct share *v; /* v[0] is the unclaimed share */
	size_t n;
	size_t changes;
};

/* A change without a number (templates, account) is the WABA's: that of its
 * only account here. */
static const struct channel_account *by_waba(struct sv waba)
{
	const struct channel_account *found = NULL;

	for (size_t i = 0; waba.n && i < accounts.n; i++) {
		if (!sv_eq(accounts.v[i].waba_id, waba))
			continue;
		if (found)
			return NULL;
		found = &accounts.v[i];
	}
	return found;
}

static struct sv text_of(const json_t *v)
{
	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static struct share *share_of(struct call *call, const struct channel_account *acc)
{
	for (size_t i = 0; i < call->n; i++)
		if (call->v[i].account == acc)
			return &call->v[i];
	call->v[call->n].account = acc;
	return &call->v[call->n++];
}

/* {"object":..,"entry":[{"id":..,"changes":[..]}, ..]} with its changes only. */
static void give(struct arena *a, struct share *s, json_t *body, json_t *entry, json_t *change)
{
	json_t *entries, *mine;

	if (!s->body) {
		s->body = channel_json_keep(a, json_object());
		json_object_set(s->body, "object", json_object_get(body, "object"));
		json_object_set_new(s->body, "entry", json_array());
	}
	entries = json_object_get(s->body, "entry");
	mine = json_pack("{s:O?,s:[O]}", "id", json_object_get(entry, "id"), "changes", change);
	json_array_append_new(entries, mine);
}

static void sort_out(struct http_request *rq, struct call *call, json_t *body)
{
	json_t *entry, *change;
	size_t i, k;

	json_array_foreach (json_object_get(body, "entry"), i, entry)
		call->changes += json_array_size(json_object_get(entry, "changes"));
	call->v = ARENA_ARRAY(rq->arena, call->changes + 1, struct share);
	call->n = 1;
	json_array_foreach (json_object_get(body, "entry"), i, entry) {
		json_array_foreach (json_object_get(entry, "changes"), k, change) {
			const json_t *metadata =
				json_object_get(json_object_get(change, "value"), "metadata");
			struct sv number = text_of(json_object_get(metadata, "phone_number_id"));
			struct sv waba = text_of(json_object_get(entry, "id"));
			struct share *s =
				share_of(call, number.n ? accounts_find(&accounts, number, rq)
							: by_waba(waba));

			s->number = number.n ? number : waba;
			give(rq->arena, s, body, entry, change);
		}
	}
}

/* ---- is it Meta's? ------------------------------------------------------------ */

/*
 * A call for no number of ours may be genuine: the number was switched off,
 * or belongs to the same app. Somebody's secret then proves it. *sole: the
 * account to tell, when only one tenant's secret fits.
 */
static bool proven_by_any(struct http_request *rq, struct sv header,
			  const struct channel_account **sole)
{
	const struct channel_account *first = NULL;
	bool several = false;

	for (size_t i = 0; i < accounts.n && (i + 1) * (rq->body.n + 64) <= SEARCH_MAX; i++) {
		const struct channel_account *acc = &accounts.v[i];

		if (!accounts.channel->verify(acc, header, rq->body))
			continue;
		if (!first)
			first = acc;
		several |= !sv_eq(first->organization_id, acc->organization_id);
	}
	*sole = several ? NULL : first;
	return first != NULL;
}

/* CHA-73: 200, for Meta would only repeat it; a dead letter for whoever may see it. */
static enum status unmatched(struct http_request *rq, struct share *s,
			     const struct channel_account *sole, struct sv raw, struct err *e)
{
	struct sv why = sv_from(arena_printf(
		rq->arena, "No active channel has the phone_number_id %.*s", SV_ARG(s->number)));

	log_warn("unmatched call", LOG_C("type", accounts.channel->type),
		 LOG_S("number", s->number), LOG_S("channel", sole ? sole->id : SV_NONE));
	intake_count(rq, accounts.channel, "unmatched");
	return sole ? intake_store(rq, sole, SV_NONE, raw, why, e) : ST_OK;
}

static enum status nobodys(struct http_request *rq, struct call *call, struct sv header,
			   const json_t *body, struct err *e)
{
	const struct channel_account *sole = NULL;

	if (!proven_by_any(rq, header, &sole)) {
		*e = (struct err){ 0 };
		return intake_refuse(rq, &accounts, NULL, e);
	}
	if (!body)
		return e->status; /* 400: what channel_json said */
	if (!json_is_array(json_object_get(body, "entry")))
		return err_set(e, rq->arena, ST_BAD_INPUT, "entry is missing");
	return call->v[0].body ? unmatched(rq, &call->v[0], sole, rq->body, e) : ST_OK;
}

/* ---- the call --------------------------------------------------------------------- */

static struct sv part(struct http_request *rq, const struct call *call, const struct share *s)
{
	char *text;
	struct sv out;

	if (call->n == 2 && !call->v[0].body)
		return rq->body; /* the whole, byte for byte */
	text = json_dumps(s->body, JSON_COMPACT);
	out = arena_sv(rq->arena, sv_from(text));
	free(text);
	return out;
}

static enum status store_shares(struct http_request *rq, struct call *call, struct sv header,
				struct err *e)
{
	const struct channel_account *proven = NULL, *wrong = NULL, *sole;
	bool several = false;

	for (size_t i = 1; i < call->n; i++) {
		const struct channel_account *acc = call->v[i].account;

		if (!accounts.channel->verify(acc, header, rq->body)) {
			wrong = acc;
			continue;
		}
		several |= proven && !sv_eq(proven->organization_id, acc->organization_id);
		proven = acc;
		if (intake_store(rq, acc, SV_NONE, part(rq, call, &call->v[i]), SV_NONE, e))
			return e->status;
	}
	sole = several ? NULL : proven;
	if (proven && call->v[0].body)
		return unmatched(rq, &call->v[0], sole, part(rq, call, &call->v[0]), e);
	return proven ? ST_OK : intake_refuse(rq, &accounts, wrong, e);
}

enum status intake_whatsapp_cloud(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv header = http_header(rq, "X-Hub-Signature-256");
	struct call call = { 0 };
	enum status s;
	json_t *body;

	if (fresh(rq, e))
		return e->status;
	body = channel_json(rq->arena, rq->body, e);
	sort_out(rq, &call, body);
	s = call.n > 1 ? store_shares(rq, &call, header, e) : nobodys(rq, &call, header, body, e);
	if (!s)
		intake_answer(rs, SV("{\"status\":\"ok\"}")); /* CHA-68 */
	return s;
}
