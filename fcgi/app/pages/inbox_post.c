/* What agents do in the inbox: reply, note, assign, close, star, make a deal. */
#include "fcgi/app/crm.h"
#include "fcgi/app/pages/inbox.h"

#include "base/conf.h"
#include "base/uuid.h"
#include "file/file.h"

#include <string.h>

/* Files of one message; providers take them one by one. */
#define FILES_MAX 10

/* ---- answering ------------------------------------------------------------- */

static struct sv talk_path(struct http_request *rq, struct sv id)
{
	return sv_from(arena_printf(rq->arena, "/inbox/%.*s", SV_ARG(id)));
}

/* The statement of a change is in the batch: run it with what the page shows
 * of the conversation afterwards. Without script the page comes again. */
static enum status changed(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			   struct sv id, struct err *e)
{
	struct inbox_talk talk;
	struct tmpl_value *page;

	if (!wants_fragment(rq)) {
		if (db_run(b, e))
			return e->status;
		return http_redirect(rs, talk_path(rq, id));
	}
	web_me(rq, b);
	inbox_add_talk(b, id, &talk);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	if (inbox_set_talk(rq, b, &talk, page, e))
		return e->status;
	return web_render(rq, rs, "app/inbox/state", page, e);
}

/* The same after something was added to the thread: the item itself. */
static enum status added(struct http_request *rq, struct http_response *rs, struct db_batch *b,
			 struct sv id, int items, struct err *e)
{
	struct tmpl_value *page;

	if (db_run(b, e))
		return e->status;
	if (!wants_fragment(rq))
		return http_redirect(rs, talk_path(rq, id));
	page = web_page(rq, b);
	web_set_rows(page, "items", b, items);
	return web_render(rq, rs, "app/inbox/items", page, e);
}

/* 422 with the field that the message belongs to. */
static enum status refuse(struct http_request *rq, const char *field, const char *message,
			  struct err *e)
{
	err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", message);
	e->field = sv_from(field);
	return e->status;
}

/* ---- replying ---------------------------------------------------------------- */

/* What the customer's app shows it as. */
static struct sv kind_of(struct sv type)
{
	if (sv_eq(type, SV("image/jpeg")) || sv_eq(type, SV("image/png")) ||
	    sv_eq(type, SV("image/webp")))
		return SV("image");
	if (sv_starts(type, SV("video/")))
		return SV("video");
	if (sv_starts(type, SV("audio/")))
		return SV("audio");
	return SV("document");
}

/* "image/png; x=y" without parameters, and only what a type may look like. */
static struct sv clean_type(struct arena *a, struct sv type)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-/";
	struct sv rest = type;
	char *s = arena_dup(a, sv_trim(sv_cut(&rest, ';')));

	for (char *p = s; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (!strchr(s, '/') || s[strspn(s, allowed)] || strlen(s) > 100)
		return SV("application/octet-stream");
	return sv_from(s);
}

/* The last part of a name, of at most 200 bytes, whole characters. */
static struct sv clean_name(struct sv name)
{
	while (sv_chr(name, '/') >= 0)
		sv_cut(&name, '/');
	while (sv_chr(name, '\\') >= 0)
		sv_cut(&name, '\\');
	while (name.n > 200 || (name.n && !sv_is_text(name)))
		name.n--;
	return name.n ? name : SV("file");
}

static enum status store_file(struct http_request *rq, struct sv organization_id,
			      const struct http_file *f, struct buf *out, struct err *e)
{
	struct sv type = clean_type(rq->arena, f->content_type), sha256;

	if (file_put(organization_id, f->data, rq->arena, &sha256, e))
		return e->status;
	buf_addc(out, out->n > 1 ? ',' : ' ');
	buf_lit(out, "{\"sha256\":");
	buf_json(out, sha256);
	buf_json_key(out, "name");
	buf_json(out, clean_name(f->filename));
	buf_json_key(out, "content_type");
	buf_json(out, type);
	buf_json_key(out, "kind");
	buf_json(out, kind_of(type));
	buf_json_key(out, "size");
	buf_add_i64(out, (int64_t)f->data.n);
	buf_addc(out, '}');
	return ST_OK;
}

/* The tenant must be known before anything is stored, and nothing is stored
 * for somebody who is not signed in: uploads cost one more round trip. */
static enum status tenant_of(struct http_request *rq, struct sv *id, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, "select auth.org() as id");

	if (db_run(b, e))
		return e->status;
	*id = db_first(b, s, "id");
	return ST_OK;
}

/* The files of the form as json for app.reply; an input without a choice is
 * sent by browsers as a file without name and content. */
static enum status store_files(struct http_request *rq, struct sv *json, struct err *e)
{
	struct sv organization_id = SV_NONE;
	buf_auto struct buf out = BUF_INIT;
	size_t n = 0;

	buf_addc(&out, '[');
	for (size_t i = 0; i < rq->nfiles; i++) {
		const struct http_file *f = &rq->files[i];

		if (!f->filename.n && !f->data.n)
			continue;
		if (++n > FILES_MAX)
			return err_set(e, rq->arena, ST_UNPROCESSABLE,
				       "At most %d files go into one message", FILES_MAX);
		if (!f->data.n) {
			struct sv name = clean_name(f->filename);

			return err_set(e, rq->arena, ST_UNPROCESSABLE, "The file %.*s is empty",
				       SV_ARG(name));
		}
		if (!organization_id.n && tenant_of(rq, &organization_id, e))
			return e->status;
		if (store_file(rq, organization_id, f, &out, e))
			return e->status;
	}
	buf_addc(&out, ']');
	*json = arena_sv(rq->arena, buf_sv(&out));
	return ST_OK;
}

enum status inbox_reply(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, files = SV_NONE, text = sv_trim(http_form(rq, "content"));
	struct sv client = http_form(rq, "client_id");
	struct db_batch *b;
	int items;

	if (inbox_id(rq, &id, e) || store_files(rq, &files, e))
		return e->status;
	if (!text.n && files.n <= 2) {
		return refuse(rq, "content", "Write a message or choose a file first", e);
	}
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	b = web_batch(rq);
	must_exist(b, "conversations", id);
	db_add(b, "select app.reply($1, $2, $3, $4::jsonb)", DB_S(id), DB_OPT(text), DB_S(client),
	       DB_S(files));
	items = db_add(b,
		       "select * from app.thread_some($1,"
		       " array(select m.id from messages m where m.client_id = $2))",
		       DB_S(id), DB_S(client));
	return added(rq, rs, b, id, items, e);
}

/* A failed message once more; one whose fate is unknown only by a person's word. */
enum status inbox_retry(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, message = http_param(rq, "message");
	struct db_batch *b = web_batch(rq);
	int items;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!uuid_valid(message))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This message does not exist");
	must_exist(b, "conversations", id);
	db_add(b,
	       "update messages set status = 'PENDING', error = null, error_code = null"
	       " where id = $1 and conversation_id = $2 and direction = 'OUTBOUND'"
	       " and status in ('FAILED', 'UNKNOWN')",
	       DB_S(message), DB_S(id));
	items = db_add(b, "select * from app.thread_some($1, array[$2::uuid])", DB_S(id),
		       DB_S(message));
	return added(rq, rs, b, id, items, e);
}

/* INB-73, INB-75: a note is a row of its own table and so can never be sent. */
enum status inbox_note(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, note = uuid_new(rq->arena), text = sv_trim(http_form(rq, "content"));
	struct db_batch *b = web_batch(rq);
	int items;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!text.n) {
		return refuse(rq, "content", "Write the note first", e);
	}
	must_exist(b, "conversations", id);
	db_add(b,
	       "insert into notes (id, conversation_id, contact_id, content)"
	       " select $1, c.id, c.contact_id, $3 from conversations c where c.id = $2",
	       DB_S(note), DB_S(id), DB_S(text));
	items = db_add(b, "select * from app.thread_some($1, array[$2::uuid])", DB_S(id),
		       DB_S(note));
	return added(rq, rs, b, id, items, e);
}

/* ---- the conversation itself ---------------------------------------------------- */

enum status inbox_assign(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, to = http_form(rq, "assignee_id");

	if (inbox_id(rq, &id, e))
		return e->status;
	if (to.n && !uuid_valid(to))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "There is no such member");
	must_exist(b, "conversations", id);
	db_add(b, "update conversations set assignee_id = $2 where id = $1", DB_S(id), DB_OPT(to));
	return changed(rq, rs, b, id, e);
}

enum status inbox_status(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id, to = http_form(rq, "status");
	enum status s;

	if (inbox_id(rq, &id, e))
		return e->status;
	if (!sv_eq(to, SV("OPEN")) && !sv_eq(to, SV("CLOSED")))
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "status is OPEN or CLOSED");
	must_exist(b, "conversations", id);
	db_add(b, "update conversations set status = $2 where id = $1", DB_S(id), DB_S(to));
	s = changed(rq, rs, b, id, e);
	if (s == ST_CONFLICT) {
		err_set(e, rq->arena, ST_CONFLICT,
			"This contact has an open conversation on this channel already");
		e->hint = SV("Go on in that one: it is in the list of the contact's conversations");
	}
	return s;
}

enum status inbox_star(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "update conversations set is_important = $2 where id = $1", DB_S(id),
	       DB_B(sv_eq(http_form(rq, "on"), SV("1"))));
	return changed(rq, rs, b, id, e);
}

/* A thread that is open in front of somebody is read as it grows. */
enum status inbox_read(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv id;

	if (inbox_id(rq, &id, e))
		return e->status;
	must_exist(b, "conversations", id);
	db_add(b, "select public.conversation_read($1)", DB_S(id));
	if (db_run(b, e))
		return e->status;
	rs->status = 204;
	return ST_OK;
}

static const char deal_sql[] =
	"insert into deals (title, value, currency, pipeline_id, stage, contact_id, company_id,"
	"	conversation_id, owner_id, source)"
	" select $2, coalesce($3::numeric, 0), o.currency, $4::uuid, coalesce($5, 'new'), k.id,"
	"	k.company_id, c.id, auth.uid(), 'inbox'"
	" from conversations c"
	" join contacts k on k.organization_id = c.organization_id and k.id = c.contact_id"
	" join organizations o on o.id = c.organization_id where c.id = $1";

/* INB-82: a deal of this contact, linked to this conversation. The stage
 * comes as "<pipeline>:<stage>", one choice for both. */
enum status inbox_deal(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, title, value, stage = http_form(rq, "stage"), pipeline = sv_cut(&stage, ':');
	struct db_batch *b = web_batch(rq);
	struct form f;

	if (inbox_id(rq, &id, e))
		return e->status;
	form_init(&f, rq);
	title = form_text(&f, "title");
	if (!title.n) {
		return refuse(rq, "title", "Give the deal a title", e);
	}
	value = form_money(&f, "value");
	if (f.wrong) {
		return refuse(rq, "value", "The value is a number such as 4800 or 99.50", e);
	}
	must_exist(b, "conversations", id);
	db_add(b, deal_sql, DB_S(id), DB_S(title), DB_OPT(value), DB_OPT(pipeline), DB_OPT(stage));
	return changed(rq, rs, b, id, e);
}
