/*
 * All templates of a target, wherever they stand: the one list that compiling, checking,
 * comparing and looking for dependencies go by.
 */
#ifndef GATHERD_CONFIG_TEMPLATES_H
#define GATHERD_CONFIG_TEMPLATES_H

#include "template/template.h"

struct target;
struct text;

/* One of them; borrowed. */
struct target_template {
	const char *what; /* "url", "headers: X-Team", "json", "auth.bearer" */
	const struct text *text;
	struct template **template;
	enum template_place place;
	bool takes_any; /* a list or map may be put in, as JSON */
	/* A lone {{{name}}} is that value, null too; compiled by config/json_body. */
	bool typed;
	bool from_state; /* it may name services and prompts; else vars alone */
	bool secret;     /* what it makes is secret, wherever it comes from */
	bool identity;   /* ... but says only who asks, and proves nothing */
};
typedef void target_template_fn(const struct target_template *one, void *arg);

/* In the order of the table of keys; of `json` each string is one. Texts that are not said are
 * passed over. */
void templates_each(const struct target *target, target_template_fn *fn, void *arg);

#endif
