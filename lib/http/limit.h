/*
 * limit: how often somebody may come, counted for all processes of the host.
 *
 * Windows are whole minutes, hours or days of UTC; a count belongs to a key
 * and its window. The environment variable KONTOR_LIMITS names the file that
 * the processes share (base/share.h); without it each counts for itself.
 * Counts live as long as the file. Adding is one atomic exchange; where more
 * callers come at once than there is room for, those who stayed away longest
 * are forgotten, which lets nobody be refused who should not be.
 */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include "base/sv.h"

#include <stdbool.h>

void limit_open(void);
void limit_close(void);

/* A key from what it stands for: "key", then the hash of the API key. */
uint64_t limit_key(struct sv kind, struct sv id);

/* What X-RateLimit-* say. */
struct limit_state {
	int64_t limit; /* requests in a window; 0 = nobody counts */
	int64_t remaining;
	int64_t reset; /* when the window ends, in seconds since 1970 */
};

/*
 * One request more for the key in the present window of that many seconds.
 * False, and nothing is counted, when `limit` were made already. `now` in
 * seconds since 1970. A limit of 0 always holds.
 */
bool limit_take(uint64_t key, int64_t limit, int64_t seconds, int64_t now,
		struct limit_state *out);

/* A number that the processes tell each other about a key, and the minute in
 * which they did; false when none is known. */
void limit_note(uint64_t key, uint32_t value, int64_t now);
bool limit_noted(uint64_t key, uint32_t *value, int64_t *minute);

#endif
