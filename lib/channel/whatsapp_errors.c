/* Meta's error codes (developers.facebook.com, WhatsApp Cloud API, error codes):
 * whether waiting helps, and what a person can do (CHA-61, CHA-79). */
#include "channel/internal.h"

#include <stdlib.h>

#define T CHANNEL_TEMPORARY
#define P CHANNEL_PERMANENT

/* In order of codes, for bsearch. */
static const struct whatsapp_error errors[] = {
	{ 0, P, true,
	  "WhatsApp does not accept the access token. Enter a new one in the channel's settings" },
	{ 2, T, false, "WhatsApp is down or overloaded" },
	{ 3, P, true, "The access token lacks a permission: grant whatsapp_business_messaging" },
	{ 4, T, false, "The app has reached Meta's limit of calls" },
	{ 10, P, true, "The access token lacks a permission: grant whatsapp_business_messaging" },
	{ 33, P, false, "The business phone number does not exist any more" },
	{ 100, P, false,
	  "WhatsApp does not accept a parameter. With subcode 33, assign the account to the system "
	  "user" },
	{ 190, P, true, "The access token has expired. Enter a new one in the channel's settings" },
	{ 368, P, false, "Meta has restricted the account for breaking a policy" },
	{ 80007, T, false, "The business account has reached its limit of calls" },
	{ 130429, T, false, "WhatsApp asks to send more slowly" },
	{ 130472, P, false,
	  "Meta did not deliver the message because of an experiment with this number" },
	{ 130497, P, false, "This business account may not write to people in that country" },
	{ 131000, T, false, "WhatsApp could not send the message for an unknown reason" },
	{ 131005, P, true,
	  "The access token lacks a permission: grant whatsapp_business_messaging" },
	{ 131008, P, false, "WhatsApp misses a parameter" },
	{ 131009, P, false,
	  "WhatsApp does not accept a value; look at the number and the template's variables" },
	{ 131016, T, false, "WhatsApp is not available for a moment" },
	{ 131021, P, false, "Sender and recipient are the same number" },
	{ 131026, P, false,
	  "The message cannot be delivered: the number is not on WhatsApp, has not accepted its "
	  "terms, or uses an old version" },
	{ 131030, P, false,
	  "The recipient is not on the list of allowed numbers of this test number" },
	{ 131031, P, true, "Meta has locked the account" },
	{ 131037, P, false, "The display name of the number is not approved yet" },
	{ 131042, P, false, "There is a problem with the payment method of the business account" },
	{ 131045, P, false, "The number is not registered for the Cloud API" },
	{ 131047, P, false,
	  "More than 24 hours have passed since the customer last wrote. Send an approved "
	  "template" },
	{ 131048, P, false,
	  "Meta limits this number because messages of it were reported as spam" },
	{ 131049, P, false,
	  "Meta chose not to deliver this marketing message to keep its users content" },
	{ 131050, P, false, "The customer has stopped marketing messages of this business" },
	{ 131051, P, false, "WhatsApp does not know this type of message" },
	{ 131052, P, false, "WhatsApp could not fetch the customer's file. Ask for it again" },
	{ 131053, P, false, "WhatsApp does not accept the file: look at its type and size" },
	{ 131056, T, false, "Too many messages to this customer in a short time" },
	{ 131057, T, false, "The account is in maintenance" },
	{ 132000, P, false, "The number of variables does not fit the template: fill all of them" },
	{ 132001, P, false, "There is no approved template of that name in that language" },
	{ 132005, P, false, "The template with its variables filled in is too long" },
	{ 132007, P, false, "The template breaks a policy of WhatsApp" },
	{ 132012, P, false, "A variable of the template has the wrong format" },
	{ 132015, P, false, "The template is paused for its low quality" },
	{ 132016, P, false, "The template was disabled for its low quality" },
	{ 133000, P, false, "Removing the number was not completed; do it again" },
	{ 133004, T, false, "WhatsApp is not available for a moment" },
	{ 133010, P, true, "The number is not registered on WhatsApp. Register it first" },
	{ 135000, P, false,
	  "WhatsApp did not accept the message for an unknown reason; look at its parameters" },
};

static int by_code(const void *key, const void *row)
{
	int64_t code = *(const int64_t *)key;
	int other = ((const struct whatsapp_error *)row)->code;

	return (code > other) - (code < other);
}

const struct whatsapp_error *whatsapp_error(int64_t code)
{
	return bsearch(&code, errors, sizeof(errors) / sizeof(*errors), sizeof(*errors), by_code);
}
