/*
 * `expect`, `warn` and `extract` as YAML: compiled into rules and extracts.
 */
#ifndef GATHERD_CONFIG_RULES_SOURCE_H
#define GATHERD_CONFIG_RULES_SOURCE_H

#include "base/compiler.h"

struct faults;
struct json_write;
struct target;

/*
 * Compile TARGET's `expect`, `warn` and `extract` from their sources: fills in their compiled
 * parts, `pointers`, `wants_json`, `wants_text`, `wants_head` and `has_secret_value`. Faults
 * are told at the values that hold them.
 */
void rules_source_compile(struct target *target, struct faults *faults);

/* The JSON Schemas of the three keys' values, for $defs, as members of an open object: "rules",
 * of `expect` and `warn`, "extract", and what they are made of. */
void rules_source_write_definitions(struct json_write *json);

#endif
