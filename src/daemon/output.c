#include "daemon/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/marked.h"
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

bool
output_is_config(const struct config *config, const struct options *options)
{
	struct marked output;
	struct stat document;
	struct stat source;
	bool same = false;

	if (output_choose(config, options, &output))
		same = stat(output.text.data, &document) == 0 &&
		    stat(options->config_path, &source) == 0 &&
		    S_ISREG(document.st_mode) && document.st_dev == source.st_dev &&
		    document.st_ino == source.st_ino;
	marked_clear(&output);
	return same;
}
