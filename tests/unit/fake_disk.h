/*
 * A disk that hangs or is full when a test says so, in the place of the C library's: as
 * publish/writer meets it. To be included by one file of a test, behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_FAKE_DISK_H
#define GATHERD_TESTS_UNIT_FAKE_DISK_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compiler.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned locks_to_hang;   /* so many of the next calls of flock(2) hang */
	unsigned flushes_to_hang; /* likewise of fsync(2) */
	unsigned hanging;
	unsigned releases; /* a call that hangs waits for this to change */
	int full;          /* fsync(2) fails with this errno */
	const char
	    *name; /* only what concerns files with this in their name; NULL: all */
} fake_disk = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

/* With the lock held. */
static bool
fake_disk_concerns(int fd)
{
	char link[64], path[4096];
	ssize_t len;

	if (fake_disk.name == NULL)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	return strstr(path, fake_disk.name) != NULL;
}

static void
fake_disk_pass(int fd, unsigned *to_hang)
{
	pthread_mutex_lock(&fake_disk.lock);
	if (*to_hang > 0 && fake_disk_concerns(fd)) {
		unsigned released = fake_disk.releases;

		--*to_hang;
		fake_disk.hanging++;
		pthread_cond_broadcast(&fake_disk.changed);
		while (fake_disk.releases == released)
			pthread_cond_wait(&fake_disk.changed, &fake_disk.lock);
		fake_disk.hanging--;
	}
	pthread_mutex_unlock(&fake_disk.lock);
}

/* The next COUNT openings (that of a document, too, locks a file) hang. */
UNUSED static void
fake_disk_hang_locks(unsigned count)
{
	pthread_mutex_lock(&fake_disk.lock);
	fake_disk.locks_to_hang = count;
	pthread_mutex_unlock(&fake_disk.lock);
}

/* The next COUNT documents hang before they have their name. */
UNUSED static void
fake_disk_hang_flushes(unsigned count)
{
	pthread_mutex_lock(&fake_disk.lock);
	fake_disk.flushes_to_hang = count;
	pthread_mutex_unlock(&fake_disk.lock);
}

/* From now on only files with NAME in theirs hang, or are full; NULL: all. */
UNUSED static void
fake_disk_choose(const char *name)
{
	pthread_mutex_lock(&fake_disk.lock);
	fake_disk.name = name;
	pthread_mutex_unlock(&fake_disk.lock);
}

/* Until COUNT calls hang. */
UNUSED static void
fake_disk_wait(unsigned count)
{
	pthread_mutex_lock(&fake_disk.lock);
	while (fake_disk.hanging < count)
		pthread_cond_wait(&fake_disk.changed, &fake_disk.lock);
	pthread_mutex_unlock(&fake_disk.lock);
}

/* All that hang go on. */
UNUSED static void
fake_disk_release(void)
{
	pthread_mutex_lock(&fake_disk.lock);
	fake_disk.releases++;
	pthread_cond_broadcast(&fake_disk.changed);
	pthread_mutex_unlock(&fake_disk.lock);
}

/* Likewise, and wait until COUNT temporary files in FOLDER have gone. */
UNUSED static void
fake_disk_release_left(const char *folder, int count)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int fd = inotify_init1(IN_CLOEXEC);

	assert_true(fd != -1); /* see max_user_instances in inotify(7) */
	assert_true(inotify_add_watch(fd, folder, IN_DELETE | IN_MOVED_FROM) != -1);
	fake_disk_release();
	while (count > 0) {
		ssize_t len = read(fd, events, sizeof(events));

		assert_true(len > 0);
		for (ssize_t at = 0; at < len; count--) {
			const struct inotify_event *event = (const void *)(events + at);

			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	close(fd);
}

UNUSED static void
fake_disk_fill(int error_number)
{
	pthread_mutex_lock(&fake_disk.lock);
	fake_disk.full = error_number;
	pthread_mutex_unlock(&fake_disk.lock);
}

/* As at the start, whatever a case before has left. */
UNUSED static void
fake_disk_reset(void)
{
	fake_disk_hang_locks(0);
	fake_disk_hang_flushes(0);
	fake_disk_fill(0);
	fake_disk_choose(NULL);
	fake_disk_release();
}

int
flock(int fd, int operation)
{
	if (operation == LOCK_EX)
		fake_disk_pass(fd, &fake_disk.locks_to_hang);
	return (int)syscall(SYS_flock, fd, operation);
}

int
fsync(int fd)
{
	int full;

	fake_disk_pass(fd, &fake_disk.flushes_to_hang);
	pthread_mutex_lock(&fake_disk.lock);
	full = fake_disk_concerns(fd) ? fake_disk.full : 0;
	pthread_mutex_unlock(&fake_disk.lock);
	errno = full;
	return full != 0 ? -1 : (int)syscall(SYS_fsync, fd);
}

#endif
