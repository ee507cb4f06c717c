#include "config/sources.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/yaml.h"

/* One file that a pattern names. */
struct match {
	char *path;         /* owned */
	struct place place; /* of the pattern */
};

struct matches {
	struct match *items; /* owned */
	size_t count;
};

/* ---- reading a file ---- */

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xmemdup0(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Read PATH as one more source. Its place in the list is kept where that fails. */
static struct source *
add_source(struct sources *sources, const char *path, struct faults *faults)
{
	struct source *source;
	char *text = NULL;
	size_t len = 0;

	sources->items = xgrow(sources->items, sources->count, sizeof(*source));
	source = &sources->items[sources->count++];
	*source = (struct source){
		.file = faults_add_file(faults, path),
		.folder = folder_of(path),
	};
	if (!yaml_read_file(path, source->file, faults, &text, &len))
		return source;
	source->tree = yaml_parse(text, len, source->file, faults);
	/* There may be secrets in it. */
	explicit_bzero(text, len);
	free(text);
	return source;
}

bool
sources_open(struct sources *sources, const char *path, struct faults *faults)
{
	struct source *source;
	struct stat status;

	*sources = (struct sources){ 0 };
	source = add_source(sources, path, faults);
	if (strcmp(path, "-") != 0 && stat(path, &status) == 0) {
		source->device = status.st_dev;
		source->inode = status.st_ino;
	}
	return source->tree != NULL;
}

void
sources_clear(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free(sources->items[i].folder);
		yaml_tree_free(sources->items[i].tree);
	}
	free(sources->items);
	*sources = (struct sources){ 0 };
}

/* ---- patterns ---- */

static void
add_match(struct matches *matches, const char *path, struct place place)
{
	matches->items = xgrow(matches->items, matches->count, sizeof(*matches->items));
	matches->items[matches->count++] = (struct match){ xstrdup(path), place };
}

/* The beginning of a path in FOLDER; nothing for the folder we are in, so that files are
 * told as they were named. */
static void
append_folder(struct buffer *out, const char *folder, bool escaped)
{
	if (strcmp(folder, ".") == 0)
		return;
	for (const char *c = folder; *c != '\0'; c++) {
		if (escaped && strchr("*?[\\", *c) != NULL)
			buffer_append_char(out, '\\');
		buffer_append_char(out, *c);
	}
	if (strcmp(folder, "/") != 0)
		buffer_append_char(out, '/');
}

/* What kept glob(3) from reading a folder; it takes no argument for its callback. */
static _Thread_local int folder_failure;

static int
on_unreadable_folder(UNUSED const char *folder, int failure)
{
	if (failure == ENOENT)
		return 0; /* no match, as in any other folder */
	folder_failure = failure;
	return 1;
}

static void
match_pattern(struct matches *matches, const char *pattern, const struct text *text,
    struct faults *faults)
{
	glob_t found = { 0 };
	int result;

	folder_failure = 0;
	result = glob(pattern, GLOB_NOSORT, on_unreadable_folder, &found);
	if (result == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			add_match(matches, found.gl_pathv[i], text->place);
	} else if (result != GLOB_NOMATCH) {
		faults_error(faults, text->place, "include: %s: cannot look for it: %s",
		    text->source,
		    strerror(folder_failure != 0 ? folder_failure : ENOMEM));
	}
	globfree(&found);
}

static void
match_text(struct matches *matches, const char *folder, const struct text *text,
    struct faults *faults)
{
	const char *name = text->value.text.data;
	bool is_pattern = strpbrk(name, "*?[") != NULL;
	struct buffer path;

	if (name[0] == '\0') {
		faults_error(
		    faults, text->place, "include: expected the name of a file");
		return;
	}
	buffer_init(&path, BUFFER_UNLIMITED);
	if (name[0] != '/')
		append_folder(&path, folder, is_pattern);
	buffer_append_string(&path, name);
	if (is_pattern)
		match_pattern(matches, path.data, text, faults);
	else
		add_match(matches, path.data, text->place);
	buffer_clear(&path);
}

static int
compare_matches(const void *left, const void *right)
{
	const struct match *a = left;
	const struct match *b = right;

	return strcmp(a->path, b->path);
}

/* ---- including ---- */

static const struct source *
find_file(const struct sources *sources, const struct stat *status)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->items[i];

		if (source->inode != 0 && source->inode == status->st_ino &&
		    source->device == status->st_dev)
			return source;
	}
	return NULL;
}

static void
include_match(struct sources *sources, const struct match *match, struct faults *faults)
{
	const struct source *known;
	struct source *source;
	struct stat status;

	if (stat(match->path, &status) == -1) {
		faults_error(faults, match->place, "include: %s cannot be read: %s",
		    match->path, strerror(errno));
		return;
	}
	known = find_file(sources, &status);
	if (known == sources->items)
		faults_error(faults, match->place, "include: %s is this file itself",
		    match->path);
	if (known != NULL)
		return;
	source = add_source(sources, match->path, faults);
	source->device = status.st_dev;
	source->inode = status.st_ino;
}

void
sources_include(
    struct sources *sources, const struct config_pairs *patterns, struct faults *faults)
{
	struct matches matches = { 0 };

	for (size_t i = 0; i < patterns->count; i++)
		match_text(&matches, sources->items[0].folder, &patterns->items[i].text,
		    faults);
	if (matches.count > 0)
		qsort(matches.items, matches.count, sizeof(*matches.items),
		    compare_matches);
	for (size_t i = 0; i < matches.count; i++) {
		include_match(sources, &matches.items[i], faults);
		free(matches.items[i].path);
	}
	free(matches.items);
}

const struct yaml_node *
source_root(const struct source *source)
{
	return source->tree != NULL ? yaml_root(source->tree) : NULL;
}

const char *
sources_folder(const struct sources *sources, unsigned file)
{
	for (size_t i = 0; i < sources->count; i++) {
		if (sources->items[i].file == file)
			return sources->items[i].folder;
	}
	return ".";
}

char *
sources_prefix(const struct sources *sources, unsigned file)
{
	const char *main_folder = sources->items[0].folder;
	const char *folder = sources_folder(sources, file);
	size_t len = strlen(main_folder);

	/* What is not included by an absolute name begins with the main file's folder. */
	if (strcmp(folder, main_folder) == 0)
		return xstrdup("");
	if (strncmp(folder, main_folder, len) == 0 && folder[len] == '/')
		folder += len + 1;
	return xasprintf("%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/");
}
