#include "base/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/units.h"

/* What a terminal that says nothing has. */
#define USUAL_COLUMNS 80

static const char *const begins[] = {
	[TONE_PLAIN] = "",
	[TONE_GOOD] = "\033[32m",     /* green */
	[TONE_DOUBTFUL] = "\033[33m", /* yellow */
	[TONE_BAD] = "\033[31m",      /* red */
	[TONE_FAINT] = "\033[2m",
	[TONE_STRONG] = "\033[1m",
};

static bool
is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && *value != '\0';
}

static bool
colour_wanted(void)
{
	const char *type = getenv("TERM");

	/* https://no-color.org: any value but none. */
	return !is_set("NO_COLOR") && type != NULL && strcmp(type, "dumb") != 0;
}

static size_t
terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	int64_t columns;

	if (said != NULL && units_parse_int(said, 1, INT16_MAX, &columns))
		return (size_t)columns;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return USUAL_COLUMNS;
}

struct screen
screen_of_stdout(void)
{
	struct screen screen = { .terminal = isatty(STDOUT_FILENO) };

	if (screen.terminal) {
		screen.colour = colour_wanted();
		screen.columns = terminal_columns();
	}
	return screen;
}

void
screen_begin(const struct screen *screen, enum tone tone, struct buffer *out)
{
	if (screen->colour)
		buffer_append_string(out, begins[tone]);
}

void
screen_end(const struct screen *screen, enum tone tone, struct buffer *out)
{
	if (screen->colour && tone != TONE_PLAIN)
		buffer_append_string(out, "\033[0m");
}

void
screen_append(
    const struct screen *screen, enum tone tone, const char *text, struct buffer *out)
{
	screen_begin(screen, tone, out);
	buffer_append_string(out, text);
	screen_end(screen, tone, out);
}
