#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"

/* What `systemctl status` shows in one line, and not all of it on most terminals. */
#define MAX_STATUS_BYTES 300

#define STATUS_PERIOD_US 1000000

/* Less would keep the loop busy with nothing else. */
#define MIN_WATCHDOG_US 1000

#define READY           "READY=1"
#define RELOADING       "RELOADING=1"
#define STOPPING_STATUS "Stopping"

static const struct timeval retry_delay = { .tv_usec = 100000 };

struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_len;
	bool error_was_told;

	/* The change of state that found the receiver's queue full, or NULL; owned. It must
	 * not get lost, or systemd takes a start or a reload for failed. */
	char *unsent;
	struct event retry;

	char *shown;         /* the last STATUS= that was sent, or NULL; owned */
	char *next;          /* what comes when its second is over, or NULL; owned */
	int64_t shown_at_us; /* clock_now_us() */
	struct event status_timer;

	int64_t watchdog_us; /* 0: no signs of life are wanted */
	struct event watchdog;
	bool (*is_well)(void *arg);
	void *arg;
	bool was_ill; /* the last sign of life was not given */
};

/* ---- the socket ---- */

/* Where $NOTIFY_SOCKET leads: a path, or an abstract name behind '@' (unix(7)). */
static bool
find_address(struct notify *notify, const char *name)
{
	struct sockaddr_un *address = &notify->address;
	size_t len = strlen(name);
	/* A path has its NUL in there; an abstract name is as long as the address says. */
	size_t room = sizeof(address->sun_path) - (name[0] == '@' ? 0 : 1);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len > room)
		return false;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, len);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
	    (name[0] == '@' ? 0 : 1));
	return true;
}

static void
tell_error(struct notify *notify, const char *reason)
{
	if (!notify->error_was_told)
		log_debug("cannot notify systemd: %s", reason);
	notify->error_was_told = true;
}

static void
open_socket(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");

	notify->fd = -1;
	if (name == NULL || name[0] == '\0')
		return;
	if (!find_address(notify, name)) {
		tell_error(notify, "NOTIFY_SOCKET is no path and no abstract name");
		return;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd == -1)
		tell_error(notify, strerror(errno));
}

/* Returns whether TEXT need not be tried again: it was sent, or never will be. The address
 * is given each time, since systemd may open the socket anew. */
static bool
send_text(struct notify *notify, const char *text)
{
	ssize_t sent;

	if (notify->fd == -1)
		return true;
	do {
		sent = sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
		    (const struct sockaddr *)&notify->address, notify->address_len);
	} while (sent == -1 && errno == EINTR);
	if (sent != -1)
		return true;
	tell_error(notify, strerror(errno));
	return errno != EAGAIN && errno != ENOBUFS;
}

/* ---- changes of state ---- */

static void
send_unsent(struct notify *notify)
{
	if (send_text(notify, notify->unsent)) {
		free(notify->unsent);
		notify->unsent = NULL;
	} else {
		evtimer_add(&notify->retry, &retry_delay);
	}
}

static void
on_retry(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	send_unsent(arg);
}

/* TEXT takes the place of what still waits: that is over. */
static void
send_state(struct notify *notify, const char *text)
{
	evtimer_del(&notify->retry);
	free(notify->unsent);
	notify->unsent = xstrdup(text);
	send_unsent(notify);
}

/* ---- the status line ---- */

/* TEXT as one line that is not too long; the caller's. */
static char *
clean_status(const char *text)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	utf8_append_cleaned(&line, text, strlen(text), MAX_STATUS_BYTES);
	if (line.len > MAX_STATUS_BYTES) {
		size_t len = MAX_STATUS_BYTES;

		/* Not in the middle of a character: the bytes that go on with one. */
		while (((unsigned char)line.data[len] & 0xC0) == 0x80)
			len--;
		buffer_truncate(&line, len);
	}
	return buffer_take(&line);
}

/* There is nothing to come when the second is over. */
static void
forget_next(struct notify *notify)
{
	evtimer_del(&notify->status_timer);
	free(notify->next);
	notify->next = NULL;
}

/* TEXT, which is taken over, is what systemd shows from now on. */
static void
set_shown(struct notify *notify, char *text)
{
	forget_next(notify);
	free(notify->shown);
	notify->shown = text;
	notify->shown_at_us = clock_now_us();
}

/* TEXT, which is taken over, comes in DELAY_US instead of what would have come then. */
static void
send_status_later(struct notify *notify, char *text, int64_t delay_us)
{
	const struct timeval delay = clock_timeval(delay_us);

	forget_next(notify);
	notify->next = text;
	evtimer_add(&notify->status_timer, &delay);
}

/* TEXT is taken over. */
static void
send_status(struct notify *notify, char *text)
{
	char *message = xasprintf("STATUS=%s", text);

	if (send_text(notify, message))
		set_shown(notify, text);
	else
		send_status_later(notify, text, STATUS_PERIOD_US);
	free(message);
}

static void
on_status_timer(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct notify *notify = arg;
	char *next = notify->next;

	notify->next = NULL;
	send_status(notify, next);
}

void
notify_status(struct notify *notify, const char *format, ...)
{
	int64_t wait_us = 0;
	char *text, *line;
	va_list args;

	if (notify->fd == -1)
		return;
	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	line = clean_status(text);
	free(text);
	if (notify->shown != NULL)
		wait_us = notify->shown_at_us + STATUS_PERIOD_US - clock_now_us();
	if (notify->shown != NULL && strcmp(line, notify->shown) == 0) {
		forget_next(notify);
		free(line);
	} else if (wait_us > 0) {
		send_status_later(notify, line, wait_us);
	} else {
		send_status(notify, line);
	}
}

/* ---- signs of life ---- */

/* What sd_watchdog_enabled(3) reads: WATCHDOG_USEC, unless it is meant for another. */
static int64_t
wanted_watchdog_us(void)
{
	const char *time = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t time_us, number;

	if (time == NULL || !units_parse_int(time, 1, INT64_MAX, &time_us))
		return 0;
	if (pid != NULL &&
	    (!units_parse_int(pid, 1, INT64_MAX, &number) || number != getpid()))
		return 0;
	return time_us;
}

static void
give_sign_of_life(struct notify *notify)
{
	bool well = notify->is_well(notify->arg);

	if (well)
		(void)send_text(notify, "WATCHDOG=1"); /* the next one is soon */
	else if (!notify->was_ill)
		log_warn("the schedule is overdue: no sign of life for systemd");
	notify->was_ill = !well;
}

static void
on_watchdog(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	give_sign_of_life(arg);
}

static void
begin_signs_of_life(struct notify *notify)
{
	int64_t period_us = notify->watchdog_us / 3;
	const struct timeval period =
	    clock_timeval(period_us < MIN_WATCHDOG_US ? MIN_WATCHDOG_US : period_us);

	if (notify->fd == -1 || notify->watchdog_us == 0 ||
	    event_pending(&notify->watchdog, EV_TIMEOUT, NULL))
		return;
	give_sign_of_life(notify);
	event_add(&notify->watchdog, &period);
}

/* ---- the whole ---- */

/* The end of a reload whose beginning still waits goes with it: a manager that has asked for
 * the reload waits for both. The caller's. */
static char *
ready_text(const struct notify *notify)
{
	const char *unsent = notify->unsent;

	if (unsent == NULL || strncmp(unsent, RELOADING, strlen(RELOADING)) != 0)
		return xstrdup(READY);
	return strstr(unsent, READY) != NULL ? xstrdup(unsent)
	                                     : xasprintf("%s\n" READY, unsent);
}

void
notify_ready(struct notify *notify)
{
	char *text = ready_text(notify);

	send_state(notify, text);
	free(text);
	begin_signs_of_life(notify);
}

void
notify_reloading(struct notify *notify)
{
	char *text =
	    xasprintf(RELOADING "\nMONOTONIC_USEC=%lld", (long long)clock_now_us());

	send_state(notify, text);
	free(text);
}

void
notify_stopping(struct notify *notify)
{
	send_state(notify, "STOPPING=1\nSTATUS=" STOPPING_STATUS);
	set_shown(notify, xstrdup(STOPPING_STATUS));
}

struct notify *
notify_new(struct event_base *base, bool (*is_well)(void *arg), void *arg)
{
	struct notify *notify = xcalloc(1, sizeof(*notify));

	notify->is_well = is_well;
	notify->arg = arg;
	evtimer_assign(&notify->retry, base, on_retry, notify);
	evtimer_assign(&notify->status_timer, base, on_status_timer, notify);
	event_assign(&notify->watchdog, base, -1, EV_PERSIST, on_watchdog, notify);
	notify->watchdog_us = wanted_watchdog_us();
	open_socket(notify);
	return notify;
}

void
notify_free(struct notify *notify)
{
	if (notify == NULL)
		return;
	evtimer_del(&notify->retry);
	evtimer_del(&notify->status_timer);
	event_del(&notify->watchdog);
	if (notify->fd != -1)
		close(notify->fd);
	free(notify->unsent);
	free(notify->shown);
	free(notify->next);
	free(notify);
}
