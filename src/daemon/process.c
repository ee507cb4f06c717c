#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"

struct stop_signals {
	struct event *term; /* owned */
	struct event *interrupt;
	void (*on_stop)(int number, void *arg);
	void *arg;
};

static void
open_missing_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
			/* The lowest free number is taken: it is FD itself. Who writes to a
			 * standard output that was closed is to be told, as before. */
			if (open("/dev/null",
			        fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) == -1)
				_exit(2);
		}
	}
}

void
process_begin(void)
{
	sigset_t held, released;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&held);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGUSR1);
	sigprocmask(SIG_BLOCK, &held, NULL);
	/* Whoever started us may have held these back, and we would inherit it. */
	sigemptyset(&released);
	sigaddset(&released, SIGTERM);
	sigaddset(&released, SIGINT);
	sigprocmask(SIG_UNBLOCK, &released, NULL);
	open_missing_standard_files();
}

size_t
process_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 256;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			limit.rlim_cur = before;
	}
	/* Containers may say "unlimited"; a number of descriptors is an int all the same. */
	return limit.rlim_cur > 1 << 30 ? 1 << 30 : (size_t)limit.rlim_cur;
}

static void
on_signal(evutil_socket_t number, UNUSED short what, void *arg)
{
	struct stop_signals *signals = arg;

	/* The handlers go first, so that a second signal has its usual effect. */
	event_del(signals->term);
	event_del(signals->interrupt);
	signals->on_stop((int)number, signals->arg);
}

struct stop_signals *
stop_signals_new(
    struct event_base *base, void (*on_stop)(int number, void *arg), void *arg)
{
	struct stop_signals *signals = xcalloc(1, sizeof(*signals));

	signals->on_stop = on_stop;
	signals->arg = arg;
	signals->term = evsignal_new(base, SIGTERM, on_signal, signals);
	signals->interrupt = evsignal_new(base, SIGINT, on_signal, signals);
	if (signals->term == NULL || signals->interrupt == NULL ||
	    event_add(signals->term, NULL) == -1 ||
	    event_add(signals->interrupt, NULL) == -1) {
		stop_signals_free(signals);
		return NULL;
	}
	return signals;
}

void
stop_signals_free(struct stop_signals *signals)
{
	if (signals == NULL)
		return;
	if (signals->term != NULL)
		event_free(signals->term);
	if (signals->interrupt != NULL)
		event_free(signals->interrupt);
	free(signals);
}

void
process_die_by(int number)
{
	signal(number, SIG_DFL);
	raise(number);
	_exit(128 + number);
}
