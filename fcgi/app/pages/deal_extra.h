/*
 * deal_extra: the optional deal in the forms of contacts and companies, made
 * together with the record (CON-3, COM-3). Template: app/field_deal.
 */
#ifndef APP_DEAL_EXTRA_H
#define APP_DEAL_EXTRA_H

#include "fcgi/app/crm.h"

/* The statement that reads pipelines with their stages: page value `deal_pipelines`. */
int deal_extra_add(struct db_batch *b, const struct form *f);
/* When the form has a title of a deal, the statement `sql` makes it: parameters
 * id, title, value, pipeline, stage, record. */
void deal_extra_save(struct form *f, struct db_batch *b, const char *sql, struct sv record);

#endif
