/*
 * Changes of many conversations (INB-37..40), by the same means as in every
 * other list: internal.bulk_begin keeps what was before, /records/conversations/
 * changes/:id says how far it is and takes it back.
 */
#include "fcgi/app/pages/inbox.h"

#include "base/tr.h"
#include "base/uuid.h"

#define MOST 50000

static const struct action {
	const char *name, *action, *key;
	const char *value; /* fixed; NULL: from the form */
} actions[] = {
	{ "assign", "set", "assignee_id", NULL },
	{ "share", "share", "assignee_id", NULL },
	{ "tag", "add_tags", "tags", NULL },
	{ "untag", "remove_tags", "tags", NULL },
	{ "close", "set", "status", "[\"CLOSED\"]" },
	{ "resolve", "set", "status", "[\"RESOLVED\"]" },
	{ "reopen", "set", "status", "[\"OPEN\"]" },
	{ "pending", "set", "status", "[\"PENDING\"]" },
	{ "snooze", "set", "snoozed_until", NULL },
	{ "wake", "set", "snoozed_until", "[]" },
	{ "star", "set", "is_important", "[\"true\"]" },
	{ "unstar", "set", "is_important", "[\"false\"]" },
	{ "read", "set", "unread_count", "[\"0\"]" },
	{ "unread", "set", "unread_count", "[\"1\"]" },
	{ "delete", "delete", NULL, "[]" },
};

static const struct action *action_named(struct sv name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (sv_eq(name, sv_from(actions[i].name)))
			return &actions[i];
	return NULL;
}

static struct sv list_of(struct http_request *rq, const char *field, bool ids)
{
	const struct http_pairs *form = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '[');
	for (size_t i = 0; i < form->n; i++) {
		if (!sv_eq(form->v[i].name, sv_from(field)) || (ids && !uuid_valid(form->v[i].value)))
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_json(&out, form->v[i].value);
	}
	buf_addc(&out, ']');
	return arena_sv(rq->arena, buf_sv(&out));
}

/* The same words as for every list (fcgi/app/records_bulk.c). */
static const char change_sql[] =
	"select b.id, b.action, b.state, b.total, b.changed, b.skipped, b.failed, b.error,"
	" (select count(*) from bulk_rows r where r.organization_id = b.organization_id"
	"	and r.bulk_id = b.id and r.state = 'waiting') as todo"
	" from bulk_changes b where b.id = $1::uuid";

static enum status answer(struct http_request *rq, struct http_response *rs, const struct db_batch *b,
			  int stmt, struct err *e)
{
	bool deletes = sv_eq(db_first(b, stmt, "action"), SV("delete"));
	buf_auto struct buf words = BUF_INIT;
	int64_t changed = 0, failed = 0;
	struct sv why = db_first(b, stmt, "error");

	if (!db_rows(b, stmt))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This change does not exist");
	sv_to_i64(db_first(b, stmt, "changed"), &changed);
	sv_to_i64(db_first(b, stmt, "failed"), &failed);
	buf_addf(&words, tr(deletes ? N_("Deleted: %lld") : N_("Changed: %lld")), (long long)changed);
	if (failed)
		buf_addf(&words, tr(N_(". Refused: %lld")), (long long)failed);
	if (failed && why.n) {
		buf_lit(&words, ". ");
		buf_add(&words, web_tr(rq->arena, why));
	}
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, stmt, 0);
	rs->body.n--; /* its brace */
	buf_lit(&rs->body, ",\"text\":");
	buf_json(&rs->body, buf_sv(&words));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

/* snooze: for so many minutes. */
static const char begin_sql[] =
	"select internal.bulk_begin($1::uuid, 'conversations', $2, $3,"
	" case when $8::integer is null then $4::jsonb else jsonb_build_array(now() + $8::integer * interval '1 minute') end,"
	" case when $6::jsonb is null then array(select x::uuid from jsonb_array_elements_text($5::jsonb) x)"
	"	else internal.talks_fitting($6::jsonb, $7) end, null)";

/* POST /inbox/bulk: action, ids (repeated) or all=1 with address= of the list,
 * value, minutes, and id, so that sending it twice is once. */
enum status inbox_bulk(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct action *a = action_named(http_form(rq, "action"));
	bool all = sv_eq(http_form(rq, "all"), SV("1")), snooze;
	struct sv id = http_form(rq, "id"), minutes = http_form(rq, "minutes");
	struct db_batch *b = web_batch(rq);
	struct talk_list l;
	int64_t n = 0;
	int change;

	if (!a)
		return err_set(e, rq->arena, ST_BAD_INPUT, "Say what to change");
	snooze = sv_eq(sv_from(a->name), SV("snooze"));
	if (snooze && (sv_to_i64(minutes, &n), n < 1 || n > 600000))
		return inbox_refuse(rq, "minutes", "Say for how long", e);
	if (all && inbox_read_address(rq, http_form(rq, "address"), &l, e))
		return e->status;
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	db_add(b, begin_sql, DB_S(id), DB_C(a->action), DB_C(a->key),
	       DB_S(a->value ? sv_from(a->value) : list_of(rq, "value", false)), DB_S(list_of(rq, "ids", true)),
	       all ? DB_S(inbox_ask(rq->arena, &l, SV_NONE)) : DB_NULL, DB_I(MOST), snooze ? DB_I(n) : DB_NULL);
	change = db_add(b, change_sql, DB_S(id));
	if (db_run(b, e))
		return e->status;
	return answer(rq, rs, b, change, e);
}
