#include "signin/signin.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#include <stdio.h>

/* The words that differ; everything else stands in templates/mail/account.html. */
static const struct {
	const char *type; /* in the link, and the section of the template */
	const char *subject;
} kinds[] = {
	[LETTER_SIGNUP] = { "signup", "Confirm your e-mail address" },
	[LETTER_RECOVERY] = { "recovery", "Reset your password" },
	[LETTER_MAGICLINK] = { "magiclink", "Your sign-in link" },
	[LETTER_EMAIL_CHANGE] = { "email_change", "Confirm your new e-mail address" },
};

/* Six digits, each number as likely as any other. */
static struct sv code_new(struct arena *a)
{
	uint32_t r;

	do
		crypto_random(&r, sizeof(r));
	while (r >= UINT32_MAX - UINT32_MAX % 1000000);
	return sv_from(arena_printf(a, "%06u", (unsigned)(r % 1000000)));
}

static struct sv link_of(struct arena *a, const struct letter *l, struct sv token)
{
	buf_auto struct buf b = BUF_INIT;

	if (l->page)
		return sv_from(arena_printf(a, "%s%s/%.*s", conf_str(CONF_base_url), l->page,
					    SV_ARG(token)));
	buf_addf(&b, "%s/auth/v1/verify?token=%.*s&type=%s&redirect_to=", conf_str(CONF_base_url),
		 SV_ARG(token), kinds[l->kind].type);
	buf_url(&b, l->redirect_to);
	return arena_sv(a, buf_sv(&b));
}

static void field(struct buf *out, const char *key, struct sv value)
{
	if (!value.n)
		return;
	buf_json_key(out, key);
	buf_json(out, value);
}

/* {"sealed":"v1...."}: the payload of a mail job that only the worker reads. */
static enum status mail(struct buf *out, struct sv to, const char *subject,
			const struct tmpl_value *page, struct tmpl_set *set, struct arena *a,
			struct err *e)
{
	buf_auto struct buf text = BUF_INIT, html = BUF_INIT, plain = BUF_INIT;

	if (tmpl_render(set, SV("mail/account.txt"), page, a, &text, e) ||
	    tmpl_render(set, SV("mail/account"), page, a, &html, e))
		return e->status;
	buf_addc(&plain, '{');
	field(&plain, "to", to);
	field(&plain, "subject", sv_from(subject));
	field(&plain, "text", buf_sv(&text));
	field(&plain, "html", buf_sv(&html));
	buf_addc(&plain, '}');
	buf_addc(out, '{');
	field(out, "sealed", crypto_seal(a, SV(LETTER_CONTEXT), buf_sv(&plain)));
	buf_addc(out, '}');
	return ST_OK;
}

static struct tmpl_value *page_of(struct arena *a, const char *section, const char *title)
{
	struct tmpl_value *p = tmpl_map(a);

	tmpl_set_bool(p, section, true);
	tmpl_set_text(p, "title", sv_from(title));
	tmpl_set_text(p, "base_url", sv_from(conf_str(CONF_base_url)));
	return p;
}

static enum status notice(struct buf *out, const struct letter *l, struct tmpl_set *set,
			  struct arena *a, struct err *e)
{
	const char *title = "Your e-mail address is about to change";
	struct tmpl_value *p = page_of(a, "notice", title);

	tmpl_set_text(p, "new_email", l->to);
	buf_json_key(out, "notice");
	return mail(out, l->current, title, p, set, a, e);
}

enum status letter_json(const struct letter *l, struct tmpl_set *set, struct arena *a,
			struct sv *out, struct err *e)
{
	const char *subject = kinds[l->kind].subject;
	struct sv token = crypto_token_new(a, ""), code = code_new(a);
	struct tmpl_value *p = page_of(a, kinds[l->kind].type, subject);
	buf_auto struct buf b = BUF_INIT;

	tmpl_set_text(p, "link", link_of(a, l, token));
	tmpl_set_text(p, "code", code);
	buf_addc(&b, '{');
	field(&b, "token", crypto_token_hash(a, token));
	field(&b, "code", code);
	field(&b, "redirect_to", l->redirect_to);
	field(&b, "code_challenge", l->code_challenge);
	field(&b, "code_challenge_method", l->code_challenge_method);
	buf_json_key(&b, "gap");
	buf_add_i64(&b, conf_int(CONF_auth_mail_gap_s));
	buf_json_key(&b, "mail");
	if (mail(&b, l->to, subject, p, set, a, e))
		return e->status;
	if (l->kind == LETTER_EMAIL_CHANGE && l->current.n && notice(&b, l, set, a, e))
		return e->status;
	buf_addc(&b, '}');
	*out = arena_sv(a, buf_sv(&b));
	return ST_OK;
}

enum status invitation_letter(struct invitation *in, struct tmpl_set *set, struct arena *a,
			      struct sv *payload, struct err *e)
{
	struct tmpl_value *page = tmpl_map(a);
	buf_auto struct buf text = BUF_INIT, html = BUF_INIT, out = BUF_INIT;

	in->token = crypto_token_new(a, "");
	in->proof = crypto_token_new(a, "");
	in->url = sv_from(arena_printf(a, "%s/invitation/%.*s", conf_str(CONF_base_url),
				       SV_ARG(in->token)));
	tmpl_set_text(page, "organization", in->organization);
	tmpl_set_text(page, "inviter", in->inviter);
	tmpl_set_text(page, "url", sv_from(arena_printf(a, "%.*s.%.*s", SV_ARG(in->url),
							SV_ARG(in->proof))));
	if (tmpl_render(set, SV("mail/invitation.txt"), page, a, &text, e) ||
	    tmpl_render(set, SV("mail/invitation"), page, a, &html, e))
		return e->status;
	buf_addc(&out, '{');
	field(&out, "to", in->email);
	field(&out, "subject", sv_from(arena_printf(a, "Join %.*s", SV_ARG(in->organization))));
	field(&out, "text", buf_sv(&text));
	field(&out, "html", buf_sv(&html));
	buf_addc(&out, '}');
	*payload = arena_sv(a, buf_sv(&out));
	return ST_OK;
}
