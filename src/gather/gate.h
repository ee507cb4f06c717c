/*
 * The gate of one provider: how many may ask it at once, which it learns from its push-back.
 *
 * Windowed AIMD (RFC 5681's idea, with an answer for a segment): the limit starts at the
 * smaller of `max` and 8, and doubles with each round of answers until the first push-back. It
 * is cut to 0.7 of it once for each round trip that brings push-back. With the next answers it
 * comes back to 0.9 of what it was, then grows by one in two rounds, and by one in each where
 * it was not pushed back before. It grows only while it is used, is at least 1 and at most
 * `max`. Where it is not `adaptive` it is `max`. A push-back that says how long to wait pauses
 * the gate; after a pause one goes first, and the others when that is back, or a second later.
 * Knows no event loop: the caller says what time it is, on a clock that never steps.
 */
#ifndef GATHERD_GATHER_GATE_H
#define GATHERD_GATHER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* However long a provider asks to wait, the gate opens again after so long. */
#define GATE_MAX_PAUSE_US ((int64_t)5 * 60 * 1000000)

struct gate;

struct gate_limits {
	size_t max; /* >= 1 */
	bool adaptive;
	double starts_per_s; /* see gather/pace.h; 0: no limit */
};

/* One that was let in. */
struct gate_admission {
	uint64_t number;  /* counted from 0 */
	size_t in_flight; /* right then, itself included */
};

/* For people and the document. */
struct gate_facts {
	size_t max;
	size_t limit; /* now: 1 <= limit <= max */
	size_t in_flight;
	int64_t paused_until_us; /* INT64_MIN: it is not paused */
	uint64_t pauses;         /* so far, as all below */
	uint64_t rejections;     /* push-backs */
	uint64_t cuts;
};

struct gate *gate_new(const struct gate_limits *limits);
void gate_free(struct gate *gate);

/* From now on; those who are in stay in. What was learned stays, within the new maximum; where
 * that was nothing, the limit is no less than a new gate's. */
void gate_set_limits(
    struct gate *gate, const struct gate_limits *limits, int64_t now_us);

/* From when on the next may enter: INT64_MIN: now; INT64_MAX: not before one leaves. */
int64_t gate_next_us(const struct gate *gate, int64_t now_us);

/* For how long it is paused from now on; 0: it is not. */
int64_t gate_paused_us(const struct gate *gate, int64_t now_us);

/* One enters, whose time has come; and leaves. */
struct gate_admission gate_enter(struct gate *gate, int64_t now_us);
void gate_leave(
    struct gate *gate, const struct gate_admission *admission, int64_t now_us);

/* ---- how it went for one that is in, told before it leaves; at most one of these ---- */

/* It was answered: there is room for more. What says nothing about load (a refusal, a bad
 * request) is not told. */
void gate_succeeded(struct gate *gate, const struct gate_admission *admission);

/* There are too many: it was rejected. WAIT_US is how long nobody should ask; 0 or less: that
 * was not said, and then there is a pause only where the limit is 1 already: of 0.5 s at first,
 * doubling up to a minute, drawn by CHANCE from [0, 1) between half of that and all of it. */
void gate_pushed_back(struct gate *gate, const struct gate_admission *admission,
    int64_t wait_us, int64_t now_us, double chance);

/* Nobody was there, or answered in time: there may be too many, and fewer are let in. But
 * nobody is held up: where the provider is down, a batch ends soon, as each of its attempts is
 * counted. */
void gate_got_no_answer(struct gate *gate, const struct gate_admission *admission);

/* All that was said is that none should ask for so long; WAIT_US > 0. */
void gate_pause(struct gate *gate, int64_t wait_us, int64_t now_us);

/* Why the next has to wait now, for a person: "5 of 8 in flight through its provider"; NULL:
 * it has not. The caller's. */
char *gate_why_waiting(const struct gate *gate, int64_t now_us);

void gate_see(const struct gate *gate, int64_t now_us, struct gate_facts *facts);

#endif
