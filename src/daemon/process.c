#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/compiler.h"

/* Larger than all but few answers (`max_body` is 1 MiB): fresh pages cost time. */
#define LARGE_BLOCK_BYTES (4 * 1024 * 1024)

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

/*
 * By itself glibc takes blocks up to the largest one that was ever freed (at most 32 MiB) out
 * of a heap, in which one block that stays keeps all the others from going back to the system:
 * a document of some MiB would be held many times over. Those that are large get pages of
 * their own. What is said here ends glibc's own fitting, so that the second number, twice the
 * first as it would be, is to be said, too. See mallopt(3).
 */
static void
give_back_large_blocks(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BLOCK_BYTES);
#endif
}

void
process_begin(void)
{
	choose_signals();
	give_back_large_blocks();
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
