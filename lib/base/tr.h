/*
 * tr: texts in the language of whoever reads them, through gettext.
 *
 * The English text is the key. In templates it stands between {{#_}} and
 * {{/_}} and is replaced when the template is compiled, once per language; in
 * C it is tr("..."). What is missing in a catalogue is shown in English.
 *
 * Catalogues are templates/po/LANGUAGE/MODULE.po, one per module; the build
 * joins them. `make po` lists what a language lacks (bin/kontor.d/po.pl).
 */
#ifndef BASE_TR_H
#define BASE_TR_H

#include "base/sv.h"

struct tr_language {
	const char *code; /* as in profiles.language and <html lang> */
	const char *name; /* in itself */
	bool rtl;
};

/* English first; ends with a NULL code. */
extern const struct tr_language tr_languages[];

/* Catalogues are DIR/po/LANGUAGE/LC_MESSAGES/kontor.mo. Once per program. */
void tr_open(const char *dir);
/* The language of a tag such as "ar" or "ar-EG"; NULL when there is none. */
const struct tr_language *tr_language(struct sv tag);
/* The first language of an Accept-Language header that there is; else English. */
const struct tr_language *tr_accepted(struct sv header);
/* From here on tr() speaks this language. */
void tr_use(const struct tr_language *language);

/* The text in the language in use; lives as long as the program. */
const char *tr(const char *text) __attribute__((format_arg(1)));
/* The form that the language has for this number; both texts hold %lld or not. */
const char *tr_n(const char *one, const char *many, long long n)
	__attribute__((format_arg(1), format_arg(2)));
/* Marks a text of a table, which tr() is asked for later. */
#define N_(text) text

#endif
