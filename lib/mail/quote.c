/* Where an answer ends and the mail that it answers begins; tokens. */
#include "mail/read.h"

#define TOKEN_LEN 32

static bool contains(struct sv s, const char *part)
{
	return sv_find(s, sv_from(part)) >= 0;
}

/* "On Mon, 3 Feb 2025, Ann <ann@x> wrote:", in the languages of usual programs. */
static bool is_attribution(struct sv line)
{
	static const char *const ends[] = { "wrote:", "schrieb:", "a écrit :", "a écrit:",
					    "escribió:", "ha scritto:", "escreveu:", "schreef:",
					    "skrev:", "كتب:", "كتب ما يلي:", "написал:" };

	if (line.n > 400)
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (sv_ends(line, sv_from(ends[i])))
			return true;
	/* German puts the name behind: "Am ... schrieb Ann <ann@x>:" */
	return sv_ends(line, SV(":")) && (sv_starts(line, SV("Am ")) || sv_starts(line, SV("Le "))) &&
	       contains(line, "schrieb");
}

static bool is_divider(struct sv line)
{
	static const char *const words[] = { "Original Message", "Ursprüngliche Nachricht",
					     "Message d'origine", "Mensaje original",
					     "Messaggio originale", "الرسالة الأصلية",
					     "Forwarded message" };

	if (!sv_starts(line, SV("-----")) && !sv_starts(line, SV("_____")))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (contains(line, words[i]))
			return true;
	return line.n >= 30 && sv_starts(line, SV("______________________________"));
}

/* The head of a quoted mail as Outlook writes it: From:, then Sent: or To: below. */
static bool is_head(struct sv line, struct sv rest)
{
	static const char *const from[] = { "From: ", "Von: ", "De : ", "De: ", "Da: ", "من: " };
	static const char *const below[] = { "Sent: ", "Date: ", "Gesendet: ", "To: ", "An: ",
					     "Envoyé : ", "Enviado: ", "Inviato: ", "إلى: " };
	struct sv next = sv_trim(sv_cut(&rest, '\n'));

	for (size_t i = 0; i < sizeof(from) / sizeof(*from); i++)
		for (size_t k = 0; sv_starts(line, sv_from(from[i])) && k < sizeof(below) / sizeof(*below); k++)
			if (sv_starts(next, sv_from(below[k])))
				return true;
	return false;
}

/* From here on nothing but quoted lines and empty ones. */
static bool only_quotes(struct sv rest)
{
	while (sv_present(rest)) {
		struct sv line = sv_trim(sv_cut(&rest, '\n'));

		if (line.n && line.p[0] != '>')
			return false;
	}
	return true;
}

static bool begins_quote(struct sv line, struct sv rest)
{
	struct sv next = rest;

	if (is_attribution(line) || is_divider(line) || is_head(line, rest))
		return true;
	/* An attribution broken in two lines. */
	if ((sv_starts(line, SV("On ")) || sv_starts(line, SV("Am ")) || sv_starts(line, SV("Le "))) &&
	    is_attribution(sv_trim(sv_cut(&next, '\n'))))
		return true;
	return sv_starts(line, SV(">")) && only_quotes(rest);
}

void mail_cut_quote(struct sv text, struct sv *fresh, struct sv *quoted)
{
	struct sv rest = text;

	*fresh = sv_trim(text);
	*quoted = SV_NONE;
	while (sv_present(rest)) {
		size_t at = (size_t)(rest.p - text.p);
		struct sv line = sv_trim(sv_cut(&rest, '\n'));

		if (!begins_quote(line, rest))
			continue;
		if (!sv_trim(sv_make(text.p, at)).n) /* an answer below, or between: show all */
			return;
		*fresh = sv_trim(sv_make(text.p, at));
		*quoted = sv_trim(sv_skip(text, at));
		return;
	}
}

static bool is_token(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return s.n == TOKEN_LEN;
}

struct sv mail_token_of(struct sv s)
{
	struct sv local = sv_cut(&s, '@');
	ptrdiff_t plus = sv_find(local, SV("+k."));
	struct sv token = SV_NONE;

	if (sv_starts(local, SV("kontor.")) && local.n > 7 + TOKEN_LEN && local.p[7 + TOKEN_LEN] == '.')
		token = sv_make(local.p + 7, TOKEN_LEN);
	else if (plus >= 0)
		token = sv_skip(local, (size_t)plus + 3);
	return is_token(token) ? token : SV_NONE;
}
