/*
 * Requests of prompts, made from a config as it is written. To be included behind
 * config_files.h.
 */
#ifndef GATHERD_TESTS_UNIT_PROMPT_STAGE_H
#define GATHERD_TESTS_UNIT_PROMPT_STAGE_H

#include "base/xalloc.h"
#include "config/render.h"
#include "prompt/prompt_request.h"

struct prompt_stage {
	struct config *config;
	struct rendered_request *rendered; /* NULL: there is a fault */
	struct render_fault fault;
};

/* YAML is a config whose prompt "p" is to be asked. */
UNUSED static void
prompt_stage_load(struct prompt_stage *stage, const char *yaml)
{
	const struct render_with with = { .wall_ms = 1000, .shown = true };
	struct faults *faults = faults_new();
	const struct target *target;

	*stage = (struct prompt_stage){ .config = NULL };
	write_file("prompts.yaml", yaml);
	stage->config = config_load("prompts.yaml", NULL, 0, faults);
	assert_string_equal(lines_of(faults), "");
	faults_free(faults);
	target = config_find(stage->config, "p");
	assert_non_null(target);
	assert_non_null(target_prompt(target));
	stage->rendered =
	    prompt_request(stage->config, target_prompt(target), &with, &stage->fault);
}

/* The keys of its provider, besides, and of the prompt, both as the inside of a flow
 * mapping. */
UNUSED static void
prompt_stage_init(struct prompt_stage *stage, const char *provider, const char *prompt)
{
	char *yaml =
	    xasprintf("providers: {v: {%s}}\nprompts: {p: {%s}}\n", provider, prompt);

	prompt_stage_load(stage, yaml);
	free(yaml);
	assert_non_null(stage->rendered);
}

UNUSED static void
prompt_stage_clear(struct prompt_stage *stage)
{
	rendered_request_free(stage->rendered);
	free(stage->fault.why);
	config_unref(stage->config);
}

UNUSED static void
prompt_stage_assert_body(const char *provider, const char *prompt, const char *body)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage, provider, prompt);
	assert_string_equal(stage.rendered->request.body, body);
	assert_int_equal(stage.rendered->request.body_len, strlen(body));
	assert_string_equal(stage.rendered->shown_body, body);
	prompt_stage_clear(&stage);
}

UNUSED static void
prompt_stage_assert_url(const char *provider, const char *prompt, const char *url)
{
	struct prompt_stage stage;

	prompt_stage_init(&stage, provider, prompt);
	assert_string_equal(stage.rendered->request.url.text, url);
	assert_string_equal(stage.rendered->shown_url, url);
	prompt_stage_clear(&stage);
}

#endif
