/*
 * conf: the settings of the installation, read once at start.
 *
 * One file (KONTOR_CONF, default /etc/kontor/kontor.conf) with lines
 * `name = value`, # begins a comment; an environment variable KONTOR_NAME
 * overrides the file. The list of settings is base/conf.def. Unknown names
 * are an error, so that a slip of the pen is noticed.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/err.h"

enum conf_key {
#define CONF(name, value, text) CONF_##name,
#include "base/conf.def"
#undef CONF
	CONF__MAX
};

/* Read the file and the environment. A missing file is an error only when
 * path is not NULL; NULL means KONTOR_CONF or the default place. */
enum status conf_load(const char *path, struct arena *a, struct err *e) WARN_UNUSED;

/* The value, never NULL. Valid for the life of the process. */
const char *conf_str(enum conf_key key);
/* "on", "yes", "true", "1". */
bool conf_bool(enum conf_key key);
/* The leading integer of the value, 0 without one. */
int64_t conf_int(enum conf_key key);
/* Name and meaning, for help texts. */
const char *conf_name(enum conf_key key);
const char *conf_help(enum conf_key key);
/* For tests and for options on a command line. */
void conf_set(enum conf_key key, const char *value);

#endif
