/*
 * record: the detail page of a record of any kind.
 *
 * A page asks for record_begin, adds the statements for its own facts, runs
 * everything in one trip and renders; what all kinds share is then in the page:
 *
 *	struct record r;
 *	int deal;
 *
 *	if (record_begin(&r, "deal", rq, e))
 *		return e->status;
 *	deal = db_add(r.b, "select ... from deals d where d.id = $1::uuid", DB_S(r.id));
 *	if (record_run(&r, deal, e))
 *		return e->status;                 // 404 when there is no such row
 *	web_set_row(r.page, "deal", r.b, deal, 0);
 *	return web_render(rq, rs, "app/deal", r.page, e);
 *
 * Partials (templates/app/), each a <section class="panel"> to put where it fits:
 *	record_next       the next open task or booking, always there (page value `next`)
 *	record_tasks      tasks, with a form to add one
 *	record_bookings   bookings of a contact
 *	record_files      attachments: drop, paste, choose; previews
 *	record_timeline   composer (note, task, e-mail, call), filter, timeline
 *	record_head_more  what the menu of the head offers for every kind
 * Scripts and styles: {{>app/record_assets}} (it includes app/crm_assets).
 *
 * Page values: record.{kind, id, path, new_id, may_task, may_call, mail_off ...},
 * who (the row of the record: the composer reads its columns name, emails and
 * phones, text[] or absent), next, tasks, bookings, files, timeline, team.
 *
 * A new kind of record: its row in detail_kinds (record.c); in SQL its column
 * KIND_id with a foreign key in notes, record_files, record_emails (lead_id is
 * in files, mails and calls already, without the foreign key), its branch in
 * auth.sees, internal.timeline_related and internal.record_tasks. Words of its
 * events and fields: fcgi/app/timeline.def.
 */
#ifndef APP_RECORD_H
#define APP_RECORD_H

#include "fcgi/app/crm.h"

struct detail_kind {
	const char *name;   /* "deal"; also what a path and events call it */
	const char *table;  /* "deals" */
	const char *path;   /* "/deals/" */
	const char *column; /* "deal_id": of notes, record_files, record_emails */
	const char *task_column; /* of tasks; NULL: tasks cannot point to it */
	const char *area;   /* who comes in: as the routes of its pages */
	/* Statements that hang something on it; parameters as said in record.c. */
	const char *add_note, *add_file, *add_mail, *add_task, *add_call;
};

/* NULL when there is no such kind. */
const struct detail_kind *detail_kind(struct sv name);

struct record {
	const struct detail_kind *kind;
	struct http_request *rq;
	struct db_batch *b;
	struct sv id;
	struct tmpl_value *page; /* after record_run */
	int next, tasks, bookings, files, timeline, team;
};

/* The id of the path, a batch with web_me, and the statements of all shared parts. */
enum status record_begin(struct record *r, const char *kind, struct http_request *rq,
			 struct err *e) WARN_UNUSED;
/* Run the batch; ST_NOT_FOUND unless the statement `row` (the record itself)
 * has one. Then fill the page. */
enum status record_run(struct record *r, int row, struct err *e) WARN_UNUSED;

/* The statement that reads `files`, for the panel alone. */
int record_files_add(struct db_batch *b, const struct detail_kind *kind, struct sv id);

/* ---- timeline ------------------------------------------------------------ */

/* The statement that reads it: the filter and the place come from the query
 * parameters only, before and last. */
int record_timeline_add(struct db_batch *b, struct http_request *rq, const char *kind, struct sv id);
/* The one entry of a note, call or mail by its id, of a task by its id. */
int record_timeline_one(struct db_batch *b, const char *kind, struct sv id, struct sv item);
/* `timeline` of the page; timeline_more: the address of what is older. */
void record_timeline_show(struct http_request *rq, struct tmpl_value *page, const char *kind,
			  struct sv id, const struct db_batch *b, int stmt);

#endif
