/*
 * What the views of the state have in common: values for templates, dotted names, and any of
 * them as JSON.
 */
#ifndef GATHERD_GATHER_VIEW_H
#define GATHERD_GATHER_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "template/template.h"

/* ---- all of them count as fetched ---- */

/* VALUE becomes TEXT, borrowed, or null where that is NULL. */
void view_text(struct template_value *value, const char *text);
/* VALUE becomes a list or map that DATA reads NODE as. */
void view_list(
    struct template_value *value, const void *node, const struct template_data *data);
void view_map(
    struct template_value *value, const void *node, const struct template_data *data);

/* ---- names ---- */

/* How much of the dotted PATH, LEN bytes, is its first part. */
size_t view_first_part(const char *path, size_t len);
/* What is left of the LEN bytes of PATH without its last part: 0 where it has one alone. */
size_t view_without_last_part(const char *path, size_t len);
/* Are the first LEN bytes of PATH the whole of NAME? */
bool view_is_name(const char *path, size_t len, const char *name);

/* ---- as compact JSON: each returns false past OUT's maximum, up to which OUT is full ---- */

/* TEXT as it is. */
MUST_CHECK bool view_put(
    struct marked *out, const char *text, size_t len, enum mark mark);

/* VALUE; a secret part is the inside of one string. */
MUST_CHECK bool view_append(struct marked *out, const struct template_value *value);

/* TEXT, all of it with MARK, as a string. */
MUST_CHECK bool view_append_string(
    struct marked *out, const char *text, size_t len, enum mark mark);

/* BEFORE, "{" or ",", and then a member. */
MUST_CHECK bool view_append_member(struct marked *out, const char *before,
    const char *name, const struct template_value *value);

/* TEXT, which may be shown, as it is. */
MUST_CHECK bool view_append_raw(struct marked *out, const char *text);

/* A list by its own `item`: for struct template_data. */
MUST_CHECK bool view_append_list(const struct template_value *list, struct marked *out);

#endif
