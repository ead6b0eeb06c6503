/*
 * share: memory that all processes of a host have in common.
 *
 * It is a mapped file of a fixed layout. A file of another layout is replaced,
 * so that processes of an older program keep theirs until they end. Put it
 * where a restart of the machine clears it.
 *
 *	struct share s;
 *	struct counters *c = share_open(&s, path, LAYOUT, sizeof(*c));
 *
 *	if (c)
 *		...what only one process may do at a time...
 *	share_unlock(&s);
 */
#ifndef BASE_SHARE_H
#define BASE_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct share {
	int fd; /* locked while >= 0 */
};

/* Map the file at path; its first 8 bytes are `layout`, the rest begins as
 * zeros. Exclusive until share_unlock. NULL, with errno, when it cannot be. */
void *share_open(struct share *s, const char *path, uint64_t layout, size_t size);
void share_unlock(struct share *s);
void share_close(void *map, size_t size);

#endif
