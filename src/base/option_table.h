/*
 * A command line as a table: one row for each option drives reading it and --help.
 *
 * Reading is getopt_long(3)'s: short and long options, long ones abbreviated, operands
 * anywhere between them, "--" before operands that start with a dash. What is wrong is
 * told on standard error, under the program's name, with where to find help.
 */
#ifndef GATHERD_BASE_OPTION_TABLE_H
#define GATHERD_BASE_OPTION_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

/* Options without a short letter have codes from here on, above those of characters. */
#define OPTION_LONG_ONLY 256

struct option_row {
	int code;             /* the short letter, or from OPTION_LONG_ONLY on */
	const char *name;     /* without the dashes */
	const char *argument; /* what --help calls it; NULL: takes none */
	const char *help;     /* one line */
};

struct option_table {
	const char *program; /* what messages start with */
	const struct option_row *rows;
	size_t count;
};

#define OPTION_END   (-1) /* only operands are left */
#define OPTION_WRONG (-2) /* which has been told */

/* One reading of a command line; one at a time, since getopt_long(3) has globals. */
struct option_reader {
	const struct option_table *table; /* borrowed */
	int argc;
	char **argv;                 /* borrowed; operands move to its end */
	struct option *long_options; /* owned: getopt_long(3)'s lists */
	char *letters;               /* owned */
};

void option_reader_init(struct option_reader *reader, const struct option_table *table,
    int argc, char **argv);
void option_reader_clear(struct option_reader *reader);

/* The code of the next option, and in *ARGUMENT what was given to it (NULL: it takes
 * none); or OPTION_END or OPTION_WRONG. */
int option_reader_next(struct option_reader *reader, char **argument);

/* After OPTION_END: the operands, ended by a NULL; *COUNT of them. */
char **option_reader_operands(const struct option_reader *reader, int *count);

/* "PROGRAM: TEXT", and where to find help, on standard error. */
void option_table_complain(const struct option_table *table, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The options as --help lists them, a line each. */
void option_table_print(const struct option_table *table, FILE *out);

#endif
