/*
 * What is allowed in a config but probably not meant: the warnings of --check.
 */
#ifndef GATHERD_CONFIG_CHECK_H
#define GATHERD_CONFIG_CHECK_H

struct config;
struct faults;

/*
 * Add warnings: a literal secret in a world-readable file, times that do not fit into each
 * other (`timeout`, `delay`, `backoff`, `spread` and `interval`; all attempts and `deadline`),
 * limits that do nothing or leave turns no time, `max_concurrent` over the descriptors this
 * process may open, names inside template sections that can match nothing, a certificate that
 * is not verified, no service at all; prompts that would be asked each time for all their
 * `when: changed`, or never for their `when: failing`, and what a vendor's API is known to
 * refuse. Of targets by one `for_each` they are told once.
 */
void config_check(const struct config *config, struct faults *faults);

#endif
