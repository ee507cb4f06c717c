/*
 * What the tests of serve/events stand on: listeners, and what they hear. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_EVENTS_STAGE_H
#define GATHERD_TESTS_UNIT_EVENTS_STAGE_H

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "serve/events.h"
#include "serve/shown.h"
#include "serve_stage.h"

#define GREETING "retry: 2000\n\n"

/* One who follows by HTTP/1.0, in which the answer has no chunks. */
struct listener {
	int fd;
	struct buffer in; /* behind the answer's head */
	char *id;         /* of the last event; NULL: none yet */
	bool ended;
};

/* Turn the loop, and read, until nothing more comes. */
UNUSED static void
listen_on(struct stage *stage, struct listener *listener)
{
	int idle_turns = 0;

	while (idle_turns < 20 && !listener->ended) {
		size_t before = listener->in.len;

		stage_turn(stage);
		listener->ended = !stage_receive(listener->fd, &listener->in);
		idle_turns = listener->in.len > before ? 0 : idle_turns + 1;
	}
}

/* Ask for the events; RECEIVE_BYTES is the kernel's room for what is not read, 0: plenty. */
UNUSED static void
ask_for_events(struct stage *stage, struct listener *listener, const char *headers,
    int receive_bytes)
{
	char *text =
	    xasprintf("GET /events HTTP/1.0\r\nHost: localhost\r\n%s\r\n", headers);

	listener->fd = stage_connect_with(stage, receive_bytes);
	listener->ended = false;
	listener->id = NULL;
	buffer_init(&listener->in, BUFFER_UNLIMITED);
	stage_send(listener->fd, text);
	free(text);
}

/* Forget what has come up to END, which is among it. */
UNUSED static void
skip_past(struct listener *listener, const char *end)
{
	const char *found = strstr(listener->in.data, end);
	struct buffer rest;

	if (found == NULL)
		fail_msg("no \"%s\" in \"%s\"", end, listener->in.data);
	buffer_init(&rest, BUFFER_UNLIMITED);
	buffer_append_string(&rest, found + strlen(end));
	buffer_clear(&listener->in);
	listener->in = rest;
}

UNUSED static void
follow(struct stage *stage, struct listener *listener, const char *headers)
{
	ask_for_events(stage, listener, headers, 0);
	listen_on(stage, listener);
	skip_past(listener, "\r\n\r\n");
	assert_int_equal(strncmp(listener->in.data, GREETING, strlen(GREETING)), 0);
	skip_past(listener, GREETING);
}

UNUSED static void
leave(struct stage *stage, struct listener *listener)
{
	close(listener->fd);
	buffer_clear(&listener->in);
	free(listener->id);
	for (int turns = 0; turns < 10; turns++)
		stage_turn(stage);
}

/* Follow as one who has seen that generation of this run. */
UNUSED static void
follow_from(struct stage *stage, struct listener *listener, uint64_t generation)
{
	char edition[SHOWN_EDITION_SIZE];
	char *header;

	shown_edition(stage->shown, edition);
	header = xasprintf("Last-Event-ID: %llu%s\r\n", (unsigned long long)generation,
	    strchr(edition, '-'));
	follow(stage, listener, header);
	free(header);
}

/* ---- what comes ---- */

/* The data of the next event, which is that generation's; the caller's. */
UNUSED static struct json_object *
next_event(struct listener *listener, uint64_t generation)
{
	char *start = xasprintf("id: %llu-", (unsigned long long)generation);
	struct json_object *data;
	char *text;

	if (strncmp(listener->in.data, start, strlen(start)) != 0)
		fail_msg("not \"%s\": %.200s", start, listener->in.data);
	free(listener->id);
	listener->id = xmemdup0(listener->in.data + strlen("id: "),
	    strcspn(listener->in.data + strlen("id: "), "\n"));
	skip_past(listener, "\nevent: generation\ndata: ");
	text = xmemdup0(listener->in.data, strcspn(listener->in.data, "\n"));
	data = json_tokener_parse(text);
	assert_non_null(data);
	skip_past(listener, "\n\n");
	free(text);
	free(start);
	return data;
}

/* The next event is that generation's, and has the entries NAMES: "t0 t2". */
UNUSED static void
assert_event(
    struct listener *listener, uint64_t generation, bool complete, const char *names)
{
	struct json_object *data = next_event(listener, generation);
	struct json_object *entries = json_object_object_get(data, "entries");
	struct json_object *summary = json_object_object_get(data, "summary");
	struct buffer found;

	assert_int_equal(
	    json_object_get_int64(json_object_object_get(data, "generation")),
	    generation);
	assert_int_equal(
	    json_object_get_int64(json_object_object_get(summary, "generation")),
	    generation);
	assert_int_equal(
	    json_object_get_boolean(json_object_object_get(data, "complete")),
	    complete);
	buffer_init(&found, BUFFER_UNLIMITED);
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *card = json_object_array_get_idx(entries, i);

		if (i > 0)
			buffer_append_char(&found, ' ');
		buffer_append_string(&found,
		    json_object_get_string(json_object_object_get(card, "name")));
	}
	assert_string_equal(found.data, names);
	buffer_clear(&found);
	json_object_put(data);
}

UNUSED static void
assert_silence(const struct listener *listener)
{
	assert_string_equal(listener->in.data, "");
	assert_false(listener->ended);
}

UNUSED static void
set_up(struct stage *stage)
{
	stage_set_up(stage, 2, true);
	stage_put(stage, 0, "1");
	stage_show(stage, 7);
}

#endif
