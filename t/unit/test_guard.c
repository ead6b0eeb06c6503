/* net/guard: which addresses may be called. */
#include "t/unit/tap.h"

#include "net/guard.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

static struct arena *arena;

static struct guard *make(const char *allow)
{
	struct err e;
	struct guard *g = guard_new(sv_from(allow), arena, &e);

	if (!g)
		printf("# %.*s\n", SV_ARG(e.message));
	return g;
}

static const char *check(struct guard *g, const char *ip)
{
	return guard_check_text(g, ip, 443, GUARD_HTTP);
}

static void test_special(struct guard *g)
{
	/* clang-format off */
	static const char *const refused[] = {
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.1",
		"100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.255",
		"169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.0",
		"192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
		"198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.9",
		"168.63.129.16", "224.0.0.1", "239.255.255.255", "240.0.0.1",
		"255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1",
		"::ffff:10.1.2.3", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
		"100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1ff::1",
		"2001:db8::1", "2002:a00:1::1", "2002:7f00:1::", "2002:808:808::1",
		"3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254",
		"fdff:ffff::1", "fe80::1", "febf::1", "fe80::1%eth0", "fec0::1", "ff02::1",
	};
	static const char *const open[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255",
		"100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
		"172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1",
		"2001:4860:4860::8888", "2606:4700:4700::1111", "2a00::1",
		"3ffe:ffff::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		ok(check(g, refused[i]), "%s is refused: %s", refused[i],
		   check(g, refused[i]) ? check(g, refused[i]) : "");
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		ok(!check(g, open[i]), "%s is open", open[i]);
	ok(check(g, "example.org") && check(g, "1.2.3") && check(g, ""),
	   "what is no address is refused");
}

static void test_own(struct guard *g)
{
	struct ifaddrs *list, *i;
	int own = 0, refused = 0;

	if (getifaddrs(&list) != 0)
		list = NULL;
	for (i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		own++;
		refused += guard_check_address(g, i->ifa_addr, GUARD_HTTP) != NULL;
	}
	freeifaddrs(list);
	ok(own > 0 && own == refused, "all %d addresses of this host are refused", own);
}

static void test_ports(struct guard *g)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(22) };
	struct sockaddr local = { .sa_family = AF_UNIX };

	ok(!guard_check_text(g, "8.8.8.8", 80, GUARD_HTTP) &&
		   !guard_check_text(g, "8.8.8.8", 443, GUARD_HTTP) &&
		   !guard_check_text(g, "8.8.8.8", 8443, GUARD_HTTP),
	   "web ports, and those from 1024");
	ok(guard_check_text(g, "8.8.8.8", 22, GUARD_HTTP) &&
		   guard_check_text(g, "8.8.8.8", 25, GUARD_HTTP) &&
		   guard_check_text(g, "8.8.8.8", 0, GUARD_HTTP),
	   "other services are refused to HTTP");
	ok(!guard_check_text(g, "8.8.8.8", 25, GUARD_SMTP) &&
		   !guard_check_text(g, "8.8.8.8", 587, GUARD_SMTP) &&
		   guard_check_text(g, "8.8.8.8", 80, GUARD_SMTP),
	   "SMTP has ports of its own");
	ok(!guard_check_text(g, "8.8.8.8", 993, GUARD_MAILBOX) &&
		   !guard_check_text(g, "8.8.8.8", 110, GUARD_MAILBOX) &&
		   guard_check_text(g, "8.8.8.8", 25, GUARD_MAILBOX) &&
		   guard_check_text(g, "8.8.8.8", 0, GUARD_MAILBOX) &&
		   guard_check_text(g, "127.0.0.1", 993, GUARD_MAILBOX),
	   "so have mailboxes");
	inet_pton(AF_INET6, "2606:4700::1", &in6.sin6_addr);
	ok(guard_check_address(g, (struct sockaddr *)&in6, GUARD_HTTP), "port of a sockaddr");
	in6.sin6_port = htons(443);
	ok(!guard_check_address(g, (struct sockaddr *)&in6, GUARD_HTTP), "IPv6 sockaddr");
	ok(guard_check_address(g, &local, GUARD_HTTP), "other families are refused");
}

static void test_allow(void)
{
	struct guard *g = make(" 127.0.0.1,10.0.0.0/8\n fd00::/8 ,2001:db8::7, 172.16.0.0/15");
	struct err e;

	ok(!check(g, "127.0.0.1") && check(g, "127.0.0.2"), "one address is allowed");
	ok(!check(g, "10.200.0.1") && check(g, "11.0.0.1") == NULL, "a network is allowed");
	ok(!check(g, "172.17.255.255") && check(g, "172.18.0.0"), "prefix off the byte boundary");
	ok(!check(g, "fd12::1") && check(g, "fc12::1"), "an IPv6 network is allowed");
	ok(!check(g, "2001:db8::7") && check(g, "2001:db8::8"), "an IPv6 address is allowed");
	ok(!check(g, "::ffff:127.0.0.1"), "the mapped form of an allowed address");
	ok(!guard_check_text(g, "127.0.0.1", 6379, GUARD_HTTP) &&
		   !guard_check_text(g, "127.0.0.1", 22, GUARD_HTTP),
	   "any port of an allowed address");
	guard_free(g);
	g = make("0.0.0.0/0 ::/0");
	ok(g && !check(g, "127.0.0.1") && !check(g, "fe80::1"), "everything can be allowed");
	guard_free(g);
	static const char *const wrong[] = { "localhost", "10.0.0.0/33", "10.0.0.0/-1",
					     "10.0.0/8",  "::/129",	 "10.0.0.0/",
					     "/8",	  "1.2.3.4/8/8", "fe80::1%lo" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ok(!guard_new(sv_from(wrong[i]), arena, &e) && e.status == ST_BAD_INPUT &&
			   sv_find(e.message, sv_from(wrong[i])) >= 0,
		   "no allow list: %s", wrong[i]);
}

static void test_url(struct guard *g)
{
	/* clang-format off */
	static const char *const refused[] = {
		"http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
		"http://2130706433/",
		"http://0x7f.1/", "http://0177.0.0.1/", "http://0x7f000001/", "http://127.1/",
		"http://0/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost:8080/",
		"http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25eth0]/",
		"http://[::]/", "http://8.8.8.8:22/",
		"ftp://example.org/", "file:///etc/passwd", "gopher://example.org/",
		"smtp://example.org/",
		"http://user@example.org/", "http://user:secret@example.org/",
		"http://:x@example.org/",
		"example.org", "//example.org/", "http://", "", "javascript:alert(1)",
		"http://exa mple.org/", "http://example.org/\r\nHost: x", "http://example.org/\t",
	};
	static const char *const open[] = {
		"http://example.org/", "https://example.org:8443/x?y=z", "HTTPS://Example.ORG",
		"https://8.8.8.8/", "https://[2606:4700::1]/", "http://localhost.example.org/",
	};
	/* clang-format on */
	struct err e = { .status = ST_OK };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		ok(guard_check_url(g, sv_from(refused[i]), false, arena, &e) == ST_BAD_INPUT,
		   "URL %zu is refused: %.*s", i, SV_ARG(e.message));
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		ok(guard_check_url(g, sv_from(open[i]), false, arena, &e) == ST_OK, "%s", open[i]);
	ok(guard_check_url(g, SV("http://example.org/"), true, arena, &e) == ST_BAD_INPUT &&
		   guard_check_url(g, SV("https://example.org/"), true, arena, &e) == ST_OK,
	   "https only");
}

int main(void)
{
	struct guard *g;

	arena = arena_new();
	g = make("");
	test_special(g);
	test_own(g);
	test_ports(g);
	test_allow();
	test_url(g);
	guard_free(g);
	arena_free(arena);
	return tap_done();
}
