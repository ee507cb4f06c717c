/*
 * The request of a prompt: its texts and settings in the words of its provider's API.
 */
#ifndef GATHERD_PROMPT_PROMPT_REQUEST_H
#define GATHERD_PROMPT_PROMPT_REQUEST_H

struct config;
struct prompt;
struct render_fault;
struct render_with;
struct rendered_request;
struct target;

/*
 * Render the request of PROMPT, which has a provider and a model: the one that the vendor's own
 * client would send, with `extra_body` of the provider and then of the prompt merged over it.
 * Returns NULL with FAULT as render_request() does. shown_head and shown_body are made where
 * WITH wants them.
 */
struct rendered_request *prompt_request(const struct config *config,
    const struct prompt *prompt, const struct render_with *with,
    struct render_fault *fault);

/* The request of TARGET, be it a prompt or a service. */
struct rendered_request *target_request(const struct config *config,
    const struct target *target, const struct render_with *with,
    struct render_fault *fault);

#endif
