/* A mail as it comes from strangers: taken apart, its HTML made harmless. */
#include "base/buf.h"
#include "mail/html.h"
#include "mail/mailbox.h"
#include "mail/read.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool yes(void *arg, struct mail_file *f)
{
	(void)arg;
	if (!f->name.n || !sv_is_text(f->name) || !f->type.n)
		abort();
	return true;
}

static bool piece(void *arg, struct mail_file *f, struct sv data)
{
	(void)arg;
	(void)f;
	return data.n < 1000000;
}

static void html(struct sv text, struct arena *a)
{
	struct mail_html o = { 0 };
	struct buf out = BUF_INIT;

	mail_html_clean(text, &o, &out);
	if (sv_find(buf_sv(&out), SV("<script")) >= 0)
		abort();
	buf_release(&out);
	mail_html_text(text, 1000, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sv all = sv_make((const char *)data, n), fresh, quoted;
	struct mail_sink sink = { yes, piece, yes, NULL };
	struct mailbox box = { .url = SV("imap://x") };
	struct mailbox_mail *v;
	struct arena *a = arena_new();
	struct mail_in m;
	struct err e = { 0 };
	int fd = memfd_create("mail", 0);

	if (write(fd, data, n) == (ssize_t)n && !mail_read(fd, &sink, &m, a, &e)) {
		if (!sv_is_text(m.text) || !sv_is_text(m.subject) || !sv_is_text(m.html))
			abort();
		html(m.html, a);
	}
	close(fd);
	if (sv_is_text(all)) {
		html(all, a);
		mail_cut_quote(all, &fresh, &quoted);
	}
	mailbox_read_list(&box, arena_sv(a, all), 1, &v, a);
	arena_free(a);
	return 0;
}
