/*
 * One pass over a JSON text: is it valid, and what is it without its white space.
 *
 * Strict by RFC 8259, and stricter where a reader of the status document could stumble:
 * valid UTF-8 (RFC 3629), no lone surrogate escapes, numbers within double's range,
 * nesting up to a limit, nothing behind the value but white space. Numbers keep their
 * digits, keys their order, doubled keys stay. The pass never recurses and allocates
 * nothing.
 */
#ifndef GATHERD_BASE_JSON_SCAN_H
#define GATHERD_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* The deepest nesting that a caller may allow. */
#define JSON_SCAN_MAX_DEPTH 1024

enum json_fault {
	JSON_FAULT_NONE,
	JSON_FAULT_EMPTY,     /* nothing but white space */
	JSON_FAULT_SYNTAX,    /* not JSON at `offset` */
	JSON_FAULT_CUT,       /* well so far, but the text ends inside */
	JSON_FAULT_UTF8,      /* not UTF-8 */
	JSON_FAULT_SURROGATE, /* half a surrogate pair as \uXXXX */
	JSON_FAULT_RANGE,     /* a number that no double can hold */
	JSON_FAULT_DEPTH,     /* nested too deeply */
	JSON_FAULT_TRAILING,  /* something behind the value */
};

struct json_scan {
	enum json_fault fault;
	size_t
	    offset; /* of the fault, in bytes from the start of the text as it came */
	size_t len; /* without a fault: the length of the compact text */
};

/*
 * Check LEN bytes at TEXT and, in the same pass, close up the insignificant white space
 * in place. With a fault the text is spoilt from its start on. DEPTH: the top value
 * counts 0 when it is a scalar, an array or object inside nothing counts 1.
 */
MUST_CHECK bool json_scan_compact(
    char *text, size_t len, unsigned max_depth, struct json_scan *scan);

/* "not valid JSON at byte 17", for error messages; borrowed phrase without the place. */
const char *json_fault_text(enum json_fault fault);

#endif
