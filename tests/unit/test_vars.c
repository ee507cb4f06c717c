#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/value.h"
#include "config/vars.h"
#include "template/template.h"

static void
test_names_of_vars_are_words(UNUSED void **state)
{
	assert_null(vars_why_unfit("user_id"));
	assert_null(vars_why_unfit("_"));
	assert_null(vars_why_unfit("A-9"));
	assert_non_null(vars_why_unfit(""));
	assert_non_null(vars_why_unfit("9a"));
	assert_non_null(vars_why_unfit("-a"));
	assert_non_null(vars_why_unfit("a.b"));
	assert_non_null(vars_why_unfit("\u00e9"));
	assert_non_null(vars_why_unfit("now"));
	assert_non_null(vars_why_unfit("counts"));
}

static void
test_a_name_is_set_once_and_then_replaced(UNUSED void **state)
{
	struct value *vars = value_new_map();
	struct template_value found;
	char *hint = NULL;

	value_set(vars, "a", value_from_argument("1"));
	value_set(vars, "b", value_from_argument("2"));
	value_set(vars, "a", value_from_argument("3"));
	assert_int_equal(vars->count, 2);
	assert_true(vars_find(NULL, vars, "a", &found, &hint));
	assert_string_equal(found.text->text.data, "3");
	value_free(vars);
}

static void
test_of_many_names_each_is_found(UNUSED void **state)
{
	struct value *vars = value_new_map();

	for (int i = 0; i < 300; i++) {
		char *name = xasprintf("n%d", i * 7919 % 300);

		value_set(vars, name, value_from_argument(name));
		free(name);
	}
	for (int i = 0; i < 300; i++) {
		char *name = xasprintf("n%d", i);
		struct template_value found;
		char *hint = NULL;

		assert_true(vars_find(NULL, vars, name, &found, &hint));
		assert_string_equal(found.text->text.data, name);
		free(name);
	}
	value_free(vars);
}

static void
test_what_is_not_found_has_a_near_name(UNUSED void **state)
{
	struct value *vars = value_new_map();
	struct template_value found;
	char *hint = NULL;

	value_set(vars, "user_id", value_from_argument("1"));
	assert_false(vars_find(NULL, vars, "user_di", &found, &hint));
	assert_string_equal(hint, " (did you mean user_id?)");
	free(hint);
	assert_false(vars_find(NULL, vars, "user_id.x", &found, &hint));
	assert_string_equal(hint, "");
	free(hint);
	assert_false(vars_find(NULL, vars, "nwo", &found, &hint));
	assert_string_equal(hint, " (did you mean now?)");
	free(hint);
	value_free(vars);
}

static void
assert_text(const struct value *each, const struct value *vars, const char *path,
    const char *text)
{
	struct template_value found;

	if (text == NULL) {
		assert_false(vars_find(each, vars, path, &found, NULL));
		return;
	}
	assert_true(vars_find(each, vars, path, &found, NULL));
	assert_string_equal(found.text->text.data, text);
}

static void
test_what_for_each_gave_comes_first(UNUSED void **state)
{
	struct value *each = value_new_map();
	struct value *vars = value_new_map();
	struct value *inner = value_new_map();
	struct template_value found;
	char *hint = NULL;

	value_set(each, "region", value_from_argument("eu"));
	value_set(vars, "region", inner);
	value_set(inner, "name", value_from_argument("all"));
	value_set(vars, "host", value_from_argument("h"));
	assert_text(each, vars, "region", "eu");
	assert_text(each, vars, "host", "h");
	/* The first part decides: nothing of the hidden one is seen. */
	assert_text(each, vars, "region.name", NULL);
	assert_text(NULL, vars, "region.name", "all");
	assert_ptr_equal(vars_holder(each, vars, "region.name", 11), each);
	assert_ptr_equal(vars_holder(each, vars, "host", 4), vars);
	assert_ptr_equal(vars_holder(NULL, vars, "region", 6), vars);
	assert_false(vars_find(each, vars, "regoin", &found, &hint));
	assert_string_equal(hint, " (did you mean region?)");
	free(hint);
	value_free(each);
	value_free(vars);
}

static void
test_templates_see_both(UNUSED void **state)
{
	struct value *each = value_new_map();
	struct value *vars = value_new_map();
	const struct vars_both both = { .each = each, .vars = vars };
	struct template_value root, found;

	value_set(each, "a", value_from_argument("1"));
	value_set(vars, "a", value_from_argument("2"));
	value_set(vars, "b", value_from_argument("3"));
	vars_for_template(&both, &root);
	assert_int_equal(root.data->get(&root, "a.x", 3, &found), 1);
	assert_string_equal(found.text->text.data, "1");
	assert_int_equal(root.data->get(&root, "b", 1, &found), 1);
	assert_int_equal(root.data->get(&root, "now", 3, &found), 0);
	value_free(each);
	value_free(vars);
}

static void
test_a_broken_one_is_known_wherever_it_is(UNUSED void **state)
{
	struct value *each = value_new_map();
	struct value *vars = value_new_map();
	struct value *broken = value_new_map();

	broken->broken = true;
	value_set(each, "a", broken);
	value_set(vars, "a", value_from_argument("1"));
	assert_true(vars_is_broken(each, vars, "a.b"));
	assert_false(vars_is_broken(NULL, vars, "a"));
	assert_false(vars_is_broken(each, vars, "b"));
	value_free(each);
	value_free(vars);
}

static void
test_a_key_is_found_at_any_level(UNUSED void **state)
{
	struct value *vars = value_new_map();
	struct value *inner = value_new_map();

	value_set(inner, "deep", value_from_argument("1"));
	value_set(vars, "outer", inner);
	assert_true(vars_has_key(vars, "outer", 5));
	assert_true(vars_has_key(vars, "deep.er", 4));
	assert_false(vars_has_key(vars, "dee", 3));
	value_free(vars);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_vars_are_words),
		cmocka_unit_test(test_a_name_is_set_once_and_then_replaced),
		cmocka_unit_test(test_of_many_names_each_is_found),
		cmocka_unit_test(test_what_is_not_found_has_a_near_name),
		cmocka_unit_test(test_what_for_each_gave_comes_first),
		cmocka_unit_test(test_templates_see_both),
		cmocka_unit_test(test_a_broken_one_is_known_wherever_it_is),
		cmocka_unit_test(test_a_key_is_found_at_any_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
