#include "fcgi/webhooks/intake.h"

#include "base/log.h"
#include "crypto/crypto.h"

/* unmatched: as intake_store_dead; SV_NONE: it is to be worked on. */
struct call_row {
	struct sv dedupe, body, error, unmatched;
};

static enum status store_once(struct http_request *rq, const struct channel_account *acc,
			      const struct call_row *c, struct err *e)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);

	db_as_system(b, acc->organization_id);
	db_add(b,
	       "insert into inbound_hooks (organization_id, channel_account_id, dedupe, body, "
	       "state, error, unmatched) "
	       "values ($1, $2, $3, $4, case when $5::text is null then 'new' else 'failed' end, "
	       "$5, $6) "
	       "on conflict do nothing",
	       DB_S(acc->organization_id), DB_S(acc->id), DB_S(c->dedupe), DB_BYTES(c->body),
	       DB_OPT(c->error), DB_OPT(c->unmatched));
	return db_run(b, e);
}

static enum status store(struct http_request *rq, const struct channel_account *acc,
			 struct call_row *c, struct err *e)
{
	log_tenant(acc->organization_id);
	if (!c->dedupe.n)
		c->dedupe = crypto_token_hash(rq->arena, c->body);
	if (store_once(rq, acc, c, e) != ST_UNAVAILABLE)
		return e->status;
	/* The connection was gone, perhaps for long. Doing it twice does no harm. */
	*e = (struct err){ 0 };
	return store_once(rq, acc, c, e);
}

enum status intake_store(struct http_request *rq, const struct channel_account *acc,
			 struct sv dedupe, struct sv body, struct err *e)
{
	return store(rq, acc, &(struct call_row){ .dedupe = dedupe, .body = body }, e);
}

enum status intake_store_dead(struct http_request *rq, const struct channel_account *acc,
			      struct sv body, struct sv error, struct sv unmatched, struct err *e)
{
	return store(rq, acc, &(struct call_row){ .body = body, .error = error,
						  .unmatched = unmatched }, e);
}

static void count_refused(struct http_request *rq, const struct channel_account *acc)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct err e = { 0 };

	db_as_self(b);
	db_add(b, "select internal.channel_refused($1, $2)", DB_S(acc->organization_id),
	       DB_S(acc->id));
	if (db_run(b, &e))
		log_warn("a refused call could not be counted", LOG_S("error", err_message(&e)));
}

void intake_count(struct http_request *rq, const struct channel *c, const char *what)
{
	struct db_batch *b = db_batch(web_of(rq)->db, rq->arena);
	struct err e = { 0 };

	db_as_self(b);
	db_add(b, "select internal.intake_count($1, $2)", DB_C(c->type), DB_C(what));
	if (db_run(b, &e))
		log_warn("a call could not be counted", LOG_C("what", what),
			 LOG_S("error", err_message(&e)));
}

enum status intake_refuse(struct http_request *rq, const struct accounts *of,
			  const struct channel_account *acc, struct err *e)
{
	/* It may have been right: the provider shall try again when we can tell. */
	if (acc ? acc->sealed : of->sealed)
		return err_set(e, rq->arena, ST_UNAVAILABLE,
			       "The channel's secrets cannot be read right now");
	log_warn("call refused", LOG_C("type", of->channel->type),
		 LOG_S("channel", acc ? acc->id : SV_NONE), LOG_S("from", rq->remote_addr));
	if (acc)
		count_refused(rq, acc);
	else
		intake_count(rq, of->channel, "refused");
	return err_set(e, rq->arena, ST_UNAUTHENTICATED, "%s is missing or wrong",
		       of->channel->signature_header);
}
