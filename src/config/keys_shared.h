/*
 * Rows that stand in several tables (config/keys_*.c): what a service and a prompt have in
 * common, and a service and a provider. Not for others.
 *
 * The first of them are of structs that have a struct way, so the name of the struct is given;
 * the others are of struct target, with which a struct prompt begins.
 */
#ifndef GATHERD_CONFIG_KEYS_SHARED_H
#define GATHERD_CONFIG_KEYS_SHARED_H

#include "base/json_scan.h"
#include "config/keys.h"

/* So many connections are asked of no kernel; what it allows is looked at elsewhere. */
#define KEYS_MAX_CONCURRENT 1000000

/* The document puts three levels around a body, and is to stay within what json_scan
 * takes. */
#define KEYS_MAX_DEPTH 1000
_Static_assert(KEYS_MAX_DEPTH + 3 <= JSON_SCAN_MAX_DEPTH, "documents can be read");

/* So often a target is asked by nobody who waits for the answer. */
#define KEYS_MAX_RETRIES 100

extern const char *const keys_ip_names[];
extern const char *const keys_http_version_names[];

/* The rows are laid out as in the tables. */
/* clang-format off */

/* ---- how requests travel: of OWNER, a struct with a `way` ---- */

#define KEYS_OF_WAY(owner) \
	{ "tls", &type_map, offsetof(struct owner, way), .table = &tls_keys, \
	    .description = "How the server proves who it is, and who asks." }, \
	{ "proxy", &type_proxy, offsetof(struct owner, way.proxy), \
	    .description = "A proxy to ask through: an http, https, socks5 or socks5h " \
	                   "URL." }, \
	{ "ip", &type_word, offsetof(struct owner, way.ip), "any", \
	    .names = keys_ip_names, \
	    .description = "Which addresses of the host are tried: of IPv4, of IPv6 or " \
	                   "any." }, \
	{ "unix_socket", &type_path, offsetof(struct owner, way.unix_socket), \
	    .description = "A Unix socket to connect to, in place of the URL's host " \
	                   "and port." }, \
	{ "resolve", &type_resolve, offsetof(struct owner, way.resolve), \
	    .description = "Addresses of hosts, by HOST or HOST:PORT, in place of " \
	                   "those that a lookup would find." }, \
	{ "http_version", &type_word, offsetof(struct owner, way.http_version), "1.1", \
	    .names = keys_http_version_names, \
	    .description = "The version of HTTP. 2: over TLS, where the server agrees." }, \
	{ "compressed", &type_bool, offsetof(struct owner, way.compressed), "false", \
	    .description = "Whether a compressed answer is asked for, and unpacked." }

/* ---- when a target is asked ---- */

#define KEY_INTERVAL \
	{ "interval", &type_duration, offsetof(struct target, interval_ms), .min = 1, \
	    .flags = KEY_OF_FILE | KEY_TIMER, \
	    .description = "Time between the starts of two turns. By default the " \
	                   "file's." }

#define KEYS_OF_START \
	{ "connect_timeout", &type_duration, \
	    offsetof(struct target, connect_timeout_ms), .min = 1, .flags = KEY_OF_FILE, \
	    .description = "For the connection of one attempt, from the name lookup to " \
	                   "the end of the TLS handshake. By default the file's." }, \
	{ "delay", &type_duration, offsetof(struct target, delay_ms), "0s", \
	    .description = "Waited before the first attempt of a turn." }

/* BY_DEFAULT as text. */
#define KEY_RETRIES(by_default) \
	{ "retries", &type_int, offsetof(struct target, retries), by_default, \
	    .max = KEYS_MAX_RETRIES, \
	    .description = "Further attempts of a turn, after faults that may pass." }

#define KEY_RETRY_DELAY \
	{ "retry_delay", &type_duration, offsetof(struct target, retry_delay_ms), \
	    "500ms", \
	    .description = "The longest wait before the first retry. It doubles with " \
	                   "each." }

#define KEYS_OF_END \
	{ "deadline", &type_duration, offsetof(struct target, deadline_ms), .min = 1, \
	    .flags = KEY_TIMER, \
	    .description = "For all attempts of one turn. By default the longer of " \
	                   "interval and (retries + 1) x timeout." }, \
	{ "backoff", &type_duration, offsetof(struct target, backoff_ms), "0s", \
	    .description = "While it fails, its interval doubles with each turn, up to " \
	                   "this. 0: it does not." }

/* ---- what becomes of the answer ---- */

#define KEYS_OF_BODY \
	{ "max_body", &type_size, offsetof(struct target, max_body_bytes), "1MiB", \
	    .min = 1, .description = "The largest body that is taken." }, \
	{ "max_depth", &type_int, offsetof(struct target, max_depth), "28", .min = 1, \
	    .max = KEYS_MAX_DEPTH, \
	    .description = "How deep a JSON body may be nested." }

#define KEYS_OF_ANSWER \
	{ "expect", &type_rules, offsetof(struct target, expect), \
	    .description = "Rules about the answer. If one is broken, that is a " \
	                   "failure. By default the status must be 200 to 299." }, \
	{ "warn", &type_rules, offsetof(struct target, warn), \
	    .description = "Rules about the answer. If one is broken, the target is " \
	                   "degraded." }, \
	{ "extract", &type_extract, offsetof(struct target, extract), \
	    .description = "Values taken out of the answer: names, each with a JSON " \
	                   "Pointer or a map." }

#define KEY_KEEP_LAST \
	{ "keep_last", &type_bool, offsetof(struct target, keep_last), "false", \
	    .description = "Whether the last good answer is kept in the document, as " \
	                   "last_data and, of a prompt, last_response." }

/* ---- the target among others ---- */

#define KEYS_OF_TARGET \
	{ "needs", &type_needs, offsetof(struct target, needs), \
	    .description = "Services and prompts that must have been answered well " \
	                   "before: a name or a list of names." }, \
	{ "for_each", &type_for_each, offsetof(struct target, for_each), \
	    .flags = KEY_OWN_ONLY, \
	    .description = "Names, each with a list of values: one target for each " \
	                   "combination." }, \
	{ "enabled", &type_bool, offsetof(struct target, enabled), "true", \
	    .description = "false: it is checked, but not asked." }, \
	{ "required", &type_bool, offsetof(struct target, required), "true", \
	    .description = "false: its failure touches neither the document's status " \
	                   "nor the exit status." }, \
	{ "group", &type_text, offsetof(struct target, group), \
	    .description = "What it is shown under on pages." }, \
	{ "description", &type_text, offsetof(struct target, description), \
	    .description = "What it is, for people." }, \
	{ "labels", &type_labels, offsetof(struct target, labels), \
	    .description = "Further names and texts, for pages and metrics." }

/* clang-format on */

#endif
