#include "serve/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "publish/snapshot.h"
#include "serve/clients.h"
#include "serve/health.h"
#include "serve/listening.h"
#include "serve/mailbox.h"
#include "serve/porter.h"

struct server {
	struct mailbox *mailbox; /* a reference */
	bool listens;
};

/* ---- its beginning and its end ---- */

struct server *
server_new_limited(const char *host, const struct clients_limits *limits)
{
	struct mailbox *mailbox = mailbox_new();
	struct server *server;

	if (mailbox == NULL)
		return NULL;
	if (!porter_start(mailbox, host, limits)) {
		int error_number = errno;

		mailbox_unref(mailbox);
		errno = error_number;
		return NULL;
	}
	server = xcalloc(1, sizeof(*server));
	server->mailbox = mailbox;
	return server;
}

struct server *
server_new(const char *host)
{
	return server_new_limited(host, &clients_default_limits);
}

/* Have the thread end, and wait until it has come to STATE. */
static void
stop(struct server *server, enum mailbox_state state)
{
	mailbox_open(server->mailbox)->stop = true;
	mailbox_post(server->mailbox);
	mailbox_wait(server->mailbox, state, clock_now_us() + SERVER_PATIENCE_US);
	mailbox_unref(server->mailbox);
	free(server);
}

void
server_leave(struct server *server)
{
	stop(server, MAILBOX_CLOSED);
}

void
server_free(struct server *server)
{
	if (server != NULL)
		stop(server, MAILBOX_ENDED);
}

/* ---- what it is told ---- */

void
server_listen(struct server *server, struct listening *listening)
{
	struct mail *mail = mailbox_open(server->mailbox);
	struct listening before = mail->listening;
	uint64_t posted;

	mail->listening = *listening;
	mail->has_listening = true;
	mail->has_admission = false;
	posted = mailbox_post(server->mailbox);
	*listening = (struct listening){ 0 };
	/* What the thread did not come to. */
	listening_close(&before);
	if (server->listens)
		mailbox_wait_done(
		    server->mailbox, posted, clock_now_us() + SERVER_PATIENCE_US);
	server->listens = true;
}

void
server_admit(struct server *server, mode_t mode, bool is_public)
{
	struct mail *mail = mailbox_open(server->mailbox);

	mail->has_admission = true;
	mail->mode = mode;
	mail->is_public = is_public;
	mailbox_post(server->mailbox);
}

void
server_show(struct server *server, struct snapshot *snapshot)
{
	struct mail *mail = mailbox_open(server->mailbox);
	struct snapshot *before = mail->snapshot;

	mail->snapshot = snapshot_ref(snapshot);
	mailbox_post(server->mailbox);
	snapshot_unref(before);
}

void
server_set_health(struct server *server, const struct health *health)
{
	struct mail *mail = mailbox_open(server->mailbox);

	mail->health = *health;
	mail->has_health = true;
	mailbox_post(server->mailbox);
}

void
server_count(struct server *server, struct server_counts *counts)
{
	mailbox_count(server->mailbox, counts);
}
