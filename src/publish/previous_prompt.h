/*
 * What a former run's entry of a prompt knows beside what all entries do: what was spent, and
 * its last good answer.
 */
#ifndef GATHERD_PUBLISH_PREVIOUS_PROMPT_H
#define GATHERD_PUBLISH_PREVIOUS_PROMPT_H

#include "base/span.h"

struct board_memory;
struct prompt;

/*
 * ENTRY, an object, is what was published of PROMPT, as it may be published again (absent:
 * nothing may), and RAW as it stood there. MEMORY gets the rest of it: the budget and, where
 * PROMPT is asked only `when: changed` or has `keep_last`, the last good answer as far as it is
 * known; and what that was an answer to, if the answer is known so well that it can be used
 * again.
 */
void previous_prompt_read(const struct prompt *prompt, struct span entry,
    struct span raw, struct board_memory *memory);

#endif
