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
	&service_keys, &tls_keys, &auth_keys, &basic_keys, &digest_keys, &oauth2_keys };

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
			int64_t field[16];

			assert_true(key->type->size <= sizeof(field));
			if (key->initial != NULL)
				assert_true(key->type->parse(key, key->initial, field));
		}
	}
}

static void
test_keys_with_the_defaults_of_the_file_have_their_like_there(UNUSED void **state)
{
	for (size_t i = 0; i < service_keys.count; i++) {
		const struct key *key = &service_keys.keys[i];
		const struct key *of_file = keys_find(&file_keys, key->name);

		if ((key->flags & KEY_OF_FILE) == 0)
			continue;
		assert_non_null(of_file);
		assert_ptr_equal(of_file->type, key->type);
		assert_non_null(of_file->initial);
	}
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
		cmocka_unit_test(test_extensions_begin_with_x_and_a_dash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
