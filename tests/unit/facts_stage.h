/*
 * An answer for tests of rules and extracts. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_FACTS_STAGE_H
#define GATHERD_TESTS_UNIT_FACTS_STAGE_H

#include <stdlib.h>
#include <string.h>

#include "base/json_pointers.h"
#include "base/json_scan.h"
#include "base/xalloc.h"
#include "rules/rules.h"

#define STAGE_POINTERS 64

struct stage {
	struct facts facts;
	struct json_pointers *pointers;
	struct span found[STAGE_POINTERS];
	char *text;
};

static inline void
stage_open(struct stage *stage)
{
	*stage = (struct stage){
		.facts = { .http_status = 200,
		    .budget = { .left_us = PATTERN_BUDGET_US } },
		.pointers = json_pointers_new(),
	};
}

static inline void
stage_close(struct stage *stage)
{
	json_pointers_free(stage->pointers);
	free(stage->text);
}

/* The body is LEN bytes of JSON; all pointers have been added. */
static inline void
stage_take_json_len(struct stage *stage, const char *json, size_t len)
{
	struct json_scan scan;

	free(stage->text);
	stage->text = xmemdup0(json, len);
	assert_true(json_pointers_count(stage->pointers) <= STAGE_POINTERS);
	assert_true(
	    json_scan_find(stage->text, len, 32, stage->pointers, stage->found, &scan));
	stage->facts.has_json = true;
	stage->facts.json = (struct span){ stage->text, scan.len };
	stage->facts.found = stage->found;
	stage->facts.pointers = stage->pointers;
}

static inline void
stage_take_json(struct stage *stage, const char *json)
{
	stage_take_json_len(stage, json, strlen(json));
}

static inline void
stage_take_body(struct stage *stage, const char *body)
{
	stage->facts.body = body;
	stage->facts.body_len = strlen(body);
}

static inline struct pattern *
stage_pattern(const char *source)
{
	char *why = NULL;
	struct pattern *pattern = pattern_compile(source, strlen(source), &why);

	assert_non_null(pattern);
	return pattern;
}

#endif
