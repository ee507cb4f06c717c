/*
 * What the process takes of the machine.
 */
#ifndef GATHERD_DAEMON_USAGE_H
#define GATHERD_DAEMON_USAGE_H

struct vitals;

/* Fill in CPU time, memory and descriptors of VITALS; what the system does not tell is left
 * alone. */
void usage_see(struct vitals *vitals);

#endif
