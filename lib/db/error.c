#include "db/priv.h"
#include "base/log.h"

#include <string.h>

/* Which words the user gets. */
enum words {
	OURS,   /* the text of the table below, or the status' own */
	THEIRS, /* the server's: it speaks of what the user sent */
	RULE,   /* the text below and the name of the constraint */
};

/*
 * SQLSTATE, or its first characters, to status; the first match counts. What
 * is not here is a fault of ours: INTERNAL, logged in full.
 */
static const struct {
	const char *state;
	enum status status;
	enum words words;
	const char *text;
} rules[] = {
	{ "28000", ST_UNAUTHENTICATED, THEIRS, NULL },
	{ "28P01", ST_UNAUTHENTICATED, OURS, NULL },
	{ "42501", ST_FORBIDDEN, OURS, NULL },
	{ "25006", ST_FORBIDDEN, OURS, "This key may read, but change nothing" },
	{ "23505", ST_CONFLICT, RULE, "This clashes with an existing record" },
	{ "23503", ST_CONFLICT, RULE,
	  "This points to a record that does not exist, or is still used by another" },
	{ "23P01", ST_CONFLICT, RULE, "This overlaps with an existing record" },
	{ "40001", ST_CONFLICT, OURS, "Somebody changed the same data just now; try again" },
	{ "40P01", ST_CONFLICT, OURS, "Somebody changed the same data just now; try again" },
	{ "55P03", ST_CONFLICT, OURS, "Somebody is changing the same data right now; try again" },
	{ "23502", ST_BAD_INPUT, OURS, "A value that must be given is missing" },
	{ "23514", ST_BAD_INPUT, RULE, "A value breaks a rule for this kind of record" },
	{ "22", ST_BAD_INPUT, THEIRS, NULL },
	{ "P0001", ST_BAD_INPUT, THEIRS, NULL },
	{ "KTR00", ST_CONFLICT, THEIRS, NULL }, /* web/once.c answers instead */
	{ "42703", ST_BAD_INPUT, THEIRS, NULL },
	{ "42P01", ST_NOT_FOUND, THEIRS, NULL },
	{ "42883", ST_NOT_FOUND, THEIRS, NULL },
	{ "57014", ST_TIMEOUT, OURS, NULL },
	{ "53", ST_UNAVAILABLE, OURS, NULL },
	{ "57P0", ST_UNAVAILABLE, OURS, NULL },
	{ "08", ST_UNAVAILABLE, OURS, NULL },
	{ "54", ST_BAD_INPUT, THEIRS, NULL },
	{ "0A000", ST_BAD_INPUT, THEIRS, NULL },
};

struct sv error_field(struct arena *a, const PGresult *r, int field)
{
	const char *text = PQresultErrorField(r, field);

	return text ? arena_sv(a, sv_from(text)) : SV_NONE;
}

/* KT404 and the like: raised by our own SQL, for the user, in its words. */
static enum status status_of_kt(struct sv state)
{
	int64_t http;

	if (!sv_starts(state, SV("KT")) || !sv_to_i64(sv_skip(state, 2), &http))
		return ST_OK;
	for (int s = ST_OK + 1; s < ST__MAX; s++)
		if (status_http((enum status)s) == http)
			return (enum status)s;
	return ST_OK;
}

static void pass_on(struct err *e, struct arena *a, const PGresult *r)
{
	e->message = error_field(a, r, PG_DIAG_MESSAGE_PRIMARY);
	e->details = error_field(a, r, PG_DIAG_MESSAGE_DETAIL);
	e->hint = error_field(a, r, PG_DIAG_MESSAGE_HINT);
}

static void own_words(struct err *e, struct arena *a, const PGresult *r, size_t rule)
{
	struct sv constraint = error_field(a, r, PG_DIAG_CONSTRAINT_NAME);

	e->message = sv_from(rules[rule].text);
	if (rules[rule].words != RULE)
		return;
	if (constraint.n)
		e->message = sv_from(arena_printf(a, "%s (constraint %.*s)", rules[rule].text,
						  SV_ARG(constraint)));
	/* Names the key that the user sent and what stands in its way; but of
	 * a check it would show the whole row. */
	if (e->status == ST_CONFLICT)
		e->details = error_field(a, r, PG_DIAG_MESSAGE_DETAIL);
}

/* "raise" in a function of ours chose the words, whatever the SQLSTATE. */
static bool raised(const PGresult *r)
{
	const char *where = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);

	return where && strcmp(where, "exec_stmt_raise") == 0;
}

static size_t find_rule(struct sv state)
{
	size_t i = 0;

	while (i < sizeof(rules) / sizeof(*rules) && !sv_starts(state, sv_from(rules[i].state)))
		i++;
	return i;
}

static void log_fault(enum log_level level, const PGresult *r, struct sv state, const char *sql)
{
	LOG_AT(level, "the database refused a statement", LOG_S("sqlstate", state),
	       LOG_C("text", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)),
	       LOG_C("context", PQresultErrorField(r, PG_DIAG_CONTEXT)),
	       LOG_C("statement", sql));
}

/* Faults of ours in full, and what may be one: a name that does not exist. */
static void log_if_needed(enum status st, const PGresult *r, struct sv state, const char *sql)
{
	if (st == ST_INTERNAL || st == ST_UNAVAILABLE)
		log_fault(LOG_ERROR, r, state, sql);
	else if (sv_starts(state, SV("42")) && st != ST_FORBIDDEN)
		log_fault(LOG_WARN, r, state, sql);
}

enum status error_map(struct err *e, struct arena *a, const PGresult *r, const char *sql)
{
	struct sv state = error_field(a, r, PG_DIAG_SQLSTATE);
	enum status kt = status_of_kt(state);
	size_t rule = find_rule(state);

	*e = (struct err){ .status = ST_INTERNAL };
	if (kt) {
		e->status = kt;
		pass_on(e, a, r);
	} else if (rule < sizeof(rules) / sizeof(*rules)) {
		e->status = rules[rule].status;
		if (rules[rule].words == THEIRS || (raised(r) && e->status != ST_UNAVAILABLE))
			pass_on(e, a, r);
		else
			own_words(e, a, r, rule);
	}
	e->field = error_field(a, r, PG_DIAG_COLUMN_NAME);
	if (e->status == ST_UNAVAILABLE)
		e->retry_after = 1;
	log_if_needed(e->status, r, state, sql);
	return e->status;
}
