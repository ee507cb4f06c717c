/*
 * What goes between the listener's thread and the one that made it: mail to the former, and
 * back what it counts and how far its end is. Private to serve.
 *
 * A thread that hangs is left to itself at the end, so that either may be the last to hold it.
 */
#ifndef GATHERD_SERVE_MAILBOX_H
#define GATHERD_SERVE_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "serve/health.h"
#include "serve/listening.h"

struct mailbox;
struct server_counts;
struct snapshot;

/* The newest of each kind; all zero: there is nothing. */
struct mail {
	bool stop;
	bool has_listening;
	struct listening listening; /* owned */
	bool has_admission;         /* for the sockets of then */
	mode_t mode;
	bool is_public;
	struct snapshot *snapshot; /* a reference; NULL: no other one */
	bool has_health;
	struct health health;
};

enum mailbox_state {
	MAILBOX_OPEN,
	MAILBOX_CLOSED, /* nothing is listened at any more */
	MAILBOX_ENDED,
};

/* With one reference. Returns NULL with errno set. */
struct mailbox *mailbox_new(void);
struct mailbox *mailbox_ref(struct mailbox *mailbox);
void mailbox_unref(struct mailbox *mailbox);

/* ---- from outside ---- */

/* What was not taken yet, to be added to until mailbox_post(), which the thread is woken by. */
struct mail *mailbox_open(struct mailbox *mailbox);
/* Returns which one it is, for mailbox_wait_done(). */
uint64_t mailbox_post(struct mailbox *mailbox);

/* Wait until the thread has come to STATE, but not longer than UNTIL_US on clock_now_us(). */
void mailbox_wait(struct mailbox *mailbox, enum mailbox_state state, int64_t until_us);
/* Likewise until it has done what the mail POSTED says. */
void mailbox_wait_done(struct mailbox *mailbox, uint64_t posted, int64_t until_us);

void mailbox_count(struct mailbox *mailbox, struct server_counts *counts);

/* ---- in the thread ---- */

/* A descriptor that is to be waited for; borrowed. */
int mailbox_wake_fd(const struct mailbox *mailbox);
/* What is there, which is the caller's; none where MAIL is all zero. */
void mailbox_take(struct mailbox *mailbox, struct mail *mail);

/* What was taken last is done. */
void mailbox_tell_done(struct mailbox *mailbox);
void mailbox_tell_counts(struct mailbox *mailbox, const struct server_counts *counts);
/* Nothing is listened at any more. */
void mailbox_tell_closed(struct mailbox *mailbox);
/* The thread ends; its reference is given back with that. */
void mailbox_leave(struct mailbox *mailbox);

#endif
