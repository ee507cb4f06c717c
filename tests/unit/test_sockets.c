#include "http/sockets.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "base/compiler.h"

/* Two connected sockets, of which the first is watched, and what was told of it. */
struct stage {
	struct event_base *base;
	struct sockets *sockets;
	int fds[2];
	unsigned told;
	curl_socket_t fd;
	int events;
};

static void
on_ready(void *owner, curl_socket_t fd, int events)
{
	struct stage *stage = owner;

	stage->told++;
	stage->fd = fd;
	stage->events = events;
}

static void
open_stage(struct stage *stage)
{
	*stage = (struct stage){ .fd = -1 };
	stage->base = event_base_new();
	stage->sockets = sockets_new(stage->base, on_ready);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, stage->fds), 0);
}

static void
close_stage(struct stage *stage)
{
	sockets_free(stage->sockets);
	event_base_free(stage->base);
	close(stage->fds[0]);
	close(stage->fds[1]);
}

/* One look at what is ready. */
static unsigned
look(struct stage *stage)
{
	stage->told = 0;
	event_base_loop(stage->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	return stage->told;
}

static void
test_what_is_watched_is_told(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage);
	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_IN);
	assert_int_equal(look(&stage), 0);
	assert_int_equal(write(stage.fds[1], "x", 1), 1);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(stage.fd, stage.fds[0]);
	assert_int_equal(stage.events, CURL_CSELECT_IN);

	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_OUT);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(stage.events, CURL_CSELECT_OUT);
	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_INOUT);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(stage.events, CURL_CSELECT_IN | CURL_CSELECT_OUT);
	close_stage(&stage);
}

static void
test_an_idle_socket_is_told_once(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage);
	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_IN);
	assert_true(sockets_rest(stage.sockets, stage.fds[0]));
	assert_int_equal(look(&stage), 0);
	assert_int_equal(write(stage.fds[1], "x", 1), 1);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(look(&stage), 0);
	/* Until it is asked for again. */
	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_IN);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(look(&stage), 1);
	close_stage(&stage);
}

static void
test_a_socket_that_was_not_connected_is_let_go(UNUSED void **state)
{
	struct stage stage;

	open_stage(&stage);
	sockets_watch(stage.sockets, &stage, stage.fds[0], CURL_POLL_OUT);
	assert_false(sockets_rest(stage.sockets, stage.fds[0]));
	assert_int_equal(look(&stage), 0);
	assert_int_equal(
	    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED), 0);
	close_stage(&stage);
}

static void
test_a_closed_socket_leaves_nothing_behind(UNUSED void **state)
{
	struct stage stage;
	int fd;

	open_stage(&stage);
	fd = dup(stage.fds[0]);
	sockets_watch(stage.sockets, &stage, fd, CURL_POLL_IN);
	assert_int_equal(sockets_on_close(stage.sockets, fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(write(stage.fds[1], "x", 1), 1);
	assert_int_equal(look(&stage), 0);
	assert_int_equal(
	    event_base_get_num_events(stage.base, EVENT_BASE_COUNT_ADDED), 0);
	close_stage(&stage);
}

static void
test_the_successor_of_a_socket_closed_unseen_is_watched(UNUSED void **state)
{
	struct stage stage;
	int old, new;

	/* libcurl goes on to believe that the number is watched for writing. */
	open_stage(&stage);
	old = socket(AF_UNIX, SOCK_STREAM, 0);
	sockets_watch(stage.sockets, &stage, old, CURL_POLL_OUT);
	close(old);
	new = dup(stage.fds[0]);
	assert_int_equal(new, old);
	sockets_opened(stage.sockets, new);
	assert_int_equal(look(&stage), 1);
	assert_int_equal(stage.events, CURL_CSELECT_OUT);
	assert_int_equal(sockets_on_close(stage.sockets, new), 0);
	close_stage(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_watched_is_told),
		cmocka_unit_test(test_an_idle_socket_is_told_once),
		cmocka_unit_test(test_a_socket_that_was_not_connected_is_let_go),
		cmocka_unit_test(test_a_closed_socket_leaves_nothing_behind),
		cmocka_unit_test(
		    test_the_successor_of_a_socket_closed_unseen_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
