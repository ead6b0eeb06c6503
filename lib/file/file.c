#include "file/file.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL ".spool" /* below files_dir: on the same disk, so that it can be renamed */
#define PIECE 65536
#define SWEEP_AGE 3600 /* seconds */

static const struct file_driver *const driver = &file_local;

struct file_writer {
	struct arena *arena;
	struct sv organization_id;
	const char *path;
	int fd; /* -1: ended or failed */
	int64_t size;
	EVP_MD_CTX *hash;
};

/* People hear that it did not work; the cause is for the log. */
static enum status failed(struct arena *a, const char *what, int error, struct err *e)
{
	bool full = error == ENOSPC || error == EDQUOT;

	log_error("stored files", LOG_C("doing", what), LOG_C("error", strerror(error)),
		  LOG_C("files_dir", conf_str(CONF_files_dir)));
	return err_set(e, a, ST_UNAVAILABLE, "%s",
		       full ? "There is no room left for files"
			    : "Files cannot be stored right now");
}

static bool valid_hash(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return s.n == FILE_HASH_LEN;
}

struct sv file_key(struct sv organization_id, struct sv sha256, struct arena *a)
{
	if (!uuid_valid(organization_id) || !valid_hash(sha256))
		return SV_NONE;
	return sv_from(arena_printf(a, "%.*s/%.2s/%.*s", SV_ARG(organization_id), sha256.p,
				    SV_ARG(sha256)));
}

/* ---- writing --------------------------------------------------------------- */

/* Also what is left of a writer that was given up. */
static void close_writer(void *arg)
{
	struct file_writer *w = arg;

	EVP_MD_CTX_free(w->hash);
	w->hash = NULL;
	if (w->fd < 0)
		return;
	close(w->fd);
	w->fd = -1;
	unlink(w->path); /* not there any more when it was renamed */
}

static int open_spool(struct file_writer *w)
{
	const char *dir = conf_str(CONF_files_dir);
	char *path = arena_printf(w->arena, "%s/" SPOOL "/XXXXXX", dir);

	w->path = path;
	w->fd = mkostemp(path, O_CLOEXEC);
	if (w->fd < 0 && errno == ENOENT && *dir) {
		if (mkdir(arena_printf(w->arena, "%s/" SPOOL, dir), 0700) && errno != EEXIST)
			return errno;
		path = arena_printf(w->arena, "%s/" SPOOL "/XXXXXX", dir);
		w->path = path;
		w->fd = mkostemp(path, O_CLOEXEC);
	}
	return w->fd < 0 ? errno : 0;
}

struct file_writer *file_begin(struct sv organization_id, struct arena *a, struct err *e)
{
	struct file_writer *w = ARENA_NEW(a, struct file_writer);
	int r;

	w->arena = a;
	w->organization_id = organization_id;
	w->fd = -1;
	if (!uuid_valid(organization_id)) {
		err_set(e, a, ST_BAD_INPUT, "Not an organization's id");
		return NULL;
	}
	r = open_spool(w);
	if (r) {
		failed(a, "open", r, e);
		return NULL;
	}
	w->hash = EVP_MD_CTX_new();
	arena_cleanup(a, close_writer, w);
	if (w->hash && EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL))
		return w;
	failed(a, "hash", ENOMEM, e);
	return NULL;
}

enum status file_write(struct file_writer *w, struct sv data, struct err *e)
{
	struct sv rest = data;

	while (rest.n) {
		ssize_t n = write(w->fd, rest.p, rest.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(w->arena, "write", n ? errno : EIO, e);
		rest = sv_skip(rest, (size_t)n);
	}
	w->size += (int64_t)data.n;
	if (data.n && !EVP_DigestUpdate(w->hash, data.p, data.n))
		return failed(w->arena, "hash", EIO, e);
	return ST_OK;
}

enum status file_end(struct file_writer *w, struct sv *sha256, int64_t *size, struct err *e)
{
	unsigned char digest[SHA256_SIZE];
	struct sv hash, key;
	int r = 0;

	if (!EVP_DigestFinal_ex(w->hash, digest, NULL))
		r = EIO;
	hash = crypto_hex(w->arena, sv_make((char *)digest, sizeof(digest)));
	key = file_key(w->organization_id, hash, w->arena);
	if (!r && fsync(w->fd))
		r = errno;
	if (!r)
		r = driver->store(key.p, w->path, w->fd);
	close_writer(w);
	if (r)
		return failed(w->arena, "store", r, e);
	*sha256 = hash;
	if (size)
		*size = w->size;
	return ST_OK;
}

enum status file_put(struct sv organization_id, struct sv data, struct arena *a, struct sv *sha256,
		     struct err *e)
{
	struct file_writer *w = file_begin(organization_id, a, e);

	if (!w || file_write(w, data, e))
		return e->status;
	return file_end(w, sha256, NULL, e);
}

enum status file_put_fd(struct sv organization_id, int fd, int64_t max, struct arena *a,
			struct sv *sha256, int64_t *size, struct err *e)
{
	struct file_writer *w = file_begin(organization_id, a, e);
	char *piece = arena_alloc(a, PIECE);
	ssize_t n;

	if (!w)
		return e->status;
	while ((n = read(fd, piece, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(a, "read", errno, e);
		if (w->size + n > max)
			return err_set(e, a, ST_TOO_LARGE, "A file may have at most %lld bytes",
				       (long long)max);
		if (file_write(w, sv_make(piece, (size_t)n), e))
			return e->status;
	}
	return file_end(w, sha256, size, e);
}

/* ---- reading ----------------------------------------------------------------- */

int file_open(struct sv organization_id, struct sv sha256, struct arena *a, struct err *e)
{
	struct sv key = file_key(organization_id, sha256, a);
	int fd = -1, r = key.n ? driver->open(key.p, &fd) : ENOENT;

	if (!r)
		return fd;
	if (r == ENOENT)
		err_set(e, a, ST_NOT_FOUND, "This file does not exist");
	else
		failed(a, "open", r, e);
	return -1;
}

static enum status read_all(int fd, char *to, size_t n, struct arena *a, struct err *e)
{
	while (n) {
		ssize_t got = read(fd, to, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return failed(a, "read", got ? errno : EIO, e);
		to += got;
		n -= (size_t)got;
	}
	return ST_OK;
}

enum status file_get(struct sv organization_id, struct sv sha256, int64_t max, struct arena *a,
		     struct sv *data, struct err *e)
{
	int64_t size = file_size(organization_id, sha256, a);
	enum status s;
	char *p;
	int fd;

	if (size > max)
		return err_set(e, a, ST_TOO_LARGE, "The file is larger than %lld bytes",
			       (long long)max);
	fd = file_open(organization_id, sha256, a, e);
	if (fd < 0)
		return e->status;
	p = arena_alloc(a, (size_t)size + 1);
	s = read_all(fd, p, (size_t)size, a, e);
	close(fd);
	if (!s)
		*data = sv_make(p, (size_t)size);
	return s;
}

int64_t file_size(struct sv organization_id, struct sv sha256, struct arena *a)
{
	struct sv key = file_key(organization_id, sha256, a);
	int64_t size;

	return key.n && !driver->stat(key.p, &size) ? size : -1;
}

/* ---- removing ------------------------------------------------------------------ */

enum status file_sweep(struct db *db, struct sv organization_id, struct sv sha256, struct arena *a,
		       bool *removed, struct err *e)
{
	struct sv key = file_key(organization_id, sha256, a);
	struct db_batch *b = db_batch(db, a);
	int used, r;

	if (removed)
		*removed = false;
	if (!key.n)
		return ST_OK;
	db_as_system(b, organization_id);
	used = db_add(b, "select 1 from files where sha256 = $1 limit 1", DB_S(sha256));
	if (db_run(b, e))
		return e->status;
	if (db_rows(b, used))
		return ST_OK;
	r = driver->remove(key.p, SWEEP_AGE);
	if (r == EAGAIN)
		return ST_OK;
	if (r)
		return failed(a, "remove", r, e);
	if (removed)
		*removed = true;
	return ST_OK;
}
