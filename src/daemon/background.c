#include "daemon/background.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/thread.h"
#include "base/xalloc.h"

/*
 * What the loop and the thread share. The thread outlives its owner where the work hangs;
 * whoever lets go last frees it.
 */
struct job {
	struct background_work work;
	int wake_fd; /* eventfd(2): counts up when the work is over */

	pthread_mutex_t lock; /* over all below */
	unsigned references;
	bool abandoned;
	bool over; /* `run` has returned */
};

struct background {
	struct job *job;     /* shared */
	struct event *woken; /* owned: on the job's wake_fd */
};

static void
job_unref(struct job *job)
{
	bool last;

	pthread_mutex_lock(&job->lock);
	last = --job->references == 0;
	pthread_mutex_unlock(&job->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&job->lock);
	close(job->wake_fd);
	free(job);
}

/* In the thread. */
static void *
run(void *arg)
{
	struct job *job = arg;
	bool abandoned;

	job->work.run(job->work.arg);
	pthread_mutex_lock(&job->lock);
	abandoned = job->abandoned;
	job->over = true;
	pthread_mutex_unlock(&job->lock);
	if (abandoned)
		job->work.discard(job->work.arg);
	else
		/* Fails only where the counter is full, and it is 0. */
		(void)eventfd_write(job->wake_fd, 1);
	job_unref(job);
	return NULL;
}

/* The job stays where the thread is still about it. */
static void
background_free(struct background *background)
{
	event_free(background->woken);
	job_unref(background->job);
	free(background);
}

static void
on_woken(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct background *background = arg;
	struct background_work work = background->job->work;

	/* What `run` has left in ARG is seen here: it let go of the lock since. */
	pthread_mutex_lock(&background->job->lock);
	assert(background->job->over);
	pthread_mutex_unlock(&background->job->lock);
	background_free(background);
	work.done(work.arg);
}

static struct job *
job_new(const struct background_work *work)
{
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct job *job;

	if (wake_fd == -1)
		return NULL;
	job = xcalloc(1, sizeof(*job));
	job->work = *work;
	job->wake_fd = wake_fd;
	pthread_mutex_init(&job->lock, NULL);
	job->references = 1;
	return job;
}

struct background *
background_start(struct event_base *base, const struct background_work *work)
{
	struct job *job = job_new(work);
	struct background *background;
	int error_number = ENOMEM;

	if (job == NULL)
		return NULL;
	background = xcalloc(1, sizeof(*background));
	background->job = job;
	background->woken =
	    event_new(base, job->wake_fd, EV_READ, on_woken, background);
	if (background->woken == NULL || event_add(background->woken, NULL) == -1)
		goto failed;
	job->references = 2; /* nobody else knows it yet */
	if (thread_start_detached(0, run, job))
		return background;
	error_number = errno;
	job->references = 1;

failed:
	if (background->woken != NULL)
		event_free(background->woken);
	job_unref(job);
	free(background);
	errno = error_number;
	return NULL;
}

void
background_abandon(struct background *background)
{
	struct job *job;
	bool over;

	if (background == NULL)
		return;
	job = background->job;
	pthread_mutex_lock(&job->lock);
	over = job->over;
	job->abandoned = true;
	pthread_mutex_unlock(&job->lock);
	if (over)
		job->work.discard(job->work.arg);
	background_free(background);
}
