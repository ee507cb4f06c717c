#include "publish/status_schema.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "base/pretty.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "gather/fields.h"
#include "publish/head.h"
#include "publish/providers_part.h"
#include "publish/schema_parts.h"

/* ---- the document ---- */

static void
describe_service(struct json_write *json)
{
	schema_put_fields(json, service_fields, false);
}

static void
describe_prompt(struct json_write *json)
{
	schema_put_fields(json, prompt_fields, false);
}

/* A map of names to objects of one kind, behind the head. */
struct section {
	const char *name;
	const char *description;
	const char *definition;                    /* what one of them is called */
	const char *one;                           /* and is */
	void (*describe)(struct json_write *json); /* the members of its JSON Schema */
};

static const struct section sections[] = {
	{ "services", "What came of each service, in the config's order", "service",
	    "What came of one service", describe_service },
	{ "prompts", "What came of each prompt, in the config's order", "prompt",
	    "What came of one prompt", describe_prompt },
	{ PROVIDERS_PART, "What is known of each provider when the document is made",
	    "provider", "Where prompts go", providers_part_describe },
};

static void
put_section(struct json_write *json, const struct section *section)
{
	char *reference = xasprintf("#/$defs/%s", section->definition);

	schema_begin_property(json, section->name, section->description);
	schema_put_type(json, "object", false);
	json_write_key(json, "additionalProperties");
	json_write_begin_object(json);
	json_write_key(json, "$ref");
	json_write_string(json, reference);
	json_write_end_object(json);
	schema_end_property(json);
	free(reference);
}

static void
put_definitions(struct json_write *json)
{
	json_write_key(json, "$defs");
	json_write_begin_object(json);
	for (size_t i = 0; i < ARRAY_COUNT(sections); i++) {
		schema_begin_property(json, sections[i].definition, sections[i].one);
		sections[i].describe(json);
		schema_end_property(json);
	}
	json_write_end_object(json);
}

static void
put_document(struct json_write *json)
{
	schema_begin_object(json, false);
	head_put_properties(json, head_rows);
	for (size_t i = 0; i < ARRAY_COUNT(sections); i++)
		put_section(json, &sections[i]);
	schema_begin_required(json);
	head_put_names(json, head_rows);
	for (size_t i = 0; i < ARRAY_COUNT(sections); i++)
		json_write_string(json, sections[i].name);
	schema_end_object(json);
	put_definitions(json);
}

static void
put_schema(struct json_write *json)
{
	json_write_begin_object(json);
	json_write_key(json, "$schema");
	json_write_string(json, "https://json-schema.org/draft/2020-12/schema");
	json_write_key(json, "title");
	json_write_string(json, "gatherd status document");
	json_write_key(json, "description");
	json_write_string(json,
	    "What gatherd says of the services and models that it asks: see gatherd(8). A "
	    "key is "
	    "always there, null where there is nothing to say, but for those that a "
	    "config adds.");
	put_document(json);
	json_write_end_object(json);
}

void
status_schema_append(struct buffer *out)
{
	struct json_write json;
	struct buffer compact;

	buffer_init(&compact, BUFFER_UNLIMITED);
	json_write_init(&json, &compact);
	put_schema(&json);
	pretty_append_whole(out, span_whole(compact.data, compact.len));
	buffer_clear(&compact);
}
