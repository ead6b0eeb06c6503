/*
 * file: what is stored, named by what it contains.
 *
 * A file's content lies under its SHA-256, once per tenant however often it
 * is stored: files_dir/<organization>/<aa>/<sha256>, where aa are the first
 * two digits. The table files says what it is called and who has it. Content
 * never changes under its name, so readers need no lock and caches no date.
 *
 * Write first, then insert the row: content without a row is rubbish that
 * file_sweep removes, a row without content would be a loss. What is written
 * is on the disk before file_end returns, and appears under its name at
 * once or not at all.
 *
 * Where the content goes is a driver's business (struct file_driver); the
 * local directory is the only one now.
 */
#ifndef FILE_FILE_H
#define FILE_FILE_H

#include "db/db.h"

#define FILE_HASH_LEN 64

/* ---- writing -------------------------------------------------------- */

struct file_writer;

/* Begin; it is given up with the arena unless file_end was called. NULL with
 * *e filled (no files_dir, disk full) on failure. */
struct file_writer *file_begin(struct sv organization_id, struct arena *a,
			       struct err *e) WARN_UNUSED;
enum status file_write(struct file_writer *w, struct sv data, struct err *e) WARN_UNUSED;
/* Make it permanent. *sha256 (64 hex digits) lives in the arena. */
enum status file_end(struct file_writer *w, struct sv *sha256, int64_t *size,
		     struct err *e) WARN_UNUSED;

/* All of it at once. */
enum status file_put(struct sv organization_id, struct sv data, struct arena *a, struct sv *sha256,
		     struct err *e) WARN_UNUSED;
/* From a descriptor, from where it stands to its end, in pieces. More than
 * max bytes: ST_TOO_LARGE, and nothing is stored. */
enum status file_put_fd(struct sv organization_id, int fd, int64_t max, struct arena *a,
			struct sv *sha256, int64_t *size, struct err *e) WARN_UNUSED;

/* ---- reading --------------------------------------------------------- */

/* A descriptor to read from, which the caller closes; -1 with *e filled:
 * ST_NOT_FOUND when there is none of that hash. */
int file_open(struct sv organization_id, struct sv sha256, struct arena *a, struct err *e);
/* The whole content in the arena; ST_TOO_LARGE when it is more than max. */
enum status file_get(struct sv organization_id, struct sv sha256, int64_t max, struct arena *a,
		     struct sv *data, struct err *e) WARN_UNUSED;
/* Bytes; -1 when there is none of that hash. */
int64_t file_size(struct sv organization_id, struct sv sha256, struct arena *a);
/* "<organization>/<aa>/<sha256>", below files_dir: for X-Accel-Redirect. */
struct sv file_key(struct sv organization_id, struct sv sha256, struct arena *a);

/* ---- what it is ------------------------------------------------------- */

#define FILE_HEAD 16 /* bytes that are looked at */

/* Does it begin as files of this type do? False for every type that browsers do not
 * show in place: those are downloads anyway. */
bool file_is_type(struct sv type, struct sv head);
/* The type to store: what was said; where the bytes contradict it, the kind of picture
 * that they are, or application/octet-stream. */
struct sv file_true_type(struct sv said, struct sv head);

/* ---- removing -------------------------------------------------------- */

/*
 * Remove the content unless a row of files still names it, or it was written
 * (again) less than an hour ago: whoever stores the same content now has its
 * row only a moment later. *removed may be NULL. Runs as the system of the
 * tenant; call it after the row's deletion was committed.
 */
enum status file_sweep(struct db *db, struct sv organization_id, struct sv sha256, struct arena *a,
		       bool *removed, struct err *e) WARN_UNUSED;

/* ---- drivers --------------------------------------------------------- */

/* Functions return 0 or an errno. The key is that of file_key. */
struct file_driver {
	const char *name;
	/* Take the finished spool file (fsynced, open as fd, at path) under the
	 * key; it may be moved. A key that exists has the same content: renew its age. */
	int (*store)(const char *key, const char *path, int fd);
	int (*open)(const char *key, int *fd);
	int (*stat)(const char *key, int64_t *size);
	/* EAGAIN when it was stored (again) less than min_age seconds ago;
	 * judged and done in one step as seen by store. */
	int (*remove)(const char *key, int min_age);
};

extern const struct file_driver file_local;

#endif
