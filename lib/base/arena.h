/*
 * arena: memory that dies together.
 *
 * Each request and each job has one. Allocate and never free: arena_reset at
 * the end gives everything back, after running the clean-ups that were
 * registered (newest first). Memory comes zeroed and aligned for any type.
 * Out of memory aborts the process; nothing here returns NULL.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/sv.h"

#include <stdarg.h>

struct arena;

struct arena *arena_new(void);
/* Run clean-ups and forget all allocations; keeps one block for the next use. */
void arena_reset(struct arena *a);
/* As reset, and free the arena itself. NULL is allowed. */
void arena_free(struct arena *a);

void *arena_alloc(struct arena *a, size_t size)
	__attribute__((malloc, alloc_size(2), returns_nonnull));
/* n elements of `size`; aborts when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size)
	__attribute__((malloc, alloc_size(2, 3), returns_nonnull));

/* A list with room for one more element: v itself, or a copy twice as long (8 at first)
 * whose rest is zero. v may be NULL; *room is how many elements it holds. */
void *arena_more(struct arena *a, void *v, size_t n, size_t *room, size_t size)
	__attribute__((returns_nonnull));

/* NUL-terminated copies. */
char *arena_dup(struct arena *a, struct sv s) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0), returns_nonnull));
/* A view of a copy, also NUL-terminated behind its end. */
struct sv arena_sv(struct arena *a, struct sv s);

/* Call fn(arg) when the arena is reset: for files, results, foreign objects. */
void arena_cleanup(struct arena *a, void (*fn)(void *arg), void *arg);

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))

#endif
