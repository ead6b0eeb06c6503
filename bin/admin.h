/*
 * What the verbs of kontor-admin share.
 */
#ifndef BIN_ADMIN_H
#define BIN_ADMIN_H

#include "db/db.h"

#include <jansson.h>

struct admin {
	int argc;
	char **argv;
	struct arena *arena;
	struct db *db;  /* as the owner */
	json_t *out;    /* printed when the verb succeeds */
};

/* The value behind --name; SV_NONE when it was not given. */
struct sv admin_option(const struct admin *ad, const char *name);
enum status admin_need(struct admin *ad, const char *name, struct sv *out,
		       struct err *e) WARN_UNUSED;

/* An empty slug is made from the name; empty zone and currency: UTC, USD. */
enum status admin_tenant(struct admin *ad, struct sv name, struct sv slug, struct sv zone,
			 struct sv currency, struct sv *id, struct err *e) WARN_UNUSED;

struct admin_person {
	struct sv organization_id, email, password, first_name, last_name, role, username;
};
enum status admin_user(struct admin *ad, const struct admin_person *p, struct sv *id,
		       struct err *e) WARN_UNUSED;

/* A new key, its only copy in *key. */
enum status admin_key(struct admin *ad, struct sv organization_id, struct sv name,
		      const char *prefix, struct sv *key, struct err *e) WARN_UNUSED;

/* bin/queue.c */
enum status admin_webhook_create(struct admin *ad, struct err *e) WARN_UNUSED;
enum status admin_job_dead(struct admin *ad, struct err *e) WARN_UNUSED;
enum status admin_job_rerun(struct admin *ad, struct err *e) WARN_UNUSED;

/* bin/demo.c: two tenants with data that looks like a working week. */
enum status admin_demo(struct admin *ad, struct err *e) WARN_UNUSED;

#endif
