/* What WhatsApp Cloud, Messenger and Instagram have in common: Meta's webhook. */
#include "channel/internal.h"

#include "crypto/crypto.h"

#define CHALLENGE_MAX 1024

bool meta_verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "app_secret");
	unsigned char mac[SHA256_SIZE];

	if (!secret.n || !sv_starts(call->signature, SV("sha256=")))
		return false;
	crypto_hmac_sha256(mac, secret, call->body);
	return crypto_equal(crypto_hex(call->arena, sv_make((char *)mac, sizeof(mac))),
			    sv_skip(call->signature, 7));
}

/* CHA-66: only for the token that the channel stores. */
bool meta_handshake(const struct channel_account *acc, const struct channel_call *call,
		    struct sv *answer, const char **content_type)
{
	struct sv challenge = call->query(call, "hub.challenge"),
		  token = call->query(call, "hub.verify_token"),
		  ours = channel_secret(acc, "verify_token");

	if (!ours.n || !crypto_equal(ours, token) || challenge.n > CHALLENGE_MAX ||
	    !sv_eq(call->query(call, "hub.mode"), SV("subscribe")))
		return false;
	*answer = challenge;
	*content_type = "text/plain";
	return true;
}

void meta_give(struct arena *a, struct channel_share *s, json_t *body, json_t *entry,
	       const char *list, json_t *item)
{
	json_t *mine;

	if (!s->body) {
		s->body = channel_json_keep(a, json_object());
		json_object_set(s->body, "object", json_object_get(body, "object"));
		json_object_set_new(s->body, "entry", json_array());
	}
	mine = json_pack("{s:O?,s:O?,s:[O]}", "id", json_object_get(entry, "id"), "time",
			 json_object_get(entry, "time"), list, item);
	json_array_append_new(json_object_get(s->body, "entry"), mine);
}
