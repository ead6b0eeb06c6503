/*
 * /settings/channels/:id/chat: how the chat on a site looks and what it asks
 * for, seen beside the form as it will be; and the line of code for the site.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "base/conf.h"
#include "fcgi/app/routes.h"

static const char load_sql[] =
	"select a.id, a.name, a.is_active, c.v ->> 'title' as title, c.v ->> 'greeting' as greeting,"
	" coalesce(c.v ->> 'color', '#1f4fd8') as color, c.v ->> 'consent' as consent, c.v ->> 'offline' as offline,"
	" c.v #>> '{hours,from}' as hours_from, c.v #>> '{hours,to}' as hours_to,"
	" (select string_agg(o, E'\\n') from jsonb_array_elements_text(coalesce(c.v -> 'origins', '[]')) o) as origins,"
	" c.v ->> 'position' = 'left' as is_left, coalesce(c.v ->> 'language', 'auto') as language,"
	" coalesce(c.v ->> 'ask_name', 'maybe') as ask_name, coalesce(c.v ->> 'ask_email', 'maybe') as ask_email,"
	" (select json_agg(json_build_object('n', d, 'day', to_char(date '2024-01-01' + d - 1, 'FMDay'),"
	"  'is_on', coalesce(c.v #> '{hours,days}', '[1,2,3,4,5]') @> to_jsonb(d)) order by d) from generate_series(1, 7) d) as days"
	" from channel_accounts a, lateral (select coalesce(a.settings -> 'chat', '{}') as v) c"
	" where a.id = $1::uuid and a.type = 'WEB_CHAT' and a.deleted_at is null";

/* The form as it was sent, above what is stored. */
static void show_sent(const struct form *f, struct tmpl_value *page)
{
	struct http_request *rq = f->rq;
	static const char *const fields[] = { "title", "greeting", "color", "consent", "offline", "hours_from",
					      "hours_to", "origins", "language", "ask_name", "ask_email" };
	struct tmpl_value *chat = tmpl_set_map(page, "sent");

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		tmpl_set_text(chat, fields[i], http_form(rq, fields[i]));
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	db_add(b, CHANNEL_ADMINS);
	web_me(rq, b);
	row = db_add(b, load_sql, DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This chat does not exist");
	page = web_page(rq, b);
	web_set_row(page, "chat", b, row, 0);
	tmpl_set_text(page, "channel_id", id);
	tmpl_set_text(page, "site", sv_from(conf_str(CONF_base_url)));
	if (f) {
		show_sent(f, page);
		form_show(f, page, rs);
	}
	return web_render(rq, rs, "app/settings/chat", page, e);
}

enum status settings_chat(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "chat", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* ---- saving ------------------------------------------------------------------------ */

static void member(struct buf *json, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(json, key);
	buf_json(json, value);
}

static bool is_clock(struct sv s)
{
	return s.n == 5 && s.p[2] == ':' && s.p[0] >= '0' && s.p[0] <= '2' && s.p[1] >= '0' &&
	       s.p[1] <= '9' && s.p[3] >= '0' && s.p[3] <= '5' && s.p[4] >= '0' && s.p[4] <= '9';
}

static void add_hours(struct form *f, struct buf *json)
{
	struct sv from = http_form(f->rq, "hours_from"), to = http_form(f->rq, "hours_to");
	const struct http_pairs *all = http_form_all(f->rq);
	bool any = false;

	if (!from.n && !to.n)
		return;
	if (!is_clock(from) || !is_clock(to) || sv_cmp(from, to) >= 0) {
		form_error(f, "hours_from", sv_from(tr("Write from when until when, for example 09:00 and 17:00")));
		return;
	}
	buf_json_key(json, "hours");
	buf_lit(json, "{\"from\":");
	buf_json(json, from);
	buf_lit(json, ",\"to\":");
	buf_json(json, to);
	buf_lit(json, ",\"days\":[");
	for (size_t i = 0; i < all->n; i++) {
		if (!sv_eq(all->v[i].name, SV("day")) || all->v[i].value.n != 1 || all->v[i].value.p[0] < '1' ||
		    all->v[i].value.p[0] > '7')
			continue;
		if (any)
			buf_addc(json, ',');
		buf_add(json, all->v[i].value);
		any = true;
	}
	buf_lit(json, "]}");
}

/* One line each, "https://Www.Example.com/" taken for what it means. */
static void add_origins(struct form *f, struct buf *json)
{
	struct arena *a = f->rq->arena;
	struct sv rest = http_form(f->rq, "origins");
	bool any = false;

	buf_json_key(json, "origins");
	buf_addc(json, '[');
	while (rest.n) {
		struct sv one = sv_trim(sv_cut(&rest, '\n'));
		char *low = arena_dup(a, one);

		for (size_t i = 0; i < one.n; i++)
			if (low[i] >= 'A' && low[i] <= 'Z')
				low[i] += 'a' - 'A';
		while (one.n && low[one.n - 1] == '/')
			one.n--;
		if (!one.n)
			continue;
		if (any)
			buf_addc(json, ',');
		buf_json(json, sv_make(low, one.n));
		any = true;
	}
	buf_addc(json, ']');
}

static struct sv chat_json(struct form *f)
{
	static const char *const texts[] = { "title", "greeting", "consent", "offline" };
	static const char *const choices[] = { "color", "position", "language", "ask_name", "ask_email" };
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '{');
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct sv text = form_text(f, texts[i]);

		if (text.n > 1000)
			form_error(f, texts[i], sv_from(tr("This is too long")));
		member(&json, texts[i], text);
	}
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		member(&json, choices[i], http_form(f->rq, choices[i]));
	add_hours(f, &json);
	add_origins(f, &json);
	buf_addc(&json, '}');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

enum status settings_chat_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b;
	struct form f;
	struct sv id, chat;

	if (path_id(rq, "chat", &id, e))
		return e->status;
	form_init(&f, rq);
	chat = chat_json(&f);
	if (f.wrong)
		return show(rq, rs, id, &f, e);
	b = web_batch(rq);
	db_add(b, CHANNEL_ADMINS);
	must_exist(b, "channel_accounts", id);
	db_add(b, "update channel_accounts set settings = settings || jsonb_build_object('chat', $2::jsonb)"
		  " where id = $1 and type = 'WEB_CHAT' and deleted_at is null", DB_S(id), DB_S(chat));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, id, &f, e) : e->status;
	return redirect_to(rq, rs, "/settings/channels/", id, "/chat?done=saved");
}
