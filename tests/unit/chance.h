/*
 * Chance for tests of properties: many scenarios, each drawn from a seed of its own. To be
 * included behind cmocka.h.
 *
 * The first seed is printed; GATHERD_TEST_SEED=N begins with that one again, and
 * GATHERD_TEST_SCENARIOS=N says how many follow from there.
 */
#ifndef GATHERD_TESTS_UNIT_CHANCE_H
#define GATHERD_TESTS_UNIT_CHANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "valgrind.h"

static uint64_t first_seed;
static uint64_t scenario_count;
static uint64_t seed; /* of the scenario that runs */
static uint64_t chance;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* FROM..TO */
static int64_t
between(int64_t from, int64_t to)
{
	return from + (int64_t)(draw() % (uint64_t)(to - from + 1));
}

static bool
one_in(unsigned n)
{
	return draw() % n == 0;
}

/* Says which scenario it was; the same as an assertion otherwise. */
#define HOLDS(condition)                                           \
	do {                                                       \
		if (!(condition))                                  \
			fail_msg("GATHERD_TEST_SEED=%llu: %s",     \
			    (unsigned long long)seed, #condition); \
	} while (0)

static uint64_t
number_from_environment(const char *name, uint64_t otherwise)
{
	const char *given = getenv(name);

	return given != NULL ? strtoull(given, NULL, 10) : otherwise;
}

/* Under valgrind, where each costs so much more, fewer will do. */
#define FEWER 15

/* Before the first test. */
static void
chance_begin(uint64_t usual_scenario_count)
{
	uint64_t count = is_under_valgrind() ? usual_scenario_count / FEWER + 1
	                                     : usual_scenario_count;

	first_seed = number_from_environment("GATHERD_TEST_SEED", (uint64_t)time(NULL));
	scenario_count = number_from_environment("GATHERD_TEST_SCENARIOS", count);
	print_message("first seed: %llu\n", (unsigned long long)first_seed);
}

/* Run ONE scenario after the other. */
static void
run_scenarios(void (*one)(void))
{
	for (uint64_t i = 0; i < scenario_count; i++) {
		seed = chance = first_seed + i;
		one();
	}
}

#endif
