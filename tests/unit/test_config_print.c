#include "config_files.h"

#include <json-c/json.h>

#include "base/xalloc.h"
#include "config/keys.h"
#include "config/print.h"

static char *
print(const struct config *config)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	config_print(config, &out);
	return buffer_take(&out);
}

/* What loading YAML and printing it comes to; the caller's. */
static char *
load_and_print(const char *yaml)
{
	struct config *config = load_text(yaml);
	char *printed = print(config);

	config_unref(config);
	return printed;
}

static void
test_a_config_of_defaults_is_printed_whole(UNUSED void **state)
{
	char *printed = load_and_print("services: {a: http://a/}\n");

	assert_string_equal(printed,
	    "interval: 30s\n"
	    "spread: 0s\n"
	    "align: false\n"
	    "timeout: 5s\n"
	    "connect_timeout: 3s\n"
	    "mode: settle\n"
	    "publish_after: 1s\n"
	    "max_concurrent: 512\n"
	    "output:\n"
	    "  permissions: 0644\n"
	    "  max_size: 64MiB\n"
	    "  sync: true\n"
	    "listen_public: false\n"
	    "metrics:\n"
	    "  max_histograms: 200\n"
	    "log:\n"
	    "  level: info\n"
	    "  format: auto\n"
	    "services:\n"
	    "  a:\n"
	    "    url: http://a/\n"
	    "    tls:\n"
	    "      min_version: 1.2\n"
	    "      verify: true\n"
	    "    ip: any\n"
	    "    http_version: 1.1\n"
	    "    compressed: false\n"
	    "    interval: 30s\n"
	    "    timeout: 5s\n"
	    "    connect_timeout: 3s\n"
	    "    delay: 0s\n"
	    "    retries: 0\n"
	    "    retry_delay: 500ms\n"
	    "    retry_unsafe: false\n"
	    "    deadline: 30s\n"
	    "    backoff: 0s\n"
	    "    format: auto\n"
	    "    max_body: 1MiB\n"
	    "    max_depth: 28\n"
	    "    redirects: 5\n"
	    "    data: true\n"
	    "    keep_last: false\n"
	    "    reuse: true\n"
	    "    enabled: true\n"
	    "    required: true\n");
	free(printed);
}

static void
test_what_is_printed_reads_back_as_the_same_config(UNUSED void **state)
{
	static const char *const configs[] = {
		"",
		"vars: {}\nservices: {}\n",
		"vars: {a: 1, b: \"1\", c: true, d: \"true\", e: null, f: [1, [x, {y: z}], "
		"{}, []], g: {h: {}}, i: 1.50, j: \"\", k: '', l: \"  x \", m: \"a: b\",\n"
		"  n: \"a #b\", o: \"\\u2028\\x85\\ufeff\\a\\\"\\\\\", p: \"\\xfc\", q: "
		"\"$${x} $$ $y\", r: ~, s: \"- a\", t: 0x1f, u: 2026-11-21, v: \"a:\"}\n",
		"services:\n"
		"  \"a: b\": http://a\n"
		"  \"true\": http://a\n"
		"  \"\\\"\\\\\": http://a\n"
		"  <>: {url: http://a, enabled: false, labels: {\"#\": \"\"}}\n"
		"  \"\\u00e9\\U0001f600\": {url: http://a, description: \"a\\n\\tb\"}\n",
		"interval: 1d2h3m4s5ms\noutput: {max_size: 1001, permissions: 7}\n"
		"services: {a: {url: \"http://a/$$x/${plain:GATHERD_TEST_WORD}\"}}\n",
		"mode: fail_fast\nservices: {a: http://a}\n",
		"listen: \"[::]:80\"\nlisten_public: yes\nmetrics: {max_histograms: 0}\n"
		"output: {file: \"-\", metrics: \"a: b\", page: ~/x}\n",
		"listen: ${GATHERD_TEST_UNSET:-unix:/run/$$x}\n",
		"max_per_host: 3\nrate_per_host: 90/min\n"
		"services: {a: {url: http://a, retries: 3, delay: 2s, backoff: 10m,\n"
		"  retry_delay: 0, retry_unsafe: yes, needs: [b], method: PUT, body: \"\",\n"
		"  auth: {bearer: \"${GATHERD_TEST_WORD}\"}, tls: {min_version: 1.3, "
		"verify: no,\n"
		"  server_name: other}, ip: 4, http_version: 2, compressed: yes,\n"
		"  proxy: \"http://u:${GATHERD_TEST_WORD}@p:3128\"},\n"
		" b: {url: http://b, needs: [], form: {a: 1, \"b c\": \"\"}, unix_socket: "
		"sock,\n"
		"  resolve: {H: 127.0.0.1, \"h:1\": \"::1\"}},\n"
		" c: {url: http://c, form: {}, auth: {basic: {user: \"\"}}},\n"
		" d: {url: http://d, json: {a: [1, \"2\", null, {b: x}], c: {}}, auth:\n"
		"  {digest: {user: \"${GATHERD_TEST_WORD}\", password: \"{{p}}\"}}},\n"
		" e: {url: http://e, json: null, expect: {status: [200, 300-399], json:\n"
		"  {/a/b: {const: \"1\"}}}, warn: {duration: {maximum: 1s}}, extract: {x: "
		"/y}},\n"
		" f: {url: http://f, auth: {oauth2: {token_url: http://t/, client_id: "
		"\"{{p}}\",\n"
		"  client_secret: \"${GATHERD_TEST_WORD}\", scope: a b, client_auth: "
		"body}}},\n"
		" \"g-{{x}}-{{y.z}}\": {url: \"http://{{x}}/\", for_each: {x: [1, b],\n"
		"  y: [{z: 1}, {z: \"2\"}]}}}\nvars: {p: \"${GATHERD_TEST_WORD}\"}\n",
		"defaults: {headers: {X-Key: \"${GATHERD_TEST_WORD}\"}, labels: {a: b}}\n"
		"services: {a: {url: http://a, deadline: 1s, headers: {x-key: c}}, b: "
		"\"http://u:${GATHERD_TEST_WORD}@a\"}\n",
	};

	for (size_t i = 0; i < ARRAY_COUNT(configs); i++) {
		char *once = load_and_print(configs[i]);
		char *twice = load_and_print(once);

		assert_string_equal(once, twice);
		free(once);
		free(twice);
	}
}

static void
test_values_keep_their_types_and_texts(UNUSED void **state)
{
	char *printed =
	    load_and_print("vars: {a: 1.50, b: \"1\", c: x, d: yes, e: null, "
	                   "f: [a, 1, {b: \"2\"}], g: {}}\n");

	assert_non_null(strstr(printed,
	    "vars:\n"
	    "  a: 1.50\n"
	    "  b: \"1\"\n"
	    "  c: x\n"
	    "  d: \"yes\"\n"
	    "  e: null\n"
	    "  f: [\"a\", 1, {\"b\": \"2\"}]\n"
	    "  g: {}\n"));
	free(printed);
}

static void
test_values_from_outside_are_printed_as_their_reference(UNUSED void **state)
{
	char *printed = load_and_print(
	    "vars: {v: \"${GATHERD_TEST_WORD}\", w: [\"${GATHERD_TEST_WORD}\"]}\n"
	    "output: {file: \"/tmp/${GATHERD_TEST_WORD}\"}\n"
	    "services:\n"
	    "  a:\n"
	    "    url: http://a/${GATHERD_TEST_WORD}?k=${plain:GATHERD_TEST_WORD}\n"
	    "    headers: {X-Key: \"${GATHERD_TEST_WORD}\", Authorization: \"Bearer "
	    "${GATHERD_TEST_WORD}\"}\n"
	    "    group: ${GATHERD_TEST_WORD}\n"
	    "    labels: {a: \"${GATHERD_TEST_WORD}\"}\n");

	assert_null(strstr(printed, "pa55word"));
	assert_null(strstr(printed, "***"));
	assert_non_null(strstr(printed,
	    "url: http://a/${GATHERD_TEST_WORD}?k=${plain:GATHERD_TEST_WORD}\n"));
	assert_non_null(
	    strstr(printed, "Authorization: Bearer ${GATHERD_TEST_WORD}\n"));
	free(printed);
}

static void
test_literal_secrets_are_not_printed(UNUSED void **state)
{
	char *printed = load_and_print(
	    "vars: {base: \"https://u:s3cr3t-1@h\", token: s3cr3t-2, pin: 123454321,\n"
	    "  nested: {deep: [s3cr3t-3]}, other: shown}\n"
	    "defaults: {headers: {authorization: Bearer s3cr3t-4}}\n"
	    "services:\n"
	    "  a: \"https://me:s3cr3t-5@h/\"\n"
	    "  b: {url: \"{{{base}}}/{{other}}\", headers: {Cookie: \"a=s3cr3t-6; "
	    "b=${GATHERD_TEST_WORD}\"}}\n"
	    "  c: {url: \"http://{{pin}}@h/\", headers: {Authorization: \"Bearer "
	    "{{token}}{{nested.deep.0}}\"}}\n"
	    "  d: {url: \"http://s3cr3t-7@h\", enabled: false, headers: "
	    "{Proxy-Authorization: s3cr3t-8}}\n");

	assert_null(strstr(printed, "s3cr3t"));
	assert_null(strstr(printed, "123454321"));
	assert_null(strstr(printed, "pa55word"));
	assert_non_null(strstr(printed, "base: https://***@h\n"));
	assert_non_null(strstr(printed, "other: shown\n"));
	assert_non_null(strstr(printed, "url: https://***@h/\n"));
	assert_non_null(strstr(printed, "b=${GATHERD_TEST_WORD}\"\n"));
	free(printed);
}

/* The mask must not be read as an alias, nor a long key as none. */
static void
test_what_is_masked_or_long_reads_back(UNUSED void **state)
{
	struct buffer yaml;
	char *printed, *again;

	buffer_init(&yaml, BUFFER_UNLIMITED);
	buffer_append_format(&yaml,
	    "vars:\n  pin: 12345678\n  list: [1, x]\n  m:\n    ? %02000d\n    : 1\n"
	    "    l: [{? %02000d : 2}]\n"
	    "services:\n  a:\n    url: http://a\n    headers: {Authorization: "
	    "\"Bearer {{pin}}{{#list}}{{.}}{{/list}}\"}\n"
	    "    labels:\n      ? k%02000d\n      : v\n",
	    1, 2, 3);
	printed = load_and_print(yaml.data);
	again = load_and_print(printed);
	assert_string_equal(again, printed);
	assert_non_null(strstr(printed, "pin: \"***\""));
	assert_non_null(strstr(printed, "list: [\"***\", \"***\"]"));
	free(again);
	free(printed);
	buffer_clear(&yaml);
}

static void
test_variables_that_become_secrets_are_not_printed(UNUSED void **state)
{
	char *printed = load_and_print(
	    "vars:\n"
	    "  host: \"user:lit3ral@h\"\n"
	    "  mail: \"a@b\"\n"
	    "  token: lit3ral\n"
	    "  creds: {user: u, password: lit3ral}\n"
	    "services:\n"
	    "  a: \"http://{{{host}}}/{{mail}}\"\n"
	    "  b: {url: http://b, headers: {Authorization: \"{{=<% %>=}}Bearer "
	    "<%token%>\"}}\n"
	    "  c: \"http://{{#creds}}{{user}}:{{password}}@{{/creds}}h/\"\n");

	assert_null(strstr(printed, "lit3ral"));
	assert_non_null(strstr(printed, "mail: a@b"));
	free(printed);
}

static void
test_literals_of_auth_and_proxies_are_not_printed(UNUSED void **state)
{
	char *printed = load_and_print(
	    "vars: {token: s3cr3t-1, user: s3cr3t-2, shown: seen}\n"
	    "defaults: {proxy: \"http://s3cr3t-3:s3cr3t-4@p:3128\"}\n"
	    "services:\n"
	    "  a: {url: http://a, auth: {bearer: s3cr3t-5}}\n"
	    "  b: {url: http://b, auth: {bearer: \"{{token}}{{shown}}\"}}\n"
	    "  c: {url: http://c, auth: {basic: {user: s3cr3t-6, password: s3cr3t-7}}}\n"
	    "  d: {url: http://d, auth: {digest: {user: \"{{user}}\", password: "
	    "s3cr3t-8}}}\n"
	    "  e: {url: http://e, auth: {oauth2: {token_url: http://t/x, client_id: "
	    "s3cr3t-9,\n"
	    "    client_secret: \"${GATHERD_TEST_WORD}\", scope: read}}}\n"
	    "  \"f-{{n}}\": {url: http://f, for_each: {n: [s3cr3t-10]}, auth: {bearer:\n"
	    "    \"{{n}}\"}, enabled: false}\n");

	assert_null(strstr(printed, "s3cr3t"));
	assert_null(strstr(printed, "pa55word"));
	assert_non_null(strstr(printed, "proxy: http://***@p:3128\n"));
	assert_non_null(strstr(printed, "bearer: \"***\"\n"));
	assert_non_null(strstr(printed, "bearer: \"{{token}}{{shown}}\"\n"));
	assert_non_null(strstr(printed,
	    "      oauth2:\n"
	    "        token_url: http://t/x\n"
	    "        client_id: \"***\"\n"
	    "        client_secret: ${GATHERD_TEST_WORD}\n"
	    "        scope: read\n"
	    "        client_auth: basic\n"));
	free(printed);
}

static void
test_services_of_one_definition_are_printed_once(UNUSED void **state)
{
	char *printed =
	    load_and_print("services:\n"
	                   "  a: http://a\n"
	                   "  \"b-{{x}}\": {url: http://b, for_each: {x: [1, 2]}}\n"
	                   "  \"c-{{x}}\": {url: http://c, for_each: {x: [1, 2]},\n"
	                   "    enabled: false}\n");

	assert_non_null(strstr(printed, "  b-{{x}}:\n"));
	assert_non_null(strstr(printed, "    for_each:\n      x: [1, 2]\n"));
	assert_null(strstr(strstr(printed, "  b-{{x}}:\n") + 5, "b-"));
	assert_null(strstr(strstr(printed, "  c-{{x}}:\n") + 5, "c-"));
	free(printed);
}

static void
test_paths_of_included_files_are_printed_as_seen_from_the_main_one(UNUSED void **state)
{
	char *printed;

	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("sub/ca.pem", "x");
	write_file("sub/inc.yaml",
	    "services: {b: {url: http://b, unix_socket: sock, tls: {ca: ca.pem}},\n"
	    "  c: {url: http://c, tls: {ca: \"${plain:GATHERD_TEST_PATH}\"}}}\n");
	printed =
	    load_and_print("include: sub/inc.yaml\nservices: {a: {url: http://a,\n"
	                   "  tls: {ca: sub/ca.pem}}}\n");
	assert_non_null(strstr(printed, "    unix_socket: sub/sock\n"));
	assert_non_null(strstr(
	    printed, "  b:\n    url: http://b\n    tls:\n      ca: sub/ca.pem\n"));
	assert_non_null(strstr(printed, "      ca: ${plain:GATHERD_TEST_PATH}\n"));
	free(printed);
}

static void
test_services_keep_their_order_the_disabled_ones_too(UNUSED void **state)
{
	static const char *const names[] = { "  c:\n", "  a:\n", "  d:\n", "  b:\n" };
	char *printed = load_and_print("services:\n"
	                               "  c: {url: http://a, enabled: false}\n"
	                               "  a: http://a\n"
	                               "  d: {url: http://a, enabled: false}\n"
	                               "  b: http://a\n");
	const char *at = strstr(printed, "services:");

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		at = strstr(at, names[i]);
		assert_non_null(at);
	}
	free(printed);
}

static void
test_includes_are_taken_in(UNUSED void **state)
{
	char *printed;

	write_file("inc.yaml", "services: {b: http://b}\nvars: {x: z}\n");
	printed = load_and_print("include: inc.yaml\nservices: {a: http://a}\n");
	assert_null(strstr(printed, "include"));
	assert_non_null(strstr(printed, "vars:\n  x: z\n"));
	assert_non_null(strstr(printed, "  b:\n    url: http://b\n"));
	free(printed);
}

static void
test_relative_files_of_included_files_are_printed_as_seen_from_the_main_one(
    UNUSED void **state)
{
	char *printed, *again;

	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("key", "main\n");
	write_file("sub/key", "included\n");
	write_file("sub/inc.yaml",
	    "vars: {v: [\"${file:key}\", \"$${file:key}$\", $5, \"${plain:HOME}\"]}\n"
	    "defaults: {headers: {X-Both: \"${file:/etc/hostname}, ${file:key}\"}}\n"
	    "services: {b: \"http://b/${file:./key}\"}\n");
	printed = load_and_print("include: sub/inc.yaml\n"
	                         "services: {a: \"http://a/${file:key}\"}\n");
	assert_non_null(strstr(printed,
	    "v: [\"${file:sub/key}\", \"$${file:key}$\", \"$5\", \"${plain:HOME}\"]\n"));
	assert_non_null(strstr(printed, "url: http://a/${file:key}\n"));
	assert_non_null(strstr(printed, "url: http://b/${file:sub/./key}\n"));
	assert_non_null(
	    strstr(printed, "X-Both: ${file:/etc/hostname}, ${file:sub/key}\n"));
	assert_int_equal(unlink("sub/inc.yaml"), 0);
	again = load_and_print(printed);
	assert_string_equal(again, printed);
	free(again);
	free(printed);
}

static void
test_files_of_a_file_included_by_its_whole_name_keep_it(UNUSED void **state)
{
	char *yaml, *expected, *printed;

	assert_int_equal(mkdir("sub", 0755), 0);
	write_file("sub/key", "included\n");
	write_file("sub/inc.yaml", "services: {b: \"http://b/${file:key}\"}\n");
	yaml = xasprintf("include: \"%s/sub/*.yaml\"\n", test_folder);
	expected = xasprintf("url: http://b/${file:%s/sub/key}\n", test_folder);
	printed = load_and_print(yaml);
	assert_non_null(strstr(printed, expected));
	free(printed);
	free(expected);
	free(yaml);
}

/* ---- the schema ---- */

static struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *found = NULL;

	assert_true(json_object_object_get_ex(object, name, &found));
	return found;
}

static struct json_object *
read_schema(void)
{
	struct json_object *schema;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	config_print_schema(&out);
	assert_int_equal(out.data[out.len - 1], '\n');
	schema = json_tokener_parse(out.data);
	assert_non_null(schema);
	buffer_clear(&out);
	return schema;
}

static void
assert_has_all_keys(struct json_object *properties, const struct key_table *table)
{
	assert_int_equal(json_object_object_length(properties), table->count);
	for (size_t i = 0; i < table->count; i++) {
		struct json_object *key = member(properties, table->keys[i].name);

		assert_string_equal(json_object_get_string(member(key, "description")),
		    table->keys[i].description);
		if (table->keys[i].initial != NULL)
			assert_string_equal(
			    json_object_get_string(member(key, "default")),
			    table->keys[i].initial);
	}
}

static void
test_the_schema_has_every_key_and_no_other(UNUSED void **state)
{
	struct json_object *schema = read_schema();
	struct json_object *file = member(schema, "properties");
	struct json_object *service = json_object_array_get_idx(
	    member(member(member(file, "services"), "additionalProperties"), "anyOf"),
	    1);
	struct json_object *auth = member(member(service, "properties"), "auth");

	assert_string_equal(json_object_get_string(member(schema, "$schema")),
	    "https://json-schema.org/draft/2020-12/schema");
	assert_has_all_keys(file, &file_keys);
	assert_has_all_keys(member(member(file, "output"), "properties"), &output_keys);
	assert_has_all_keys(member(member(file, "log"), "properties"), &log_keys);
	assert_has_all_keys(member(service, "properties"), &service_keys);
	assert_has_all_keys(member(auth, "properties"), &auth_keys);
	assert_has_all_keys(
	    member(member(member(auth, "properties"), "oauth2"), "properties"),
	    &oauth2_keys);
	assert_int_equal(json_object_get_int(member(auth, "maxProperties")), 1);
	assert_false(json_object_get_boolean(member(schema, "additionalProperties")));
	assert_false(json_object_get_boolean(member(service, "additionalProperties")));
	assert_string_equal(
	    json_object_get_string(member(service, "required")), "[ \"url\" ]");
	json_object_put(schema);
}

/* The schema of one provider or prompt. */
static struct json_object *
schema_of_each(struct json_object *schema, const char *name)
{
	struct json_object *map = member(member(schema, "properties"), name);

	return member(map, "additionalProperties");
}

static void
test_the_schema_has_the_keys_of_providers_and_prompts(UNUSED void **state)
{
	struct json_object *schema = read_schema();
	struct json_object *provider = schema_of_each(schema, "providers");
	struct json_object *prompt = schema_of_each(schema, "prompts");
	struct json_object *budget = member(member(prompt, "properties"), "budget");
	struct json_object *price = member(member(provider, "properties"), "price");

	assert_has_all_keys(member(provider, "properties"), &provider_keys);
	assert_has_all_keys(member(prompt, "properties"), &prompt_keys);
	assert_has_all_keys(member(budget, "properties"), &budget_keys);
	assert_has_all_keys(member(price, "properties"), &price_keys);
	assert_string_equal(
	    json_object_get_string(member(provider, "required")), "[ \"api\" ]");
	assert_string_equal(
	    json_object_get_string(member(prompt, "required")), "[ \"prompt\" ]");
	assert_string_equal(
	    json_object_get_string(member(budget, "required")), "[ \"per\" ]");
	assert_int_equal(json_object_array_length(member(budget, "anyOf")), 2);
	assert_int_equal(json_object_get_int(member(budget, "maxProperties")), 2);
	json_object_put(schema);
}

/* Does TABLE's key NAME belong into `defaults`? */
static bool
is_default(const struct key_table *table, const char *name)
{
	const struct key *key = keys_find(table, name);

	return key != NULL && (key->flags & KEY_OWN_ONLY) == 0;
}

/* What a target has of its own is not taken there, all else of both kinds once. */
static void
test_the_schema_of_defaults_has_the_keys_of_both_kinds(UNUSED void **state)
{
	struct json_object *schema = read_schema();
	struct json_object *defaults = member(member(schema, "properties"), "defaults");
	struct json_object *found;
	size_t count = 0;

	for (const struct key_table *table = &defaults_keys; table != NULL;
	     table = table->also) {
		for (size_t i = 0; i < table->count; i++) {
			const char *name = table->keys[i].name;

			if (!is_default(table, name))
				continue;
			(void)member(member(defaults, "properties"), name);
			/* Not counted twice. */
			count +=
			    table != &prompt_keys || !is_default(&service_keys, name);
		}
	}
	assert_int_equal(
	    json_object_object_length(member(defaults, "properties")), count);
	assert_false(json_object_object_get_ex(defaults, "required", &found));
	json_object_put(schema);
}

/* Every "#/$defs/NAME" in VALUE is one of DEFINITIONS. */
static void
assert_references_lead_somewhere(
    struct json_object *value, struct json_object *definitions)
{
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			assert_references_lead_somewhere(
			    json_object_array_get_idx(value, i), definitions);
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach (value, name, child) {
		if (strcmp(name, "$ref") == 0)
			(void)member(definitions,
			    json_object_get_string(child) + strlen("#/$defs/"));
		else
			assert_references_lead_somewhere(child, definitions);
	}
}

static void
test_the_schema_refers_to_what_it_defines(UNUSED void **state)
{
	struct json_object *schema = read_schema();

	assert_references_lead_somewhere(schema, member(schema, "$defs"));
	json_object_put(schema);
}

#define CASE(function) \
	cmocka_unit_test_setup_teardown(function, enter_folder, leave_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_config_of_defaults_is_printed_whole),
		CASE(test_what_is_printed_reads_back_as_the_same_config),
		CASE(test_values_keep_their_types_and_texts),
		CASE(test_values_from_outside_are_printed_as_their_reference),
		CASE(test_literal_secrets_are_not_printed),
		CASE(test_what_is_masked_or_long_reads_back),
		CASE(test_variables_that_become_secrets_are_not_printed),
		CASE(test_literals_of_auth_and_proxies_are_not_printed),
		CASE(test_services_of_one_definition_are_printed_once),
		CASE(
		    test_paths_of_included_files_are_printed_as_seen_from_the_main_one),
		CASE(test_services_keep_their_order_the_disabled_ones_too),
		CASE(test_includes_are_taken_in),
		CASE(
		    test_relative_files_of_included_files_are_printed_as_seen_from_the_main_one),
		CASE(test_files_of_a_file_included_by_its_whole_name_keep_it),
		CASE(test_the_schema_has_every_key_and_no_other),
		CASE(test_the_schema_has_the_keys_of_providers_and_prompts),
		CASE(test_the_schema_of_defaults_has_the_keys_of_both_kinds),
		CASE(test_the_schema_refers_to_what_it_defines),
	};

	setenv("GATHERD_TEST_WORD", "pa55word", 1);
	setenv("GATHERD_TEST_PATH", "/etc/passwd", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
