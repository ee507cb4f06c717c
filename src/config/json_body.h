/*
 * `json`: a YAML tree that is sent as JSON. Its strings are templates; types and keys stay.
 *
 * Compiled into pieces of text with templates between them, so that rendering one is going
 * along them.
 */
#ifndef GATHERD_CONFIG_JSON_BODY_H
#define GATHERD_CONFIG_JSON_BODY_H

#include "template/template.h"

struct faults;
struct json_body;
struct marked;
struct secrets;
struct text;
struct value;

/* Of TREE, borrowed; what is faulty in a template is told at its text. */
struct json_body *json_body_compile(const struct value *tree, struct faults *faults);
void json_body_free(struct json_body *body);

/* Each template of BODY with its text, in order. */
typedef void json_body_fn(
    const struct text *text, struct template **template, void *arg);
void json_body_each(const struct json_body *body, json_body_fn *fn, void *arg);

/* As template_render(): compact JSON into OUT. A string that is exactly {{{name}}} becomes that
 * value with its type. */
MUST_CHECK enum template_result json_body_render(const struct json_body *body,
    const struct template_value *root, struct marked *out, struct secrets *carried,
    const char **name);

#endif
