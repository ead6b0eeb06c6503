/* What is one's own in the inbox: preferences, drafts, and being here now. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* ---- preferences (INB-36) ------------------------------------------------------ */

static const char *const words[] = { "density", "sort", "opens", "sound_for", NULL };
static const char *const flags[] = { "split", "panel", "enter_sends", "next_after_close",
				     "show_presence", "sound", "desktop", NULL };

static const char preferences_sql[] =
	"select coalesce(x.density, 'comfortable') as density, coalesce(x.split, true) as split,"
	" coalesce(x.panel, true) as panel, coalesce(x.sort, 'recent') as sort, coalesce(x.opens, 'open') as opens,"
	" coalesce(c.enter_sends, true) as enter_sends, coalesce(x.next_after_close, false) as next_after_close,"
	" coalesce(x.show_presence, true) as show_presence, coalesce(x.sound, true) as sound,"
	" coalesce(x.desktop, false) as desktop, coalesce(x.sound_for, 'mine') as sound_for"
	" from (select 1) one left join inbox_preferences x on x.user_id = auth.uid()"
	" left join composer_preferences c on c.user_id = auth.uid()";

/* {{#is.density_compact}} and the like, for the choices of the form. */
enum status inbox_preferences_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *is;
	int row;

	web_me(rq, b);
	row = db_add(b, preferences_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_row(page, "prefer", b, row, 0);
	is = tmpl_set_map(page, "is");
	for (size_t i = 0; i < db_cols(b, row); i++) {
		struct sv name = db_col_name(b, row, i), value = db_get(b, row, 0, i);

		tmpl_set_bool(is, arena_printf(rq->arena, "%.*s_%.*s", SV_ARG(name), SV_ARG(value)), true);
	}
	return web_render(rq, rs, "app/settings/inbox_preferences", page, e);
}

static void add_value(struct buf *out, const char *name, struct sv value, bool flag)
{
	if (out->n > 1)
		buf_addc(out, ',');
	buf_json(out, sv_from(name));
	buf_addc(out, ':');
	if (flag)
		buf_add(out, sv_eq(value, SV("1")) ? SV("true") : SV("false"));
	else
		buf_json(out, value);
}

/* What the form names changes; of the whole page (all=1) a box that is not sent is off. */
enum status inbox_preferences_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	bool all = sv_eq(http_form(rq, "all"), SV("1"));
	struct db_batch *b = web_batch(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '{');
	for (size_t i = 0; words[i]; i++)
		if (http_form(rq, words[i]).n)
			add_value(&out, words[i], http_form(rq, words[i]), false);
	for (size_t i = 0; flags[i]; i++)
		if (all || http_form(rq, flags[i]).n)
			add_value(&out, flags[i], http_form(rq, flags[i]), true);
	buf_addc(&out, '}');
	db_add(b, "select app.prefer($1::jsonb)", DB_S(arena_sv(rq->arena, buf_sv(&out))));
	if (db_run(b, e))
		return e->status;
	if (all)
		return http_redirect(rs, SV("/settings/inbox?done=saved"));
	rs->status = 204;
	return ST_OK;
}

/* ---- drafts ----------------------------------------------------------------------- */

enum status inbox_draft(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, mode = http_form(rq, "mode");
	struct db_batch *b = web_batch(rq);

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select app.keep_draft($1, $2, $3)", DB_S(id),
	       DB_S(sv_eq(mode, SV("note")) ? mode : SV("reply")), DB_S(http_form(rq, "body")));
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}

/* ---- here now ---------------------------------------------------------------------- */

/* doing: viewing, writing, left; hello asks the others to say it again. Nothing
 * is stored but that the person was seen. */
enum status inbox_here(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	db_add(b, "select app.here($1::uuid, $2, $3)", DB_S(id), DB_S(http_form(rq, "doing")), DB_S(http_form(rq, "tab")));
	db_add(b, "select app.online()");
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}
