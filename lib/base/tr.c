#include "base/tr.h"

#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN "kontor"

/* glibc's counter of changes of language, the way to change it while a program
 * runs (gettext's manual, "Being a gettext grok"). */
extern int _nl_msg_cat_cntr;

const struct tr_language tr_languages[] = {
	{ "en", "English", false },
	{ "ar", "العربية", true },
	{ 0 },
};

static const struct tr_language *in_use = tr_languages;

void tr_open(const char *dir)
{
	char path[4096];

	/* C.UTF-8 is on every machine; which catalogue is read, LANGUAGE says. */
	setlocale(LC_MESSAGES, "C.UTF-8");
	snprintf(path, sizeof(path), "%s/po", dir);
	bindtextdomain(DOMAIN, path);
	bind_textdomain_codeset(DOMAIN, "UTF-8");
	in_use = NULL;
	tr_use(tr_languages);
}

const struct tr_language *tr_language(struct sv tag)
{
	struct sv code = sv_cut(&tag, '-');

	for (const struct tr_language *l = tr_languages; l->code; l++)
		if (sv_ieq(code, sv_from(l->code)))
			return l;
	return NULL;
}

/* Browsers list by preference; weights are written in that order. */
const struct tr_language *tr_accepted(struct sv header)
{
	struct sv rest = header;

	while (sv_present(rest)) {
		struct sv one = sv_cut(&rest, ',');
		const struct tr_language *l = tr_language(sv_trim(sv_cut(&one, ';')));

		if (l)
			return l;
	}
	return tr_languages;
}

void tr_use(const struct tr_language *language)
{
	if (language == in_use)
		return;
	in_use = language;
	setenv("LANGUAGE", language->code, 1);
	_nl_msg_cat_cntr++;
}

const char *tr(const char *text)
{
	return *text ? dgettext(DOMAIN, text) : text;
}

const char *tr_n(const char *one, const char *many, long long n)
{
	return dngettext(DOMAIN, one, many, (unsigned long)(n < 0 ? -n : n));
}
