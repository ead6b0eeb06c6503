/*
 * Push messages to a mobile app (ShrinkIt and others, CHA-117): one call to the
 * service's address, whose body is a template of the account. In its texts
 * {{to}} (the device), {{title}}, {{text}} and {{id}} are filled in.
 */
#include "channel/internal.h"

#include "base/tr.h"

#define TEMPLATE "{\"to\":\"{{to}}\",\"notification\":{\"title\":\"{{title}}\",\"body\":\"{{text}}\"}," \
		 "\"data\":{\"id\":\"{{id}}\"}}"

struct filling {
	struct arena *arena;
	struct sv to, title, text, id;
};

static struct sv value_of(const struct filling *f, struct sv name)
{
	return sv_eq(name, SV("to"))	? f->to :
	       sv_eq(name, SV("title")) ? f->title :
	       sv_eq(name, SV("text"))	? f->text :
	       sv_eq(name, SV("id"))	? f->id : SV_NONE;
}

static json_t *fill_text(const struct filling *f, struct sv s)
{
	struct buf *b = buf_in_arena(f->arena);
	ptrdiff_t open, close;

	while ((open = sv_find(s, SV("{{"))) >= 0 &&
	       (close = sv_find(sv_skip(s, (size_t)open), SV("}}"))) >= 0) {
		buf_add(b, sv_make(s.p, (size_t)open));
		buf_add(b, value_of(f, sv_trim(sv_make(s.p + open + 2, (size_t)close - 2))));
		s = sv_skip(s, (size_t)(open + close) + 2);
	}
	buf_add(b, s);
	return json_stringn(buf_sv(b).p, b->n);
}

/* A copy of the template with its texts filled. */
static json_t *fill(const struct filling *f, const json_t *t, int depth)
{
	json_t *out, *v;
	const char *key;
	size_t i;

	if (json_is_string(t))
		return fill_text(f, sv_make(json_string_value(t), json_string_length(t)));
	if (depth > 16 || (!json_is_object(t) && !json_is_array(t)))
		return json_deep_copy(t);
	if (json_is_array(t)) {
		out = json_array();
		json_array_foreach (t, i, v)
			json_array_append_new(out, fill(f, v, depth + 1));
		return out;
	}
	out = json_object();
	json_object_foreach ((json_t *)(uintptr_t)t, key, v)
		json_object_set_new(out, key, fill(f, v, depth + 1));
	return out;
}

static struct sv option(struct channel_part *p, const char *name)
{
	return channel_option(p->arena, p->account, name);
}

static void ask(struct channel_part *p, const json_t *template, struct net_request *out)
{
	struct sv name = option(p, "header"), value = channel_secret(p->account, "access_token");
	const struct filling f = { p->arena, p->to, option(p, "title"), p->text, p->message_id };
	json_t *body = channel_json_keep(p->arena, fill(&f, template, 0));
	struct net_header *h = ARENA_ARRAY(p->arena, 2, struct net_header);

	channel_post_json(p->arena, out, p->account->api_base, SV_NONE, channel_dump(p->arena, body));
	if (!value.n)
		return;
	h[0] = out->headers[0];
	h[1] = (struct net_header){ name.n ? name : SV("Authorization"), value };
	out->headers = h;
	out->n_headers = 2;
}

static enum channel_next refused(struct channel_part *p, const struct net_response *r, struct channel_failure *f)
{
	enum channel_certainty c = channel_certainty(r, true, false);

	f->retry_after = r->retry_after;
	f->disconnected = r->status == 401 || r->status == 403;
	return channel_fail(f, c, sv_from(arena_printf(p->arena, "%d", r->status)),
			    sv_from(arena_printf(p->arena, "The push service answered %d", r->status)));
}

static struct sv id_in(struct channel_part *p, const struct net_response *r)
{
	struct err e;
	json_t *body = channel_json(p->arena, r->body, &e);
	struct sv id = channel_text(p->arena, body, "id");

	if (!id.n)
		id = channel_text(p->arena, body, "name"); /* Firebase */
	return id.n ? id : p->message_id;
}

static enum channel_next push_send(struct channel_part *p, const struct net_response *r,
				   struct net_request *out, struct channel_failure *f)
{
	struct sv text = option(p, "template");
	json_t *template;
	struct err e = { 0 };

	if (r) {
		if (channel_net_failed(p->arena, r, true, f))
			return CHANNEL_DEAD;
		if (r->status / 100 != 2)
			return refused(p, r, f);
		p->sent_id = id_in(p, r);
		return CHANNEL_DONE;
	}
	template = channel_json(p->arena, text.n ? text : SV(TEMPLATE), &e);
	if (!template)
		return channel_fail(f, CHANNEL_PERMANENT, SV("template"),
				    SV("The template in the channel's settings is no JSON"));
	ask(p, template, out);
	return CHANNEL_CALL;
}

static bool no_caption(const struct channel_part *p)
{
	(void)p;
	return false;
}

const struct channel channel_push = {
	.type = "SHRINKIT_PUSH",
	.label = "App push",
	.caps = CHANNEL_SEND_ONLY,
	.text_max = 2000,
	.handle_kind = "push",
	.slug = "push",
	.icon = "bell",
	.about = N_("Messages to your own mobile app, by ShrinkIt, Firebase or any service with one address to call. Sending only."),
	.steps = N_("The app tells the service, and Kontor the device's id as a handle of kind push."),
	.settings = {
		{ "api_base", N_("Address of the service"), N_("Each message is one POST there"),
		  CHANNEL_REQUIRED | CHANNEL_URL },
		{ "header", N_("Header with the key"), N_("Authorization, unless the service wants another"), 0 },
		{ "access_token", N_("Key"), N_("The header's whole value: Bearer ..., key=..."), CHANNEL_SECRET },
		{ "app_id", N_("App"), N_("Which app it is, for your own orientation"), 0 },
		{ "title", N_("Title"), N_("Above the text on the device"), 0 },
		{ "template", N_("Body (JSON)"), N_("With {{to}}, {{title}}, {{text}} and {{id}}. Empty: as Firebase takes it"), 0 },
	},
	.caption = no_caption,
	.send = push_send,
};
