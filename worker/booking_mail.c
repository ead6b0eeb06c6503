/*
 * The mails about a booking: to the guest, and to the host if he wants them.
 *
 * A trigger makes the job in the transaction of the change, whoever made it.
 * The mails tell the booking as it is now; a job that a later change has
 * overtaken is done without a word. The payload: {token, sequence, what,
 * tell_host}, what being created, rescheduled or cancelled.
 */
#include "worker/worker.h"

#include "crm/booking.h"

#include <jansson.h>

struct letters {
	struct sv what, guest, host; /* the last two: payloads of mail jobs, empty: none */
	struct booking booking;
};

/* ---- what is written ----------------------------------------------------------- */

static struct sv subject(struct arena *a, const struct letters *l, bool to_host)
{
	const struct booking *bk = &l->booking;
	const char *guest = "Confirmed", *host = "New booking";

	if (sv_eq(l->what, SV("rescheduled"))) {
		guest = "New time";
		host = "Booking moved";
	} else if (sv_eq(l->what, SV("cancelled"))) {
		guest = "Cancelled";
		host = "Booking cancelled";
	}
	if (to_host)
		return sv_from(arena_printf(a, "%s: %.*s - %.*s", host, SV_ARG(bk->event_title),
					    SV_ARG(bk->guest_name)));
	return sv_from(arena_printf(a, "%s: %.*s with %.*s", guest, SV_ARG(bk->event_title),
				    SV_ARG(bk->host_name)));
}

static struct tmpl_value *page(struct arena *a, const struct letters *l, bool to_host)
{
	const struct booking *bk = &l->booking;
	struct tmpl_value *p = tmpl_map(a);

	tmpl_set_bool(p, "to_host", to_host);
	tmpl_set_bool(p, arena_dup(a, l->what), true);
	tmpl_set_text(p, "event_title", bk->event_title);
	tmpl_set_text(p, "host_name", bk->host_name);
	tmpl_set_text(p, "organization_name", bk->organization_name);
	tmpl_set_text(p, "guest_name", bk->guest_name);
	tmpl_set_text(p, "guest_email", bk->guest_email);
	tmpl_set_text(p, "guest_notes", bk->guest_notes);
	tmpl_set_text(p, "when", to_host ? bk->host_when : bk->guest_when);
	tmpl_set_text(p, "location", bk->location);
	tmpl_set_text(p, "meeting_link", bk->meeting_link);
	tmpl_set_text(p, "reason", bk->cancellation_reason);
	tmpl_set_text(p, "confirmation_message", bk->confirmation_message);
	tmpl_set_text(p, "cancellation_message", bk->cancellation_message);
	if (!to_host) /* the page that it leads to is the guest's own */
		tmpl_set_text(p, "url", booking_url(a, bk));
	return p;
}

static void field(struct buf *out, const char *key, struct sv value)
{
	buf_json_key(out, key);
	buf_json(out, value);
}

/* One mail job's payload. */
static enum status letter(struct job *j, const struct letters *l, bool to_host, struct sv *payload,
			  struct err *e)
{
	const struct booking *bk = &l->booking;
	struct tmpl_set *set = worker_of(j)->templates;
	struct tmpl_value *p = page(j->arena, l, to_host);
	buf_auto struct buf text = BUF_INIT;
	buf_auto struct buf html = BUF_INIT;
	buf_auto struct buf ics = BUF_INIT;
	buf_auto struct buf out = BUF_INIT;

	if (tmpl_render(set, SV("mail/booking.txt"), p, j->arena, &text, e) ||
	    tmpl_render(set, SV("mail/booking"), p, j->arena, &html, e) ||
	    booking_ics(bk, to_host, &ics, j->arena, e))
		return e->status;
	buf_addc(&out, '{');
	field(&out, "to", to_host ? bk->host_email : bk->guest_email);
	field(&out, "reply_to", to_host ? bk->guest_email : bk->host_email);
	field(&out, "subject", subject(j->arena, l, to_host));
	field(&out, "text", buf_sv(&text));
	field(&out, "html", buf_sv(&html));
	field(&out, "ics", buf_sv(&ics));
	field(&out, "ics_method", sv_from(ics_method_name(booking_ics_method(bk))));
	buf_addc(&out, '}');
	*payload = arena_sv(j->arena, buf_sv(&out));
	return ST_OK;
}

/* ---- the job ---------------------------------------------------------------------- */

static void enqueue(struct job *j, struct db_batch *b, const char *whom, struct sv payload)
{
	const struct letters *l = j->state;
	const struct booking *bk = &l->booking;
	char *key = arena_printf(j->arena, "%.*s:%lld:%s", SV_ARG(bk->id), (long long)bk->sequence,
				 whom);

	if (payload.n)
		db_add(b, "select job.enqueue($1, 'mail', $2, $3) where job.held($4, $1, $5)",
		       DB_S(j->organization_id), DB_C(key), DB_S(payload), DB_C(worker_of(j)->name),
		       DB_I(j->id));
}

static void write_letters(struct job *j, struct db_batch *b)
{
	const struct letters *l = j->state;

	enqueue(j, b, "guest", l->guest);
	enqueue(j, b, "host", l->host);
}

struct order {
	struct sv token, what;
	int64_t sequence;
	bool tell_host;
};

static struct order read_order(struct job *j)
{
	json_t *payload = json_loadb(j->payload.p, j->payload.n, 0, NULL);
	struct order o = {
		.token = arena_sv(j->arena,
				  sv_from(json_string_value(json_object_get(payload, "token")))),
		.what = arena_sv(j->arena,
				 sv_from(json_string_value(json_object_get(payload, "what")))),
		.sequence = json_integer_value(json_object_get(payload, "sequence")),
		.tell_host = json_is_true(json_object_get(payload, "tell_host")),
	};

	json_decref(payload);
	return o;
}

static enum status write_all(struct job *j, struct err *e)
{
	struct order o = read_order(j);
	struct letters *l = ARENA_NEW(j->arena, struct letters);
	struct db_batch *b = db_batch(worker_of(j)->db, j->arena);
	int row;

	db_as_public(b);
	row = booking_add(b, o.token, false);
	if (db_run(b, e))
		return e->status;
	if (!booking_get(&l->booking, b, row) || l->booking.sequence != o.sequence)
		return ST_OK;
	l->what = o.what;
	j->state = l;
	j->write = write_letters;
	if (letter(j, l, false, &l->guest, e))
		return e->status;
	return o.tell_host && l->booking.notify_host ? letter(j, l, true, &l->host, e) : ST_OK;
}

void booking_mail_start(struct job *j)
{
	struct err e = { 0 };

	if (!write_all(j, &e)) {
		job_done(j);
		return;
	}
	j->write = NULL;
	job_fail(j, err_message(&e), job_retry_ms(j, 0));
}
