/*
 * Rules: what an answer has to be like, each a condition on one part of it.
 */
#ifndef GATHERD_RULES_RULES_H
#define GATHERD_RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "rules/condition.h"
#include "rules/pattern.h"

struct json_pointers;

enum rule_subject {
	RULE_JSON,     /* the value that the pointer `name` leads to */
	RULE_BODY,     /* the whole text */
	RULE_HEADER,   /* the header `name`; several of them as one, joined by ", " */
	RULE_DURATION, /* of the attempt */
	/* Whole days until the certificate expires. Passed over where the answer is `plain`,
	 * unless it says whether there is to be one. */
	RULE_CERTIFICATE_DAYS,
};

struct rule {
	enum rule_subject subject;
	char *name;     /* owned: the pointer or the header; NULL: neither */
	size_t pointer; /* RULE_JSON: its number among the target's pointers */
	struct condition condition;
};

struct status_range {
	unsigned first, last;
};

/* Plain data that its maker fills in; zeroed: nothing is asked. */
struct rules {
	struct status_range *statuses; /* owned; none: not said */
	size_t status_count;
	struct rule *items; /* owned */
	size_t count;
};

void rules_clear(struct rules *rules);

/* One answer, as rules and extracts look at it. All pointers are borrowed. */
struct facts {
	long http_status;
	bool has_json;
	struct span json;         /* the whole body; absent without JSON */
	const struct span *found; /* by the numbers of the target's pointers */
	/* Those; NULL: where one ends is found by a walk, which a large body makes long. */
	const struct json_pointers *pointers;
	const char *body; /* UTF-8; NULL: there is none */
	size_t body_len;
	const char *head; /* the header lines, each with CR LF; NULL: none kept */
	int64_t duration_us;
	int64_t certificate_left_ms; /* until it expires; less than 0: it has */
	bool has_certificate;
	bool
	    plain; /* there was to be no TLS, and was none: no certificate to count on */
	bool discreet; /* what the answer holds is not told: it may be a secret */
	struct pattern_budget budget; /* for all that is held against these facts */
};

/* Is STATUS among the ranges; where none is said, is it 200 to 299? */
bool rules_status_holds(const struct rules *rules, long http_status);

/* What came of one rule: "/queue/depth: expected at most 100, got 250" or, where it HOLDS,
 * "/state: "up"". TEXT is borrowed for the call. RULE NULL, by callers that tell it in the
 * same way: the status. */
typedef void rules_result_fn(
    const struct rule *rule, bool holds, const char *text, void *arg);

/* Hold all of RULES but the status against FACTS, in order. RESULT is called for those that
 * are broken or, with ALL, for each. Returns whether all hold. */
bool rules_check(const struct rules *rules, struct facts *facts, bool all,
    rules_result_fn *result, void *arg);

/* The value of the header NAME in HEAD, in any case, as UTF-8; of several all, joined by
 * ", ". NULL: there is none. The caller's. */
char *rules_find_header(const char *head, const char *name);

/* Where the pointer NUMBER, which is spelled NAME and leads nowhere, ended. The caller's. */
char *facts_pointer_end(const struct facts *facts, size_t number, const char *name);

#endif
