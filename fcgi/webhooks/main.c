/* kontor-webhooks: see intake.h. */
#include "fcgi/webhooks/intake.h"

#define BODY_MAX (4 * 1024 * 1024)

/* CHA-28: one public address for each type of channel. */
static const struct http_route routes[] = {
	{ HTTP_POST, "/functions/v1/telegram-webhook", intake_telegram, HTTP_PUBLIC, 0, BODY_MAX },
	{ HTTP_POST, "/functions/v1/whatsapp-cloud-webhook", intake_whatsapp_cloud, HTTP_PUBLIC, 0,
	  BODY_MAX },
	{ HTTP_GET, "/functions/v1/whatsapp-cloud-webhook", intake_whatsapp_handshake, HTTP_PUBLIC,
	  0, 0 },
	{ 0 },
};

int main(void)
{
	return web_main("kontor-webhooks", routes, http_error_json, NULL);
}
