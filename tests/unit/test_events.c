#include "serve/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "serve_stage.h"

#define GREETING "retry: 2000\n\n"

/* One who follows by HTTP/1.0, in which the answer has no chunks. */
struct listener {
	int fd;
	struct buffer in; /* behind the answer's head */
	bool ended;
};

/* Turn the loop, and read, until nothing more comes. */
static void
listen_on(struct stage *stage, struct listener *listener)
{
	int idle_turns = 0;

	while (idle_turns < 20 && !listener->ended) {
		size_t before = listener->in.len;

		stage_turn(stage);
		listener->ended = !stage_receive(listener->fd, &listener->in);
		idle_turns = listener->in.len > before ? 0 : idle_turns + 1;
	}
}

/* Ask for the events; RECEIVE_BYTES is the kernel's room for what is not read, 0: plenty. */
static void
ask_for_events(struct stage *stage, struct listener *listener, const char *headers,
    int receive_bytes)
{
	char *text =
	    xasprintf("GET /events HTTP/1.0\r\nHost: localhost\r\n%s\r\n", headers);

	listener->fd = stage_connect_with(stage, receive_bytes);
	listener->ended = false;
	buffer_init(&listener->in, BUFFER_UNLIMITED);
	stage_send(listener->fd, text);
	free(text);
}

/* Forget what has come up to END, which is among it. */
static void
skip_past(struct listener *listener, const char *end)
{
	const char *found = strstr(listener->in.data, end);
	struct buffer rest;

	if (found == NULL)
		fail_msg("no \"%s\" in \"%s\"", end, listener->in.data);
	buffer_init(&rest, BUFFER_UNLIMITED);
	buffer_append_string(&rest, found + strlen(end));
	buffer_clear(&listener->in);
	listener->in = rest;
}

static void
follow(struct stage *stage, struct listener *listener, const char *headers)
{
	ask_for_events(stage, listener, headers, 0);
	listen_on(stage, listener);
	skip_past(listener, "\r\n\r\n");
	assert_int_equal(strncmp(listener->in.data, GREETING, strlen(GREETING)), 0);
	skip_past(listener, GREETING);
}

static void
leave(struct stage *stage, struct listener *listener)
{
	close(listener->fd);
	buffer_clear(&listener->in);
	for (int turns = 0; turns < 10; turns++)
		stage_turn(stage);
}

/* ---- what comes ---- */

/* The data of the next event, which has that id; the caller's. */
static struct json_object *
next_event(struct listener *listener, uint64_t generation)
{
	char *start = xasprintf(
	    "id: %llu\nevent: generation\ndata: ", (unsigned long long)generation);
	struct json_object *data;
	char *text;

	if (strncmp(listener->in.data, start, strlen(start)) != 0)
		fail_msg("not \"%s\": %.200s", start, listener->in.data);
	skip_past(listener, "data: ");
	text = xmemdup0(listener->in.data, strcspn(listener->in.data, "\n"));
	data = json_tokener_parse(text);
	assert_non_null(data);
	skip_past(listener, "\n\n");
	free(text);
	free(start);
	return data;
}

/* The next event is that generation's, and has the entries NAMES: "t0 t2". */
static void
assert_event(
    struct listener *listener, uint64_t generation, bool complete, const char *names)
{
	struct json_object *data = next_event(listener, generation);
	struct json_object *entries = json_object_object_get(data, "entries");
	struct json_object *summary = json_object_object_get(data, "summary");
	struct buffer found;

	assert_int_equal(
	    json_object_get_int64(json_object_object_get(data, "generation")),
	    generation);
	assert_int_equal(
	    json_object_get_int64(json_object_object_get(summary, "generation")),
	    generation);
	assert_int_equal(
	    json_object_get_boolean(json_object_object_get(data, "complete")),
	    complete);
	buffer_init(&found, BUFFER_UNLIMITED);
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *card = json_object_array_get_idx(entries, i);

		if (i > 0)
			buffer_append_char(&found, ' ');
		buffer_append_string(&found,
		    json_object_get_string(json_object_object_get(card, "name")));
	}
	assert_string_equal(found.data, names);
	buffer_clear(&found);
	json_object_put(data);
}

static void
assert_silence(const struct listener *listener)
{
	assert_string_equal(listener->in.data, "");
	assert_false(listener->ended);
}

static void
set_up(struct stage *stage)
{
	stage_set_up(stage, 2, true);
	stage_put(stage, 0, "1");
	stage_show(stage, 7);
}

/* ---- generations ---- */

static void
test_a_new_client_gets_all_there_is(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	assert_silence(&listener);
	assert_int_equal(events_count(stage.events), 1);
	assert_int_equal(stage.answers.requests[2], 1);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_then_it_gets_what_changes(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	listen_on(&stage, &listener);
	assert_event(&listener, 8, false, "t1");
	stage_show(&stage, 11);
	listen_on(&stage, &listener);
	assert_event(&listener, 11, false, "");
	stage_put(&stage, 1, "3");
	stage_put(&stage, 0, "4");
	stage_show(&stage, 12);
	listen_on(&stage, &listener);
	assert_event(&listener, 12, false, "t0 t1");
	assert_silence(&listener);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_before_the_first_document_there_is_only_a_greeting(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	stage_set_up(&stage, 1, true);
	follow(&stage, &listener, "Last-Event-ID: 0\r\n");
	assert_silence(&listener);
	stage_show(&stage, 1);
	listen_on(&stage, &listener);
	assert_event(&listener, 1, true, "t0 t1");
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_who_comes_back_gets_what_changed_meanwhile(UNUSED void **state)
{
	struct listener listener;
	struct stage stage;

	set_up(&stage);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	stage_put(&stage, 0, "3");
	stage_show(&stage, 9);
	follow(&stage, &listener, "Last-Event-ID: 7\r\n");
	assert_event(&listener, 9, false, "t0 t1");
	leave(&stage, &listener);
	follow(&stage, &listener, "Last-Event-ID: 8\r\n");
	assert_event(&listener, 9, false, "t0");
	leave(&stage, &listener);
	follow(&stage, &listener, "Last-Event-ID: 9\r\n");
	assert_event(&listener, 9, false, "");
	assert_silence(&listener);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

static void
test_an_id_of_no_use_counts_as_none(UNUSED void **state)
{
	static const char *const ids[] = { "8", "99999999999999999999", "", "x", "-1",
		"7 x", "+7", "0x7", "6", "0" };
	struct listener listener;
	struct stage stage;
	char header[64];

	set_up(&stage);
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		snprintf(header, sizeof(header), "Last-Event-ID: %s\r\n", ids[i]);
		follow(&stage, &listener, header);
		assert_event(&listener, 7, true, "t0 t1 t2");
		leave(&stage, &listener);
	}
	stage_tear_down(&stage);
}

static void
test_clients_that_know_different_generations_get_what_each_lacks(UNUSED void **state)
{
	struct listener listeners[3];
	struct stage stage;

	set_up(&stage);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	follow(&stage, &listeners[0], "");
	follow(&stage, &listeners[1], "Last-Event-ID: 7\r\n");
	follow(&stage, &listeners[2], "Last-Event-ID: 8\r\n");
	assert_event(&listeners[0], 8, true, "t0 t1 t2");
	assert_event(&listeners[1], 8, false, "t1");
	assert_event(&listeners[2], 8, false, "");
	stage_put(&stage, 0, "3");
	stage_show(&stage, 9);
	for (int i = 0; i < 3; i++) {
		listen_on(&stage, &listeners[i]);
		assert_event(&listeners[i], 9, false, "t0");
		leave(&stage, &listeners[i]);
	}
	stage_tear_down(&stage);
}

/* The config has TARGETS services from now on. */
static void
reload(struct stage *stage, size_t targets)
{
	struct config *config = fake_config_new(targets);

	config->interval_ms = stage->config->interval_ms;
	config->timeout_ms = stage->config->timeout_ms;
	config->output.max_size_bytes = stage->config->output.max_size_bytes;
	board_reload(stage->board, config);
	snapshot_maker_reload(stage->maker, STAGE_HOST);
	fake_config_free(stage->config);
	stage->config = config;
}

static void
test_after_a_reload_all_is_sent_anew(UNUSED void **state)
{
	struct listener listener, late;
	struct stage stage;

	set_up(&stage);
	follow(&stage, &listener, "");
	assert_event(&listener, 7, true, "t0 t1 t2");
	reload(&stage, 1);
	stage_show(&stage, 8);
	listen_on(&stage, &listener);
	assert_event(&listener, 8, true, "t0");
	stage_show(&stage, 9);
	listen_on(&stage, &listener);
	assert_event(&listener, 9, false, "");
	follow(&stage, &late, "Last-Event-ID: 7\r\n");
	assert_event(&late, 9, true, "t0");
	leave(&stage, &late);
	follow(&stage, &late, "Last-Event-ID: 8\r\n");
	assert_event(&late, 9, false, "");
	leave(&stage, &late);
	leave(&stage, &listener);
	stage_tear_down(&stage);
}

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
	stage.events = events_new(stage.base);
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
		cmocka_unit_test(test_a_new_client_gets_all_there_is),
		cmocka_unit_test(test_then_it_gets_what_changes),
		cmocka_unit_test(
		    test_before_the_first_document_there_is_only_a_greeting),
		cmocka_unit_test(test_who_comes_back_gets_what_changed_meanwhile),
		cmocka_unit_test(test_an_id_of_no_use_counts_as_none),
		cmocka_unit_test(
		    test_clients_that_know_different_generations_get_what_each_lacks),
		cmocka_unit_test(test_after_a_reload_all_is_sent_anew),
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
