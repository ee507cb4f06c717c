#include "serve/shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>

#include "serve_stage.h"

/* Where the bytes of OUT lie: shared ones lie in one place. */
static const void *
place_of(struct evbuffer *out)
{
	struct evbuffer_iovec first;

	assert_int_equal(evbuffer_peek(out, -1, NULL, &first, 1), 1);
	return first.iov_base;
}

static void
set_up(struct stage *stage)
{
	stage_set_up(stage, 2, true);
	stage_put(stage, 0, "1");
	stage_put_large(stage, 1, 5000);
	stage_show(stage, 7);
}

static void
test_at_first_nothing_is_shown(UNUSED void **state)
{
	struct shown *shown = shown_new();

	assert_null(shown_snapshot(shown));
	shown_free(shown);
	shown_free(NULL);
}

static void
test_a_body_is_made_once_and_shared(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	for (int body = 0; body < SHOWN_BODY_COUNT; body++) {
		for (int gzip = 0; gzip < 2; gzip++) {
			struct evbuffer *a = evbuffer_new();
			struct evbuffer *b = evbuffer_new();

			assert_int_equal(shown_put(stage.shown, body, gzip, a), gzip);
			assert_int_equal(shown_put(stage.shown, body, gzip, b), gzip);
			assert_ptr_equal(place_of(a), place_of(b));
			evbuffer_free(a);
			evbuffer_free(b);
		}
	}
	stage_tear_down(&stage);
}

static void
test_an_entry_is_that_of_the_snapshot(UNUSED void **state)
{
	struct evbuffer *plain = evbuffer_new();
	struct evbuffer *small = evbuffer_new();
	struct evbuffer *again = evbuffer_new();
	struct snapshot_entry entry;
	struct stage stage;

	set_up(&stage);
	snapshot_entry(stage.snapshot, 1, &entry);
	assert_false(shown_put_entry(stage.shown, 1, false, plain));
	assert_ptr_equal(place_of(plain), entry.text.text);
	assert_int_equal(evbuffer_get_length(plain), entry.text.len + 1);
	assert_true(shown_put_entry(stage.shown, 1, true, small));
	assert_true(shown_put_entry(stage.shown, 1, true, again));
	assert_ptr_equal(place_of(small), place_of(again));
	assert_true(evbuffer_get_length(small) < evbuffer_get_length(plain));
	evbuffer_free(again);
	again = evbuffer_new();
	assert_false(shown_put_entry(stage.shown, 0, true, again));
	evbuffer_free(plain);
	evbuffer_free(small);
	evbuffer_free(again);
	stage_tear_down(&stage);
}

static void
test_what_is_on_its_way_stays_when_another_one_is_shown(UNUSED void **state)
{
	struct evbuffer *document = evbuffer_new();
	struct evbuffer *entry = evbuffer_new();
	struct evbuffer *small = evbuffer_new();
	unsigned char *bytes;
	struct stage stage;

	set_up(&stage);
	shown_put(stage.shown, SHOWN_DOCUMENT, false, document);
	shown_put_entry(stage.shown, 1, false, entry);
	shown_put_entry(stage.shown, 1, true, small);
	stage_put(&stage, 1, "2");
	stage_show(&stage, 8);
	stage_show(&stage, 9);
	bytes = evbuffer_pullup(document, -1);
	assert_non_null(
	    memmem(bytes, evbuffer_get_length(document), "\"generation\": 7,", 16));
	bytes = evbuffer_pullup(entry, -1);
	assert_memory_equal(bytes + evbuffer_get_length(entry) - 2, "}\n", 2);
	evbuffer_pullup(small, -1);
	stage_tear_down(&stage);
	evbuffer_free(document);
	evbuffer_free(entry);
	evbuffer_free(small);
}

static void
test_the_same_snapshot_may_be_shown_again(UNUSED void **state)
{
	struct evbuffer *out = evbuffer_new();
	struct stage stage;

	set_up(&stage);
	shown_set(stage.shown, stage.snapshot);
	assert_ptr_equal(shown_snapshot(stage.shown), stage.snapshot);
	assert_true(shown_put(stage.shown, SHOWN_PAGE, true, out));
	evbuffer_free(out);
	stage_tear_down(&stage);
}

static void
test_entries_are_found_by_name_and_kind(UNUSED void **state)
{
	struct stage stage;
	size_t index = 99;

	set_up(&stage);
	assert_false(shown_find(stage.shown, "t3", false, &index));
	assert_false(shown_find(stage.shown, "t2", false, &index));
	assert_false(shown_find(stage.shown, "", true, &index));
	assert_int_equal(index, 99);
	assert_true(shown_find(stage.shown, "t2", true, &index));
	assert_int_equal(index, 2);
	assert_true(shown_find(stage.shown, "t0", false, &index));
	assert_int_equal(index, 0);
	stage_tear_down(&stage);
}

/* Several share a place, and what was found in one snapshot is elsewhere, or not, in another. */
static void
test_entries_are_found_where_they_are_now(UNUSED void **state)
{
	struct stage many, few;
	size_t index;

	set_up(&few);
	stage_set_up(&many, 600, true);
	stage_show(&many, 7);
	shown_set(few.shown, many.snapshot);
	for (size_t i = 0; i < 1200; i++) {
		const struct target *target = many.config->targets[i % 600];

		assert_true(shown_find(few.shown, target->name, false, &index));
		assert_int_equal(index, i % 600);
	}
	assert_true(shown_find(few.shown, "t600", true, &index));
	assert_int_equal(index, 600);
	shown_set(few.shown, few.snapshot);
	assert_false(shown_find(few.shown, "t600", true, &index));
	assert_false(shown_find(few.shown, "t2", false, &index));
	assert_true(shown_find(few.shown, "t2", true, &index));
	assert_int_equal(index, 2);
	stage_tear_down(&many);
	stage_tear_down(&few);
}

static void
test_a_tag_tells_generation_and_form(UNUSED void **state)
{
	char plain[SHOWN_TAG_SIZE], small[SHOWN_TAG_SIZE], later[SHOWN_TAG_SIZE];
	struct stage stage;

	set_up(&stage);
	shown_tag(stage.shown, false, plain);
	shown_tag(stage.shown, true, small);
	assert_int_equal(strncmp(plain, "\"7-", 3), 0);
	assert_int_equal(strncmp(small, plain, strlen(plain) - 1), 0);
	assert_string_equal(small + strlen(plain) - 1, "-gz\"");
	stage_show(&stage, UINT64_MAX);
	shown_tag(stage.shown, false, later);
	assert_int_equal(strncmp(later, "\"18446744073709551615-", 22), 0);
	assert_string_equal(later + 22, plain + 3); /* the same program */
	stage_tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_first_nothing_is_shown),
		cmocka_unit_test(test_a_body_is_made_once_and_shared),
		cmocka_unit_test(test_an_entry_is_that_of_the_snapshot),
		cmocka_unit_test(
		    test_what_is_on_its_way_stays_when_another_one_is_shown),
		cmocka_unit_test(test_the_same_snapshot_may_be_shown_again),
		cmocka_unit_test(test_entries_are_found_by_name_and_kind),
		cmocka_unit_test(test_entries_are_found_where_they_are_now),
		cmocka_unit_test(test_a_tag_tells_generation_and_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
