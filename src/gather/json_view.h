/*
 * JSON texts as templates see them.
 *
 * Values are looked up where they stand; what had to be made of them, texts without their
 * escapes and where the members of objects begin, is remembered by its place, so that a
 * section over a long list costs no more than the list is long.
 */
#ifndef GATHERD_GATHER_JSON_VIEW_H
#define GATHERD_GATHER_JSON_VIEW_H

#include <stdbool.h>

#include "base/span.h"

struct json_view;
struct template_value;

struct json_view *json_view_new(void);
/* With all it ever handed out. NULL is allowed. */
void json_view_free(struct json_view *view);

/* SPAN, of a text that stays as it is until json_view_free(), as a template's value. SECRET:
 * whatever is rendered from it is; a text is always asked for in the same way. */
void json_view_value(struct json_view *view, struct span span, bool secret,
    struct template_value *value);

#endif
