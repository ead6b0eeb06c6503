/* POST and GET /functions/v1/<hook>: one call of a provider. */
#include "fcgi/webhooks/intake.h"

#include "base/conf.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Bytes to run through HMAC in search of an account that nothing names. */
#define SEARCH_MAX (64 * 1024 * 1024)

struct call {
	struct http_request *rq;
	struct accounts *accounts;
	struct channel_call said;
	struct sv text; /* the body as JSON */
	struct channel_shares shares;
};

static bool is_hook(const char *name, struct sv path)
{
	return name && sv_eq(path, sv_from(name));
}

static const struct channel *channel_at_hook(struct sv path)
{
	path = sv_skip(path, strlen("/functions/v1/"));
	for (size_t i = 0; channels[i]; i++)
		if (is_hook(channels[i]->hook, path) || is_hook(channels[i]->hook_alias, path))
			return channels[i];
	return NULL;
}

static struct sv header_of(const struct channel_call *call, const char *name)
{
	return http_header(call->request, name);
}

static struct sv query_of(const struct channel_call *call, const char *name)
{
	return http_query(call->request, name);
}

static enum status begin(struct call *c, struct http_request *rq, struct err *e)
{
	const struct channel *ch = channel_at_hook(rq->path);
	const char *mark = rq->query_text.n ? "?" : "";

	c->rq = rq;
	c->accounts = accounts_of(ch, rq, e);
	if (!c->accounts)
		return e->status;
	c->said = (struct channel_call){ .arena = rq->arena,
					 .body = rq->body,
					 .header = header_of,
					 .query = query_of,
					 .request = rq };
	c->said.url =
		sv_from(arena_printf(rq->arena, "%s%.*s%s%.*s", conf_str(CONF_base_url),
				     SV_ARG(rq->path), mark, SV_ARG(rq->query_text)));
	if (ch->signature_header)
		c->said.signature = http_header(rq, ch->signature_header);
	return ST_OK;
}

/* ---- for no account of ours ------------------------------------------------------ */

/*
 * It may be genuine: the account was switched off, or belongs to the same app.
 * Somebody's secret then proves it. *sole: the account to tell, when only one
 * tenant's secret fits.
 */
static bool proven_by_any(struct call *c, const struct channel_account **sole)
{
	const struct accounts *of = c->accounts;
	const struct channel_account *first = NULL;
	bool several = false;

	for (size_t i = 0; i < of->n && (i + 1) * (c->rq->body.n + 64) <= SEARCH_MAX; i++) {
		const struct channel_account *acc = &of->v[i];

		if (!of->channel->verify(acc, &c->said))
			continue;
		if (!first)
			first = acc;
		several |= !sv_eq(first->organization_id, acc->organization_id);
	}
	*sole = several ? NULL : first;
	return first != NULL;
}

static struct sv dumped(struct arena *a, const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	struct sv out = arena_sv(a, sv_from(text));

	free(text);
	return out;
}

/* The whole as it came, when it is for one account alone. */
static struct sv part_of(const struct call *c, const struct channel_share *s)
{
	return c->shares.n == 1 || !s->body ? c->text : dumped(c->rq->arena, s->body);
}

/* CHA-73: 200, for the provider would only repeat it; a dead letter for
 * whoever may see it. */
static enum status unmatched(struct call *c, const struct channel_share *s,
			     const struct channel_account *sole, struct err *e)
{
	const struct channel *ch = c->accounts->channel;
	struct sv name = s->key.n ? s->key : s->group;
	struct sv why = sv_from(arena_printf(c->rq->arena, "No active channel has the %s %.*s",
					     ch->key_name, SV_ARG(name)));

	log_warn("unmatched call", LOG_C("type", ch->type), LOG_S("key", name),
		 LOG_S("channel", sole ? sole->id : SV_NONE));
	intake_count(c->rq, ch, "unmatched");
	return sole ? intake_store_dead(c->rq, sole, part_of(c, s), why, s->key, e) : ST_OK;
}

/* *bad: what is wrong with the body, told to those alone who prove themselves. */
static enum status nobodys(struct call *c, const struct err *bad, struct err *e)
{
	const struct channel_account *sole = NULL;

	if (!proven_by_any(c, &sole))
		return intake_refuse(c->rq, c->accounts, NULL, e);
	if (bad->status)
		return (*e = *bad).status;
	for (size_t i = 0; i < c->shares.n; i++)
		if (unmatched(c, &c->shares.v[i], sole, e))
			return e->status;
	return ST_OK;
}

/* ---- for accounts of ours -------------------------------------------------------- */

static const struct channel_account *account_of(struct call *c, const struct channel_share *s)
{
	return s->key.n ? accounts_find(c->accounts, s->key, c->rq)
			: accounts_in(c->accounts, s->group);
}

static enum status store_share(struct call *c, const struct channel_share *s,
			       const struct channel_account *acc, json_t *body, struct err *e)
{
	const struct channel *ch = c->accounts->channel;
	struct sv dedupe = SV_NONE;

	if (ch->dedupe)
		dedupe = ch->dedupe(c->rq->arena, c->shares.n == 1 || !s->body ? body : s->body);
	return intake_store(c->rq, acc, dedupe, part_of(c, s), e);
}

static enum status store_shares(struct call *c, const struct channel_account **of, json_t *body,
				struct err *e)
{
	const struct channel_account *proven = NULL, *wrong = NULL;
	bool several = false;

	for (size_t i = 0; i < c->shares.n; i++) {
		if (!of[i])
			continue;
		if (!c->accounts->channel->verify(of[i], &c->said)) {
			wrong = of[i];
			continue;
		}
		several |= proven && !sv_eq(proven->organization_id, of[i]->organization_id);
		proven = of[i];
		if (store_share(c, &c->shares.v[i], of[i], body, e))
			return e->status;
	}
	if (!proven)
		return intake_refuse(c->rq, c->accounts, wrong, e);
	for (size_t i = 0; i < c->shares.n; i++)
		if (!of[i] && unmatched(c, &c->shares.v[i], several ? NULL : proven, e))
			return e->status;
	return ST_OK;
}

static enum status take(struct call *c, struct err *e)
{
	const struct channel *ch = c->accounts->channel;
	const struct channel_account **of;
	struct err bad = { 0 };
	bool ours = false;
	json_t *body;

	c->text = ch->json ? ch->json(&c->said) : c->rq->body;
	body = channel_json(c->rq->arena, c->text, &bad);
	if (!body || ch->split(&c->said, body, &c->shares, &bad))
		return nobodys(c, &bad, e);
	of = ARENA_ARRAY(c->rq->arena, c->shares.n + 1, const struct channel_account *);
	for (size_t i = 0; i < c->shares.n; i++)
		ours |= (of[i] = account_of(c, &c->shares.v[i])) != NULL;
	return ours ? store_shares(c, of, body, e) : nobodys(c, &bad, e);
}

enum status intake_call(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct call c = { 0 };

	if (begin(&c, rq, e) || take(&c, e))
		return e->status;
	http_content_type(rs, "application/json");
	buf_add(&rs->body, sv_from(c.accounts->channel->answer));
	return ST_OK;
}

/* CHA-66, Open points: any active account may answer. All are asked. */
enum status intake_handshake(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const char *type = "text/plain";
	struct sv answer = SV_NONE, one;
	const struct channel *ch;
	struct call c = { 0 };
	bool known = false;

	if (begin(&c, rq, e))
		return e->status;
	ch = c.accounts->channel;
	for (size_t i = 0; i < c.accounts->n; i++)
		if (ch->handshake(&c.accounts->v[i], &c.said, &one, &type)) {
			known = true;
			answer = one;
		}
	if (!known) {
		intake_count(rq, ch, "refused");
		return err_set(e, rq->arena, ST_FORBIDDEN,
			       "No channel here knows the token of this request");
	}
	http_content_type(rs, type);
	buf_add(&rs->body, answer);
	return ST_OK;
}
