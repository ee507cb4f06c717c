#include "daemon/scheduled.h"

#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/diff.h"
#include "daemon/alarm.h"
#include "daemon/gatherer.h"
#include "daemon/greeting.h"
#include "daemon/notify.h"
#include "daemon/output.h"
#include "daemon/process.h"
#include "daemon/reload.h"
#include "daemon/serving.h"
#include "daemon/signals.h"
#include "daemon/vital_signs.h"
#include "gather/report.h"
#include "gather/round.h"
#include "gather/schedule.h"
#include "publish/metrics/vitals.h"

/* After a standstill, what arrived meanwhile is looked at first, for so long. */
#define CATCH_UP_US ((int64_t)20000)

/* A schedule that is behind by more, twice in a row, stands still. */
#define OVERDUE_US ((int64_t)5000000)

struct scheduled {
	struct event_base *base; /* owned, as all below */
	struct signals *signals;
	struct notify *notify;
	struct gatherer *gatherer;
	struct serving *serving;
	struct vital_signs *signs;
	struct schedule *schedule; /* NULL: not ready yet */
	struct alarm *alarm;
	struct reload *reload;

	struct config *config; /* a reference */
	bool reload_due;       /* asked for before it was ready */
	bool gather_due;       /* likewise */
	bool catching_up;
	bool was_overdue;
	/* Why the config in force is an old one; owned; NULL: it is not. */
	char *reload_fault;
	bool stopped; /* by a signal: not by a loop that failed */
	enum exit_status status;
};

static struct schedule_now
now(void)
{
	return (struct schedule_now){
		.boot_us = clock_boot_us(),
		.wall_ms = clock_wall_ms(),
	};
}

/* ---- rounds ---- */

static void
arm(struct scheduled *scheduled)
{
	int64_t next_us = schedule_next_us(scheduled->schedule);

	/* What arrived while all stood still is being read: it has its time. */
	if (!scheduled->catching_up)
		alarm_set(scheduled->alarm, next_us);
	serving_plan(scheduled->serving, next_us);
}

/* After a standstill the answers that lie in the sockets are read before their targets
 * are found still running. */
static bool
is_to_catch_up(struct scheduled *scheduled, const struct schedule_now *time)
{
	int64_t late_us = time->boot_us - schedule_next_us(scheduled->schedule);
	bool first = !scheduled->catching_up;

	scheduled->catching_up = first && late_us > ROUND_STANDSTILL_US;
	return scheduled->catching_up;
}

static void
on_ring(void *arg)
{
	struct scheduled *scheduled = arg;
	const struct schedule_now time = now();
	struct schedule_due due;

	if (is_to_catch_up(scheduled, &time)) {
		alarm_set(scheduled->alarm, time.boot_us + CATCH_UP_US);
		return;
	}
	if (schedule_take(scheduled->schedule, &time, &due)) {
		report_missed(gatherer_report(scheduled->gatherer), due.missed,
		    schedule_missed_count(scheduled->schedule), due.interval_ms,
		    clock_now_us());
		gatherer_start_round(scheduled->gatherer, due.places, due.count);
	}
	arm(scheduled);
}

static void
on_step(void *arg)
{
	struct scheduled *scheduled = arg;
	const struct schedule_now time = now();

	log_debug("the wall clock was set");
	/* The schedule is yet to be made, by the clock as it is then. */
	if (scheduled->schedule == NULL)
		return;
	schedule_clock_stepped(scheduled->schedule, &time);
	arm(scheduled);
}

/* What `systemctl status` shows. */
static void
tell_status(struct scheduled *scheduled, const char *text)
{
	if (scheduled->reload_fault == NULL)
		notify_status(scheduled->notify, "%s", text);
	else
		notify_status(scheduled->notify, "config not reloaded: %s; %s",
		    scheduled->reload_fault, text);
}

static void
on_round(const char *line, void *arg)
{
	struct scheduled *scheduled = arg;

	tell_status(scheduled, line);
}

/* ---- what is seen from outside ---- */

static void
on_form(enum snapshot_form form, struct snapshot *snapshot, int error_number, void *arg)
{
	const struct scheduled *scheduled = arg;

	serving_show(scheduled->serving, form, snapshot, error_number);
}

static void
on_vitals(struct vitals *vitals, void *arg)
{
	const struct scheduled *scheduled = arg;

	if (scheduled->schedule != NULL)
		vitals->missed_rounds = schedule_missed_count(scheduled->schedule);
	vital_signs_see(scheduled->signs, vitals);
	serving_see(scheduled->serving, vitals);
}

static bool
shows_snapshots(const struct scheduled *scheduled)
{
	return serving_wants_snapshots(scheduled->serving, scheduled->config);
}

/* Who measures the loop wakes it. */
static void
set_beat(struct scheduled *scheduled)
{
	vital_signs_beat(scheduled->signs,
	    shows_snapshots(scheduled) ||
	        scheduled->config->output.metrics.value.text.len > 0);
}

/* ---- the beginning ---- */

static void
gather_now(struct scheduled *scheduled)
{
	log_info("gathering everything now, on SIGUSR1");
	gatherer_ask_all(scheduled->gatherer);
}

static void
begin(struct scheduled *scheduled)
{
	const struct schedule_now time = now();

	scheduled->schedule = schedule_new(scheduled->config, &time);
	greeting_log(scheduled->config);
	tell_status(scheduled, "gathering for the first time");
	notify_ready(scheduled->notify);
	arm(scheduled);
	/* Else the first round comes now anyway. */
	if (scheduled->gather_due && scheduled->config->align)
		gather_now(scheduled);
	if (scheduled->reload_due)
		reload_request(scheduled->reload);
}

static void
on_ready(bool ready, void *arg)
{
	struct scheduled *scheduled = arg;

	if (scheduled->schedule != NULL) {
		reload_output_ready(scheduled->reload, ready);
	} else if (ready) {
		begin(scheduled);
	} else {
		event_base_loopbreak(scheduled->base);
	}
}

static bool
is_well(void *arg)
{
	struct scheduled *scheduled = arg;
	bool is_overdue =
	    schedule_is_overdue(scheduled->schedule, clock_boot_us(), OVERDUE_US);
	/* Right after a standstill it is, once. */
	bool well = !is_overdue || !scheduled->was_overdue;

	scheduled->was_overdue = is_overdue;
	return well;
}

/* ---- reload ---- */

static void
on_reload_begin(void *arg)
{
	struct scheduled *scheduled = arg;

	notify_reloading(scheduled->notify);
}

/* What is new or other than it was is due now. */
static void
gather_changed(struct scheduled *scheduled, const struct config_diff *diff)
{
	size_t max = diff->counts[TARGET_ADDED] + diff->counts[TARGET_CHANGED];
	struct round_place *places = xcalloc(max + 1, sizeof(*places));
	size_t count = 0;

	for (size_t i = 0; i < scheduled->config->target_count; i++) {
		enum target_change change = diff->changes[i];

		if (change == TARGET_ADDED || change == TARGET_CHANGED)
			places[count++].index = i;
	}
	if (count > 0)
		gatherer_ask_now(scheduled->gatherer, places, count);
	free(places);
}

/* What is published in the reload says that it went well. */
static void
on_taken(void *arg)
{
	const struct scheduled *scheduled = arg;

	vital_signs_reloaded(scheduled->signs, true);
}

static void
on_changed(struct config *config, const struct config_diff *diff, void *arg)
{
	struct scheduled *scheduled = arg;
	const struct schedule_now time = now();

	config_ref(config);
	config_unref(scheduled->config);
	scheduled->config = config;
	set_beat(scheduled);
	schedule_reload(scheduled->schedule, config, &time);
	gather_changed(scheduled, diff);
	arm(scheduled);
}

static void
on_reload_end(const char *fault, void *arg)
{
	struct scheduled *scheduled = arg;

	free(scheduled->reload_fault);
	scheduled->reload_fault = fault != NULL ? xstrdup(fault) : NULL;
	if (fault != NULL)
		vital_signs_reloaded(scheduled->signs, false);
	tell_status(scheduled,
	    fault != NULL ? "the one from before goes on" : "config reloaded");
	notify_ready(scheduled->notify);
}

/* ---- signals ---- */

static void
on_stop(int number, void *arg)
{
	struct scheduled *scheduled = arg;

	/* A second one has its usual effect. */
	signals_release(scheduled->signals, SIGTERM);
	signals_release(scheduled->signals, SIGINT);
	log_info("stopping on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	notify_stopping(scheduled->notify);
	scheduled->stopped = true;
	event_base_loopbreak(scheduled->base);
}

static void
on_hangup(UNUSED int number, void *arg)
{
	struct scheduled *scheduled = arg;

	/* Without an output it is too early to try another one. */
	if (scheduled->schedule == NULL)
		scheduled->reload_due = true;
	else
		reload_request(scheduled->reload);
}

static void
on_gather_now(UNUSED int number, void *arg)
{
	struct scheduled *scheduled = arg;

	if (scheduled->schedule == NULL)
		scheduled->gather_due = true;
	else
		gather_now(scheduled);
}

static const struct signal_row signal_rows[] = {
	{ SIGTERM, on_stop },
	{ SIGINT, on_stop },
	{ SIGHUP, on_hangup },
	{ SIGUSR1, on_gather_now },
	{ 0, NULL },
};

/* ---- parts ---- */

/* False, for the caller to return. */
static bool
cannot_start(const char *what)
{
	log_error("cannot start: no %s: %m", what);
	return false;
}

static bool
make_gatherer(struct scheduled *scheduled, const struct options *given,
    const struct marked *output)
{
	const struct gatherer_events events = {
		.on_ready = on_ready,
		.on_round = on_round,
		.on_form = on_form,
		.on_vitals = on_vitals,
		.arg = scheduled,
	};
	const struct gatherer_options options = {
		.output = output,
		.config_path = given->config_path,
		.descriptors = process_raise_descriptors(),
		.shows_snapshots = shows_snapshots(scheduled),
	};

	scheduled->gatherer =
	    gatherer_new(scheduled->base, scheduled->config, &options, &events);
	return scheduled->gatherer != NULL;
}

static bool
make_clockwork(struct scheduled *scheduled, const struct options *options)
{
	const struct alarm_events alarm_events = {
		.on_ring = on_ring,
		.on_step = on_step,
		.arg = scheduled,
	};
	const struct reload_events reload_events = {
		.on_begin = on_reload_begin,
		.on_taken = on_taken,
		.on_changed = on_changed,
		.on_end = on_reload_end,
		.arg = scheduled,
	};
	const struct reload_parts parts = {
		.gatherer = scheduled->gatherer,
		.serving = scheduled->serving,
	};

	scheduled->alarm = alarm_new(scheduled->base, &alarm_events);
	if (scheduled->alarm == NULL)
		return cannot_start("timer");
	scheduled->reload = reload_new(
	    scheduled->base, &parts, scheduled->config, options, &reload_events);
	if (scheduled->reload == NULL)
		return cannot_start("timer");
	scheduled->signals = signals_new(scheduled->base, signal_rows, scheduled);
	if (scheduled->signals == NULL)
		return cannot_start("signalfd");
	return true;
}

static bool
make_parts(struct scheduled *scheduled, const struct options *options,
    const struct marked *output)
{
	scheduled->base = event_base_new();
	if (scheduled->base == NULL)
		return cannot_start("event loop");
	scheduled->notify = notify_new(scheduled->base, is_well, scheduled);
	scheduled->signs = vital_signs_new(scheduled->base);
	if (scheduled->signs == NULL)
		return cannot_start("timer");
	scheduled->serving = serving_new(scheduled->config);
	if (scheduled->serving == NULL)
		return false;
	set_beat(scheduled);
	return make_gatherer(scheduled, options, output) &&
	    make_clockwork(scheduled, options);
}

static void
free_parts(struct scheduled *scheduled)
{
	reload_free(scheduled->reload);
	alarm_free(scheduled->alarm);
	schedule_free(scheduled->schedule);
	gatherer_free(scheduled->gatherer);
	serving_free(scheduled->serving);
	vital_signs_free(scheduled->signs);
	signals_free(scheduled->signals);
	notify_free(scheduled->notify);
	if (scheduled->base != NULL)
		event_base_free(scheduled->base);
	config_unref(scheduled->config);
	free(scheduled->reload_fault);
}

static enum exit_status
run(struct scheduled *scheduled)
{
	event_base_dispatch(scheduled->base);
	if (scheduled->stopped)
		return EXIT_STATUS_OK;
	if (scheduled->schedule != NULL)
		log_error("the event loop failed: %m");
	return EXIT_STATUS_NOT_PUBLISHED;
}

enum exit_status
scheduled_run(struct config *config, const struct options *options)
{
	struct scheduled scheduled = { .config = config_ref(config) };
	struct marked output;

	log_drop_unread();
	if (!output_choose(config, options, &output)) {
		log_error("nothing says where the document goes: -o FILE, output.file "
		          "in the config, or STATE_DIRECTORY");
		scheduled.status = EXIT_STATUS_USAGE;
	} else if (make_parts(&scheduled, options, &output)) {
		scheduled.status = run(&scheduled);
	} else {
		scheduled.status = EXIT_STATUS_NOT_PUBLISHED;
	}
	free_parts(&scheduled);
	marked_clear(&output);
	return scheduled.status;
}
