/*
 * A card: what the page and the events have of one entry. One compact object of JSON in one
 * line, without a `<`, so that it may stand in a <script>.
 */
#ifndef GATHERD_PUBLISH_PAGE_CARD_H
#define GATHERD_PUBLISH_PAGE_CARD_H

#include "base/span.h"

struct board_entry;
struct buffer;

/* What is shown of any one text, of all values and of all warnings, at most; what is longer is
 * cut at a character and ends with an ellipsis. */
#define CARD_MAX_TEXT_BYTES ((size_t)4 * 1024)

/*
 * Append the card of ENTRY, whose object in the document is TEXT. It has `name`, `kind` and
 * `required`; of the document's keys those that a person looks at, by the same names and from
 * that very text, so that page and document never disagree: status, since, checked_at,
 * last_ok_at, failures, next_at, attempts, http_status, url, final_url, provider, model,
 * duration_ms, certificate_expires_at, error, warnings, values, response, reused, cost, group,
 * labels, description; and `history`: {"outcomes": a letter for each of the last outcomes, the
 * oldest first (card_status_letters), "durations_ms": [a number or null for each, short ones to a
 * tenth]}.
 * What is null or empty is left out, and so is `data` of a service.
 */
void card_append(struct buffer *out, const struct board_entry *entry, struct span text);

/* A letter for each status, in the enum's order. */
extern const char card_status_letters[];

#endif
