/*
 * The listener as a part of the daemon: where it listens by the config or by systemd, what it
 * shows, what it says of how gatherd is.
 */
#ifndef GATHERD_DAEMON_SERVING_H
#define GATHERD_DAEMON_SERVING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "publish/snapshot.h"

struct config;
struct serving;
struct vitals;

/*
 * Listen as CONFIG says, or at the sockets that systemd hands over, which take the place of
 * `listen`; at none of them, nothing is begun that costs anything. Returns NULL, told in the
 * log, where that cannot be.
 */
struct serving *serving_new(const struct config *config);
/* NULL is allowed. */
void serving_free(struct serving *serving);

/* Will snapshots be shown, by CONFIG? */
bool serving_wants_snapshots(
    const struct serving *serving, const struct config *config);

/* CONFIG is about to come: open what it wants that is not open yet. Returns false, told in the
 * log, where that cannot be. serving_reload() or serving_forget() ends it. */
MUST_CHECK bool serving_prepare(struct serving *serving, const struct config *config);
void serving_forget(struct serving *serving);
/* CONFIG, which was prepared, is in force. */
void serving_reload(struct serving *serving, const struct config *config);

/* FORM of SNAPSHOT was written: 0, or the errno of why not. What could not be written is shown
 * all the same: who asks over HTTP has no use for an older one. */
void serving_show(struct serving *serving, enum snapshot_form form,
    struct snapshot *snapshot, int error_number);

/* The next round is due at BOOT_US on clock_boot_us(); -1: none is planned. */
void serving_plan(struct serving *serving, int64_t boot_us);

/* Fill in what VITALS say of the listener. */
void serving_see(const struct serving *serving, struct vitals *vitals);

#endif
