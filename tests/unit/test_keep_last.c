/*
 * `keep_last`: what the board keeps beside an answer that is none, and what is shown of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/fields.h"

/* A board of one target that keeps its last answer, or not. */
static void
set_up_one(struct board_stage *f, bool keep_last)
{
	set_up(f, 1);
	f->config->targets[0]->keep_last = keep_last;
}

/* Go over to a config that differs in nothing else. */
static void
switch_to(struct board_stage *f, bool keep_last)
{
	struct config *config = fake_config_new(1);

	config->targets[0]->keep_last = keep_last;
	board_reload(f->board, config);
	fake_config_free(f->config);
	f->config = config;
}

/* What the document shows: "null", "absent", or the text. */
static const char *
shown(const struct board_stage *f, const char *name)
{
	const struct field *field = service_fields;
	struct field_value value;

	while (strcmp(field->name, name) != 0)
		field++;
	memset(&value, 0x5a, sizeof(value));
	field->get(board_entry(f->board, 0), &value);
	if (field->optional && value.absent)
		return "absent";
	if (value.text == NULL)
		return "null";
	assert_int_equal(value.len, strlen(value.text));
	return value.text;
}

static void
assert_shown(const struct board_stage *f, const char *data, const char *last_data)
{
	assert_string_equal(shown(f, "data"), data);
	assert_string_equal(shown(f, "last_data"), last_data);
}

static void
test_without_it_nothing_is_kept(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, false);
	assert_shown(&f, "null", "absent");
	put_data(&f, 0, STATUS_OK, "[1]");
	assert_shown(&f, "[1]", "absent");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "absent");
	assert_null(board_entry(f.board, 0)->last_data);
	tear_down(&f);
}

static void
test_the_last_good_answer_stays_while_none_comes(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, true);
	assert_shown(&f, "null", "null");
	put(&f, 0, STATUS_ERROR);
	assert_shown(&f, "null", "null");
	put_data(&f, 0, STATUS_OK, "[1]");
	assert_shown(&f, "[1]", "[1]");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[1]");
	put(&f, 0, STATUS_SKIPPED);
	put(&f, 0, STATUS_CANCELLED);
	put(&f, 0, STATUS_HTTP_ERROR);
	assert_shown(&f, "null", "[1]");
	put_data(&f, 0, STATUS_DEGRADED, "{\"a\":2}");
	assert_shown(&f, "{\"a\":2}", "{\"a\":2}");
	assert_null(board_entry(f.board, 0)->last_data);
	put(&f, 0, STATUS_CANCELLED);
	assert_shown(&f, "null", "{\"a\":2}");
	tear_down(&f);
}

static void
test_a_good_answer_without_data_is_the_last_good_one(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, true);
	put_data(&f, 0, STATUS_OK, "[1]");
	put(&f, 0, STATUS_TIMEOUT);
	put(&f, 0, STATUS_OK); /* a 204 */
	assert_shown(&f, "null", "null");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "null");
	assert_int_equal(board_entry(f.board, 0)->last_data_len, 0);
	tear_down(&f);
}

static void
test_the_answer_of_a_former_run_is_one(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, true);
	restore_data(&f, 0, STATUS_OK, "[3]");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[3]");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[3]");
	put_data(&f, 0, STATUS_OK, "[4]");
	assert_shown(&f, "[4]", "[4]");
	put(&f, 0, STATUS_ERROR);
	assert_shown(&f, "null", "[4]");
	tear_down(&f);

	/* It had failed then, and the text holds what was good before. */
	set_up_one(&f, true);
	restore_data(&f, 0, STATUS_ERROR, "[5]");
	restore_data(&f, 0, STATUS_ERROR, "[6]");
	put(&f, 0, STATUS_ERROR);
	assert_shown(&f, "null", "[6]");
	tear_down(&f);
}

static void
test_a_reload_that_switches_it_on_keeps_from_then_on(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, false);
	put_data(&f, 0, STATUS_OK, "[1]");
	switch_to(&f, true);
	assert_shown(&f, "[1]", "[1]");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[1]");
	tear_down(&f);

	/* What was not kept while it was off does not come back. */
	set_up_one(&f, false);
	put_data(&f, 0, STATUS_OK, "[1]");
	put(&f, 0, STATUS_TIMEOUT);
	switch_to(&f, true);
	assert_shown(&f, "null", "null");
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "null");
	tear_down(&f);
}

static void
test_a_reload_that_switches_it_off_forgets(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, true);
	put_data(&f, 0, STATUS_OK, "[1]");
	put(&f, 0, STATUS_TIMEOUT);
	switch_to(&f, true);
	assert_shown(&f, "null", "[1]");
	switch_to(&f, false);
	assert_shown(&f, "null", "absent");
	assert_null(board_entry(f.board, 0)->last_data);
	switch_to(&f, true);
	assert_shown(&f, "null", "null");
	tear_down(&f);
}

static void
test_what_was_restored_for_nothing_goes_with_the_first_outcome(UNUSED void **state)
{
	struct board_stage f;

	set_up_one(&f, false);
	restore_data(&f, 0, STATUS_OK, "[3]");
	put_data(&f, 0, STATUS_OK, "[4]");
	switch_to(&f, true);
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[4]");
	tear_down(&f);

	/* Switched on before that outcome it is of use. */
	set_up_one(&f, false);
	restore_data(&f, 0, STATUS_OK, "[3]");
	switch_to(&f, true);
	put(&f, 0, STATUS_TIMEOUT);
	assert_shown(&f, "null", "[3]");
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_it_nothing_is_kept),
		cmocka_unit_test(test_the_last_good_answer_stays_while_none_comes),
		cmocka_unit_test(test_a_good_answer_without_data_is_the_last_good_one),
		cmocka_unit_test(test_the_answer_of_a_former_run_is_one),
		cmocka_unit_test(test_a_reload_that_switches_it_on_keeps_from_then_on),
		cmocka_unit_test(test_a_reload_that_switches_it_off_forgets),
		cmocka_unit_test(
		    test_what_was_restored_for_nothing_goes_with_the_first_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
