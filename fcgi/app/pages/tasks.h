/*
 * tasks: what the pages under /tasks share.
 *
 * - filters: one set for list, board and calendar, shown as chips (TSK-28..32).
 * - found: the rows of a page in groups, with keyset paging.
 *
 * All that is read of a task for a list comes from the view app.task_rows.
 */
#ifndef APP_TASKS_H
#define APP_TASKS_H

#include "fcgi/app/crm.h"

/* Cards that a column of the board begins with. */
#define TASK_CARDS 30
#define TASK_CARDS_SQL "30"

/* Query parameters that are filters; ends with NULL. */
extern const char *const task_filters[];

/* " and ..." for the alias t: everything but words. */
void tasks_filter(struct query *q, struct http_request *rq);
/* Ids that the words leave, as a CTE `hits`, and `many` when there are too many
 * of them: "with hits ..., many ..." (sql/137, lists of crm.h). Without words
 * only "with nothing as (select 1)". */
void tasks_hits(struct query *q, struct http_request *rq);
/*
 * The body of a source of rows: "select COLUMNS from tasks t where CONDITION and
 * filters TAIL", in parentheses; with words in the two ways of finding them.
 */
struct tasks_source {
	const char *columns;
	const char *condition; /* begins with " and", or "" */
	void (*tail)(struct query *q, const void *arg); /* order and limit; may be NULL */
	const void *arg;
};
void tasks_source(struct query *q, struct http_request *rq, const struct tasks_source *s);

/* The chips: a statement that reads names of what the filters point to, and
 * page values chips[].{label, value, href}, filter.NAME, query ("a=b&", for links). */
int tasks_chips_add(struct http_request *rq, struct db_batch *b);
void tasks_chips_show(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		      int stmt);

/* The views; each adds its statements, then fills the page. */
struct tasks_view {
	const char *name;     /* of the parameter `view` */
	const char *fragment; /* template of the results */
	void (*add)(struct http_request *rq, struct db_batch *b, int *stmts);
	void (*show)(struct http_request *rq, struct tmpl_value *page, const struct db_batch *b,
		     const int *stmts);
};
#define TASK_STMTS 6
extern const struct tasks_view tasks_list_view, tasks_board_view, tasks_month_view, tasks_week_view;

/* ids of a form: `id` repeated, or `ids` with commas; as an array literal. */
struct sv tasks_form_ids(struct http_request *rq);

#endif
