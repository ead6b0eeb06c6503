/*
 * /settings/channels/:id: one account: its state and figures, the steps until it
 * works, a test message, who uses it, and what happens with what comes in by it.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "base/uuid.h"
#include "fcgi/app/routes.h"

#define CHART_DAYS "30"

/* $1: channel_hook_urls, $2: the account. The state of a test message is that of
 * the message. */
static const char account_sql[] =
	"select" CHANNEL_CARD_COLUMNS
	", internal.shown_time(a.subscribed_at, z.name) as subscribed, a.check_results,"
	" internal.shown_time(a.created_at, z.name) as made, a.settings ->> 'rate_per_second' as rate,"
	" coalesce(a.settings #>> '{human_takeover_webhook,url}', '') as takeover_url,"
	" upper(coalesce(a.settings #>> '{human_takeover_webhook,method}', 'POST')) as takeover_method,"
	" case when a.settings #> '{human_takeover_webhook,headers}' <> '{}' then"
	"  jsonb_pretty(a.settings #> '{human_takeover_webhook,headers}') end as takeover_headers,"
	" case when a.settings #> '{human_takeover_webhook,body}' <> '{}' then"
	"  jsonb_pretty(a.settings #> '{human_takeover_webhook,body}') end as takeover_body,"
	" a.settings #>> '{ai_agent,enabled}' = 'true' as ai_enabled,"
	" a.settings #>> '{ai_agent,default_active}' = 'true' as ai_default,"
	" a.routing = 'nobody' as to_nobody, a.routing = 'least_busy' as to_least_busy, a.routing = 'in_turn' as in_turn,"
	" m.id as test_id, m.status = 'DELIVERED' as test_delivered, m.status = 'READ' as test_read, m.status = 'SENT' as test_sent,"
	" m.status in ('FAILED', 'UNKNOWN') as test_failed, m.status in ('PENDING', 'SENDING', 'SCHEDULED') as test_waits,"
	" m.error as test_error, m.conversation_id as test_talk,"
	" exists (select from conversations c where c.channel_account_id = a.id) as has_talks"
	CHANNEL_CARD_TABLES
	" left join messages m on m.organization_id = a.organization_id and m.id = a.last_test_id"
	" where a.id = $2::uuid";

/* Thirty days as bars, 22 units apart; the tallest is 150 high. */
static const char days_sql[] =
	"select to_char(x.day, 'FMDD.FMMM.') as short, internal.shown_date(x.day) as day, x.received, x.sent, x.failed, x.at * 22 as x,"
	" x.at * 22 + 9 as x_out, x.at * 22 + 9 as middle, x.at % 5 = 0 as labelled, 160 - x.in_h as in_y, x.in_h, 160 - x.out_h as out_y, x.out_h"
	" from (select g.day, row_number() over (order by g.day) - 1 as at, coalesce(d.received, 0) as received,"
	"  coalesce(d.sent, 0) as sent, coalesce(d.failed, 0) as failed,"
	"  (150 * coalesce(d.received, 0) / greatest(1, max(greatest(d.received, d.sent)) over ()))::integer as in_h,"
	"  (150 * coalesce(d.sent, 0) / greatest(1, max(greatest(d.received, d.sent)) over ()))::integer as out_h"
	"  from (select (now() at time zone app.zone())::date - n as day from generate_series(0, " CHART_DAYS " - 1) n) g"
	"  left join channel_days d on d.channel_account_id = $1::uuid and d.day = g.day) x order by x.day";

static const char states_sql[] =
	"select s.state, s.why, internal.shown_time(s.at, z.name) as at, s.state in ('connected', 'on', 'well', 'made') as is_good,"
	" s.state in ('disconnected', 'problem') as is_bad, s.state = 'made' as is_made, s.state = 'on' as is_on, s.state = 'off' as is_off,"
	" s.state = 'connected' as is_connected, s.state = 'disconnected' as is_disconnected, s.state = 'problem' as is_problem,"
	" s.state = 'well' as is_well, s.state = 'deleted' as is_deleted,"
	" case when s.actor_id is not null then app.person(p.first_name, p.last_name, null, array[p.email]) end as actor"
	" from channel_states s cross join (select app.zone() as name offset 0) z"
	" left join profiles p on p.organization_id = s.organization_id and p.id = s.actor_id"
	" where s.channel_account_id = $1::uuid order by s.id desc limit 20";

static const char members_sql[] =
	"select p.id, app.person(p.first_name, p.last_name, null, array[p.email]) as name, l.n = 0 as unlimited,"
	" l.n = 0 or exists (select from user_channel_access u where u.user_id = p.id and u.channel_account_id = $1::uuid) as may"
	" from profiles p join user_roles r on r.organization_id = p.organization_id and r.user_id = p.id,"
	" lateral (select count(*) as n from user_channel_access u where u.user_id = p.id) l"
	" where p.is_active and r.role not in ('OWNER', 'ADMIN') order by lower(p.first_name), p.id limit 500";

struct parts {
	int account, days, states, members, teams;
};

static enum status read_account(struct http_request *rq, struct db_batch *b, struct sv *id,
				struct err *e)
{
	if (path_id(rq, "channel", id, e))
		return e->status;
	db_add(b, CHANNEL_ADMINS);
	return ST_OK;
}

static int add_account(struct http_request *rq, struct db_batch *b, struct sv id)
{
	return db_add(b, account_sql, DB_S(channel_hook_urls(rq->arena)), DB_S(id));
}

static enum status found(struct http_request *rq, const struct db_batch *b, int row, struct err *e)
{
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	return ST_OK;
}

/* The lines of a check by the words that providers' files give them. */
static const struct {
	const char *what, *label;
} check_words[] = {
	{ "token", N_("Access token") },
	{ "permissions", N_("Permissions") },
	{ "number", N_("Phone number") },
	{ "tier", N_("Messaging limit") },
	{ "quality", N_("Quality") },
	{ "business", N_("Business account") },
	{ "review", N_("Account review") },
	{ "verification", N_("Business verification") },
	{ "sending", N_("May send") },
	{ "namespace", N_("Template namespace") },
	{ "webhook", N_("Subscribed to") },
};

static struct sv check_label(struct sv what)
{
	for (size_t i = 0; i < sizeof(check_words) / sizeof(*check_words); i++)
		if (sv_eq(what, sv_from(check_words[i].what)))
			return sv_from(tr(check_words[i].label));
	return what;
}

static struct sv part_of(const json_t *line, const char *name)
{
	const json_t *v = json_object_get(line, name);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void set_checks(struct http_request *rq, struct tmpl_value *page, struct sv results)
{
	struct tmpl_value *list = tmpl_set_list(page, "checks");
	struct err bad;
	json_t *all = results.n ? channel_json(rq->arena, results, &bad) : NULL, *line;
	size_t i;

	json_array_foreach(all, i, line) {
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "label", check_label(part_of(line, "what")));
		tmpl_set_bool(v, "ok", json_is_true(json_object_get(line, "ok")));
		tmpl_set_text(v, "said", part_of(line, "said"));
		tmpl_set_text(v, "advice", web_tr(rq->arena, part_of(line, "advice")));
	}
}

static void show_account(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
			 int row)
{
	const struct channel *k = channel_kind(db_first(b, row, "type"));

	web_set_row(page, "channel", b, row, 0);
	set_checks(rq, page, db_first(b, row, "check_results"));
	if (k)
		channel_set_kind(rq, page, k);
	tmpl_set_bool(page, "is_known", k != NULL);
	tmpl_set_text(page, "channel_id", db_first(b, row, "id"));
	tmpl_set_text(page, "name", db_first(b, row, "name"));
	tmpl_set_text(page, "client", uuid_new(rq->arena));
}

static void add_parts(struct http_request *rq, struct db_batch *b, struct sv id, struct parts *p)
{
	p->account = add_account(rq, b, id);
	p->days = db_add(b, days_sql, DB_S(id));
	p->states = db_add(b, states_sql, DB_S(id));
	p->members = db_add(b, members_sql, DB_S(id));
	p->teams = db_add(b, "select t.id, t.name, exists (select from channel_accounts a where a.id = $1::uuid and a.team_id = t.id)"
			     " as selected from teams t order by lower(t.name), t.id limit 200", DB_S(id));
}

enum status settings_channel_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct parts p;
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	web_me(rq, b);
	add_parts(rq, b, id, &p);
	if (db_run(b, e) || found(rq, b, p.account, e))
		return e->status;
	page = web_page(rq, b);
	show_account(rq, page, b, p.account);
	web_set_rows(page, "days", b, p.days);
	web_set_rows(page, "states", b, p.states);
	web_set_rows(page, "members", b, p.members);
	web_set_rows(page, "teams", b, p.teams);
	return web_render(rq, rs, wants_fragment(rq) ? "app/settings/channel_now" :
						       "app/settings/channel", page, e);
}

/* The way until it works, and the same alone while it is walked. */
static enum status steps(struct http_request *rq, struct http_response *rs, const char *template,
			 struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int row, pairing;

	if (read_account(rq, b, &id, e))
		return e->status;
	web_me(rq, b);
	row = add_account(rq, b, id);
	pairing = channel_pairing_add(b, id);
	if (db_run(b, e) || found(rq, b, row, e))
		return e->status;
	page = web_page(rq, b);
	show_account(rq, page, b, row);
	channel_pairing_show(rq, page, b, pairing);
	return web_render(rq, rs, template, page, e);
}

enum status settings_channel_connect(struct http_request *rq, struct http_response *rs,
				     struct err *e)
{
	return steps(rq, rs, "app/settings/channel_connect", e);
}

enum status settings_channel_steps(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return steps(rq, rs, "app/settings/channel_steps", e);
}

/* ---- what one does with it ------------------------------------------------------------ */

/* Run, and show the steps (htmx) or go back to where the form stood. */
static enum status done(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			struct sv id, const char *after, struct err *e)
{
	if (db_run(b, e))
		return e->status;
	if (sv_present(http_header(rq, "HX-Request"))) {
		rs->status = 204;
		http_set_header(rs, "HX-Trigger", SV("refresh"));
		return ST_OK;
	}
	return redirect_to(rq, rs, "/settings/channels/", id, after);
}

static const char *way_back(struct http_request *rq)
{
	return http_form(rq, "connect").n ? "/connect" : "";
}

enum status settings_channel_check(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	db_add(b, "select channel_check($1, $2)", DB_S(id), DB_B(http_form(rq, "subscribe").n > 0));
	return done(rq, rs, b, id, way_back(rq), e);
}

enum status settings_channel_test(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, client = http_form(rq, "client"), to = sv_trim(http_form(rq, "to"));
	struct db_batch *b = web_batch(rq);

	if (read_account(rq, b, &id, e))
		return e->status;
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	db_add(b,
	       "select app.channel_test($1, $2, $3, $4, $5)",
	       DB_S(id), DB_S(http_form(rq, "handle_kind")), DB_OPT(to),
	       DB_S(sv_from(tr("This is a test message. If you can read it, the channel works."))),
	       DB_S(client));
	return done(rq, rs, b, id, way_back(rq), e);
}

/* CHA-14: the cards of the wizard have the same two buttons. */
static bool in_wizard(struct http_request *rq)
{
	return http_form(rq, "wizard").n > 0;
}

enum status settings_channel_switch(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool on = http_form(rq, "on").n > 0;
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	must_exist(b, "channel_accounts", id);
	db_add(b, "update channel_accounts set is_active = $2 where id = $1 and is_active <> $2", DB_S(id), DB_B(on));
	if (db_run(b, e)) {
		if (sv_eq(db_constraint(b), SV("channel_accounts_external_key")))
			return err_set(e, rq->arena, ST_CONFLICT, "%s",
				       tr("Another channel that is switched on has this account already"));
		return e->status;
	}
	if (in_wizard(rq))
		return http_redirect(rs, SV("/onboarding"));
	return redirect_to(rq, rs, "/settings/channels/", id, on ? "?done=channel_on" : "?done=channel_off");
}

enum status settings_channel_delete(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	must_exist(b, "channel_accounts", id);
	db_add(b, "update channel_accounts set deleted_at = now() where id = $1 and deleted_at is null", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, in_wizard(rq) ? SV("/onboarding") : SV("/settings/channels?done=deleted"));
}

/* ---- options ------------------------------------------------------------------------------- */

enum status settings_channel_access(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	form_init(&f, rq);
	db_add(b, "select app.channel_access($1, array(select x::uuid from jsonb_array_elements_text($2::jsonb) x))",
	       DB_S(id), DB_S(form_lines(&f, "user")));
	return done(rq, rs, b, id, "?done=saved", e);
}

enum status settings_channel_routing(struct http_request *rq, struct http_response *rs,
				     struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, team = http_form(rq, "team_id"), routing = http_form(rq, "routing"),
		      rate = sv_trim(http_form(rq, "rate_per_second"));
	int64_t n = 0;

	if (read_account(rq, b, &id, e))
		return e->status;
	if (rate.n && (!sv_to_i64(rate, &n) || n < 1 || n > 10000))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s",
			       tr("Write how many messages a second, from 1 to 10000, or nothing"));
	if (!uuid_valid(team))
		team = SV_NONE;
	must_exist(b, "channel_accounts", id);
	db_add(b,
	       "update channel_accounts set team_id = $2::uuid,"
	       " routing = case when $2::uuid is null then 'nobody' else $3 end,"
	       " settings = case when $4::integer is null then settings - 'rate_per_second'"
	       "  else settings || jsonb_build_object('rate_per_second', $4::integer) end where id = $1",
	       DB_S(id), DB_S(team), DB_S(routing.n ? routing : SV("nobody")),
	       n ? DB_I(n) : DB_NULL);
	return done(rq, rs, b, id, "?done=saved", e);
}

/* An object as it was typed; empty is {}. */
static enum status object_of(struct http_request *rq, const char *name, const char *problem,
			     struct sv *out, struct err *e)
{
	struct sv typed = sv_trim(http_form(rq, name));
	struct err bad;
	json_t *j;

	*out = typed.n ? typed : SV("{}");
	j = channel_json(rq->arena, *out, &bad);
	if (!json_is_object(j))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr(problem));
	return ST_OK;
}

enum status settings_channel_takeover(struct http_request *rq, struct http_response *rs,
				      struct err *e)
{
	struct sv id, headers, body, url = sv_trim(http_form(rq, "url")), method = http_form(rq, "method");
	struct db_batch *b = web_batch(rq);

	if (read_account(rq, b, &id, e) ||
	    object_of(rq, "headers", N_("The headers are no JSON object, for example {\"X-Key\": \"value\"}"), &headers, e) ||
	    object_of(rq, "body", N_("The body is no JSON object, for example {\"team\": \"support\"}"), &body, e))
		return e->status;
	must_exist(b, "channel_accounts", id);
	db_add(b,
	       "update channel_accounts set settings = case when $2 = '' then settings - 'human_takeover_webhook'"
	       " else settings || jsonb_build_object('human_takeover_webhook', jsonb_build_object('url', $2::text, 'method', $3::text,"
	       "  'headers', $4::jsonb, 'body', $5::jsonb)) end where id = $1",
	       DB_S(id), DB_S(url), DB_S(method.n ? method : SV("POST")), DB_S(headers), DB_S(body));
	return done(rq, rs, b, id, "?done=saved", e);
}

enum status settings_channel_bot(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (read_account(rq, b, &id, e))
		return e->status;
	must_exist(b, "channel_accounts", id);
	db_add(b,
	       "update channel_accounts set settings = settings || jsonb_build_object('ai_agent', coalesce(settings -> 'ai_agent', '{}')"
	       " || jsonb_build_object('enabled', $2::boolean, 'default_active', $3::boolean)) where id = $1",
	       DB_S(id), DB_B(http_form(rq, "enabled").n > 0), DB_B(http_form(rq, "default_active").n > 0));
	return done(rq, rs, b, id, "?done=saved", e);
}
