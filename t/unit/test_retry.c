/* net/retry: schedules, and what may be logged. */
#include "t/unit/tap.h"

#include "net/retry.h"

static bool has(struct sv text, const char *part)
{
	return sv_find(text, sv_from(part)) >= 0;
}

static void test_retry(void)
{
	static const int steps[] = { 5, 300, 86400 };
	struct net_schedule s = { steps, 3, 20, 86400 };

	is_int(net_retry_delay_ms(&s, 1, 0, 0), 4000, "lower end of the jitter");
	is_int(net_retry_delay_ms(&s, 1, 0, UINT32_MAX), 6000, "upper end");
	is_int(net_retry_delay_ms(&s, 2, 0, UINT32_MAX / 2), 299999, "middle");
	is_int(net_retry_delay_ms(&s, 3, 0, UINT32_MAX), 103680000, "longest step");
	is_int(net_retry_delay_ms(&s, 4, 0, 0), -1, "the schedule is over");
	is_int(net_retry_delay_ms(&s, 0, 0, 0), -1, "attempts count from one");
	is_int(net_retry_delay_ms(&s, 1, 60, 0), 60000, "Retry-After is not undercut");
	is_int(net_retry_delay_ms(&s, 1, 60, UINT32_MAX), 66000, "and spread a little");
	is_int(net_retry_delay_ms(&s, 2, 1, 0), 240000, "nor does it shorten a step");
	is_int(net_retry_delay_ms(&s, 1, INT32_MAX, 9), 86400000, "and is honoured up to a day");
}

static void test_redact(void)
{
	/* clang-format off */
	static const struct net_header h[] = {
		{ SV("Authorization"), SV("Bearer abc") }, { SV("apikey"), SV("abc") },
		{ SV("X-Telegram-Bot-Api-Secret-Token"), SV("abc") },
		{ SV("X-Api-Key"), SV("abc") },
		{ SV("Set-Cookie"), SV("abc") }, { SV("x-access-TOKEN"), SV("abc") },
		{ SV("Proxy-Authorization"), SV("abc") }, { SV("X-Documenso-Secret"), SV("abc") },
		{ SV("Content-Type"), SV("application/json") },
		{ SV("X-Webhook-Event"), SV("deal.created") },
	};
	/* clang-format on */
	buf_auto struct buf out = BUF_INIT;

	net_redact(&out, h, 10);
	ok(!has(buf_sv(&out), "abc"), "no secret is printed");
	ok(has(buf_sv(&out), "apikey: [redacted]\n") &&
		   has(buf_sv(&out),
		       "Content-Type: application/json\nX-Webhook-Event: deal.created\n"),
	   "the other headers are");
}

int main(void)
{
	test_retry();
	test_redact();
	return tap_done();
}
