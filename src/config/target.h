/*
 * One target of a config: made, compiled, freed.
 */
#ifndef GATHERD_CONFIG_TARGET_H
#define GATHERD_CONFIG_TARGET_H

#include <stdbool.h>

#include "config/faults.h"

struct config;
struct target;

enum target_kind;

/* With the defaults that stand in the table of keys of its KIND; one that is a prompt is the
 * first member of a struct prompt. */
struct target *target_new(enum target_kind kind, const char *name, struct place place);
void target_free(struct target *target);

/*
 * Compile the templates of TARGET and look for their names among CONFIG's vars. Faults are
 * told at the texts that hold them, which are left without a template.
 */
void target_compile(
    struct target *target, const struct config *config, struct faults *faults);

/*
 * Render the templates of TARGET that there are once, as its first turn will, so that what
 * fits no URL or header is told now. Keeps the result where every turn's will be the same. Of
 * a prompt see config/target_prompt.
 */
void target_try(
    struct target *target, const struct config *config, struct faults *faults);

#endif
