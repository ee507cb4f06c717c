#include "publish/entry_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "publish/entry.h"
#include "publish/page/card.h"

/* Behind the name, as entry_append() writes it. */
#define NAME_END ": "

/* Most cards and most entries' samples are shorter. */
#define USUAL_CARD_BYTES    ((size_t)2 * 1024)
#define USUAL_SAMPLES_BYTES ((size_t)4 * 1024)

/* The content of OUT. It may live as long as the target stays as it is: without the room to
 * grow, but with its NUL, as spans want it. */
static char *
take_exactly(struct buffer *out, size_t *len)
{
	*len = out->len;
	return xreallocarray(buffer_take(out), *len + 1, 1);
}

static void
make_document(
    struct entry_text *text, const struct board_entry *entry, const char *left_out)
{
	struct buffer out;
	struct span name;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_string(&out, ENTRY_LEAD);
	entry_append(&out, entry, left_out);
	name = span_token(out.data + strlen(ENTRY_LEAD), out.data + out.len);
	text->object_at = (size_t)(name.text + name.len - out.data) + strlen(NAME_END);
	text->document = take_exactly(&out, &text->document_len);
}

static void
make_card(struct entry_text *text, const struct board_entry *entry)
{
	const struct span object = { text->document + text->object_at,
		text->document_len - text->object_at };
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	(void)!buffer_reserve(&out, USUAL_CARD_BYTES);
	card_append(&out, entry, object);
	text->card = take_exactly(&out, &text->card_len);
}

static void
make_samples(struct entry_text *text, const struct board_entry *entry, bool histogram)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	(void)!buffer_reserve(&out, USUAL_SAMPLES_BYTES);
	samples_append(&out, text->family_ends, entry, histogram);
	text->samples = take_exactly(&out, &text->samples_len);
}

struct entry_text *
entry_text_new(const struct board_entry *entry, const char *left_out,
    uint64_t generation, const struct snapshot_wants *wants, bool histogram)
{
	struct entry_text *text = xcalloc(1, sizeof(*text));

	atomic_init(&text->references, 1);
	text->changed_in = generation;
	text->is_prompt = entry->target->kind == TARGET_PROMPT;
	text->name = xstrdup(entry->target->name);
	make_document(text, entry, left_out);
	if (wants->cards)
		make_card(text, entry);
	if (wants->samples)
		make_samples(text, entry, histogram);
	return text;
}

struct entry_text *
entry_text_ref(struct entry_text *text)
{
	/* Who has one may give away another: nothing is to be seen through it. */
	atomic_fetch_add_explicit(&text->references, 1, memory_order_relaxed);
	return text;
}

void
entry_text_unref(struct entry_text *text)
{
	/* Whoever frees it comes after all that others did with it. */
	if (text == NULL ||
	    atomic_fetch_sub_explicit(&text->references, 1, memory_order_acq_rel) > 1)
		return;
	free(text->samples);
	free(text->card);
	free(text->document);
	free(text->name);
	free(text);
}
