/*
 * crm: the second contract, /api/v1 (crm-api.md) and /external/v1: camelCase
 * keys, prefixed ids, {"data","meta"} around the records.
 *
 * An entity is a table of fields: how each is called outside, the SQL that
 * reads it, the column that it is written to. Everything else is the same for
 * all. A new entity is a row in crm_entities and its list of fields; SQL is
 * put together from these literals alone, what was sent is always a parameter.
 */
#ifndef API_CRM_H
#define API_CRM_H

#include "fcgi/api/routes.h"

enum crm_kind {
	CRM_TEXT,
	CRM_WORD, /* text that filters compare without regard to case */
	CRM_NUMBER,
	CRM_BOOL,
	CRM_DATE,
	CRM_TIME, /* 2024-01-15T09:30:00Z */
	CRM_ID,
	CRM_FIRST, /* text: the first element of a list */
	CRM_LIST,  /* of texts */
	CRM_OBJECT
};

enum crm_flags { CRM_NEEDED = 1 /* on creation */ };

struct crm_field {
	const char *name;   /* in JSON; NULL ends the list */
	const char *read;   /* SQL over the row t */
	enum crm_kind kind;
	const char *column; /* written to; NULL: kept by the database */
	const char *prefix; /* of CRM_ID; NULL: uuids as they are */
	unsigned flags;
};

struct crm_entity {
	const char *path;  /* "contacts" */
	const char *one;   /* "contact", in messages */
	const char *table; /* also its order: newest first */
	const char *prefix; /* of its ids */
	const struct crm_field *fields;
};

extern const struct crm_entity crm_entities[]; /* ends with a NULL path */
extern const struct crm_entity crm_opportunity; /* of /external/v1 */

/* ---- sql.c ---------------------------------------------------------------- */

/* A statement under construction. */
struct crm_sql {
	struct arena *arena;
	const struct crm_entity *of;
	struct buf text;
	struct db_value params[64];
	size_t n;
};

/* " $n" for the value; returns false when there are too many. */
bool crm_param(struct crm_sql *q, struct db_value v);
/* Every field, comma-separated, under its outside name. */
void crm_reads(struct crm_sql *q);
/* The filters of a query string as " where ..."; an unknown parameter, or a
 * value of the wrong kind, is 400 (CAP-11). */
enum status crm_filters(struct crm_sql *q, struct http_request *rq, struct err *e) WARN_UNUSED;
enum status crm_insert(struct crm_sql *q, json_t *body, struct err *e) WARN_UNUSED;
/* `id` is a uuid. */
enum status crm_update(struct crm_sql *q, struct sv id, json_t *body, struct err *e) WARN_UNUSED;
/* The uuid of an id as it was sent; SV_NONE when it cannot be one. */
struct sv crm_id(struct arena *a, const char *prefix, struct sv sent);

/* ---- records.c -------------------------------------------------------------- */

http_handler crm_list, crm_create, crm_read, crm_change, crm_delete;
/* /external/v1/opportunities */
http_handler external_list, external_create, external_stage;

/* {"error":{"code","message","details":[{"field","message"}]}} */
void crm_error(struct http_response *rs, const struct err *e);

#endif
