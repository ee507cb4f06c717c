/*
 * Parts of a JSON Schema (draft 2020-12). Each writes members of the object that is open.
 */
#ifndef GATHERD_PUBLISH_SCHEMA_PARTS_H
#define GATHERD_PUBLISH_SCHEMA_PARTS_H

#include <stdbool.h>

struct field;
struct json_write;

/* With NULLABLE also null, here and below. */
void schema_put_type(struct json_write *json, const char *type, bool nullable);

/* One of the texts in NAMES, NULL-terminated, but for empty ones. */
void schema_put_names(struct json_write *json, const char *const *names, bool nullable);

void schema_put_time(struct json_write *json, bool nullable);

/* A whole number, or any, from 0. */
void schema_put_count(struct json_write *json, bool nullable);
void schema_put_number(struct json_write *json, bool nullable);

void schema_put_texts(struct json_write *json);

/* An object: its properties follow, then, behind schema_begin_required(), as items of a list
 * the names of those that are always there. It has no others. */
void schema_begin_object(struct json_write *json, bool nullable);
void schema_begin_required(struct json_write *json);
void schema_end_object(struct json_write *json);

/* The property NAME; its schema follows until schema_end_property(). DESCRIPTION may be
 * NULL. */
void schema_begin_property(
    struct json_write *json, const char *name, const char *description);
void schema_end_property(struct json_write *json);

/* An object that has FIELDS, ended by a NULL name, in their order. */
void schema_put_fields(
    struct json_write *json, const struct field *fields, bool nullable);

#endif
