/*
 * The types of numbers and of what is counted in units: durations, sizes, rates, money.
 */
#include "config/types.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/types_parts.h"
#include "config/value.h"
#include "config/yaml.h"

static bool
is_in_bounds(const struct key *key, int64_t number)
{
	return number >= key->min && (key->max == 0 || number <= key->max);
}

/* ---- durations ---- */

static bool
parse_duration(const struct key *key, const char *text, void *field)
{
	int64_t ms;

	if (!units_parse_duration_ms(text, &ms) || !is_in_bounds(key, ms))
		return false;
	*(int64_t *)field = ms;
	return true;
}

static void
expect_duration(const struct key *key, struct buffer *out)
{
	buffer_append_format(
	    out, "a duration%s such as 2s or 500ms", key->min > 0 ? " over 0" : "");
}

static void
print_duration(const struct key *key, const void *field, struct printing *printing)
{
	int64_t ms = *(const int64_t *)field;
	char text[UNITS_TEXT_SIZE];

	/* What has no default and is not said, here and below. */
	if (key->initial == NULL && ms < key->min)
		return;
	units_format_duration(text, ms);
	type_print_word(key, text, printing);
}

static void
write_duration_schema(const struct key *key, struct json_write *json)
{
	type_write_definition(key->min > 0 ? "positive_duration" : "duration", json);
}

const struct type type_duration = {
	.size = sizeof(int64_t),
	.load = type_load_single,
	.parse = parse_duration,
	.expect = expect_duration,
	.print = print_duration,
	.schema = write_duration_schema,
};

/* ---- sizes ---- */

static bool
parse_size(const struct key *key, const char *text, void *field)
{
	size_t bytes;

	/* More than a buffer can hold is no size for anything here. */
	if (!units_parse_size(text, &bytes) || bytes > BUFFER_UNLIMITED ||
	    !is_in_bounds(key, (int64_t)bytes))
		return false;
	*(size_t *)field = bytes;
	return true;
}

static void
expect_size(const struct key *key, struct buffer *out)
{
	buffer_append_format(
	    out, "a size%s such as 64KiB or 1MB", key->min > 0 ? " over 0" : "");
}

static void
print_size(const struct key *key, const void *field, struct printing *printing)
{
	char text[UNITS_TEXT_SIZE];

	units_format_size(text, *(const size_t *)field);
	type_print_word(key, text, printing);
}

static void
write_size_schema(const struct key *key, struct json_write *json)
{
	type_write_definition(key->min > 0 ? "positive_size" : "size", json);
}

const struct type type_size = {
	.size = sizeof(size_t),
	.load = type_load_single,
	.parse = parse_size,
	.expect = expect_size,
	.print = print_size,
	.schema = write_size_schema,
};

/* ---- whole numbers ---- */

static int64_t
maximum(const struct key *key)
{
	return key->max == 0 ? INT64_MAX : key->max;
}

static bool
parse_int(const struct key *key, const char *text, void *field)
{
	return units_parse_int(text, key->min, maximum(key), field);
}

static void
expect_int(const struct key *key, struct buffer *out)
{
	buffer_append_format(
	    out, "a whole number from %" PRId64 " to %" PRId64, key->min, maximum(key));
}

static void
print_int(const struct key *key, const void *field, struct printing *printing)
{
	int64_t number = *(const int64_t *)field;
	char text[UNITS_TEXT_SIZE];

	if (key->initial == NULL && number < key->min)
		return;
	snprintf(text, sizeof(text), "%" PRId64, number);
	type_print_word(key, text, printing);
}

static void
write_int_schema(const struct key *key, struct json_write *json)
{
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "integer");
	json_write_key(json, "minimum");
	json_write_int(json, key->min);
	json_write_key(json, "maximum");
	json_write_int(json, maximum(key));
	json_write_end_object(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "string");
	json_write_key(json, "pattern");
	json_write_string(json, key->min < 0 ? "^-?[0-9]+$" : "^[0-9]+$");
	json_write_end_object(json);
	json_write_begin_object(json);
	type_write_definition("reference", json);
	json_write_end_object(json);
	json_write_end_array(json);
}

const struct type type_int = {
	.size = sizeof(int64_t),
	.load = type_load_single,
	.parse = parse_int,
	.expect = expect_int,
	.print = print_int,
	.schema = write_int_schema,
	.default_is_json = true,
};

/* ---- how many in a time ---- */

static bool
parse_rate(UNUSED const struct key *key, const char *text, void *field)
{
	struct config_rate *rate = field;

	return units_parse_rate(text, &rate->count, &rate->per_ms);
}

static void
expect_rate(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "a rate such as 10/s, 60/min or 1000/h");
}

static void
print_rate(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_rate *rate = field;
	char text[UNITS_TEXT_SIZE];

	if (rate->count == 0)
		return;
	units_format_rate(text, rate->count, rate->per_ms);
	type_print_word(key, text, printing);
}

static void
write_rate_schema(UNUSED const struct key *key, struct json_write *json)
{
	type_write_definition("rate", json);
}

const struct type type_rate = {
	.size = sizeof(struct config_rate),
	.load = type_load_single,
	.parse = parse_rate,
	.expect = expect_rate,
	.print = print_rate,
	.schema = write_rate_schema,
};

/* ---- numbers of JSON, as they are written ---- */

static void
clear_number(void *field)
{
	struct config_number *number = field;

	free(number->text);
	*number = (struct config_number){ 0 };
}

static void
put_number(struct config_number *number, const char *text, double value)
{
	free(number->text);
	*number = (struct config_number){ .text = xstrdup(text), .value = value };
}

static bool
load_number(const struct key *key, const struct yaml_node *node,
    const struct loading *loading, void *field)
{
	return type_is_nothing(node) || type_load_single(key, node, loading, field);
}

static bool
parse_number(const struct key *key, const char *text, void *field)
{
	double value;

	if (!value_text_is_number(text))
		return false;
	value = strtod(text, NULL);
	/* Not what is beyond double's range. */
	if (!isfinite(value) || value < (double)key->min ||
	    (key->max != 0 && value > (double)key->max))
		return false;
	put_number(field, text, value);
	return true;
}

static void
expect_number(const struct key *key, struct buffer *out)
{
	if (key->max == 0)
		buffer_append_format(
		    out, "a number from %" PRId64 " on such as 0.5", key->min);
	else
		buffer_append_format(out,
		    "a number from %" PRId64 " to %" PRId64 " such as 0.5", key->min,
		    key->max);
}

static void
inherit_number(void *field, const void *from)
{
	const struct config_number *number = from;

	if (number->text == NULL)
		clear_number(field);
	else
		put_number(field, number->text, number->value);
}

/* By their texts: that is what is sent. */
static bool
equal_numbers(const void *left, const void *right)
{
	const struct config_number *a = left;
	const struct config_number *b = right;

	if (a->text == NULL || b->text == NULL)
		return a->text == b->text;
	return strcmp(a->text, b->text) == 0;
}

static void
print_number(const struct key *key, const void *field, struct printing *printing)
{
	const struct config_number *number = field;

	if (number->text != NULL)
		type_print_word(key, number->text, printing);
}

/* One form of a number beside texts. KIND is "number" or "integer". */
static void
write_bounds(
    const char *kind, const int64_t *min, const int64_t *max, struct json_write *json)
{
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, kind);
	if (min != NULL) {
		json_write_key(json, "minimum");
		json_write_int(json, *min);
	}
	if (max != NULL) {
		json_write_key(json, "maximum");
		json_write_int(json, *max);
	}
	json_write_end_object(json);
}

/* A number, a text of PATTERN, a reference or nothing at all. */
static void
write_forms(const char *kind, const int64_t *min, const int64_t *max,
    const char *pattern, struct json_write *json)
{
	json_write_key(json, "anyOf");
	json_write_begin_array(json);
	write_bounds(kind, min, max, json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "string");
	json_write_key(json, "pattern");
	json_write_string(json, pattern);
	json_write_end_object(json);
	json_write_begin_object(json);
	type_write_definition("reference", json);
	json_write_end_object(json);
	json_write_begin_object(json);
	json_write_key(json, "type");
	json_write_string(json, "null");
	json_write_end_object(json);
	json_write_end_array(json);
}

static void
write_number_schema(const struct key *key, struct json_write *json)
{
	write_forms("number", &key->min, key->max != 0 ? &key->max : NULL,
	    "^(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$", json);
}

const struct type type_number = {
	.size = sizeof(struct config_number),
	.clear = clear_number,
	.load = load_number,
	.parse = parse_number,
	.expect = expect_number,
	.inherit = inherit_number,
	.equal = equal_numbers,
	.print = print_number,
	.schema = write_number_schema,
};

/* Of any size that fits 64 bits. */
static bool
parse_whole(UNUSED const struct key *key, const char *text, void *field)
{
	int64_t number;

	if (!units_parse_int(text, INT64_MIN, INT64_MAX, &number))
		return false;
	put_number(field, text, (double)number);
	return true;
}

static void
expect_whole(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "a whole number such as 42");
}

static void
write_whole_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_forms("integer", NULL, NULL, "^(0|-?[1-9][0-9]*)$", json);
}

const struct type type_whole = {
	.size = sizeof(struct config_number),
	.clear = clear_number,
	.load = load_number,
	.parse = parse_whole,
	.expect = expect_whole,
	.inherit = inherit_number,
	.equal = equal_numbers,
	.print = print_number,
	.schema = write_whole_schema,
};

/* ---- money ---- */

static void
print_money(const struct key *key, int64_t money, struct printing *printing)
{
	char text[UNITS_TEXT_SIZE];

	units_format_decimal(text, money, MONEY_ONE);
	type_print_word(key, text, printing);
}

static void
init_price(void *field)
{
	*(int64_t *)field = -1;
}

static bool
parse_price(UNUSED const struct key *key, const char *text, void *field)
{
	return units_parse_decimal(text, MONEY_ONE, field);
}

static void
expect_price(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "a decimal number such as 0.75");
}

static void
print_price(const struct key *key, const void *field, struct printing *printing)
{
	int64_t money = *(const int64_t *)field;

	if (money >= 0)
		print_money(key, money, printing);
}

#define DECIMAL "^[0-9]+([.][0-9]{1,12})?$"

static void
write_price_schema(UNUSED const struct key *key, struct json_write *json)
{
	write_forms("number", &(int64_t){ 0 }, NULL, DECIMAL, json);
}

const struct type type_price = {
	.size = sizeof(int64_t),
	.init = init_price,
	.load = load_number,
	.parse = parse_price,
	.expect = expect_price,
	.print = print_price,
	.schema = write_price_schema,
};

static bool
parse_cost(UNUSED const struct key *key, const char *text, void *field)
{
	int64_t money;

	if (!units_parse_decimal(text, MONEY_ONE, &money) || money == 0)
		return false;
	*(int64_t *)field = money;
	return true;
}

static void
expect_cost(UNUSED const struct key *key, struct buffer *out)
{
	buffer_append_string(out, "a decimal number over 0 such as 1.50");
}

static void
print_cost(const struct key *key, const void *field, struct printing *printing)
{
	int64_t money = *(const int64_t *)field;

	if (money > 0)
		print_money(key, money, printing);
}

const struct type type_cost = {
	.size = sizeof(int64_t),
	.load = load_number,
	.parse = parse_cost,
	.expect = expect_cost,
	.print = print_cost,
	.schema = write_price_schema,
};
