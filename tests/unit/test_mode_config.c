#include "config_files.h"

#include "config/config.h"

static void
assert_faults(const char *yaml, const char *expected)
{
	write_file("c.yaml", yaml);
	assert_string_equal(faults_of("c.yaml"), expected);
}

static void
assert_mode(const char *yaml, enum gather_mode mode)
{
	struct config *config = load_text(yaml);

	assert_int_equal(config->mode, mode);
	config_unref(config);
}

static void
test_a_mode_is_one_of_three_words(UNUSED void **state)
{
	assert_mode("", MODE_SETTLE);
	assert_mode("mode: fail_fast\n", MODE_FAIL_FAST);
	assert_mode("mode: all_or_nothing\n", MODE_ALL_OR_NOTHING);
	assert_faults("mode: failfast\n",
	    "c.yaml:1:7: error: mode: expected settle, fail_fast or all_or_nothing (did you "
	    "mean fail_fast?)\n");
}

static void
test_a_spread_goes_with_settle_alone(UNUSED void **state)
{
	assert_mode("mode: settle\nspread: 5s\n", MODE_SETTLE);
	assert_mode("mode: fail_fast\nspread: 0\n", MODE_FAIL_FAST);
	assert_faults("mode: fail_fast\nspread: 5s\n",
	    "c.yaml:2:9: error: spread: with mode fail_fast all targets begin at once\n");
}

static void
test_an_interval_of_its_own_goes_with_settle_alone(UNUSED void **state)
{
	assert_mode("mode: settle\nservices: {a: {url: http://a, interval: 5s}}\n",
	    MODE_SETTLE);
	/* The file's, said once more, is none. */
	assert_mode("interval: 60\nmode: all_or_nothing\n"
	            "services: {a: {url: http://a, interval: 1m}}\n",
	    MODE_ALL_OR_NOTHING);
	assert_faults(
	    "mode: all_or_nothing\n"
	    "defaults: {interval: 5s}\n"
	    "services:\n"
	    "  a: http://a\n"
	    "  b: http://b\n"
	    "  c: {url: http://c, interval: 1m}\n"
	    "  d: {url: http://d, interval: 30s}\n"
	    "  \"e{{k}}\": {for_each: {k: [1, 2]}, url: http://e, interval: 2m}\n",
	    "c.yaml:2:22: error: interval: with mode all_or_nothing all targets have that of "
	    "the file, 30s\n"
	    "c.yaml:6:32: error: interval: with mode all_or_nothing all targets have that of "
	    "the file, 30s\n"
	    "c.yaml:8:62: error: interval: with mode all_or_nothing all targets have that of "
	    "the file, 30s\n");
}

static void
test_a_backoff_goes_with_settle_alone(UNUSED void **state)
{
	assert_mode(
	    "mode: settle\nservices: {a: {url: http://a, backoff: 5m}}\n", MODE_SETTLE);
	assert_mode("mode: fail_fast\ndefaults: {backoff: 5m}\n"
	            "services: {a: {url: http://a, backoff: 0}}\n",
	    MODE_FAIL_FAST);
	assert_faults(
	    "mode: fail_fast\n"
	    "defaults: {backoff: 5m}\n"
	    "services:\n"
	    "  a: http://a\n"
	    "  b: {url: http://b, backoff: 1h}\n"
	    "  \"c{{k}}\": {for_each: {k: [1, 2]}, url: http://c, backoff: 0}\n",
	    "c.yaml:2:21: error: backoff: with mode fail_fast all targets are asked in each "
	    "round\n"
	    "c.yaml:5:31: error: backoff: with mode fail_fast all targets are asked in each "
	    "round\n");
}

static void
test_a_deadline_has_room_for_all_attempts(UNUSED void **state)
{
	struct config *config =
	    load_text("interval: 10s\ntimeout: 4s\nservices:\n"
	              "  a: http://a\n"
	              "  b: {url: http://b, retries: 1}\n"
	              "  c: {url: http://c, retries: 2}\n"
	              "  d: {url: http://d, retries: 2, deadline: 3s}\n"
	              "  e: {url: http://e, timeout: 11s}\n");

	assert_int_equal(config->targets[0]->deadline_ms, 10000);
	assert_int_equal(config->targets[1]->deadline_ms, 10000);
	assert_int_equal(config->targets[2]->deadline_ms, 12000);
	assert_int_equal(config->targets[3]->deadline_ms, 3000);
	assert_int_equal(config->targets[4]->deadline_ms, 11000);
	config_unref(config);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_mode_is_one_of_three_words),
		CASE(test_a_spread_goes_with_settle_alone),
		CASE(test_an_interval_of_its_own_goes_with_settle_alone),
		CASE(test_a_backoff_goes_with_settle_alone),
		CASE(test_a_deadline_has_room_for_all_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
