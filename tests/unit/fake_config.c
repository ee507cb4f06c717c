#include "fake_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/render.h"
#include "config/target.h"
#include "config/value.h"
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
	template_free(target->url_template);
	marked_init(&marked, BUFFER_UNLIMITED);
	marked_append(&marked, source, strlen(source), MARK_OWN);
	target->url_template = template_compile(&marked, TEMPLATE_URL, &fault);
	assert(target->url_template != NULL);
	marked_clear(&marked);
}

static struct target *
make_target(size_t number)
{
	char *name = xasprintf("t%zu", number);
	struct target *target = target_new(name, (struct place){ .line = 1 });

	free(name);
	target->interval_ms = 30000;
	target->timeout_ms = 5000;
	target->connect_timeout_ms = 3000;
	target->deadline_ms = 30000;
	/* For tests to append to. */
	marked_init(&target->group.value, BUFFER_UNLIMITED);
	marked_init(&target->description.value, BUFFER_UNLIMITED);
	target->rendered = make_request(target);
	return target;
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
