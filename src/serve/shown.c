#include "serve/shown.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/gzip.h"
#include "base/xalloc.h"
#include "publish/metrics/metrics.h"
#include "publish/page/page.h"
#include "publish/snapshot.h"
#include "serve/shared_text.h"

/* A body and its short form; each NULL until it is asked for. */
struct body {
	struct shared_text *plain;
	struct shared_text *gzip;
};

#define PLACE_COUNT 256

struct shown {
	struct snapshot *snapshot; /* a reference; NULL: none yet */
	/* By a hash of names: where the last of them that was asked for was found. It is tried
	 * first, since most stay there from one snapshot to the next. */
	size_t places[PLACE_COUNT];
	struct body bodies[SHOWN_BODY_COUNT];
	/* Of each entry its short form, as far as it was asked for; NULL: none was. */
	struct shared_text **entries;
	int64_t made_at_ms; /* wall time */
};

struct shown *
shown_new(void)
{
	struct shown *shown = xcalloc(1, sizeof(*shown));

	shown->made_at_ms = clock_wall_ms();
	return shown;
}

/* Let go of the snapshot and all that was made of it. */
static void
forget(struct shown *shown)
{
	size_t count =
	    shown->entries != NULL ? snapshot_entry_count(shown->snapshot) : 0;

	for (size_t i = 0; i < count; i++)
		shared_text_unref(shown->entries[i]);
	free(shown->entries);
	shown->entries = NULL;
	for (int i = 0; i < SHOWN_BODY_COUNT; i++) {
		shared_text_unref(shown->bodies[i].plain);
		shared_text_unref(shown->bodies[i].gzip);
	}
	memset(shown->bodies, 0, sizeof(shown->bodies));
	snapshot_unref(shown->snapshot);
	shown->snapshot = NULL;
}

void
shown_free(struct shown *shown)
{
	if (shown == NULL)
		return;
	forget(shown);
	free(shown);
}

void
shown_set(struct shown *shown, struct snapshot *snapshot)
{
	snapshot_ref(snapshot); /* first: it may be the one that is shown */
	forget(shown);
	shown->snapshot = snapshot;
}

const struct snapshot *
shown_snapshot(const struct shown *shown)
{
	return shown->snapshot;
}

static bool
is_at(const struct shown *shown, size_t index, const char *name, bool is_prompt)
{
	struct snapshot_entry entry;

	snapshot_entry(shown->snapshot, index, &entry);
	return entry.is_prompt == is_prompt && strcmp(entry.name, name) == 0;
}

static size_t
hash(const char *name, bool is_prompt)
{
	uint32_t sum = is_prompt;

	for (; *name != '\0'; name++)
		sum = 31 * sum + (unsigned char)*name;
	return sum % PLACE_COUNT;
}

bool
shown_find(struct shown *shown, const char *name, bool is_prompt, size_t *index)
{
	size_t count = snapshot_entry_count(shown->snapshot);
	size_t *place = &shown->places[hash(name, is_prompt)];

	if (*place >= count || !is_at(shown, *place, name, is_prompt)) {
		size_t i = 0;

		while (i < count && !is_at(shown, i, name, is_prompt))
			i++;
		if (i == count)
			return false;
		*place = i;
	}
	*index = *place;
	return true;
}

/* ---- its names ---- */

static void
write_edition(const struct shown *shown, uint64_t generation,
    char edition[static SHOWN_EDITION_SIZE])
{
	snprintf(edition, SHOWN_EDITION_SIZE, "%" PRIu64 "-%" PRIx64, generation,
	    (uint64_t)shown->made_at_ms);
}

void
shown_edition(const struct shown *shown, char edition[static SHOWN_EDITION_SIZE])
{
	write_edition(shown, snapshot_generation(shown->snapshot), edition);
}

bool
shown_reads_edition(const struct shown *shown, const char *text, uint64_t *generation)
{
	uint64_t number = strtoull(text, NULL, 10);
	char edition[SHOWN_EDITION_SIZE];

	/* All else that would be read as that number is none of ours. */
	write_edition(shown, number, edition);
	if (shown->snapshot == NULL || strcmp(text, edition) != 0 ||
	    number > snapshot_generation(shown->snapshot))
		return false;
	*generation = number;
	return true;
}

void
shown_tag(const struct shown *shown, bool gzip, char tag[static SHOWN_TAG_SIZE])
{
	char edition[SHOWN_EDITION_SIZE];

	shown_edition(shown, edition);
	snprintf(tag, SHOWN_TAG_SIZE, "\"%s%s\"", edition, gzip ? "-gz" : "");
}

/* ---- what bodies are made of ---- */

static void
append_document(struct buffer *out, const struct snapshot *snapshot)
{
	size_t count;
	const struct iovec *pieces = snapshot_pieces(snapshot, &count);
	size_t len = 0;
	char *room;

	for (size_t i = 0; i < count; i++)
		len += pieces[i].iov_len;
	room = buffer_reserve(out, len);
	if (room == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		memcpy(room, pieces[i].iov_base, pieces[i].iov_len);
		room += pieces[i].iov_len;
	}
	buffer_grown(out, len);
}

static struct shared_text *
make_body(const struct snapshot *snapshot, enum shown_body body)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	switch (body) {
	case SHOWN_DOCUMENT:
		append_document(&out, snapshot);
		break;
	case SHOWN_METRICS:
		metrics_append(&out, snapshot);
		break;
	case SHOWN_PAGE:
		page_append(&out, snapshot, true);
		break;
	}
	return shared_text_new(&out);
}

/* The short form; NULL where there is no memory for it. */
static struct shared_text *
compress(const void *data, size_t len)
{
	struct shared_text *text = NULL;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	if (gzip_append(&out, data, len))
		text = shared_text_new(&out);
	buffer_clear(&out);
	return text;
}

bool
shown_put(struct shown *shown, enum shown_body which, bool gzip, struct evbuffer *out)
{
	struct body *body = &shown->bodies[which];

	if (body->plain == NULL)
		body->plain = make_body(shown->snapshot, which);
	gzip = gzip && shared_text_len(body->plain) >= SHOWN_MIN_GZIP;
	if (gzip && body->gzip == NULL)
		body->gzip = compress(
		    shared_text_bytes(body->plain), shared_text_len(body->plain));
	gzip = gzip && body->gzip != NULL;
	shared_text_put(gzip ? body->gzip : body->plain, out);
	return gzip;
}

/* ---- entries ---- */

static void
on_entry_sent(UNUSED const void *data, UNUSED size_t len, void *arg)
{
	snapshot_unref(arg);
}

/* The entry's text as it stands in the snapshot, which is held until it has gone out. */
static void
put_plain_entry(struct shown *shown, struct span text, struct evbuffer *out)
{
	struct snapshot *snapshot = snapshot_ref(shown->snapshot);

	if (evbuffer_add_reference(out, text.text, text.len, on_entry_sent, snapshot) !=
	    0)
		snapshot_unref(snapshot);
	evbuffer_add(out, "\n", 1);
}

static struct shared_text *
compress_entry(struct span text)
{
	struct shared_text *made;
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	buffer_append(&line, text.text, text.len);
	buffer_append_char(&line, '\n');
	made = compress(line.data, line.len);
	buffer_clear(&line);
	return made;
}

/* The short form of the entry with that index; NULL where it cannot be made. */
static struct shared_text *
short_entry(struct shown *shown, size_t index, struct span text)
{
	if (shown->entries == NULL)
		shown->entries = xcalloc(snapshot_entry_count(shown->snapshot),
		    sizeof(struct shared_text *));
	if (shown->entries[index] == NULL)
		shown->entries[index] = compress_entry(text);
	return shown->entries[index];
}

bool
shown_put_entry(struct shown *shown, size_t index, bool gzip, struct evbuffer *out)
{
	struct shared_text *compressed = NULL;
	struct snapshot_entry entry;

	snapshot_entry(shown->snapshot, index, &entry);
	if (gzip && entry.text.len >= SHOWN_MIN_GZIP)
		compressed = short_entry(shown, index, entry.text);
	if (compressed != NULL)
		shared_text_put(compressed, out);
	else
		put_plain_entry(shown, entry.text, out);
	return compressed != NULL;
}
