#include "net/guard.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/url.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>

#define OWN_MAX_AGE_US (60 * INT64_C(1000000))

/* Every address has one form: 128 bits, IPv4 as ::ffff:a.b.c.d. */
struct address {
	uint8_t b[16];
};

struct network {
	struct address base;
	int bits; /* of 128 */
	const char *why;
};

/* The first row that matches decides; IPv6 that no row names must lie in 2000::/3. */
static const struct {
	const char *network, *why;
} special_text[] = {
	{ "0.0.0.0/8", "this network (RFC 791)" },
	{ "10.0.0.0/8", "private network (RFC 1918)" },
	{ "100.64.0.0/10", "carrier's shared network (RFC 6598)" },
	{ "127.0.0.0/8", "loopback" },
	{ "169.254.0.0/16", "link-local or metadata service (RFC 3927)" },
	{ "172.16.0.0/12", "private network (RFC 1918)" },
	{ "192.0.0.0/24", "protocol assignments (RFC 6890)" },
	{ "192.0.2.0/24", "documentation (RFC 5737)" },
	{ "192.88.99.0/24", "6to4 relay (RFC 7526)" },
	{ "192.168.0.0/16", "private network (RFC 1918)" },
	{ "198.18.0.0/15", "benchmark network (RFC 2544)" },
	{ "198.51.100.0/24", "documentation (RFC 5737)" },
	{ "203.0.113.0/24", "documentation (RFC 5737)" },
	{ "168.63.129.16/32", "metadata service of a cloud" },
	{ "224.0.0.0/4", "multicast" },
	{ "255.255.255.255/32", "broadcast" },
	{ "240.0.0.0/4", "reserved (RFC 1112)" },
	{ "::1/128", "loopback" },
	{ "::/96", "unspecified or IPv4-compatible (RFC 4291)" },
	{ "64:ff9b:1::/48", "local NAT64 (RFC 8215)" },
	{ "100::/64", "discard only (RFC 6666)" },
	{ "2001::/32", "Teredo (RFC 4380)" },
	{ "2001::/23", "protocol assignments (RFC 2928)" },
	{ "2001:db8::/32", "documentation (RFC 3849)" },
	{ "2002::/16", "6to4 (RFC 7526)" },
	{ "3fff::/20", "documentation (RFC 9637)" },
	{ "5f00::/16", "segment routing (RFC 9602)" },
	{ "fc00::/7", "unique local network (RFC 4193)" },
	{ "fe80::/10", "link-local (RFC 4291)" },
	{ "fec0::/10", "site-local (RFC 3879)" },
	{ "ff00::/8", "multicast" },
};

#define N_SPECIAL (sizeof(special_text) / sizeof(*special_text))

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };
/* 64:ff9b::/96 */
static const uint8_t nat64_prefix[12] = { 0x00, 0x64, 0xff, 0x9b };

struct guard {
	struct network special[N_SPECIAL];
	struct network *allow;
	size_t n_allow;
	struct address *own;
	size_t n_own;
	int64_t own_read_us;
};

static bool is_mapped(const struct address *a)
{
	return memcmp(a->b, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static struct address from_v4(const void *four)
{
	struct address a;

	memcpy(a.b, mapped_prefix, sizeof(mapped_prefix));
	memcpy(a.b + 12, four, 4);
	return a;
}

static bool from_sockaddr(const struct sockaddr *sa, struct address *a, int *port)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		*a = from_v4(&in->sin_addr);
		*port = ntohs(in->sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)sa;

		memcpy(a->b, &in->sin6_addr, sizeof(a->b));
		*port = ntohs(in->sin6_port);
		return true;
	}
	return false;
}

/* *bits becomes the length of an address of this family, in the common form 128. */
static bool parse_address(const char *text, struct address *a, bool *v4)
{
	uint8_t four[4];

	*v4 = inet_pton(AF_INET, text, four) == 1;
	if (*v4)
		*a = from_v4(four);
	return *v4 || inet_pton(AF_INET6, text, a->b) == 1;
}

static bool parse_network(struct sv text, struct network *n)
{
	char name[INET6_ADDRSTRLEN];
	struct sv rest = text, host = sv_cut(&rest, '/');
	int64_t bits;
	bool v4;

	if (!host.n || host.n >= sizeof(name))
		return false;
	memcpy(name, host.p, host.n);
	name[host.n] = 0;
	if (!parse_address(name, &n->base, &v4))
		return false;
	bits = v4 ? 32 : 128;
	if (sv_present(rest) && (!sv_to_i64(rest, &bits) || bits < 0 || bits > (v4 ? 32 : 128)))
		return false;
	n->bits = (int)bits + (v4 ? 96 : 0);
	return true;
}

static bool inside(const struct address *a, const struct network *n)
{
	size_t whole = (size_t)n->bits / 8;
	int rest = n->bits % 8;

	if (memcmp(a->b, n->base.b, whole) != 0)
		return false;
	return !rest || ((a->b[whole] ^ n->base.b[whole]) >> (8 - rest)) == 0;
}

static bool allowed(const struct guard *g, const struct address *a)
{
	for (size_t i = 0; i < g->n_allow; i++)
		if (inside(a, &g->allow[i]))
			return true;
	return false;
}

static void read_own(struct guard *g)
{
	struct ifaddrs *list, *i;
	int port;

	g->own_read_us = clock_mono_us();
	if (getifaddrs(&list) != 0)
		return;
	g->n_own = 0;
	for (i = list; i; i = i->ifa_next) {
		struct address a;

		if (!i->ifa_addr || !from_sockaddr(i->ifa_addr, &a, &port))
			continue;
		g->own = mem_realloc(g->own, (g->n_own + 1) * sizeof(*g->own));
		g->own[g->n_own++] = a;
	}
	freeifaddrs(list);
}

static bool is_own(struct guard *g, const struct address *a)
{
	if (clock_mono_us() - g->own_read_us > OWN_MAX_AGE_US)
		read_own(g);
	for (size_t i = 0; i < g->n_own; i++)
		if (memcmp(a->b, g->own[i].b, sizeof(a->b)) == 0)
			return true;
	return false;
}

static const char *check_address(struct guard *g, const struct address *given)
{
	struct address a = *given;

	if (memcmp(a.b, nat64_prefix, sizeof(nat64_prefix)) == 0)
		a = from_v4(given->b + 12);
	for (size_t i = 0; i < N_SPECIAL; i++)
		if (inside(&a, &g->special[i]))
			return g->special[i].why;
	if (!is_mapped(&a) && a.b[0] >> 5 != 1)
		return "not a global unicast address";
	return is_own(g, &a) ? "an address of this host" : NULL;
}

static const char *check_port(int port, enum guard_kind kind)
{
	static const int usual[][4] = {
		[GUARD_HTTP] = { 80, 443 },
		[GUARD_SMTP] = { 25, 465, 587 },
		[GUARD_MAILBOX] = { 110, 143, 993, 995 },
	};

	for (size_t i = 0; i < 4; i++)
		if (port >= 1024 || (port && port == usual[kind][i]))
			return NULL;
	return "a port of another service";
}

static const char *check(struct guard *g, const struct address *a, int port, enum guard_kind kind)
{
	const char *why;

	if (allowed(g, a))
		return NULL;
	why = check_address(g, a);
	return why ? why : check_port(port, kind);
}

const char *guard_check_address(struct guard *g, const struct sockaddr *sa, enum guard_kind kind)
{
	struct address a;
	int port;

	if (!from_sockaddr(sa, &a, &port))
		return "not an internet address";
	return check(g, &a, port, kind);
}

const char *guard_check_text(struct guard *g, const char *ip, int port, enum guard_kind kind)
{
	char text[INET6_ADDRSTRLEN];
	size_t n = strcspn(ip, "%");
	struct address a;
	bool v4;

	if (n >= sizeof(text))
		return "not an internet address";
	memcpy(text, ip, n);
	text[n] = 0;
	if (!parse_address(text, &a, &v4))
		return "not an internet address";
	return check(g, &a, port, kind);
}

/* The reason to refuse a host at first sight: only for addresses and localhost. */
static const char *check_host(struct guard *g, const struct net_url *u)
{
	struct sv host = sv_from(u->host);
	struct address a;
	bool v4;

	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (sv_ieq(host, SV("localhost")) ||
	    (host.n > 10 && sv_ieq(sv_skip(host, host.n - 10), SV(".localhost"))))
		return guard_check_text(g, "127.0.0.1", u->port, GUARD_HTTP);
	if (parse_address(u->host, &a, &v4) || strchr(u->host, ':'))
		return guard_check_text(g, u->host, u->port, GUARD_HTTP);
	return NULL;
}

enum status guard_check_url(struct guard *g, struct sv url, bool https_only, struct arena *a,
			    struct err *e)
{
	struct net_url u;
	enum status s = net_url_parse(url, &u, a, e);
	const char *why;

	if (s != ST_OK)
		return s;
	if (strcmp(u.scheme, "https") != 0 && (https_only || strcmp(u.scheme, "http") != 0))
		return err_set(e, a, ST_BAD_INPUT, "The address must begin with %s",
			       https_only ? "https://" : "https:// or http://");
	why = check_host(g, &u);
	if (why)
		return err_set(e, a, ST_BAD_INPUT,
			       "%s cannot be called from here: %s. Use a public address, or let "
			       "the administrator add it to net_allow",
			       u.host, why);
	return ST_OK;
}

static struct sv next_word(struct sv *rest)
{
	size_t i = 0, from;

	while (i < rest->n && strchr(", \t\r\n", rest->p[i]))
		i++;
	from = i;
	while (i < rest->n && !strchr(", \t\r\n", rest->p[i]))
		i++;
	struct sv word = sv_make(rest->p + from, i - from);
	*rest = sv_skip(*rest, i);
	return word;
}

static bool parse_allow(struct guard *g, struct sv allow, struct arena *a, struct err *e)
{
	struct sv word;

	while ((word = next_word(&allow)).n) {
		struct network n = { .why = NULL };

		if (!parse_network(word, &n)) {
			err_set(e, a, ST_BAD_INPUT,
				"net_allow: %.*s is neither an address nor a network like "
				"10.0.0.0/8",
				SV_ARG(word));
			return false;
		}
		g->allow = mem_realloc(g->allow, (g->n_allow + 1) * sizeof(*g->allow));
		g->allow[g->n_allow++] = n;
	}
	return true;
}

struct guard *guard_new(struct sv allow, struct arena *a, struct err *e)
{
	struct guard *g = mem_alloc(sizeof(*g));

	*g = (struct guard){ .allow = NULL };
	for (size_t i = 0; i < N_SPECIAL; i++) {
		if (!parse_network(sv_from(special_text[i].network), &g->special[i]))
			abort();
		g->special[i].why = special_text[i].why;
	}
	if (!parse_allow(g, allow, a, e)) {
		guard_free(g);
		return NULL;
	}
	read_own(g);
	return g;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	free(g->allow);
	free(g->own);
	free(g);
}
