/* WhatsApp Cloud API: sending, uploading and fetching media. */
#include "channel/internal.h"

static struct sv token_of(const struct channel_account *acc)
{
	return channel_secret(acc, "access_token");
}

static struct sv node_url(struct arena *a, const struct channel_account *acc, struct sv node,
			  const char *edge)
{
	buf_auto struct buf b = BUF_INIT;

	buf_add(&b, acc->api_base);
	buf_addc(&b, '/');
	buf_url(&b, node);
	buf_add(&b, sv_from(edge));
	return arena_sv(a, buf_sv(&b));
}

/* The message type that carries a file: what WhatsApp does not take as a
 * picture, film or sound goes as a document. */
static const char *media_type(const struct channel_part *p)
{
	static const struct {
		const char *kind, *type;
	} taken[] = {
		{ "image", "image/jpeg" }, { "image", "image/png" },  { "sticker", "image/webp" },
		{ "video", "video/mp4" },  { "video", "video/3gpp" }, { "audio", "audio/aac" },
		{ "audio", "audio/amr" },  { "audio", "audio/mpeg" }, { "audio", "audio/mp4" },
		{ "audio", "audio/ogg" },
	};

	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (sv_eq(p->kind, sv_from(taken[i].kind)) &&
		    sv_starts(p->type, sv_from(taken[i].type)))
			return taken[i].kind;
	return "document";
}

bool whatsapp_caption(const struct channel_part *p)
{
	const char *type = media_type(p);

	return strcmp(type, "audio") && strcmp(type, "sticker");
}

static void ask_upload(struct channel_part *p, struct net_request *out)
{
	const struct channel_field fields[] = {
		{ "messaging_product", SV("whatsapp") },
		{ "type", p->type },
	};
	const struct channel_form_file file = { "file", p->name, p->type, p->data };

	channel_post_form(p->arena, out,
			  node_url(p->arena, p->account, p->account->external_id, "/media"),
			  token_of(p->account), fields, 2, &file);
}

static void add_media(json_t *body, const struct channel_part *p)
{
	const char *type = media_type(p);
	json_t *media = json_object();

	channel_set(media, "id", p->uploaded);
	if (whatsapp_caption(p))
		channel_set(media, "caption", p->text);
	if (!strcmp(type, "document"))
		channel_set(media, "filename", p->name);
	json_object_set_new(body, "type", json_string(type));
	json_object_set_new(body, type, media);
}

/* What else lies there (values, preview) is ours. */
static void add_template(json_t *body, const struct channel_part *p)
{
	json_t *language = json_object_get(p->template, "language");
	json_t *t = json_pack("{s:O*,s:O*,s:O*}", "name", json_object_get(p->template, "name"),
			      "language", language, "components",
			      json_object_get(p->template, "components"));

	if (json_is_string(language))
		json_object_set_new(t, "language", json_pack("{s:O}", "code", language));
	json_object_set_new(body, "type", json_string("template"));
	json_object_set_new(body, "template", t);
}

static void add_text(json_t *body, const struct channel_part *p)
{
	json_t *text = json_object();

	/* MSG-12: a link in the text gets its preview. */
	if (sv_find(p->text, SV("http://")) >= 0 || sv_find(p->text, SV("https://")) >= 0)
		json_object_set_new(text, "preview_url", json_true());
	channel_set(text, "body", p->text);
	json_object_set_new(body, "type", json_string("text"));
	json_object_set_new(body, "text", text);
}

#define REPLY_BUTTONS 3
#define REPLY_TITLE 20

/* Up to three short ones are buttons, up to ten a list (MSG-97). */
static bool fit_as_buttons(const struct channel_button *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (channel_units(v[i].title) > REPLY_TITLE)
			return false;
	return n <= REPLY_BUTTONS;
}

static json_t *reply_buttons(const struct channel_button *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *reply = json_object();

		channel_set(reply, "id", v[i].id);
		channel_set(reply, "title", v[i].title);
		json_array_append_new(list, json_pack("{s:s,s:o}", "type", "reply", "reply", reply));
	}
	return json_pack("{s:o}", "buttons", list);
}

static json_t *list_rows(const struct channel_part *p, const struct channel_button *v, size_t n)
{
	json_t *rows = json_array(), *action;
	struct sv label = channel_text(p->arena, p->metadata, "buttons_label");

	for (size_t i = 0; i < n; i++) {
		json_t *row = json_object();

		channel_set(row, "id", v[i].id);
		channel_set(row, "title", v[i].title);
		json_array_append_new(rows, row);
	}
	action = json_pack("{s:[{s:o}]}", "sections", "rows", rows);
	channel_set(action, "button", label.n && channel_units(label) <= REPLY_TITLE ? label : SV("Menu"));
	return action;
}

static void add_buttons(json_t *body, const struct channel_part *p)
{
	struct channel_button *v;
	size_t n = channel_buttons(p->arena, p->metadata, &v);
	bool few = fit_as_buttons(v, n);
	json_t *text = json_object();

	channel_set(text, "text", p->text);
	json_object_set_new(body, "type", json_string("interactive"));
	json_object_set_new(body, "interactive",
			    json_pack("{s:s,s:o,s:o}", "type", few ? "button" : "list", "body", text,
				      "action", few ? reply_buttons(v, n) : list_rows(p, v, n)));
}

/* MSG-7, MSG-8, MSG-96: location, contacts, and interactive messages in
 * WhatsApp's own form (products, flows) lie in the metadata under their type. */
static bool add_special(json_t *body, const struct channel_part *p)
{
	json_t *content = p->message_type.n ? json_object_getn(p->metadata, p->message_type.p,
							       p->message_type.n) : NULL;

	if (!content || !(sv_eq(p->message_type, SV("location")) ||
			  sv_eq(p->message_type, SV("contacts")) ||
			  sv_eq(p->message_type, SV("interactive"))))
		return false;
	channel_set(body, "type", p->message_type);
	json_object_setn(body, p->message_type.p, p->message_type.n, content);
	return true;
}

static void add_content(json_t *body, const struct channel_part *p)
{
	if (p->template)
		add_template(body, p);
	else if (p->kind.n)
		add_media(body, p);
	else if (json_object_get(p->metadata, "buttons"))
		add_buttons(body, p);
	else if (!add_special(body, p))
		add_text(body, p);
}

static void ask_send(struct channel_part *p, struct net_request *out)
{
	json_t *body = channel_json_keep(p->arena, json_object());

	channel_set(body, "messaging_product", SV("whatsapp"));
	channel_set(body, "recipient_type", SV("individual"));
	channel_set(body, "to", p->to.n && p->to.p[0] == '+' ? sv_skip(p->to, 1) : p->to);
	if (p->reply_to.n)
		json_object_set_new(
			body, "context",
			json_pack("{s:s%}", "message_id", p->reply_to.p, p->reply_to.n));
	/* Comes back with each status, so that it finds the message by our id. */
	channel_set(body, "biz_opaque_callback_data", p->message_id);
	add_content(body, p);
	channel_post_json(p->arena, out,
			  node_url(p->arena, p->account, p->account->external_id, "/messages"),
			  token_of(p->account), channel_dump(p->arena, body));
}

/* ---- answers -------------------------------------------------------------- */

static struct sv explain(struct arena *a, int64_t code, const json_t *error)
{
	const struct whatsapp_error *known = whatsapp_error(code);
	struct sv said = channel_text(a, error, "error_data.details");

	if (!said.n)
		said = channel_text(a, error, "message");
	return sv_from(arena_printf(a, "%s (%lld %.*s)", known ? known->text : "WhatsApp refused",
				    (long long)code, SV_ARG(said)));
}

/*
 * {"error":{"message","type","code","error_data":{"details"}}}: the code
 * decides. An error object says that nothing was sent; a 5xx without one
 * says nothing.
 */
static enum channel_next refused(struct arena *a, const json_t *body, const struct net_response *r,
				 bool sending, struct channel_failure *f)
{
	const json_t *error = json_object_get(body, "error");
	int64_t code = channel_number(error, "code");
	const struct whatsapp_error *known =
		json_object_get(error, "code") ? whatsapp_error(code) : NULL;
	enum channel_certainty c = known ? known->certainty :
					   channel_certainty(r, sending, json_is_object(error));

	f->disconnected = known ? known->disconnected : r->status == 401;
	if (!json_is_object(error))
		code = r->status;
	f->retry_after = c == CHANNEL_TEMPORARY ? meta_retry_after(a, r, code) : 0;
	return channel_fail(f, c, sv_from(arena_printf(a, "%lld", (long long)code)),
			    explain(a, code, error));
}

static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;

	return channel_json(a, r->body, &e);
}

static enum channel_next begin(struct channel_part *p, struct net_request *out)
{
	if (p->kind.n && !p->uploaded.n) {
		ask_upload(p, out);
	} else {
		p->step = 1;
		ask_send(p, out);
	}
	return CHANNEL_CALL;
}

enum channel_next whatsapp_send(struct channel_part *p, const struct net_response *r,
				struct net_request *out, struct channel_failure *f)
{
	struct arena *a = p->arena;
	bool sending = p->step == 1;
	json_t *body;

	if (!r)
		return begin(p, out);
	if (channel_net_failed(a, r, sending, f))
		return CHANNEL_DEAD;
	body = answer(a, r);
	if (!sending) {
		p->uploaded = channel_text(a, body, "id");
		if (r->status != 200 || !p->uploaded.n)
			return refused(a, body, r, false, f);
		return begin(p, out);
	}
	/* MSG-31: accepted is all that this answer says; the rest comes as statuses. */
	p->sent_id = channel_text(a, json_array_get(json_object_get(body, "messages"), 0), "id");
	return r->status == 200 && p->sent_id.n ? CHANNEL_DONE : refused(a, body, r, true, f);
}

/* ---- reactions, "seen", "typing" ---------------------------------------------- */

static enum channel_next act(struct channel_act *c, const struct net_response *r, const json_t *body,
			     struct net_request *out, struct channel_failure *f)
{
	if (!r) {
		channel_post_json(c->arena, out,
				  node_url(c->arena, c->account, c->account->external_id, "/messages"),
				  token_of(c->account), channel_dump(c->arena, body));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	return r->status == 200 ? CHANNEL_DONE : refused(c->arena, answer(c->arena, r), r, false, f);
}

/* An empty emoji takes the reaction back. */
enum channel_next whatsapp_react(struct channel_act *c, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	json_t *body = channel_json_keep(c->arena, json_object()), *reaction = json_object();

	channel_set(body, "messaging_product", SV("whatsapp"));
	channel_set(body, "recipient_type", SV("individual"));
	channel_set(body, "to", c->to.n && c->to.p[0] == '+' ? sv_skip(c->to, 1) : c->to);
	channel_set(body, "type", SV("reaction"));
	channel_set(reaction, "message_id", c->target);
	json_object_set_new(reaction, "emoji", json_stringn(c->text.p ? c->text.p : "", c->text.n));
	json_object_set_new(body, "reaction", reaction);
	return act(c, r, body, out, f);
}

static json_t *seen(const struct channel_act *c)
{
	json_t *body = channel_json_keep(c->arena, json_object());

	channel_set(body, "messaging_product", SV("whatsapp"));
	channel_set(body, "status", SV("read"));
	channel_set(body, "message_id", c->target);
	return body;
}

enum channel_next whatsapp_mark_read(struct channel_act *c, const struct net_response *r,
				     struct net_request *out, struct channel_failure *f)
{
	return act(c, r, seen(c), out, f);
}

/* Shown for 25 seconds, below a message that counts as read from then on. */
enum channel_next whatsapp_typing(struct channel_act *c, const struct net_response *r,
				  struct net_request *out, struct channel_failure *f)
{
	json_t *body = seen(c);

	json_object_set_new(body, "typing_indicator", json_pack("{s:s}", "type", "text"));
	return act(c, r, body, out, f);
}

/* ---- media ------------------------------------------------------------------ */

static struct sv origin(struct sv url)
{
	ptrdiff_t scheme = sv_find(url, SV("://"));
	struct sv rest = scheme < 0 ? SV_NONE : sv_skip(url, (size_t)scheme + 3);

	return scheme < 0 ? SV_NONE : sv_make(url.p, (size_t)scheme + 3 + sv_cut(&rest, '/').n);
}

/* The token goes only where TLS protects it, or back where it came from. */
static bool may_have_token(const struct channel_account *acc, struct sv url)
{
	return sv_starts(url, SV("https://")) || sv_eq(origin(url), origin(acc->api_base));
}

enum channel_next whatsapp_fetch(struct channel_media *m, const struct net_response *r,
				 struct net_request *out, struct channel_failure *f)
{
	struct arena *a = m->arena;
	struct sv url;
	json_t *body;

	if (!r) {
		channel_get(a, out, node_url(a, m->account, m->id, ""), token_of(m->account));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(a, r, false, f))
		return CHANNEL_DEAD;
	if (m->step == 1 && r->status == 200) {
		m->data = r->body;
		return CHANNEL_DONE;
	}
	body = answer(a, r);
	url = channel_text(a, body, "url");
	if (m->step == 1 || r->status != 200 || !url.n)
		return refused(a, body, r, false, f);
	if (!may_have_token(m->account, url))
		return channel_fail(
			f, CHANNEL_PERMANENT, SV("url"),
			SV("WhatsApp named an address for the file that is not protected"));
	if (!m->type.n)
		m->type = channel_text(a, body, "mime_type");
	m->step = 1;
	channel_get(a, out, url, token_of(m->account));
	return CHANNEL_CALL;
}
