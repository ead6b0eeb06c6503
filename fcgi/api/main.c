/* kontor-api: /rest/v1, /functions/v1, /auth/v1, /api/v1, /external/v1. */
#include "fcgi/api/auth/auth.h"
#include "fcgi/api/crm/crm.h"
#include "fcgi/api/routes.h"

/* Each contract has its own form of an error. */
static void error(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	if (sv_starts(rq->path, SV("/api/v1/")))
		crm_error(rs, e);
	else if (sv_starts(rq->path, SV("/auth/v1/")))
		auth_error(rq, rs, e);
	else
		http_error_json(rq, rs, e);
}

int main(void)
{
	return web_main("kontor-api", api_routes, error, NULL);
}
