/*
 * The head of a status document: one table of what stands before the entries, which the
 * document is written from and its schema made of.
 */
#ifndef GATHERD_PUBLISH_HEAD_H
#define GATHERD_PUBLISH_HEAD_H

#include <stddef.h>
#include <stdint.h>

struct board;
struct buffer;
struct json_write;
struct snapshot_head;

/* What a head tells; all borrowed. */
struct head_facts {
	const char *generator;
	const char *host;
	const struct board *board;
	const struct snapshot_head *head;
};

struct head_row {
	const char *name;
	const char *description; /* a sentence without its end, for the schema */
	void (*put)(struct json_write *json, const struct head_facts *facts);
	void (*describe)(struct json_write *json); /* the members of its JSON Schema */
};

extern const struct head_row head_rows[]; /* ended by a NULL name */

/* Append the document from its brace to the last of the rows. */
void head_append(struct buffer *out, const struct head_facts *facts);

/* `stale_after` of a document of BOARD that is made at NOW_MS, both in wall time. */
int64_t head_stale_after_ms(const struct board *board, int64_t now_ms);

/* `outcome` of a document with HEAD, and one after the other the words that it may be; NULL:
 * there are no more. */
const char *head_outcome(const struct snapshot_head *head);
const char *head_outcome_name(size_t index);

/* For the schema of an object that has the rows, and nothing else or more: each as a
 * property, and its name as an item of a list. */
void head_put_properties(struct json_write *json, const struct head_row *rows);
void head_put_names(struct json_write *json, const struct head_row *rows);

#endif
