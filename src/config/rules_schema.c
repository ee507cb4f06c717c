/*
 * rules_source_write_definitions(): `expect`, `warn` and `extract` as JSON Schema.
 *
 * As in config/schema, every value may come in each of the forms that YAML readers make of
 * it, and as a text that puts one in.
 */
#include "config/rules_source.h"

#include <string.h>

#include "base/compiler.h"
#include "base/json_write.h"

#define REF(name)   "{\"$ref\": \"#/$defs/" name "\"}"
#define ANY(a, b)   "{\"anyOf\": [" a ", " b "]}"
#define NUMBER      REF("number")
#define COUNT       REF("count")
#define DURATION    REF("duration")
#define PATTERN     "{\"type\": [\"string\", \"number\", \"boolean\"], \"minLength\": 1}"
#define POINTER     "\"type\": \"string\", \"pattern\": \"^(/([^~]|~[01])*)*$\""
#define TOKEN       "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
#define HEADER      "{\"type\": \"string\", \"pattern\": \"" TOKEN "\"}"
#define LIST(items) "{\"type\": \"array\", \"minItems\": 1, \"items\": " items "}"

/* Words of a condition: members of "properties". */
#define EQUAL_WORDS(value) "\"const\": " value ", \"enum\": " LIST(value)
#define BOUND_WORDS(value)                                                             \
	"\"minimum\": " value ", \"maximum\": " value ", \"exclusiveMinimum\": " value \
	", \"exclusiveMaximum\": " value
#define TEXT_WORDS \
	"\"pattern\": " PATTERN ", \"minLength\": " COUNT ", \"maxLength\": " COUNT
#define ITEM_WORDS  "\"minItems\": " COUNT ", \"maxItems\": " COUNT
#define EXISTS_WORD "\"exists\": " REF("truth")
#define TYPE_WORD   "\"type\": " ANY(REF("json_type"), LIST(REF("json_type")))

/* A scalar, a list, or a map of WORDS. */
#define CONDITION(value, words)                                                    \
	"{\"anyOf\": [" value                                                      \
	", " LIST(value) ", {\"type\": \"object\", "                               \
	                 "\"minProperties\": 1, \"additionalProperties\": false, " \
	                 "\"not\": {\"required\": [\"const\", \"enum\"]}, "        \
	                 "\"properties\": {" words "}}]}"

static const struct {
	const char *name;
	const char *schema;
} definitions[] = {
	{ "scalar", "{\"type\": [\"string\", \"number\", \"boolean\", \"null\"]}" },
	{ "number",
	    "{\"anyOf\": [{\"type\": \"number\"}, {\"type\": \"string\", \"pattern\": "
	    "\"^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$\"}, " REF(
	        "reference") "]}" },
	{ "count",
	    "{\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"type\": "
	    "\"string\", \"pattern\": \"^(0|[1-9][0-9]*)$\"}, " REF("reference") "]}" },
	{ "json_type",
	    "{\"enum\": [null, \"null\", \"boolean\", \"number\", \"integer\", "
	    "\"string\", \"array\", \"object\"]}" },
	{ "status",
	    "{\"anyOf\": [{\"type\": \"integer\", \"minimum\": 100, \"maximum\": 999}, "
	    "{\"type\": \"string\", \"pattern\": \"^[1-9][0-9]{2}(-[1-9][0-9]{2})?$\"}, " REF(
	        "reference") "]}" },
	{ "condition",
	    CONDITION(REF("scalar"),
	        EQUAL_WORDS(REF("scalar")) ", " TYPE_WORD ", " BOUND_WORDS(
	            NUMBER) ", " TEXT_WORDS ", " ITEM_WORDS ", " EXISTS_WORD) },
	{ "text_condition",
	    CONDITION(REF("scalar"),
	        EQUAL_WORDS(REF("scalar")) ", " BOUND_WORDS(NUMBER) ", " TEXT_WORDS
	                                                            ", " EXISTS_WORD) },
	{ "duration_condition",
	    CONDITION(DURATION, EQUAL_WORDS(DURATION) ", " BOUND_WORDS(DURATION)) },
	{ "number_condition",
	    CONDITION(NUMBER,
	        EQUAL_WORDS(NUMBER) ", " BOUND_WORDS(NUMBER) ", " EXISTS_WORD) },
	{ "rules",
	    "{\"type\": [\"object\", \"null\"], \"additionalProperties\": false, "
	    "\"properties\": {"
	    "\"status\": " ANY(REF("status"),
	        LIST(REF(
	            "status"))) ", "
	                        "\"json\": {\"type\": \"object\", \"minProperties\": 1, "
	                        "\"propertyNames\": {" POINTER "}, "
	                        "\"additionalProperties\": " REF(
	                            "condition") "}, "
	                                         "\"body\": " REF(
	                                             "text_condition") ", "
	                                                               "\"header\": {\"type\": \"object\", \"minProperties\": 1, "
	                                                               "\"propertyNames\": {\"pattern\": \"" TOKEN
	                                                               "\"}, "
	                                                               "\"additionalProperties\": " REF(
	                                                                   "text_condition") "}, "
	                                                                                     "\"duration\": " REF(
	                                                                                         "duration_condition") ", "
	                                                                                                               "\"certificate_days\": " REF(
	                                                                                                                   "number_condition") "}}" },
	{ "extract",
	    "{\"type\": [\"object\", \"null\"], "
	    "\"propertyNames\": {\"minLength\": 1, \"maxLength\": 128}, "
	    "\"additionalProperties\": {\"anyOf\": [{" POINTER "}, " REF(
	        "reference") ", {\"type\": \"object\", \"additionalProperties\": false, "
	                     "\"anyOf\": [{\"required\": [\"path\"]}, {\"required\": [\"header\"]}, "
	                     "{\"required\": [\"pattern\"]}], "
	                     "\"not\": {\"required\": [\"path\", \"header\"]}, "
	                     "\"properties\": {"
	                     "\"path\": " ANY("{" POINTER "}",
	                         REF("reference")) ", "
	                                           "\"header\": " ANY(HEADER,
	                                               REF("reference")) ", "
	                                                                 "\"pattern\": " PATTERN
	                                                                 ", "
	                                                                 "\"scale\": {\"allOf\": [" NUMBER
	                                                                 ", {\"not\": {\"const\": 0}}]}, "
	                                                                 "\"round\": {\"allOf\": [" COUNT
	                                                                 ", {\"maximum\": 15}]}, "
	                                                                 "\"secret\": " REF(
	                                                                     "truth") "}}]}}" },
};

void
rules_source_write_definitions(struct json_write *json)
{
	for (size_t i = 0; i < ARRAY_COUNT(definitions); i++) {
		json_write_key(json, definitions[i].name);
		json_write_raw(
		    json, definitions[i].schema, strlen(definitions[i].schema));
	}
}
