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
#include "base/log.h"
#include "config/faults.h"
#include "config/text.h"
#include "config/value.h"
#include "http/request.h"

struct rendered_request;
struct template;

/* The name of a target: UTF-8 without control characters. */
#define CONFIG_MAX_NAME_BYTES 128

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

/* One service: its keys, filled in with `defaults` and defaults. */
struct target {
	char *name;
	size_t
	    index; /* its place in config order, from 0: names its entry on the board */
	size_t order; /* likewise, but with the disabled ones counted */
	struct place place;

	struct text url;
	struct template *url_template;
	struct config_pairs headers;
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

	bool tls; /* its URL is https: the scheme is the same whenever it is rendered */

	/* Rendered once where nothing in it changes from asking to asking; else NULL. */
	struct rendered_request *rendered;
};

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

	/* Where these keys stand; 1:1 where they are not said. */
	struct place spread_place;
	struct place max_concurrent_place;
	struct place services_place;

	struct {
		struct text file; /* empty: not said */
		unsigned permissions;
		size_t max_size_bytes;
		bool sync;
	} output;
	struct {
		enum log_level level;
		enum log_format format;
	} log;
	struct value *vars;           /* a map */
	struct config_pairs includes; /* unused names; the patterns as written */

	struct target **targets; /* owned; the enabled ones, in config order */
	size_t target_count;
	struct target **by_name;  /* owned; the same, sorted by name */
	struct target **disabled; /* owned; checked and printed, never asked */
	size_t disabled_count;
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

/* For config/load: number the enabled targets and sort them for config_find(). */
void config_index(struct config *config);

/* Right after config_load(), before anyone else holds it: leave out all enabled targets but
 * those with the COUNT names. */
void config_keep_only(struct config *config, const char *const *names, size_t count);

/* The shortest interval of an enabled target, or the file's where there is none. */
int64_t config_shortest_interval_ms(const struct config *config);

#endif
