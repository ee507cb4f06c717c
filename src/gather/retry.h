/*
 * Whether a failed attempt is made again, and when: a pure function.
 */
#ifndef GATHERD_GATHER_RETRY_H
#define GATHERD_GATHER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct outcome;
struct response;
struct target;

/* What is known after an attempt. */
struct retry_facts {
	const struct target *target;
	const char *method;
	const struct outcome *outcome; /* of the attempt, as judged */
	const struct response *response;
	unsigned attempts; /* made so far */
	int64_t left_us;   /* of the deadline */
	double chance;     /* drawn from [0, 1) */
};

enum retry_verdict {
	RETRY_AGAIN,  /* after `wait_us` */
	RETRY_NOT,    /* it succeeded, or another attempt would change nothing */
	RETRY_SPENT,  /* as many as there may be were made */
	RETRY_UNSAFE, /* the request may have had its effect (RFC 9110, 9.2.2) */
	RETRY_LATE,   /* it does not fit into the deadline */
};

struct retry_decision {
	enum retry_verdict verdict;
	int64_t wait_us; /* of AGAIN and LATE */
	/* The target is to be held back for so long from now, once the turn is over; 0: no such
	 * wish. */
	int64_t hold_us;
	/* Likewise its host; 0: no such wish. */
	int64_t hold_host_us;
};

/* What is left of a deadline has to be enough for an attempt's timeout of 1 ms. */
#define RETRY_LEAST_LEFT_US ((int64_t)1000)

/*
 * Timeouts, name lookups, connections that failed or were lost before the first byte, our own
 * lack of descriptors, 408, 425, 429, 500, 502, 503, 504 and 529 are tried again, `retries`
 * times, after a wait drawn from [0, retry_delay x 2^n) ("full jitter"), never before the
 * Retry-After. POST and PATCH only where nothing was sent, unless `retry_unsafe` says that it
 * does no harm.
 *
 * An answer whose status was not expected holds back its target by its Retry-After, at most
 * two intervals; a 429 its host, too, at most five minutes.
 */
struct retry_decision retry_decide(const struct retry_facts *facts);

#endif
