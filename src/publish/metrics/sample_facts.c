#include "publish/metrics/sample_facts.h"

#include "base/compiler.h"
#include "gather/board.h"

const char *const sample_phase_names[] = { "queued", "dns", "connect", "tls",
	"first_byte", "total", NULL };

static void
see_outcome(struct sample_facts *facts, const struct outcome *outcome)
{
	const struct response_timing *timing = &outcome->timing;

	*facts = (struct sample_facts){
		.phases_us = {
			[SAMPLE_QUEUED] = outcome->queued_us,
			[SAMPLE_DNS] = timing->dns_us,
			[SAMPLE_CONNECT] = timing->connect_us,
			[SAMPLE_TLS] = timing->tls_us,
			[SAMPLE_FIRST_BYTE] = timing->first_byte_us,
			[SAMPLE_TOTAL] = outcome->duration_us,
		},
		.http_status = outcome->http_status > 0 ? outcome->http_status : -1,
		.bytes = (int64_t)outcome->bytes,
		.certificate_expires_at_ms = outcome->certificate_expires_at_ms,
	};
	if (outcome->values != NULL)
		facts->values = span_whole(outcome->values, outcome->values_len);
}

/* ---- what a former run published ---- */

static int64_t
whole_number(struct span span)
{
	uint64_t number;

	return span_whole_number(span, &number) ? (int64_t)number : -1;
}

/* The names of the phases are those in the document. */
static void
see_restored(struct sample_facts *facts, struct span entry)
{
	static const char *const names[] = { "duration_ms", "timing_ms", "http_status",
		"bytes", "certificate_expires_at", "values" };
	struct span found[ARRAY_COUNT(names)];
	struct span timing[SAMPLE_PHASE_COUNT];

	span_members(entry, names, ARRAY_COUNT(names), found);
	span_members(found[1], sample_phase_names, SAMPLE_PHASE_COUNT, timing);
	for (int phase = 0; phase < SAMPLE_PHASE_COUNT; phase++)
		facts->phases_us[phase] = span_ms_as_us(timing[phase]);
	facts->phases_us[SAMPLE_TOTAL] = span_ms_as_us(found[0]);
	facts->http_status = whole_number(found[2]);
	facts->bytes = whole_number(found[3]);
	facts->certificate_expires_at_ms = span_time_ms(found[4]);
	facts->values = found[5];
}

void
sample_facts_see(struct sample_facts *facts, const struct board_entry *entry)
{
	if (!entry->asked && entry->restored != NULL)
		see_restored(facts, span_whole(entry->restored, entry->restored_len));
	else
		see_outcome(facts, &entry->outcome);
}
