/* /settings/keys: keys of programs. A key is shown once, when it is made. */
#include "fcgi/app/crm.h"
#include "fcgi/app/routes.h"

#include "crypto/crypto.h"

/* What lists show of a key: enough to tell two apart. */
#define SHOWN 11

static enum status show(struct http_request *rq, struct http_response *rs, const struct form *f,
			struct sv key, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int rows;

	web_me(rq, b);
	db_add(b, "select internal.admins_only('API keys')");
	rows = db_add(b,
		"select k.id, k.name, k.prefix, k.can_send_messages, k.can_read_messages, k.is_active,"
		" k.expires_at < now() as expired, internal.shown_time(k.expires_at, (select internal.my_zone())) as expires,"
		" internal.shown_time(k.last_used_at, (select internal.my_zone())) as used,"
		" internal.shown_time(k.created_at, (select internal.my_zone())) as made,"
		" internal.person(p.first_name, p.last_name, p.email) as maker, p.id is not null as has_maker"
		" from api_keys k left join profiles p on p.organization_id = k.organization_id and p.id = k.created_by"
		" order by k.is_active desc, k.created_at desc limit 200");
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	web_set_rows(page, "rows", b, rows);
	tmpl_set_text(page, "key", key);
	if (f)
		form_show(f, page, rs);
	return web_render(rq, rs, "app/settings_keys", page, e);
}

enum status keys_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show(rq, rs, NULL, SV_NONE, e);
}

enum status key_create(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv key = crypto_token_new(rq->arena, "cg_"), name;
	struct form f;

	form_init(&f, rq);
	name = form_required(&f, "name", "Write what the key is for");
	if (f.wrong)
		return show(rq, rs, &f, SV_NONE, e);
	db_add(b, "select internal.admins_only('API keys')");
	db_add(b,
	       "insert into api_keys (name, prefix, key_hash, created_by, can_send_messages, can_read_messages, expires_at)"
	       " values ($1, $2, decode($3, 'hex'), auth.uid(), $4, $5,"
	       " now() + make_interval(days => nullif($6, '')::integer))",
	       DB_S(name), DB_S(sv_make(key.p, SHOWN)), DB_S(crypto_token_hash(rq->arena, key)),
	       DB_B(http_form(rq, "can_send_messages").n > 0),
	       DB_B(http_form(rq, "can_read_messages").n > 0),
	       DB_S(sv_eq(http_form(rq, "days"), SV("30")) || sv_eq(http_form(rq, "days"), SV("365"))
			    ? http_form(rq, "days")
			    : SV("")));
	if (db_run(b, e)) {
		if (!form_refused(&f, b, e))
			return e->status;
		return show(rq, rs, &f, SV_NONE, e);
	}
	return show(rq, rs, NULL, key, e);
}

enum status key_revoke(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int gone;

	if (path_id(rq, "key", &id, e))
		return e->status;
	db_add(b, "select internal.admins_only('API keys')");
	gone = db_add(b, "update api_keys set is_active = false where id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_affected(b, gone))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This key does not exist");
	return http_redirect(rs, SV("/settings/keys?done=revoked"));
}
