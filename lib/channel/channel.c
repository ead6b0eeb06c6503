#include "channel/internal.h"

#include "crypto/crypto.h"

/* One a line. */
const struct channel *const channels[] = {
	&channel_telegram,
	&channel_whatsapp_cloud,
	&channel_messenger,
	&channel_instagram,
	&channel_whatsapp_lite,
	&channel_tiktok,
	&channel_linkedin,
	&channel_shopify,
	&channel_web_chat,
	&channel_email,
	&channel_bulk_email,
	&channel_ses,
	&channel_sms,
	&channel_push,
	NULL,
};

const struct channel *channel_find(struct sv type)
{
	for (size_t i = 0; channels[i]; i++)
		if (sv_eq(sv_from(channels[i]->type), type))
			return channels[i];
	return NULL;
}

/* ---- accounts ---------------------------------------------------------- */

static struct sv without_slash(struct sv url)
{
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	return url;
}

/* Context of a sealed secret: it opens for this account and name only. */
static struct sv open_secret(struct arena *a, struct sv account, const char *name, struct sv sealed)
{
	const char *context = arena_printf(a, "channel:%.*s:%s", SV_ARG(account), name);

	return crypto_open(a, sv_from(context), sealed);
}

static void open_secrets(struct channel_account *out, struct arena *a, json_t *sealed)
{
	struct channel_secret *v =
		ARENA_ARRAY(a, json_object_size(sealed) + 1, struct channel_secret);
	const char *name;
	json_t *value;

	out->secrets = v;
	json_object_foreach (sealed, name, value) {
		struct channel_secret *s = &v[out->n_secrets];

		s->name = arena_sv(a, sv_from(name));
		s->value = open_secret(a, out->id, name, sv_from(json_string_value(value)));
		if (sv_present(s->value))
			out->n_secrets++;
		else
			out->sealed = true;
	}
}

/* settings.rate_per_second as a number or a text; else the provider's own. */
static int rate_of(struct arena *a, const struct channel *c, const json_t *settings)
{
	int64_t n;

	if (sv_to_i64(channel_text(a, settings, "rate_per_second"), &n) && n > 0 && n <= 10000)
		return (int)n;
	return c->per_second;
}

void channel_account_open(struct channel_account *out, struct arena *a, const struct channel *c,
			  const struct channel_account_row *row)
{
	struct err e = { 0 };
	json_t *settings = channel_json(a, row->settings, &e);
	json_t *sealed = row->secrets.n ? channel_json(a, row->secrets, &e) : NULL;
	struct sv base = without_slash(channel_text(a, settings, "api_base"));

	*out = (struct channel_account){ .channel = c,
					 .organization_id = row->organization_id,
					 .id = row->id,
					 .external_id = row->external_id,
					 .waba_id = channel_text(a, settings, "waba_id"),
					 .settings = settings,
					 .api_base = base.n ? base : sv_from(c->api_base),
					 .per_second = rate_of(a, c, settings) };
	/* The column is what lookups use; settings may be all that was filled (CHA-32). */
	if (!out->external_id.n)
		out->external_id = channel_text(a, settings, "phone_number_id");
	if (sealed)
		open_secrets(out, a, sealed);
}

struct sv channel_secret(const struct channel_account *acc, const char *name)
{
	for (size_t i = 0; i < acc->n_secrets; i++)
		if (sv_eq(acc->secrets[i].name, sv_from(name)))
			return acc->secrets[i].value;
	return SV_NONE;
}

struct sv channel_option(struct arena *a, const struct channel_account *acc, const char *name)
{
	return sv_trim(channel_text(a, acc->settings, name));
}

/* ---- files ---------------------------------------------------------------- */

static bool takes(const struct channel_limit *l, struct sv type)
{
	struct sv rest = sv_from(l->types);

	while (sv_present(rest))
		if (sv_eq(sv_cut(&rest, ' '), type))
			return true;
	return false;
}

const struct channel_limit *channel_limit_for(const struct channel *c, struct sv type)
{
	const struct channel_limit *l = c->limits;

	for (; l && l->kind; l++)
		if (!l->types || takes(l, type))
			return l;
	return NULL;
}

/* ---- shares ------------------------------------------------------------- */

struct channel_share *channel_share_of(struct arena *a, struct channel_shares *shares,
				       struct sv key, struct sv group)
{
	struct channel_share *s;

	for (size_t i = 0; i < shares->n; i++) {
		s = &shares->v[i];
		if (sv_eq(s->key, key) && (key.n || sv_eq(s->group, group)))
			return s;
	}
	shares->v = arena_more(a, shares->v, shares->n, &shares->size, sizeof(*shares->v));
	s = &shares->v[shares->n++];
	s->key = key;
	s->group = group;
	return s;
}

/* ---- text -------------------------------------------------------------- */

struct sv channel_clip(struct sv s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80)
		max--;
	return sv_make(s.p, max);
}

size_t channel_units(struct sv s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		n += (c & 0xc0) != 0x80; /* each character's first byte */
		n += c >= 0xf0;		 /* a pair of surrogates */
	}
	return n;
}

struct channel_item *channel_item_add(struct arena *a, struct channel_items *items)
{
	items->v = arena_more(a, items->v, items->n, &items->size, sizeof(*items->v));
	return &items->v[items->n++];
}
