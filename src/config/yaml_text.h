/*
 * Is a text what YAML allows: UTF-8, no control characters but tabs and line ends?
 *
 * libyaml checks that too, but reads UTF-16 as well, and tells the byte but not the line.
 * Also stops what would take libyaml hours.
 */
#ifndef GATHERD_CONFIG_YAML_TEXT_H
#define GATHERD_CONFIG_YAML_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/faults.h"

/* Returns false with one fault at the first character that is not allowed. */
MUST_CHECK bool yaml_text_check(
    const char *text, size_t len, unsigned file, struct faults *faults);

#endif
