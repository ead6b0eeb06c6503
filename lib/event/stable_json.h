/*
 * stable_json: JSON as JavaScript writes it.
 *
 * The published sample receiver hashes JSON.stringify(req.body), not the
 * bytes that it got (WHK-42). So what is signed must be a fixed point of
 * JSON.stringify(JSON.parse(text)), whatever a customer typed into a field:
 *
 * - no white space; only ", \ and control characters are escaped, and lone
 *   surrogates, as \udxxx;
 * - numbers are what a double prints: 1500.00 becomes 1500, 1e21 stays 1e+21,
 *   9007199254740993 becomes 9007199254740992, 1e400 (Infinity) becomes null;
 * - keys of an object that are array indexes ("0" .. "4294967294") come first,
 *   by size; a key that comes twice stands at its first place with its last
 *   value.
 */
#ifndef EVENT_STABLE_JSON_H
#define EVENT_STABLE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

#define STABLE_JSON_DEPTH 512

/* A tree, for those who look inside or build. Members of an object are in
 * the order in which they will be written. */
enum sj_type { SJ_NULL, SJ_FALSE, SJ_TRUE, SJ_NUMBER, SJ_STRING, SJ_ARRAY, SJ_OBJECT };

struct sj {
	enum sj_type type;
	struct sv key;  /* as a member: in WTF-8 (UTF-8 that may hold lone surrogates) */
	struct sv text; /* SJ_STRING: likewise */
	double number;
	struct sj *first, *last, *next;
	size_t n; /* members or elements */
};

/* NULL when the text is no JSON or deeper than STABLE_JSON_DEPTH. */
struct sj *sj_parse(struct arena *a, struct sv text);
struct sj *sj_object(struct arena *a);
struct sj *sj_string(struct arena *a, struct sv text);
/* Add a member, or put the value in the place of the one that is there. The
 * value becomes the object's. */
void sj_set(struct arena *a, struct sj *object, struct sv key, struct sj *value);
/* NULL when absent. */
struct sj *sj_get(const struct sj *object, struct sv key);
void sj_write(struct buf *out, const struct sj *value);

/* Parse and write. false leaves out as it was. */
bool stable_json(struct buf *out, struct arena *a, struct sv text);
/* A number as JavaScript's String(number). */
void sj_number(struct buf *out, double number);

#endif
