/*
 * config: settings of the engine when it runs on its own, in PostgREST's names
 * and syntax.
 *
 *	# comment
 *	db-uri = "postgres://authenticator@/app"
 *	db-max-rows = 1000
 *	jwt-secret = "$(JWT_SECRET)"	# from the environment; $$ is a $
 *	app.settings.motto = "free text for current_setting()"
 *
 * The environment (PGRST_DB_URI ...) overrides the file, and what the database
 * says (pgrst.db_schemas ...) overrides both.
 */
#ifndef REST_CONFIG_H
#define REST_CONFIG_H

#include "base/buf.h"
#include "base/err.h"

enum rest_config_key {
#define CONFIG(name, spelling, value, text) REST_CONFIG_##name,
#include "rest/config.def"
#undef CONFIG
	REST_CONFIG__MAX
};

struct rest_setting {
	struct sv name, value;
};

struct rest_config {
	struct arena *arena; /* where the values are */
	struct sv value[REST_CONFIG__MAX];
	struct rest_setting *app; /* app.settings.*, whole names */
	size_t napp;
};

/*
 * Defaults, then the text of a file, then the environment ("NAME=value"
 * strings ending with NULL). Values beginning with @ are read from the file
 * named where that is documented (db-uri, jwt-secret). Unknown names are
 * logged and passed over, as PostgREST does.
 */
enum status rest_config_parse(struct rest_config *c, struct arena *a, struct sv text, char **env,
			      struct err *e) WARN_UNUSED;
/* The same from a file; path NULL: from the environment alone. */
enum status rest_config_load(struct rest_config *c, struct arena *a, const char *path, char **env,
			     struct err *e) WARN_UNUSED;
/* A setting by its name with - or _, as a database has it: db_schemas,
 * app.settings.x. False when there is none of that name. */
bool rest_config_set(struct rest_config *c, struct sv name, struct sv value);

/* What the database itself says, of the settings that it may: rows of name and
 * value, after db-pre-config where that is set. */
struct db;
enum status rest_config_ask(struct rest_config *c, struct db *db, struct err *e) WARN_UNUSED;

struct sv rest_config_get(const struct rest_config *c, enum rest_config_key key);
/* The same as a C string, NULL when empty. */
const char *rest_config_str(const struct rest_config *c, enum rest_config_key key);
bool rest_config_bool(const struct rest_config *c, enum rest_config_key key);
int64_t rest_config_int(const struct rest_config *c, enum rest_config_key key);
/* The name of a function, with or without its schema, as SQL. */
struct sv rest_config_function(const struct rest_config *c, enum rest_config_key key);

#endif
