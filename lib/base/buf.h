/*
 * buf: the growing buffer in which every answer is written.
 *
 * Start with BUF_INIT or a zeroed struct; the content is always
 * NUL-terminated once something was added. Growing aborts when memory is
 * gone, so nothing here fails. A buf that outlives its use is released with
 * buf_release; buf_clear keeps the memory for the next request.
 *
 * The context of an escape is in the function's name: buf_html for text and
 * attribute values in HTML, buf_url for one component of a URL, buf_json for
 * a JSON string with its quotes. Unescaped text is added by buf_add and
 * friends only.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/sv.h"

struct arena;

struct buf {
	char *p;
	size_t n, size;
};

#define BUF_INIT { NULL, 0, 0 }
/* Release at the end of the scope. */
#define buf_auto __attribute__((cleanup(buf_release)))

void buf_release(struct buf *b);
/* A buf that lives, with its content, as long as the arena does. */
struct buf *buf_in_arena(struct arena *a);
static inline void buf_clear(struct buf *b)
{
	b->n = 0;
}
static inline struct sv buf_sv(const struct buf *b)
{
	return sv_make(b->p ? b->p : "", b->n);
}
/* The content, which the caller frees; the buf is empty afterwards. */
char *buf_detach(struct buf *b);

/* Make room for `more` bytes behind the content and return where they go;
 * the caller adds what it wrote to b->n. */
char *buf_room(struct buf *b, size_t more);

void buf_add(struct buf *b, struct sv s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_i64(struct buf *b, int64_t v);
/* A literal, its length known at compile time. */
#define buf_lit(b, lit) buf_add((b), SV(lit))

/* &, <, >, " and ' become entities. */
void buf_html(struct buf *b, struct sv s);
/* Everything but A-Z a-z 0-9 - . _ ~ becomes %XX. */
void buf_url(struct buf *b, struct sv s);
/* A JSON string with its quotes, in JSON.stringify's form: only ", \ and
 * control characters are escaped; s must be UTF-8 (sv_is_text). */
void buf_json(struct buf *b, struct sv s);
/* "key": (with a comma before it unless it is the first of its object). */
void buf_json_key(struct buf *b, const char *key);
/* Lower-case hex. */
void buf_hex(struct buf *b, const void *data, size_t n);

#endif
