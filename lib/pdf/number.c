#include "pdf/pdf.h"

static bool is_decimal(struct sv s)
{
	size_t points = 0;

	if (s.n && s.p[0] == '-')
		s = sv_skip(s, 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.')
			points++;
		else if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.n > 0 && s.p[0] != '.' && points <= 1;
}

struct sv pdf_group(struct arena *a, struct sv number, struct sv group, struct sv point)
{
	ptrdiff_t at = sv_chr(number, '.');
	size_t whole = at < 0 ? number.n : (size_t)at, minus;
	buf_auto struct buf b = BUF_INIT;

	if (!is_decimal(number))
		return number;
	minus = number.p[0] == '-';
	for (size_t i = 0; i < whole; i++) {
		if (i > minus && (whole - i) % 3 == 0)
			buf_add(&b, group);
		buf_addc(&b, number.p[i]);
	}
	if (at >= 0) {
		buf_add(&b, point);
		buf_add(&b, sv_skip(number, whole + 1));
	}
	return arena_sv(a, buf_sv(&b));
}
