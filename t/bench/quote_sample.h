/*
 * The quote that the test and the benchmark print: the sample of the
 * specification (Q2C-8), with the letterhead of an imagined seller.
 */
#ifndef T_BENCH_QUOTE_SAMPLE_H
#define T_BENCH_QUOTE_SAMPLE_H

#include "pdf/quote.h"

static const struct sv sample_seller[] = {
	{ "Torstra\xc3\x9f" "e 140", 14 },
	{ "10119 Berlin, Germany", 21 },
	{ "sales@northwind.example", 23 },
};
static const struct sv sample_customer[] = {
	{ "500 Market Street, Suite 1200", 29 },
	{ "San Francisco, CA 94105", 23 },
};

#define SAMPLE_TEXT(s) { s, sizeof(s) - 1 }

static const struct pdf_quote_line sample_lines[] = {
	{ .name = SAMPLE_TEXT("Platform License"),
	  .description = SAMPLE_TEXT("Annual subscription for 50 named users, including "
				     "API access"),
	  .qty = SAMPLE_TEXT("50"),
	  .unit = SAMPLE_TEXT("users"),
	  .unit_price = SAMPLE_TEXT("150.00"),
	  .discount = SAMPLE_TEXT("10"),
	  .total = SAMPLE_TEXT("6750.00") },
	{ .name = SAMPLE_TEXT("Implementation Services"),
	  .description = SAMPLE_TEXT("Workshop, data migration and go-live support"),
	  .qty = SAMPLE_TEXT("1"),
	  .unit_price = SAMPLE_TEXT("12000.00"),
	  .discount = SAMPLE_TEXT("0"),
	  .total = SAMPLE_TEXT("12000.00") },
	{ .name = SAMPLE_TEXT("Priority Support"),
	  .qty = SAMPLE_TEXT("1"),
	  .unit_price = SAMPLE_TEXT("5000.00"),
	  .discount = SAMPLE_TEXT("15"),
	  .total = SAMPLE_TEXT("4250.00") },
};

static const struct pdf_quote_tax sample_taxes[] = {
	{ SAMPLE_TEXT("VAT 19%"), SAMPLE_TEXT("4370.00") },
};

__attribute__((unused))
static struct pdf_quote sample_quote(void)
{
	return (struct pdf_quote){
		.seller = { SV("Amy Lee"), SV("Northwind Systems GmbH"), sample_seller, 3 },
		.customer = { SV("Marco Polo"), SV("TechBridge Inc."), sample_customer, 2 },
		.number = SV("QT-2024-0089"),
		.title = SV("Enterprise Platform"),
		.date = SV("April 15, 2024"),
		.valid_until = SV("May 15, 2024"),
		.currency = SV("USD"),
		.lines = sample_lines,
		.n_lines = 3,
		.subtotal = SV("23000.00"),
		.taxes = sample_taxes,
		.n_taxes = 1,
		.total = SV("27370.00"),
		.notes = SV("Implementation is scheduled within three weeks of acceptance; travel "
			    "costs are billed at actual expense with prior approval."),
		.terms = SV("Payment within 30 days of invoice, net."),
		.status = SV("Sent"),
		.signature = true,
		.created_ms = 1713175200000,
	};
}

#endif
