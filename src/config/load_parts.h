/*
 * What the files of config/load are made of; not for others.
 */
#ifndef GATHERD_CONFIG_LOAD_PARTS_H
#define GATHERD_CONFIG_LOAD_PARTS_H

#include <stddef.h>

#include "config/sources.h"
#include "config/types.h"
#include "config/yaml.h"

struct config;
struct faults;
struct target;

/* One config that is being put together. */
struct load {
	struct config *config;
	struct faults *faults;
	struct sources sources;
	struct loading loading;

	const struct yaml_node *defaults; /* what all files say, as one map */
	struct target *proto;             /* read from it; owned */
};

/* The entries of one key of the top maps of all files. */
struct entries {
	struct yaml_pair *items; /* owned */
	size_t count;
};

/* What all files have under KEY. The caller frees the items. */
struct entries load_collect(struct load *load, const char *key);

/* The services of all files, in order. The names of their `for_each` are added to those of the
 * prototype, as broken ones. */
void load_services(struct load *load);

#endif
