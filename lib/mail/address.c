#include "mail/address.h"

#include <gmime/gmime.h>

void mail_init(void)
{
	static bool done;

	if (!done)
		g_mime_init();
	done = true;
}

bool mail_one_line(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return s.n == 0 || sv_is_text(s);
}

static bool is_dotted(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    strchr("()<>[],;:\\\"@", s.p[i]))
			return false;
	return s.n && s.p[0] != '.' && s.p[s.n - 1] != '.' && sv_find(s, SV("..")) < 0;
}

bool mail_valid_address(struct sv email)
{
	struct sv domain = email, local = sv_cut(&domain, '@');

	return email.n <= 254 && local.n <= 64 && is_dotted(local) && is_dotted(domain) &&
	       sv_is_text(email);
}

static bool take(InternetAddress *one, struct mail_address *out, struct arena *a)
{
	if (!INTERNET_ADDRESS_IS_MAILBOX(one))
		return false;
	out->name = arena_sv(a, sv_from(internet_address_get_name(one)));
	out->email = arena_sv(
		a, sv_from(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one))));
	return mail_valid_address(out->email) && mail_one_line(out->name);
}

enum status mail_parse_address(struct sv text, struct mail_address *out, struct arena *a,
			       struct err *e)
{
	InternetAddressList *list;
	bool good = false;

	mail_init();
	list = mail_one_line(text) ? internet_address_list_parse(NULL, arena_dup(a, text)) : NULL;
	if (list) {
		good = internet_address_list_length(list) == 1 &&
		       take(internet_address_list_get_address(list, 0), out, a);
		g_object_unref(list);
	}
	return good ? ST_OK
		    : err_set(e, a, ST_BAD_INPUT, "This is no e-mail address: %.*s", SV_ARG(text));
}
