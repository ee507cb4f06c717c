/*
 * Paths as texts: what can be said of them without asking a disk, which may hang.
 */
#ifndef GATHERD_BASE_PATH_H
#define GATHERD_BASE_PATH_H

#include <stdbool.h>

#include "base/compiler.h"

/*
 * PATH from the root on, without what leads nowhere: doubled slashes, those at the end, and
 * "." between them. ".." stays: behind a link it leads elsewhere than its text says. The
 * caller's.
 */
char *path_tidy(const char *path);

/* Do both, which are not empty, name the same place by their texts? By links they may do so
 * all the same. */
MUST_CHECK bool path_is_same(const char *path, const char *other);

#endif
