/*
 * Targets that wait for each other in a circle.
 */
#ifndef GATHERD_CONFIG_CIRCLES_H
#define GATHERD_CONFIG_CIRCLES_H

struct config;
struct faults;

/*
 * Tell each circle among the dependencies of CONFIG's targets once, at its first target in
 * config order: "a -> b -> a". What depends on a prompt that waits for all services becomes
 * `follows_services`: it is not waited for, so that there is no circle in that.
 */
void circles_resolve(const struct config *config, struct faults *faults);

#endif
