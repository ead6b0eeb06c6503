/*
 * The questions before a WhatsApp number counts as connected (CHA-57..61), and
 * what they tell of its health (CHA-76, CHA-77). c->step says which is under way.
 */
#include "channel/internal.h"

#include "base/tr.h"

static void call(struct channel_check *c, struct net_request *out, struct sv node, const char *edge)
{
	channel_get(c->arena, out, meta_url(c->arena, c->account, node, edge), meta_token(c->account));
}

static struct sv said(struct channel_check *c, const json_t *body, const char *name)
{
	return channel_text(c->arena, body, name);
}

/* ---- the questions ------------------------------------------------------------ */

static void ask_identity(struct channel_check *c, struct net_request *out)
{
	call(c, out, SV("me"), "?fields=id,name");
}

static void ask_permissions(struct channel_check *c, struct net_request *out)
{
	call(c, out, SV("me"), "/permissions");
}

static void ask_number(struct channel_check *c, struct net_request *out)
{
	call(c, out, c->account->external_id,
	     "?fields=display_phone_number,verified_name,status,account_mode,name_status,"
	     "quality_rating,messaging_limit_tier");
}

static void ask_business(struct channel_check *c, struct net_request *out)
{
	call(c, out, c->account->waba_id,
	     "?fields=name,account_review_status,business_verification_status,"
	     "message_template_namespace,health_status");
}

/* Tells Meta that our app wants the account's news; doing it twice is once. */
static void ask_subscription(struct channel_check *c, struct net_request *out)
{
	channel_post_json(c->arena, out,
			  meta_url(c->arena, c->account, c->account->waba_id, "/subscribed_apps"),
			  meta_token(c->account), SV("{}"));
}

/* ---- the answers ---------------------------------------------------------------- */

/* Whose token it is; CHA-58: the system user's id is no WABA id. */
static void read_identity(struct channel_check *c, const json_t *body)
{
	struct sv name = said(c, body, "name"), id = said(c, body, "id");
	bool mixed = id.n && sv_eq(id, c->account->waba_id);

	channel_check_add(c, "token", !mixed,
			  sv_from(arena_printf(c->arena, "%.*s (%.*s)", SV_ARG(name), SV_ARG(id))),
			  mixed ? SV(N_("The business account ID is that of the system user: enter the WABA ID")) : SV_NONE);
}

static bool granted(struct channel_check *c, const json_t *body, const char *scope)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(body, "data"), i, one)
		if (sv_eq(said(c, one, "permission"), sv_from(scope)))
			return sv_eq(said(c, one, "status"), SV("granted"));
	return false;
}

static void read_permissions(struct channel_check *c, const json_t *body)
{
	bool both = granted(c, body, "whatsapp_business_management") &&
		    granted(c, body, "whatsapp_business_messaging");

	channel_check_add(c, "permissions", both,
			  SV("whatsapp_business_management, whatsapp_business_messaging"),
			  both ? SV_NONE : SV(N_("The token lacks a permission: make one with both")));
}

static void add_line(struct channel_check *c, const char *what, struct sv text)
{
	if (text.n)
		channel_check_add(c, what, true, text, SV_NONE);
}

static void read_number(struct channel_check *c, const json_t *body)
{
	struct sv number = said(c, body, "display_phone_number"), name = said(c, body, "verified_name"),
		  status = said(c, body, "status");
	bool connected = !status.n || sv_eq(status, SV("CONNECTED"));

	c->name = sv_trim(sv_from(arena_printf(c->arena, "%.*s %.*s", SV_ARG(name), SV_ARG(number))));
	channel_check_add(c, "number", connected,
			  sv_from(arena_printf(c->arena, "%.*s %.*s", SV_ARG(c->name), SV_ARG(status))),
			  connected ? SV_NONE : SV(N_("The number is not connected: register it for the Cloud API")));
	add_line(c, "tier", said(c, body, "messaging_limit_tier"));
	add_line(c, "quality", said(c, body, "quality_rating"));
	if (sv_eq(said(c, body, "quality_rating"), SV("RED")))
		c->notice = SV(N_("WhatsApp rates the quality of this number low: recipients block or report it, and its limits may be lowered"));
	if (sv_eq(said(c, body, "name_status"), SV("PENDING_REVIEW")))
		c->notice = SV(N_("Sending is limited until Meta has reviewed the display name"));
}

static void read_business(struct channel_check *c, const json_t *body)
{
	channel_check_add(c, "business", true, said(c, body, "name"), SV_NONE);
	add_line(c, "review", said(c, body, "account_review_status"));
	add_line(c, "verification", said(c, body, "business_verification_status"));
	add_line(c, "sending", said(c, body, "health_status.can_send_message"));
	add_line(c, "namespace", said(c, body, "message_template_namespace"));
	if (sv_eq(said(c, body, "health_status.can_send_message"), SV("BLOCKED")))
		c->notice = SV(N_("Meta does not let this account send messages"));
}

static void read_subscription(struct channel_check *c, const json_t *body)
{
	bool good = json_is_true(json_object_get(body, "success"));

	channel_check_add(c, "webhook", good, SV("messages, message_actions, message_template_status_update"),
			  good ? SV_NONE : SV(N_("Meta did not take the subscription of the account")));
}

static const struct question {
	const char *what;
	void (*ask)(struct channel_check *c, struct net_request *out);
	void (*read)(struct channel_check *c, const json_t *body);
	bool of_business; /* needs the WABA id */
	bool may_fail;    /* some tokens may not ask it */
} questions[] = {
	{ "token", ask_identity, read_identity, false, false },
	{ "permissions", ask_permissions, read_permissions, false, true },
	{ "number", ask_number, read_number, false, false },
	{ "business", ask_business, read_business, true, false },
	{ "webhook", ask_subscription, read_subscription, true, false },
};
#define QUESTIONS ((int)(sizeof(questions) / sizeof(*questions)))

/* CHA-79: "(#100) Tried accessing nonexisting field": it is another kind of thing. */
static void explain_kind(struct channel_check *c, const struct net_response *r, const struct question *q)
{
	json_t *line = json_array_get(c->results, json_array_size(c->results) - 1);

	if (q->of_business && sv_find(r->body, SV("nonexisting field")) >= 0)
		json_object_set_new(line, "advice",
				    json_string(N_("This ID is not that of a WhatsApp business account: enter the WABA ID")));
}

static bool read_answer(struct channel_check *c, const struct net_response *r, struct channel_failure *f)
{
	const struct question *q = &questions[c->step];
	json_t *body = NULL;

	if (q->may_fail && !r->error && r->status != 200 && r->status < 500)
		return true;
	switch (meta_check_answer(c, r, q->what, &body, f)) {
	case CHANNEL_DEAD:
		return false;
	case CHANNEL_DONE:
		q->read(c, body);
		break;
	default:
		explain_kind(c, r, q);
	}
	return true;
}

enum channel_next whatsapp_check(struct channel_check *c, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	if (r && !read_answer(c, r, f))
		return CHANNEL_DEAD;
	c->step += r != NULL;
	if (c->step < QUESTIONS && questions[c->step].of_business && !c->account->waba_id.n) {
		if (!c->notice.n)
			c->notice = SV(N_("Without the business account ID there are no templates here"));
		c->step = QUESTIONS;
	}
	if (c->step == QUESTIONS)
		return meta_check_end(c, f);
	questions[c->step].ask(c, out);
	return CHANNEL_CALL;
}
