/*
 * Providers and prompts as --print-config shows them.
 */
#include "config_files.h"

#include "config/print.h"

/* What loading the file NAME and printing it comes to; the caller's. */
static char *
print_file(const char *name)
{
	struct config *config = load_good(name);
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	config_print(config, &out);
	config_unref(config);
	return buffer_take(&out);
}

/* All from the line of KEY on, which stands in PRINTED. */
static const char *
from_key(const char *printed, const char *key)
{
	const char *found = strstr(printed, key);

	assert_non_null(found);
	return found;
}

static void
test_a_prompt_of_defaults_is_printed_whole(UNUSED void **state)
{
	char *printed;

	write_file("c.yaml",
	    "providers: {p: {api: ollama, model: m}}\nprompts: {a: {prompt: x}}\n");
	printed = print_file("c.yaml");
	assert_string_equal(from_key(printed, "providers:"),
	    "providers:\n"
	    "  p:\n"
	    "    api: ollama\n"
	    "    model: m\n"
	    "    max_concurrent: 5\n"
	    "    adaptive: true\n"
	    "    tls:\n"
	    "      min_version: 1.2\n"
	    "      verify: true\n"
	    "    ip: any\n"
	    "    http_version: 1.1\n"
	    "    compressed: false\n"
	    "prompts:\n"
	    "  a:\n"
	    "    prompt: x\n"
	    "    format: text\n"
	    "    when: always\n"
	    "    store_prompt: full\n"
	    "    max_insert: 16KiB\n"
	    "    fence: false\n"
	    "    interval: 30s\n"
	    "    timeout: 1m\n"
	    "    connect_timeout: 3s\n"
	    "    delay: 0s\n"
	    "    retries: 2\n"
	    "    retry_delay: 500ms\n"
	    "    deadline: 3m\n"
	    "    backoff: 0s\n"
	    "    max_body: 1MiB\n"
	    "    max_depth: 28\n"
	    "    keep_last: false\n"
	    "    enabled: true\n"
	    "    required: true\n");
	free(printed);
}

static void
test_without_them_there_is_not_a_word_of_them(UNUSED void **state)
{
	char *printed;

	write_file("c.yaml", "services: {a: http://a}\n");
	printed = print_file("c.yaml");
	assert_null(strstr(printed, "providers"));
	assert_null(strstr(printed, "prompts"));
	free(printed);
}

static void
test_what_is_printed_reads_back_as_the_same_config(UNUSED void **state)
{
	char *first, *second;

	assert_int_equal(mkdir("conf.d", 0755), 0);
	write_file("conf.d/q.txt", "Say {{word}}.\n");
	write_file("conf.d/key", "s3cr3t-k3y\n");
	write_file("conf.d/a.yaml",
	    "vars: {word: hi}\n"
	    "providers:\n"
	    "  gemini:\n"
	    "    api: gemini\n"
	    "    key: ${file:key}\n"
	    "    key_header: X-Key\n"
	    "    api_version: v1\n"
	    "    rate: 60/min\n"
	    "    price: {input: 0.10, output: 0.4}\n"
	    "    budget: {cost: 1.50, per: 30d}\n"
	    "    timeout: 2m\n"
	    "    headers: {X-Team: \"{{word}}\"}\n"
	    "    extra_body: {safetySettings: [{category: x, on: true, n: 1.50}]}\n"
	    "  local: {api: openai, base_url: \"http://h:8080/v1\", max_tokens_field: "
	    "max_tokens}\n"
	    "prompts:\n"
	    "  \"{{m}}\":\n"
	    "    for_each: {m: [a, b]}\n"
	    "    provider: local\n"
	    "    model: \"{{m}}\"\n"
	    "    prompt: {file: q.txt}\n"
	    "    stop: [\"\\n\", \"- x\", \"true\"]\n"
	    "  off: {enabled: no, provider: local, model: m, prompt: x}\n");
	write_file("c.yaml",
	    "include: conf.d/a.yaml\n"
	    "defaults: {temperature: 0.50, system: \"Be short: {{word}}\", retries: 3}\n"
	    "services: {s: http://s}\n"
	    "prompts:\n"
	    "  first:\n"
	    "    provider: gemini\n"
	    "    model: gemini-x\n"
	    "    prompt: |\n"
	    "      How is {{services.s.status}}?\n"
	    "    schema: {type: object, properties: {a: {type: string}}}\n"
	    "    top_p: 1\n"
	    "    seed: 42\n"
	    "    max_tokens: 100\n"
	    "    budget: {tokens: 1000, per: 1d}\n"
	    "    when: changed\n");
	first = print_file("c.yaml");
	assert_non_null(strstr(first, "key: ${file:conf.d/key}\n"));
	assert_non_null(strstr(first, "file: conf.d/q.txt\n"));
	assert_non_null(strstr(first, "input: 0.1\n"));
	assert_non_null(strstr(first, "temperature: 0.50\n"));
	write_file("d.yaml", first);
	second = print_file("d.yaml");
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void
test_literal_secrets_of_providers_are_not_printed(UNUSED void **state)
{
	char *printed;

	write_file("c.yaml",
	    "vars: {one: s3cr3t-1, two: s3cr3t-2, three: s3cr3t-3, four: fine}\n"
	    "providers:\n"
	    "  a: {api: gemini, key: s3cr3t-4}\n"
	    "  b: {api: gemini, headers: {x-goog-api-key: s3cr3t-5}}\n"
	    "  c: {api: anthropic, headers: {X-API-Key: \"{{one}}\"}}\n"
	    "  d: {api: ollama, headers: {Authorization: Bearer s3cr3t-6}}\n"
	    "  e: {api: ollama, key_header: X-My, headers: {x-my: \"{{two}}\", X-Other: "
	    "\"{{four}}\"}}\n"
	    "  f: {api: ollama, key: \"${GATHERD_TEST_KEY}\"}\n"
	    "  g: {api: ollama, key: \"a${GATHERD_TEST_KEY}b\"}\n"
	    "  h: {api: ollama, headers: {Cookie: \"a={{three}}\"}}\n"
	    "  i: {api: ollama, proxy: \"http://u:s3cr3t-7@p\"}\n"
	    /* No provider's: plain. */
	    "services: {s: {url: http://s, headers: {x-goog-api-key: shown-8}}}\n");
	printed = print_file("c.yaml");
	assert_null(strstr(printed, "s3cr3t"));
	assert_non_null(strstr(printed, "key: \"***\"\n"));
	assert_non_null(strstr(printed, "key: ${GATHERD_TEST_KEY}\n"));
	assert_non_null(strstr(printed, "key: \"***${GATHERD_TEST_KEY}***\"\n"));
	assert_non_null(strstr(printed, "X-API-Key: \"{{one}}\"\n"));
	assert_non_null(strstr(printed, "four: fine\n"));
	assert_non_null(strstr(printed, "x-goog-api-key: shown-8\n"));
	free(printed);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_prompt_of_defaults_is_printed_whole),
		CASE(test_without_them_there_is_not_a_word_of_them),
		CASE(test_what_is_printed_reads_back_as_the_same_config),
		CASE(test_literal_secrets_of_providers_are_not_printed),
	};

	setenv("GATHERD_TEST_KEY", "s3cr3t-k3y", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
