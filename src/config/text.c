#include "config/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/yaml.h"

/*
 * How ${...} is read. It ends at the first `}`, so that neither a default nor an error
 * text can hold one. What it starts with decides, in this order:
 *
 *   NAME            a variable
 *   NAME:-  NAME:?  a variable with a default or an error text, whatever NAME is
 *   plain:          a variable in one of these forms, and no secret
 *   file:           the rest is a path
 *   credential:     the rest is the name of a credential
 */
#define FORMS                                                                    \
	"${NAME}, ${NAME:-text}, ${NAME:?text}, ${plain:NAME}, ${file:PATH} or " \
	"${credential:NAME}"

/* Of one file or credential. */
#define MAX_FILE_BYTES ((size_t)1024 * 1024)

/* Of one text with everything put in: a few references cannot reach it by mistake, and
 * many cannot eat the memory. */
#define MAX_TEXT_BYTES ((size_t)16 * 1024 * 1024)

struct filling {
	struct text *out;
	struct faults *faults;
	const char *relative_to;
};

static bool
put(struct filling *filling, const char *text, size_t len, enum mark mark)
{
	if (marked_append(&filling->out->value, text, len, mark))
		return true;
	faults_error(filling->faults, filling->out->place,
	    "with what ${...} puts in, larger than %zuMiB",
	    MAX_TEXT_BYTES / 1024 / 1024);
	return false;
}

/* ---- variables ---- */

static bool
is_name_start(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* How many bytes at TEXT are a name: [A-Za-z_][A-Za-z0-9_]*. */
static size_t
name_len(const char *text)
{
	size_t len = 0;

	if (!is_name_start(text[0]))
		return 0;
	while (is_name_start(text[len]) || (text[len] >= '0' && text[len] <= '9'))
		len++;
	return len;
}

/* Does REST, which follows a name, make it a variable? */
static bool
is_variable_rest(const char *rest)
{
	return rest[0] == '\0' || strncmp(rest, ":-", 2) == 0 ||
	    strncmp(rest, ":?", 2) == 0;
}

static bool
put_missing_variable(struct filling *filling, const char *name, const char *rest)
{
	struct place place = filling->out->place;

	if (strncmp(rest, ":-", 2) == 0)
		return put(filling, rest + 2, strlen(rest + 2), MARK_PUT_IN);
	if (strncmp(rest, ":?", 2) == 0 && rest[2] != '\0')
		faults_error(filling->faults, place, "%s: %s", name, rest + 2);
	else
		faults_error(filling->faults, place, "%s is not set", name);
	return false;
}

/* MARK is that of a value from the environment. */
static bool
put_variable(struct filling *filling, const char *reference, enum mark mark)
{
	const char *rest = reference + name_len(reference);
	char *name = xmemdup0(reference, (size_t)(rest - reference));
	const char *value = getenv(name);
	bool done;

	if (value != NULL && value[0] != '\0')
		done = put(filling, value, strlen(value), mark);
	else
		done = put_missing_variable(filling, name, rest);
	free(name);
	return done;
}

static bool
put_plain(struct filling *filling, const char *reference)
{
	size_t len = name_len(reference);

	if (len == 0 || !is_variable_rest(reference + len)) {
		faults_error(filling->faults, filling->out->place,
		    "malformed ${plain:...}: expected the name of a variable");
		return false;
	}
	return put_variable(filling, reference, MARK_PUT_IN);
}

/* ---- files ---- */

/* A device may have no end, and a terminal would wait for somebody to type. */
static bool
read_ending(const char *path, struct buffer *content)
{
	struct stat status;

	if (stat(path, &status) == -1)
		return false;
	if (S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		return false;
	}
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
		errno = EINVAL;
		return false;
	}
	return file_read(path, content);
}

static void
drop_last_newline(struct buffer *content)
{
	size_t len = content->len;

	if (len == 0 || content->data[len - 1] != '\n')
		return;
	len--;
	if (len > 0 && content->data[len - 1] == '\r')
		len--;
	buffer_truncate(content, len);
}

static char *
why_unread(int failure)
{
	if (failure == EFBIG)
		return xstrdup("is larger than 1MiB");
	if (failure == EINVAL)
		return xstrdup("is neither a regular file nor a FIFO");
	return xasprintf("cannot be read: %s", strerror(failure));
}

char *
text_read_file(const char *path, struct buffer *content)
{
	buffer_init(content, MAX_FILE_BYTES);
	if (!read_ending(path, content))
		return why_unread(errno);
	drop_last_newline(content);
	if (strlen(content->data) != content->len)
		return xstrdup("holds a NUL byte");
	return NULL;
}

/* PATH's content. KIND and NAME are what the config calls it. */
static bool
put_content(
    struct filling *filling, const char *path, const char *kind, const char *name)
{
	struct buffer content;
	char *why = text_read_file(path, &content);
	bool done = false;

	if (why == NULL && content.len == 0)
		why = xstrdup("is empty: a run never starts with an empty key");
	if (why != NULL)
		faults_error(
		    filling->faults, filling->out->place, "%s %s %s", kind, name, why);
	else
		done = put(filling, content.data, content.len, MARK_SECRET);
	free(why);
	buffer_clear(&content);
	return done;
}

static bool
put_file(struct filling *filling, const char *path)
{
	char *full;
	bool done;

	if (path[0] == '\0') {
		faults_error(
		    filling->faults, filling->out->place, "${file:} names no file");
		return false;
	}
	if (path[0] == '/')
		full = xstrdup(path);
	else
		full = xasprintf("%s/%s", filling->relative_to, path);
	done = put_content(filling, full, "file", path);
	free(full);
	return done;
}

static bool
is_credential_name(const char *name)
{
	return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0;
}

static bool
put_credential(struct filling *filling, const char *name)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct place place = filling->out->place;
	char *path;
	bool done;

	if (!is_credential_name(name)) {
		faults_error(filling->faults, place,
		    "${credential:...}: expected the name of a credential, without /");
		return false;
	}
	if (folder == NULL || folder[0] == '\0') {
		faults_error(filling->faults, place,
		    "credential %s: CREDENTIALS_DIRECTORY is not set (systemd sets it "
		    "with LoadCredential=)",
		    name);
		return false;
	}
	path = xasprintf("%s/%s", folder, name);
	done = put_content(filling, path, "credential", name);
	free(path);
	return done;
}

/* ---- references ---- */

typedef bool put_fn(struct filling *filling, const char *rest);

static const char *const scheme_names[] = { "plain", "file", "credential", NULL };
static put_fn *const scheme_functions[] = { put_plain, put_file, put_credential };

static void
refuse_scheme(struct filling *filling, const char *name)
{
	const char *meant =
	    names_nearest(name, scheme_names, ARRAY_COUNT(scheme_functions));

	if (meant != NULL)
		faults_error(filling->faults, filling->out->place,
		    "unknown ${%s:...}: did you mean ${%s:...}?", name, meant);
	else
		faults_error(filling->faults, filling->out->place,
		    "unknown ${%s:...}: expected " FORMS, name);
}

static bool
put_scheme(struct filling *filling, const char *reference, size_t name_length)
{
	char *name = xmemdup0(reference, name_length);
	int scheme = names_find(scheme_names, name);
	bool done = false;

	if (scheme >= 0)
		done = scheme_functions[scheme](filling, reference + name_length + 1);
	else
		refuse_scheme(filling, name);
	free(name);
	return done;
}

/* REFERENCE is what stands between ${ and }. A malformed one is not quoted: somebody may
 * have put the key itself there. */
static bool
put_reference(struct filling *filling, const char *reference)
{
	size_t len = name_len(reference);

	if (len > 0 && is_variable_rest(reference + len))
		return put_variable(filling, reference, MARK_SECRET);
	if (len > 0 && reference[len] == ':')
		return put_scheme(filling, reference, len);
	faults_error(
	    filling->faults, filling->out->place, "malformed ${...}: expected " FORMS);
	return false;
}

/* Put in the reference at AT, which starts "${"; *NEXT is where the text goes on. */
static bool
read_reference(struct filling *filling, const char *at, const char **next)
{
	const char *start = at + strlen("${");
	const char *end = strchr(start, '}');
	char *reference;
	bool done;

	if (end == NULL) {
		faults_error(filling->faults, filling->out->place,
		    "unclosed ${: expected a } behind it ($${ is ${ itself)");
		*next = start + strlen(start);
		return false;
	}
	reference = xmemdup0(start, (size_t)(end - start));
	done = put_reference(filling, reference);
	free(reference);
	*next = end + 1;
	return done;
}

/* All faults of the text are told, not just the first. */
static bool
put_all(struct filling *filling)
{
	const char *at = filling->out->source;
	bool done = true;

	while (*at != '\0') {
		size_t len = strcspn(at, "$");

		done = put(filling, at, len, MARK_OWN) && done;
		at += len;
		if (at[0] != '$')
			continue;
		if (at[1] == '{') {
			done = read_reference(filling, at, &at) && done;
			continue;
		}
		done = put(filling, "$", 1, MARK_OWN) && done;
		at += at[1] == '$' ? 2 : 1;
	}
	return done;
}

bool
text_load(const struct yaml_node *node, const char *relative_to, struct faults *faults,
    struct text *out)
{
	struct filling filling = {
		.out = out,
		.faults = faults,
		.relative_to = relative_to,
	};

	assert(node->kind == YAML_SCALAR);
	out->source = xmemdup0(node->text, node->len);
	out->place = node->place;
	out->plain = node->plain;
	marked_init(&out->value, MAX_TEXT_BYTES);
	return put_all(&filling);
}

void
text_clear(struct text *text)
{
	free(text->source);
	text->source = NULL;
	marked_clear(&text->value);
}

void
text_copy(struct text *out, const struct text *from)
{
	*out = *from;
	out->source = xstrdup(from->source);
	marked_copy(&out->value, &from->value);
}

bool
text_equal(const struct text *a, const struct text *b)
{
	return marked_equal(&a->value, &b->value);
}

/* The reference of LEN bytes at AT, "${" and "}" included. */
static void
append_rebased(struct buffer *out, const char *at, size_t len, const char *prefix)
{
	static const char scheme[] = "${file:";
	size_t start = strlen(scheme);

	if (strncmp(at, scheme, start) == 0 && at[start] != '/')
		buffer_append_format(out, "%s%s", scheme, prefix);
	else
		start = 0;
	buffer_append(out, at + start, len - start);
}

void
text_rebase(struct text *text, const char *prefix)
{
	const char *at = text->source;
	struct buffer out;

	/* A reference has no way to write a brace. */
	if (prefix[0] == '\0' || strchr(prefix, '}') != NULL)
		return;
	buffer_init(&out, BUFFER_UNLIMITED);
	while (*at != '\0') {
		const char *end = strncmp(at, "${", 2) == 0 ? strchr(at, '}') : NULL;
		size_t len = strcspn(at, "$");

		if (end != NULL) {
			len = (size_t)(end + 1 - at);
			append_rebased(&out, at, len, prefix);
		} else {
			if (len == 0)
				len = at[1] == '$' ? 2 : 1;
			buffer_append(&out, at, len);
		}
		at += len;
	}
	free(text->source);
	text->source = buffer_take(&out);
}

bool
text_has_reference(const struct text *text)
{
	const char *at = strchr(text->source, '$');

	while (at != NULL && at[1] != '{')
		at = strchr(at + (at[1] == '$' ? 2 : 1), '$');
	return at != NULL;
}
