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
	const struct target *target;
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

/* The circle that closes from the end of the way to its place START. */
static void
tell(struct search *search, size_t start)
{
	size_t count = search->length - start;
	size_t first = start;
	struct buffer names;

	for (size_t i = start; i < search->length; i++) {
		if (search->way[i].target->index < search->way[first].target->index)
			first = i;
	}
	buffer_init(&names, BUFFER_UNLIMITED);
	for (size_t i = 0; i < count; i++) {
		size_t at = start + (first - start + i) % count;

		if (count > MAX_NAMES && i == MAX_NAMES / 2) {
			buffer_append_string(&names, "... -> ");
			i = count - MAX_NAMES / 2;
			at = start + (first - start + i) % count;
		}
		buffer_append_format(&names, "%s -> ", search->way[at].target->name);
	}
	faults_error(search->faults, search->way[first].target->place,
	    "services: a circle of dependencies: %s%s", names.data,
	    search->way[first].target->name);
	buffer_clear(&names);
	search->told++;
}

static void
enter(struct search *search, const struct target *target)
{
	search->way[search->length++] = (struct step){ .target = target };
	search->depth[target->index] = search->length;
}

static void
leave(struct search *search, const struct target *target)
{
	search->length--;
	search->depth[target->index] = 0;
	search->done[target->index] = true;
}

static void
search_from(struct search *search, const struct target *start)
{
	if (!search->done[start->index])
		enter(search, start);
	while (search->length > 0 && search->told < MAX_TOLD) {
		struct step *step = &search->way[search->length - 1];
		const struct target *on;

		if (step->next == step->target->dependency_count) {
			leave(search, step->target);
			continue;
		}
		on = step->target->dependencies[step->next++].target;
		if (search->depth[on->index] > 0)
			tell(search, search->depth[on->index] - 1);
		else if (!search->done[on->index])
			enter(search, on);
	}
}

void
circles_tell(const struct config *config, struct faults *faults)
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
