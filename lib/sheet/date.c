/* Dates as spreadsheets count them. */
#include "sheet/internal.h"

#include <math.h>
#include <stdio.h>

#define DAYS_TO_1970 25569 /* from 30 December 1899 */
#define DAYS_OF_1904 1462
#define FIRST_RIGHT 61    /* 1 March 1900; before, they know a 29 February 1900 */
#define LAST_DAY 2958465   /* 31 December 9999 */
#define DAY_SECONDS 86400

/* Days since 1970 of a date of our calendar (the civil-day algorithm: years
 * begin in March, 400 of them have 146097 days). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, year, day;

	y -= m <= 2;
	era = y / 400;
	year = y - era * 400;
	day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static void date_of(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

/* n digits at `at`; -1 when they are not there. */
static int digits(struct sv s, size_t at, size_t n)
{
	int v = 0;

	if (at + n > s.n)
		return -1;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + s.p[i] - '0';
	}
	return v;
}

bool sheet_serial(struct sv s, bool with_time, double *serial)
{
	int y = digits(s, 0, 4), m = digits(s, 5, 2), d = digits(s, 8, 2), at[3] = { 0 };
	int64_t days;

	if (y < 0 || m < 1 || m > 12 || d < 1 || d > 31 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	if (s.n > 10 && digits(s, 10, 1) >= 0)
		return false;
	days = days_of(y, m, d) + DAYS_TO_1970;
	if (days < FIRST_RIGHT || days > LAST_DAY)
		return false;
	for (size_t i = 0; with_time && i < 3; i++) {
		at[i] = digits(s, 11 + 3 * i, 2);
		if (at[i] < 0)
			return false;
	}
	*serial = (double)days + (at[0] * 3600 + at[1] * 60 + at[2]) / (double)DAY_SECONDS;
	return true;
}

size_t sheet_serial_text(double serial, bool epoch_1904, char *out, size_t size)
{
	double day;
	int64_t seconds;
	int y, m, d, n;

	if (!(serial >= 0) || serial >= LAST_DAY + 1)
		return 0;
	day = floor(serial);
	seconds = llround((serial - day) * DAY_SECONDS);
	if (seconds == DAY_SECONDS) {
		day += 1;
		seconds = 0;
	}
	if (epoch_1904)
		day += DAYS_OF_1904;
	if (day < 1) {
		n = snprintf(out, size, "%02d:%02d:%02d", (int)(seconds / 3600),
			     (int)(seconds / 60 % 60), (int)(seconds % 60));
		return n > 0 ? (size_t)n : 0;
	}
	date_of((int64_t)day - DAYS_TO_1970 + (day < FIRST_RIGHT - 1), &y, &m, &d);
	n = seconds ? snprintf(out, size, "%04d-%02d-%02d %02d:%02d:%02d", y, m, d,
			       (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60))
		    : snprintf(out, size, "%04d-%02d-%02d", y, m, d);
	return n > 0 ? (size_t)n : 0;
}
