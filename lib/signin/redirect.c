#include "signin/signin.h"

#include "base/conf.h"
#include "net/url.h"

#include <string.h>

/* The address goes into a header: nothing that ends one, nothing invisible. */
static bool is_clean(struct sv url)
{
	for (size_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= ' ' || (unsigned char)url.p[i] >= 0x7f ||
		    url.p[i] == '\\')
			return false;
	return url.n > 0 && url.n < 2000;
}

/* What stands behind scheme and host of a normalised address. */
static struct sv path_of(const struct net_url *u)
{
	struct sv text = sv_from(u->text);
	struct sv rest = sv_skip(text, (size_t)sv_find(text, SV("://")) + 3);
	ptrdiff_t slash = sv_chr(rest, '/');

	return slash < 0 ? SV("/") : sv_skip(rest, (size_t)slash);
}

/* below "/app": "/app", "/app/x" and "/app?x", not "/apple". */
static bool is_below(struct sv path, struct sv dir)
{
	if (sv_ends(dir, SV("/")))
		dir.n--;
	if (!sv_starts(path, dir))
		return false;
	return path.n == dir.n || memchr("/?#", path.p[dir.n], 3);
}

static bool matches(struct arena *a, struct sv url, struct sv allowed)
{
	struct net_url u, w;
	struct err e = { 0 };

	/* An app's own scheme (myapp://back) has no host to speak of. */
	if (!sv_starts(allowed, SV("http://")) && !sv_starts(allowed, SV("https://")))
		return sv_find(allowed, SV("://")) > 0 && is_below(url, allowed);
	if (net_url_parse(url, &u, a, &e) || net_url_parse(allowed, &w, a, &e))
		return false;
	return !strcmp(u.scheme, w.scheme) && !strcmp(u.host, w.host) && u.port == w.port &&
	       is_below(path_of(&u), path_of(&w));
}

bool redirect_allowed(struct arena *a, struct sv url)
{
	struct sv rest = sv_from(conf_str(CONF_auth_redirect_urls));

	if (!is_clean(url))
		return false;
	if (matches(a, url, sv_from(conf_str(CONF_base_url))))
		return true;
	while (sv_present(rest)) {
		struct sv one = sv_trim(sv_cut(&rest, ','));

		if (one.n && matches(a, url, one))
			return true;
	}
	return false;
}

struct sv redirect_or_home(struct arena *a, struct sv url)
{
	struct sv home = sv_from(conf_str(CONF_base_url));

	if (sv_starts(url, SV("/")) && !sv_starts(url, SV("//")))
		url = sv_from(arena_printf(a, "%.*s%.*s", SV_ARG(home), SV_ARG(url)));
	return redirect_allowed(a, url) ? url : home;
}
