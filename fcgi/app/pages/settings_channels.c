/*
 * /settings/channels: the messaging accounts, their state and their secrets.
 *
 * The form is made from the channel's own table of settings (channel.h).
 * Secrets go in sealed and never come out: an empty field keeps what is
 * stored. Those that the installation invents are shown once.
 */
#include "fcgi/app/crm.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "channel/channel.h"
#include "crypto/crypto.h"
#include "fcgi/app/routes.h"

#include <string.h>

static const struct channel *kind_by(struct sv name)
{
	for (size_t i = 0; channels[i]; i++)
		if (sv_eq(name, sv_from(channels[i]->slug)) ||
		    sv_eq(name, sv_from(channels[i]->type)))
			return channels[i];
	return NULL;
}

/* One form on its way: what was typed and what is wrong with it. */
struct entry {
	const struct channel *kind;
	struct sv id, name;
	struct sv values[CHANNEL_SETTINGS_MAX], problems[CHANNEL_SETTINGS_MAX], invented[CHANNEL_SETTINGS_MAX];
	struct sv name_problem;
	bool active, is_new;
	int wrong;
};

/* ---- reading the form --------------------------------------------------------- */

static bool all_digits(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

static struct sv problem_of(const struct channel_setting *f, struct sv v, bool is_new)
{
	if (!v.n)
		return f->flags & CHANNEL_REQUIRED && (is_new || !(f->flags & CHANNEL_SECRET))
			       ? SV("This is needed")
			       : SV_NONE;
	if (v.n > 1000)
		return SV("This is too long");
	if (f->flags & CHANNEL_DIGITS && !all_digits(v))
		return SV("This number has digits only");
	if (f->flags & CHANNEL_URL && !sv_starts(v, SV("https://")) && !sv_starts(v, SV("http://")))
		return SV("This is no address");
	return SV_NONE;
}

static void read_entry(struct http_request *rq, struct entry *en)
{
	en->name = sv_trim(http_form(rq, "name"));
	en->active = en->is_new || http_form(rq, "is_active").n;
	if (!en->name.n || en->name.n > 100) {
		en->name_problem = SV("Give the channel a name of up to 100 characters");
		en->wrong++;
	}
	for (size_t i = 0; en->kind->settings[i].name; i++) {
		const struct channel_setting *f = &en->kind->settings[i];

		en->values[i] = sv_trim(http_form(rq, f->name));
		en->problems[i] = problem_of(f, en->values[i], en->is_new);
		en->wrong += en->problems[i].n > 0;
		if (f->flags & CHANNEL_INVENTED && !en->values[i].n && en->is_new)
			en->values[i] = en->invented[i] = crypto_token_new(rq->arena, "");
	}
}

/* ---- storing --------------------------------------------------------------------- */

static struct sv settings_of(struct arena *a, const struct entry *en)
{
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '{');
	for (size_t i = 0; en->kind->settings[i].name; i++) {
		if (en->kind->settings[i].flags & CHANNEL_SECRET || !en->values[i].n)
			continue;
		buf_json_key(&json, en->kind->settings[i].name);
		buf_json(&json, en->values[i]);
	}
	buf_addc(&json, '}');
	return arena_sv(a, buf_sv(&json));
}

static struct sv external_of(const struct entry *en)
{
	for (size_t i = 0; en->kind->settings[i].name; i++)
		if (en->kind->settings[i].flags & CHANNEL_EXTERNAL)
			return en->values[i];
	return SV_NONE;
}

static void add_secrets(struct db_batch *b, const struct entry *en)
{
	struct arena *a = db_arena(b);

	for (size_t i = 0; en->kind->settings[i].name; i++) {
		const struct channel_setting *f = &en->kind->settings[i];
		struct sv context;

		if (!(f->flags & CHANNEL_SECRET) || !en->values[i].n)
			continue;
		context = sv_from(arena_printf(a, "channel:%.*s:%s", SV_ARG(en->id), f->name));
		db_add(b, "select app.set_channel_secret($1, $2, $3, $4)", DB_S(en->id),
		       DB_C(f->name), DB_S(crypto_seal(a, context, en->values[i])),
		       DB_S(f->flags & CHANNEL_LOOKUP ? crypto_token_hash(a, en->values[i]) : SV_NONE));
	}
}

static const char insert_sql[] =
	"insert into channel_accounts (id, name, type, external_id, settings, connection_state)"
	" values ($1, $2, $3, $4, $5::jsonb, 'Connected')"
	" on conflict (organization_id, id) do update set name = excluded.name";

/* Settings that the form does not know (of other tools) stay. */
static const char update_sql[] =
	"update channel_accounts set name = $2, external_id = coalesce($3, external_id),"
	" settings = (settings - '{phone_number_id,waba_id,api_base}'::text[]) || $4::jsonb,"
	" is_active = $5, connection_state = 'Connected', last_error = null where id = $1";

static enum status store(struct http_request *rq, const struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv settings = settings_of(rq->arena, en);
	int saved;

	db_add(b, "select internal.admins_only('channels')");
	if (en->is_new)
		saved = db_add(b, insert_sql, DB_S(en->id), DB_S(en->name), DB_C(en->kind->type),
			       DB_OPT(external_of(en)), DB_S(settings));
	else
		saved = db_add(b, update_sql, DB_S(en->id), DB_S(en->name), DB_OPT(external_of(en)),
			       DB_S(settings), DB_B(en->active));
	add_secrets(b, en);
	if (db_run(b, e)) {
		if (sv_eq(db_constraint(b), SV("channel_accounts_external_key")))
			err_set(e, rq->arena, ST_UNPROCESSABLE, "This number is connected already");
		else if (sv_eq(db_constraint(b), SV("channel_secrets_token_key")))
			err_set(e, rq->arena, ST_UNPROCESSABLE,
				"This secret token belongs to another channel");
		return e->status;
	}
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	return ST_OK;
}

/* ---- showing ------------------------------------------------------------------------ */

static void set_kind(struct http_request *rq, struct tmpl_value *page, const struct channel *k)
{
	tmpl_set_text(page, "kind", sv_from(k->slug));
	tmpl_set_text(page, "kind_label", sv_from(k->label));
	tmpl_set_text(page, "kind_icon", sv_from(k->icon));
	tmpl_set_text(page, "kind_steps", sv_from(tr(k->steps)));
	tmpl_set_text(page, "webhook_url",
		      sv_from(arena_printf(rq->arena, "%s/functions/v1/%s", conf_str(CONF_base_url),
					   k->hook)));
}

static void set_field(struct tmpl_value *list, const struct entry *en, size_t i)
{
	const struct channel_setting *f = &en->kind->settings[i];
	struct tmpl_value *v = tmpl_push_map(list);

	tmpl_set_text(v, "field", sv_from(f->name));
	tmpl_set_text(v, "field_label", sv_from(tr(f->label)));
	tmpl_set_text(v, "help", sv_from(tr(f->help)));
	tmpl_set_bool(v, "is_secret", f->flags & CHANNEL_SECRET);
	tmpl_set_bool(v, "is_required",
		      f->flags & CHANNEL_REQUIRED && (en->is_new || !(f->flags & CHANNEL_SECRET)));
	tmpl_set_bool(v, "is_kept", f->flags & CHANNEL_SECRET && !en->is_new);
	tmpl_set_text(v, "problem", en->problems[i]);
	/* What was typed into a secret field is not sent back. */
	if (!(f->flags & CHANNEL_SECRET))
		tmpl_set_text(v, "value", en->values[i]);
}

static void set_entry(struct http_request *rq, struct tmpl_value *page, const struct entry *en)
{
	struct tmpl_value *fields = tmpl_set_list(page, "fields");

	set_kind(rq, page, en->kind);
	tmpl_set_text(page, "channel_id", en->id);
	tmpl_set_text(page, "name", en->name);
	tmpl_set_text(page, "name_problem", en->name_problem);
	tmpl_set_bool(page, "is_new", en->is_new);
	tmpl_set_bool(page, "is_active", en->active);
	tmpl_set_bool(page, "is_wrong", en->wrong);
	for (size_t i = 0; en->kind->settings[i].name; i++)
		set_field(fields, en, i);
}

/* The form, with who is signed in; the batch may have more statements. */
static enum status show_form(struct http_request *rq, struct http_response *rs,
			     const struct entry *en, struct sv problem, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;

	db_add(b, "select internal.admins_only('channels')");
	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_entry(rq, page, en);
	tmpl_set_text(page, "problem", problem);
	if (en->wrong || problem.n)
		rs->status = 422;
	return web_render(rq, rs, "app/settings/channel", page, e);
}

/* Right after it was made: what to tell the provider, with the secret that
 * nobody will see again. */
static enum status show_made(struct http_request *rq, struct http_response *rs,
			     const struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;

	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_kind(rq, page, en->kind);
	tmpl_set_text(page, "name", en->name);
	for (size_t i = 0; en->kind->settings[i].name; i++) {
		if (!en->invented[i].n)
			continue;
		tmpl_set_text(page, "invented_label", sv_from(tr(en->kind->settings[i].label)));
		tmpl_set_text(page, "invented", en->invented[i]);
	}
	return web_render(rq, rs, "app/settings/channel_made", page, e);
}

/* ---- pages ------------------------------------------------------------------------------ */

static void set_kinds(struct tmpl_value *page)
{
	struct tmpl_value *list = tmpl_set_list(page, "kinds");

	for (size_t i = 0; channels[i]; i++) {
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "slug", sv_from(channels[i]->slug));
		tmpl_set_text(v, "label", sv_from(channels[i]->label));
		tmpl_set_text(v, "icon", sv_from(channels[i]->icon));
		tmpl_set_text(v, "about", sv_from(tr(channels[i]->about)));
	}
}

/* The webhook address of each row, which the table of kinds knows. */
static void set_hooks(struct http_request *rq, struct tmpl_value *page)
{
	for (size_t i = 0; channels[i]; i++)
		tmpl_set_text(page, arena_printf(rq->arena, "hook_%s", channels[i]->type),
			      sv_from(arena_printf(rq->arena, "%s/functions/v1/%s",
						   conf_str(CONF_base_url), channels[i]->hook)));
}

static const char list_sql[] =
	"select a.id, a.name, a.type, nullif(app.channel_label(a.type), a.name) as label,"
	" app.channel_icon(a.type) as icon, a.external_id, a.is_active, a.last_error,"
	" nullif(a.bad_signatures, 0) as bad_signatures,"
	" a.type = 'TELEGRAM' as is_telegram, a.type = 'WHATSAPP_CLOUD' as is_whatsapp,"
	" a.is_active and a.connection_state = 'Disconnected' as is_disconnected,"
	" a.is_active and s.works and a.last_in_at is not null as is_connected,"
	" a.is_active and s.works and a.last_in_at is null as is_waiting,"
	" app.short_time(a.last_in_at, (select app.zone())) as last_in,"
	" app.short_time(a.last_out_at, (select app.zone())) as last_out"
	" from channel_accounts a, lateral (select a.connection_state = 'Connected' as works) s"
	" order by a.is_active desc, a.name, a.id limit 200";

enum status settings_channels(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = db_add(b, list_sql);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "channels", b, rows);
	set_kinds(page);
	set_hooks(rq, page);
	return web_render(rq, rs, "app/settings/channels", page, e);
}

enum status settings_channel_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct entry en = { .kind = kind_by(http_query(rq, "type")),
			    .is_new = true,
			    .active = true };

	if (!en.kind)
		return http_redirect(rs, SV("/settings/channels"));
	en.id = uuid_new(rq->arena);
	en.name = sv_from(en.kind->label);
	return show_form(rq, rs, &en, SV_NONE, e);
}

enum status settings_channel_create(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct entry en = { .kind = kind_by(http_form(rq, "type")), .is_new = true };

	if (!en.kind)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "There is no such kind of channel");
	/* From the form, so that sending it twice makes one channel. */
	en.id = http_form(rq, "id");
	if (!uuid_valid(en.id))
		en.id = uuid_new(rq->arena);
	read_entry(rq, &en);
	if (en.wrong)
		return show_form(rq, rs, &en, SV_NONE, e);
	if (store(rq, &en, e))
		return e->status == ST_UNPROCESSABLE ? show_form(rq, rs, &en, err_message(e), e)
						     : e->status;
	return show_made(rq, rs, &en, e);
}

static const char load_sql[] =
	"select a.name, a.type, a.is_active, a.settings ->> 'waba_id' as waba_id,"
	" a.settings ->> 'api_base' as api_base,"
	" coalesce(a.external_id, a.settings ->> 'phone_number_id') as phone_number_id"
	" from channel_accounts a where a.id = $1";

static enum status load(struct http_request *rq, struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s;

	if (path_id(rq, "channel", &en->id, e))
		return e->status;
	db_add(b, "select internal.admins_only('channels')");
	s = db_add(b, load_sql, DB_S(en->id));
	if (db_run(b, e))
		return e->status;
	en->kind = kind_by(db_first(b, s, "type"));
	if (!en->kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	en->name = db_first(b, s, "name");
	en->active = sv_eq(db_first(b, s, "is_active"), SV("t"));
	for (size_t i = 0; en->kind->settings[i].name; i++)
		if (!(en->kind->settings[i].flags & CHANNEL_SECRET))
			en->values[i] = db_first(b, s, en->kind->settings[i].name);
	return ST_OK;
}

enum status settings_channel_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct entry en = { 0 };

	if (load(rq, &en, e))
		return e->status;
	return show_form(rq, rs, &en, SV_NONE, e);
}

enum status settings_channel_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct entry en = { 0 };

	if (load(rq, &en, e))
		return e->status;
	read_entry(rq, &en);
	if (en.wrong)
		return show_form(rq, rs, &en, SV_NONE, e);
	if (store(rq, &en, e))
		return e->status == ST_UNPROCESSABLE ? show_form(rq, rs, &en, err_message(e), e)
						     : e->status;
	return http_redirect(rs, SV("/settings/channels?done=saved"));
}

enum status settings_channel_delete(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (path_id(rq, "channel", &id, e))
		return e->status;
	db_add(b, "select internal.admins_only('channels')");
	must_exist(b, "channel_accounts", id);
	db_add(b, "delete from channel_accounts where id = $1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	return http_redirect(rs, SV("/settings/channels?done=deleted"));
}
