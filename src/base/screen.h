/*
 * What the output goes to: how wide it is, and whether it shows colours.
 */
#ifndef GATHERD_BASE_SCREEN_H
#define GATHERD_BASE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* What stands before a line for how it went: a full circle, an empty one, a cross. */
#define SCREEN_MARK_WELL     "\xE2\x97\x8F" /* U+25CF */
#define SCREEN_MARK_NOT_DONE "\xE2\x97\x8B" /* U+25CB */
#define SCREEN_MARK_DOUBTFUL "!"
#define SCREEN_MARK_BAD      "\xC3\x97" /* U+00D7 */

/* How something is meant to strike the eye. Never the only sign of anything. */
enum tone {
	TONE_PLAIN,
	TONE_GOOD,
	TONE_DOUBTFUL,
	TONE_BAD,
	TONE_FAINT,
	TONE_STRONG,
};

struct screen {
	bool terminal; /* somebody looks at it, else a program or a file gets it */
	bool colour;
	size_t columns; /* 0: lines may be as long as they like */
};

/* Standard output as it is: a terminal of COLUMNS, else of what ioctl_tty(2) says;
 * without colour where NO_COLOR is set or TERM is "dumb". */
struct screen screen_of_stdout(void);

/* Where TONE begins and where it ends again; nothing without colour. */
void screen_begin(const struct screen *screen, enum tone tone, struct buffer *out);
void screen_end(const struct screen *screen, enum tone tone, struct buffer *out);

/* TEXT in TONE. */
void screen_append(
    const struct screen *screen, enum tone tone, const char *text, struct buffer *out);

#endif
