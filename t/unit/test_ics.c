/* mail/ics: invitations read back by libical. */
#include "t/unit/tap.h"

#include "mail/ics.h"

#include <libical/ical.h>

static struct arena *arena;
static const struct mail_address ann = { SV("Änn Exämple, Ltd"), SV("ann@example.org") };

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

static struct ics_event booking(void)
{
	static const struct mail_address guest = { SV("Zoë \"Z\"; Guest"), SV("zoe@example.net") };

	return (struct ics_event){
		.uid = SV("0197-booking@kontor.example.org"),
		.sequence = 2,
		.start_ms = INT64_C(1736944200000),
		.end_ms = INT64_C(1736946000000),
		.stamp_ms = INT64_C(1736900000000),
		.summary = SV("Erstgespräch; 30 min, free"),
		.description = SV("Line one\r\nLine two: https://meet.example.org/a,b"),
		.location = SV("Straße 1, Köln"),
		.url = SV("https://kontor.example.org/b/abc?x=1"),
		.organizer = ann,
		.attendees = &guest,
		.n_attendees = 1,
	};
}

static struct sv build_ics(const struct ics_event *v)
{
	struct buf out = BUF_INIT;
	struct err e;
	struct sv copy;

	if (ics_build(v, &out, arena, &e) != ST_OK)
		printf("# %.*s\n", SV_ARG(e.message));
	copy = arena_sv(arena, buf_sv(&out));
	buf_release(&out);
	return copy;
}

static bool folded(struct sv s)
{
	struct sv rest = s, line;

	while (rest.n) {
		line = sv_cut(&rest, '\n');
		if (line.n > 76 || !sv_ends(line, SV("\r")))
			return false;
	}
	return true;
}

static struct sv param(icalproperty *p, icalparameter_kind kind)
{
	char *value = icalproperty_get_parameter_as_string_r(p, icalparameter_kind_to_string(kind));
	struct sv copy = arena_sv(arena, sv_from(value));

	icalmemory_free_buffer(value);
	return copy;
}

static void check_people(icalcomponent *event)
{
	icalproperty *p = icalcomponent_get_first_property(event, ICAL_ORGANIZER_PROPERTY);

	is_sv(sv_from(icalproperty_get_organizer(p)), SV("mailto:ann@example.org"), "organizer");
	is_sv(param(p, ICAL_CN_PARAMETER), ann.name, "the organizer's name");
	p = icalcomponent_get_first_property(event, ICAL_ATTENDEE_PROPERTY);
	is_sv(sv_from(icalproperty_get_attendee(p)), SV("mailto:zoe@example.net"), "attendee");
	is_sv(param(p, ICAL_CN_PARAMETER), SV("Zoë 'Z'; Guest"),
	      "name; quotes cannot be written there");
	is_sv(param(p, ICAL_PARTSTAT_PARAMETER), SV("NEEDS-ACTION"), "has not answered");
	is_sv(param(p, ICAL_RSVP_PARAMETER), SV("TRUE"), "is asked to");
}

static void test_ics(void)
{
	struct ics_event v = booking();
	struct sv bytes = build_ics(&v);
	icalcomponent *calendar = icalparser_parse_string(bytes.p), *event;

	ok(sv_starts(bytes, SV("BEGIN:VCALENDAR\r\n")) && folded(bytes), "CRLF, lines are folded");
	ok(has(bytes, "\r\nMETHOD:REQUEST\r\n") && has(bytes, "\r\nSEQUENCE:2\r\n") &&
		   has(bytes, "\r\nDTSTART:20250115T123000Z\r\n") &&
		   has(bytes, "\r\nDTEND:20250115T130000Z\r\n") &&
		   has(bytes, "\r\nDTSTAMP:20250115T001320Z\r\n") &&
		   has(bytes, "\r\nVERSION:2.0\r\n") && has(bytes, "\r\nSTATUS:CONFIRMED\r\n"),
	   "times in UTC, method, sequence");
	ok(calendar && icalrestriction_check(calendar), "a valid iTIP object");
	event = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT);
	is_sv(sv_from(icalcomponent_get_uid(event)), v.uid, "uid");
	is_sv(sv_from(icalcomponent_get_summary(event)), v.summary, "summary");
	is_sv(sv_from(icalcomponent_get_description(event)),
	      SV("Line one\nLine two: https://meet.example.org/a,b"), "description");
	is_sv(sv_from(icalcomponent_get_location(event)), v.location, "location");
	ok(has(bytes, "URL:https://kontor.example.org/b/abc?x=1\r\n"), "url");
	check_people(event);
	icalcomponent_free(calendar);
}

static void test_ics_cancel(void)
{
	struct ics_event v = booking();
	struct sv bytes;

	v.method = ICS_CANCEL;
	v.sequence = 3;
	bytes = build_ics(&v);
	ok(has(bytes, "METHOD:CANCEL\r\n") && has(bytes, "STATUS:CANCELLED\r\n") &&
		   has(bytes, "SEQUENCE:3\r\n") &&
		   has(bytes, "UID:0197-booking@kontor.example.org\r\n"),
	   "cancellation");
}

static void test_ics_refused(void)
{
	static const struct mail_address evil = { SV("A\r\nATTENDEE:x"), SV("a@example.org") };
	buf_auto struct buf out = BUF_INIT;
	struct ics_event v = booking();
	struct err e;

	v.organizer = evil;
	ok(ics_build(&v, &out, arena, &e) == ST_BAD_INPUT && sv_eq(e.field, SV("organizer")),
	   "name");
	v = booking();
	v.uid = SV("a\r\nb");
	ok(ics_build(&v, &out, arena, &e) == ST_BAD_INPUT, "uid");
	v.uid = SV("");
	ok(ics_build(&v, &out, arena, &e) == ST_BAD_INPUT, "no uid");
	v = booking();
	v.url = SV("https://x/\r\nATTENDEE:mailto:y@z");
	ok(ics_build(&v, &out, arena, &e) == ST_BAD_INPUT, "url");
	v = booking();
	v.end_ms = v.start_ms - 1;
	ok(ics_build(&v, &out, arena, &e) == ST_BAD_INPUT && !out.n, "ends before it starts");
	v = booking();
	v.summary = SV("a\r\nATTENDEE:mailto:y@z\x01");
	ok(has(build_ics(&v), "SUMMARY:a\\nATTENDEE:mailto:y@z\r\n"),
	   "a line break in text is escaped");
}

int main(void)
{
	arena = arena_new();
	test_ics();
	test_ics_cancel();
	test_ics_refused();
	arena_free(arena);
	return tap_done();
}
