/*
 * What is allowed in a config but probably not meant: the warnings of --check.
 */
#ifndef GATHERD_CONFIG_CHECK_H
#define GATHERD_CONFIG_CHECK_H

struct config;
struct faults;

/*
 * Add warnings: a literal secret in a world-readable file, `timeout` over `interval`,
 * `spread` over `interval`, `max_concurrent` over the descriptors this process may open,
 * names inside template sections that can match nothing, no service at all.
 */
void config_check(const struct config *config, struct faults *faults);

#endif
