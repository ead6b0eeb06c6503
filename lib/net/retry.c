#include "net/retry.h"

/* `ms` plus a share of it between `low` and `high` per cent, chosen by random. */
static int64_t spread(int64_t ms, int low, int high, uint32_t random)
{
	int64_t span = ms * (high - low) / 100;

	return ms + ms * low / 100 + (int64_t)((double)span * random / UINT32_MAX);
}

int64_t net_retry_delay_ms(const struct net_schedule *s, unsigned attempt, int retry_after,
			   uint32_t random)
{
	int64_t step, told, most = s->retry_after_max * INT64_C(1000);

	if (!attempt || attempt > s->n)
		return -1;
	step = spread(s->steps[attempt - 1] * INT64_C(1000), -s->jitter, s->jitter, random);
	if (retry_after <= 0)
		return step;
	told = spread(retry_after * INT64_C(1000), 0, 10, random);
	if (told > most)
		told = most;
	return told > step ? told : step;
}

static bool contains(struct sv name, struct sv word)
{
	for (size_t i = 0; i + word.n <= name.n; i++)
		if (sv_ieq(sv_make(name.p + i, word.n), word))
			return true;
	return false;
}

bool net_header_is_secret(struct sv name)
{
	static const char *const words[] = {
		"authorization", "cookie", "apikey", "api-key", "token", "secret",
		"password", "credential", "session",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (contains(name, sv_from(words[i])))
			return true;
	return false;
}

void net_redact(struct buf *out, const struct net_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_add(out, headers[i].name);
		buf_lit(out, ": ");
		buf_add(out, net_header_is_secret(headers[i].name) ? SV("[redacted]")
								   : headers[i].value);
		buf_addc(out, '\n');
	}
}
