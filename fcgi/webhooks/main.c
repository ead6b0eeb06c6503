/* kontor-webhooks: see intake.h. */
#include "fcgi/webhooks/intake.h"

#define BODY_MAX (4 * 1024 * 1024)

/* API-93: the documented addresses of providers that this installation has no
 * connector for. 503, so that a provider which calls too early comes again. */
static enum status unconnected(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rs;
	err_set(e, rq->arena, ST_UNAVAILABLE,
		"This installation has no connector for this provider");
	e->hint = SV("Telegram and WhatsApp Cloud are connected under Settings, Channels");
	return e->status;
}

#define UNCONNECTED(name) \
	{ HTTP_POST, "/functions/v1/" name "-webhook", unconnected, HTTP_PUBLIC, 0, BODY_MAX }

/* CHA-28: one public address for each type of channel. */
static const struct http_route routes[] = {
	{ HTTP_POST, "/functions/v1/telegram-webhook", intake_telegram, HTTP_PUBLIC, 0, BODY_MAX },
	{ HTTP_POST, "/functions/v1/whatsapp-cloud-webhook", intake_whatsapp_cloud, HTTP_PUBLIC, 0,
	  BODY_MAX },
	{ HTTP_GET, "/functions/v1/whatsapp-cloud-webhook", intake_whatsapp_handshake, HTTP_PUBLIC,
	  0, 0 },
	UNCONNECTED("appgain-whatsapp"),
	UNCONNECTED("instagram"),
	UNCONNECTED("messenger"),
	UNCONNECTED("shopify-inbox"),
	UNCONNECTED("stripe"),
	UNCONNECTED("tiktok"),
	UNCONNECTED("whatsapp-lite"),
	{ 0 },
};

int main(void)
{
	return web_main("kontor-webhooks", routes, http_error_json, NULL);
}
