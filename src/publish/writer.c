#include "publish/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/atomic_file.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/pieces.h"
#include "base/thread.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "publish/document.h"
#include "publish/snapshot.h"

enum place_kind {
	PLACE_DESCRIPTOR, /* open since the program began */
	PLACE_FILE,       /* replaced as a whole */
	PLACE_STREAM,     /* a device or a FIFO: can only be written into */
};

/* Where documents go. */
struct place {
	enum place_kind kind;
	int fd;       /* of a descriptor */
	char *path;   /* owned: with its links resolved; NULL: standard output */
	dev_t device; /* of all but a file; of that, the folder's that it is in */
	ino_t inode;
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
	bool idle;              /* the thread has reported, and has no order */
	struct snapshot *order; /* to be written, or NULL; the loop's reference */
	struct writer_manner manner;
	int wake_fd; /* eventfd(2): written with each report */
	/* What a thread that hangs at the end still reads: it stays, like the thread. */
	struct snapshot *left;

	/* The thread's, and while it is idle the loop's. */
	char *path; /* as given */
	bool read_previous;
	struct place place;
	int error_number; /* of what it did last */
	struct buffer previous;
	int previous_error;
};

enum writer_state {
	WRITER_OPENING,
	WRITER_OPEN,
	WRITER_FAILED,
};

struct writer {
	struct desk *desk; /* shared */
	enum writer_state state;
	struct event *woken;
	struct snapshot *current; /* the reference held for the thread */
	struct writer_events events;
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
	buffer_clear(&desk->previous);
	free(desk->place.path);
	free(desk->path);
	free(desk);
}

/* ---- in the thread: opening ---- */

/* One that the program was started with: what it has opened since, and might be closed or
 * become something else, is none of the user's (FD_CLOEXEC in fcntl(2)). */
static bool
open_descriptor(struct place *place, int fd)
{
	int own = fcntl(fd, F_GETFD);
	int flags = fcntl(fd, F_GETFL);
	struct stat status;

	place->kind = PLACE_DESCRIPTOR;
	place->fd = fd;
	errno = EBADF;
	if (own == -1 || (own & FD_CLOEXEC) != 0 || (flags & O_ACCMODE) == O_RDONLY ||
	    fstat(fd, &status) == -1)
		return false;
	place->device = status.st_dev;
	place->inode = status.st_ino;
	return true;
}

/* Is that the file of this status? */
static bool
is_file_of(const struct stat *status, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == status->st_dev &&
	    other.st_ino == status->st_ino;
}

/* The number of our descriptor that LINK, in /proc, stands for; -1: it is another process'.
 * Its file would be the same, but not how it was opened. */
static int
own_descriptor(const char *link)
{
	struct stat status;
	int64_t number;

	if (units_parse_int(basename(link), 0, INT_MAX, &number) &&
	    fstat((int)number, &status) == 0 && is_file_of(&status, link))
		return (int)number;
	return -1;
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

/* Remember which file PATH, whose links are resolved, is: that of this name in this
 * folder, whatever leads there. */
static bool
identify_file(struct place *place)
{
	size_t folder_len = strlen(place->path) - strlen(basename(place->path));
	char *folder = xasprintf("%.*s.", (int)folder_len, place->path);
	struct stat status;
	bool found = stat(folder, &status) == 0;

	free(folder);
	if (found) {
		place->device = status.st_dev;
		place->inode = status.st_ino;
	}
	return found;
}

static bool
open_file(struct place *place)
{
	place->kind = PLACE_FILE;
	if (!identify_file(place))
		return false;
	atomic_file_sweep(place->path);
	return atomic_file_probe(place->path);
}

/* What can only be opened and written into. Devices and FIFOs must not be replaced by a
 * file: /dev/null is somebody's too. */
static bool
open_stream(struct place *place)
{
	struct stat status;

	place->kind = PLACE_STREAM;
	if (stat(place->path, &status) == -1)
		return false;
	place->device = status.st_dev;
	place->inode = status.st_ino;
	return check_stream(place->path, status.st_mode);
}

/* By a link in /proc: it tells where a file was opened, as the shell does, perhaps to append
 * to it. That file must not be replaced. */
static bool
open_open_file(struct place *place)
{
	int fd = own_descriptor(place->path);

	return fd != -1 ? open_descriptor(place, fd) : open_stream(place);
}

static bool
open_place(struct place *place, const char *path)
{
	struct stat status;

	if (strcmp(path, "-") == 0)
		return open_descriptor(place, STDOUT_FILENO);
	place->path = atomic_file_resolve(path);
	if (place->path == NULL)
		return false;
	if (lstat(place->path, &status) == -1 || S_ISREG(status.st_mode))
		return open_file(place);
	return S_ISLNK(status.st_mode) ? open_open_file(place) : open_stream(place);
}

/* Returns 0, or the errno of why what stands there could not be read. */
static int
read_previous(const struct place *place, struct buffer *previous)
{
	int error_number;

	/* A link may lead to a file called "-", which is none of the names of standard
	 * input. */
	if (file_read(strcmp(place->path, "-") == 0 ? "./-" : place->path, previous))
		return 0;
	error_number = errno;
	buffer_clear(previous);
	return error_number == ENOENT ? 0 : error_number;
}

/* Returns 0, or the errno of why the path cannot be written. */
static int
open_desk(struct desk *desk)
{
	if (!open_place(&desk->place, desk->path))
		return errno;
	if (desk->read_previous && desk->place.kind == PLACE_FILE)
		desk->previous_error = read_previous(&desk->place, &desk->previous);
	return 0;
}

/* ---- in the thread: writing ---- */

static int
write_stream(int fd, const struct iovec *pieces, size_t count)
{
	return pieces_write(fd, pieces, count) ? 0 : errno;
}

static int
open_and_write_stream(const char *path, const struct iovec *pieces, size_t count)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	int error_number;

	if (fd == -1)
		return errno;
	error_number = write_stream(fd, pieces, count);
	if (close(fd) == -1 && error_number == 0)
		error_number = errno;
	return error_number;
}

static int
carry_out(const struct place *place, const struct snapshot *snapshot,
    const struct writer_manner *manner)
{
	size_t count;
	const struct iovec *pieces = snapshot_pieces(snapshot, &count);

	switch (place->kind) {
	case PLACE_DESCRIPTOR:
		return write_stream(place->fd, pieces, count);
	case PLACE_STREAM:
		return open_and_write_stream(place->path, pieces, count);
	case PLACE_FILE:
		if (atomic_file_replace(
		        place->path, pieces, count, manner->mode, manner->sync))
			return 0;
		return errno;
	}
	return EINVAL;
}

/* Wait for an order. Returns NULL where there will be none any more. */
static const struct snapshot *
take_order(struct desk *desk, struct writer_manner *manner)
{
	const struct snapshot *order;

	pthread_mutex_lock(&desk->lock);
	while (desk->order == NULL && !desk->stopping)
		pthread_cond_wait(&desk->changed, &desk->lock);
	order = desk->stopping ? NULL : desk->order;
	*manner = desk->manner;
	desk->order = NULL;
	pthread_mutex_unlock(&desk->lock);
	return order;
}

static void
report(struct desk *desk, int error_number)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&desk->lock);
	desk->error_number = error_number;
	desk->idle = true;
	pthread_cond_broadcast(&desk->changed);
	/* An eventfd takes 8 bytes whenever its counter does not overflow. */
	if (write(desk->wake_fd, &one, sizeof(one)) == -1)
		abort();
	pthread_mutex_unlock(&desk->lock);
}

static void *
run(void *arg)
{
	struct desk *desk = arg;
	int error_number = open_desk(desk);
	const struct snapshot *order;
	struct writer_manner manner;

	report(desk, error_number);
	while (error_number == 0) {
		order = take_order(desk, &manner);
		if (order == NULL)
			break;
		report(desk, carry_out(&desk->place, order, &manner));
	}
	desk_unref(desk);
	return NULL;
}

/* ---- in the loop ---- */

static void
tell_opened(struct writer *writer, int error_number)
{
	struct desk *desk = writer->desk;
	struct buffer previous = desk->previous;

	/* The callee may free the writer. */
	buffer_init(&desk->previous, 0);
	writer->state = error_number == 0 ? WRITER_OPEN : WRITER_FAILED;
	writer->events.on_open(
	    error_number, &previous, desk->previous_error, writer->events.arg);
	buffer_clear(&previous);
}

static void
tell_done(struct writer *writer, int error_number)
{
	struct snapshot *written = writer->current;

	writer->current = NULL;
	snapshot_unref(written);
	writer->events.on_done(error_number, writer->events.arg);
}

static void
on_woken(evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct writer *writer = arg;
	uint64_t count;
	int error_number;

	if (read(fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&writer->desk->lock);
	error_number = writer->desk->error_number;
	pthread_mutex_unlock(&writer->desk->lock);
	if (writer->state == WRITER_OPENING)
		tell_opened(writer, error_number);
	else
		tell_done(writer, error_number);
}

bool
writer_is_opening(const struct writer *writer)
{
	return writer->state == WRITER_OPENING;
}

bool
writer_busy(const struct writer *writer)
{
	return writer->state == WRITER_OPENING || writer->current != NULL;
}

void
writer_put(struct writer *writer, struct snapshot *snapshot,
    const struct writer_manner *manner)
{
	struct desk *desk = writer->desk;

	assert(writer->state == WRITER_OPEN && !writer_busy(writer));
	writer->current = snapshot_ref(snapshot);
	pthread_mutex_lock(&desk->lock);
	desk->order = snapshot;
	desk->manner = *manner;
	desk->idle = false;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
}

bool
writer_replaces(const struct writer *writer)
{
	return writer->state == WRITER_OPEN && writer->desk->place.kind == PLACE_FILE;
}

bool
writer_is_at_same_place(const struct writer *writer, const struct writer *other)
{
	const struct place *place = &writer->desk->place;
	const struct place *beside = &other->desk->place;

	/* What the thread found out does not change any more. */
	if (writer->state != WRITER_OPEN || other->state != WRITER_OPEN ||
	    place->kind != beside->kind)
		return false;
	if (place->device != beside->device || place->inode != beside->inode)
		return false;
	return place->kind != PLACE_FILE ||
	    strcmp(basename(place->path), basename(beside->path)) == 0;
}

/* ---- making and freeing ---- */

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
	desk->path = xstrdup(options->path);
	desk->read_previous = options->read_previous;
	buffer_init(&desk->previous, DOCUMENT_MAX_BYTES);
	desk->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return desk;
}

/* Returns 0, or the errno of what the system refused. */
static int
start(struct writer *writer, struct event_base *base)
{
	struct desk *desk = writer->desk;

	if (desk->wake_fd == -1)
		return errno;
	writer->woken =
	    event_new(base, desk->wake_fd, EV_READ | EV_PERSIST, on_woken, writer);
	if (writer->woken == NULL || event_add(writer->woken, NULL) == -1)
		return ENOMEM;
	desk->references++;
	if (thread_start_detached(0, run, desk))
		return 0;
	desk->references--;
	return errno;
}

struct writer *
writer_new(struct event_base *base, const struct writer_options *options,
    const struct writer_events *events)
{
	struct writer *writer = xcalloc(1, sizeof(*writer));
	int error_number;

	writer->desk = desk_new(options);
	writer->events = *events;
	error_number = start(writer, base);
	if (error_number == 0)
		return writer;

	if (writer->woken != NULL)
		event_free(writer->woken);
	desk_unref(writer->desk);
	free(writer);
	errno = error_number;
	return NULL;
}

/* Returns whether the thread has done all it was told to. */
static bool
wait_until_idle(struct desk *desk, int64_t until_us)
{
	const struct timespec until = {
		.tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000,
	};
	int waited = 0;

	while (!desk->idle && waited == 0)
		waited = pthread_cond_timedwait(&desk->changed, &desk->lock, &until);
	return desk->idle;
}

void
writer_free(struct writer *writer, int64_t until_us)
{
	struct desk *desk;
	bool idle;

	if (writer == NULL)
		return;
	desk = writer->desk;
	pthread_mutex_lock(&desk->lock);
	idle = wait_until_idle(desk, until_us);
	desk->stopping = true;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
	event_free(writer->woken);
	if (idle)
		snapshot_unref(writer->current);
	else
		desk->left = writer->current;
	desk_unref(desk);
	free(writer);
}
