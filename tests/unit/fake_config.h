/*
 * A config made by hand, for tests of what stands above it.
 */
#ifndef GATHERD_TESTS_FAKE_CONFIG_H
#define GATHERD_TESTS_FAKE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct target;

/*
 * COUNT targets "t0", "t1", ...: format auto, 5s timeout, 3s connect_timeout, 30s
 * deadline, required, with a request for "http://test/N" that is shown as that; the host
 * of all is "http://test:80". Plain fields (retries, backoff_ms, ...) are a test's to set.
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

/*
 * The target with that index has KEYS, YAML as in the config, too: rules, values, headers,
 * ...; each key once. A fault in them ends the test. With keys of the request it is rendered
 * as config/render does, to "http://test/N" where no url is among them.
 */
void fake_config_set(struct config *config, size_t index, const char *keys);

/* The target with that index depends on the one with index ON; call in the order of ON. */
void fake_config_depend(struct config *config, size_t index, size_t on, bool needed);

/*
 * A source of access tokens asked at "http://test/NUMBER"; to be set as the `oauth2` of those
 * who need it. Gone with the config.
 */
struct target *fake_config_add_token_source(struct config *config, size_t number);

#endif
