/*
 * /imports: what was imported, a new file, how far it is, what came of it.
 *
 * A file is stored when it is uploaded; its columns are chosen on the next page
 * (import_map.c), from where the worker reads and writes it (worker/import.c).
 */
#include "fcgi/app/imports.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"
#include "file/file.h"

#include <string.h>

#define PAGE_ROWS 50
#define ERRORS_SHOWN 100

/* Whose kinds are shown by which words. */
static const struct {
	const char *kind, *label, *one;
} kinds[] = {
	{ "contacts", N_("Contacts"), N_("Import contacts") },
	{ "companies", N_("Companies"), N_("Import companies") },
	{ "leads", N_("Leads"), N_("Import leads") },
	{ "deals", N_("Deals"), N_("Import deals") },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct {
	const char *state, *label, *tone;
} states[] = {
	{ "draft", N_("Columns not chosen"), "muted" }, { "reading", N_("Reading the file"), "accent" },
	{ "running", N_("Running"), "accent" },		{ "paused", N_("Paused"), "warn" },
	{ "done", N_("Done"), "good" },			{ "failed", N_("Failed"), "bad" },
	{ "cancelled", N_("Cancelled"), "muted" },	{ "undoing", N_("Being taken back"), "accent" },
	{ "undone", N_("Taken back"), "muted" },
};

static const char *kind_label(struct sv kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (sv_eq(kind, sv_from(kinds[i].kind)))
			return tr(kinds[i].label);
	return "";
}

/* The words of a state, beside the row that is map's value `row`. */
static void set_words(struct tmpl_value *map, struct sv kind, struct sv state)
{
	tmpl_set_text(map, "kind_label", sv_from(kind_label(kind)));
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (sv_eq(state, sv_from(states[i].state))) {
			tmpl_set_text(map, "state_label", sv_from(tr(states[i].label)));
			tmpl_set_text(map, "tone", sv_from(states[i].tone));
		}
}

static void set_kinds(struct tmpl_value *page, struct sv chosen)
{
	struct tmpl_value *list = tmpl_set_list(page, "kinds");

	for (size_t i = 0; i < KINDS; i++) {
		struct tmpl_value *k = tmpl_push_map(list);

		tmpl_set_text(k, "kind", sv_from(kinds[i].kind));
		tmpl_set_text(k, "label", sv_from(tr(kinds[i].label)));
		tmpl_set_text(k, "one", sv_from(tr(kinds[i].one)));
		tmpl_set_bool(k, "selected", sv_eq(chosen, sv_from(kinds[i].kind)));
	}
}

/* ---- the list --------------------------------------------------------------- */

enum status imports_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct sv before = http_query(rq, "before");
	struct tmpl_value *page, *list;
	size_t n;
	int rows;

	web_me(rq, b);
	rows = db_add(b,
		"select i.id, i.kind, i.state, i.file_name, i.total, i.imported, i.updated, i.skipped, i.failed, i.error,"
		" internal.shown_time(i.created_at, (select internal.my_zone())) as created,"
		" internal.person(p.first_name, p.last_name, p.email) as who,"
		" i.file_sha256 is null as by_program"
		" from imports i left join profiles p on p.organization_id = i.organization_id and p.id = i.created_by"
		" where $1::uuid is null or (i.created_at, i.id) <"
		" (select x.created_at, x.id from imports x where x.id = $1::uuid)"
		" order by i.created_at desc, i.id desc limit $2",
		DB_OPT(uuid_valid(before) ? before : SV_NONE), DB_I(PAGE_ROWS + 1));
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_kinds(page, SV_NONE);
	list = tmpl_set_list(page, "imports");
	n = db_rows(b, rows);
	for (size_t i = 0; i < n && i < PAGE_ROWS; i++) {
		struct tmpl_value *one = tmpl_push_map(list);

		web_set_row(one, "row", b, rows, i);
		set_words(one, db_get(b, rows, i, 1), db_get(b, rows, i, 2));
	}
	tmpl_set_bool(page, "any", n > 0);
	if (n > PAGE_ROWS)
		tmpl_set_text(page, "older", db_get(b, rows, PAGE_ROWS - 1, 0));
	return web_render(rq, rs, "app/imports/list", page, e);
}

/* ---- a new one ------------------------------------------------------------------- */

static enum status show_new(struct http_request *rq, struct http_response *rs, struct sv kind,
			    const struct err *wrong, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	enum import_kind k;

	if (!import_kind_of(kind, &k))
		kind = SV("contacts");
	web_me(rq, b);
	if (db_run(b, e))
		return e->status;
	page = web_page(rq, b);
	set_kinds(page, kind);
	tmpl_set_text(page, "kind", kind);
	tmpl_set_text(page, "new_id", uuid_new(rq->arena));
	if (wrong) {
		tmpl_set_text(page, "error", err_message(wrong));
		rs->status = status_http(wrong->status);
	}
	return web_render(rq, rs, "app/imports/new", page, e);
}

enum status import_new(struct http_request *rq, struct http_response *rs, struct err *e)
{
	return show_new(rq, rs, http_query(rq, "kind"), NULL, e);
}

/* The tenant, and that this member may import: before anything is stored. */
static enum status who(struct http_request *rq, struct sv *org, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	int s = db_add(b, "select auth.org() as org, internal.must('can_access_crm')");

	if (db_run(b, e))
		return e->status;
	*org = db_first(b, s, "org");
	return ST_OK;
}

static int add_file(struct db_batch *b, struct sv sha, struct sv name, const char *type, int64_t size)
{
	return db_add(b,
		"insert into files (sha256, name, content_type, size) select $1, left($2, 255), $3, $4"
		" where not exists (select from files f where f.sha256 = $1)",
		DB_S(sha), DB_S(name), DB_C(type), DB_I(size));
}

static enum status take(struct http_request *rq, struct sv org, const struct http_file *file, struct sv kind,
			struct sv id, struct err *e)
{
	struct table_file t;
	struct sv text, headers;
	struct db_batch *b;

	if (table_file_store(&t, org, file->data, SV(""), rq->arena, e) ||
	    table_file_map(org, t.text_sha256, rq->arena, &text, e) ||
	    import_headers(rq->arena, text, &headers, e))
		return e->status;
	b = web_batch(rq);
	add_file(b, t.file_sha256, file->filename.n ? file->filename : SV("import"), "application/octet-stream",
		 t.file_size);
	if (!sv_eq(t.file_sha256, t.text_sha256))
		add_file(b, t.text_sha256, SV("import.csv"), "text/csv", t.text_size);
	db_add(b,
	       "insert into imports (id, kind, state, file_name, duplicates, match, file_sha256, text_sha256, file_size,"
	       " text_size, encoding, headers, read_done)"
	       " values ($1::uuid, $2, 'draft', left($3, 255), 'merge', 'email', $4, $5, $6, $7, $8, $9::jsonb, false)"
	       " on conflict (organization_id, id) do nothing",
	       DB_S(id), DB_S(kind), DB_S(file->filename), DB_S(t.file_sha256), DB_S(t.text_sha256),
	       DB_I(t.file_size), DB_I(t.text_size), DB_OPT(sv_from(t.encoding)), DB_S(headers));
	return db_run(b, e);
}

enum status import_upload(struct http_request *rq, struct http_response *rs, struct err *e)
{
	const struct http_file *file = http_form_file(rq, "file");
	struct sv kind = http_form(rq, "kind"), id = http_form(rq, "id"), org;
	struct err wrong = { 0 };
	enum import_kind k;

	if (who(rq, &org, e))
		return e->status;
	if (!import_kind_of(kind, &k))
		return err_set(e, rq->arena, ST_BAD_INPUT, "%s", tr("Choose what the file holds"));
	if (!uuid_valid(id))
		id = uuid_new(rq->arena);
	if (!file || !file->data.n)
		err_set(&wrong, rq->arena, ST_UNPROCESSABLE, "%s", tr("Choose a file that is not empty"));
	else
		take(rq, org, file, kind, id, &wrong);
	if (!wrong.status)
		return redirect_to(rq, rs, "/imports/", id, "");
	if (wrong.status >= ST_INTERNAL || wrong.status == ST_UNAUTHENTICATED) {
		*e = wrong;
		return e->status;
	}
	if (wrong.status == ST_BAD_INPUT)
		wrong.status = ST_UNPROCESSABLE;
	return show_new(rq, rs, kind, &wrong, e);
}

/* The same file, read in another encoding. */
enum status import_encoding(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct table_file t;
	struct sv id, org, text, headers;
	int row;

	if (path_id(rq, "import", &id, e))
		return e->status;
	must_exist(b, "imports", id);
	row = db_add(b, "select organization_id, file_sha256 from imports where id = $1::uuid and state = 'draft'"
			" and encoding is not null", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return redirect_to(rq, rs, "/imports/", id, "");
	org = db_first(b, row, "organization_id");
	if (table_file_map(org, db_first(b, row, "file_sha256"), rq->arena, &text, e) ||
	    table_file_store(&t, org, text, http_form(rq, "encoding"), rq->arena, e) ||
	    table_file_map(org, t.text_sha256, rq->arena, &text, e) || import_headers(rq->arena, text, &headers, e))
		return e->status;
	b = web_batch(rq);
	add_file(b, t.text_sha256, SV("import.csv"), "text/csv", t.text_size);
	db_add(b, "update imports set text_sha256 = $2, text_size = $3, encoding = $4, headers = $5::jsonb"
		  " where id = $1::uuid and state = 'draft'",
	       DB_S(id), DB_S(t.text_sha256), DB_I(t.text_size), DB_OPT(sv_from(t.encoding)), DB_S(headers));
	if (db_run(b, e))
		return e->status;
	return redirect_to(rq, rs, "/imports/", id, "");
}

/* ---- one of them --------------------------------------------------------------------- */

#define ONE_SQL                                                                                      \
	"select i.*, internal.shown_time(i.created_at, (select internal.my_zone())) as created,"     \
	" internal.shown_time(i.finished_at, (select internal.my_zone())) as finished,"              \
	" internal.person(p.first_name, p.last_name, p.email) as who,"                               \
	" i.state in ('reading', 'running', 'undoing') as busy,"                                     \
	" i.state in ('reading', 'running') as can_pause, i.state = 'paused' as can_resume,"         \
	" i.state in ('draft', 'reading', 'running', 'paused') as can_cancel,"                       \
	" i.state in ('done', 'failed', 'cancelled') and i.imported + i.updated > 0 as can_undo,"    \
	" i.state = 'undone' as is_undone,"                                                          \
	" case when i.state = 'undoing' then 100 * (i.deleted + i.restored + i.kept)"                \
	"	/ greatest(1, i.imported + i.updated)"                                               \
	"  when i.state in ('done', 'undone') then 100"                                              \
	"  when i.file_sha256 is null then 100 * i.done / greatest(1, i.total)"                      \
	"  else 20 * i.read_at / greatest(1, i.text_size) + case when i.read_done"                   \
	"	then 80 * i.done / greatest(1, i.total) else 0 end end as percent"                   \
	" from imports i left join profiles p on p.organization_id = i.organization_id and p.id = i.created_by" \
	" where i.id = $1::uuid"

static int add_errors(struct db_batch *b, struct sv id)
{
	return db_add(b,
		"select r.row, r.error from import_rows r where r.import_id = $1::uuid and r.action = 'failed'"
		" order by r.row limit $2", DB_S(id), DB_I(ERRORS_SHOWN));
}

static void show_state(struct tmpl_value *page, const struct db_batch *b, int row, int errors)
{
	int64_t failed = 0;

	web_set_row(page, "import", b, row, 0);
	set_words(page, db_first(b, row, "kind"), db_first(b, row, "state"));
	tmpl_set_text(page, "list_path", db_first(b, row, "kind"));
	web_set_rows(page, "errors", b, errors);
	sv_to_i64(db_first(b, row, "failed"), &failed);
	tmpl_set_bool(page, "more_errors", failed > ERRORS_SHOWN);
	tmpl_set_bool(page, "has_errors", db_rows(b, errors) > 0);
}

static enum status show_one(struct http_request *rq, struct http_response *rs, struct sv id, bool part,
			    struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct tmpl_value *page;
	int row, errors;

	if (!part)
		web_me(rq, b);
	row = db_add(b, ONE_SQL, DB_S(id));
	errors = add_errors(b, id);
	if (db_run(b, e))
		return e->status;
	if (!db_rows(b, row))
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("This import does not exist"));
	if (!part && sv_eq(db_first(b, row, "state"), SV("draft")))
		return import_mapping(rq, rs, id, e);
	page = web_page(rq, b);
	show_state(page, b, row, errors);
	return web_render(rq, rs, part ? "app/imports/progress" : "app/imports/show", page, e);
}

enum status import_page(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	return path_id(rq, "import", &id, e) ? e->status : show_one(rq, rs, id, false, e);
}

enum status import_progress(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct sv id;

	return path_id(rq, "import", &id, e) ? e->status : show_one(rq, rs, id, true, e);
}

enum status import_command(struct http_request *rq, struct http_response *rs, struct err *e)
{
	static const char *const commands[] = { "pause", "resume", "cancel", "undo" };
	struct sv id, command = http_param(rq, "command");
	struct db_batch *b = web_batch(rq);
	bool known = false;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		known = known || sv_eq(command, sv_from(commands[i]));
	if (!known)
		return err_set(e, rq->arena, ST_NOT_FOUND, "%s", tr("There is no such command"));
	if (path_id(rq, "import", &id, e))
		return e->status;
	db_add(b, "select internal.import_command($1::uuid, $2)", DB_S(id), DB_S(command));
	if (db_run(b, e))
		return e->status;
	return wants_fragment(rq) ? show_one(rq, rs, id, true, e) : redirect_to(rq, rs, "/imports/", id, "");
}
