#include "daemon/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/marked.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "daemon/options.h"

static void
append_own(struct marked *output, const char *text, size_t len)
{
	marked_append(output, text, len, MARK_OWN);
}

bool
output_choose(
    const struct config *config, const struct options *options, struct marked *output)
{
	const char *state = getenv("STATE_DIRECTORY");

	if (options->output == NULL && config->output.file.value.text.len > 0) {
		marked_copy(output, &config->output.file.value);
		return true;
	}
	marked_init(output, BUFFER_UNLIMITED);
	if (options->output != NULL) {
		append_own(output, options->output, strlen(options->output));
		return true;
	}
	if (state == NULL || *state == '\0')
		return false;
	append_own(output, state, strcspn(state, ":"));
	append_own(output, "/status.json", strlen("/status.json"));
	return true;
}

/* What goes to PATH, beside the document, by CONFIG; NULL: nothing. By the texts alone: a disk
 * under one of these may hang, and must not hold up the document. Links are looked at when
 * the places are opened. */
static const char *
other_output_at(const struct config *config, const char *path)
{
	const struct marked *metrics = &config->output.metrics.value;
	const struct marked *page = &config->output.page.value;

	if (strcmp(path, "-") == 0)
		return NULL;
	if (metrics->text.len > 0 && path_is_same(metrics->text.data, path))
		return "metrics";
	if (page->text.len > 0 && path_is_same(page->text.data, path))
		return "page";
	return NULL;
}

/* Is PATH, "-" for none, a name of the file SOURCE? */
static bool
is_source(const char *path, const char *source)
{
	struct stat status;
	struct stat source_status;

	if (strcmp(path, "-") == 0 || strcmp(source, "-") == 0)
		return false;
	if (path_is_same(path, source))
		return true;
	return stat(path, &status) == 0 && stat(source, &source_status) == 0 &&
	    S_ISREG(status.st_mode) && status.st_dev == source_status.st_dev &&
	    status.st_ino == source_status.st_ino;
}

char *
output_find_fault(const struct config *config, const struct options *options)
{
	const char *source = options->config_path;
	struct marked output;
	const char *other = NULL;
	char *fault = NULL;

	if (output_choose(config, options, &output))
		other = other_output_at(config, output.text.data);
	if (other != NULL)
		fault =
		    xasprintf("the document and output.%s go to the same file", other);
	else if (output.text.len > 0 && is_source(output.text.data, source))
		fault = xasprintf(
		    "the document would be written over %s, the config", source);
	else if ((other = other_output_at(config, source)) != NULL)
		fault = xasprintf(
		    "output.%s would be written over %s, the config", other, source);
	marked_clear(&output);
	return fault;
}
