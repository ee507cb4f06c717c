/*
 * The kinds of values that keys take: each knows how it is read, printed and described.
 *
 * A key's row (config/keys) names its type. What a type stores is told beside it; the
 * field must be initialised by config/keyed before anything else is done with it.
 */
#ifndef GATHERD_CONFIG_TYPES_H
#define GATHERD_CONFIG_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/yaml_write.h"

struct buffer;
struct config;
struct faults;
struct json_write;
struct key;
struct provider;
struct shown_vars;
struct sources;
struct text;
struct yaml_node;

/* What loading needs beside the node. */
struct loading {
	struct faults *faults;
	const struct sources *sources; /* the files: paths are relative to theirs */
};

/* What printing needs beside the field. */
struct printing {
	struct yaml_write yaml;
	const struct config *config;
	const struct shown_vars *shown;  /* which variables are secret */
	const struct provider *provider; /* that is printed just now; NULL: none */
};

struct type {
	size_t size; /* of the field */

	/* An empty value into FIELD, of zero bytes before. NULL: zero bytes will do. */
	void (*init)(void *field);
	/* Release what FIELD owns. NULL: nothing. */
	void (*clear)(void *field);

	/*
	 * NODE's value into FIELD. Returns false with faults told, and FIELD as it was or, of
	 * a map, with the entries that are fine. NULL:
	 * the key is put together from several files, by config/load.
	 */
	bool (*load)(const struct key *key, const struct yaml_node *node,
	    const struct loading *loading, void *field);

	/* Single values only: TEXT into *FIELD; false, and FIELD as it was, if it is none. */
	bool (*parse)(const struct key *key, const char *text, void *field);
	/* ... and what `parse` takes, behind "expected ". */
	void (*expect)(const struct key *key, struct buffer *out);

	/* Copy FROM to FIELD; of maps that are merged with those of `defaults` only what
	 * FIELD does not say. NULL: the bytes are the value. */
	void (*inherit)(void *field, const void *from);
	bool merges;
	/* Of a map with a table: nothing behind the key is none at all, not an empty one. */
	bool vanishes;

	/* Of a target's keys: are A and B the same, secret values too? NULL: the bytes are the
	 * value. */
	bool (*equal)(const void *a, const void *b);

	/* Key and value; nothing at all where FIELD says nothing. */
	void (*print)(
	    const struct key *key, const void *field, struct printing *printing);

	/* The members of the key's JSON Schema but for description and default. */
	void (*schema)(const struct key *key, struct json_write *json);
	bool default_is_json; /* the row's default is a JSON number or word */
};

/* Single values: any scalar will do, quoted or not, its ${...} put in. */
extern const struct type type_duration; /* int64_t, milliseconds */
extern const struct type type_size;     /* size_t, bytes */
extern const struct type type_int;      /* int64_t */
extern const struct type type_bool;     /* bool */
extern const struct type type_mode;     /* unsigned */
extern const struct type type_word;     /* an enum; its words are the row's `names` */
extern const struct type type_rate;     /* struct config_rate */

/* Likewise; but `null` and nothing at all say nothing. */
extern const struct type type_number; /* struct config_number, `min` to `max` */
extern const struct type type_whole;  /* struct config_number, without a fraction */
extern const struct type type_price;  /* int64_t, money; -1: not said */
extern const struct type type_cost;   /* int64_t, money over 0; 0: not said */

/* Texts. But for type_text and type_url, `null` and nothing at all say nothing. */
extern const struct type type_text;     /* struct text */
extern const struct type type_optional; /* struct text */
extern const struct type type_method;   /* struct text: of HTTP */
extern const struct type type_proxy;    /* struct text: a URL */
/* struct text: its value starts in the current directory, not in its file's. */
extern const struct type type_path;
extern const struct type type_url;          /* struct templated */
extern const struct type type_optional_url; /* struct templated */
extern const struct type type_template;     /* struct templated */
extern const struct type type_secret;       /* struct templated: never shown */
extern const struct type type_key;          /* struct text: never shown */
extern const struct type type_token;        /* struct text: a header's name */
/* struct config_document: text, or {file: PATH}. */
extern const struct type type_document;

/* Maps of texts. */
extern const struct type type_labels;  /* struct config_pairs */
extern const struct type type_headers; /* struct config_pairs of templates */
extern const struct type type_form;    /* struct config_pairs of templates */
extern const struct type type_resolve; /* struct config_pairs */

/* Lists of texts: struct config_pairs without names. */
extern const struct type type_includes;
extern const struct type type_needs;
extern const struct type type_texts;

/* Trees, kept as they are written. */
extern const struct type type_rules;    /* struct config_rules */
extern const struct type type_extract;  /* struct config_extracts */
extern const struct type type_json;     /* struct config_json */
extern const struct type type_for_each; /* struct value * */
extern const struct type type_schema;   /* struct config_schema */
extern const struct type type_tree;     /* struct value *: a map */

/* Structs, by the row's `table`. */
extern const struct type type_map;
extern const struct type type_auth;        /* one of its keys */
extern const struct type type_credentials; /* printed where it says something */
extern const struct type type_prices;      /* struct provider, its `price` */
extern const struct type type_budget;      /* struct config_budget: one amount */

/* What only the top map has. */
extern const struct type type_listen;    /* struct text: see config/listen */
extern const struct type type_vars;      /* struct value * */
extern const struct type type_defaults;  /* no field */
extern const struct type type_services;  /* no field */
extern const struct type type_providers; /* no field */
extern const struct type type_prompts;   /* no field */

/* Is NODE what stands behind `key:` with nothing there, or `null`? For maps and lists that
 * is an empty one. */
bool type_is_nothing(const struct yaml_node *node);

/* The text of the scalar NODE, the value of KEY. Returns false with faults told; TEXT is
 * to be cleared either way. */
MUST_CHECK bool type_read_text(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, struct text *text);

/* Append " (did you mean X?)" for the one of COUNT NAMES nearest to TEXT, or nothing. */
void type_append_nearest(
    struct buffer *out, const char *text, const char *const *names, size_t count);

#endif
