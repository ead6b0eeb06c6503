/*
 * records: the one list of every kind of record (contacts, companies, leads,
 * deals, tasks): filters, search, sort, columns, saved views, cards and table,
 * selection, bulk changes with undo, cells that are changed in place, export.
 *
 * A kind is a table of fields and nothing else:
 *
 * 1. A `const struct record_kind leads_kind` with its `struct record_field`
 *    table in fcgi/app/pages/leads.c, and its row in fcgi/app/records.def.
 * 2. A row of internal.record_kinds in SQL (table, entity of custom fields,
 *    which rows are seen, how `q` searches), and of internal.record_expressions
 *    for keys that are no columns. sql/102_records.sql has those of contacts.
 * 3. The page: PAGE("/leads", leads_page, CRM) whose handler is
 *    `return records_page(rq, rs, &leads_kind, e);`
 * 4. A card: templates/app/leads_card.html, one <li> per row; the row's values
 *    are {{id}}, {{name}}, {{initials}}, and whatever `card_sql` selects.
 *
 * Custom fields that the tenant defined for the entity follow by themselves, as
 * keys "cf.KEY": columns, filters, sort, cells, export (CON-53).
 *
 * How it works. A request reads who asks, views, preferences and custom fields,
 * then composes one statement: internal.records_page(kind, conditions, sort,
 * cursor) gives the ids of one page, the statement joins what the columns show.
 * The function uses indexes that policies forbid to a plain query, for those who
 * see all rows anyway (auth.sees_all); everybody else is looked for under the
 * policies. Up to 2,000 rows that fit are sorted; where more fit, rows are met
 * along the index of the sort order.
 *
 * THE ADDRESS HOLDS THE STATE. All parameters are optional:
 *
 *	q=WORDS          search
 *	f=KEY:OP:VALUE   a filter; repeated, all of them hold. VALUE is a list
 *	                 separated by commas (a comma inside is written \,):
 *	                 f=assignee_id:is:me  f=tags:any:vip,gold  f=assignee_id:empty:
 *	                 f=created_at:last:30 f=value:between:100,5000
 *	                 KEY=VALUE is short for f=KEY:is:VALUE (tags: all), and
 *	                 KEY=none for f=KEY:empty:
 *	sort=KEY sort=-KEY   ascending, descending
 *	cols=KEY,KEY     columns of the table, in this order
 *	view=table|grid  remembered in a cookie
 *	v=ID             a saved view; the other parameters say how it was changed
 *	after=CURSOR before=CURSOR page=N
 *
 * Operators by type of field (records_ops): is, not, has, all, any, none, gt,
 * lt, between, before, after, last, next, empty, set.
 *
 * REQUESTS OF EVERY KIND (:kind is record_kind.name):
 *
 *	GET  /records/:kind/filter?f=KEY    the form of one filter (fragment)
 *	GET  /records/:kind/:id/:field      the editor of a cell (fragment)
 *	POST /records/:kind/:id/:field      value (repeated for lists), version
 *	     -> 200 {"html": the cell, "version": ..}
 *	        409 {"error": .., "theirs": .., "version": ..} somebody else changed it since
 *	        4xx {"error": words for the person}
 *	POST /records/:kind/bulk            action (assign, add_tags, remove_tags, opt_in,
 *	     opt_out, set, delete), key and value, ids (repeated) or all=1 with state=
 *	     (the parameters above), id (a uuid, so that sending it twice is once)
 *	     -> {"id", "state", "total", "changed", "failed", "todo", "text" ...}
 *	GET  /records/:kind/changes/:id     how far it is, the same
 *	POST /records/:kind/changes/:id/undo
 *	GET  /records/:kind/export?format=csv|xlsx&field=KEY.. with ids=ID.., all=1, or
 *	     the state's parameters
 *	GET  /records/:kind/columns, POST the same; /records/:kind/views ..
 *
 * Changes of many records are SQL (sql/104_record_changes.sql), up to 500 in the
 * request, more by the worker in slices. Undo sets back what nobody has changed
 * since. A deletion keeps the record with all that the database deletes along
 * with it in `trash`, and brings back both; while it does, triggers tell nothing
 * (the setting kontor.restoring). Programs delete with that way back by
 * `select internal.record_delete(kind, id)`, and undo by internal.trash_restore.
 *
 * CELLS ANYWHERE (templates/assets/cells.js). On any page an element
 *	<span data-cell="contacts/ID/company_id" tabindex="0">Acme</span>
 * is changed in place: double click, Enter or F2 fetches the editor, Enter
 * saves, Esc leaves it; a message of the database stands beside it. After a
 * save the element gets `html` and a bubbling event "kontor:cell". A page needs
 * <script type="module" src="/assets/cells.js"> and the stylesheet records.css.
 */
#ifndef APP_RECORDS_H
#define APP_RECORDS_H

#include "fcgi/app/crm.h"

enum field_type {
	FIELD_TEXT,
	FIELD_LONG,   /* text of several lines */
	FIELD_URL,
	FIELD_NUMBER,
	FIELD_MONEY,  /* numeric; `shown` says it with its currency */
	FIELD_DATE,
	FIELD_TIME,   /* timestamptz */
	FIELD_BOOL,
	FIELD_CHOICE, /* one of `choices`, or of what `options` reads */
	FIELD_LIST,   /* custom field with several choices */
	FIELD_TAGS,   /* text[] */
	FIELD_PHONES, /* text[] */
	FIELD_EMAILS, /* text[] */
	FIELD_PERSON, /* a member: uuid; `shown` is his name */
	FIELD_LINK,   /* another record: uuid; `shown` is its name, `to` its kind's path */
};

enum field_flags {
	FIELD_SORT = 1,
	FIELD_FILTER = 2,
	FIELD_EDIT = 4,   /* the column of this key may be written: cells and bulk "set field" */
	FIELD_TITLE = 8,  /* the record's name: first column, links to its page */
	FIELD_EXPORT_ONLY = 16, /* no column of the table */
	FIELD_NO_EXPORT = 32,
};

struct record_choice {
	const char *value, *label; /* N_() */
	const char *look;          /* class of the pill: "good", "warn", "bad", "accent"; or NULL */
};

struct record_field {
	const char *key;   /* of the address: a column of the table, or of internal.record_expressions */
	const char *label; /* N_() */
	enum field_type type;
	unsigned flags;
	const char *shown; /* SQL over t and the kind's joins; NULL: the column itself by its type */
	const struct record_choice *choices; /* FIELD_CHOICE; ends with a NULL value */
	const char *options; /* or SQL: columns value, label; also suggestions of text and tags */
	const char *to;      /* FIELD_LINK: "/companies": its page, and /companies/options */
	const char *raw;     /* SQL of the stored value where key is no column of t; else NULL */
};

struct record_kind {
	const char *name;   /* of addresses and internal.record_kinds: "contacts" */
	const char *entity; /* of custom fields and events: "contact" */
	const char *path;   /* "/contacts" */
	const char *table;  /* "contacts"; its alias is t */
	const char *area;   /* of auth.enter: "crm" */
	const char *title, *one, *new_label; /* N_("Contacts"), N_("Contact"), N_("New contact") */
	const char *hint;   /* N_() of the empty search field */
	const char *icon;   /* of the sprite */
	const struct record_field *fields; /* ends with a NULL key; one has FIELD_TITLE */
	const char *columns; /* keys of the table at first: "company_id,emails" */
	const char *sort;    /* at first: "-created_at" */
	const char *joins;   /* left joins onto t by primary keys, or "" */
	const char *card;    /* template of one card: "app/contacts_card" */
	const char *card_sql; /* ", expr as name ..." for the card and the row's actions, or "" */
	const char *empty_title, *empty_text; /* N_() when there is no record at all */
	const char *none_title, *none_text;   /* N_() when none fits the filters */
	const char *owner;   /* key of the FIELD_PERSON that bulk "assign" sets, or NULL */
	const char *consent; /* key of the FIELD_BOOL of bulk opt-in and opt-out, or NULL */
	const char *merge;   /* "/contacts/merge": gets ?ids=ID,ID; or NULL */
	const char *imports, *duplicates; /* paths of these pages, or NULL */
	const char *views;   /* template with more links of views ("Board"), or NULL */
	bool only_table;     /* no cards on wide screens */
};

/* Every kind: fcgi/app/records.def. NULL when there is no such one. */
const struct record_kind *record_kind_named(struct sv name);

/* The whole page, or its results for htmx: GET of kind->path. */
enum status records_page(struct http_request *rq, struct http_response *rs,
			 const struct record_kind *kind, struct err *e) WARN_UNUSED;

#endif
