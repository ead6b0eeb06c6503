/*
 * tree: a request after parsing (views of what was sent) and after binding
 * (pointers into the schema). Private to rest/.
 */
#ifndef REST_TREE_H
#define REST_TREE_H

#include "rest/rest.h"
#include "rest/schema.h"

/* Embeds within embeds, conditions within conditions. */
#define REST_DEPTH_MAX 16
/* Embedded relations in one request. */
#define REST_LEVELS_MAX 64

enum op_kind {
	OP_COMPARE,
	OP_LIKE,
	OP_REGEX,
	OP_IS,
	OP_IN,
	OP_CONTAIN,
	OP_RANGE,
	OP_SEARCH
};

struct op {
	struct sv name;
	const char *sql;
	enum op_kind kind;
};

/* One -> or ->> of a JSON path. */
struct step {
	struct step *next;
	struct sv key;
	bool text;  /* ->> */
	bool index; /* 0, 17, -1: a place in an array */
	int param; /* its $n in statement `pass`, like test.param */
	int pass;
};

/* A column, or a place in one. */
struct field {
	struct sv name;
	struct step *steps;
	const struct rest_column *column;
};

enum quantity { ONE_VALUE, ANY_VALUE, ALL_VALUES };
enum condition_kind { TEST, AND, OR, RELATED };

struct condition {
	struct condition *next;
	enum condition_kind kind;
	bool negate;
	struct condition *parts; /* AND, OR */
	/* TEST */
	struct field field;
	const struct op *op;
	enum quantity quantity;
	struct sv language; /* fts(german) */
	struct sv value;
	bool numeric;                    /* compare as numbers (CON-107) */
	const struct rest_column *other; /* the value is a column (INB-14) */
	bool strict; /* no more types than the column has */
	int param, language_param, pass;
	/* RELATED: "contact=is.null" on an embedded relation */
	struct level *related;
};

/* A function over the rows of a group. */
struct aggregate {
	struct sv name;
	const char *sql;
};

struct item {
	struct item *next;
	bool star;
	struct field field;
	struct sv alias, cast;
	const struct aggregate *aggregate; /* count() has no field */
	struct sv result_cast;             /* of the aggregate's value */
	struct level *embed;
};

struct order {
	struct order *next;
	struct sv relation; /* "order=client(name)": one that is embedded */
	struct level *related;
	bool joined; /* field.name is what a spread relation gives */
	struct field field;
	bool descending;
	enum { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST } nulls;
};

/* How the rows of an embedded relation belong to those of its parent. */
struct relation {
	const struct rest_key *key;          /* parent to table, or to junction */
	const struct rest_key *far;          /* many to many: junction to table */
	const struct rest_computed *computed; /* a function instead */
	bool forward; /* the parent refers; else it is referred to */
};

/* A relation that is read: the one asked for, or one embedded in it. */
struct level {
	struct level *parent;
	int number;          /* its alias in SQL is t<number> */
	struct sv name, alias, hint;
	bool inner;
	bool spread;     /* ...name(): its columns stand among the parent's */
	bool aggregated; /* its rows are groups */
	bool hoists;     /* a spread whose aggregates are the parent's */
	struct item *items, **last_item;
	struct condition *conditions, **last_condition;
	struct order *orders, **last_order;
	int64_t limit, offset; /* limit < 0: none */
	const struct rest_table *table;
	struct relation relation; /* to the parent */
	bool one;                 /* at most one row per row of the parent */
	struct sv groups;         /* what its rows are grouped by, as SQL */
};

/* The groups in the order of Preference-Applied; of each the first one counts. */
enum prefer_group {
	PREFER_RESOLUTION,
	PREFER_MISSING,
	PREFER_RETURN,
	PREFER_COUNT,
	PREFER_TX,
	PREFER_HANDLING,
	PREFER_GROUPS
};

struct preference;

struct prefer {
	const struct preference *chosen[PREFER_GROUPS];
	struct sv timezone;
	int64_t max_affected; /* < 0: not said */
	bool strict;
};

struct call;

struct tree {
	struct arena *arena;
	const struct rest_schema *schema;
	const struct rest_options *options;
	const struct rest_input *in;
	struct level *root, *levels[REST_LEVELS_MAX];
	int nlevels;
	struct sv on_conflict, columns; /* as sent */
	const struct rest_function *function;
	struct call *call; /* what was sent for it */
	struct sv schema_name;
	struct sv id; /* of the path form */
	struct prefer prefer;
	/* What prefer comes to. */
	bool ignore_duplicates, merge_duplicates, missing_default, counted;
	bool planned, estimated; /* how exactly it is counted */
	enum rest_return answer;
	enum rest_shape shape;
	struct rest_media media;
	int pass; /* of the next statement */
	struct err *e;
};

const struct op *op_find(struct sv name);

/* ---- cursor.c: the characters of a parameter ---------------------------- */

struct cursor {
	struct tree *t;
	const char *what; /* "select parameter", "order" ...: for error texts */
	struct sv text;
	size_t at;
	int depth;
	size_t before; /* of what was parsed, stood before the text */
	bool words;    /* words were expected: a quotation uses " */
};

/* The next byte, 0 at the end. */
char cursor_peek(const struct cursor *c);
bool cursor_at(const struct cursor *c, struct sv s);
bool cursor_take(struct cursor *c, char ch);
bool cursor_take_all(struct cursor *c, struct sv s);
void cursor_space(struct cursor *c);
/* "...", with \ before what is meant literally. False when it does not end. */
bool cursor_quoted(struct cursor *c, struct sv *out);
/* A name: anything up to a character of the grammar, or quoted. */
enum status cursor_name(struct cursor *c, struct sv *out);
/* A name and the JSON path behind it: a->b->>c */
enum status cursor_field(struct cursor *c, struct field *out);
/* PGRST100: here stands something that cannot be. */
enum status cursor_unexpected(struct cursor *c, const char *expecting);

/* ---- select.c: select and order ------------------------------------------ */

enum status parse_select(struct tree *t, struct sv text);
const struct aggregate *aggregate_count(void);
enum status parse_order(struct tree *t, struct level *l, struct sv text);

/* ---- parse.c: filters ------------------------------------------------------ */

struct level *level_new(struct tree *t, struct level *parent);
/* A parameter that is a filter. `bare`: equality without operator is fine. */
enum status parse_filter(struct tree *t, struct level *l, struct sv name, struct sv value,
			 bool bare);
/* or=(...), and=(...) */
enum status parse_logic(struct tree *t, struct level *l, bool negate, bool any, struct sv text);
/* {error, PGRST100, 400}: what was wrong in which parameter. */
enum status parse_fail(struct tree *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- query.c: the parameters of a URL, each to its parser -------------- */

enum status parse_query(struct tree *t);
/* The embedded level of that alias or name below l, or NULL. */
struct level *level_child(const struct tree *t, const struct level *l, struct sv name);
/* PGRST108: there is none. */
enum status level_missing(struct tree *t, struct sv name);

/* ---- prefer.c: what a client would like --------------------------------- */

/* Fills t->prefer and what it comes to; PGRST122 when handling is strict. */
enum status prefer_parse(struct tree *t);
/* What of it counts, to the plan; after the statement is made. */
void prefer_apply(const struct tree *t, struct rest_plan *plan);

/* ---- body.c: rows that were sent, in any of three forms ------------------- */

struct body {
	struct sv text;   /* JSON: an object, or an array of objects */
	bool array;
	size_t rows;
	struct sv *names; /* their keys, each once */
	size_t n;
};

/* Reads t->in->body as its content type says; PGRST102 when it cannot. With
 * `columns` in the URL those are its names, and others in it do not count. */
enum status body_read(struct tree *t, struct body *b);
/* Adds the names in columns= or on_conflict=. */
enum status body_names(struct tree *t, struct sv text, struct body *b);
enum status body_fail(struct tree *t, const char *message);
/* { or [ comes first, whatever the content type says. */
bool body_begins_json(const struct tree *t);

/* ---- rpc.c: functions ------------------------------------------------------ */

/* Which function of that name takes what was sent: t->function. */
enum status call_bind(struct tree *t, struct sv name);
/* Whether that parameter of the URL is an argument, and no filter. */
bool call_takes(const struct tree *t, const struct http_pair *p);

/* ---- bind.c: names to the schema --------------------------------------- */

enum status bind_target(struct tree *t);
/* The part of it that finds the schema. */
enum status bind_schema(struct tree *t);
enum status bind_tree(struct tree *t);
enum status bind_column_fail(struct tree *t, const struct rest_table *table, struct sv name);
/* A refusal with PostgREST's code. */
enum status bind_fail(struct tree *t, enum status s, struct sv code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- relation.c: which relationship an embedded name means --------------- */

enum status bind_relation(struct tree *t, struct level *l);

/* ---- sql.c: tree to text ------------------------------------------------ */

struct rest_sent {
	const struct rest_column *column;
	struct sv value;
};

struct sql {
	struct buf text;
	struct arena *arena;
	struct db_value *params;
	size_t n, size;
	int pass; /* tells this statement's parameters from those of another */
	struct rest_plan *plan;
	int64_t max_rows;
};

void sql_begin(struct sql *q, struct rest_plan *plan, struct arena *a, int pass);
/* Add the value and write its $n; returns n. */
int sql_param(struct sql *q, struct sv value);
void sql_sent(struct sql *q, const struct rest_column *c, struct sv value);
/* What is selected, comma-separated; false when it is nothing. */
bool sql_items(struct sql *q, struct level *l);
/* " left join lateral (...)": what sql_items named from them. */
void sql_joins(struct sql *q, struct level *l);
/* " group by ...", after sql_items. */
void sql_groups(struct sql *q, const struct level *l);
void sql_tail(struct sql *q, struct level *l, int64_t limit, int64_t offset);
struct rest_statement sql_end(struct sql *q);
bool level_embeds(const struct level *l);
/* " from <table> as t<n>": by its relation where l is embedded. */
void sql_from(struct sql *q, const struct level *l);
/* t2."a"=t1."b": how l belongs to its parent; false when that is not said by
 * columns. */
bool sql_joined(struct sql *q, const struct level *l);
/* Every readable column under its own name. */
void sql_row(struct sql *q, const struct level *l);
/* t<n>."column", or the function of the row. */
void sql_column(struct sql *q, const struct level *l, const struct rest_column *c);
void sql_field(struct sql *q, const struct level *l, const struct field *f);
void sql_text(struct sql *q, const char *text);
/* $n of a parameter that was added before. */
void sql_again(struct sql *q, int n);
/* A type that select may cast to by its plain name, or NULL. */
const char *sql_cast(struct sv name);

/* ---- where.c: conditions to text -------------------------------------------- */

/* " where ..." with the relation to the parent as its first condition. */
void sql_where(struct sql *q, struct level *l);

/* The condition that the rows of the CTE w number `test` (like "<=10"); where
 * they do not, the statement fails and its message holds "code:number". */
void sql_expect(struct sql *q, const char *code, const char *test);

/* ---- version.c: ETag and If-Match ------------------------------------------- */

/* Whether the answer is to have the version of its row. */
bool version_wanted(const struct tree *t, const struct rest_plan *plan);
/* ",t0.xmin::text": behind what is selected. */
void version_select(struct sql *q, bool first);
/* If-Match, as a condition on t0 behind others; 400 where no row is named. */
enum status version_condition(struct tree *t, struct rest_plan *plan, struct sql *q);
/* The statement that tells the version of what was written. */
void version_written(const struct tree *t, struct rest_plan *plan);

/* ---- the statements ------------------------------------------------------ */

enum status compile_read(struct tree *t, struct rest_plan *plan);
enum status compile_insert(struct tree *t, struct rest_plan *plan);
enum status compile_put(struct tree *t, struct rest_plan *plan);
/* Whether the filters say which row PUT means; before names are bound. */
enum status check_put(struct tree *t);
enum status compile_update(struct tree *t, struct rest_plan *plan);
enum status compile_delete(struct tree *t, struct rest_plan *plan);
enum status compile_call(struct tree *t, struct rest_plan *plan);

#endif
