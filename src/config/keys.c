#include "config/keys.h"

#include <string.h>

#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "config/config.h"

/* So many connections are asked of no kernel; what it allows is looked at elsewhere. */
#define MAX_CONCURRENT 1000000
#define MAX_REDIRECTS  50

/* The document puts three levels around a body, and is to stay within what json_scan
 * takes. */
#define DATA_MAX_DEPTH 1000
_Static_assert(DATA_MAX_DEPTH + 3 <= JSON_SCAN_MAX_DEPTH, "documents can be read");

const char *const body_format_names[] = { "auto", "json", "text", "none", NULL };

static const struct key output_rows[] = {
	{ "file", &type_text, offsetof(struct config, output.file),
	    .description = "The status document. By default status.json in "
	                   "$STATE_DIRECTORY." },
	{ "permissions", &type_mode, offsetof(struct config, output.permissions),
	    "0644", .description = "The permissions of the document, in octal." },
	{ "max_size", &type_size, offsetof(struct config, output.max_size_bytes),
	    "64MiB", .min = 1,
	    .description =
	        "The largest document. Data that no longer fits is null, with "
	        "a warning." },
	{ "sync", &type_bool, offsetof(struct config, output.sync), "true",
	    .description =
	        "Whether each document is flushed to the disk before it takes "
	        "the place of the old one." },
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

static const struct key service_rows[] = {
	{ "url", &type_url, offsetof(struct target, url),
	    .flags = KEY_REQUIRED | KEY_OWN_ONLY,
	    .description =
	        "What is asked: an absolute http or https URL. A template." },
	{ "headers", &type_headers, offsetof(struct target, headers),
	    .description = "Headers of the request. Their values are templates." },
	{ "interval", &type_duration, offsetof(struct target, interval_ms), .min = 1,
	    .flags = KEY_OF_FILE | KEY_TIMER,
	    .description = "Time between the starts of two turns. By default the "
	                   "file's." },
	{ "timeout", &type_duration, offsetof(struct target, timeout_ms), .min = 1,
	    .flags = KEY_OF_FILE,
	    .description = "For one attempt, from the name lookup to the last byte. By "
	                   "default the file's." },
	{ "connect_timeout", &type_duration,
	    offsetof(struct target, connect_timeout_ms), .min = 1, .flags = KEY_OF_FILE,
	    .description = "For the connection of one attempt, from the name lookup to "
	                   "the end of the TLS handshake. By default the file's." },
	{ "deadline", &type_duration, offsetof(struct target, deadline_ms), .min = 1,
	    .flags = KEY_TIMER,
	    .description = "For all attempts of one turn. By default the longer of "
	                   "interval and timeout." },
	{ "format", &type_word, offsetof(struct target, format), "auto",
	    .names = body_format_names,
	    .description =
	        "How the body is taken. auto: kept if it is said to be JSON, "
	        "and then it must be." },
	{ "max_body", &type_size, offsetof(struct target, max_body_bytes), "1MiB",
	    .min = 1, .description = "The largest body that is taken." },
	{ "max_depth", &type_int, offsetof(struct target, max_depth), "28", .min = 1,
	    .max = DATA_MAX_DEPTH,
	    .description = "How deep a JSON body may be nested." },
	{ "redirects", &type_int, offsetof(struct target, redirects), "5",
	    .max = MAX_REDIRECTS,
	    .description = "How many redirects are followed. 0: a redirect is the "
	                   "answer." },
	{ "data", &type_bool, offsetof(struct target, data), "true",
	    .description = "Whether the answer goes into the document." },
	{ "keep_last", &type_bool, offsetof(struct target, keep_last), "false",
	    .description = "Whether the last good answer is kept in the document, as "
	                   "last_data." },
	{ "reuse", &type_bool, offsetof(struct target, reuse), "true",
	    .description = "Whether connections are kept and used again." },
	{ "enabled", &type_bool, offsetof(struct target, enabled), "true",
	    .description = "false: it is checked, but not asked." },
	{ "required", &type_bool, offsetof(struct target, required), "true",
	    .description = "false: its failure touches neither the document's status "
	                   "nor the exit status." },
	{ "group", &type_text, offsetof(struct target, group),
	    .description = "What it is shown under on pages." },
	{ "description", &type_text, offsetof(struct target, description),
	    .description = "What it is, for people." },
	{ "labels", &type_labels, offsetof(struct target, labels),
	    .description = "Further names and texts, for pages and metrics." },
};

const struct key_table service_keys = {
	.keys = service_rows,
	.count = ARRAY_COUNT(service_rows),
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
	{ "publish_after", &type_duration, offsetof(struct config, publish_after_ms),
	    "1s",
	    .description = "How long after an answer the document is published while a "
	                   "round goes on." },
	{ "max_concurrent", &type_int, offsetof(struct config, max_concurrent), "512",
	    .min = 1, .max = MAX_CONCURRENT,
	    .description = "Attempts in flight at once, over all services." },
	{ "vars", &type_vars, offsetof(struct config, vars), .flags = KEY_INCLUDED,
	    .description = "Names and values for templates." },
	{ "include", &type_includes, offsetof(struct config, includes),
	    .description = "More files with vars, defaults and services: patterns of "
	                   "names, relative to this file." },
	{ "defaults", &type_defaults, 0, .flags = KEY_INCLUDED,
	    .description = "Keys of a service, for all services that do not say "
	                   "otherwise." },
	{ "output", &type_map, 0, .table = &output_keys,
	    .description = "The status document." },
	{ "log", &type_map, 0, .table = &log_keys,
	    .description = "The log, on standard error." },
	{ "services", &type_services, 0, .flags = KEY_INCLUDED,
	    .description = "What is asked: names, each with a URL or a map of keys." },
};

const struct key_table file_keys = {
	.keys = file_rows,
	.count = ARRAY_COUNT(file_rows),
	.extensions = true,
};

const struct key *
keys_find(const struct key_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	}
	return NULL;
}

bool
keys_is_extension(const char *name)
{
	return strncmp(name, "x-", 2) == 0;
}
