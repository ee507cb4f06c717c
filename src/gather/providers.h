/*
 * The providers of a config while they are asked: the gate of each, and what was spent.
 *
 * Part of the board (board_providers()): outlives rounds and reloads, by name.
 */
#ifndef GATHERD_GATHER_PROVIDERS_H
#define GATHERD_GATHER_PROVIDERS_H

#include <stddef.h>
#include <stdint.h>

#include "gather/budget.h"

struct config;
struct gate;
struct provider;
struct providers;

struct provider_state {
	const struct provider *provider; /* borrowed from the config */
	struct gate *gate;               /* owned */
	struct budget budget;
};

struct providers *providers_new(const struct config *config);
void providers_free(struct providers *providers);

/* Go over to CONFIG: gates and budgets stay with their names, and get the new limits; what a
 * gate learned of another server, or under another key, is forgotten. Gates that are gone are
 * freed: nobody may hold a ticket through one. */
void providers_reload(
    struct providers *providers, const struct config *config, int64_t now_us);

size_t providers_count(const struct providers *providers);
/* In config order. */
struct provider_state *providers_at(const struct providers *providers, size_t index);
/* NULL: there is none of that name. */
struct provider_state *providers_find(
    const struct providers *providers, const char *name);

#endif
