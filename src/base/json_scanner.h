/*
 * The parts of the pass over a JSON text. Only for json_scan.c, json_token.c and
 * json_find.c.
 *
 * Every function gets the place to read on from and returns the place behind what it read,
 * or NULL after it has noted a fault.
 */
#ifndef GATHERD_BASE_JSON_SCANNER_H
#define GATHERD_BASE_JSON_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_scan.h"

struct json_scanner {
	const char *end;
	/* What is kept was moved to below `write`; from `run` on it still stands
	 * where it came. As long as no white space was met both are the start of the
	 * text. */
	char *write;
	const char *run;
	const char *fault_at;
	enum json_fault fault;
	unsigned depth;
	unsigned max_depth;
	bool in_object; /* the innermost open bracket is a brace */
	/* For each bracket open outside of the innermost: is it a brace? */
	uint64_t outer[JSON_SCAN_MAX_DEPTH / 64 + 1];
};

/* How json_scan_compact() goes through a whole text, which is one value; VALUE reads it, and
 * gets ARG. */
typedef const char *json_scanner_value_fn(
    struct json_scanner *scanner, const char *text, void *arg);
MUST_CHECK bool json_scanner_run(char *text, size_t len, unsigned max_depth,
    json_scanner_value_fn *value, void *arg, struct json_scan *scan);

/* ---- tokens ---- */

const char *json_scanner_fail(
    struct json_scanner *scanner, enum json_fault fault, const char *at);

/* What stands at TEXT cannot stand there. */
const char *json_scanner_fail_at(struct json_scanner *scanner, const char *text);

/* TEXT is inside of a string. */
const char *json_scanner_string(struct json_scanner *scanner, const char *text);

/* TEXT is at the minus or the first digit. */
const char *json_scanner_number(struct json_scanner *scanner, const char *text);

/* true, false or null. */
const char *json_scanner_word(
    struct json_scanner *scanner, const char *text, const char *word);

/* ---- structure ---- */

/* White space, which is dropped. */
const char *json_scanner_space(struct json_scanner *scanner, const char *text);

/* A key, and then its colon; white space may stand before each. */
const char *json_scanner_key(struct json_scanner *scanner, const char *text);
const char *json_scanner_colon(struct json_scanner *scanner, const char *text);

/* TEXT is at an opening bracket. */
const char *json_scanner_open(struct json_scanner *scanner, const char *text);

/* TEXT is at a closing bracket, of the kind that the innermost wants. */
const char *json_scanner_close(struct json_scanner *scanner, const char *text);

static inline char
json_scanner_closing(const struct json_scanner *scanner)
{
	return scanner->in_object ? '}' : ']';
}

/* From where a value starts, with all that is inside and behind it, until only DEPTH
 * brackets are open. */
const char *json_scanner_values(
    struct json_scanner *scanner, const char *text, unsigned depth);

/* Where what stands at TEXT will stand when the pass is over: no white space was dropped
 * since that lies behind TEXT. */
static inline char *
json_scanner_compact(const struct json_scanner *scanner, const char *text)
{
	return scanner->write + (text - scanner->run);
}

#endif
