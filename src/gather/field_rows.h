/*
 * The rows of the table of fields that services and prompts share, and what they are read by.
 *
 * Private to gather/fields and gather/fields_prompt.
 */
#ifndef GATHERD_GATHER_FIELD_ROWS_H
#define GATHERD_GATHER_FIELD_ROWS_H

#include <stdint.h>

#include "gather/fields.h"

struct board_entry;

/* ---- what a getter writes ---- */

/* NULL: null. */
void field_put_text(struct field_value *value, const char *text);
/* Negative: null. */
void field_put_number(struct field_value *value, int64_t number);

/* ---- getters ---- */

void field_get_status(const struct board_entry *entry, struct field_value *value);
void field_get_since(const struct board_entry *entry, struct field_value *value);
void field_get_checked_at(const struct board_entry *entry, struct field_value *value);
void field_get_last_ok_at(const struct board_entry *entry, struct field_value *value);
void field_get_failures(const struct board_entry *entry, struct field_value *value);
void field_get_next_at(const struct board_entry *entry, struct field_value *value);
void field_get_attempts(const struct board_entry *entry, struct field_value *value);
void field_get_http_status(const struct board_entry *entry, struct field_value *value);
void field_get_duration(const struct board_entry *entry, struct field_value *value);
void field_get_bytes(const struct board_entry *entry, struct field_value *value);
void field_get_warnings(const struct board_entry *entry, struct field_value *value);
void field_get_values(const struct board_entry *entry, struct field_value *value);
void field_get_data(const struct board_entry *entry, struct field_value *value);
void field_get_group(const struct board_entry *entry, struct field_value *value);
void field_get_labels(const struct board_entry *entry, struct field_value *value);
void field_get_description(const struct board_entry *entry, struct field_value *value);
void field_get_timing(const struct board_entry *entry, struct field_value *value);
void field_get_error(const struct board_entry *entry, struct field_value *value);

/* ---- rows ---- */

extern const struct field timing_fields[]; /* ended by a NULL name, as all */
extern const struct field error_fields[];

#define FIELD_SCHEMA_OBJECT "\"type\":\"object\""
#define FIELD_SCHEMA_TEXTS \
	FIELD_SCHEMA_OBJECT ",\"additionalProperties\":{\"type\":\"string\"}"

/* clang-format off */
#define FIELD_STATUS_ROW \
	{ .name = "status", .type = FIELD_TEXT, .get = field_get_status, .names = status_names, \
	  .description = "How the last turn ended" }
#define FIELD_SINCE_ROW \
	{ .name = "since", .type = FIELD_TIME, .get = field_get_since, .nullable = true, \
	  .description = "Since when the status is what it is; a turn that was skipped or " \
	  "cancelled changes nothing" }
#define FIELD_CHECKED_AT_ROW \
	{ .name = "checked_at", .type = FIELD_TIME, .get = field_get_checked_at, .nullable = true, \
	  .description = "When the last turn ended" }
#define FIELD_LAST_OK_AT_ROW \
	{ .name = "last_ok_at", .type = FIELD_TIME, .get = field_get_last_ok_at, .nullable = true, \
	  .description = "When it was last ok or degraded" }
#define FIELD_FAILURES_ROW \
	{ .name = "failures", .type = FIELD_INT, .get = field_get_failures, \
	  .description = "Turns in a row that ended in timeout, http_error or error" }
#define FIELD_NEXT_AT_ROW \
	{ .name = "next_at", .type = FIELD_TIME, .get = field_get_next_at, .nullable = true, \
	  .description = "Until when it is not asked, for a Retry-After or for backoff" }
#define FIELD_ATTEMPTS_ROW \
	{ .name = "attempts", .type = FIELD_INT, .get = field_get_attempts, \
	  .description = "Requests that the last turn made; redirects do not count" }
#define FIELD_HTTP_STATUS_ROW \
	{ .name = "http_status", .type = FIELD_INT, .get = field_get_http_status, .nullable = true, \
	  .description = "The status of the last answer" }
#define FIELD_DURATION_MS_ROW \
	{ .name = "duration_ms", .type = FIELD_US, .get = field_get_duration, .nullable = true, \
	  .description = "From the start of the first attempt to the end of the turn" }
#define FIELD_TIMING_MS_ROW \
	{ .name = "timing_ms", .type = FIELD_OBJECT, .get = field_get_timing, .fields = timing_fields, \
	  .description = "The phases of the last attempt, after its redirects; null where one " \
	  "did not take place" }
#define FIELD_BYTES_ROW \
	{ .name = "bytes", .type = FIELD_INT, .get = field_get_bytes, \
	  .description = "Bytes of the body that arrived, decoded" }
#define FIELD_ERROR_ROW \
	{ .name = "error", .type = FIELD_OBJECT, .get = field_get_error, .fields = error_fields, \
	  .nullable = true, .description = "What went wrong; null where nothing did" }
#define FIELD_WARNINGS_ROW \
	{ .name = "warnings", .type = FIELD_TEXTS, .get = field_get_warnings, \
	  .description = "Broken rules of `warn`, missing values, and what was left out" }
#define FIELD_VALUES_ROW \
	{ .name = "values", .type = FIELD_JSON, .get = field_get_values, .json_schema = FIELD_SCHEMA_OBJECT, \
	  .description = "What `extract` took out of the answer; secret values are ***" }
#define FIELD_DATA_ROW \
	{ .name = "data", .type = FIELD_JSON, .get = field_get_data, .nullable = true, \
	  .description = "The answer: JSON, or a text; null on any failure" }
#define FIELD_GROUP_ROW \
	{ .name = "group", .type = FIELD_TEXT, .get = field_get_group, .optional = true, \
	  .description = "What it belongs to, as configured" }
#define FIELD_LABELS_ROW \
	{ .name = "labels", .type = FIELD_JSON, .get = field_get_labels, .json_schema = FIELD_SCHEMA_TEXTS, \
	  .optional = true, .description = "Words about it, as configured" }
#define FIELD_DESCRIPTION_ROW \
	{ .name = "description", .type = FIELD_TEXT, .get = field_get_description, .optional = true, \
	  .description = "What it is, as configured" }
/* clang-format on */

#endif
