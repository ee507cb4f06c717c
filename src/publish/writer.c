#include "publish/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/atomic_file.h"
#include "base/pieces.h"
#include "base/xalloc.h"
#include "publish/snapshot.h"

/* A disk that hangs is not waited for longer than this when the program ends. */
#define FAREWELL_MS 800

/* Where documents go. */
enum destination {
	TO_STANDARD_OUTPUT,
	TO_FILE,   /* replaced as a whole */
	TO_STREAM, /* a device or a FIFO: can only be written into */
};

/*
 * What the loop and the thread share. The thread outlives the writer where a disk hangs
 * at the end; whoever lets go last frees it.
 */
struct desk {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned references;
	bool stopping;
	bool idle;              /* nothing is being written */
	struct snapshot *order; /* to be written, or NULL; the loop's reference */
	int error_number;       /* of the last one written */
	int wake_fd;            /* eventfd(2): written when an order is done */

	enum destination destination;
	char *path;
	mode_t mode;
	bool sync;
};

struct writer {
	struct desk *desk; /* shared */
	struct event *woken;
	struct snapshot *current; /* the reference held for the thread */
	writer_done_fn *done;
	void *arg;
};

static void
desk_unref(struct desk *desk)
{
	bool last;

	pthread_mutex_lock(&desk->lock);
	last = --desk->references == 0;
	pthread_mutex_unlock(&desk->lock);
	if (!last)
		return;
	if (desk->wake_fd != -1)
		close(desk->wake_fd);
	pthread_cond_destroy(&desk->changed);
	pthread_mutex_destroy(&desk->lock);
	free(desk->path);
	free(desk);
}

/* ---- in the thread ---- */

static int
write_stream(int fd, const struct iovec *pieces, size_t count)
{
	return pieces_write(fd, pieces, count) ? 0 : errno;
}

static int
open_and_write_stream(const char *path, const struct iovec *pieces, size_t count)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int error_number;

	if (fd == -1)
		return errno;
	error_number = write_stream(fd, pieces, count);
	if (close(fd) == -1 && error_number == 0)
		error_number = errno;
	return error_number;
}

static int
carry_out(const struct desk *desk, const struct snapshot *snapshot)
{
	size_t count;
	const struct iovec *pieces = snapshot_pieces(snapshot, &count);

	switch (desk->destination) {
	case TO_STANDARD_OUTPUT:
		return write_stream(STDOUT_FILENO, pieces, count);
	case TO_STREAM:
		return open_and_write_stream(desk->path, pieces, count);
	case TO_FILE:
		if (atomic_file_replace(
		        desk->path, pieces, count, desk->mode, desk->sync))
			return 0;
		return errno;
	}
	return EINVAL;
}

static void *
run(void *arg)
{
	struct desk *desk = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&desk->lock);
	while (!desk->stopping) {
		struct snapshot *order = desk->order;
		int error_number;

		if (order == NULL) {
			pthread_cond_wait(&desk->changed, &desk->lock);
			continue;
		}
		desk->order = NULL;
		pthread_mutex_unlock(&desk->lock);
		error_number = carry_out(desk, order);
		pthread_mutex_lock(&desk->lock);
		desk->error_number = error_number;
		desk->idle = true;
		pthread_cond_broadcast(&desk->changed);
		/* An eventfd takes 8 bytes whenever its counter does not overflow. */
		if (write(desk->wake_fd, &one, sizeof(one)) == -1)
			abort();
	}
	pthread_mutex_unlock(&desk->lock);
	desk_unref(desk);
	return NULL;
}

/* ---- in the loop ---- */

static void
on_woken(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct writer *writer = arg;
	struct snapshot *written = writer->current;
	uint64_t count;
	int error_number;

	if (read(fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&writer->desk->lock);
	error_number = writer->desk->error_number;
	pthread_mutex_unlock(&writer->desk->lock);
	writer->current = NULL;
	snapshot_unref(written);
	writer->done(error_number, writer->arg);
}

bool
writer_busy(const struct writer *writer)
{
	return writer->current != NULL;
}

void
writer_put(struct writer *writer, struct snapshot *snapshot)
{
	struct desk *desk = writer->desk;

	assert(!writer_busy(writer));
	writer->current = snapshot_ref(snapshot);
	pthread_mutex_lock(&desk->lock);
	desk->order = snapshot;
	desk->idle = false;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
}

/* ---- making and freeing ---- */

/* By any of its names: what the links in /proc lead to is the file that the shell opened,
 * perhaps to append to it, and must not be replaced. */
static bool
is_standard_output(const char *path)
{
	static const char *const names[] = { "-", "/dev/stdout", "/dev/fd/1",
		"/proc/self/fd/1" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (strcmp(path, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
check_standard_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	if (flags == -1)
		return false;
	errno = EBADF;
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Can PATH of TYPE, which is no file, be written into? FIFOs are not opened for that:
 * their readers may come later. */
static bool
check_stream(const char *path, mode_t type)
{
	if (S_ISDIR(type))
		errno = EISDIR;
	else if (S_ISSOCK(type))
		errno = ENOTSUP;
	else
		return eaccess(path, W_OK) == 0;
	return false;
}

/* Devices and FIFOs must not be replaced by a file: /dev/null is somebody's too. */
static bool
choose_destination(struct desk *desk, const char *path)
{
	struct stat status;

	if (is_standard_output(path)) {
		desk->destination = TO_STANDARD_OUTPUT;
		return check_standard_output();
	}
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		desk->destination = TO_STREAM;
		desk->path = xstrdup(path);
		return check_stream(path, status.st_mode);
	}
	desk->destination = TO_FILE;
	desk->path = atomic_file_resolve(path);
	if (desk->path == NULL)
		return false;
	atomic_file_sweep(desk->path);
	return atomic_file_probe(desk->path);
}

static struct desk *
desk_new(const struct writer_options *options)
{
	struct desk *desk = xcalloc(1, sizeof(*desk));
	pthread_condattr_t attributes;

	pthread_mutex_init(&desk->lock, NULL);
	/* The farewell waits on the monotonic clock: the other one may jump. */
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&desk->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	desk->references = 1;
	desk->idle = true;
	desk->mode = options->mode;
	desk->sync = options->sync;
	desk->wake_fd = -1;
	if (choose_destination(desk, options->path))
		desk->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (desk->wake_fd == -1) {
		int error_number = errno;

		desk_unref(desk);
		errno = error_number;
		return NULL;
	}
	return desk;
}

/* Signals are the loop's: the thread takes none. */
static int
start_thread(struct desk *desk)
{
	sigset_t all, before;
	pthread_t thread;
	int error_number;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	desk->references++;
	error_number = pthread_create(&thread, NULL, run, desk);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error_number == 0)
		pthread_detach(thread);
	else
		desk->references--;
	return error_number;
}

struct writer *
writer_new(struct event_base *base, const struct writer_options *options,
    writer_done_fn *done, void *arg)
{
	struct desk *desk = desk_new(options);
	struct writer *writer;
	int error_number = ENOMEM;

	if (desk == NULL)
		return NULL;
	writer = xcalloc(1, sizeof(*writer));
	writer->desk = desk;
	writer->done = done;
	writer->arg = arg;
	writer->woken =
	    event_new(base, desk->wake_fd, EV_READ | EV_PERSIST, on_woken, writer);
	if (writer->woken == NULL || event_add(writer->woken, NULL) == -1)
		goto failed;
	error_number = start_thread(desk);
	if (error_number == 0)
		return writer;

failed:
	if (writer->woken != NULL)
		event_free(writer->woken);
	desk_unref(desk);
	free(writer);
	errno = error_number;
	return NULL;
}

/* Returns whether nothing is being written any more. */
static bool
wait_until_idle(struct desk *desk)
{
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += FAREWELL_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!desk->idle && waited == 0)
		waited = pthread_cond_timedwait(&desk->changed, &desk->lock, &until);
	return desk->idle;
}

void
writer_free(struct writer *writer)
{
	struct desk *desk;
	bool idle;

	if (writer == NULL)
		return;
	desk = writer->desk;
	pthread_mutex_lock(&desk->lock);
	idle = wait_until_idle(desk);
	desk->stopping = true;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
	event_free(writer->woken);
	/* A thread that hangs in the disk still reads its snapshot: it stays. */
	if (idle)
		snapshot_unref(writer->current);
	desk_unref(desk);
	free(writer);
}
