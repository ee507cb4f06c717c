#include "daemon/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notify_stage.h"

static void
want_watchdog(struct stage *stage, const char *time_us, pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", (int)pid);
	setenv("WATCHDOG_USEC", time_us, 1);
	setenv("WATCHDOG_PID", text, 1);
	make(stage);
}

static int
count_signs_of_life(struct stage *stage)
{
	const char *text;
	int count = 0;

	while ((text = receive(stage)) != NULL) {
		assert_string_equal(text, "WATCHDOG=1");
		count++;
	}
	return count;
}

/* ... how it is, so many times. */
static void
run_until_asked(struct stage *stage, int count)
{
	stage->asked = 0;
	while (stage->asked < count)
		event_base_loop(stage->base, EVLOOP_ONCE);
}

static void
test_signs_of_life_come_three_within_the_time(UNUSED void **state)
{
	struct stage stage;
	int64_t last_us, shortest_us = INT64_MAX;

	set_up(&stage);
	want_watchdog(&stage, "150000", getpid());
	run_for_ms(&stage, 60);
	assert_receives_nothing(&stage); /* not before it is ready */
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	assert_receives(&stage, "WATCHDOG=1");
	last_us = clock_now_us();
	for (int i = 0; i < 6; i++) {
		int64_t now_us;

		run_until_sent(&stage);
		assert_receives(&stage, "WATCHDOG=1");
		now_us = clock_now_us();
		if (now_us - last_us < shortest_us)
			shortest_us = now_us - last_us;
		last_us = now_us;
	}
	/* One of them was not held up by what else the machine does. */
	assert_in_range(shortest_us, 10000, 100000);
	/* A reload begins no second row of them. */
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	assert_receives_nothing(&stage);
	assert_int_equal(stage.asked, 7);
	assert_string_equal(getenv("WATCHDOG_USEC"), "150000");
	tear_down(&stage);
}

static void
test_signs_of_life_are_only_given_where_they_are_wanted(UNUSED void **state)
{
	static const char *const times[] = { "", "0", "-1", "x", "3000 ",
		"99999999999999999999" };
	struct stage stage;

	set_up(&stage);
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		want_watchdog(&stage, times[i], getpid());
		notify_ready(stage.notify);
		run_for_ms(&stage, 10);
		assert_receives(&stage, "READY=1");
		assert_receives_nothing(&stage);
		notify_free(stage.notify);
	}
	/* By another process: its PID is inherited with the rest. */
	want_watchdog(&stage, "3000", getppid());
	notify_ready(stage.notify);
	run_for_ms(&stage, 10);
	assert_receives(&stage, "READY=1");
	assert_receives_nothing(&stage);
	notify_free(stage.notify);
	/* By whoever reads it. */
	unsetenv("WATCHDOG_PID");
	make(&stage);
	notify_ready(stage.notify);
	assert_receives(&stage, "READY=1");
	assert_receives(&stage, "WATCHDOG=1");
	tear_down(&stage);
}

static void
test_any_time_is_taken(UNUSED void **state)
{
	struct stage stage;
	int64_t begun_us = clock_now_us();

	set_up(&stage);
	want_watchdog(&stage, "1", getpid());
	notify_ready(stage.notify);
	run_until_asked(&stage, 20);
	/* A millisecond lies between them at least, as the loop counts it. */
	assert_true(clock_now_us() - begun_us > 10000);
	notify_free(stage.notify);
	while (receive(&stage) != NULL)
		continue;

	want_watchdog(&stage, "9223372036854775807", getpid());
	stage.asked = 0;
	notify_ready(stage.notify);
	run_for_ms(&stage, 30);
	assert_int_equal(stage.asked, 1);
	tear_down(&stage);
}

static void
test_who_is_ill_gives_no_sign_and_says_so_once(UNUSED void **state)
{
	static const char warning[] =
	    " warn the schedule is overdue: no sign of life for systemd\n";
	struct stage stage;

	set_up(&stage);
	want_watchdog(&stage, "3000", getpid());
	notify_ready(stage.notify);
	capture_log(&stage);
	run_until_asked(&stage, 3);
	assert_receives(&stage, "READY=1");
	assert_int_not_equal(count_signs_of_life(&stage), 0);
	stage.ill = true;
	run_until_asked(&stage, 3);
	assert_int_equal(count_signs_of_life(&stage), 0);
	assert_int_equal(count_in_log(&stage, warning), 1);
	/* Well again: the next time it is news. */
	stage.ill = false;
	run_until_asked(&stage, 3);
	assert_int_not_equal(count_signs_of_life(&stage), 0);
	stage.ill = true;
	capture_log(&stage);
	run_until_asked(&stage, 3);
	assert_int_equal(count_signs_of_life(&stage), 0);
	assert_int_equal(count_in_log(&stage, warning), 1);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signs_of_life_come_three_within_the_time),
		cmocka_unit_test(
		    test_signs_of_life_are_only_given_where_they_are_wanted),
		cmocka_unit_test(test_any_time_is_taken),
		cmocka_unit_test(test_who_is_ill_gives_no_sign_and_says_so_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
