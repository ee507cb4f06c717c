/*
 * What the files of config/load are made of; not for others.
 */
#ifndef GATHERD_CONFIG_LOAD_PARTS_H
#define GATHERD_CONFIG_LOAD_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/sources.h"
#include "config/types.h"
#include "config/yaml.h"

struct faults;
struct key_table;

/* More of them fit into no memory; what is written out is bounded by the size of files. */
#define LOAD_MAX_EXPANDED 100000

/* What `defaults` say to one kind of targets. */
struct load_defaults {
	/* What all files say of keys that such a target has, as one map. */
	const struct yaml_node *map;
	struct target *proto; /* read from it; owned */
};

/* One config that is being put together. */
struct load {
	struct config *config;
	struct faults *faults;
	struct sources sources;
	struct loading loading;
	struct load_defaults defaults[TARGET_PROMPT + 1]; /* by kind */
	size_t left; /* how many targets may still be made by `for_each` in all */
};

/* The entries of one key of the top maps of all files. */
struct entries {
	struct yaml_pair *items; /* owned */
	size_t count;
};

/* What all files have under KEY. The caller frees the items. */
struct entries load_collect(struct load *load, const char *key);

/* All `defaults`. */
void load_defaults(struct load *load);

/* Where there is no target, what is in them is looked at all the same. Of the names that some
 * target has by `for_each` nothing is known here. */
void load_check_defaults(struct load *load);

/* Is NAME, which came of what stands at PLACE, none for a KIND ("service", "provider")? Then
 * that is a fault. */
void load_check_name(
    struct load *load, struct place place, const char *kind, const char *name);

/* The keys of TABLE that MAP, behind NAME, has to have and has not are faults. */
void load_check_required(struct load *load, const struct key_table *table,
    const struct yaml_node *name, const struct yaml_node *map);

/* The keys of the main file are loaded: where it is written to and listened at. */
void load_check_outside(struct load *load);

/* ---- targets ---- */

/*
 * What is special about one kind of targets. MAP is always that of the target's keys, less
 * `for_each`.
 */
struct load_kind {
	enum target_kind kind;
	const char *top; /* "services" */
	/* The map of keys that NODE, what is behind NAME, stands for; NULL with a fault. */
	const struct yaml_node *(*find_map)(struct load *load,
	    const struct yaml_node *name, const struct yaml_node *node);
	/* The keys of TARGET are loaded; what is known before its templates are, and after. */
	void (*check)(
	    struct load *load, struct target *target, const struct yaml_node *map);
	void (*complete)(
	    struct load *load, struct target *target, const struct yaml_node *map);
};

/* The targets of KIND of all files, in order. The names of their `for_each` are added to those
 * of the prototype, as broken ones. */
void load_targets(struct load *load, const struct load_kind *kind);

/* Two targets of the same name are a fault, whatever they are. */
void load_tell_doubled_names(struct load *load);

void load_services(struct load *load);
/* Providers come before. */
void load_prompts(struct load *load);
void load_providers(struct load *load);

#endif
