/*
 * account: what the pages before signing in share, and those of one's own
 * account: the session's cookie, new passwords, mailed links, the code of a
 * second factor.
 *
 * These pages ask the database as the program itself (db_as_self): nobody is
 * signed in yet, and the functions of schema auth judge what they are given.
 */
#ifndef APP_ACCOUNT_H
#define APP_ACCOUNT_H

#include "fcgi/app/crm.h"
#include "signin/signin.h"

/* Twelve hours: a working day and its evening. */
#define SESSION_SECONDS (12 * 60 * 60)

/* A batch as the program itself, on the site of the request. */
struct db_batch *account_batch(struct http_request *rq);
/* A page for nobody in particular, with the token of its forms; web_page. */
struct tmpl_value *account_page(struct http_request *rq, struct http_response *rs);

void session_cookie(struct http_request *rq, struct http_response *rs, struct sv token);
void session_cookie_clear(struct http_request *rq, struct http_response *rs);
/* The statement that opens a session of the pages for a person who has proven
 * who he is; method is how (password, otp). Its column says whether the session
 * waits for a second factor. */
int session_add(struct http_request *rq, struct db_batch *b, struct sv user_id,
		struct sv token, const char *method);
/* Where a fresh session goes on: to the code it waits for, else to `next`
 * (a path of ours) or home. */
enum status session_go_on(struct http_request *rq, struct http_response *rs, bool waits,
			  struct sv next);

/* "t": true. */
static inline bool is_true(struct sv column)
{
	return sv_eq(column, SV("t"));
}

/* The fields `password` and `confirm`: long enough (AUTH-26) and the same
 * (AUTH-25). Its hash; with a message in the form, SV_NONE. */
struct sv form_new_password(struct form *f);
/* An address in a field, well-formed; else a message. */
struct sv form_email(struct form *f, const char *name);

/* What a password was compared with, and what came of it. */
struct password {
	struct sv user_id, hash;
	int64_t locked_seconds;
};
/* From a row with user_id, password_hash, locked_seconds. */
struct password password_of(const struct db_batch *b, int stmt);
/* True when it is right. A wrong one is counted (AUTH-12); an unknown user
 * costs the same time. Not to be asked while locked_seconds > 0. */
enum status password_check(struct http_request *rq, const struct password *p, struct sv typed,
			   bool *right, struct err *e) WARN_UNUSED;

/* {"token": sha256} for auth.confirm_link. */
struct sv link_credential(struct arena *a, struct sv token);
/* Ask for a mail with a link by auth.send_link; what it says of the address is
 * the same for everybody. *wait: seconds until the next may be sent, or 0. */
enum status link_send(struct http_request *rq, enum letter_kind kind, struct sv to,
		      int64_t *wait, struct err *e) WARN_UNUSED;

/* The step of a six-digit code for a sealed secret of a factor; -1: wrong. */
int64_t factor_step(struct http_request *rq, struct sv factor, struct sv sealed,
		    struct sv last_step, struct sv code);
/* What a secret of a factor is sealed for. */
struct sv factor_context(struct arena *a, struct sv factor);

#endif
