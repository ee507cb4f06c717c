/*
 * What the tests of configs share: a folder of their own, files in it, and the faults of
 * a config as text.
 */
#ifndef GATHERD_TESTS_CONFIG_FILES_H
#define GATHERD_TESTS_CONFIG_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "config/config.h"
#include "config/faults.h"

static char test_folder[64];
static struct buffer test_lines;

static inline int
enter_folder(UNUSED void **state)
{
	strcpy(test_folder, "/tmp/gatherd-config-XXXXXX");
	if (mkdtemp(test_folder) == NULL || chdir(test_folder) == -1)
		return -1;
	umask(022);
	buffer_init(&test_lines, BUFFER_UNLIMITED);
	return 0;
}

static inline int
remove_entry(const char *path, UNUSED const struct stat *status, UNUSED int flag,
    UNUSED struct FTW *ftw)
{
	return remove(path);
}

static inline int
leave_folder(UNUSED void **state)
{
	buffer_clear(&test_lines);
	if (chdir("/") == -1)
		return -1;
	return nftw(test_folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void
keep_line(const char *line, UNUSED bool is_error, UNUSED void *arg)
{
	buffer_append_string(&test_lines, line);
	buffer_append_char(&test_lines, '\n');
}

/* All of FAULTS, one a line, until the next call. */
static inline const char *
lines_of(const struct faults *faults)
{
	buffer_reset(&test_lines);
	faults_each(faults, keep_line, NULL);
	return test_lines.data;
}

/* The config of the file NAME, which must have no fault. */
static inline struct config *
load_good(const char *name)
{
	struct faults *faults = faults_new();
	struct config *config = config_load(name, NULL, 0, faults);

	assert_string_equal(lines_of(faults), "");
	assert_non_null(config);
	faults_free(faults);
	return config;
}

static inline struct config *
load_text(const char *yaml)
{
	write_file("c.yaml", yaml);
	return load_good("c.yaml");
}

/* The faults of the file NAME, which must have some, until the next call. */
static inline const char *
faults_of(const char *name)
{
	struct faults *faults = faults_new();
	const char *lines;

	assert_null(config_load(name, NULL, 0, faults));
	lines = lines_of(faults);
	faults_free(faults);
	return lines;
}

#endif
