#include "daemon/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/compiler.h"
#include "base/xalloc.h"

/* One signal that is handled. */
struct handled {
	int number;
	void (*on_signal)(int number, void *arg);
	void *arg;
	struct event *event; /* owned; NULL: released */
	bool was_held_back;
};

struct signals {
	size_t count;
	struct handled handled[];
};

static void
on_event(UNUSED evutil_socket_t number, UNUSED short what, void *arg)
{
	const struct handled *handled = arg;

	handled->on_signal(handled->number, handled->arg);
}

/* Hold the signal NUMBER back, or let it through. */
static void
set_held_back(int number, bool held_back)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(held_back ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static bool
is_held_back(int number)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, number) == 1;
}

static bool
handle(struct handled *handled, struct event_base *base)
{
	handled->event = evsignal_new(base, handled->number, on_event, handled);
	if (handled->event == NULL)
		return false;
	if (event_add(handled->event, NULL) == -1) {
		event_free(handled->event);
		handled->event = NULL;
		return false;
	}
	/* Only now: it may have been waiting, and would have its usual effect. */
	handled->was_held_back = is_held_back(handled->number);
	set_held_back(handled->number, false);
	return true;
}

static void
release(struct handled *handled)
{
	if (handled->event == NULL)
		return;
	/* In the other order, one that comes in between would have its usual effect. */
	set_held_back(handled->number, handled->was_held_back);
	event_free(handled->event);
	handled->event = NULL;
}

struct signals *
signals_new(struct event_base *base, const struct signal_row *rows, void *arg)
{
	struct signals *signals;
	size_t count = 0;

	while (rows[count].number != 0)
		count++;
	signals = xcalloc(1, sizeof(*signals) + count * sizeof(signals->handled[0]));
	signals->count = count;
	for (size_t i = 0; i < count; i++) {
		struct handled *handled = &signals->handled[i];

		handled->number = rows[i].number;
		handled->on_signal = rows[i].on_signal;
		handled->arg = arg;
		if (!handle(handled, base)) {
			signals_free(signals);
			return NULL;
		}
	}
	return signals;
}

void
signals_release(struct signals *signals, int number)
{
	for (size_t i = 0; i < signals->count; i++) {
		if (signals->handled[i].number == number)
			release(&signals->handled[i]);
	}
}

void
signals_free(struct signals *signals)
{
	if (signals == NULL)
		return;
	for (size_t i = 0; i < signals->count; i++)
		release(&signals->handled[i]);
	free(signals);
}
