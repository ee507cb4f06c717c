#include "publish/metrics/metrics.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "publish/metrics/samples.h"
#include "publish/snapshot.h"

/* The lines of one entry that are left to append. */
struct rest {
	const char *text;
	const uint32_t *ends; /* of the families */
	uint32_t at;          /* where the next family's lines begin in the text */
};

/* All entries' lines; the caller's. BYTES: of all of them. */
static struct rest *
collect(const struct snapshot *snapshot, size_t *bytes)
{
	size_t count = snapshot_entry_count(snapshot);
	struct rest *rests = xcalloc(count + 1, sizeof(*rests));

	*bytes = 0;
	for (size_t i = 0; i < count; i++) {
		struct snapshot_entry entry;

		snapshot_entry(snapshot, i, &entry);
		rests[i] = (struct rest){
			.text = entry.samples.text,
			.ends = entry.family_ends,
		};
		*bytes += entry.samples.len;
	}
	return rests;
}

/* Append the lines of the family with that number; one that has none has no head. */
static void
append_family(struct buffer *out, struct rest *rests, size_t count, size_t family)
{
	bool has_head = false;

	for (size_t i = 0; i < count; i++) {
		struct rest *rest = &rests[i];
		uint32_t end = rest->ends[family];

		if (end == rest->at)
			continue;
		if (!has_head)
			samples_append_head(out, &sample_families[family]);
		has_head = true;
		buffer_append(out, rest->text + rest->at, end - rest->at);
		rest->at = end;
	}
}

/* The heads take no more. */
#define HEADS_BYTES ((size_t)8 * 1024)

void
metrics_append(struct buffer *out, const struct snapshot *snapshot)
{
	struct span gauges = snapshot_gauges(snapshot);
	size_t count = snapshot_entry_count(snapshot);
	size_t bytes;
	struct rest *rests = collect(snapshot, &bytes);

	/* At once, so that it is copied once. A full buffer tells by itself. */
	(void)!buffer_reserve(out, gauges.len + bytes + HEADS_BYTES);
	buffer_append(out, gauges.text, gauges.len);
	for (size_t family = 0; family < SAMPLE_FAMILY_COUNT; family++)
		append_family(out, rests, count, family);
	free(rests);
}
