/*
 * /inbox/mail/:id: the HTML of a mail, as a document of its own for the frame in
 * its bubble.
 *
 * What comes out of lib/mail's html has nothing that runs. Beside that the
 * document's own policy lets nothing run, sends no form, and loads nothing of
 * other servers, unless the reader asks for pictures (?images=1); and the frame
 * is a sandbox without scripts. It keeps its origin, so that pictures of the mail
 * itself come with the reader's session and the page can measure its height.
 */
#include "fcgi/app/pages/inbox.h"

#include "file/file.h"
#include "mail/html.h"

#define HTML_MAX (16 << 20)

struct inline_files {
	struct arena *a;
	const struct db_batch *b;
	int rows;
};

static struct sv inline_url(void *arg, struct sv content_id)
{
	struct inline_files *f = arg;

	for (size_t i = 0; i < db_rows(f->b, f->rows); i++) {
		struct sv id = db_named(f->b, f->rows, i, "file_id");

		if (sv_eq(db_named(f->b, f->rows, i, "content_id"), content_id))
			return sv_from(arena_printf(f->a, "/files/%.*s", SV_ARG(id)));
	}
	return SV_NONE;
}

/* One line each: nothing of other servers, or their pictures alone. */
static void set_policy(struct http_response *rs, bool images)
{
	http_set_header(rs, "Content-Security-Policy",
			images ? SV("default-src 'none'; img-src 'self' data: https: http:; "
				    "style-src 'self' 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
				    "frame-ancestors 'self'; "
				    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox")
			       : SV("default-src 'none'; img-src 'self' data:; "
				    "style-src 'self' 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
				    "frame-ancestors 'self'; "
				    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"));
	http_set_header(rs, "Referrer-Policy", SV("no-referrer"));
	http_set_header(rs, "X-Frame-Options", SV("SAMEORIGIN"));
	http_set_header(rs, "Cache-Control", SV("private, max-age=3600"));
	http_content_type(rs, "text/html; charset=utf-8");
}

static void write_document(struct http_response *rs, struct sv subject, struct sv html,
			   struct mail_html *o)
{
	buf_lit(&rs->body, "<!doctype html><html><head><meta charset=\"utf-8\">"
			   "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	buf_html(&rs->body, subject);
	buf_lit(&rs->body, "</title><link rel=\"stylesheet\" href=\"/assets/mail-frame.css\"></head>"
			   "<body><div dir=\"auto\">");
	mail_html_clean(html, o, &rs->body);
	buf_lit(&rs->body, "</div></body></html>\n");
}

enum status inbox_mail_frame(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct inline_files files = { .a = rq->arena, .b = b };
	struct mail_html o = { .inline_url = inline_url, .arg = &files,
			       .images = http_query(rq, "images").n != 0 };
	struct sv id, html;
	int row;

	if (inbox_id(rq, &id, e))
		return e->status;
	row = db_add(b,
		     "select m.metadata #>> '{mail,subject}' as subject, f.organization_id, f.sha256"
		     " from messages m join mail_files x on x.organization_id = m.organization_id"
		     "  and x.message_id = m.id and x.role = 'html'"
		     " join files f on f.organization_id = x.organization_id and f.id = x.file_id"
		     " where m.id = $1 limit 1",
		     DB_S(id));
	files.rows = db_add(b,
			    "select content_id, file_id from mail_files"
			    " where message_id = $1 and role = 'inline'",
			    DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This mail has no formatted text");
	if (file_get(db_first(b, row, "organization_id"), db_first(b, row, "sha256"), HTML_MAX,
		     rq->arena, &html, e))
		return e->status;
	set_policy(rs, o.images);
	write_document(rs, db_first(b, row, "subject"), html, &o);
	return ST_OK;
}

void inbox_add_mail_fields(struct http_request *rq, struct db_batch *b, struct sv client)
{
	struct sv subject = http_form(rq, "mail_subject"), cc = http_form(rq, "mail_cc"),
		  bcc = http_form(rq, "mail_bcc");

	if (sv_trim(subject).n || sv_trim(cc).n || sv_trim(bcc).n)
		db_add(b, "select app.mail_fields($1, $2, $3, $4)", DB_S(client), DB_S(subject),
		       DB_S(cc), DB_S(bcc));
}
