#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/server.h"

#include <unistd.h>

#include "server_stage.h"

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* ---- what it shows ---- */

static void
test_it_shows_what_it_was_given_last(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(says(answer_to(fd, DOCUMENT), "503"));
	show(&stage, 7);
	assert_non_null(strstr(answer_to(fd, DOCUMENT), "\"generation\": 7"));
	show(&stage, 8);
	show(&stage, 9);
	assert_non_null(strstr(answer_to(fd, DOCUMENT), "\"generation\": 9"));
	close(fd);
	stage_close(&stage);
}

/* A round is overdue. */
static const struct health ill = { .due_at_us = 1 };

static void
test_it_says_how_it_is(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(says(answer_to(fd, HEALTH), "503"));
	show(&stage, 1);
	be_well(&stage);
	assert_true(says(answer_to(fd, HEALTH), "200"));
	server_set_health(stage.server, &ill);
	assert_true(says(answer_to(fd, HEALTH), "503"));
	close(fd);
	stage_close(&stage);
}

static void
test_who_follows_hears_of_each_generation(UNUSED void **state)
{
	struct stage stage;
	struct server_counts counts;
	int fd;

	stage_open(&stage);
	show(&stage, 1);
	fd = come(&stage);
	assert_true(say(fd, EVENTS));
	heard[0] = '\0';
	while (strstr(heard, "id: 1-") == NULL)
		assert_true(hear(fd, heard, sizeof(heard), 0));
	show(&stage, 2);
	while (strstr(heard, "id: 2-") == NULL)
		assert_true(hear(fd, heard, sizeof(heard), 0));
	WAIT_FOR(&stage, counts, counts.event_clients == 1 && counts.requests[2] == 1);
	server_free(stage.server);
	stage.server = NULL;
	hear_to_end(fd, heard, sizeof(heard));
	assert_true(ends_with(heard, "0\r\n\r\n"));
	close(fd);
	stage_close(&stage);
}

static void
test_answers_are_counted(UNUSED void **state)
{
	struct server_counts counts;
	struct stage stage;
	int fd;

	stage_open(&stage);
	show(&stage, 1);
	fd = come(&stage);
	answer_to(fd, DOCUMENT);
	answer_to(fd, DOCUMENT);
	answer_to(fd, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
	server_set_health(stage.server, &ill);
	answer_to(fd, HEALTH);
	WAIT_FOR(&stage, counts,
	    counts.requests[2] == 2 && counts.requests[4] == 1 &&
	        counts.requests[5] == 1);
	assert_int_equal(counts.connections, 1);
	assert_int_equal(counts.cut_connections, 0);
	close(fd);
	wait_for_connections(&stage, 0);
	stage_close(&stage);
}

/* ---- where it listens ---- */

static void
test_only_a_socket_of_the_loopback_checks_the_host(UNUSED void **state)
{
	static const char *const foreign =
	    "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	struct stage stage;
	int fd;

	stage_open(&stage);
	assert_true(says(ask(&stage, foreign), "421"));
	assert_true(says(ask(&stage, HEALTH), "503"));
	listen_at_path(&stage);
	do
		fd = connect_to_path(stage.path);
	while (fd == -1);
	assert_true(says(answer_to(fd, foreign), "503"));
	close(fd);
	stage_close(&stage);
	/* Its socket has gone with it. */
	assert_int_equal(access(stage.path, F_OK), -1);
}

static void
test_who_is_admitted_changes_while_it_listens(UNUSED void **state)
{
	static const char *const foreign =
	    "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	struct stage stage;

	stage_open(&stage);
	server_admit(stage.server, 0666, true);
	while (says(ask(&stage, foreign), "421"))
		;
	server_admit(stage.server, 0666, false);
	while (!says(ask(&stage, foreign), "421"))
		;
	assert_true(says(ask(&stage, HEALTH), "503"));
	stage_close(&stage);
}

static void
test_it_moves_and_keeps_its_connections(UNUSED void **state)
{
	struct stage stage;
	uint16_t before;
	int old, new;

	stage_open(&stage);
	before = stage.port;
	old = come(&stage);
	answer_to(old, HEALTH);
	listen_at_port(&stage);
	assert_int_not_equal(stage.port, before);
	new = come(&stage);
	answer_to(new, HEALTH);
	assert_int_equal(connect_to_port(before), -1);
	answer_to(old, HEALTH);
	close(old);
	close(new);
	stage_close(&stage);
}

/* The address of before is free as soon as it listens elsewhere. */
static void
test_it_moves_back_at_once(UNUSED void **state)
{
	struct stage stage;
	char paths[2][64];
	int i;

	stage_open_limited(&stage, &clients_default_limits);
	for (i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "/tmp/gatherd-server.%d.%d",
		    getpid(), i);
	for (i = 0; i < 300; i++) {
		show(&stage, (uint64_t)i + 1);
		memcpy(stage.path, paths[i % 2], sizeof(stage.path));
		listen_at_path(&stage);
	}
	assert_int_equal(access(paths[0], F_OK), -1);
	stage_close(&stage);
	assert_int_equal(access(paths[1], F_OK), -1);
}

static void
test_where_it_came_to_late_is_left_unused(UNUSED void **state)
{
	struct stage stage;
	int i;

	stage_open_limited(&stage, &clients_default_limits);
	for (i = 0; i < 50; i++) {
		show(&stage, (uint64_t)i + 1);
		listen_at_port(&stage);
	}
	ask(&stage, DOCUMENT);
	for (i = 0; i < 5; i++) {
		show(&stage, (uint64_t)i + 100);
		listen_at_port(&stage);
	}
	stage_close(&stage);
}

/* ---- the end ---- */

static void
test_it_ends_at_once_whatever_its_clients_do(UNUSED void **state)
{
	static const char *const doings[] = { "", "GET /", HEALTH, EVENTS, DOCUMENT,
		DOCUMENT DOCUMENT DOCUMENT };
	int fds[ARRAY_COUNT(doings)];
	struct stage stage;
	int64_t begin_us;
	size_t i;

	stage_open(&stage);
	show(&stage, 1);
	for (i = 0; i < ARRAY_COUNT(doings); i++) {
		fds[i] = come(&stage);
		(void)say(fds[i], doings[i]);
	}
	wait_for_connections(&stage, ARRAY_COUNT(doings));
	begin_us = clock_now_us();
	server_free(stage.server);
	assert_true(clock_now_us() - begin_us < AT_ONCE_US);
	stage.server = NULL;
	for (i = 0; i < ARRAY_COUNT(doings); i++) {
		hear_to_end(fds[i], heard, sizeof(heard));
		close(fds[i]);
	}
	stage_close(&stage);
}

/* The server is gone already, and its thread ends by itself. */
static void
wait_for_thread(const struct stage *stage)
{
	int64_t until_us = clock_now_us() + PATIENCE_S * 1000000;

	while (open_descriptors() > stage->descriptors) {
		assert_true(clock_now_us() < until_us);
		usleep(2000);
	}
}

static void
test_who_has_begun_to_ask_is_answered_at_the_end(UNUSED void **state)
{
	struct stage stage;
	int asking, follower;

	stage_open(&stage);
	show(&stage, 1);
	asking = come(&stage);
	follower = come(&stage);
	assert_true(say(asking, "GET /status.json HTTP/1.1\r\n"));
	assert_true(say(follower, EVENTS));
	heard[0] = '\0';
	while (strstr(heard, "id: 1-") == NULL)
		assert_true(hear(follower, heard, sizeof(heard), 0));
	server_leave(stage.server);
	stage.server = NULL;
	assert_int_equal(connect_to_port(stage.port), -1);
	assert_true(say(asking, "Host: localhost\r\n\r\n"));
	hear_to_end(asking, heard, sizeof(heard));
	assert_true(says(heard, "200"));
	assert_non_null(strstr(heard, "\r\nConnection: close\r\n"));
	assert_true(ends_with(heard, "}\n"));
	close(asking);
	hear_to_end(follower, heard, sizeof(heard));
	assert_true(ends_with(heard, "0\r\n\r\n"));
	close(follower);
	wait_for_thread(&stage);
	stage_close(&stage);
}

/* Connected, but not accepted yet, when the end comes. */
static void
test_who_came_before_the_end_is_let_in(UNUSED void **state)
{
	struct stage stage;
	int fds[40];
	int i;

	stage_open(&stage);
	show(&stage, 1);
	for (i = 0; i < 40; i++) {
		fds[i] = come(&stage);
		assert_true(say(fds[i], DOCUMENT));
	}
	server_free(stage.server);
	stage.server = NULL;
	for (i = 0; i < 40; i++) {
		hear_to_end(fds[i], heard, sizeof(heard));
		assert_true(says(heard, "200"));
		assert_true(ends_with(heard, "}\n"));
		close(fds[i]);
	}
	stage_close(&stage);
}

static void
test_it_ends_with_its_mail_unread(UNUSED void **state)
{
	struct stage stage;
	int i;

	server_free(NULL);
	for (i = 0; i < 50; i++) {
		stage_open_limited(&stage, &clients_default_limits);
		show(&stage, 1);
		be_well(&stage);
		listen_at_path(&stage);
		stage_close(&stage);
		assert_int_equal(access(stage.path, F_OK), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_shows_what_it_was_given_last),
		cmocka_unit_test(test_it_says_how_it_is),
		cmocka_unit_test(test_who_follows_hears_of_each_generation),
		cmocka_unit_test(test_answers_are_counted),
		cmocka_unit_test(test_only_a_socket_of_the_loopback_checks_the_host),
		cmocka_unit_test(test_who_is_admitted_changes_while_it_listens),
		cmocka_unit_test(test_it_moves_and_keeps_its_connections),
		cmocka_unit_test(test_it_moves_back_at_once),
		cmocka_unit_test(test_where_it_came_to_late_is_left_unused),
		cmocka_unit_test(test_it_ends_at_once_whatever_its_clients_do),
		cmocka_unit_test(test_who_has_begun_to_ask_is_answered_at_the_end),
		cmocka_unit_test(test_who_came_before_the_end_is_let_in),
		cmocka_unit_test(test_it_ends_with_its_mail_unread),
	};

	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
