#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/fields.h"

static const struct field *
find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	fail_msg("no field %s", name);
	return NULL;
}

static struct field_value
get(const struct board_entry *entry, const char *object, const char *name)
{
	const struct field *fields = service_fields;
	struct field_value value;

	if (object != NULL)
		fields = find(fields, object)->fields;
	memset(&value, 0x5a, sizeof(value)); /* the getter must write all of it */
	find(fields, name)->get(entry, &value);
	return value;
}

static void
test_fields_stand_in_the_documents_order(UNUSED void **state)
{
	static const char *const names[] = { "status", "since", "checked_at",
		"last_ok_at", "failures", "next_at", "attempts", "http_status", "url",
		"final_url", "duration_ms", "timing_ms", "bytes",
		"certificate_expires_at", "error", "warnings", "values", "data",
		"last_data", "group", "labels", "description" };
	static const char *const timing[] = { "queued", "dns", "connect", "tls",
		"first_byte", "total" };
	static const char *const error[] = { "kind", "phase", "message", "excerpt" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		assert_string_equal(service_fields[i].name, names[i]);
		assert_int_equal(service_fields[i].optional, i >= 18);
		assert_int_equal(service_fields[i].fields != NULL,
		    service_fields[i].type == FIELD_OBJECT);
		assert_non_null(service_fields[i].description);
	}
	assert_null(service_fields[ARRAY_COUNT(names)].name);
	for (size_t i = 0; i < ARRAY_COUNT(timing); i++)
		assert_string_equal(
		    find(service_fields, "timing_ms")->fields[i].name, timing[i]);
	for (size_t i = 0; i < ARRAY_COUNT(error); i++)
		assert_string_equal(
		    find(service_fields, "error")->fields[i].name, error[i]);
}

static void
test_a_pending_entry_has_fields_without_values(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	assert_string_equal(get(entry, NULL, "status").text, "pending");
	assert_true(get(entry, NULL, "since").number < 0);
	assert_true(get(entry, NULL, "checked_at").number < 0);
	assert_true(get(entry, NULL, "last_ok_at").number < 0);
	assert_int_equal(get(entry, NULL, "failures").number, 0);
	assert_true(get(entry, NULL, "next_at").number < 0);
	assert_true(get(entry, NULL, "final_url").absent);
	assert_int_equal(get(entry, NULL, "attempts").number, 0);
	assert_true(get(entry, NULL, "http_status").number < 0);
	assert_string_equal(get(entry, NULL, "url").text, "http://test/0");
	assert_true(get(entry, NULL, "duration_ms").number < 0);
	assert_false(get(entry, NULL, "timing_ms").absent);
	for (const struct field *part = find(service_fields, "timing_ms")->fields;
	     part->name != NULL; part++)
		assert_true(get(entry, "timing_ms", part->name).number < 0);
	assert_int_equal(get(entry, NULL, "bytes").number, 0);
	assert_true(get(entry, NULL, "certificate_expires_at").number < 0);
	assert_true(get(entry, NULL, "error").absent);
	assert_false(get(entry, NULL, "warnings").absent);
	assert_int_equal(get(entry, NULL, "warnings").count, 0);
	assert_string_equal(get(entry, NULL, "values").text, "{}");
	assert_int_equal(get(entry, NULL, "values").len, 2);
	assert_null(get(entry, NULL, "data").text);
	assert_true(get(entry, NULL, "last_data").absent);
	assert_true(get(entry, NULL, "group").absent);
	assert_true(get(entry, NULL, "labels").absent);
	assert_true(get(entry, NULL, "description").absent);
	tear_down(&f);
}

static void
test_fields_tell_the_outcome(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	struct outcome outcome;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	outcome_init(&outcome);
	outcome.status = STATUS_TIMEOUT;
	outcome.kind = KIND_TIMEOUT;
	outcome.phase = PHASE_BODY;
	outcome.message = xstrdup("why");
	outcome.http_status = 200;
	outcome.attempts = 1;
	outcome.checked_at_ms = 7;
	outcome.duration_us = 5001200;
	outcome.queued_us = 100;
	outcome.timing = (struct response_timing){ 1, 2, 3, 4, 5 };
	outcome.bytes = 12;
	board_put(f.board, board_entry(f.board, 0), &outcome);

	assert_string_equal(get(entry, NULL, "status").text, "timeout");
	assert_int_equal(get(entry, NULL, "status").len, 7);
	assert_int_equal(get(entry, NULL, "since").number, 7);
	assert_int_equal(get(entry, NULL, "checked_at").number, 7);
	assert_int_equal(get(entry, NULL, "failures").number, 1);
	assert_int_equal(get(entry, NULL, "attempts").number, 1);
	assert_int_equal(get(entry, NULL, "http_status").number, 200);
	assert_null(get(entry, NULL, "url").text);
	assert_int_equal(get(entry, NULL, "duration_ms").number, 5001200);
	assert_int_equal(get(entry, NULL, "bytes").number, 12);
	assert_int_equal(get(entry, "timing_ms", "queued").number, 100);
	assert_int_equal(get(entry, "timing_ms", "dns").number, 1);
	assert_int_equal(get(entry, "timing_ms", "connect").number, 2);
	assert_int_equal(get(entry, "timing_ms", "tls").number, 3);
	assert_int_equal(get(entry, "timing_ms", "first_byte").number, 4);
	assert_int_equal(get(entry, "timing_ms", "total").number, 5);
	assert_false(get(entry, NULL, "error").absent);
	assert_string_equal(get(entry, "error", "kind").text, "timeout");
	assert_string_equal(get(entry, "error", "phase").text, "body");
	assert_string_equal(get(entry, "error", "message").text, "why");
	assert_null(get(entry, "error", "excerpt").text);

	outcome_init(&outcome);
	outcome.status = STATUS_HTTP_ERROR;
	outcome.kind = KIND_HTTP;
	outcome.data = xstrdup("[1]");
	outcome.data_len = 3;
	board_put(f.board, board_entry(f.board, 0), &outcome);
	assert_null(get(entry, "error", "phase").text);
	assert_string_equal(get(entry, NULL, "data").text, "[1]");
	assert_int_equal(get(entry, NULL, "data").len, 3);
	tear_down(&f);
}

static void
test_fields_tell_what_was_found_out_beside_the_answer(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	struct outcome outcome;
	struct field_value value;

	set_up(&f, 1);
	entry = board_entry(f.board, 0);
	outcome_init(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome.certificate_expires_at_ms = 9000;
	outcome.final_url = xstrdup("https://test/there");
	outcome.values = xstrdup("{\"token\":\"***\"}");
	outcome.values_len = strlen(outcome.values);
	outcome.secret_values = xstrdup("{\"token\":\"hunter22\"}");
	outcome.secret_values_len = strlen(outcome.secret_values);
	outcome_warn(&outcome, xstrdup("first"));
	outcome_warn(&outcome, xstrdup("second"));
	board_put(f.board, board_entry(f.board, 0), &outcome);
	board_hold(f.board, board_entry(f.board, 0), 5000000, 0, 2000000, 100000);

	assert_int_equal(get(entry, NULL, "next_at").number, 103000);
	assert_int_equal(get(entry, NULL, "certificate_expires_at").number, 9000);
	assert_string_equal(get(entry, NULL, "final_url").text, "https://test/there");
	assert_string_equal(get(entry, NULL, "values").text, "{\"token\":\"***\"}");
	assert_int_equal(get(entry, NULL, "values").len, 15);
	value = get(entry, NULL, "warnings");
	assert_int_equal(value.count, 2);
	assert_string_equal(value.texts[0], "first");
	assert_string_equal(value.texts[1], "second");
	tear_down(&f);
}

/* What readers may rely on: an object where its schema says so, a name among its names. */
static void
assert_kept(const struct field *field, const struct board_entry *entry)
{
	struct field_value value;

	field->get(entry, &value);
	if (!field->nullable && !field->optional)
		assert_false(value.absent);
	if (field->names == NULL || value.text == NULL)
		return;
	for (const char *const *name = field->names; *name != NULL; name++) {
		if (strcmp(*name, value.text) == 0)
			return;
	}
	fail_msg("%s: %s is not among its names", field->name, value.text);
}

static void
test_what_the_table_promises_of_its_fields_is_kept(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		const struct board_entry *entry = board_entry(f.board, 0);
		struct outcome outcome;

		/* The first one is as it was before any outcome. */
		for (const struct field *field = service_fields; field->name != NULL;
		     field++) {
			assert_kept(field, entry);
			for (const struct field *part = field->fields;
			     kind > 1 && part != NULL && part->name != NULL; part++)
				assert_kept(part, entry);
		}
		outcome_init(&outcome);
		outcome.kind = (enum error_kind)kind;
		outcome.status = error_kind_status(outcome.kind);
		outcome.phase = kind % (PHASE_BODY + 1);
		board_put(f.board, board_entry(f.board, 0), &outcome);
	}
	tear_down(&f);
}

static void
test_a_targets_own_words_are_told_without_secrets(UNUSED void **state)
{
	struct board_stage f;
	const struct board_entry *entry;
	struct target *target;
	struct config_pair *pairs;

	set_up(&f, 1);
	board_free(f.board);
	target = f.config->targets[0];
	marked_append(&target->group.value, "web", 3, MARK_OWN);
	marked_append(&target->description.value, "key ", 4, MARK_OWN);
	marked_append(&target->description.value, "hunter22", 8, MARK_SECRET);
	pairs = xcalloc(2, sizeof(*pairs));
	for (size_t i = 0; i < 2; i++) {
		pairs[i].name = xstrdup(i == 0 ? "team" : "a\"b");
		marked_init(&pairs[i].text.value, BUFFER_UNLIMITED);
		marked_append(&pairs[i].text.value, "x", 1, MARK_OWN);
	}
	target->labels = (struct config_pairs){ pairs, 2 };
	f.board = board_new(f.config);

	entry = board_entry(f.board, 0);
	assert_string_equal(get(entry, NULL, "group").text, "web");
	assert_string_equal(get(entry, NULL, "description").text, "key ***");
	assert_string_equal(
	    get(entry, NULL, "labels").text, "{\"team\":\"x\",\"a\\\"b\":\"x\"}");
	assert_int_equal(get(entry, NULL, "labels").len,
	    strlen("{\"team\":\"x\",\"a\\\"b\":\"x\"}"));
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_stand_in_the_documents_order),
		cmocka_unit_test(test_a_pending_entry_has_fields_without_values),
		cmocka_unit_test(test_fields_tell_the_outcome),
		cmocka_unit_test(test_fields_tell_what_was_found_out_beside_the_answer),
		cmocka_unit_test(test_what_the_table_promises_of_its_fields_is_kept),
		cmocka_unit_test(test_a_targets_own_words_are_told_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
