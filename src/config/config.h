/*
 * Everything the config says, typed and compiled: immutable after load.
 *
 * Reference-counted, so that a round ends with the config it began with.
 */
#ifndef GATHERD_CONFIG_CONFIG_H
#define GATHERD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/units.h"
#include "config/api.h"
#include "config/faults.h"
#include "config/listen.h"
#include "config/mode.h"
#include "config/text.h"
#include "config/value.h"
#include "http/request.h"
#include "http/route.h"
#include "rules/extract.h"
#include "rules/rules.h"

struct json_body;
struct json_pointers;
struct rendered_request;
struct schema;
struct secrets;
struct template;

/* The name of a target or provider: UTF-8 without control characters. */
#define CONFIG_MAX_NAME_BYTES 128

enum target_kind {
	TARGET_SERVICE,
	TARGET_PROMPT,
};
extern const char *const target_kind_names[]; /* "service", "prompt" */

/* How the body of an answer is taken; the names are body_format_names. */
enum body_format {
	FORMAT_AUTO,
	FORMAT_JSON,
	FORMAT_TEXT,
	FORMAT_NONE
};
extern const char *const body_format_names[];

/* One entry of a map of texts: a header, a label. */
struct config_pair {
	char *name;
	struct text text;
	struct template *template; /* compiled `text`; NULL where the key takes none */
};

struct config_pairs {
	struct config_pair *items; /* owned */
	size_t count;
};

/* A text that is a template. */
struct templated {
	struct text text; /* empty: not said */
	struct template
	    *template; /* compiled `text`; NULL where it is not said or faulty */
};

/* Rules as they were written, and compiled. */
struct config_rules {
	struct value *source; /* a map; NULL: not said */
	struct rules rules;
};

/* Likewise, of `extract`. */
struct config_extracts {
	struct value *source;
	struct extract *items; /* owned; in the order of the source */
	size_t count;
};

/* `json`: a tree whose strings are templates. */
struct config_json {
	struct value *source;   /* NULL: not said */
	struct json_body *body; /* compiled */
};

/* Another target that has to be known first. */
struct dependency {
	const struct target *target; /* borrowed from the same config */
	bool needed; /* by `needs`: where it fails, this one is skipped */
};

/* `rate_per_host` and the like. */
struct config_rate {
	int64_t count; /* 0: no limit */
	int64_t per_ms;
};

/* How requests get to where they go: keys of a service, and of a provider for its prompts. */
struct way {
	struct {
		struct text ca, cert, key,
		    server_name; /* files: absolute, or from the config's */
		enum tls_version min_version;
		bool verify;
	} tls;
	struct text proxy;
	enum ip_family ip;
	struct text unix_socket;
	struct config_pairs resolve; /* HOST or HOST:PORT to an address */
	enum http_version http_version;
	bool compressed;

	struct route route; /* what they come to, once all of them are known */
};

/* One service, or what a prompt has in common with it: its keys, filled in with `defaults`
 * and defaults. Of a prompt, what no key of its table sets is 0. */
struct target {
	char *name;
	enum target_kind kind;
	/* Owned: with `for_each` the name as written, a template; NULL: without. Those of one
	 * definition stand next to each other. */
	char *definition;
	size_t
	    index; /* its place in config order, from 0: names its entry on the board */
	size_t order; /* likewise, but with the disabled ones counted */
	struct place place;

	struct templated url;
	struct text method; /* empty: GET, or POST with a body */
	struct config_pairs headers;
	/* At most one of the three; a body that is said may be empty. */
	struct templated body;    /* said: it has a template */
	struct config_json json;  /* said: it has a source */
	struct config_pairs form; /* said: it has items, be they none */
	/* At most one of the four; and then no userinfo in the URL, no Authorization header. */
	struct {
		struct templated bearer;
		struct {
			struct templated user, password;
		} basic, digest;
		struct {
			struct templated token_url, client_id, client_secret, scope;
			int client_auth; /* enum: 0 "basic", 1 "body" */
		} oauth2;
	} auth;
	struct way way;
	bool retry_unsafe;

	struct config_rules expect;
	struct config_rules warn;
	struct config_extracts extract;

	int64_t retries;
	int64_t retry_delay_ms;
	int64_t backoff_ms; /* 0: none */
	int64_t delay_ms;
	struct config_pairs needs; /* unused names; the targets' as written */
	struct value *for_each;    /* as written; NULL: not said */

	int64_t interval_ms;
	int64_t timeout_ms;
	int64_t connect_timeout_ms;
	int64_t deadline_ms;
	bool deadline_said; /* else it follows from interval and timeout */
	enum body_format format;
	size_t max_body_bytes;
	int64_t max_depth;
	int64_t redirects;
	bool data;
	bool reuse;
	bool enabled;
	bool required;
	bool keep_last;
	struct text group; /* empty: none */
	struct text description;
	struct config_pairs labels;

	/* What `for_each` gave it: a map of names, over the config's vars; NULL: nothing. */
	struct value *each;

	/* What the keys come to, once all of them are known. */
	struct json_pointers
	    *pointers;   /* owned: of `expect`, `warn`, `extract`; NULL: none */
	bool wants_json; /* a rule or value is by pointer: the body has to be JSON */
	bool wants_text; /* a rule or value is of the body's text */
	bool wants_head; /* a rule or value is of a header */
	/* `extract` has one that is secret: data is null, what was there is not told. */
	bool has_secret_value;
	bool asks_tls; /* its URL is https: the scheme is the same at each rendering */
	struct dependency *dependencies; /* owned; each target once, in config order */
	size_t dependency_count;
	/* Within a round it waits for all services: what it says is of all of them. But not for
	 * those that themselves depend, directly or not, on such a prompt: an alert that sends
	 * what it says. */
	bool waits_for_services;
	bool follows_services; /* one of those */
	/* Owned: "https://api.example.com:443", for limits; NULL: it has a fault. A prompt's is
	 * its provider's. */
	char *host;
	/* Where its access token comes from, of config->token_sources; NULL: needs none. */
	const struct target *oauth2;

	/* Rendered once where nothing in it changes from asking to asking; else NULL, as a
	 * prompt's always is. */
	struct rendered_request *rendered;
};

/* ---- prompts ---- */

/* A number of JSON as it was written. */
struct config_number {
	char *text; /* owned; NULL: not said */
	double value;
};

/* `budget`: at most one of the two amounts is said. */
struct config_budget {
	int64_t tokens; /* 0: not said */
	int64_t cost;   /* money; 0: not said */
	int64_t per_ms; /* 0: there is no budget */
};

/* A template that may stand in a file of its own. */
struct config_document {
	struct templated templated;
	struct text file; /* `{file: PATH}`; empty: it stands in the config */
};

/* `schema`, as it was written and compiled. */
struct config_schema {
	struct value *source; /* NULL: not said */
	struct schema *schema;
	size_t json_bytes; /* how long it is as it is sent */
};

/* Where prompts go. */
struct provider {
	char *name;
	size_t index; /* in config order, from 0 */
	struct place place;

	enum api api;
	struct templated base_url; /* over vars; empty: the vendor's */
	struct text model;         /* empty: each prompt says its own */
	struct text key;           /* always secret; empty: none */
	struct text key_header;    /* empty: the API's, as the next two */
	struct text api_version;
	struct text max_tokens_field;
	struct config_pairs headers; /* templates over vars */
	struct value *extra_body;    /* a map; NULL: not said */
	int64_t max_concurrent;
	bool adaptive;
	struct config_rate rate;
	struct {
		int64_t input, output; /* money for a million tokens; -1: not said */
	} price;
	struct config_budget budget;
	int64_t timeout_ms; /* 0: not said */
	struct way way;

	/* What the keys come to: */
	struct url url;  /* of `base_url`, its path without a slash at the end */
	char *shown_url; /* owned: likewise, as it may be shown */
	char *host;      /* owned: for limits; NULL: it has a fault */
	bool asks_tls;
	/* Owned: the further headers and the key's, as they are sent, and as shown. */
	struct provider_header {
		char *name, *value, *shown;
		bool secret;
	} * sent;
	size_t sent_count;
	struct secrets *secrets; /* owned: all that is secret in them and in `way` */
	/* Owned: what keys the hash of requests that hold secrets; see provider_fill(). */
	char *hash_key;
};

/* When a prompt that is due is asked; the names are prompt_when_names. */
enum prompt_when {
	WHEN_ALWAYS,
	WHEN_CHANGED, /* from what its last good answer was to */
	WHEN_FAILING, /* some service */
};
extern const char *const prompt_when_names[];

enum prompt_format {
	PROMPT_TEXT,
	PROMPT_JSON,
};
extern const char *const prompt_format_names[];

/* What the document has of the text that was sent. */
enum prompt_store {
	STORE_FULL,
	STORE_HASH,
	STORE_NONE,
};
extern const char *const prompt_store_names[];

/* A target that asks a language model. */
struct prompt {
	struct target target; /* first: see target_prompt() */

	struct templated provider_name; /* over vars and `for_each`, as `model` */
	struct templated model;
	struct config_document prompt;
	struct config_document system;
	struct config_number temperature;
	struct config_number top_p;
	struct config_number seed;
	int64_t max_tokens;       /* 0: not said */
	struct config_pairs stop; /* texts without names */
	enum prompt_format format;
	struct config_schema schema;
	struct value *extra_body; /* a map, over the provider's; NULL: not said */
	enum prompt_when when;
	struct config_budget budget;
	enum prompt_store store;
	size_t max_insert_bytes; /* of each value that is put in */
	bool fence;

	/* What the keys come to: */
	const struct provider *provider; /* of the same config; NULL: a fault */
	struct marked model_name;        /* rendered; empty: a fault */
	/* Of all that its answers are judged by, secrets as ***; "": nothing is said. */
	char rules_hash[DIGEST_HEX_SIZE];
};

/* TARGET as the prompt that it is, or NULL. */
static inline const struct prompt *
target_prompt(const struct target *target)
{
	return target->kind == TARGET_PROMPT ? (const struct prompt *)target : NULL;
}

struct config {
	unsigned references;
	char *path; /* as given; "-" */

	int64_t interval_ms;
	int64_t timeout_ms;
	int64_t connect_timeout_ms;
	int64_t spread_ms;
	bool align;
	int64_t publish_after_ms;
	int64_t max_concurrent;
	enum gather_mode mode;
	int64_t max_per_host; /* 0: no limit */
	struct config_rate rate_per_host;

	/* Where these keys stand; 1:1 where they are not said. */
	struct place mode_place;
	struct place spread_place;
	struct place max_concurrent_place;
	struct place services_place;

	struct {
		struct text file; /* empty: not said, as the next two */
		struct text metrics;
		struct text page;
		unsigned permissions; /* of all three */
		size_t max_size_bytes;
		bool sync;
	} output;
	struct {
		enum log_level level;
		enum log_format format;
	} log;
	struct {
		/* With more targets there is no histogram of their durations. */
		int64_t max_histograms;
	} metrics;
	struct text listen;                   /* empty: not said */
	bool listen_public;                   /* may be reached from other machines */
	struct listen_address listen_address; /* what `listen` comes to */
	struct value *vars;                   /* a map */
	struct config_pairs includes; /* unused names; the patterns as written */

	struct provider **providers; /* owned; in config order */
	size_t provider_count;
	/* Owned; the enabled ones: services in config order, then prompts. */
	struct target **targets;
	size_t target_count;
	size_t service_count;     /* of them */
	struct target **by_name;  /* owned; the same, sorted by name */
	struct target **disabled; /* owned; checked and printed, never asked */
	size_t disabled_count;

	/* Owned: targets that no document shows and no schedule asks: they fetch the access
	 * tokens of `auth.oauth2`, one for all targets of the same settings. Their extracts are
	 * `access_token`, which is secret, and `expires_in`. */
	struct target **token_sources;
	size_t token_source_count;
};

/* NAME=VALUE of --var; both borrowed. */
struct config_var {
	const char *name;
	const char *value;
};

/*
 * Read PATH ("-": standard input), its includes, VARS on top, and compile it all. Returns
 * NULL with at least one error in FAULTS; with a config there may still be warnings. The
 * caller holds one reference.
 */
struct config *config_load(const char *path, const struct config_var *vars,
    size_t var_count, struct faults *faults);

struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* The enabled target of that name, or NULL. */
struct target *config_find(const struct config *config, const char *name);

/* The provider of that name, or NULL. */
const struct provider *config_find_provider(
    const struct config *config, const char *name);

/* For config/load: number the enabled targets and sort them for config_find(). */
void config_index(struct config *config);

/* Right after config_load(), before anyone else holds it: leave out all enabled targets but
 * those with the COUNT names, and what they depend on. */
void config_keep_only(struct config *config, const char *const *names, size_t count);

/* The shortest interval of an enabled target, or the file's where there is none. */
int64_t config_shortest_interval_ms(const struct config *config);

#endif
