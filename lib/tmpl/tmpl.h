/*
 * tmpl: Mustache templates, for pages, mails and documents.
 *
 *	struct tmpl_value *page = tmpl_map(a);
 *	struct tmpl_value *deal;
 *
 *	tmpl_set_text(page, "title", SV("Deals"));
 *	deal = tmpl_set_map(page, "deal");
 *	tmpl_set_int(deal, "value", 4200);
 *	return tmpl_render(set, SV("app/deals"), page, a, out, e);
 *
 * The language is Mustache 1.4 with inheritance and dynamic names, without
 * lambdas: {{key}} {{a.b}} {{.}}, {{#key}}..{{/key}}, {{^key}}..{{/key}},
 * {{! comment}}, {{=<% %>=}}, {{>partial}}, {{>*key}}, and
 * {{<layout}}{{$block}}..{{/block}}{{/layout}}. Beyond it, {{#_}}text{{/_}} is
 * text that is translated (tmpl_set_translate).
 *
 * {{key}} is escaped so that it is safe as text and inside a quoted attribute
 * value; not inside <script>, <style> or an unquoted attribute, and a URL's
 * scheme is not checked. {{{key}}} and {{&key}} put the value in as it is:
 * only for markup that the program made itself, never for what a person typed.
 *
 * Where the specification leaves the choice, this is what happens:
 * - A section treats as false: an absent key, null, false, zero, empty text,
 *   an empty list and a table without rows.
 * - true and false print as these words; maps and lists print nothing.
 * - Inside {{<layout}} everything but its own {{$block}}s is ignored. A block's
 *   content sees the data at the place where the layout puts it, and the
 *   outermost page's block wins; partials inside the layout take part in that.
 * - Indentation before a partial, a layout or a block alone on its line is
 *   given to each line of it that is not empty.
 */
#ifndef TMPL_TMPL_H
#define TMPL_TMPL_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

/*
 * Values: a tree of null, booleans, integers, text, lists and maps in an
 * arena. Keys and texts are not copied; they must live until the page is
 * rendered. Of two values set under one key the later counts.
 */
struct tmpl_value;

struct tmpl_value *tmpl_null(struct arena *a);
struct tmpl_value *tmpl_bool(struct arena *a, bool b);
struct tmpl_value *tmpl_int(struct arena *a, int64_t i);
/* SV_NONE gives null. */
struct tmpl_value *tmpl_text(struct arena *a, struct sv s);
struct tmpl_value *tmpl_list(struct arena *a);
struct tmpl_value *tmpl_map(struct arena *a);
/* Keeps a reference to json until the arena is reset; nothing is copied. NULL gives null. */
struct tmpl_value *tmpl_from_json(struct arena *a, json_t *json);

/* In a map. `value` may be NULL, which is null. */
void tmpl_set(struct tmpl_value *map, const char *key, struct tmpl_value *value);
void tmpl_set_text(struct tmpl_value *map, const char *key, struct sv s);
void tmpl_set_int(struct tmpl_value *map, const char *key, int64_t i);
void tmpl_set_bool(struct tmpl_value *map, const char *key, bool b);
/* A new, empty map or list under the key, returned to be filled. */
struct tmpl_value *tmpl_set_map(struct tmpl_value *map, const char *key);
struct tmpl_value *tmpl_set_list(struct tmpl_value *map, const char *key);

/* At the end of a list; the second returns a new, empty map put there. */
void tmpl_push(struct tmpl_value *list, struct tmpl_value *value);
struct tmpl_value *tmpl_push_map(struct tmpl_value *list);

/*
 * Rows that stay where they are, usually in a database result: nothing is
 * built for them, a cell is asked for when the template names its column.
 */
struct tmpl_table {
	size_t rows;
	/* Number of the column called `name`, SIZE_MAX when there is none. */
	size_t (*column)(const void *src, struct sv name);
	/* The value, in arena a; NULL is null. */
	struct tmpl_value *(*cell)(const void *src, struct arena *a, size_t row, size_t col);
	const void *src; /* must live until the page is rendered */
};

/* The table as a list of maps. The struct is copied, what src points to is not. */
void tmpl_set_table(struct tmpl_value *map, const char *key, const struct tmpl_table *table);
/* One of its rows as a map; null when it has no such row. */
void tmpl_set_row(struct tmpl_value *map, const char *key, const struct tmpl_table *table,
		  size_t row);

/*
 * A set of templates, made once per program. A template is compiled when it
 * is first used and kept. Not for use by several threads.
 */
struct tmpl_set;

/* The files `dir`/NAME.html. A NAME may hold letters, digits, _ - / and dots
 * that do not begin a component; any other counts as missing. */
struct tmpl_set *tmpl_set_open(const char *dir);
/* Templates given by tmpl_set_add. `lenient` lets a missing partial or parent
 * render as nothing, as the specification's own tests want it. */
struct tmpl_set *tmpl_set_memory(bool lenient);
/* NULL is allowed. */
void tmpl_set_free(struct tmpl_set *set);

/* Add or replace a template; both texts are copied. ST_INTERNAL, logged, when
 * it is not well-formed. Not while the set renders. */
enum status tmpl_set_add(struct tmpl_set *set, struct sv name, struct sv text) WARN_UNUSED;
/* Look at each file once per page and compile it again when it has changed
 * (for people who work on templates); off at first. */
void tmpl_set_reload(struct tmpl_set *set, bool on);
/*
 * What stands between {{#_}} and {{/_}} is text for people: it goes through
 * this function when a template is compiled, white space folded, tags in it
 * untouched ("{{n}} of {{total}}"). A set is therefore for one language. Not
 * set, the text stays as it is.
 */
void tmpl_set_translate(struct tmpl_set *set, const char *(*translate)(const char *text));
/* The most tags and pieces of text that one page may take, and its bytes;
 * at first 10 million and 64 MiB. */
void tmpl_set_limits(struct tmpl_set *set, uint64_t steps, size_t bytes);

/*
 * Append the template with this name, filled with data (usually a map; NULL
 * is null), to *out. On failure *out is as it was before, never half a page:
 * a template, partial or parent is missing or not well-formed, they nest too
 * deeply or for ever, or the page exceeds a limit. The reason is logged and
 * the status is ST_INTERNAL. The arena is for what lives while rendering.
 */
enum status tmpl_render(struct tmpl_set *set, struct sv name, const struct tmpl_value *data,
			struct arena *a, struct buf *out, struct err *e) WARN_UNUSED;

#endif
