#include "gather/fields.h"

#include <string.h>

#include "base/compiler.h"
#include "config/config.h"
#include "gather/board.h"

/* ---- what a getter writes ---- */

static void
put_text(struct field_value *value, const char *text)
{
	*value = (struct field_value){
		.text = text,
		.len = text != NULL ? strlen(text) : 0,
		.absent = text == NULL,
	};
}

static void
put_number(struct field_value *value, int64_t number)
{
	*value = (struct field_value){ .number = number, .absent = number < 0 };
}

/* ---- the parts of an entry ---- */

static void
get_status(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, status_names[entry->outcome.status]);
}

static void
get_since(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->since_ms);
}

static void
get_checked_at(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.checked_at_ms);
}

static void
get_last_ok_at(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->last_ok_at_ms);
}

static void
get_failures(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, (int64_t)entry->failures);
}

static void
get_next_at(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->next_at_ms);
}

static void
get_attempts(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.attempts);
}

static void
get_http_status(const struct board_entry *entry, struct field_value *value)
{
	long http_status = entry->outcome.http_status;

	put_number(value, http_status != 0 ? http_status : -1);
}

static void
get_url(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->outcome.url);
}

static void
get_final_url(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->outcome.final_url);
}

static void
get_duration(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.duration_us);
}

static void
get_bytes(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, (int64_t)entry->outcome.bytes);
}

static void
get_certificate_expires_at(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.certificate_expires_at_ms);
}

static void
get_warnings(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){
		.texts = entry->outcome.warnings,
		.count = entry->outcome.warning_count,
	};
}

static void
get_values(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, "{}");
	if (entry->outcome.values != NULL) {
		value->text = entry->outcome.values;
		value->len = entry->outcome.values_len;
	}
}

static void
get_data(const struct board_entry *entry, struct field_value *value)
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
	get_data(entry, value);
	if (!entry->asked || !status_is_success(entry->outcome.status)) {
		value->text = entry->last_data;
		value->len = entry->last_data_len;
	}
	/* Where it is kept, the key is always there. */
	value->absent = !entry->target->keep_last;
}

static void
get_group(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->group);
}

static void
get_labels(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->labels);
}

static void
get_description(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->description);
}

/* ---- timing_ms ---- */

static void
get_timing(UNUSED const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){ .absent = false };
}

static void
get_queued(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.queued_us);
}

static void
get_dns(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.timing.dns_us);
}

static void
get_connect(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.timing.connect_us);
}

static void
get_tls(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.timing.tls_us);
}

static void
get_first_byte(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.timing.first_byte_us);
}

static void
get_total(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.timing.total_us);
}

/* clang-format off */
static const struct field timing_fields[] = {
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

static void
get_error(const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){ .absent = entry->outcome.kind == KIND_NONE };
}

static void
get_error_kind(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, error_kind_names[entry->outcome.kind]);
}

static void
get_error_phase(const struct board_entry *entry, struct field_value *value)
{
	int phase = entry->outcome.phase;

	put_text(value, phase >= 0 ? response_phase_names[phase] : NULL);
}

static void
get_error_message(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->outcome.message);
}

static void
get_error_excerpt(const struct board_entry *entry, struct field_value *value)
{
	put_text(value, entry->outcome.excerpt);
}

/* clang-format off */
static const struct field error_fields[] = {
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

#define SCHEMA_OBJECT "\"type\":\"object\""
#define SCHEMA_TEXTS  SCHEMA_OBJECT ",\"additionalProperties\":{\"type\":\"string\"}"

const struct field service_fields[] = {
	{ .name = "status", .type = FIELD_TEXT, .get = get_status, .names = status_names,
	  .description = "How the last turn ended" },
	{ .name = "since", .type = FIELD_TIME, .get = get_since, .nullable = true,
	  .description = "Since when the status is what it is; a turn that was skipped or "
	                 "cancelled changes nothing" },
	{ .name = "checked_at", .type = FIELD_TIME, .get = get_checked_at, .nullable = true,
	  .description = "When the last turn ended" },
	{ .name = "last_ok_at", .type = FIELD_TIME, .get = get_last_ok_at, .nullable = true,
	  .description = "When it was last ok or degraded" },
	{ .name = "failures", .type = FIELD_INT, .get = get_failures,
	  .description = "Turns in a row that ended in timeout, http_error or error" },
	{ .name = "next_at", .type = FIELD_TIME, .get = get_next_at, .nullable = true,
	  .description = "Until when it is not asked, for a Retry-After or for backoff" },
	{ .name = "attempts", .type = FIELD_INT, .get = get_attempts,
	  .description = "Requests that the last turn made; redirects do not count" },
	{ .name = "http_status", .type = FIELD_INT, .get = get_http_status, .nullable = true,
	  .description = "The status of the last answer" },
	{ .name = "url", .type = FIELD_TEXT, .get = get_url, .nullable = true,
	  .description = "What was asked, with secrets as ***" },
	{ .name = "final_url", .type = FIELD_TEXT, .get = get_final_url, .nullable = true,
	  .description = "Where redirects led to" },
	{ .name = "duration_ms", .type = FIELD_US, .get = get_duration, .nullable = true,
	  .description = "From the start of the first attempt to the end of the turn" },
	{ .name = "timing_ms", .type = FIELD_OBJECT, .get = get_timing, .fields = timing_fields,
	  .description = "The phases of the last attempt, after its redirects; null where one "
	                 "did not take place" },
	{ .name = "bytes", .type = FIELD_INT, .get = get_bytes,
	  .description = "Bytes of the body that arrived, decoded" },
	{ .name = "certificate_expires_at", .type = FIELD_TIME, .get = get_certificate_expires_at,
	  .nullable = true, .description = "Until when the server's certificate is valid" },
	{ .name = "error", .type = FIELD_OBJECT, .get = get_error, .fields = error_fields,
	  .nullable = true, .description = "What went wrong; null where nothing did" },
	{ .name = "warnings", .type = FIELD_TEXTS, .get = get_warnings,
	  .description = "Broken rules of `warn`, missing values, and what was left out" },
	{ .name = "values", .type = FIELD_JSON, .get = get_values, .json_schema = SCHEMA_OBJECT,
	  .description = "What `extract` took out of the answer; secret values are ***" },
	{ .name = "data", .type = FIELD_JSON, .get = get_data, .nullable = true,
	  .description = "The answer: JSON, or a text; null on any failure" },
	{ .name = "last_data", .type = FIELD_JSON, .get = get_last_data, .nullable = true,
	  .optional = true, .description = "The last good answer, with `keep_last`" },
	{ .name = "group", .type = FIELD_TEXT, .get = get_group, .optional = true,
	  .description = "What it belongs to, as configured" },
	{ .name = "labels", .type = FIELD_JSON, .get = get_labels, .json_schema = SCHEMA_TEXTS,
	  .optional = true, .description = "Words about it, as configured" },
	{ .name = "description", .type = FIELD_TEXT, .get = get_description, .optional = true,
	  .description = "What it is, as configured" },
	{ .name = NULL },
};
/* clang-format on */
