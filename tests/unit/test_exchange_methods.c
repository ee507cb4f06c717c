#include "exchange_stage.h"

/* What becomes of method and body on a redirect. */

/* Ask http://a.test/ with METHOD and a body; it answers with STATUS and leads to
 * http://a.test/x. */
static void
expect_asked(const char *method, long status, const char *asked)
{
	const struct page pages[] = {
		{ "http://a.test/", status, "/x" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	set_body(&stage.request, method, "text", false);
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
	assert_string_equal(stage.transfers.asked, asked);
	close_stage(&stage);
}

static void
test_303_asks_with_get_and_without_body(UNUSED void **state)
{
	expect_asked("POST", 303, "POST http://a.test/ body +\nhttp://a.test/x +\n");
	expect_asked("PUT", 303, "PUT http://a.test/ body +\nhttp://a.test/x +\n");
	expect_asked(
	    "DELETE", 303, "DELETE http://a.test/ body +\nhttp://a.test/x +\n");
	expect_asked(NULL, 303, "http://a.test/ body +\nhttp://a.test/x +\n");
	expect_asked(
	    "HEAD", 303, "HEAD http://a.test/ body +\nHEAD http://a.test/x +\n");
}

static void
test_301_and_302_turn_a_post_into_get(UNUSED void **state)
{
	for (long status = 301; status <= 302; status++) {
		expect_asked(
		    "POST", status, "POST http://a.test/ body +\nhttp://a.test/x +\n");
		expect_asked("PUT", status,
		    "PUT http://a.test/ body +\nPUT http://a.test/x body +\n");
		/* Methods are what they are, to the letter (RFC 9110, 9.1). */
		expect_asked("post", status,
		    "post http://a.test/ body +\npost http://a.test/x body +\n");
		expect_asked("HEAD", status,
		    "HEAD http://a.test/ body +\nHEAD http://a.test/x body +\n");
		expect_asked(
		    NULL, status, "http://a.test/ body +\nhttp://a.test/x body +\n");
	}
}

static void
test_307_and_308_repeat_method_and_body(UNUSED void **state)
{
	for (long status = 307; status <= 308; status++) {
		expect_asked("POST", status,
		    "POST http://a.test/ body +\nPOST http://a.test/x body +\n");
		expect_asked("PATCH", status,
		    "PATCH http://a.test/ body +\nPATCH http://a.test/x body +\n");
	}
}

static void
test_what_became_get_stays_so(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 307, "/1" },
		{ "http://a.test/1", 302, "/2" },
		{ "http://a.test/2", 308, "/3" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	set_body(&stage.request, "POST", "text", false);
	run(&stage);
	assert_string_equal(stage.transfers.asked,
	    "POST http://a.test/ body +\nPOST http://a.test/1 body +\n"
	    "http://a.test/2 +\nhttp://a.test/3 +\n");
	close_stage(&stage);
}

static void
test_a_body_goes_to_another_origin_without_secrets(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 307, "http://b.test/" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	set_body(&stage.request, "POST", "text", false);
	run(&stage);
	assert_string_equal(stage.transfers.asked,
	    "POST http://a.test/ body +\nPOST http://b.test/ body\n");
	close_stage(&stage);
}

static void
test_a_secret_body_is_not_sent_to_another_origin(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 307, "/x" },
		{ "http://a.test/x", 307, "http://a.test:81/y?token=z" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	set_body(&stage.request, "POST", "text", true);
	run(&stage);
	assert_string_equal(stage.transfers.asked,
	    "POST http://a.test/ body +\nPOST http://a.test/x body +\n");
	assert_int_equal(stage.response.result, RESPONSE_REDIRECT);
	assert_int_equal(stage.response.http_status, 307);
	assert_int_equal(stage.response.hops, 1);
	assert_string_equal(stage.response.message,
	    "redirect to http://a.test:81 not followed: "
	    "the body holds a secret, which is not sent to another origin");
	close_stage(&stage);
}

static void
test_what_lost_its_secret_body_may_go_anywhere(UNUSED void **state)
{
	static const struct page pages[] = {
		{ "http://a.test/", 303, "http://b.test/" },
		{ "http://b.test/", 307, "http://c.test/" },
		{ NULL, 0, NULL },
	};
	struct stage stage;

	open_stage(&stage, pages, "http://a.test/");
	set_body(&stage.request, "POST", "text", true);
	run(&stage);
	assert_int_equal(stage.response.result, RESPONSE_COMPLETE);
	assert_string_equal(stage.transfers.asked,
	    "POST http://a.test/ body +\nhttp://b.test/\nhttp://c.test/\n");
	close_stage(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_303_asks_with_get_and_without_body),
		cmocka_unit_test(test_301_and_302_turn_a_post_into_get),
		cmocka_unit_test(test_307_and_308_repeat_method_and_body),
		cmocka_unit_test(test_what_became_get_stays_so),
		cmocka_unit_test(test_a_body_goes_to_another_origin_without_secrets),
		cmocka_unit_test(test_a_secret_body_is_not_sent_to_another_origin),
		cmocka_unit_test(test_what_lost_its_secret_body_may_go_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
