#include "crm/booking.h"

#include "base/conf.h"

/* $1 token, $2 pattern of a time. */
static const char booking_sql[] =
	"select k.*, $1 as token,"
	" case k.location_type when 'Phone Call' then coalesce('Phone call to ' || k.guest_phone, "
	"'Phone call')"
	"	else k.location end as place,"
	" to_char(k.start_date_time at time zone k.guest_timezone, 'FMDay, FMDD FMMonth YYYY') as "
	"guest_date,"
	" to_char(k.start_date_time at time zone k.guest_timezone, $2) || ' – ' ||"
	"	to_char(k.end_date_time at time zone k.guest_timezone, $2) as guest_time,"
	" to_char(k.start_date_time at time zone k.guest_timezone, 'FMDay, FMDD FMMonth YYYY, ' || "
	"$2) || ' – ' ||"
	"	to_char(k.end_date_time at time zone k.guest_timezone, $2) || ' (' || "
	"k.guest_timezone || ')' as guest_when,"
	" to_char(k.start_date_time at time zone k.host_timezone, 'FMDay, FMDD FMMonth YYYY, ' || "
	"$2) || ' – ' ||"
	"	to_char(k.end_date_time at time zone k.host_timezone, $2) || ' (' || "
	"k.host_timezone || ')' as host_when,"
	" (extract(epoch from k.start_date_time) * 1000)::bigint as start_ms,"
	" (extract(epoch from k.end_date_time) * 1000)::bigint as end_ms,"
	" to_char(k.start_date_time at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as "
	"start_utc,"
	" k.end_date_time <= now() as over, k.start_date_time <= now() as begun,"
	" k.status = 'cancelled' as is_cancelled,"
	" k.status = 'rescheduled' as is_rescheduled,"
	" lower(substr(k.theme_color, 2)) as theme"
	" from public_booking($1) k";

int booking_add(struct db_batch *b, struct sv token, bool clock12)
{
	return db_add(b, booking_sql, DB_S(token), DB_C(clock12 ? "FMHH12:MI am" : "HH24:MI"));
}

static int64_t number(const struct db_batch *b, int stmt, const char *name)
{
	int64_t n = 0;

	sv_to_i64(db_first(b, stmt, name), &n);
	return n;
}

static bool truth(const struct db_batch *b, int stmt, const char *name)
{
	return sv_eq(db_first(b, stmt, name), SV("t"));
}

/* What goes into headers of mails is one line. */
static struct sv line(const struct db_batch *b, int stmt, const char *name)
{
	struct sv s = db_first(b, stmt, name);
	char *copy;

	if (mail_one_line(s))
		return s;
	copy = arena_dup(db_arena(b), s);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
			copy[i] = ' ';
	return sv_make(copy, s.n);
}

bool booking_get(struct booking *out, const struct db_batch *b, int stmt)
{
	if (!db_rows(b, stmt))
		return false;
	*out = (struct booking){
		.organization_id = db_first(b, stmt, "organization_id"),
		.id = db_first(b, stmt, "id"),
		.token = db_first(b, stmt, "token"),
		.username = db_first(b, stmt, "username"),
		.slug = db_first(b, stmt, "slug"),
		.event_title = line(b, stmt, "event_title"),
		.host_name = line(b, stmt, "host_name"),
		.host_email = db_first(b, stmt, "host_email"),
		.organization_name = line(b, stmt, "organization_name"),
		.guest_name = line(b, stmt, "guest_name"),
		.guest_email = db_first(b, stmt, "guest_email"),
		.guest_notes = db_first(b, stmt, "guest_notes"),
		.status = db_first(b, stmt, "status"),
		.location = db_first(b, stmt, "place"),
		.meeting_link = db_first(b, stmt, "meeting_link"),
		.cancellation_reason = db_first(b, stmt, "cancellation_reason"),
		.confirmation_message = db_first(b, stmt, "confirmation_message"),
		.cancellation_message = db_first(b, stmt, "cancellation_message"),
		.guest_when = db_first(b, stmt, "guest_when"),
		.host_when = db_first(b, stmt, "host_when"),
		.start_ms = number(b, stmt, "start_ms"),
		.end_ms = number(b, stmt, "end_ms"),
		.sequence = number(b, stmt, "sequence"),
		.notify_host = truth(b, stmt, "notify_host"),
		.over = truth(b, stmt, "over"),
	};
	return true;
}

struct sv booking_url(struct arena *a, const struct booking *bk)
{
	return sv_from(arena_printf(a, "%s/schedule/booking/%.*s", conf_str(CONF_base_url),
				    SV_ARG(bk->token)));
}

enum ics_method booking_ics_method(const struct booking *bk)
{
	return sv_eq(bk->status, SV("cancelled")) ? ICS_CANCEL : ICS_REQUEST;
}

/* The part of base_url that names the host, for unique ids. */
static struct sv own_host(void)
{
	struct sv url = sv_from(conf_str(CONF_base_url));
	ptrdiff_t slashes = sv_find(url, SV("//"));

	if (slashes >= 0)
		url = sv_skip(url, (size_t)slashes + 2);
	url = sv_cut(&url, '/');
	return sv_cut(&url, ':');
}

static struct sv description(struct arena *a, const struct booking *bk, bool to_host)
{
	buf_auto struct buf text = BUF_INIT;

	if (bk->meeting_link.n)
		buf_addf(&text, "Join: %.*s\n\n", SV_ARG(bk->meeting_link));
	if (bk->guest_notes.n)
		buf_addf(&text, "%.*s\n\n", SV_ARG(bk->guest_notes));
	if (to_host) {
		buf_addf(&text, "%.*s, %.*s", SV_ARG(bk->guest_name), SV_ARG(bk->guest_email));
	} else {
		buf_lit(&text, "Change or cancel: ");
		buf_add(&text, booking_url(a, bk));
	}
	return arena_sv(a, buf_sv(&text));
}

enum status booking_ics(const struct booking *bk, bool to_host, struct buf *out, struct arena *a,
			struct err *e)
{
	struct mail_address guest = { .name = bk->guest_name, .email = bk->guest_email };
	struct sv host = own_host();
	struct ics_event v = {
		.method = booking_ics_method(bk),
		.uid = sv_from(arena_printf(a, "%.*s@%.*s", SV_ARG(bk->id), SV_ARG(host))),
		.sequence = (int)bk->sequence,
		.start_ms = bk->start_ms,
		.end_ms = bk->end_ms,
		.summary = sv_from(arena_printf(a, "%.*s - %.*s", SV_ARG(bk->event_title),
						SV_ARG(bk->guest_name))),
		.description = description(a, bk, to_host),
		.location = bk->meeting_link.n ? bk->meeting_link : bk->location,
		.url = to_host ? SV_NONE : booking_url(a, bk),
		.organizer = { .name = bk->host_name, .email = bk->host_email },
		.attendees = &guest,
		.n_attendees = 1,
	};

	return ics_build(&v, out, a, e);
}
