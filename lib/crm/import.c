#include "crm/import.h"
#include "crm/identity.h"

#include <string.h>

#define C 1u
#define O 2u
#define L 4u
#define NAME_MAX_ 64

enum reading {
	TEXT_50,
	TEXT_100,
	TEXT_200,
	TEXT_5000,
	FULL_NAME,
	EMAIL,
	PHONE,
	TAGS,
	NUMBER,
	WHOLE_NUMBER,
	CUSTOM,
	DEAL_TITLE,
	DEAL_VALUE,
	DEAL_STAGE
};

struct import_column {
	unsigned kinds;
	const char *name;
	enum reading what;
	const char *key;
};

static const struct import_column columns[] = {
#define COLUMN(kinds, name, what, key) { kinds, name, what, key },
#include "crm/import_columns.def"
#undef COLUMN
};

static const unsigned kind_bit[] = {
	[IMPORT_CONTACTS] = C,
	[IMPORT_COMPANIES] = O,
	[IMPORT_LEADS] = L,
};

/* ---- the first line ------------------------------------------------------------ */

/* Letters and digits, small: "Company Domain Name" is companydomainname. */
static size_t plain(struct sv s, char out[static NAME_MAX_])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < NAME_MAX_; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
	}
	return n;
}

static const struct import_column *column_named(enum import_kind kind, struct sv name)
{
	char text[NAME_MAX_];
	struct sv wanted = sv_make(text, plain(name, text));

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (columns[i].kinds & kind_bit[kind] && sv_eq(wanted, sv_from(columns[i].name)))
			return &columns[i];
	return NULL;
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
		im->columns[i] = column_named(kind, im->fields.v[i]);
		any = any || im->columns[i];
		if (im->columns[i])
			continue;
		if (im->ignored.n > 1)
			buf_addc(&im->ignored, ',');
		buf_json(&im->ignored, im->fields.v[i]);
	}
	buf_addc(&im->ignored, ']');
	return any;
}

void import_end(struct import *im)
{
	buf_release(&im->row);
	buf_release(&im->ignored);
}

/* ---- values ---------------------------------------------------------------------- */

static void fault(struct import *im, const struct import_column *c, const char *what, struct sv v)
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

static void add_text(struct import *im, struct buf *out, const struct import_column *c, struct sv v,
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

static void add_number(struct import *im, struct buf *out, const struct import_column *c,
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

static void add_list(struct import *im, struct buf *list, const struct import_column *c, struct sv v)
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
	struct buf emails, phones, tags, custom, deal;
	bool named;
};

static void add_stage(struct buf *out, struct sv v)
{
	buf_auto struct buf low = BUF_INIT;

	for (size_t i = 0; i < v.n && i < 64; i++)
		buf_addc(&low, v.p[i] >= 'A' && v.p[i] <= 'Z' ? (char)(v.p[i] | 0x20) : v.p[i]);
	buf_json_key(out, "stage");
	buf_json(out, buf_sv(&low));
}

static void add_cell(struct import *im, struct parts *p, const struct import_column *c, struct sv v)
{
	switch (c->what) {
	case TEXT_50:
		add_text(im, &im->row, c, v, 50);
		break;
	case TEXT_100:
		p->named = true;
		add_text(im, &im->row, c, v, 100);
		break;
	case TEXT_200:
		p->named = p->named || !strcmp(c->key, "name");
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
	case TAGS:
		add_list(im, &p->tags, c, v);
		break;
	case NUMBER:
	case WHOLE_NUMBER:
		add_number(im, &im->row, c, v);
		break;
	case CUSTOM:
		add_text(im, &p->custom, c, v, 5000);
		break;
	case DEAL_TITLE:
		add_text(im, &p->deal, c, v, 200);
		break;
	case DEAL_VALUE:
		add_number(im, &p->deal, c, v);
		break;
	case DEAL_STAGE:
		add_stage(&p->deal, v);
		break;
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

static const struct import_column untitled = { L, "", DEAL_TITLE, "title" };

static void finish(struct import *im, struct parts *p)
{
	add_part(&im->row, "emails", &p->emails, "[]");
	add_part(&im->row, "phones", &p->phones, "[]");
	add_part(&im->row, "tags", &p->tags, "[]");
	add_part(&im->row, "custom_fields", &p->custom, "{}");
	if (p->deal.n && sv_find(sv_make(p->deal.p, p->deal.n), SV("\"title\":")) < 0)
		add_text(im, &p->deal, &untitled, SV("Imported lead"), 200);
	add_part(&im->row, "deal", &p->deal, "{}");
	buf_addc(&im->row, '}');
	if (im->fault.n)
		return;
	if (im->kind == IMPORT_COMPANIES ? !p->named :
					   !p->named && !p->emails.n && !p->phones.n)
		im->fault = im->kind == IMPORT_COMPANIES ?
				    SV("A company needs a name") :
				    SV("A row needs a name, an e-mail address or a phone number");
}

bool import_next(struct import *im)
{
	struct parts p = { .named = false };

	if (!csv_next(&im->csv, &im->fields))
		return false;
	im->line = im->fields.line;
	im->fault = SV_NONE;
	buf_clear(&im->row);
	buf_addf(&im->row, "{\"i\":%zu", im->line);
	if (im->kind != IMPORT_COMPANIES) {
		buf_json_key(&im->row, "default_source");
		buf_json(&im->row, SV("csv-import"));
	}
	for (size_t i = 0; i < im->fields.n && i < im->ncolumns; i++) {
		struct sv v = im->fields.v[i];

		if (im->columns[i] && v.n && sv_is_text(v))
			add_cell(im, &p, im->columns[i], v);
		else if (im->columns[i] && v.n)
			im->fault = SV("The row is not UTF-8 text; save the file as UTF-8");
	}
	finish(im, &p);
	buf_release(&p.emails);
	buf_release(&p.phones);
	buf_release(&p.tags);
	buf_release(&p.custom);
	buf_release(&p.deal);
	return true;
}

void import_sent(const struct import *im, struct buf *out)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < im->fields.n && i < im->ncolumns; i++)
		if (im->columns[i] && sv_is_text(im->fields.v[i])) {
			buf_json_key(out, im->columns[i]->name);
			buf_json(out, im->fields.v[i]);
		}
	buf_addc(out, '}');
}
