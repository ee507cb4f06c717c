/*
 * What is seen from outside: the files that are written, and where is listened. No two of them
 * may be in each other's way.
 */
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/path.h"
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
	const char *path; /* borrowed; empty or "-": it is not made */
	struct place place;
};

static bool
is_made(const struct made *made)
{
	return made->path[0] != '\0' && strcmp(made->path, "-") != 0;
}

/* The last of COUNT MADE, against those before. */
static void
check_made(struct load *load, const struct made *made, size_t count)
{
	const struct made *last = &made[count - 1];

	for (size_t i = 0; i + 1 < count; i++) {
		if (!is_made(&made[i]) || !path_is_same(made[i].path, last->path))
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

/* By their texts: a disk may hang, and nobody has been told yet that it is waited for. What is
 * the same by links is found when the places are opened. */
static void
check_paths(struct load *load)
{
	const struct config *config = load->config;
	const struct text *file = &config->output.file;
	const struct text *metrics = &config->output.metrics;
	const struct text *page = &config->output.page;
	bool is_unix = config->listen_address.kind == LISTEN_UNIX;
	struct made made[] = {
		{ "output.file", file->value.text.data, file->place },
		{ "output.metrics", metrics->value.text.data, metrics->place },
		{ "output.page", page->value.text.data, page->place },
		{ "listen", is_unix ? listen_path(&config->listen_address) : "",
		    config->listen.place },
	};

	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		if (is_made(&made[i]))
			check_made(load, made, i + 1);
	}
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
