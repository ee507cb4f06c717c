#include "serve/shared_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>

#include "base/buffer.h"
#include "base/compiler.h"

static struct shared_text *
text_of(const char *bytes)
{
	struct buffer buffer;

	buffer_init(&buffer, BUFFER_UNLIMITED);
	buffer_append_string(&buffer, bytes);
	return shared_text_new(&buffer);
}

static void
test_it_takes_over_what_a_buffer_holds(UNUSED void **state)
{
	struct shared_text *text;
	struct buffer buffer;

	buffer_init(&buffer, BUFFER_UNLIMITED);
	buffer_append(&buffer, "a\0b", 3);
	text = shared_text_new(&buffer);
	assert_int_equal(buffer.len, 0);
	assert_int_equal(shared_text_len(text), 3);
	assert_memory_equal(shared_text_bytes(text), "a\0b", 4);
	shared_text_unref(text);
	shared_text_unref(NULL);
}

static void
test_it_stays_until_the_last_bytes_have_gone_out(UNUSED void **state)
{
	struct shared_text *text = text_of("several words");
	struct evbuffer *a = evbuffer_new();
	struct evbuffer *b = evbuffer_new();
	char rest[16];

	evbuffer_add(a, "before ", 7);
	shared_text_put(text, a);
	shared_text_put(text, b);
	shared_text_put(text, b);
	shared_text_unref(text);
	evbuffer_free(a);
	assert_int_equal(evbuffer_get_length(b), 26);
	evbuffer_drain(b, 20);
	assert_int_equal(evbuffer_remove(b, rest, sizeof(rest)), 6);
	assert_memory_equal(rest, " words", 6);
	evbuffer_free(b);
}

static void
test_an_empty_one_is_put_nowhere(UNUSED void **state)
{
	struct shared_text *text = text_of("");
	struct evbuffer *out = evbuffer_new();

	shared_text_put(text, out);
	assert_int_equal(evbuffer_get_length(out), 0);
	shared_text_unref(text);
	evbuffer_free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_takes_over_what_a_buffer_holds),
		cmocka_unit_test(test_it_stays_until_the_last_bytes_have_gone_out),
		cmocka_unit_test(test_an_empty_one_is_put_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
