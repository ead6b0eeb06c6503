/*
 * document: a row of internal.quote_document as the struct that is printed.
 */
#ifndef QUOTE_DOCUMENT_H
#define QUOTE_DOCUMENT_H

#include "db/db.h"
#include "pdf/quote.h"

/* The first row of stmt, which also has date_text, valid_text and
 * accepted_text. Texts point into the batch and the arena. ST_INTERNAL when
 * its lines are not the JSON that they must be. */
enum status document_fill(struct pdf_quote *q, struct arena *a, const struct db_batch *b, int stmt,
			  struct err *e) WARN_UNUSED;

#endif
