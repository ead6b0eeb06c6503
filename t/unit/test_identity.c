/* Phone numbers and e-mail addresses as they are stored. */
#include "crm/identity.h"
#include "t/unit/tap.h"

static const struct {
	const char *raw, *stored, *name;
} phones[] = {
	{ "+20 101 717 7777", "+201017177777", "CON-80 CON-81 spaces go" },
	{ "201017177777", "+201017177777", "CON-80 CON-81 a bare number gets its +" },
	{ "+1 (555) 123-45.67", "+15551234567", "CON-80 parentheses, dashes and dots go" },
	{ "00201017177777", "+00201017177777", "CON-82 00 is not turned into +" },
	{ "\xe2\x80\xaa+20\xc2\xa0" "101\xe2\x80\x91" "7177777\xe2\x80\xac", "+201017177777",
	  "CON-80 as copied from a web page: no-break space and dash, direction marks" },
	{ "12345678", "+12345678", "CON-80 eight digits are enough" },
	{ "1234567", "", "CON-80 seven are not" },
	{ "123456789012345", "+123456789012345", "CON-80 fifteen digits" },
	{ "1234567890123456", "", "CON-80 sixteen are too many" },
	{ "abc", "", "CON-81 letters" },
	{ "+20 101 717 7777 x2", "", "CON-80 an extension" },
	{ "++201017177777", "", "CON-80 two +" },
	{ "2010+17177777", "", "CON-80 a + within" },
	{ "+", "", "CON-80 a + alone" },
	{ "", "", "CON-80 nothing" },
	{ "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7\xd9\xa8", "", "CON-80 other digits" },
};

static const struct {
	const char *raw, *kept, *name;
} emails[] = {
	{ " Sara@Example.com ", "Sara@Example.com", "CON-83 trimmed" },
	{ "a@b.co", "a@b.co", "CON-83 two characters at the end" },
	{ "a@b.c", "", "CON-83 one is not enough" },
	{ "a@b.c.d", "a@b.c.d", "CON-83 what follows the first dot counts" },
	{ "a@.com", "", "CON-83 nothing before the dot" },
	{ "a@.b.com", "a@.b.com", "CON-83 a second dot will do" },
	{ "a@b", "", "CON-83 no dot" },
	{ "@b.com", "", "CON-83 no name" },
	{ "a@b@c.com", "", "CON-83 two @" },
	{ "a b@c.com", "", "CON-83 a space within" },
	{ "a@b.\xc3\xa9", "", "CON-83 characters are counted, not bytes" },
	{ "", "", "CON-83 nothing" },
};

int main(void)
{
	struct arena *a = arena_new();

	for (size_t i = 0; i < sizeof(phones) / sizeof(*phones); i++)
		is_sv(identity_phone(a, sv_from(phones[i].raw)), sv_from(phones[i].stored),
		      phones[i].name);
	for (size_t i = 0; i < sizeof(emails) / sizeof(*emails); i++)
		is_sv(identity_email(sv_from(emails[i].raw)), sv_from(emails[i].kept),
		      emails[i].name);
	arena_free(a);
	return tap_done();
}
