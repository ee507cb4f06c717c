#include "fake_config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_pointers.h"
#include "base/marked.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/providers.h"
#include "config/render.h"
#include "config/rules_source.h"
#include "config/sources.h"
#include "config/target.h"
#include "config/types.h"
#include "config/value.h"
#include "config/yaml.h"
#include "template/template.h"

/* The number in its name and its URL, wherever it stands. */
static size_t
number_of(const struct target *target)
{
	return strtoul(target->name + 1, NULL, 10);
}

/* As config/render makes it, but without a template and without parsing. */
static struct rendered_request *
make_request(const struct target *target)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));

	request_init(&rendered->request);
	rendered->request.url.text = xasprintf("http://test/%zu", number_of(target));
	rendered->request.connect_timeout_us = target->connect_timeout_ms * 1000;
	rendered->request.max_body_bytes = target->max_body_bytes;
	rendered->request.route = &target->way.route;
	rendered->shown_url = xstrdup(rendered->request.url.text);
	return rendered;
}

/* SOURCE as the url of TARGET; gone is what was prepared. */
static void
set_url(struct target *target, const char *source)
{
	struct marked marked;
	struct template_fault fault;

	rendered_request_free(target->rendered);
	target->rendered = NULL;
	template_free(target->url.template);
	marked_init(&marked, BUFFER_UNLIMITED);
	marked_append(&marked, source, strlen(source), MARK_OWN);
	target->url.template = template_compile(&marked, TEMPLATE_URL, &fault);
	assert(target->url.template != NULL);
	marked_clear(&marked);
}

/* NAME is taken over. */
static struct target *
make_unprepared(enum target_kind kind, char *name)
{
	struct target *target = target_new(kind, name, (struct place){ .line = 1 });

	free(name);
	target->interval_ms = 30000;
	target->timeout_ms = 5000;
	target->connect_timeout_ms = 3000;
	target->deadline_ms = 30000;
	route_init(&target->way.route);
	target->host = xstrdup("http://test:80");
	/* For tests to append to. */
	marked_init(&target->group.value, BUFFER_UNLIMITED);
	marked_init(&target->description.value, BUFFER_UNLIMITED);
	return target;
}

static struct target *
make_named(char *name)
{
	struct target *target = make_unprepared(TARGET_SERVICE, name);

	target->rendered = make_request(target);
	return target;
}

static struct target *
make_target(size_t number)
{
	return make_named(xasprintf("t%zu", number));
}

struct config *
fake_config_of(size_t count, const size_t *numbers)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->references = 1;
	config->path = xstrdup("fake.yaml");
	keyed_init(&file_keys, config);
	config->targets = xcalloc(count + 1, sizeof(struct target *));
	config->target_count = count;
	config->service_count = count;
	for (size_t i = 0; i < count; i++)
		config->targets[i] = make_target(numbers != NULL ? numbers[i] : i);
	config_index(config);
	return config;
}

struct config *
fake_config_new(size_t count)
{
	return fake_config_of(count, NULL);
}

void
fake_config_free(struct config *config)
{
	assert(config->references == 1);
	config_unref(config);
}

void
fake_config_unprepare(struct config *config, size_t index)
{
	struct target *target = config->targets[index];
	char *source = xasprintf("http://test/%zu", number_of(target));

	set_url(target, source);
	free(source);
}

void
fake_config_break(struct config *config, size_t index)
{
	set_url(config->targets[index], "http://test/{{nothing}}");
}

/* ---- keys ---- */

static void
fail_with(const char *line, UNUSED bool is_error, UNUSED void *arg)
{
	fprintf(stderr, "fake_config_set: %s\n", line);
	abort();
}

/* What makes another request. */
static const char *const request_keys[] = { "url", "method", "headers", "body", "json",
	"form", "auth", NULL };

static bool
says_request(const struct yaml_node *map)
{
	for (size_t i = 0; i < map->count; i++) {
		if (names_find(request_keys, map->pairs[i].key->text) >= 0)
			return true;
	}
	return false;
}

/* OBJECT gets the keys of MAP by TABLE. */
static void
load_keys(const struct key_table *table, const struct yaml_node *map, void *object,
    struct faults *faults)
{
	struct source source = { .folder = (char[]){ "." } };
	struct sources sources = { .items = &source, .count = 1 };
	struct loading loading = { .faults = faults, .sources = &sources };

	(void)keyed_load(table, map, &loading, object);
}

static void
set_prompt_keys(struct config *config, struct target *target,
    const struct yaml_node *map, struct faults *faults)
{
	load_keys(&prompt_keys, map, target, faults);
	rules_source_compile(target, faults);
	target_compile(target, config, faults);
	((struct prompt *)target)->provider = NULL; /* it may be another one now */
	target_try(target, config, faults);
}

static void
set_keys(struct config *config, struct target *target, const struct yaml_node *map,
    struct faults *faults)
{
	if (target->kind == TARGET_PROMPT) {
		set_prompt_keys(config, target, map, faults);
		return;
	}
	if (says_request(map) && yaml_get(map, "url") == NULL) {
		char *url = xasprintf("http://test/%zu", number_of(target));

		set_url(target, url);
		free(url);
	}
	load_keys(&service_keys, map, target, faults);
	rules_source_compile(target, faults);
	if (!says_request(map))
		return;
	rendered_request_free(target->rendered);
	target->rendered = NULL;
	target_compile(target, config, faults);
	target_try(target, config, faults);
}

/* What is made of a map of keys. */
typedef void use_keys_fn(struct config *config, void *object,
    const struct yaml_node *map, struct faults *faults);

/* USE for OBJECT what KEYS, YAML, say. A fault ends the test. */
static void
with_keys(struct config *config, void *object, const char *keys, use_keys_fn *use)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "keys");
	struct yaml_tree *tree = yaml_parse(keys, strlen(keys), file, faults);

	if (tree != NULL)
		use(config, object, yaml_root(tree), faults);
	faults_each(faults, fail_with, NULL);
	yaml_tree_free(tree);
	faults_free(faults);
}

static void
use_for_target(struct config *config, void *object, const struct yaml_node *map,
    struct faults *faults)
{
	set_keys(config, object, map, faults);
}

void
fake_config_set(struct config *config, size_t index, const char *keys)
{
	with_keys(config, config->targets[index], keys, use_for_target);
}

void
fake_config_depend(struct config *config, size_t index, size_t on, bool needed)
{
	struct target *target = config->targets[index];

	target->dependencies = xgrow(target->dependencies, target->dependency_count,
	    sizeof(*target->dependencies));
	target->dependencies[target->dependency_count++] = (struct dependency){
		.target = config->targets[on],
		.needed = needed,
	};
}

/* ---- providers and prompts ---- */

static void
use_for_provider(struct config *config, void *object, const struct yaml_node *map,
    struct faults *faults)
{
	load_keys(&provider_keys, map, object, faults);
	provider_fill(object, config, faults);
}

/* A provider may be named before it is told what it is. */
static struct provider *
find_provider(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->provider_count; i++) {
		if (strcmp(config->providers[i]->name, name) == 0)
			return config->providers[i];
	}
	return NULL;
}

/* A key as a line, for where others do not say it. */
struct usual {
	const char *key;
	const char *line;
};

/* KEYS with those of the COUNT USUAL that they do not say. The caller's. */
static char *
with_usual(const char *keys, const struct usual *usual, size_t count)
{
	struct faults *faults = faults_new();
	unsigned file = faults_add_file(faults, "keys");
	struct yaml_tree *tree = yaml_parse(keys, strlen(keys), file, faults);
	struct buffer all;

	buffer_init(&all, BUFFER_UNLIMITED);
	buffer_append_string(&all, keys);
	for (size_t i = 0; i < count; i++) {
		if (*keys == '\0' || yaml_get(yaml_root(tree), usual[i].key) == NULL)
			buffer_append_string(&all, usual[i].line);
	}
	yaml_tree_free(tree);
	faults_free(faults);
	return buffer_take(&all);
}

struct provider *
fake_config_set_provider(struct config *config, const char *name, const char *keys)
{
	static const struct usual usual[] = {
		{ "api", "api: openai\n" },
		{ "base_url", "base_url: http://test/v1\n" },
		{ "key", "key: " FAKE_CONFIG_KEY "\n" },
	};
	struct provider *provider = find_provider(config, name);
	char *all;

	if (provider != NULL) {
		with_keys(config, provider, keys, use_for_provider);
		return provider;
	}
	provider = provider_new(name, (struct place){ .line = 1 });
	provider->index = config->provider_count;
	config->providers = xgrow((void *)config->providers, config->provider_count,
	    sizeof(struct provider *));
	config->providers[config->provider_count++] = provider;
	all = with_usual(keys, usual, ARRAY_COUNT(usual));
	with_keys(config, provider, all, use_for_provider);
	free(all);
	return provider;
}

struct prompt *
fake_config_add_prompt(struct config *config, const char *keys)
{
	struct target *target =
	    make_unprepared(TARGET_PROMPT, xasprintf("t%zu", config->target_count));
	char *model = xasprintf("model: m%zu\n", number_of(target));
	const struct usual usual[] = {
		{ "prompt", "prompt: Say hi\n" },
		{ "model", model },
		{ "retries", "retries: 0\n" },
	};
	char *all = with_usual(keys, usual, ARRAY_COUNT(usual));

	if (config->provider_count == 0)
		fake_config_set_provider(config, "p", "");
	/* It was made for so many. */
	config->targets = xreallocarray(
	    (void *)config->targets, config->target_count + 1, sizeof(struct target *));
	config->targets[config->target_count++] = target;
	config_index(config);
	with_keys(config, target, all, use_for_target);
	free(all);
	free(model);
	return (struct prompt *)target;
}

/* ---- tokens ---- */

static void
add_extract(struct target *target, const char *name, bool secret)
{
	struct config_extracts *list = &target->extract;
	char *path = xasprintf("/%s", name);

	list->items = xgrow(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = (struct extract){
		.name = xstrdup(name),
		.path = path,
		.pointer = json_pointers_add(target->pointers, path),
		.round = -1,
		.secret = secret,
	};
}

struct target *
fake_config_add_token_source(struct config *config, size_t number)
{
	struct target *source = make_named(xasprintf("t%zu (token)", number));

	source->format = FORMAT_JSON;
	source->data = false;
	source->pointers = json_pointers_new();
	source->wants_json = true;
	source->has_secret_value = true;
	add_extract(source, "access_token", true);
	add_extract(source, "expires_in", false);
	add_extract(source, "token_type", false);
	source->index = config->token_source_count;
	config->token_sources = xgrow(
	    config->token_sources, config->token_source_count, sizeof(struct target *));
	config->token_sources[config->token_source_count++] = source;
	return source;
}
