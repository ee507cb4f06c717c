/*
 * A target's templates rendered into the request to send and the texts to show.
 */
#ifndef GATHERD_CONFIG_RENDER_H
#define GATHERD_CONFIG_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "http/request.h"

struct config;
struct faults;
struct target;

struct rendered_request {
	struct request request; /* real */
	char *shown_url;        /* secrets and userinfo as ***; owned */
};

/*
 * Render TARGET's request at WALL_MS, for {{now}}. Returns NULL with the caller's *WHY, a
 * sentence without secrets, where a name is missing, a value fits no URL or header, or
 * the URL that came out is none.
 */
struct rendered_request *render_request(const struct config *config,
    const struct target *target, int64_t wall_ms, char **why);

/*
 * The same at load, of a TARGET that may lack templates: every fault is told at the text
 * that it comes from. Returns NULL where one was, or a template is missing.
 */
struct rendered_request *render_checked(
    const struct config *config, const struct target *target, struct faults *faults);
void rendered_request_free(struct rendered_request *rendered);

/* Are scheme, host and port of TARGET's URL the same whatever {{now}} says? */
bool render_authority_is_fixed(
    const struct config *config, const struct target *target);

#endif
