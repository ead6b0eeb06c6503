#include "crypto/crypto.h"

struct sv crypto_hex(struct arena *a, struct sv data)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_array(a, data.n + 1, 2);

	for (size_t i = 0; i < data.n; i++) {
		unsigned char c = (unsigned char)data.p[i];

		out[2 * i] = digits[c >> 4];
		out[2 * i + 1] = digits[c & 15];
	}
	return sv_make(out, data.n * 2);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct sv crypto_unhex(struct arena *a, struct sv text)
{
	char *out;

	if (!sv_present(text) || text.n % 2)
		return SV_NONE;
	out = arena_alloc(a, text.n / 2 + 1);
	for (size_t i = 0; i < text.n; i += 2) {
		int high = hex_digit(text.p[i]), low = hex_digit(text.p[i + 1]);

		if (high < 0 || low < 0)
			return SV_NONE;
		out[i / 2] = (char)(high << 4 | low);
	}
	return sv_make(out, text.n / 2);
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static struct sv encode64(struct arena *a, struct sv data, const char *alphabet, bool padded)
{
	char *out = arena_array(a, data.n / 3 + 2, 4);
	size_t n = 0;

	for (size_t i = 0; i < data.n; i += 3) {
		size_t left = data.n - i;
		uint32_t v = (uint32_t)(unsigned char)data.p[i] << 16;

		if (left > 1)
			v |= (uint32_t)(unsigned char)data.p[i + 1] << 8;
		if (left > 2)
			v |= (unsigned char)data.p[i + 2];
		out[n++] = alphabet[v >> 18];
		out[n++] = alphabet[v >> 12 & 63];
		if (left > 1)
			out[n++] = alphabet[v >> 6 & 63];
		if (left > 2)
			out[n++] = alphabet[v & 63];
	}
	while (padded && n % 4)
		out[n++] = '=';
	return sv_make(out, n);
}

struct sv crypto_base64(struct arena *a, struct sv data)
{
	return encode64(a, data, LETTERS "+/", true);
}

struct sv crypto_base64url(struct arena *a, struct sv data)
{
	return encode64(a, data, LETTERS "-_", false);
}

static int value64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Without its padding; SV_NONE when that is not what belongs there. */
static struct sv unpad64(struct sv text)
{
	size_t pad = 0;

	while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=')
		pad++;
	if (pad && text.n % 4)
		return SV_NONE;
	text.n -= pad;
	return text.n % 4 == 1 ? SV_NONE : text;
}

struct sv crypto_unbase64(struct arena *a, struct sv text)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;
	char *out;

	text = sv_present(text) ? unpad64(text) : text;
	if (!sv_present(text))
		return SV_NONE;
	out = arena_array(a, text.n / 4 + 1, 3);
	for (size_t i = 0; i < text.n; i++) {
		int v = value64(text.p[i]);

		if (v < 0)
			return SV_NONE;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have & 0xff);
		}
	}
	/* Bits left over must be 0, so that each value has one text form only. */
	if (bits & ((1u << have) - 1))
		return SV_NONE;
	return sv_make(out, n);
}
