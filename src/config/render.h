/*
 * A target's templates rendered into the request to send and the texts to show.
 */
#ifndef GATHERD_CONFIG_RENDER_H
#define GATHERD_CONFIG_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/digest.h"
#include "http/request.h"

struct config;
struct faults;
struct target;

struct template_value;

/* What is known of a prompt's request besides. */
struct rendered_prompt {
	char *shown; /* owned: the prompt's text, secrets as ***, NUL as U+FFFD */
	/* Of prompt, system and schema: what its tokens are estimated by. */
	size_t input_bytes;
	/* Of everything that is sent but for who asks, and of what the answer is judged by.
	 * Secrets count by a keyed hash, so that nobody can find them out by trying. */
	char input_hash
	    [DIGEST_HEX_SIZE]; /* "": with `when: changed`, or to be shown, only */
	size_t cut_count;      /* values that were longer than `max_insert` */
};

struct rendered_request {
	struct request request; /* real */
	char *shown_url;        /* secrets and userinfo as ***; owned, as all here */
	/* Only where they were asked for: */
	char *
	    shown_head; /* the headers as shown, a line each; what libcurl adds is not in it */
	char *shown_body;               /* NULL: there is none */
	struct rendered_prompt *prompt; /* owned; NULL: it is a service's */
};

/* What a request is rendered with. */
struct render_with {
	int64_t wall_ms; /* for {{now}} */
	/* A map in which templates find `services`, `prompts`, `targets`, `failed`, `counts`
	 * and `status`; NULL: there are none. */
	const struct template_value *state;
	bool shown;         /* head and body are wanted as shown, too */
	const char *bearer; /* the token of `auth.oauth2`; NULL: none */
};

/* Why there is no request. */
struct render_fault {
	char *why;        /* a sentence without secrets; the caller's */
	bool missing;     /* what a template names in `state` is not there */
	const char *name; /* ... that name, borrowed from the target; else NULL */
};

/* Render the request of TARGET, a service. Returns NULL with FAULT where a name is missing, a
 * value fits no URL, header or body, or the URL that came out is none. */
struct rendered_request *render_request(const struct config *config,
    const struct target *target, const struct render_with *with,
    struct render_fault *fault);

/*
 * The same at load, of a TARGET that may lack templates: every fault is told at the text
 * that it comes from. Returns NULL where one was, or a template is missing.
 */
struct rendered_request *render_checked(
    const struct config *config, const struct target *target, struct faults *faults);
void rendered_request_free(struct rendered_request *rendered);

/* "https://api.example.com:443": what limits count by. The caller's. */
char *render_origin(const struct url *url);

/* Are scheme, host and port of TARGET's URL the same whatever {{now}} and the state say? */
bool render_authority_is_fixed(
    const struct config *config, const struct target *target);

#endif
