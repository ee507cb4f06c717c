#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "config/keys.h"

static const struct key_table *const tables[] = { &file_keys, &output_keys, &log_keys,
	&metrics_keys, &service_keys, &tls_keys, &auth_keys, &basic_keys, &digest_keys,
	&oauth2_keys, &prompt_keys, &provider_keys, &budget_keys, &price_keys };

static void
test_every_key_is_described_in_sentences(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		for (size_t j = 0; j < tables[i]->count; j++) {
			const char *text = tables[i]->keys[j].description;

			assert_non_null(text);
			assert_true(strlen(text) > 10);
			assert_int_equal(text[strlen(text) - 1], '.');
		}
	}
}

static void
test_no_key_stands_twice_and_each_is_found(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		for (size_t j = 0; j < tables[i]->count; j++) {
			const struct key *key = &tables[i]->keys[j];

			assert_ptr_equal(keys_find(tables[i], key->name), key);
		}
		assert_null(keys_find(tables[i], "nonsense"));
	}
}

static void
test_every_default_is_one_of_its_type_and_within_its_bounds(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
		for (size_t j = 0; j < tables[i]->count; j++) {
			const struct key *key = &tables[i]->keys[j];
			int64_t field[32] = { 0 };

			assert_true(key->type->size <= sizeof(field));
			if (key->initial != NULL)
				assert_true(key->type->parse(key, key->initial, field));
		}
	}
}

static void
assert_like_in_file(const struct key_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		const struct key *of_file = keys_find(&file_keys, key->name);

		if ((key->flags & KEY_OF_FILE) == 0)
			continue;
		assert_non_null(of_file);
		assert_ptr_equal(of_file->type, key->type);
		assert_non_null(of_file->initial);
	}
}

static void
test_keys_with_the_defaults_of_the_file_have_their_like_there(UNUSED void **state)
{
	assert_like_in_file(&service_keys);
	assert_like_in_file(&prompt_keys);
}

/* A field of a target is the same, whichever kind of target it is read for. */
static void
test_keys_of_both_kinds_of_targets_are_the_same_fields(UNUSED void **state)
{
	size_t both = 0;

	for (size_t i = 0; i < prompt_keys.count; i++) {
		const struct key *key = &prompt_keys.keys[i];
		const struct key *other = keys_find(&service_keys, key->name);

		if (other == NULL || strcmp(key->name, "format") == 0)
			continue;
		both++;
		assert_ptr_equal(key->type, other->type);
		assert_int_equal(key->offset, other->offset);
		assert_true(key->offset < sizeof(struct target));
	}
	assert_int_equal(both, 21);
	assert_ptr_equal(keys_of_targets(TARGET_SERVICE), &service_keys);
	assert_ptr_equal(keys_of_targets(TARGET_PROMPT), &prompt_keys);
}

static void
test_defaults_have_the_keys_of_both(UNUSED void **state)
{
	assert_ptr_equal(
	    keys_find(&defaults_keys, "url"), keys_find(&service_keys, "url"));
	assert_ptr_equal(
	    keys_find(&defaults_keys, "when"), keys_find(&prompt_keys, "when"));
	/* Of both the services' comes first: it takes the more words. */
	assert_ptr_equal(
	    keys_find(&defaults_keys, "format"), keys_find(&service_keys, "format"));
	assert_null(keys_find(&defaults_keys, "base_url"));
}

static void
test_extensions_begin_with_x_and_a_dash(UNUSED void **state)
{
	assert_true(keys_is_extension("x-anchors"));
	assert_false(keys_is_extension("x"));
	assert_false(keys_is_extension("X-a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_described_in_sentences),
		cmocka_unit_test(test_no_key_stands_twice_and_each_is_found),
		cmocka_unit_test(
		    test_every_default_is_one_of_its_type_and_within_its_bounds),
		cmocka_unit_test(
		    test_keys_with_the_defaults_of_the_file_have_their_like_there),
		cmocka_unit_test(
		    test_keys_of_both_kinds_of_targets_are_the_same_fields),
		cmocka_unit_test(test_defaults_have_the_keys_of_both),
		cmocka_unit_test(test_extensions_begin_with_x_and_a_dash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
