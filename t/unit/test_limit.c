#include "http/limit.h"
#include "t/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define T 1800000000 /* a whole minute, hour and day */

static void counts(void)
{
	uint64_t key = limit_key(SV("test"), SV("counts"));
	struct limit_state s;
	int taken = 0;

	for (int i = 0; i < 5; i++)
		taken += limit_take(key, 3, 60, T + i, &s);
	ok(taken == 3, "API-65 as many as the limit says, and no more");
	ok(s.limit == 3 && s.remaining == 0 && s.reset == T + 60,
	   "API-66 limit, remaining, and the second in which the window ends");
	ok(limit_take(key, 3, 60, T + 60, &s) && s.remaining == 2, "the next window begins anew");
	ok(limit_take(key, 9, 3600, T + 60, &s) && s.remaining == 8,
	   "CAP-18 another length of window has a count of its own");
	ok(limit_take(limit_key(SV("test"), SV("other")), 3, 60, T, &s) && s.remaining == 2,
	   "another key too");
	ok(limit_take(key, 0, 60, T, &s) && s.limit == 0, "0 is no limit");
}

static void shared(void)
{
	char path[] = "/tmp/test_limit.XXXXXX";
	uint64_t key = limit_key(SV("test"), SV("shared"));
	struct limit_state s;
	int fd = mkstemp(path), status, taken = 0;

	close(fd);
	setenv("KONTOR_LIMITS", path, 1);
	limit_open();
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			limit_open();
			for (int n = 0; n < 1000; n++)
				limit_take(key, 100000, 60, T, &s);
			_exit(0);
		}
	while (wait(&status) > 0)
		taken += status == 0;
	limit_take(key, 100000, 60, T, &s);
	ok(taken == 4 && s.remaining == 100000 - 4001, "processes count together, none gets lost");
	limit_close();
	unlink(path);
}

static void noted(void)
{
	uint64_t key = limit_key(SV("test"), SV("noted"));
	uint32_t value;
	int64_t minute;

	ok(!limit_noted(key, &value, &minute), "nothing is known of a stranger");
	limit_note(key, 26, T);
	ok(limit_noted(key, &value, &minute) && value == 26 && minute == T / 60, "until it is noted");
}

static void crowded(void)
{
	struct limit_state s;
	char name[32];
	int wrong = 0;

	for (int i = 0; i < 600000; i++) {
		int n = snprintf(name, sizeof(name), "caller %d", i);

		wrong += !limit_take(limit_key(SV("crowd"), sv_make(name, (size_t)n)), 1, 60, T, &s);
	}
	ok(wrong == 0, "more callers than places: nobody is refused for another");
}

int main(void)
{
	counts();
	shared();
	noted();
	crowded();
	return tap_done();
}
