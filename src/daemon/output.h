/*
 * Where the document goes: the option, the config, the state folder.
 */
#ifndef GATHERD_DAEMON_OUTPUT_H
#define GATHERD_DAEMON_OUTPUT_H

#include <stdbool.h>

#include "base/compiler.h"

struct config;
struct marked;
struct options;

/*
 * Initialise OUTPUT with the path: of --output, else of `output.file`, else status.json in
 * $STATE_DIRECTORY (systemd.exec(5); the first, where there are several). Returns false
 * where none of them says one. OUTPUT is to be cleared either way.
 */
MUST_CHECK bool output_choose(
    const struct config *config, const struct options *options, struct marked *output);

/* Would the document take the place of the config that was read? */
MUST_CHECK bool output_is_config(
    const struct config *config, const struct options *options);

#endif
