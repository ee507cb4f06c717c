#include "daemon/progress.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"

/* How often the line is drawn: on a terminal for the eye, elsewhere for a file. */
static const struct timeval terminal_period = { .tv_usec = 100000 };
static const struct timeval file_period = { .tv_sec = 2 };

struct progress {
	struct event *timer; /* owned */
	bool terminal;
	bool running; /* between begin and end */
	bool drawn;   /* on a terminal: the line stands there now */
	size_t done;
	size_t failed;
	size_t total;
	int64_t begun_us;
};

static void
write_text(const char *text, int len)
{
	/* Nothing depends on it: what cannot be written is not shown. */
	if (len > 0 && write(STDERR_FILENO, text, (size_t)len) == -1)
		return;
}

static void
wipe(void *arg)
{
	struct progress *progress = arg;

	if (!progress->drawn)
		return;
	write_text("\r\033[K", 4);
	progress->drawn = false;
}

static void
draw(void *arg)
{
	struct progress *progress = arg;
	double seconds = (double)(clock_now_us() - progress->begun_us) / 1e6;
	char text[160];
	int len;

	if (!progress->running)
		return;
	len =
	    snprintf(text, sizeof(text), "%sgathered %zu of %zu, %zu failed, %.1f s%s",
	        progress->terminal ? "\r" : "", progress->done, progress->total,
	        progress->failed, seconds, progress->terminal ? "\033[K" : "\n");
	write_text(text, len);
	progress->drawn = progress->terminal;
}

static void
on_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	draw(arg);
}

struct progress *
progress_new(struct event_base *base)
{
	struct progress *progress = xcalloc(1, sizeof(*progress));

	progress->terminal = isatty(STDERR_FILENO);
	progress->timer = event_new(base, -1, EV_PERSIST, on_timer, progress);
	if (progress->timer == NULL) {
		free(progress);
		return NULL;
	}
	/* Only a terminal has a line that others would write into. */
	if (progress->terminal)
		log_wrap(wipe, draw, progress);
	return progress;
}

void
progress_free(struct progress *progress)
{
	if (progress == NULL)
		return;
	wipe(progress);
	if (progress->terminal)
		log_wrap(NULL, NULL, NULL);
	event_free(progress->timer);
	free(progress);
}

void
progress_begin(struct progress *progress, size_t target_count)
{
	progress->running = true;
	progress->done = 0;
	progress->failed = 0;
	progress->total = target_count;
	progress->begun_us = clock_now_us();
	event_add(
	    progress->timer, progress->terminal ? &terminal_period : &file_period);
	if (progress->terminal)
		draw(progress);
}

void
progress_step(struct progress *progress, bool failed)
{
	progress->done++;
	if (failed)
		progress->failed++;
}

void
progress_end(struct progress *progress)
{
	event_del(progress->timer);
	if (progress->terminal)
		wipe(progress);
	else
		draw(progress);
	progress->running = false;
}
