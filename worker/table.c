/* Which handler does which kind of job, how many at once, and when again. */
#include "worker/worker.h"

#include "base/conf.h"
#include "base/mem.h"

#define STEPS(...)                                                     \
	.steps = (const int[]){ __VA_ARGS__ },                         \
	.n = sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int), .jitter = 20, \
	.retry_after_max = 86400

/* In the order of importance: a turn begins the upper ones first. */
static struct job_handler handlers[] = {
	{ .kind = "oidc", /* somebody waits before his browser */
	  .start = oidc_start,
	  .room = 32,
	  .lane_room = 32,
	  .retry = { STEPS(1, 2, 4) } },
	{ .kind = "facebook_connect", /* the same */
	  .start = facebook_start,
	  .room = 8,
	  .lane_room = 8,
	  .retry = { STEPS(1, 3, 10) } },
	{ .kind = "inbound",
	  .start = message_start,
	  .repeatable = true,
	  .room = 100,
	  .lane_room = 100,
	  .retry = { STEPS(1, 5, 30, 120, 600, 3600, 21600) } },
	{ .kind = "send_message", /* of one conversation one after the other */
	  .start_all = message_start_all,
	  .repeatable = true,
	  /* Accounts wait for their own rates (net's lanes), so there have to be more
	   * than are under way: 80 a second and an answer that takes one. */
	  .room = 160,
	  .lane_room = 1,
	  /* A hiccup, then 5, 10 and 20 minutes (MSG-29), and past an hour's outage. */
	  .retry = { STEPS(2, 10, 300, 600, 1200, 1800) } },
	{ .kind = "channel_check", /* somebody waits before the page */
	  .start = message_start,
	  .room = 16,
	  .lane_room = 16,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "channel_session", /* somebody has the QR code before him */
	  .start = message_start,
	  .room = 16,
	  .lane_room = 16,
	  .retry = { STEPS(3, 3, 3, 10, 10) } },
	{ .kind = "message_act",
	  .start = message_start,
	  .room = 8,
	  .lane_room = 1,
	  .retry = { STEPS(2, 10, 60, 300) } },
	{ .kind = "takeover_webhook",
	  .start = takeover_start,
	  .room = 8,
	  .lane_room = 8,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "bulk", /* somebody looks at its progress */
	  .start = bulk_start,
	  .room = 2,
	  .lane_room = 1,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "import",
	  .start = import_start,
	  .room = 2,
	  .lane_room = 1,
	  .retry = { STEPS(5, 30, 300) } },
	{ .kind = "record_job",
	  .start = record_job_start,
	  .room = 2,
	  .lane_room = 1,
	  .retry = { STEPS(5, 30, 300) } },
	{ .kind = "file_sweep",
	  .start = file_sweep_start,
	  .room = 1,
	  .lane_room = 1,
	  .retry = { STEPS(3900, 7200, 86400) } },
	{ .kind = "booking_mail",
	  .start = booking_mail_start,
	  .room = 16,
	  .lane_room = 16,
	  .retry = { STEPS(2, 10, 60, 600, 3600) } },
	{ .kind = "web_push",
	  .start = web_push_start,
	  .room = 64,
	  .lane_room = 64,
	  .retry = { STEPS(5, 60, 600, 3600) } },
	{ .kind = "approval_mail",
	  .start = approval_mail_start,
	  .room = 8,
	  .lane_room = 8,
	  .retry = { STEPS(2, 10, 60, 600, 3600) } },
	{ .kind = "mail",
	  .start = mail_start,
	  .room = 8,
	  .lane_room = 4,
	  .retry = { STEPS(10, 60, 300, 1800, 7200, 21600, 43200) } },
	{ .kind = "poll_mailbox", /* comes again by itself */
	  .start = mailbox_start,
	  .room = 32,
	  .lane_room = 32,
	  .retry = { STEPS(5, 60) } },
	{ .kind = "fetch_media",
	  .start = message_start,
	  .repeatable = true,
	  .room = 16,
	  .lane_room = 4,
	  .retry = { STEPS(5, 30, 300, 1800, 7200) } },
	{ .kind = "channel_signal",
	  .start = message_start,
	  .room = 16,
	  .lane_room = 8,
	  .retry = { STEPS(1, 5, 30) } },
	{ .kind = "fetch_profile",
	  .start = message_start,
	  .room = 8,
	  .lane_room = 4,
	  .retry = { STEPS(5, 60, 600) } },
	{ .kind = "sync_templates",
	  .start = message_start,
	  .room = 4,
	  .lane_room = 2,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "submit_template",
	  .start = message_start,
	  .room = 4,
	  .lane_room = 1,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "lead_scores",
	  .start = lead_scores_start,
	  .room = 2,
	  .lane_room = 1,
	  .retry = { STEPS(5, 60, 600) } },
	{ .kind = "csat",
	  .start = csat_start,
	  .room = 8,
	  .lane_room = 8,
	  .retry = { STEPS(5, 60, 600) } },
	{ .kind = "translate_message", /* somebody waits before the page */
	  .start = translate_start,
	  .room = 8,
	  .lane_room = 4,
	  .retry = { STEPS(2, 10, 60) } },
	{ .kind = "link_preview",
	  .start = preview_start,
	  .room = 4,
	  .lane_room = 2,
	  .retry = { STEPS(10, 60) } },
	{ .kind = "webhook",
	  .start_all = webhook_start_all,
	  .room = 256,
	  .lane_room = 8 },
};

/* The list of seconds of the setting webhook_retry_s. */
static struct net_schedule webhook_schedule(void)
{
	struct sv rest = sv_from(conf_str(CONF_webhook_retry_s));
	int *steps = mem_alloc((rest.n + 1) * sizeof(int));
	size_t n = 0;

	while (sv_present(rest)) {
		int64_t seconds;

		if (sv_to_i64(sv_trim(sv_cut(&rest, ',')), &seconds) && seconds >= 0 &&
		    seconds <= 30 * 86400)
			steps[n++] = (int)seconds;
	}
	return (struct net_schedule){ .steps = steps, .n = n, .jitter = 20,
				      .retry_after_max = 86400 };
}

const struct job_handler *worker_handlers(size_t *n)
{
	*n = sizeof(handlers) / sizeof(*handlers);
	handlers[*n - 1].retry = webhook_schedule();
	return handlers;
}
