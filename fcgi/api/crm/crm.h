/*
 * crm: the second contract, /api/v1 (crm-api.md) and /external/v1: camelCase
 * keys, prefixed ids, {"data","meta"} around the records.
 *
 * SQL is put together from the literals of crm/entity.h alone, what was sent is
 * always a parameter.
 */
#ifndef API_CRM_H
#define API_CRM_H

#include "crm/entity.h"
#include "fcgi/api/routes.h"

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
enum status crm_update(struct crm_sql *q, struct sv id, json_t *body, struct sv if_match,
		       struct err *e) WARN_UNUSED;
/* " and ..." for If-Match; nothing when it is absent or "*". */
void crm_if_match(struct crm_sql *q, struct sv tags);
/* The uuid of an id as it was sent; SV_NONE when it cannot be one. */
struct sv crm_id(struct arena *a, const char *prefix, struct sv sent);

/* ---- records.c -------------------------------------------------------------- */

http_handler crm_list, crm_create, crm_read, crm_change, crm_delete;
/* /external/v1/opportunities */
http_handler external_list, external_create, external_stage;

/* {"error":{"code","message","details":[{"field","message"}]}} */
void crm_error(struct http_response *rs, const struct err *e);

#endif
