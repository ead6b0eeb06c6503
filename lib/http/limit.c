#include "http/limit.h"
#include "base/log.h"
#include "base/share.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUT (0x6b6c696dULL << 32 | 1)
#define SLOTS (1u << 18)
/* Places where a key may stand. */
#define PROBES 8

/* Window and count in one word, so that they change together. */
struct slot {
	_Atomic uint64_t key;
	_Atomic uint64_t state; /* minute in which the window ends << 32 | count */
};

struct table {
	uint64_t layout;
	struct slot slots[SLOTS];
};

static struct table *table;
static bool own; /* of this process alone */

void limit_open(void)
{
	const char *path = getenv("KONTOR_LIMITS");
	struct share lock = { .fd = -1 };

	limit_close();
	if (path && *path)
		table = share_open(&lock, path, LAYOUT, sizeof(*table));
	share_unlock(&lock);
	if (table)
		return;
	if (path && *path)
		log_warn("limits are counted per process", LOG_C("file", path),
			 LOG_C("why", strerror(errno)));
	table = calloc(1, sizeof(*table));
	own = true;
}

void limit_close(void)
{
	if (own)
		free(table);
	else
		share_close(table, sizeof(*table));
	table = NULL;
	own = false;
}

/* FNV-1a, finished as splitmix64 is: keys come from hashes and ids, not from
 * people who choose them to collide; if two do, they share a count. */
uint64_t limit_key(struct sv kind, struct sv id)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < kind.n; i++)
		h = (h ^ (unsigned char)kind.p[i]) * 0x100000001b3;
	h = (h ^ 0xff) * 0x100000001b3;
	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	h = (h ^ h >> 27) * 0x94d049bb133111eb;
	h ^= h >> 31;
	return h ? h : 1;
}

/* The key's own slot, or NULL. */
static struct slot *slot_find(uint64_t key)
{
	for (unsigned i = 0; i < PROBES; i++) {
		struct slot *s = &table->slots[(key + i) % SLOTS];

		if (atomic_load_explicit(&s->key, memory_order_relaxed) == key)
			return s;
	}
	return NULL;
}

/* The key's own slot; else a free one or the one whose window is oldest,
 * which is then the key's. Two who take it at once count together. */
static struct slot *slot_of(uint64_t key)
{
	struct slot *oldest = NULL;
	uint64_t age = UINT64_MAX;

	for (unsigned i = 0; i < PROBES; i++) {
		struct slot *s = &table->slots[(key + i) % SLOTS];
		uint64_t k = atomic_load_explicit(&s->key, memory_order_relaxed);
		uint64_t state = atomic_load_explicit(&s->state, memory_order_relaxed);

		if (k == key)
			return s;
		if ((k ? state : 0) < age) {
			age = k ? state : 0;
			oldest = s;
		}
	}
	atomic_store_explicit(&oldest->state, 0, memory_order_relaxed);
	atomic_store_explicit(&oldest->key, key, memory_order_relaxed);
	return oldest;
}

bool limit_take(uint64_t key, int64_t limit, int64_t seconds, int64_t now,
		struct limit_state *out)
{
	int64_t reset = (now / seconds + 1) * seconds;
	uint64_t window = (uint64_t)(reset / 60), state, count;
	struct slot *s;

	*out = (struct limit_state){ limit, 0, reset };
	if (!limit)
		return true;
	if (!table)
		limit_open();
	s = slot_of(key ^ (uint64_t)seconds);
	state = atomic_load_explicit(&s->state, memory_order_relaxed);
	do {
		count = state >> 32 == window ? state & UINT32_MAX : 0;
		if (count >= (uint64_t)limit)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&s->state, &state, window << 32 | (count + 1),
							memory_order_relaxed,
							memory_order_relaxed));
	out->remaining = limit - (int64_t)count - 1;
	return true;
}

void limit_note(uint64_t key, uint32_t value, int64_t now)
{
	if (!table)
		limit_open();
	atomic_store_explicit(&slot_of(key)->state, (uint64_t)(now / 60) << 32 | value,
			      memory_order_relaxed);
}

bool limit_noted(uint64_t key, uint32_t *value, int64_t *minute)
{
	struct slot *s = table ? slot_find(key) : NULL;
	uint64_t state = s ? atomic_load_explicit(&s->state, memory_order_relaxed) : 0;

	*value = (uint32_t)state;
	*minute = (int64_t)(state >> 32);
	return state != 0;
}
