/*
 * Loaded before the C library (LD_PRELOAD in ld.so(8)), this gives a test the wall clock
 * of the program, and leaves the machine's alone:
 *
 *   PRELOAD_CLOCK    a file of 8 bytes, by how many milliseconds it is set forward: an
 *                    int64_t, read at each look at the clock
 *   PRELOAD_STEPS    a FIFO; a byte written there is what the kernel tells of a clock
 *                    that was set to a timer of TFD_TIMER_CANCEL_ON_SET
 *
 * Such a timer never expires by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef int timerfd_create_fn(int clock, int flags);
typedef int timerfd_settime_fn(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old);
typedef ssize_t read_fn(int fd, void *to, size_t size);

static const volatile int64_t *shift_ms; /* NULL: not looked for yet */
static int step_fd = -1;                 /* what the program holds for its timer */

static int64_t
shift(void)
{
	if (shift_ms == NULL) {
		int fd = open(getenv("PRELOAD_CLOCK"), O_RDONLY | O_CLOEXEC);
		void *map = mmap(NULL, sizeof(*shift_ms), PROT_READ, MAP_SHARED, fd, 0);

		if (map == MAP_FAILED)
			abort();
		close(fd);
		shift_ms = map;
	}
	return *shift_ms;
}

static bool
is_wall(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t ns;

	/* Past the sanitizers, who look at the clock before dlsym() is of use. */
	if (syscall(SYS_clock_gettime, clock, now) != 0)
		return -1;
	if (!is_wall(clock))
		return 0;
	ns = now->tv_nsec + shift() % 1000 * 1000000;
	now->tv_sec += shift() / 1000 + ns / 1000000000 - (ns < 0);
	now->tv_nsec = (ns + 1000000000) % 1000000000;
	return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &time);
	now->tv_sec = time.tv_sec;
	now->tv_usec = time.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *to)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to != NULL)
		*to = now.tv_sec;
	return now.tv_sec;
}

/* ---- the timer that waits for steps ---- */

int
timerfd_create(int clock, int flags)
{
	timerfd_create_fn *real =
	    (timerfd_create_fn *)dlsym(RTLD_NEXT, "timerfd_create");

	if (!is_wall(clock))
		return real(clock, flags);
	/* Read and write: it never ends, and is not waited for. */
	step_fd = open(getenv("PRELOAD_STEPS"), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (step_fd == -1)
		abort();
	return step_fd;
}

int
timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	timerfd_settime_fn *real =
	    (timerfd_settime_fn *)dlsym(RTLD_NEXT, "timerfd_settime");

	return fd == step_fd ? 0 : real(fd, flags, value, old);
}

ssize_t
read(int fd, void *to, size_t size)
{
	read_fn *real = (read_fn *)dlsym(RTLD_NEXT, "read");
	ssize_t count = real(fd, to, size);

	if (fd != step_fd || count <= 0)
		return count;
	errno = ECANCELED;
	return -1;
}
