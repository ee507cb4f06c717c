#include "serve/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "publish/snapshot.h"
#include "serve/server.h"

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int wake_fd; /* an eventfd */
	/* Under the lock: */
	unsigned references;
	struct mail mail;
	uint64_t
	    posted; /* so many times; the thread has taken, and done, as many as: */
	uint64_t taken;
	uint64_t done;
	struct server_counts counts;
	enum mailbox_state state;
};

struct mailbox *
mailbox_new(void)
{
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct mailbox *mailbox;
	pthread_condattr_t attributes;

	if (wake_fd == -1)
		return NULL;
	mailbox = xcalloc(1, sizeof(*mailbox));
	mailbox->wake_fd = wake_fd;
	mailbox->references = 1;
	pthread_mutex_init(&mailbox->lock, NULL);
	/* Waits are on the monotonic clock: the other one may jump. */
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&mailbox->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return mailbox;
}

struct mailbox *
mailbox_ref(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->references++;
	pthread_mutex_unlock(&mailbox->lock);
	return mailbox;
}

static void
free_mailbox(struct mailbox *mailbox)
{
	listening_close(&mailbox->mail.listening);
	snapshot_unref(mailbox->mail.snapshot);
	close(mailbox->wake_fd);
	pthread_cond_destroy(&mailbox->changed);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

/* With the lock held, which is given back. */
static void
drop(struct mailbox *mailbox)
{
	bool is_last = --mailbox->references == 0;

	pthread_mutex_unlock(&mailbox->lock);
	if (is_last)
		free_mailbox(mailbox);
}

void
mailbox_unref(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	drop(mailbox);
}

/* ---- from outside ---- */

struct mail *
mailbox_open(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	return &mailbox->mail;
}

uint64_t
mailbox_post(struct mailbox *mailbox)
{
	const uint64_t one = 1;
	uint64_t posted = ++mailbox->posted;

	/* An eventfd takes 8 bytes whenever its counter does not overflow. */
	if (write(mailbox->wake_fd, &one, sizeof(one)) == -1)
		abort();
	pthread_mutex_unlock(&mailbox->lock);
	return posted;
}

/* Until the thread tells of something; with the lock held. Returns false where it is late. */
static bool
wait_for_change(struct mailbox *mailbox, int64_t until_us)
{
	const struct timespec until = {
		.tv_sec = until_us / 1000000,
		.tv_nsec = until_us % 1000000 * 1000,
	};

	return pthread_cond_timedwait(&mailbox->changed, &mailbox->lock, &until) == 0;
}

void
mailbox_wait(struct mailbox *mailbox, enum mailbox_state state, int64_t until_us)
{
	pthread_mutex_lock(&mailbox->lock);
	while (mailbox->state < state && wait_for_change(mailbox, until_us))
		;
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_wait_done(struct mailbox *mailbox, uint64_t posted, int64_t until_us)
{
	pthread_mutex_lock(&mailbox->lock);
	while (mailbox->done < posted && wait_for_change(mailbox, until_us))
		;
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_count(struct mailbox *mailbox, struct server_counts *counts)
{
	pthread_mutex_lock(&mailbox->lock);
	*counts = mailbox->counts;
	pthread_mutex_unlock(&mailbox->lock);
}

/* ---- in the thread ---- */

int
mailbox_wake_fd(const struct mailbox *mailbox)
{
	return mailbox->wake_fd;
}

void
mailbox_take(struct mailbox *mailbox, struct mail *mail)
{
	uint64_t count;

	*mail = (struct mail){ 0 };
	if (read(mailbox->wake_fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&mailbox->lock);
	*mail = mailbox->mail;
	mailbox->mail = (struct mail){ 0 };
	mailbox->taken = mailbox->posted;
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_tell_done(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->done = mailbox->taken;
	pthread_cond_broadcast(&mailbox->changed);
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_tell_counts(struct mailbox *mailbox, const struct server_counts *counts)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->counts = *counts;
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_tell_closed(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->state = MAILBOX_CLOSED;
	pthread_cond_broadcast(&mailbox->changed);
	pthread_mutex_unlock(&mailbox->lock);
}

void
mailbox_leave(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->state = MAILBOX_ENDED;
	pthread_cond_broadcast(&mailbox->changed);
	/* At once: who waited for the end finds nothing left of the thread. */
	drop(mailbox);
}
