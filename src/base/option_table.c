#include "base/option_table.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/xalloc.h"

static bool
has_letter(const struct option_row *row)
{
	return row->code < OPTION_LONG_ONLY;
}

void
option_reader_init(struct option_reader *reader, const struct option_table *table,
    int argc, char **argv)
{
	char *letter;

	*reader = (struct option_reader){
		.table = table,
		.argc = argc,
		.argv = argv,
		.long_options = xcalloc(table->count + 1, sizeof(struct option)),
		.letters = xcalloc(2 * table->count + 2, 1),
	};
	letter = reader->letters;
	/* First of all: a missing argument is to be told from an unknown option. */
	*letter++ = ':';
	for (size_t i = 0; i < table->count; i++) {
		const struct option_row *row = &table->rows[i];

		reader->long_options[i] = (struct option){
			.name = row->name,
			.has_arg = row->argument ? required_argument : no_argument,
			.val = row->code,
		};
		if (!has_letter(row))
			continue;
		*letter++ = (char)row->code;
		if (row->argument != NULL)
			*letter++ = ':';
	}
	opterr = 0;
	/* Not 1: glibc keeps more than the index between calls and forgets it by this. */
	optind = 0;
}

void
option_reader_clear(struct option_reader *reader)
{
	free(reader->long_options);
	free(reader->letters);
	*reader = (struct option_reader){ .table = NULL };
}

/* ---- what is wrong ---- */

void
option_table_complain(const struct option_table *table, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	fprintf(
	    stderr, "%s: %s\nTry '%s --help'.\n", table->program, text, table->program);
	free(text);
}

static const struct option_row *
row_of(const struct option_table *table, int code)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->rows[i].code == code)
			return &table->rows[i];
	}
	return NULL;
}

/* NAME, LEN bytes of it, is the beginning of several names. */
static void
complain_of_several(const struct option_table *table, const char *name, size_t len)
{
	const char *before = "";
	char *list = xstrdup("");

	for (size_t i = 0; i < table->count; i++) {
		char *longer;

		if (strncmp(table->rows[i].name, name, len) != 0)
			continue;
		longer = xasprintf("%s%s--%s", list, before, table->rows[i].name);
		free(list);
		list = longer;
		before = ", ";
	}
	option_table_complain(table, "--%.*s may stand for %s", (int)len, name, list);
	free(list);
}

/* NAME is what was given behind the dashes, perhaps with "=" and an argument. */
static void
complain_of_name(const struct option_table *table, const char *name)
{
	const char **names = xcalloc(table->count + 1, sizeof(*names));
	size_t len = strcspn(name, "=");
	char *given = xmemdup0(name, len);
	size_t begin_so = 0;
	const char *nearest;

	for (size_t i = 0; i < table->count; i++) {
		names[i] = table->rows[i].name;
		if (strncmp(names[i], name, len) == 0)
			begin_so++;
	}
	nearest = names_nearest(given, names, table->count);
	if (begin_so > 1)
		complain_of_several(table, name, len);
	else if (nearest != NULL)
		option_table_complain(
		    table, "unknown option --%s; did you mean --%s?", given, nearest);
	else
		option_table_complain(table, "unknown option --%s", given);
	free(given);
	free(names);
}

/* What getopt_long(3) made of it stands in CODE and optopt. */
static void
complain(const struct option_reader *reader, int code)
{
	const struct option_row *row = row_of(reader->table, optopt);

	if (row != NULL && code == ':')
		option_table_complain(reader->table, "--%s needs an argument: %s",
		    row->name, row->argument);
	else if (row != NULL)
		option_table_complain(
		    reader->table, "--%s takes no argument", row->name);
	else if (optopt != 0)
		option_table_complain(
		    reader->table, "unknown option -%c", (unsigned char)optopt);
	else
		complain_of_name(reader->table, reader->argv[optind - 1] + 2);
}

/* ---- reading ---- */

int
option_reader_next(struct option_reader *reader, char **argument)
{
	int code = getopt_long(
	    reader->argc, reader->argv, reader->letters, reader->long_options, NULL);

	if (code == -1)
		return OPTION_END;
	if (code == '?' || code == ':') {
		complain(reader, code);
		return OPTION_WRONG;
	}
	*argument = optarg;
	return code;
}

char **
option_reader_operands(const struct option_reader *reader, int *count)
{
	*count = reader->argc - optind;
	return reader->argv + optind;
}

/* ---- help ---- */

/* "-f, --file FILE"; the caller's. */
static char *
row_text(const struct option_row *row)
{
	char letter[] = "    ";

	if (has_letter(row)) {
		letter[0] = '-';
		letter[1] = (char)row->code;
		letter[2] = ',';
	}
	return xasprintf("%s--%s%s%s", letter, row->name, row->argument ? " " : "",
	    row->argument ? row->argument : "");
}

void
option_table_print(const struct option_table *table, FILE *out)
{
	char **texts = xcalloc(table->count + 1, sizeof(*texts));
	size_t widest = 0;

	for (size_t i = 0; i < table->count; i++) {
		texts[i] = row_text(&table->rows[i]);
		if (strlen(texts[i]) > widest)
			widest = strlen(texts[i]);
	}
	for (size_t i = 0; i < table->count; i++) {
		fprintf(
		    out, "  %-*s  %s\n", (int)widest, texts[i], table->rows[i].help);
		free(texts[i]);
	}
	free(texts);
}
