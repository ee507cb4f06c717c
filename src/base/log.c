#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/utf8.h"

/* A longer text is cut, at a character. */
#define TEXT_MAX 8192
#define CUT_MARK "..."

/* How long to wait for a reader where standard error does not block by itself. */
#define WAIT_MS 100

/* What the settings come to on the standard error that we have. */
enum style {
	STYLE_UNKNOWN, /* log_setup() was not called yet */
	STYLE_JOURNAL,
	STYLE_PLAIN,
	STYLE_COLOUR,
	STYLE_JSON,
};

const char *const log_level_names[] = { "error", "warn", "info", "debug", NULL };
const char *const log_format_names[] = { "auto", "text", "json", NULL };

/* Priorities of syslog(3), which the journal reads from the start of a line,
 * sd-daemon(3). */
static const char journal_priorities[] = { '3', '4', '6', '7' };

static const char *const colours[] = {
	"\033[31m", /* error: red */
	"\033[33m", /* warn: yellow */
	"\033[32m", /* info: green */
	"\033[2m",  /* debug: faint */
};

/* Set by the main thread, read by all. */
static _Atomic enum log_level current_level = LOG_LEVEL_INFO;
static _Atomic enum style current_style = STYLE_UNKNOWN;
static atomic_bool may_drop;   /* rather than wait for who reads */
static atomic_bool is_unread;  /* the last line found no room */
static atomic_bool is_torn;    /* of the last line only the beginning was written */
static atomic_uint lost_count; /* lines since the last one that was written */

static struct {
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *arg; /* borrowed */
} wrap;

/* Does the journal read standard error? systemd.exec(5), $JOURNAL_STREAM: a child of
 * ours may have inherited the variable and yet write to somewhere else. */
static bool
journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat status;

	return stream != NULL && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	    status.st_ino == inode;
}

/* https://no-color.org: any value but none. */
static bool
colour_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) && (no_color == NULL || *no_color == '\0') &&
	    terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static enum style
choose_style(enum log_format format)
{
	switch (format) {
	case LOG_FORMAT_AUTO:
		if (journal_reads())
			return STYLE_JOURNAL;
		return colour_wanted() ? STYLE_COLOUR : STYLE_PLAIN;
	case LOG_FORMAT_TEXT:
		return STYLE_PLAIN;
	case LOG_FORMAT_JSON:
		return STYLE_JSON;
	}
	return STYLE_PLAIN;
}

void
log_setup(enum log_level level, enum log_format format)
{
	current_level = level;
	current_style = choose_style(format);
}

bool
log_enabled(enum log_level level)
{
	return level <= current_level;
}

void
log_wrap(void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
	wrap.before = before;
	wrap.after = after;
	wrap.arg = arg;
}

/* Shorten TEXT to where the mark has room, between two characters. */
static void
cut(struct buffer *text)
{
	size_t len = text->len;

	if (len > text->max - strlen(CUT_MARK))
		len = text->max - strlen(CUT_MARK);
	while (len > 0 && ((unsigned char)text->data[len] & 0xc0) == 0x80)
		len--;
	buffer_truncate(text, len);
	buffer_append_string(text, CUT_MARK);
}

/* What would begin a new line, or steer a terminal: the controls of ASCII and Latin 1,
 * the line and paragraph separators, and what turns the direction of writing. */
static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Append RAW as UTF-8 without controls; false if it had to be cut. */
static bool
append_clean(struct buffer *text, const char *raw, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len && !text->full; i += step) {
		uint32_t c = 0xfffd;

		step = utf8_decode(raw + i, len - i, &c);
		if (step == 0)
			step = 1;
		if (c == '\n' || c == '\t')
			c = ' ';
		else if (is_control(c))
			c = '?';
		utf8_append(text, c);
	}
	return !text->full;
}

static void
append_formatted(struct buffer *text, const char *format, va_list args)
{
	char raw[TEXT_MAX + 1];
	int len = vsnprintf(raw, sizeof(raw), format, args);
	bool whole = len >= 0 && (size_t)len < sizeof(raw);

	if (len < 0)
		raw[0] = '\0';
	if (!append_clean(text, raw, strlen(raw)) || !whole)
		cut(text);
}

static void
append_json(struct buffer *line, enum log_level level, const char *target,
    const struct buffer *text)
{
	struct json_write json;

	json_write_init(&json, line);
	json_write_begin_object(&json);
	json_write_key(&json, "time");
	json_write_time(&json, clock_wall_ms());
	json_write_key(&json, "level");
	json_write_string(&json, log_level_names[level]);
	json_write_key(&json, "target");
	json_write_string(&json, target);
	json_write_key(&json, "message");
	json_write_string_len(&json, text->data, text->len);
	json_write_end_object(&json);
}

static void
append_time(struct buffer *line)
{
	char time[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(time, clock_wall_ms());
	buffer_append_string(line, time);
}

static void
append_head(struct buffer *line, enum style style, enum log_level level)
{
	const char *name = log_level_names[level];

	switch (style) {
	case STYLE_JOURNAL:
		buffer_append_format(line, "<%c>", journal_priorities[level]);
		break;
	case STYLE_UNKNOWN:
	case STYLE_PLAIN:
	case STYLE_JSON:
		append_time(line);
		buffer_append_format(line, " %s ", name);
		break;
	case STYLE_COLOUR:
		append_time(line);
		buffer_append_format(line, " %s%s\033[0m ", colours[level], name);
		break;
	}
}

static void
append_line(struct buffer *line, enum log_level level, const char *target,
    const struct buffer *text)
{
	enum style style = current_style;

	if (style == STYLE_JSON) {
		append_json(line, level, target, text);
	} else {
		append_head(line, style, level);
		if (target != NULL) {
			buffer_append_char(line, '[');
			append_clean(line, target, strlen(target));
			buffer_append_string(line, "] ");
		}
		buffer_append(line, text->data, text->len);
	}
	buffer_append_char(line, '\n');
}

void
log_drop_unread(void)
{
	may_drop = true;
}

/* Is there room for PIPE_BUF bytes, so that write(2) does not block? Who did not read the
 * last line in time is not waited for with each of the next. */
static bool
wait_for_room(void)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	int wait_ms = may_drop && is_unread ? 0 : WAIT_MS;
	int count;

	do
		count = poll(&ready, 1, wait_ms);
	while (count == -1 && errno == EINTR);
	is_unread = count == 0;
	return count != 0;
}

/* Returns how many of the LEN bytes could be written: nothing can be done about a log that
 * cannot. */
static size_t
write_some(const char *data, size_t len)
{
	size_t done = 0;

	while (done < len && (!may_drop || wait_for_room())) {
		size_t most = may_drop && len - done > PIPE_BUF ? PIPE_BUF : len - done;
		ssize_t written = write(STDERR_FILENO, data + done, most);

		if (written >= 0)
			done += (size_t)written;
		/* EAGAIN: somebody who shares the terminal or pipe made it so. */
		else if (errno == EAGAIN ? !wait_for_room() : errno != EINTR)
			break;
	}
	return done;
}

/* Returns whether all of LINE was written. */
static bool
write_out(const struct buffer *line)
{
	size_t done;

	if (is_torn && write_some("\n", 1) == 0)
		return false;
	done = write_some(line->data, line->len);
	is_torn = done > 0 && done < line->len;
	return done == line->len;
}

void
log_bare(enum log_level level, const char *text)
{
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	if (journal_reads())
		append_head(&line, STYLE_JOURNAL, level);
	buffer_append_string(&line, text);
	buffer_append_char(&line, '\n');
	(void)write_out(&line);
	buffer_clear(&line);
}

/* Likewise, of a line of this TEXT. */
static bool
write_line(enum log_level level, const char *target, const struct buffer *text)
{
	struct buffer line;
	bool written;

	buffer_init(&line, BUFFER_UNLIMITED);
	append_line(&line, level, target, text);
	if (wrap.before != NULL)
		wrap.before(wrap.arg);
	written = write_out(&line);
	if (wrap.after != NULL)
		wrap.after(wrap.arg);
	buffer_clear(&line);
	return written;
}

/* Say, as soon as there is a reader again, what he has missed. Returns false where there is
 * none yet. */
static bool
tell_lost(void)
{
	unsigned count = atomic_exchange(&lost_count, 0);
	struct buffer text;
	bool told;

	if (count == 0 || !log_enabled(LOG_LEVEL_WARN))
		return true;
	buffer_init(&text, TEXT_MAX);
	buffer_append_format(&text, "%u line%s of the log could not be written", count,
	    count == 1 ? "" : "s");
	told = write_line(LOG_LEVEL_WARN, NULL, &text);
	if (!told)
		lost_count += count;
	buffer_clear(&text);
	return told;
}

void
log_line(enum log_level level, const char *target, const char *format, ...)
{
	int reason =
	    errno; /* callers may look at it afterwards, and FORMAT may have %m */
	struct buffer text;
	va_list args;

	if (!log_enabled(level))
		return;
	if (current_style == STYLE_UNKNOWN)
		current_style = choose_style(LOG_FORMAT_AUTO);

	buffer_init(&text, TEXT_MAX);
	errno = reason;
	va_start(args, format);
	append_formatted(&text, format, args);
	va_end(args);
	if (!tell_lost() || !write_line(level, target, &text))
		lost_count++;
	buffer_clear(&text);
	errno = reason;
}
