/*
 * schema: what the catalogue says, in the form that binding needs.
 *
 * Filled once, by rest_load from the catalogue or by hand in tests, closed by
 * rest_schema_done, and only read afterwards. All of it lies in one arena
 * with the schema itself.
 */
#ifndef REST_SCHEMA_H
#define REST_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"

struct rest_column {
	struct sv name, quoted;
	struct sv type;         /* as format_type writes it */
	struct sv default_sql;  /* expression, or empty */
	struct sv comment;
	unsigned oid;           /* of the type; a domain's base type */
	char category;          /* pg_type.typcategory: A array, S text, N number ... */
	bool as_json;           /* no emitter in C: PostgreSQL writes the JSON */
	bool readable;          /* the API's role may select it */
	bool sealed, any_case;  /* from the comment; see rest.h */
	int number;             /* pg_attribute.attnum */
	struct sv call;         /* a computed column: its function, quoted */
	/* A domain's own casts: functions, quoted. */
	struct sv to_json, from_text, from_json;
};

struct rest_table;

/* One foreign key, seen from both of its tables; a view that shows a table's
 * key columns has that table's keys. */
struct rest_key {
	struct sv name;
	struct rest_table *from, *to;
	const struct rest_column **from_columns, **to_columns;
	size_t n;
	bool unique; /* the referring columns are unique: one-to-one */
};

/* A function from a row of one table to rows of another: a relationship. */
struct rest_computed {
	struct sv name, quoted;
	const struct rest_table *to;
	bool one; /* at most one row */
};

struct rest_table {
	struct sv schema, name, quoted; /* quoted with its schema */
	unsigned oid;
	bool view, insertable, updatable, deletable;
	struct sv comment;
	struct rest_column *columns;
	size_t ncolumns, columns_size;
	const struct rest_column **primary;
	size_t nprimary;
	struct rest_key **keys; /* in either direction */
	size_t nkeys, keys_size;
	/* Functions of one row: columns that * does not mean, and relations. */
	struct rest_column *extra;
	size_t nextra, extra_size;
	struct rest_computed *computed;
	size_t ncomputed, computed_size;
};

struct rest_argument {
	struct sv name, quoted, type;
	bool optional;
	bool variadic; /* type is the array's */
};

struct rest_function {
	struct sv schema, name, quoted;
	struct rest_argument *arguments;
	size_t narguments;
	bool set, changes; /* returns a set; is volatile */
	bool unnamed;      /* its one argument has no name: it takes the body */
	struct rest_table *result; /* columns of what it returns; NULL: one scalar */
	struct sv result_type;
	bool result_as_json; /* as rest_column.as_json, of a scalar */
	size_t number;       /* in the order of the catalogue */
};

/* A check constraint and its rule, for error texts. */
struct rest_rule {
	struct sv name, rule;
};

/* What makes a media type of rows, or of a function's value: an aggregate or a
 * function that returns a domain with its name. */
struct rest_handler {
	struct sv media, resolved;       /* as asked for, and as answered */
	struct sv quoted;                /* the aggregate */
	struct sv target_schema, target; /* the relation, or the function itself */
	bool function;                   /* its value is the answer */
	bool anything;                   /* an aggregate over any rows */
};

struct rest_schema {
	struct arena *arena;
	struct sv default_schema;
	struct rest_table **tables;
	size_t ntables, tables_size;
	struct rest_function **functions;
	size_t nfunctions, functions_size;
	struct rest_handler *handlers;
	size_t nhandlers;
	bool geojson; /* PostGIS is there */
	struct rest_rule *rules;
	size_t nrules, rules_size;
};

struct rest_schema *rest_schema_new(void);
void rest_schema_free(struct rest_schema *s);

struct rest_table *rest_schema_table(struct rest_schema *s, struct sv schema, struct sv name);
/* A table that is not listed: the row that a function returns. */
struct rest_table *rest_schema_row(struct rest_schema *s);
/* Valid until the table's next column is added. */
struct rest_column *rest_schema_column(struct rest_schema *s, struct rest_table *t, struct sv name,
				       struct sv type, unsigned oid, char category);
/* Reads the markers of rest.h. */
void rest_column_comment(struct rest_column *c, struct sv comment);
/* The stored word that a comment has `said` as another name of; SV_NONE: of none. */
struct sv rest_column_word(const struct rest_column *c, struct sv said);
/* The names are comma-separated; false when one of them does not exist. */
bool rest_schema_primary(struct rest_schema *s, struct rest_table *t, struct sv columns);
bool rest_schema_key(struct rest_schema *s, struct sv name, struct rest_table *from,
		     struct sv from_columns, struct rest_table *to, struct sv to_columns,
		     bool unique);
/* The same by columns, which lie in `from` and `to`; the arrays are copied. */
void rest_schema_relate(struct rest_schema *s, struct sv name, struct rest_table *from,
			const struct rest_column *const *from_columns, struct rest_table *to,
			const struct rest_column *const *to_columns, size_t n, bool unique);
/* Valid until the table's next computed column is added. */
struct rest_column *rest_schema_extra(struct rest_schema *s, struct rest_table *t, struct sv name,
				      struct sv call, struct sv type, unsigned oid, char category);
void rest_schema_computed(struct rest_schema *s, struct rest_table *t, struct sv name,
			  struct sv call, const struct rest_table *to, bool one);
struct rest_function *rest_schema_function(struct rest_schema *s, struct sv schema, struct sv name,
					   size_t narguments);
void rest_schema_rule(struct rest_schema *s, struct sv name, struct sv rule);
/* Sorts, after which names can be found. */
void rest_schema_done(struct rest_schema *s);

struct rest_table *rest_table_find(const struct rest_schema *s, struct sv schema, struct sv name);
const struct rest_column *rest_column_find(const struct rest_table *t, struct sv name);
/* Computed ones too: what can be read and compared. */
const struct rest_column *rest_field_find(const struct rest_table *t, struct sv name);
/* The functions of that name: the first of *n that stand together. */
struct rest_function *const *rest_function_find(const struct rest_schema *s, struct sv schema,
						struct sv name, size_t *n);
/* The rule of a check constraint, or empty. */
struct sv rest_rule_find(const struct rest_schema *s, struct sv name);

/* The most similar name that is plausibly meant, or empty. */
struct sv rest_table_nearest(const struct rest_schema *s, struct sv schema, struct sv name);
struct sv rest_function_nearest(const struct rest_schema *s, struct sv schema, struct sv name);
struct sv rest_column_nearest(const struct rest_table *t, struct sv name);
/* Of names in an array. */
struct sv rest_name_nearest(const struct sv *names, size_t n, struct sv name);

/* Levenshtein's: how many bytes to add, remove or change. */
size_t rest_distance(struct sv a, struct sv b);
/* The nearest name of a relation of t, or empty. */
struct sv rest_related_nearest(const struct rest_table *t, struct sv name);

/* "name", with quotes inside doubled. */
struct sv rest_quoted(struct arena *a, struct sv name);

/* Catalogue to schema: one trip. */
struct db;
enum status rest_load(struct db *db, const char *schemas, const char *extra_schemas,
		      const char *role, struct arena *a, struct rest_schema **out,
			  struct err *e) WARN_UNUSED;

#endif
