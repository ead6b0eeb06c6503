/*
 * Shopify Inbox: the chat of a store, by a custom app of the store (CHA-101).
 *
 * Shopify signs what its apps are told (X-Shopify-Hmac-Sha256 over the raw body,
 * X-Shopify-Shop-Domain names the store), but publishes no interface for the
 * chat itself: the app passes messages on in the generic body (generic.c), and
 * takes answers at its own address with the store's access token.
 */
#include "channel/internal.h"

#include "base/tr.h"
#include "crypto/crypto.h"

/* "My-Shop.myshopify.com", also with https:// and a path, in lower case. */
static struct sv shop_name(struct arena *a, struct sv said)
{
	ptrdiff_t scheme = sv_find(said, SV("://"));
	struct sv rest = scheme < 0 ? said : sv_skip(said, (size_t)scheme + 3);
	char *out = arena_dup(a, sv_trim(sv_cut(&rest, '/')));

	for (char *c = out; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	return sv_from(out);
}

static struct sv key(struct arena *a, const struct channel_account *acc)
{
	struct sv shop = channel_option(a, acc, "shop_domain");

	return shop_name(a, acc->external_id.n ? acc->external_id : shop);
}

static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	struct sv shop = shop_name(call->arena, call->header(call, "X-Shopify-Shop-Domain"));

	(void)body;
	if (!shop.n)
		return err_set(e, call->arena, ST_BAD_INPUT, "X-Shopify-Shop-Domain is missing");
	channel_share_of(call->arena, out, shop, SV_NONE);
	return ST_OK;
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "client_secret");
	unsigned char mac[SHA256_SIZE];

	if (!secret.n || !call->signature.n)
		return false;
	crypto_hmac_sha256(mac, secret, call->body);
	return crypto_equal(crypto_base64(call->arena, sv_make((const char *)mac, sizeof(mac))),
			    call->signature);
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	(void)acc;
	(void)e;
	generic_read(a, body, false, out);
	return ST_OK;
}

/* ---- out ------------------------------------------------------------------------------- */

static void ask(struct channel_part *p, struct net_request *out)
{
	json_t *o = channel_json_keep(p->arena, json_object());
	struct net_header *h = ARENA_ARRAY(p->arena, 2, struct net_header);
	struct buf *url = buf_in_arena(p->arena);

	channel_set(o, "conversation_id", p->to);
	channel_set(o, "message", p->text);
	channel_set(o, "reply_to", p->reply_to);
	channel_set(o, "media_url", p->url);
	channel_set(o, "media_type", p->type);
	channel_set(o, "file_name", p->name);
	channel_set(o, "client_message_id", p->message_id);
	buf_add(url, p->account->api_base);
	buf_lit(url, "/messages");
	channel_post_json(p->arena, out, buf_sv(url), SV_NONE, channel_dump(p->arena, o));
	h[0] = out->headers[0];
	h[1] = (struct net_header){ SV("X-Shopify-Access-Token"),
				    channel_secret(p->account, "access_token") };
	out->headers = h;
	out->n_headers = 2;
}

static enum channel_next refused(struct channel_part *p, const json_t *body, const struct net_response *r,
				 struct channel_failure *f)
{
	struct sv said = channel_text(p->arena, body, "errors");
	enum channel_certainty c = channel_certainty(r, true, body != NULL);
	const char *words = "Shopify refused";

	if (!said.n)
		said = channel_text(p->arena, body, "error");
	if (r->status == 429) {
		words = "Shopify asks to send more slowly";
	} else if (r->status == 401 || r->status == 403) {
		words = "The access token of the store's app is not valid. Enter it anew in the channel's settings";
		f->disconnected = true;
	} else if (r->status == 402 || r->status == 423) {
		words = "The store is frozen or locked";
		f->disconnected = true;
	}
	f->retry_after = r->retry_after;
	return channel_fail(f, c, sv_from(arena_printf(p->arena, "%d", r->status)),
			    sv_from(arena_printf(p->arena, "%s (%d%s%.*s)", words, r->status,
						 said.n ? " " : "", SV_ARG(said))));
}

static enum channel_next shopify_send(struct channel_part *p, const struct net_response *r,
				      struct net_request *out, struct channel_failure *f)
{
	struct err e;
	json_t *body;

	if (!r && !p->account->api_base.n)
		return channel_fail(f, CHANNEL_PERMANENT, SV("address"),
				    SV("Enter the address of the store's app in the channel's settings"));
	if (!r) {
		ask(p, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(p->arena, r, true, f))
		return CHANNEL_DEAD;
	body = channel_json(p->arena, r->body, &e);
	if (r->status / 100 != 2)
		return refused(p, body, r, f);
	p->sent_id = channel_text(p->arena, body, "message_id");
	if (!p->sent_id.n)
		p->sent_id = channel_text(p->arena, body, "id");
	return CHANNEL_DONE;
}

static bool caption(const struct channel_part *p)
{
	return !sv_eq(p->kind, SV("sticker"));
}

const struct channel channel_shopify = {
	.type = "SHOPIFY_INBOX",
	.label = "Shopify Inbox",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY | CHANNEL_BY_URL | CHANNEL_NEEDS_APPROVAL,
	.text_max = 5000,
	.caption_max = 5000,
	.handle_kind = "shopify",
	.signature_header = "X-Shopify-Hmac-Sha256",
	.slug = "shopify",
	.icon = "shopping-cart",
	.about = N_("The chat of a Shopify store, by a custom app of the store."),
	.steps = N_("Enter the address as the app's webhook. Shopify signs each call with the app's client secret."),
	.settings = {
		{ "shop_domain", N_("Store"), N_("my-shop.myshopify.com"), CHANNEL_REQUIRED | CHANNEL_EXTERNAL },
		{ "client_secret", N_("Client secret"), N_("Of the custom app: webhooks are signed with it"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "access_token", N_("Access token"), N_("Of the custom app, after it was installed in the store"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "api_base", N_("Address of the app"), N_("Answers are posted to /messages there"),
		  CHANNEL_REQUIRED | CHANNEL_URL },
	},
	.hook = "shopify-inbox-webhook",
	.answer = "{\"success\":true}",
	.key = key,
	.key_name = "store",
	.split = split,
	.verify = verify,
	.parse = parse,
	.caption = caption,
	.send = shopify_send,
	.fetch = generic_fetch,
};
