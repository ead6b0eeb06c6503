#include "channel/web_chat.h"

#include "base/conf.h"
#include "base/tr.h"
#include "channel/internal.h"
#include "crypto/crypto.h"

static struct sv proof(struct arena *a, const char *text)
{
	unsigned char key[32], mac[32];

	crypto_derive(key, "web chat");
	crypto_hmac_sha256(mac, sv_make((const char *)key, sizeof(key)), sv_from(text));
	return crypto_base64url(a, sv_make((const char *)mac, sizeof(mac)));
}

struct sv web_chat_stream(struct arena *a, struct sv handle)
{
	return proof(a, arena_printf(a, "stream %.*s", SV_ARG(handle)));
}

struct sv web_chat_file_key(struct arena *a, struct sv channel, struct sv visitor)
{
	return proof(a, arena_printf(a, "files %.*s %.*s", SV_ARG(channel), SV_ARG(visitor)));
}

/* "Look again", to the pages that the visitor has open. */
static void publish(struct arena *a, struct sv to, const char *what, struct net_request *out)
{
	static const struct net_header type = { SV("Content-Type"), SV("application/json") };
	const char *path = conf_str(CONF_live_socket);
	struct sv stream = web_chat_stream(a, to);

	*out = (struct net_request){
		.method = SV("POST"),
		.url = sv_from(arena_printf(a, "%s/chat-%.*s", conf_str(CONF_live_publish_url),
					    SV_ARG(stream))),
		.headers = &type,
		.n_headers = 1,
		.body = sv_from(arena_printf(a, "{\"type\":\"%s\"}", what)),
		.connect_ms = 1000,
		.total_ms = 3000,
		.trusted = true,
		.unix_socket = *path ? path : NULL,
	};
}

/* The message is where the visitor reads it. A page that was not told looks by
 * itself after a while. */
static enum channel_next tell(struct channel_part *p, const struct net_response *r,
			      struct net_request *out, struct channel_failure *f)
{
	(void)f;
	if (!r && *conf_str(CONF_live_publish_url)) {
		publish(p->arena, p->to, "message", out);
		return CHANNEL_CALL;
	}
	p->sent_id = p->message_id;
	return CHANNEL_DONE;
}

static enum channel_next typing(struct channel_act *c, const struct net_response *r,
				struct net_request *out, struct channel_failure *f)
{
	(void)f;
	if (r || !*conf_str(CONF_live_publish_url))
		return CHANNEL_DONE;
	publish(c->arena, c->to, "typing", out);
	return CHANNEL_CALL;
}

static bool caption(const struct channel_part *p)
{
	(void)p;
	return true;
}

const struct channel channel_web_chat = {
	.type = "WEB_CHAT",
	.label = "Website chat",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_HAS_DELIVERED | CHANNEL_HAS_READ,
	.text_max = 10000,
	.caption_max = 10000,
	.handle_kind = "widget",
	.slug = "chat",
	.icon = "message-circle",
	.about = N_("A chat on your own website. No provider, no cookies."),
	.steps = N_("Choose its look, name your site, and put one line of code into your pages."),
	.settings = {
		{ "identity_secret", N_("Identity secret"),
		  N_("Your site signs who is signed in with it. Empty: one is made."),
		  CHANNEL_SECRET | CHANNEL_INVENTED },
	},
	.caption = caption,
	.send = tell,
	.typing = typing,
};
