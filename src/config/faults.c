#include "config/faults.h"

#include <assert.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/utf8.h"
#include "base/xalloc.h"

/* A line longer than this was not written for a person; a config can quote itself. */
#define LINE_MAX_CHARACTERS 2000

struct fault {
	struct place place;
	bool is_error;
	size_t number; /* in the order they were found */
	char *text;    /* owned */
};

struct faults {
	struct fault **items; /* owned; in the order they were found */
	size_t count;
	size_t error_count;
	void *known; /* a tsearch(3) tree over `items`, to find a repetition */

	char **files; /* owned */
	unsigned file_count;
};

struct faults *
faults_new(void)
{
	return xcalloc(1, sizeof(struct faults));
}

static void
free_fault(struct fault *fault)
{
	free(fault->text);
	free(fault);
}

static void
forget(UNUSED void *fault)
{
	/* The array owns it. */
}

void
faults_free(struct faults *faults)
{
	if (faults == NULL)
		return;
	tdestroy(faults->known, forget);
	for (size_t i = 0; i < faults->count; i++)
		free_fault(faults->items[i]);
	free(faults->items);
	for (unsigned i = 0; i < faults->file_count; i++)
		free(faults->files[i]);
	free(faults->files);
	free(faults);
}

unsigned
faults_add_file(struct faults *faults, const char *name)
{
	unsigned number = faults->file_count++;

	faults->files = xgrow(faults->files, number, sizeof(*faults->files));
	faults->files[number] = xstrdup(strcmp(name, "-") == 0 ? "<stdin>" : name);
	return number;
}

const char *
faults_file_name(const struct faults *faults, unsigned file)
{
	assert(file < faults->file_count);
	return faults->files[file];
}

static int
compare_unsigned(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int
compare_places(const struct place *a, const struct place *b)
{
	if (a->file != b->file)
		return compare_unsigned(a->file, b->file);
	if (a->line != b->line)
		return compare_unsigned(a->line, b->line);
	return compare_unsigned(a->column, b->column);
}

/* Equal means: tells the user nothing new. */
static int
compare_content(const void *left, const void *right)
{
	const struct fault *a = left;
	const struct fault *b = right;
	int order = compare_places(&a->place, &b->place);

	if (order == 0)
		order = (int)a->is_error - (int)b->is_error;
	return order != 0 ? order : strcmp(a->text, b->text);
}

static int
compare_order(const void *left, const void *right)
{
	const struct fault *const *a = left;
	const struct fault *const *b = right;
	int order = compare_places(&(*a)->place, &(*b)->place);

	if (order != 0)
		return order;
	return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

static bool
is_known(struct faults *faults, struct fault *fault)
{
	struct fault **found = tsearch(fault, &faults->known, compare_content);

	if (found == NULL)
		abort(); /* out of memory, as in base/xalloc */
	return *found != fault;
}

static void
append(struct faults *faults, struct fault *fault)
{
	faults->items = xgrow(faults->items, faults->count, sizeof(struct fault *));
	fault->number = faults->count;
	faults->items[faults->count++] = fault;
	if (fault->is_error)
		faults->error_count++;
}

static void add(struct faults *faults, bool is_error, struct place place,
    const char *format, va_list args) PRINTF_LIKE(4, 0);

static void
add(struct faults *faults, bool is_error, struct place place, const char *format,
    va_list args)
{
	struct fault *fault = xcalloc(1, sizeof(*fault));

	fault->place = place;
	fault->is_error = is_error;
	fault->text = xvasprintf(format, args);
	if (is_known(faults, fault))
		free_fault(fault);
	else
		append(faults, fault);
}

void
faults_error(struct faults *faults, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(faults, true, place, format, args);
	va_end(args);
}

void
faults_warning(struct faults *faults, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(faults, false, place, format, args);
	va_end(args);
}

size_t
faults_error_count(const struct faults *faults)
{
	return faults->error_count;
}

size_t
faults_warning_count(const struct faults *faults)
{
	return faults->count - faults->error_count;
}

/* What was quoted from the config may hold anything: the line stays one line of text. */
static void
tell(const struct faults *faults, const struct fault *fault, faults_line_fn *fn,
    void *arg)
{
	struct buffer line;
	char *raw = xasprintf("%s:%u:%u: %s: %s",
	    faults_file_name(faults, fault->place.file), fault->place.line,
	    fault->place.column, fault->is_error ? "error" : "warning", fault->text);

	buffer_init(&line, BUFFER_UNLIMITED);
	utf8_append_cleaned(&line, raw, strlen(raw), LINE_MAX_CHARACTERS);
	fn(line.data, fault->is_error, arg);
	buffer_clear(&line);
	free(raw);
}

void
faults_each(const struct faults *faults, faults_line_fn *fn, void *arg)
{
	struct fault **sorted;

	if (faults->count == 0)
		return;
	sorted = xreallocarray(NULL, faults->count, sizeof(struct fault *));
	memcpy(sorted, faults->items, faults->count * sizeof(struct fault *));
	qsort(sorted, faults->count, sizeof(struct fault *), compare_order);
	for (size_t i = 0; i < faults->count; i++)
		tell(faults, sorted[i], fn, arg);
	free(sorted);
}
