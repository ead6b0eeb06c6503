/* Error codes of the Graph API for Messenger and Instagram: whether waiting
 * helps, and what a person can do. Those of WhatsApp: whatsapp_errors.c. */
#include "channel/internal.h"

#define T CHANNEL_TEMPORARY
#define P CHANNEL_PERMANENT

#define WINDOW                                                                                     \
	"Meta allows messages only so long after the customer wrote. You can write again as soon " \
	"as the customer does"

static const struct meta_error {
	int code, subcode; /* 0: any that has no line of its own */
	enum channel_certainty certainty;
	bool disconnected;
	const char *text;
} errors[] = {
	{ 1, 0, T, false, "Meta has trouble; it is tried again" },
	{ 2, 0, T, false, "Meta is down or overloaded" },
	{ 4, 0, T, false, "The app has reached Meta's limit of calls" },
	{ 10, 2018278, P, false, WINDOW },
	{ 10, 2534022, P, false, WINDOW },
	{ 10, 0, P, true, "The access token lacks a permission: connect the page again and grant all" },
	{ 17, 0, T, false, "The account has reached Meta's limit of calls" },
	{ 20, 1772107, P, false, "Meta does not support the requested form of the answer" },
	{ 32, 0, T, false, "The page has reached Meta's limit of calls" },
	{ 100, 33, P, false,
	  "Meta does not know this object for the token: assign the account to the system user, or "
	  "connect it again" },
	{ 100, 2018001, P, false, "Meta does not know this recipient for the page" },
	{ 100, 2018047, P, false, "Meta did not take the file: look at its type and size" },
	{ 100, 2018109, P, false, "The file is larger than Meta allows (25 MB)" },
	{ 100, 2018320, P, false, "The text is longer than Meta allows" },
	{ 100, 2534014, P, false, "Instagram does not know this recipient for the account" },
	{ 100, 0, P, false, "Meta does not accept a parameter" },
	{ 190, 0, P, true,
	  "The access token is not valid any more. Connect the page again in the channel's settings" },
	{ 200, 0, P, false, "The page may not write to this person" },
	{ 230, 0, P, false, "The page may not write to this person" },
	{ 368, 0, P, false, "Meta has restricted the page for breaking a policy" },
	{ 551, 0, P, false, "This person does not receive messages of the page at the moment" },
	{ 613, 0, T, false, "Meta asks to send more slowly" },
	{ 1200, 0, T, false, "Meta has trouble; it is tried again" },
	{ 2022, 0, P, false, "Meta has switched off messages of this app for now" },
	{ 10900, 0, P, false, "This comment has its private reply already; Meta allows one" },
	{ 10903, 0, P, false, "Meta does not allow a reply to this comment" },
	{ 80001, 0, T, false, "The page has reached Meta's limit of calls" },
	{ 80002, 0, T, false, "The Instagram account has reached Meta's limit of calls" },
	{ 80006, 0, T, false, "The page has reached Meta's limit of messages" },
};

static const struct meta_error *known(int64_t code, int64_t subcode)
{
	const struct meta_error *any = NULL;

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (errors[i].code != code)
			continue;
		if (errors[i].subcode == subcode)
			return &errors[i];
		if (!errors[i].subcode)
			any = &errors[i];
	}
	return any;
}

static struct sv explain(struct arena *a, const struct meta_error *k, int64_t code, int64_t subcode,
			 const json_t *error)
{
	struct sv said = channel_text(a, error, "error_user_msg");
	const char *words = k ? k->text : "Meta refused";

	if (!said.n)
		said = channel_text(a, error, "message");
	if (subcode)
		return sv_from(arena_printf(a, "%s (%lld/%lld %.*s)", words, (long long)code,
					    (long long)subcode, SV_ARG(said)));
	return sv_from(arena_printf(a, "%s (%lld %.*s)", words, (long long)code, SV_ARG(said)));
}

/*
 * {"error":{"message","type","code","error_subcode"}}: the code decides. An
 * error object says that nothing was sent; a 5xx without one says nothing.
 */
enum channel_next meta_refused(struct arena *a, const json_t *body, const struct net_response *r,
			       bool sending, struct channel_failure *f)
{
	const json_t *error = json_object_get(body, "error");
	bool said = json_is_object(error);
	int64_t code = said ? channel_number(error, "code") : r->status;
	int64_t subcode = channel_number(error, "error_subcode");
	const struct meta_error *k = said ? known(code, subcode) : NULL;
	enum channel_certainty c = k ? k->certainty : channel_certainty(r, sending, said);

	f->disconnected = k ? k->disconnected : r->status == 401;
	f->retry_after = c == CHANNEL_TEMPORARY ? meta_retry_after(a, r, code) : 0;
	return channel_fail(f, c, sv_from(arena_printf(a, "%lld", (long long)code)),
			    explain(a, k, code, subcode, error));
}

/* ---- held back ------------------------------------------------------------------ */

#define WAIT_MAX 3600

/* X-Business-Use-Case-Usage: {"<id>":[{"type","call_count",..,
 * "estimated_time_to_regain_access": minutes}]} */
static int regain_seconds(struct arena *a, const struct net_response *r)
{
	struct sv text = net_header(r, "X-Business-Use-Case-Usage");
	struct err e;
	json_t *usage = text.n ? channel_json(a, text, &e) : NULL, *list, *one;
	const char *id;
	int64_t most = 0;
	size_t i;

	json_object_foreach(usage, id, list)
		json_array_foreach(list, i, one) {
			int64_t n = channel_number(one, "estimated_time_to_regain_access");

			most = n > most ? n : most;
		}
	return most * 60 > WAIT_MAX ? WAIT_MAX : (int)most * 60;
}

int meta_retry_after(struct arena *a, const struct net_response *r, int64_t code)
{
	static const struct {
		int code, seconds;
	} advised[] = {
		{ 4, 60 },     { 17, 60 },    { 32, 60 },     { 613, 60 },	 { 80001, 60 },
		{ 80002, 60 }, { 80006, 60 }, { 80007, 60 }, { 130429, 2 }, { 131056, 6 },
	};
	int usage = regain_seconds(a, r);

	if (r->retry_after)
		return r->retry_after;
	if (usage)
		return usage;
	for (size_t i = 0; i < sizeof(advised) / sizeof(*advised); i++)
		if (advised[i].code == code)
			return advised[i].seconds;
	return 0;
}
