#include "fcgi/quote/document.h"

#include <jansson.h>
#include <string.h>

static struct sv member(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_string(v) ? sv_make(json_string_value(v), json_string_length(v)) : SV_NONE;
}

static void release(void *json)
{
	json_decref(json);
}

static json_t *parse(struct arena *a, struct sv text)
{
	json_t *json = json_loadb(text.p ? text.p : "", text.n, 0, NULL);

	if (json)
		arena_cleanup(a, release, json);
	return json;
}

static void fill_lines(struct pdf_quote *q, struct arena *a, const json_t *lines)
{
	struct pdf_quote_line *v = ARENA_ARRAY(a, json_array_size(lines), struct pdf_quote_line);

	q->lines = v;
	q->n_lines = json_array_size(lines);
	for (size_t i = 0; i < q->n_lines; i++) {
		const json_t *l = json_array_get(lines, i);

		v[i] = (struct pdf_quote_line){
			.name = member(l, "name"),
			.description = member(l, "description"),
			.qty = member(l, "qty"),
			.unit_price = member(l, "unit_price"),
			.discount = member(l, "discount"),
			.tax = member(l, "tax_rate"),
			.total = member(l, "total"),
		};
	}
}

static void fill_taxes(struct pdf_quote *q, struct arena *a, const json_t *taxes)
{
	struct pdf_quote_tax *v = ARENA_ARRAY(a, json_array_size(taxes), struct pdf_quote_tax);

	q->taxes = v;
	q->n_taxes = json_array_size(taxes);
	for (size_t i = 0; i < q->n_taxes; i++) {
		const json_t *t = json_array_get(taxes, i);
		struct sv rate = member(t, "rate");

		v[i].label = sv_from(arena_printf(a, "Tax %.*s %%", SV_ARG(rate)));
		v[i].amount = member(t, "tax");
	}
}

/* Those of the named columns that hold something, in their order. */
static void fill_address(struct pdf_party *p, struct arena *a, const struct db_batch *b, int stmt,
			 const char *const *columns, size_t n)
{
	struct sv *lines = ARENA_ARRAY(a, n, struct sv);

	p->address = lines;
	for (size_t i = 0; i < n; i++) {
		struct sv text = db_first(b, stmt, columns[i]);

		if (text.n)
			lines[p->n_address++] = text;
	}
}

static struct sv stamp(struct sv status, bool expired)
{
	if (expired)
		return SV("Expired");
	if (sv_eq(status, SV("Draft")) || sv_eq(status, SV("Accepted")) ||
	    sv_eq(status, SV("Declined")) || sv_eq(status, SV("Expired")))
		return status;
	return SV_NONE;
}

static void fill_parties(struct pdf_quote *q, struct arena *a, const struct db_batch *b, int stmt)
{
	static const char *const seller[] = { "owner_name", "owner_email" };
	static const char *const customer[] = { "company_street", "company_postal_code",
						"company_city", "company_country",
						"contact_email" };

	q->seller.name = db_first(b, stmt, "seller_name");
	fill_address(&q->seller, a, b, stmt, seller, 2);
	q->customer.name = db_first(b, stmt, "contact_name");
	q->customer.company = db_first(b, stmt, "company_name");
	fill_address(&q->customer, a, b, stmt, customer, 5);
}

static void fill_sums(struct pdf_quote *q, struct arena *a, const struct db_batch *b, int stmt)
{
	struct sv discount = db_first(b, stmt, "discount_total");

	q->currency = db_first(b, stmt, "currency");
	q->subtotal = db_first(b, stmt, "subtotal");
	q->total = db_first(b, stmt, "total");
	/* "0.00" and "0" are no discount. */
	if (strspn(discount.p ? discount.p : "", "0.") != discount.n)
		q->discount_total = sv_from(arena_printf(a, "-%.*s", SV_ARG(discount)));
}

enum status document_fill(struct pdf_quote *q, struct arena *a, const struct db_batch *b, int stmt,
			  struct err *e)
{
	json_t *lines = parse(a, db_first(b, stmt, "lines"));
	json_t *taxes = parse(a, db_first(b, stmt, "taxes"));
	struct sv accepted = db_first(b, stmt, "accepted_text");

	if (!json_is_array(lines) || !json_is_array(taxes))
		return err_set(e, a, ST_INTERNAL, "%s", status_text(ST_INTERNAL));
	*q = (struct pdf_quote){
		.number = db_first(b, stmt, "number"),
		.title = db_first(b, stmt, "title"),
		.date = db_first(b, stmt, "date_text"),
		.valid_until = db_first(b, stmt, "valid_text"),
		.notes = db_first(b, stmt, "notes"),
		.terms = db_first(b, stmt, "terms"),
		.status = stamp(db_first(b, stmt, "status"),
				sv_eq(db_first(b, stmt, "is_expired"), SV("t"))),
	};
	fill_parties(q, a, b, stmt);
	fill_lines(q, a, lines);
	fill_taxes(q, a, taxes);
	fill_sums(q, a, b, stmt);
	if (accepted.n) {
		struct sv accepted_name = db_first(b, stmt, "accepted_name");

		q->accepted = sv_from(
			arena_printf(a, "%.*s, %.*s", SV_ARG(accepted_name), SV_ARG(accepted)));
	}
	return ST_OK;
}
