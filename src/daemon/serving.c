#include "daemon/serving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "publish/metrics/vitals.h"
#include "serve/health.h"
#include "serve/listening.h"
#include "serve/server.h"

#define HOST_SIZE 256

struct serving {
	char host[HOST_SIZE];
	bool by_systemd;       /* its sockets, whatever the config says */
	struct server *server; /* owned; NULL: nothing is listened at */

	/* Where it listens by the config in force. */
	struct listen_address address;
	bool is_public;
	mode_t mode;

	/* While a config is about to come: */
	struct listening next; /* owned: where that wants to listen; none: as before */
	struct server *made;   /* owned: for it, where there was no server yet */

	struct health health;
	int errors[FORM_COUNT]; /* errno of each form's last write */
};

/* As health tells of them. */
static const char *const form_names[FORM_COUNT] = { "the document", "the metrics",
	"the page" };

/* ---- sockets ---- */

/* Who may read the document may connect. */
static mode_t
socket_mode(const struct config *config)
{
	return (config->output.permissions & 0004) != 0 ? 0666 : 0660;
}

/* Are the sockets that there are those of CONFIG, too? */
static bool
is_same_place(const struct serving *serving, const struct config *config)
{
	return serving->by_systemd ||
	    listen_equal(&serving->address, &config->listen_address);
}

static bool
admits_the_same(const struct serving *serving, const struct config *config)
{
	return serving->is_public == config->listen_public &&
	    serving->mode == socket_mode(config);
}

static void
tell_unheard(const char *where)
{
	log_error("cannot listen at %s: %s", where,
	    errno == EEXIST ? "it is there already, and no socket" : strerror(errno));
}

/* The caller's. */
static char *
shown_address(const struct config *config)
{
	return marked_shown(&config->listen.value);
}

static bool
open_sockets(struct listening *listening, const struct config *config)
{
	char *shown;

	if (listening_open(listening, &config->listen_address, socket_mode(config),
	        config->listen_public))
		return true;
	shown = shown_address(config);
	tell_unheard(shown);
	free(shown);
	return false;
}

/* Returns NULL, told in the log. */
static struct server *
make_server(const struct serving *serving)
{
	struct server *server = server_new(serving->host);

	if (server == NULL)
		log_error("cannot listen: %s", strerror(errno));
	return server;
}

static void
note_address(struct serving *serving, const struct config *config)
{
	serving->address = config->listen_address;
	serving->is_public = config->listen_public;
	serving->mode = socket_mode(config);
}

static void
tell_address(const struct config *config)
{
	char *shown = shown_address(config);
	bool is_unix = config->listen_address.kind == LISTEN_UNIX;

	log_info(
	    "listening at %s%s%s", is_unix ? "" : "http://", shown, is_unix ? "" : "/");
	free(shown);
}

/* ---- the beginning ---- */

/* Take over what systemd has opened, else open what the config wants. */
static bool
find_sockets(
    struct serving *serving, const struct config *config, struct listening *listening)
{
	if (!listening_take(listening)) {
		tell_unheard("the sockets of systemd");
		return false;
	}
	serving->by_systemd = listening->count > 0;
	/* None of them has a path of ours, whose permissions might be refused. */
	if (serving->by_systemd)
		return listening_admit(
		    listening, socket_mode(config), config->listen_public);
	return open_sockets(listening, config);
}

static bool
begin(struct serving *serving, const struct config *config)
{
	struct listening listening = { 0 };

	if (!find_sockets(serving, config, &listening))
		return false;
	note_address(serving, config);
	if (listening.count == 0)
		return true;
	serving->server = make_server(serving);
	if (serving->server == NULL) {
		listening_close(&listening);
		return false;
	}
	server_set_health(serving->server, &serving->health);
	if (serving->by_systemd)
		log_info("listening at %zu socket%s of systemd", listening.count,
		    listening.count == 1 ? "" : "s");
	else
		tell_address(config);
	server_listen(serving->server, &listening);
	return true;
}

struct serving *
serving_new(const struct config *config)
{
	struct serving *serving = xcalloc(1, sizeof(*serving));

	gethostname(serving->host, HOST_SIZE - 1);
	if (begin(serving, config))
		return serving;
	serving_free(serving);
	return NULL;
}

void
serving_free(struct serving *serving)
{
	if (serving == NULL)
		return;
	serving_forget(serving);
	server_free(serving->server);
	free(serving);
}

bool
serving_wants_snapshots(const struct serving *serving, const struct config *config)
{
	return serving->by_systemd || config->listen_address.kind != LISTEN_NONE;
}

/* ---- health ---- */

static void
tell_health(struct serving *serving)
{
	if (serving->server != NULL)
		server_set_health(serving->server, &serving->health);
}

/* FORM was written, or not: the first of those that could not be is told. */
static void
note_write(struct serving *serving, enum snapshot_form form, int error_number)
{
	struct health *health = &serving->health;
	int failed = 0;

	if (serving->errors[form] == error_number)
		return;
	serving->errors[form] = error_number;
	while (failed < FORM_COUNT && serving->errors[failed] == 0)
		failed++;
	health->write_error = failed < FORM_COUNT ? serving->errors[failed] : 0;
	health->written[0] = '\0';
	if (failed < FORM_COUNT)
		strncpy(
		    health->written, form_names[failed], sizeof(health->written) - 1);
	tell_health(serving);
}

/* What goes nowhere by CONFIG is not ill for that. */
static void
forget_writes(struct serving *serving, const struct config *config)
{
	if (config->output.metrics.value.text.len == 0)
		note_write(serving, FORM_METRICS, 0);
	if (config->output.page.value.text.len == 0)
		note_write(serving, FORM_PAGE, 0);
}

/* ---- another config ---- */

bool
serving_prepare(struct serving *serving, const struct config *config)
{
	serving_forget(serving);
	if (is_same_place(serving, config) ||
	    config->listen_address.kind == LISTEN_NONE)
		return true;
	if (!open_sockets(&serving->next, config))
		return false;
	if (serving->server == NULL) {
		serving->made = make_server(serving);
		return serving->made != NULL;
	}
	return true;
}

void
serving_forget(struct serving *serving)
{
	listening_close(&serving->next);
	server_free(serving->made);
	serving->made = NULL;
}

/* Nothing is listened at any more. */
static void
end(struct serving *serving)
{
	if (serving->server == NULL)
		return;
	log_info("no longer listening");
	server_leave(serving->server);
	serving->server = NULL;
}

/* To what was prepared. */
static void
move(struct serving *serving, const struct config *config)
{
	if (serving->server == NULL) {
		serving->server = serving->made;
		serving->made = NULL;
		server_set_health(serving->server, &serving->health);
	}
	tell_address(config);
	server_listen(serving->server, &serving->next);
}

/* Where there is a socket, no other one could be bound. */
static void
stay(struct serving *serving, const struct config *config)
{
	if (serving->server != NULL && !admits_the_same(serving, config))
		server_admit(
		    serving->server, socket_mode(config), config->listen_public);
}

void
serving_reload(struct serving *serving, const struct config *config)
{
	forget_writes(serving, config);
	if (is_same_place(serving, config))
		stay(serving, config);
	else if (config->listen_address.kind == LISTEN_NONE)
		end(serving);
	else
		move(serving, config);
	note_address(serving, config);
	serving_forget(serving);
}

/* ---- what is shown ---- */

/* One from before a reload that added the listener lacks what was not wanted then; another one
 * follows it. */
static bool
can_be_shown(const struct snapshot *snapshot)
{
	return snapshot_summary(snapshot).len > 0 && snapshot_gauges(snapshot).len > 0;
}

void
serving_show(struct serving *serving, enum snapshot_form form,
    struct snapshot *snapshot, int error_number)
{
	note_write(serving, form, error_number);
	if (form == FORM_DOCUMENT && serving->server != NULL && can_be_shown(snapshot))
		server_show(serving->server, snapshot);
}

void
serving_plan(struct serving *serving, int64_t boot_us)
{
	/* On the clock that stands still in a suspend: nothing is overdue right after it. */
	serving->health.due_at_us =
	    boot_us < 0 ? 0 : clock_now_us() + (boot_us - clock_boot_us());
	tell_health(serving);
}

void
serving_see(const struct serving *serving, struct vitals *vitals)
{
	struct server_counts counts;

	if (serving->server == NULL)
		return;
	server_count(serving->server, &counts);
	vitals->listens = true;
	memcpy(vitals->requests, counts.requests, sizeof(vitals->requests));
	vitals->cut_connections = counts.cut_connections;
	vitals->connections = counts.connections;
	vitals->event_clients = counts.event_clients;
}
