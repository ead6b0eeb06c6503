/*
 * /settings/keys: keys of programs. A key is shown once, when it is made.
 * Administrators see all of them, everybody else his own (CAP-1); which ones
 * that are is the tables' own rule.
 */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

#include <string.h>

/* What lists show of a key behind its prefix: enough to tell two apart. */
#define SHOWN 6

#define RIGHTS_SQL                                                                          \
	"k.id, k.name, k.prefix, k.can_send_messages, k.can_read_messages, k.is_read_only," \
	" k.is_active, k.expires_at < now() as expired,"                                    \
	" array_to_string(k.allowed_ips, E'\\n') as addresses,"

static int add_keys(struct db_batch *b)
{
	return db_add(b,
		"select " RIGHTS_SQL " cardinality(k.allowed_ips) as ranges, k.last_used_ip,"
		" case cardinality(k.allowed_ips) when 1 then k.allowed_ips[1]::text"
		"	else cardinality(k.allowed_ips) || ' addresses' end as \"from\","
		" k.is_active and not coalesce(k.expires_at < now(), false) as opens,"
		" internal.shown_time(k.expires_at, (select internal.my_zone())) as expires,"
		" internal.shown_time(k.last_used_at, (select internal.my_zone())) as used,"
		" internal.shown_time(k.created_at, (select internal.my_zone())) as made,"
		" internal.shown_time(k.revoked_at, (select internal.my_zone())) as revoked,"
		" internal.person(p.first_name, p.last_name, p.email) as maker, p.id is not null"
		" as has_maker,"
		" internal.person(u.first_name, u.last_name, u.email) as person, u.id is not"
		" null as is_personal"
		" from api_keys k"
		" left join profiles p on p.organization_id = k.organization_id and p.id ="
		" k.created_by"
		" left join profiles u on u.organization_id = k.organization_id and u.id ="
		" k.user_id"
		" order by k.is_active desc, k.created_at desc limit 200");
}

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct sv key, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	rows = add_keys(b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	tmpl_set_text(page, "key", key);
	tmpl_set_text(page, "address", rq->remote_addr);
	if (f) {
		form_show(f, page, rs);
	} else {
		struct tmpl_value *fresh = tmpl_set_map(page, "form");

		tmpl_set_bool(fresh, "can_read_messages", true);
		tmpl_set_bool(fresh, "can_send_messages", true);
	}
	return web_render(rq, rs, "app/settings_keys", page, e);
}

enum status keys_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, SV_NONE, e);
}

/* ---- making and changing ------------------------------------------------------ */

struct input {
	struct sv name, addresses;
	bool read, send, read_only;
};

static bool checked(struct form *f, const char *name)
{
	bool on = http_form(f->rq, name).n > 0;

	tmpl_set_bool(f->values, name, on);
	return on;
}

static void read_input(struct form *f, struct input *in)
{
	in->name = form_required(f, "name", "Write what the key is for");
	in->addresses = form_text(f, "addresses");
	in->read = checked(f, "can_read_messages");
	in->send = checked(f, "can_send_messages");
	in->read_only = checked(f, "is_read_only");
}

/* The choices of the form; anything else is no end. */
static struct db_value days(struct http_request *rq)
{
	static const char *const choices[] = { "30", "90", "365" };
	struct sv sent = http_form(rq, "days");
	int64_t n;

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (sv_eq(sent, sv_from(choices[i])) && sv_to_i64(sent, &n))
			return DB_I(n);
	return DB_NULL;
}

/* The words of the database name the column; the form has one field for it. */
static bool refused(struct form *f, const struct db_batch *b, struct err *e)
{
	if (sv_eq(e->field, SV("allowed_ips")))
		e->field = SV("addresses");
	return form_refused(f, b, e);
}

enum status key_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	bool personal = sv_eq(http_form(rq, "whose"), SV("me"));
	const char *prefix = personal ? "ck_live_" : "cg_";
	struct sv key = crypto_token_new(rq->arena, prefix);
	struct input in;
	struct form f;

	form_init(&f, rq);
	read_input(&f, &in);
	tmpl_set_bool(f.values, "is_personal", personal);
	if (f.wrong)
		return show(rq, rs, &f, SV_NONE, e);
	db_add(b,
	       "select internal.generate_api_key($1, $2, $3, $4, null, $5::integer, $6, $7, $8,"
	       " regexp_split_to_array($9, E'[\\\\s,;]+'))",
	       DB_S(in.name), DB_S(sv_make(key.p, strlen(prefix) + SHOWN)),
	       DB_S(crypto_token_hash(rq->arena, key)), DB_B(personal), days(rq), DB_B(in.send),
	       DB_B(in.read), DB_B(in.read_only), DB_S(in.addresses));
	if (db_run(b, e)) {
		if (!refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, SV_NONE, e);
	}
	return show(rq, rs, NULL, key, e);
}

static enum status show_one(struct http_request *rq, struct http_response *rs, struct sv id,
			    const struct form *f, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row;

	web_me(rq, b);
	row = db_add(b, "select " RIGHTS_SQL " k.user_id is not null as is_personal from api_keys k"
			" where k.id = $1::uuid and k.is_active", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This key does not exist any more");
	page = web_page(rq, b);
	web_set_row(page, "record", b, row, 0);
	web_set_row(page, "form", b, row, 0);
	tmpl_set_text(page, "address", rq->remote_addr);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings/key", page, e);
}

enum status key_edit(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	if (path_id(rq, "key", &id, e))
		return e->status;
	return show_one(rq, rs, id, NULL, e);
}

enum status key_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct input in;
	struct form f;
	struct sv id;
	int saved;

	if (path_id(rq, "key", &id, e))
		return e->status;
	form_init(&f, rq);
	read_input(&f, &in);
	if (f.wrong)
		return show_one(rq, rs, id, &f, e);
	saved = db_add(b,
		"update api_keys set name = $2, allowed_ips ="
		" internal.as_ranges(regexp_split_to_array($3, E'[\\\\s,;]+')),"
		" can_read_messages = $4, can_send_messages = $5, is_read_only = $6"
		" where id = $1::uuid and is_active",
		DB_S(id), DB_S(in.name), DB_S(in.addresses), DB_B(in.read), DB_B(in.send),
		DB_B(in.read_only));
	if (db_run(b, e)) {
		if (!refused(&f, b, e))
			return e->status;
		return show_one(rq, rs, id, &f, e);
	}
	if (!db_affected(b, saved))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This key does not exist any more");
	return http_redirect(rs, SV("/settings/keys?done=saved"));
}

enum status key_revoke(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "key", &id, e))
		return e->status;
	gone = db_add(b, "update api_keys set is_active = false where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This key does not exist");
	return http_redirect(rs, SV("/settings/keys?done=revoked"));
}
