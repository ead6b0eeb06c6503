/*
 * entity: the records of the second contract (crm-api.md), as its API and its
 * webhooks show them.
 *
 * An entity is a table of fields: how each is called outside, the SQL that
 * reads it, the column that it is written to. Everything else is the same for
 * all. A new entity is a row in crm_entities and its list of fields.
 */
#ifndef CRM_ENTITY_H
#define CRM_ENTITY_H

#include "base/arena.h"
#include "base/buf.h"

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

/* ---- webhooks (CAP-14..16) ----------------------------------------------------- */

/* What an event is called here: "opportunity.stage_changed". */
struct sv crm_event_name(struct sv type);
/*
 * {"event","tenantId","timestamp","data"}, data being the record as GET
 * returns it. `data` is the JSON of the row; record_type "contact", "deal" ...;
 * one that is no entity here is written with its own fields in camelCase.
 * false: data is no JSON object.
 */
struct crm_event {
	struct sv type, record_type, organization_id;
	struct sv at; /* 2025-01-15T12:34:56.789Z */
	struct sv data;
};
bool crm_event_body(const struct crm_event *ev, struct arena *a, struct buf *out);

#endif
