/*
 * An append-only YAML writer: maps in block style, lists in flow style, every text quoted
 * that would not read back as itself by any reader of YAML.
 */
#ifndef GATHERD_CONFIG_YAML_WRITE_H
#define GATHERD_CONFIG_YAML_WRITE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct yaml_write {
	struct buffer *out; /* borrowed */
	unsigned depth;     /* of block maps; the top one is 1 */
	unsigned flow;      /* of lists and of maps in lists */
	bool comma;         /* something stands before in this list */
	bool empty;         /* the block map just begun has no key yet */
};

/* Start writing a document, a map, behind what OUT holds. */
void yaml_write_init(struct yaml_write *yaml, struct buffer *out);
/* Every map and list must be closed. */
void yaml_write_end(struct yaml_write *yaml);

/* Inside a map: a key, whose value must follow. */
void yaml_write_key(struct yaml_write *yaml, const char *key);
void yaml_write_begin_map(struct yaml_write *yaml);
void yaml_write_end_map(struct yaml_write *yaml);
void yaml_write_begin_list(struct yaml_write *yaml);
void yaml_write_end_list(struct yaml_write *yaml);

/* TEXT, quoted where it must be to stay a text. */
void yaml_write_text(struct yaml_write *yaml, const char *text);
/* A number, a word, a duration: as it is. */
void yaml_write_word(struct yaml_write *yaml, const char *word);

#endif
