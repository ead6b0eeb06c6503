#include "signin/signin.h"

#include "base/clock.h"
#include "crypto/crypto.h"

static struct sv context(struct arena *a, struct sv factor_id)
{
	return sv_from(arena_printf(a, "factor:%.*s", SV_ARG(factor_id)));
}

struct sv factor_seal(struct arena *a, struct sv factor_id, struct sv secret)
{
	return crypto_seal(a, context(a, factor_id), secret);
}

int64_t factor_check(struct arena *a, struct sv factor_id, struct sv sealed, struct sv code,
		     struct sv last_step)
{
	struct sv secret = crypto_open(a, context(a, factor_id), sealed);
	int64_t last = 0, step;

	if (!secret.n)
		return -1;
	sv_to_i64(last_step, &last);
	step = crypto_totp_check(a, secret, code, clock_now_ms() / 1000);
	return step > last ? step : -1;
}
