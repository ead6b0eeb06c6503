/*
 * /t.gif: a picture of one transparent dot. With m it stands in a mail to a
 * lead, with k a page of the tenant's site loads it for a lead that is known
 * and has agreed (assets/lead-track.js). It is the same picture whatever comes
 * of it, and nobody else is counted.
 */
#include "fcgi/share/routes.h"

static const unsigned char dot[] = {
	'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21, 0xf9,
	4, 1, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b,
};

/* Browsers whose owner says so are not followed. */
static bool refuses(const struct http_request *rq)
{
	return sv_eq(http_header(rq, "DNT"), SV("1")) || sv_eq(http_header(rq, "Sec-GPC"), SV("1"));
}

enum status track_pixel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv mail = http_query(rq, "m"), lead = http_query(rq, "k");
	struct db_batch *b = web_batch(rq);

	if (mail.n && mail.n <= 64)
		db_add(b, "select public_lead_open($1)", DB_S(mail));
	else if (lead.n && lead.n <= 64)
		db_add(b, "select public_lead_visit($1, $2, $3)", DB_S(lead),
		       DB_S(http_query(rq, "u")), DB_S(http_query(rq, "n")));
	if ((mail.n || lead.n) && !refuses(rq) && db_run(b, e))
		return e->status;
	http_content_type(rs, "image/gif");
	http_set_header(rs, "Cache-Control", SV("no-store"));
	buf_add(&rs->body, sv_make((const char *)dot, sizeof(dot)));
	return ST_OK;
}
