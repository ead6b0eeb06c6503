/*
 * code: what a template is compiled to; private to tmpl/.
 *
 * A unit is one compiled template: a flat array of ops in which each op
 * knows where its subtree ends, so that rendering is one loop and skipping a
 * section is one jump. Keys are interned in the set and carry a number, by
 * which the columns of a table are remembered while its rows are rendered.
 *
 * Lines matter for indentation only: `bol` marks text that begins a line of
 * its template. A tag that begins a line has an empty text with bol before it.
 */
#ifndef TMPL_CODE_H
#define TMPL_CODE_H

#include "tmpl/tmpl.h"

enum {
	TMPL_NEST_MAX = 64,      /* tags open at once in one template */
	TMPL_DEPTH_MAX = 200,    /* sections, partials, parents, blocks while rendering */
	TMPL_PARTS_MAX = 32,     /* a.b.c has three */
	TMPL_SIZE_MAX = 1 << 20, /* bytes of one template */
};

struct tmpl_name {
	struct sv text;
	uint32_t id;
	struct tmpl_unit *unit; /* the template with this name, once loaded */
	struct tmpl_name *next; /* in its bucket */
};

enum tmpl_op_kind {
	OP_NOP,
	OP_TEXT,
	OP_VALUE,
	OP_RAW,
	OP_SECTION,
	OP_INVERTED,
	OP_PARTIAL,
	OP_PARENT,
	OP_BLOCK,
};

/* Where a partial, a parent or a block stands. */
struct tmpl_site {
	struct sv indent; /* for each line put there, when it is alone on its line */
	struct sv eol;    /* a block: the line end that was taken with its end tag */
	uint32_t line;
};

struct tmpl_op {
	uint8_t kind;
	bool bol;       /* text: begins a line */
	bool lone;      /* partial, parent, block: alone on its line */
	bool dynamic;   /* partial, parent: the template's name is the value of keys */
	uint16_t nkeys; /* 0 is {{.}} */
	uint32_t end;   /* the op after this one's subtree */
	union {
		struct sv text;                      /* text; name of a template */
		const struct tmpl_name *const *keys; /* value, section; dynamic name */
		const struct tmpl_name *block;
	};
	struct tmpl_site *site;
};

/* The state of a file, to see that it has changed. */
struct tmpl_stamp {
	int64_t sec, nsec, size;
	uint64_t inode;
};

struct tmpl_unit {
	struct arena *arena; /* holds the unit itself, too */
	struct sv name;
	const struct tmpl_op *ops;
	uint32_t n;
	struct tmpl_stamp stamp;
	uint64_t checked; /* generation in which the file was looked at last */
};

struct tmpl_set {
	char *dir; /* NULL: in memory */
	bool lenient, reload;
	const char *(*translate)(const char *text); /* or NULL */
	struct arena *arena; /* the names */
	struct tmpl_name **buckets;
	uint32_t nnames;
	uint64_t generation; /* counts pages */
	unsigned busy;       /* pages under way */
	uint64_t max_steps;
	size_t max_bytes;
};

/* The one struct for this name, made on first use. */
struct tmpl_name *tmpl_intern(struct tmpl_set *set, struct sv text);

/* The compiled template. ST_NOT_FOUND when there is none, not logged;
 * ST_INTERNAL when it cannot be read or compiled, logged. */
enum status tmpl_unit_get(struct tmpl_set *set, struct sv name,
			  struct tmpl_unit **unit) WARN_UNUSED;

struct tmpl_fault {
	const char *why; /* a literal */
	struct sv what;  /* the tag, or empty */
	uint32_t line;   /* 0 = not known */
};

/* Compile src, which lives in unit->arena, into the unit. */
bool tmpl_compile(struct tmpl_set *set, struct tmpl_unit *unit, struct sv src,
		  struct tmpl_fault *fault) WARN_UNUSED;

/* src with its {{#_}}texts{{/_}} in the language of the set; src itself when
 * it has none. */
struct sv tmpl_translate(struct tmpl_set *set, struct arena *a, struct sv src);

/* The indentation of the lines in ops [from, to), as far as they have it in
 * common; SV_NONE when there is no line that is not empty. */
struct sv tmpl_indent_common(const struct tmpl_op *ops, uint32_t from, uint32_t to);
/* Take it from these lines. */
void tmpl_indent_remove(struct arena *a, struct tmpl_op *ops, uint32_t from, uint32_t to,
			struct sv indent);

enum tmpl_kind {
	TMPL_NULL,
	TMPL_BOOL,
	TMPL_INT,
	TMPL_TEXT,
	TMPL_LIST,
	TMPL_MAP,
	TMPL_TABLE,
	TMPL_ROW,
	TMPL_JSON, /* an object, array or real; other JSON becomes one of the above */
};

struct tmpl_entry {
	struct sv key; /* empty in lists */
	struct tmpl_value *value;
};

struct tmpl_entries {
	struct arena *arena;
	struct tmpl_entry *at;
	size_t n, size;
};

struct tmpl_value {
	enum tmpl_kind kind;
	union {
		bool b;
		int64_t i;
		struct sv s;
		struct tmpl_entries *entries;
		struct {
			const struct tmpl_table *table;
			size_t row;
		};
		json_t *json;
	};
};

/* Columns already asked for: 0 not yet, 1 absent, else the number + 2. */
struct tmpl_columns {
	uint32_t *at; /* by id of the name; NULL until needed */
	uint32_t n;
};

/* The value under a key; false when there is none. `columns` may be NULL. */
bool tmpl_value_get(const struct tmpl_value *v, struct arena *a, const struct tmpl_name *key,
		    struct tmpl_columns *columns, struct tmpl_value *found);
bool tmpl_value_true(const struct tmpl_value *v);
/* Elements of a list, a table or a JSON array; SIZE_MAX for anything else. */
size_t tmpl_value_count(const struct tmpl_value *v);
struct tmpl_value tmpl_value_item(const struct tmpl_value *v, size_t i);
/* As text, escaped unless raw. */
void tmpl_value_write(struct buf *out, const struct tmpl_value *v, bool raw);

#endif
