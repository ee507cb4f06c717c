#include "publish/previous.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/render.h"
#include "gather/round.h"
#include "previous_stage.h"
#include "publish/snapshot.h"

/* ---- a document as it should be ---- */

static void
test_an_entry_gets_back_what_the_document_says(UNUSED void **state)
{
	const struct board_entry *entry;
	struct board_counts counts;
	struct stage stage;

	set_up(&stage);
	restore_from(&stage, FIXTURE_DOCUMENT);
	assert_int_equal(stage.previous.restored_count, 2);

	entry = entry_at(&stage, PAYMENTS);
	assert_int_equal(entry->outcome.status, STATUS_TIMEOUT);
	assert_int_equal(entry->settled, STATUS_TIMEOUT);
	assert_int_equal(entry->since_ms, INT64_C(1795224912000));
	assert_int_equal(entry->outcome.checked_at_ms, INT64_C(1795232400100));
	assert_int_equal(entry->last_ok_at_ms, -1);
	assert_int_equal(entry->failures, 3);
	assert_string_equal(entry->restored, FIXTURE_PAYMENTS);
	assert_int_equal(entry->restored_len, strlen(FIXTURE_PAYMENTS));
	assert_null(entry->last_data);
	assert_false(entry->asked);

	entry = entry_at(&stage, ORDERS);
	assert_int_equal(entry->outcome.status, STATUS_DEGRADED);
	assert_int_equal(entry->last_ok_at_ms, INT64_C(1795232370100));
	assert_int_equal(entry->failures, 0);
	/* Without what only a later version knows. */
	assert_string_equal(entry->restored, FIXTURE_OPEN_ORDERS "}");
	assert_string_equal(entry->last_data, "{\"depth\":0.10}");
	assert_int_equal(entry->last_data_len, strlen("{\"depth\":0.10}"));

	board_count(stage.board, &counts);
	assert_int_equal(counts.of[STATUS_TIMEOUT], 1);
	assert_int_equal(counts.of[STATUS_DEGRADED], 1);
	assert_int_equal(counts.of[STATUS_PENDING], SERVICE_COUNT - 2);
	tear_down(&stage);
}

static void
test_the_counters_go_on(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    "{\"version\":1,\"status\":\"ok\",\"generation\":17,\"round\":{\"number\":"
	    "12,\"started_at\":\"2026-11-21T03:40:00.123Z\",\"duration_ms\":203.4,"
	    "\"targets\":4}}");
	assert_int_equal(stage.previous.generation, 17);
	assert_int_equal(stage.previous.round.number, 12);
	assert_int_equal(stage.previous.round.started_at_ms, NOW_MS);
	assert_int_equal(stage.previous.round.duration_us, 203400);
	assert_int_equal(stage.previous.round.target_count, 4);
	assert_int_equal(stage.previous.restored_count, 0);
	assert_untouched(&stage);
	tear_down(&stage);
}

static void
test_every_status_is_known(UNUSED void **state)
{
	for (int status = 0; status < STATUS_COUNT; status++) {
		char *text = xasprintf(
		    HEAD "\"payments\":{\"status\":\"%s\"}}}", status_names[status]);
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		assert_int_equal(entry_at(&stage, PAYMENTS)->outcome.status, status);
		if (status == STATUS_PENDING)
			assert_untouched(&stage);
		else
			assert_non_null(entry_at(&stage, PAYMENTS)->restored);
		assert_int_equal(
		    stage.previous.restored_count, status == STATUS_PENDING ? 0 : 1);
		tear_down(&stage);
		free(text);
	}
}

static void
test_white_space_goes_and_spelling_stays(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    "{ \"version\": 1, \"status\": \"ok\",\n \"services\": {\n\t\"orders\" : { "
	    "\"status\" : \"ok\" , \"data\" : [ 18446744073709551615, 0.10, 1E3,\n"
	    " \"a  b\\u00e4\\/\" ] ,\n \"values\" : { \"a\" : [ 1 ] } } } }\n");
	assert_says(entry_at(&stage, ORDERS), "data",
	    "[18446744073709551615,0.10,1E3,\"a  b\\u00e4\\/\"]");
	assert_says(entry_at(&stage, ORDERS), "values", "{\"a\":[1]}");
	assert_string_equal(entry_at(&stage, ORDERS)->last_data,
	    "[18446744073709551615,0.10,1E3,\"a  b\\u00e4\\/\"]");
	tear_down(&stage);
}

static void
test_names_are_compared_by_what_they_mean(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    HEAD "\"p\\u0061yments\":{\"status\":\"ok\"},"
	         "\"with \\\"quotes\\\" \\\\\":{\"status\":\"error\"},"
	         "\"\\u00e4\\ud83d\\ude00\":{\"status\":\"http_error\"}}}");
	assert_int_equal(stage.previous.restored_count, 3);
	assert_int_equal(entry_at(&stage, PAYMENTS)->outcome.status, STATUS_OK);
	assert_int_equal(entry_at(&stage, QUOTES)->outcome.status, STATUS_ERROR);
	assert_int_equal(entry_at(&stage, UMLAUT)->outcome.status, STATUS_HTTP_ERROR);
	tear_down(&stage);

	set_up(&stage);
	restore_from(&stage,
	    HEAD "\"\":{\"status\":\"ok\"},\"payments \":{\"status\":\"ok\"},"
	         "\"payments\\u0000\":{\"status\":\"ok\"},"
	         "\"payments\\u0000x\":{\"status\":\"ok\"},"
	         "\"Orders\":{\"status\":\"ok\"}}}");
	assert_int_equal(stage.previous.restored_count, 0);
	assert_untouched(&stage);
	tear_down(&stage);
}

static void
test_a_prompt_of_that_name_is_no_service(UNUSED void **state)
{
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    "{\"version\":1,\"status\":\"ok\",\"prompts\":{\"headline\":"
	    "{\"status\":\"ok\"}},\"services\":{\"gone\":{\"status\":\"ok\"}}}");
	assert_int_equal(stage.previous.restored_count, 0);
	assert_untouched(&stage);
	tear_down(&stage);
}

static void
test_of_doubled_names_the_last_one_counts(UNUSED void **state)
{
	struct board_counts counts;
	struct stage stage;

	set_up(&stage);
	restore_from(&stage,
	    HEAD "\"orders\":{\"status\":\"ok\",\"data\":1,\"failures\":1},"
	         "\"orders\":{\"status\":\"timeout\",\"last_data\":2,\"failures\":2},"
	         "\"orders\":{\"status\":\"strange\"}}}");
	assert_int_equal(stage.previous.restored_count, 1);
	assert_int_equal(entry_at(&stage, ORDERS)->outcome.status, STATUS_TIMEOUT);
	assert_int_equal(entry_at(&stage, ORDERS)->failures, 2);
	assert_string_equal(entry_at(&stage, ORDERS)->last_data, "2");
	board_count(stage.board, &counts);
	assert_int_equal(counts.of[STATUS_OK], 0);
	assert_int_equal(counts.of[STATUS_TIMEOUT], 1);
	tear_down(&stage);
}

static void
test_the_last_good_answer_is_kept_where_it_is_wanted(UNUSED void **state)
{
	static const struct {
		const char *entry;
		const char *kept; /* NULL: nothing */
	} rows[] = {
		{ "{\"status\":\"ok\",\"data\":{\"a\":1}}", "{\"a\":1}" },
		{ "{\"status\":\"degraded\",\"data\":false}", "false" },
		{ "{\"status\":\"ok\",\"data\":null}", NULL },
		{ "{\"status\":\"ok\"}", NULL },
		{ "{\"status\":\"ok\",\"data\":null,\"last_data\":\"x\"}", "\"x\"" },
		{ "{\"status\":\"ok\",\"data\":1,\"last_data\":null}", "1" },
		{ "{\"status\":\"timeout\",\"data\":null,\"last_data\":[2]}", "[2]" },
		{ "{\"status\":\"timeout\",\"data\":null,\"last_data\":null}", NULL },
		/* No good answer, whatever it is. */
		{ "{\"status\":\"http_error\",\"data\":3}", NULL },
		{ "{\"status\":\"cancelled\",\"data\":3}", NULL },
		{ "{\"status\":\"skipped\",\"last_data\":0}", "0" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *text = xasprintf(HEAD "\"orders\":%s,\"payments\":%s}}",
		    rows[i].entry, rows[i].entry);
		const struct board_entry *entry;
		struct stage stage;

		set_up(&stage);
		restore_from(&stage, text);
		entry = entry_at(&stage, ORDERS);
		assert_non_null(entry->restored);
		if (rows[i].kept == NULL) {
			assert_null(entry->last_data);
		} else {
			assert_string_equal(entry->last_data, rows[i].kept);
			assert_int_equal(entry->last_data_len, strlen(rows[i].kept));
		}
		/* Without keep_last. */
		assert_non_null(entry_at(&stage, PAYMENTS)->restored);
		assert_null(entry_at(&stage, PAYMENTS)->last_data);
		tear_down(&stage);
		free(text);
	}
}

static void
test_what_was_asked_by_now_stays(UNUSED void **state)
{
	struct outcome outcome;
	struct stage stage;

	set_up(&stage);
	outcome_init(&outcome);
	outcome.status = STATUS_OK;
	outcome.checked_at_ms = NOW_MS;
	board_put(stage.board, board_entry(stage.board, PAYMENTS), &outcome);
	restore_from(&stage, FIXTURE_DOCUMENT);
	assert_int_equal(stage.previous.restored_count, 1);
	assert_int_equal(entry_at(&stage, PAYMENTS)->outcome.status, STATUS_OK);
	assert_null(entry_at(&stage, PAYMENTS)->restored);
	tear_down(&stage);
}

/* ---- what may be shown by now ---- */

#define ENTRY(url, data)                                                                      \
	"{\"status\":\"timeout\",\"since\":\"2026-11-21T03:40:00.123Z\",\"checked_at\":null," \
	"\"last_ok_at\":null,\"failures\":3,\"next_at\":null,\"attempts\":1,"                 \
	"\"http_status\":null,\"url\":\"" url                                                 \
	"\",\"final_url\":null,\"duration_ms\":1.5,"                                          \
	"\"timing_ms\":{\"queued\":null,\"dns\":null,\"connect\":null,\"tls\":null,"          \
	"\"first_byte\":null,\"total\":1.5},\"bytes\":0,\"certificate_expires_at\":null,"     \
	"\"error\":null,\"warnings\":[],\"values\":{},\"data\":null,\"last_data\":" data      \
	"}"

static void
assert_counts_are_restored(const struct stage *stage)
{
	const struct board_entry *entry = board_entry(stage->board, 0);

	assert_int_equal(stage->previous.restored_count, 1);
	assert_int_equal(entry->outcome.status, STATUS_TIMEOUT);
	assert_int_equal(entry->since_ms, NOW_MS);
	assert_int_equal(entry->failures, 3);
}

static void
test_a_url_that_showed_a_secret_is_not_published(UNUSED void **state)
{
	struct stage stage;

	/* The key stood there, in clear. */
	setenv("TEST_KEY", "123456789", 1);
	set_up_with(&stage,
	    "services:\n  a: {url: 'http://test/?key=${TEST_KEY}', keep_last: true}\n");
	restore_from(&stage,
	    HEAD "\"a\":" ENTRY("http://test/?key=123456789", "\"x123456789\"") "}}");
	assert_counts_are_restored(&stage);
	assert_null(board_entry(stage.board, 0)->restored);
	assert_string_equal(board_entry(stage.board, 0)->last_data, "\"x***\"");
	assert_string_equal(
	    board_entry(stage.board, 0)->outcome.url, "http://test/?key=***");
	tear_down(&stage);
	unsetenv("TEST_KEY");
}

static void
test_what_was_said_of_another_url_is_published_still(UNUSED void **state)
{
	static const char old[] = ENTRY("http://test/old?key=***", "\"x\"");
	struct stage stage;
	char *text = xasprintf(HEAD "\"a\":%s}}", old);

	setenv("TEST_KEY", "123456789", 1);
	set_up_with(
	    &stage, "services:\n  a: {url: 'http://test/new?key=${TEST_KEY}'}\n");
	restore_from(&stage, text);
	assert_counts_are_restored(&stage);
	assert_string_equal(board_entry(stage.board, 0)->restored, old);
	tear_down(&stage);
	unsetenv("TEST_KEY");
	free(text);
}

static void
test_what_is_a_secret_by_now_is_masked(UNUSED void **state)
{
	static const char old[] = ENTRY("http://test/\\u003Fkey=***",
	    "[\"x 123456789\",{\"123456789\":\"\\u0031\\u00323456789\"},123456789]");
	static const char masked[] = ENTRY("http://test/\\u003Fkey=***",
	    "[\"x ***\",{\"123456789\":\"***\"},123456789]");
	struct stage stage;
	char *text = xasprintf(HEAD "\"a\":%s}}", old);

	setenv("TEST_KEY", "123456789", 1);
	set_up_with(&stage,
	    "services:\n  a: {url: 'http://test/?key=${TEST_KEY}', keep_last: true}\n");
	restore_from(&stage, text);
	assert_counts_are_restored(&stage);
	assert_string_equal(board_entry(stage.board, 0)->restored, masked);
	assert_int_equal(board_entry(stage.board, 0)->restored_len, strlen(masked));
	assert_string_equal(board_entry(stage.board, 0)->last_data,
	    "[\"x ***\",{\"123456789\":\"***\"},123456789]");
	tear_down(&stage);
	unsetenv("TEST_KEY");
	free(text);
}

static void
test_a_url_that_changes_with_the_time_is_none_to_compare(UNUSED void **state)
{
	static const char expected[] =
	    ENTRY("http://test/?at=2026-11-21T03:40:00.123Z&key=***", "\"***\"");
	struct stage stage;

	setenv("TEST_KEY", "123456789", 1);
	set_up_with(&stage,
	    "services:\n"
	    "  a: 'http://test/?at={{now}}&key=${TEST_KEY}'\n"
	    "  b: 'http://test/{{now}}'\n");
	restore_from(&stage,
	    HEAD
	    "\"a\":" ENTRY("http://test/?at=2026-11-21T03:40:00.123Z&key=123456789",
	        "\"123456789\"") "}}");
	assert_counts_are_restored(&stage);
	assert_string_equal(board_entry(stage.board, 0)->restored, expected);
	tear_down(&stage);
	unsetenv("TEST_KEY");
}

static void
test_what_depends_on_answers_to_come_is_published_still(UNUSED void **state)
{
	struct stage stage;

	setenv("TEST_KEY", "123456789", 1);
	set_up_with(&stage,
	    "services:\n"
	    "  a:\n"
	    "    url: http://test/{{services.c.data.n}}\n"
	    "    headers: {X-Key: '${TEST_KEY}', X: '{{services.b.values.token}}'}\n"
	    "    json: {a: '{{{services.c.data.list}}}'}\n"
	    "  b:\n"
	    "    url: http://test/\n"
	    "    extract: {token: {path: /token, secret: true}}\n"
	    "    auth: {oauth2: {token_url: 'http://test/token', client_id: a, "
	    "client_secret: '${TEST_KEY}'}}\n"
	    "  c: http://test/\n");
	restore_from(
	    &stage, HEAD "\"a\":" ENTRY("http://test/7", "\"x 123456789\"") "}}");
	assert_counts_are_restored(&stage);
	assert_string_equal(
	    board_entry(stage.board, 0)->restored, ENTRY("http://test/7", "\"x ***\""));
	restore_from(&stage, HEAD "\"b\":" ENTRY("http://test/", "1") "}}");
	assert_says(board_entry(stage.board, 1), "url", "\"http://test/\"");
	assert_says(board_entry(stage.board, 1), "last_data", "null");
	tear_down(&stage);
	unsetenv("TEST_KEY");
}

static void
test_the_last_good_answer_that_holds_a_secret_value_by_now_is_gone(UNUSED void **state)
{
	struct stage stage;

	set_up_with(&stage,
	    "services:\n"
	    "  a:\n"
	    "    url: http://test/\n"
	    "    keep_last: true\n"
	    "    extract: {token: {path: /token, secret: true}}\n");
	restore_from(&stage, HEAD "\"a\":" ENTRY("http://test/", "\"hunter22\"") "}}");
	assert_counts_are_restored(&stage);
	assert_null(board_entry(stage.board, 0)->last_data);
	assert_null(strstr(board_entry(stage.board, 0)->restored, "hunter22"));
	tear_down(&stage);
}

/* ---- what gatherd writes, it reads ---- */

static void
put(const struct stage *stage, enum service service, enum status status,
    enum error_kind kind, const char *data)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = status;
	outcome.kind = kind;
	outcome.checked_at_ms = NOW_MS + service;
	outcome.duration_us = 1234;
	outcome.attempts = 1;
	outcome.url = xstrdup(entry_at(stage, service)->target->rendered->shown_url);
	if (kind != KIND_NONE)
		outcome.message = xstrdup("\xC3\xA4 is \"down\"\n\x01");
	if (data != NULL) {
		outcome.data = xstrdup(data);
		outcome.data_len = strlen(data);
	}
	board_put(stage->board, board_entry(stage->board, service), &outcome);
}

/* An outcome that says all it can. */
static void
put_all(const struct stage *stage, enum service service)
{
	struct outcome outcome;

	outcome_init(&outcome);
	outcome.status = STATUS_DEGRADED;
	outcome.checked_at_ms = NOW_MS;
	outcome.http_status = 200;
	outcome.duration_us = 203400;
	outcome.queued_us = 100;
	outcome.timing = (struct response_timing){ 100, 200, 300, 400, 500 };
	outcome.certificate_expires_at_ms = NOW_MS;
	outcome.url = xstrdup("http://test/");
	outcome.final_url = xstrdup("https://there/");
	outcome.values = xstrdup("{\"a\":1.10,\"b\":null}");
	outcome.values_len = strlen(outcome.values);
	outcome_warn(&outcome, xstrdup("\xC3\xA4 \"warning\""));
	board_put(stage->board, board_entry(stage->board, service), &outcome);
}

/* The document of the stage's board, the caller's. */
static char *
publish(const struct stage *stage)
{
	static const struct round_summary round = { .number = 3,
		.started_at_ms = NOW_MS,
		.duration_us = 203400,
		.target_count = SERVICE_COUNT };
	const struct snapshot_head head = {
		.generation = 17, .round = &round, .now_ms = NOW_MS
	};
	struct snapshot_maker *maker =
	    snapshot_maker_new(stage->board, "gatherd 1", "web1");
	struct snapshot *snapshot = snapshot_make(maker, &head);
	const struct iovec *pieces;
	struct buffer text;
	size_t count;

	buffer_init(&text, BUFFER_UNLIMITED);
	pieces = snapshot_pieces(snapshot, &count);
	for (size_t i = 0; i < count; i++)
		buffer_append(&text, pieces[i].iov_base, pieces[i].iov_len);
	snapshot_unref(snapshot);
	snapshot_maker_free(maker);
	return buffer_take(&text);
}

static void
test_a_published_document_comes_back_as_it_was(UNUSED void **state)
{
	struct stage stage, next;
	char *text, *again;

	set_up(&stage);
	put(&stage, PAYMENTS, STATUS_TIMEOUT, KIND_TIMEOUT, NULL);
	put(&stage, PAYMENTS, STATUS_HTTP_ERROR, KIND_HTTP, NULL);
	put(&stage, PAYMENTS, STATUS_CANCELLED, KIND_CANCELLED, NULL);
	put(&stage, ORDERS, STATUS_OK, KIND_NONE, "{\"depth\":18446744073709551616}");
	put(&stage, ORDERS, STATUS_TIMEOUT, KIND_TIMEOUT, NULL);
	put(&stage, QUOTES, STATUS_OK, KIND_NONE, "\"\xC3\xA4\"");
	put(&stage, UMLAUT, STATUS_ERROR, KIND_DNS, NULL);
	put_all(&stage, HEADLINE);
	text = publish(&stage);

	set_up(&next);
	restore_from(&next, text);
	assert_int_equal(next.previous.restored_count, SERVICE_COUNT);
	assert_int_equal(next.previous.generation, 17);
	assert_int_equal(next.previous.round.number, 3);
	assert_int_equal(next.previous.round.started_at_ms, NOW_MS);
	assert_int_equal(next.previous.round.duration_us, 203400);
	assert_int_equal(next.previous.round.target_count, SERVICE_COUNT);
	for (enum service service = 0; service < SERVICE_COUNT; service++) {
		const struct board_entry *before = entry_at(&stage, service);
		const struct board_entry *after = entry_at(&next, service);

		assert_int_equal(after->outcome.status, before->outcome.status);
		assert_int_equal(after->since_ms, before->since_ms);
		assert_int_equal(after->last_ok_at_ms, before->last_ok_at_ms);
		assert_int_equal(after->failures, before->failures);
	}
	assert_int_equal(entry_at(&next, PAYMENTS)->failures, 2);
	assert_string_equal(
	    entry_at(&next, ORDERS)->last_data, "{\"depth\":18446744073709551616}");

	again = publish(&next);
	assert_string_equal(again, text);
	free(again);
	free(text);
	tear_down(&next);
	tear_down(&stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_an_entry_gets_back_what_the_document_says),
		IN_FOLDER(test_the_counters_go_on),
		IN_FOLDER(test_every_status_is_known),
		IN_FOLDER(test_white_space_goes_and_spelling_stays),
		IN_FOLDER(test_names_are_compared_by_what_they_mean),
		IN_FOLDER(test_a_prompt_of_that_name_is_no_service),
		IN_FOLDER(test_of_doubled_names_the_last_one_counts),
		IN_FOLDER(test_the_last_good_answer_is_kept_where_it_is_wanted),
		IN_FOLDER(test_what_was_asked_by_now_stays),
		IN_FOLDER(test_a_url_that_showed_a_secret_is_not_published),
		IN_FOLDER(test_what_was_said_of_another_url_is_published_still),
		IN_FOLDER(test_what_is_a_secret_by_now_is_masked),
		IN_FOLDER(test_a_url_that_changes_with_the_time_is_none_to_compare),
		IN_FOLDER(test_what_depends_on_answers_to_come_is_published_still),
		IN_FOLDER(
		    test_the_last_good_answer_that_holds_a_secret_value_by_now_is_gone),
		IN_FOLDER(test_a_published_document_comes_back_as_it_was),
	};

	return cmocka_run_group_tests_name("previous", tests, NULL, NULL);
}
