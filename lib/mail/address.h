/*
 * address: names and e-mail addresses, for mails and invitations.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/err.h"

struct mail_address {
	struct sv name; /* may be empty */
	struct sv email;
};

/* local@domain as it can stand in an envelope; no display name, no quoting. */
bool mail_valid_address(struct sv email);

/* "Ann Example <ann@example.org>" or the bare address, one only. */
enum status mail_parse_address(struct sv text, struct mail_address *out, struct arena *a,
			       struct err *e) WARN_UNUSED;

/* UTF-8 without line breaks and other control characters (tabs are allowed): what may become
 * a header. Empty text is. */
bool mail_one_line(struct sv s);

/* Make GMime ready; may be called again. */
void mail_init(void);

#endif
