/*
 * Whether a failed attempt is made again, and when: a pure function.
 */
#ifndef GATHERD_GATHER_RETRY_H
#define GATHERD_GATHER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct outcome;
struct prompt_advice;
struct response;
struct target;

/* What is known after an attempt. */
struct retry_facts {
	const struct target *target;
	const char *method;
	const struct outcome *outcome; /* of the attempt, as judged */
	const struct response *response;
	unsigned attempts; /* made so far, that count */
	/* Of a prompt; NULL: of a service. */
	const struct prompt_advice *advice;
	unsigned timeouts;   /* of the attempts, this one included */
	unsigned push_backs; /* likewise: how often the provider asked for patience */
	int64_t left_us;     /* of the deadline */
	double chance;       /* drawn from [0, 1) */
};

enum retry_verdict {
	RETRY_AGAIN,  /* after `wait_us` */
	RETRY_NOT,    /* it succeeded, or another attempt would change nothing */
	RETRY_SPENT,  /* as many as there may be were made */
	RETRY_COSTLY, /* a prompt's second timeout: each may have been paid for */
	RETRY_UNSAFE, /* the request may have had its effect (RFC 9110, 9.2.2) */
	RETRY_LATE,   /* it does not fit into the deadline */
};

struct retry_decision {
	enum retry_verdict verdict;
	int64_t wait_us; /* of AGAIN and LATE */
	/* It was the provider's push-back, and is not one of the `retries`. */
	bool uncounted;
	/* The target is to be held back for so long from now, once the turn is over; 0: no such
	 * wish. */
	int64_t hold_us;
	/* Likewise its host; 0: no such wish. */
	int64_t hold_host_us;
};

/* May the next answer be another one? 408, 425, 429, 500, 502, 503, 504 and 529. */
bool retry_is_transient_status(long http_status);

/* What has to be left of a deadline for another attempt at TARGET: a timeout of 1 ms; of a
 * prompt, where an attempt that comes to nothing may be paid for all the same, a tenth of its
 * timeout or of the deadline, but no more than a second. */
int64_t retry_least_left_us(const struct target *target);

/*
 * A service: timeouts, name lookups, connections that failed or were lost before the first
 * byte, our own lack of descriptors, 408, 425, 429, 500, 502, 503, 504 and 529 are tried again,
 * `retries` times, after a wait drawn from [0, retry_delay x 2^n) ("full jitter"), never before
 * the Retry-After. POST and PATCH only where nothing was sent, unless `retry_unsafe` says that
 * it does no harm.
 *
 * An answer whose status was not expected holds back its target by its Retry-After, at most
 * two intervals; a 429 its host, too, at most five minutes.
 *
 * A prompt: the same faults and statuses, whatever was sent, and what its provider says that it
 * would help; a timeout once at most; nothing where quota or money is used up, or the provider
 * says that it would not help. A provider's push-back is tried again as long as the deadline
 * lasts, after the wait that it names or, where it names none or next to none, one drawn from
 * [0, retry_delay x 2^n), at most a minute. What it asks to wait for is kept by its gate, not
 * by the target.
 */
struct retry_decision retry_decide(const struct retry_facts *facts);

#endif
