#include "web/internal.h"

#include "base/conf.h"
#include "crypto/crypto.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION_LEN 10

static struct {
	char version[VERSION_LEN + 1];
	struct timespec changed; /* of the directory when it was read */
	ino_t inode;
} known;

/* Not of the build, and what is only a packed form of another. */
static int counts(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && strcmp(d->d_name, "node_modules") &&
	       !(n > 3 && !strcmp(d->d_name + n - 3, ".gz"));
}

static void add_file(struct buf *all, const char *path)
{
	unsigned char digest[SHA256_SIZE];
	char part[64 * 1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	buf_auto struct buf text = BUF_INIT;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		buf_add(&text, sv_make(part, (size_t)n));
	if (fd >= 0)
		close(fd);
	crypto_sha256(digest, buf_sv(&text));
	buf_add(all, sv_make((char *)digest, sizeof(digest)));
}

/* Names and contents of everything below, in the order of the names. */
static void add_directory(struct arena *a, struct buf *all, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, counts, alphasort);

	for (int i = 0; i < n; i++) {
		const char *one = arena_printf(a, "%s/%s", path, names[i]->d_name);
		struct stat st;

		buf_add(all, sv_from(names[i]->d_name));
		if (stat(one, &st) == 0 && S_ISDIR(st.st_mode))
			add_directory(a, all, one);
		else
			add_file(all, one);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void read_all(const char *dir)
{
	struct arena *a = arena_new();
	buf_auto struct buf all = BUF_INIT;
	unsigned char digest[SHA256_SIZE];

	add_directory(a, &all, dir);
	crypto_sha256(digest, buf_sv(&all));
	for (size_t i = 0; i < VERSION_LEN / 2; i++)
		snprintf(known.version + 2 * i, 3, "%02x", digest[i]);
	arena_free(a);
}

struct sv web_assets_version(struct arena *a)
{
	const char *dir = arena_printf(a, "%s/assets", conf_str(CONF_templates_dir));
	struct stat st;

	if (stat(dir, &st))
		return SV(PACKAGE_VERSION);
	if (!known.version[0] || st.st_ino != known.inode ||
	    memcmp(&st.st_mtim, &known.changed, sizeof(known.changed))) {
		read_all(dir);
		known.inode = st.st_ino;
		known.changed = st.st_mtim;
	}
	return sv_from(known.version);
}
