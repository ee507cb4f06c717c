#include "serve/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "events_stage.h"

/* ---- the answer ---- */

static void
test_the_stream_is_chunked_and_kept_by_nobody(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;
	struct reply reply;

	set_up(&stage);
	listener.fd = stage_connect(&stage);
	listener.ended = false;
	listener.id = NULL;
	buffer_init(&listener.in, BUFFER_UNLIMITED);
	stage_send(listener.fd, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
	listen_on(&stage, &listener);
	stage_read_reply(&reply, &listener.in, false);
	assert_int_equal(reply.status, 200);
	reply_assert_header(&reply, "Content-Type", "text/event-stream");
	reply_assert_header(&reply, "Cache-Control", "no-store");
	reply_assert_header(&reply, "Transfer-Encoding", "chunked");
	reply_assert_header(&reply, "X-Accel-Buffering", "no");
	reply_assert_header(&reply, "X-Content-Type-Options", "nosniff");
	reply_assert_header(&reply, "Cross-Origin-Resource-Policy", "same-origin");
	assert_int_equal(
	    strncmp(reply.body.data, "d\r\n" GREETING "\r\n", 3 + 13 + 2), 0);
	assert_string_equal(reply.body.data + reply.body.len - 6, "]}\n\n\r\n");
	reply_clear(&reply);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_head_does_not_follow(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;

	set_up(&stage);
	stage_ask(&stage, "HEAD", "/events", "", &reply);
	assert_int_equal(reply.status, 200);
	reply_assert_header(&reply, "Content-Type", "text/event-stream");
	assert_int_equal(events_count(stage.events), 0);
	reply_clear(&reply);
	stage_tear_down(&stage);
}

static void
test_one_too_many_is_told_to_come_back(UNUSED void **state)
{
	struct listener listeners[EVENTS_MAX_CLIENTS];
	struct stage stage;
	struct reply reply;

	set_up(&stage);
	for (size_t i = 0; i < EVENTS_MAX_CLIENTS; i++)
		follow(&stage, &listeners[i], "");
	stage_ask(&stage, "GET", "/events", "", &reply);
	assert_int_equal(reply.status, 503);
	reply_assert_header(&reply, "Retry-After", "5");
	reply_assert_header(&reply, "Content-Type", "text/plain; charset=utf-8");
	reply_assert_header(&reply, "X-Accel-Buffering", NULL);
	reply_clear(&reply);
	leave(&stage, &listeners[0]);
	follow(&stage, &listeners[0], "");
	assert_int_equal(events_count(stage.events), EVENTS_MAX_CLIENTS);
	stage_show(&stage, 8);
	for (size_t i = 0; i < EVENTS_MAX_CLIENTS; i++) {
		listen_on(&stage, &listeners[i]);
		assert_event(&listeners[i], 7, true, "t0 t1 t2");
		assert_event(&listeners[i], 8, false, "");
		leave(&stage, &listeners[i]);
	}
	assert_int_equal(events_count(stage.events), 0);
	stage_tear_down(&stage);
}

/* ---- silence ---- */

/* The timer that waits for longer than any other one here. */
static int
find_heartbeat(
    UNUSED const struct event_base *base, const struct event *event, void *arg)
{
	const struct event **found = arg;
	struct timeval due, now;

	gettimeofday(&now, NULL);
	if (event_pending(event, EV_TIMEOUT, &due) && due.tv_sec > now.tv_sec + 5)
		*found = event;
	return 0;
}

static struct event *
heartbeat_of(const struct stage *stage)
{
	const struct event *found = NULL;

	event_base_foreach_event(stage->base, find_heartbeat, &found);
	return (struct event *)(uintptr_t)found;
}

static void
test_silence_is_broken_by_a_comment(UNUSED void **state)
{
	struct listener listener;
	struct timeval due, now;
	struct event *heartbeat;
	struct stage stage;

	set_up(&stage);
	assert_null(heartbeat_of(&stage));
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	heartbeat = heartbeat_of(&stage);
	assert_non_null(heartbeat);
	gettimeofday(&now, NULL);
	assert_true(event_pending(heartbeat, EV_TIMEOUT, &due));
	assert_in_range(due.tv_sec - now.tv_sec, EVENTS_HEARTBEAT_MS / 1000 - 3,
	    EVENTS_HEARTBEAT_MS / 1000);
	for (int i = 0; i < 3; i++) {
		event_active(heartbeat, EV_TIMEOUT, 0);
		listen_on(&stage, &listener);
		assert_string_equal(listener.in.data, ":\n\n");
		skip_past(&listener, ":\n\n");
		assert_non_null(heartbeat_of(&stage));
	}
	leave(&stage, &listener);
	assert_null(heartbeat_of(&stage));
	stage_tear_down(&stage);
}

/* ---- clients that do not read ---- */

#define CROWD 3000

/* Every target has another answer, and all that is shown. */
static void
show_all_changed(struct stage *stage, uint64_t generation)
{
	for (size_t i = 0; i < CROWD; i++)
		stage_put(stage, i, generation % 2 == 0 ? "1" : "2");
	stage_show(stage, generation);
}

static void
turn_often(struct stage *stage)
{
	for (int turns = 0; turns < 20; turns++)
		stage_turn(stage);
}

static void
test_who_does_not_read_is_dropped(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;
	uint64_t generation = 1;

	stage_set_up(&stage, CROWD, true);
	show_all_changed(&stage, generation);
	ask_for_events(&stage, &listener, "", 8192);
	turn_often(&stage);
	assert_int_equal(events_count(stage.events), 1);
	while (events_count(stage.events) > 0 && generation < 6) {
		show_all_changed(&stage, ++generation);
		turn_often(&stage);
	}
	assert_int_equal(events_count(stage.events), 0);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_who_reads_slowly_gets_the_newest_when_he_has_caught_up(UNUSED void **state)
{
	struct listener listener;
	struct json_object *data;
	struct stage stage;
	uint64_t generation;

	stage_set_up(&stage, CROWD, true);
	show_all_changed(&stage, 1);
	ask_for_events(&stage, &listener, "", 8192);
	turn_often(&stage);
	for (generation = 2; generation < 12; generation++) {
		show_all_changed(&stage, generation);
		turn_often(&stage);
		for (int reads = 0; reads < 3; reads++) {
			stage_receive(listener.fd, &listener.in);
			turn_often(&stage);
		}
	}
	assert_int_equal(events_count(stage.events), 1);
	assert_int_equal(clients_cut_count(stage.clients), 0);
	listen_on(&stage, &listener);
	skip_past(&listener, GREETING);
	json_object_put(next_event(&listener, 1));
	data = next_event(&listener, 11);
	assert_false(json_object_get_boolean(json_object_object_get(data, "complete")));
	assert_int_equal(
	    json_object_array_length(json_object_object_get(data, "entries")), CROWD);
	json_object_put(data);
	assert_silence(&listener);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

/* ---- ends ---- */

static void
test_a_client_that_goes_away_is_forgotten(UNUSED void **state)
{
	const struct linger reset = { .l_onoff = 1 };
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	leave(&stage, &listener);
	assert_int_equal(events_count(stage.events), 0);
	follow(&stage, &listener, "");
	setsockopt(listener.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	leave(&stage, &listener);
	assert_int_equal(events_count(stage.events), 0);
	stage_show(&stage, 8);
	stage_tear_down(&stage);
}

static void
test_what_a_client_says_is_not_listened_to(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "Connection: keep-alive\r\n");
	assert_event(&listener, 7, true, "t0 t1 t2");
	for (int i = 0; i < 2000; i++) {
		stage_send(
		    listener.fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
		stage_turn(&stage);
	}
	listen_on(&stage, &listener);
	assert_silence(&listener);
	assert_int_equal(stage.answers.requests[2] + stage.answers.requests[5], 1);
	stage_show(&stage, 8);
	listen_on(&stage, &listener);
	assert_event(&listener, 8, false, "");
	leave(&stage, &listener);
	assert_int_equal(events_count(stage.events), 0);
	stage_tear_down(&stage);
}

static void
test_at_the_end_all_connections_end(UNUSED void **state)
{
	struct listener listeners[3];
	struct stage stage;

	set_up(&stage);
	for (int i = 0; i < 3; i++)
		follow(&stage, &listeners[i], "");
	events_free(stage.events);
	stage.events = events_new(stage.base, stage.shown);
	for (int i = 0; i < 3; i++) {
		listen_on(&stage, &listeners[i]);
		assert_true(listeners[i].ended);
		leave(&stage, &listeners[i]);
	}
	stage_tear_down(&stage);
}

static void
test_streams_end_well(UNUSED void **state)
{
	struct listener new, torn, late;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &new, "");
	follow(&stage, &torn, "");
	buffer_clear(&new.in);
	stage_show(&stage, 8);
	events_end(stage.events);
	assert_int_equal(events_count(stage.events), 0);
	/* Before it was sent. */
	leave(&stage, &torn);
	listen_on(&stage, &new);
	assert_event(&new, 8, false, "");
	assert_string_equal(new.in.data, "");
	assert_true(new.ended);
	leave(&stage, &new);
	follow(&stage, &late, "");
	assert_event(&late, 8, true, "t0 t1 t2");
	assert_true(late.ended);
	leave(&stage, &late);
	stage_tear_down(&stage);
}

/* Without chunks it is the connection's end that says so. */
static void
test_an_old_client_is_told_that_the_connection_ends_with_the_stream(UNUSED void **state)
{
	struct stage stage;
	struct reply reply;
	int fd;

	set_up(&stage);
	events_end(stage.events);
	fd = stage_connect(&stage);
	stage_send(fd, "GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	stage_wait_reply(&stage, fd, false, true, &reply);
	reply_assert_header(&reply, "Connection", "close");
	reply_assert_header(&reply, "Transfer-Encoding", NULL);
	assert_true(reply.ended);
	assert_string_equal(reply.body.data + reply.body.len - 4, "]}\n\n");
	reply_clear(&reply);
	close(fd);
	stage_tear_down(&stage);
}

static void
test_evhttp_may_end_before(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	evhttp_free(stage.http);
	assert_int_equal(events_count(stage.events), 0);
	stage.http = evhttp_new(stage.base);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_stream_is_chunked_and_kept_by_nobody),
		cmocka_unit_test(test_head_does_not_follow),
		cmocka_unit_test(test_one_too_many_is_told_to_come_back),
		cmocka_unit_test(test_silence_is_broken_by_a_comment),
		cmocka_unit_test(test_who_does_not_read_is_dropped),
		cmocka_unit_test(
		    test_who_reads_slowly_gets_the_newest_when_he_has_caught_up),
		cmocka_unit_test(test_a_client_that_goes_away_is_forgotten),
		cmocka_unit_test(test_what_a_client_says_is_not_listened_to),
		cmocka_unit_test(test_at_the_end_all_connections_end),
		cmocka_unit_test(test_streams_end_well),
		cmocka_unit_test(
		    test_an_old_client_is_told_that_the_connection_ends_with_the_stream),
		cmocka_unit_test(test_evhttp_may_end_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
