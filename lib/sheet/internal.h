/* What the files of sheet/ share. */
#ifndef SHEET_INTERNAL_H
#define SHEET_INTERNAL_H

#include "sheet/sheet.h"

/* Days and the part of a day since 30 December 1899, as spreadsheets count.
 * False: no such date, or one before March 1900, which they count wrongly. */
bool sheet_serial(struct sv text, bool with_time, double *serial);
/* The other way, in the form that sheet_next gives; epoch_1904: as files of
 * old Macintoshes count. Returns its length, 0 when it is no date. */
size_t sheet_serial_text(double serial, bool epoch_1904, char *out, size_t size);

#endif
