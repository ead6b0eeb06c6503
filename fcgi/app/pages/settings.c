/* /settings: the way to all of them. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

enum status settings_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	return web_render(rq, rs, "app/settings", web_page(rq, b), e);
}

/* The profile moved to the account; its old address stays good. */
enum status settings_profile(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rq;
	(void)e;
	return http_redirect(rs, SV("/profile"));
}
