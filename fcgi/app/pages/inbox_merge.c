/* Several conversations of one person into one, and out again (INB-77); deletion
 * with the way back (INB-49). */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* The chosen ids of a field as an array literal. */
static struct sv chosen(struct http_request *rq, const char *field)
{
	const struct http_pairs *form = http_form_all(rq);
	buf_auto struct buf out = BUF_INIT;

	buf_addc(&out, '{');
	for (size_t i = 0; i < form->n; i++) {
		if (!sv_eq(form->v[i].name, sv_from(field)) || !uuid_valid(form->v[i].value))
			continue;
		if (out.n > 1)
			buf_addc(&out, ',');
		buf_add(&out, form->v[i].value);
	}
	buf_addc(&out, '}');
	return arena_sv(rq->arena, buf_sv(&out));
}

/* Answers {"merges": [ids]} for the undo. */
enum status inbox_merge(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int merges;

	if (inbox_id(rq, &id, e))
		return e->status;
	merges = db_add(b, "select merge_conversations($1::uuid, $2::uuid[]) as merges", DB_S(id), DB_S(chosen(rq, "others")));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, merges, 0);
	return ST_OK;
}

enum status inbox_unmerge(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select unmerge_conversations($1::uuid[])", DB_S(chosen(rq, "merges")));
	if (db_run(b, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{}");
	return ST_OK;
}

/* Answers {"trash": id}. */
enum status inbox_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int kept;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select internal.must('can_delete_data')");
	db_add(b, "select internal.record_delete('conversations', $1::uuid)", DB_S(id));
	kept = db_add(b, "select t.id as trash from trash t where t.record_id = $1::uuid order by t.id desc limit 1", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return http_redirect(rs, SV("/inbox"));
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, kept, 0);
	return ST_OK;
}

enum status inbox_restore(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;
	int back;

	if (path_id(rq, "deletion", &id, e))
		return e->status;
	back = db_add(b, "select internal.trash_restore($1::uuid) as back", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!sv_eq(db_first(b, back, "back"), SV("t")))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This deletion does not exist");
	http_content_type(rs, "application/json");
	buf_lit(&rs->body, "{}");
	return ST_OK;
}
