/*
 * config_print_schema(): the tables of keys as a JSON Schema (draft 2020-12).
 *
 * YAML readers differ in what they take a plain scalar for; a schema sees the result. So
 * every kind of value is allowed in each of the forms that it may arrive in: a duration
 * as a number or a text, a text as whatever it looked like.
 */
#include "config/print.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_write.h"
#include "base/pretty.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/rules_source.h"

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

/* Empty: none. */
#define ADDRESS                                                           \
	"^(unix:/.*[^/]|([Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt]|"           \
	"[0-9]{1,3}([.][0-9]{1,3}){3}|\\\\[[0-9A-Fa-f:.]+(%[^%]+)?\\\\])" \
	":[1-9][0-9]{0,4})?$"

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
	{ "rate",
	    "{\"anyOf\": [" STRING("^0*[1-9][0-9]{0,9}/(s|min|h|d)$") ", " REFERENCE
	                                                              "]}" },
	{ "method",
	    "{\"anyOf\": [{\"type\": \"null\"}, {\"type\": \"string\", "
	    "\"pattern\": \"^[A-Z0-9!#$%&'*+.^_`|~-]+$\", \"not\": {\"enum\": "
	    "[\"CONNECT\", \"TRACE\"]}}, " REFERENCE "]}" },
	{ "token",
	    "{\"anyOf\": [{\"type\": \"null\"}, " STRING(
	        "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") ", " REFERENCE "]}" },
	{ "address",
	    "{\"anyOf\": [{\"type\": \"null\"}, " STRING(ADDRESS) ", " REFERENCE "]}" },
	{ "text", "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}" },
	{ "template", "{\"$ref\": \"#/$defs/text\"}" },
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
	rules_source_write_definitions(json);
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

void
config_print_schema(struct buffer *out)
{
	struct json_write json;
	struct buffer compact;

	buffer_init(&compact, BUFFER_UNLIMITED);
	json_write_init(&json, &compact);
	write_schema(&json);
	pretty_append_whole(out, span_whole(compact.data, compact.len));
	buffer_clear(&compact);
}
