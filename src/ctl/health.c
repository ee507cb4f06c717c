#include "ctl/health.h"

#include "base/compiler.h"

#define MARK_BAD      "\xC3\x97"     /* U+00D7, a cross */
#define MARK_WELL     "\xE2\x97\x8F" /* U+25CF, a full circle */
#define MARK_NOT_DONE "\xE2\x97\x8B" /* U+25CB, an empty circle */

static const struct health rows[] = {
	{ "ok", MARK_WELL, TONE_GOOD, true },
	{ "degraded", "!", TONE_DOUBTFUL, true },
	{ "timeout", MARK_BAD, TONE_BAD, false },
	{ "http_error", MARK_BAD, TONE_BAD, false },
	{ "error", MARK_BAD, TONE_BAD, false },
	{ "down", MARK_BAD, TONE_BAD, false },
	{ "cancelled", MARK_NOT_DONE, TONE_DOUBTFUL, false },
	{ "skipped", MARK_NOT_DONE, TONE_DOUBTFUL, false },
	{ "pending", MARK_NOT_DONE, TONE_FAINT, false },
};

static const struct health unknown = { "", "?", TONE_DOUBTFUL, false };

const struct health *
health_of(struct span status)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (span_is_text(status, rows[i].status))
			return &rows[i];
	}
	return &unknown;
}
