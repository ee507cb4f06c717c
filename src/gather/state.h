/*
 * The board as templates see it: services.NAME.*, prompts.NAME.*, targets, failed, counts,
 * status, as they stand in the document.
 *
 * Made for one rendering: what it hands out lives until state_free(). An entry of a former
 * run is read from its text. Of values that are secret templates get the real ones, marked;
 * where only *** is known of one, from a former run, it is missing.
 */
#ifndef GATHERD_GATHER_STATE_H
#define GATHERD_GATHER_STATE_H

#include <stdbool.h>

#include "template/template.h"

struct board;
struct state;

/* Of BOARD, borrowed and unchanged until state_free(). */
struct state *state_new(const struct board *board);
void state_free(struct state *state);

/* The map that render_request() wants. */
const struct template_value *state_root(struct state *state);

/* Why the state has no NAME (dotted, as a template names it), where the reason is that its
 * target failed or was not asked: " (login failed: timeout)"; else "". The caller's. */
char *state_why_missing(const struct board *board, const char *name);

/* Is that target one that was put off (see board_is_put_off())? */
bool state_is_put_off(const struct board *board, const char *name);

#endif
