/*
 * The files that a config is read from: the main one and those it includes, as trees.
 */
#ifndef GATHERD_CONFIG_SOURCES_H
#define GATHERD_CONFIG_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

struct config_pairs;
struct faults;
struct yaml_node;
struct yaml_tree;

struct source {
	unsigned file;          /* its number in the faults */
	char *folder;           /* owned: where its relative paths start */
	struct yaml_tree *tree; /* owned; NULL: it could not be read */
	dev_t device;           /* which file it is, under whatever name; */
	ino_t inode;            /* ... not known of standard input */
};

struct sources {
	struct source *items; /* owned; the main file first */
	size_t count;
};

/* Read the main file, "-" for standard input. Returns false with faults told; SOURCES is
 * to be cleared either way. */
MUST_CHECK bool sources_open(
    struct sources *sources, const char *path, struct faults *faults);
void sources_clear(struct sources *sources);

/* Read what the patterns of the main file's `include` name, each file once, in the order
 * of their paths. What cannot be read is told and left without a tree. */
void sources_include(struct sources *sources, const struct config_pairs *patterns,
    struct faults *faults);

/* The top map of a source, or NULL. */
const struct yaml_node *source_root(const struct source *source);

/* Where relative paths of the file with number FILE start. */
const char *sources_folder(const struct sources *sources, unsigned file);

/* What to put before such a path where it is to stand in the main file: "", "conf.d/". The
 * caller's. */
char *sources_prefix(const struct sources *sources, unsigned file);

#endif
