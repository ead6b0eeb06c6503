/* Large bodies: on disk and mapped, so that an upload costs no memory of its own. */
#include "http/internal.h"

#include "base/conf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE 65536

struct spool {
	void *p;
	size_t n;
};

static void unmap(void *arg)
{
	struct spool *s = arg;

	munmap(s->p, s->n);
}

/* A file without a name, on the disk where stored files lie. */
static int open_spool(void)
{
	return open(conf_str(CONF_files_dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static size_t fill(int fd, const struct http_input *in, size_t n)
{
	char piece[PIECE];
	size_t got = 0;

	while (got < n) {
		size_t want = n - got < PIECE ? n - got : PIECE, step = in->read(in->arg, piece, want), out = 0;

		while (out < step) {
			ssize_t done = write(fd, piece + out, step - out);

			if (done <= 0)
				return 0;
			out += (size_t)done;
		}
		got += step;
		if (step < want)
			break;
	}
	return got;
}

bool http_spool(struct http_request *rq, const struct http_input *in, size_t n, bool *whole)
{
	int fd = open_spool();
	struct spool *s;

	if (fd < 0)
		return false;
	*whole = fill(fd, in, n) == n;
	if (*whole) {
		s = ARENA_NEW(rq->arena, struct spool);
		s->n = n;
		s->p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
		*whole = s->p != MAP_FAILED;
		if (*whole) {
			arena_cleanup(rq->arena, unmap, s);
			rq->body = sv_make(s->p, n);
		}
	}
	close(fd);
	return true;
}
