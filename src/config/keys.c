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

/* So often a service is asked by nobody who waits for the answer. */
#define MAX_RETRIES 100

const char *const body_format_names[] = { "auto", "json", "text", "none", NULL };
const char *const gather_mode_names[] = { "settle", "fail_fast", "all_or_nothing",
	NULL };

static const char *const ip_names[] = { "any", "4", "6", NULL };
static const char *const http_version_names[] = { "1.1", "2", "2-prior-knowledge",
	NULL };
static const char *const tls_version_names[] = { "1.2", "1.3", NULL };
static const char *const client_auth_names[] = { "basic", "body", NULL };

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

/* ---- what a service has maps of ---- */

static const struct key tls_rows[] = {
	{ "ca", &type_path, offsetof(struct way, tls.ca),
	    .description =
	        "A file of PEM certificates: whoever these sign is trusted. By "
	        "default those the system trusts." },
	{ "cert", &type_path, offsetof(struct way, tls.cert),
	    .description = "A PEM file with the client's own certificate." },
	{ "key", &type_path, offsetof(struct way, tls.key),
	    .description = "A PEM file with its key. By default in the same file." },
	{ "server_name", &type_optional, offsetof(struct way, tls.server_name),
	    .description = "The name that is asked for in the handshake and that the "
	                   "certificate must hold. By default the URL's host." },
	{ "min_version", &type_word, offsetof(struct way, tls.min_version), "1.2",
	    .names = tls_version_names,
	    .description = "The oldest version of TLS that is spoken." },
	{ "verify", &type_bool, offsetof(struct way, tls.verify), "true",
	    .description = "false: whoever answers is believed. Told in the log and in "
	                   "the document." },
};

const struct key_table tls_keys = {
	.keys = tls_rows,
	.count = ARRAY_COUNT(tls_rows),
};

static const struct key basic_rows[] = {
	{ "user", &type_secret, offsetof(struct target, auth.basic.user),
	    .flags = KEY_REQUIRED, .description = "The user. A template." },
	{ "password", &type_secret, offsetof(struct target, auth.basic.password),
	    .description = "The password, by default empty. A template." },
};

const struct key_table basic_keys = {
	.keys = basic_rows,
	.count = ARRAY_COUNT(basic_rows),
};

static const struct key digest_rows[] = {
	{ "user", &type_secret, offsetof(struct target, auth.digest.user),
	    .flags = KEY_REQUIRED, .description = "The user. A template." },
	{ "password", &type_secret, offsetof(struct target, auth.digest.password),
	    .description = "The password, by default empty. A template." },
};

const struct key_table digest_keys = {
	.keys = digest_rows,
	.count = ARRAY_COUNT(digest_rows),
};

static const struct key oauth2_rows[] = {
	{ "token_url", &type_url, offsetof(struct target, auth.oauth2.token_url),
	    .flags = KEY_REQUIRED,
	    .description =
	        "Where the access token is fetched by POST. A template over vars." },
	{ "client_id", &type_secret, offsetof(struct target, auth.oauth2.client_id),
	    .flags = KEY_REQUIRED,
	    .description = "Who asks for it. A template over vars." },
	{ "client_secret", &type_secret,
	    offsetof(struct target, auth.oauth2.client_secret), .flags = KEY_REQUIRED,
	    .description = "What proves that. A template over vars." },
	{ "scope", &type_template, offsetof(struct target, auth.oauth2.scope),
	    .description = "What the token is to be good for. A template over vars." },
	{ "client_auth", &type_word, offsetof(struct target, auth.oauth2.client_auth),
	    "basic", .names = client_auth_names,
	    .description = "How client_id and client_secret are sent. basic: as Basic "
	                   "authentication; body: as fields of the form." },
};

const struct key_table oauth2_keys = {
	.keys = oauth2_rows,
	.count = ARRAY_COUNT(oauth2_rows),
};

static const struct key auth_rows[] = {
	{ "bearer", &type_secret, offsetof(struct target, auth.bearer),
	    .description = "A token, sent as Authorization: Bearer. A template." },
	{ "basic", &type_credentials, 0, .table = &basic_keys,
	    .description = "User and password, sent as Basic authentication." },
	{ "digest", &type_credentials, 0, .table = &digest_keys,
	    .description = "User and password, proven by Digest authentication." },
	{ "oauth2", &type_credentials, 0, .table = &oauth2_keys,
	    .description = "An access token that is fetched by client credentials." },
};

const struct key_table auth_keys = {
	.keys = auth_rows,
	.count = ARRAY_COUNT(auth_rows),
};

/* ---- a service ---- */

static const struct key service_rows[] = {
	{ "url", &type_url, offsetof(struct target, url),
	    .flags = KEY_REQUIRED | KEY_OWN_ONLY,
	    .description =
	        "What is asked: an absolute http or https URL. A template." },
	{ "method", &type_method, offsetof(struct target, method),
	    .description =
	        "The method, in upper case. By default GET, or POST with a body." },
	{ "headers", &type_headers, offsetof(struct target, headers),
	    .description = "Headers of the request. Their values are templates." },
	{ "body", &type_template, offsetof(struct target, body),
	    .description = "The body, as text. A template." },
	{ "json", &type_json, offsetof(struct target, json),
	    .description =
	        "The body, as a tree that is sent as JSON. The texts in it are "
	        "templates." },
	{ "form", &type_form, offsetof(struct target, form),
	    .description = "The body, as the fields of a form. Their values are "
	                   "templates." },
	{ "auth", &type_auth, 0, .table = &auth_keys,
	    .description = "Who asks: one of bearer, basic, digest and oauth2." },
	{ "tls", &type_map, offsetof(struct target, way), .table = &tls_keys,
	    .description = "How the server proves who it is, and who asks." },
	{ "proxy", &type_proxy, offsetof(struct target, way.proxy),
	    .description = "A proxy to ask through: an http, https, socks5 or socks5h "
	                   "URL." },
	{ "ip", &type_word, offsetof(struct target, way.ip), "any", .names = ip_names,
	    .description = "Which addresses of the host are tried: of IPv4, of IPv6 or "
	                   "any." },
	{ "unix_socket", &type_path, offsetof(struct target, way.unix_socket),
	    .description =
	        "A Unix socket to connect to, in place of the URL's host and port." },
	{ "resolve", &type_resolve, offsetof(struct target, way.resolve),
	    .description =
	        "Addresses of hosts, by HOST or HOST:PORT, in place of those "
	        "that a lookup would find." },
	{ "http_version", &type_word, offsetof(struct target, way.http_version), "1.1",
	    .names = http_version_names,
	    .description =
	        "The version of HTTP. 2: over TLS, where the server agrees." },
	{ "compressed", &type_bool, offsetof(struct target, way.compressed), "false",
	    .description = "Whether a compressed answer is asked for, and unpacked." },
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
	{ "delay", &type_duration, offsetof(struct target, delay_ms), "0s",
	    .description = "Waited before the first attempt of a turn." },
	{ "retries", &type_int, offsetof(struct target, retries), "0",
	    .max = MAX_RETRIES,
	    .description = "Further attempts of a turn, after faults that may pass." },
	{ "retry_delay", &type_duration, offsetof(struct target, retry_delay_ms),
	    "500ms",
	    .description = "The longest wait before the first retry. It doubles with "
	                   "each." },
	{ "retry_unsafe", &type_bool, offsetof(struct target, retry_unsafe), "false",
	    .description =
	        "Whether POST and PATCH are asked again, too, when the server "
	        "may already have acted." },
	{ "deadline", &type_duration, offsetof(struct target, deadline_ms), .min = 1,
	    .flags = KEY_TIMER,
	    .description = "For all attempts of one turn. By default the longer of "
	                   "interval and (retries + 1) x timeout." },
	{ "backoff", &type_duration, offsetof(struct target, backoff_ms), "0s",
	    .description = "While it fails, its interval doubles with each turn, up to "
	                   "this. 0: it does not." },
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
	{ "expect", &type_rules, offsetof(struct target, expect),
	    .description =
	        "Rules about the answer. If one is broken, that is a failure. "
	        "By default the status must be 200 to 299." },
	{ "warn", &type_rules, offsetof(struct target, warn),
	    .description = "Rules about the answer. If one is broken, the service is "
	                   "degraded." },
	{ "extract", &type_extract, offsetof(struct target, extract),
	    .description = "Values taken out of the answer: names, each with a JSON "
	                   "Pointer or a map." },
	{ "data", &type_bool, offsetof(struct target, data), "true",
	    .description = "Whether the answer goes into the document." },
	{ "keep_last", &type_bool, offsetof(struct target, keep_last), "false",
	    .description = "Whether the last good answer is kept in the document, as "
	                   "last_data." },
	{ "reuse", &type_bool, offsetof(struct target, reuse), "true",
	    .description = "Whether connections are kept and used again." },
	{ "needs", &type_needs, offsetof(struct target, needs),
	    .description =
	        "Services that must have been answered well before: a name or "
	        "a list of names." },
	{ "for_each", &type_for_each, offsetof(struct target, for_each),
	    .flags = KEY_OWN_ONLY,
	    .description = "Names, each with a list of values: one service for each "
	                   "combination." },
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
	{ "mode", &type_word, offsetof(struct config, mode), "settle",
	    .names = gather_mode_names,
	    .description =
	        "What the failure of one service does to its round: nothing, "
	        "end its document at once, or end all of it." },
	{ "publish_after", &type_duration, offsetof(struct config, publish_after_ms),
	    "1s",
	    .description = "How long after an answer the document is published while a "
	                   "round goes on." },
	{ "max_concurrent", &type_int, offsetof(struct config, max_concurrent), "512",
	    .min = 1, .max = MAX_CONCURRENT,
	    .description = "Attempts in flight at once, over all services." },
	{ "max_per_host", &type_int, offsetof(struct config, max_per_host), .min = 1,
	    .max = MAX_CONCURRENT,
	    .description =
	        "Attempts in flight at once to one scheme, host and port. By default "
	        "as many as there are." },
	{ "rate_per_host", &type_rate, offsetof(struct config, rate_per_host),
	    .description = "Attempts begun in a time to one scheme, host and port. By "
	                   "default as many as there are." },
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
