/*
 * quote: a quote as a printed document (Q2C-8, Q2C-11, Q2C-13).
 *
 * The document is a function of the struct alone: no database, no clock, no
 * arithmetic. Every figure is a decimal string as PostgreSQL gives it
 * ("6750.00"); only the grouping of thousands is added. Empty texts leave
 * their place out: a quote without taxes has no tax column, one without a
 * logo shows the seller's name instead.
 */
#ifndef PDF_QUOTE_H
#define PDF_QUOTE_H

#include "pdf/pdf.h"

enum pdf_label {
#define LABEL(name, text) PDF_L_##name,
#include "pdf/quote_label.def"
#undef LABEL
	PDF_L__MAX
};

struct pdf_party {
	struct sv name;
	struct sv company;
	const struct sv *address; /* lines: street, city, country, e-mail, tax number ... */
	size_t n_address;
};

struct pdf_quote_line {
	struct sv name;
	struct sv description; /* may run over several lines or pages */
	struct sv qty;	       /* "50", "2.5" */
	struct sv unit;	       /* "h", "kg"; follows the quantity */
	struct sv unit_price;
	struct sv discount; /* percent: "10", "0", "12.50" */
	struct sv tax;	    /* percent */
	struct sv total;
};

/* A row of the tax breakdown: "VAT 19 %", "4370.00". */
struct pdf_quote_tax {
	struct sv label;
	struct sv amount;
};

struct pdf_quote {
	struct pdf_party seller;
	struct sv logo; /* bytes of a PNG or JPEG; what cannot be read is left out */
	struct pdf_party customer;

	struct sv number; /* "QT-2024-0089" (Q2C-12) */
	struct sv title;
	struct sv date, valid_until; /* as they shall be read: "May 15, 2024" */
	struct sv currency;	     /* "USD" */

	const struct pdf_quote_line *lines;
	size_t n_lines;

	struct sv subtotal;
	struct sv discount_total; /* printed as given, with its sign */
	const struct pdf_quote_tax *taxes;
	size_t n_taxes;
	struct sv total;

	struct sv notes, terms;
	struct sv status;    /* a stamp: "Accepted", "Draft"; empty = none */
	uint32_t status_rgb; /* 0 = the accent's colour */
	struct sv accepted;  /* "Marco Polo, Apr 14, 2024, 10:32" */
	bool signature;	     /* lines to sign on; not where `accepted` is set */

	enum pdf_paper paper;
	uint32_t accent;	      /* 0xRRGGBB; 0 = Kontor's blue */
	struct sv group, point;	      /* SV_NONE = "," and "." */
	struct sv labels[PDF_L__MAX]; /* SV_NONE = English */
	bool rtl;		      /* the layout mirrored, for Arabic and Hebrew */
	int64_t created_ms;	      /* for the document's properties */
};

/* Fails only where fonts are unusable or PDF_MAX_PAGES are exceeded. */
enum status pdf_quote_render(const struct pdf_quote *q, const struct pdf_fonts *f,
			     struct arena *a, struct buf *out, struct err *e) WARN_UNUSED;

#endif
