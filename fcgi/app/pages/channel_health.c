/*
 * /settings/channels/health, /log and /dead: how the channels do, what their
 * providers called with, and what could not be worked on.
 *
 * Bodies are shown as they lie in the database, laid out, with secrets, numbers
 * and addresses of people covered.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "base/uuid.h"
#include "crypto/crypto.h"
#include "fcgi/app/routes.h"

#include <stdlib.h>
#include <string.h>

#define LOG_ROWS 50
#define DEAD_ROWS 50
#define SHOWN_MAX 65536 /* bytes of a body */

/* ---- health --------------------------------------------------------------------- */

static const char grid_sql[] =
	"select" CHANNEL_CARD_COLUMNS
	", coalesce(w.sent, 0) as week_sent, coalesce(w.failed, 0) as week_failed, coalesce(w.received, 0) as week_received,"
	" case when w.sent + w.failed > 0 then round(100.0 * w.delivered / (w.sent + w.failed)) end as delivery_rate,"
	" case when w.sent + w.failed > 0 then round(100.0 * w.failed / (w.sent + w.failed)) end as error_rate,"
	" case when w.lags > 0 then internal.shown_lag(w.lag_ms / w.lags) end as week_lag,"
	" case when w.lags > 0 then internal.shown_lag(w.work_ms / w.lags) end as week_work,"
	" coalesce(q.waiting, 0) as waiting, coalesce(q.stuck, 0) as stuck,"
	" (select json_agg(json_build_object('is_good', s.state in ('on', 'connected', 'well', 'made'), 'is_bad', s.state in"
	"   ('disconnected', 'problem'), 'at', internal.shown_time(s.at, z.name), 'why', s.why) order by s.id desc)"
	"  from (select * from channel_states c where c.organization_id = a.organization_id and c.channel_account_id = a.id"
	"   order by c.id desc limit 3) s) as lately"
	CHANNEL_CARD_TABLES
	" left join lateral (select sum(d.sent) as sent, sum(d.failed) as failed, sum(d.received) as received,"
	"  sum(d.delivered) as delivered, sum(d.lags) as lags, sum(d.lag_ms) as lag_ms, sum(d.work_ms) as work_ms from channel_days d"
	"  where d.organization_id = a.organization_id and d.channel_account_id = a.id"
	"  and d.day > (now() at time zone z.name)::date - 7) w on true"
	" left join app.channel_backlog() q on q.channel_account_id = a.id"
	" where a.deleted_at is null order by lower(a.name), a.id limit 200";

/* Each counted up to a thousand: more is no different to who looks. */
static const char pipeline_sql[] =
	"select app.inbound_backlog() as calls, app.dead_letter_count() as dead,"
	" (select count(*) from (select from conversations c where c.status in ('OPEN', 'PENDING') and c.assignee_id is null limit 1000) x)"
	"  as unassigned,"
	" (select count(*) from (select from conversations c where c.status in ('OPEN', 'PENDING')"
	"  and c.last_message_direction = 'INBOUND' limit 1000) x) as unanswered,"
	" (select count(*) from (select from conversations c where c.status in ('OPEN', 'PENDING') limit 1000) x) as open,"
	" (select coalesce(sum(q.waiting), 0) from app.channel_backlog() q) as waiting,"
	" (select coalesce(sum(q.stuck), 0) from app.channel_backlog() q) as stuck,"
	" (select internal.shown_time(min(q.oldest), app.zone()) from app.channel_backlog() q) as oldest";

enum status channel_health(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int grid, pipeline;

	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	grid = db_add(b, grid_sql, DB_S(channel_hook_urls(rq->arena)));
	pipeline = db_add(b, pipeline_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "channels", b, grid);
	web_set_row(page, "pipeline", b, pipeline, 0);
	return web_render(rq, rs, wants_fragment(rq) ? "app/settings/channel_health_now" :
						       "app/settings/channel_health", page, e);
}

/* ---- the log of calls ---------------------------------------------------------------- */

static struct sv state_of(struct http_request *rq)
{
	static const char *const known[] = { "new", "done", "ignored", "failed", "discarded" };
	struct sv state = http_query(rq, "state");

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (sv_eq(state, sv_from(known[i])))
			return state;
	return SV_NONE;
}

static struct sv id_or_none(struct sv id)
{
	return uuid_valid(id) ? id : SV_NONE;
}

static const char log_sql[] =
	"select l.id, internal.shown_date((l.received_at at time zone z.name)::date, z.name) || to_char(l.received_at at time zone z.name, ', HH24:MI:SS') as shown, l.error, l.channel, l.bytes, l.took_ms,"
	" l.state = 'new' as is_new, l.state = 'done' as is_done, l.state = 'ignored' as is_ignored, l.state = 'failed' as is_failed,"
	" l.state = 'discarded' as is_discarded"
	" from (select app.zone() as name offset 0) z, app.inbound_log($1::uuid, $2::uuid, $3, $4::integer) l order by l.id desc";

static void set_next(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		     int rows)
{
	struct sv channel = id_or_none(http_query(rq, "channel")), state = state_of(rq), last;

	if (db_rows(b, rows) < LOG_ROWS)
		return;
	last = db_named(b, rows, LOG_ROWS - 1, "id");
	tmpl_set_text(page, "next", sv_from(arena_printf(rq->arena, "/settings/channels/log?channel=%.*s&state=%.*s&before=%.*s",
							 SV_ARG(channel), SV_ARG(state), SV_ARG(last))));
}

enum status channel_log(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv channel = id_or_none(http_query(rq, "channel")), state = state_of(rq);
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, accounts;

	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	rows = db_add(b, log_sql, DB_S(id_or_none(http_query(rq, "before"))), DB_S(channel), DB_S(state),
		      DB_I(LOG_ROWS));
	accounts = db_add(b, "select a.id, a.name, a.id = $1::uuid as selected from channel_accounts a order by lower(a.name), a.id limit 200",
			  DB_S(channel));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "calls", b, rows);
	web_set_rows(page, "accounts", b, accounts);
	set_next(rq, page, b, rows);
	tmpl_set_bool(page, "is_later", uuid_valid(http_query(rq, "before")));
	if (state.n)
		tmpl_set_bool(page, arena_printf(rq->arena, "only_%.*s", SV_ARG(state)), true);
	return web_render(rq, rs, wants_fragment(rq) ? "app/settings/channel_log_rows" :
						       "app/settings/channel_log", page, e);
}

/* ---- one call, with what is nobody's business covered ------------------------------------ */

static bool is_secret_key(const char *key)
{
	static const char *const parts[] = { "token", "secret", "password", "signature", "api_key",
					     "apikey", "authorization" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strcasestr(key, parts[i]))
			return true;
	return false;
}

/* A number or an address of a person keeps its ends. */
static bool is_personal(struct sv s)
{
	size_t digits = 0, other = 0;

	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
		digits += s.p[i] >= '0' && s.p[i] <= '9';
		other += !strchr("0123456789+ ()-", s.p[i]);
	}
	return (digits >= 8 && digits <= 15 && !other) || (sv_chr(s, '@') > 0 && sv_chr(s, ' ') < 0);
}

static json_t *covered(struct arena *a, struct sv s)
{
	return json_string(s.n < 6 ? "…" : arena_printf(a, "%.*s…%.*s", 3, s.p, 2, s.p + s.n - 2));
}

static void cover(struct arena *a, json_t *j)
{
	const char *key;
	json_t *v;
	void *tmp;
	size_t i;

	json_object_foreach_safe(j, tmp, key, v) {
		struct sv text = sv_from(json_string_value(v));

		if (is_secret_key(key) && !json_is_object(v) && !json_is_array(v))
			json_object_set_new(j, key, json_string("•••"));
		else if (json_is_string(v) && is_personal(text))
			json_object_set_new(j, key, covered(a, text));
		else
			cover(a, v);
	}
	json_array_foreach(j, i, v)
		cover(a, v);
}

static struct sv laid_out(struct arena *a, struct sv body)
{
	struct err bad;
	json_t *j = channel_json(a, body, &bad);
	struct sv out;
	char *text;

	if (!j)
		return sv_is_text(body) ? sv_make(body.p, body.n < SHOWN_MAX ? body.n : SHOWN_MAX) : SV_NONE;
	cover(a, j);
	text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
	out = arena_sv(a, sv_make(text, strlen(text) < SHOWN_MAX ? strlen(text) : SHOWN_MAX));
	free(text);
	return out;
}

enum status channel_log_call(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id = http_param(rq, "hook");
	struct tmpl_value *page;
	int row;

	if (!uuid_valid(id))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This call does not exist");
	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	row = db_add(b,
		     "select c.id, c.error, c.channel, c.channel_account_id, c.tries, c.is_dead, c.state = 'done' as is_done,"
		     " c.state = 'ignored' as is_ignored, c.state = 'discarded' as is_discarded, c.state = 'new' as is_new, c.body,"
		     " internal.shown_date((c.received_at at time zone z.name)::date, z.name) || to_char(c.received_at at time zone z.name, ', HH24:MI:SS.MS') as received,"
		     " internal.shown_date((c.processed_at at time zone z.name)::date, z.name) || to_char(c.processed_at at time zone z.name, ', HH24:MI:SS.MS') as processed"
		     " from (select app.zone() as name offset 0) z, app.inbound_call($1::uuid) c", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This call does not exist any more");
	page = web_page(rq, b);
	web_set_row(page, "call", b, row, 0);
	tmpl_set_text(page, "body", laid_out(rq->arena, crypto_unhex(rq->arena, db_first(b, row, "body"))));
	return web_render(rq, rs, "app/settings/channel_call", page, e);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

static const char dead_sql[] =
	"select d.source, d.id, d.source = 'call' as is_call, internal.shown_time(d.at, z.name) as shown, d.at::text as cursor,"
	" d.kind, d.error, d.channel, d.detail, d.kind = 'inbound' as is_inbound, d.kind = 'send_message' as is_send,"
	" d.kind = 'fetch_media' as is_media, d.kind = 'webhook' as is_webhook, d.kind = 'takeover_webhook' as is_takeover"
	" from (select app.zone() as name offset 0) z, app.dead_letters($1::timestamptz, $2::integer) d order by d.at desc";

enum status channel_dead_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv before = http_query(rq, "before");
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	db_add(b, CHANNEL_ADMINS);
	rows = db_add(b, dead_sql, DB_OPT(before), DB_I(DEAD_ROWS));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "letters", b, rows);
	tmpl_set_bool(page, "has_letters", db_rows(b, rows) > 0);
	if (db_rows(b, rows) == DEAD_ROWS)
		tmpl_set_text(page, "next", db_named(b, rows, DEAD_ROWS - 1, "cursor"));
	return web_render(rq, rs, "app/settings/channel_dead", page, e);
}

static enum status letter(struct http_request *rq, struct http_response *rs, const char *sql,
			  const char *after, struct err *e)
{
	struct sv source = http_form(rq, "source"), id = http_form(rq, "id");
	struct db_batch *b = web_batch(rq);
	bool call = sv_eq(source, SV("call"));
	int64_t n;

	if (call ? !uuid_valid(id) : !sv_to_i64(id, &n))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This does not wait any more");
	db_add(b, sql, DB_S(call ? SV("call") : SV("job")), DB_S(id), DB_B(http_form(rq, "back").n > 0));
	if (db_run(b, e))
		return e->status;
	if (http_form(rq, "json").n) {
		http_content_type(rs, "application/json");
		buf_lit(&rs->body, "{\"ok\":true}");
		return ST_OK;
	}
	return http_redirect(rs, sv_from(after));
}

enum status channel_dead_run(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return letter(rq, rs, "select app.dead_rerun($1, $2) from (select $3::boolean) x",
		      "/settings/channels/dead?done=running", e);
}

enum status channel_dead_discard(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return letter(rq, rs, "select app.dead_discard($1, $2, $3)", "/settings/channels/dead?done=discarded", e);
}

enum status channel_dead_run_all(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, "select app.dead_rerun_all()");
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/channels/dead?done=running"));
}
