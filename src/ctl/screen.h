/*
 * What the output goes to: how wide it is, and whether it shows colours.
 */
#ifndef GATHERD_CTL_SCREEN_H
#define GATHERD_CTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

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
