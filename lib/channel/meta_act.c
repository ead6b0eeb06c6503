/* Messenger and Instagram: sender actions, and who somebody is. */
#include "channel/internal.h"

#include <string.h>

static json_t *action(const struct channel_act *c, const char *name)
{
	json_t *body = channel_json_keep(c->arena, json_object());

	json_object_set_new(body, "recipient", json_pack("{s:s%}", "id", c->to.p ? c->to.p : "", c->to.n));
	json_object_set_new(body, "sender_action", json_string(name));
	return body;
}

/* One call; its answer says {"recipient_id"}. */
static enum channel_next act(struct channel_act *c, const struct net_response *r, const json_t *body,
			     struct net_request *out, struct channel_failure *f)
{
	struct err e;

	if (!r) {
		channel_post_json(c->arena, out, meta_url(c->arena, c->account, SV("me"), "/messages"),
				  meta_token(c->account), channel_dump(c->arena, body));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	return r->status == 200 ? CHANNEL_DONE :
				  meta_refused(c->arena, channel_json(c->arena, r->body, &e), r, false, f);
}

static bool is_heart(struct sv emoji)
{
	return sv_starts(emoji, SV("\xe2\x9d\xa4")) || sv_starts(emoji, SV("\xe2\x99\xa5"));
}

/* Messenger takes any emoji, Instagram its heart alone. */
enum channel_next meta_react(struct channel_act *c, const struct net_response *r,
			     struct net_request *out, struct channel_failure *f)
{
	bool instagram = !strcmp(c->account->channel->type, "INSTAGRAM");
	json_t *body = action(c, c->text.n ? "react" : "unreact"), *payload = json_object();

	json_object_set_new(body, "payload", payload);
	channel_set(payload, "message_id", c->target);
	if (instagram && c->text.n && !is_heart(c->text))
		return channel_fail(f, CHANNEL_PERMANENT, SV("reaction"),
				    SV("Instagram takes no other reaction than a heart"));
	channel_set(payload, "reaction", instagram && c->text.n ? SV("love") : c->text);
	return act(c, r, body, out, f);
}

enum channel_next meta_mark_read(struct channel_act *c, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	return act(c, r, action(c, "mark_seen"), out, f);
}

enum channel_next meta_typing(struct channel_act *c, const struct net_response *r,
			      struct net_request *out, struct channel_failure *f)
{
	return act(c, r, action(c, "typing_on"), out, f);
}

/* ---- who it is ------------------------------------------------------------------ */

/* Instagram tells a name in one piece and the user name, Messenger both names. */
enum channel_next meta_profile(struct channel_profile *p, const struct net_response *r,
			       struct net_request *out, struct channel_failure *f)
{
	bool instagram = !strcmp(p->account->channel->type, "INSTAGRAM");
	struct arena *a = p->arena;
	struct err e;
	json_t *body;
	struct sv name;

	if (!r) {
		channel_get(a, out,
			    meta_url(a, p->account, p->handle,
				     instagram ? "?fields=name,username" : "?fields=first_name,last_name"),
			    meta_token(p->account));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	body = channel_json(a, r->body, &e);
	if (r->status != 200)
		return meta_refused(a, body, r, false, f);
	p->first_name = channel_text(a, body, "first_name");
	p->last_name = channel_text(a, body, "last_name");
	p->username = channel_text(a, body, "username");
	name = sv_trim(channel_text(a, body, "name"));
	if (!name.n)
		name = p->username;
	if (instagram) {
		p->first_name = sv_cut(&name, ' ');
		p->last_name = sv_trim(name);
	}
	return CHANNEL_DONE;
}
