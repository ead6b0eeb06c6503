/*
 * web: what a FastCGI program of ours is made of.
 *
 * web_main reads the settings, loads the key, opens the templates, names the
 * database (connected on first use) and serves the routes. A handler asks for
 * a batch that already says who is asking, adds its statements, runs it, and
 * renders a template over the rows:
 *
 *	static enum status show(struct http_request *rq, struct http_response *rs, struct err *e)
 *	{
 *		struct db_batch *b = web_batch(rq);
 *		int deal = db_add(b, "select * from deals where id = $1", DB_S(http_param(rq, "id")));
 *		struct tmpl_value *page;
 *
 *		if (db_run(b, e))
 *			return e->status;
 *		if (!db_rows(b, deal))
 *			return err_set(e, rq->arena, ST_NOT_FOUND, "This deal does not exist");
 *		page = web_page(rq, b);
 *		web_set_row(page, "deal", b, deal, 0);
 *		return web_render(rq, rs, "app/deal", page, e);
 *	}
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/tr.h"
#include "db/db.h"
#include "http/http.h"
#include "tmpl/tmpl.h"

#define WEB_LANGUAGES 8

struct web {
	struct db *db;
	struct tmpl_set *templates[WEB_LANGUAGES]; /* as tr_languages; opened on first use */
	bool pages; /* speaks to people, in their language */
	void *user;                 /* the program's own */
};

/* The whole of main(): returns the exit code. `idle` may be NULL; it is
 * called between requests with the struct web. A NULL error writer means
 * pages: web_error_page. */
int web_main(const char *name, const struct http_route *routes, http_error_writer *error,
	     void (*idle)(void *web));

static inline struct web *web_of(const struct http_request *rq)
{
	return rq->user;
}

/* A batch whose first statement is the identity that the route asks for:
 * session, API key, claims, or visitor. */
struct db_batch *web_batch(struct http_request *rq);
/* A batch as the program itself, for what comes before anybody is known
 * (signing in): it says where the request comes from, so that the audit log
 * has the address of a refused attempt too. */
struct db_batch *web_self_batch(struct http_request *rq);
/* On a site that nginx binds to a tenant (fastcgi_param KONTOR_TENANT) nothing
 * of another tenant is there. web_batch does it; a batch that begins with
 * another identity (signing in) does it itself, right behind db_as_*. */
void web_bind_site(struct http_request *rq, struct db_batch *b);

/*
 * The language of a request: what the cookie remembers of the profile, else
 * what the browser asks for. SQL reads it as internal.lang(), C as tr(); a page
 * whose reader has chosen another one meanwhile is asked for again.
 */
const struct tr_language *web_language(struct http_request *rq);
/* A page whose language is not its reader's choice: a public form has one of its own. */
void web_speak(struct http_request *rq, struct sv code);
void web_remember_language(struct http_request *rq, struct http_response *rs, struct sv code);

/* A text that was made elsewhere (a refusal of the database, a table's label), in that
 * language if a catalogue has it; itself otherwise. */
struct sv web_tr(struct arena *a, struct sv text);

/* The templates in that language. */
struct tmpl_set *web_templates(struct http_request *rq);

/* A page's data with what every layout needs: lang, dir, csrf (of signed-in pages; a
 * public form sets it from http_csrf_public), path, base_url, theme,
 * assets (version for cached files), and for signed-in pages me.* when
 * web_me was added to the batch; languages to choose from; done.WORD, when the
 * address says ?done=WORD (layout/done.html has its words). b may be NULL. */
struct tmpl_value *web_page(struct http_request *rq, const struct db_batch *b);
/* Add the statement that reads who is signed in (name, initials, role,
 * organization, unanswered count, number of the last event) for the layout;
 * part of the same trip. Returns its index. */
int web_me(struct http_request *rq, struct db_batch *b);

/* Rows of a statement as a list of maps; one row as a map. Columns of type
 * json and arrays become trees and lists; booleans and integers keep their
 * type; null and empty text are false in sections. */
void web_set_rows(struct tmpl_value *page, const char *key, const struct db_batch *b, int stmt);
void web_set_row(struct tmpl_value *page, const char *key, const struct db_batch *b, int stmt,
		 size_t row);

/* text/html from templates/<name>.html; to /onboarding instead, when web_me
 * says that the wizard is still to be passed and the route lacks HTTP_WIZARD. */
enum status web_render(struct http_request *rq, struct http_response *rs, const char *name,
		       const struct tmpl_value *page, struct err *e) WARN_UNUSED;

/* Errors as pages (templates/error.html), as JSON when the request asks for
 * it or the route says so; a signed-out person is sent to /login. */
void web_error_page(struct http_request *rq, struct http_response *rs, const struct err *e);

#endif
