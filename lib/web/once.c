/*
 * Idempotency-Key: a POST that is sent again is answered again, not done again.
 *
 * The key is taken in the transaction of the work, and the answer is stored in
 * it before the commit. So whatever dies in between leaves neither work nor
 * key, and of two that come at once the second waits for the first. What
 * failed is not kept: the next attempt is a new one.
 */
#include "web/internal.h"
#include "crypto/crypto.h"

/* Headers that belong to the stored answer. */
static const char *const kept[] = { "Content-Type", "Content-Range", "Location",
				    "Preference-Applied" };

static struct sv key_of(const struct http_request *rq)
{
	bool api = rq->route->auth == HTTP_API_KEY || rq->route->auth == HTTP_BEARER ||
		   rq->route->auth == HTTP_CRM_KEY;

	return api && rq->method == HTTP_POST ? http_header(rq, "Idempotency-Key") : SV_NONE;
}

static struct sv fingerprint(const struct http_request *rq)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, rq->path);
	buf_addc(&b, '?');
	buf_add(&b, rq->query_text);
	buf_addc(&b, '\n');
	buf_add(&b, rq->body);
	return crypto_token_hash(rq->arena, buf_sv(&b));
}

bool web_once_hold(struct http_request *rq, struct db_batch *b)
{
	if (!key_of(rq).n || web_state(rq)->once)
		return false;
	db_hold(b);
	return true;
}

void web_once_begin(struct http_request *rq, struct db_batch *b)
{
	web_state(rq)->once = b;
	db_add(b, "select internal.idempotency_begin($1, $2)", DB_S(key_of(rq)),
	       DB_S(fingerprint(rq)));
}

static enum status store(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	buf_auto struct buf head = BUF_INIT;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct sv value = http_response_header(rs, kept[i]);

		if (sv_present(value))
			buf_addf(&head, "%s: %.*s\n", kept[i], SV_ARG(value));
	}
	db_as_held(b);
	db_add(b, "select internal.idempotency_end($1, $2, $3, $4)", DB_S(key_of(rq)),
	       DB_I(rs->status ? rs->status : 200), DB_S(buf_sv(&head)),
	       DB_BYTES(rs->body.n ? buf_sv(&rs->body) : SV("")));
	db_commit(b);
	return db_run(b, e);
}

static enum status replay(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct sv head, line, name;
	int64_t status = 200;
	int stored;

	web_identify(rq, b);
	stored = db_add(b, "select * from internal.idempotency_answer($1)", DB_S(key_of(rq)));
	if (db_run(b, e))
		return e->status;
	rs->headers = NULL;
	rs->nheaders = rs->headers_size = 0;
	sv_to_i64(db_first(b, stored, "status"), &status);
	rs->status = (int)status;
	head = db_first(b, stored, "headers");
	while (sv_present(head) && head.n) {
		line = sv_cut(&head, '\n');
		name = sv_cut(&line, ':');
		http_set_header(rs, arena_dup(rq->arena, name), sv_trim(line));
	}
	http_set_header(rs, "Idempotency-Replayed", SV("true"));
	buf_clear(&rs->body);
	buf_add(&rs->body, crypto_unbase64(rq->arena, db_first(b, stored, "body")));
	return ST_OK;
}

enum status web_once_settle(struct http_request *rq, struct http_response *rs, enum status s,
			    struct err *e)
{
	const struct web_state *st = rq->state;

	if (!st || !st->once)
		return s;
	if (s && sv_eq(db_sqlstate(st->once), SV("KTR00")))
		return replay(rq, rs, e);
	/* A handler that answered without asking the database has nothing to store.
	 * One that left as it came was of a function that only reads. */
	if (!s && db_is_held(web_of(rq)->db) && !http_is_streaming(rs))
		return store(rq, rs, e);
	db_let_go(web_of(rq)->db);
	return s;
}
