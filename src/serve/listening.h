/*
 * The sockets that the listener listens at: made for an address, or handed over by systemd.
 */
#ifndef GATHERD_SERVE_LISTENING_H
#define GATHERD_SERVE_LISTENING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"

struct listen_address;

struct listening_socket {
	int fd;
	bool is_local; /* only this machine can reach it by TCP */
	/* A Host that is none of this machine's names is not answered, against DNS
	 * rebinding: where it is local, and not meant to be public. */
	bool checks_host;
	/* Owned: a Unix socket that was made here, and goes away with it; NULL: none. */
	char *path;
	dev_t device; /* of PATH */
	ino_t inode;
};

/* All zero: none. */
struct listening {
	struct listening_socket *sockets; /* owned */
	size_t count;
};

/*
 * LISTENING, all zero, gets one socket bound to ADDRESS, or none for LISTEN_NONE. A Unix socket
 * gets the permissions MODE; one that stands there and nobody listens at is replaced. PUBLIC:
 * any Host is well. Returns false with errno set: EEXIST where something that is no socket
 * stands at its path.
 */
MUST_CHECK bool listening_open(struct listening *listening,
    const struct listen_address *address, mode_t mode, bool is_public);

/*
 * LISTENING, all zero, gets the sockets of LISTEN_FDS, where LISTEN_PID is this process
 * (sd_listen_fds(3)); none where there are none. The variables are unset. Returns false with
 * errno set where one is no stream socket that listens.
 */
MUST_CHECK bool listening_take(struct listening *listening);

/*
 * From now on LISTENING is PUBLIC, or not, and a Unix socket that was made here has the
 * permissions MODE. Returns false with errno set where those cannot be set; the rest is done.
 */
MUST_CHECK bool listening_admit(
    struct listening *listening, mode_t mode, bool is_public);

/* Close them; a path that is still theirs is removed. */
void listening_close(struct listening *listening);

#endif
