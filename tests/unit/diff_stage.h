/*
 * Two configs, and what lies between them.
 */
#ifndef GATHERD_TESTS_UNIT_DIFF_STAGE_H
#define GATHERD_TESTS_UNIT_DIFF_STAGE_H

#include "config_files.h"

#include "base/xalloc.h"
#include "config/diff.h"

/* The diff of two configs, and these. */
struct both {
	struct config *before;
	struct config *after;
	struct config_diff diff;
};

static inline void
compare(struct both *both, const char *before, const char *after)
{
	both->before = load_text(before);
	both->after = load_text(after);
	config_diff_init(&both->diff, both->before, both->after);
}

static inline void
forget(struct both *both)
{
	config_diff_clear(&both->diff);
	config_unref(both->before);
	config_unref(both->after);
}

/* What became of the only target. */
static inline enum target_change
change_of(const char *before, const char *after)
{
	enum target_change change;
	struct both both;

	compare(&both, before, after);
	assert_int_equal(both.after->target_count, 1);
	assert_int_equal(both.diff.dropped_count, 0);
	change = both.diff.changes[0];
	assert_int_equal(both.diff.counts[change], 1);
	forget(&both);
	return change;
}

/* The only target's, where its url is a template, and so are the vars. */
static inline enum target_change
change_by_vars(const char *url, const char *before, const char *after)
{
	static const char format[] =
	    "vars: %s\nservices: {a: {url: http://a, headers: {X: \"%s\"}}}\n";
	char *first = xasprintf(format, before, url);
	char *second = xasprintf(format, after, url);
	enum target_change change = change_of(first, second);

	free(first);
	free(second);
	return change;
}

#endif
