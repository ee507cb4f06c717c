/*
 * What a status of the document looks like: its tone and its mark.
 */
#ifndef GATHERD_CTL_HEALTH_H
#define GATHERD_CTL_HEALTH_H

#include <stdbool.h>

#include "base/screen.h"
#include "base/span.h"

struct health {
	const char *status; /* as the document has it */
	const char *mark;   /* one column */
	enum tone tone;
	bool well; /* it answered: ok or degraded */
};

/* Of a target's status or of the whole document's. What is not known, as of a later
 * version, looks doubtful. */
const struct health *health_of(struct span status);

#endif
