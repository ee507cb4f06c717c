/*
 * The listener's thread: it lets clients in, has them answered, and sees them out. Private to
 * serve.
 */
#ifndef GATHERD_SERVE_PORTER_H
#define GATHERD_SERVE_PORTER_H

#include <stdbool.h>

#include "base/compiler.h"

struct clients_limits;
struct mailbox;

/*
 * Begin it. What it does comes by MAILBOX, of which it takes a reference; by a mail that says
 * `stop` it ends. HOST is the machine's name. Returns false with errno set where the system
 * refuses a part.
 */
MUST_CHECK bool porter_start(
    struct mailbox *mailbox, const char *host, const struct clients_limits *limits);

#endif
