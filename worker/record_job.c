/*
 * Long work on records (public.record_jobs), a slice per turn, so that other
 * work goes on in between; and the contents of files whose rows are gone. The
 * payload of a record_job: {id}; of a file_sweep: {sha256: [..]}.
 *
 * An export of one person is a zip: data.json and every file under its name.
 */
#include "worker/worker.h"

#include "file/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SLICE 1000
#define ZIP_MAX ((int64_t)2 << 30)
#define PIECE 65536

static void failed(struct job *j, const struct err *e)
{
	if (e->status == ST_UNAVAILABLE)
		job_postpone(j, err_message(e), 1000);
	else
		job_fail(j, err_message(e), job_retry_ms(j, 0));
}

/* ---- the zip ----------------------------------------------------------------- */

static enum status zip_refused(struct archive *zip, struct arena *a, struct err *e)
{
	return err_set(e, a, ST_INTERNAL, "The zip cannot be written: %s", archive_error_string(zip));
}

static enum status zip_begin(struct archive *zip, const char *name, int64_t size, struct arena *a, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	archive_entry_set_pathname_utf8(entry, name);
	archive_entry_set_size(entry, size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, time(NULL), 0);
	r = archive_write_header(zip, entry);
	archive_entry_free(entry);
	return r < ARCHIVE_WARN ? zip_refused(zip, a, e) : ST_OK;
}

static enum status zip_text(struct archive *zip, const char *name, struct sv text, struct arena *a, struct err *e)
{
	if (zip_begin(zip, name, (int64_t)text.n, a, e))
		return e->status;
	return archive_write_data(zip, text.p, text.n) < 0 ? zip_refused(zip, a, e) : ST_OK;
}

/* One whose content is missing is left out: data.json names it all the same. */
static enum status zip_file(struct archive *zip, const char *name, struct sv org, struct sv sha256, struct arena *a,
			    struct err *e)
{
	int64_t size = file_size(org, sha256, a);
	struct err missing = { 0 };
	char *piece = arena_alloc(a, PIECE);
	enum status st;
	ssize_t n;
	int fd;

	fd = size < 0 ? -1 : file_open(org, sha256, a, &missing);
	if (fd < 0)
		return ST_OK;
	st = zip_begin(zip, name, size, a, e);
	while (!st && (n = read(fd, piece, PIECE)) > 0)
		if (archive_write_data(zip, piece, (size_t)n) < 0)
			st = zip_refused(zip, a, e);
	close(fd);
	return st;
}

/* "files/0001-contract.pdf": no path of anybody's making, no two alike. */
static const char *entry_name(struct arena *a, size_t i, struct sv name)
{
	char *clean = arena_dup(a, name);

	for (size_t k = 0; k < name.n; k++)
		if (clean[k] == '/' || clean[k] == '\\' || (unsigned char)clean[k] < 0x20)
			clean[k] = '_';
	return arena_printf(a, "files/%04zu-%s", i + 1, clean);
}

static enum status zip_all(struct job *j, const struct db_batch *b, int data, int files, int fd, struct err *e)
{
	struct archive *zip = archive_write_new();
	enum status st = ST_OK;

	archive_write_set_format_zip(zip);
	archive_write_set_options(zip, "hdrcharset=UTF-8");
	if (archive_write_open_fd(zip, fd) != ARCHIVE_OK)
		st = zip_refused(zip, j->arena, e);
	if (!st)
		st = zip_text(zip, "data.json", db_get(b, data, 0, 0), j->arena, e);
	for (size_t i = 0; !st && i < db_rows(b, files); i++)
		st = zip_file(zip, entry_name(j->arena, i, db_named(b, files, i, "name")), j->organization_id,
			      db_named(b, files, i, "sha256"), j->arena, e);
	if (!st && archive_write_close(zip) != ARCHIVE_OK)
		st = zip_refused(zip, j->arena, e);
	archive_write_free(zip);
	return st;
}

/* Through a file without a name, so that nothing is left of one that fails. */
static enum status store_zip(struct job *j, const struct db_batch *b, int data, int files, struct sv *sha256,
			     int64_t *size, struct err *e)
{
	FILE *spool = tmpfile();
	enum status st;

	if (!spool)
		return err_set(e, j->arena, ST_INTERNAL, "No room for a temporary file");
	st = zip_all(j, b, data, files, fileno(spool), e);
	if (!st && lseek(fileno(spool), 0, SEEK_SET) < 0)
		st = err_set(e, j->arena, ST_INTERNAL, "The temporary file cannot be read");
	if (!st)
		st = file_put_fd(j->organization_id, fileno(spool), ZIP_MAX, j->arena, sha256, size, e);
	fclose(spool);
	return st;
}

static enum status export_person(struct job *j, struct sv id, struct sv contact, struct err *e)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct sv sha256;
	int64_t size;
	int data, files;

	db_as_system(b, j->organization_id);
	data = db_add(b, "select jsonb_pretty(internal.person_data($1::uuid))", DB_S(contact));
	files = db_add(b,
		"select f.name, f.sha256 from internal.person_files($1::uuid) p join files f on f.id = p.file_id"
		" order by f.created_at, f.id", DB_S(contact));
	if (db_run(b, e) || store_zip(j, b, data, files, &sha256, &size, e))
		return e->status;
	b = db_batch(worker_of(j)->db, j->arena);
	db_as_system(b, j->organization_id);
	db_add(b, "select internal.person_exported($1::uuid, $2, $3, 'personal-data.zip')", DB_S(id), DB_S(sha256),
	       DB_I(size));
	return db_run(b, e);
}

/* ---- jobs ---------------------------------------------------------------------- */

void record_job_start(struct job *j)
{
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	struct err e = { 0 };
	int64_t left = 0;
	int job, step;

	db_as_system(b, j->organization_id);
	job = db_add(b,
		"select r.id, r.payload ->> 'contact_id' as contact from record_jobs r"
		" where r.id = ($1::jsonb ->> 'id')::uuid and r.kind = 'person_export' and r.state <> 'done'",
		DB_S(j->payload));
	step = db_add(b, "select internal.record_job_step(($1::jsonb ->> 'id')::uuid, $2) as n", DB_S(j->payload),
		      DB_I(SLICE));
	if (db_run(b, &e)) {
		failed(j, &e);
		return;
	}
	if (db_rows(b, job) &&
	    export_person(j, db_first(b, job, "id"), db_first(b, job, "contact"), &e)) {
		failed(j, &e);
		return;
	}
	sv_to_i64(db_first(b, step, "n"), &left);
	if (left > 0)
		job_postpone(j, SV("more records"), 0);
	else
		job_done(j);
}

/* What was stored again meanwhile stays; what is too young to go is tried later. */
void file_sweep_start(struct job *j)
{
	json_t *payload = json_loadb(j->payload.p, j->payload.n, 0, NULL);
	json_t *one;
	struct err e = { 0 };
	bool left = false, gone;
	size_t i;

	json_array_foreach(json_object_get(payload, "sha256"), i, one) {
		struct sv sha256 = arena_sv(j->arena, sv_from(json_string_value(one)));

		if (file_sweep(worker_of(j)->db, j->organization_id, sha256, j->arena, &gone, &e))
			break;
		left |= !gone && file_size(j->organization_id, sha256, j->arena) >= 0;
	}
	json_decref(payload);
	if (e.status)
		failed(j, &e);
	else if (left && !j->last)
		job_fail(j, SV("written less than an hour ago, or in use"), job_retry_ms(j, 0));
	else
		job_done(j);
}
