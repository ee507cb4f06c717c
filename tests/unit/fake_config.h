/*
 * A config made by hand, for tests of what stands above it.
 */
#ifndef GATHERD_TESTS_FAKE_CONFIG_H
#define GATHERD_TESTS_FAKE_CONFIG_H

#include <stddef.h>

struct config;

/*
 * COUNT targets "t0", "t1", ...: format auto, 5s timeout, 3s connect_timeout, 30s
 * deadline, required, with a request for "http://test/N" that is shown as that.
 */
struct config *fake_config_new(size_t count);

/* Likewise, but in this order "tN" for each N of NUMBERS: as after a reload. */
struct config *fake_config_of(size_t count, const size_t *numbers);

/* Nobody else may hold a reference any more: an assertion. Else config_unref() does. */
void fake_config_free(struct config *config);

/* Take the prepared request of the target with that index away: render_request() is to
 * make one for each turn. */
void fake_config_unprepare(struct config *config, size_t index);

/* Likewise, and it fails: a name that the URL needs is missing. */
void fake_config_break(struct config *config, size_t index);

#endif
