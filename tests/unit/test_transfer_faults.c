/*
 * http/transfers: what goes wrong, and how it is told.
 */
#include <dirent.h>
#include <sys/resource.h>

#include "transfers_stage.h"

/* ---- Timeouts ---- */

static void
test_a_connection_that_hangs_times_out(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	int fds[3];

	open_full_port("127.0.0.2", stage->server->port, fds);
	aim_at(stage, "http://127.0.0.2:%u/");
	stage->request.connect_timeout_us = 30 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_CONNECT);
	assert_true(seen.response.timing.total_us >= 30 * MS_US);
	assert_int_equal(seen.response.timing.connect_us, -1);
	close_full_port(fds);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_handshake_that_hangs_times_out(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	/* Time enough to get as far as the handshake, under valgrind too. */
	transfers_expect_tls(stage->transfers, NULL);
	aim_at(stage, "https://127.0.0.1:%u/");
	stage->request.connect_timeout_us = 500 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_TLS);
	forget(&seen);
	free_stage(stage);
}

static void
test_the_connect_timeout_ends_with_the_connection(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	stage->request.connect_timeout_us = 40 * MS_US;
	ask_within(stage, &seen, 120 * MS_US);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_FIRST_BYTE);
	assert_true(seen.response.timing.total_us >= 120 * MS_US);
	assert_true(seen.response.timing.connect_us >= 0);
	assert_int_equal(seen.response.timing.first_byte_us, -1);
	/* A connection in the middle of an answer is of no use any more. */
	run_for_ms(stage, 10);
	assert_int_equal(stage->server->open_count, 0);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_body_that_stops_times_out(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer, OK_HEAD "Content-Length: 10\r\n\r\nabc");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask_within(stage, &seen, 100 * MS_US);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_BODY);
	assert_int_equal(seen.response.http_status, 200);
	assert_int_equal(seen.response.bytes, 3);
	assert_true(seen.response.timing.first_byte_us >= 0);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_deadline_in_the_past_is_told_from_the_loop(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask_within(stage, &seen, -SECOND_US);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	forget(&seen);
	free_stage(stage);
}

/* ---- Faults ---- */

static void
expect_fault(struct stage *stage, enum response_result result, const char *message)
{
	struct seen seen = { 0 };

	ask(stage, &seen);
	assert_int_equal(seen.response.result, result);
	if (strcmp(seen.response.message, message) != 0 &&
	    strncmp(seen.response.message, message, strlen(message) - 1) != 0)
		assert_string_equal(seen.response.message, message);
	forget(&seen);
}

static void
test_a_refused_connection_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	char message[64];
	uint16_t port;
	const char *why;
	char url[64];

	close(loopback_listen(1, &port));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	snprintf(message, sizeof(message), "connection refused by 127.0.0.1:%u", port);
	assert_true(url_parse(url, &stage->request.url, &why));
	expect_fault(stage, RESPONSE_CONNECT, message);
	free_stage(stage);
}

static void
test_no_answer_at_all_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer_and_close, "");

	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(stage, RESPONSE_PROTOCOL,
	    "the server closed the connection before answering");
	free_stage(stage);
}

static void
test_a_body_cut_short_is_told(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer_and_close, OK_HEAD "Content-Length: 10\r\n\r\nabc");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
	assert_int_equal(seen.response.http_status, 200);
	assert_int_equal(seen.response.bytes, 3);
	assert_string_equal(
	    seen.response.message, "the answer was cut off after 3 of 10 bytes");

	stage->answer = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n8\r\nabc";
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
	assert_string_equal(
	    seen.response.message, "the answer was cut off after 3 bytes");
	forget(&seen);
	free_stage(stage);
}

static void
test_a_reset_is_told(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer_and_reset, OK_HEAD "Content-Length: 10\r\n\r\nabc");

	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(stage, RESPONSE_PROTOCOL, "the connection broke ");
	stage->answer = "";
	expect_fault(stage, RESPONSE_PROTOCOL,
	    "the connection broke before the answer: Connection reset by peer");
	free_stage(stage);
}

static void
test_what_is_no_http_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer_and_close, "hello\r\n");
	static const char *const answers[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.9 200 OK\r\n\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
	};

	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(stage, RESPONSE_PROTOCOL, "the answer is no valid HTTP: ");
	for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
		stage->answer = answers[i];
		expect_fault(stage, RESPONSE_PROTOCOL, "the answer is no valid HTTP: ");
	}
	free_stage(stage);
}

static void
test_what_is_no_tls_is_told(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer_and_close, "HTTP/1.1 400 Bad Request\r\n\r\n");
	char message[128];

	stage->server->any_bytes = true;
	aim_at(stage, "https://127.0.0.1:%u/");
	snprintf(message, sizeof(message),
	    "TLS handshake with 127.0.0.1:%u failed: what answers there is no TLS "
	    "(wrong version number)",
	    stage->server->port);
	expect_fault(stage, RESPONSE_TLS, message);
	free_stage(stage);
}

static void
test_a_body_may_be_as_large_as_allowed(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	stage->request.max_body_bytes = 2;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);

	stage->request.max_body_bytes = 1; /* by its Content-Length */
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TOO_LARGE);
	assert_string_equal(seen.response.message, "body is larger than 1");
	assert_int_equal(seen.response.bytes, 0);

	/* By what comes. */
	stage->answer =
	    OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TOO_LARGE);
	assert_int_equal(seen.response.http_status, 200);

	stage->request.max_body_bytes = 2;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	forget(&seen);
	free_stage(stage);
}

static void
test_endless_headers_are_cut_off(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, NULL);
	char *text = xmalloc(80000);
	size_t len = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n");

	while (len < 70000)
		len += (size_t)sprintf(text + len, "X-Filler: %090d\r\n", 0);
	stage->answer = text;
	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(
	    stage, RESPONSE_PROTOCOL, "the answer's headers are larger than 64KiB");
	free(text);
	free_stage(stage);
}

static void
test_an_endless_line_is_no_lack_of_memory(UNUSED void **state)
{
	/* In a header, in the status line: libcurl gives up before it tells us of it. */
	static const char *const begins[] = { "HTTP/1.1 200 OK\r\nX-Filler: ",
		"HTTP/1.1 200 " };
	char filler[200001] = { 0 };

	memset(filler, 'x', sizeof(filler) - 1);
	for (size_t i = 0; i < ARRAY_COUNT(begins); i++) {
		struct stage *stage = new_stage(send_answer, NULL);
		char *text = xasprintf("%s%s\r\n\r\n", begins[i], filler);

		stage->answer = text;
		aim_at(stage, "http://127.0.0.1:%u/");
		expect_fault(stage, RESPONSE_PROTOCOL,
		    "the answer's headers are larger than 64KiB");
		free(text);
		free_stage(stage);
	}
}

#define FLOOD 3000

static void
test_interim_answers_without_end_are_cut_off(UNUSED void **state)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct stage *stage = new_stage(send_answer, NULL);
	char *text = xcalloc(FLOOD, sizeof(interim));

	for (size_t i = 0; i < FLOOD; i++)
		memcpy(text + i * (sizeof(interim) - 1), interim, sizeof(interim));
	stage->answer = text;
	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(
	    stage, RESPONSE_PROTOCOL, "the answer's headers are larger than 64KiB");
	free(text);
	free_stage(stage);
}

static void
test_an_interim_answer_is_no_first_byte(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, "HTTP/1.1 102 Busy\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask_within(stage, &seen, 30 * MS_US);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_FIRST_BYTE);
	assert_int_equal(seen.response.http_status, 0);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_head_cut_short_is_told(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer_and_close, OK_HEAD "Content-Type: text/plain\r\n");

	aim_at(stage, "http://127.0.0.1:%u/");
	expect_fault(stage, RESPONSE_PROTOCOL, "the answer was cut off after 0 bytes");
	free_stage(stage);
}

static void
reset_at_once(struct loopback_peer *peer, UNUSED const char *text)
{
	loopback_reset(peer);
}

static unsigned
count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static void
test_resets_leave_no_descriptors_behind(UNUSED void **state)
{
	static loopback_answer_fn *const ways[] = { send_answer_and_close,
		reset_at_once, send_answer };
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	unsigned before;

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	before = count_descriptors();
	for (size_t i = 0; i < 999 * ARRAY_COUNT(ways); i++) {
		stage->server->answer = ways[i % ARRAY_COUNT(ways)];
		ask(stage, &seen);
	}
	/* At either end of the one connection that is open. */
	run_for_ms(stage, 10);
	assert_int_equal(count_descriptors(), before);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_lack_of_descriptors_is_our_own_fault(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct rlimit usual, tight;
	int free_fd;

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	stage->request.reuse = false;
	getrlimit(RLIMIT_NOFILE, &usual);
	free_fd = dup(0);
	close(free_fd);
	tight = usual;
	tight.rlim_cur = (rlim_t)free_fd;
	setrlimit(RLIMIT_NOFILE, &tight);
	ask(stage, &seen);
	setrlimit(RLIMIT_NOFILE, &usual);
	assert_int_equal(seen.response.result, RESPONSE_INTERNAL);
	assert_string_equal(
	    seen.response.message, "cannot open a socket: Too many open files");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	forget(&seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection_that_hangs_times_out),
		cmocka_unit_test(test_a_handshake_that_hangs_times_out),
		cmocka_unit_test(test_the_connect_timeout_ends_with_the_connection),
		cmocka_unit_test(test_a_body_that_stops_times_out),
		cmocka_unit_test(test_a_deadline_in_the_past_is_told_from_the_loop),
		cmocka_unit_test(test_a_refused_connection_is_told),
		cmocka_unit_test(test_no_answer_at_all_is_told),
		cmocka_unit_test(test_a_body_cut_short_is_told),
		cmocka_unit_test(test_a_reset_is_told),
		cmocka_unit_test(test_what_is_no_http_is_told),
		cmocka_unit_test(test_what_is_no_tls_is_told),
		cmocka_unit_test(test_a_body_may_be_as_large_as_allowed),
		cmocka_unit_test(test_endless_headers_are_cut_off),
		cmocka_unit_test(test_an_endless_line_is_no_lack_of_memory),
		cmocka_unit_test(test_interim_answers_without_end_are_cut_off),
		cmocka_unit_test(test_an_interim_answer_is_no_first_byte),
		cmocka_unit_test(test_a_head_cut_short_is_told),
		cmocka_unit_test(test_resets_leave_no_descriptors_behind),
		cmocka_unit_test(test_a_lack_of_descriptors_is_our_own_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
