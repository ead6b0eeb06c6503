/* GET /functions/v1/facebook-oauth: the way back from Facebook's consent page (API-92). */
#include "fcgi/api/routes.h"

enum status facebook_oauth(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rs;
	if (!http_query(rq, "code").n)
		return err_set(e, rq->arena, ST_BAD_INPUT, "code is required");
	err_set(e, rq->arena, ST_UNAVAILABLE, "This installation has no Facebook application");
	e->hint = SV("Messenger and Instagram cannot be connected by signing in there");
	return e->status;
}
