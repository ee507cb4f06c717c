#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/server.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server_stage.h"
#include "valgrind.h"

/* ---- bad clients ---- */

static void
test_a_head_of_more_than_eight_kib_is_refused(UNUSED void **state)
{
	static char head[9001];
	struct stage stage;
	int fd;

	memset(head, 'x', sizeof(head) - 1);
	memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
	stage_open(&stage);
	fd = come(&stage);
	assert_true(says(answer_to(fd, head), "400"));
	hear_to_end(fd, heard, sizeof(heard));
	close(fd);
	stage_close(&stage);
}

static const struct clients_limits quick = {
	.max = 256,
	.request_ms = 300,
	.life_ms = 1500,
	.max_requests = 100,
};

static void
test_slow_clients_are_cut_off_in_time(UNUSED void **state)
{
	struct server_counts counts;
	struct stage stage;
	int64_t begin_us;
	int idle, slow;

	stage_open_limited(&stage, &quick);
	listen_at_port(&stage);
	begin_us = clock_now_us();
	idle = come(&stage);
	slow = come(&stage);
	assert_true(say(slow, "GET / HTTP/1.1\r\n"));
	hear_to_end(idle, heard, sizeof(heard));
	hear_to_end(slow, heard, sizeof(heard));
	assert_true(clock_now_us() - begin_us >= 300000);
	assert_true(clock_now_us() - begin_us < 300000 + AT_ONCE_US);
	wait_for_connections(&stage, 0);
	server_count(stage.server, &counts);
	assert_int_equal(counts.cut_connections, 2);
	close(idle);
	close(slow);
	stage_close(&stage);
}

static void
raise_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* COUNT clients of which each sends TEXT and no more. */
static int *
come_many(const struct stage *stage, size_t count, const char *text)
{
	int *fds = calloc(count, sizeof(*fds));
	size_t i;

	for (i = 0; i < count; i++) {
		fds[i] = come(stage);
		/* It may have been cut off by then. */
		if (text[0] != '\0')
			(void)say(fds[i], text);
	}
	return fds;
}

static void
go_many(int *fds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
}

/* Who asks well is answered at once, and keeps what it has, while COUNT others do as TEXT. */
static void
check_crowd(size_t count, const char *text)
{
	struct server_counts counts;
	struct stage stage;
	int64_t begin_us;
	int *crowd;
	int good;

	stage_open(&stage);
	show(&stage, 1);
	good = come(&stage);
	answer_to(good, DOCUMENT);
	crowd = come_many(&stage, count, text);
	begin_us = clock_now_us();
	assert_true(says(ask(&stage, DOCUMENT), "200"));
	assert_true(says(ask(&stage, DOCUMENT), "200"));
	assert_true(clock_now_us() - begin_us < AT_ONCE_US);
	/* It has been let go where more have come since than there may be. */
	if (count < clients_default_limits.max)
		assert_true(says(answer_to(good, DOCUMENT), "200"));
	server_count(stage.server, &counts);
	assert_true(counts.connections <= clients_default_limits.max);
	close(good);
	go_many(crowd, count);
	stage_close(&stage);
}

static void
test_a_few_half_open_ones_do_not_matter(UNUSED void **state)
{
	check_crowd(200, "");
}

static void
test_hundreds_of_half_open_ones_do_not_matter(UNUSED void **state)
{
	check_crowd(300, "");
}

static void
test_a_thousand_slow_ones_do_not_matter(UNUSED void **state)
{
	check_crowd(1000, "GET /status.json HTTP/1.1\r\nHost: loc");
}

static void
test_no_more_than_256_are_held(UNUSED void **state)
{
	struct server_counts counts;
	struct stage stage;
	int *crowd;

	stage_open(&stage);
	crowd = come_many(&stage, 400, "");
	WAIT_FOR(
	    &stage, counts, counts.connections == 256 && counts.cut_connections == 144);
	/* The first to come had the least to lose. */
	hear_to_end(crowd[0], heard, sizeof(heard));
	hear_to_end(crowd[143], heard, sizeof(heard));
	assert_true(says(answer_to(crowd[144], HEALTH), "503"));
	go_many(crowd, 400);
	wait_for_connections(&stage, 0);
	stage_close(&stage);
}

/* ---- too few descriptors ---- */

/* No other descriptor can be opened from now on; the limit from before is returned. */
static struct rlimit
take_all_descriptors(void)
{
	struct rlimit before, none;
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)next;
	setrlimit(RLIMIT_NOFILE, &none);
	return before;
}

static int64_t
cpu_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void
test_without_descriptors_it_waits_in_peace(UNUSED void **state)
{
	const struct timespec while_ = { .tv_nsec = 700000000 };
	struct rlimit before;
	struct stage stage;
	int64_t used_us;
	int fd, other;

	skip_under_valgrind();
	stage_open(&stage);
	ask(&stage, HEALTH);
	other = come(&stage);
	answer_to(other, HEALTH);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	before = take_all_descriptors();
	{
		const struct sockaddr_in address = {
			.sin_family = AF_INET,
			.sin_port = htons(stage.port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};

		assert_int_equal(
		    connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	}
	used_us = cpu_us();
	nanosleep(&while_, NULL);
	assert_true(cpu_us() - used_us < 200000);
	/* Others do not suffer, and it is taken as soon as it can be. */
	answer_to(other, HEALTH);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(says(answer_to(fd, HEALTH), "503"));
	close(fd);
	close(other);
	stage_close(&stage);
}

static void
test_what_the_system_refuses_is_told(UNUSED void **state)
{
	unsigned descriptors = open_descriptors();
	struct rlimit before = take_all_descriptors();
	struct server *server = server_new("web1");
	int error_number = errno;

	setrlimit(RLIMIT_NOFILE, &before);
	assert_null(server);
	assert_int_equal(error_number, EMFILE);
	assert_int_equal(open_descriptors(), descriptors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_head_of_more_than_eight_kib_is_refused),
		cmocka_unit_test(test_slow_clients_are_cut_off_in_time),
		cmocka_unit_test(test_a_few_half_open_ones_do_not_matter),
		cmocka_unit_test(test_hundreds_of_half_open_ones_do_not_matter),
		cmocka_unit_test(test_a_thousand_slow_ones_do_not_matter),
		cmocka_unit_test(test_no_more_than_256_are_held),
		cmocka_unit_test(test_without_descriptors_it_waits_in_peace),
		cmocka_unit_test(test_what_the_system_refuses_is_told),
	};

	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	raise_descriptors();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
