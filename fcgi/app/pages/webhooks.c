/*
 * /settings/webhooks: endpoints and the events they get (WHK-1..11). The
 * secret is sealed here and never shown again; only owners and administrators
 * come in (WHK-9).
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

static const struct {
	const char *type, *label;
} events[] = {
#define EVENT(type, label) { type, label },
#include "fcgi/app/pages/webhook_event.def"
#undef EVENT
};

#define ADMINS "select internal.admins_only('webhooks')"

enum status webhooks_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	db_add(b, ADMINS);
	rows = db_add(b,
		"select w.id, w.name, w.url, w.events, w.is_active, w.has_secret, w.failing_since is not null as failing,"
		" internal.shown_time(w.failing_since, (select internal.my_zone())) as since,"
		" internal.shown_time(w.last_success_at, (select internal.my_zone())) as success"
		" from webhook_configurations w order by w.created_at, w.id limit 200");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	return web_render(rq, rs, "app/webhooks", page, e);
}

/* ---- the form ------------------------------------------------------------- */

/* Is this event among those of the stored webhook, or of the form as sent? */
static bool chosen(const struct http_request *rq, const struct form *f, struct sv stored,
		   struct sv type)
{
	const struct http_pairs *all;
	struct sv rest = stored;

	if (!f) {
		while (sv_present(rest))
			if (sv_eq(sv_cut(&rest, ' '), type))
				return true;
		return false;
	}
	all = http_form_all((struct http_request *)rq);
	for (size_t i = 0; i < all->n; i++)
		if (sv_eq(all->v[i].name, SV("events")) && sv_eq(all->v[i].value, type))
			return true;
	return false;
}

static void show_events(struct http_request *rq, struct tmpl_value *page, const struct form *f,
			struct sv stored)
{
	struct tmpl_value *list = tmpl_set_list(page, "events");

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		tmpl_set_text(one, "type", sv_from(events[i].type));
		tmpl_set_text(one, "label", sv_from(events[i].label));
		tmpl_set_bool(one, "checked", chosen(rq, f, stored, sv_from(events[i].type)));
	}
}

static enum status show(struct http_request *rq, struct http_response *rs, struct sv id,
			const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row = -1;

	web_me(rq, b);
	db_add(b, ADMINS);
	if (id.n)
		row = db_add(b,
			"select w.id, w.name, w.url, w.is_active, w.has_secret, w.format = 'crm' as is_crm,"
			" array_to_string(w.events, ' ') as event_list,"
			" (select jsonb_agg(jsonb_build_object('key', k, 'value', v) order by k)"
			"	from jsonb_each_text(w.custom_headers) x (k, v)) as headers"
			" from webhook_configurations w where w.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (id.n && !db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This webhook does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (id.n) {
		web_set_row(page, "record", b, row, 0);
		web_set_row(page, "form", b, row, 0);
	} else {
		tmpl_set_bool(tmpl_set_map(page, "form"), "is_active", true);
	}
	show_events(rq, page, f, id.n ? db_first(b, row, "event_list") : SV_NONE);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/webhook_form", page, e);
}

enum status webhook_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, SV_NONE, NULL, e);
}

enum status webhook_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "webhook", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, e);
}

/* A header's name is a token of RFC 9110. */
static bool is_header_name(struct sv s)
{
	if (!s.n || s.n > 100)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127 || sv_chr(SV("\"(),/:;<=>?@[\\]{}"), s.p[i]) >= 0)
			return false;
	return true;
}

static void add_header(struct form *f, struct tmpl_value *shown, struct buf *json, struct sv name,
		       struct sv value)
{
	struct tmpl_value *one = tmpl_push_map(shown);

	tmpl_set_text(one, "key", name);
	tmpl_set_text(one, "value", value);
	if (!is_header_name(name) || sv_chr(value, '\n') >= 0 || sv_chr(value, '\r') >= 0)
		form_error(f, "headers", SV("A header is a name such as X-Source and a value on one line"));
	buf_addc(json, json->n ? ',' : '{');
	buf_json(json, name);
	buf_addc(json, ':');
	buf_json(json, value);
}

static struct sv form_headers(struct form *f)
{
	const struct http_pairs *all = http_form_all(f->rq);
	struct tmpl_value *shown = tmpl_set_list(f->values, "headers");
	struct sv name = SV_NONE;
	buf_auto struct buf json = BUF_INIT;

	for (size_t i = 0; i < all->n; i++) {
		struct sv value = sv_trim(all->v[i].value);

		if (sv_eq(all->v[i].name, SV("header_name")))
			name = value;
		else if (sv_eq(all->v[i].name, SV("header_value")) && name.n)
			add_header(f, shown, &json, name, value);
	}
	if (!json.n)
		return SV("{}");
	buf_addc(&json, '}');
	return arena_sv(f->rq->arena, buf_sv(&json));
}

/* HTTPS, unless this installation was told otherwise (WHK-3). */
static struct sv form_url(struct form *f)
{
	struct sv url = form_required(f, "url", "Write the address to call");

	if (url.n && !sv_starts(url, SV("https://")) &&
	    !(conf_bool(CONF_net_insecure_webhooks) && sv_starts(url, SV("http://"))))
		form_error(f, "url", SV("The address must begin with https://"));
	return url;
}

static const char insert_sql[] =
	"insert into webhook_configurations (id, name, url, events, secret, custom_headers, is_active, format)"
	" values ($1::uuid, nullif($2, ''), $3, array(select jsonb_array_elements_text($4::jsonb)), $5, $6::jsonb, $7, $8)"
	" on conflict (organization_id, id) do nothing";

/* No new secret: the old one stays, unless it is to be removed. */
static const char update_sql[] =
	"update webhook_configurations set name = nullif($2, ''), url = $3,"
	" events = array(select jsonb_array_elements_text($4::jsonb)), custom_headers = $5::jsonb, is_active = $6,"
	" format = $7"
	" where id = $1::uuid";
static const char secret_sql[] =
	"update webhook_configurations set secret = $2 where id = $1::uuid";

static void add_save(struct form *f, struct db_batch *b, struct sv id, bool make)
{
	struct sv name = form_text(f, "name"), url = form_url(f), list = form_lines(f, "events");
	struct sv headers = form_headers(f), secret = sv_trim(http_form(f->rq, "secret"));
	struct sv sealed = SV_NONE;
	bool active = http_form(f->rq, "is_active").n > 0, crm = http_form(f->rq, "is_crm").n > 0;
	const char *format = crm ? "crm" : "standard";

	tmpl_set_bool(f->values, "is_active", active);
	tmpl_set_bool(f->values, "is_crm", crm);
	if (sv_eq(list, SV("[]")))
		form_error(f, "events", SV("Choose at least one event"));
	if (secret.n)
		sealed = crypto_seal(f->rq->arena, SV("webhook_configurations.secret"), secret);
	db_add(b, ADMINS);
	if (make)
		db_add(b, insert_sql, DB_S(id), DB_S(name), DB_S(url), DB_S(list), DB_S(sealed),
		       DB_S(headers), DB_B(active), DB_C(format));
	else
		db_add(b, update_sql, DB_S(id), DB_S(name), DB_S(url), DB_S(list), DB_S(headers),
		       DB_B(active), DB_C(format));
	if (!make && (secret.n || http_form(f->rq, "remove_secret").n))
		db_add(b, secret_sql, DB_S(id), DB_S(sealed));
}

static enum status save(struct http_request *rq, struct http_response *rs, struct sv id, bool make,
			struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct form f;

	form_init(&f, rq);
	if (!make)
		must_exist(b, "webhook_configurations", id);
	add_save(&f, b, id, make);
	if (f.wrong)
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, make ? SV_NONE : id, &f, e);
	}
	return http_redirect(rs, make ? SV("/settings/webhooks?done=created")
				      : SV("/settings/webhooks?done=saved"));
}

enum status webhook_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id = http_form(rq, "id");

	return save(rq, rs, uuid_valid(id) ? id : uuid_new(rq->arena), true, e);
}

enum status webhook_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "webhook", &id, e))
		return e->status;
	return save(rq, rs, id, false, e);
}

enum status webhook_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "webhook", &id, e))
		return e->status;
	db_add(b, ADMINS);
	must_exist(b, "webhook_configurations", id);
	db_add(b, "delete from webhook_configurations where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/webhooks?done=deleted"));
}
