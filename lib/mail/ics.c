#include "mail/ics.h"

#include "base/clock.h"

#include <libical/ical.h>

const char *ics_method_name(enum ics_method m)
{
	return m == ICS_CANCEL ? "CANCEL" : "REQUEST";
}

static enum status wrong(struct err *e, struct arena *a, const char *field, const char *why)
{
	err_set(e, a, ST_BAD_INPUT, "The event's %s %s", field, why);
	e->field = sv_from(field);
	return ST_BAD_INPUT;
}

static enum status check_person(const struct mail_address *p, const char *field, struct arena *a,
				struct err *e)
{
	if (!mail_valid_address(p->email))
		return wrong(e, a, field, "has no valid e-mail address");
	if (!mail_one_line(p->name))
		return wrong(e, a, field, "has a line break in the name");
	return ST_OK;
}

static enum status check_texts(const struct ics_event *v, struct arena *a, struct err *e)
{
	const struct {
		const char *field;
		struct sv text;
		bool line;
	} texts[] = {
		{ "uid", v->uid, true },
		{ "url", v->url, true },
		{ "summary", v->summary, false },
		{ "description", v->description, false },
		{ "location", v->location, false },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i].text.n && !sv_is_text(texts[i].text))
			return wrong(e, a, texts[i].field, "is not UTF-8 text");
		if (texts[i].line && !mail_one_line(texts[i].text))
			return wrong(e, a, texts[i].field, "has a line break in it");
	}
	return ST_OK;
}

static enum status check(const struct ics_event *v, struct arena *a, struct err *e)
{
	enum status s = check_texts(v, a, e);

	if (s == ST_OK && !v->uid.n)
		s = wrong(e, a, "uid", "is missing");
	if (s == ST_OK && v->end_ms < v->start_ms)
		s = wrong(e, a, "end", "lies before its start");
	if (s == ST_OK)
		s = check_person(&v->organizer, "organizer", a, e);
	for (size_t i = 0; s == ST_OK && i < v->n_attendees; i++)
		s = check_person(&v->attendees[i], "attendee", a, e);
	return s;
}

/* Text as a property value: line ends as \n, no other control characters. */
static const char *text(struct sv s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= ' ' || c == '\n' || c == '\t')
			out[n++] = s.p[i];
	}
	return out;
}

/* A name as a parameter: RFC 5545 has no way to write a double quote there. */
static icalparameter *common_name(struct sv name, struct arena *a)
{
	char *out = arena_dup(a, name);

	for (char *p = out; *p; p++)
		if (*p == '"')
			*p = '\'';
	return icalparameter_new_cn(out);
}

static const char *mailto(struct sv email, struct arena *a)
{
	return arena_printf(a, "mailto:%.*s", SV_ARG(email));
}

static icaltimetype utc(int64_t ms)
{
	return icaltime_from_timet_with_zone((time_t)(ms / 1000), 0,
					     icaltimezone_get_utc_timezone());
}

static icalproperty *organizer(const struct ics_event *v, struct arena *a)
{
	icalproperty *p = icalproperty_new_organizer(mailto(v->organizer.email, a));

	if (v->organizer.name.n)
		icalproperty_add_parameter(p, common_name(v->organizer.name, a));
	return p;
}

static icalproperty *attendee(const struct mail_address *who, enum ics_method method,
			      struct arena *a)
{
	icalproperty *p = icalproperty_new_attendee(mailto(who->email, a));

	if (who->name.n)
		icalproperty_add_parameter(p, common_name(who->name, a));
	icalproperty_add_parameter(p, icalparameter_new_role(ICAL_ROLE_REQPARTICIPANT));
	if (method == ICS_CANCEL)
		return p;
	icalproperty_add_parameter(p, icalparameter_new_partstat(ICAL_PARTSTAT_NEEDSACTION));
	icalproperty_add_parameter(p, icalparameter_new_rsvp(ICAL_RSVP_TRUE));
	return p;
}

static icalcomponent *make_event(const struct ics_event *v, struct arena *a)
{
	icalcomponent *c = icalcomponent_new_vevent();

	icalcomponent_add_property(c, icalproperty_new_uid(text(v->uid, a)));
	icalcomponent_add_property(c, icalproperty_new_sequence(v->sequence));
	icalcomponent_add_property(
		c, icalproperty_new_dtstamp(utc(v->stamp_ms ? v->stamp_ms : clock_now_ms())));
	icalcomponent_add_property(c, icalproperty_new_dtstart(utc(v->start_ms)));
	icalcomponent_add_property(c, icalproperty_new_dtend(utc(v->end_ms)));
	icalcomponent_add_property(c, icalproperty_new_summary(text(v->summary, a)));
	if (v->description.n)
		icalcomponent_add_property(c,
					   icalproperty_new_description(text(v->description, a)));
	if (v->location.n)
		icalcomponent_add_property(c, icalproperty_new_location(text(v->location, a)));
	if (v->url.n)
		icalcomponent_add_property(c, icalproperty_new_url(text(v->url, a)));
	icalcomponent_add_property(c, icalproperty_new_status(v->method == ICS_CANCEL
								      ? ICAL_STATUS_CANCELLED
								      : ICAL_STATUS_CONFIRMED));
	icalcomponent_add_property(c, icalproperty_new_transp(ICAL_TRANSP_OPAQUE));
	icalcomponent_add_property(c, organizer(v, a));
	for (size_t i = 0; i < v->n_attendees; i++)
		icalcomponent_add_property(c, attendee(&v->attendees[i], v->method, a));
	return c;
}

enum status ics_build(const struct ics_event *v, struct buf *out, struct arena *a, struct err *e)
{
	enum status s = check(v, a, e);
	icalcomponent *calendar;
	char *bytes;

	if (s != ST_OK)
		return s;
	calendar = icalcomponent_new(ICAL_VCALENDAR_COMPONENT);
	icalcomponent_add_property(calendar, icalproperty_new_prodid("-//Kontor//Kontor//EN"));
	icalcomponent_add_property(calendar, icalproperty_new_version("2.0"));
	icalcomponent_add_property(calendar, icalproperty_new_calscale("GREGORIAN"));
	icalcomponent_add_property(
		calendar, icalproperty_new_method(v->method == ICS_CANCEL ? ICAL_METHOD_CANCEL
									  : ICAL_METHOD_REQUEST));
	icalcomponent_add_component(calendar, make_event(v, a));
	bytes = icalcomponent_as_ical_string_r(calendar);
	icalcomponent_free(calendar);
	buf_add(out, sv_from(bytes));
	icalmemory_free_buffer(bytes);
	return ST_OK;
}
