/*
 * guard: which addresses an outgoing call may reach.
 *
 * A web address that a user typed must not lead into the installation's own
 * network. The rule is applied to the address that a socket is about to be
 * connected to (lib/net does so when libcurl opens it), never to a name: so a
 * name is resolved once, and what it resolves to a second later does not
 * matter. Refused are all special-purpose networks of IANA's registries, the
 * metadata services of clouds, everything in IPv6 that is not global
 * unicast, and each address of this host.
 *
 * IPv4 inside IPv6 (::ffff:a.b.c.d, and 64:ff9b::a.b.c.d of NAT64) is judged
 * by the IPv4 address. Ports below 1024 are refused too, but for those of the
 * protocol: 80 and 443 for HTTP; 25, 465 and 587 for SMTP; 110, 143, 993 and 995
 * for mailboxes.
 *
 * The administrator's list (setting net_allow) goes before all of that: an
 * address on it is reachable, on any port.
 */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include "base/err.h"

#include <sys/socket.h>

struct guard;

enum guard_kind { GUARD_HTTP, GUARD_SMTP, GUARD_MAILBOX };

/*
 * `allow`: addresses and networks ("127.0.0.1, 10.0.0.0/8 fd00::/8"), apart
 * by commas or white space; may be empty. NULL, with *e filled (message in
 * a), when an entry is neither.
 */
struct guard *guard_new(struct sv allow, struct arena *a, struct err *e) WARN_UNUSED;
void guard_free(struct guard *g);

/*
 * NULL when a call of this kind may connect to the address and port, else
 * the reason in words (static text). The addresses of this host are read
 * anew once a minute.
 */
const char *guard_check_address(struct guard *g, const struct sockaddr *sa, enum guard_kind kind);
/* The same for an address as text, without brackets; a scope (%eth0) is ignored. */
const char *guard_check_text(struct guard *g, const char *ip, int port, enum guard_kind kind);

/*
 * For forms, when an address is saved: http or https (https alone when
 * https_only), no user or password in it, and no address or port that is
 * refused at first sight. Names are not resolved here; the call itself is
 * guarded in any case.
 */
enum status guard_check_url(struct guard *g, struct sv url, bool https_only, struct arena *a,
			    struct err *e) WARN_UNUSED;

#endif
