/*
 * Strings of the config, with the values that ${...} puts in from outside.
 *
 * ${NAME} an environment variable, ${NAME:-text} with a default (empty counts as unset,
 * as in sh(1)), ${NAME:?text} with an own error text, ${plain:NAME} one that is no secret,
 * ${file:PATH} a file less its last newline, ${credential:NAME} from
 * $CREDENTIALS_DIRECTORY (systemd.exec(5)); $$ is a dollar sign, a lone $ stays one. A
 * reference ends at the first }, so a default or an error text cannot hold one.
 * What comes in is secret, but for ${plain:} and defaults, and is never read again, not
 * as ${...} and not as a template. Files over 1 MiB, and a NUL in a value, are faults.
 */
#ifndef GATHERD_CONFIG_TEXT_H
#define GATHERD_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/marked.h"
#include "config/faults.h"

struct buffer;
struct yaml_node;

struct text {
	char *source;        /* as the main file could have it, ${...} and all; owned */
	struct marked value; /* with everything put in */
	struct place place;
	bool plain; /* was not quoted */
};

/*
 * Make a text of the scalar NODE. RELATIVE_TO is the folder that ${file:} paths start
 * from. Returns false with faults that name the reference (`GEMINI_API_KEY is not set`)
 * and never a value; OUT is then to be cleared all the same.
 */
MUST_CHECK bool text_load(const struct yaml_node *node, const char *relative_to,
    struct faults *faults, struct text *out);
void text_clear(struct text *text);

/*
 * Read PATH, a file or FIFO, less its last newline, into CONTENT, which is initialised here and
 * to be cleared either way. Returns NULL, or what is wrong with it, behind its name: "cannot be
 * read: ...". The caller's.
 */
char *text_read_file(const char *path, struct buffer *content);

/* OUT becomes a copy; it need not be initialised. */
void text_copy(struct text *out, const struct text *from);

/* Is what became of them the same, with its marks? Not so what it came from. */
bool text_equal(const struct text *a, const struct text *b);

/* In TEXT's source, for printing, let relative ${file:} paths begin with PREFIX. */
void text_rebase(struct text *text, const char *prefix);

/* Does the source put anything in? */
bool text_has_reference(const struct text *text);

#endif
