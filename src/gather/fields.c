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
get_duration(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, entry->outcome.duration_us);
}

static void
get_bytes(const struct board_entry *entry, struct field_value *value)
{
	put_number(value, (int64_t)entry->outcome.bytes);
}

/* Certificates are not looked at. */
static void
get_certificate_expires_at(
    UNUSED const struct board_entry *entry, struct field_value *value)
{
	put_number(value, -1);
}

static void
get_warnings(UNUSED const struct board_entry *entry, struct field_value *value)
{
	*value = (struct field_value){ .absent = false };
}

/* Nothing is extracted. */
static void
get_values(UNUSED const struct board_entry *entry, struct field_value *value)
{
	put_text(value, "{}");
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

static const struct field timing_fields[] = {
	{ .name = "queued", .type = FIELD_US, .get = get_queued },
	{ .name = "dns", .type = FIELD_US, .get = get_dns },
	{ .name = "connect", .type = FIELD_US, .get = get_connect },
	{ .name = "tls", .type = FIELD_US, .get = get_tls },
	{ .name = "first_byte", .type = FIELD_US, .get = get_first_byte },
	{ .name = "total", .type = FIELD_US, .get = get_total },
	{ .name = NULL },
};

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

static const struct field error_fields[] = {
	{ .name = "kind", .type = FIELD_TEXT, .get = get_error_kind },
	{ .name = "phase", .type = FIELD_TEXT, .get = get_error_phase },
	{ .name = "message", .type = FIELD_TEXT, .get = get_error_message },
	{ .name = "excerpt", .type = FIELD_TEXT, .get = get_error_excerpt },
	{ .name = NULL },
};

/* ---- a service ---- */

/* clang-format off */
const struct field service_fields[] = {
	{ .name = "status", .type = FIELD_TEXT, .get = get_status },
	{ .name = "since", .type = FIELD_TIME, .get = get_since },
	{ .name = "checked_at", .type = FIELD_TIME, .get = get_checked_at },
	{ .name = "last_ok_at", .type = FIELD_TIME, .get = get_last_ok_at },
	{ .name = "failures", .type = FIELD_INT, .get = get_failures },
	{ .name = "attempts", .type = FIELD_INT, .get = get_attempts },
	{ .name = "http_status", .type = FIELD_INT, .get = get_http_status },
	{ .name = "url", .type = FIELD_TEXT, .get = get_url },
	{ .name = "duration_ms", .type = FIELD_US, .get = get_duration },
	{ .name = "timing_ms", .type = FIELD_OBJECT, .get = get_timing, .fields = timing_fields },
	{ .name = "bytes", .type = FIELD_INT, .get = get_bytes },
	{ .name = "certificate_expires_at", .type = FIELD_TIME, .get = get_certificate_expires_at },
	{ .name = "error", .type = FIELD_OBJECT, .get = get_error, .fields = error_fields },
	{ .name = "warnings", .type = FIELD_TEXTS, .get = get_warnings },
	{ .name = "values", .type = FIELD_JSON, .get = get_values },
	{ .name = "data", .type = FIELD_JSON, .get = get_data },
	{ .name = "last_data", .type = FIELD_JSON, .get = get_last_data, .optional = true },
	{ .name = "group", .type = FIELD_TEXT, .get = get_group, .optional = true },
	{ .name = "labels", .type = FIELD_JSON, .get = get_labels, .optional = true },
	{ .name = "description", .type = FIELD_TEXT, .get = get_description, .optional = true },
	{ .name = NULL },
};
/* clang-format on */
