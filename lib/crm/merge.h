/*
 * merge: variables in texts that people write for many: {{first_name}}.
 *
 * A name is letters, digits and _; spaces around it do not count, nor does case.
 * {{first_name|friend}} says what stands there when nothing is known. A variable
 * that nobody knows and that has no such words stays as it is, so that whoever
 * sends the text sees what to fill in. {{1}} is none of ours: those are positions in
 * templates of WhatsApp.
 */
#ifndef CRM_MERGE_H
#define CRM_MERGE_H

#include "base/buf.h"

#include <jansson.h>

/* Append the text with its variables filled from the members of `values` (texts and
 * numbers). Returns how many stay open. */
size_t merge_text(struct buf *out, struct sv text, const json_t *values);

#endif
