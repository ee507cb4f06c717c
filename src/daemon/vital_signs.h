/*
 * What the daemon knows of itself, for its metrics: since when it runs, its reloads, what it
 * takes of the machine, and how late its loop comes to what is due.
 *
 * The last is measured by a timer that looks how late it is itself, each second; a beat is a
 * wake-up, so that it only beats where somebody wants to know.
 */
#ifndef GATHERD_DAEMON_VITAL_SIGNS_H
#define GATHERD_DAEMON_VITAL_SIGNS_H

#include <stdbool.h>

struct event_base;
struct vital_signs;
struct vitals;

/* The program begins, and its config is in force; the timer stands still. Returns NULL without
 * memory. */
struct vital_signs *vital_signs_new(struct event_base *base);
void vital_signs_free(struct vital_signs *signs);

/* Measure the loop from now on, or not. */
void vital_signs_beat(struct vital_signs *signs, bool beats);

/* A reload ended: another config is in force, or the one from before goes on. */
void vital_signs_reloaded(struct vital_signs *signs, bool in_force);

/* Fill in VITALS; the loop's worst counts anew from now on. */
void vital_signs_see(struct vital_signs *signs, struct vitals *vitals);

#endif
