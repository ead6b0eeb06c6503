#include "fcgi/api/routes.h"

#define VERBS (HTTP_GET | HTTP_POST | HTTP_PATCH | HTTP_DELETE)
#define FORM_MAX (64 * 1024)
#define ROWS_MAX (10 * 1024 * 1024)

const struct http_route api_routes[] = {
	{ VERBS, "/rest/v1/*", rest_table, HTTP_BEARER, 0, ROWS_MAX },
	{ VERBS, "/functions/v1/rest-api-proxy", rest_proxy, HTTP_API_KEY, 0, ROWS_MAX },
	{ VERBS, "/functions/v1/rest-api-proxy/*", rest_proxy, HTTP_API_KEY, 0, ROWS_MAX },
	{ HTTP_POST, "/auth/v1/token", auth_token, HTTP_PUBLIC, HTTP_CORS, FORM_MAX },
	{ HTTP_POST, "/auth/v1/logout", auth_logout, HTTP_BEARER, 0, FORM_MAX },
	{ HTTP_GET, "/auth/v1/user", auth_user, HTTP_BEARER },
	{ HTTP_GET, "/auth/v1/health", auth_health, HTTP_PUBLIC, HTTP_CORS },
	{ HTTP_GET, "/healthz", health_live, HTTP_PUBLIC },
	{ HTTP_GET, "/readyz", health_ready, HTTP_PUBLIC },
	{ HTTP_GET, "/metrics", health_metrics, HTTP_PUBLIC },
	{ 0 },
};
