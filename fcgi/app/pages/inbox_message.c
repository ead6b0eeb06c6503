/* Messages that agents write: reply with files, now or later, and try again. */
#include "fcgi/app/pages/inbox.h"

#include "base/uuid.h"
#include "channel/channel.h"
#include "file/file.h"

#include <string.h>

/* Files of one message; providers take them one by one. */
#define FILES_MAX 10

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

/* MSG-102: what the channel does not take is refused with its number, before it is stored. */
static enum status check_size(struct http_request *rq, const struct channel *c, struct sv name,
			      struct sv type, size_t size, struct err *e)
{
	const struct channel_limit *l = c ? channel_limit_for(c, type) : NULL;

	if (!size)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, tr("The file %.*s is empty"), SV_ARG(name));
	if (!l || (int64_t)size <= l->max)
		return ST_OK;
	err_set(e, rq->arena, ST_UNPROCESSABLE, tr("%.*s is too large: %s takes files of this kind up to %lld MB"),
		SV_ARG(name), c->label, (long long)(l->max >> 20));
	e->field = SV("files");
	return e->status;
}

struct uploads {
	struct sv organization_id;
	const struct channel *channel;
	struct buf json;
	size_t n;
};

static void add_comma(struct uploads *u)
{
	if (u->n++)
		buf_addc(&u->json, ',');
}

static enum status store_file(struct http_request *rq, struct uploads *u, const struct http_file *f,
			      struct err *e)
{
	struct sv type = file_true_type(clean_type(rq->arena, f->content_type), f->data), sha256;
	struct sv name = clean_name(f->filename);

	if (check_size(rq, u->channel, name, type, f->data.n, e) ||
	    file_put(u->organization_id, f->data, rq->arena, &sha256, e))
		return e->status;
	add_comma(u);
	buf_lit(&u->json, "{\"sha256\":");
	buf_json(&u->json, sha256);
	buf_json_key(&u->json, "name");
	buf_json(&u->json, name);
	buf_json_key(&u->json, "content_type");
	buf_json(&u->json, type);
	buf_json_key(&u->json, "kind");
	buf_json(&u->json, kind_of(type));
	buf_json_key(&u->json, "size");
	buf_add_i64(&u->json, (int64_t)f->data.n);
	buf_addc(&u->json, '}');
	return ST_OK;
}

/* The tenant and the channel must be known before anything is stored, and nothing is
 * stored for somebody who is not signed in: uploads cost one more round trip. */
static enum status look(struct http_request *rq, struct uploads *u, struct sv id, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s;

	must_exist(b, "conversations", id);
	s = db_add(b,
		   "select auth.org() as id, (select a.type from conversations c join channel_accounts a"
		   " on a.organization_id = c.organization_id"
		   " and a.id = coalesce($2::uuid, c.response_channel_id, c.channel_account_id) where c.id = $1) as type",
		   DB_S(id), DB_OPT(uuid_valid(http_form(rq, "channel")) ? http_form(rq, "channel") : SV_NONE));
	if (db_run(b, e))
		return e->status;
	u->organization_id = db_first(b, s, "id");
	u->channel = channel_find(db_first(b, s, "type"));
	return ST_OK;
}

/* Files that are here already: of a message that was called back, of a quick reply.
 * Each value of "file" is kind:id. */
static void known_files(struct http_request *rq, struct uploads *u)
{
	const struct http_pairs *form = http_form_all(rq);

	for (size_t i = 0; i < form->n; i++) {
		struct sv id = form->v[i].value, kind = sv_cut(&id, ':');

		if (!sv_eq(form->v[i].name, SV("file")) || !uuid_valid(id) || u->n >= FILES_MAX)
			continue;
		add_comma(u);
		buf_lit(&u->json, "{\"file_id\":");
		buf_json(&u->json, id);
		buf_json_key(&u->json, "kind");
		buf_json(&u->json, kind);
		buf_addc(&u->json, '}');
	}
}

/* The files of the form as json for app.compose; an input without a choice is
 * sent by browsers as a file without name and content. */
static enum status store_files(struct http_request *rq, struct sv id, struct sv *json, struct err *e)
{
	struct uploads u = { .json = BUF_INIT };
	enum status st = ST_OK;

	buf_addc(&u.json, '[');
	known_files(rq, &u);
	for (size_t i = 0; !st && i < rq->nfiles; i++) {
		const struct http_file *f = &rq->files[i];

		if (!f->filename.n && !f->data.n)
			continue;
		if (u.n >= FILES_MAX)
			st = err_set(e, rq->arena, ST_UNPROCESSABLE,
				     tr("At most %d files go into one message"), FILES_MAX);
		else if (!u.organization_id.n)
			st = look(rq, &u, id, e);
		if (!st)
			st = store_file(rq, &u, f, e);
	}
	buf_addc(&u.json, ']');
	*json = arena_sv(rq->arena, buf_sv(&u.json));
	buf_release(&u.json);
	return st;
}

/* What the composer says of a message, for app.compose. */
static struct sv message_json(struct http_request *rq, struct sv text)
{
	static const char *const names[] = { "reply_to", "channel", "scheduled_at", "repeat", "repeat_until" };
	buf_auto struct buf out = BUF_INIT;
	struct sv template = http_form(rq, "template");
	struct err e;

	buf_lit(&out, "{\"content\":");
	buf_json(&out, text);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct sv value = sv_trim(http_form(rq, names[i]));

		if (!value.n)
			continue;
		buf_json_key(&out, names[i]);
		buf_json(&out, value);
	}
	if (template.n && channel_json(rq->arena, template, &e)) {
		buf_lit(&out, ",\"template\":");
		buf_add(&out, template);
	}
	buf_addc(&out, '}');
	return arena_sv(rq->arena, buf_sv(&out));
}

/* Held back for a moment, when the agent likes it so. */
#define COMPOSE                                                                                    \
	"select app.compose($1, $2, $3::jsonb || case when exists (select from composer_preferences p" \
	"	where p.user_id = auth.uid() and p.undo_send) then '{\"undo\": true}' else '{}' end::jsonb, $4::jsonb)"

/* A place or a contact card in the place of text: special is place or card. The insert needs
 * words; app.special_fields puts better ones there. */
static enum status read_special(struct http_request *rq, struct sv *text, struct err *e)
{
	struct sv special = http_form(rq, "special");

	if (sv_eq(special, SV("card"))) {
		if (!uuid_valid(http_form(rq, "card")))
			return inbox_refuse(rq, "card", tr("Choose a contact"), e);
		*text = SV("\xf0\x9f\x91\xa4");
	} else if (sv_eq(special, SV("place")))
		*text = SV("\xf0\x9f\x93\x8d");
	return ST_OK;
}

static void add_special(struct http_request *rq, struct db_batch *b, struct sv client)
{
	if (http_form(rq, "special").n)
		db_add(b, "select app.special_fields($1, $2, $3, $4, $5)", DB_S(client), DB_S(http_form(rq, "place")),
		       DB_S(http_form(rq, "place_name")), DB_S(http_form(rq, "place_address")), DB_OPT(http_form(rq, "card")));
}

enum status inbox_reply(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id, files = SV_NONE, text = sv_trim(http_form(rq, "content"));
	struct sv client = http_form(rq, "client_id");
	struct db_batch *b;
	int items;

	if (inbox_id(rq, &id, e) || read_special(rq, &text, e) || store_files(rq, id, &files, e))
		return e->status;
	if (!text.n && files.n <= 2 && !http_form(rq, "template").n)
		return inbox_refuse(rq, "content", tr("Write a message or choose a file first"), e);
	if (!uuid_valid(client))
		client = uuid_new(rq->arena);
	b = web_batch(rq);
	must_exist(b, "conversations", id);
	db_add(b, COMPOSE, DB_S(id), DB_S(client), DB_S(message_json(rq, text)), DB_S(files));
	inbox_add_mail_fields(rq, b, client);
	add_special(rq, b, client);
	items = db_add(b,
		       "select t.*, app.mail_part(t.id, t.message_type) as mail from app.thread_some($1,"
		       " array(select m.id from messages m where m.client_id = $2)) t",
		       DB_S(id), DB_S(client));
	return inbox_added(rq, rs, b, id, items, e);
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
	items = db_add(b, "select t.*, app.mail_part(t.id, t.message_type) as mail"
		       " from app.thread_some($1, array[$2::uuid]) t", DB_S(id),
		       DB_S(message));
	return inbox_added(rq, rs, b, id, items, e);
}
