/* Deliveries to the tenants' endpoints (webhooks.md, WHK-32..65). */
#include "worker/worker.h"

#include "crm/entity.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "event/webhook.h"
#include "http/metrics.h"

#define LANE_MAX 4          /* calls to one endpoint at once */
#define CONNECT_MS 5000
#define TOTAL_MS 10000
#define ANSWER_READ 65536
#define ANSWER_KEPT 4096

struct delivery {
	struct sv id, webhook_id, url;
	struct webhook_attempt attempt;
	bool built; /* the body is new and goes into the database */
	/* result */
	bool good, gone;
	int status;
	struct sv answer, error;
	int64_t took_ms, retry_ms;
};

/* ---- ends ---------------------------------------------------------------- */

/* In the transaction in which the job ends; nothing when that was before. */
static void write_attempt(struct job *j, struct db_batch *b)
{
	const struct delivery *d = j->state;

	db_add(b, "select event.webhook_attempted($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
		" where job.held($12, $1, $13)",
		DB_S(j->organization_id), DB_S(d->id),
		DB_S(d->built ? d->attempt.body : SV_NONE), DB_S(d->attempt.timestamp),
		DB_B(d->good), d->status ? DB_I(d->status) : DB_NULL, DB_S(d->answer),
		DB_S(d->error), DB_I(d->took_ms),
		d->retry_ms < 0 ? DB_NULL : DB_I(d->retry_ms), DB_B(d->gone),
		DB_C(worker_of(j)->name), DB_I(j->id));
}

static void failed(struct job *j, struct sv why, int64_t retry_ms)
{
	struct delivery *d = j->state;

	d->error = why;
	d->retry_ms = retry_ms;
	j->write = write_attempt;
	job_fail(j, why, retry_ms);
}

/* What came back, in words for the log of the tenant; empty: it was taken. */
static struct sv judge(struct arena *a, const struct net_response *r)
{
	if (r->error)
		return webhook_printable(a, r->text.n ? r->text :
						sv_from(net_error_name(r->error)), 500);
	if (r->status / 100 == 2)
		return SV_NONE;
	if (r->status / 100 == 3)
		return SV("The receiver redirects; redirects are not followed");
	if (r->status == 410)
		return SV("The receiver is gone (410); the webhook was switched off");
	return sv_from(arena_printf(a, "The receiver answered %d", r->status));
}

static void count(const struct net_response *r, bool good)
{
	metrics_add(good ? METRIC_CALLS_OK :
		    r->error == NET_REFUSED ? METRIC_CALLS_REFUSED : METRIC_CALLS_FAILED, 1);
}

static void answered(const struct net_response *r, void *arg)
{
	struct job *j = arg;
	struct delivery *d = j->state;
	struct sv why = judge(j->arena, r);

	if (r->error == NET_ABORTED) { /* shut-down: it goes out again, under the same id */
		job_release(j);
		return;
	}
	d->good = !why.n;
	d->gone = !r->error && r->status == 410;
	d->status = r->status;
	d->answer = webhook_printable(j->arena, r->body, ANSWER_KEPT);
	d->took_ms = r->times.total_us / 1000;
	count(r, d->good);
	if (!d->good) {
		failed(j, why, d->gone ? -1 : job_retry_ms(j, r->retry_after));
		return;
	}
	j->write = write_attempt;
	job_done(j);
}

/* ---- sending ----------------------------------------------------------------- */

static bool open_secret(struct job *j, struct delivery *d, struct sv sealed)
{
	if (!sealed.n)
		return true;
	d->attempt.secret = crypto_open(j->arena, SV("webhook_configurations.secret"), sealed);
	return sv_present(d->attempt.secret);
}

static void call(struct job *j)
{
	struct delivery *d = j->state;
	size_t n;
	struct net_header *headers;

	d->attempt.now = clock_now_ms() / 1000;
	headers = webhook_headers(&d->attempt, &n, j->arena);
	net_start(worker_of(j)->net, &(struct net_request){
		.method = SV("POST"), /* WHK-32 */
		.url = d->url,
		.headers = headers,
		.n_headers = n,
		.body = d->attempt.body,
		.connect_ms = CONNECT_MS,
		.total_ms = TOTAL_MS,
		.max_body = ANSWER_READ,
		.truncate = true,
		.https_only = !conf_bool(CONF_net_insecure_webhooks),
		.lane = d->webhook_id,
		.lane_max = LANE_MAX,
	}, answered, j);
}

/* The row of event.webhook_load in the job's own memory. */
static struct sv col(struct job *j, const struct db_batch *b, int stmt, size_t row,
		     const char *name)
{
	struct sv v = db_named(b, stmt, row, name);

	return sv_present(v) ? arena_sv(j->arena, v) : v;
}

static bool is_crm(const struct db_batch *b, int stmt, size_t row)
{
	return sv_eq(db_named(b, stmt, row, "format"), SV("crm"));
}

/* CAP-16: the record as /api/v1 shows it. */
static enum status crm_body(struct job *j, const struct db_batch *b, int stmt, size_t row,
			    const struct webhook_event *ev, struct buf *body, struct err *e)
{
	struct delivery *d = j->state;
	struct crm_event crm = {
		.type = ev->type,
		.record_type = ev->record_type,
		.organization_id = db_named(b, stmt, row, "organization_id"),
		.data = ev->data,
	};

	d->attempt.timestamp = crm.at = webhook_time(j->arena, ev->at);
	if (crm_event_body(&crm, j->arena, body))
		return ST_OK;
	return err_set(e, j->arena, ST_BAD_INPUT, "The event's data cannot be written as JSON");
}

static enum status build(struct job *j, const struct db_batch *b, int stmt, size_t row,
			 struct err *e)
{
	struct delivery *d = j->state;
	struct webhook_event ev = {
		.type = d->attempt.type,
		.record_type = db_named(b, stmt, row, "record_type"),
		.at = db_named(b, stmt, row, "at"),
		.data = db_named(b, stmt, row, "data"),
		.changes = db_named(b, stmt, row, "changes"),
		.contact = db_named(b, stmt, row, "contact"),
		.organization = db_named(b, stmt, row, "organization"),
		.conversation = db_named(b, stmt, row, "conversation"),
		.company = db_named(b, stmt, row, "company"),
	};
	buf_auto struct buf body = BUF_INIT;
	enum status st;

	if (is_crm(b, stmt, row))
		st = crm_body(j, b, stmt, row, &ev, &body, e);
	else
		st = webhook_body(&ev, &body, &d->attempt.timestamp, j->arena, e);
	d->attempt.body = arena_sv(j->arena, buf_sv(&body));
	d->built = true;
	return st;
}

static void begin(struct job *j, const struct db_batch *b, int stmt, size_t row)
{
	struct delivery *d = ARENA_NEW(j->arena, struct delivery);
	struct err e = { 0 };

	j->state = d;
	*d = (struct delivery){ .id = col(j, b, stmt, row, "id"),
		.webhook_id = col(j, b, stmt, row, "webhook_id"),
		.url = col(j, b, stmt, row, "url"),
		.attempt = { .type = col(j, b, stmt, row, "event_type"),
			.id = col(j, b, stmt, row, "event_id"),
			.seq = col(j, b, stmt, row, "seq"),
			.timestamp = col(j, b, stmt, row, "event_time"),
			.body = col(j, b, stmt, row, "body"),
			.custom_headers = col(j, b, stmt, row, "custom_headers") } };
	if (is_crm(b, stmt, row))
		d->attempt.type = crm_event_name(d->attempt.type);
	if (!sv_present(d->attempt.body) && build(j, b, stmt, row, &e))
		failed(j, err_message(&e), -1);
	else if (!sv_eq(db_named(b, stmt, row, "is_active"), SV("t")))
		failed(j, SV("The webhook is switched off"), -1); /* WHK-5 */
	else if (!open_secret(j, d, db_named(b, stmt, row, "secret")))
		failed(j, SV("The secret cannot be opened with this key; set it again"), -1);
	else
		call(j);
}

/* ---- loading, all of a turn in one query ------------------------------------------ */

static struct sv delivery_id(const struct job *j)
{
	return j->key; /* the job's key is the delivery's id (event.dispatch) */
}

static void element(struct buf *list, struct sv text)
{
	buf_addc(list, list->n ? ',' : '{');
	buf_add(list, text);
}

static struct db_batch *load(struct job *const *jobs, size_t n, bool enhanced, int *stmt,
			     struct arena *a, struct err *e)
{
	buf_auto struct buf orgs = BUF_INIT, ids = BUF_INIT;
	struct db_batch *b = db_batch(worker_of(jobs[0])->db, a);

	for (size_t i = 0; i < n; i++) {
		element(&orgs, jobs[i]->organization_id);
		element(&ids, delivery_id(jobs[i]));
	}
	buf_addc(&orgs, '}');
	buf_addc(&ids, '}');
	db_as_self(b);
	*stmt = db_add(b, "select * from event.webhook_load($1, $2, $3)", DB_S(buf_sv(&orgs)),
		       DB_S(buf_sv(&ids)), DB_B(enhanced));
	return db_run(b, e) ? NULL : b;
}

static void begin_loaded(struct job *j, const struct db_batch *b, int stmt)
{
	for (size_t i = 0; i < db_rows(b, stmt); i++) {
		if (!sv_eq(db_named(b, stmt, i, "id"), delivery_id(j)))
			continue;
		begin(j, b, stmt, i);
		return;
	}
	job_done(j); /* the webhook was deleted, its deliveries with it */
}

void webhook_start_all(struct job *const *jobs, size_t n)
{
	struct arena *a = arena_new();
	struct err e = { 0 };
	int stmt;
	struct db_batch *b = load(jobs, n, true, &stmt, a, &e);

	if (!b && e.status != ST_UNAVAILABLE) { /* WHK-49: with the ids alone then */
		struct sv why = err_message(&e);

		log_error("webhook objects could not be read", LOG_S("why", why));
		b = load(jobs, n, false, &stmt, a, &e);
	}
	for (size_t i = 0; i < n; i++) {
		if (b)
			begin_loaded(jobs[i], b, stmt);
		else
			job_fail(jobs[i], err_message(&e), job_retry_ms(jobs[i], 0));
	}
	arena_free(a);
}
