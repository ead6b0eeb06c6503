/*
 * Rate limits: who is counted, by what, and how many requests he has.
 *
 * The credential is enough to count by, before anything is asked of the
 * database. What its owner's plan allows, and whose tenant an API key is,
 * comes along with the answer to the first request of each minute and is noted
 * for all processes; before the very first the settings of kontor.conf hold.
 */
#include "web/internal.h"
#include "base/clock.h"
#include "base/conf.h"

#include <string.h>

#define MINUTE 60
#define DAY 86400

enum limit_of { OF_FUNCTIONS, OF_REST, OF_KEY, OF_CRM_MINUTE, OF_CRM_DAY, LIMITS };

static const char *const columns[LIMITS] = { "functions", "rest", "per_key", "crm_minute",
					     "crm_day" };

/* What is noted of a credential: the two halves of its tenant's key, then the
 * limits, each plus one; 0 is as kontor.conf says. */
enum { TENANT_HIGH, TENANT_LOW, FIRST_LIMIT, NOTES = FIRST_LIMIT + LIMITS };

struct facts {
	uint64_t tenant; /* 0: belongs to none */
	int64_t limit[LIMITS]; /* -1: as kontor.conf says */
	bool fresh; /* noted in this minute */
};

static int64_t now_s(void)
{
	return clock_now_ms() / 1000;
}

static uint64_t credential(const struct http_request *rq)
{
	if (rq->api_key.n)
		return limit_key(SV("key"), rq->api_key);
	return rq->claims.n ? limit_key(SV("claims"), rq->claims) : 0;
}

static uint64_t note_key(uint64_t credential, int note)
{
	return credential + (uint64_t)(note + 1) * 0x9e3779b97f4a7c15;
}

/* NULL when nothing is known of the caller. */
static const struct facts *facts_of(const struct http_request *rq)
{
	struct facts *f = ARENA_NEW(rq->arena, struct facts);
	uint64_t c = credential(rq);
	uint32_t v[NOTES];
	int64_t minute = 0;

	if (!c)
		return NULL;
	for (int i = 0; i < NOTES; i++)
		if (!limit_noted(note_key(c, i), &v[i], &minute))
			return NULL;
	f->tenant = (uint64_t)v[TENANT_HIGH] << 32 | v[TENANT_LOW];
	for (int i = 0; i < LIMITS; i++)
		f->limit[i] = (int64_t)v[FIRST_LIMIT + i] - 1;
	f->fresh = minute == now_s() / MINUTE;
	return f;
}

/* What holds without an agreement: API-65, and CAP-17's Professional. */
static int64_t by_default(enum limit_of what)
{
	switch (what) {
	case OF_FUNCTIONS:
		return conf_int(CONF_rate_functions);
	case OF_REST:
		return conf_int(CONF_rate_rest);
	case OF_KEY:
		return conf_int(CONF_rate_key);
	case OF_CRM_MINUTE:
		return 300;
	case OF_CRM_DAY:
		return 100000;
	case LIMITS:
		break;
	}
	return 0;
}

static int64_t limit_for(const struct facts *f, enum limit_of what)
{
	return f && f->limit[what] >= 0 ? f->limit[what] : by_default(what);
}

static struct sv claim(const struct http_request *rq, const char *name)
{
	json_t *claims = json_loadb(rq->claims.p ? rq->claims.p : "", rq->claims.n, 0, NULL);
	const char *text = json_string_value(json_object_get(claims, name));
	struct sv value = arena_sv(rq->arena, sv_from(text));

	json_decref(claims);
	return value;
}

/* The tenant, from the token or from what was learned; 0 when it is unknown. */
static uint64_t tenant_of(const struct http_request *rq, const struct facts *f)
{
	struct sv org;

	if (f)
		return f->tenant;
	org = rq->claims.n ? claim(rq, "organization_id") : SV_NONE;
	return org.n ? limit_key(SV("tenant"), org) : 0;
}

static enum status refuse(struct http_request *rq, struct web_state *st, struct err *e)
{
	int64_t wait = st->limit.reset - now_s();

	err_set(e, rq->arena, ST_RATE_LIMITED, "rate limit");
	e->hint = sv_from(arena_printf(rq->arena, "%lld requests are allowed; wait %lld seconds",
				       (long long)st->limit.limit, (long long)wait));
	e->retry_after = wait > 0 ? (int)wait : 1;
	return e->status;
}

static enum status take(struct http_request *rq, uint64_t key, int64_t limit, int64_t seconds,
			struct err *e)
{
	struct web_state *st = web_state(rq);
	struct limit_state now;
	bool may = limit_take(key, limit, seconds, now_s(), &now);

	/* Of two windows the headers tell of the one that is used up first. */
	if (!may || !st->limit.limit || (now.limit && now.remaining < st->limit.remaining))
		st->limit = now;
	return may ? ST_OK : refuse(rq, st, e);
}

static enum status take_crm(struct http_request *rq, uint64_t tenant, const struct facts *f,
			    struct err *e)
{
	uint64_t key = tenant ^ limit_key(SV("crm"), SV_NONE);

	if (take(rq, key, limit_for(f, OF_CRM_MINUTE), MINUTE, e))
		return e->status;
	return take(rq, key, limit_for(f, OF_CRM_DAY), DAY, e);
}

static enum status take_address(struct http_request *rq, struct err *e)
{
	return take(rq, limit_key(SV("address"), rq->remote_addr), conf_int(CONF_rate_address),
		    MINUTE, e);
}

enum status web_limit_admit(struct http_request *rq, struct err *e)
{
	enum http_rate rate = rq->route->rate;
	enum limit_of what = rate == HTTP_RATE_REST ? OF_REST : OF_FUNCTIONS;
	const struct facts *f;
	uint64_t tenant;

	if (rate == HTTP_RATE_NONE)
		return ST_OK;
	if (rate == HTTP_RATE_ADDRESS || !credential(rq))
		return take_address(rq, e);
	f = facts_of(rq);
	if (rate != HTTP_RATE_CRM && rq->api_key.n)
		return take(rq, credential(rq), limit_for(f, OF_KEY), MINUTE, e);
	tenant = tenant_of(rq, f);
	/* A key that nobody knows yet is counted when it turns out whose it is;
	 * the key of the installation belongs to nobody and is not counted. */
	if (!tenant)
		return ST_OK;
	if (rate == HTTP_RATE_CRM)
		return take_crm(rq, tenant, f, e);
	return take(rq, tenant ^ limit_key(sv_from(columns[what]), SV_NONE), limit_for(f, what),
		    MINUTE, e);
}

void web_limit_ask(struct http_request *rq, struct db_batch *b)
{
	struct web_state *st;
	const struct facts *f;

	if (rq->route->rate == HTTP_RATE_NONE || !credential(rq))
		return;
	f = facts_of(rq);
	if (f && f->fresh)
		return;
	/* The keys of the installation are nobody's. */
	if (!rq->api_key.n && !tenant_of(rq, NULL))
		return;
	st = web_state(rq);
	if (st->asked)
		return;
	st->asked = b;
	st->limits = db_add(b, "select * from auth.rate_limits()");
}

void web_limit_learn(struct http_request *rq)
{
	const struct web_state *st = rq->state;
	uint64_t c = credential(rq), tenant;
	struct err e = { 0 };
	struct sv org;

	if (!st || !st->asked || !db_rows(st->asked, st->limits))
		return;
	org = db_first(st->asked, st->limits, "organization_id");
	tenant = org.n ? limit_key(SV("tenant"), org) : 0;
	limit_note(note_key(c, TENANT_HIGH), (uint32_t)(tenant >> 32), now_s());
	limit_note(note_key(c, TENANT_LOW), (uint32_t)tenant, now_s());
	for (int i = 0; i < LIMITS; i++) {
		int64_t n = -1;

		sv_to_i64(db_first(st->asked, st->limits, columns[i]), &n);
		limit_note(note_key(c, FIRST_LIMIT + i), (uint32_t)(n + 1), now_s());
	}
	/* A key of the CRM's that nobody knew is counted now. */
	if (rq->route->rate == HTTP_RATE_CRM && !st->limit.limit && tenant &&
	    take_crm(rq, tenant, facts_of(rq), &e))
		return;
}

static void number_header(struct http_request *rq, struct http_response *rs, const char *name,
			  int64_t n)
{
	http_set_header(rs, name, sv_from(arena_printf(rq->arena, "%lld", (long long)n)));
}

/* API-66 */
void web_limit_head(struct http_request *rq, struct http_response *rs)
{
	const struct web_state *st = rq->state;

	if (!st || !st->limit.limit)
		return;
	number_header(rq, rs, "X-RateLimit-Limit", st->limit.limit);
	number_header(rq, rs, "X-RateLimit-Remaining", st->limit.remaining);
	number_header(rq, rs, "X-RateLimit-Reset", st->limit.reset);
}
