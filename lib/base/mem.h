/*
 * mem: malloc for the few things that outlive a request.
 *
 * None of these returns NULL: a FastCGI process that cannot get memory ends,
 * and multiwatch starts a fresh one.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((alloc_size(2), returns_nonnull));
char *mem_dup(const char *cstr) __attribute__((malloc, returns_nonnull));
/* Say that `size` bytes could not be had, and abort. */
void mem_fail(size_t size) __attribute__((noreturn));

/* mem_auto: free(3) at the end of the scope. */
void mem_free_ptr(void *pp);
#define mem_auto __attribute__((cleanup(mem_free_ptr)))

#endif
