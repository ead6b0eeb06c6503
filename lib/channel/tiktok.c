/*
 * TikTok Business Messaging API: direct messages of a business account.
 *
 * The webhook (event im_receive_msg, im_send_msg, im_mark_read_msg) holds its
 * content as a JSON text. TikTok-Signature is t=<seconds>,s=<HMAC-SHA256 of
 * "t.body" with the client secret>. Answers of the API are 200 with a code of
 * their own, 0 being good. Access tokens live a day; check() renews them.
 */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/tr.h"
#include "crypto/crypto.h"

#define REPLAY_S 3600 /* a signature older than that is a copy */
#define SCOPES "user.info.basic,user.info.username,user.account.type,message.list.read,message.list.send,message.list.manage"

/* ---- calls of TikTok ----------------------------------------------------------------- */

static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out,
			 struct err *e)
{
	struct sv business = channel_text(call->arena, body, "user_openid");

	if (!business.n)
		return err_set(e, call->arena, ST_BAD_INPUT, "user_openid is missing");
	channel_share_of(call->arena, out, business, SV_NONE);
	return ST_OK;
}

static struct sv part(struct sv header, struct sv name)
{
	while (sv_present(header)) {
		struct sv one = sv_trim(sv_cut(&header, ','));

		if (sv_starts(one, name))
			return sv_skip(one, name.n);
	}
	return SV_NONE;
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "client_secret"), at = part(call->signature, SV("t=")),
		  said = part(call->signature, SV("s="));
	int64_t then, now = clock_now_ms() / 1000;
	buf_auto struct buf text = BUF_INIT;
	unsigned char mac[SHA256_SIZE];

	if (!secret.n || !sv_to_i64(at, &then) || then < now - REPLAY_S || then > now + REPLAY_S)
		return false;
	buf_add(&text, at);
	buf_addc(&text, '.');
	buf_add(&text, call->body);
	crypto_hmac_sha256(mac, secret, buf_sv(&text));
	return crypto_equal(crypto_hex(call->arena, sv_make((const char *)mac, sizeof(mac))), said);
}

/* The id by which the file is fetched: media, conversation and message. */
static void read_image(struct arena *a, const json_t *c, struct channel_item *it)
{
	struct sv media = channel_text(a, c, "image.media_id"), talk = it->thread, id = it->provider_id;

	it->attachment_kind = SV("image");
	it->media_id = sv_from(arena_printf(a, "%.*s %.*s %.*s", SV_ARG(media), SV_ARG(talk), SV_ARG(id)));
	if (!media.n)
		it->attachment_kind = SV_NONE;
}

static void read_content(struct arena *a, const json_t *c, struct channel_item *it)
{
	it->type = channel_text(a, c, "type");
	if (sv_eq(it->type, SV("text"))) {
		it->text = channel_text(a, c, "text.body");
	} else if (sv_eq(it->type, SV("image"))) {
		read_image(a, c, it);
	} else if (sv_eq(it->type, SV("share_post"))) {
		it->type = SV("text");
		it->text = channel_text(a, c, "share_post.embed_url");
		if (!it->text.n)
			it->text = channel_text(a, c, "share_post.video_id");
		channel_carry(it->extra, "share_post", c, "share_post");
	} else {
		channel_set(it->extra, "type", it->type);
		it->type = SV("unsupported");
		it->text = SV("[This kind of message is not shown here]");
	}
}

static void read_message(struct arena *a, const json_t *c, struct channel_item *it)
{
	it->handle = channel_text(a, c, "from_user.id");
	it->display_name = channel_text(a, c, "from");
	it->at = channel_number(c, "timestamp");
	if (!it->handle.n || !it->provider_id.n) {
		it->why = SV("a message without sender or id");
		return;
	}
	it->kind = CHANNEL_MESSAGE;
	channel_set(it->extra, "reply_to",
		    channel_text(a, c, "referenced_message_info.referenced_message_id"));
	channel_carry(it->extra, "is_follower", c, "is_follower");
	read_content(a, c, it);
}

static json_t *content_of(struct arena *a, const json_t *body)
{
	json_t *c = json_object_get(body, "content");
	struct err e;

	if (json_is_object(c))
		return c;
	return channel_json(a, sv_make(json_string_value(c), json_string_length(c)), &e);
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	struct sv event = channel_text(a, body, "event");
	json_t *c = content_of(a, body);
	struct channel_item *it;

	if (!event.n || !c)
		return err_set(e, a, ST_BAD_INPUT, "This is no event of TikTok: event or content is missing");
	it = channel_item_add(a, out);
	it->kind = CHANNEL_IGNORED;
	it->why = sv_from(arena_printf(a, "an event %.*s", SV_ARG(event)));
	it->extra = channel_json_keep(a, json_object());
	it->provider_id = channel_text(a, c, "message_id");
	it->thread = channel_text(a, c, "conversation_id");
	if (sv_eq(event, SV("im_receive_msg"))) {
		read_message(a, c, it);
	} else if (sv_eq(event, SV("im_send_msg")) && it->provider_id.n) {
		it->kind = CHANNEL_RECEIPT;
		it->status = SV("SENT");
	} else if (sv_eq(event, SV("im_mark_read_msg")) &&
		   !sv_eq(channel_text(a, c, "from_user.id"), acc->external_id)) {
		it->kind = CHANNEL_SEEN;
		it->at = channel_number(c, "read.last_read_timestamp");
	}
	return ST_OK;
}

/* ---- our calls -------------------------------------------------------------------------- */

static struct sv url_of(struct arena *a, const struct channel_account *acc, const char *path)
{
	return sv_from(arena_printf(a, "%.*s/open_api/v1.3/%s", SV_ARG(acc->api_base), path));
}

static void with_token(struct arena *a, const struct channel_account *acc, struct net_request *out)
{
	struct net_header *h = ARENA_ARRAY(a, 2, struct net_header);

	for (size_t i = 0; i < out->n_headers; i++)
		h[i] = out->headers[i];
	h[out->n_headers++] = (struct net_header){ SV("Access-Token"), channel_secret(acc, "access_token") };
	out->headers = h;
}

static void post(struct arena *a, const struct channel_account *acc, const char *path, json_t *body,
		 struct net_request *out)
{
	channel_post_json(a, out, url_of(a, acc, path), SV_NONE,
			  channel_dump(a, channel_json_keep(a, body)));
	with_token(a, acc, out);
}

static void ask_upload(struct channel_part *p, struct net_request *out)
{
	const struct channel_field fields[] = {
		{ "business_id", p->account->external_id },
		{ "media_type", SV("IMAGE") },
	};
	const struct channel_form_file file = { "file", p->name, p->type, p->data };

	channel_post_form(p->arena, out, url_of(p->arena, p->account, "business/message/media/upload/"), SV_NONE,
			  fields, 2, &file);
	with_token(p->arena, p->account, out);
}

static void ask_send(struct channel_part *p, struct net_request *out)
{
	json_t *o = json_object(), *inner = json_object(), *reply;

	channel_set(o, "business_id", p->account->external_id);
	channel_set(o, "recipient_type", SV("CONVERSATION"));
	channel_set(o, "recipient", p->to);
	if (p->reply_to.n) {
		reply = json_object();
		channel_set(reply, "referenced_message_id", p->reply_to);
		json_object_set_new(o, "referenced_message_info", reply);
	}
	channel_set(o, "message_type", p->kind.n ? SV("IMAGE") : SV("TEXT"));
	if (p->kind.n)
		channel_set(inner, "media_id", p->uploaded);
	else
		channel_set(inner, "body", p->text);
	json_object_set_new(o, p->kind.n ? "image" : "text", inner);
	post(p->arena, p->account, "business/message/send/", o, out);
}

/* ---- answers -------------------------------------------------------------------------------- */

static const struct tiktok_error {
	int code;
	enum channel_certainty certainty;
	bool disconnected;
	const char *text;
} errors[] = {
	{ 40001, CHANNEL_PERMANENT, false, "TikTok does not allow this application to do it" },
	{ 40002, CHANNEL_PERMANENT, false, "TikTok did not understand the message" },
	{ 40100, CHANNEL_TEMPORARY, false, "TikTok asks to send more slowly" },
	{ 40102, CHANNEL_PERMANENT, true, "The sign-in at TikTok is over. Connect the account again" },
	{ 40104, CHANNEL_PERMANENT, true, "The sign-in at TikTok is missing. Connect the account again" },
	{ 40105, CHANNEL_PERMANENT, true, "The sign-in at TikTok is not valid any more. Connect the account again" },
	{ 40110, CHANNEL_PERMANENT, true, "TikTok does not take the code of the sign-in. Connect the account again" },
	{ 40133, CHANNEL_TEMPORARY, false, "TikTok asks to send more slowly" },
	{ 50000, CHANNEL_TEMPORARY, false, "TikTok has a problem" },
	{ 50002, CHANNEL_TEMPORARY, false, "TikTok has a problem" },
};

static const struct tiktok_error *find_error(int64_t code)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i].code == code)
			return &errors[i];
	return NULL;
}

static json_t *answer(struct arena *a, const struct net_response *r)
{
	struct err e;

	return channel_json(a, r->body, &e);
}

static bool good(const json_t *body, const struct net_response *r)
{
	return r->status == 200 && json_is_integer(json_object_get(body, "code")) &&
	       channel_number(body, "code") == 0;
}

static enum channel_next refused(struct arena *a, const json_t *body, const struct net_response *r,
				 bool sending, struct channel_failure *f)
{
	bool said = json_is_integer(json_object_get(body, "code"));
	int64_t code = said ? channel_number(body, "code") : r->status;
	const struct tiktok_error *known = said ? find_error(code) : NULL;
	struct sv words = channel_text(a, body, "message");
	enum channel_certainty c = known ? known->certainty : channel_certainty(r, sending, said);

	f->disconnected = known ? known->disconnected : r->status == 401;
	f->retry_after = r->retry_after;
	return channel_fail(f, c, sv_from(arena_printf(a, "%lld", (long long)code)),
			    sv_from(arena_printf(a, "%s (%lld%s%.*s)", known ? known->text : "TikTok refused",
						 (long long)code, words.n ? " " : "", SV_ARG(words))));
}

static enum channel_next begin(struct channel_part *p, struct net_request *out, struct channel_failure *f)
{
	if (p->kind.n && !sv_eq(p->kind, SV("image")))
		return channel_fail(f, CHANNEL_PERMANENT, SV("file"), SV("TikTok takes pictures and no other files"));
	if (p->kind.n && !p->uploaded.n) {
		ask_upload(p, out);
	} else {
		p->step = 1;
		ask_send(p, out);
	}
	return CHANNEL_CALL;
}

static enum channel_next tiktok_send(struct channel_part *p, const struct net_response *r,
				     struct net_request *out, struct channel_failure *f)
{
	bool sending = p->step == 1;
	json_t *body;

	if (!r)
		return begin(p, out, f);
	if (channel_net_failed(p->arena, r, sending, f))
		return CHANNEL_DEAD;
	body = answer(p->arena, r);
	if (!good(body, r))
		return refused(p->arena, body, r, sending, f);
	if (!sending) {
		p->uploaded = channel_text(p->arena, body, "data.media_id");
		return p->uploaded.n ? begin(p, out, f) : refused(p->arena, body, r, false, f);
	}
	p->sent_id = channel_text(p->arena, body, "data.message.message_id");
	return CHANNEL_DONE;
}

/* A picture carries no words. */
static bool no_caption(const struct channel_part *p)
{
	(void)p;
	return false;
}

static enum channel_next tiktok_fetch(struct channel_media *m, const struct net_response *r,
				      struct net_request *out, struct channel_failure *f)
{
	struct sv rest = m->id, url;
	struct net_header *h;
	json_t *o, *body;

	if (!r) {
		o = json_object();
		channel_set(o, "business_id", m->account->external_id);
		channel_set(o, "media_id", sv_cut(&rest, ' '));
		channel_set(o, "conversation_id", sv_cut(&rest, ' '));
		channel_set(o, "message_id", rest);
		channel_set(o, "media_type", SV("IMAGE"));
		post(m->arena, m->account, "business/message/media/download/", o, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(m->arena, r, false, f))
		return CHANNEL_DEAD;
	if (m->step == 1 && r->status == 200) {
		m->data = r->body;
		return CHANNEL_DONE;
	}
	body = answer(m->arena, r);
	url = channel_text(m->arena, body, "data.download_url");
	if (m->step == 1 || !good(body, r) || !url.n)
		return refused(m->arena, body, r, false, f);
	/* The token goes only where TLS protects it, or back where it came from. */
	if (!sv_starts(url, SV("https://")) && !sv_starts(url, m->account->api_base))
		return channel_fail(f, CHANNEL_PERMANENT, SV("url"),
				    SV("TikTok named an address for the file that is not protected"));
	m->step = 1;
	channel_get(m->arena, out, url, SV_NONE);
	h = ARENA_NEW(m->arena, struct net_header);
	*h = (struct net_header){ SV("x-user"), channel_secret(m->account, "access_token") };
	out->headers = h;
	out->n_headers = 1;
	return CHANNEL_CALL;
}

/* ---- signing in ---------------------------------------------------------------------------------- */

static struct sv authorize_url(struct arena *a, const struct channel_account *acc, struct sv redirect_uri,
			       struct sv state)
{
	struct sv base = channel_option(a, acc, "authorize_base");
	struct buf *b = buf_in_arena(a);

	buf_add(b, base.n ? base : SV("https://www.tiktok.com"));
	buf_lit(b, "/v2/auth/authorize/?response_type=code&client_key=");
	buf_url(b, channel_option(a, acc, "client_key"));
	buf_lit(b, "&scope=");
	buf_url(b, SV(SCOPES));
	buf_lit(b, "&redirect_uri=");
	buf_url(b, redirect_uri);
	buf_lit(b, "&state=");
	buf_url(b, state);
	return buf_sv(b);
}

/* Tokens for the code of a sign-in, or new ones for the refresh token. */
static void ask_tokens(struct channel_check *c, struct sv code, struct net_request *out)
{
	const struct channel_account *acc = c->account;
	json_t *o = channel_json_keep(c->arena, json_object());

	channel_set(o, "client_id", channel_option(c->arena, acc, "client_key"));
	channel_set(o, "client_secret", channel_secret(acc, "client_secret"));
	channel_set(o, "grant_type", code.n ? SV("authorization_code") : SV("refresh_token"));
	if (code.n) {
		channel_set(o, "auth_code", code);
		channel_set(o, "redirect_uri", sv_from(arena_printf(c->arena, "%s/functions/v1/tiktok-oauth",
								    conf_str(CONF_base_url))));
	} else {
		channel_set(o, "refresh_token", channel_secret(acc, "refresh_token"));
	}
	channel_post_json(c->arena, out,
			  url_of(c->arena, acc, code.n ? "tt_user/oauth2/token/" : "tt_user/oauth2/refresh_token/"),
			  SV_NONE, channel_dump(c->arena, o));
}

static void keep(struct channel_check *c, const char *name, struct sv value)
{
	c->renewed[c->n_renewed++] = (struct channel_secret){ sv_from(name), value };
}

static enum channel_next check(struct channel_check *c, const struct net_response *r, struct net_request *out,
			       struct channel_failure *f)
{
	struct sv code = channel_secret(c->account, "oauth_code");
	json_t *body, *data;

	if (!r && !code.n && !channel_secret(c->account, "refresh_token").n) {
		f->disconnected = true;
		return channel_fail(f, CHANNEL_PERMANENT, SV("oauth"),
				    SV("Nobody has signed in at TikTok yet: connect the account"));
	}
	if (!r) {
		ask_tokens(c, code, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	body = answer(c->arena, r);
	data = json_object_get(body, "data");
	if (!good(body, r) || !channel_text(c->arena, data, "access_token").n) {
		refused(c->arena, body, r, false, f);
		f->disconnected |= f->certainty == CHANNEL_PERMANENT;
		return CHANNEL_DEAD;
	}
	keep(c, "access_token", channel_text(c->arena, data, "access_token"));
	keep(c, "refresh_token", channel_text(c->arena, data, "refresh_token"));
	if (code.n)
		keep(c, "oauth_code", SV("")); /* it works once */
	c->external_id = channel_text(c->arena, data, "open_id");
	c->expires_at = clock_now_ms() / 1000 + channel_number(data, "expires_in");
	return CHANNEL_DONE;
}

const struct channel channel_tiktok = {
	.type = "TIKTOK",
	.label = "TikTok",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_CAN_REPLY | CHANNEL_HAS_READ | CHANNEL_NEEDS_APPROVAL,
	.text_max = 6000,
	.window_hours = 48,
	.handle_kind = "tiktok",
	.api_base = "https://business-api.tiktok.com",
	.signature_header = "TikTok-Signature",
	.slug = "tiktok",
	.icon = "brand-tiktok",
	.about = N_("Direct messages of a business account, by an application that TikTok has approved for its Business Messaging API."),
	.steps = N_("Enter the address in TikTok's developer portal as the webhook for direct messages, and the redirect address of the sign-in. Then connect the account."),
	.settings = {
		{ "client_key", N_("App ID"), N_("Of your application at TikTok"), CHANNEL_REQUIRED },
		{ "client_secret", N_("App secret"), N_("Webhooks are signed with it"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "business_id", N_("Business account"), N_("Its open_id. Empty: learnt when the account is connected"),
		  CHANNEL_EXTERNAL },
		{ "api_base", N_("API address"), N_("Only for a stand-in or a proxy"), CHANNEL_URL },
	},
	.hook = "tiktok-webhook",
	.answer = "{\"success\":true}",
	.key_name = "user_openid",
	.split = split,
	.verify = verify,
	.parse = parse,
	.caption = no_caption,
	.send = tiktok_send,
	.fetch = tiktok_fetch,
	.check = check,
	.per_second = 10,
	.oauth = "tiktok-oauth",
	.authorize_url = authorize_url,
};
