/*
 * What is seen from outside: the files that are written, and where is listened. No two of them
 * may be in each other's way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/listen.h"
#include "config/load_parts.h"

/* ---- listen ---- */

static void
read_listen(struct load *load)
{
	struct config *config = load->config;
	const struct text *listen = &config->listen;
	char *why = NULL;

	if (listen->value.text.len == 0)
		return;
	if (!listen_parse(listen->value.text.data, &config->listen_address, &why)) {
		faults_error(load->faults, listen->place, "listen: %s", why);
		free(why);
	} else if (!config->listen_public &&
	    !listen_is_local(&config->listen_address)) {
		faults_error(load->faults, listen->place,
		    "listen: other machines could reach this address: expected one of "
		    "127.0.0.1, [::1] or unix:, or listen_public: true");
	}
}

/* ---- paths ---- */

/* Something that is made in a folder. */
struct made {
	const char *name; /* as messages have it */
	const char *path; /* borrowed; empty: it is not made */
	struct place place;
	char *real; /* owned: without links on the way; NULL: not known */
};

/* PATH as the only name of its kind: a link followed, its folder as it is really called. NULL
 * where that is not there yet. The caller's. */
static char *
real_path(const char *path)
{
	char *end = atomic_file_resolve(path);
	char *slash = end != NULL ? strrchr(end, '/') : NULL;
	char *folder = NULL;
	char *real = NULL;

	if (end == NULL)
		return NULL;
	if (slash != NULL)
		*slash = '\0';
	folder = realpath(slash == NULL ? "." : slash == end ? "/" : end, NULL);
	if (folder != NULL)
		real = xasprintf("%s/%s", folder, slash != NULL ? slash + 1 : end);
	free(folder);
	free(end);
	return real;
}

static bool
is_same_path(const struct made *a, const struct made *b)
{
	if (strcmp(a->path, b->path) == 0)
		return true;
	return a->real != NULL && b->real != NULL && strcmp(a->real, b->real) == 0;
}

/* The last of COUNT MADE, against those before. */
static void
check_made(struct load *load, const struct made *made, size_t count)
{
	const struct made *last = &made[count - 1];

	for (size_t i = 0; i + 1 < count; i++) {
		if (made[i].path[0] == '\0' || !is_same_path(&made[i], last))
			continue;
		faults_error(load->faults, last->place, "%s: this is %s already",
		    last->name, made[i].name);
		return;
	}
}

/* Only one of them can have standard output. */
static void
check_standard_output(struct load *load, const struct text *text, const char *name)
{
	if (strcmp(text->value.text.data, "-") == 0)
		faults_error(load->faults, text->place,
		    "%s: only the document can go to standard output", name);
}

static void
check_paths(struct load *load)
{
	const struct config *config = load->config;
	const struct text *file = &config->output.file;
	const struct text *metrics = &config->output.metrics;
	const struct text *page = &config->output.page;
	bool is_unix = config->listen_address.kind == LISTEN_UNIX;
	struct made made[] = {
		{ "output.file", file->value.text.data, file->place, NULL },
		{ "output.metrics", metrics->value.text.data, metrics->place, NULL },
		{ "output.page", page->value.text.data, page->place, NULL },
		{ "listen", is_unix ? listen_path(&config->listen_address) : "",
		    config->listen.place, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		if (made[i].path[0] == '\0' || strcmp(made[i].path, "-") == 0)
			continue;
		made[i].real = real_path(made[i].path);
		check_made(load, made, i + 1);
	}
	for (size_t i = 0; i < ARRAY_COUNT(made); i++)
		free(made[i].real);
}

void
load_check_outside(struct load *load)
{
	const struct config *config = load->config;

	read_listen(load);
	check_standard_output(load, &config->output.metrics, "output.metrics");
	check_standard_output(load, &config->output.page, "output.page");
	check_paths(load);
}
