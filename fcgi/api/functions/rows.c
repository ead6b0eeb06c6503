#include "fcgi/api/functions/rows.h"
#include "crm/identity.h"

#include <math.h>

/* ---- contacts --------------------------------------------------------------- */

static const struct field_rule contact_rules[] = {
	{ "first_name", copy_text, .max = 100 },
	{ "last_name", copy_text, .max = 100 },
	{ "source", copy_text, .max = 50 },
	{ "description", copy_text, .max = 5000 },
	{ "company_id", copy_uuid },
	{ "company_name", copy_text, .max = 200 },
	{ "assignee_id", copy_uuid },
	{ "opt_in_status", copy_bool },
	{ "custom_fields", copy_custom_fields },
	{ 0 },
};

struct sv row_phone(struct fields *f, const char *key, struct sv raw)
{
	struct sv phone = identity_phone(f->arena, raw);

	if (!phone.n)
		field_fault(f, key, "has \"%.*s\", which is not a phone number", SV_ARG(raw));
	return phone;
}

struct sv row_email(struct fields *f, const char *key, struct sv raw)
{
	struct sv email = identity_email(raw);

	if (!email.n)
		field_fault(f, key, "has \"%.*s\", which is not an e-mail address", SV_ARG(raw));
	return email;
}

typedef struct sv identity_reader(struct fields *f, const char *key, struct sv raw);

static bool add_identity(struct fields *f, const char *key, struct sv raw, identity_reader *read,
			 struct buf *list)
{
	struct sv value = read(f, key, raw);

	if (!value.n)
		return false;
	if (list->n)
		buf_addc(list, ',');
	buf_json(list, value);
	return true;
}

/* API-83: the single one comes first, then the list. */
static bool copy_identities(struct fields *f, const char *one, const char *many,
			    identity_reader *read, struct buf *out)
{
	buf_auto struct buf list = BUF_INIT;
	struct sv single = field_text(f, one, 0, FIELD_OPTIONAL);
	json_t *more, *v;
	size_t i;

	if (single.n)
		add_identity(f, one, single, read, &list);
	more = field_list(f, many, 100, FIELD_OPTIONAL);
	json_array_foreach(more, i, v) {
		struct sv raw = sv_make(json_string_value(v), json_string_length(v));

		if (!json_is_string(v))
			field_fault(f, many, "must be a list of texts");
		else if (sv_trim(raw).n)
			add_identity(f, many, raw, read, &list);
	}
	if (!list.n)
		return false;
	buf_json_key(out, many);
	buf_addc(out, '[');
	buf_add(out, buf_sv(&list));
	buf_addc(out, ']');
	return true;
}

/* The row's own tags, then those for all rows (CON-96). */
static void copy_tags(struct fields *f, json_t *for_all, struct buf *out)
{
	static const struct field_rule rule = { "tags", copy_texts, .max = 50 };
	json_t *own = field_list(f, "tags", 1000, FIELD_OPTIONAL), *all = json_array();
	struct fields both = *f;

	json_array_extend(all, own ? own : for_all);
	if (own && for_all)
		json_array_extend(all, for_all);
	both.object = json_pack("{so}", "tags", all);
	if (json_array_size(all))
		copy_texts(&both, &rule, out);
	f->e = both.e;
	json_decref(both.object);
}

void contact_row(struct fields *f, const struct contact_defaults *d, struct buf *out)
{
	struct fields deal;
	bool known = false;

	known |= copy_identities(f, "email", "emails", row_email, out);
	known |= copy_identities(f, "phone", "phones", row_phone, out);
	known |= field_get(f, "first_name") || field_get(f, "last_name");
	if (!known && !f->e.status)
		err_set(&f->e, f->arena, ST_BAD_INPUT,
			"At least one of first_name, last_name, email, or phone is required");
	fields_copy(f, contact_rules, out);
	copy_tags(f, d->tags, out);
	buf_json_key(out, "default_source");
	buf_json(out, d->source);
	if (!d->deals || !field_get(f, "deal"))
		return;
	buf_json_key(out, "deal");
	buf_addc(out, '{');
	fields_of(&deal, f->arena, field_get(f, "deal"), "deal");
	deal_row(&deal, out);
	buf_addc(out, '}');
	if (!f->e.status)
		f->e = deal.e;
}

/* ---- deals ------------------------------------------------------------------- */

struct sv field_currency(struct fields *f, const char *key)
{
	struct sv s = field_text(f, key, 0, FIELD_OPTIONAL);
	bool letters = s.n == 3;

	for (size_t i = 0; i < s.n; i++)
		letters &= (s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z';
	if (!s.n || letters)
		return s;
	field_fault(f, key, "must be a currency code of three letters");
	return SV_NONE;
}

static void copy_currency(struct fields *f, const struct field_rule *r, struct buf *out)
{
	struct sv s = field_currency(f, r->key);

	if (!s.n)
		return;
	buf_json_key(out, r->key);
	buf_json(out, s);
}

/* DEA-82 */
static void copy_products(struct fields *f, const struct field_rule *r, struct buf *out)
{
	json_t *list = field_list(f, r->key, 1000, FIELD_OPTIONAL), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		struct fields line;
		double number;

		fields_of(&line, f->arena, v, arena_printf(f->arena, "products[%zu]", i));
		field_text(&line, "name", 500, FIELD_NEEDED);
		field_number(&line, "quantity", 0, INFINITY, &number);
		field_number(&line, "unit_price", 0, INFINITY, &number);
		if (line.e.status && !f->e.status)
			f->e = line.e;
	}
	if (list)
		copy_json(f, r, out);
}

static const struct field_rule deal_rules[] = {
	/* numeric(16,2) ends there */
	{ "value", copy_number, .min = 0, .max = 99999999999999 },
	{ "currency", copy_currency },
	{ "stage", copy_text, .max = 64 },
	{ "pipeline_id", copy_uuid },
	{ "probability", copy_number, .min = 0, .max = 100 },
	{ "description", copy_text, .max = 5000 },
	{ "expected_close_date", copy_date },
	{ "source", copy_text, .max = 50 },
	{ "priority", copy_text, .max = 50 },
	{ "notes", copy_text, .max = 5000 },
	{ "tags", copy_texts, .max = 50 },
	{ "owner_id", copy_uuid },
	{ "company_id", copy_uuid },
	{ "custom_fields", copy_custom_fields },
	{ "products", copy_products },
	{ 0 },
};

void deal_row(struct fields *f, struct buf *out)
{
	struct sv title = field_text(f, "title", 200, FIELD_NEEDED);

	buf_json_key(out, "title");
	buf_json(out, title);
	fields_copy(f, deal_rules, out);
}

/* ---- batches ------------------------------------------------------------------- */

static void read_row(struct fields *row, size_t i, row_writer *writer, void *arg,
		     struct batch *out)
{
	size_t before = out->rows->n;

	buf_add(out->rows, before > 1 ? SV(",{") : SV("{"));
	buf_addf(out->rows, "\"i\":%zu", i);
	writer(row, arg, out->rows);
	buf_addc(out->rows, '}');
	if (!row->e.status)
		return;
	out->rows->n = before;
	out->faults[i] = row->e.message;
}

static enum status check_size(struct fields *f, json_t *list, const char *key, size_t max,
			      struct err *e)
{
	if (json_array_size(list) <= max)
		return ST_OK;
	err_set(e, f->arena, ST_BAD_INPUT, "Maximum batch size is %zu %s", max, key);
	e->hint = SV("Split the batch and send its parts one after the other");
	return e->status;
}

enum status batch_read(struct fields *f, const char *key, size_t max, row_writer *writer,
		       void *arg, struct batch *out, struct err *e)
{
	json_t *list = field_list(f, key, SIZE_MAX, FIELD_NEEDED), *v;
	size_t i;

	if (list && !json_array_size(list))
		field_fault(f, key, "must have at least one element");
	if (fields_check(f, e) || check_size(f, list, key, max, e))
		return e->status;
	*out = (struct batch){ .total = json_array_size(list), .rows = buf_in_arena(f->arena) };
	out->faults = ARENA_ARRAY(f->arena, out->total, struct sv);
	buf_addc(out->rows, '[');
	json_array_foreach(list, i, v) {
		struct fields row;

		fields_of(&row, f->arena, v, NULL);
		read_row(&row, i, writer, arg, out);
	}
	buf_addc(out->rows, ']');
	return ST_OK;
}

/* ---- answers --------------------------------------------------------------------- */

static bool is_true(const struct db_batch *b, int stmt, size_t row, const char *column)
{
	return sv_eq(db_named(b, stmt, row, column), SV("t"));
}

static bool has_error(const struct db_batch *b, int stmt, size_t row)
{
	return sv_present(db_named(b, stmt, row, "error"));
}

static size_t count_failed(const struct batch *batch, const struct db_batch *b, int stmt)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->total; i++)
		n += sv_present(batch->faults[i]);
	for (size_t i = 0; i < db_rows(b, stmt); i++)
		n += has_error(b, stmt, i);
	return n;
}

static size_t count(const struct db_batch *b, int stmt, const struct batch_count *c)
{
	size_t n = 0;

	for (size_t i = 0; i < db_rows(b, stmt); i++)
		n += !has_error(b, stmt, i) && is_true(b, stmt, i, c->column) == c->holds &&
		     !(c->unless && is_true(b, stmt, i, c->unless));
	return n;
}

static void add_failure(struct buf *out, struct sv error)
{
	buf_lit(out, ",\"success\":false,\"error\":");
	buf_json(out, error);
}

static void add_success(struct buf *out, const struct db_batch *b, int stmt, size_t row,
			const char *const *shown)
{
	buf_lit(out, ",\"success\":true");
	for (; *shown; shown++) {
		size_t col = db_col(b, stmt, sv_from(*shown));

		buf_json_key(out, *shown);
		db_json_value(out, b, stmt, row, col);
	}
}

static void add_results(struct buf *out, const struct batch *batch, const struct db_batch *b,
			int stmt, const char *const *shown)
{
	size_t row = 0;

	buf_lit(out, ",\"results\":[");
	for (size_t i = 0; i < batch->total; i++) {
		bool faulty = sv_present(batch->faults[i]);

		buf_addf(out, "%s{\"index\":%zu", i ? "," : "", i);
		if (faulty)
			add_failure(out, batch->faults[i]);
		else if (has_error(b, stmt, row))
			add_failure(out, db_named(b, stmt, row, "error"));
		else
			add_success(out, b, stmt, row, shown);
		buf_addc(out, '}');
		row += !faulty;
	}
	buf_addc(out, ']');
}

void batch_answer(struct http_response *rs, const struct batch *batch, const struct db_batch *b,
		  int stmt, const struct batch_count *counts, const char *const *shown)
{
	struct buf *out = function_success(rs);
	size_t failed = count_failed(batch, b, stmt);

	buf_addf(out, ",\"summary\":{\"total\":%zu,\"successful\":%zu,\"failed\":%zu", batch->total,
		 batch->total - failed, failed);
	for (; counts->as; counts++) {
		buf_json_key(out, counts->as);
		buf_add_i64(out, (int64_t)count(b, stmt, counts));
	}
	buf_addc(out, '}');
	add_results(out, batch, b, stmt, shown);
	buf_addc(out, '}');
}
