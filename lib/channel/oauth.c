/*
 * The state that goes along with a sign-in at a provider and comes back: for
 * which account it is, and that we have sent it, within a quarter of an hour.
 * Nothing is stored for it.
 */
#include "channel/oauth.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/uuid.h"
#include "crypto/crypto.h"

#define CONTEXT SV("channel oauth state")
#define PATIENCE_MS INT64_C(900000)

struct sv channel_oauth_redirect(struct arena *a, const struct channel *c)
{
	return sv_from(arena_printf(a, "%s/functions/v1/%s", conf_str(CONF_base_url), c->oauth));
}

struct sv channel_oauth_state(struct arena *a, const struct channel_account *acc)
{
	struct sv plain = sv_from(arena_printf(a, "%.*s %.*s %s %lld", SV_ARG(acc->organization_id), SV_ARG(acc->id),
					       acc->channel->type, (long long)(clock_now_ms() + PATIENCE_MS)));

	return crypto_seal(a, CONTEXT, plain);
}

bool channel_oauth_read(struct arena *a, struct sv state, struct channel_oauth *out)
{
	struct sv rest = crypto_open(a, CONTEXT, state);
	int64_t until;

	out->organization_id = sv_cut(&rest, ' ');
	out->account = sv_cut(&rest, ' ');
	out->channel = channel_find(sv_cut(&rest, ' '));
	return out->channel && uuid_valid(out->organization_id) && uuid_valid(out->account) &&
	       sv_to_i64(rest, &until) && until > clock_now_ms();
}
