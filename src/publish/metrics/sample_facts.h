/*
 * What the last answer of an entry says for metrics: as the document has it, be it of this run
 * or of a former one.
 */
#ifndef GATHERD_PUBLISH_METRICS_SAMPLE_FACTS_H
#define GATHERD_PUBLISH_METRICS_SAMPLE_FACTS_H

#include <stdint.h>

#include "base/span.h"

struct board_entry;

enum sample_phase {
	SAMPLE_QUEUED,
	SAMPLE_DNS,
	SAMPLE_CONNECT,
	SAMPLE_TLS,
	SAMPLE_FIRST_BYTE,
	SAMPLE_TOTAL, /* all attempts, as `duration_ms` */
};
#define SAMPLE_PHASE_COUNT (SAMPLE_TOTAL + 1)
/* In the enum's order, NULL-terminated. */
extern const char *const sample_phase_names[];

/* -1: unknown. */
struct sample_facts {
	int64_t phases_us[SAMPLE_PHASE_COUNT];
	int64_t http_status;
	int64_t bytes;
	int64_t certificate_expires_at_ms; /* wall time */
	struct span values; /* an object, or absent; borrowed from the entry */
};

void sample_facts_see(struct sample_facts *facts, const struct board_entry *entry);

#endif
