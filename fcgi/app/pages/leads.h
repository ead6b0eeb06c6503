/*
 * What the pages of leads share: words for what is stored as a code.
 */
#ifndef PAGES_LEADS_H
#define PAGES_LEADS_H

#include "fcgi/app/crm.h"

/* In the reader's language; "" for none of the five. */
const char *lead_status_label(struct sv status);
/* A source of one's own is its own word. */
const char *lead_source_label(struct arena *a, struct sv source);
/* Page value `sources`: what a form offers. */
void lead_sources_show(struct tmpl_value *page, struct sv chosen);

#endif
