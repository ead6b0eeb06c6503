/*
 * What the addresses of /auth/v1 share: reading input, answering a session,
 * refusing in the form that clients of GoTrue read.
 */
#ifndef API_AUTH_AUTH_H
#define API_AUTH_AUTH_H

#include "fcgi/api/routes.h"
#include "signin/signin.h"

#define ACCESS_SECONDS 3600		    /* AUTH-13 */
#define MOBILE_SECONDS 2592000		    /* AUTH-13: thirty days */
#define REFRESH_SECONDS (30 * 24 * 60 * 60) /* from use to use */

/* ---- reading (input.c) ---------------------------------------------------- */

/* A text of the body; SV_NONE when it is absent or no text. */
struct sv auth_text(const json_t *body, const char *key);
/* The address `email` of the body, well-formed and trimmed; 400 otherwise. */
enum status auth_email(struct http_request *rq, const json_t *body, struct sv *out,
		       struct err *e) WARN_UNUSED;
/* At least eight characters (AUTH-26). */
enum status auth_password_rule(struct http_request *rq, struct sv password,
			       struct err *e) WARN_UNUSED;
/* redirect_to of the query, or what the body's options say; checked. */
struct sv auth_redirect(struct http_request *rq, const json_t *body);
/* code_challenge and code_challenge_method: both or neither (RFC 7636). */
enum status auth_challenge(struct http_request *rq, struct sv challenge, struct sv method,
			   struct letter *l, struct err *e) WARN_UNUSED;
/* All of these but the password into a letter of that kind. */
enum status auth_letter(struct http_request *rq, const json_t *body, enum letter_kind kind,
			struct letter *l, struct err *e) WARN_UNUSED;

/* ---- answering (grant.c) ------------------------------------------------------ */

/* Refuse by a row of outcomes.def; wait is in seconds or 0. */
enum status auth_refuse(struct http_request *rq, struct sv outcome, int64_t wait, struct err *e);
/* The same for the row that a function of type auth.grant returned; ST_OK when
 * its outcome is one of ok, made, known, code. */
enum status auth_judge(struct http_request *rq, const struct db_batch *b, int stmt,
		       struct err *e) WARN_UNUSED;

/* A session in words: what a grant of SQL and a new refresh token make. */
struct auth_session {
	struct sv access_token, refresh_token, user, profile, redirect_to;
	int64_t expires_in, expires_at;
};

void auth_session_read(struct http_request *rq, const struct db_batch *b, int stmt,
		       struct sv refresh_token, struct auth_session *s);
/* {"access_token","token_type","expires_in","expires_at","refresh_token","user"} */
void auth_session_json(struct http_response *rs, const struct auth_session *s);
/* auth_judge, then the session as JSON. */
enum status auth_answer(struct http_request *rq, struct http_response *rs,
			const struct db_batch *b, int stmt, struct sv refresh_token,
			struct err *e) WARN_UNUSED;

/* 303 to an address that redirect_or_home has passed: with the session behind
 * the #, with ?code=, or with what went wrong in both places. */
void auth_redirect_session(struct http_request *rq, struct http_response *rs, struct sv to,
			   const struct auth_session *s, struct sv type);
void auth_redirect_code(struct http_request *rq, struct http_response *rs, struct sv to,
			struct sv code);
void auth_redirect_error(struct http_request *rq, struct http_response *rs, struct sv to,
			 struct sv code, struct sv words);

/* ---- passwords (token.c) --------------------------------------------------------- */

/* The user whose password this is, by the database's count of failures: locked
 * accounts and wrong passwords are refused. */
enum status auth_check_password(struct http_request *rq, const json_t *body, struct sv *user_id,
				struct err *e) WARN_UNUSED;

/* An account for an address that has none (signup.c); tells nobody which. */
enum status auth_otp_signup(struct http_request *rq, const struct letter *l, const json_t *body,
			    struct err *e) WARN_UNUSED;

/* The error body of /auth/v1 (grant.c). */
http_error_writer auth_error;

#endif
