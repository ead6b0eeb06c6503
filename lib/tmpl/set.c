#include "base/log.h"
#include "base/mem.h"
#include "tmpl/code.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS 1024 /* a program has a few hundred keys and templates */

static struct tmpl_set *set_new(void)
{
	struct tmpl_set *set = mem_alloc(sizeof(*set));

	*set = (struct tmpl_set){ .arena = arena_new(), .generation = 1,
				  .max_steps = 10 * 1000 * 1000,
				  .max_bytes = (size_t)64 << 20 };
	set->buckets = ARENA_ARRAY(set->arena, BUCKETS, struct tmpl_name *);
	return set;
}

struct tmpl_set *tmpl_set_open(const char *dir)
{
	struct tmpl_set *set = set_new();

	set->dir = mem_dup(dir);
	return set;
}

struct tmpl_set *tmpl_set_memory(bool lenient)
{
	struct tmpl_set *set = set_new();

	set->lenient = lenient;
	return set;
}

static void unit_free(struct tmpl_unit *unit)
{
	if (unit)
		arena_free(unit->arena);
}

void tmpl_set_free(struct tmpl_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct tmpl_name *n = set->buckets[i]; n; n = n->next)
			unit_free(n->unit);
	arena_free(set->arena);
	free(set->dir);
	free(set);
}

void tmpl_set_reload(struct tmpl_set *set, bool on)
{
	set->reload = on;
}

void tmpl_set_translate(struct tmpl_set *set, const char *(*translate)(const char *text))
{
	set->translate = translate;
}

void tmpl_set_limits(struct tmpl_set *set, uint64_t steps, size_t bytes)
{
	set->max_steps = steps;
	set->max_bytes = bytes;
}

/* FNV-1a */
static struct tmpl_name **bucket(struct tmpl_set *set, struct sv text)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.p[i]) * 16777619u;
	return &set->buckets[(h ^ h >> 16) % BUCKETS];
}

static struct tmpl_name *name_find(struct tmpl_set *set, struct sv text)
{
	struct tmpl_name *n = *bucket(set, text);

	while (n && !sv_eq(n->text, text))
		n = n->next;
	return n;
}

struct tmpl_name *tmpl_intern(struct tmpl_set *set, struct sv text)
{
	struct tmpl_name *n = name_find(set, text);
	struct tmpl_name **at;

	if (n)
		return n;
	at = bucket(set, text);
	n = ARENA_NEW(set->arena, struct tmpl_name);
	*n = (struct tmpl_name){ arena_sv(set->arena, text), set->nnames++, NULL, *at };
	*at = n;
	return n;
}

static struct tmpl_unit *unit_new(struct sv name)
{
	struct arena *a = arena_new();
	struct tmpl_unit *unit = ARENA_NEW(a, struct tmpl_unit);

	unit->arena = a;
	unit->name = arena_sv(a, name);
	return unit;
}

/* Compile and keep; the unit is freed when it cannot be compiled. */
static enum status unit_keep(struct tmpl_set *set, struct tmpl_unit *unit, struct sv src)
{
	struct tmpl_name *name;
	struct tmpl_fault fault;

	src = tmpl_translate(set, unit->arena, src);
	if (!tmpl_compile(set, unit, src, &fault)) {
		log_error("a template is not well-formed", LOG_S("template", unit->name),
			  LOG_I("line", fault.line), LOG_C("why", fault.why),
			  LOG_S("tag", fault.what));
		unit_free(unit);
		return ST_INTERNAL;
	}
	unit->checked = set->generation;
	name = tmpl_intern(set, unit->name);
	unit_free(name->unit);
	name->unit = unit;
	return ST_OK;
}

enum status tmpl_set_add(struct tmpl_set *set, struct sv name, struct sv text)
{
	struct tmpl_unit *unit = unit_new(name);

	return unit_keep(set, unit, arena_sv(unit->arena, text));
}

/* Names may come from data ({{>*key}}): nothing outside the directory, no
 * hidden file. */
static bool name_allowed(struct sv name)
{
	bool begins = true; /* a component */

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '-';

		if (!word && (begins || (c != '/' && c != '.')))
			return false;
		begins = c == '/';
	}
	return !begins && name.n <= 200;
}

static struct tmpl_stamp stamp_of(const struct stat *st)
{
	return (struct tmpl_stamp){ st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_size,
				    st->st_ino };
}

static bool stamp_same(const struct tmpl_stamp *a, const struct tmpl_stamp *b)
{
	return a->sec == b->sec && a->nsec == b->nsec && a->size == b->size &&
	       a->inode == b->inode;
}

/* False also when the file has become shorter since its size was asked for. */
static bool read_whole(int fd, char *at, size_t n)
{
	while (n) {
		ssize_t got = read(fd, at, n);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static enum status load_fd(struct tmpl_set *set, struct sv name, int fd, const struct stat *st)
{
	struct tmpl_unit *unit;
	size_t n = (size_t)st->st_size;
	char *src;

	if (!S_ISREG(st->st_mode) || st->st_size > TMPL_SIZE_MAX) {
		log_error("a template is no file, or too large", LOG_S("template", name));
		return ST_INTERNAL;
	}
	unit = unit_new(name);
	unit->stamp = stamp_of(st);
	src = arena_alloc(unit->arena, n + 1);
	if (!read_whole(fd, src, n)) {
		log_error("a template cannot be read", LOG_S("template", name));
		unit_free(unit);
		return ST_INTERNAL;
	}
	return unit_keep(set, unit, sv_make(src, n));
}

/* Load the file unless `old` was made from it as it is now. */
static enum status load(struct tmpl_set *set, struct sv name, struct tmpl_unit *old)
{
	struct buf path buf_auto = BUF_INIT;
	struct tmpl_stamp stamp;
	struct stat st;
	enum status status = ST_OK;
	int fd;

	buf_addf(&path, "%s/%.*s.html", set->dir, SV_ARG(name));
	fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ST_NOT_FOUND;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return ST_NOT_FOUND;
	}
	stamp = stamp_of(&st);
	if (old && stamp_same(&stamp, &old->stamp))
		old->checked = set->generation;
	else
		status = load_fd(set, name, fd, &st);
	close(fd);
	return status;
}

enum status tmpl_unit_get(struct tmpl_set *set, struct sv name, struct tmpl_unit **unit)
{
	struct tmpl_name *n = name_find(set, name);
	struct tmpl_unit *old = n ? n->unit : NULL;
	enum status status;

	if (old && (!set->dir || !set->reload || old->checked == set->generation)) {
		*unit = old;
		return ST_OK;
	}
	if (!set->dir || !name_allowed(name))
		return ST_NOT_FOUND;
	status = load(set, name, old);
	if (status == ST_OK)
		*unit = name_find(set, name)->unit;
	return status;
}
