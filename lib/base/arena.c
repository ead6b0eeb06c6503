#include "base/arena.h"
#include "base/mem.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (32 * 1024)

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	struct block *blocks; /* the newest first; the last one is kept by a reset */
	struct cleanup *cleanups;
	size_t used;
};

static struct block *block_new(size_t size, struct block *next)
{
	struct block *b = mem_alloc(sizeof(*b) + size);

	b->next = next;
	b->size = size;
	b->used = 0;
	return b;
}

struct arena *arena_new(void)
{
	struct arena *a = mem_alloc(sizeof(*a));

	*a = (struct arena){ .blocks = block_new(BLOCK_SIZE, NULL) };
	return a;
}

void arena_reset(struct arena *a)
{
	while (a->cleanups) {
		struct cleanup *c = a->cleanups;

		a->cleanups = c->next;
		c->fn(c->arg);
	}
	while (a->blocks->next) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	a->blocks->used = 0;
	a->used = 0;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_reset(a);
	free(a->blocks);
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct block *b = a->blocks;
	void *p;

	if (need < size)
		mem_fail(size);
	if (need > b->size - b->used) {
		b = block_new(need > BLOCK_SIZE ? need : BLOCK_SIZE, b);
		a->blocks = b;
	}
	p = b->data + b->used;
	b->used += need;
	a->used += need;
	return memset(p, 0, need);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		mem_fail(SIZE_MAX);
	return arena_alloc(a, total);
}

void *arena_more(struct arena *a, void *v, size_t n, size_t *room, size_t size)
{
	void *more;

	if (v && n < *room)
		return v;
	*room = *room ? 2 * *room : 8;
	more = arena_array(a, *room, size);
	if (n)
		memcpy(more, v, n * size);
	return more;
}

char *arena_dup(struct arena *a, struct sv s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct sv arena_sv(struct arena *a, struct sv s)
{
	return sv_make(arena_dup(a, s), s.n);
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		mem_fail(0);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

void arena_cleanup(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct cleanup *c = ARENA_NEW(a, struct cleanup);

	*c = (struct cleanup){ a->cleanups, fn, arg };
	a->cleanups = c;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
