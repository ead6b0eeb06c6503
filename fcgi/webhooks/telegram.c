/* POST /functions/v1/telegram-webhook: one Update of the Bot API. */
#include "fcgi/webhooks/intake.h"

#include "crypto/crypto.h"

/* An update names nothing but the token that setWebhook was given. */
static struct sv key_of(struct arena *a, struct sv token)
{
	unsigned char hash[SHA256_SIZE];

	crypto_sha256(hash, token);
	return arena_sv(a, sv_make((char *)hash, sizeof(hash)));
}

static struct sv account_key(struct arena *a, const struct channel_account *acc)
{
	struct sv token = channel_secret(acc, "secret_token");

	return token.n ? key_of(a, token) : SV_NONE;
}

static struct accounts accounts = { .key = account_key };

enum status intake_telegram(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct channel *c = channel_find(SV("TELEGRAM"));
	struct sv token = http_header(rq, c->signature_header), dedupe;
	const struct channel_account *acc;
	const json_t *body;

	accounts.channel = c;
	if (accounts_fresh(&accounts, rq, e))
		return e->status;
	acc = token.n ? accounts_find(&accounts, key_of(rq->arena, token), rq) : NULL;
	if (!acc || !c->verify(acc, token, rq->body))
		return intake_refuse(rq, &accounts, NULL, e);
	body = channel_json(rq->arena, rq->body, e);
	if (!body)
		return e->status;
	dedupe = c->dedupe(rq->arena, body);
	if (!dedupe.n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "update_id is missing");
	if (intake_store(rq, acc, dedupe, rq->body, SV_NONE, e))
		return e->status;
	intake_answer(rs, SV("{\"ok\":true}"));
	return ST_OK;
}
