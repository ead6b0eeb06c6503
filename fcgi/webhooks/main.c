/* kontor-webhooks: see intake.h. */
#include "fcgi/webhooks/intake.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX (4 * 1024 * 1024)

/* API-93: the documented addresses of providers that this installation has no
 * connector for. 503, so that a provider which calls too early comes again. */
static enum status unconnected(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rs;
	err_set(e, rq->arena, ST_UNAVAILABLE,
		"This installation has no connector for this provider");
	e->hint = SV("Those that it has are connected under Settings, Channels");
	return e->status;
}

static const char *const documented[] = { "appgain-whatsapp-webhook", "instagram-webhook",
					  "messenger-webhook",	      "shopify-inbox-webhook",
					  "stripe-webhook",	      "tiktok-webhook",
					  "whatsapp-lite-webhook" };
#define N_DOCUMENTED (sizeof(documented) / sizeof(*documented))

static bool is(const char *hook, const char *name)
{
	return hook && !strcmp(hook, name);
}

static bool connected(const char *name)
{
	for (size_t i = 0; channels[i]; i++)
		if (is(channels[i]->hook, name) || is(channels[i]->hook_alias, name))
			return true;
	return false;
}

static struct http_route *add(struct http_route *r, enum http_method method, const char *hook,
			      http_handler *handler)
{
	static const char base[] = "/functions/v1/";
	size_t size = sizeof(base) + strlen(hook);
	char *pattern = mem_alloc(size);

	snprintf(pattern, size, "%s%s", base, hook);
	*r = (struct http_route){ .methods = method,
				  .pattern = pattern,
				  .handler = handler,
				  .auth = HTTP_PUBLIC,
				  .body_max = method == HTTP_POST ? BODY_MAX : 0 };
	return r + 1;
}

/* CHA-28: one public address for each type of channel. */
static const struct http_route *make_routes(void)
{
	struct http_route *routes, *r;
	size_t known = 0;

	while (channels[known])
		known++;
	r = routes = mem_alloc((3 * known + N_DOCUMENTED + 1) * sizeof(*routes));
	for (size_t i = 0; i < known; i++) {
		if (channels[i]->hook)
			r = add(r, HTTP_POST, channels[i]->hook, intake_call);
		if (channels[i]->hook_alias)
			r = add(r, HTTP_POST, channels[i]->hook_alias, intake_call);
		if (channels[i]->handshake)
			r = add(r, HTTP_GET, channels[i]->hook, intake_handshake);
	}
	for (size_t i = 0; i < N_DOCUMENTED; i++)
		if (!connected(documented[i]))
			r = add(r, HTTP_POST, documented[i], unconnected);
	return routes;
}

int main(void)
{
	return web_main("kontor-webhooks", make_routes(), http_error_json, NULL);
}
