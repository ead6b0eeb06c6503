/*
 * ics: invitations as iCalendar objects (RFC 5545, RFC 5546), over libical.
 *
 * Times are points in time and go out in UTC, so that no time zone has to be
 * described; the reader's calendar shows them in his own.
 */
#ifndef MAIL_ICS_H
#define MAIL_ICS_H

#include "base/buf.h"
#include "base/err.h"
#include "mail/address.h"

enum ics_method {
	ICS_REQUEST, /* a new event, or a change: the same uid, a higher sequence */
	ICS_CANCEL,
};

struct ics_event {
	enum ics_method method;
	struct sv uid; /* the same for the whole life of the event; needed */
	int sequence;  /* 0 at first, one more with each change and with the cancellation */
	int64_t start_ms, end_ms;
	int64_t stamp_ms; /* when this object was made; 0: now */
	struct sv summary, description, location;
	struct sv url; /* of the meeting or the booking's page; empty: none */
	struct mail_address organizer;
	const struct mail_address *attendees;
	size_t n_attendees;
};

/* Append the VCALENDAR. ST_BAD_INPUT, with e->field, for what cannot be written. */
enum status ics_build(const struct ics_event *v, struct buf *out, struct arena *a,
		      struct err *e) WARN_UNUSED;

/* "REQUEST", "CANCEL": for METHOD and for the mail part's method parameter. */
const char *ics_method_name(enum ics_method m);

#endif
