/*
 * What a list was asked for: its fields with the tenant's own, filters, sort,
 * columns, the saved view. Private to records*.c.
 */
#ifndef APP_RECORDS_STATE_H
#define APP_RECORDS_STATE_H

#include "fcgi/app/records.h"

#define RECORD_FILTERS 24
#define RECORD_COLUMNS 32
#define RECORD_FIELDS 200

enum op_values { OP_NONE, OP_ONE, OP_TWO, OP_MANY, OP_DAYS };

struct record_op {
	const char *name, *label; /* N_() */
	unsigned types;           /* 1 << enum field_type */
	enum op_values values;
};

extern const struct record_op records_ops[]; /* ends with a NULL name */

struct record_filter {
	const struct record_field *field;
	const struct record_op *op;
	struct sv value; /* as in the address */
	json_t *values;  /* its parts, as a list of texts */
};

struct records {
	struct http_request *rq;
	struct arena *arena;
	const struct record_kind *kind;
	const struct record_field *fields[RECORD_FIELDS]; /* the kind's, then the tenant's own */
	size_t n_fields;

	struct sv q;
	struct record_filter filters[RECORD_FILTERS];
	size_t n_filters;
	const struct record_field *sort;
	bool descending;
	const struct record_field *columns[RECORD_COLUMNS];
	size_t n_columns;
	bool own_columns; /* the address names them */
	bool table;

	struct sv edge_key, edge_id; /* of the cursor; key absent: null */
	bool edge, backwards;
	int64_t page;

	const struct db_batch *setup; /* who asks, views, preferences */
	int views, preferences;
	struct sv view_id, view_name;
	bool view_changed, view_mine, view_shared, view_default;
};

/*
 * The first batch of a request, and the state out of `given` (the query of the
 * address, or the fields of a form). Refuses what cannot be read, as a filter
 * that is left out would show, or change, everything.
 */
enum status records_open(struct records *r, struct http_request *rq, const struct record_kind *kind,
			 const struct http_pairs *given, struct err *e) WARN_UNUSED;
/* The kind of the parameter :kind. */
enum status records_kind_of(struct http_request *rq, const struct record_kind **kind,
			    struct err *e) WARN_UNUSED;
const struct record_field *records_field(const struct records *r, struct sv key);
bool field_is_custom(const struct record_field *f);

/* The filters as JSON for internal.records_page. */
struct sv records_where(const struct records *r);

/* An address of this list with one thing changed. */
struct records_link {
	int without;                     /* leave this filter out, from 1; 0: none */
	const struct record_field *sort; /* or NULL: as it is */
	bool descending;
	bool no_filters, no_view, only_state;
	const char *view;                /* "table", "grid" */
};
struct sv records_link(const struct records *r, const struct records_link *change);
/* The state as saved_views keeps it. */
struct sv records_state_json(const struct records *r);

/* ---- cells (records_cell.c) -------------------------------------------- */

/* ", expr as s1, expr as r1": what showing field f as number i needs. */
void cell_columns(struct query *q, const struct record_field *f, size_t i);
/* The cell's value of that row as a map for app/records_cell. */
void cell_show(struct tmpl_value *cell, const struct record_field *f, size_t i,
	       const struct db_batch *b, int stmt, size_t row);
/* One text for files: ISO dates, lists with commas. */
void cell_export_columns(struct query *q, const struct record_field *f, size_t i);
const char *field_look(enum field_type type); /* "text", "money" ...: class and type of the editor */
/* Choices with the values chosen: list `choices` of the map. */
int choices_add(const struct records *r, struct db_batch *b, const struct record_field *f);
void choices_show(struct tmpl_value *map, const struct record_field *f, const struct db_batch *b, int stmt,
		  const json_t *chosen);

#endif
