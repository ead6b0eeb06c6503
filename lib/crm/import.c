#include "crm/import.h"
#include "crm/identity.h"

#include "base/tr.h"

#include <stdlib.h>
#include <string.h>

#define C 1u
#define O 2u
#define L 4u
#define D 8u
#define NAME_MAX_ 96

enum reading {
	IGNORED,
	TEXT_50,
	TEXT_100,
	TEXT_200,
	TEXT_5000,
	FULL_NAME,
	EMAIL,
	PHONE,
	EMAIL_ONE,
	PHONE_ONE,
	TAGS,
	NUMBER,
	WHOLE_NUMBER,
	MEMBER,
	CUSTOM,
	DEAL_TEXT_200,
	DEAL_TEXT_5000,
	DEAL_VALUE,
	DEAL_CURRENCY,
	DEAL_DATE,
	DEAL_STAGE,
	DEAL_MEMBER,
	DEAL_CUSTOM
};

static const struct {
	unsigned kinds;
	const char *id;
	enum reading what;
	const char *key, *label;
} fields[] = {
#define FIELD(kinds, id, what, key, label) { kinds, id, what, key, label },
#include "crm/import_fields.def"
#undef FIELD
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static const struct {
	unsigned kinds;
	const char *name, *field;
} names[] = {
#define NAME(kinds, name, field) { kinds, name, field },
#include "crm/import_columns.def"
#undef NAME
};

static const unsigned kind_bit[] = {
	[IMPORT_CONTACTS] = C,
	[IMPORT_COMPANIES] = O,
	[IMPORT_LEADS] = L,
	[IMPORT_DEALS] = D,
};

static const char *const kind_names[] = {
	[IMPORT_CONTACTS] = "contacts",
	[IMPORT_COMPANIES] = "companies",
	[IMPORT_LEADS] = "leads",
	[IMPORT_DEALS] = "deals",
};

const char *import_kind_name(enum import_kind kind)
{
	return kind_names[kind];
}

bool import_kind_of(struct sv name, enum import_kind *kind)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
		if (sv_eq(name, sv_from(kind_names[i]))) {
			*kind = (enum import_kind)i;
			return true;
		}
	return false;
}

bool import_field(enum import_kind kind, size_t *at, struct sv *id, const char **label)
{
	while (*at < FIELDS && !(fields[*at].kinds & kind_bit[kind]))
		++*at;
	if (*at >= FIELDS)
		return false;
	*id = sv_from(fields[*at].id);
	*label = tr(fields[(*at)++].label);
	return true;
}

/* ---- the first line ------------------------------------------------------------ */

/* Letters and digits, small: "Company Domain Name" is companydomainname. What
 * is not ASCII stays as it is. */
static size_t plain(struct sv s, char out[static NAME_MAX_])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < NAME_MAX_; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
			out[n++] = c;
	}
	return n;
}

struct sv import_suggest(enum import_kind kind, struct sv header)
{
	char text[NAME_MAX_];
	struct sv wanted = sv_make(text, plain(header, text));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].kinds & kind_bit[kind] && sv_eq(wanted, sv_from(names[i].name)))
			return sv_from(names[i].field);
	return SV_NONE;
}

static bool is_key(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
		      (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_'))
			return false;
	return s.n > 0 && s.n <= 64;
}

/* Where the values of a column go. */
static struct import_target target_of(struct import *im, struct sv id)
{
	if (sv_starts(id, SV("cf.")) && is_key(sv_skip(id, 3)))
		return (struct import_target){ im->mapped && im->kind == IMPORT_DEALS ? DEAL_CUSTOM : CUSTOM,
					       arena_dup(im->arena, sv_skip(id, 3)) };
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].kinds & kind_bit[im->kind] && sv_eq(id, sv_from(fields[i].id)))
			return (struct import_target){ fields[i].what, fields[i].key };
	return (struct import_target){ IGNORED, NULL };
}

bool import_begin(struct import *im, enum import_kind kind, struct arena *a, struct sv text)
{
	bool any = false;

	*im = (struct import){ .kind = kind, .arena = a };
	csv_begin(&im->csv, a, text);
	buf_addc(&im->ignored, '[');
	if (csv_next(&im->csv, &im->fields))
		im->ncolumns = im->fields.n;
	for (size_t i = 0; i < im->ncolumns; i++) {
		im->headers[i] = im->fields.v[i];
		im->columns[i] = target_of(im, import_suggest(kind, im->fields.v[i]));
		any = any || im->columns[i].what;
		if (im->columns[i].what)
			continue;
		if (im->ignored.n > 1)
			buf_addc(&im->ignored, ',');
		buf_json(&im->ignored, im->fields.v[i]);
	}
	buf_addc(&im->ignored, ']');
	return any;
}

void import_begin_mapped(struct import *im, enum import_kind kind, struct arena *a)
{
	*im = (struct import){ .kind = kind, .arena = a, .mapped = true };
}

void import_map(struct import *im, struct sv header, struct sv field)
{
	if (im->ncolumns >= CSV_FIELDS_MAX)
		return;
	im->headers[im->ncolumns] = arena_sv(im->arena, header);
	im->columns[im->ncolumns++] = target_of(im, field);
}

void import_end(struct import *im)
{
	buf_release(&im->row);
	buf_release(&im->ignored);
}

/* ---- values ---------------------------------------------------------------------- */

static void fault(struct import *im, const struct import_target *c, const char *what, struct sv v)
{
	if (!im->fault.n)
		im->fault = sv_from(arena_printf(im->arena, "%s: \"%.*s\" %s", c->key,
						 (int)(v.n > 80 ? 80 : v.n), v.p, what));
}

static size_t characters(struct sv s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static void add_text(struct import *im, struct buf *out, const struct import_target *c, struct sv v,
		     size_t max)
{
	if (characters(v) > max) {
		fault(im, c, arena_printf(im->arena, "is longer than %zu characters", max), v);
		return;
	}
	buf_json_key(out, c->key);
	buf_json(out, v);
}

/* "1,234.50", "1.234,50 EUR" and "$99" as a number: digits with the last
 * separator as the decimal one, unless three digits follow it. */
static bool number_of(struct import *im, struct sv v, struct sv *out)
{
	char *text = arena_alloc(im->arena, v.n + 1);
	size_t n = 0, last = SIZE_MAX, behind = 0;

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == ',' || v.p[i] == '.')
			last = i;
	for (size_t i = last + 1; last != SIZE_MAX && i < v.n && v.p[i] >= '0' && v.p[i] <= '9'; i++)
		behind++;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] >= '0' && v.p[i] <= '9')
			text[n++] = v.p[i];
		else if (i == last && behind != 3 && behind && n)
			text[n++] = '.';
		else if ((v.p[i] >= 'a' && v.p[i] <= 'z') && n)
			break;
		else if (v.p[i] == '-' && !n)
			return false; /* no amount here is below 0 */
	}
	while (n > 1 && text[0] == '0' && text[1] != '.') {
		memmove(text, text + 1, n - 1);
		n--;
	}
	*out = sv_make(text, n);
	return n > 0 && n < 17;
}

static void add_number(struct import *im, struct buf *out, const struct import_target *c,
		       struct sv v)
{
	struct sv number;

	if (!number_of(im, v, &number) ||
	    (c->what == WHOLE_NUMBER && sv_chr(number, '.') >= 0)) {
		fault(im, c, "is not a number", v);
		return;
	}
	buf_json_key(out, c->key);
	buf_add(out, number);
}

/* One word, the rest is the last name. */
static void add_full_name(struct buf *out, struct sv v)
{
	ptrdiff_t at = sv_chr(v, ' ');
	struct sv first = at < 0 ? v : sv_make(v.p, (size_t)at);

	buf_json_key(out, "first_name");
	buf_json(out, first);
	if (at < 0)
		return;
	buf_json_key(out, "last_name");
	buf_json(out, sv_trim(sv_skip(v, (size_t)at)));
}

/* The separator of a list in one field: HubSpot writes ; */
static char list_separator(struct sv v)
{
	return sv_chr(v, ';') >= 0 ? ';' : ',';
}

static void add_element(struct buf *list, struct sv v)
{
	if (list->n)
		buf_addc(list, ',');
	buf_json(list, v);
}

static void add_list(struct import *im, struct buf *list, const struct import_target *c, struct sv v)
{
	char separator = list_separator(v);

	while (sv_present(v)) {
		struct sv one = sv_trim(sv_cut(&v, separator)), stored = one;

		if (!one.n)
			continue;
		if (c->what == PHONE)
			stored = identity_phone(im->arena, one);
		else if (c->what == EMAIL)
			stored = identity_email(one);
		else if (characters(one) > 50)
			stored = SV_NONE;
		if (!stored.n)
			fault(im, c, c->what == PHONE ? "is not a phone number" :
				     c->what == EMAIL ? "is not an e-mail address" :
							"is longer than 50 characters", one);
		else
			add_element(list, stored);
	}
}

/* ---- a row ------------------------------------------------------------------------- */

/* Members that several columns add to. */
struct parts {
	struct buf emails, phones, tags, custom, deal, deal_custom;
	struct sv first, last; /* of a lead, which has one name */
	bool named, someone;
};

static void add_stage(struct buf *out, struct sv v)
{
	buf_auto struct buf low = BUF_INIT;

	for (size_t i = 0; i < v.n && i < 64; i++)
		buf_addc(&low, v.p[i] >= 'A' && v.p[i] <= 'Z' ? (char)(v.p[i] | 0x20) : v.p[i]);
	buf_json_key(out, "stage");
	buf_json(out, buf_sv(&low));
}

/* 2026-11-30, 30.11.2026, 30/11/2026 (11/30/2026 where that cannot be), with or
 * without a time behind it. */
static void add_date(struct import *im, struct buf *out, const struct import_target *c, struct sv v)
{
	int n[3] = { 0 }, parts = 0, y, m, d;
	char *text = arena_dup(im->arena, v);

	for (char *p = text; *p && parts < 3; parts++) {
		n[parts] = (int)strtol(p, &p, 10);
		if (parts < 2 && *p && !strchr("-./", *p))
			break;
		p += *p != '\0';
	}
	y = n[0] > 31 ? n[0] : n[2];
	m = n[1];
	d = n[0] > 31 ? n[2] : n[0];
	if (m > 12 && d <= 12) {
		int swap = m;

		m = d;
		d = swap;
	}
	if (parts < 3 || y < 1900 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31) {
		fault(im, c, "is not a date", v);
		return;
	}
	buf_json_key(out, c->key);
	buf_addf(out, "\"%04d-%02d-%02d\"", y, m, d);
}

static void add_member(struct import *im, struct buf *out, const struct import_target *c, struct sv v)
{
	struct sv stored = identity_email(v);

	if (!stored.n) {
		fault(im, c, "is not an e-mail address", v);
		return;
	}
	buf_json_key(out, c->key);
	buf_json(out, stored);
}

static void add_one(struct import *im, const struct import_target *c, struct sv v)
{
	struct sv stored = c->what == PHONE_ONE ? identity_phone(im->arena, v) : identity_email(v);

	if (!stored.n) {
		fault(im, c, c->what == PHONE_ONE ? "is not a phone number" : "is not an e-mail address", v);
		return;
	}
	buf_json_key(&im->row, c->key);
	buf_json(&im->row, stored);
}

static void add_deal(struct import *im, struct parts *p, const struct import_target *c, struct sv v)
{
	switch (c->what) {
	case DEAL_TEXT_200:
		add_text(im, &p->deal, c, v, 200);
		break;
	case DEAL_TEXT_5000:
		add_text(im, &p->deal, c, v, 5000);
		break;
	case DEAL_CURRENCY:
		add_text(im, &p->deal, c, v, 3);
		break;
	case DEAL_VALUE:
		add_number(im, &p->deal, c, v);
		break;
	case DEAL_DATE:
		add_date(im, &p->deal, c, v);
		break;
	case DEAL_STAGE:
		add_stage(&p->deal, v);
		break;
	case DEAL_MEMBER:
		add_member(im, &p->deal, c, v);
		break;
	default:
		add_text(im, &p->deal_custom, c, v, 5000);
	}
}

static void add_name(struct import *im, struct parts *p, const struct import_target *c, struct sv v)
{
	bool first = !strcmp(c->key, "first_name"), last = !strcmp(c->key, "last_name");

	if (im->kind == IMPORT_LEADS && first)
		p->first = v;
	else if (im->kind == IMPORT_LEADS && last)
		p->last = v;
	else
		add_text(im, &im->row, c, v, 100);
	p->named = p->named || first || last;
}

static void add_cell(struct import *im, struct parts *p, const struct import_target *c, struct sv v)
{
	switch (c->what) {
	case TEXT_50:
		add_text(im, &im->row, c, v, 50);
		break;
	case TEXT_100:
		add_name(im, p, c, v);
		break;
	case TEXT_200:
		p->named = p->named || !strcmp(c->key, "name");
		p->someone = p->someone || (im->kind == IMPORT_LEADS && !strcmp(c->key, "company_name"));
		add_text(im, &im->row, c, v, 200);
		break;
	case TEXT_5000:
		add_text(im, &im->row, c, v, 5000);
		break;
	case FULL_NAME:
		p->named = true;
		add_full_name(&im->row, v);
		break;
	case EMAIL:
		add_list(im, &p->emails, c, v);
		break;
	case PHONE:
		add_list(im, &p->phones, c, v);
		break;
	case EMAIL_ONE:
	case PHONE_ONE:
		p->someone = true;
		add_one(im, c, v);
		break;
	case TAGS:
		add_list(im, &p->tags, c, v);
		break;
	case NUMBER:
	case WHOLE_NUMBER:
		add_number(im, &im->row, c, v);
		break;
	case MEMBER:
		add_member(im, &im->row, c, v);
		break;
	case CUSTOM:
		add_text(im, &p->custom, c, v, 5000);
		break;
	default:
		add_deal(im, p, c, v);
	}
}

static void add_part(struct buf *out, const char *key, const struct buf *part, const char *ends)
{
	if (!part->n)
		return;
	buf_json_key(out, key);
	buf_addc(out, ends[0]);
	buf_add(out, sv_make(part->p, part->n));
	buf_addc(out, ends[1]);
}

/* A lead without a name is called by its company or address. */
static void finish_lead(struct import *im, struct parts *p)
{
	struct sv row = buf_sv(&im->row);

	if (sv_find(row, SV("\"name\":")) >= 0)
		return;
	buf_json_key(&im->row, "name");
	if (p->first.n && p->last.n)
		buf_json(&im->row, sv_from(arena_printf(im->arena, "%.*s %.*s", SV_ARG(p->first), SV_ARG(p->last))));
	else if (p->first.n || p->last.n)
		buf_json(&im->row, p->first.n ? p->first : p->last);
	else
		buf_json(&im->row, im->stand_in);
}

static void finish_deal(struct import *im, struct parts *p)
{
	if (im->defaults.owner.n && sv_find(buf_sv(&p->deal), SV("\"owner_email\":")) < 0) {
		buf_json_key(&p->deal, "owner_id");
		buf_json(&p->deal, im->defaults.owner);
	}
	add_part(&p->deal, "custom_fields", &p->deal_custom, "{}");
	if ((p->deal.n || im->mapped) && sv_find(buf_sv(&p->deal), SV("\"title\":")) < 0) {
		buf_json_key(&p->deal, "title");
		buf_json(&p->deal, SV("Imported lead"));
	}
	add_part(&im->row, "deal", &p->deal, "{}");
}

static void finish_defaults(struct import *im, struct parts *p)
{
	for (size_t i = 0; i < im->defaults.ntags; i++)
		add_element(&p->tags, im->defaults.tags[i]);
	if (im->kind != IMPORT_COMPANIES) {
		buf_json_key(&im->row, "default_source");
		buf_json(&im->row, im->defaults.source.n ? im->defaults.source : SV("csv-import"));
	}
	if (im->defaults.owner.n && im->kind != IMPORT_DEALS &&
	    sv_find(buf_sv(&im->row), SV("\"assignee_email\":")) < 0) {
		buf_json_key(&im->row, "assignee_id");
		buf_json(&im->row, im->defaults.owner);
	}
}

static void finish(struct import *im, struct parts *p)
{
	if (im->kind == IMPORT_LEADS)
		finish_lead(im, p);
	finish_defaults(im, p);
	add_part(&im->row, "emails", &p->emails, "[]");
	add_part(&im->row, "phones", &p->phones, "[]");
	add_part(&im->row, "tags", &p->tags, "[]");
	add_part(&im->row, "custom_fields", &p->custom, "{}");
	if (im->kind == IMPORT_DEALS)
		finish_deal(im, p);
	buf_addc(&im->row, '}');
	if (im->fault.n || p->named || p->emails.n || p->phones.n || p->someone)
		im->fault = im->fault.n || im->kind != IMPORT_COMPANIES || p->named ? im->fault : SV("A company needs a name");
	else if (im->kind == IMPORT_COMPANIES)
		im->fault = SV("A company needs a name");
	else if (im->kind != IMPORT_DEALS || !im->mapped || !p->deal.n)
		im->fault = SV("A row needs a name, an e-mail address or a phone number");
}

static void read_cells(struct import *im, struct parts *p)
{
	if (im->fields.dropped && im->mapped)
		im->fault = SV("The row has more values than the first line has columns");
	for (size_t i = 0; i < im->fields.n; i++) {
		struct sv v = im->fields.v[i];

		if (i >= im->ncolumns) {
			if (v.n && im->mapped)
				im->fault = SV("The row has more values than the first line has columns");
			continue;
		}
		if (!im->columns[i].what || !v.n)
			continue;
		if (!sv_is_text(v)) {
			im->fault = SV("The row is not UTF-8 text; save the file as UTF-8");
			continue;
		}
		if (!im->stand_in.n)
			im->stand_in = v;
		add_cell(im, p, &im->columns[i], v);
	}
}

bool import_next(struct import *im)
{
	struct parts p = { .named = false };

	if (!csv_next(&im->csv, &im->fields))
		return false;
	im->line = im->fields.line;
	im->fault = im->stand_in = SV_NONE;
	buf_clear(&im->row);
	buf_addf(&im->row, "{\"i\":%zu", im->line);
	read_cells(im, &p);
	finish(im, &p);
	buf_release(&p.emails);
	buf_release(&p.phones);
	buf_release(&p.tags);
	buf_release(&p.custom);
	buf_release(&p.deal);
	buf_release(&p.deal_custom);
	return true;
}

void import_sent(const struct import *im, struct buf *out)
{
	size_t members = 0;

	buf_addc(out, '{');
	for (size_t i = 0; i < im->fields.n && i < im->ncolumns; i++)
		if ((im->columns[i].what || im->mapped) && sv_is_text(im->fields.v[i]) && sv_is_text(im->headers[i])) {
			if (members++)
				buf_addc(out, ',');
			buf_json(out, im->headers[i]);
			buf_addc(out, ':');
			buf_json(out, im->fields.v[i]);
		}
	buf_addc(out, '}');
}
