/*
 * POST /tasks/quick: one line becomes a task.
 *
 *	Call Anna tomorrow 10:00 !high @omar #offer
 *	اتصل بسارة غدا 10:00 !عالي
 *
 * A day (today, tomorrow, a week day, next week, in 3 days, 2027-03-31, 31.3.),
 * a clock time (10:00, 5pm), !priority, @member and #tags, in English and
 * Arabic, anywhere in the line; what is left is the title.
 */
#include "fcgi/app/pages/tasks.h"
#include "fcgi/app/routes.h"

#include "base/uuid.h"

#include <string.h>

#define TOKENS 100

struct quick {
	struct arena *arena;
	struct sv token[TOKENS];
	bool used[TOKENS];
	size_t n;
	bool has_day;
	int64_t days, weekday, minutes; /* -1: none */
	struct sv date, priority, who;
	struct buf tags; /* JSON */
};

static const struct {
	const char *word;
	int days, weekday;
} day_words[] = {
	{ "today", 0, -1 }, { "اليوم", 0, -1 },
	{ "tomorrow", 1, -1 }, { "tmrw", 1, -1 }, { "غدا", 1, -1 }, { "غداً", 1, -1 }, { "غدًا", 1, -1 },
	{ "بكرة", 1, -1 }, { "بكره", 1, -1 },
	{ "monday", -1, 1 }, { "mon", -1, 1 }, { "الاثنين", -1, 1 }, { "الإثنين", -1, 1 },
	{ "tuesday", -1, 2 }, { "tue", -1, 2 }, { "الثلاثاء", -1, 2 },
	{ "wednesday", -1, 3 }, { "wed", -1, 3 }, { "الأربعاء", -1, 3 }, { "الاربعاء", -1, 3 },
	{ "thursday", -1, 4 }, { "thu", -1, 4 }, { "الخميس", -1, 4 },
	{ "friday", -1, 5 }, { "fri", -1, 5 }, { "الجمعة", -1, 5 },
	{ "saturday", -1, 6 }, { "السبت", -1, 6 },
	{ "sunday", -1, 7 }, { "الأحد", -1, 7 }, { "الاحد", -1, 7 },
};
static const struct {
	const char *word, *priority;
} priority_words[] = {
	{ "high", "HIGH" }, { "h", "HIGH" }, { "1", "HIGH" }, { "!", "HIGH" }, { "عالي", "HIGH" },
	{ "عالية", "HIGH" }, { "medium", "MEDIUM" }, { "m", "MEDIUM" }, { "2", "MEDIUM" },
	{ "متوسط", "MEDIUM" }, { "متوسطة", "MEDIUM" }, { "low", "LOW" }, { "l", "LOW" },
	{ "3", "LOW" }, { "منخفض", "LOW" }, { "منخفضة", "LOW" },
};
static const struct {
	const char *word;
	int days;
} unit_words[] = {
	{ "day", 1 }, { "days", 1 }, { "week", 7 }, { "weeks", 7 },
	{ "يوم", 1 }, { "أيام", 1 }, { "ايام", 1 }, { "أسبوع", 7 }, { "أسابيع", 7 },
};
/* Before a day or a time; on their own they are part of the title. */
static const char *const joints[] = { "on", "at", "by", "next", "due", "يوم", "الساعة", "في" };

#define EACH(i, table) for (size_t i = 0; i < sizeof(table) / sizeof(*(table)); i++)

static bool is_word(struct sv token, const char *word)
{
	return sv_eq(token, sv_from(word));
}

/* Lower case, and digits as Arabic writes them made plain. */
static struct sv plain(struct arena *a, struct sv s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i], d = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;

		if (c == 0xd9 && d >= 0xa0 && d <= 0xa9) {
			out[n++] = (char)('0' + d - 0xa0);
			i++;
		} else {
			out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
	}
	return sv_make(out, n);
}

static bool is_digits(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n < 5;
}

/* ---- days ------------------------------------------------------------------- */

/* 2027-03-31, 31.3., 31.3.2027; a day without a year is the next one. */
static bool read_date(struct quick *q, struct sv s)
{
	struct sv rest = s, day, month;

	if (s.n == 10 && s.p[4] == '-' && s.p[7] == '-' && is_digits(sv_make(s.p, 4)) &&
	    is_digits(sv_make(s.p + 5, 2)) && is_digits(sv_make(s.p + 8, 2))) {
		q->date = s;
		return true;
	}
	day = sv_cut(&rest, '.');
	month = sv_present(rest) ? sv_cut(&rest, '.') : SV_NONE;
	if (!is_digits(day) || !is_digits(month) || day.n > 2 || month.n > 2 || !sv_present(rest) ||
	    (rest.n && (!is_digits(rest) || rest.n != 4)))
		return false;
	q->date = sv_from(arena_printf(q->arena, "%.*s.%.*s.%.*s", SV_ARG(day), SV_ARG(month), SV_ARG(rest)));
	return true;
}

static int unit_days(struct sv token)
{
	EACH(i, unit_words)
		if (is_word(token, unit_words[i].word))
			return unit_words[i].days;
	return 0;
}

/* in 3 days, بعد 3 أيام, بعد أسبوع, next week, الأسبوع القادم: how many tokens. */
static size_t read_phrase(struct quick *q, size_t i)
{
	struct sv none = SV(""), a = q->token[i], b = i + 1 < q->n ? q->token[i + 1] : none;
	struct sv c = i + 2 < q->n ? q->token[i + 2] : none;
	int64_t number;

	if ((is_word(a, "next") && is_word(b, "week")) ||
	    ((is_word(a, "الأسبوع") || is_word(a, "الاسبوع")) && is_word(b, "القادم"))) {
		q->weekday = 1;
		return 2;
	}
	if (!is_word(a, "in") && !is_word(a, "بعد"))
		return 0;
	if (is_digits(b) && unit_days(c) && sv_to_i64(b, &number) && number < 1000) {
		q->days = number * unit_days(c);
		return 3;
	}
	if (is_word(a, "بعد") && unit_days(b)) {
		q->days = unit_days(b);
		return 2;
	}
	return 0;
}

static size_t read_day(struct quick *q, size_t i)
{
	size_t n = read_phrase(q, i);

	if (n)
		return n;
	EACH(w, day_words) {
		if (!is_word(q->token[i], day_words[w].word))
			continue;
		q->days = day_words[w].days;
		q->weekday = day_words[w].weekday;
		return 1;
	}
	return read_date(q, q->token[i]) ? 1 : 0;
}

/* ---- times ------------------------------------------------------------------ */

/* 10:00, 9:30pm, 5pm; not a bare number. */
static bool read_time(struct quick *q, struct sv s)
{
	bool pm = s.n > 2 && sv_eq(sv_skip(s, s.n - 2), SV("pm"));
	bool am = s.n > 2 && sv_eq(sv_skip(s, s.n - 2), SV("am"));
	struct sv rest = pm || am ? sv_make(s.p, s.n - 2) : s, hour = sv_cut(&rest, ':');
	int64_t h, m = 0;

	if (!is_digits(hour) || hour.n > 2 || !sv_to_i64(hour, &h))
		return false;
	if (sv_present(rest) && (!is_digits(rest) || rest.n != 2 || !sv_to_i64(rest, &m)))
		return false;
	if ((!sv_present(rest) && !pm && !am) || h > 23 || m > 59 || ((pm || am) && (h > 12 || h < 1)))
		return false;
	if (pm || am)
		h = h % 12 + (pm ? 12 : 0);
	q->minutes = h * 60 + m;
	return true;
}

/* ---- marks ------------------------------------------------------------------- */

static bool read_mark(struct quick *q, struct sv s)
{
	struct sv word = sv_skip(s, 1);

	if (s.n < 2)
		return false;
	if (s.p[0] == '!') {
		EACH(i, priority_words)
			if (is_word(word, priority_words[i].word)) {
				q->priority = sv_from(priority_words[i].priority);
				return true;
			}
	} else if (s.p[0] == '@' && !q->who.n) {
		q->who = word;
		return true;
	} else if (s.p[0] == '#' && word.n <= 100 && !is_digits(word)) {
		buf_addc(&q->tags, q->tags.n ? ',' : '[');
		buf_json(&q->tags, word);
		return true;
	}
	return false;
}

static void use(struct quick *q, size_t i, size_t n)
{
	for (size_t k = 0; k < n; k++)
		q->used[i + k] = true;
	EACH(j, joints)
		if (i && is_word(q->token[i - 1], joints[j]))
			q->used[i - 1] = true;
}

static struct sv read_line(struct quick *q, struct sv line)
{
	struct sv typed[TOKENS];
	buf_auto struct buf title = BUF_INIT;

	while (sv_present(line) && q->n < TOKENS) {
		struct sv token = sv_cut(&line, ' ');

		if (!token.n)
			continue;
		typed[q->n] = token;
		q->token[q->n++] = plain(q->arena, token);
	}
	for (size_t i = 0; i < q->n; i++) {
		size_t n = q->has_day ? 0 : read_day(q, i);

		if (n) {
			q->has_day = true;
			use(q, i, n);
			i += n - 1;
		} else if (q->minutes < 0 && read_time(q, q->token[i])) {
			use(q, i, 1);
		} else if (read_mark(q, q->token[i])) {
			q->used[i] = true;
		}
	}
	for (size_t i = 0; i < q->n; i++) {
		if (q->used[i])
			continue;
		if (title.n)
			buf_addc(&title, ' ');
		buf_add(&title, typed[i]);
	}
	if (q->tags.n)
		buf_addc(&q->tags, ']');
	return arena_sv(q->arena, buf_sv(&title));
}

/* ---- the request ---------------------------------------------------------------- */

/* Nobody of this name: what was typed stays in the title. Without a name it is
 * the writer's own task. */
static const char insert_sql[] =
	"with who as (select app.member_named(nullif($3, '')) as id)"
	" insert into tasks (id, title, priority, assignee_id, due_date, tags, contact_id, deal_id, company_id)"
	" select $1::uuid, left($2 || case when $3 <> '' and who.id is null then ' @' || $3 else '' end, 200),"
	"	coalesce(nullif($4, ''), 'MEDIUM'), coalesce(who.id, auth.uid()),"
	"	app.task_due_words($5::integer, $6::integer, internal.quick_date($7), $8::integer),"
	"	array(select jsonb_array_elements_text($9::jsonb)), $10::uuid, $11::uuid, $12::uuid from who"
	" on conflict (organization_id, id) do nothing";

static struct db_value or_null(int64_t n)
{
	return n < 0 ? DB_NULL : DB_I(n);
}

static struct sv form_uuid(struct http_request *rq, const char *name)
{
	struct sv value = http_form(rq, name);

	return uuid_valid(value) ? value : SV_NONE;
}

enum status tasks_quick(struct http_request *rq, struct http_response *rs, struct err *e)
{
	struct db_batch *b = web_batch(rq);
	struct quick q = { .arena = rq->arena, .days = -1, .weekday = -1, .minutes = -1, .date = SV(""),
			   .priority = SV(""), .who = SV("") };
	struct sv title = read_line(&q, sv_trim(http_form(rq, "text"))), id = form_uuid(rq, "id");
	struct sv tags = q.tags.n ? arena_sv(rq->arena, buf_sv(&q.tags)) : SV("[]");
	int row;

	buf_release(&q.tags);
	if (!title.n)
		return err_set(e, rq->arena, ST_UNPROCESSABLE, "%s", tr("Write what is to be done"));
	if (!id.n)
		id = uuid_new(rq->arena);
	db_add(b, insert_sql, DB_S(id), DB_S(title), DB_S(q.who), DB_S(q.priority), or_null(q.days),
	       or_null(q.weekday), DB_OPT(q.date), or_null(q.minutes), DB_S(tags),
	       DB_OPT(form_uuid(rq, "contact")), DB_OPT(form_uuid(rq, "deal")),
	       DB_OPT(form_uuid(rq, "company")));
	row = db_add(b, "select r.id, r.title, r.due_date_shown as due, r.due_time as time, r.is_today,"
		     " r.is_tomorrow, r.assignee, r.is_mine, r.priority from app.task_rows r where r.id = $1::uuid", DB_S(id));
	if (db_run(b, e))
		return e->status;
	if (sv_find(http_header(rq, "Accept"), SV("application/json")) < 0)
		return http_redirect(rs, SV("/tasks?done=created"));
	http_content_type(rs, "application/json");
	db_json_row(&rs->body, b, row, 0);
	return ST_OK;
}
