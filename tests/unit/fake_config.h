/*
 * A config made by hand, for tests of what stands above it.
 */
#ifndef GATHERD_TESTS_FAKE_CONFIG_H
#define GATHERD_TESTS_FAKE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct prompt;
struct provider;
struct target;

/* The key of a provider that does not say another. */
#define FAKE_CONFIG_KEY "sk-of-The-TEST-4711"

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
 * One more target at the end, a prompt "tN" (N: its index) with KEYS, YAML as in the config
 * (no {...}; "" for none). Where they do not say otherwise it asks "Say hi" of the model "mN"
 * of the only provider, which is made where there is none yet: "p", of the api openai, at
 * http://test/v1, with FAKE_CONFIG_KEY; `retries` is 0, all else as for other targets. To be
 * called before a board is made of CONFIG.
 */
struct prompt *fake_config_add_prompt(struct config *config, const char *keys);

/* The provider NAME has KEYS, each once over all calls, too; one that is not there yet is made
 * as above. To be called before prompts of it are added. */
struct provider *fake_config_set_provider(
    struct config *config, const char *name, const char *keys);

/*
 * A source of access tokens asked at "http://test/NUMBER"; to be set as the `oauth2` of those
 * who need it. Gone with the config.
 */
struct target *fake_config_add_token_source(struct config *config, size_t number);

#endif
