#include "base/conf.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/etc/kontor/kontor.conf"

static const struct {
	const char *name, *value, *help;
} settings[CONF__MAX] = {
#define CONF(name, value, text) [CONF_##name] = { #name, value, text },
#include "base/conf.def"
#undef CONF
};

static char *given[CONF__MAX]; /* what file or environment say, else NULL */

void conf_set(enum conf_key key, const char *value)
{
	free(given[key]);
	given[key] = mem_dup(value);
}

const char *conf_str(enum conf_key key)
{
	return given[key] ? given[key] : settings[key].value;
}

bool conf_bool(enum conf_key key)
{
	struct sv v = sv_from(conf_str(key));

	return sv_ieq(v, SV("on")) || sv_ieq(v, SV("yes")) || sv_ieq(v, SV("true")) ||
	       sv_eq(v, SV("1"));
}

int64_t conf_int(enum conf_key key)
{
	return strtoll(conf_str(key), NULL, 10);
}

const char *conf_name(enum conf_key key)
{
	return settings[key].name;
}

const char *conf_help(enum conf_key key)
{
	return settings[key].help;
}

static enum status read_line(const char *path, int number, struct sv line, struct arena *a,
			     struct err *e)
{
	struct sv name, value = sv_trim(line);

	if (value.n == 0 || value.p[0] == '#')
		return ST_OK;
	name = sv_trim(sv_cut(&value, '='));
	if (!sv_present(value))
		return err_set(e, a, ST_BAD_INPUT, "%s:%d: expected name = value", path, number);
	for (int i = 0; i < CONF__MAX; i++) {
		if (!sv_eq(name, sv_from(settings[i].name)))
			continue;
		conf_set((enum conf_key)i, arena_dup(a, sv_trim(value)));
		return ST_OK;
	}
	return err_set(e, a, ST_BAD_INPUT, "%s:%d: there is no setting %.*s; see kontor.conf(5)",
		       path, number, SV_ARG(name));
}

static enum status read_file(const char *path, FILE *f, struct arena *a, struct err *e)
{
	mem_auto char *line = NULL;
	size_t size = 0;
	ssize_t n;

	for (int number = 1; (n = getline(&line, &size, f)) >= 0; number++)
		if (read_line(path, number, sv_make(line, (size_t)n), a, e))
			return e->status;
	return ST_OK;
}

static void read_environment(struct arena *a)
{
	for (int i = 0; i < CONF__MAX; i++) {
		char *name = arena_printf(a, "KONTOR_%s", settings[i].name);
		const char *value;

		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		value = getenv(name);
		if (value)
			conf_set((enum conf_key)i, value);
	}
}

enum status conf_load(const char *path, struct arena *a, struct err *e)
{
	bool needed = path != NULL;
	enum status s = ST_OK;
	FILE *f;

	if (!path)
		path = getenv("KONTOR_CONF");
	if (path)
		needed = true;
	else
		path = DEFAULT_PATH;
	f = fopen(path, "r");
	if (f) {
		s = read_file(path, f, a, e);
		fclose(f);
	} else if (needed || errno != ENOENT) {
		s = err_set(e, a, ST_NOT_FOUND, "%s: %s; name the right file in KONTOR_CONF",
			    path, strerror(errno));
	}
	if (!s)
		read_environment(a);
	return s;
}
