/*
 * booking: an appointment as its guest may see it, and its calendar entry.
 *
 *	int s = booking_add(b, token, false);
 *	if (db_run(b, e))
 *		return e->status;
 *	if (!booking_get(&bk, b, s))
 *		... no such token
 */
#ifndef CRM_BOOKING_H
#define CRM_BOOKING_H

#include "db/db.h"
#include "mail/ics.h"

struct booking {
	struct sv organization_id, id, token;
	struct sv username, slug; /* of the host and the event type */
	struct sv event_title, host_name, host_email, organization_name;
	struct sv guest_name, guest_email, guest_notes;
	struct sv status;   /* "confirmed", "rescheduled", "cancelled" ... */
	struct sv location; /* where it takes place, for people */
	struct sv meeting_link, cancellation_reason;
	struct sv confirmation_message, cancellation_message; /* of the event type */
	struct sv guest_when,
		host_when; /* "Monday, 2 March 2026, 09:00 - 09:30", in each one's zone */
	int64_t start_ms, end_ms, sequence;
	bool notify_host; /* he wants mails about bookings */
	bool over;	  /* it has ended */
};

/* Add the statement that reads the booking with this token (a valid UUID);
 * clock12 for times as "3:30 pm". Returns its index. Its row has more columns
 * than the struct, for templates. The batch may be anybody's. */
int booking_add(struct db_batch *b, struct sv token, bool clock12);
/* false: no booking has this token. The texts are those of the batch. */
bool booking_get(struct booking *out, const struct db_batch *b, int stmt);

/* The page on which the guest sees, moves and cancels it. */
struct sv booking_url(struct arena *a, const struct booking *bk);

/* Append the invitation, or with a cancelled booking its end. The same uid
 * always, so that a newer one replaces the older in the reader's calendar. The
 * host's has no link to the guest's page, whose token is the guest's alone. */
enum status booking_ics(const struct booking *bk, bool to_host, struct buf *out, struct arena *a,
			struct err *e) WARN_UNUSED;
enum ics_method booking_ics_method(const struct booking *bk);

#endif
