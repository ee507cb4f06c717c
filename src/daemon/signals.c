#include "daemon/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"

/*
 * By a signalfd(2), not by libevent's handler, which writes a byte for each signal into a
 * pipe: a flood of one signal fills that, and another one is lost. Here a signal that
 * comes again before it was read is one.
 */
struct signals {
	struct event *event; /* owned */
	int fd;              /* owned; -1: none */
	sigset_t handled;    /* what FD reads, held back otherwise */
	sigset_t before;     /* what was held back at the start */
	void *arg;
	size_t count;
	struct signal_row rows[]; /* copies */
};

static void
call(const struct signals *signals, int number)
{
	for (size_t i = 0; i < signals->count; i++) {
		if (signals->rows[i].number == number)
			signals->rows[i].on_signal(number, signals->arg);
	}
}

static void
on_readable(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct signals *signals = arg;
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		call(signals, (int)info.ssi_signo);
}

/* Let the signals of SET have the effect that they had before. Those that are waiting came
 * to us, and would now kill. */
static void
let_go(const struct signals *signals, const sigset_t *set)
{
	const struct timespec at_once = { 0, 0 };
	sigset_t passing;

	sigemptyset(&passing);
	for (size_t i = 0; i < signals->count; i++) {
		int number = signals->rows[i].number;

		if (sigismember(set, number) == 1 &&
		    sigismember(&signals->before, number) == 0)
			sigaddset(&passing, number);
	}
	while (!sigisemptyset(&passing) && sigtimedwait(&passing, NULL, &at_once) > 0)
		continue;
	pthread_sigmask(SIG_UNBLOCK, &passing, NULL);
}

void
signals_release(struct signals *signals, int number)
{
	sigset_t released;

	if (sigismember(&signals->handled, number) != 1)
		return;
	sigemptyset(&released);
	sigaddset(&released, number);
	sigdelset(&signals->handled, number);
	signalfd(signals->fd, &signals->handled, 0);
	let_go(signals, &released);
}

static bool
listen_to(struct signals *signals, struct event_base *base)
{
	sigemptyset(&signals->handled);
	for (size_t i = 0; i < signals->count; i++) {
		if (sigaddset(&signals->handled, signals->rows[i].number) == -1)
			return false;
	}
	signals->fd = signalfd(-1, &signals->handled, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd == -1)
		return false;
	signals->event =
	    event_new(base, signals->fd, EV_READ | EV_PERSIST, on_readable, signals);
	return signals->event != NULL && event_add(signals->event, NULL) == 0;
}

struct signals *
signals_new(struct event_base *base, const struct signal_row *rows, void *arg)
{
	struct signals *signals;
	size_t count = 0;

	while (rows[count].number != 0)
		count++;
	signals = xcalloc(1, sizeof(*signals) + count * sizeof(*rows));
	signals->count = count;
	for (size_t i = 0; i < count; i++)
		signals->rows[i] = rows[i];
	signals->arg = arg;
	signals->fd = -1;
	pthread_sigmask(SIG_SETMASK, NULL, &signals->before);
	if (!listen_to(signals, base)) {
		sigemptyset(&signals->handled);
		signals_free(signals);
		return NULL;
	}
	pthread_sigmask(SIG_BLOCK, &signals->handled, NULL);
	return signals;
}

void
signals_free(struct signals *signals)
{
	if (signals == NULL)
		return;
	let_go(signals, &signals->handled);
	if (signals->event != NULL)
		event_free(signals->event);
	if (signals->fd != -1)
		close(signals->fd);
	free(signals);
}
