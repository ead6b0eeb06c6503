/*
 * crm: what the pages of contacts, companies, deals and settings share.
 *
 * - query: SQL composed of literals, with its values as parameters.
 * - list: a page of rows with filters, sort orders and keyset paging.
 * - form: fields as they came, checked, and shown again with their messages.
 * What a record's page shows beside its own facts is in record.h.
 */
#ifndef APP_CRM_H
#define APP_CRM_H

#include "web/web.h"

/* The batch ends as 404 here when the tenant has no row with this id in the
 * table (a literal): before what a form does, and for parts of a record. */
void must_exist(struct db_batch *b, const char *table, struct sv id);

/* ---- query ----------------------------------------------------------- */

#define QUERY_VALUES 80

struct query {
	struct arena *arena;
	struct buf sql; /* released with the arena */
	struct db_value values[QUERY_VALUES];
	size_t n;
};

void query_init(struct query *q, struct arena *a);
/* `sql` is a literal, never anything that came from outside. */
void query_add(struct query *q, const char *sql);
/* `sql`, and behind it a parameter with this value. */
void query_with(struct query *q, const char *sql, struct db_value value);
/* As the next statement of the batch; returns its index. */
int query_run(struct query *q, struct db_batch *b);

/* ---- list ------------------------------------------------------------ */

#define LIST_ROWS 50
/* Rows are counted up to here; above, the page says "10,000+". */
#define LIST_COUNTED 10000

struct list_sort {
	const char *name;  /* of the parameter `sort` */
	const char *label;
	const char *key;   /* SQL expression of one column, never null */
	const char *type;  /* its type, as a cast: "::timestamptz" */
	bool descending;
};

/* One kind of list: its sort orders (the first is the default) and the query
 * parameters that paging and sorting keep. Both end with a NULL name. */
struct list_kind {
	const char *path;
	const struct list_sort *sorts;
	const char *const *kept;
};

struct list {
	struct http_request *rq;
	const struct list_kind *kind;
	const struct list_sort *sort;
	struct sv cursor_key, cursor_id; /* where this page begins; absent at the start */
	bool backwards;                  /* the page ends there instead */
	int64_t page;                    /* 1, 2 ...: for showing only */
};

void list_init(struct list *l, struct http_request *rq, const struct list_kind *kind);
/*
 * Between these two the caller writes the columns and the table (alias t),
 * "where true", and its filters; they make a CTE `page` of the rows to show,
 * with their sort key as k and place as rn. Behind it the caller selects from
 * page where rn <= 50, ending with list_order.
 *
 *	list_begin(&l, &q);
 *	query_add(&q, "t.* from contacts t where true");
 *	...
 *	list_end(&l, &q);
 *	query_add(&q, "select p.id, p.k, p.total ... from page p where p.rn <= 50");
 *	list_order(&l, &q);
 */
void list_begin(const struct list *l, struct query *q);
void list_end(const struct list *l, struct query *q);
void list_order(const struct list *l, struct query *q);
/* Count what the filters leave, up to LIST_COUNTED: "select ... from (" and
 * ") x"; the caller writes "select from ... where true" and its filters. */
void list_count_begin(struct query *q);
void list_count_end(struct query *q);
/* Rows that a search sorts; where more fit, they are met along the order of the list. */
#define LIST_FOUND 2000
/*
 * Into the page: rows, list.{total, from, to, empty, previous, next, sorts,
 * query} and every kept parameter as filter.NAME. `rows` must have the
 * columns id, k (text) and total (rows of the CTE).
 */
void list_show(const struct list *l, struct tmpl_value *page, const struct db_batch *b, int rows,
	       int count);
/* A part of a page, asked for by htmx while the user types; not when the
 * browser restores its history. */
bool wants_fragment(const struct http_request *rq);
/* Grid or table: parameter `view`, remembered in a cookie of that name. */
bool wants_table(struct http_request *rq, struct http_response *rs, const char *cookie);

/* ---- form ------------------------------------------------------------- */

struct form {
	struct http_request *rq;
	struct tmpl_value *values; /* `form` of the page */
	struct tmpl_value *errors; /* `errors` of the page: field to message */
	struct sv custom;          /* what form_custom read */
	struct tmpl_value *clash;  /* `clash` of the page: what others changed meanwhile */
	int wrong;
};

void form_init(struct form *f, struct http_request *rq);
/* A field without white space around it, kept for showing the form again. */
struct sv form_text(struct form *f, const char *name);
/* The same, and a message when it is empty. */
struct sv form_required(struct form *f, const char *name, const char *message);
/* An id or empty; anything else counts as empty. */
struct sv form_id(struct form *f, const char *name);
/* Digits with at most one point or comma and two decimals; empty is empty.
 * The comma becomes a point, spaces go. */
struct sv form_money(struct form *f, const char *name);
/* The same for a text that is no field of its own. */
struct sv form_plain_number(struct arena *a, struct sv typed);
bool form_is_money(struct sv s);
struct sv form_date(struct form *f, const char *name);
/* What an input of a day and a time sends: 2027-03-31T09:00. */
bool form_is_time(struct sv s);
/* All values of a repeated field that are not empty, as a JSON array. */
struct sv form_lines(struct form *f, const char *name);
/* The comma-separated words of a field, as a JSON array. */
struct sv form_words(struct form *f, const char *name);
/* Inputs of defined custom fields and custom_key / custom_value pairs as a JSON
 * object, for internal.custom_merged. */
struct sv form_custom(struct form *f);
/* The statement that reads what app/field_custom shows, with values as they
 * were sent (f), else of the record, else none. Page value `custom`. */
#define CUSTOM_OF(table)                                                                       \
	"select internal.custom_form($1, x.v) as fields, internal.custom_free($1, x.v) as free" \
	" from (select coalesce($2::jsonb, (select r.custom_fields from " table " r"            \
	"	where r.id = $3::uuid), '{}') as v) x"
int custom_add(struct db_batch *b, const char *entity, const char *values_sql, struct sv id,
	       const struct form *f);
void form_error(struct form *f, const char *field, struct sv message);
/* What the database refused becomes a message beside its field. False when the
 * error is none that the user can mend in this form. */
bool form_refused(struct form *f, const struct db_batch *b, const struct err *e);
/* Page values `form` and `errors`, status 422. */
void form_show(const struct form *f, struct tmpl_value *page, struct http_response *rs);

/* ---- two who change the same record ---------------------------------------- */

/*
 * A form of a record that is changed carries `version`, the record's updated_at
 * (app/form_problem writes the field, from page value record.updated_at).
 * record_save holds the record at it; when others changed the record since, the
 * form comes back with app/form_problem asking per field whose value stays. kind
 * is contact, company, deal, task or lead (internal.versioned_name).
 *
 * What saves in another way does the same by itself: version_hold before its
 * statements; the batch then ends with ST_CHANGED, and version_clash reads what
 * to ask. version_hold_field is for a single field (a cell): only a change of
 * that one counts.
 */
void version_hold(struct db_batch *b, const char *kind, struct sv id, struct sv version,
		  struct sv keep);
void version_hold_field(struct db_batch *b, const char *kind, struct sv id, struct sv version,
			struct sv field);
/* Fields whose stored value was chosen, as a JSON array. */
struct sv version_kept(struct form *f);
/* Reads f->clash and the version that the next attempt is about. */
enum status version_clash(struct form *f, const char *kind, struct sv id, struct err *e) WARN_UNUSED;

/* ---- ids and answers ----------------------------------------------------- */

/* The parameter :id of the route; ST_NOT_FOUND when it is no id. */
enum status path_id(struct http_request *rq, const char *what, struct sv *id, struct err *e)
	WARN_UNUSED;
/* 303 to a path made of a literal, an id and a literal. */
enum status redirect_to(struct http_request *rq, struct http_response *rs, const char *before,
			struct sv id, const char *after);

/*
 * The form of one kind of record, for making and for changing it. A new record
 * gets its id from the form (field `id`), so that sending it twice makes one.
 */
struct record_form {
	const char *what; /* "contact": for what does not exist */
	const char *path; /* "/contacts/": where its page is, the id behind it */
	/* Read and check the fields, add what stores them; the index of the
	 * statement that touches the record itself. */
	int (*add_save)(struct form *f, struct db_batch *b, struct sv id, bool make);
	/* The form as a page; SV_NONE: a new one. With f: what was wrong. */
	enum status (*show)(struct http_request *rq, struct http_response *rs, struct sv id,
			    const struct form *f, struct err *e);
};

enum status record_create(const struct record_form *r, struct http_request *rq,
			  struct http_response *rs, struct err *e) WARN_UNUSED;
enum status record_save(const struct record_form *r, struct http_request *rq,
			struct http_response *rs, struct err *e) WARN_UNUSED;


/* The statement that reads the team, with `selected` for the chosen id. */
int team_add(struct db_batch *b, struct sv chosen);

#endif
