#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/clients.h"

#include <string.h>
#include <unistd.h>

#include "clients_stage.h"

/* ---- slow ones ---- */

static void
test_who_asks_nothing_is_cut_off_after_five_seconds(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	pass(&stage, 4.9);
	assert_true(is_open(fd));
	pass(&stage, 0.1);
	assert_false(is_open(fd));
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	close(fd);
	stage_close(&stage);
}

static void
test_a_byte_now_and_then_wins_no_time(UNUSED void **state)
{
	struct stage stage;
	int fd, i;

	stage_open(&stage);
	fd = come(&stage);
	for (i = 0; i < 9; i++) {
		assert_true(is_open(fd));
		say(fd, i == 0 ? "GET / HTTP/1.1\r\n" : "X: y\r\n");
		turn(&stage);
		pass(&stage, 0.5);
	}
	assert_true(is_open(fd));
	pass(&stage, 0.5);
	assert_false(is_open(fd));
	close(fd);
	stage_close(&stage);
}

static void
test_a_later_request_has_its_time_from_its_first_byte(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	ask(&stage, fd, ASK);
	pass(&stage, 15);
	ask(&stage, fd, "G");
	pass(&stage, 4.9);
	assert_true(is_open(fd));
	pass(&stage, 0.1);
	assert_false(is_open(fd));
	assert_int_equal(clients_cut_count(stage.clients), 1);
	close(fd);
	stage_close(&stage);
}

static void
test_who_is_idle_when_there_is_no_time_for_a_request_goes(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	ask(&stage, fd, ASK);
	pass(&stage, 24.9);
	assert_true(is_open(fd));
	pass(&stage, 0.1);
	assert_false(is_open(fd));
	/* It did nothing wrong. */
	assert_int_equal(clients_cut_count(stage.clients), 0);
	close(fd);
	stage_close(&stage);
}

static void
test_a_late_request_is_the_last_one(UNUSED void **state)
{
	struct stage stage;
	const char *answer;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	ask(&stage, fd, ASK);
	pass(&stage, 24);
	ask(&stage, fd, "GET / HTTP/1.1\r\n");
	pass(&stage, 4);
	answer = ask(&stage, fd, "\r\n");
	assert_true(is_answered(answer));
	assert_non_null(strstr(answer, "Connection: close"));
	close(fd);
	stage_close(&stage);
}

static void
test_who_reads_slowly_is_cut_off_at_the_end_of_its_life(UNUSED void **state)
{
	struct stage stage;
	char some[65536];
	int fd, i;

	stage_open(&stage);
	fd = come(&stage);
	say(fd, BIG);
	turn(&stage);
	for (i = 0; i < 59; i++) {
		assert_true(recv(fd, some, sizeof(some), 0) > 0);
		pass(&stage, 0.5);
	}
	assert_int_equal(clients_count(stage.clients), 1);
	pass(&stage, 0.5);
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	assert_int_equal(stage.answered, 0);
	/* What is on its way does not wait for it to be read. */
	while (recv(fd, some, sizeof(some), 0) > 0)
		;
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	stage_close(&stage);
}

static void
test_who_goes_without_reading_is_forgotten(UNUSED void **state)
{
	struct stage stage;
	int gone, torn;

	stage_open(&stage);
	gone = come(&stage);
	torn = come(&stage);
	say(gone, BIG);
	say(torn, BIG BIG);
	turn(&stage);
	assert_int_equal(clients_count(stage.clients), 2);
	close(gone);
	reset(torn);
	turn(&stage);
	pass(&stage, 0.25);
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 0);
	stage_close(&stage);
}

/* ---- too many ---- */

static const struct clients_limits three_at_once = {
	.max = 3,
	.request_ms = 5000,
	.life_ms = 30000,
	.max_requests = 100,
};

static void
test_one_too_many_ends_the_one_that_is_slowest_to_ask(UNUSED void **state)
{
	struct stage stage;
	int first, second, third, fourth;

	stage_open_limited(&stage, &three_at_once);
	first = come(&stage);
	second = come(&stage);
	third = come(&stage);
	pass(&stage, 1);
	ask(&stage, first, ASK);
	fourth = come(&stage);
	assert_true(is_open(first));
	assert_false(is_open(second));
	assert_true(is_open(third));
	assert_true(is_answered(ask(&stage, fourth, ASK)));
	assert_int_equal(clients_count(stage.clients), 3);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	close(first);
	close(second);
	close(third);
	close(fourth);
	stage_close(&stage);
}

static void
test_who_is_answered_is_not_ended_for_another_unless_all_are(UNUSED void **state)
{
	struct stage stage;
	int follower, first, second, third, fourth;

	stage_open_limited(&stage, &three_at_once);
	follower = come(&stage);
	ask(&stage, follower, STAY);
	first = come(&stage);
	ask(&stage, first, BIG);
	second = come(&stage);
	third = come(&stage);
	assert_false(is_open(second)); /* the only one without an answer */
	ask(&stage, third, BIG);
	fourth = come(&stage);
	assert_true(is_open(follower));
	assert_int_equal(clients_count(stage.clients), 3);
	assert_int_equal(clients_cut_count(stage.clients), 2);
	assert_false(is_open(first));
	assert_true(is_answered(ask(&stage, fourth, ASK)));
	close(follower);
	close(first);
	close(second);
	close(third);
	close(fourth);
	turn(&stage);
	evhttp_request_free(stage.followers[0]);
	stage_close(&stage);
}

static void
test_who_has_gone_makes_room(UNUSED void **state)
{
	struct stage stage;
	int patient, i;

	stage_open_limited(&stage, &three_at_once);
	patient = come(&stage);
	for (i = 0; i < 20; i++) {
		int fd = come(&stage);

		assert_true(is_answered(
		    ask(&stage, fd, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")));
		close(fd);
		turn(&stage);
	}
	assert_true(is_open(patient));
	assert_int_equal(clients_cut_count(stage.clients), 0);
	close(patient);
	stage_close(&stage);
}

/* ---- the end ---- */

static void
test_towards_the_end_there_is_a_moment_for_a_request(UNUSED void **state)
{
	struct stage stage;
	const char *answer;
	int silent, half, idle;

	stage_open(&stage);
	silent = come(&stage);
	half = come(&stage);
	idle = come(&stage);
	assert_true(is_answered(ask(&stage, idle, ASK)));
	pass(&stage, 1);
	clients_end(stage.clients);
	pass(&stage, 0.15);
	assert_false(is_open(idle));
	assert_true(is_open(silent));
	answer = ask(&stage, half, ASK ASK);
	assert_true(is_answered(answer));
	assert_non_null(strstr(answer, "Connection: close"));
	assert_int_equal(count_of(answer, "200 OK"), 1);
	assert_false(is_open(half));
	assert_false(clients_have_gone(stage.clients));
	pass(&stage, 0.05);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	assert_false(is_open(silent));
	close(silent);
	close(half);
	close(idle);
	pass(&stage, 0.25);
	assert_true(clients_have_gone(stage.clients));
	stage_close(&stage);
}

/* Its answer has not said so: it began before. */
static void
test_towards_the_end_who_has_its_answer_goes(UNUSED void **state)
{
	static char some[1 << 20];
	struct stage stage;
	size_t len = 0;
	ssize_t got;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	say(fd, BIG);
	turn(&stage);
	clients_end(stage.clients);
	pass(&stage, 1);
	do {
		turn(&stage);
		clients_sweep(stage.clients);
		got = recv(fd, some, sizeof(some), MSG_DONTWAIT);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0 || (got == -1 && errno == EAGAIN));
	assert_true(len > BIG_BYTES);
	assert_int_equal(got, 0);
	assert_int_equal(clients_cut_count(stage.clients), 0);
	close(fd);
	pass(&stage, 0.25);
	assert_true(clients_have_gone(stage.clients));
	stage_close(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_asks_nothing_is_cut_off_after_five_seconds),
		cmocka_unit_test(test_a_byte_now_and_then_wins_no_time),
		cmocka_unit_test(test_a_later_request_has_its_time_from_its_first_byte),
		cmocka_unit_test(
		    test_who_is_idle_when_there_is_no_time_for_a_request_goes),
		cmocka_unit_test(test_a_late_request_is_the_last_one),
		cmocka_unit_test(
		    test_who_reads_slowly_is_cut_off_at_the_end_of_its_life),
		cmocka_unit_test(test_who_goes_without_reading_is_forgotten),
		cmocka_unit_test(test_one_too_many_ends_the_one_that_is_slowest_to_ask),
		cmocka_unit_test(
		    test_who_is_answered_is_not_ended_for_another_unless_all_are),
		cmocka_unit_test(test_who_has_gone_makes_room),
		cmocka_unit_test(test_towards_the_end_there_is_a_moment_for_a_request),
		cmocka_unit_test(test_towards_the_end_who_has_its_answer_goes),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
