/*
 * What systemd is told of this process: sd_notify(3), the protocol itself, and the
 * watchdog.
 *
 * Each message is one datagram to the socket that $NOTIFY_SOCKET names; without one, and
 * where systemd does not listen, all of this does nothing and never waits.
 */
#ifndef GATHERD_DAEMON_NOTIFY_H
#define GATHERD_DAEMON_NOTIFY_H

#include <stdbool.h>

#include "base/compiler.h"

struct event_base;
struct notify;

/*
 * IS_WELL is asked before each sign of life that WATCHDOG_USEC and WATCHDOG_PID want
 * (sd_watchdog_enabled(3)), three within its time: false, and none is sent. Never NULL.
 */
struct notify *notify_new(
    struct event_base *base, bool (*is_well)(void *arg), void *arg);
void notify_free(struct notify *notify);

/* READY=1: it has begun, or has reloaded. Signs of life begin with the first. */
void notify_ready(struct notify *notify);
/* RELOADING=1 with MONOTONIC_USEC. */
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);

/* STATUS=, one line for `systemctl status`; line breaks become blanks. What is the same as
 * before is not sent again. */
void notify_status(struct notify *notify, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
