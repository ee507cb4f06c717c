/*
 * What the files that render a request (config/render*.c) share; not for others.
 */
#ifndef GATHERD_CONFIG_RENDER_PARTS_H
#define GATHERD_CONFIG_RENDER_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "config/faults.h"
#include "template/template.h"

struct faults;
struct marked;
struct render_fault;
struct render_with;
struct rendered_request;
struct target;
struct value;

/* What templates are rendered over. */
struct render_root {
	const struct value *each; /* before `vars`; NULL: nothing */
	const struct value *vars;
	const char *now;
	const struct template_value *state; /* NULL: there is none */
	/* At load, in place of all that the state may say. */
	const struct template_value *probe; /* NULL: nothing is in its place */
};

/* One request that is being rendered. */
struct rendering {
	const struct target *target;
	const struct render_with *with; /* NULL: it is only tried */
	struct render_root root;
	struct rendered_request *rendered;
	struct buffer head; /* as shown */
	/* All faults are told here; NULL: the first is kept in `fault`. */
	struct faults *faults;
	struct render_fault *fault;
};

/* The map that stands for ROOT, borrowed. */
struct template_value render_root_value(const struct render_root *root);

/* Render TEMPLATE over ROOT into OUT, which is initialised and empty. */
MUST_CHECK enum template_result render_over(const struct render_root *root,
    const struct template *template, struct marked *out, struct secrets *carried,
    const char **name);

/*
 * Render TEMPLATE, which stands at PLACE, into OUT, which is initialised here and to be cleared by the
 * caller either way. WHAT is what it is, for the fault. A missing TEMPLATE was told.
 */
MUST_CHECK bool render_text(struct rendering *rendering,
    const struct template *template, const char *what, struct place place,
    struct marked *out);

/* RESULT, which is not TEMPLATE_RENDERED, of WHAT, is a fault at PLACE. NAME is to blame. */
void render_refuse_result(struct rendering *rendering, struct place place,
    enum template_result result, const char *what, const char *name);

/* WHY, which is taken over, is a fault at PLACE. */
void render_refuse(struct rendering *rendering, struct place place, char *why);

/* A header of the request. SHOWN is its value as it may be shown. */
void render_add_header(struct rendering *rendering, const char *name, const char *value,
    bool secret, const char *shown);

/* The parts of a request, which go into `rendered`. Each returns false with its faults
 * told. */
MUST_CHECK bool render_url(struct rendering *rendering);
MUST_CHECK bool render_auth(struct rendering *rendering);
MUST_CHECK bool render_body(struct rendering *rendering);

/* How much of TEXT, a URL, is scheme, userinfo, host and port; all of it where that cannot
 * be told. */
size_t render_authority_end(const char *text);

#endif
