/* /settings/sla: how soon customers are answered and what happens when they are
 * not (INB-96); who gets new conversations; the question after closing. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/tr.h"
#include "base/uuid.h"

#define ADMINS "select internal.admins_only('the inbox')"
#define HERE "/settings/sla"

static const char policies_sql[] =
	"select p.id, p.name, p.channel_account_id, a.name as channel, p.first_response_minutes as first,"
	" p.next_response_minutes as next, p.resolution_minutes as resolution, p.business_hours_only,"
	" p.is_active, p.breach_tag, p.escalate_to_id, p.breach_task,"
	" (select coalesce(json_agg(json_build_object('id', c.id, 'name', c.name,"
	"	'selected', c.id = p.channel_account_id) order by c.name), '[]') from channel_accounts c) as channels,"
	" (select coalesce(json_agg(json_build_object('id', m.id, 'name', app.person(m.first_name, m.last_name, null, array[m.email]),"
	"	'selected', m.id = p.escalate_to_id) order by m.first_name), '[]') from profiles m where m.is_active) as members"
	" from sla_policies p"
	" left join channel_accounts a on a.organization_id = p.organization_id and a.id = p.channel_account_id"
	" order by p.channel_account_id nulls first, p.name limit 50";

static const char channels_sql[] =
	"select a.id, a.name, app.channel_label(a.type) as label, app.channel_icon(a.type) as icon,"
	" coalesce((a.settings #>> '{csat,enabled}')::boolean, false) as csat,"
	" coalesce(a.settings #>> '{csat,delay_minutes}', '5') as delay, a.settings #>> '{csat,text}' as text,"
	" a.settings ->> 'auto_assign' = 'true' as auto_on, a.settings ->> 'auto_assign' = 'false' as auto_off"
	" from channel_accounts a where a.is_active and a.type not in ('SMS', 'SHRINKIT_PUSH') order by a.name limit 100";

/* The form of a new one: as it was sent, else as it is usually wanted. */
static void set_fresh(struct tmpl_value *page, struct http_request *rq, const struct form *f)
{
	static const char *const texts[] = { "name", "first", "next", "resolution", "breach_tag" };
	static const char *const boxes[] = { "business_hours_only", "is_active", "breach_task" };
	struct tmpl_value *fresh = tmpl_set_map(page, "fresh");

	tmpl_set_text(fresh, "id", SV("new"));
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		tmpl_set_text(fresh, texts[i], f ? http_form(rq, texts[i]) : SV(""));
	for (size_t i = 0; i < sizeof(boxes) / sizeof(*boxes); i++)
		tmpl_set_bool(fresh, boxes[i], f ? http_form(rq, boxes[i]).n > 0 : i < 2);
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int policies, channels, settings, members;

	web_me(rq, b);
	db_add(b, ADMINS);
	policies = db_add(b, policies_sql);
	channels = db_add(b, channels_sql);
	members = db_add(b, "select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name"
			    " from profiles p where p.is_active order by 2 limit 500");
	settings = db_add(b, "select coalesce(s.auto_assign, false) as auto_assign, o.business_hours <> '{}' as has_hours"
			     " from organizations o left join inbox_settings s on s.organization_id = o.id where o.id = auth.org()");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "policies", b, policies);
	web_set_rows(page, "inbox_channels", b, channels);
	web_set_rows(page, "channels", b, channels);
	set_fresh(page, rq, f);
	web_set_rows(page, "members", b, members);
	web_set_row(page, "setting", b, settings, 0);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/sla", page, e);
}

enum status sla_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, e);
}

/* Hours as a number with at most two decimals become minutes. */
static const char save_sql[] =
	"insert into sla_policies (id, name, channel_account_id, first_response_minutes, next_response_minutes,"
	" resolution_minutes, business_hours_only, is_active, breach_tag, escalate_to_id, breach_task)"
	" values ($1::uuid, $2, $3::uuid, $4::integer, $5::integer, $6::integer, $7, $8, $9, $10::uuid, $11)"
	" on conflict (organization_id, id) do update set name = excluded.name,"
	" channel_account_id = excluded.channel_account_id, first_response_minutes = excluded.first_response_minutes,"
	" next_response_minutes = excluded.next_response_minutes, resolution_minutes = excluded.resolution_minutes,"
	" business_hours_only = excluded.business_hours_only, is_active = excluded.is_active,"
	" breach_tag = excluded.breach_tag, escalate_to_id = excluded.escalate_to_id, breach_task = excluded.breach_task";

static struct sv minutes(struct form *f, const char *name)
{
	struct sv typed = form_text(f, name);
	int64_t n = 0;

	if (typed.n && (!sv_to_i64(typed, &n) || n < 1 || n > 100000))
		form_error(f, name, sv_from(tr(N_("Write whole minutes, for example 30"))));
	return typed;
}

enum status sla_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, name, channel, first, next, resolution, tag, escalate;
	struct form f;

	form_init(&f, rq);
	id = form_id(&f, "id");
	name = form_required(&f, "name", N_("Give it a name"));
	channel = form_id(&f, "channel_account_id");
	first = minutes(&f, "first");
	next = minutes(&f, "next");
	resolution = minutes(&f, "resolution");
	tag = form_text(&f, "breach_tag");
	escalate = form_id(&f, "escalate_to_id");
	if (!first.n && !next.n && !resolution.n)
		form_error(&f, "first", sv_from(tr(N_("Promise at least one of the three"))));
	if (f.wrong)
		return show(rq, rs, &f, e);
	db_add(b, ADMINS);
	db_add(b, save_sql, DB_S(id.n ? id : uuid_new(rq->arena)), DB_S(name), DB_OPT(channel), DB_OPT(first),
	       DB_OPT(next), DB_OPT(resolution), DB_B(http_form(rq, "business_hours_only").n),
	       DB_B(http_form(rq, "is_active").n), DB_OPT(tag), DB_OPT(escalate), DB_B(http_form(rq, "breach_task").n));
	if (db_run(b, e)) {
		if (sv_starts(db_constraint(b), SV("sla_policies_"))) {
			form_error(&f, "channel_account_id",
				   sv_from(tr(N_("There is an active promise for this already"))));
			*e = (struct err){ 0 };
			return show(rq, rs, &f, e);
		}
		return form_refused(&f, b, e) ? show(rq, rs, &f, e) : e->status;
	}
	return http_redirect(rs, SV(HERE "?done=saved"));
}

enum status sla_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "promise", &id, e))
		return e->status;
	db_add(b, ADMINS);
	must_exist(b, "sla_policies", id);
	db_add(b, "delete from sla_policies where id = $1", DB_S(id));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=deleted"));
}

/* Who gets new conversations. */
enum status sla_assign(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, ADMINS);
	db_add(b,
	       "insert into inbox_settings (auto_assign) values ($1)"
	       " on conflict (organization_id) do update set auto_assign = excluded.auto_assign",
	       DB_B(http_form(rq, "auto_assign").n));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}

/* One channel: the question after closing, and its own rule of assignment. */
enum status sla_channel(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, delay = sv_trim(http_form(rq, "delay")), rule = http_form(rq, "auto_assign");
	int64_t n = 0;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	if (!sv_to_i64(delay, &n) || n < 0 || n > 99999)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "Write whole minutes, for example 5");
	db_add(b, ADMINS);
	must_exist(b, "channel_accounts", id);
	db_add(b,
	       "update channel_accounts set settings = (settings - 'auto_assign') || jsonb_build_object('csat',"
	       " jsonb_build_object('enabled', $2::boolean, 'delay_minutes', $3::integer, 'text', $4::text))"
	       " || case $5 when 'on' then '{\"auto_assign\": true}' when 'off' then '{\"auto_assign\": false}' else '{}' end::jsonb"
	       " where id = $1",
	       DB_S(id), DB_B(http_form(rq, "csat").n), DB_I(n), DB_S(sv_trim(http_form(rq, "text"))), DB_S(rule));
	return db_run(b, e) ? e->status : http_redirect(rs, SV(HERE "?done=saved"));
}
