/*
 * The job "poll_mailbox": looks into the mailbox of an e-mail account and stores
 * what is new, each mail as it is: its bytes in the file store, a hook that names
 * them, and how far the mailbox was read, in one transaction. What the mails say
 * is the job "inbound" of each hook.
 *
 * Known are mails by UIDVALIDITY and UID. When UIDVALIDITY is another than before, all
 * that came since the connection was made is read again; the mails are known by
 * their Message-IDs then. A mail that is too large leaves its header alone.
 *
 * One command after the other over lib/net, so the loop goes on. A look that
 * fails is no failed job: the mailbox's row counts it, and the timer comes again.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "channel/channel.h"
#include "file/file.h"
#include "mail/mailbox.h"

#define MAILS_MAX 200		/* in one job; the rest follows at once */
#define LIST_MAX (16 << 20)	/* bytes of a list */
#define DAY_MS INT64_C(86400000)
#define MAIL_MS 300000

struct poll {
	struct job *j;
	struct sv account;
	struct mailbox box;
	bool known; /* it was looked into before */
	int64_t known_validity, last_uid, begins_ms;
	int64_t validity, uidnext;
	struct mailbox_mail *mails;
	size_t n, i, taken;
	int64_t began_us;
	bool header_only, connected;
	struct file_writer *w;
	struct err store; /* why the file store did not take it */
};

static void next_mail(struct poll *p);
static void ask(struct poll *p, enum mailbox_question q, int64_t n, net_callback *answer, bool last);

/* ---- ends --------------------------------------------------------------------------- */

static struct db_batch *batch(struct poll *p)
{
	struct db_batch *b = db_batch(worker_of(p->j)->db, p->j->arena);

	db_as_system(b, p->j->organization_id);
	return b;
}

static bool run(struct poll *p, struct db_batch *b)
{
	struct err e = { 0 };

	if (!db_run(b, &e))
		return true;
	if (e.status == ST_UNAVAILABLE)
		job_postpone(p->j, err_message(&e), 1000);
	else
		job_fail(p->j, err_message(&e), job_retry_ms(p->j, 0));
	return false;
}

static void fail(struct poll *p, struct sv why, bool denied)
{
	struct db_batch *b = batch(p);

	db_add(b, "select internal.mailbox_failed($1, $2, $3)", DB_S(p->account), DB_S(why),
	       DB_B(denied));
	if (run(p, b))
		job_done(p->j);
}

static bool failed(struct poll *p, const struct net_response *r)
{
	if (r->error == NET_OK)
		return false;
	if (r->error == NET_ABORTED)
		job_release(p->j);
	else
		fail(p, mailbox_error(&p->box, r, p->j->arena), r->error == NET_DENIED);
	return true;
}

/* A session that is kept would not see what comes later: close it. */
static void on_bye(const struct net_response *r, void *arg)
{
	struct poll *p = arg;

	(void)r;
	job_done(p->j);
}

static void finish(struct poll *p)
{
	bool pop3 = mailbox_is_pop3(&p->box);
	size_t left = p->n - p->i;
	/* Up to where nothing is missing: what was skipped or deleted counts, too. */
	int64_t upto = p->uidnext - 1;
	struct db_batch *b = batch(p);

	if (left)
		upto = p->i ? p->mails[p->i - 1].uid : p->mails[0].uid - 1;
	db_add(b, "select internal.mailbox_polled($1, $2, $3, $4)", DB_S(p->account),
	       pop3 ? DB_NULL : DB_I(p->validity), DB_I(pop3 ? 0 : upto), DB_I((int64_t)left));
	if (!run(p, b))
		return;
	if (pop3 || !p->connected) /* its last command has closed it */
		job_done(p->j);
	else
		ask(p, MAILBOX_BYE, 0, on_bye, true);
}

/* ---- one mail ------------------------------------------------------------------------ */

/* On a connection of this look alone, which no earlier one has left behind. */
static void in_session(struct poll *p, struct net_request *r, bool last)
{
	struct net_mailbox *box = (struct net_mailbox *)(uintptr_t)r->mailbox;

	box->last = last;
	box->max_age_s = (int)((clock_mono_us() - p->began_us) / 1000000) + 1;
	p->connected = true;
}

static void ask(struct poll *p, enum mailbox_question q, int64_t n, net_callback *answer, bool last)
{
	struct net_request r;
	struct err e = { 0 };

	if (mailbox_ask(&p->box, q, n, &r, p->j->arena, &e)) {
		fail(p, err_message(&e), false);
		return;
	}
	in_session(p, &r, last);
	r.lane = p->account;
	r.max_body = LIST_MAX;
	r.truncate = true;
	net_start(worker_of(p->j)->net, &r, answer, p);
}

static bool keep_piece(void *arg, struct sv piece)
{
	struct poll *p = arg;

	return !file_write(p->w, piece, &p->store);
}

/* {"raw": hash, "size": n, "via": "imap", ...} */
static struct sv hook_body(struct poll *p, struct sv hash, int64_t size)
{
	const struct mailbox_mail *m = &p->mails[p->i];
	struct buf *out = buf_in_arena(p->j->arena);

	buf_lit(out, "{\"raw\":");
	buf_json(out, hash);
	buf_addf(out, ",\"size\":%lld", (long long)size);
	buf_addf(out, ",\"via\":\"%s\"", mailbox_is_pop3(&p->box) ? "pop3" : "imap");
	if (p->header_only)
		buf_addf(out, ",\"too_large\":%lld", (long long)m->size);
	buf_addc(out, '}');
	return buf_sv(out);
}

/* The mail, or nothing when it is gone; and how far we are. */
static bool take(struct poll *p, struct sv body)
{
	const struct mailbox_mail *m = &p->mails[p->i];
	bool pop3 = mailbox_is_pop3(&p->box);
	struct db_batch *b = batch(p);
	const char *name = pop3 ? arena_printf(p->j->arena, "pop3:%.*s", SV_ARG(m->name)) :
				  arena_printf(p->j->arena, "%lld:%lld", (long long)p->validity,
					       (long long)m->uid);

	db_add(b, "select internal.mailbox_take($1, $2, $3, $4, $5, $6)", DB_S(p->account),
	       DB_I(p->validity), DB_I(m->uid), DB_S(pop3 ? m->name : SV_NONE), DB_C(name),
	       body.n ? DB_BYTES(body) : DB_NULL);
	return run(p, b);
}

static void on_unread(const struct net_response *r, void *arg)
{
	struct poll *p = arg;

	/* That it counts as read now is a pity and no more. */
	if (r->error == NET_ABORTED)
		job_release(p->j);
	else
		next_mail(p);
}

static void taken(struct poll *p)
{
	const struct mailbox_mail *m = &p->mails[p->i++];

	p->taken++;
	if (!mailbox_is_pop3(&p->box) && !m->seen)
		ask(p, MAILBOX_UNREAD, m->uid, on_unread, false);
	else
		next_mail(p);
}

/* It was listed and is not there: deleted meanwhile, and then the next look
 * does not list it. One that is listed first and cannot be had stays away. */
static void missing(struct poll *p)
{
	if (p->i > 0)
		finish(p);
	else if (take(p, SV_NONE)) {
		p->i++;
		next_mail(p);
	}
}

static void on_mail(const struct net_response *r, void *arg)
{
	struct poll *p = arg;
	struct sv hash;
	int64_t size;

	if (p->store.status) {
		fail(p, err_message(&p->store), false);
		return;
	}
	if (r->error == NET_MISSING) {
		missing(p);
		return;
	}
	if (failed(p, r))
		return;
	p->header_only |= r->truncated;
	if (file_end(p->w, &hash, &size, &p->store))
		fail(p, err_message(&p->store), false);
	else if (take(p, hook_body(p, hash, size)))
		taken(p);
}

static int64_t mail_max(void)
{
	return conf_int(CONF_upload_max) / 2 * 3 + (1 << 20); /* base64, and its texts */
}

static void fetch(struct poll *p)
{
	const struct mailbox_mail *m = &p->mails[p->i];
	bool last = mailbox_is_pop3(&p->box) && (p->i + 1 == p->n || p->taken + 1 == MAILS_MAX);
	struct net_request r;
	struct err e = { 0 };

	p->header_only = m->size > mail_max();
	p->w = file_begin(p->j->organization_id, p->j->arena, &p->store);
	if (!p->w) {
		fail(p, err_message(&p->store), false);
		return;
	}
	if (mailbox_ask(&p->box, p->header_only ? MAILBOX_HEADER : MAILBOX_FETCH, m->uid, &r,
			p->j->arena, &e)) {
		fail(p, err_message(&e), false);
		return;
	}
	in_session(p, &r, last);
	r.lane = p->account;
	r.total_ms = MAIL_MS;
	r.max_body = (size_t)mail_max();
	r.truncate = true; /* POP3 does not say how large it is: what there is of it */
	r.sink = keep_piece;
	r.sink_arg = p;
	net_start(worker_of(p->j)->net, &r, on_mail, p);
}

static void next_mail(struct poll *p)
{
	if (p->i == p->n || p->taken == MAILS_MAX)
		finish(p);
	else
		fetch(p);
}

/* ---- what is new: IMAP ---------------------------------------------------------------- */

/* From its beginning, only what came since the connection was made counts. */
static void leave_out_older(struct poll *p, int64_t since)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (!p->mails[i].at_ms || p->mails[i].at_ms >= since)
			p->mails[n++] = p->mails[i];
	p->n = n;
}

static bool is_same(const struct poll *p)
{
	return p->known && p->known_validity == p->validity;
}

static void on_list(const struct net_response *r, void *arg)
{
	struct poll *p = arg;
	int64_t from = is_same(p) ? p->last_uid + 1 : 1;

	if (failed(p, r))
		return;
	p->n = mailbox_read_list(&p->box, r->body, from, &p->mails, p->j->arena);
	if (p->n && p->mails[p->n - 1].uid >= p->uidnext)
		p->uidnext = p->mails[p->n - 1].uid + 1;
	if (!is_same(p))
		leave_out_older(p, p->begins_ms - (p->known ? DAY_MS : 0));
	next_mail(p);
}

static void on_status(const struct net_response *r, void *arg)
{
	struct poll *p = arg;

	if (failed(p, r))
		return;
	if (!mailbox_read_status(r->body, &p->validity, &p->uidnext))
		fail(p, SV("The server does not say how its folder is numbered"), false);
	else if (p->uidnext <= (is_same(p) ? p->last_uid + 1 : 1))
		finish(p);
	else
		ask(p, MAILBOX_LIST, is_same(p) ? p->last_uid + 1 : 1, on_list, false);
}

/* ---- what is new: POP3 ---------------------------------------------------------------- */

static struct sv names(struct poll *p)
{
	struct buf *out = buf_in_arena(p->j->arena);

	buf_addc(out, '{');
	for (size_t i = 0; i < p->n; i++) {
		buf_addf(out, "%s", i ? "," : "");
		buf_json(out, p->mails[i].name); /* an element of an array is quoted alike */
	}
	buf_addc(out, '}');
	return buf_sv(out);
}

/* Keep those of the list that the database does not know. */
static bool keep_unseen(struct poll *p)
{
	struct db_batch *b = batch(p);
	bool skip = !p->known && !p->begins_ms;
	int row;
	size_t n = 0;

	if (skip)
		db_add(b, "select internal.mailbox_skip($1, $2::text[])", DB_S(p->account),
		       DB_S(names(p)));
	row = db_add(b, "select unnest(internal.mailbox_unseen($1, $2::text[]))", DB_S(p->account),
		     DB_S(names(p)));
	if (!run(p, b))
		return false;
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < db_rows(b, row); k++)
			if (sv_eq(db_get(b, row, k, 0), p->mails[i].name)) {
				p->mails[n++] = p->mails[i];
				break;
			}
	p->n = n;
	return true;
}

/* Again, in the session that fetches: its numbers are those that count. */
static void on_uidl_again(const struct net_response *r, void *arg)
{
	struct poll *p = arg;

	if (failed(p, r))
		return;
	p->n = mailbox_read_list(&p->box, r->body, 0, &p->mails, p->j->arena);
	if (keep_unseen(p))
		next_mail(p);
}

static void on_uidl(const struct net_response *r, void *arg)
{
	struct poll *p = arg;

	if (failed(p, r))
		return;
	p->n = mailbox_read_list(&p->box, r->body, 0, &p->mails, p->j->arena);
	if (!keep_unseen(p))
		return;
	if (!p->n)
		finish(p);
	else
		ask(p, MAILBOX_LIST, 0, on_uidl_again, false);
}

/* ---- the beginning ---------------------------------------------------------------------- */

static const char load_sql[] =
	"select a.id account, a.settings, a.is_active, b.uidvalidity, b.last_uid,"
	" case when internal.mail_lookback(a.settings) > interval '0' or a.settings ->> 'incoming_url' not like 'pop3%'"
	"  then floor(extract(epoch from b.begins_at))::bigint * 1000 else 0 end begins_ms,"
	" (select jsonb_object_agg(s.name, s.sealed) from channel_secrets s"
	"  where s.organization_id = a.organization_id and s.channel_account_id = a.id) secrets"
	" from channel_accounts a"
	" join mailboxes b on b.organization_id = a.organization_id and b.channel_account_id = a.id"
	" where a.id = ($1::jsonb ->> 'channel_account_id')::uuid and a.type = 'EMAIL'";

static struct sv text(const json_t *settings, const char *name)
{
	const json_t *v = json_object_get(settings, name);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void read_row(struct poll *p, struct db_batch *b, int row, struct channel_account *acc)
{
	channel_account_open(acc, p->j->arena, channel_find(SV("EMAIL")),
			     &(struct channel_account_row){
				     .organization_id = p->j->organization_id,
				     .id = db_first(b, row, "account"),
				     .settings = db_first(b, row, "settings"),
				     .secrets = db_first(b, row, "secrets") });
	p->account = acc->id;
	p->known = sv_to_i64(db_first(b, row, "uidvalidity"), &p->known_validity);
	sv_to_i64(db_first(b, row, "last_uid"), &p->last_uid);
	sv_to_i64(db_first(b, row, "begins_ms"), &p->begins_ms);
	p->box = (struct mailbox){ .url = text(acc->settings, "incoming_url"),
				   .folder = text(acc->settings, "folder"),
				   .user = text(acc->settings, "user"),
				   .password = channel_secret(acc, "password") };
	if (!p->box.user.n)
		p->box.user = text(acc->settings, "address");
}

void mailbox_start(struct job *j)
{
	struct poll *p = ARENA_NEW(j->arena, struct poll);
	struct channel_account acc;
	struct db_batch *b;
	int row;

	p->j = j;
	p->began_us = clock_mono_us();
	b = batch(p);
	row = db_add(b, load_sql, DB_S(j->payload));
	if (!run(p, b))
		return;
	if (!db_rows(b, row) || sv_eq(db_first(b, row, "is_active"), SV("f"))) {
		job_done(j); /* disconnected meanwhile */
		return;
	}
	read_row(p, b, row, &acc);
	if (acc.sealed || !p->box.password.n)
		fail(p, SV("The mailbox has no password, or it cannot be opened. Enter it anew"), true);
	else if (mailbox_is_pop3(&p->box))
		ask(p, MAILBOX_LIST, 0, on_uidl, true);
	else
		ask(p, MAILBOX_STATUS, 0, on_status, false);
}
