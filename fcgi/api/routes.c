#include "fcgi/api/crm/crm.h"
#include "fcgi/api/routes.h"

#define VERBS (HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)

#define FUNCTION(methods, path, handler, auth, flags, body_max) \
	{ methods, "/functions/v1/" path, handler, auth, flags, body_max, HTTP_RATE_FUNCTION },
#define AUTH(methods, path, handler, auth, flags) \
	{ methods, "/auth/v1/" path, handler, auth, flags, FORM_MAX, HTTP_RATE_ADDRESS },

const struct http_route api_routes[] = {
	{ HTTP_GET, "/rest/v1", rest_table, HTTP_BEARER },
	{ VERBS, "/rest/v1/*", rest_table, HTTP_BEARER, 0, ROWS_MAX, HTTP_RATE_REST },
	{ VERBS, "/functions/v1/rest-api-proxy", rest_proxy, HTTP_API_KEY, 0, ROWS_MAX, HTTP_RATE_REST },
	{ VERBS, "/functions/v1/rest-api-proxy/*", rest_proxy, HTTP_API_KEY, 0, ROWS_MAX, HTTP_RATE_REST },
#include "fcgi/api/auth.def"
#include "fcgi/api/functions.def"
	{ HTTP_GET, "/api/v1/:entity", crm_list, HTTP_CRM_KEY, 0, 0, HTTP_RATE_CRM },
	{ HTTP_POST, "/api/v1/:entity", crm_create, HTTP_CRM_KEY, 0, 0, HTTP_RATE_CRM },
	{ HTTP_GET, "/api/v1/:entity/:id", crm_read, HTTP_CRM_KEY, 0, 0, HTTP_RATE_CRM },
	{ HTTP_PATCH, "/api/v1/:entity/:id", crm_change, HTTP_CRM_KEY, 0, 0, HTTP_RATE_CRM },
	{ HTTP_DELETE, "/api/v1/:entity/:id", crm_delete, HTTP_CRM_KEY, 0, 0, HTTP_RATE_CRM },
	{ HTTP_GET, "/external/v1/opportunities", external_list, HTTP_API_KEY, 0, 0, HTTP_RATE_FUNCTION },
	{ HTTP_POST, "/external/v1/opportunities", external_create, HTTP_API_KEY, 0, 0, HTTP_RATE_FUNCTION },
	{ HTTP_PATCH, "/external/v1/opportunities/:id/stage", external_stage, HTTP_API_KEY, 0, 0,
	  HTTP_RATE_FUNCTION },
	{ HTTP_GET, "/healthz", health_live, HTTP_PUBLIC },
	{ HTTP_GET, "/readyz", health_ready, HTTP_PUBLIC },
	{ HTTP_GET, "/metrics", health_metrics, HTTP_PUBLIC },
	{ 0 },
};
