#include "fcgi/api/routes.h"

#define VERBS (HTTP_GET | HTTP_POST | HTTP_PATCH | HTTP_DELETE)
#define ROWS_MAX (10 * 1024 * 1024)

const struct http_route api_routes[] = {
	{ VERBS, "/rest/v1/*", rest_table, HTTP_BEARER, 0, ROWS_MAX },
	{ VERBS, "/functions/v1/rest-api-proxy/*", rest_proxy, HTTP_API_KEY, 0, ROWS_MAX },
	{ HTTP_GET, "/healthz", health_live, HTTP_PUBLIC },
	{ HTTP_GET, "/readyz", health_ready, HTTP_PUBLIC },
	{ HTTP_GET, "/metrics", health_metrics, HTTP_PUBLIC },
	{ 0 },
};
