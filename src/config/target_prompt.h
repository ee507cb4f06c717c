/*
 * What only a prompt has: its provider and model, and settings that the provider's API takes.
 */
#ifndef GATHERD_CONFIG_TARGET_PROMPT_H
#define GATHERD_CONFIG_TARGET_PROMPT_H

struct config;
struct faults;
struct prompt;

/*
 * Fill in the provider and the model of PROMPT, which is compiled, from CONFIG, whose
 * providers are filled in. Faults: a provider that is none, none or several to choose from, no
 * model. What a prompt has of its provider (`timeout`) is known from then on.
 */
void target_prompt_find_provider(
    struct prompt *prompt, const struct config *config, struct faults *faults);

/* target_try() of a prompt; looks for the provider where nobody did. */
void target_prompt_try(
    struct prompt *prompt, const struct config *config, struct faults *faults);

#endif
