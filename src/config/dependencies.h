/*
 * Which targets have to be known before which: by `needs`, and by what templates name.
 *
 * A template that names {{services.X...}} or {{prompts.X...}} makes its target wait for X
 * within a round. What is said of all targets together ({{targets}}, {{failed}}, {{counts}},
 * {{status}}, and {{services}} as a whole) makes a service wait for none: it is taken as it
 * stands when the service is asked. Otherwise such a service would wait for every other one,
 * and no two of them could stand in one config. A prompt waits for all services then, as with
 * `when: failing`, but for those that themselves depend on such a prompt; {{prompts}} as a
 * whole is taken as it stands.
 */
#ifndef GATHERD_CONFIG_DEPENDENCIES_H
#define GATHERD_CONFIG_DEPENDENCIES_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct faults;
struct target;

/* Does the dotted PATH begin with what only the state of gathering knows: services, prompts,
 * targets, failed, counts, status? */
bool dependencies_is_state(const char *path);

/* What the entry of a service, and of a prompt, has, as templates name it, for faults at load:
 * what higher rooms write them from is compared with it by a test. NULL-terminated. */
extern const char *const dependencies_service_fields[];
extern const char *const dependencies_prompt_fields[];

/*
 * The target of CONFIG that PATH ("services.login.values.token") names, of the kind that it
 * says: the longest known name fits. NULL where there is none; *REST (may be NULL) is what
 * stands behind the name, "values.token" or "".
 */
const struct target *dependencies_find(
    const struct config *config, const char *path, const char **rest);

/*
 * Fill in the dependencies of all targets of CONFIG, which is indexed. Faults: a name that is
 * no target's (with the nearest known one), one of the other kind or not enabled, a field of a
 * target that no entry has (services.x.datta), a value that it does not extract, a circle,
 * which is named: "a -> b -> a".
 */
void dependencies_resolve(struct config *config, struct faults *faults);

/* In KEPT, one for each target of CONFIG, set all that those which are set depend on or wait
 * for. */
void dependencies_close(const struct config *config, bool *kept);

#endif
