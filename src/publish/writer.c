#include "publish/writer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "base/thread.h"
#include "base/xalloc.h"
#include "publish/document.h"
#include "publish/metrics/metrics.h"
#include "publish/outlet.h"
#include "publish/page/page.h"

/* What the thread is to write. */
struct order {
	struct snapshot *snapshot; /* a reference of its own; NULL: nothing */
	enum snapshot_form form;
	struct writer_manner manner;
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
	bool idle;          /* the thread has reported, and has no order */
	struct order order; /* to be taken by the thread */
	int wake_fd;        /* eventfd(2): written with each report */

	/* The thread's, and while it is idle the loop's. */
	char *path; /* as given */
	bool read_previous;
	char *config_path; /* NULL: none */
	struct outlet outlet;
	bool is_config;     /* the outlet */
	size_t usual_bytes; /* what was written last was so long */
	int error_number;   /* of what it did last */
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
	struct snapshot *current; /* a reference: what the thread is writing */
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
	snapshot_unref(desk->order.snapshot);
	buffer_clear(&desk->previous);
	outlet_clear(&desk->outlet);
	free(desk->config_path);
	free(desk->path);
	free(desk);
}

/* ---- in the thread ---- */

/* Returns 0, or the errno of why the path cannot be written. */
static int
open_desk(struct desk *desk)
{
	if (!outlet_open(&desk->outlet, desk->path))
		return errno;
	desk->is_config = desk->config_path != NULL &&
	    outlet_is_file(&desk->outlet, desk->config_path);
	if (desk->read_previous)
		desk->previous_error = outlet_read(&desk->outlet, &desk->previous);
	return 0;
}

static void
append_text(struct buffer *text, const struct order *order)
{
	switch (order->form) {
	case FORM_DOCUMENT:
		assert(false); /* lies in pieces */
		break;
	case FORM_METRICS:
		metrics_append(text, order->snapshot);
		break;
	case FORM_PAGE:
		page_append(text, order->snapshot, false);
		break;
	}
}

static int
put(const struct desk *desk, const struct order *order, const struct iovec *pieces,
    size_t count)
{
	return outlet_write(
	    &desk->outlet, pieces, count, order->manner.mode, order->manner.sync);
}

static int
put_joined(struct desk *desk, const struct order *order)
{
	struct buffer text;
	struct iovec piece;
	int error_number;

	buffer_init(&text, BUFFER_UNLIMITED);
	/* Room for what it is likely to be, so that nothing is copied as it grows. */
	(void)!buffer_reserve(&text, desk->usual_bytes + desk->usual_bytes / 8);
	append_text(&text, order);
	desk->usual_bytes = text.len;
	piece = (struct iovec){ text.data, text.len };
	error_number = put(desk, order, &piece, 1);
	buffer_clear(&text);
	return error_number;
}

/* Returns 0, or the errno of what failed. ORDER is done then, its snapshot let go. */
static int
carry_out(struct desk *desk, struct order *order)
{
	const struct iovec *pieces;
	int error_number;
	size_t count;

	if (order->form == FORM_DOCUMENT) {
		pieces = snapshot_pieces(order->snapshot, &count);
		error_number = put(desk, order, pieces, count);
	} else {
		error_number = put_joined(desk, order);
	}
	snapshot_unref(order->snapshot);
	return error_number;
}

/* Wait for an order. Returns false where there will be none any more. */
static bool
take_order(struct desk *desk, struct order *order)
{
	bool taken;

	pthread_mutex_lock(&desk->lock);
	while (desk->order.snapshot == NULL && !desk->stopping)
		pthread_cond_wait(&desk->changed, &desk->lock);
	taken = !desk->stopping;
	if (taken) {
		*order = desk->order;
		desk->order.snapshot = NULL;
	}
	pthread_mutex_unlock(&desk->lock);
	return taken;
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
	struct order order;

	report(desk, error_number);
	if (error_number == 0) {
		while (take_order(desk, &order))
			report(desk, carry_out(desk, &order));
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

	/* The callee may free the writer. */
	writer->current = NULL;
	writer->events.on_done(error_number, written, writer->events.arg);
	snapshot_unref(written);
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
writer_put(struct writer *writer, struct snapshot *snapshot, enum snapshot_form form,
    const struct writer_manner *manner)
{
	struct desk *desk = writer->desk;

	assert(writer->state == WRITER_OPEN && !writer_busy(writer));
	writer->current = snapshot_ref(snapshot);
	pthread_mutex_lock(&desk->lock);
	desk->order = (struct order){
		.snapshot = snapshot_ref(snapshot), .form = form, .manner = *manner
	};
	desk->idle = false;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
}

bool
writer_replaces(const struct writer *writer)
{
	return writer->state == WRITER_OPEN && writer->desk->outlet.kind == OUTLET_FILE;
}

bool
writer_is_at_same_place(const struct writer *writer, const struct writer *other)
{
	/* What the thread found out does not change any more. */
	return writer->state == WRITER_OPEN && other->state == WRITER_OPEN &&
	    outlet_is_same(&writer->desk->outlet, &other->desk->outlet);
}

bool
writer_is_at_config(const struct writer *writer)
{
	return writer->state == WRITER_OPEN && writer->desk->is_config;
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
	if (options->config_path != NULL)
		desk->config_path = xstrdup(options->config_path);
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

static void
wait_until_idle(struct desk *desk, int64_t until_us)
{
	const struct timespec until = {
		.tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000,
	};
	int waited = 0;

	while (!desk->idle && waited == 0)
		waited = pthread_cond_timedwait(&desk->changed, &desk->lock, &until);
}

void
writer_free(struct writer *writer, int64_t until_us)
{
	struct desk *desk;

	if (writer == NULL)
		return;
	desk = writer->desk;
	pthread_mutex_lock(&desk->lock);
	wait_until_idle(desk, until_us);
	desk->stopping = true;
	pthread_cond_broadcast(&desk->changed);
	pthread_mutex_unlock(&desk->lock);
	event_free(writer->woken);
	snapshot_unref(writer->current);
	desk_unref(desk);
	free(writer);
}
