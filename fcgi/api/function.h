/*
 * function: what the handlers under /functions/v1 share: reading a JSON body
 * field by field, asking the database, naming faults.
 *
 * struct fields reads one JSON object. The first fault stays in it and names
 * the field; everything read afterwards is empty. So a handler reads all that
 * it needs and looks once:
 *
 *	struct fields f;
 *	struct sv to, text;
 *
 *	if (function_body(rq, &f, e))
 *		return e->status;
 *	to = field_text(&f, "to", 64, FIELD_NEEDED);
 *	text = field_text(&f, "message", 4096, FIELD_NEEDED);
 *	if (fields_check(&f, e))
 *		return e->status;
 *
 * null and the empty text are as good as absent. Texts are without white space
 * at both ends and live as long as the request.
 *
 * Rows for one SQL call are copied instead of read: a table of struct
 * field_rule says which keys a row may have and how each is checked, and
 * fields_copy writes what was sent as JSON, in the form in which it is stored.
 * Keys that no rule knows are left out.
 */
#ifndef API_FUNCTION_H
#define API_FUNCTION_H

#include "fcgi/api/routes.h"

struct fields {
	struct arena *arena;
	json_t *object;
	const char *within; /* "deal": faults name deal.title; NULL at the top */
	struct err e;	    /* ST_OK until the first fault */
};

enum field_need { FIELD_OPTIONAL, FIELD_NEEDED };

/* The body as an object; anything else is 400. */
enum status function_body(struct http_request *rq, struct fields *f, struct err *e) WARN_UNUSED;
/* An object within another, or an element of a list. What is no object is a
 * fault of f, "<within> must be an object". */
void fields_of(struct fields *f, struct arena *a, json_t *object, const char *within);
/* The first fault, if any, goes into *e. */
enum status fields_check(const struct fields *f, struct err *e) WARN_UNUSED;
/* Note a fault: 400, "<key> <fmt...>", of which only the first counts. */
void field_fault(struct fields *f, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- reading -------------------------------------------------------- */

/* The value, or NULL when it is absent, null or an empty text. */
json_t *field_get(const struct fields *f, const char *key);
/* At most max characters; max 0: any number. SV_NONE when absent. */
struct sv field_text(struct fields *f, const char *key, size_t max, enum field_need need);
struct sv field_uuid(struct fields *f, const char *key, enum field_need need);
bool field_bool(struct fields *f, const char *key, bool otherwise);
/* A JSON number, never a text (DEA-106); false when absent. */
bool field_number(struct fields *f, const char *key, double min, double max, double *out);
/* A list, with at most max elements; NULL when absent. */
json_t *field_list(struct fields *f, const char *key, size_t max, enum field_need need);

/* ---- copying -------------------------------------------------------- */

struct field_rule;
/* Write "key":value to out, unless the value is absent or faulty. */
typedef void field_copier(struct fields *f, const struct field_rule *r, struct buf *out);

struct field_rule {
	const char *key;
	field_copier *copy;
	double min, max; /* of numbers; max of characters */
};

field_copier copy_text;	  /* at most max characters, at least min */
field_copier copy_uuid, copy_bool;
field_copier copy_number; /* from min to max */
field_copier copy_date;	  /* YYYY-MM-DD */
field_copier copy_texts;  /* a list, each at most max characters; doubles once */
field_copier copy_custom_fields; /* CON-78: an object of at most 32 KB, keys per CON-54 */
/* Any JSON value as it is. */
field_copier copy_json;

/* Members for an object that the caller has begun in out. `rules` ends with a
 * NULL key. */
void fields_copy(struct fields *f, const struct field_rule *rules, struct buf *out);
/* A value as JSON, numbers in their shortest form. */
void buf_json_value(struct buf *out, json_t *value);
/* 8-4-4-4-12 hexadecimal digits. */
bool is_uuid(struct sv s);
/* Characters, not bytes. */
size_t text_length(struct sv s);

/* ---- asking and answering --------------------------------------------- */

/* db_run with the words of a function: the public key alone is 401, as is a
 * key that the database does not know. */
enum status function_run(struct http_request *rq, struct db_batch *b, struct err *e) WARN_UNUSED;
/* The same for a failure that has already happened (e->status is set). */
enum status function_refusal(struct http_request *rq, struct err *e);
/* Sets the content type and begins {"success":true (API-56). The caller adds
 * members by buf_json_key and closes the brace. */
struct buf *function_success(struct http_response *rs);

#endif
