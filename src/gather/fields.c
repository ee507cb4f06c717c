#include "gather/fields.h"

#include <string.h>

#include "base/compiler.h"
#include "base/json_write.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/field_rows.h"

/* ---- what a getter writes ---- */

void
field_put_text(struct field_value *value, const char *text)
{
	*value = (struct field_value){
		.text = text,
		.len = text != NULL ? strlen(text) : 0,
		.absent = text == NULL,
	};
}

void
field_put_number(struct field_value *value, int64_t number)
{
	*value = (struct field_value){ .number = number, .absent = number < 0 };
}

/* ---- the parts of an entry ---- */

void
field_get_status(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, status_names[entry->outcome.status]);
}

void
field_get_since(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->since_ms);
}

void
field_get_checked_at(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.checked_at_ms);
}

void
field_get_last_ok_at(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->last_ok_at_ms);
}

void
field_get_failures(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, (int64_t)entry->failures);
}

void
field_get_next_at(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->next_at_ms);
}

void
field_get_attempts(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.attempts);
}

void
field_get_http_status(const struct board_entry *entry, struct field_value *value)
{
	long http_status = entry->outcome.http_status;

	field_put_number(value, http_status != 0 ? http_status : -1);
}

static void
get_url(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->outcome.url);
}

static void
get_final_url(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->outcome.final_url);
}

void
field_get_duration(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.duration_us);
}

void
field_get_bytes(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, (int64_t)entry->outcome.bytes);
}

static void
get_certificate_expires_at(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.certificate_expires_at_ms);
}

void
field_get_warnings(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.texts = entry->outcome.warnings,
		.count = entry->outcome.warning_count,
	};
}

void
field_get_values(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, "{}");
	if (entry->outcome.values != NULL) {
		value->text = entry->outcome.values;
		value->len = entry->outcome.values_len;
	}
}

void
field_get_data(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.text = entry->outcome.data,
		.len = entry->outcome.data_len,
		.absent = entry->outcome.data == NULL,
	};
}

/* The present answer where it is a good one; not that of a former run. */
static void
get_last_data(const struct board_entry *entry, struct field_value *value)
{
	field_get_data(entry, value);
	if (!entry->asked || !status_is_success(entry->outcome.status)) {
		value->text = entry->last_data;
		value->len = entry->last_data_len;
	}
	/* Where it is kept, the key is always there. */
	value->absent = !entry->target->keep_last;
}

void
field_get_group(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->group);
}

void
field_get_labels(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->labels);
}

void
field_get_description(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->description);
}

/* ---- timing_ms ---- */

void
field_get_timing(UNUSED const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){ .absent = false };
}

static void
get_queued(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.queued_us);
}

static void
get_dns(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.timing.dns_us);
}

static void
get_connect(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.timing.connect_us);
}

static void
get_tls(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.timing.tls_us);
}

static void
get_first_byte(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.timing.first_byte_us);
}

static void
get_total(const struct board_entry *entry, struct field_value *value)
{
	field_put_number(value, entry->outcome.timing.total_us);
}

/* clang-format off */
const struct field timing_fields[] = {
	{ .name = "queued", .type = FIELD_US, .get = get_queued, .nullable = true,
	  .description = "Waiting for a free slot before the first attempt" },
	{ .name = "dns", .type = FIELD_US, .get = get_dns, .nullable = true,
	  .description = "Looking up the name; null on a connection that was open already" },
	{ .name = "connect", .type = FIELD_US, .get = get_connect, .nullable = true,
	  .description = "Connecting" },
	{ .name = "tls", .type = FIELD_US, .get = get_tls, .nullable = true,
	  .description = "The TLS handshake" },
	{ .name = "first_byte", .type = FIELD_US, .get = get_first_byte, .nullable = true,
	  .description = "From the request sent to the first byte of the answer" },
	{ .name = "total", .type = FIELD_US, .get = get_total, .nullable = true,
	  .description = "All of it" },
	{ .name = NULL },
};
/* clang-format on */

/* ---- error ---- */

void
field_get_error(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){ .absent = entry->outcome.kind == KIND_NONE };
}

static void
get_error_kind(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, error_kind_names[entry->outcome.kind]);
}

static void
get_error_phase(const struct board_entry *entry, struct field_value *value)
{
	int phase = entry->outcome.phase;

	field_put_text(value, phase >= 0 ? response_phase_names[phase] : NULL);
}

static void
get_error_message(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->outcome.message);
}

static void
get_error_excerpt(const struct board_entry *entry, struct field_value *value)
{
	field_put_text(value, entry->outcome.excerpt);
}

/* clang-format off */
const struct field error_fields[] = {
	{ .name = "kind", .type = FIELD_TEXT, .get = get_error_kind, .names = error_kind_names,
	  .description = "What went wrong, for programs" },
	{ .name = "phase", .type = FIELD_TEXT, .get = get_error_phase, .names = response_phase_names,
	  .nullable = true, .description = "How far the request had come" },
	{ .name = "message", .type = FIELD_TEXT, .get = get_error_message, .nullable = true,
	  .description = "What went wrong, for people" },
	{ .name = "excerpt", .type = FIELD_TEXT, .get = get_error_excerpt, .nullable = true,
	  .description = "The first 200 characters of a failed answer's text" },
	{ .name = NULL },
};

/* ---- a service ---- */

const struct field service_fields[] = {
	FIELD_STATUS_ROW,
	FIELD_SINCE_ROW,
	FIELD_CHECKED_AT_ROW,
	FIELD_LAST_OK_AT_ROW,
	FIELD_FAILURES_ROW,
	FIELD_NEXT_AT_ROW,
	FIELD_ATTEMPTS_ROW,
	FIELD_HTTP_STATUS_ROW,
	{ .name = "url", .type = FIELD_TEXT, .get = get_url, .nullable = true,
	  .description = "What was asked, with secrets as ***" },
	{ .name = "final_url", .type = FIELD_TEXT, .get = get_final_url, .nullable = true,
	  .description = "Where redirects led to" },
	FIELD_DURATION_MS_ROW,
	FIELD_TIMING_MS_ROW,
	FIELD_BYTES_ROW,
	{ .name = "certificate_expires_at", .type = FIELD_TIME, .get = get_certificate_expires_at,
	  .nullable = true, .description = "Until when the server's certificate is valid" },
	FIELD_ERROR_ROW,
	FIELD_WARNINGS_ROW,
	FIELD_VALUES_ROW,
	FIELD_DATA_ROW,
	{ .name = "last_data", .type = FIELD_JSON, .get = get_last_data, .nullable = true,
	  .optional = true, .description = "The last good answer, with `keep_last`" },
	FIELD_GROUP_ROW,
	FIELD_LABELS_ROW,
	FIELD_DESCRIPTION_ROW,
	{ .name = NULL },
};
/* clang-format on */

const struct field *
fields_of_target(const struct target *target)
{
	return target->kind == TARGET_PROMPT ? prompt_fields : service_fields;
}

const struct field *
fields_of(const struct board_entry *entry)
{
	return fields_of_target(entry->target);
}

void
field_write_number(
    struct json_write *json, enum field_type type, const struct field_value *value)
{
	int64_t number = value->number;

	if (number < 0)
		json_write_null(json);
	else if (type == FIELD_US)
		json_write_us_as_ms(json, number);
	else if (type == FIELD_TIME)
		json_write_time(json, number);
	else if (type == FIELD_BOOL)
		json_write_bool(json, number != 0);
	else if (type == FIELD_MONEY || (type == FIELD_AMOUNT && value->is_money))
		json_write_money(json, number);
	else
		json_write_int(json, number);
}
