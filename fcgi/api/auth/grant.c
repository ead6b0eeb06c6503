/* How /auth/v1 answers: sessions, redirects with them, and refusals. */
#include "fcgi/api/auth/auth.h"

#include "base/clock.h"
#include "crypto/crypto.h"

static const struct outcome {
	const char *code;
	enum status status;
	const char *text;
} outcomes[] = {
#define OUTCOME(code, status, text) { #code, status, text },
#include "fcgi/api/auth/outcomes.def"
#undef OUTCOME
};

static const struct outcome *find(struct sv code)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (sv_eq(code, sv_from(outcomes[i].code)))
			return &outcomes[i];
	return NULL;
}

/* What clients know these three by. */
static struct sv public_code(struct sv outcome)
{
	if (sv_eq(outcome, SV("too_soon")))
		return SV("over_email_send_rate_limit");
	if (sv_eq(outcome, SV("locked")))
		return SV("account_locked");
	if (sv_eq(outcome, SV("unsupported_type")))
		return SV("validation_failed");
	return outcome;
}

/* The text with the seconds in the place of %d. */
static struct sv words_of(struct arena *a, const struct outcome *o, int64_t wait)
{
	struct sv text = sv_from(o->text);
	ptrdiff_t at = sv_find(text, SV("%d"));

	if (at < 0)
		return text;
	return sv_from(arena_printf(a, "%.*s%lld%s", (int)at, text.p, (long long)wait,
				    text.p + at + 2));
}

static struct sv hint_of(struct sv outcome)
{
	if (sv_starts(outcome, SV("refresh_token_")) || sv_eq(outcome, SV("session_expired")))
		return SV("Session expired: sign in again");
	if (sv_eq(outcome, SV("locked")))
		return SV("Wait, or reset the password");
	if (sv_eq(outcome, SV("email_not_confirmed")))
		return SV("Click the link in the mail that we sent, or ask for a new one");
	return SV_NONE;
}

enum status auth_refuse(struct http_request *rq, struct sv outcome, int64_t wait, struct err *e)
{
	const struct outcome *o = find(outcome);
	struct sv words;

	if (!o)
		return err_set(e, rq->arena, ST_INTERNAL, "Unexpected outcome");
	words = words_of(rq->arena, o, wait);
	err_set(e, rq->arena, o->status, "%.*s", SV_ARG(words));
	e->code = public_code(outcome);
	e->hint = hint_of(outcome);
	e->retry_after = (int)wait;
	return e->status;
}

enum status auth_judge(struct http_request *rq, const struct db_batch *b, int stmt, struct err *e)
{
	struct sv outcome = db_first(b, stmt, "outcome");
	int64_t wait = 0;

	if (sv_eq(outcome, SV("ok")) || sv_eq(outcome, SV("made")) ||
	    sv_eq(outcome, SV("known")) || sv_eq(outcome, SV("code")))
		return ST_OK;
	sv_to_i64(db_first(b, stmt, "wait"), &wait);
	return auth_refuse(rq, outcome, wait, e);
}

/* ---- sessions ------------------------------------------------------------------ */

/* claims come as an object of SQL; what changes with the clock is added here. */
static struct sv access_token(struct arena *a, struct sv claims, int64_t now, int64_t seconds)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, sv_make(claims.p, claims.n - 1));
	buf_addf(&b, ",\"iat\":%lld,\"exp\":%lld}", (long long)now, (long long)(now + seconds));
	return crypto_jwt_sign(a, buf_sv(&b));
}

void auth_session_read(struct http_request *rq, const struct db_batch *b, int stmt,
		       struct sv refresh_token, struct auth_session *s)
{
	int64_t now = clock_now_ms() / 1000, seconds = ACCESS_SECONDS;

	sv_to_i64(db_first(b, stmt, "access_seconds"), &seconds);
	*s = (struct auth_session){
		.access_token = access_token(rq->arena, db_first(b, stmt, "claims"), now, seconds),
		.refresh_token = refresh_token,
		.user = db_first(b, stmt, "usr"),
		.profile = db_first(b, stmt, "profile"),
		.redirect_to = db_first(b, stmt, "redirect_to"),
		.expires_in = seconds,
		.expires_at = now + seconds,
	};
}

static void member(struct buf *b, const char *key, struct sv value)
{
	buf_json_key(b, key);
	buf_json(b, value);
}

void auth_session_json(struct http_response *rs, const struct auth_session *s)
{
	http_content_type(rs, "application/json; charset=utf-8");
	buf_addc(&rs->body, '{');
	member(&rs->body, "access_token", s->access_token);
	member(&rs->body, "token_type", SV("bearer"));
	buf_addf(&rs->body, ",\"expires_in\":%lld,\"expires_at\":%lld", (long long)s->expires_in,
		 (long long)s->expires_at);
	member(&rs->body, "refresh_token", s->refresh_token);
	buf_lit(&rs->body, ",\"user\":");
	buf_add(&rs->body, s->user);
	buf_addc(&rs->body, '}');
}

enum status auth_answer(struct http_request *rq, struct http_response *rs,
			const struct db_batch *b, int stmt, struct sv refresh_token, struct err *e)
{
	struct auth_session s;

	if (auth_judge(rq, b, stmt, e))
		return e->status;
	auth_session_read(rq, b, stmt, refresh_token, &s);
	auth_session_json(rs, &s);
	return ST_OK;
}

/* ---- redirects -------------------------------------------------------------------- */

static void parameter(struct buf *b, const char *name, struct sv value)
{
	buf_addf(b, "%s%s=", b->n && b->p[b->n - 1] != '#' && b->p[b->n - 1] != '?' ? "&" : "",
		 name);
	buf_url(b, value);
}

/* A query goes before a fragment, and behind what query there is. */
static void begin_query(struct buf *b, struct sv to)
{
	struct sv rest = to, base = sv_cut(&rest, '#');

	buf_add(b, base);
	buf_addc(b, sv_chr(base, '?') < 0 ? '?' : '&');
	if (b->p[b->n - 1] == '&')
		b->n--;
}

static void send_to(struct http_response *rs, struct http_request *rq, const struct buf *b)
{
	rs->status = 303;
	http_set_header(rs, "Location", arena_sv(rq->arena, buf_sv(b)));
}

static void begin_fragment(struct buf *b, struct sv to)
{
	buf_add(b, sv_cut(&to, '#'));
	buf_addc(b, '#');
}

void auth_redirect_session(struct http_request *rq, struct http_response *rs, struct sv to,
			   const struct auth_session *s, struct sv type)
{
	buf_auto struct buf b = BUF_INIT;

	begin_fragment(&b, to);
	parameter(&b, "access_token", s->access_token);
	buf_addf(&b, "&expires_at=%lld&expires_in=%lld", (long long)s->expires_at,
		 (long long)s->expires_in);
	parameter(&b, "refresh_token", s->refresh_token);
	buf_lit(&b, "&sb=&token_type=bearer");
	if (type.n)
		parameter(&b, "type", type);
	send_to(rs, rq, &b);
}

void auth_redirect_code(struct http_request *rq, struct http_response *rs, struct sv to,
			struct sv code)
{
	buf_auto struct buf b = BUF_INIT;

	begin_query(&b, to);
	parameter(&b, "code", code);
	send_to(rs, rq, &b);
}

static void error_parameters(struct buf *b, struct sv code, struct sv words)
{
	parameter(b, "error", SV("access_denied"));
	parameter(b, "error_code", code);
	parameter(b, "error_description", words);
}

/* Clients of the one flow look into the query, of the other behind the #. */
void auth_redirect_error(struct http_request *rq, struct http_response *rs, struct sv to,
			 struct sv code, struct sv words)
{
	buf_auto struct buf b = BUF_INIT;

	begin_query(&b, to);
	error_parameters(&b, code, words);
	buf_addc(&b, '#');
	error_parameters(&b, code, words);
	send_to(rs, rq, &b);
}

/* ---- the body of an error ----------------------------------------------------------- */

/* For what did not come from outcomes.def: the rest of the program's statuses. */
static struct sv error_code(const struct http_request *rq, const struct err *e)
{
	static const struct {
		enum status status;
		const char *code;
	} by_status[] = {
		{ ST_BAD_INPUT, "validation_failed" },	 { ST_UNPROCESSABLE, "validation_failed" },
		{ ST_FORBIDDEN, "user_banned" },	 { ST_NOT_FOUND, "not_found" },
		{ ST_CONFLICT, "conflict" },		 { ST_RATE_LIMITED, "over_request_rate_limit" },
		{ ST_BAD_METHOD, "method_not_allowed" }, { ST_UNAVAILABLE, "request_timeout" },
	};

	if (e->code.n)
		return e->code;
	if (e->status == ST_UNAUTHENTICATED)
		return rq->claims.n ? SV("session_not_found") :
		       rq->bearer.n ? SV("bad_jwt") : SV("no_authorization");
	for (size_t i = 0; i < sizeof(by_status) / sizeof(*by_status); i++)
		if (by_status[i].status == e->status)
			return sv_from(by_status[i].code);
	return SV("unexpected_failure");
}

/* The program's own body, and in it what clients of GoTrue look for. */
void auth_error(struct http_request *rq, struct http_response *rs, const struct err *e)
{
	struct sv code = error_code(rq, e);
	struct err shown = *e;

	if (sv_eq(code, SV("invalid_credentials")) && !shown.details.n)
		shown.details = SV("Invalid credentials"); /* AUTH-11 */
	http_error_json(rq, rs, &shown);
	rs->body.n--; /* the brace */
	member(&rs->body, "msg", err_message(e));
	member(&rs->body, "error_code", code);
	if (sv_eq(code, SV("weak_password")))
		buf_lit(&rs->body, ",\"weak_password\":{\"reasons\":[\"length\"]}");
	buf_addc(&rs->body, '}');
}
