/*
 * Mustache templates (mustache(5)), compiled once, rendered over a lookup function.
 *
 * Taken: {{name}}, {{{name}}} and {{&name}}, {{#section}}, {{^inverted}}, {{/end}},
 * {{! comment}}, {{=<% %>=}}, dotted names and {{.}}. Not taken: partials and lambdas.
 * Otherwise than in the specification: a name that does not exist, or is null, is no
 * empty string outside a section but a fault; escaping is not HTML's but that of the
 * place the text goes to. What is put in is never read as a template again.
 */
#ifndef GATHERD_TEMPLATE_TEMPLATE_H
#define GATHERD_TEMPLATE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/marked.h"

struct secrets;
struct template; /* compiled; immutable */

/* Where the rendered text goes, and so what {{name}} is escaped for. */
enum template_place {
	TEMPLATE_PLAIN, /* nothing is escaped; lists and maps as compact JSON */
	TEMPLATE_URL, /* all but unreserved characters percent-encoded (RFC 3986, 2.3) */
	TEMPLATE_HEADER, /* CR, LF and NUL left out, of {{{name}}} too */
};

/* A template's output is never longer: rendering stops with TEMPLATE_TOO_LARGE. */
#define TEMPLATE_MAX_OUTPUT ((size_t)1024 * 1024)
/* Sections inside each other. */
#define TEMPLATE_MAX_DEPTH 32

/* What went wrong when compiling, and where: OFFSET bytes into the source text. */
struct template_fault {
	char message[160];
	size_t offset;
};

/*
 * Compile SOURCE, of which only MARK_OWN parts are read as a template (a tag lies within
 * one part); the others are literal text. Returns NULL with FAULT written: a tag or
 * section that is not closed, a wrong end, an empty or malformed name, malformed
 * delimiters, a partial, sections nested too deeply.
 */
struct template *template_compile(const struct marked *source,
    enum template_place place, struct template_fault *fault);
void template_free(struct template *template);

/* Nothing but literal text: every rendering is the same. */
bool template_is_literal(const struct template *template);

/* One name of a template, for checks and dependencies. */
struct template_name {
	const char *path; /* dotted, as written, borrowed; "." is not reported */
	bool in_section;  /* it stands inside a section */
	bool is_section;  /* it opens a section or an inverted one */
	size_t offset;    /* of its tag in the source text */
};
typedef void template_name_fn(const struct template_name *name, void *arg);
void template_each_name(
    const struct template *template, template_name_fn *fn, void *arg);

/* ---- what templates are rendered over ---- */

enum template_kind {
	TEMPLATE_NULL,
	TEMPLATE_FALSE,
	TEMPLATE_TRUE,
	TEMPLATE_TEXT, /* strings, and numbers by their text */
	TEMPLATE_LIST,
	TEMPLATE_MAP,
};

/* One value, as the lookup functions tell it. All pointers are borrowed and must live
 * until template_render() returns. */
struct template_value {
	enum template_kind kind;
	const struct marked *text; /* TEMPLATE_TEXT: with its marks, or NULL: */
	const char *plain;         /* ... then this NUL-terminated text */
	bool number;               /* TEXT: it is a number, and JSON as it stands */
	bool fetched;     /* it comes from an answer: see struct template_insertion */
	const void *node; /* LIST and MAP: whatever the functions below need */
	const struct template_data *data; /* LIST and MAP: those functions */
};

/* How lists and maps of one origin are read. */
struct template_data {
	/*
	 * Find PATH (LEN bytes, dotted) in MAP as far as this map can: write the value it
	 * found and return how many bytes of PATH named it (up to a dot or the end), or 0
	 * where nothing is there. Most take the first part of PATH; a map whose keys hold
	 * dots takes the longest that fits.
	 */
	size_t (*get)(const struct template_value *map, const char *path, size_t len,
	    struct template_value *found);

	/* The element with number INDEX of LIST; false past the end. Also serves a number as
	 * part of a dotted name ({{list.0}}). */
	bool (*item)(const struct template_value *list, size_t index,
	    struct template_value *found);

	/* Append LIST or MAP as compact JSON, real text with marks (TEMPLATE_PLAIN); a
	 * secret part is the inside of one string, escaped, without its quotes. NULL where
	 * there is no such text. Returns false past OUT's maximum, with the beginning in
	 * OUT. */
	bool (*json)(const struct template_value *value, struct marked *out);
};

enum template_result {
	TEMPLATE_RENDERED,
	TEMPLATE_MISSING,  /* a name outside a section that does not exist or is null */
	TEMPLATE_NOT_TEXT, /* a list or map where only text can stand */
	TEMPLATE_TOO_LARGE, /* for OUT, or too much work: lists in lists in lists */
};

/*
 * Render over ROOT, a map. OUT must be initialised and empty; the marks of what was put
 * in are kept, so marked_shown() of it is what may be shown. CARRIED (may be NULL)
 * gets the secrets that were put in, unescaped, the template's own secret parts among
 * them. Where the result is not TEMPLATE_RENDERED, *NAME (may be NULL) is the path that
 * was to blame, borrowed from TEMPLATE, or NULL.
 *
 * Truth in sections is Mustache's: missing, null, false, an empty list are false; so is
 * empty text.
 */
MUST_CHECK enum template_result template_render(const struct template *template,
    const struct template_value *root, struct marked *out, struct secrets *carried,
    const char **name);

/* How values are put into a text that is read by a language model. */
struct template_insertion {
	/* Of each value; a longer one is cut before a character that does not fit, and a mark
	 * says so: "[... 12345 more bytes cut]". 0: as long as they are. */
	size_t max_bytes;
	/*
	 * What was fetched stands in a block, between the lines "[data NAME DIGITS]" and "[end
	 * of data NAME DIGITS]". NAME is as the template writes it, in a section with what that
	 * is over: "targets.3.data". DIGITS are of a digest of name and value, so that no value
	 * can hold the line that ends it; of a value with a secret in it they are one, too.
	 */
	bool fence;
	size_t cut_count; /* grows by one with each value that is cut */
};

/* As template_render(), of a template for TEMPLATE_PLAIN, with what INSERTION says. */
MUST_CHECK enum template_result template_render_inserting(
    const struct template *template, const struct template_value *root,
    struct template_insertion *insertion, struct marked *out, struct secrets *carried,
    const char **name);

/* Is TEMPLATE nothing but one {{{name}}}? */
bool template_is_value(const struct template *template);

/* Render such a TEMPLATE as template_render() does, but as compact JSON with the value's
 * type: text as a string, a number as that. */
MUST_CHECK enum template_result template_render_json(const struct template *template,
    const struct template_value *root, struct marked *out, struct secrets *carried,
    const char **name);

#endif
