/*
 * config_print_schema(): the tables of keys as a JSON Schema (draft 2020-12).
 *
 * YAML readers differ in what they take a plain scalar for; a schema sees the result. So
 * every kind of value is allowed in each of the forms that it may arrive in: a duration
 * as a number or a text, a text as whatever it looked like.
 */
#include "config/print.h"

#include <json-c/json.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "config/keyed.h"
#include "config/keys.h"

/* One value that stands in several places; JSON. */
struct definition {
	const char *name;
	const char *schema;
};

/* Units follow each other from large to small. */
#define DURATION                                                                     \
	"^([0-9]+([.][0-9]+)?|(?=[0-9])([0-9]+([.][0-9]+)?d)?([0-9]+([.][0-9]+)?h)?" \
	"([0-9]+([.][0-9]+)?m)?([0-9]+([.][0-9]+)?s)?([0-9]+([.][0-9]+)?ms)?)$"
#define SIZE "^[0-9]+([.][0-9]+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$"

#define STRING(pattern) "{\"type\": \"string\", \"pattern\": \"" pattern "\"}"
#define REFERENCE       "{\"$ref\": \"#/$defs/reference\"}"
/* Somewhere in it a digit that is not 0. */
#define POSITIVE(pattern) \
	"{\"type\": \"string\", \"allOf\": [" STRING(pattern) ", " STRING("[1-9]") "]}"

static const struct definition definitions[] = {
	{ "reference",
	    "{\"description\": \"A value from outside: ${NAME}, ${NAME:-text}, "
	    "${file:PATH} and the like.\", \"type\": \"string\", \"pattern\": "
	    "\"[$][{]\"}" },
	{ "duration",
	    "{\"anyOf\": [{\"type\": \"number\", \"minimum\": 0}, " STRING(
	        DURATION) ", " REFERENCE "]}" },
	{ "positive_duration",
	    "{\"anyOf\": [{\"type\": \"number\", \"exclusiveMinimum\": 0}, " POSITIVE(
	        DURATION) ", " REFERENCE "]}" },
	{ "size",
	    "{\"anyOf\": [{\"type\": \"number\", \"minimum\": 0}, " STRING(
	        SIZE) ", " REFERENCE "]}" },
	{ "positive_size",
	    "{\"anyOf\": [{\"type\": \"number\", \"exclusiveMinimum\": 0}, " POSITIVE(
	        SIZE) ", " REFERENCE "]}" },
	{ "truth",
	    "{\"anyOf\": [{\"type\": \"boolean\"}, {\"enum\": [\"true\", \"yes\", "
	    "\"on\", \"false\", \"no\", \"off\"]}, " REFERENCE "]}" },
	{ "permissions",
	    "{\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0, \"maximum\": 777}, " STRING(
	        "^(0o)?0*[0-7]{1,3}$") ", " REFERENCE "]}" },
	{ "text", "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}" },
	{ "url", "{\"type\": \"string\", \"minLength\": 1}" },
};

static void
write_definitions(struct json_write *json)
{
	json_write_key(json, "$defs");
	json_write_begin_object(json);
	for (size_t i = 0; i < ARRAY_COUNT(definitions); i++) {
		json_write_key(json, definitions[i].name);
		json_write_raw(
		    json, definitions[i].schema, strlen(definitions[i].schema));
	}
	json_write_end_object(json);
}

static void
write_schema(struct json_write *json)
{
	json_write_begin_object(json);
	json_write_key(json, "$schema");
	json_write_string(json, "https://json-schema.org/draft/2020-12/schema");
	json_write_key(json, "title");
	json_write_string(json, "gatherd configuration");
	json_write_key(json, "description");
	json_write_string(json,
	    "What gatherd asks, how often, and where it puts the "
	    "answers: see gatherd.yaml(5).");
	json_write_key(json, "type");
	json_write_string(json, "object");
	keyed_schema(&file_keys, 0, false, json);
	write_definitions(json);
	json_write_end_object(json);
}

/* People read it, too. */
static void
append_pretty(struct buffer *out, const char *text)
{
	struct json_object *tree = json_tokener_parse(text);

	buffer_append_string(out,
	    json_object_to_json_string_ext(tree,
	        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
	            JSON_C_TO_STRING_NOSLASHESCAPE));
	buffer_append_char(out, '\n');
	json_object_put(tree);
}

void
config_print_schema(struct buffer *out)
{
	struct json_write json;
	struct buffer compact;

	buffer_init(&compact, BUFFER_UNLIMITED);
	json_write_init(&json, &compact);
	write_schema(&json);
	append_pretty(out, compact.data);
	buffer_clear(&compact);
}
