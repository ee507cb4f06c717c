/*
 * The status document as a JSON Schema (draft 2020-12), from the tables that it is written
 * from.
 */
#ifndef GATHERD_PUBLISH_STATUS_SCHEMA_H
#define GATHERD_PUBLISH_STATUS_SCHEMA_H

struct buffer;

/* Laid out for people, with a newline at its end. */
void status_schema_append(struct buffer *out);

#endif
