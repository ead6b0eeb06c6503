#include "file/link.h"

#include "base/buf.h"
#include "base/conf.h"
#include "crypto/crypto.h"

#define CONTEXT SV("file link")

struct sv file_link_make(struct arena *a, const struct file_link *l, int64_t until_s)
{
	struct sv plain = sv_from(arena_printf(a, "%.*s %.*s %lld %.*s", SV_ARG(l->organization_id),
					       SV_ARG(l->sha256), (long long)until_s, SV_ARG(l->type)));
	struct buf *out = buf_in_arena(a);

	buf_addf(out, "%s/s/f/", conf_str(CONF_base_url));
	buf_add(out, crypto_seal(a, CONTEXT, plain));
	buf_addc(out, '/');
	buf_url(out, l->name.n ? l->name : SV("file"));
	return buf_sv(out);
}

bool file_link_open(struct arena *a, struct sv token, int64_t now_s, struct file_link *out)
{
	struct sv rest = crypto_open(a, CONTEXT, token), until;
	int64_t until_s;

	*out = (struct file_link){ 0 };
	out->organization_id = sv_cut(&rest, ' ');
	out->sha256 = sv_cut(&rest, ' ');
	until = sv_cut(&rest, ' ');
	out->type = rest;
	return sv_to_i64(until, &until_s) && now_s <= until_s;
}
