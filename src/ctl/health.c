#include "ctl/health.h"

#include "base/compiler.h"

static const struct health rows[] = {
	{ "ok", SCREEN_MARK_WELL, TONE_GOOD, true },
	{ "degraded", SCREEN_MARK_DOUBTFUL, TONE_DOUBTFUL, true },
	{ "timeout", SCREEN_MARK_BAD, TONE_BAD, false },
	{ "http_error", SCREEN_MARK_BAD, TONE_BAD, false },
	{ "error", SCREEN_MARK_BAD, TONE_BAD, false },
	{ "down", SCREEN_MARK_BAD, TONE_BAD, false },
	{ "cancelled", SCREEN_MARK_NOT_DONE, TONE_DOUBTFUL, false },
	{ "skipped", SCREEN_MARK_NOT_DONE, TONE_DOUBTFUL, false },
	{ "pending", SCREEN_MARK_NOT_DONE, TONE_FAINT, false },
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
