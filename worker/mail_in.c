/*
 * kontor-mail-in ADDRESS...: takes one mail on its standard input for the
 * mailboxes with these addresses, in the place of reading them over the net. For
 * the pipe of a mail server, which runs it as the programs' user:
 *
 *	smtpd.conf	action kontor mda "/usr/libexec/kontor/kontor-mail-in %{rcpt}" user kontor
 *	master.cf	kontor unix - n n - - pipe flags=Rq user=kontor
 *			    argv=/usr/libexec/kontor/kontor-mail-in ${recipient}
 *
 * Exit codes are those of sysexits.h, which mail servers know: 0 it is stored; 67
 * no such mailbox, the mail goes back; 69 it is too large; 75 try again later.
 */
#include "base/conf.h"
#include "base/log.h"
#include "db/db.h"
#include "file/file.h"

#include <sysexits.h>
#include <unistd.h>

struct intake {
	struct arena *a;
	struct db *db;
	struct sv first_org, hash; /* where the mail is stored already */
	int64_t size;
	int stored;
};

static int complain(const struct err *e, int code)
{
	struct sv why = err_message(e);

	fprintf(stderr, "kontor-mail-in: %.*s\n", SV_ARG(why));
	return code;
}

static int64_t mail_max(void)
{
	return conf_int(CONF_upload_max) / 2 * 3 + (1 << 20);
}

/* The bytes in the store of this tenant: from the input, or from where they are. */
static enum status keep(struct intake *in, struct sv org, struct err *e)
{
	int fd = STDIN_FILENO;
	enum status st;

	if (sv_eq(org, in->first_org))
		return ST_OK;
	if (in->first_org.n)
		fd = file_open(in->first_org, in->hash, in->a, e);
	if (fd < 0)
		return e->status;
	st = file_put_fd(org, fd, mail_max(), in->a, &in->hash, &in->size, e);
	if (fd != STDIN_FILENO)
		close(fd);
	if (!in->first_org.n)
		in->first_org = org;
	return st;
}

static enum status give(struct intake *in, struct sv org, struct sv account, struct err *e)
{
	struct db_batch *b = db_batch(in->db, in->a);
	struct sv body, dedupe;

	if (keep(in, org, e))
		return e->status;
	body = sv_from(arena_printf(in->a, "{\"raw\":\"%.*s\",\"size\":%lld,\"via\":\"pipe\"}",
				    SV_ARG(in->hash), (long long)in->size));
	dedupe = sv_from(arena_printf(in->a, "pipe:%.*s", SV_ARG(in->hash)));
	db_as_system(b, org);
	db_add(b,
	       "insert into inbound_hooks (channel_account_id, dedupe, body) values ($1, $2, $3)"
	       " on conflict (organization_id, channel_account_id, dedupe) do nothing",
	       DB_S(account), DB_S(dedupe), DB_BYTES(body));
	if (!db_run(b, e))
		in->stored++;
	return e->status;
}

/* name+anything@domain arrives in the mailbox of name@domain. */
static struct sv without_plus(struct arena *a, struct sv address)
{
	struct sv domain = address, local = sv_cut(&domain, '@');
	ptrdiff_t plus = sv_chr(local, '+');

	if (plus <= 0)
		return address;
	local.n = (size_t)plus;
	return sv_from(arena_printf(a, "%.*s@%.*s", SV_ARG(local), SV_ARG(domain)));
}

static enum status take(struct intake *in, struct sv address, struct err *e)
{
	struct db_batch *b = db_batch(in->db, in->a);
	int rows;

	db_as_self(b);
	rows = db_add(b,
		      "select organization_id, id from internal.mail_accounts($1)"
		      " union select organization_id, id from internal.mail_accounts($2) order by 1, 2",
		      DB_S(address), DB_S(without_plus(in->a, address)));
	if (db_run(b, e))
		return e->status;
	for (size_t i = 0; i < db_rows(b, rows); i++)
		if (give(in, db_get(b, rows, i, 0), db_get(b, rows, i, 1), e))
			return e->status;
	return ST_OK;
}

int main(int argc, char **argv)
{
	struct intake in = { .a = arena_new() };
	struct err e = { 0 };

	log_setup("kontor-mail-in", "warn");
	if (argc < 2) {
		fputs("usage: kontor-mail-in ADDRESS... <mail\n", stderr);
		return EX_USAGE;
	}
	if (conf_load(NULL, in.a, &e))
		return complain(&e, EX_TEMPFAIL);
	in.db = db_from_conf("kontor-mail-in");
	for (int i = 1; i < argc; i++)
		if (take(&in, sv_from(argv[i]), &e))
			return complain(&e, e.status == ST_TOO_LARGE ? EX_UNAVAILABLE : EX_TEMPFAIL);
	if (!in.stored) {
		fputs("kontor-mail-in: no mailbox here has this address\n", stderr);
		return EX_NOUSER;
	}
	db_free(in.db);
	arena_free(in.a);
	return 0;
}
