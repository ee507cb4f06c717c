/*
 * The tables of keys: what a config may say, one row a key.
 *
 * Loading, defaults, --print-config and the schema walk these tables, and the man page is
 * compared with them: a new key is a row in one of config/keys_*.c, a field in
 * config/config.h, and its entry in the man page.
 */
#ifndef GATHERD_CONFIG_KEYS_H
#define GATHERD_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/types.h"

struct key_table;
enum target_kind;

enum key_flag {
	KEY_REQUIRED = 1 << 0, /* its map is nothing without it */
	KEY_OF_FILE = 1 << 1,  /* its default is the key of that name in the top map */
	KEY_INCLUDED = 1 << 2, /* of the top map: may stand in included files, too */
	KEY_OWN_ONLY = 1 << 3, /* of a target: may not stand in `defaults` */
	KEY_TIMER = 1 << 4, /* of a target: `interval`, and what may follow from it */
	KEY_PACE = 1 << 5,  /* of a provider: how many, how fast, for how much */
};

struct key {
	const char *name;
	const struct type *type;
	size_t
	    offset; /* of its field; of a map with a table: what its keys count from */
	const char *initial;      /* the default, as in the file; NULL: see `flags` */
	int64_t min, max;         /* what the type counts in; max 0: no maximum */
	const char *const *names; /* type_word: its words, in the enum's order */
	const struct key_table *table; /* of a map: its keys */
	unsigned flags;                /* of enum key_flag */
	const char *description;       /* one sentence, for people */
};

struct key_table {
	const struct key *keys;
	size_t count;
	bool extensions; /* "x-..." is passed over */
	/* Further keys that may stand in the same map, of another object: for names and the
	 * schema only. Of two of the same name the first counts. NULL: none. */
	const struct key_table *also;
	/* Keys that are looked for here though they stand in the map `elsewhere_name`. NULL: none. */
	const struct key_table *elsewhere;
	const char *elsewhere_name;
};

extern const struct key_table file_keys;    /* struct config */
extern const struct key_table output_keys;  /* struct config, its `output` */
extern const struct key_table log_keys;     /* struct config, its `log` */
extern const struct key_table metrics_keys; /* struct config, its `metrics` */

extern const struct key_table service_keys;  /* struct target */
extern const struct key_table prompt_keys;   /* struct prompt */
extern const struct key_table defaults_keys; /* both, by name */
extern const struct key_table provider_keys; /* struct provider */

extern const struct key_table tls_keys; /* struct way, its `tls` */
/* struct target: its `auth` and what is in that. */
extern const struct key_table auth_keys;
extern const struct key_table basic_keys;
extern const struct key_table digest_keys;
extern const struct key_table oauth2_keys;
extern const struct key_table budget_keys; /* struct config_budget */
extern const struct key_table price_keys;  /* struct provider, its `price` */

/* Those of a target of that kind. */
const struct key_table *keys_of_targets(enum target_kind kind);

/* The row of that name, or NULL. */
const struct key *keys_find(const struct key_table *table, const char *name);

/* A key that anyone may put into the top map, as a place for YAML anchors. */
bool keys_is_extension(const char *name);

#endif
