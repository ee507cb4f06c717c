#include "rules/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "facts_stage.h"
#include "valgrind.h"

#define DAY_MS INT64_C(86400000)

/* One rule more; its condition holds for whatever is there. */
static struct rule *
add(struct rules *rules, enum rule_subject subject, const char *name)
{
	struct rule *rule;

	rules->items = xgrow(rules->items, rules->count, sizeof(*rules->items));
	rule = &rules->items[rules->count++];
	*rule = (struct rule){ .subject = subject };
	rule->name = name != NULL ? xstrdup(name) : NULL;
	condition_init(&rule->condition);
	rule->condition.unit = subject == RULE_DURATION ? UNIT_MS
	    : subject == RULE_CERTIFICATE_DAYS          ? UNIT_DAYS
	                                                : UNIT_NONE;
	return rule;
}

static struct rule *
add_json(struct rules *rules, struct stage *stage, const char *pointer)
{
	struct rule *rule = add(rules, RULE_JSON, pointer);

	rule->pointer = json_pointers_add(stage->pointers, pointer);
	return rule;
}

static void
want_text(struct rule *rule, const char *text)
{
	rule->condition.values = xcalloc(1, sizeof(*rule->condition.values));
	rule->condition.values[0] = (struct condition_value){
		.kind = SPAN_STRING,
		.text = xstrdup(text),
		.len = strlen(text),
	};
	rule->condition.value_count = 1;
	rule->condition.limited = true;
}

static void
want_at_most(struct rule *rule, double number, const char *told)
{
	rule->condition.maximum =
	    (struct condition_bound){ true, number, xstrdup(told) };
}

static void
want_at_least(struct rule *rule, double number, const char *told)
{
	rule->condition.minimum =
	    (struct condition_bound){ true, number, xstrdup(told) };
}

static void
want_match(struct rule *rule, const char *source)
{
	rule->condition.pattern = stage_pattern(source);
	rule->condition.pattern_text = xstrdup(source);
}

static void
on_result(UNUSED const struct rule *rule, bool holds, const char *text, void *arg)
{
	buffer_append_format(arg, "%c %s\n", holds ? '+' : '-', text);
}

/* EXPECTED has a line for each result. */
static void
assert_results(
    const struct rules *rules, struct stage *stage, bool all, const char *expected)
{
	struct buffer told;
	bool hold;

	buffer_init(&told, BUFFER_UNLIMITED);
	hold = rules_check(rules, &stage->facts, all, on_result, &told);
	assert_string_equal(told.data, expected);
	assert_int_equal(hold, strstr(told.data, "- ") == NULL);
	buffer_clear(&told);
}

static void
test_a_status_is_in_one_of_the_ranges_or_well(UNUSED void **state)
{
	struct status_range ranges[] = { { 200, 200 }, { 404, 404 }, { 500, 510 } };
	struct rules said = { .statuses = ranges, .status_count = ARRAY_COUNT(ranges) };
	struct rules unsaid = { .statuses = NULL };

	assert_true(rules_status_holds(&said, 200));
	assert_true(rules_status_holds(&said, 404));
	assert_true(rules_status_holds(&said, 510));
	assert_false(rules_status_holds(&said, 201));
	assert_false(rules_status_holds(&said, 511));
	assert_true(rules_status_holds(&unsaid, 200));
	assert_true(rules_status_holds(&unsaid, 299));
	assert_false(rules_status_holds(&unsaid, 199));
	assert_false(rules_status_holds(&unsaid, 300));
}

static void
test_each_broken_rule_says_what_was_expected_and_what_was_there(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	want_at_most(add_json(&rules, &stage, "/queue/depth"), 100, "100");
	want_text(add_json(&rules, &stage, "/state"), "up");
	want_match(add_json(&rules, &stage, "/version"), "^2\\.");
	want_text(add(&rules, RULE_BODY, NULL), "pong");
	want_text(add(&rules, RULE_HEADER, "X-Cache"), "HIT");
	want_at_most(add(&rules, RULE_DURATION, NULL), 500, "500ms");
	want_at_least(add(&rules, RULE_CERTIFICATE_DAYS, NULL), 14, "14 days");
	stage_take_json(&stage,
	    "{\"queue\": {\"depth\": 250}, \"state\": \"down\", \"version\": \"1.9\"}");
	stage_take_body(&stage, "ping\n");
	stage.facts.head = "HTTP/1.1 200 OK\r\nx-cache: MISS\r\n\r\n";
	stage.facts.duration_us = 1203000;
	stage.facts.has_certificate = true;
	stage.facts.certificate_left_ms = 4 * DAY_MS - 1;
	assert_results(&rules, &stage, false,
	    "- /queue/depth: expected at most 100, got 250\n"
	    "- /state: expected \"up\", got \"down\"\n"
	    "- /version: expected a match of \"^2\\.\", got \"1.9\"\n"
	    "- body: expected \"pong\", got \"ping\"\n"
	    "- header X-Cache: expected \"HIT\", got \"MISS\"\n"
	    "- duration: expected at most 500ms, got 1.203s\n"
	    "- certificate_days: expected at least 14 days, got 3 days\n");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_what_holds_is_told_on_demand(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	want_text(add_json(&rules, &stage, "/state"), "up");
	want_at_most(add_json(&rules, &stage, "/load"), 1, "1");
	add_json(&rules, &stage, "");
	want_at_most(add(&rules, RULE_DURATION, NULL), 500, "500ms");
	stage_take_json(&stage, "{\"state\":\"up\",\"load\":0.50}");
	stage.facts.duration_us = 183000;
	assert_results(&rules, &stage, true,
	    "+ /state: \"up\"\n+ /load: 0.50\n+ JSON: an object\n+ duration: 183ms\n");
	assert_results(&rules, &stage, false, "");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_what_is_not_there_is_told_with_the_reason(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	want_at_most(add_json(&rules, &stage, "/queue/depth"), 100, "100");
	want_text(add(&rules, RULE_BODY, NULL), "pong");
	want_text(add(&rules, RULE_HEADER, "X-Cache"), "HIT");
	want_at_least(add(&rules, RULE_CERTIFICATE_DAYS, NULL), 14, "14 days");
	assert_results(&rules, &stage, false,
	    "- /queue/depth: expected at most 100, but there is no JSON\n"
	    "- body: expected \"pong\", but there is no body\n"
	    "- header X-Cache: expected \"HIT\", but there is no such header\n"
	    "- certificate_days: expected at least 14 days, but there is no "
	    "certificate\n");
	stage_take_json(&stage, "{\"queue\":{\"length\":3}}");
	rules.count = 1;
	assert_results(&rules, &stage, false,
	    "- /queue/depth: expected at most 100, but the path ended at \"depth\": "
	    "the object has no such member\n");
	/* By a walk, too. */
	stage.facts.pointers = NULL;
	assert_results(&rules, &stage, false,
	    "- /queue/depth: expected at most 100, but the path ended at \"depth\": "
	    "the object has no such member\n");
	rules.count = 4;
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_days_of_a_certificate_are_no_concern_of_plain_http(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;
	struct rule *rule;

	stage_open(&stage);
	want_at_least(add(&rules, RULE_CERTIFICATE_DAYS, NULL), 14, "14 days");
	stage.facts.plain = true;
	assert_results(&rules, &stage, false, "");
	assert_results(&rules, &stage, true, "+ certificate_days: no TLS\n");
	/* Who says `exists` asks for it by name. */
	rule = add(&rules, RULE_CERTIFICATE_DAYS, NULL);
	rule->condition.exists_said = true;
	rule->condition.exists = true;
	rule = add(&rules, RULE_CERTIFICATE_DAYS, NULL);
	rule->condition.exists_said = true;
	assert_results(&rules, &stage, true,
	    "+ certificate_days: no TLS\n"
	    "- certificate_days: expected something, but there is no certificate\n"
	    "+ certificate_days: nothing\n");
	/* All else of such an answer is looked at. */
	want_text(add(&rules, RULE_HEADER, "X-Cache"), "HIT");
	assert_results(&rules, &stage, false,
	    "- certificate_days: expected something, but there is no certificate\n"
	    "- header X-Cache: expected \"HIT\", but there is no such header\n");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_what_must_not_exist_holds_where_it_is_absent(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;
	struct rule *rule;

	stage_open(&stage);
	rule = add_json(&rules, &stage, "/error");
	rule->condition.exists_said = true;
	rule = add(&rules, RULE_HEADER, "X-Error");
	rule->condition.exists_said = true;
	stage_take_json(&stage, "{}");
	stage.facts.head = "X-Fine: 1\r\n";
	assert_results(
	    &rules, &stage, true, "+ /error: nothing\n+ header X-Error: nothing\n");
	stage_take_json(&stage, "{\"error\":null}");
	stage.facts.head = "X-Error: \r\n";
	assert_results(&rules, &stage, false,
	    "- /error: expected nothing, got null\n"
	    "- header X-Error: expected nothing, got \"\"\n");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_discreet_facts_never_say_what_the_answer_holds(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	want_text(add_json(&rules, &stage, "/token"), "none");
	add_json(&rules, &stage, "/count");
	want_text(add(&rules, RULE_BODY, NULL), "none");
	want_match(add(&rules, RULE_HEADER, "X-Token"), "^$");
	want_at_most(add(&rules, RULE_DURATION, NULL), 1, "1ms");
	stage_take_json(&stage, "{\"token\":\"hunter2\",\"count\":4711}");
	stage_take_body(&stage, "hunter2");
	stage.facts.head = "X-Token: hunter2\r\n";
	stage.facts.duration_us = 2000;
	stage.facts.discreet = true;
	/* How long it took is no part of the answer. */
	assert_results(&rules, &stage, true,
	    "- /token: expected \"none\", got a string\n"
	    "+ /count: a number\n"
	    "- body: expected \"none\", got some text\n"
	    "- header X-Token: expected a match of \"^$\", got some text\n"
	    "- duration: expected at most 1ms, got 2ms\n");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_what_takes_too_long_is_told_as_that(UNUSED void **state)
{
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	want_match(add(&rules, RULE_BODY, NULL), "(a+)+$");
	stage_take_body(&stage, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	assert_results(&rules, &stage, true,
	    "- body: expected a match of \"(a+)+$\", but looking for it was given up: "
	    "it takes too much time\n");
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_the_days_of_a_certificate_are_whole_ones(UNUSED void **state)
{
	static const struct {
		int64_t left_ms;
		const char *told;
	} rows[] = {
		{ 30 * DAY_MS, "+ certificate_days: 30 days\n" },
		{ DAY_MS, "+ certificate_days: 1 day\n" },
		{ DAY_MS - 1, "+ certificate_days: 0 days\n" },
		{ 0, "+ certificate_days: 0 days\n" },
		{ -1, "+ certificate_days: -1 days\n" },
		{ -DAY_MS, "+ certificate_days: -1 days\n" },
		{ -DAY_MS - 1, "+ certificate_days: -2 days\n" },
	};
	struct rules rules = { .items = NULL };
	struct stage stage;

	stage_open(&stage);
	add(&rules, RULE_CERTIFICATE_DAYS, NULL);
	stage.facts.has_certificate = true;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		stage.facts.certificate_left_ms = rows[i].left_ms;
		assert_results(&rules, &stage, true, rows[i].told);
	}
	rules_clear(&rules);
	stage_close(&stage);
}

static void
test_a_header_is_found_in_any_case_and_joined(UNUSED void **state)
{
	static const char head[] = "HTTP/1.1 200 Fine: indeed\r\n"
	                           "Server:nginx\r\n"
	                           "Via: \t one \t\r\n"
	                           "X-Empty:\r\n"
	                           "vIA: two\r\n"
	                           "X-Folded: a\r\n"
	                           " \tb\r\n"
	                           "Viaduct: no\r\n"
	                           "X-Latin: caf\xE9\r\n"
	                           "\r\n";
	static const struct {
		const char *name;
		const char *value;
	} rows[] = {
		{ "server", "nginx" },
		{ "VIA", "one, two" },
		{ "X-Empty", "" },
		{ "X-Folded", "a b" },
		{ "X-Latin", "caf\xEF\xBF\xBD" },
		{ "Vi", NULL },
		{ "X-None", NULL },
		{ "HTTP/1.1", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *value = rules_find_header(head, rows[i].name);

		if (rows[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, rows[i].value);
		free(value);
	}
	assert_null(rules_find_header(NULL, "Server"));
	assert_null(rules_find_header("", "Server"));
	assert_null(rules_find_header("Server", "Server"));
}

/* ---- the cost of many ---- */

#define MIB  ((size_t)1 << 20)
#define MANY 50
/* Measured below 9 ms; sanitizers and other users of the processor get some more. */
#define AT_MOST_US ((int64_t)40000)

static int64_t
cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A mebibyte of records, each with the numbers and words that services have. */
static char *
make_large_body(size_t *len)
{
	struct buffer body;

	buffer_init(&body, BUFFER_UNLIMITED);
	buffer_append_string(&body, "{\"items\":[");
	for (int i = 0; body.len < MIB - 400; i++)
		buffer_append_format(&body,
		    "%s{\"id\":%d,\"name\":\"item %d\",\"state\":\"running\",\"load\":0.%d}",
		    i > 0 ? "," : "", i, i * 7, i % 100);
	buffer_append_string(&body, "]");
	for (int i = 0; i < MANY / 2; i++)
		buffer_append_format(&body, ",\"n%d\":%d", i, i);
	buffer_append_string(&body, "}");
	*len = body.len;
	return buffer_take(&body);
}

static void
count_result(UNUSED const struct rule *rule, UNUSED bool holds, UNUSED const char *text,
    void *arg)
{
	size_t *count = arg;

	(*count)++;
}

static void
assert_quick(const struct rules *rules, struct stage *stage)
{
	int64_t begun = cpu_us();
	int64_t took;
	size_t told = 0;

	(void)rules_check(rules, &stage->facts, true, count_result, &told);
	took = cpu_us() - begun;
	print_message("%zu rules over 1 MiB: %lld us\n", told, (long long)took);
	assert_int_equal(told, rules->count);
	assert_true(took < AT_MOST_US);
	stage->facts.budget = (struct pattern_budget){ .left_us = PATTERN_BUDGET_US };
}

static void
test_fifty_rules_over_a_mebibyte_do_not_hold_the_loop(UNUSED void **state)
{
	static const char *const sources[] = { "stopped",
		"\"state\":\\s*\"(?:stopped|failed)\"", "(?i)error",
		"\\d+\\.\\d+\\.\\d+", "[a-z]+@[a-z]+", "xyz|item 99999999", "(a+)+$",
		"\"load\":0\\.99", "(?s).*running", "^\\{.*\\}$" };
	struct rules patterns = { .items = NULL };
	struct rules values = { .items = NULL };
	struct rules mixed = { .items = NULL };
	struct stage stage;
	size_t len;
	char *body;

	skip_under_valgrind();
	body = make_large_body(&len);
	stage_open(&stage);
	for (int i = 0; i < MANY; i++) {
		/* Half of them lead nowhere. */
		char *pointer = xasprintf("/n%d", i);
		const char *source = sources[i % (int)ARRAY_COUNT(sources)];

		want_match(add(&patterns, RULE_BODY, NULL), source);
		want_at_most(add_json(&values, &stage, pointer), 10, "10");
		if (i % 2 == 0)
			want_match(add(&mixed, RULE_BODY, NULL), source);
		else
			want_at_most(add_json(&mixed, &stage, pointer), 10, "10");
		free(pointer);
	}
	stage_take_json_len(&stage, body, len);
	stage.facts.body = body;
	stage.facts.body_len = len;
	assert_quick(&patterns, &stage);
	assert_quick(&values, &stage);
	assert_quick(&mixed, &stage);
	rules_clear(&patterns);
	rules_clear(&values);
	rules_clear(&mixed);
	stage_close(&stage);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_status_is_in_one_of_the_ranges_or_well),
		cmocka_unit_test(
		    test_each_broken_rule_says_what_was_expected_and_what_was_there),
		cmocka_unit_test(test_what_holds_is_told_on_demand),
		cmocka_unit_test(test_what_is_not_there_is_told_with_the_reason),
		cmocka_unit_test(
		    test_days_of_a_certificate_are_no_concern_of_plain_http),
		cmocka_unit_test(test_what_must_not_exist_holds_where_it_is_absent),
		cmocka_unit_test(test_discreet_facts_never_say_what_the_answer_holds),
		cmocka_unit_test(test_what_takes_too_long_is_told_as_that),
		cmocka_unit_test(test_the_days_of_a_certificate_are_whole_ones),
		cmocka_unit_test(test_a_header_is_found_in_any_case_and_joined),
		cmocka_unit_test(test_fifty_rules_over_a_mebibyte_do_not_hold_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
