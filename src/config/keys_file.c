/*
 * The keys of the file itself.
 */
#include "config/keys.h"

#include "base/compiler.h"
#include "base/log.h"
#include "config/config.h"
#include "config/keys_shared.h"

/* More targets than these nobody has. */
#define KEYS_MAX_HISTOGRAMS 1000000

const char *const gather_mode_names[] = { "settle", "fail_fast", "all_or_nothing",
	NULL };

static const struct key output_rows[] = {
	{ "file", &type_text, offsetof(struct config, output.file),
	    .description = "The status document. By default status.json in "
	                   "$STATE_DIRECTORY." },
	{ "metrics", &type_optional, offsetof(struct config, output.metrics),
	    .description = "The same state in the text format of Prometheus." },
	{ "page", &type_optional, offsetof(struct config, output.page),
	    .description = "The same state as a web page in one file." },
	{ "permissions", &type_mode, offsetof(struct config, output.permissions),
	    "0644",
	    .description = "The permissions of document, metrics and page, in octal." },
	{ "max_size", &type_size, offsetof(struct config, output.max_size_bytes),
	    "64MiB", .min = 1,
	    .description =
	        "The largest document. Data that no longer fits is null, with "
	        "a warning." },
	{ "sync", &type_bool, offsetof(struct config, output.sync), "true",
	    .description =
	        "Whether each file is flushed to the disk before it takes the "
	        "place of the old one." },
};

const struct key_table output_keys = {
	.keys = output_rows,
	.count = ARRAY_COUNT(output_rows),
};

static const struct key log_rows[] = {
	{ "level", &type_word, offsetof(struct config, log.level), "info",
	    .names = log_level_names,
	    .description = "The least important lines that are written." },
	{ "format", &type_word, offsetof(struct config, log.format), "auto",
	    .names = log_format_names,
	    .description = "How lines are written. auto: with priorities for the "
	                   "journal, else as text." },
};

const struct key_table log_keys = {
	.keys = log_rows,
	.count = ARRAY_COUNT(log_rows),
};

static const struct key metrics_rows[] = {
	{ "max_histograms", &type_int, offsetof(struct config, metrics.max_histograms),
	    "200", .min = 0, .max = KEYS_MAX_HISTOGRAMS,
	    .description = "With more targets than this there is no histogram of their "
	                   "durations." },
};

const struct key_table metrics_keys = {
	.keys = metrics_rows,
	.count = ARRAY_COUNT(metrics_rows),
};

static const struct key file_rows[] = {
	{ "interval", &type_duration, offsetof(struct config, interval_ms), "30s",
	    .min = 1, .description = "Time between the starts of two rounds." },
	{ "spread", &type_duration, offsetof(struct config, spread_ms), "0s",
	    .description = "Each target begins at a fixed point within this time after "
	                   "its round's start." },
	{ "align", &type_bool, offsetof(struct config, align), "false",
	    .description = "Whether rounds start at multiples of the interval on the "
	                   "clock." },
	{ "timeout", &type_duration, offsetof(struct config, timeout_ms), "5s",
	    .min = 1,
	    .description = "For one attempt, from the name lookup to the last byte." },
	{ "connect_timeout", &type_duration,
	    offsetof(struct config, connect_timeout_ms), "3s", .min = 1,
	    .description = "For the connection of one attempt, from the name lookup to "
	                   "the end of the TLS handshake." },
	{ "mode", &type_word, offsetof(struct config, mode), "settle",
	    .names = gather_mode_names,
	    .description = "What the failure of one target does to its round: nothing, "
	                   "end its document at once, or end all of it." },
	{ "publish_after", &type_duration, offsetof(struct config, publish_after_ms),
	    "1s",
	    .description = "How long after an answer the document is published while a "
	                   "round goes on." },
	{ "max_concurrent", &type_int, offsetof(struct config, max_concurrent), "512",
	    .min = 1, .max = KEYS_MAX_CONCURRENT,
	    .description = "Attempts in flight at once, over all targets." },
	{ "max_per_host", &type_int, offsetof(struct config, max_per_host), .min = 1,
	    .max = KEYS_MAX_CONCURRENT,
	    .description =
	        "Attempts in flight at once to one scheme, host and port. By default "
	        "as many as there are." },
	{ "rate_per_host", &type_rate, offsetof(struct config, rate_per_host),
	    .description = "Attempts begun in a time to one scheme, host and port. By "
	                   "default as many as there are." },
	{ "vars", &type_vars, offsetof(struct config, vars), .flags = KEY_INCLUDED,
	    .description = "Names and values for templates." },
	{ "include", &type_includes, offsetof(struct config, includes),
	    .description = "More files with vars, defaults, services, providers and "
	                   "prompts: patterns of names, relative to this file." },
	{ "defaults", &type_defaults, 0, .flags = KEY_INCLUDED,
	    .description = "Keys of a service or a prompt, for all that do not say "
	                   "otherwise." },
	{ "output", &type_map, 0, .table = &output_keys,
	    .description =
	        "The files that are written: the status document, and the same "
	        "as metrics and as a page." },
	{ "listen", &type_listen, offsetof(struct config, listen),
	    .description =
	        "Where the same is served over HTTP: an address and a port, or "
	        "unix: and a path." },
	{ "listen_public", &type_bool, offsetof(struct config, listen_public), "false",
	    .description = "Whether other machines may reach it, and ask for it by any "
	                   "name." },
	{ "metrics", &type_map, 0, .table = &metrics_keys,
	    .description = "What is in the metrics." },
	{ "log", &type_map, 0, .table = &log_keys,
	    .description = "The log, on standard error." },
	{ "services", &type_services, 0, .flags = KEY_INCLUDED,
	    .description = "What is asked: names, each with a URL or a map of keys." },
	{ "providers", &type_providers, 0, .flags = KEY_INCLUDED,
	    .description = "Where prompts go: names, each with a map of keys." },
	{ "prompts", &type_prompts, 0, .flags = KEY_INCLUDED,
	    .description =
	        "What language models are asked: names, each with a map of keys." },
};

const struct key_table file_keys = {
	.keys = file_rows,
	.count = ARRAY_COUNT(file_rows),
	.extensions = true,
	.elsewhere = &defaults_keys,
	.elsewhere_name = "defaults",
};
