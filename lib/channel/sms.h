/*
 * sms: how long a text message is. 160 septets or 70 UTF-16 units are one
 * SMS; a longer one goes in segments of 153 or 67, each of which is paid.
 */
#ifndef CHANNEL_SMS_H
#define CHANNEL_SMS_H

#include "base/sv.h"

struct sms_size {
	bool unicode;      /* it has a letter that the 7-bit alphabet has not */
	size_t characters; /* as people count */
	size_t units;      /* septets, or UTF-16 units when unicode */
	int segments;      /* 0 for an empty text */
};

/* The text must be well-formed UTF-8. */
struct sms_size sms_measure(struct sv text);

#endif
