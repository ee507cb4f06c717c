#include "ctl/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/pieces.h"
#include "base/pretty.h"
#include "base/screen.h"
#include "base/words.h"
#include "base/xalloc.h"
#include "ctl/detail.h"
#include "ctl/health.h"
#include "ctl/overview.h"
#include "publish/document.h"

/* "gatherctl: TEXT" as one clean line: it may hold names from the document. */
static void PRINTF_LIKE(1, 2) complain(const char *format, ...)
{
	struct buffer line;
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_line(&line, text, strlen(text));
	fprintf(stderr, "gatherctl: %s\n", line.data);
	buffer_clear(&line);
	free(text);
}

static bool
read_document(const struct command *command, struct document *document)
{
	const char *name =
	    strcmp(command->file, "-") == 0 ? "standard input" : command->file;
	char *fault;

	if (document_read(document, command->file, &fault))
		return true;
	complain("%s: %s%s", name, fault,
	    command->file_is_named ? "" : "; -f FILE reads another document");
	free(fault);
	return false;
}

static bool
write_text(char *text, size_t len)
{
	struct iovec piece = { text, len };

	if (pieces_write(STDOUT_FILENO, &piece, 1))
		return true;
	complain("standard output: %s", strerror(errno));
	return false;
}

/* JSON for a program as it is; a terminal gets nothing that it would obey. */
static bool
write_json(char *json, size_t len, const struct screen *screen)
{
	struct buffer harmless;
	bool written;

	if (!screen->terminal)
		return write_text(json, len);
	buffer_init(&harmless, BUFFER_UNLIMITED);
	pretty_append_harmless(&harmless, json, len);
	written = write_text(harmless.data, harmless.len);
	buffer_clear(&harmless);
	return written;
}

/* ---- status ---- */

static bool
write_status(const struct command *command, const struct document *document,
    const struct screen *screen, int64_t now_ms)
{
	struct buffer out;
	bool written;

	if (command->json && !command->only_failed)
		return write_json(document->text.data, document->text.len, screen);

	buffer_init(&out, BUFFER_UNLIMITED);
	if (command->json) {
		overview_append_failed_json(document, &out);
		written = write_json(out.data, out.len, screen);
	} else {
		overview_append(document, command->only_failed, screen, now_ms, &out);
		written = write_text(out.data, out.len);
	}
	buffer_clear(&out);
	return written;
}

static enum ctl_exit
status(const struct command *command, const struct document *document,
    const struct screen *screen, int64_t now_ms)
{
	if (!write_status(command, document, screen, now_ms))
		return CTL_EXIT_UNREADABLE;
	if (!span_is_text(document->head[HEAD_STATUS], "ok") ||
	    document_is_stale(document, now_ms))
		return CTL_EXIT_NOT_WELL;
	return CTL_EXIT_WELL;
}

/* ---- show ---- */

static void
complain_of_name(const struct document *document, const char *name)
{
	const char *nearest = document_nearest_name(document, name);

	if (nearest != NULL)
		complain("no service or prompt is called '%s'; did you mean '%s'?",
		    name, nearest);
	else
		complain("no service or prompt is called '%s'", name);
}

static bool
write_entry(const struct command *command, const struct document *document,
    const struct document_entry *entry, const struct screen *screen, int64_t now_ms)
{
	struct buffer out;
	bool written;

	buffer_init(&out, BUFFER_UNLIMITED);
	if (command->json) {
		buffer_append(&out, entry->text.text, entry->text.len);
		buffer_append_char(&out, '\n');
		written = write_json(out.data, out.len, screen);
	} else {
		overview_append_stale(document, "", screen, now_ms, &out);
		detail_append(entry, screen, now_ms, &out);
		written = write_text(out.data, out.len);
	}
	buffer_clear(&out);
	return written;
}

static enum ctl_exit
show(const struct command *command, const struct document *document,
    const struct screen *screen, int64_t now_ms)
{
	const struct document_entry *entry = document_find(document, command->name);

	if (entry == NULL) {
		complain_of_name(document, command->name);
		return CTL_EXIT_USAGE;
	}
	if (!write_entry(command, document, entry, screen, now_ms))
		return CTL_EXIT_UNREADABLE;
	if (!health_of(span_member(entry->text, "status"))->well ||
	    document_is_stale(document, now_ms))
		return CTL_EXIT_NOT_WELL;
	return CTL_EXIT_WELL;
}

enum ctl_exit
run_command(const struct command *command, int64_t now_ms)
{
	struct screen screen = screen_of_stdout();
	enum ctl_exit result = CTL_EXIT_UNREADABLE;
	struct document document;

	if (read_document(command, &document)) {
		result = command->action == COMMAND_SHOW
		    ? show(command, &document, &screen, now_ms)
		    : status(command, &document, &screen, now_ms);
	}
	document_clear(&document);
	return result;
}
