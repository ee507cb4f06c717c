/*
 * What the files of config/dependencies share; not for others.
 */
#ifndef GATHERD_CONFIG_DEPENDENCIES_PARTS_H
#define GATHERD_CONFIG_DEPENDENCIES_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

struct dependency;
struct faults;
struct target;
struct target_template;

/* All targets of a config, one after the other. */
struct resolve {
	struct config *config;
	struct faults *faults;
	unsigned hints_left;

	/* Of the target at hand: */
	const struct target *target;
	bool enabled;
	struct dependency *found; /* owned */
	size_t count;
	bool
	    names_all; /* what is said of all services stands in one of its templates */
};

/* One template that is looked through. */
struct look {
	struct resolve *resolve;
	const struct target_template *one;
	bool over_state; /* one of its sections is over targets, or a part of one */
};

/* By enum target_kind: "services", "prompts". */
extern const char *const dependencies_sections[];

/* PATH less its first part, where that is NAME; else NULL. */
const char *dependencies_behind(const char *path, const char *name);

/* By a name; NULL: there is none. */
typedef const struct target *dependencies_find_fn(
    const struct config *config, const char *name);

/* As dependencies_find(), of PATH behind the word for KIND, by FIND. */
const struct target *dependencies_find_longest(const struct config *config,
    const char *path, enum target_kind kind, dependencies_find_fn *find,
    const char **rest);

/* Of those that are enabled. */
const struct target *dependencies_find_enabled(
    const struct config *config, const char *name);

/* ---- faults ---- */

/* PATH, behind the word for KIND, begins with the name of no target of that kind. */
void dependencies_tell_unknown_path(
    const struct look *look, enum target_kind kind, const char *path);

/* NAME, which `needs` has at PLACE, is that of no target. */
void dependencies_tell_unknown_name(
    struct resolve *resolve, struct place place, const char *name);

/* PATH names the target ON, and REST is what stands behind its name: is there such a thing? */
void dependencies_check_field(const struct look *look, const struct target *on,
    const char *path, const char *rest);

/* PATH names what is said of all targets. */
void dependencies_check_whole(const struct look *look, const char *path);

#endif
