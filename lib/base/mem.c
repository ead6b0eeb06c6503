#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_fail(size_t size)
{
	fprintf(stderr, "kontor: out of memory (%zu bytes)\n", size);
	abort();
}

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		mem_fail(size);
	return p;
}

void *mem_realloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	if (!q)
		mem_fail(size);
	return q;
}

char *mem_dup(const char *cstr)
{
	size_t n = strlen(cstr) + 1;

	return memcpy(mem_alloc(n), cstr, n);
}

void mem_free_ptr(void *pp)
{
	free(*(void **)pp);
}
