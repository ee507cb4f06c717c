/*
 * What is different between two configs, target by target: what a reload acts on.
 */
#ifndef GATHERD_CONFIG_DIFF_H
#define GATHERD_CONFIG_DIFF_H

#include <stddef.h>

struct config;

enum target_change {
	TARGET_SAME,    /* everything that makes it up is equal: the interval too */
	TARGET_RETIMED, /* all but its interval, and what follows from that alone */
	TARGET_CHANGED,
	TARGET_ADDED,
};

struct config_diff {
	/* Owned: for each target of the new config, by index. */
	enum target_change *changes;
	size_t *dropped; /* owned: indexes in the old config, ascending */
	size_t dropped_count;
	size_t counts[TARGET_ADDED + 1]; /* how many of each change */
};

/*
 * Compare the enabled targets of BEFORE and AFTER by name. Equal are: every key that a
 * target has, from wherever it came (`defaults`, the file), with the values that ${...}
 * put in, secret or not, what `for_each` gave it (not the rest of its lists), the `vars` that
 * its templates name, and which targets it depends on; of a prompt also its provider, but
 * for the limits of that, with the `vars` that this one's templates name. Order counts: that
 * of headers, of labels, of rules, and of the keys in a map among the `vars`. A service that
 * became a prompt is changed.
 */
void config_diff_init(
    struct config_diff *diff, const struct config *before, const struct config *after);
void config_diff_clear(struct config_diff *diff);

#endif
