/* Test connection of e-mail accounts (CHA-103): the mailbox opens, the server for
 * sending lets us in. Amazon SES: what the account may send. */
#include "channel/internal.h"

#include "base/clock.h"
#include "base/tr.h"
#include "mail/mail.h"
#include "mail/mailbox.h"
#include "net/sigv4.h"

#define CHECK_MS 30000

static struct sv setting(const struct channel_check *c, const char *name)
{
	return channel_text(c->arena, c->account->settings, name);
}

static struct sv or_else(struct sv s, struct sv other)
{
	return s.n ? s : other;
}

static struct mailbox box_of(const struct channel_check *c)
{
	return (struct mailbox){ .url = setting(c, "incoming_url"),
				 .folder = setting(c, "folder"),
				 .user = or_else(setting(c, "user"), setting(c, "address")),
				 .password = channel_secret(c->account, "password") };
}

static enum channel_next wrong(struct channel_check *c, struct channel_failure *f, const char *what,
			       struct sv said, bool denied, bool later)
{
	channel_check_add(c, what, false, said, SV_NONE);
	f->disconnected = denied;
	return channel_fail(f, later ? CHANNEL_TEMPORARY : CHANNEL_PERMANENT, SV("channel"), said);
}

/* ---- receiving ------------------------------------------------------------------ */

static enum channel_next ask_mailbox(struct channel_check *c, struct net_request *out,
				     struct channel_failure *f)
{
	struct mailbox box = box_of(c);
	struct err e = { 0 };

	if (mailbox_ask(&box, mailbox_is_pop3(&box) ? MAILBOX_LIST : MAILBOX_STATUS, 0, out, c->arena, &e))
		return wrong(c, f, N_("Receiving"), err_message(&e), true, false);
	((struct net_mailbox *)(uintptr_t)out->mailbox)->last = true;
	out->total_ms = CHECK_MS;
	out->truncate = true;
	c->step = 1;
	return CHANNEL_CALL;
}

static bool mailbox_opens(struct channel_check *c, const struct net_response *r,
			  struct channel_failure *f)
{
	struct mailbox box = box_of(c);

	if (!r->error) {
		channel_check_add(c, N_("Receiving"), true, box.url, SV_NONE);
		return true;
	}
	wrong(c, f, N_("Receiving"), mailbox_error(&box, r, c->arena), r->error == NET_DENIED,
	      r->error == NET_TIMEOUT || r->error == NET_CONNECT || r->error == NET_BROKEN);
	return false;
}

/* ---- sending ---------------------------------------------------------------------- */

static enum channel_next ask_smtp(struct channel_check *c, struct net_request *out,
				  struct channel_failure *f)
{
	const struct channel_account *acc = c->account;
	struct mail_address own = { .email = setting(c, "address") };
	struct mail_message m = { .from = own };
	struct mail_server s = {
		.url = setting(c, "outgoing_url"),
		.user = or_else(setting(c, "outgoing_user"), setting(c, "user")),
		.password = or_else(channel_secret(acc, "outgoing_password"), channel_secret(acc, "password")),
		.total_ms = CHECK_MS,
	};
	struct err e = { 0 };

	if (!s.password.n)
		s.user = SV_NONE;
	if (!s.url.n)
		return wrong(c, f, N_("Sending"), SV("The account has no server for sending. Enter one in its settings"), true, false);
	if (mail_smtp_request(&s, &m, SV_NONE, SV_NONE, out, c->arena, &e))
		return wrong(c, f, N_("Sending"), err_message(&e), true, false);
	((struct net_smtp *)(uintptr_t)out->smtp)->check = true;
	c->step = 2;
	return CHANNEL_CALL;
}

static enum channel_next smtp_answers(struct channel_check *c, const struct net_response *r,
				      struct channel_failure *f)
{
	bool denied = r->status == 530 || r->status == 534 || r->status == 535;

	if (!r->error && r->status / 100 == 2) {
		channel_check_add(c, N_("Sending"), true, setting(c, "outgoing_url"), SV_NONE);
		c->name = setting(c, "address");
		return CHANNEL_DONE;
	}
	return wrong(c, f, N_("Sending"),
		     sv_from(arena_printf(c->arena, "%s: %.*s",
					  denied ? "The mail server does not accept the user name or password" :
						   "The mail server cannot be used",
					  SV_ARG(r->text))),
		     denied, r->error != NET_OK || r->status / 100 == 4);
}

enum channel_next email_check(struct channel_check *c, const struct net_response *r,
			      struct net_request *out, struct channel_failure *f)
{
	if (!r)
		return setting(c, "incoming_url").n ? ask_mailbox(c, out, f) : ask_smtp(c, out, f);
	if (c->step == 1)
		return mailbox_opens(c, r, f) ? ask_smtp(c, out, f) : CHANNEL_DEAD;
	return smtp_answers(c, r, f);
}

/* ---- Amazon SES: GetAccount ---------------------------------------------------------- */

enum channel_next ses_check(struct channel_check *c, const struct net_response *r,
			    struct net_request *out, struct channel_failure *f)
{
	struct sv region = setting(c, "region"), base = c->account->api_base;
	struct sigv4_key key = { .access_key_id = setting(c, "access_key_id"),
				 .secret_access_key = channel_secret(c->account, "secret_access_key"),
				 .region = region,
				 .service = SV("ses") };
	struct err e = { 0 };
	json_t *body;

	if (!r) {
		if (!base.n)
			base = sv_from(arena_printf(c->arena, "https://email.%.*s.amazonaws.com", SV_ARG(region)));
		channel_get(c->arena, out, sv_from(arena_printf(c->arena, "%.*s/v2/email/account", SV_ARG(base))), SV_NONE);
		if (sigv4_sign(out, &key, clock_now_ms(), c->arena, &e))
			return channel_fail(f, CHANNEL_PERMANENT, SV("channel"), err_message(&e));
		return CHANNEL_CALL;
	}
	if (channel_net_failed(c->arena, r, false, f))
		return CHANNEL_DEAD;
	body = channel_json(c->arena, r->body, &e);
	if (r->status != 200) {
		f->disconnected = r->status == 403;
		return channel_fail(f, r->status >= 500 || r->status == 429 ? CHANNEL_TEMPORARY : CHANNEL_PERMANENT,
				    SV("channel"), SV("Amazon SES does not accept the access key"));
	}
	c->name = setting(c, "address");
	if (json_is_false(json_object_get(body, "SendingEnabled")))
		c->notice = SV("Sending is paused for this account in Amazon SES");
	return CHANNEL_DONE;
}
