/*
 * Patterns: Perl's regular expressions (pcre2pattern(3)) over UTF-8, with limits.
 *
 * They are compiled at load and run without JIT, which would need memory that is both
 * writable and executable. A character is a code point, and upper and lower case are those of
 * all scripts; but \d, \w, \s and \b are about ASCII, as in JSON Schema's dialect and several
 * times as fast. A pattern that begins with (*UCP) has them about all of Unicode.
 *
 * One position of a text may cost 100,000 steps of the matcher, as PCRE2 counts them. That
 * bounds no time: there are as many positions as characters, and one step may walk over all
 * of a text. So the matcher calls back before each item of a pattern, and is stopped where the
 * time is used up that all the patterns of one answer share: none of them, nor all together,
 * can hold the loop, whatever they and the text are.
 */
#ifndef GATHERD_RULES_PATTERN_H
#define GATHERD_RULES_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct pattern; /* immutable */

/*
 * The time that the patterns of one answer may take in all, whatever is done between them
 * included. It runs from the first of them. It is the thread's own time on a processor: what
 * other programs take is no fault of a pattern.
 */
struct pattern_budget {
	int64_t left_us;         /* set by the caller; the rest is zero at first */
	int64_t wall_us, cpu_us; /* the clocks when `left_us` was right; 0: not begun */
};
#define PATTERN_BUDGET_US ((int64_t)8500)

enum pattern_result {
	PATTERN_MATCHED,
	PATTERN_NO_MATCH,
	PATTERN_TOO_HARD, /* a limit was reached, or the budget is used up */
};

/* Returns NULL with *WHY, the caller's: "missing closing parenthesis at byte 7". */
struct pattern *pattern_compile(const char *source, size_t len, char **why);
void pattern_free(struct pattern *pattern);

/*
 * Does PATTERN match anywhere in TEXT, which is UTF-8? *GROUP (may be NULL) becomes its first
 * group, or the whole match where it has none: a part of TEXT, perhaps an empty one, or of
 * text NULL where the group took no part. It is written where PATTERN matches.
 */
enum pattern_result pattern_match(const struct pattern *pattern, const char *text,
    size_t len, struct pattern_budget *budget, struct span *group);

#endif
