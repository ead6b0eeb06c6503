/*
 * The engine at work: the schema kept fresh, a request run, its rows written.
 */
#include "rest/stream.h"
#include "rest/tree.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

struct rest {
	const struct rest_options *options;
	struct rest_schema *schema;
	struct db *db;
	bool listening, config_changed;
	int64_t loaded_at; /* clock_mono_us */
};

/* How old a schema may be when a name is not found in it, in microseconds. */
#define STALE_AFTER 10000000

struct rest *rest_new(const struct rest_options *o)
{
	struct rest *r = mem_alloc(sizeof(*r));

	*r = (struct rest){ .options = o };
	return r;
}

void rest_free(struct rest *r)
{
	if (r)
		rest_schema_free(r->schema);
	free(r);
}

/* ---- the schema ------------------------------------------------------------ */

static enum status reload(struct rest *r, struct arena *a, struct err *e)
{
	struct rest_schema *fresh;

	if (rest_load(r->db, r->options->schemas, r->options->extra_schemas, r->options->role, a,
		      &fresh, e))
		return e->status;
	rest_schema_free(r->schema);
	r->schema = fresh;
	r->loaded_at = clock_mono_us();
	return ST_OK;
}

static const char *channel(const struct rest *r)
{
	return r->options->channel ? r->options->channel : "pgrst";
}

/* Behind PgBouncer there is no LISTEN; then only STALE_AFTER helps. */
static void listen(struct rest *r, struct arena *a)
{
	struct err ignored = { 0 };

	if (!r->options->deaf && db_listen(r->db, channel(r), a, &ignored))
		log_warn("no word will come of schema changes",
			 LOG_S("why", err_message(&ignored)));
	r->listening = true;
}

/* 'reload schema', 'reload config', or either of them when nothing is said. */
static bool changed(struct rest *r, struct arena *a)
{
	struct sv from, payload;
	bool missed = false, schema = false;

	while (db_notified(r->db, a, &from, &payload, &missed)) {
		if (!sv_eq(from, sv_from(channel(r))))
			continue;
		schema |= !sv_eq(payload, SV("reload config"));
		r->config_changed |= !sv_eq(payload, SV("reload schema"));
	}
	r->config_changed |= missed;
	return schema || missed;
}

bool rest_config_changed(struct rest *r)
{
	bool changed = r->config_changed;

	r->config_changed = false;
	return changed;
}

enum status rest_ready(struct rest *r, struct db *db, struct arena *a, struct err *e)
{
	r->db = db;
	if (!r->listening)
		listen(r, a);
	if (!r->schema || changed(r, a))
		return reload(r, a, e);
	return ST_OK;
}

/* ---- input ------------------------------------------------------------------ */

static struct sv profile(const struct http_request *rq)
{
	bool reads = rq->method & (HTTP_GET | HTTP_OPTIONS);

	return http_header(rq, reads ? "Accept-Profile" : "Content-Profile");
}

/* Of HEAD it says nothing, by RFC 9110. */
static struct sv range(const struct http_request *rq)
{
	bool head = sv_eq(http_env(rq, "REQUEST_METHOD"), SV("HEAD"));

	return head ? SV_NONE : http_header(rq, "Range");
}

static struct rest_input input(const struct rest_call *call, struct http_request *rq)
{
	return (struct rest_input){
		.method = rq->method,
		.target = call->target,
		.flags = call->flags,
		.query = http_query_all(rq),
		.body = rq->body,
		.content_type = rq->content_type,
		.accept = http_header(rq, "Accept"),
		.prefer = http_header(rq, "Prefer"),
		.range = range(rq),
		.profile = profile(rq),
		.if_match = http_header(rq, "If-Match"),
	};
}

static bool unknown_name(const struct err *e)
{
	return sv_eq(e->code, SV("42703")) || sv_eq(e->code, SV("PGRST200")) ||
	       sv_eq(e->code, SV("PGRST202")) || sv_eq(e->code, SV("PGRST204")) ||
	       sv_eq(e->code, SV("PGRST205"));
}

/* A name that is not known may be new. */
static enum status compile(struct rest *r, const struct rest_input *in, struct arena *a,
			   struct rest_plan *plan, struct err *e)
{
	if (!rest_compile(r->schema, r->options, in, a, plan, e))
		return ST_OK;
	if (!unknown_name(e) || clock_mono_us() - r->loaded_at < STALE_AFTER)
		return e->status;
	if (reload(r, a, e))
		return e->status;
	return rest_compile(r->schema, r->options, in, a, plan, e);
}

/* ---- a request ------------------------------------------------------------------- */

/* Content-Location: the parameters in the order of their names. */
static int by_name(const void *a, const void *b)
{
	const struct http_pair *x = a, *y = b;

	return sv_cmp(x->name, y->name);
}

static struct sv canonical(const struct rest_input *in, struct sv table, struct arena *a)
{
	struct http_pair *sorted = ARENA_ARRAY(a, in->query->n + 1, struct http_pair);
	struct buf b buf_auto = BUF_INIT;

	for (size_t i = 0; i < in->query->n; i++)
		sorted[i] = in->query->v[i];
	qsort(sorted, in->query->n, sizeof(*sorted), by_name);
	buf_addf(&b, "/%.*s", SV_ARG(table));
	for (size_t i = 0; i < in->query->n; i++) {
		buf_addc(&b, i ? '&' : '?');
		buf_url(&b, sorted[i].name);
		buf_addc(&b, '=');
		buf_url(&b, sorted[i].value);
	}
	return arena_sv(a, buf_sv(&b));
}

/* What PostgREST says beside the rows. */
static void describe(const struct rest *r, const struct rest_input *in, struct rest_plan *p,
		     struct arena *a)
{
	struct sv list = sv_from(r->options->schemas), first = sv_trim(sv_cut(&list, ','));

	if (p->method == HTTP_GET && !p->call)
		p->location = canonical(in, p->table, a);
	if (sv_present(list))
		p->profile = in->profile.n ? in->profile : first;
}

static int ask(struct db_batch *b, const struct rest_statement *s)
{
	return s->sql.n ? db_add_composed(b, s->sql, s->n, s->params) : -1;
}

static void ask_counts(const struct rest_plan *p, struct db_batch *b, struct asked *q)
{
	q->count = ask(b, &p->count);
	q->estimate = ask(b, &p->estimate);
}

/* Of an answer that leaves as it comes, the headers have to be known first;
 * only a function's rows are counted by itself. */
static void ask_all(const struct rest *r, const struct rest_plan *p, bool streams,
		    struct db_batch *b, struct asked *q)
{
	*q = (struct asked){
		.count = -1, .estimate = -1, .inserted = -1, .version = -1, .before = -1,
		.settings = -1
	};
	if (p->read_only || (r->options->read_only && p->method == HTTP_GET))
		db_add(b, "select set_config('transaction_read_only', 'on', true)");
	if (p->timezone.n)
		db_add(b, "select set_config('timezone', $1, true)", DB_S(p->timezone));
	if (streams && !p->call)
		ask_counts(p, b, q);
	if (streams && r->options->response_settings)
		q->before = settings_ask(b);
	q->main = ask(b, &p->main);
	if (!streams || p->call)
		ask_counts(p, b, q);
	q->inserted = ask(b, &p->inserted);
	q->version = ask(b, &p->version);
	if (r->options->response_settings)
		q->settings = settings_ask(b);
}

static enum status answer(struct rest *r, const struct rest_input *in, struct stream *s,
			  bool streams, struct db_batch *b, struct err *e)
{
	if (in->flags & REST_ROLLBACK) {
		/* What a commit would refuse is refused all the same. */
		if (in->method != HTTP_GET)
			db_add(b, "set constraints all immediate");
		db_rollback(b);
	}
	if (streams)
		db_stream(b, s->asked->main, stream_row, s);
	if (db_run(b, e)) {
		if (!http_is_streaming(s->rs))
			return refuse(s->plan, in, r->options, b, s->rs, e);
		log_error("an answer broke off", LOG_S("why", err_message(e)));
		http_stream_fail(s->rs);
		return ST_OK;
	}
	if (streams ? stream_end(s, b, e) :
		      answer_write(s->plan, r->options, b, s->asked, s->rs, e))
		return e->status;
	if (s->asked->settings < 0 || http_is_streaming(s->rs))
		return ST_OK;
	return settings_apply(b, s->asked->settings, s->rs, e);
}

enum status rest_handle(struct rest *r, const struct rest_call *call, struct http_request *rq,
			struct http_response *rs, struct db_batch *b, struct err *e)
{
	struct rest_input in = input(call, rq);
	struct rest_plan plan;
	struct asked asked;
	struct stream s = { .plan = &plan, .asked = &asked, .rq = rq, .rs = rs };
	bool streams;

	if (rq->method == HTTP_OPTIONS)
		return info_options(r->schema, r->options, &in, rq->arena, rs, e);
	if (!in.target.n)
		return info_root(r->schema, r->options, &in, rq, b, rs, e);
	if (compile(r, &in, rq->arena, &plan, e))
		return e->status;
	if (r->options->strict)
		describe(r, &in, &plan, rq->arena);
	s.head = call->flags & REST_HEAD;
	streams = stream_wanted(&plan, rs, s.head);
	ask_all(r, &plan, streams, b, &asked);
	return answer(r, &in, &s, streams, b, e);
}
