/*
 * /settings/whatsapp-templates: the templates that Meta approves, of every
 * WhatsApp Cloud account (MSG-92..95, MSG-98): read from Meta, handed in,
 * changed, tried on a number. Meta is asked by the worker; the page waits.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/whatsapp_templates.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#define ADMINS "select internal.admins_only('templates')"

/* ---- the list ------------------------------------------------------------------ */

static const char rows_sql[] =
	"select t.id, t.name, t.language, t.category, t.status, array_to_string(t.variables, ', ') as variables,"
	" coalesce(b.body, '') as body, b.header, b.header_format, b.footer, b.buttons, t.reason, t.error, t.quality,"
	" t.is_submitting, a.name as channel, t.status = 'APPROVED' as is_approved, t.status = 'REJECTED' as is_rejected,"
	" t.status in ('PENDING', 'IN_APPEAL') as is_pending, t.status = 'DRAFT' as is_draft,"
	" t.status in ('PAUSED', 'DISABLED') as is_stopped,"
	" t.category = 'MARKETING' as is_marketing, t.category = 'UTILITY' as is_utility, t.category = 'AUTHENTICATION' as is_authentication"
	" from whatsapp_templates t join channel_accounts a on a.id = t.channel_account_id,"
	" lateral internal.template_parts(t.components) b"
	" where ($1::uuid is null or t.channel_account_id = $1) and ($2::text is null or t.status = $2)"
	" and ($3::text is null or t.name like internal.search_pattern($3))"
	" order by t.name, t.language, t.id limit 500";

static const char accounts_sql[] =
	"select a.id, a.name, s.state = 'running' as is_running, s.state = 'failed' as is_failed, s.error,"
	" internal.shown_time(s.synced_at, (select internal.my_zone())) as synced, a.id is not distinct from $1::uuid as is_chosen"
	" from channel_accounts a left join whatsapp_template_syncs s on s.channel_account_id = a.id"
	" where a.type = 'WHATSAPP_CLOUD' and a.deleted_at is null order by a.name, a.id limit 100";

static bool waits(const struct db_batch *b, int accounts, int rows)
{
	for (size_t i = 0; i < db_rows(b, accounts); i++)
		if (sv_eq(db_named(b, accounts, i, "is_running"), SV("t")))
			return true;
	for (size_t i = 0; i < db_rows(b, rows); i++)
		if (sv_eq(db_named(b, rows, i, "is_submitting"), SV("t")))
			return true;
	return false;
}

enum status whatsapp_templates_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv account = http_query(rq, "account"), status = http_query(rq, "status"),
		  q = sv_trim(http_query(rq, "q"));
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows, accounts;

	if (!uuid_valid(account))
		account = SV_NONE;
	web_me(rq, b);
	db_add(b, ADMINS);
	rows = db_add(b, rows_sql, DB_S(account), DB_OPT(status), DB_OPT(q));
	accounts = db_add(b, accounts_sql, DB_S(account));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	web_set_rows(page, "accounts", b, accounts);
	tmpl_set_bool(page, "waits", waits(b, accounts, rows));
	tmpl_set_bool(page, "several", db_rows(b, accounts) > 1);
	tmpl_set_bool(page, "is_filtered", account.n || status.n || q.n);
	tmpl_set_text(page, "account", account);
	tmpl_set_text(page, "q", q);
	tmpl_set_text(page, "status", status);
	tmpl_set_bool(page, "wants_approved", sv_eq(status, SV("APPROVED")));
	tmpl_set_bool(page, "wants_pending", sv_eq(status, SV("PENDING")));
	tmpl_set_bool(page, "wants_rejected", sv_eq(status, SV("REJECTED")));
	return web_render(rq, rs,
			  wants_fragment(rq) ? "app/settings/whatsapp_templates_rows" : "app/settings/whatsapp_templates",
			  page, e);
}

enum status whatsapp_templates_sync(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);

	db_add(b, ADMINS);
	db_add(b, "select sync_whatsapp_templates(a.id) from channel_accounts a where a.type = 'WHATSAPP_CLOUD' and a.is_active");
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/whatsapp-templates"));
}

/* ---- the form -------------------------------------------------------------------- */

static const char form_sql[] =
	"select t.name, t.language, t.category, t.channel_account_id, b.body, b.header, b.header_format, b.footer, t.error, t.reason,"
	" b.buttons, t.provider_id is not null as is_known, t.status = 'APPROVED' as is_approved from whatsapp_templates t,"
	" lateral internal.template_parts(t.components) b where t.id = $1";

static void set_choices(struct tmpl_value *page, const char *name, const char *const *values,
			const char *const *labels, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, name);

	for (size_t i = 0; values[i]; i++) {
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "value", sv_from(values[i]));
		tmpl_set_text(v, "label", sv_from(tr(labels[i])));
		tmpl_set_bool(v, "is_chosen", sv_eq(chosen, sv_from(values[i])));
	}
}

static const char *const categories[] = { "UTILITY", "MARKETING", "AUTHENTICATION", NULL };
static const char *const category_labels[] = { N_("Utility"), N_("Marketing"), N_("Authentication"), NULL };
static const char *const formats[] = { "", "TEXT", "LOCATION", "IMAGE", "VIDEO", "DOCUMENT", NULL };
static const char *const format_labels[] = { N_("None"), N_("Text"), N_("Location"), N_("Image"), N_("Video"),
					     N_("Document"), NULL };
static const char *const button_types[] = { "QUICK_REPLY", "URL", "PHONE_NUMBER", NULL };
static const char *const button_labels[] = { N_("Quick reply"), N_("Website"), N_("Phone number"), NULL };

/* Three buttons are what people need; as they were sent (f), else as stored. */
static void set_buttons(struct http_request *rq, struct tmpl_value *page, const struct form *f, struct sv stored)
{
	struct tmpl_value *list = tmpl_set_list(page, "buttons");
	struct err bad;
	json_t *all = stored.n ? channel_json(rq->arena, stored, &bad) : NULL;

	for (size_t i = 0; i < TEMPLATE_BUTTONS; i++) {
		struct tmpl_value *v = tmpl_push_map(list);
		const json_t *one = json_array_get(all, i);
		struct sv type = sv_from(json_string_value(json_object_get(one, "type")));
		const char *value = json_string_value(json_object_get(one, "url"));

		if (!value)
			value = json_string_value(json_object_get(one, "phone_number"));
		tmpl_set_int(v, "n", (int64_t)i + 1);
		set_choices(v, "types", button_types, button_labels,
			    f ? http_form(rq, arena_printf(rq->arena, "button_type_%zu", i + 1)) : type);
		tmpl_set_text(v, "text", f ? http_form(rq, arena_printf(rq->arena, "button_text_%zu", i + 1)) :
					     sv_from(json_string_value(json_object_get(one, "text"))));
		tmpl_set_text(v, "value", f ? http_form(rq, arena_printf(rq->arena, "button_value_%zu", i + 1)) :
					      sv_from(value));
	}
}

/* may_begin: an id that nobody has yet is that of a new template. */
static enum status show(struct http_request *rq, struct http_response *rs, struct sv id, const struct form *f,
			bool may_begin, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	bool is_new;
	int row, accounts;

	web_me(rq, b);
	db_add(b, ADMINS);
	row = db_add(b, form_sql, DB_S(id));
	accounts = db_add(b, accounts_sql, DB_S(f ? http_form(rq, "channel_account_id") : SV_NONE));
	if (db_run(b, e))
		return e->status;
	is_new = !db_rows(b, row);
	if (is_new && !may_begin)
		return err_set(e, rq->arena, ST_NOT_FOUND, "This template does not exist");
	page = web_page(rq, b);
	tmpl_set_text(page, "template_id", id);
	tmpl_set_bool(page, "is_new", is_new);
	if (!is_new)
		web_set_row(page, "form", b, row, 0);
	web_set_rows(page, "accounts", b, accounts);
	set_choices(page, "categories", categories, category_labels,
		    f ? http_form(rq, "category") : db_first(b, row, "category"));
	set_choices(page, "formats", formats, format_labels,
		    f ? http_form(rq, "header_format") : db_first(b, row, "header_format"));
	set_buttons(rq, page, f, db_first(b, row, "buttons"));
	if (f) {
		form_show(f, page, rs);
		tmpl_set_bool(page, "is_known", !is_new && sv_eq(db_first(b, row, "is_known"), SV("t")));
	}
	return web_render(rq, rs, "app/settings/whatsapp_template", page, e);
}

enum status whatsapp_template_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, uuid_new(rq->arena), NULL, true, e);
}

enum status whatsapp_template_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "template", &id, e))
		return e->status;
	return show(rq, rs, id, NULL, false, e);
}

static void put(struct buf *b, struct form *f, const char *name)
{
	buf_json_key(b, name);
	buf_json(b, form_text(f, name));
}

static void put_buttons(struct http_request *rq, struct buf *b)
{
	buf_json_key(b, "buttons");
	buf_addc(b, '[');
	for (size_t i = 1; i <= TEMPLATE_BUTTONS; i++) {
		buf_lit(b, "{\"type\":");
		buf_json(b, http_form(rq, arena_printf(rq->arena, "button_type_%zu", i)));
		buf_json_key(b, "text");
		buf_json(b, sv_trim(http_form(rq, arena_printf(rq->arena, "button_text_%zu", i))));
		buf_json_key(b, "value");
		buf_json(b, sv_trim(http_form(rq, arena_printf(rq->arena, "button_value_%zu", i))));
		buf_add(b, i < TEMPLATE_BUTTONS ? SV("},") : SV("}"));
	}
	buf_addc(b, ']');
}

enum status whatsapp_template_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const char *const fields[] = { "name", "language", "category", "channel_account_id", "header_format",
					      "header", "header_handle", "body", "footer" };
	buf_auto struct buf json = BUF_INIT;
	struct db_batch *b = web_batch(rq);
	struct form f;
	struct sv id;

	if (path_id(rq, "template", &id, e))
		return e->status;
	form_init(&f, rq);
	buf_addc(&json, '{');
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		put(&json, &f, fields[i]);
	put_buttons(rq, &json);
	buf_json_key(&json, "samples");
	buf_add(&json, template_values(rq, "sample."));
	buf_addc(&json, '}');
	db_add(b, "select app.template_save($1, $2::jsonb)", DB_S(id), DB_S(arena_sv(rq->arena, buf_sv(&json))));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show(rq, rs, id, &f, true, e) : e->status;
	return http_redirect(rs, SV("/settings/whatsapp-templates?done=submitted"));
}

/* ---- on a number of one's own (MSG-98) ------------------------------------------------ */

static enum status show_try(struct http_request *rq, struct http_response *rs, const struct form *f,
			    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	struct sv id;
	int row;

	if (path_id(rq, "template", &id, e))
		return e->status;
	web_me(rq, b);
	db_add(b, ADMINS);
	row = template_add(b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This template does not exist");
	page = web_page(rq, b);
	web_set_row(page, "template", b, row, 0);
	template_set_variables(rq, page, db_first(b, row, "variables"), f);
	tmpl_set_text(page, "client", f ? http_form(rq, "client") : uuid_new(rq->arena));
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/whatsapp_template_try", page, e);
}

enum status whatsapp_template_try(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_try(rq, rs, NULL, e);
}

enum status whatsapp_template_send(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, phone, client = http_form(rq, "client");
	struct form f;
	int row;

	if (path_id(rq, "template", &id, e))
		return e->status;
	form_init(&f, rq);
	phone = form_text(&f, "phone");
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	db_add(b, ADMINS);
	row = db_add(b, "select send_whatsapp_template($1, $2, $3::jsonb, $4) as talk", DB_S(id), DB_S(phone),
		     DB_S(template_values(rq, "value.")), DB_S(client));
	if (db_run(b, e))
		return form_refused(&f, b, e) ? show_try(rq, rs, &f, e) : e->status;
	return redirect_to(rq, rs, "/inbox/", arena_sv(rq->arena, db_first(b, row, "talk")), "");
}
