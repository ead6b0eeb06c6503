/*
 * identity: phone numbers and e-mail addresses as they are stored.
 *
 * The same rules as the triggers of contacts and companies (sql/004_crm.sql),
 * for programs that have to tell a person's fault row by row, or look for a
 * contact by what somebody typed. t/http/functions_crm.t holds both against
 * one list.
 */
#ifndef CRM_IDENTITY_H
#define CRM_IDENTITY_H

#include "base/arena.h"

/*
 * "+20 101 717 7777" -> "+201017177777": white space, dashes, parentheses and
 * dots go, a number without + gets one, 8 to 15 digits have to be left
 * (CON-80). 00 is no prefix: it becomes +00... (CON-82). SV_NONE when it is no
 * number (CON-81).
 */
struct sv identity_phone(struct arena *a, struct sv raw);

/* Trimmed, if it has the form of CON-83; else SV_NONE. Letters stay as they
 * are: the database makes them small, by its own alphabet. */
struct sv identity_email(struct sv raw);

#endif
