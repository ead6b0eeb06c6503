/* Notes of a conversation: for the team, never for the customer. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"

/* INB-73, INB-75: a note is a row of its own table and so can never be sent. */
enum status inbox_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, note = uuid_new(rq->arena), text = sv_trim(http_form(rq, "content"));
	struct db_batch *b = web_batch(rq);
	int items;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!text.n) {
		return inbox_refuse(rq, "content", "Write the note first", e);
	}
	must_exist(b, "conversations", id);
	db_add(b,
	       "insert into notes (id, conversation_id, contact_id, content)"
	       " select $1, c.id, c.contact_id, $3 from conversations c where c.id = $2",
	       DB_S(note), DB_S(id), DB_S(text));
	items = db_add(b, "select * from app.thread_some($1, array[$2::uuid])", DB_S(id),
		       DB_S(note));
	return inbox_added(rq, rs, b, id, items, e);
}

/* INB-74: its author changes a note, or takes it away; the thread gets it anew. */
enum status inbox_note_save(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, note = http_param(rq, "note"), text = sv_trim(http_form(rq, "content"));
	struct db_batch *b = web_batch(rq);
	int items;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(note))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This note does not exist");
	if (!text.n)
		return inbox_refuse(rq, "content", "Write the note first", e);
	must_exist(b, "notes", note);
	db_add(b, "update notes set content = $2 where id = $1", DB_S(note), DB_S(text));
	items = db_add(b, "select * from app.thread_some($1, array[$2::uuid])", DB_S(id), DB_S(note));
	return inbox_added(rq, rs, b, id, items, e);
}

enum status inbox_note_delete(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, note = http_param(rq, "note");
	struct db_batch *b = web_batch(rq);

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(note))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This note does not exist");
	must_exist(b, "notes", note);
	db_add(b, "delete from notes where id = $1", DB_S(note));
	return inbox_changed(rq, rs, b, id, e);
}

/* The way back from a deletion of the last hour (internal.note_restore). */
enum status inbox_note_restore(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, note = http_param(rq, "note");
	struct db_batch *b = web_batch(rq);
	int items;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(note))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This note does not exist");
	db_add(b, "select internal.note_restore($1::uuid)", DB_S(note));
	items = db_add(b, "select * from app.thread_some($1, array[$2::uuid])", DB_S(id), DB_S(note));
	return inbox_added(rq, rs, b, id, items, e);
}
