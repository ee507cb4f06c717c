/*
 * gatherd: asks many services at the same time and keeps one status document of what they
 * answered.
 */
#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "daemon/explain.h"
#include "daemon/once.h"
#include "daemon/options.h"
#include "daemon/process.h"
#include "daemon/scheduled.h"
#include "daemon/setup.h"

static bool
is_daemon(const struct options *options)
{
	return options->action == ACTION_GATHER && options->rounds == 0;
}

static enum exit_status
run(struct config *config, const struct options *options)
{
	if (options->action == ACTION_EXPLAIN)
		return explain_run(config, options);
	return is_daemon(options) ? scheduled_run(config, options)
	                          : once_run(config, options);
}

static enum exit_status
gather(const struct options *options)
{
	struct config *config = setup_config(options);
	enum exit_status status;

	if (config == NULL)
		return EXIT_STATUS_USAGE;
	status = run(config, options);
	config_unref(config);
	return status;
}

static enum exit_status
act(const struct options *options)
{
	switch (options->action) {
	case ACTION_GATHER:
	case ACTION_EXPLAIN:
		return gather(options);
	case ACTION_CHECK:
		return setup_check(options);
	case ACTION_PRINT_CONFIG:
		return setup_print_config(options);
	case ACTION_PRINT_SCHEMA:
		setup_print_schema(options);
		return EXIT_STATUS_OK;
	case ACTION_HELP:
		options_print_help();
		return EXIT_STATUS_OK;
	case ACTION_VERSION:
		options_print_version();
		return EXIT_STATUS_OK;
	}
	return EXIT_STATUS_USAGE;
}

/* What --check, --help and the like printed may still be on its way. */
static enum exit_status
flush_output(enum exit_status status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("gatherd: standard output");
	return EXIT_STATUS_NOT_PUBLISHED;
}

int
main(int argc, char **argv)
{
	struct options options;
	enum exit_status status = EXIT_STATUS_USAGE;

	process_begin();
	if (options_parse(argc, argv, &options)) {
		if (is_daemon(&options))
			process_stop_means_exit();
		else
			process_stop_kills();
		status = flush_output(act(&options));
	}
	options_clear(&options);
	return status;
}
