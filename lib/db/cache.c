#include "db/priv.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void cache_name(char out[static CACHE_NAME_SIZE], unsigned number)
{
	snprintf(out, CACHE_NAME_SIZE, "k%u", number);
}

void cache_begin(struct cache *c)
{
	c->pipeline++;
}

static uint64_t hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static size_t address_slot(const struct cache *c, const char *literal)
{
	size_t i = (((uintptr_t)literal * 0x9e3779b97f4a7c15u) >> 20) & (c->size - 1);

	while (c->addresses[i].literal && c->addresses[i].literal != literal)
		i = (i + 1) & (c->size - 1);
	return i;
}

static void grow_addresses(struct cache *c)
{
	struct cache old = *c;

	c->size = old.size ? old.size * 2 : 256;
	c->addresses = mem_alloc(c->size * sizeof(*c->addresses));
	memset(c->addresses, 0, c->size * sizeof(*c->addresses));
	for (size_t i = 0; i < old.size; i++)
		if (old.addresses[i].literal)
			c->addresses[address_slot(c, old.addresses[i].literal)] = old.addresses[i];
	free(old.addresses);
}

static void remember_address(struct cache *c, const char *literal, struct cached *found)
{
	size_t slot;

	if (2 * (c->naddresses + 1) > c->size)
		grow_addresses(c);
	slot = address_slot(c, literal);
	c->addresses[slot].literal = literal;
	c->addresses[slot].c = found;
	c->naddresses++;
}

static struct cached *find_content(const struct cache *c, uint64_t hash, const char *sql)
{
	struct cached *e = c->buckets[hash % CACHE_BUCKETS];

	while (e && (e->hash != hash || strcmp(e->sql, sql) != 0))
		e = e->next;
	return e;
}

static void free_cached(struct cached *e)
{
	if (e->composed)
		free((char *)e->sql);
	free(e);
}

/* Throw out the composed statement that was not used for longest. */
static bool drop_oldest(struct cache *c)
{
	struct cached **oldest = NULL, *e;

	for (size_t i = 0; i < CACHE_BUCKETS; i++)
		for (struct cached **at = &c->buckets[i]; *at; at = &(*at)->next)
			if ((*at)->composed && (*at)->used != c->pipeline &&
			    (!oldest || (*at)->used < (*oldest)->used))
				oldest = at;
	if (!oldest)
		return false;
	e = *oldest;
	*oldest = e->next;
	if (e->prepared) {
		c->dropped = mem_realloc(c->dropped, (c->ndropped + 1) * sizeof(*c->dropped));
		c->dropped[c->ndropped++] = e->number;
	}
	free_cached(e);
	c->ncomposed--;
	return true;
}

static struct cached *insert(struct cache *c, uint64_t hash, const char *sql, bool composed)
{
	struct cached *e = mem_alloc(sizeof(*e));

	*e = (struct cached){ .hash = hash, .composed = composed, .number = ++c->last_number };
	e->sql = composed ? mem_dup(sql) : sql;
	e->next = c->buckets[hash % CACHE_BUCKETS];
	c->buckets[hash % CACHE_BUCKETS] = e;
	c->ncomposed += composed;
	return e;
}

static struct cached *by_content(struct cache *c, const char *sql, bool composed)
{
	uint64_t hash = hash_text(sql);
	struct cached *e = find_content(c, hash, sql);

	if (e)
		return e;
	if (composed && c->ncomposed >= CACHE_COMPOSED_MAX && !drop_oldest(c))
		return NULL;
	return insert(c, hash, sql, composed);
}

/* A literal that has the text of a composed statement keeps it for good:
 * its address is remembered, so the entry may not go away. */
static void keep(struct cache *c, struct cached *e, const char *literal)
{
	if (!e->composed)
		return;
	free((char *)e->sql);
	e->sql = literal;
	e->composed = false;
	c->ncomposed--;
}

struct cached *cache_get(struct cache *c, const char *sql, bool composed)
{
	struct cached *e = NULL;

	if (!composed && c->size)
		e = c->addresses[address_slot(c, sql)].c;
	if (!e) {
		e = by_content(c, sql, composed);
		if (!e)
			return NULL;
		if (!composed) {
			keep(c, e, sql);
			remember_address(c, sql, e);
		}
	}
	e->used = c->pipeline;
	return e;
}

void cache_forget(struct cache *c)
{
	for (size_t i = 0; i < CACHE_BUCKETS; i++)
		for (struct cached *e = c->buckets[i]; e; e = e->next)
			e->prepared = e->sent = false;
	c->ndropped = 0;
}

void cache_release(struct cache *c)
{
	for (size_t i = 0; i < CACHE_BUCKETS; i++)
		while (c->buckets[i]) {
			struct cached *e = c->buckets[i];

			c->buckets[i] = e->next;
			free_cached(e);
		}
	free(c->addresses);
	free(c->dropped);
}
