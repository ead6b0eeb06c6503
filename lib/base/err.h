/*
 * err: one status for the whole program, and what to tell about it.
 *
 * A function that can fail returns enum status and takes a struct err *,
 * which it fills on failure only. ST_OK is 0. The message is for the person
 * who made the request and says what to do; what only an administrator may
 * see goes to the log (base/log.h). Texts live in the arena that was given.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/arena.h"

enum status {
#define STATUS(name, http, code, text) ST_##name,
#include "base/status.def"
#undef STATUS
	ST__MAX
};

struct err {
	enum status status;
	struct sv message; /* empty: the status' own text */
	struct sv code;    /* empty: the status' own code; else PGRST116, 23505 ... */
	struct sv details; /* optional, more on the cause */
	struct sv hint;    /* optional, what to do */
	struct sv field;   /* optional, the input field or column meant */
	bool details_json; /* details is JSON, to be copied as it is */
	int http;          /* the HTTP status to answer; 0 = the status' own */
	int retry_after;   /* seconds, 0 = not said; becomes Retry-After */
};

int status_http(enum status s);
const char *status_code(enum status s);
const char *status_text(enum status s);

/* Fill *e with status and message and return the status:
 * return err_set(e, a, ST_NOT_FOUND, "No deal has the id %s", id); */
enum status err_set(struct err *e, struct arena *a, enum status s, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The texts to show, never empty. */
struct sv err_message(const struct err *e);
struct sv err_code(const struct err *e);

#define WARN_UNUSED __attribute__((warn_unused_result))

#endif
