/* Stored files in a local directory (setting files_dir). */
#include "base/clock.h"
#include "base/conf.h"
#include "file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* files_dir, open; -1 with errno set. Opened each time: it may be mounted
 * while the program runs. */
static int root(void)
{
	return open(conf_str(CONF_files_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int sync_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return errno;
	r = fsync(fd) ? errno : 0;
	close(fd);
	return r;
}

/* Make the directories above the key's last part; the names of new ones are
 * on the disk before anything is put into them. */
static int make_dirs(int at, const char *key)
{
	char *path = strdup(key);
	int r = 0;

	if (!path)
		return ENOMEM;
	for (char *p = strchr(path, '/'); p && !r; p = strchr(p + 1, '/')) {
		*p = 0;
		if (!mkdirat(at, path, 0750)) {
			char *parent = strrchr(path, '/');

			if (parent)
				*parent = 0;
			r = sync_dir(at, parent ? path : ".");
			if (parent)
				*parent = '/';
		} else if (errno != EEXIST) {
			r = errno;
		}
		*p = '/';
	}
	free(path);
	return r;
}

static int sync_parent(int at, const char *key)
{
	const char *slash = strrchr(key, '/');
	char *dir = slash ? strndup(key, (size_t)(slash - key)) : strdup(".");
	int r = dir ? sync_dir(at, dir) : ENOMEM;

	free(dir);
	return r;
}

static int store_at(int at, const char *key, const char *path)
{
	int r;

	if (!utimensat(at, key, NULL, 0)) /* here already: it is new again (file_sweep) */
		return 0;
	r = make_dirs(at, key);
	if (!r && renameat(AT_FDCWD, path, at, key))
		r = errno;
	return r ? r : sync_parent(at, key);
}

/* Storing may go on beside storing, but not beside a removal: the lock of the
 * directory is shared here and exclusive there. Closing it lets go. */
static int local_store(const char *key, const char *path, int fd)
{
	int at = root(), r;

	if (at < 0)
		return errno;
	r = fchmod(fd, 0640) || flock(at, LOCK_SH) ? errno : store_at(at, key, path);
	close(at);
	return r;
}

static int local_open(const char *key, int *fd)
{
	int at = root(), r = 0;

	if (at < 0)
		return errno;
	*fd = openat(at, key, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		r = errno;
	close(at);
	return r;
}

static int stat_at(int at, const char *key, struct stat *st)
{
	if (fstatat(at, key, st, AT_SYMLINK_NOFOLLOW))
		return errno;
	return S_ISREG(st->st_mode) ? 0 : ENOENT;
}

static int local_stat(const char *key, int64_t *size)
{
	int at = root(), r;
	struct stat st;

	if (at < 0)
		return errno;
	r = stat_at(at, key, &st);
	close(at);
	if (!r)
		*size = st.st_size;
	return r;
}

static int remove_at(int at, const char *key, int min_age)
{
	struct stat st;
	int r = stat_at(at, key, &st);

	if (r)
		return r == ENOENT ? 0 : r;
	if (clock_now_ms() / 1000 - st.st_mtim.tv_sec < min_age)
		return EAGAIN;
	return unlinkat(at, key, 0) && errno != ENOENT ? errno : 0;
}

static int local_remove(const char *key, int min_age)
{
	int at = root(), r;

	if (at < 0)
		return errno;
	r = flock(at, LOCK_EX) ? errno : remove_at(at, key, min_age);
	close(at);
	return r;
}

const struct file_driver file_local = {
	.name = "local",
	.store = local_store,
	.open = local_open,
	.stat = local_stat,
	.remove = local_remove,
};
