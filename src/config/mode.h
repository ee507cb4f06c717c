/*
 * How rounds deal with failures.
 */
#ifndef GATHERD_CONFIG_MODE_H
#define GATHERD_CONFIG_MODE_H

enum gather_mode {
	MODE_SETTLE,         /* every target runs to its end */
	MODE_FAIL_FAST,      /* the first failure decides the round; the others go on */
	MODE_ALL_OR_NOTHING, /* the first failure cancels all others */
};
/* In the enum's order, NULL-terminated. */
extern const char *const gather_mode_names[];

#endif
