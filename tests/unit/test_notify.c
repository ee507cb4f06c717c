#include "daemon/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify_stage.h"

/* ---- the socket ---- */

static void
test_a_path_is_told(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make(&stage);
	assert_receives_nothing(&stage);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	assert_receives_nothing(&stage);
	assert_string_equal(getenv("NOTIFY_SOCKET"), stage.path);
	tear_down(&stage);
}

static void
test_an_abstract_name_is_told(UNUSED void **state)
{
	struct stage stage;
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

	set_up(&stage);
	close(stage.receiver);
	/* As long as can be: there is no NUL at its end. */
	name[0] = '@';
	memcpy(name + 1, stage.path, strlen(stage.path) + 1);
	pad(name, sizeof(name) - 1);
	stage.receiver = bind_receiver(name);
	setenv("NOTIFY_SOCKET", name, 1);
	make(&stage);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	tear_down(&stage);
}

static void
test_the_longest_path_is_told_and_a_longer_one_is_not(UNUSED void **state)
{
	struct stage stage;
	char longer[sizeof(stage.path)];

	set_up(&stage);
	close(stage.receiver);
	unlink(stage.path);
	pad(stage.path, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	stage.receiver = bind_receiver(stage.path);
	setenv("NOTIFY_SOCKET", stage.path, 1);
	make(&stage);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	notify_free(stage.notify);
	memcpy(longer, stage.path, sizeof(longer));
	pad(longer, strlen(stage.path) + 1);
	setenv("NOTIFY_SOCKET", longer, 1);
	capture_log(&stage);
	make(&stage);
	call_everything(&stage);
	assert_int_equal(count_in_log(&stage, "NOTIFY_SOCKET is no path"), 1);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

static void
test_where_nobody_listens_nothing_happens(UNUSED void **state)
{
	static const char *const names[] = { "", "/", "@", "notify", "vsock:2:1234",
		"vsock-stream:2:1234", "/nonexistent/notify" };
	struct stage stage;

	set_up(&stage);
	setenv("WATCHDOG_USEC", "3000", 1);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		capture_log(&stage);
		make(&stage);
		call_everything(&stage);
		run_for_ms(&stage, 10);
		notify_free(stage.notify);
		/* No line for each of them. */
		assert_int_equal(count_in_log(&stage, "cannot notify systemd"),
		    names[i][0] == '\0' ? 0 : 1);
	}
	unsetenv("NOTIFY_SOCKET");
	make(&stage);
	call_everything(&stage);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

static void
test_a_socket_that_was_opened_anew_is_found(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make(&stage);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	close(stage.receiver);
	notify_status(stage.notify, "nobody is there");
	unlink(stage.path);
	stage.receiver = bind_receiver(stage.path);
	notify_stopping(stage.notify);
	assert_receives(&stage, "STOPPING=1\nSTATUS=Stopping");
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

/* ---- changes of state ---- */

/* How many messages of others are in the receiver's queue, which is full then. */
static int
fill_queue(struct stage *stage)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int count = 0;

	memcpy(address.sun_path, stage->path, strlen(stage->path));
	while (sendto(fd, "x", 1, 0, (const struct sockaddr *)&address,
	           sizeof(address)) == 1)
		count++;
	assert_int_equal(errno, EAGAIN);
	close(fd);
	assert_int_not_equal(count, 0);
	return count;
}

static void
empty_queue(struct stage *stage, int others)
{
	while (others-- > 0)
		assert_receives(stage, "x");
	assert_receives_nothing(stage);
}

static void
test_readiness_outlasts_a_full_queue(UNUSED void **state)
{
	struct stage stage;
	int others;

	set_up(&stage);
	make(&stage);
	others = fill_queue(&stage);
	notify_ready(stage.notify);
	run_for_ms(&stage, 150); /* it is tried, and in vain */
	empty_queue(&stage, others);
	run_until_sent(&stage);
	assert_receives(&stage, "READY=1");
	run_for_ms(&stage, 150);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

/* The time that the next message says, which ends in END. */
static int64_t
receive_reloading(struct stage *stage, const char *end)
{
	static const char begin[] = "RELOADING=1\nMONOTONIC_USEC=";
	const char *text = receive(stage);
	char *rest;
	int64_t time_us;

	assert_non_null(text);
	assert_memory_equal(text, begin, sizeof(begin) - 1);
	time_us = strtoll(text + sizeof(begin) - 1, &rest, 10);
	assert_string_equal(rest, end);
	return time_us;
}

static void
test_a_reload_has_its_time(UNUSED void **state)
{
	struct stage stage;
	int64_t before_us = clock_now_us();

	set_up(&stage);
	make(&stage);
	notify_reloading(stage.notify);
	assert_in_range(receive_reloading(&stage, ""), before_us, clock_now_us());
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	tear_down(&stage);
}

static void
test_of_states_that_found_no_room_the_newest_is_told(UNUSED void **state)
{
	struct stage stage;
	int64_t last_us = 0;
	int others;

	set_up(&stage);
	make(&stage);
	others = fill_queue(&stage);
	notify_ready(stage.notify);
	for (int i = 0; i < 100; i++) {
		last_us = clock_now_us();
		notify_reloading(stage.notify);
		notify_ready(stage.notify);
		notify_ready(stage.notify);
	}
	empty_queue(&stage, others);
	run_until_sent(&stage);
	/* One that waits for the end of its reload waits for the beginning, too. */
	assert_in_range(
	    receive_reloading(&stage, "\nREADY=1"), last_us, clock_now_us());
	assert_receives_nothing(&stage);

	/* A reload that goes on is not over. */
	others = fill_queue(&stage);
	notify_ready(stage.notify);
	notify_reloading(stage.notify);
	empty_queue(&stage, others);
	run_until_sent(&stage);
	receive_reloading(&stage, "");
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");

	others = fill_queue(&stage);
	notify_reloading(stage.notify);
	notify_stopping(stage.notify);
	empty_queue(&stage, others);
	run_until_sent(&stage);
	assert_receives(&stage, "STOPPING=1\nSTATUS=Stopping");
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

static void
test_what_still_waits_does_not_overtake_what_is_new(UNUSED void **state)
{
	struct stage stage;
	int others;

	set_up(&stage);
	make(&stage);
	others = fill_queue(&stage);
	notify_ready(stage.notify);
	empty_queue(&stage, others);
	notify_stopping(stage.notify);
	assert_receives(&stage, "STOPPING=1\nSTATUS=Stopping");
	run_for_ms(&stage, 150);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

/* ---- the status line ---- */

static void
test_a_status_is_one_clean_line(UNUSED void **state)
{
	struct stage stage;
	char text[1000];
	const char *received;

	set_up(&stage);
	make(&stage);
	notify_status(stage.notify, "%s\n\tof %d\r\n", "3", 4);
	assert_receives(&stage, "STATUS=3 of 4");
	notify_free(stage.notify);

	/* Three bytes each, one before them: no cut fits a round number. */
	text[0] = 'x';
	for (size_t i = 1; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\u20AC", 4);
	make(&stage);
	notify_status(stage.notify, "%s", text);
	received = receive(&stage);
	assert_non_null(received);
	assert_in_range(strlen(received), 280, 310);
	assert_true(utf8_valid(received, strlen(received)));
	assert_memory_equal(received + 7, text, strlen(received) - 7);
	tear_down(&stage);
}

static void
test_the_same_status_is_not_sent_again(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make(&stage);
	notify_status(stage.notify, "3 of 4");
	assert_receives(&stage, "STATUS=3 of 4");
	notify_status(stage.notify, "3 of 4");
	/* What came between is gone before its time. */
	notify_status(stage.notify, "4 of 4");
	notify_status(stage.notify, "3 of 4");
	run_for_ms(&stage, 1100);
	notify_status(stage.notify, "3 of 4");
	assert_receives_nothing(&stage);
	notify_status(stage.notify, "4 of 4");
	assert_receives(&stage, "STATUS=4 of 4");
	tear_down(&stage);
}

static void
test_a_status_waits_for_its_second_and_holds_nothing_up(UNUSED void **state)
{
	struct stage stage;
	int64_t begun_us = clock_now_us();

	set_up(&stage);
	make(&stage);
	notify_status(stage.notify, "round 1");
	assert_receives(&stage, "STATUS=round 1");
	notify_status(stage.notify, "round 2");
	run_for_ms(&stage, 300);
	/* The newest counts, and its second begins with the first one's. */
	notify_status(stage.notify, "round 3");
	notify_reloading(stage.notify);
	assert_int_equal(strncmp(receive(&stage), "RELOADING=1\n", 12), 0);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	assert_receives_nothing(&stage);
	run_until_sent(&stage);
	/* The loop's clock is coarse by a few milliseconds. */
	assert_in_range(clock_now_us() - begun_us, 980000, 1280000);
	assert_receives(&stage, "STATUS=round 3");
	run_for_ms(&stage, 50);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

static void
test_a_status_outlasts_a_full_queue(UNUSED void **state)
{
	struct stage stage;
	int others;

	set_up(&stage);
	make(&stage);
	others = fill_queue(&stage);
	notify_status(stage.notify, "3 of 4");
	while (others-- > 0)
		assert_receives(&stage, "x");
	run_until_sent(&stage);
	assert_receives(&stage, "STATUS=3 of 4");
	tear_down(&stage);
}

static void
test_after_the_stop_comes_no_older_status(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	make(&stage);
	notify_status(stage.notify, "round 1");
	notify_status(stage.notify, "round 2");
	notify_stopping(stage.notify);
	assert_receives(&stage, "STATUS=round 1");
	assert_receives(&stage, "STOPPING=1\nSTATUS=Stopping");
	run_for_ms(&stage, 1100);
	assert_receives_nothing(&stage);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_path_is_told),
		cmocka_unit_test(test_an_abstract_name_is_told),
		cmocka_unit_test(test_the_longest_path_is_told_and_a_longer_one_is_not),
		cmocka_unit_test(test_where_nobody_listens_nothing_happens),
		cmocka_unit_test(test_a_socket_that_was_opened_anew_is_found),
		cmocka_unit_test(test_readiness_outlasts_a_full_queue),
		cmocka_unit_test(test_a_reload_has_its_time),
		cmocka_unit_test(test_of_states_that_found_no_room_the_newest_is_told),
		cmocka_unit_test(test_what_still_waits_does_not_overtake_what_is_new),
		cmocka_unit_test(test_a_status_is_one_clean_line),
		cmocka_unit_test(test_the_same_status_is_not_sent_again),
		cmocka_unit_test(
		    test_a_status_waits_for_its_second_and_holds_nothing_up),
		cmocka_unit_test(test_a_status_outlasts_a_full_queue),
		cmocka_unit_test(test_after_the_stop_comes_no_older_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
