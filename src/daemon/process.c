#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"

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

static void
on_stop_means_exit(UNUSED int number)
{
	_exit(0);
}

static void
on_stop_as_init(int number)
{
	_exit(128 + number);
}

/* HANDLER ends the program between any two steps: it keeps to signal-safety(7). */
static void
handle_stops(void (*handler)(int number))
{
	struct sigaction action = { .sa_handler = handler };

	sigfillset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

/* pid_namespaces(7): to PID 1 the kernel delivers no signal that has its default effect,
 * and gives the children of everyone who ended. */
static void
begin_as_init(void)
{
	handle_stops(on_stop_as_init);
	signal(SIGCHLD, SIG_IGN);
}

static void
release_stops(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void
choose_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void
process_begin(void)
{
	choose_signals();
	if (getpid() == 1)
		begin_as_init();
	open_missing_standard_files();
}

void
process_stop_kills(void)
{
	release_stops();
}

void
process_stop_means_exit(void)
{
	handle_stops(on_stop_means_exit);
	release_stops();
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

void
process_die_by(int number)
{
	signal(number, SIG_DFL);
	raise(number);
	_exit(128 + number);
}
