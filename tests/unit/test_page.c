#include "publish/page/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/digest.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "fake_config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/snapshot.h"

#define NOW_MS INT64_C(1795232400123) /* 2026-11-21T03:40:00.123Z */

#define DATA_LEAD "<script type=\"application/json\" id=\"data\">"

static const struct round_summary summary = {
	.number = 3,
	.started_at_ms = NOW_MS - 203,
	.duration_us = 203400,
	.target_count = 2,
};

/* A page of two targets, the second of which failed. */
struct stage {
	struct config *config;
	struct board *board;
	struct snapshot_maker *maker;
	struct buffer page;
	struct json_object *data; /* what stands in it as that; NULL: not read yet */
};

static void
put(struct stage *stage, size_t index, enum error_kind kind, const char *message)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = error_kind_status(kind);
	outcome.kind = kind;
	outcome.message = message != NULL ? xstrdup(message) : NULL;
	outcome.attempts = 1;
	outcome.checked_at_ms = NOW_MS;
	outcome.duration_us = 12000;
	board_put(stage->board, board_entry(stage->board, index), &outcome);
}

static void
set_up(struct stage *stage, const char *host, const char *name, const char *message)
{
	const struct snapshot_wants wants = { .cards = true };

	stage->config = fake_config_new(2);
	stage->config->interval_ms = 30000;
	stage->config->timeout_ms = 5000;
	stage->config->output.max_size_bytes = (size_t)1024 * 1024;
	free(stage->config->targets[1]->name);
	stage->config->targets[1]->name = xstrdup(name);
	stage->board = board_new(stage->config);
	stage->maker = snapshot_maker_new(stage->board, "gatherd 1.2.3", host);
	snapshot_maker_want(stage->maker, &wants);
	stage->data = NULL;
	buffer_init(&stage->page, BUFFER_UNLIMITED);
	put(stage, 0, KIND_NONE, NULL);
	put(stage, 1, KIND_CONNECT, message);
}

static void
tear_down(struct stage *stage)
{
	json_object_put(stage->data);
	buffer_clear(&stage->page);
	snapshot_maker_free(stage->maker);
	board_free(stage->board);
	fake_config_free(stage->config);
}

/* How often NEEDLE stands in the page, in any case of its letters. */
static size_t
count_of(const struct stage *stage, const char *needle)
{
	size_t count = 0;

	for (const char *at = stage->page.data; (at = strcasestr(at, needle)) != NULL;
	     at++)
		count++;
	return count;
}

/* What stands between LEAD and the next END, the caller's. */
static char *
between(const struct stage *stage, const char *lead, const char *end)
{
	const char *start = strstr(stage->page.data, lead);
	const char *stop;

	assert_non_null(start);
	start += strlen(lead);
	stop = strstr(start, end);
	assert_non_null(stop);
	return xmemdup0(start, (size_t)(stop - start));
}

static void
make_page(struct stage *stage, bool live)
{
	const struct snapshot_head head = {
		.generation = 17, .round = &summary, .now_ms = NOW_MS
	};
	struct snapshot *snapshot = snapshot_make(stage->maker, &head);
	char *data;

	buffer_reset(&stage->page);
	page_append(&stage->page, snapshot, live);
	snapshot_unref(snapshot);
	data = between(stage, DATA_LEAD, "</script>");
	json_object_put(stage->data);
	stage->data = json_tokener_parse(data);
	assert_non_null(stage->data);
	free(data);
}

static const char *
text_at(const struct stage *stage, const char *pointer)
{
	struct json_object *found = NULL;

	assert_int_equal(json_pointer_get(stage->data, pointer, &found), 0);
	return json_object_get_string(found);
}

static void
test_it_has_the_head_and_all_cards(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "web1", "payments", "connection refused");
	make_page(&stage, false);
	assert_string_equal(text_at(&stage, "/live"), "false");
	assert_string_equal(text_at(&stage, "/summary/generation"), "17");
	assert_string_equal(
	    text_at(&stage, "/summary/stale_after"), "2026-11-21T03:41:05.123Z");
	assert_string_equal(text_at(&stage, "/entries/0/name"), "t0");
	assert_string_equal(text_at(&stage, "/entries/0/status"), "ok");
	assert_string_equal(text_at(&stage, "/entries/1/name"), "payments");
	assert_string_equal(
	    text_at(&stage, "/entries/1/error/message"), "connection refused");
	assert_string_equal(text_at(&stage, "/entries/1/history/outcomes"), "e");
	make_page(&stage, true);
	assert_string_equal(text_at(&stage, "/live"), "true");
	tear_down(&stage);
}

static void
test_it_says_how_things_are_without_a_script(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, false);
	assert_non_null(
	    strstr(stage.page.data, ">Status degraded: 1 of 2 targets failed</span>"));
	assert_non_null(strstr(
	    stage.page.data, "<time id=\"age\">2026-11-21T03:40:00.123Z</time>"));
	assert_non_null(strstr(stage.page.data, "<b id=\"host\">web1</b>"));
	assert_int_equal(count_of(&stage, "<noscript>"), 1);
	tear_down(&stage);
}

/* The document is ok then, and so is what stands here. */
static void
test_what_is_not_required_is_told_without_a_script(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	put(&stage, 1, KIND_NONE, NULL);
	stage.config->targets[1]->required = false;
	put(&stage, 1, KIND_CONNECT, "m");
	make_page(&stage, false);
	assert_string_equal(text_at(&stage, "/summary/status"), "ok");
	assert_non_null(strstr(stage.page.data,
	    ">Status ok: 1 of 2 targets failed, none of them required</span>"));
	put(&stage, 1, KIND_NONE, NULL);
	make_page(&stage, false);
	assert_non_null(
	    strstr(stage.page.data, ">Status ok: 0 of 2 targets failed</span>"));
	tear_down(&stage);
}

/* Nothing is left of the template, and it is put together once. */
static void
test_nothing_is_left_to_be_put_in(UNUSED void **state)
{
	static const char *const words[] = { "@POLICY@", "@STYLE@", "@HOST@", "@TIME@",
		"@OVERALL@", "@DATA@", "@SCRIPT@" };
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, false);
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		assert_int_equal(count_of(&stage, words[i]), 0);
	assert_memory_equal(stage.page.data, "<!DOCTYPE html>\n", 16);
	assert_string_equal(stage.page.data + stage.page.len - 8, "</html>\n");
	assert_int_equal(count_of(&stage, "</html>"), 1);
	assert_int_equal(count_of(&stage, DATA_LEAD), 1);
	tear_down(&stage);
}

/* What is put in is not looked through for more. */
static void
test_names_of_slots_are_no_slots(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "@SCRIPT@", "@DATA@", "@STYLE@");
	make_page(&stage, false);
	assert_string_equal(text_at(&stage, "/summary/host"), "@SCRIPT@");
	assert_string_equal(text_at(&stage, "/entries/1/name"), "@DATA@");
	assert_non_null(strstr(stage.page.data, "<title>@SCRIPT@ - gatherd</title>"));
	assert_int_equal(count_of(&stage, DATA_LEAD), 1);
	tear_down(&stage);
}

/* ---- what would like to be markup ---- */

/* No other elements than those of a page about tame targets. */
static void
test_nobody_puts_markup_in(UNUSED void **state)
{
	static const char hostile[] =
	    "</script></title><!--<script>alert(1)</script><img src=x onerror=\"y\">";
	size_t scripts, comments, images, tags;
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, true);
	scripts = count_of(&stage, "</script");
	comments = count_of(&stage, "<!--");
	images = count_of(&stage, "<img");
	tags = count_of(&stage, "<");
	tear_down(&stage);
	set_up(&stage, hostile, hostile, hostile);
	make_page(&stage, true);
	assert_int_equal(count_of(&stage, "</script"), scripts);
	assert_int_equal(count_of(&stage, "<!--"), comments);
	assert_int_equal(count_of(&stage, "<img"), images);
	assert_int_equal(count_of(&stage, "<"), tags);
	assert_string_equal(text_at(&stage, "/summary/host"), hostile);
	assert_string_equal(text_at(&stage, "/entries/1/name"), hostile);
	assert_string_equal(text_at(&stage, "/entries/1/error/message"), hostile);
	assert_string_equal(text_at(&stage, "/summary/failed/0"), hostile);
	assert_non_null(strstr(stage.page.data,
	    "<title>&lt;/script&gt;&lt;/title&gt;&lt;!--&lt;script&gt;alert(1)"
	    "&lt;/script&gt;&lt;img src=x onerror=&quot;y&quot;&gt; - gatherd</title>"));
	tear_down(&stage);
}

/* In what a script or a style is, the parser of HTML looks for these only. */
static void
test_script_and_style_end_where_they_should(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, false);
	assert_int_equal(count_of(&stage, "<script"), 2);
	assert_int_equal(count_of(&stage, "</script"), 2);
	assert_int_equal(count_of(&stage, "<style"), 1);
	assert_int_equal(count_of(&stage, "</style"), 1);
	assert_int_equal(count_of(&stage, "<!--"), 0);
	tear_down(&stage);
}

/* ---- the policy ---- */

/* Is the digest of what stands between LEAD and END named in the policy, as WHAT-src? */
static void
assert_allowed(
    const struct stage *stage, const char *what, const char *lead, const char *end)
{
	char digest[DIGEST_BASE64_SIZE];
	char *text = between(stage, lead, end);
	char *rule;

	digest_base64(digest, text, strlen(text));
	rule = xasprintf("; %s-src 'sha256-%s'; ", what, digest);
	assert_non_null(strstr(page_policy(), rule));
	free(rule);
	free(text);
}

static void
test_the_policy_allows_its_script_and_style(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, true);
	assert_allowed(&stage, "script", "<script>", "</script>");
	assert_allowed(&stage, "style", "<style>", "</style>");
	tear_down(&stage);
}

static void
test_the_policy_allows_nothing_else(UNUSED void **state)
{
	static const char lead[] = "default-src 'none'; script-src 'sha256-";
	static const char tail[] =
	    "; connect-src 'self'; img-src data:; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'";
	const char *policy = page_policy();

	assert_memory_equal(policy, lead, strlen(lead));
	assert_string_equal(policy + strlen(policy) - strlen(tail), tail);
	assert_null(strstr(policy, "unsafe"));
	assert_ptr_equal(page_policy(), policy);
}

/* But for frame-ancestors, which browsers take from a header only and complain of here. */
static void
test_the_page_has_the_same_policy_in_it(UNUSED void **state)
{
	static const char lead[] =
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"";
	const char *policy = page_policy();
	struct stage stage;
	char *in_page;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, false);
	in_page = between(&stage, lead, "\"");
	assert_memory_equal(policy, in_page, strlen(in_page));
	assert_string_equal(policy + strlen(in_page), "; frame-ancestors 'none'");
	free(in_page);
	tear_down(&stage);
}

/* Nothing that a policy would have to allow, and nothing that reads texts as markup. */
static void
test_nothing_is_done_by_attributes_or_from_texts(UNUSED void **state)
{
	static const char *const refused[] = { " style=", " onclick=", " onload=",
		"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(",
		"new Function", "@import", "url(", "http-equiv=\"refresh\"", "<base",
		"<iframe", "<link rel=\"stylesheet\"", " src=" };
	struct stage stage;

	set_up(&stage, "web1", "payments", "m");
	make_page(&stage, true);
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		if (count_of(&stage, refused[i]) > 0)
			fail_msg("%s stands in the page", refused[i]);
	}
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_has_the_head_and_all_cards),
		cmocka_unit_test(test_it_says_how_things_are_without_a_script),
		cmocka_unit_test(test_what_is_not_required_is_told_without_a_script),
		cmocka_unit_test(test_nothing_is_left_to_be_put_in),
		cmocka_unit_test(test_names_of_slots_are_no_slots),
		cmocka_unit_test(test_nobody_puts_markup_in),
		cmocka_unit_test(test_script_and_style_end_where_they_should),
		cmocka_unit_test(test_the_policy_allows_its_script_and_style),
		cmocka_unit_test(test_the_policy_allows_nothing_else),
		cmocka_unit_test(test_the_page_has_the_same_policy_in_it),
		cmocka_unit_test(test_nothing_is_done_by_attributes_or_from_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
