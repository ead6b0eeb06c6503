/* What WhatsApp Cloud, Messenger and Instagram have in common: Meta's webhook
 * and the addresses of its Graph API. */
#include "channel/internal.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#define CHALLENGE_MAX 1024
#define SECRET_MAX 256

/* ---- the installation's own app ------------------------------------------- */

/* The first line of facebook_app_secret_file, read once. */
static struct sv installation_secret(void)
{
	static char line[SECRET_MAX];
	static bool asked;
	const char *path = conf_str(CONF_facebook_app_secret_file);
	FILE *f;

	if (!asked && *path && (f = fopen(path, "re"))) {
		if (!fgets(line, sizeof(line), f))
			*line = '\0';
		fclose(f);
		line[strcspn(line, "\r\n")] = '\0';
	}
	asked = true;
	return sv_from(line);
}

struct sv channel_app_secret(struct arena *a)
{
	return arena_sv(a, installation_secret());
}

const char *facebook_scopes(struct sv type)
{
	if (sv_eq(type, SV("WHATSAPP_CLOUD")))
		return "whatsapp_business_management,whatsapp_business_messaging";
	if (sv_eq(type, SV("INSTAGRAM")))
		return "pages_show_list,pages_manage_metadata,instagram_basic,"
		       "instagram_manage_messages,instagram_manage_comments";
	return "pages_show_list,pages_manage_metadata,pages_messaging,pages_read_engagement,"
	       "pages_manage_engagement";
}

struct sv meta_app_secret(struct arena *a, const struct channel_account *acc)
{
	struct sv own = acc ? channel_secret(acc, "app_secret") : SV_NONE;

	return own.n ? own : arena_sv(a, installation_secret());
}

struct sv meta_token(const struct channel_account *acc)
{
	struct sv token = channel_secret(acc, "access_token");

	return token.n ? token : channel_secret(acc, "page_access_token");
}

struct sv meta_url(struct arena *a, const struct channel_account *acc, struct sv node,
		   const char *edge)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, acc->api_base);
	buf_addc(&b, '/');
	buf_url(&b, node);
	buf_add(&b, sv_from(edge));
	return arena_sv(a, buf_sv(&b));
}

/* ---- calls of the webhook --------------------------------------------------- */

bool meta_verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = meta_app_secret(call->arena, acc);
	unsigned char mac[SHA256_SIZE];

	if (!secret.n || !sv_starts(call->signature, SV("sha256=")))
		return false;
	crypto_hmac_sha256(mac, secret, call->body);
	return crypto_equal(crypto_hex(call->arena, sv_make((char *)mac, sizeof(mac))),
			    sv_skip(call->signature, 7));
}

/* CHA-66: only for a token that the channel stores, or that of the
 * installation's app, which all of its pages share. */
bool meta_handshake(const struct channel_account *acc, const struct channel_call *call,
		    struct sv *answer, const char **content_type)
{
	struct sv challenge = call->query(call, "hub.challenge"),
		  token = call->query(call, "hub.verify_token"),
		  ours = channel_secret(acc, "verify_token"),
		  shared = sv_from(conf_str(CONF_facebook_verify_token));
	bool known = ours.n && crypto_equal(ours, token);

	known |= shared.n && crypto_equal(shared, token);
	if (!known || challenge.n > CHALLENGE_MAX ||
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

static void give_list(struct arena *a, struct channel_shares *out, json_t *body, json_t *entry,
		      const char *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(entry, list), i, item)
		meta_give(a, channel_share_of(a, out, channel_text(a, entry, "id"), SV_NONE), body,
			  entry, list, item);
}

enum status meta_split(const struct channel_call *call, json_t *body, struct channel_shares *out,
		       struct err *e)
{
	json_t *entries = json_object_get(body, "entry"), *entry;
	size_t i;

	if (!json_is_array(entries))
		return err_set(e, call->arena, ST_BAD_INPUT, "entry is missing");
	json_array_foreach(entries, i, entry) {
		give_list(call->arena, out, body, entry, "messaging");
		give_list(call->arena, out, body, entry, "standby");
		give_list(call->arena, out, body, entry, "changes");
	}
	return ST_OK;
}
