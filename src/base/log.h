/*
 * The log: one line for each event, on standard error.
 *
 * The settings are one of the program's few globals. A line is written by one write(2),
 * unless it is very long, so that lines never mix; what is not UTF-8 or is a control character is replaced; the
 * text is cut at 8 KiB. Any thread may write lines, and errno is kept; the settings are
 * the main thread's.
 */
#ifndef GATHERD_BASE_LOG_H
#define GATHERD_BASE_LOG_H

#include <stdbool.h>

#include "base/compiler.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_format {
	/* `<N>TEXT` where JOURNAL_STREAM names standard error, else text; in colour
	 * on a terminal unless NO_COLOR is set. */
	LOG_FORMAT_AUTO,
	/* `2026-11-21T03:40:00.123Z LEVEL TEXT`, never in colour */
	LOG_FORMAT_TEXT,
	/* {"time": ..., "level": ..., "target": ..., "message": ...} */
	LOG_FORMAT_JSON,
};

/* Before the first call: info, auto. May be called again (the config says other than
 * the default, a reload). */
void log_setup(enum log_level level, enum log_format format);

/* From now on a line that finds no reader within 100 ms is lost, and counted: whoever reads
 * the log, a pipe or the journal, must not hold the loop up. Before, he is waited for. */
void log_drop_unread(void);

/* Would a line of LEVEL be written? For lines that cost something to make. */
bool log_enabled(enum log_level level);

/* The words "error", "warn", "info", "debug", in the order of the enum, NULL-
 * terminated. */
extern const char *const log_level_names[];
/* "auto", "text", "json", likewise. */
extern const char *const log_format_names[];

/* One line about the program itself. */
#define log_error(...) log_line(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

/* One line about TARGET (its name; NULL: none), written as `[TARGET] text`. */
void log_line(enum log_level level, const char *target, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* TEXT as it is, before the log is set up: a fault of the config, which has its own form.
 * Only the journal gets the priority of LEVEL with it. */
void log_bare(enum log_level level, const char *text);

/*
 * Called around each line, where something else (the progress line) lives on the same
 * terminal: BEFORE wipes it, AFTER draws it again. NULL takes them out. They are called
 * in the thread that logs, and log nothing themselves.
 */
void log_wrap(void (*before)(void *arg), void (*after)(void *arg), void *arg);

#endif
