/*
 * kontor-quote: quotes as PDF, for staff (/quotes/:id/pdf) and for whoever
 * holds a link (/s/:token/pdf). A program of its own, because drawing costs
 * more than any page.
 */
#include "base/uuid.h"
#include "crypto/crypto.h"
#include "fcgi/quote/document.h"
#include "file/file.h"
#include "web/web.h"

static struct pdf_fonts *fonts;

/* Opened with the first document: a missing font is then an answer in words. */
static enum status open_fonts(struct http_request *rq, struct err *e)
{
	if (fonts)
		return ST_OK;
	return pdf_fonts_open(&fonts, PDF_FONT_REGULAR, PDF_FONT_BOLD, NULL, rq->arena, e);
}

#define LOGO_MAX (4 << 20)

/* A logo that is not there any more is no reason to refuse the document. */
static void add_logo(struct pdf_quote *q, struct http_request *rq, const struct db_batch *b, int stmt)
{
	struct sv hash = db_first(b, stmt, "logo_sha256");
	struct err ignored = { 0 };

	if (hash.n && file_get(db_first(b, stmt, "organization_id"), hash, LOGO_MAX, rq->arena,
			       &q->logo, &ignored))
		q->logo = SV_NONE;
}

static enum status answer(struct http_request *rq, struct http_response *rs,
			  const struct db_batch *b, int stmt, struct err *e)
{
	struct pdf_quote q;
	struct sv number = db_first(b, stmt, "number");

	if (!db_rows(b, stmt))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This quote does not exist");
	if (open_fonts(rq, e) || document_fill(&q, rq->arena, b, stmt, e))
		return e->status;
	add_logo(&q, rq, b, stmt);
	if (pdf_quote_render(&q, fonts, rq->arena, &rs->body, e))
		return e->status;
	http_content_type(rs, "application/pdf");
	http_set_header(rs, "Content-Disposition",
			sv_from(arena_printf(rq->arena, "inline; filename=\"%.*s.pdf\"",
					     SV_ARG(number))));
	http_set_header(rs, "Cache-Control", SV("private, no-cache"));
	http_etag(rq, rs);
	return ST_OK;
}

static enum status staff_pdf(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_param(rq, "id");
	int quote;

	if (!uuid_valid(id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This quote does not exist");
	quote = db_add(b, "select d.*, to_char(d.created_on, 'Mon FMDD, YYYY') as date_text,"
			  " to_char(d.valid_until, 'Mon FMDD, YYYY') as valid_text,"
			  " to_char(d.accepted_at at time zone d.timezone, 'Mon FMDD, YYYY, HH24:MI') as accepted_text"
			  " from internal.quote_document(auth.org(), $1) d", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, quote, e);
}

static enum status public_pdf(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int quote = db_add(b,
		"select d.*, to_char(d.created_on, 'Mon FMDD, YYYY') as date_text,"
		" to_char(d.valid_until, 'Mon FMDD, YYYY') as valid_text,"
		" to_char(d.accepted_at at time zone d.timezone, 'Mon FMDD, YYYY, HH24:MI') as accepted_text"
		" from public_quote($1, false) d",
		DB_S(crypto_token_hash(rq->arena, http_param(rq, "token"))));

	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, quote, e);
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/s/:token/pdf", public_pdf, HTTP_PUBLIC },
	{ HTTP_GET, "/quotes/:id/pdf", staff_pdf, HTTP_STAFF },
	{ 0 },
};

int main(void)
{
	return web_main("kontor-quote", routes, NULL, NULL);
}
