#include "gather/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "board_stage.h"
#include "config/config.h"
#include "gather/board.h"

/* What a template over the board came to. */
struct result {
	enum template_result result;
	struct marked out;
	struct secrets *carried;
	char *shown; /* owned */
};

static void
result_clear(struct result *result)
{
	marked_clear(&result->out);
	secrets_free(result->carried);
	free(result->shown);
}

static struct result
render(const struct board_stage *f, const char *source, enum template_place place)
{
	struct result result = { .carried = secrets_new() };
	struct state *state = state_new(f->board);
	struct template_fault fault;
	struct template *template;
	struct marked text;

	marked_init(&text, BUFFER_UNLIMITED);
	marked_append(&text, source, strlen(source), MARK_OWN);
	template = template_compile(&text, place, &fault);
	if (template == NULL)
		fail_msg("%s: %s", source, fault.message);
	marked_init(&result.out, BUFFER_UNLIMITED);
	result.result = template_render(
	    template, state_root(state), &result.out, result.carried, NULL);
	result.shown = marked_shown(&result.out);
	state_free(state);
	template_free(template);
	marked_clear(&text);
	return result;
}

static void
assert_rendered(const struct board_stage *f, const char *source, const char *expected)
{
	struct result result = render(f, source, TEMPLATE_PLAIN);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(result.out.text.data, expected);
	assert_string_equal(result.shown, expected);
	assert_true(secrets_empty(result.carried));
	result_clear(&result);
}

static void
assert_missing(const struct board_stage *f, const char *source)
{
	struct result result = render(f, source, TEMPLATE_PLAIN);

	assert_int_equal(result.result, TEMPLATE_MISSING);
	result_clear(&result);
}

/* REAL is what is sent, SHOWN what may be seen. */
static void
assert_secret(const struct board_stage *f, const char *source, const char *real,
    const char *shown)
{
	struct result result = render(f, source, TEMPLATE_PLAIN);

	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_string_equal(result.out.text.data, real);
	assert_string_equal(result.shown, shown);
	result_clear(&result);
}

/* The target with INDEX is called NAME from now on. */
static void
rename_target(struct board_stage *f, size_t index, const char *name)
{
	struct target *target = f->config->targets[index];

	free(target->name);
	target->name = xstrdup(name);
	free((void *)f->config->by_name);
	f->config->by_name = NULL;
	config_index(f->config);
}

/* An answer of the target with INDEX; each of its texts may be NULL. */
static void
put_answer(struct board_stage *f, size_t index, const char *data, const char *values,
    const char *secret_values)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = 1000;
	outcome.http_status = 200;
	outcome.attempts = 2;
	outcome.duration_us = 203440;
	outcome.timing.total_us = 100000;
	outcome.url = xstrdup("http://test/");
	outcome.data = data != NULL ? xstrdup(data) : NULL;
	outcome.data_len = data != NULL ? strlen(data) : 0;
	outcome.values = values != NULL ? xstrdup(values) : NULL;
	outcome.values_len = values != NULL ? strlen(values) : 0;
	outcome.secret_values = secret_values != NULL ? xstrdup(secret_values) : NULL;
	outcome.secret_values_len = secret_values != NULL ? strlen(secret_values) : 0;
	board_put(f->board, board_entry(f->board, index), &outcome);
}

static void
put_failure(
    struct board_stage *f, size_t index, enum status status, enum error_kind kind)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = kind;
	outcome.phase = PHASE_BODY;
	outcome.message = xstrdup("timed out \"there\"");
	outcome.checked_at_ms = 2000;
	board_put(f->board, board_entry(f->board, index), &outcome);
}

static void
restore_entry(
    struct board_stage *f, size_t index, enum status status, const char *entry)
{
	struct board_memory memory = memory_of(status);

	free(memory.entry);
	memory.entry = xstrdup(entry);
	memory.entry_len = strlen(entry);
	restore(f, index, memory);
}

/* ---- fields ---- */

static void
test_fields_are_found_by_their_names_in_the_document(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	put_answer(&f, 0, NULL, NULL, NULL);
	assert_rendered(&f,
	    "{{services.t0.status}} {{services.t0.http_status}} {{services.t0.attempts}} "
	    "{{services.t0.checked_at}} {{services.t0.duration_ms}} "
	    "{{services.t0.timing_ms.total}} {{services.t0.url}}",
	    "ok 200 2 1970-01-01T00:00:01.000Z 203.4 100.0 http://test/");
	assert_missing(&f, "{{services.t0.timing_ms.dns}}");
	assert_missing(&f, "{{services.t0.error}}");
	assert_missing(&f, "{{services.t0.error.kind}}");
	assert_missing(&f, "{{services.t0.data}}");
	assert_missing(&f, "{{services.t0.last_data}}");
	assert_missing(&f, "{{services.t0.nothing}}");
	assert_missing(&f, "{{services.t0.next_at}}");
	put_failure(&f, 0, STATUS_TIMEOUT, KIND_TIMEOUT);
	assert_rendered(&f,
	    "{{services.t0.status}}: {{services.t0.error.kind}}, "
	    "{{services.t0.error.phase}}, {{services.t0.failures}}",
	    "timeout: timeout, body, 1");
	assert_missing(&f, "{{services.t0.values.a}}");
	tear_down(&f);
}

static void
test_warnings_are_a_list(UNUSED void **state)
{
	struct outcome outcome;
	struct board_stage f;

	set_up(&f, 1);
	outcome_init(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome_warn(&outcome, xstrdup("a"));
	outcome_warn(&outcome, xstrdup("b \"c\""));
	board_put(f.board, board_entry(f.board, 0), &outcome);
	assert_rendered(&f,
	    "{{#services.t0.warnings}}[{{.}}]{{/services.t0.warnings}}"
	    "{{services.t0.warnings.1}} {{services.t0.warnings}}",
	    "[a][b \"c\"]b \"c\" [\"a\",\"b \\\"c\\\"\"]");
	assert_missing(&f, "{{services.t0.warnings.2}}");
	tear_down(&f);
}

static void
test_the_longest_name_of_a_target_fits(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 3);
	rename_target(&f, 0, "shop");
	rename_target(&f, 1, "shop.eu");
	rename_target(&f, 2, "shop.eu.status");
	put_answer(&f, 1, "{\"status\":\"x\"}", NULL, NULL);
	put_failure(&f, 2, STATUS_ERROR, KIND_DNS);
	assert_rendered(&f,
	    "{{services.shop.status}} {{services.shop.eu.data.status}} "
	    "{{services.shop.eu.status.status}} {{services.shop.eu.http_status}}",
	    "pending x error 200");
	assert_missing(&f, "{{services.nobody.status}}");
	assert_missing(&f, "{{services.shopp.status}}");
	assert_missing(&f, "{{prompts.shop.status}}");
	tear_down(&f);
}

/* ---- data and values ---- */

static void
test_data_keeps_its_types_and_spelling(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	put_answer(&f, 0,
	    "{\"n\":18446744073709551615,\"f\":0.10,\"s\":\"a\\u00e4\\n\\\"\",\"t\":true,"
	    "\"no\":false,\"null\":null,\"list\":[1,[2],{\"a.b\":\"c\"}],\"e\":\"\","
	    "\"\\u0061b\":\"escaped\",\"twice\":1,\"twice\":2,\"o\":{}}",
	    NULL, NULL);
	assert_rendered(&f,
	    "{{services.t0.data.n}} {{services.t0.data.f}} {{services.t0.data.s}} "
	    "{{services.t0.data.t}} {{services.t0.data.no}} {{services.t0.data.list.0}} "
	    "{{services.t0.data.list.1}} {{services.t0.data.list.2.a.b}} "
	    "{{services.t0.data.ab}} {{services.t0.data.twice}} {{services.t0.data.o}}"
	    "{{services.t0.data.e}}",
	    "18446744073709551615 0.10 a\xc3\xa4\n\" true false 1 [2] c escaped 2 {}");
	assert_rendered(&f, "{{services.t0.data.list}}", "[1,[2],{\"a.b\":\"c\"}]");
	assert_missing(&f, "{{services.t0.data.null}}");
	assert_missing(&f, "{{services.t0.data.list.3}}");
	assert_missing(&f, "{{services.t0.data.o.x}}");
	assert_missing(&f, "{{services.t0.data.s.x}}");
	put_answer(&f, 0, "\"text\"", NULL, NULL);
	assert_rendered(&f, "{{services.t0.data}}", "text");
	put_answer(&f, 0, "[]", NULL, NULL);
	assert_rendered(&f,
	    "{{#services.t0.data}}x{{/services.t0.data}}"
	    "{{^services.t0.data}}none{{/services.t0.data}}",
	    "none");
	tear_down(&f);
}

static void
test_a_text_with_a_nul_is_put_in_whole(UNUSED void **state)
{
	struct result result;
	struct board_stage f;

	set_up(&f, 1);
	put_answer(&f, 0, "\"a\\u0000b\"", NULL, NULL);
	result = render(&f, "{{services.t0.data}}", TEMPLATE_PLAIN);
	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_int_equal(result.out.text.len, 3);
	assert_memory_equal(result.out.text.data, "a\0b", 3);
	result_clear(&result);
	tear_down(&f);
}

static void
test_sections_go_over_lists_of_data(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	put_answer(&f, 0, "{\"items\":[{\"a\":1},{\"a\":2},{\"b\":3}],\"name\":\"n\"}",
	    NULL, NULL);
	assert_rendered(&f,
	    "{{#services.t0.data.items}}{{#a}}{{a}}{{/a}}{{^a}}-{{/a}}"
	    "{{services.t0.data.name}}{{/services.t0.data.items}}",
	    "1n2n-n");
	tear_down(&f);
}

static void
test_values_are_found_by_names_with_dots(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	put_answer(
	    &f, 0, NULL, "{\"a\":{\"b\":1},\"a.b\":2,\"n\":null,\"q\":1.10}", NULL);
	assert_rendered(&f,
	    "{{services.t0.values.a.b}} {{services.t0.values.q}} "
	    "{{services.t0.values.a}} {{services.t0.values}}",
	    "2 1.10 {\"b\":1} {\"a\":{\"b\":1},\"a.b\":2,\"n\":null,\"q\":1.10}");
	assert_missing(&f, "{{services.t0.values.n}}");
	assert_missing(&f, "{{services.t0.values.x}}");
	put_answer(&f, 0, NULL, NULL, NULL);
	assert_missing(&f, "{{services.t0.values.q}}");
	assert_rendered(&f, "{{services.t0.values}}", "{}");
	tear_down(&f);
}

/* ---- secrets ---- */

#define SECRET_KEYS                                                              \
	"{extract: {token: {path: /token, secret: true}, o: {path: /o, secret: " \
	"true}, ttl: /ttl}}"

static void
test_secret_values_are_real_and_shown_as_stars(UNUSED void **state)
{
	struct result result;
	struct board_stage f;

	set_up(&f, 1);
	fake_config_set(f.config, 0, SECRET_KEYS);
	put_answer(&f, 0, NULL, "{\"token\":\"***\",\"o\":\"***\",\"ttl\":60}",
	    "{\"token\":\"hunter\\u0032\\\"22\",\"o\":{\"\\u006b\":[\"v\",12345678,true]}}");
	assert_secret(&f, "Bearer {{services.t0.values.token}}", "Bearer hunter2\"22",
	    "Bearer ***");
	assert_secret(&f, "{{services.t0.values.o}}",
	    "{\"\\u006b\":[\"v\",12345678,true]}", "{\"***\":[\"***\",***,***]}");
	assert_secret(&f, "{{services.t0.values.o.k.1}}", "12345678", "***");
	assert_secret(&f, "{{services.t0.values}}",
	    "{\"token\":\"hunter2\\\"22\",\"o\":{\"\\u006b\":[\"v\",12345678,true]},"
	    "\"ttl\":60}",
	    "{\"token\":\"***\",\"o\":{\"***\":[\"***\",***,***]},\"ttl\":60}");
	assert_rendered(&f, "{{services.t0.values.ttl}}", "60");

	/* Whoever carries it takes it out of foreign words, too. */
	result = render(&f, "{{services.t0.values.token}}", TEMPLATE_HEADER);
	assert_false(secrets_empty(result.carried));
	result_clear(&result);
	result = render(&f, "{{services.t0.values.token}}", TEMPLATE_URL);
	assert_string_equal(result.out.text.data, "hunter2%2222");
	assert_string_equal(result.shown, "***");
	result_clear(&result);
	tear_down(&f);
}

static void
test_a_secret_value_that_is_not_known_is_missing(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	fake_config_set(f.config, 0, SECRET_KEYS);
	/* From a former run. */
	restore_entry(&f, 0, STATUS_OK,
	    "{\"status\":\"ok\",\"values\":{\"token\":\"***\",\"ttl\":60,\"x\":\"***\"}}");
	assert_missing(&f, "{{services.t0.values.token}}");
	assert_missing(&f, "{{services.t0.values.x}}");
	assert_rendered(&f, "{{services.t0.values.ttl}}", "60");
	/* And without an answer of its own, in a round that was for nothing. */
	put_answer(&f, 0, NULL, "{\"token\":\"***\",\"ttl\":60}", NULL);
	assert_missing(&f, "{{services.t0.values.token}}");
	assert_rendered(&f, "{{services.t0.values}}", "{\"token\":null,\"ttl\":60}");
	tear_down(&f);
}

/* ---- a former run ---- */

static void
test_an_entry_of_a_former_run_is_read_from_its_text(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 1);
	restore_entry(&f, 0, STATUS_ERROR,
	    "{\"status\":\"error\",\"failures\":7,\"error\":{\"kind\":\"dns\"},"
	    "\"next_at\":null,\"values\":{\"a\":[1]},\"data\":{\"b\":\"c\"}}");
	assert_rendered(&f,
	    "{{services.t0.status}} {{services.t0.failures}} {{services.t0.error.kind}} "
	    "{{services.t0.values.a.0}} {{services.t0.data.b}}",
	    "error 7 dns 1 c");
	assert_missing(&f, "{{services.t0.next_at}}");
	assert_rendered(&f, "{{services.t0.data}}", "{\"b\":\"c\"}");
	/* The first outcome takes its place. */
	put_answer(&f, 0, "1", NULL, NULL);
	assert_rendered(&f, "{{services.t0.data}}", "1");
	assert_missing(&f, "{{services.t0.values.a}}");
	tear_down(&f);
}

/* ---- the board ---- */

static void
test_counts_failed_and_status_are_the_documents(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 4);
	put_answer(&f, 0, NULL, NULL, NULL);
	put_failure(&f, 1, STATUS_TIMEOUT, KIND_TIMEOUT);
	put_failure(&f, 2, STATUS_SKIPPED, KIND_DEPENDENCY);
	assert_rendered(&f,
	    "{{counts.ok}} of {{counts.total}}, {{counts.pending}} pending: {{status}}; "
	    "{{#failed}}{{.}},{{/failed}} {{failed}} {{failed.1}}",
	    "1 of 4, 1 pending: degraded; t1,t2, [\"t1\",\"t2\"] t2");
	assert_rendered(&f, "{{counts}}",
	    "{\"total\":4,\"ok\":1,\"degraded\":0,\"timeout\":1,\"http_error\":0,"
	    "\"error\":0,\"cancelled\":0,\"skipped\":1,\"pending\":1}");
	assert_missing(&f, "{{counts.nobody}}");
	assert_missing(&f, "{{nothing}}");
	tear_down(&f);
}

static void
test_targets_have_name_kind_and_fields(UNUSED void **state)
{
	struct board_stage f;

	/* More than are kept at hand. */
	set_up(&f, 30);
	put_failure(&f, 1, STATUS_TIMEOUT, KIND_TIMEOUT);
	assert_rendered(&f,
	    "{{#targets}}{{#error}}{{name}} ({{kind}}): {{status}}\n{{/error}}{{/targets}}"
	    "{{targets.29.name}} {{targets.29.kind}} {{targets.2.status}}",
	    "t1 (timeout): timeout\nt29 service pending");
	assert_rendered(&f, "{{#targets}}{{attempts}}{{/targets}}",
	    "000000000000000000000000000000");
	assert_missing(&f, "{{targets.30.name}}");
	tear_down(&f);
}

#define PENDING(number)                                                               \
	"\"status\":\"pending\",\"since\":null,\"checked_at\":null,"                  \
	"\"last_ok_at\":null,\"failures\":0,\"next_at\":null,\"attempts\":0,"         \
	"\"http_status\":null,\"url\":\"http://test/" number "\",\"final_url\":null," \
	"\"duration_ms\":null,\"timing_ms\":{\"queued\":null,\"dns\":null,"           \
	"\"connect\":null,\"tls\":null,\"first_byte\":null,\"total\":null},"          \
	"\"bytes\":0,\"certificate_expires_at\":null,\"error\":null,"                 \
	"\"warnings\":[],\"values\":{},\"data\":null}"

static void
test_entries_are_json_as_in_the_document(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 2);
	assert_rendered(&f, "{{services.t0}}", "{" PENDING("0"));
	restore_entry(&f, 1, STATUS_OK, "{\"status\":\"ok\",\"data\":1.0}");
	assert_rendered(&f, "{{services}}",
	    "{\"t0\":{" PENDING("0") ",\"t1\":{\"status\":\"ok\",\"data\":1.0}}");
	assert_rendered(&f, "{{targets}}",
	    "[{\"name\":\"t0\",\"kind\":\"service\"," PENDING(
	        "0") ",{\"name\":\"t1\",\"kind\":\"service\",\"status\":\"ok\",\"data\":1.0}]");
	assert_rendered(&f, "{{prompts}}", "{}");
	put_failure(&f, 0, STATUS_TIMEOUT, KIND_TIMEOUT);
	assert_rendered(&f, "{{services.t0.error}}",
	    "{\"kind\":\"timeout\",\"phase\":\"body\",\"message\":\"timed out "
	    "\\\"there\\\"\",\"excerpt\":null}");
	tear_down(&f);
}

static void
test_secret_values_are_secret_in_the_json_of_all(UNUSED void **state)
{
	struct result result;
	struct board_stage f;

	set_up(&f, 1);
	fake_config_set(f.config, 0, SECRET_KEYS);
	put_answer(&f, 0, NULL, "{\"token\":\"***\"}", "{\"token\":\"hunter22\"}");
	result = render(&f, "{{targets}}", TEMPLATE_PLAIN);
	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_null(strstr(result.shown, "hunter22"));
	assert_non_null(strstr(result.shown, "\"values\":{\"token\":\"***\"}"));
	assert_non_null(
	    strstr(result.out.text.data, "\"values\":{\"token\":\"hunter22\"}"));
	result_clear(&result);
	tear_down(&f);
}

/* ---- work ---- */

/* A section over a list of many, each of which asks for something beside the list. */
static void
test_long_lists_are_walked_once(UNUSED void **state)
{
	const size_t count = 20000;
	int64_t began_us;
	struct buffer data;
	struct result result;
	struct board_stage f;

	set_up(&f, 1);
	buffer_init(&data, BUFFER_UNLIMITED);
	buffer_append_string(&data, "{\"items\":[");
	for (size_t i = 0; i < count; i++)
		buffer_append_format(&data, "%s{\"a\":\"%zu\"}", i > 0 ? "," : "", i);
	buffer_append_string(&data, "],\"name\":\"n\"}");
	put_answer(&f, 0, data.data, NULL, NULL);
	began_us = clock_now_us();
	result = render(&f,
	    "{{#services.t0.data.items}}{{services.t0.data.name}}"
	    "{{/services.t0.data.items}}",
	    TEMPLATE_PLAIN);
	assert_int_equal(result.result, TEMPLATE_RENDERED);
	assert_int_equal(result.out.text.len, count);
	/* Walked each time it would take a minute. */
	assert_true(clock_now_us() - began_us < 3000000);
	result_clear(&result);
	buffer_clear(&data);
	tear_down(&f);
}

/* ---- what is missing ---- */

static void
assert_why(const struct board_stage *f, const char *name, const char *expected)
{
	char *why = state_why_missing(f->board, name);

	assert_string_equal(why, expected);
	free(why);
}

static void
test_a_missing_name_is_explained_by_its_target(UNUSED void **state)
{
	struct board_stage f;

	set_up(&f, 2);
	rename_target(&f, 0, "log.in");
	assert_why(&f, "services.log.in.values.token", " (log.in was not asked yet)");
	put_failure(&f, 0, STATUS_TIMEOUT, KIND_TIMEOUT);
	assert_why(&f, "services.log.in.values.token", " (log.in failed: timeout)");
	put_failure(&f, 0, STATUS_HTTP_ERROR, KIND_HTTP);
	assert_why(&f, "services.log.in.data", " (log.in failed: http)");
	put_failure(&f, 0, STATUS_SKIPPED, KIND_DEPENDENCY);
	assert_why(&f, "services.log.in.data", " (log.in was skipped: dependency)");
	put_failure(&f, 0, STATUS_CANCELLED, KIND_CANCELLED);
	assert_why(&f, "services.log.in.data", " (log.in was cancelled)");
	put_answer(&f, 0, NULL, NULL, NULL);
	assert_why(&f, "services.log.in.data", "");
	assert_why(&f, "services.nobody.data", "");
	assert_why(&f, "user_id", "");
	assert_why(&f, "services", "");
	assert_why(&f, "services.", "");

	restore_entry(
	    &f, 1, STATUS_ERROR, "{\"status\":\"error\",\"error\":{\"kind\":\"dns\"}}");
	assert_why(&f, "services.t1.data", " (t1 failed: dns)");
	restore_entry(&f, 1, STATUS_ERROR, "{\"status\":\"error\"}");
	assert_why(&f, "services.t1.data", " (t1 failed)");
	restore_entry(&f, 1, STATUS_OK, "{\"status\":\"ok\"}");
	assert_why(
	    &f, "services.t1.values.token", " (t1 was not asked since the start)");
	tear_down(&f);
}

/* The round is not decided: the document does not show it yet. */
static void
test_what_a_round_holds_is_seen(UNUSED void **state)
{
	struct outcome held[2];
	struct board_stage f;

	set_up(&f, 3);
	f.config->mode = MODE_ALL_OR_NOTHING;
	for (size_t i = 0; i < ARRAY_COUNT(held); i++) {
		outcome_init(&held[i]);
		board_entry(f.board, i)->held = &held[i];
	}
	held[0].status = STATUS_OK;
	held[0].checked_at_ms = 2000;
	held[0].values = xstrdup("{\"user\":7}");
	held[0].values_len = strlen(held[0].values);
	held[1].status = STATUS_TIMEOUT;
	held[1].kind = KIND_TIMEOUT;
	assert_rendered(&f,
	    "{{services.t0.status}} {{services.t0.values.user}} "
	    "{{services.t0.last_ok_at}} {{services.t1.failures}} "
	    "{{#targets}}{{status}} {{/targets}}{{#failed}}{{.}}{{/failed}} "
	    "{{counts.ok}}{{counts.timeout}}{{counts.pending}}",
	    "ok 7 1970-01-01T00:00:02.000Z 1 ok timeout pending t1 111");
	assert_why(&f, "services.t1.values.x", " (t1 failed: timeout)");
	for (size_t i = 0; i < ARRAY_COUNT(held); i++) {
		assert_int_equal(
		    board_entry(f.board, i)->outcome.status, STATUS_PENDING);
		board_entry(f.board, i)->held = NULL;
		outcome_clear(&held[i]);
	}
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_are_found_by_their_names_in_the_document),
		cmocka_unit_test(test_warnings_are_a_list),
		cmocka_unit_test(test_the_longest_name_of_a_target_fits),
		cmocka_unit_test(test_data_keeps_its_types_and_spelling),
		cmocka_unit_test(test_a_text_with_a_nul_is_put_in_whole),
		cmocka_unit_test(test_sections_go_over_lists_of_data),
		cmocka_unit_test(test_values_are_found_by_names_with_dots),
		cmocka_unit_test(test_secret_values_are_real_and_shown_as_stars),
		cmocka_unit_test(test_a_secret_value_that_is_not_known_is_missing),
		cmocka_unit_test(test_an_entry_of_a_former_run_is_read_from_its_text),
		cmocka_unit_test(test_counts_failed_and_status_are_the_documents),
		cmocka_unit_test(test_targets_have_name_kind_and_fields),
		cmocka_unit_test(test_entries_are_json_as_in_the_document),
		cmocka_unit_test(test_secret_values_are_secret_in_the_json_of_all),
		cmocka_unit_test(test_long_lists_are_walked_once),
		cmocka_unit_test(test_a_missing_name_is_explained_by_its_target),
		cmocka_unit_test(test_what_a_round_holds_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
