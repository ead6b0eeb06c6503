/*
 * dispatch: from the outbox to the consumers.
 *
 * The database does the work in one transaction (event.dispatch, sql/010):
 * every tenant's new events get their numbers without gaps, and a job for
 * each webhook that wants them. What was numbered comes back and is published
 * to the browsers right after the commit.
 *
 * A live message is short and says "look again"; the page reads what it needs
 * with its own rights:
 *
 *	{"seq":812,"events":[{"seq":811,"type":"message.received","record_type":"message",
 *	 "record_id":"...","conversation_id":"...","contact_id":"...","actor_id":null},...]}
 *
 * `seq` is the tenant's last number and has no gaps: a page that sees one has
 * missed something and reloads its lists. After a mass change the message
 * has "more":true and no events: everything may have changed.
 */
#ifndef EVENT_DISPATCH_H
#define EVENT_DISPATCH_H

#include "db/db.h"
#include "net/net.h"

#define EVENT_LIVE_MAX 100 /* events of one live message */

/* The statement, in a batch as the program itself; returns its index. */
int event_dispatch(struct db_batch *b, int most);

/* POST to live_publish_url/<organization>, for each tenant once. Does nothing
 * without that setting. Losing one is no harm: the next one shows the gap. */
void event_publish(struct net *net, const struct db_batch *b, int dispatched);

/* What is true only now (internal.tell_now, SQL): {"org": id, "now": {...}} as it
 * was notified, to live_publish_url/<organization>-now. Streams hear both. */
void event_publish_now(struct net *net, struct sv notified);

#endif
