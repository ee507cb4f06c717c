/*
 * What is wrong with a config: every fault with its place, all in one run.
 *
 * Modules add faults as they find them and go on; the list tells them in file order, as
 * `FILE:LINE:COLUMN: error: TEXT`. Included files follow the file that includes them.
 */
#ifndef GATHERD_CONFIG_FAULTS_H
#define GATHERD_CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* Where something stands in the config. */
struct place {
	unsigned file;   /* number given by faults_add_file() */
	unsigned line;   /* from 1 */
	unsigned column; /* from 1, in characters */
};

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* Say that NAME is read now; returns its number. "-" is told as "<stdin>". */
unsigned faults_add_file(struct faults *faults, const char *name);
const char *faults_file_name(const struct faults *faults, unsigned file);

/* The same text at the same place is kept once (defaults are merged into many targets).
 * Secrets must not be in it: name the key, the reference, never the value. */
void faults_error(struct faults *faults, struct place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
void faults_warning(struct faults *faults, struct place place, const char *format, ...)
    PRINTF_LIKE(3, 4);

size_t faults_error_count(const struct faults *faults);
size_t faults_warning_count(const struct faults *faults);

/* Call FN with each finished line, without newline, in file order. */
typedef void faults_line_fn(const char *line, bool is_error, void *arg);
void faults_each(const struct faults *faults, faults_line_fn *fn, void *arg);

#endif
