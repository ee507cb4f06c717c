/*
 * A socket in the place of systemd, and what it was told. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_NOTIFY_STAGE_H
#define GATHERD_TESTS_NOTIFY_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/utf8.h"
#include "daemon/notify.h"

/* What it is for the receiver of our messages, systemd. */
struct stage {
	struct event_base *base;
	struct notify *notify;
	char folder[64];
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	int receiver;
	char text[4096];
	bool ill;
	int asked; /* how often is_well() was */
	int log_reader;
	int saved_stderr;
};

static inline bool
is_well(void *arg)
{
	struct stage *stage = arg;

	stage->asked++;
	return !stage->ill;
}

/* A socket at NAME, where '@' begins an abstract one. */
static inline int
bind_receiver(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	len += offsetof(struct sockaddr_un, sun_path);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&address, (socklen_t)len), 0);
	return fd;
}

static inline void
set_up(struct stage *stage)
{
	*stage = (struct stage){ .folder = "/tmp/test_notify.XXXXXX" };
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/notify", stage->folder);
	stage->receiver = bind_receiver(stage->path);
	stage->base = event_base_new();
	setenv("NOTIFY_SOCKET", stage->path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static inline void
make(struct stage *stage)
{
	stage->notify = notify_new(stage->base, is_well, stage);
	assert_non_null(stage->notify);
}

static inline void
tear_down(struct stage *stage)
{
	notify_free(stage->notify);
	/* Nothing is left of it in the loop. */
	assert_int_equal(event_base_loop(stage->base, EVLOOP_NONBLOCK), 1);
	event_base_free(stage->base);
	close(stage->receiver);
	unlink(stage->path);
	assert_int_equal(rmdir(stage->folder), 0);
}

/* The next message, or NULL. */
static inline const char *
receive(struct stage *stage)
{
	ssize_t got = recv(stage->receiver, stage->text, sizeof(stage->text) - 1, 0);

	if (got == -1) {
		assert_int_equal(errno, EAGAIN);
		return NULL;
	}
	stage->text[got] = '\0';
	assert_int_equal(strlen(stage->text), got);
	return stage->text;
}

static inline void
assert_receives(struct stage *stage, const char *text)
{
	const char *received = receive(stage);

	assert_non_null(received);
	assert_string_equal(received, text);
}

static inline void
assert_receives_nothing(struct stage *stage)
{
	assert_null(receive(stage));
}

static inline void
run_for_ms(struct stage *stage, int ms)
{
	const struct timeval time = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(stage->base, &time);
	event_base_dispatch(stage->base);
}

/* Run until something is there to be received. */
static inline void
run_until_sent(struct stage *stage)
{
	char byte;

	while (recv(stage->receiver, &byte, 1, MSG_PEEK) == -1)
		event_base_loop(stage->base, EVLOOP_ONCE);
}

/* Make NAME as long as LEN. */
static inline void
pad(char *name, size_t len)
{
	size_t at = strlen(name);

	memset(name + at, '0', len - at);
	name[len] = '\0';
}

/* Keep what is logged from here on. */
static inline void
capture_log(struct stage *stage)
{
	int ends[2];

	fflush(stderr);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	stage->saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	stage->log_reader = ends[0];
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
}

/* How often TEXT was logged since. */
static inline int
count_in_log(struct stage *stage, const char *text)
{
	char log[8192];
	ssize_t got;
	int count = 0;

	dup2(stage->saved_stderr, STDERR_FILENO);
	close(stage->saved_stderr);
	got = read(stage->log_reader, log, sizeof(log) - 1);
	close(stage->log_reader);
	log[got > 0 ? got : 0] = '\0';
	for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text))
		count++;
	return count;
}

static inline void
call_everything(struct stage *stage)
{
	notify_ready(stage->notify);
	notify_reloading(stage->notify);
	notify_status(stage->notify, "one of %d", 2);
	notify_status(stage->notify, "two of %d", 2);
	notify_stopping(stage->notify);
}

#endif
