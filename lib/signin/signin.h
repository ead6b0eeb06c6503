/*
 * signin: what the programs share about a person becoming known.
 *
 * sql/050 to 053 keep tokens by their hash and decide; here is what
 * only a program can do: make the tokens, write and seal the mails that carry
 * them, judge where a browser may be sent, draw the picture of a second
 * factor, and know the providers of the installation.
 */
#ifndef SIGNIN_SIGNIN_H
#define SIGNIN_SIGNIN_H

#include "base/buf.h"
#include "base/err.h"
#include "tmpl/tmpl.h"

/* ---- letters ------------------------------------------------------------- */

enum letter_kind {
	LETTER_SIGNUP,	     /* confirm your address */
	LETTER_RECOVERY,     /* choose a new password */
	LETTER_MAGICLINK,    /* sign in by link or code */
	LETTER_EMAIL_CHANGE, /* confirm the new address; the current one is told */
};

struct letter {
	enum letter_kind kind;
	struct sv to;
	struct sv current; /* of LETTER_EMAIL_CHANGE: the address that is told */
	struct sv redirect_to; /* where the link leads in the end; checked already */
	/* A page of ours that takes the token as its last part ("/verify"): the
	 * link leads there. NULL: to /auth/v1/verify, which sends on. */
	const char *page;
	struct sv code_challenge, code_challenge_method; /* PKCE, or empty */
};

/*
 * The argument `letter` of auth.sign_up, auth.send_link, auth.update_user and
 * auth.resend_email_change: a new token and code, and the rendered mail, sealed
 * for the worker's mail job. The plain token and code are in the mail alone.
 */
enum status letter_json(const struct letter *l, struct tmpl_set *set, struct arena *a,
			struct sv *out, struct err *e) WARN_UNUSED;

/*
 * An invitation to an organization. The link to copy is /invitation/<token>; the
 * mailed one is /invitation/<token>.<proof>: who comes by that one reads the address.
 */
struct invitation {
	struct sv email, organization, inviter; /* given: the address, and two names */
	struct sv token, proof, url;		/* made */
};

/* A new link, and the payload of its mail job: arguments of app.invite. */
enum status invitation_letter(struct invitation *in, struct tmpl_set *set, struct arena *a,
			      struct sv *payload, struct err *e) WARN_UNUSED;

/* The context under which payloads of mail jobs are sealed. */
#define LETTER_CONTEXT "job.mail"

/* ---- where a browser may be sent with what opens an account -------------------- */

/* An address of this installation (base_url), or below one of the setting
 * auth_redirect_urls: same scheme, host and port, and path. */
bool redirect_allowed(struct arena *a, struct sv url);
/* The same address if it is allowed, else base_url. A path is one of ours. */
struct sv redirect_or_home(struct arena *a, struct sv url);

/* ---- second factors (TOTP) ---------------------------------------------------- */

/* A factor's secret as the database keeps it; it opens for its own factor only. */
struct sv factor_seal(struct arena *a, struct sv factor_id, struct sv secret);
/* The step whose code this is, if none before last_step; -1 when it is wrong,
 * was used, or the secret was sealed with another key. */
int64_t factor_check(struct arena *a, struct sv factor_id, struct sv sealed, struct sv code,
		     struct sv last_step);

/* ---- pictures ------------------------------------------------------------------ */

/* otpauth://totp/issuer:account?...: what an authenticator app reads from a
 * picture. secret in base32; without an issuer it is the host of base_url. */
struct sv totp_uri(struct arena *a, struct sv issuer, struct sv account, struct sv secret);
/* The text as a QR code in SVG, black on white, with its quiet zone. */
enum status qr_svg(struct buf *out, struct sv text, struct arena *a, struct err *e) WARN_UNUSED;

/* ---- providers (OpenID Connect) --------------------------------------------------- */

/*
 * The file of the setting oidc_providers:
 * {"name":{"issuer":"https://...","client_id":"...","client_secret":"...","scope":"..."}}
 * read once per process.
 */
struct oidc_provider {
	struct sv name, issuer, client_id, client_secret, scope;
};

/* NULL when there is none of that name. Valid for the life of the process. */
const struct oidc_provider *oidc_provider(struct sv name);
/* All of them, for /auth/v1/settings. */
const struct oidc_provider *oidc_providers(size_t *n);

/*
 * What an id_token says, if it holds: signature by one of the issuer's keys,
 * iss, aud, azp, exp, nonce. The claims are JSON; SV_NONE with *why otherwise.
 */
struct sv oidc_claims(struct arena *a, const struct oidc_provider *p, struct sv jwks,
		      struct sv id_token, struct sv nonce, int64_t now_s, const char **why);

#endif
