/*
 * check-subscription, create-checkout, customer-portal.
 *
 * The plan is a row of the installation's own. Buying and managing one is done
 * with a billing service; where none is connected, these two say so.
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

/* {"hasActiveSubscription":true,"plan":"pro","status":"active"} (API-91) */
enum status check_subscription(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int row = db_add(b, "select is_open as \"hasActiveSubscription\", plan, status"
			    " from app.subscription_state()");

	if (function_run(rq, b, e))
		return e->status;
	http_content_type(rs, "application/json; charset=utf-8");
	db_json_row(&rs->body, b, row, 0);
	return ST_OK;
}

static enum status no_provider(struct http_request *rq, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select plan from app.subscription_state()"); /* strangers end here */
	if (function_run(rq, b, e))
		return e->status;
	err_set(e, rq->arena, ST_UNAVAILABLE, "No billing service is connected");
	e->hint = SV("This installation has no plans to buy; ask its administrator");
	return e->status;
}

enum status create_checkout(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct fields f;

	(void)rs;
	if (function_body(rq, &f, e))
		return e->status;
	field_text(&f, "priceId", 200, FIELD_NEEDED);
	field_text(&f, "couponCode", 200, FIELD_OPTIONAL);
	if (fields_check(&f, e))
		return e->status;
	return no_provider(rq, e);
}

enum status customer_portal(struct http_request *rq, struct http_response *rs, struct err *e)
{
	(void)rs;
	return no_provider(rq, e);
}
