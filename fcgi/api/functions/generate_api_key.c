/*
 * generate-api-key: a new key of the organization, or of the caller alone. The
 * documents show three forms of the request; any mixture of them is taken, and
 * the answer has what each of them expects (settings.md, open points).
 */
#include "fcgi/api/function.h"
#include "fcgi/api/routes.h"

#include "crypto/crypto.h"

/* "cg_abc123": what lists show of a key behind its prefix. */
#define SHOWN 6
#define DAYS_MAX 3650

struct wish {
	struct sv name, ends, organization;
	int64_t days;
	bool has_days, personal, send, read, read_only;
	json_t *addresses;
};

static void read_permissions(struct fields *f, struct wish *w)
{
	json_t *object = field_get(f, "permissions");
	struct fields p;

	w->send = w->read = true;
	w->read_only = field_bool(f, "read_only", false);
	if (!object)
		return;
	fields_of(&p, f->arena, object, "permissions");
	w->send = field_bool(&p, "can_send_messages", false);
	w->read = field_bool(&p, "can_read_messages", false);
	w->read_only = field_bool(&p, "read_only", w->read_only);
	if (p.e.status && !f->e.status)
		f->e = p.e;
}

static void read_days(struct fields *f, struct wish *w)
{
	double days;

	w->has_days = field_number(f, "expires_in_days", 1, DAYS_MAX, &days);
	w->days = w->has_days ? (int64_t)days : 0;
	if (w->has_days && (double)w->days != days)
		field_fault(f, "expires_in_days", "must be a whole number of days");
}

static void read_wish(struct fields *f, struct wish *w)
{
	struct sv type = field_text(f, "type", 20, FIELD_OPTIONAL);

	w->name = field_text(f, "name", 100, FIELD_NEEDED);
	w->ends = field_text(f, "expires_at", 40, FIELD_OPTIONAL);
	w->organization = field_uuid(f, "organizationId", FIELD_OPTIONAL);
	if (!w->organization.n)
		w->organization = field_uuid(f, "organization_id", FIELD_OPTIONAL);
	w->addresses = field_list(f, "allowed_ips", 50, FIELD_OPTIONAL);
	if (type.n && !sv_eq(type, SV("cg")) && !sv_eq(type, SV("ck_live")))
		field_fault(f, "type", "is cg (of the organization) or ck_live (of yourself)");
	w->personal = sv_eq(type, SV("ck_live"));
	read_days(f, w);
	read_permissions(f, w);
}

static struct sv as_json(struct arena *a, json_t *value)
{
	buf_auto struct buf out = BUF_INIT;

	if (!value)
		return SV("[]");
	buf_json_value(&out, value);
	return arena_sv(a, buf_sv(&out));
}

static void answer(struct http_response *rs, const struct db_batch *b, int made, struct sv key)
{
	struct buf *out = function_success(rs);

	buf_lit(out, ",\"api_key\":");
	buf_json(out, key);
	buf_lit(out, ",\"id\":");
	db_json_value(out, b, made, 0, db_col(b, made, SV("id")));
	buf_lit(out, ",\"created_at\":");
	db_json_value(out, b, made, 0, db_col(b, made, SV("created_at")));
	buf_lit(out, ",\"key_info\":");
	db_json_row(out, b, made, 0);
	buf_lit(out, ",\"warning\":\"Save this API key now. You will not be able to see it"
		" again!\"}");
}

enum status generate_api_key(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct wish w = { .days = 0 };
	struct fields f;
	struct sv key, prefix;
	int made;

	if (function_body(rq, &f, e))
		return e->status;
	read_wish(&f, &w);
	if (fields_check(&f, e))
		return e->status;
	prefix = w.personal ? SV("ck_live_") : SV("cg_");
	key = crypto_token_new(rq->arena, prefix.p);
	made = db_add(b,
		      "select * from internal.generate_api_key($1, $2, $3, $4, $5::timestamptz,"
		      " $6::integer, $7, $8, $9,"
		      " array(select jsonb_array_elements_text($10::jsonb)), $11::uuid)",
		      DB_S(w.name), DB_S(sv_make(key.p, prefix.n + SHOWN)),
		      DB_S(crypto_token_hash(rq->arena, key)), DB_B(w.personal), DB_OPT(w.ends),
		      w.has_days ? DB_I(w.days) : DB_NULL, DB_B(w.send), DB_B(w.read),
		      DB_B(w.read_only), DB_S(as_json(rq->arena, w.addresses)),
		      DB_OPT(w.organization));
	if (function_run(rq, b, e))
		return e->status;
	answer(rs, b, made, key);
	return ST_OK;
}
