/*
 * LinkedIn: messages of members and pages, for applications that LinkedIn has
 * approved for its Messages API.
 *
 * Out: POST /rest/messages {recipients | thread, body, messageType}, versioned by
 * the header LinkedIn-Version; the id comes in X-RestLi-Id. In: a webhook that
 * LinkedIn proves by a challenge (GET challengeCode, every two hours), and signs:
 * X-LI-Signature is HMAC-SHA256 of "hmacsha256=" and the body, in hex. Events
 * have the form of its messages resource: {owner, method, activity: {author,
 * thread, content, createdAt}}, alone or in a list named notifications or elements.
 */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/tr.h"
#include "crypto/crypto.h"

#define VERSION "202401" /* CHA-100; settings.api_version has precedence */
#define PREFIX "hmacsha256="
#define SCOPES "r_organization_admin w_organization_social w_messages"

/* ---- calls of LinkedIn ------------------------------------------------------------------- */

static struct sv hmac_hex(struct arena *a, struct sv secret, struct sv text)
{
	unsigned char mac[SHA256_SIZE];

	crypto_hmac_sha256(mac, secret, text);
	return crypto_hex(a, sv_make((const char *)mac, sizeof(mac)));
}

static bool verify(const struct channel_account *acc, const struct channel_call *call)
{
	struct sv secret = channel_secret(acc, "client_secret"), said = call->signature;
	buf_auto struct buf text = BUF_INIT;

	if (!secret.n || !said.n)
		return false;
	if (sv_starts(said, SV(PREFIX)))
		said = sv_skip(said, sizeof(PREFIX) - 1);
	buf_lit(&text, PREFIX);
	buf_add(&text, call->body);
	return crypto_equal(hmac_hex(call->arena, secret, buf_sv(&text)), said);
}

/* {"challengeCode", "challengeResponse": hex HMAC of it}. Which application asks
 * stands in applicationId, when several are connected. */
static bool handshake(const struct channel_account *acc, const struct channel_call *call, struct sv *answer,
		      const char **content_type)
{
	struct arena *a = call->arena;
	struct sv code = call->query(call, "challengeCode"), asked = call->query(call, "applicationId");
	struct sv secret = channel_secret(acc, "client_secret"), own = channel_option(a, acc, "application_id");
	json_t *o;

	if (!code.n || !secret.n || (asked.n && own.n && !sv_eq(asked, own)))
		return false;
	o = channel_json_keep(a, json_object());
	channel_set(o, "challengeCode", code);
	channel_set(o, "challengeResponse", hmac_hex(a, secret, code));
	*answer = channel_dump(a, o);
	*content_type = "application/json";
	return true;
}

/* The events of a call; one alone stands for itself. */
static const json_t *list_of(const json_t *body)
{
	const json_t *list = json_object_get(body, "notifications");

	return list ? list : json_object_get(body, "elements");
}

static struct sv owner_of(struct arena *a, const json_t *event)
{
	struct sv owner = channel_text(a, event, "owner");

	return owner.n ? owner : channel_text(a, event, "activity.owner");
}

static void give(struct arena *a, struct channel_shares *out, json_t *event)
{
	struct channel_share *s = channel_share_of(a, out, owner_of(a, event), SV_NONE);

	if (!s->body) {
		s->body = channel_json_keep(a, json_object());
		json_object_set_new(s->body, "notifications", json_array());
	}
	json_array_append(json_object_get(s->body, "notifications"), event);
}

static enum status split(const struct channel_call *call, json_t *body, struct channel_shares *out, struct err *e)
{
	const json_t *list = list_of(body);
	size_t i;

	if (!list && !owner_of(call->arena, body).n)
		return err_set(e, call->arena, ST_BAD_INPUT, "owner is missing");
	if (!list)
		give(call->arena, out, body);
	for (i = 0; i < json_array_size(list); i++)
		give(call->arena, out, json_array_get(list, i));
	return ST_OK;
}

static struct sv first_text(struct arena *a, const json_t *o, const char *const *paths)
{
	struct sv v = SV_NONE;

	for (; *paths && !v.n; paths++)
		v = channel_text(a, o, *paths);
	return v;
}

static void read_file(struct arena *a, const json_t *activity, struct channel_item *it)
{
	static const char *const urls[] = { "mediaUrl", "url", "downloadUrl", NULL };
	const json_t *file = json_array_get(json_object_get(activity, "attachments"), 0);

	it->media_id = first_text(a, file, urls);
	if (!it->media_id.n)
		return;
	it->media_type = channel_text(a, file, "mediaType");
	it->media_name = channel_text(a, file, "name");
	it->attachment_kind = sv_starts(it->media_type, SV("image/")) ? SV("image") :
			      sv_starts(it->media_type, SV("video/")) ? SV("video") :
			      sv_starts(it->media_type, SV("audio/")) ? SV("audio") : SV("document");
	it->type = it->attachment_kind;
}

static void read_event(struct arena *a, const struct channel_account *acc, const json_t *event,
		       struct channel_items *out)
{
	static const char *const texts[] = { "content.text", "content.text.text", "body", "text", NULL };
	static const char *const ids[] = { "id", "messageUrn", NULL };
	const json_t *act = json_object_get(event, "activity");
	struct channel_item *it = channel_item_add(a, out);
	struct sv method = channel_text(a, event, "method");

	it->kind = CHANNEL_IGNORED;
	it->why = SV("an event that is no message to us");
	it->provider_id = first_text(a, act, ids);
	if (!it->provider_id.n)
		it->provider_id = channel_text(a, event, "resourceId");
	it->handle = channel_text(a, act, "author");
	if ((method.n && !sv_eq(method, SV("CREATE"))) || !it->provider_id.n || !it->handle.n ||
	    sv_eq(it->handle, acc->external_id))
		return;
	it->kind = CHANNEL_MESSAGE;
	it->extra = channel_json_keep(a, json_object());
	it->thread = channel_text(a, act, "thread");
	if (!it->thread.n)
		it->thread = it->handle;
	it->display_name = channel_text(a, act, "authorName");
	it->at = channel_number(act, "createdAt");
	it->type = SV("text");
	it->text = first_text(a, act, texts);
	channel_set(it->extra, "author", it->handle);
	read_file(a, act, it);
}

static enum status parse(struct arena *a, const struct channel_account *acc, json_t *body,
			 struct channel_items *out, struct err *e)
{
	const json_t *list = list_of(body);

	(void)e;
	if (!list)
		read_event(a, acc, body, out);
	for (size_t i = 0; i < json_array_size(list); i++)
		read_event(a, acc, json_array_get(list, i), out);
	return ST_OK;
}

/* ---- our calls ------------------------------------------------------------------------------- */

static void versioned(struct arena *a, const struct channel_account *acc, struct net_request *out)
{
	struct net_header *h = ARENA_ARRAY(a, out->n_headers + 2, struct net_header);
	struct sv version = channel_option(a, acc, "api_version");

	for (size_t i = 0; i < out->n_headers; i++)
		h[i] = out->headers[i];
	h[out->n_headers++] = (struct net_header){ SV("LinkedIn-Version"), version.n ? version : SV(VERSION) };
	h[out->n_headers++] = (struct net_header){ SV("X-Restli-Protocol-Version"), SV("2.0.0") };
	out->headers = h;
}

/* In a thread, or to a member for the first time. LinkedIn has no upload here:
 * a file goes as its address, below the words. */
static void ask(struct channel_part *p, struct net_request *out)
{
	struct arena *a = p->arena;
	json_t *o = channel_json_keep(a, json_object());
	struct sv text = p->text;

	if (p->url.n)
		text = sv_trim(sv_from(arena_printf(a, "%.*s\n%.*s", SV_ARG(p->text), SV_ARG(p->url))));
	if (sv_starts(p->to, SV("urn:li:person:")) || sv_starts(p->to, SV("urn:li:organization:"))) {
		json_object_set_new(o, "recipients", json_array());
		json_array_append_new(json_object_get(o, "recipients"), json_stringn(p->to.p, p->to.n));
	} else {
		channel_set(o, "thread", p->to);
	}
	channel_set(o, "author", p->account->external_id);
	channel_set(o, "body", text);
	channel_set(o, "messageType", SV("MEMBER_TO_MEMBER"));
	channel_post_json(a, out, sv_from(arena_printf(a, "%.*s/rest/messages", SV_ARG(p->account->api_base))),
			  channel_secret(p->account, "access_token"), channel_dump(a, o));
	versioned(a, p->account, out);
}

static enum channel_next refused(struct arena *a, const struct net_response *r, bool sending,
				 struct channel_failure *f)
{
	struct err e;
	json_t *body = channel_json(a, r->body, &e);
	struct sv said = channel_text(a, body, "message");
	enum channel_certainty c = channel_certainty(r, sending, body != NULL);
	const char *words = "LinkedIn refused";

	if (r->status == 401) {
		words = "The sign-in at LinkedIn is not valid any more. Connect the account again";
		f->disconnected = true;
	} else if (r->status == 403) {
		words = "LinkedIn has not approved this application for messages";
	} else if (r->status == 426) {
		words = "LinkedIn has retired this version of its interface. Enter a newer one in the channel's settings";
	} else if (r->status == 429) {
		words = "LinkedIn asks to send more slowly";
	}
	f->retry_after = r->retry_after;
	return channel_fail(f, c, sv_from(arena_printf(a, "%d", r->status)),
			    sv_from(arena_printf(a, "%s (%d%s%.*s)", words, r->status, said.n ? " " : "",
						 SV_ARG(said))));
}

static enum channel_next linkedin_send(struct channel_part *p, const struct net_response *r,
				       struct net_request *out, struct channel_failure *f)
{
	struct err e;

	if (!r) {
		ask(p, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(p->arena, r, true, f))
		return CHANNEL_DEAD;
	if (r->status / 100 != 2)
		return refused(p->arena, r, true, f);
	p->sent_id = arena_sv(p->arena, net_header(r, "X-RestLi-Id"));
	if (!p->sent_id.n)
		p->sent_id = channel_text(p->arena, channel_json(p->arena, r->body, &e), "id");
	return CHANNEL_DONE;
}

static bool caption(const struct channel_part *p)
{
	(void)p;
	return true;
}

static enum channel_next linkedin_fetch(struct channel_media *m, const struct net_response *r,
					struct net_request *out, struct channel_failure *f)
{
	if (r)
		return generic_fetch(m, r, out, f);
	/* The token goes to LinkedIn alone. */
	channel_get(m->arena, out, m->id,
		    sv_starts(m->id, m->account->api_base) ? channel_secret(m->account, "access_token") : SV_NONE);
	return CHANNEL_CALL;
}

/* ---- signing in ---------------------------------------------------------------------------------- */

static struct sv auth_base(struct arena *a, const struct channel_account *acc)
{
	struct sv own = channel_option(a, acc, "authorize_base");

	return own.n ? own : SV("https://www.linkedin.com");
}

static struct sv authorize_url(struct arena *a, const struct channel_account *acc, struct sv redirect_uri,
			       struct sv state)
{
	struct buf *b = buf_in_arena(a);

	buf_add(b, auth_base(a, acc));
	buf_lit(b, "/oauth/v2/authorization?response_type=code&client_id=");
	buf_url(b, channel_option(a, acc, "client_id"));
	buf_lit(b, "&scope=");
	buf_url(b, SV(SCOPES));
	buf_lit(b, "&redirect_uri=");
	buf_url(b, redirect_uri);
	buf_lit(b, "&state=");
	buf_url(b, state);
	return buf_sv(b);
}

static void field(struct buf *b, const char *name, struct sv value)
{
	if (b->n)
		buf_addc(b, '&');
	buf_add(b, sv_from(name));
	buf_addc(b, '=');
	buf_url(b, value);
}

static void ask_tokens(struct channel_check *c, struct sv code, struct net_request *out)
{
	const struct channel_account *acc = c->account;
	struct arena *a = c->arena;
	struct sv base = auth_base(a, acc);
	struct net_header *h = ARENA_NEW(a, struct net_header);
	struct buf *b = buf_in_arena(a);

	field(b, "grant_type", code.n ? SV("authorization_code") : SV("refresh_token"));
	if (code.n) {
		field(b, "code", code);
		field(b, "redirect_uri", sv_from(arena_printf(a, "%s/functions/v1/linkedin-oauth", conf_str(CONF_base_url))));
	} else {
		field(b, "refresh_token", channel_secret(acc, "refresh_token"));
	}
	field(b, "client_id", channel_option(a, acc, "client_id"));
	field(b, "client_secret", channel_secret(acc, "client_secret"));
	*h = (struct net_header){ SV("Content-Type"), SV("application/x-www-form-urlencoded") };
	*out = (struct net_request){ .method = SV("POST"),
				     .url = sv_from(arena_printf(a, "%.*s/oauth/v2/accessToken", SV_ARG(base))),
				     .headers = h,
				     .n_headers = 1,
				     .body = buf_sv(b) };
}

static void keep(struct channel_check *c, const char *name, struct sv value)
{
	c->renewed[c->n_renewed++] = (struct channel_secret){ sv_from(name), value };
}

/* {"access_token", "expires_in", "refresh_token", ..} of RFC 6749. */
static enum channel_next read_tokens(struct channel_check *c, const struct net_response *r, bool first,
				     struct channel_failure *f)
{
	struct err e;
	json_t *body = channel_json(c->arena, r->body, &e);
	struct sv said = channel_text(c->arena, body, "error_description"),
		  token = channel_text(c->arena, body, "access_token"),
		  refresh = channel_text(c->arena, body, "refresh_token");

	if (r->status != 200 || !token.n) {
		f->disconnected = r->status / 100 == 4;
		return channel_fail(f, f->disconnected ? CHANNEL_PERMANENT : CHANNEL_TEMPORARY, SV("oauth"),
				    sv_from(arena_printf(c->arena, "LinkedIn gave no token. Connect the account again (%.*s)",
							 SV_ARG(said))));
	}
	keep(c, "access_token", token);
	if (refresh.n)
		keep(c, "refresh_token", refresh);
	if (first)
		keep(c, "oauth_code", SV(""));
	c->expires_at = clock_now_ms() / 1000 + channel_number(body, "expires_in");
	return CHANNEL_DONE;
}

static enum channel_next check(struct channel_check *c, const struct net_response *r, struct net_request *out,
			       struct channel_failure *f)
{
	struct sv code = channel_secret(c->account, "oauth_code");

	if (!r && !code.n && !channel_secret(c->account, "refresh_token").n) {
		if (channel_secret(c->account, "access_token").n)
			return CHANNEL_DONE; /* typed in; it shows when it is used */
		f->disconnected = true;
		return channel_fail(f, CHANNEL_PERMANENT, SV("oauth"),
				    SV("Nobody has signed in at LinkedIn yet: connect the account"));
	}
	if (!r) {
		ask_tokens(c, code, out);
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	return read_tokens(c, r, code.n > 0, f);
}

const struct channel channel_linkedin = {
	.type = "LINKEDIN",
	.label = "LinkedIn",
	.caps = CHANNEL_CAN_MEDIA | CHANNEL_BY_URL | CHANNEL_NEEDS_APPROVAL,
	.text_max = 8000,
	.caption_max = 7000,
	.handle_kind = "linkedin",
	.api_base = "https://api.linkedin.com",
	.signature_header = "X-LI-Signature",
	.slug = "linkedin",
	.icon = "brand-linkedin",
	.about = N_("Messages to your page, by an application that LinkedIn has approved for messages."),
	.steps = N_("Enter the address in LinkedIn's developer portal under Webhooks; LinkedIn asks for a proof at once. Then connect the account."),
	.settings = {
		{ "organization", N_("Organization"), N_("The page: urn:li:organization:123456"),
		  CHANNEL_REQUIRED | CHANNEL_EXTERNAL },
		{ "client_id", N_("Client ID"), N_("Of your application at LinkedIn"), CHANNEL_REQUIRED },
		{ "client_secret", N_("Client secret"), N_("Webhooks are signed with it"),
		  CHANNEL_SECRET | CHANNEL_REQUIRED },
		{ "application_id", N_("Application ID"), N_("Needed only when several applications are connected"), 0 },
		{ "access_token", N_("Access token"), N_("Only if you have one from elsewhere; else connect the account"),
		  CHANNEL_SECRET },
		{ "api_version", N_("Version"), N_("Of LinkedIn's interface, YYYYMM. Empty: 202401"), CHANNEL_DIGITS },
		{ "authorize_base", N_("Sign-in address"), N_("Only for a stand-in or a proxy"), CHANNEL_URL },
		{ "api_base", N_("API address"), N_("Only for a stand-in or a proxy"), CHANNEL_URL },
	},
	.hook = "linkedin-webhook",
	.answer = "{\"status\":\"ok\"}",
	.key_name = "organization",
	.split = split,
	.verify = verify,
	.handshake = handshake,
	.parse = parse,
	.caption = caption,
	.send = linkedin_send,
	.fetch = linkedin_fetch,
	.check = check,
	.oauth = "linkedin-oauth",
	.authorize_url = authorize_url,
};
