/*
 * `schema` of a prompt: a JSON Schema written as YAML, compiled to what is checked here.
 */
#ifndef GATHERD_CONFIG_SCHEMA_SOURCE_H
#define GATHERD_CONFIG_SCHEMA_SOURCE_H

struct faults;
struct schema;
struct value;

/*
 * The schema of SOURCE, a map; NULL with faults told at the values that hold them: a word that
 * is known with a value that it does not take, a pattern that is none. Words that are not
 * checked here are passed on to the provider all the same: each is a warning, once; those that
 * check nothing (title, description, default, examples, $schema, $id, $comment, format,
 * deprecated, readOnly, writeOnly) are not told.
 */
struct schema *schema_source_compile(const struct value *source, struct faults *faults);

#endif
