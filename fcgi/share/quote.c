/* A quote as its customer sees it, with Accept and Decline. */
#include "fcgi/share/routes.h"

#include "crypto/crypto.h"

static struct sv token_hash(struct http_request *rq)
{
	return crypto_token_hash(rq->arena, http_param(rq, "token"));
}

/* What somebody typed comes back with the words why it was refused. */
struct refusal {
	struct sv message, hint, name, reason;
	bool accept, decline;
};

static void set_states(struct tmpl_value *page, const struct db_batch *b, int quote)
{
	struct sv status = db_first(b, quote, "status");
	bool expired = sv_eq(db_first(b, quote, "is_expired"), SV("t")) ||
		       sv_eq(status, SV("Expired"));

	tmpl_set_bool(page, "open", !expired && (sv_eq(status, SV("Sent")) ||
						 sv_eq(status, SV("Viewed"))));
	tmpl_set_bool(page, "expired", expired);
	tmpl_set_bool(page, "accepted", sv_eq(status, SV("Accepted")));
	tmpl_set_bool(page, "declined", sv_eq(status, SV("Declined")));
	tmpl_set_bool(page, "draft", sv_eq(status, SV("Draft")));
}

static bool mentions(struct sv text, struct sv word)
{
	for (size_t i = 0; i + word.n <= text.n; i++) {
		if (sv_ieq(sv_make(text.p + i, word.n), word))
			return true;
	}
	return false;
}

/* What opens a link but is nobody who reads it: previews of messengers, scanners of
 * mail, crawlers. */
static bool is_machine(struct sv agent)
{
	static const char *const words[] = { "bot", "crawl", "spider", "preview", "scan",
					     "facebookexternalhit", "whatsapp", "curl/", "wget" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (mentions(agent, sv_from(words[i])))
			return true;
	}
	return !agent.n;
}

/* Q2C-15: a look of the customer counts; one of staff who follow their own
 * link, or of a machine, does not. */
static bool is_visit(struct http_request *rq)
{
	return rq->method == HTTP_GET && !sv_present(http_header(rq, "Sec-Purpose")) &&
	       !sv_present(http_cookie(rq, "kontor_session")) && !is_machine(rq->user_agent);
}

static enum status show(struct http_request *rq, struct http_response *rs,
			const struct refusal *refused, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page = web_page(rq, NULL), *again;
	int quote = db_add(b,
		"select q.*, to_char(q.created_on, 'FMMonth FMDD, YYYY') as date_text,"
		" to_char(q.valid_until, 'FMMonth FMDD, YYYY') as valid_text,"
		" to_char(q.accepted_at at time zone q.timezone, 'FMMonth FMDD, YYYY, HH24:MI') as accepted_text,"
		" to_char(q.declined_at at time zone q.timezone, 'FMMonth FMDD, YYYY, HH24:MI') as declined_text,"
		" internal.money_text(q.total, q.decimals) as total_text,"
		" internal.money_text(q.subtotal, q.decimals) as subtotal_text,"
		" internal.money_text(q.discount_total, q.decimals) as discount_text,"
		" upper(left(q.seller_name, 1)) as seller_initial,"
		" q.discount_total > 0 as has_discount"
		" from public_quote($1, $2) q",
		DB_S(token_hash(rq)), DB_B(is_visit(rq)));

	if (db_run(b, e))
		return e->status;
	tmpl_set_text(page, "csrf", http_csrf_public(rq, rs));
	tmpl_set_text(page, "token", http_param(rq, "token"));
	web_set_row(page, "quote", b, quote, 0);
	set_states(page, b, quote);
	if (refused) {
		again = tmpl_set_map(page, "again");
		tmpl_set_text(again, "message", refused->message);
		tmpl_set_text(again, "hint", refused->hint);
		tmpl_set_text(again, "name", refused->name);
		tmpl_set_text(again, "reason", refused->reason);
		tmpl_set_bool(again, "accept", refused->accept);
		tmpl_set_bool(again, "decline", refused->decline);
	}
	http_set_header(rs, "X-Robots-Tag", SV("noindex"));
	return web_render(rq, rs, "share/quote", page, e);
}

enum status quote_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* A refusal of the answer is shown on the page; a link that leads nowhere is
 * an error page. */
static enum status refuse(struct http_request *rq, struct http_response *rs, bool accept,
			  struct err *e)
{
	struct refusal r = { .name = http_form(rq, "name"),
			     .reason = http_form(rq, "reason"),
			     .accept = accept,
			     .decline = !accept };

	if (e->status != ST_UNPROCESSABLE && e->status != ST_CONFLICT && e->status != ST_GONE)
		return e->status;
	r.message = err_message(e);
	r.hint = e->hint;
	rs->status = status_http(e->status);
	*e = (struct err){ 0 };
	return show(rq, rs, &r, e);
}

static enum status answered(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			    bool accept, struct err *e)
{
	struct sv token = http_param(rq, "token");

	if (db_run(b, e))
		return refuse(rq, rs, accept, e);
	return http_redirect(rs, sv_from(arena_printf(rq->arena, "/s/%.*s", SV_ARG(token))));
}

enum status quote_accept(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	if (!sv_eq(http_form(rq, "agree"), SV("yes"))) {
		err_set(e, rq->arena, ST_UNPROCESSABLE, "Please tick that you accept the quote");
		return refuse(rq, rs, true, e);
	}
	db_add(b, "select public_quote_accept($1, $2, $3)", DB_S(token_hash(rq)),
	       DB_S(http_form(rq, "name")), DB_S(rq->remote_addr));
	return answered(rq, rs, b, true, e);
}

enum status quote_decline(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select public_quote_decline($1, $2, $3, $4)", DB_S(token_hash(rq)),
	       DB_S(http_form(rq, "name")), DB_S(http_form(rq, "reason")), DB_S(rq->remote_addr));
	return answered(rq, rs, b, false, e);
}
