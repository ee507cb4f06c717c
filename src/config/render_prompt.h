/*
 * The texts of a prompt, rendered.
 */
#ifndef GATHERD_CONFIG_RENDER_PROMPT_H
#define GATHERD_CONFIG_RENDER_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/marked.h"

struct config;
struct faults;
struct prompt;
struct render_fault;
struct render_with;
struct secrets;

struct prompt_texts {
	struct marked prompt;
	struct marked system; /* empty: none is said */
	size_t cut_count;     /* values that were longer than `max_insert` */
};

/*
 * Render the templates of PROMPT into TEXTS, which needs no initialising and is to be cleared
 * either way. SECRETS gets what was put in and is secret. Returns false with FAULT where a
 * name is missing or a text would be too large.
 */
MUST_CHECK bool render_prompt(const struct config *config, const struct prompt *prompt,
    const struct render_with *with, struct prompt_texts *texts, struct secrets *secrets,
    struct render_fault *fault);
void prompt_texts_clear(struct prompt_texts *texts);

/* The same at load, with something in place of what the state may say: every fault is told at
 * the text that it comes from. Returns false where one was, or a template is missing. */
bool render_prompt_checked(
    const struct config *config, const struct prompt *prompt, struct faults *faults);

#endif
