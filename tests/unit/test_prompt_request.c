#include "config_files.h"

#include "prompt_stage.h"

#include <strings.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/marked.h"
#include "base/secrets.h"

#define GEMINI "api: gemini, key: k"
#define OPENAI "api: openai, model: m, key: k"
#define OLLAMA "api: ollama, model: m"

/* The header NAME, of which there is one; NULL: none. */
static const struct request_header *
header_of(const struct request *request, const char *name)
{
	const struct request_header *found = NULL;

	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0) {
			assert_null(found);
			found = &request->headers[i];
		}
	}
	return found;
}

static void
assert_header(
    const struct prompt_stage *stage, const char *name, const char *value, bool secret)
{
	const struct request_header *header =
	    header_of(&stage->rendered->request, name);

	assert_non_null(header);
	assert_string_equal(header->value, value);
	assert_int_equal(header->secret, secret);
}

/* ---- where it goes ---- */

static void
test_each_api_has_its_path(UNUSED void **state)
{
	prompt_stage_assert_url(GEMINI ", model: gemini-2.0-flash", "prompt: x",
	    "https://generativelanguage.googleapis.com/v1beta/models/"
	    "gemini-2.0-flash:generateContent");
	prompt_stage_assert_url(
	    OPENAI, "prompt: x", "https://api.openai.com/v1/chat/completions");
	prompt_stage_assert_url(OLLAMA, "prompt: x", "http://127.0.0.1:11434/api/chat");
}

static void
test_a_base_url_may_have_a_path(UNUSED void **state)
{
	prompt_stage_assert_url(OPENAI ", base_url: \"http://h:8080/a/v1/\"",
	    "prompt: x", "http://h:8080/a/v1/chat/completions");
	prompt_stage_assert_url(OPENAI ", base_url: \"http://h:8080\"", "prompt: x",
	    "http://h:8080/chat/completions");
}

/* As Google's own client takes them. */
static void
test_gemini_models_are_told_in_any_spelling(UNUSED void **state)
{
	static const struct {
		const char *model, *path;
	} cases[] = {
		{ "gemini-x", "models/gemini-x" },
		{ "models/gemini-x", "models/gemini-x" },
		{ "tunedModels/mine-1", "tunedModels/mine-1" },
		{ "a/b c?d#e", "models/a%2Fb%20c%3Fd%23e" },
		{ "models/..", "models/.." },
		{ "\xc3\xbc~", "models/%C3%BC~" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char *keys = xasprintf("prompt: x, model: \"%s\"", cases[i].model);
		char *url =
		    xasprintf("http://h/v1beta/%s:generateContent", cases[i].path);

		prompt_stage_assert_url(GEMINI ", base_url: \"http://h\"", keys, url);
		free(url);
		free(keys);
	}
}

static void
test_geminis_version_is_in_its_path(UNUSED void **state)
{
	prompt_stage_assert_url(GEMINI
	    ", base_url: \"http://h\", api_version: v1, model: m",
	    "prompt: x", "http://h/v1/models/m:generateContent");
}

static void
test_azures_version_is_in_its_query_and_its_key_in_its_header(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage,
	    "api: openai, model: m, base_url: "
	    "\"https://x.openai.azure.com/openai/deployments/d\", api_version: "
	    "2024-10-21, key: \"k-123\", key_header: api-key",
	    "prompt: x");
	assert_string_equal(stage.rendered->request.url.text,
	    "https://x.openai.azure.com/openai/deployments/d/chat/completions?"
	    "api-version=2024-10-21");
	assert_string_equal(
	    stage.rendered->shown_url, stage.rendered->request.url.text);
	assert_header(&stage, "api-key", "k-123", true);
	assert_null(header_of(&stage.rendered->request, "Authorization"));
	prompt_stage_clear(&stage);
}

/* ---- headers ---- */

static void
test_keys_go_into_the_headers_of_their_apis(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage, "api: gemini, model: m, key: \"k-123\"", "prompt: x");
	assert_int_equal(stage.rendered->request.header_count, 2);
	assert_header(&stage, "Content-Type", "application/json", false);
	assert_header(&stage, "x-goog-api-key", "k-123", true);
	assert_string_equal(stage.rendered->shown_head,
	    "Content-Type: application/json\nx-goog-api-key: ***\n");
	prompt_stage_clear(&stage);

	prompt_stage_init(&stage, "api: openai, model: m, key: \"k-123\"", "prompt: x");
	assert_int_equal(stage.rendered->request.header_count, 2);
	assert_header(&stage, "Content-Type", "application/json", false);
	assert_header(&stage, "Authorization", "Bearer k-123", true);
	prompt_stage_clear(&stage);

	/* A server of one's own needs none. */
	prompt_stage_init(&stage, OLLAMA, "prompt: x");
	assert_int_equal(stage.rendered->request.header_count, 1);
	assert_header(&stage, "Content-Type", "application/json", false);
	assert_null(stage.rendered->request.secrets);
	prompt_stage_clear(&stage);
}

static void
test_anthropics_version_is_in_a_header(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_init(
	    &stage, "api: anthropic, model: m, key: \"k-123\"", "prompt: x");
	assert_header(&stage, "anthropic-version", "2023-06-01", false);
	assert_header(&stage, "x-api-key", "k-123", true);
	prompt_stage_clear(&stage);
	prompt_stage_init(&stage,
	    "api: anthropic, model: m, key: \"k-123\", key_header: authorization, "
	    "api_version: 2026-10-21",
	    "prompt: x");
	assert_header(&stage, "anthropic-version", "2026-10-21", false);
	assert_header(&stage, "authorization", "Bearer k-123", true);
	prompt_stage_clear(&stage);
}

static void
test_the_providers_own_headers_win(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage,
	    "api: anthropic, model: m, key: k, headers: {content-type: "
	    "application/x, Anthropic-Version: later, X-Team: web}",
	    "prompt: x");
	assert_header(&stage, "Content-Type", "application/x", false);
	assert_header(&stage, "anthropic-version", "later", false);
	assert_header(&stage, "X-Team", "web", false);
	prompt_stage_clear(&stage);
}

/* ---- what holds for it ---- */

static void
test_it_is_a_post_that_follows_nothing(UNUSED void **state)
{
	struct prompt_stage stage;
	const struct request *request;
	const struct prompt *prompt;

	prompt_stage_init(&stage, OLLAMA ", compressed: true",
	    "prompt: x, max_body: 2MiB, connect_timeout: 7s");
	request = &stage.rendered->request;
	prompt = target_prompt(config_find(stage.config, "p"));
	assert_string_equal(request_method(request), "POST");
	assert_int_equal(request->max_redirects, 0);
	assert_int_equal(request->max_body_bytes, 2 * 1024 * 1024);
	assert_int_equal(request->connect_timeout_us, 7000000);
	assert_ptr_equal(request->route, &prompt->provider->way.route);
	assert_true(request->route->compressed);
	assert_true(request->reuse);
	assert_true(request->keep_body);
	assert_true(request->keep_head);
	assert_false(request->body_secret);
	assert_string_equal(request->url.host, "127.0.0.1");
	assert_int_equal(request->url.port, 11434);
	prompt_stage_clear(&stage);
}

static void
test_its_input_is_measured(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage, OLLAMA, "prompt: \"12345\\n\"");
	assert_int_equal(stage.rendered->prompt->input_bytes, 6);
	assert_string_equal(stage.rendered->prompt->shown, "12345\n");
	prompt_stage_clear(&stage);
	/* {"type":"object"} */
	prompt_stage_init(
	    &stage, OLLAMA, "prompt: abc, system: defg, schema: {type: object}");
	assert_int_equal(stage.rendered->prompt->input_bytes, 3 + 4 + 17);
	assert_string_equal(stage.rendered->prompt->shown, "abc");
	prompt_stage_clear(&stage);
}

static void
test_values_that_were_cut_are_counted(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_load(&stage,
	    "vars: {long: 0123456789}\nproviders: {v: {" OLLAMA "}}\n"
	    "prompts: {p: {prompt: \"{{long}} {{long}}\", max_insert: 5}}\n");
	assert_non_null(stage.rendered);
	assert_int_equal(stage.rendered->prompt->cut_count, 2);
	prompt_stage_clear(&stage);
}

static void
test_a_missing_name_is_a_fault(UNUSED void **state)
{
	struct prompt_stage stage;

	prompt_stage_load(&stage,
	    "services: {s: http://h/}\nproviders: {v: {" OLLAMA "}}\n"
	    "prompts: {p: {prompt: \"{{services.s.data}}\"}}\n");
	assert_null(stage.rendered);
	assert_true(stage.fault.missing);
	assert_string_equal(stage.fault.why, "prompt: services.s.data is missing");
	prompt_stage_clear(&stage);
}

static void
test_targets_of_both_kinds_have_requests(UNUSED void **state)
{
	const struct render_with with = { .wall_ms = 1000 };
	struct rendered_request *rendered;
	struct prompt_stage stage;

	prompt_stage_load(&stage,
	    "services: {s: http://h/s}\nproviders: {v: {" OLLAMA "}}\n"
	    "prompts: {p: {prompt: x}}\n");
	rendered = target_request(
	    stage.config, config_find(stage.config, "s"), &with, &stage.fault);
	assert_string_equal(rendered->request.url.text, "http://h/s");
	assert_null(rendered->prompt);
	rendered_request_free(rendered);
	rendered = target_request(
	    stage.config, config_find(stage.config, "p"), &with, &stage.fault);
	assert_string_equal(
	    rendered->request.url.text, "http://127.0.0.1:11434/api/chat");
	assert_non_null(rendered->prompt);
	assert_null(rendered->shown_body);
	assert_null(rendered->shown_head);
	rendered_request_free(rendered);
	prompt_stage_clear(&stage);
}

/* ---- secrets ---- */

#define SECRET "s3cr3t\"k3y"

/* Is SECRET known to the request as one? */
static void
assert_carried(const struct prompt_stage *stage, const char *secret)
{
	struct buffer masked;

	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked(
	    stage->rendered->request.secrets, &masked, secret, strlen(secret));
	assert_string_equal(masked.data, MARKED_MASK);
	buffer_clear(&masked);
}

static void
test_secrets_in_texts_are_sent_and_not_shown(UNUSED void **state)
{
	struct prompt_stage stage;

	assert_int_equal(setenv("GATHERD_TEST_KEY", SECRET, 1), 0);
	prompt_stage_load(&stage,
	    "vars: {s: \"${GATHERD_TEST_KEY}\"}\nproviders: {v: {" OLLAMA "}}\n"
	    "prompts: {p: {prompt: \"a {{s}} b\", system: \"${GATHERD_TEST_KEY}\"}}\n");
	assert_non_null(stage.rendered);
	assert_non_null(
	    strstr(stage.rendered->request.body, "\"content\":\"a s3cr3t\\\"k3y b\""));
	assert_true(stage.rendered->request.body_secret);
	assert_string_equal(stage.rendered->shown_body,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"***\"},{"
	    "\"role\":\"user\",\"content\":\"a *** b\"}],\"stream\":false}");
	assert_string_equal(stage.rendered->prompt->shown, "a *** b");
	assert_carried(&stage, SECRET);
	prompt_stage_clear(&stage);
}

static void
test_secrets_of_the_config_are_carried_wherever_they_stand(UNUSED void **state)
{
	static const char *const prompts[] = {
		"prompt: x, extra_body: {user: [\"${GATHERD_TEST_KEY}\"]}",
		"prompt: x, stop: \"${GATHERD_TEST_KEY}\"",
		"prompt: x, schema: {type: string, description: \"${GATHERD_TEST_KEY}\"}",
		"prompt: x, model: \"${GATHERD_TEST_KEY}\"",
	};

	assert_int_equal(setenv("GATHERD_TEST_KEY", SECRET, 1), 0);
	for (size_t i = 0; i < ARRAY_COUNT(prompts); i++) {
		struct prompt_stage stage;

		prompt_stage_init(&stage, OLLAMA, prompts[i]);
		assert_non_null(
		    strstr(stage.rendered->request.body, "\"s3cr3t\\\"k3y\""));
		assert_null(strstr(stage.rendered->shown_body, "s3cr3t"));
		assert_non_null(strstr(stage.rendered->shown_body, "\"***\""));
		assert_carried(&stage, SECRET);
		prompt_stage_clear(&stage);
	}
}

static void
test_a_secret_model_is_not_shown_in_the_url(UNUSED void **state)
{
	struct prompt_stage stage;

	assert_int_equal(setenv("GATHERD_TEST_KEY", SECRET, 1), 0);
	prompt_stage_init(&stage, GEMINI ", base_url: \"http://h\"",
	    "prompt: x, model: \"my-${GATHERD_TEST_KEY}\"");
	assert_string_equal(stage.rendered->request.url.text,
	    "http://h/v1beta/models/my-s3cr3t%22k3y:generateContent");
	assert_string_equal(
	    stage.rendered->shown_url, "http://h/v1beta/models/my-***:generateContent");
	assert_carried(&stage, SECRET);
	prompt_stage_clear(&stage);
}

/* ---- the hash ---- */

/* The caller's. */
static char *
hash_of(const char *provider, const char *prompt)
{
	struct prompt_stage stage;
	char *hash;

	prompt_stage_init(&stage, provider, prompt);
	hash = xstrdup(stage.rendered->prompt->input_hash);
	assert_int_equal(strlen(hash), DIGEST_HEX_LEN);
	prompt_stage_clear(&stage);
	return hash;
}

static bool
same_hash(const char *a_provider, const char *a_prompt, const char *b_provider,
    const char *b_prompt)
{
	char *a = hash_of(a_provider, a_prompt);
	char *b = hash_of(b_provider, b_prompt);
	bool same = strcmp(a, b) == 0;

	free(a);
	free(b);
	return same;
}

static void
test_everything_that_is_sent_counts_in_the_hash(UNUSED void **state)
{
	static const char *const prompts[] = { "prompt: y", "prompt: x, system: s",
		"prompt: x, model: n", "prompt: x, temperature: 1",
		"prompt: x, seed: 1", "prompt: x, format: json",
		"prompt: x, extra_body: {a: 1}" };

	assert_true(same_hash(OLLAMA, "prompt: x", OLLAMA, "prompt: x"));
	assert_true(same_hash(
	    OLLAMA, "prompt: x", OLLAMA, "prompt: x, timeout: 7s, retries: 4"));
	for (size_t i = 0; i < ARRAY_COUNT(prompts); i++)
		assert_false(same_hash(OLLAMA, "prompt: x", OLLAMA, prompts[i]));
	assert_false(same_hash(OLLAMA, "prompt: x",
	    OLLAMA ", base_url: \"http://127.0.0.1:11435\"", "prompt: x"));
	/* Gemini's model is in the URL alone. */
	assert_false(
	    same_hash(GEMINI, "prompt: x, model: a", GEMINI, "prompt: x, model: b"));
	/* The same question, but another idea of what is a good answer to it. */
	assert_false(same_hash(
	    OLLAMA, "prompt: x", OLLAMA, "prompt: x, expect: {body: {minLength: 3}}"));
	assert_false(same_hash(OLLAMA, "prompt: x, warn: {body: {minLength: 3}}",
	    OLLAMA, "prompt: x, warn: {body: {minLength: 4}}"));
	assert_false(same_hash(OPENAI, "prompt: x, format: json", OPENAI,
	    "prompt: x, format: json, extract: {a: /a}"));
	/* The same question with another key. */
	assert_true(same_hash(
	    OPENAI, "prompt: x", "api: openai, model: m, key: other", "prompt: x"));
}

/* Likewise; of the real text, by a plain digest. */
static char *
plain_hash_of(const char *provider, const char *prompt)
{
	char hash[DIGEST_HEX_SIZE];
	struct prompt_stage stage;
	char *input;

	prompt_stage_init(&stage, provider, prompt);
	input = xasprintf("POST\n%s\n%s", stage.rendered->request.url.text,
	    stage.rendered->request.body);
	digest_hex(hash, input, strlen(input));
	free(input);
	prompt_stage_clear(&stage);
	return xstrdup(hash);
}

/* The hash stays with one secret, and is another with another. */
static void
assert_secret_counts(const char *provider, const char *prompt)
{
	char *first, *again, *plain, *second;

	assert_int_equal(setenv("GATHERD_TEST_KEY", "one-secret", 1), 0);
	first = hash_of(provider, prompt);
	again = hash_of(provider, prompt);
	plain = plain_hash_of(provider, prompt);
	assert_int_equal(setenv("GATHERD_TEST_KEY", "another", 1), 0);
	second = hash_of(provider, prompt);
	assert_string_equal(first, again);
	assert_string_not_equal(first, second);
	/* Else who knows the text could find out the secret by trying. */
	assert_string_not_equal(first, plain);
	free(first);
	free(again);
	free(plain);
	free(second);
}

static void
test_secrets_count_in_the_hash(UNUSED void **state)
{
	static const char *const providers[] = { OPENAI, OLLAMA };
	static const char *const prompts[] = {
		"prompt: \"x ${GATHERD_TEST_KEY}\"",
		"prompt: x, system: \"${GATHERD_TEST_KEY}\"",
		"prompt: x, model: \"${GATHERD_TEST_KEY}\"",
		"prompt: x, extra_body: {user: \"${GATHERD_TEST_KEY}\"}",
	};

	for (size_t i = 0; i < ARRAY_COUNT(providers); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(prompts); j++)
			assert_secret_counts(providers[i], prompts[j]);
	}
	/* In the URL alone. */
	assert_secret_counts(GEMINI, "prompt: x, model: \"${GATHERD_TEST_KEY}\"");
	assert_secret_counts(
	    OLLAMA ", base_url: \"http://h/${GATHERD_TEST_KEY}\"", "prompt: x");
}

/* Who has not the provider's key cannot tell whether a secret was guessed. */
static void
test_secrets_are_hashed_with_the_key(UNUSED void **state)
{
	static const char prompt[] = "prompt: \"x ${GATHERD_TEST_KEY}\"";
	char *hash;

	assert_int_equal(setenv("GATHERD_TEST_KEY", "one-secret", 1), 0);
	hash = hash_of(OPENAI, prompt);
	/* As of the text that is shown, and behind it, on a line of its own, the HMAC by "k" of
	 * the real URL, "\n" and the real body, as openssl-dgst(1) has it. */
	assert_string_equal(
	    hash, "16f5a4fd407e4a773e9abbb9ce5c7480f160f122ea08a93e8331fc8fd61c6634");
	free(hash);
	assert_false(
	    same_hash(OPENAI, prompt, "api: openai, model: m, key: other", prompt));
	/* A key that is secret is none in what is hashed. */
	assert_true(same_hash(OPENAI, "prompt: x",
	    "api: openai, model: m, key: \"${GATHERD_TEST_KEY}\"", "prompt: x"));
}

/* On another machine the hash is another. */
static void
test_without_a_key_the_machine_keys_the_hash(UNUSED void **state)
{
	struct prompt_stage stage;
	struct buffer id;

	buffer_init(&id, BUFFER_UNLIMITED);
	if (!file_read("/etc/machine-id", &id))
		buffer_reset(&id);
	prompt_stage_init(&stage, OLLAMA, "prompt: x");
	assert_string_equal(
	    target_prompt(config_find(stage.config, "p"))->provider->hash_key, id.data);
	prompt_stage_clear(&stage);
	buffer_clear(&id);
}

/* SHA-256 of "POST\n", the URL, "\n" and the body, as sha256sum(1) has it: what is in the
 * document of one version has to hold for the next. */
static void
test_the_hash_is_what_it_was(UNUSED void **state)
{
	char *hash = hash_of(OLLAMA, "prompt: Say hi");

	assert_string_equal(
	    hash, "29c817ded7666bb9fc112b5139aebd0eade3b6cbbd28a72f7508e4294220e48e");
	free(hash);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_api_has_its_path),
		cmocka_unit_test(test_a_base_url_may_have_a_path),
		cmocka_unit_test(test_gemini_models_are_told_in_any_spelling),
		cmocka_unit_test(test_geminis_version_is_in_its_path),
		cmocka_unit_test(
		    test_azures_version_is_in_its_query_and_its_key_in_its_header),
		cmocka_unit_test(test_keys_go_into_the_headers_of_their_apis),
		cmocka_unit_test(test_anthropics_version_is_in_a_header),
		cmocka_unit_test(test_the_providers_own_headers_win),
		cmocka_unit_test(test_it_is_a_post_that_follows_nothing),
		cmocka_unit_test(test_its_input_is_measured),
		cmocka_unit_test(test_values_that_were_cut_are_counted),
		cmocka_unit_test(test_a_missing_name_is_a_fault),
		cmocka_unit_test(test_targets_of_both_kinds_have_requests),
		cmocka_unit_test(test_secrets_in_texts_are_sent_and_not_shown),
		cmocka_unit_test(
		    test_secrets_of_the_config_are_carried_wherever_they_stand),
		cmocka_unit_test(test_a_secret_model_is_not_shown_in_the_url),
		cmocka_unit_test(test_everything_that_is_sent_counts_in_the_hash),
		cmocka_unit_test(test_secrets_count_in_the_hash),
		cmocka_unit_test(test_secrets_are_hashed_with_the_key),
		cmocka_unit_test(test_without_a_key_the_machine_keys_the_hash),
		cmocka_unit_test(test_the_hash_is_what_it_was),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
