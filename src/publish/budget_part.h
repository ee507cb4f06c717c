/*
 * A budget in a status document, of a prompt or a provider: how it is written, and read back.
 */
#ifndef GATHERD_PUBLISH_BUDGET_PART_H
#define GATHERD_PUBLISH_BUDGET_PART_H

#include <stdbool.h>

#include "base/span.h"

struct budget;
struct config_budget;
struct json_write;

/* BUDGET of LIMIT, or null where that is none. */
void budget_part_append(struct json_write *json, const struct budget *budget,
    const struct config_budget *limit);

/* The members of its JSON Schema. */
void budget_part_describe(struct json_write *json);

/* What PART says was spent, and since when, into BUDGET. Returns false, and leaves it alone,
 * where PART says nothing, or of another unit than LIMIT has by now. */
bool budget_part_read(
    struct span part, const struct config_budget *limit, struct budget *budget);

#endif
