/*
 * /settings/history: every change of the configuration, newest first, and the
 * way back to any of them (ADM-24..27).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#define ADMINS "select internal.admins_only('the configuration')"

static const struct list_sort sorts[] = {
	{ "newest", "Newest first", "t.id", "::uuid", true },
	{ 0 },
};
static const char *const kept[] = { NULL };
static const struct list_kind commits = { "/settings/history", sorts, kept };

/* What lists and the page of one commit show of it. */
#define COMMIT_SQL                                                                         \
	" left(p.sha, 6) as short, p.sha, p.message,"                                      \
	" internal.shown_span(now() - p.created_at) as ago,"                               \
	" to_char(p.created_at at time zone (select internal.my_zone()),"                  \
	"	'FMDD Mon YYYY, HH24:MI') as shown,"                                       \
	" to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as iso," \
	" case when u.id is not null"                                                      \
	"	then internal.person(u.first_name, u.last_name, u.email)"                  \
	"	when k.id is not null then 'Key ' || k.name else 'Kontor' end as author"

#define COMMIT_JOINS                                                                       \
	" left join profiles u"                                                            \
	"	on u.organization_id = p.organization_id and u.id = p.author_id"           \
	" left join api_keys k"                                                            \
	"	on k.organization_id = p.organization_id and k.id = p.api_key_id"

static int add_rows(const struct list *l, struct db_batch *b)
{
	struct query q;

	query_init(&q, l->rq->arena);
	list_begin(l, &q);
	query_add(&q, "t.* from config_commits t where true");
	list_end(l, &q);
	query_add(&q, "select p.id, p.k::text as k, p.total,"
		      " p.tree is distinct from (internal.config_head(auth.org())).tree as"
		      " can_restore," COMMIT_SQL
		      " from page p" COMMIT_JOINS " where p.rn <= 50");
	list_order(l, &q);
	return query_run(&q, b);
}

static int add_count(struct http_request *rq, struct db_batch *b)
{
	struct query q;

	query_init(&q, rq->arena);
	list_count_begin(&q);
	query_add(&q, "select from config_commits t where true");
	list_count_end(&q);
	return query_run(&q, b);
}

enum status history_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct list l;
	int rows, count;

	web_me(rq, b);
	db_add(b, ADMINS);
	list_init(&l, rq, &commits);
	rows = add_rows(&l, b);
	count = add_count(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	list_show(&l, page, b, rows, count);
	return web_render(rq, rs, "app/settings/history", page, e);
}

/* Of a change what differs; of what is new or gone all of it. */
static int add_diff(struct db_batch *b, struct sv id, bool restoring)
{
	return db_add(b,
		"select d.words, internal.audit_rows(internal.config_only(d.old_body, d.new_body),"
		"	internal.config_only(d.new_body, d.old_body)) as changes"
		" from config_commits c"
		" left join config_commits p"
		"	on p.organization_id = c.organization_id and p.sha = c.parent"
		" cross join lateral internal.config_diff(c.organization_id, case when $2"
		"	then (internal.config_head(c.organization_id)).tree else p.tree end,"
		"	c.tree) d"
		" where c.id = $1::uuid order by d.place", DB_S(id), DB_B(restoring));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			struct sv warnings, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int commit, changes, back, kept_stmt;

	web_me(rq, b);
	db_add(b, ADMINS);
	commit = db_add(b, "select p.id," COMMIT_SQL " from config_commits p" COMMIT_JOINS
			   " where p.id = $1::uuid", DB_S(id));
	changes = add_diff(b, id, false);
	back = add_diff(b, id, true);
	kept_stmt = db_add(b, "select x as words from unnest($1::text[]) x", DB_OPT(warnings));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, commit))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This commit does not exist");
	page = web_page(rq, b);
	web_set_row(page, "commit", b, commit, 0);
	web_set_rows(page, "changes", b, changes);
	web_set_rows(page, "back", b, back);
	web_set_rows(page, "kept", b, kept_stmt);
	tmpl_set_bool(page, "can_restore", db_rows(b, back) > 0);
	tmpl_set_bool(page, "restored", sv_present(warnings));
	return web_render(rq, rs, "app/settings/history_commit", page, e);
}

enum status history_commit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "commit", &id, e))
		return e->status;
	return show(rq, rs, id, SV_NONE, e);
}

/* Done is said on the list; what could not be brought back, on the commit. */
enum status history_restore(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, warnings;
	int done;

	if (path_id(rq, "commit", &id, e))
		return e->status;
	done = db_add(b, "select internal.config_restore(auth.org(), coalesce("
			 " (select c.sha from config_commits c where c.id = $1::uuid), '')) as kept",
		      DB_S(id));
	if (db_run(b, e))
		return e->status;
	warnings = db_first(b, done, "kept");
	if (warnings.n && !sv_eq(warnings, SV("{}")))
		return show(rq, rs, id, warnings, e);
	return http_redirect(rs, SV("/settings/history?done=restored"));
}
