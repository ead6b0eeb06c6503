/*
 * What stands where on the page of sample_quote(): the marks that pdf_finish
 * gets for it, so that bare libharu can draw the very same page.
 */
#ifndef T_BENCH_QUOTE_PAGE_H
#define T_BENCH_QUOTE_PAGE_H

#include <stdint.h>

struct twin_text {
	int bold;
	float size;
	uint32_t rgb;
	float x, y;
	const char *text;
};

struct twin_line {
	float thick;
	uint32_t rgb;
	float x1, y1, x2, y2;
};

struct twin_box {
	bool frame;
	float radius;
	uint32_t rgb;
	float x, y, w, h;
};

static const struct twin_box twin_boxes[] = {
	{ false, 0, 0x2563eb, 0.00f, 836.89f, 595.28f, 5.00f },
	{ false, 4, 0xeff4fd, 504.58f, 736.69f, 40.70f, 18.00f },
	{ true, 4, 0x2563eb, 504.58f, 736.69f, 40.70f, 18.00f },
};

static const struct twin_text twin_texts[] = {
	{ 1, 16.0f, 0x1a2233, 50.00f, 780.35f, "Northwind Systems GmbH" },
	{ 1, 21.0f, 0x1a2233, 473.79f, 781.02f, "Quote" },
	{ 0, 10.0f, 0x667085, 473.23f, 764.23f, "QT-2024-0089" },
	{ 1, 8.0f, 0x2563eb, 514.58f, 742.92f, "Sent" },
	{ 1, 7.5f, 0x667085, 50.00f, 702.47f, "From" },
	{ 1, 9.5f, 0x1a2233, 50.00f, 686.03f, "Northwind Systems GmbH" },
	{ 0, 9.0f, 0x1a2233, 50.00f, 672.32f, "Amy Lee" },
	{ 0, 9.0f, 0x667085, 50.00f, 658.82f, "Torstra\xc3\x9f" "e 140" },
	{ 0, 9.0f, 0x667085, 50.00f, 645.32f, "10119 Berlin, Germany" },
	{ 0, 9.0f, 0x667085, 50.00f, 631.82f, "sales@northwind.example" },
	{ 1, 7.5f, 0x667085, 219.76f, 702.47f, "Prepared for" },
	{ 1, 9.5f, 0x1a2233, 219.76f, 686.03f, "TechBridge Inc." },
	{ 0, 9.0f, 0x1a2233, 219.76f, 672.32f, "Marco Polo" },
	{ 0, 9.0f, 0x667085, 219.76f, 658.82f, "500 Market Street, Suite 1200" },
	{ 0, 9.0f, 0x667085, 219.76f, 645.32f, "San Francisco, CA 94105" },
	{ 1, 7.5f, 0x667085, 389.52f, 702.47f, "Details" },
	{ 0, 9.0f, 0x667085, 389.52f, 686.57f, "Number" },
	{ 0, 9.0f, 0x1a2233, 480.43f, 686.57f, "QT-2024-0089" },
	{ 0, 9.0f, 0x667085, 389.52f, 673.07f, "Date" },
	{ 0, 9.0f, 0x1a2233, 481.83f, 673.07f, "April 15, 2024" },
	{ 0, 9.0f, 0x667085, 389.52f, 659.57f, "Valid until" },
	{ 1, 9.0f, 0x1a2233, 477.19f, 659.57f, "May 15, 2024" },
	{ 0, 9.0f, 0x667085, 389.52f, 646.07f, "Currency" },
	{ 0, 9.0f, 0x1a2233, 526.06f, 646.07f, "USD" },
	{ 1, 14.0f, 0x1a2233, 50.00f, 589.89f, "Enterprise Platform \xe2\x80\x94 TechBridge Inc." },
	{ 1, 7.5f, 0x667085, 50.00f, 563.44f, "Product" },
	{ 1, 7.5f, 0x667085, 310.43f, 563.44f, "Qty" },
	{ 1, 7.5f, 0x667085, 361.94f, 563.44f, "Unit price" },
	{ 1, 7.5f, 0x667085, 424.18f, 563.44f, "Discount" },
	{ 1, 7.5f, 0x667085, 523.80f, 563.44f, "Total" },
	{ 1, 9.0f, 0x1a2233, 50.00f, 539.25f, "Platform License" },
	{ 0, 8.0f, 0x667085, 50.00f, 527.27f,
	  "Annual subscription for 50 named users, including API" },
	{ 0, 8.0f, 0x667085, 50.00f, 515.67f, "access" },
	{ 0, 9.0f, 0x1a2233, 313.83f, 539.25f, "50" },
	{ 0, 8.0f, 0x667085, 303.68f, 527.27f, "users" },
	{ 0, 9.0f, 0x1a2233, 371.80f, 539.25f, "150.00" },
	{ 0, 9.0f, 0x1a2233, 441.28f, 539.25f, "10%" },
	{ 0, 9.0f, 0x1a2233, 505.23f, 539.25f, "6,750.00" },
	{ 1, 9.0f, 0x1a2233, 50.00f, 489.00f, "Implementation Services" },
	{ 0, 8.0f, 0x667085, 50.00f, 477.02f, "Workshop, data migration and go-live support" },
	{ 0, 9.0f, 0x1a2233, 319.55f, 489.00f, "1" },
	{ 0, 9.0f, 0x1a2233, 357.50f, 489.00f, "12,000.00" },
	{ 0, 9.0f, 0x1a2233, 456.78f, 489.00f, "\xe2\x80\x93" },
	{ 0, 9.0f, 0x1a2233, 499.50f, 489.00f, "12,000.00" },
	{ 1, 9.0f, 0x1a2233, 50.00f, 450.35f, "Priority Support" },
	{ 0, 9.0f, 0x1a2233, 319.55f, 450.35f, "1" },
	{ 0, 9.0f, 0x1a2233, 363.23f, 450.35f, "5,000.00" },
	{ 0, 9.0f, 0x1a2233, 441.28f, 450.35f, "15%" },
	{ 0, 9.0f, 0x1a2233, 505.23f, 450.35f, "4,250.00" },
	{ 0, 9.0f, 0x667085, 295.28f, 418.07f, "Subtotal" },
	{ 0, 9.0f, 0x1a2233, 499.50f, 418.07f, "23,000.00" },
	{ 0, 9.0f, 0x667085, 295.28f, 400.57f, "VAT 19%" },
	{ 0, 9.0f, 0x1a2233, 505.23f, 400.57f, "4,370.00" },
	{ 1, 12.0f, 0x1a2233, 295.28f, 369.79f, "Total" },
	{ 1, 12.0f, 0x2563eb, 445.28f, 369.79f, "USD\xc2\xa0" "27,370.00" },
	{ 1, 7.5f, 0x667085, 50.00f, 334.72f, "Notes" },
	{ 0, 8.5f, 0x1a2233, 50.00f, 319.16f,
	  "Implementation is scheduled within three weeks of acceptance; travel costs "
	  "are billed at actual expense with prior" },
	{ 0, 8.5f, 0x1a2233, 50.00f, 305.98f, "approval." },
	{ 1, 7.5f, 0x667085, 50.00f, 272.12f, "Terms" },
	{ 0, 8.5f, 0x1a2233, 50.00f, 256.56f, "Payment within 30 days of invoice, net." },
	{ 1, 7.5f, 0x667085, 50.00f, 222.69f, "Accepted by" },
	{ 0, 7.5f, 0x667085, 50.00f, 171.82f, "Signature" },
	{ 0, 7.5f, 0x667085, 221.76f, 171.82f, "Name" },
	{ 0, 7.5f, 0x667085, 393.52f, 171.82f, "Date" },
	{ 0, 7.5f, 0x667085, 50.00f, 30.15f, "Northwind Systems GmbH \xc2\xb7 QT-2024-0089" },
	{ 0, 7.5f, 0x667085, 502.90f, 30.15f, "Page 1 of 1" },
};

static const struct twin_line twin_lines[] = {
	{ 1.0f, 0x2563eb, 50.00f, 555.89f, 545.28f, 555.89f },
	{ 0.5f, 0xe4e7ec, 50.00f, 505.64f, 545.28f, 505.64f },
	{ 0.5f, 0xe4e7ec, 50.00f, 466.99f, 545.28f, 466.99f },
	{ 0.5f, 0xe4e7ec, 50.00f, 439.94f, 545.28f, 439.94f },
	{ 1.0f, 0x2563eb, 295.28f, 389.94f, 545.28f, 389.94f },
	{ 0.7f, 0x667085, 50.00f, 183.67f, 201.76f, 183.67f },
	{ 0.7f, 0x667085, 221.76f, 183.67f, 373.52f, 183.67f },
	{ 0.7f, 0x667085, 393.52f, 183.67f, 545.28f, 183.67f },
	{ 0.5f, 0xe4e7ec, 50.00f, 44.00f, 545.28f, 44.00f },
};

#endif
