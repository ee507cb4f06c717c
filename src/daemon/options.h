/*
 * The command line of gatherd: one table of options drives reading them, --help, and the
 * test that holds gatherd(8) against them.
 */
#ifndef GATHERD_DAEMON_OPTIONS_H
#define GATHERD_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "config/config.h"

/* What gatherd's and the shell's users read as exit statuses. */
enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED_TARGETS = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_NOT_PUBLISHED = 3,
};

enum options_action {
	ACTION_GATHER,
	ACTION_CHECK,
	ACTION_PRINT_CONFIG,
	ACTION_PRINT_SCHEMA,
	ACTION_EXPLAIN,
	ACTION_HELP,
	ACTION_VERSION,
};

/* What --print-schema describes. */
enum options_schema {
	SCHEMA_CONFIG,
	SCHEMA_STATUS,
};

struct options {
	enum options_action action;
	int schema;              /* enum options_schema, of ACTION_PRINT_SCHEMA */
	const char *config_path; /* borrowed from argv, as all below */
	const char *output;      /* NULL: as the config says */
	unsigned long rounds;    /* 0: run as a daemon */
	struct config_var *vars; /* owned */
	size_t var_count;
	const char **only; /* owned; the lists as given */
	size_t only_count;
	const char *explain; /* the target to explain; NULL: none */
	bool json;           /* ... for a program */
	int log_level;       /* enum log_level, or -1: as the config says */
	int log_format;      /* enum log_format, or -1 */
	int progress;        /* 1, 0, or -1: where standard error is a terminal */
};

/* Read ARGV. Returns false where the usage is wrong, which has then been told on standard
 * error. OPTIONS is to be cleared either way. */
MUST_CHECK bool options_parse(int argc, char **argv, struct options *options);
void options_clear(struct options *options);

void options_print_help(void);
void options_print_version(void);

#endif
