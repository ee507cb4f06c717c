#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "report_stage.h"

/* Services and behind them prompts; each round has its line. */
static void
make_with_prompts(struct report_stage *f, size_t services, size_t prompts)
{
	make_one(f, services, true);
	report_free(f->report);
	board_free(f->board);
	for (size_t i = 0; i < prompts; i++)
		fake_config_add_prompt(f->config, "");
	f->board = board_new(f->config);
	f->report = report_new(f->board, true);
}

/* It was looked at, and not asked: no service fails. */
static void
report_idle(struct report_stage *f, size_t index)
{
	struct outcome outcome;
	bool changed;

	outcome_init(&outcome);
	outcome_make_prompt(&outcome);
	changed = board_put(f->board, board_entry(f->board, index), &outcome);
	report_outcome(
	    f->report, &f->lines, board_entry(f->board, index), changed, f->now_us);
}

static void
test_prompts_that_failed_stand_behind_the_services(UNUSED void **state)
{
	struct report_stage f;

	make_with_prompts(&f, 2, 2);
	report(&f, 0, STATUS_OK);
	report(&f, 1, STATUS_TIMEOUT);
	report(&f, 2, STATUS_DEGRADED);
	report(&f, 3, STATUS_ERROR);
	caught(&f);
	end_round(&f, 5002600);
	assert_string_equal(caught(&f),
	    "warn dashboard incomplete (2 of 4 ok in 5003 ms); failed services: t1; "
	    "failed prompts: t3\n");
	report(&f, 1, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "warn dashboard incomplete (3 of 4 ok in 1 ms); failed prompts: t3\n");
	report(&f, 3, STATUS_OK);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(
	    caught(&f), "info dashboard complete (4 of 4 ok in 1 ms)\n");
	unmake(&f);
}

static void
test_names_of_each_kind_are_bounded(UNUSED void **state)
{
	struct report_stage f;
	const char *line;

	make_with_prompts(&f, 32, 21);
	for (size_t i = 0; i < 53; i++)
		report(&f, i, STATUS_ERROR);
	caught(&f);
	line = end_round(&f, 1000);
	assert_non_null(strstr(line, "failed services: t0, t1, "));
	assert_non_null(strstr(line, ", t19 and 12 more; failed prompts: t32, t33, "));
	assert_non_null(strstr(line, ", t51 and 1 more"));
	caught(&f);
	unmake(&f);
}

static void
test_prompts_that_need_not_be_asked_make_nothing_incomplete(UNUSED void **state)
{
	struct report_stage f;

	make_with_prompts(&f, 1, 2);
	begin_round(&f);
	report(&f, 0, STATUS_OK);
	report_idle(&f, 1);
	report(&f, 2, STATUS_OK);
	assert_string_equal(caught(&f),
	    "info [t0] responded with 200 in 183 ms\n"
	    "info [t1] not asked: no service fails\n"
	    "info [t2] responded with 200 in 183 ms\n");
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "info dashboard complete (2 of 3 ok in 1 ms); 1 not asked: no service "
	    "fails\n");
	unmake(&f);

	/* Those that are still to be looked at do. */
	make_with_prompts(&f, 1, 2);
	report(&f, 0, STATUS_OK);
	report_idle(&f, 1);
	caught(&f);
	end_round(&f, 1000);
	assert_string_equal(caught(&f),
	    "info dashboard incomplete (1 of 3 ok in 1 ms); 1 not asked yet; 1 not "
	    "asked: no service fails\n");
	unmake(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompts_that_failed_stand_behind_the_services),
		cmocka_unit_test(test_names_of_each_kind_are_bounded),
		cmocka_unit_test(
		    test_prompts_that_need_not_be_asked_make_nothing_incomplete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
