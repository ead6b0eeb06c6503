/*
 * /chat/CHANNEL/...: what assets/chat-widget.js on a tenant's site asks for.
 *
 * A visitor is known by a token that his browser keeps (no cookie) and sends as
 * Authorization: Bearer; it is made when he begins. Every answer says which
 * origin may read it: one that the channel names, or this installation's own
 * (the preview in its settings). Nothing here waits: the stream is nginx's.
 */
#include "fcgi/share/routes.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/tr.h"
#include "base/uuid.h"
#include "channel/web_chat.h"
#include "crypto/crypto.h"
#include "file/file.h"

#include <string.h>

#define FILE_BYTES (10 * 1024 * 1024)

/* One request. `row` is the channel, judged already when the batch has run. */
struct talk {
	struct http_request *rq;
	struct db_batch *b;
	struct sv channel, origin, token;
	int row;
	bool spoken; /* the language is known */
};

/* ---- answers that a page of the site may read ------------------------------------ */

static void allow(struct http_response *rs, struct sv origin)
{
	if (origin.n)
		http_set_header(rs, "Access-Control-Allow-Origin", origin);
	http_add_header(rs, "Vary", SV("Origin"));
}

static struct sv browser_language(struct http_request *rq)
{
	return sv_from(tr_accepted(http_header(rq, "Accept-Language"))->code);
}

/* An error as JSON, in the visitor's language: readable by the page unless its origin
 * is what was wrong. */
static enum status refuse(struct talk *t, struct http_response *rs, struct err *e)
{
	struct err shown = *e;

	if (e->status == ST_INTERNAL)
		return e->status;
	if (!t->spoken)
		web_speak(t->rq, browser_language(t->rq));
	shown.message = web_tr(t->rq->arena, err_message(e));
	http_error_json(t->rq, rs, &shown);
	if (e->status != ST_FORBIDDEN && e->status != ST_NOT_FOUND)
		allow(rs, t->origin);
	*e = (struct err){ 0 };
	return ST_OK;
}

static void answer(struct talk *t, struct http_response *rs)
{
	allow(rs, t->origin);
	http_content_type(rs, "application/json");
}

/* ---- whose chat, and who asks ------------------------------------------------------ */

static struct sv bearer(struct http_request *rq)
{
	struct sv header = http_header(rq, "Authorization");

	return sv_starts(header, SV("Bearer ")) ? sv_skip(header, 7) : SV_NONE;
}

/* The batch whose first statement ends it for a page that may not ask. */
static bool begin(struct talk *t, struct http_request *rq, struct err *e)
{
	*t = (struct talk){ .rq = rq,
			    .channel = http_param(rq, "channel"),
			    .origin = http_header(rq, "Origin"),
			    .token = bearer(rq) };
	if (!uuid_valid(t->channel)) {
		err_set(e, rq->arena, ST_NOT_FOUND, "There is no such chat");
		return false;
	}
	t->b = web_self_batch(rq);
	t->row = db_add(t->b, "select organization_id, is_active, name, chat, is_open, identity_secret"
			      " from internal.chat_allow($1, $2, $3)",
			DB_S(t->channel), DB_OPT(t->origin), DB_C(conf_str(CONF_base_url)));
	return true;
}

static struct sv token_sha(struct talk *t)
{
	return crypto_token_hash(t->rq->arena, t->token);
}

static bool need_token(struct talk *t, struct err *e)
{
	if (t->token.n)
		return true;
	err_set(e, t->rq->arena, ST_UNAUTHENTICATED, "This chat has ended; begin it again");
	return false;
}

/* A browser asks before it sends what a form could not. */
enum status chat_preflight(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct talk t;

	if (!begin(&t, rq, e) || db_run(t.b, e))
		return refuse(&t, rs, e);
	allow(rs, t.origin);
	http_set_header(rs, "Access-Control-Allow-Methods", SV("GET, POST, OPTIONS"));
	http_set_header(rs, "Access-Control-Allow-Headers", SV("Authorization, Content-Type"));
	http_set_header(rs, "Access-Control-Max-Age", SV("3600"));
	rs->status = 204;
	return ST_OK;
}

/* ---- how it looks, and its words ------------------------------------------------------ */

static const struct {
	const char *key, *text;
} words[] = {
	{ "open", N_("Open the chat") },
	{ "close", N_("Close the chat") },
	{ "unread", N_("New messages: {0}") },
	{ "write", N_("Write a message") },
	{ "send", N_("Send") },
	{ "attach", N_("Attach a file") },
	{ "start", N_("Start the chat") },
	{ "name", N_("Your name") },
	{ "email", N_("E-mail") },
	{ "optional", N_("optional") },
	{ "typing", N_("Somebody is writing…") },
	{ "failed", N_("This was not sent.") },
	{ "again", N_("Send it again") },
	{ "offline", N_("There is no connection. Your message is sent when it is back.") },
	{ "ended", N_("This chat has ended.") },
	{ "large", N_("The file is larger than 10 MB.") },
	{ "you", N_("You") },
	{ "team", N_("The team") },
	{ "gone", N_("This message was deleted.") },
	{ "log", N_("Messages") },
	{ "needed", N_("Please fill this in") },
};

static void add_words(struct buf *out)
{
	buf_lit(out, ",\"words\":{");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (i)
			buf_addc(out, ',');
		buf_json(out, sv_from(words[i].key));
		buf_addc(out, ':');
		buf_json(out, sv_from(tr(words[i].text)));
	}
	buf_addc(out, '}');
}

static void free_json(void *json)
{
	json_decref(json);
}

static json_t *chat_of(struct talk *t)
{
	struct sv text = db_first(t->b, t->row, "chat");
	json_t *j = json_loadb(text.p, text.n, 0, NULL);

	arena_cleanup(t->rq->arena, free_json, j);
	return j;
}

static void member(struct buf *out, const char *key, const json_t *chat, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(chat, key));

	buf_addc(out, ',');
	buf_json(out, sv_from(key));
	buf_addc(out, ':');
	buf_json(out, sv_from(text && *text ? text : otherwise));
}

/* The site's choice, what the page says it is in (?lang=), or the browser's. */
static void speak(struct talk *t, const json_t *chat)
{
	const char *chosen = json_string_value(json_object_get(chat, "language"));
	struct sv page = http_query(t->rq, "lang");

	if (chosen && *chosen && strcmp(chosen, "auto"))
		web_speak(t->rq, sv_from(chosen));
	else if (page.n >= 2)
		web_speak(t->rq, sv_make(page.p, 2));
	else
		web_speak(t->rq, browser_language(t->rq));
	t->spoken = true;
}

enum status chat_config(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct buf *out = &rs->body;
	json_t *chat;
	struct talk t;

	if (!begin(&t, rq, e) || db_run(t.b, e))
		return refuse(&t, rs, e);
	chat = chat_of(&t);
	speak(&t, chat);
	answer(&t, rs);
	buf_lit(out, "{\"active\":");
	buf_add(out, sv_eq(db_first(t.b, t.row, "is_active"), SV("t")) ? SV("true") : SV("false"));
	buf_lit(out, ",\"online\":");
	buf_add(out, sv_eq(db_first(t.b, t.row, "is_open"), SV("t")) ? SV("true") : SV("false"));
	buf_lit(out, ",\"language\":");
	buf_json(out, sv_from(web_language(rq)->code));
	member(out, "title", chat, db_first(t.b, t.row, "name").p);
	member(out, "greeting", chat, "");
	member(out, "color", chat, "#1f4fd8");
	member(out, "position", chat, "right");
	member(out, "ask_name", chat, "maybe");
	member(out, "ask_email", chat, "maybe");
	member(out, "consent", chat, "");
	member(out, "offline", chat, tr("We are not here right now. Write to us; we answer as soon as we are back."));
	add_words(out);
	buf_addc(out, '}');
	return ST_OK;
}

/* ---- beginning ---------------------------------------------------------------------------- */

/* The body's member as text; SV_NONE when absent or none. */
static struct sv text_of(const json_t *body, const char *key)
{
	const json_t *v = json_object_get(body, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static bool clean(struct sv s)
{
	return !s.n || sv_is_text(s);
}

static bool signs(struct arena *a, struct sv secret, struct sv text, struct sv hash)
{
	unsigned char mac[32];

	crypto_hmac_sha256(mac, secret, text);
	return crypto_equal(crypto_hex(a, sv_make((const char *)mac, sizeof(mac))), hash);
}

/* The site says who is signed in there: HMAC-SHA256 under the channel's secret, in
 * hex, of his id, or of his id, a line feed and his address. Only in the second case
 * it vouches for the address too (*with_email). */
static bool vouched(struct talk *t, struct sv id, struct sv email, struct sv hash, bool *with_email)
{
	struct arena *a = t->rq->arena;
	const char *context = arena_printf(a, "channel:%.*s:identity_secret", SV_ARG(t->channel));
	struct sv secret = crypto_open(a, sv_from(context), db_first(t->b, t->row, "identity_secret"));

	if (!secret.n || sv_chr(id, '\n') >= 0)
		return false;
	*with_email = email.n && signs(a, secret, sv_from(arena_printf(a, "%.*s\n%.*s", SV_ARG(id), SV_ARG(email))), hash);
	return *with_email || signs(a, secret, id, hash);
}

static enum status begin_as(struct talk *t, struct http_response *rs, const json_t *body, struct err *e)
{
	struct http_request *rq = t->rq;
	struct sv id = text_of(body, "user_id"), email = text_of(body, "email");
	struct sv token = crypto_token_new(rq->arena, "");
	bool is_proven = false;
	struct db_batch *b;

	if (id.n && (id.n > 200 || !vouched(t, id, email, text_of(body, "user_hash"), &is_proven))) {
		err_set(e, rq->arena, ST_UNAUTHENTICATED, "The site's signature of this user is wrong");
		return refuse(t, rs, e);
	}
	b = web_self_batch(rq);
	db_add(b, "select internal.chat_begin($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", DB_S(t->channel),
	       DB_S(crypto_token_hash(rq->arena, token)), DB_OPT(id), DB_OPT(text_of(body, "name")),
	       DB_OPT(email), DB_B(is_proven), DB_B(json_is_true(json_object_get(body, "consent"))),
	       DB_OPT(text_of(body, "page")), DB_OPT(t->origin), DB_S(rq->remote_addr),
	       DB_C(web_language(rq)->code));
	if (db_run(b, e))
		return refuse(t, rs, e);
	answer(t, rs);
	buf_lit(&rs->body, "{\"token\":");
	buf_json(&rs->body, token);
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status chat_begin(struct http_request *rq, struct http_response *rs, struct err *e)
{
	json_t *body, *chat;
	struct talk t;

	if (!begin(&t, rq, e) || http_json(rq, &body, e))
		return refuse(&t, rs, e);
	if (!clean(text_of(body, "name")) || !clean(text_of(body, "email")) ||
	    !clean(text_of(body, "user_id")) || !clean(text_of(body, "page"))) {
		err_set(e, rq->arena, ST_UNPROCESSABLE, "A text has characters that are not allowed");
		return refuse(&t, rs, e);
	}
	if (db_run(t.b, e))
		return refuse(&t, rs, e);
	chat = chat_of(&t);
	speak(&t, chat);
	return begin_as(&t, rs, body, e);
}

/* ---- the conversation ------------------------------------------------------------------------ */

enum status chat_thread(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct arena *a = rq->arena;
	struct sv visitor;
	struct talk t;
	int thread;

	if (!begin(&t, rq, e) || !need_token(&t, e))
		return refuse(&t, rs, e);
	thread = db_add(t.b, "select thread, visitor, handle from internal.chat_thread($1, $2, $3)",
			DB_S(t.channel), DB_S(token_sha(&t)), DB_B(http_query(rq, "seen").n > 0));
	if (db_run(t.b, e))
		return refuse(&t, rs, e);
	visitor = db_first(t.b, thread, "visitor");
	answer(&t, rs);
	buf_lit(&rs->body, "{\"online\":");
	buf_add(&rs->body, sv_eq(db_first(t.b, t.row, "is_open"), SV("t")) ? SV("true") : SV("false"));
	buf_lit(&rs->body, ",\"stream\":");
	buf_json(&rs->body, web_chat_stream(a, db_first(t.b, thread, "handle")));
	buf_lit(&rs->body, ",\"visitor\":");
	buf_json(&rs->body, visitor);
	buf_lit(&rs->body, ",\"file_key\":");
	buf_json(&rs->body, web_chat_file_key(a, t.channel, visitor));
	buf_lit(&rs->body, ",\"thread\":");
	buf_add(&rs->body, db_first(t.b, thread, "thread"));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

static enum status store(struct talk *t, struct http_response *rs, struct sv client, struct sv text,
			 struct sv file, struct sv page, struct err *e)
{
	int sent;

	if (!uuid_valid(client) || !clean(text)) {
		err_set(e, t->rq->arena, ST_UNPROCESSABLE, "This message cannot be read");
		return refuse(t, rs, e);
	}
	sent = db_add(t->b, "select message_id from internal.chat_send($1, $2, $3::uuid, $4, $5::jsonb, $6)",
		      DB_S(t->channel), DB_S(token_sha(t)), DB_S(client), DB_S(text), DB_S(file),
		      DB_OPT(clean(page) ? page : SV_NONE));
	if (db_run(t->b, e))
		return refuse(t, rs, e);
	answer(t, rs);
	buf_lit(&rs->body, "{\"id\":");
	buf_json(&rs->body, db_first(t->b, sent, "message_id"));
	buf_addc(&rs->body, '}');
	return ST_OK;
}

enum status chat_send(struct http_request *rq, struct http_response *rs, struct err *e)
{
	json_t *body;
	struct talk t;

	if (!begin(&t, rq, e) || !need_token(&t, e) || http_json(rq, &body, e))
		return refuse(&t, rs, e);
	return store(&t, rs, text_of(body, "client"), text_of(body, "text"), SV_NONE,
		     text_of(body, "page"), e);
}

enum status chat_typing(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct talk t;

	if (!begin(&t, rq, e) || !need_token(&t, e))
		return refuse(&t, rs, e);
	db_add(t.b, "select internal.chat_typing($1, $2)", DB_S(t.channel), DB_S(token_sha(&t)));
	if (db_run(t.b, e))
		return refuse(&t, rs, e);
	allow(rs, t.origin);
	rs->status = 204;
	return ST_OK;
}

/* The key is the proof: nobody publishes under one that was made up. */
enum status chat_live(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv key = http_query(rq, "key");
	bool good = key.n == 43;

	for (size_t i = 0; good && i < key.n; i++)
		good = (key.p[i] >= '0' && key.p[i] <= '9') || (key.p[i] >= 'A' && key.p[i] <= 'Z') ||
		       (key.p[i] >= 'a' && key.p[i] <= 'z') || key.p[i] == '-' || key.p[i] == '_';
	if (!good)
		return err_set(e, rq->arena, ST_NOT_FOUND, "There is no such stream");
	http_set_header(rs, "X-Accel-Redirect",
			sv_from(arena_printf(rq->arena, "/-/chat/%.*s", SV_ARG(key))));
	return ST_OK;
}

/* ---- files ------------------------------------------------------------------------------------- */

static const char *kind_of(struct sv type)
{
	return sv_starts(type, SV("image/")) ? "image" :
	       sv_starts(type, SV("video/")) ? "video" :
	       sv_starts(type, SV("audio/")) ? "audio" : "document";
}

static struct sv name_of(struct sv name)
{
	while (sv_chr(name, '/') >= 0)
		sv_cut(&name, '/');
	while (sv_chr(name, '\\') >= 0)
		sv_cut(&name, '\\');
	while (name.n > 200 || (name.n && !sv_is_text(name)))
		name.n--;
	return name.n ? name : SV("file");
}

/* What is no type of the usual form is bytes. */
static struct sv type_of(struct sv type)
{
	struct sv rest = type, first = sv_trim(sv_cut(&rest, ';'));

	if (!first.n || first.n > 100 || sv_chr(first, '/') < 1)
		return SV("application/octet-stream");
	for (size_t i = 0; i < first.n; i++)
		if (first.p[i] <= ' ' || first.p[i] > '~')
			return SV("application/octet-stream");
	return first;
}

static struct sv file_row(struct arena *a, const struct http_file *f, struct sv sha256)
{
	struct sv type = file_true_type(type_of(f->content_type), f->data);
	buf_auto struct buf json = BUF_INIT;

	buf_lit(&json, "{\"sha256\":");
	buf_json(&json, sha256);
	buf_lit(&json, ",\"name\":");
	buf_json(&json, name_of(f->filename));
	buf_lit(&json, ",\"content_type\":");
	buf_json(&json, type);
	buf_lit(&json, ",\"kind\":");
	buf_json(&json, sv_from(kind_of(type)));
	buf_addf(&json, ",\"size\":%zu}", f->data.n);
	return arena_sv(a, buf_sv(&json));
}

/* Nobody fills the disk: he is judged before his file is stored. */
static enum status tenant_of(struct talk *t, size_t bytes, struct sv *org, struct err *e)
{
	struct db_batch *b = t->b;

	db_add(b, "select internal.chat_may_store($1, $2, $3)", DB_S(t->channel), DB_S(token_sha(t)), DB_I((int64_t)bytes));
	if (db_run(b, e))
		return e->status;
	*org = db_first(b, t->row, "organization_id");
	t->b = web_self_batch(t->rq);
	return ST_OK;
}

enum status chat_upload(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_file *f;
	struct sv org, sha256;
	struct talk t;

	if (!begin(&t, rq, e) || !need_token(&t, e) || http_form_read(rq, e))
		return refuse(&t, rs, e);
	f = http_form_file(rq, "file");
	if (!f || !f->data.n)
		err_set(e, rq->arena, ST_UNPROCESSABLE, "The file is empty");
	else if (f->data.n > FILE_BYTES)
		err_set(e, rq->arena, ST_TOO_LARGE, "The file is larger than 10 MB");
	if (e->status || tenant_of(&t, f->data.n, &org, e) || file_put(org, f->data, rq->arena, &sha256, e))
		return refuse(&t, rs, e);
	return store(&t, rs, http_form(rq, "client"), http_form(rq, "text"),
		     file_row(rq->arena, f, sha256), http_form(rq, "page"), e);
}

static bool is_shown(struct sv type)
{
	static const char *const shown[] = { "image/jpeg", "image/png", "image/gif", "image/webp",
					     "audio/ogg", "audio/mpeg", "audio/mp4", "video/mp4" };

	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
		if (sv_eq(type, sv_from(shown[i])))
			return true;
	return false;
}

enum status chat_file(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv channel = http_param(rq, "channel"), id = http_param(rq, "id"),
		  visitor = http_query(rq, "v"), type, key;
	struct db_batch *b;
	bool shown;
	int row;

	if (!uuid_valid(channel) || !uuid_valid(id) || !uuid_valid(visitor) ||
	    !crypto_equal(http_query(rq, "k"), web_chat_file_key(rq->arena, channel, visitor)))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This file does not exist");
	b = web_self_batch(rq);
	row = db_add(b, "select * from internal.chat_file($1, $2, $3)", DB_S(channel), DB_S(visitor), DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "This file does not exist");
	type = db_first(b, row, "content_type");
	shown = is_shown(type) && !http_query(rq, "download").n;
	key = file_key(db_first(b, row, "organization_id"), db_first(b, row, "sha256"), rq->arena);
	http_content_type(rs, shown ? arena_dup(rq->arena, type) : "application/octet-stream");
	http_set_header(rs, "Content-Disposition",
			http_disposition(rq->arena, shown, db_first(b, row, "name")));
	http_set_header(rs, "Cache-Control", SV("private, max-age=3600"));
	http_set_header(rs, "Cross-Origin-Resource-Policy", SV("cross-origin"));
	http_set_header(rs, "X-Accel-Redirect", sv_from(arena_printf(rq->arena, "/-/files/%.*s", SV_ARG(key))));
	return ST_OK;
}
