/*
 * A status document that was read: its head, and where its entries stand.
 *
 * Values stay spans of the text; what they mean is looked at by whoever shows them, so
 * that a large `data` costs nothing.
 */
#ifndef GATHERD_PUBLISH_DOCUMENT_H
#define GATHERD_PUBLISH_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/span.h"

/* The version of the document's layout, for its readers; the one that is understood. */
#define DOCUMENT_VERSION 1

/* Larger documents are refused. */
#define DOCUMENT_MAX_BYTES ((size_t)256 * 1024 * 1024)

enum head_key {
	HEAD_VERSION,
	HEAD_HOST,
	HEAD_GENERATION,
	HEAD_GENERATED_AT,
	HEAD_STALE_AFTER,
	HEAD_STATUS,
	HEAD_OUTCOME,
	HEAD_ROUND,
	HEAD_IN_FLIGHT,
	HEAD_COUNTS,
	HEAD_FAILED,
	HEAD_SERVICES,
	HEAD_PROMPTS,
	HEAD_PROVIDERS,
};
#define HEAD_COUNT (HEAD_PROVIDERS + 1)

struct document_entry {
	char *name;       /* owned */
	struct span key;  /* the name as it is spelled */
	struct span text; /* the entry: an object, but see document_parse_compact() */
	bool is_prompt;
	bool failed; /* the document's `failed` names it */
};

struct document {
	struct buffer text; /* what the spans lie in */
	struct span head[HEAD_COUNT];
	struct document_entry *entries; /* owned; services first, in their order */
	size_t entry_count;
};

/*
 * Read PATH ("-": standard input). Returns false with *FAULT, the caller's, that says
 * what is wrong with it; DOCUMENT is to be cleared either way.
 */
MUST_CHECK bool document_read(
    struct document *document, const char *path, char **fault);

/* The same from a text that is there; TEXT is taken over, and empty then. */
MUST_CHECK bool document_parse(
    struct document *document, struct buffer *text, char **fault);

/*
 * Likewise, for who wants the values and not the text: its white space is closed up in
 * place, an entry may be something else than an object, and `failed` is not looked at.
 */
MUST_CHECK bool document_parse_compact(
    struct document *document, struct buffer *text, char **fault);

void document_clear(struct document *document);

/* Nobody should trust it any more: a later one is overdue. */
bool document_is_stale(const struct document *document, int64_t now_ms);

/* The service or prompt called NAME, or NULL. */
const struct document_entry *document_find(
    const struct document *document, const char *name);

/* The name nearest to NAME, borrowed, or NULL where none is near. */
const char *document_nearest_name(const struct document *document, const char *name);

#endif
