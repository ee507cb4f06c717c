/*
 * gatherctl: shows a person, or a program, what stands in a status document.
 */
#include "base/clock.h"
#include "ctl/command.h"
#include "ctl/run.h"

static enum ctl_exit
act(const struct command *command)
{
	switch (command->action) {
	case COMMAND_STATUS:
	case COMMAND_SHOW:
		return run_command(command, clock_wall_ms());
	case COMMAND_HELP:
		command_print_help();
		return CTL_EXIT_WELL;
	case COMMAND_VERSION:
		command_print_version();
		return CTL_EXIT_WELL;
	}
	return CTL_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct command command;

	if (!command_parse(argc, argv, &command))
		return CTL_EXIT_USAGE;
	return (int)act(&command);
}
