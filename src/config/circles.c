#include "config/circles.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"

/* More circles than this are one tangle, and a longer one is cut in its middle. */
#define MAX_TOLD  100
#define MAX_NAMES 20

/* Depth first; a chain of targets may be longer than the stack of a thread. */
struct step {
	struct target *target;
	size_t next; /* which of its dependencies comes next */
};

struct search {
	const struct config *config;
	struct faults *faults;
	struct step *way; /* owned; from the first to where the search is */
	size_t length;
	size_t *depth; /* owned; by index: 1 + its place on the way; 0: not on it */
	bool *done;    /* owned; by index: all behind it was looked at */
	unsigned told;
};

/* ---- circles ---- */

/* The place on the way of the target that the circle from START on is told at: its first one
 * in config order. */
static size_t
find_first(const struct search *search, size_t start)
{
	size_t first = start;

	for (size_t i = start; i < search->length; i++) {
		if (search->way[i].target->index < search->way[first].target->index)
			first = i;
	}
	return first;
}

/* The circle that closes from the end of the way to its place START. */
static void
tell(struct search *search, size_t start)
{
	size_t count = search->length - start;
	size_t first = find_first(search, start);
	const struct target *target = search->way[first].target;
	struct buffer names;

	buffer_init(&names, BUFFER_UNLIMITED);
	for (size_t i = 0; i < count; i++) {
		size_t at;

		if (count > MAX_NAMES && i == MAX_NAMES / 2) {
			buffer_append_string(&names, "... -> ");
			i = count - MAX_NAMES / 2;
		}
		at = start + (first - start + i) % count;
		buffer_append_format(&names, "%s -> ", search->way[at].target->name);
	}
	faults_error(search->faults, target->place,
	    "%s: a circle of dependencies: %s%s",
	    target->kind == TARGET_PROMPT ? "prompts" : "services", names.data,
	    target->name);
	buffer_clear(&names);
	search->told++;
}

static void
enter(struct search *search, struct target *target)
{
	search->way[search->length++] = (struct step){ .target = target };
	search->depth[target->index] = search->length;
}

/* TARGET depends on ON, of which all is known. */
static void
note(struct target *target, const struct target *on)
{
	if (on->waits_for_services || on->follows_services)
		target->follows_services = true;
}

/* All behind the end of the way was looked at. */
static void
leave(struct search *search)
{
	struct target *target = search->way[--search->length].target;

	search->depth[target->index] = 0;
	search->done[target->index] = true;
	for (size_t i = 0; i < target->dependency_count; i++)
		note(target, target->dependencies[i].target);
}

static void
search_from(struct search *search, struct target *start)
{
	if (!search->done[start->index])
		enter(search, start);
	while (search->length > 0 && search->told < MAX_TOLD) {
		struct step *step = &search->way[search->length - 1];
		struct target *on;

		if (step->next == step->target->dependency_count) {
			leave(search);
			continue;
		}
		/* By its index: dependencies are for who only reads them. */
		on = search->config->targets[step->target->dependencies[step->next++]
		                                 .target->index];
		if (search->depth[on->index] > 0)
			tell(search, search->depth[on->index] - 1);
		else if (!search->done[on->index])
			enter(search, on);
	}
}

void
circles_resolve(const struct config *config, struct faults *faults)
{
	size_t count = config->target_count;
	struct search search = {
		.config = config,
		.faults = faults,
		.way = xcalloc(count + 1, sizeof(*search.way)),
		.depth = xcalloc(count + 1, sizeof(*search.depth)),
		.done = xcalloc(count + 1, sizeof(*search.done)),
	};

	for (size_t i = 0; i < count && search.told < MAX_TOLD; i++)
		search_from(&search, config->targets[i]);
	free(search.way);
	free(search.depth);
	free(search.done);
}
