/*
 * web_chat: the chat on a tenant's own website, a channel without a provider.
 *
 * Visitors talk to kontor-share (fcgi/share/chat.c). What agents write is in the
 * database already when it is "sent": sending tells the visitor's page to look
 * again, over the same publisher as the staff's own pages (nchan).
 */
#ifndef CHANNEL_WEB_CHAT_H
#define CHANNEL_WEB_CHAT_H

#include "base/sv.h"

struct arena;

/* The name of the stream of whoever has that handle: nobody else can guess it. */
struct sv web_chat_stream(struct arena *a, struct sv handle);
/* Proof that a link to a visitor's files was made here. */
struct sv web_chat_file_key(struct arena *a, struct sv channel, struct sv visitor);

#endif
