#include "base/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is the file behind fd still the one at path? Another process may have
 * replaced it while this one waited for the lock. */
static bool still_there(const char *path, int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Locked, and new or of that layout; or -1. */
static int open_locked(const char *path, uint64_t layout)
{
	for (int tries = 0; tries < 10; tries++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		uint64_t found = 0;
		ssize_t n;

		if (fd < 0 || flock(fd, LOCK_EX)) {
			if (fd >= 0)
				close(fd);
			return -1;
		}
		n = pread(fd, &found, sizeof(found), 0);
		if (still_there(path, fd)) {
			if (n == 0 || (n == (ssize_t)sizeof(found) && found == layout))
				return fd;
			unlink(path);
		}
		close(fd);
	}
	errno = EBUSY;
	return -1;
}

void *share_open(struct share *s, const char *path, uint64_t layout, size_t size)
{
	void *map = MAP_FAILED;

	s->fd = open_locked(path, layout);
	if (s->fd < 0)
		return NULL;
	if (!ftruncate(s->fd, (off_t)size))
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED) {
		share_unlock(s);
		return NULL;
	}
	*(uint64_t *)map = layout;
	return map;
}

/* Closing alone would not unlock: the mapping keeps the open file alive. */
void share_unlock(struct share *s)
{
	if (s->fd < 0)
		return;
	flock(s->fd, LOCK_UN);
	close(s->fd);
	s->fd = -1;
}

void share_close(void *map, size_t size)
{
	if (map)
		munmap(map, size);
}
