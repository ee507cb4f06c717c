/*
 * The command line of gatherctl: what to do, and with which document.
 */
#ifndef GATHERD_CTL_COMMAND_H
#define GATHERD_CTL_COMMAND_H

#include <stdbool.h>

#include "base/compiler.h"

/* What gatherctl's exit status says. */
enum ctl_exit {
	CTL_EXIT_WELL = 0,
	CTL_EXIT_NOT_WELL = 1,   /* the document or the target is not as it should be */
	CTL_EXIT_USAGE = 2,      /* wrong usage, or no such target */
	CTL_EXIT_UNREADABLE = 3, /* no document, or it could not be shown */
};

enum command_action {
	COMMAND_STATUS,
	COMMAND_SHOW,
	COMMAND_HELP,
	COMMAND_VERSION,
};

struct command {
	enum command_action action;
	const char *file;   /* the document; borrowed from argv or the environment */
	bool file_is_named; /* by an option or the environment */
	const char *name;   /* of the target to show; borrowed from argv */
	bool only_failed;
	bool json;
};

/* Returns false where the usage is wrong, which has been told on standard error. */
MUST_CHECK bool command_parse(int argc, char **argv, struct command *command);

void command_print_help(void);
void command_print_version(void);

#endif
