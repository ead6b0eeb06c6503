#include "signin/signin.h"

#include "base/conf.h"
#include "net/url.h"

#include <qrencode.h>

#define QUIET 4 /* modules of white around it, as the standard asks */

/* One path of horizontal runs: a tenth of the size of a rectangle each. */
static void rows(struct buf *out, const QRcode *qr)
{
	for (int y = 0; y < qr->width; y++) {
		for (int x = 0; x < qr->width; x++) {
			int from = x;

			while (x < qr->width && qr->data[y * qr->width + x] & 1)
				x++;
			if (x > from)
				buf_addf(out, "M%d %dh%dv1h-%dz", from + QUIET, y + QUIET,
					 x - from, x - from);
		}
	}
}

enum status qr_svg(struct buf *out, struct sv text, struct arena *a, struct err *e)
{
	QRcode *qr = QRcode_encodeString8bit(arena_dup(a, text), 0, QR_ECLEVEL_M);
	int side;

	if (!qr)
		return err_set(e, a, ST_BAD_INPUT, "This is too long for a QR code");
	side = qr->width + 2 * QUIET;
	buf_addf(out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		 "height=\"%d\" shape-rendering=\"crispEdges\"><path fill=\"white\" "
		 "d=\"M0 0h%dv%dh-%dz\"/><path fill=\"black\" d=\"",
		 side, side, side * 5, side * 5, side, side, side);
	rows(out, qr);
	buf_lit(out, "\"/></svg>");
	QRcode_free(qr);
	return ST_OK;
}

static struct sv host(struct arena *a)
{
	struct net_url u;
	struct err e = { 0 };

	if (net_url_parse(sv_from(conf_str(CONF_base_url)), &u, a, &e))
		return SV("Kontor");
	return sv_from(u.host);
}

struct sv totp_uri(struct arena *a, struct sv issuer, struct sv account, struct sv secret)
{
	buf_auto struct buf b = BUF_INIT;

	if (!issuer.n)
		issuer = host(a);
	buf_lit(&b, "otpauth://totp/");
	buf_url(&b, issuer);
	buf_addc(&b, ':');
	buf_url(&b, account);
	buf_lit(&b, "?algorithm=SHA1&digits=6&issuer=");
	buf_url(&b, issuer);
	buf_addf(&b, "&period=30&secret=%.*s", SV_ARG(secret));
	return arena_sv(a, buf_sv(&b));
}
