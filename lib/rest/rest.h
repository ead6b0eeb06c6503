/*
 * rest: tables, views and functions of a database as an HTTP interface, in
 * PostgREST's dialect.
 *
 * Nothing here knows a table: names, types, keys and comments come from the
 * catalogue (struct rest_schema, read by rest_load and again after NOTIFY
 * pgrst). A request is parsed into a tree, its names are looked up in the
 * schema, and the tree becomes one parameterised statement:
 *
 *	struct rest_call call = { .target = SV("deals") };
 *
 *	if (rest_ready(rest, db, rq->arena, e))
 *		return e->status;
 *	return rest_handle(rest, &call, rq, rs, batch_that_says_who_asks, e);
 *
 * Identifiers in SQL are the schema's own, quoted, or an alias that was
 * checked and quoted; values are parameters. Requests of the same shape have
 * the same text, so that their statement is prepared once.
 *
 * What a column's comment can ask for:
 *   "Write-only: sealed at rest"        passed through rest_options.seal on
 *                                       writes, never selected or compared
 *   "compared without regard to case"   eq and in also match the value in
 *                                       upper and in lower case
 *   "also written: A = B, C = D"        of such a column: A also means B
 */
#ifndef REST_REST_H
#define REST_REST_H

#include "db/db.h"
#include "http/http.h"

struct rest;
struct rest_schema;

enum rest_openapi {
	REST_OPENAPI_MAY, /* what the caller may use */
	REST_OPENAPI_ALL,
	REST_OPENAPI_OFF
};

struct rest_options {
	const char *schemas; /* comma-separated; the first is the default one */
	/* More schemas whose functions of a row are columns; NULL: none. */
	const char *extra_schemas;
	const char *role;    /* whose column privileges decide what * means; NULL: * is all */
	int64_t max_rows;    /* of one answer; 0 = no bound */
	const char *channel; /* that tells of changes; NULL: "pgrst" */
	bool deaf;           /* do not listen on it */
	/* Honour response.headers and response.status, which SQL may set. */
	bool response_settings;
	/* GET and HEAD run in a transaction that cannot write. */
	bool read_only;
	/* PostgREST's dialect to the letter. Else also: numbers in JSON compare
	 * as numbers, an operand may be a column, lists need no brackets, and of
	 * several relationships the direct one is meant. */
	bool strict;
	enum rest_openapi openapi;
	bool openapi_security;   /* describe the token too */
	const char *openapi_url; /* where the interface is; NULL: as the request says */
	const char *base_path;   /* of that address; NULL: "/" */
	bool plan;          /* Accept: application/vnd.pgrst.plan is answered */
	bool aliases_only;  /* a relation with an alias answers to no other name */
	bool no_aggregates; /* sum(), count() ... are refused */
	/* The column that says whose a row is, where a table has it: completes
	 * on_conflict and the id of the path form; REST_PROXY sets it. */
	const char *scope_column;
	/* A row that is asked for by its primary key has an ETag, and If-Match
	 * holds for changes of such a row. */
	bool versions;
	/* Parameters that are filters by equality though they have no operator. */
	const char *const *bare; /* ends with NULL */
	bool tx_override; /* Prefer: tx=commit and tx=rollback count */
	/* The sealed form of what was sent for "table.column". */
	struct sv (*seal)(struct arena *a, struct sv column, struct sv value);
};

enum rest_flags {
	/* The looser dialect of the proxy: any parameter without an operator is
	 * equality, writes answer the rows, the scope column is never taken from
	 * the body, a reference to nothing is 400. */
	REST_PROXY = 1,
	/* Undo everything at the end; the batch began with db_hold. */
	REST_ROLLBACK = 2,
	/* Nobody said who asks: what is not allowed is 401, not 403. */
	REST_ANONYMOUS = 4,
	/* The rows are not wanted, only what the headers say of them. */
	REST_HEAD = 8,
};

struct rest_call {
	struct sv target; /* "deals", "deals/<id>" or "rpc/<function>" */
	unsigned flags;
};

/* Options are copied by reference: they must outlive it. */
struct rest *rest_new(const struct rest_options *o);
void rest_free(struct rest *r);

/* Read the catalogue on first use and when it has changed since. */
enum status rest_ready(struct rest *r, struct db *db, struct arena *a, struct err *e) WARN_UNUSED;

/* Whether somebody said, since this was asked last, that the configuration is
 * another one (NOTIFY pgrst, 'reload config', or without words). */
bool rest_config_changed(struct rest *r);

/*
 * The whole of a request: b has the identity and nothing else yet. Serves
 * GET, POST, PUT, PATCH and DELETE; other methods are 405.
 */
enum status rest_handle(struct rest *r, const struct rest_call *call, struct http_request *rq,
			struct http_response *rs, struct db_batch *b, struct err *e) WARN_UNUSED;

/* ---- the part without a database, for tests and the fuzzer ----------- */

struct rest_input {
	enum http_method method;
	struct sv target;
	unsigned flags;
	const struct http_pairs *query;
	struct sv body, content_type, accept, prefer, range, profile, if_match;
};

/* How an answer's rows go out. */
enum rest_form {
	REST_JSON,
	REST_CSV,
	REST_RAW /* the first value of the first row, as it is */
};

struct rest_handler;

struct rest_media {
	enum rest_form form;
	struct sv type; /* Content-Type */
	bool strip;     /* members that are null are left out */
	bool plain;     /* columns as PostgreSQL writes them, not as JSON */
	bool geojson;
	bool counted;   /* the second value is the number of rows */
	const struct rest_handler *handler; /* of the database's own making */
	const char *explain; /* options of EXPLAIN; NULL: the rows, not the plan */
};

/* Prefer: return= */
enum rest_return { REST_MINIMAL, REST_HEADERS, REST_ROWS };
enum rest_shape {
	REST_ARRAY,  /* of objects */
	REST_OBJECT, /* one row, or an error */
	REST_SCALAR, /* the bare value of a function */
	REST_LIST    /* of bare values */
};

struct rest_statement {
	struct sv sql;
	struct db_value *params;
	size_t n;
};

/* What a request came to. */
struct rest_plan {
	enum http_method method;
	/* count: how many rows there are in all; estimate: the planner's word on
	 * it (rest_planned_rows), which counts where count reached its limit.
	 * Without sql.n they were not asked for. */
	struct rest_statement main, count, estimate;
	int64_t count_limit; /* of count: more were not counted; 0 = none */
	struct rest_statement version;         /* of what was written; or none */
	struct rest_statement inserted;        /* how many rows an upsert added; or none */
	struct rest_media media;
	enum rest_shape shape;
	enum rest_return answer;
	int64_t offset, limit; /* limit < 0: none */
	bool call;             /* of a function */
	bool single;           /* the function gives exactly one value or row */
	bool counted;          /* Prefer: count=... */
	bool read_only;        /* the transaction must not write */
	bool versioned;        /* the last column of main is the row's version */
	bool bound;            /* to a version: without a row, it has another one */
	bool checked;          /* main refuses a wrong number of rows; see sql_expect */
	struct sv timezone;    /* to be set before main, or empty */
	struct sv applied;     /* Preference-Applied */
	struct sv table;       /* for Location */
	struct sv location, profile; /* Content-Location, Content-Profile, or empty */
	struct rest_sent *sent; /* which value went to which column, for errors */
	size_t nsent;
	const struct rest_schema *schema;
};

enum status rest_compile(const struct rest_schema *s, const struct rest_options *o,
			 const struct rest_input *in, struct arena *a, struct rest_plan *plan,
			 struct err *e) WARN_UNUSED;

/* "Plan Rows" of EXPLAIN (FORMAT JSON), or -1. */
int64_t rest_planned_rows(struct sv json);

#endif
