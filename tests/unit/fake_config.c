#include "fake_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "config/value.h"
#include "template/template.h"

/* As config/render makes it, but without a template and without parsing. */
static struct rendered_request *
make_request(const struct target *target)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));

	request_init(&rendered->request);
	rendered->request.url.text = xasprintf("http://test/%zu", target->index);
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
make_target(size_t index)
{
	struct target *target = xcalloc(1, sizeof(*target));

	target->name = xasprintf("t%zu", index);
	target->index = index;
	target->interval_ms = 30000;
	target->timeout_ms = 5000;
	target->connect_timeout_ms = 3000;
	target->deadline_ms = 30000;
	target->format = FORMAT_AUTO;
	target->max_body_bytes = (size_t)1024 * 1024;
	target->max_depth = 28;
	target->data = true;
	target->enabled = true;
	target->required = true;
	marked_init(&target->group.value, BUFFER_UNLIMITED);
	marked_init(&target->description.value, BUFFER_UNLIMITED);
	target->rendered = make_request(target);
	return target;
}

struct config *
fake_config_new(size_t count)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->references = 1;
	config->vars = xcalloc(1, sizeof(*config->vars));
	config->vars->kind = VALUE_MAP;
	config->targets = xcalloc(count, sizeof(struct target *));
	config->target_count = count;
	for (size_t i = 0; i < count; i++)
		config->targets[i] = make_target(i);
	return config;
}

static void
free_target(struct target *target)
{
	for (size_t i = 0; i < target->labels.count; i++) {
		free(target->labels.items[i].name);
		marked_clear(&target->labels.items[i].text.value);
	}
	free(target->labels.items);
	marked_clear(&target->group.value);
	marked_clear(&target->description.value);
	rendered_request_free(target->rendered);
	template_free(target->url_template);
	free(target->name);
	free(target);
}

void
fake_config_free(struct config *config)
{
	assert(config->references == 1);
	for (size_t i = 0; i < config->target_count; i++)
		free_target(config->targets[i]);
	free((void *)config->targets);
	free(config->vars);
	free(config);
}

void
fake_config_unprepare(struct config *config, size_t index)
{
	char *source = xasprintf("http://test/%zu", index);

	set_url(config->targets[index], source);
	free(source);
}

void
fake_config_break(struct config *config, size_t index)
{
	set_url(config->targets[index], "http://test/{{nothing}}");
}
