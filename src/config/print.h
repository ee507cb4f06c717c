/*
 * The config as understood, and the schema of what it may be, from the tables of keys.
 */
#ifndef GATHERD_CONFIG_PRINT_H
#define GATHERD_CONFIG_PRINT_H

struct buffer;
struct config;

/* YAML that reads back as the same config from the main file's folder: includes taken in,
 * defaults filled in, secrets as their ${...} reference (literal ones as ***). */
void config_print(const struct config *config, struct buffer *out);

/* JSON Schema (draft 2020-12) of a config file. */
void config_print_schema(struct buffer *out);

#endif
