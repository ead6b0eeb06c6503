/*
 * oauth: the way to a provider's sign-in page and back (CHA-25).
 *
 * The page of a channel sends the browser to channel->authorize_url() with a
 * state of ours; it comes back to /functions/v1/<channel->oauth> with the state
 * and a code, which the account's check turns into tokens.
 */
#ifndef CHANNEL_OAUTH_H
#define CHANNEL_OAUTH_H

#include "channel/channel.h"

struct channel_oauth {
	struct sv organization_id, account;
	const struct channel *channel;
};

/* Where the provider sends the browser back to; people enter it there. */
struct sv channel_oauth_redirect(struct arena *a, const struct channel *c);
struct sv channel_oauth_state(struct arena *a, const struct channel_account *acc);
/* False when it is none of ours, or too old. */
bool channel_oauth_read(struct arena *a, struct sv state, struct channel_oauth *out);

#endif
