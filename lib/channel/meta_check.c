/* Is a page or an Instagram account what was entered, and does Meta tell us
 * its news? One question after the other; c->step says which. */
#include "channel/internal.h"

#include "base/tr.h"

#define NOT_ASSIGNED                                                                               \
	N_("This account is not assigned to this system user: in Meta's business settings give the system user access to it (code 100, subcode 33)")

enum channel_next meta_check_answer(struct channel_check *c, const struct net_response *r,
				    const char *what, json_t **body, struct channel_failure *f)
{
	const json_t *error;
	struct sv said;
	struct err e;

	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	*body = channel_json(c->arena, r->body, &e);
	if (r->status == 200 && *body)
		return CHANNEL_DONE;
	error = json_object_get(*body, "error");
	said = channel_text(c->arena, error, "message");
	meta_refused(c->arena, *body, r, false, f);
	if (f->certainty == CHANNEL_TEMPORARY)
		return CHANNEL_DEAD;
	if (channel_number(error, "code") == 190) {
		channel_check_add(c, what, false, said,
				  SV(N_("The access token is not valid any more. Enter a new one")));
		return CHANNEL_DEAD;
	}
	f->disconnected = false; /* it may lack one thing and have the others */
	channel_check_add(c, what, false, said.n ? said : f->text,
			  channel_number(error, "code") == 100 &&
					  channel_number(error, "error_subcode") == 33 ?
				  SV(NOT_ASSIGNED) : SV_NONE);
	return CHANNEL_CALL;
}

enum channel_next meta_check_end(const struct channel_check *c, struct channel_failure *f)
{
	const json_t *line;
	size_t i;

	json_array_foreach(c->results, i, line) {
		struct sv advice = channel_text(c->arena, line, "advice");

		if (json_is_true(json_object_get(line, "ok")))
			continue;
		*f = (struct channel_failure){ 0 };
		return channel_fail(f, CHANNEL_PERMANENT, channel_text(c->arena, line, "what"),
				    advice.n ? advice : channel_text(c->arena, line, "said"));
	}
	return CHANNEL_DONE;
}

/* ---- pages ------------------------------------------------------------------ */

#define PAGE_FIELDS                                                                                \
	"messages,messaging_postbacks,message_deliveries,message_reads,message_echoes,"            \
	"message_reactions,messaging_referrals,feed"

static void ask(struct channel_check *c, struct net_request *out, struct sv node, const char *edge)
{
	channel_get(c->arena, out, meta_url(c->arena, c->account, node, edge), meta_token(c->account));
}

static void subscribe(struct channel_check *c, struct net_request *out, struct sv page)
{
	json_t *body = channel_json_keep(c->arena, json_pack("{s:s}", "subscribed_fields", PAGE_FIELDS));

	channel_post_json(c->arena, out,
			  meta_url(c->arena, c->account, page, "/subscribed_apps"),
			  meta_token(c->account), channel_dump(c->arena, body));
}

static struct sv named(struct channel_check *c, const json_t *body, const char *name)
{
	struct sv text = channel_text(c->arena, body, name), id = channel_text(c->arena, body, "id");

	return sv_from(arena_printf(c->arena, "%.*s (%.*s)", SV_ARG(text), SV_ARG(id)));
}

static void read_page(struct channel_check *c, const json_t *body)
{
	bool right = sv_eq(channel_text(c->arena, body, "id"), c->account->external_id);

	channel_check_add(c, "token", right, named(c, body, "name"),
			  right ? SV_NONE : SV(N_("The token belongs to another page or person: use the page's own access token")));
	c->name = channel_text(c->arena, body, "name");
}

static void read_subscription(struct channel_check *c, const json_t *body)
{
	bool good = json_is_true(json_object_get(body, "success"));

	channel_check_add(c, "webhook", good, SV(PAGE_FIELDS),
			  good ? SV_NONE : SV(N_("Meta did not take the subscription of the page")));
}

/* The first question and, when it went well, the subscription of the page. */
static enum channel_next check(struct channel_check *c, const struct net_response *r, struct sv page,
			       void (*read)(struct channel_check *c, const json_t *body),
			       struct net_request *out, struct channel_failure *f)
{
	json_t *body = NULL;

	switch (meta_check_answer(c, r, c->step ? "webhook" : "token", &body, f)) {
	case CHANNEL_DEAD:
		return CHANNEL_DEAD;
	case CHANNEL_DONE:
		(c->step ? read_subscription : read)(c, body);
		break;
	default:
		break;
	}
	if (c->step++ || !page.n || meta_check_end(c, f) != CHANNEL_DONE)
		return meta_check_end(c, f);
	subscribe(c, out, page);
	return CHANNEL_CALL;
}

enum channel_next messenger_check(struct channel_check *c, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	if (r)
		return check(c, r, c->account->external_id, read_page, out, f);
	ask(c, out, SV("me"), "?fields=id,name");
	return CHANNEL_CALL;
}

static void read_instagram(struct channel_check *c, const json_t *body)
{
	struct sv page = channel_text(c->arena, c->account->settings, "page_id");

	c->name = channel_text(c->arena, body, "username");
	channel_check_add(c, "token", true, named(c, body, "username"), SV_NONE);
	if (!page.n)
		c->notice = SV(N_("Without the page's ID the page is not subscribed here: do it in Meta's app dashboard"));
}

enum channel_next instagram_check(struct channel_check *c, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	if (r)
		return check(c, r, channel_text(c->arena, c->account->settings, "page_id"), read_instagram,
			     out, f);
	ask(c, out, c->account->external_id, "?fields=id,username");
	return CHANNEL_CALL;
}
