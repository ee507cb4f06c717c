#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/clients.h"

#include <string.h>
#include <unistd.h>

#include "clients_stage.h"

/* ---- well-behaved ones ---- */

static void
test_a_connection_goes_on_after_an_answer(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_int_equal(clients_count(stage.clients), 1);
	assert_true(is_answered(ask(&stage, fd, ASK)));
	assert_true(is_answered(ask(&stage, fd, ASK)));
	close(fd);
	pass(&stage, 0.25);
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 0);
	stage_close(&stage);
}

static void
test_requests_that_come_together_are_answered_in_order(UNUSED void **state)
{
	struct stage stage;
	const char *answers;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	answers = ask(&stage, fd, ASK ASK ASK "GET / HT");
	assert_int_equal(count_of(answers, "200 OK"), 3);
	/* The fourth has begun, and has its time from then on. */
	pass(&stage, 4.9);
	assert_true(is_answered(ask(&stage, fd, "TP/1.1\r\nHost: localhost\r\n\r\n")));
	assert_true(say(fd, ASK "GET"));
	turn(&stage);
	pass(&stage, 5);
	assert_false(is_open(fd));
	assert_int_equal(clients_cut_count(stage.clients), 1);
	close(fd);
	stage_close(&stage);
}

static void
test_the_hundredth_answer_closes_the_connection(UNUSED void **state)
{
	struct stage stage;
	int fd, i;

	stage_open(&stage);
	fd = come(&stage);
	for (i = 1; i < 100; i++)
		assert_null(strstr(ask(&stage, fd, ASK), "Connection: close"));
	assert_non_null(strstr(ask(&stage, fd, ASK), "Connection: close"));
	assert_false(is_open(fd));
	assert_int_equal(stage.answered, 100);
	close(fd);
	stage_close(&stage);
}

static void
test_who_has_sent_all_it_will_is_answered_all_the_same(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = connect_to_port(stage.port);
	assert_true(say(fd, ASK));
	shutdown(fd, SHUT_WR);
	turn(&stage);
	assert_true(is_answered(heard(fd)));
	assert_false(is_open(fd));
	pass(&stage, 0.25);
	assert_int_equal(clients_count(stage.clients), 0);
	close(fd);
	stage_close(&stage);
}

/* All of an answer to BIG, as far as it comes. */
static size_t
read_big(struct stage *stage, int fd)
{
	static char some[1 << 20];
	size_t len = 0;
	ssize_t got;

	do {
		turn(stage);
		got = recv(fd, some, sizeof(some), MSG_DONTWAIT);
		if (got > 0)
			len += (size_t)got;
	} while (got > 0);
	return len;
}

static void
test_and_be_the_answer_ever_so_large(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(say(fd, BIG));
	shutdown(fd, SHUT_WR);
	assert_true(read_big(&stage, fd) > BIG_BYTES);
	assert_int_equal(stage.answered, 1);
	close(fd);
	stage_close(&stage);
}

static void
test_what_comes_behind_the_last_answer_does_no_harm(UNUSED void **state)
{
	struct stage stage;
	char more[8];
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(is_answered(
	    ask(&stage, fd, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")));
	clients_sweep(stage.clients); /* it is seen to have left */
	clients_sweep(stage.clients);
	assert_true(say(fd, ASK));
	turn(&stage);
	assert_true(say(fd, ASK));
	turn(&stage);
	pass(&stage, 0.25);
	/* A reset, which would end in an error, might have overtaken the answer. */
	assert_int_equal(recv(fd, more, sizeof(more), 0), 0);
	assert_int_equal(stage.answered, 1);
	close(fd);
	stage_close(&stage);
}

/* ---- those who stay ---- */

static void
test_who_follows_has_no_end(UNUSED void **state)
{
	struct bufferevent *stream;
	struct stage stage;
	int fd, i;

	stage_open(&stage);
	fd = come(&stage);
	assert_non_null(strstr(ask(&stage, fd, STAY), "chunked"));
	pass(&stage, 3600);
	assert_true(is_open(fd));
	/* What it sends is thrown away, however much. */
	for (i = 0; i < 1000; i++)
		assert_true(is_open(fd) && say(fd, ASK));
	turn(&stage);
	stream = evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(stage.followers[0]));
	assert_int_equal(evbuffer_get_length(bufferevent_get_input(stream)), 0);
	pass(&stage, 3600);
	assert_true(is_open(fd));
	close(fd);
	pass(&stage, 0.25);
	assert_int_equal(stage.followers_ended, 1);
	assert_int_equal(clients_count(stage.clients), 0);
	evhttp_request_free(stage.followers[0]);
	stage_close(&stage);
}

static void
test_who_follows_can_be_cut_off(UNUSED void **state)
{
	struct stage stage;
	char junk[65536];
	int fd;

	memset(junk, 'x', sizeof(junk));
	stage_open(&stage);
	fd = come(&stage);
	ask(&stage, fd, STAY);
	/* What it has sent must not hide the end. */
	assert_true(send(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0);
	client_cut(stage.staying[0]);
	client_cut(stage.staying[0]);
	event_base_loop(stage.base, EVLOOP_NONBLOCK);
	assert_int_equal(stage.followers_ended, 1);
	turn(&stage);
	assert_false(is_open(fd));
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	evhttp_request_free(stage.followers[0]);
	close(fd);
	stage_close(&stage);
}

/* ---- bad ones ---- */

/* BYTES, as far as the other side reads them. */
static void
pour(struct stage *stage, int fd, size_t bytes)
{
	static const char some[16384];
	ssize_t sent;

	for (; bytes > 0; bytes -= (size_t)sent) {
		sent = send(fd, some, sizeof(some), MSG_DONTWAIT | MSG_NOSIGNAL);
		assert_true(sent > 0);
		turn(stage);
	}
}

static void
test_who_still_sends_what_was_refused_reads_why(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(say(fd, "POST / HTTP/1.1\r\nContent-Length: 131072\r\n\r\n"));
	turn(&stage);
	pour(&stage, fd, 65536);
	clients_sweep(stage.clients); /* it is seen to have left */
	pour(&stage, fd, 65536);
	assert_non_null(strstr(heard(fd), "HTTP/1.1 413"));
	/* But not for long. */
	pass(&stage, 0.25);
	assert_false(say(fd, "x") && say(fd, "x"));
	close(fd);
	stage_close(&stage);
}

/* How many bytes the other side takes, of more than any socket's buffers hold. */
static size_t
flood(struct stage *stage, int fd)
{
	static const char junk[65536] = { '1' };
	size_t sent = 0;
	ssize_t more;

	while (sent < BIG_BYTES) {
		more = send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (more == -1)
			break;
		sent += (size_t)more;
		turn(stage);
	}
	return sent;
}

static void
test_nothing_is_read_while_an_answer_is_written(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(say(fd, BIG));
	turn(&stage);
	assert_true(flood(&stage, fd) < BIG_BYTES);
	assert_int_equal(clients_count(stage.clients), 1);
	pass(&stage, 30);
	assert_int_equal(clients_count(stage.clients), 0);
	assert_false(is_open(fd));
	close(fd);
	stage_close(&stage);
}

static void
test_who_sends_too_much_is_cut_off_at_once(UNUSED void **state)
{
	struct stage stage;
	int fd;

	stage_open(&stage);
	fd = come(&stage);
	assert_true(say(fd, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
	turn(&stage);
	/* The size of a chunk, which has no end. */
	assert_true(flood(&stage, fd) < 262144);
	assert_false(is_open(fd));
	assert_int_equal(clients_count(stage.clients), 0);
	assert_int_equal(clients_cut_count(stage.clients), 1);
	close(fd);
	stage_close(&stage);
}

static void
test_the_end_comes_whatever_a_client_does(UNUSED void **state)
{
	static const char *const doings[] = { "", "GET /", ASK, BIG, STAY, BIG BIG,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n" };
	int fds[ARRAY_COUNT(doings)];
	struct stage stage;
	size_t i;

	stage_open(&stage);
	for (i = 0; i < ARRAY_COUNT(doings); i++) {
		fds[i] = come(&stage);
		say(fds[i], doings[i]);
		turn(&stage);
	}
	pass(&stage, 30);
	assert_int_equal(clients_count(stage.clients), 1); /* who follows */
	for (i = 0; i < ARRAY_COUNT(doings); i++) {
		if (strcmp(doings[i], STAY) != 0)
			assert_false(is_open(fds[i]));
		close(fds[i]);
	}
	turn(&stage);
	evhttp_request_free(stage.followers[0]);
	stage_close(&stage);
}

static void
test_all_are_let_go_of_whatever_they_do(UNUSED void **state)
{
	static const char *const doings[] = { "", "GET /", ASK, BIG, STAY, BIG BIG,
		"GET / HTTP/1.0\r\n\r\n", "\1\2\3\r\n\r\n" };
	int fds[ARRAY_COUNT(doings)];
	struct stage stage;
	size_t i;

	stage_open(&stage);
	for (i = 0; i < ARRAY_COUNT(doings); i++) {
		fds[i] = come(&stage);
		say(fds[i], doings[i]);
		turn(&stage);
	}
	client_cut(stage.staying[0]);
	turn(&stage);
	evhttp_request_free(stage.followers[0]);
	evhttp_free(stage.http);
	clients_free(stage.clients);
	event_base_free(stage.base);
	for (i = 0; i < ARRAY_COUNT(doings); i++)
		close(fds[i]);
	assert_int_equal(open_descriptors(), stage.descriptors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_goes_on_after_an_answer),
		cmocka_unit_test(
		    test_requests_that_come_together_are_answered_in_order),
		cmocka_unit_test(test_the_hundredth_answer_closes_the_connection),
		cmocka_unit_test(
		    test_who_has_sent_all_it_will_is_answered_all_the_same),
		cmocka_unit_test(test_and_be_the_answer_ever_so_large),
		cmocka_unit_test(test_what_comes_behind_the_last_answer_does_no_harm),
		cmocka_unit_test(test_who_follows_has_no_end),
		cmocka_unit_test(test_who_follows_can_be_cut_off),
		cmocka_unit_test(test_who_still_sends_what_was_refused_reads_why),
		cmocka_unit_test(test_nothing_is_read_while_an_answer_is_written),
		cmocka_unit_test(test_who_sends_too_much_is_cut_off_at_once),
		cmocka_unit_test(test_the_end_comes_whatever_a_client_does),
		cmocka_unit_test(test_all_are_let_go_of_whatever_they_do),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
