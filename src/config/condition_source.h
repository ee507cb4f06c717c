/*
 * A condition as YAML: a scalar (equal to it), a list (one of them), or a map of JSON Schema's
 * words; compiled.
 */
#ifndef GATHERD_CONFIG_CONDITION_SOURCE_H
#define GATHERD_CONFIG_CONDITION_SOURCE_H

#include "base/compiler.h"
#include "rules/rules.h"

struct condition;
struct pattern;
struct value;
struct walk;

/*
 * Compile VALUE into CONDITION, which is initialised here, and to be cleared by the caller
 * either way, for what rules about SUBJECT look at. Returns false with faults told: unknown
 * words, wrong types, and whatever could never hold.
 */
MUST_CHECK bool condition_source_compile(struct walk *walk, const struct value *value,
    enum rule_subject subject, struct condition *condition);

/* A pattern from a scalar; NULL with a fault. *SHOWN, the caller's, is its text as it may be
 * told. */
struct pattern *condition_source_pattern(
    struct walk *walk, const struct value *value, char **shown);

#endif
