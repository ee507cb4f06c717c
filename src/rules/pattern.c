#include "rules/pattern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "rules/needle.h"

/* Of a pattern: its text, and the groups in each other. */
#define MAX_SOURCE_BYTES 16384
#define MAX_NESTED       100

/* Of a match, for each position of the text. What a matcher remembers to come back to lies
 * in memory that doubles: the last doubling, which nothing watches, takes below 1 ms. */
#define MAX_STEPS    100000
#define MAX_DEPTH    20000
#define MAX_HEAP_KIB 4096

/*
 * What things cost at most on a slow processor, in nanoseconds: a step of the matcher, a byte
 * that one item walks over, and what such a byte costs more for each thing in the item that
 * has to be looked up by its code point.
 */
#define STEP_NS       30
#define BYTE_NS       2
#define LOOKUP_NS     2
#define SCRIPT_RUN_NS 20
/* The frame that each step copies: so many bytes in a nanosecond. */
#define COPIED_BYTES 16

/* How much is let happen between two looks at the clock. */
#define LOOK_NS 100000

/* How long an item may walk through the part of a text that a matcher gets to see at first:
 * of a text of 1 MiB and a plain pattern that is all. */
#define PART_NS 2200000

struct pattern {
	pcre2_code *code; /* owned */
	bool has_group;
	struct buffer needle; /* empty: none known */
	bool all_needle;      /* it is all of the pattern */
	bool anchored;        /* it matches at the start of a text or not at all */
	bool has_verb;        /* or another thing of the form (*NAME) */
	int64_t step_ns;
	int64_t byte_ns;
	/* How far an item may walk and then fail, so that no call tells of it. */
	size_t unseen_bytes;
};

/* ---- compiling ---- */

/* The letter behind the next backslash at or after *AT, which is passed; NUL: no more. */
static char
next_escape(const char **at, const char *end)
{
	const char *slash = memchr(*at, '\\', (size_t)(end - *at));

	if (slash == NULL || end - slash < 2)
		return '\0';
	*at = slash + 2;
	/* \c takes what stands behind it, be it a backslash. */
	if (slash[1] == 'c' && *at < end)
		(*at)++;
	return slash[1];
}

/*
 * What no pattern may hold, or NULL. \C would tear characters apart; \X takes the square of
 * the text's length over a row of flags, within one step; \G is the place where a search
 * begins, which may be any here, and for the author the start of the text.
 */
static const char *
forbidden(const char *source, size_t len)
{
	const char *at = source;
	char escape = next_escape(&at, source + len);

	for (; escape != '\0'; escape = next_escape(&at, source + len)) {
		if (escape == 'C')
			return "\\C is not allowed";
		if (escape == 'G')
			return "\\G is not allowed, \\A is the start of the text";
		if (escape == 'X')
			return "\\X is not allowed";
	}
	return NULL;
}

/* How many things a class of SOURCE may have to look up for one character: those of all
 * its classes together, since it is only a bound. */
static int64_t
count_lookups(const char *source, size_t len)
{
	const char *at = source;
	bool unicode = memmem(source, len, "UCP", 3) != NULL;
	int64_t count = 0;
	char escape = next_escape(&at, source + len);

	for (; escape != '\0'; escape = next_escape(&at, source + len)) {
		if (strchr("hHvV", escape) != NULL)
			count += 8; /* so many ranges */
		else if (strchr(unicode ? "pPxoNdDwWsSbB" : "pPxoN", escape) != NULL)
			count++;
	}
	for (size_t i = 0; i < len; i++) {
		count += (unsigned char)source[i] >= 0xC0 ? 1 : 0;
		count += unicode && source[i] == '[' ? 1 : 0;
	}
	/* Outside of a class an item is one thing; in one, each may have another case. */
	if (memchr(source, '[', len) == NULL)
		return count > 0 ? 1 : 0;
	return memmem(source, len, "(?", 2) != NULL ? 2 * count : count;
}

/* The largest number behind a brace in SOURCE: no item is repeated more often before it may
 * match. */
static size_t
largest_repeat(const char *source, size_t len)
{
	const char *end = source + len;
	const char *at = memchr(source, '{', len);
	size_t largest = 0;

	while (at != NULL) {
		size_t number = 0;

		for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
			;
		for (; at < end && *at >= '0' && *at <= '9' && number < 100000; at++)
			number = number * 10 + (size_t)(*at - '0');
		if (number > largest)
			largest = number;
		at = memchr(at, '{', (size_t)(end - at));
	}
	return largest;
}

static size_t
unseen_bytes(const struct pattern *pattern, const char *source, size_t len)
{
	uint32_t references = 0;
	uint32_t lookbehind = 0;
	size_t repeat = largest_repeat(source, len);

	pcre2_pattern_info(pattern->code, PCRE2_INFO_BACKREFMAX, &references);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_MAXLOOKBEHIND, &lookbehind);
	/* What is compared with a group, or is to be of one script, may be all of the text. */
	if (references > 0 || pattern->has_verb)
		return SIZE_MAX;
	return lookbehind > repeat ? lookbehind : repeat;
}

static void
measure(struct pattern *pattern, const char *source, size_t len)
{
	uint32_t groups = 0;
	uint32_t options = 0;
	size_t frame_bytes = 0;

	pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &options);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_FRAMESIZE, &frame_bytes);
	pattern->has_group = groups > 0;
	pattern->anchored = (options & PCRE2_ANCHORED) != 0;
	pattern->step_ns = STEP_NS + (int64_t)(frame_bytes / COPIED_BYTES);
	pattern->has_verb = memmem(source, len, "(*", 2) != NULL;
	pattern->byte_ns = BYTE_NS + LOOKUP_NS * count_lookups(source, len) +
	    (pattern->has_verb ? SCRIPT_RUN_NS : 0);
	pattern->unseen_bytes = unseen_bytes(pattern, source, len);
	pattern->all_needle = needle_find(source, len, &pattern->needle);
}

static char *
describe_fault(int fault, size_t offset)
{
	char text[256];

	if (pcre2_get_error_message(fault, (PCRE2_UCHAR *)text, sizeof(text)) < 0)
		return xasprintf("fault %d at byte %zu", fault, offset);
	return xasprintf("%s at byte %zu", text, offset);
}

static pcre2_code *
compile(const char *source, size_t len, char **why)
{
	/* Auto-callouts are the calls before each item. The pattern itself is checked for
	 * UTF-8: it is the author's. */
	const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C |
	    PCRE2_AUTO_CALLOUT | PCRE2_USE_OFFSET_LIMIT;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	pcre2_code *code = NULL;
	PCRE2_SIZE offset = 0;
	int fault = PCRE2_ERROR_NOMEMORY;

	if (context != NULL) {
		pcre2_set_parens_nest_limit(context, MAX_NESTED);
		code = pcre2_compile(
		    (PCRE2_SPTR)source, len, options, &fault, &offset, context);
	}
	if (code == NULL)
		*why = describe_fault(fault, offset);
	pcre2_compile_context_free(context);
	return code;
}

struct pattern *
pattern_compile(const char *source, size_t len, char **why)
{
	const char *fault = forbidden(source, len);
	struct pattern *pattern;
	pcre2_code *code;

	if (len > MAX_SOURCE_BYTES) {
		*why = xasprintf("longer than %d bytes", MAX_SOURCE_BYTES);
		return NULL;
	}
	if (fault != NULL) {
		*why = xstrdup(fault);
		return NULL;
	}
	code = compile(source, len, why);
	if (code == NULL)
		return NULL;
	pattern = xcalloc(1, sizeof(*pattern));
	pattern->code = code;
	buffer_init(&pattern->needle, len);
	measure(pattern, source, len);
	return pattern;
}

void
pattern_free(struct pattern *pattern)
{
	if (pattern == NULL)
		return;
	pcre2_code_free(pattern->code);
	buffer_clear(&pattern->needle);
	free(pattern);
}

/* ---- time ---- */

static int64_t
cpu_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Is there time for what takes NEEDED_US? */
static bool
has_time(struct pattern_budget *budget, int64_t needed_us)
{
	int64_t wall_us = clock_now_us();
	int64_t cpu_us;

	/* The thread has had no more than what passed for all. That clock is read in a
	 * fraction of the time that the thread's own takes, which is a system call. */
	if (budget->wall_us != 0 &&
	    wall_us - budget->wall_us + needed_us <= budget->left_us)
		return true;
	cpu_us = cpu_now_us();
	if (budget->wall_us != 0)
		budget->left_us -= cpu_us - budget->cpu_us;
	budget->wall_us = wall_us;
	budget->cpu_us = cpu_us;
	return needed_us <= budget->left_us;
}

/* ---- matching ---- */

/* A search through a text, which the matcher sees up to `end`. */
struct search {
	const struct pattern *pattern;
	const char *text;
	size_t len;
	size_t start; /* no match begins before */
	size_t end;
	struct pattern_budget *budget;
	int64_t call_ns;  /* one call stands for at most so much that was not seen */
	int64_t since_ns; /* what happened at most since the last look at the clock */
	size_t called_at; /* where the last call was */
	pcre2_match_context *context;
	pcre2_match_data *data;
};

/* What an item takes at most that walks from AT to the end of what is seen. */
static int64_t
walk_us(const struct search *search, size_t at)
{
	return (int64_t)(search->end - at) * search->pattern->byte_ns / 1000;
}

static int
on_item(pcre2_callout_block *block, void *arg)
{
	struct search *search = arg;
	size_t at = block->current_position;
	size_t before = search->called_at;
	size_t walked = at > before ? at - before : before - at;

	search->called_at = at;
	search->since_ns +=
	    search->call_ns + (int64_t)walked * search->pattern->byte_ns;
	if (search->since_ns < LOOK_NS)
		return 0;
	search->since_ns = 0;
	/* An item is let begin only if it can end in time. */
	return has_time(search->budget, walk_us(search, at)) ? 0 : PCRE2_ERROR_CALLOUT;
}

/* Is AT (> 0) no place to end what is seen: in a character, or between CR and LF, since a row
 * of \R would be taken to end there? */
static bool
is_within(const char *text, size_t at)
{
	return ((unsigned char)text[at] & 0xC0) == 0x80 ||
	    (text[at] == '\n' && text[at - 1] == '\r');
}

/* Let the matcher see MORE bytes, or all. */
static void
widen(struct search *search, size_t more)
{
	const struct pattern *pattern = search->pattern;
	size_t unseen = pattern->unseen_bytes;

	if (pattern->has_verb || more >= search->len - search->end)
		search->end = search->len;
	else
		search->end += more;
	while (search->end < search->len && is_within(search->text, search->end))
		search->end++;
	if (unseen > search->end)
		unseen = search->end;
	search->call_ns = pattern->step_ns + (int64_t)unseen * pattern->byte_ns;
}

/* One call of the matcher. Where it does not see all of the text, it says whether the rest
 * could matter to a match that begins in what it sees (pcre2partial(3)). */
static int
look(struct search *search)
{
	bool all = search->end == search->len;

	if (!has_time(search->budget, walk_us(search, search->start)))
		return PCRE2_ERROR_CALLOUT;
	pcre2_set_offset_limit(search->context, all ? PCRE2_UNSET : search->end - 1);
	return pcre2_match(search->pattern->code, (PCRE2_SPTR)search->text, search->end,
	    search->start, PCRE2_NO_UTF_CHECK | (all ? 0 : PCRE2_PARTIAL_HARD),
	    search->data, search->context);
}

/* Where to go on after FOUND; returns false where that is the result. */
static bool
go_on(struct search *search, int found)
{
	if (search->end == search->len)
		return false;
	if (found == PCRE2_ERROR_PARTIAL) {
		search->start = pcre2_get_startchar(search->data);
		return true;
	}
	if (found != PCRE2_ERROR_NOMATCH || search->pattern->anchored)
		return false;
	search->start = search->end;
	return true;
}

static int
look_through(struct search *search)
{
	const size_t part = (size_t)(PART_NS / search->pattern->byte_ns) + 1;
	int found;

	widen(search, part);
	found = look(search);
	while (go_on(search, found)) {
		size_t seen = search->end - search->start;

		/* By doubling, what is walked over again is not more than once all. */
		widen(search, seen > part ? seen : part);
		found = look(search);
	}
	return found;
}

static struct span
found_group(const struct search *search)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(search->data) +
	    (search->pattern->has_group ? 2 : 0);

	if (ends[0] == PCRE2_UNSET || ends[1] == PCRE2_UNSET)
		return (struct span){ .text = NULL };
	/* By \K in a lookahead, where the library allows it, a match may end before it
	 * starts. */
	return (struct span){ search->text + ends[0],
		ends[1] > ends[0] ? ends[1] - ends[0] : 0 };
}

static enum pattern_result
run(struct search *search, struct span *group)
{
	int found = PCRE2_ERROR_NOMEMORY;

	search->context = pcre2_match_context_create(NULL);
	search->data =
	    pcre2_match_data_create_from_pattern(search->pattern->code, NULL);
	if (search->context != NULL && search->data != NULL) {
		pcre2_set_match_limit(search->context, MAX_STEPS);
		pcre2_set_depth_limit(search->context, MAX_DEPTH);
		pcre2_set_heap_limit(search->context, MAX_HEAP_KIB);
		pcre2_set_callout(search->context, on_item, search);
		found = look_through(search);
	}
	if (found > 0 && group != NULL)
		*group = found_group(search);
	pcre2_match_data_free(search->data);
	pcre2_match_context_free(search->context);
	if (found > 0)
		return PATTERN_MATCHED;
	return found == PCRE2_ERROR_NOMATCH ? PATTERN_NO_MATCH : PATTERN_TOO_HARD;
}

enum pattern_result
pattern_match(const struct pattern *pattern, const char *text, size_t len,
    struct pattern_budget *budget, struct span *group)
{
	struct search search = {
		.pattern = pattern,
		.text = text,
		.len = len,
		.budget = budget,
	};
	const struct buffer *needle = &pattern->needle;
	const char *at;

	/* A text that this alone would take too long for is looked through in parts. */
	if (needle->len == 0 || !has_time(budget, (int64_t)len * BYTE_NS / 1000))
		return run(&search, group);
	at = memmem(text, len, needle->data, needle->len);
	if (at == NULL)
		return PATTERN_NO_MATCH;
	if (!pattern->all_needle)
		return run(&search, group);
	if (group != NULL)
		*group = (struct span){ at, needle->len };
	return PATTERN_MATCHED;
}
