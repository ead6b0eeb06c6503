/*
 * /settings/channels/new and /:id/edit: an account's credentials.
 *
 * The form is made from the channel's own table of settings (channel.h).
 * Secrets go in sealed and never come out: an empty field keeps what is
 * stored. Those that the installation invents are shown once. A new account is
 * switched on when its credentials were found to be good.
 */
#include "fcgi/app/pages/settings_channels.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"
#include "fcgi/app/account.h"
#include "fcgi/app/routes.h"

#include <string.h>

/* One form on its way: what was typed and what is wrong with it. */
struct entry {
	const struct channel *kind;
	struct sv id, name;
	struct sv values[CHANNEL_SETTINGS_MAX], problems[CHANNEL_SETTINGS_MAX], invented[CHANNEL_SETTINGS_MAX];
	struct sv name_problem, password_problem;
	bool is_new;
	bool has_password; /* who is signed in: by another provider there is none */
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

static bool chosen_from(const char *choices, struct sv v)
{
	struct sv rest = sv_from(choices);

	while (sv_present(rest))
		if (sv_eq(sv_cut(&rest, ' '), v))
			return true;
	return false;
}

static struct sv problem_of(const struct channel_setting *f, struct sv v, bool is_new)
{
	if (!v.n)
		return f->flags & CHANNEL_REQUIRED && (is_new || !(f->flags & CHANNEL_SECRET))
			       ? sv_from(tr("This is needed"))
			       : SV_NONE;
	if (v.n > 4000)
		return sv_from(tr("This is too long"));
	if (f->choices && !chosen_from(f->choices, v))
		return sv_from(tr("Choose one of these"));
	if (f->flags & CHANNEL_DIGITS && !all_digits(v))
		return sv_from(tr("This number has digits only"));
	if (f->flags & CHANNEL_URL && !sv_starts(v, SV("https://")) && !sv_starts(v, SV("http://")))
		return sv_from(tr("This is no address"));
	return SV_NONE;
}

static void read_entry(struct http_request *rq, struct entry *en)
{
	en->name = sv_trim(http_form(rq, "name"));
	if (!en->name.n || en->name.n > 100) {
		en->name_problem = sv_from(tr("Give the channel a name of up to 100 characters"));
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

static bool changes_secret(const struct entry *en)
{
	for (size_t i = 0; en->kind->settings[i].name; i++)
		if (en->kind->settings[i].flags & CHANNEL_SECRET && en->values[i].n && !en->invented[i].n)
			return true;
	return false;
}

/* CHA-57, CHA-62: whoever changes the secrets of such a channel says his password. */
static enum status confirm(struct http_request *rq, struct entry *en, struct err *e)
{
	struct db_batch *b;
	struct password p;
	bool right = true;
	int row;

	if (en->wrong || !(en->kind->caps & CHANNEL_CONFIRM) || !changes_secret(en))
		return ST_OK;
	b = account_batch(rq);
	row = db_add(b, "select user_id, password_hash, locked_seconds from auth.session_password($1)",
		     DB_S(crypto_token_hash(rq->arena, rq->session)));
	if (db_run(b, e))
		return e->status;
	p = password_of(b, row);
	if (!p.hash.n)
		return ST_OK;
	if (p.locked_seconds > 0)
		en->password_problem = sv_from(tr("Locked after repeated failures. Try again in a quarter of an hour"));
	else if (password_check(rq, &p, http_form(rq, "account_password"), &right, e))
		return e->status;
	if (!right)
		en->password_problem = sv_from(tr("This is not your current password"));
	en->wrong += en->password_problem.n > 0;
	return ST_OK;
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

/* The keys that the form knows, as a JSON array. */
static struct sv keys_of(struct arena *a, const struct channel *k)
{
	buf_auto struct buf json = BUF_INIT;

	buf_addc(&json, '[');
	for (size_t i = 0; k->settings[i].name; i++) {
		if (i)
			buf_addc(&json, ',');
		buf_json(&json, sv_from(k->settings[i].name));
	}
	buf_addc(&json, ']');
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

/* Where nobody can be asked, it is switched on at once. */
static const char insert_sql[] =
	"insert into channel_accounts (id, name, type, external_id, settings, connection_state, is_active, awaits_check)"
	" values ($1, $2, $3, $4, $5::jsonb, case when $6 then 'Disconnected' else 'Connected' end, not $6, $6)"
	" on conflict (organization_id, id) do update set name = excluded.name";

/* Settings that the form does not know (of other tools) stay. One whose token was
 * dead waits for the check of the new one. */
static const char update_sql[] =
	"update channel_accounts a set name = $2, external_id = coalesce($3, external_id),"
	" settings = (settings - array(select jsonb_array_elements_text($4::jsonb))) || $5::jsonb,"
	" connection_state = case when $6 then connection_state else 'Connected' end,"
	" last_error = case when $6 then last_error end"
	" where id = $1 and deleted_at is null";

static enum status refused(struct http_request *rq, const struct db_batch *b, struct err *e)
{
	if (sv_eq(db_constraint(b), SV("channel_accounts_external_key")))
		err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("This number is connected already"));
	else if (sv_eq(db_constraint(b), SV("channel_secrets_token_key")))
		err_set(e, rq->arena, ST_UNPROCESSABLE, "%s",
			tr("This secret token belongs to another channel"));
	return e->status;
}

static enum status store(struct http_request *rq, const struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv settings = settings_of(rq->arena, en);
	bool ask = en->kind->check != NULL;
	int saved;

	db_add(b, CHANNEL_ADMINS);
	if (en->is_new) {
		/* Said here, not by a check that comes too late to be understood. */
		db_add(b, "select app.channel_is_free($1, $2, $3)", DB_S(en->id),
		       DB_C(en->kind->type), DB_OPT(external_of(en)));
		saved = db_add(b, insert_sql, DB_S(en->id), DB_S(en->name), DB_C(en->kind->type),
			       DB_OPT(external_of(en)), DB_S(settings), DB_B(ask));
	} else {
		saved = db_add(b, update_sql, DB_S(en->id), DB_S(en->name), DB_OPT(external_of(en)),
			       DB_S(keys_of(rq->arena, en->kind)), DB_S(settings), DB_B(ask));
	}
	add_secrets(b, en);
	if (ask)
		db_add(b, "select channel_check($1)", DB_S(en->id));
	if (db_run(b, e))
		return refused(rq, b, e);
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	return ST_OK;
}

/* ---- showing ------------------------------------------------------------------------ */

static void set_choices(struct tmpl_value *field, const char *choices, struct sv value)
{
	struct tmpl_value *list = tmpl_set_list(field, "choices");
	struct sv rest = sv_from(choices);

	while (sv_present(rest)) {
		struct sv one = sv_cut(&rest, ' ');
		struct tmpl_value *v = tmpl_push_map(list);

		tmpl_set_text(v, "choice", one);
		tmpl_set_bool(v, "is_chosen", sv_eq(one, value));
	}
}

static void set_field(struct tmpl_value *list, const struct entry *en, size_t i)
{
	const struct channel_setting *f = &en->kind->settings[i];
	struct tmpl_value *v = tmpl_push_map(list);

	tmpl_set_text(v, "field", sv_from(f->name));
	tmpl_set_text(v, "field_label", sv_from(tr(f->label)));
	tmpl_set_text(v, "help", sv_from(f->help ? tr(f->help) : ""));
	tmpl_set_bool(v, "is_secret", f->flags & CHANNEL_SECRET);
	tmpl_set_bool(v, "is_switch", f->flags & CHANNEL_SWITCH);
	tmpl_set_bool(v, "is_required",
		      f->flags & CHANNEL_REQUIRED && (en->is_new || !(f->flags & CHANNEL_SECRET)));
	tmpl_set_bool(v, "is_kept", f->flags & CHANNEL_SECRET && !en->is_new);
	tmpl_set_text(v, "problem", en->problems[i]);
	/* What was typed into a secret field is not sent back. */
	if (!(f->flags & CHANNEL_SECRET))
		tmpl_set_text(v, "value", en->values[i]);
	tmpl_set_bool(v, "has_choices", f->choices != NULL);
	if (f->choices)
		set_choices(v, f->choices, en->values[i]);
	tmpl_set_bool(v, "is_long", !strcmp(f->name, "template"));
}

static void set_entry(struct http_request *rq, struct tmpl_value *page, const struct entry *en)
{
	struct tmpl_value *fields = tmpl_set_list(page, "fields");

	channel_set_kind(rq, page, en->kind);
	tmpl_set_text(page, "channel_id", en->id);
	tmpl_set_text(page, "name", en->name);
	tmpl_set_text(page, "name_problem", en->name_problem);
	tmpl_set_bool(page, "is_new", en->is_new);
	tmpl_set_bool(page, "is_wrong", en->wrong);
	tmpl_set_bool(page, "asks_password", en->kind->caps & CHANNEL_CONFIRM && en->has_password);
	tmpl_set_text(page, "password_problem", en->password_problem);
	tmpl_set_bool(page, "by_facebook", en->is_new && en->kind->caps & CHANNEL_BY_FACEBOOK &&
						   *conf_str(CONF_facebook_app_id));
	for (size_t i = 0; en->kind->settings[i].name; i++)
		set_field(fields, en, i);
}

/* The form, with who is signed in; the batch may have more statements. */
static enum status show_form(struct http_request *rq, struct http_response *rs,
			     struct entry *en, struct sv problem, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	db_add(b, CHANNEL_ADMINS);
	web_me(rq, b);
	row = db_add(b, "select a.has_password from app.account() a");
	if (db_run(b, e))
		return e->status;
	en->has_password = is_true(db_first(b, row, "has_password"));
	page = web_page(rq, b);
	set_entry(rq, page, en);
	tmpl_set_text(page, "problem", problem);
	if (en->wrong || problem.n)
		rs->status = 422;
	return web_render(rq, rs, "app/settings/channel_form", page, e);
}

/* Right after it was made: the secrets that nobody will see again, and the way on. */
static enum status show_made(struct http_request *rq, struct http_response *rs,
			     const struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page, *list;

	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	channel_set_kind(rq, page, en->kind);
	tmpl_set_text(page, "channel_id", en->id);
	tmpl_set_text(page, "name", en->name);
	list = tmpl_set_list(page, "secrets");
	for (size_t i = 0; en->kind->settings[i].name; i++) {
		struct tmpl_value *v;

		if (!en->invented[i].n)
			continue;
		v = tmpl_push_map(list);
		tmpl_set_text(v, "secret_label", sv_from(tr(en->kind->settings[i].label)));
		tmpl_set_text(v, "secret", en->invented[i]);
	}
	return web_render(rq, rs, "app/settings/channel_connect", page, e);
}

/* ---- pages ------------------------------------------------------------------------------ */

enum status settings_channel_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct entry en = { .kind = channel_kind(http_query(rq, "type")), .is_new = true };

	if (!en.kind)
		return settings_channel_kinds(rq, rs, e);
	en.id = uuid_new(rq->arena);
	en.name = sv_from(en.kind->label);
	return show_form(rq, rs, &en, SV_NONE, e);
}

enum status settings_channel_create(struct http_request *rq, struct http_response *rs,
				    struct err *e)
{
	struct entry en = { .kind = channel_kind(http_form(rq, "type")), .is_new = true };

	if (!en.kind)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "There is no such kind of channel");
	/* From the form, so that sending it twice makes one channel. */
	en.id = http_form(rq, "id");
	if (!uuid_valid(en.id))
		en.id = uuid_new(rq->arena);
	read_entry(rq, &en);
	if (confirm(rq, &en, e))
		return e->status;
	if (en.wrong)
		return show_form(rq, rs, &en, SV_NONE, e);
	if (store(rq, &en, e))
		return e->status == ST_UNPROCESSABLE ? show_form(rq, rs, &en, err_message(e), e)
						     : e->status;
	return show_made(rq, rs, &en, e);
}

static void free_json(void *json)
{
	json_decref(json);
}

static void fill_values(struct http_request *rq, struct entry *en, struct sv settings,
			struct sv external)
{
	json_t *stored = json_loadb(settings.p, settings.n, 0, NULL);

	arena_cleanup(rq->arena, free_json, stored);
	for (size_t i = 0; en->kind->settings[i].name; i++) {
		const struct channel_setting *f = &en->kind->settings[i];
		const json_t *v = json_object_get(stored, f->name);

		if (json_is_string(v))
			en->values[i] = sv_from(json_string_value(v));
		else if (json_is_integer(v))
			en->values[i] = sv_from(arena_printf(rq->arena, "%lld",
							     (long long)json_integer_value(v)));
		if (f->flags & CHANNEL_EXTERNAL && external.n)
			en->values[i] = external;
	}
}

static enum status load(struct http_request *rq, struct entry *en, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s;

	if (path_id(rq, "channel", &en->id, e))
		return e->status;
	db_add(b, CHANNEL_ADMINS);
	s = db_add(b, "select a.name, a.type, a.settings, a.external_id from channel_accounts a"
		      " where a.id = $1 and a.deleted_at is null", DB_S(en->id));
	if (db_run(b, e))
		return e->status;
	en->kind = channel_kind(db_first(b, s, "type"));
	if (!en->kind)
		return err_set(e, rq->arena, ST_NOT_FOUND, "This channel does not exist");
	en->name = db_first(b, s, "name");
	fill_values(rq, en, db_first(b, s, "settings"), db_first(b, s, "external_id"));
	return ST_OK;
}

enum status settings_channel_edit(struct http_request *rq, struct http_response *rs, struct err *e)
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
	if (confirm(rq, &en, e))
		return e->status;
	if (en.wrong)
		return show_form(rq, rs, &en, SV_NONE, e);
	if (store(rq, &en, e))
		return e->status == ST_UNPROCESSABLE ? show_form(rq, rs, &en, err_message(e), e)
						     : e->status;
	return redirect_to(rq, rs, "/settings/channels/", en.id, "?done=saved");
}
