/* The file store: content-addressed, streaming, safe against odd names. */
#include "t/unit/tap.h"

#include "base/conf.h"
#include "file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORG SV("01890a5d-ac96-774b-bcce-b302099a8057")
#define HELLO SV("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")

static void whole(struct arena *a, const char *dir)
{
	struct sv hash = SV_NONE, got = SV_NONE, again = SV_NONE;
	struct stat first, second;
	struct err e = { 0 };
	const char *path;

	ok(!file_put(ORG, SV("hello"), a, &hash, &e), "MSG-56 a file is stored");
	is_sv(hash, HELLO, "its name is the SHA-256 of its content");
	path = arena_printf(a, "%s/%s", dir, file_key(ORG, hash, a).p);
	ok(!stat(path, &first) && first.st_size == 5, "it lies under organization/aa/sha256");
	ok(!(first.st_mode & 7), "it is nothing to other users of the machine");
	ok(!file_get(ORG, hash, 100, a, &got, &e), "it can be read");
	is_sv(got, SV("hello"), "with the content");
	is_int(file_size(ORG, hash, a), 5, "size");
	ok(!file_put(ORG, SV("hello"), a, &again, &e) && !stat(path, &second) &&
		   first.st_ino == second.st_ino,
	   "the same content is kept once");
	ok(file_get(ORG, hash, 4, a, &got, &e) == ST_TOO_LARGE, "a limit holds when reading");
}

static void streamed(struct arena *a)
{
	struct file_writer *w;
	struct sv hash = SV_NONE;
	struct err e = { 0 };
	int64_t size = 0;
	int fd[2];

	w = file_begin(ORG, a, &e);
	ok(w && !file_write(w, SV("hel"), &e) && !file_write(w, SV("lo"), &e) &&
		   !file_end(w, &hash, &size, &e),
	   "a file can be written in pieces");
	is_sv(hash, HELLO, "with the same name");
	is_int(size, 5, "and size");
	ok(!pipe(fd) && write(fd[1], "hello", 5) == 5, "pipe");
	close(fd[1]);
	ok(!file_put_fd(ORG, fd[0], 5, a, &hash, &size, &e) && size == 5, "and from a descriptor");
	close(fd[0]);
	ok(!pipe(fd) && write(fd[1], "hello!", 6) == 6, "pipe");
	close(fd[1]);
	ok(file_put_fd(ORG, fd[0], 5, a, &hash, &size, &e) == ST_TOO_LARGE,
	   "more than the limit is refused");
	close(fd[0]);
}

static void refused(struct arena *a)
{
	struct sv hash = SV_NONE, got;
	struct err e = { 0 };

	ok(file_put(SV("../../etc"), SV("x"), a, &hash, &e) == ST_BAD_INPUT,
	   "an organization is a UUID, never a path");
	is_int(file_size(ORG, SV("../../../etc/passwd"), a), -1,
	       "a hash is 64 hex digits, never a path");
	ok(file_get(ORG, SV("0000000000000000000000000000000000000000000000000000000000000000"), 9,
		    a, &got, &e) == ST_NOT_FOUND,
	   "a hash that was never stored is not found");
	is_int(file_size(SV("01890a5d-ac96-774b-bcce-b302099a8058"), HELLO, a), -1,
	       "another organization's file is not there");
	conf_set(CONF_files_dir, "/nonexistent/kontor");
	ok(file_put(ORG, SV("x"), a, &hash, &e) == ST_UNAVAILABLE,
	   "no directory: not now, and no crash");
}

static int spooled(const char *dir)
{
	return system(dir); /* find exits with 0 */
}

static void removed(const char *dir, struct arena *a)
{
	struct sv hash = SV_NONE;
	struct err e = { 0 };
	const char *path;
	struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	ok(!file_put(ORG, SV("old"), a, &hash, &e), "another file");
	path = file_key(ORG, hash, a).p;
	is_int(file_local.remove(path, 3600), EAGAIN, "content that was written just now stays");
	utimensat(AT_FDCWD, arena_printf(a, "%s/%s", dir, path), old, 0);
	is_int(file_local.remove(path, 3600), 0, "old content goes");
	is_int(file_size(ORG, hash, a), -1, "and is gone");
	is_int(file_local.remove(path, 3600), 0, "removing twice is no error");
}

int main(void)
{
	char dir[] = "/tmp/test_file.XXXXXX";
	struct arena *a = arena_new();

	if (!mkdtemp(dir))
		return 1;
	conf_set(CONF_files_dir, dir);
	whole(a, dir);
	streamed(a);
	removed(dir, a);
	arena_reset(a);
	is_int(spooled(arena_printf(a, "test -z \"$(ls %s/.spool)\"", dir)), 0,
	       "nothing is left behind of what was given up");
	refused(a);
	spooled(arena_printf(a, "rm -r %s", dir));
	arena_free(a);
	return tap_done();
}
