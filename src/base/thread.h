/*
 * Threads beside the loop: detached, and left alone by signals.
 */
#ifndef GATHERD_BASE_THREAD_H
#define GATHERD_BASE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/*
 * Begin RUN(ARG) in a thread that nobody joins. Signals are the loop's: it takes none.
 * STACK_BYTES is what its stack may grow to, 0 for the system's default. Returns false with
 * errno set where the system gives no thread.
 */
MUST_CHECK bool thread_start_detached(
    size_t stack_bytes, void *(*run)(void *arg), void *arg);

#endif
