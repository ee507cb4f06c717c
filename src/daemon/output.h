/*
 * Where the document goes: the option, the config, the state folder, and what must not be there.
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

/* Why nothing may be written where it is said: over the config that was read, or two things
 * to one file. A sentence, the caller's; NULL: all is well, as far as can be seen without asking
 * the disks of the metrics and the page: the publisher looks at these. */
char *output_find_fault(const struct config *config, const struct options *options);

#endif
