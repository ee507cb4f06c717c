#include "publish/snapshot_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/json_escape.h"
#include "base/json_write.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "publish/head.h"
#include "publish/metrics/gauges.h"
#include "publish/providers_part.h"

/* Around the entries of services, and of prompts. */
#define SERVICES_LEAD ",\n  \"services\": {"
#define PROMPTS_LEAD  ",\n  \"prompts\": {"
#define SECTION_END   "\n  }"
#define EMPTY_END     "}"

/* What comes behind both, before the providers and after them. */
#define PROVIDERS_LEAD ",\n  "
#define DOCUMENT_FOOT  "\n}\n"

/* ---- the document ---- */

const struct entry_text *
snapshot_document_text(const struct snapshot *snapshot, size_t index)
{
	if (snapshot->without_data != NULL && snapshot->without_data[index] != NULL)
		return snapshot->without_data[index];
	return snapshot->entries[index];
}

/* How much of the lead of the entry with number INDEX is left out. */
static size_t
skipped_lead(const struct snapshot *snapshot, size_t index)
{
	return index == 0 || index == snapshot->service_count ? ENTRY_LEAD_COMMA : 0;
}

static void
collect_entries(struct snapshot_maker *maker, struct snapshot *snapshot)
{
	size_t count = maker->entry_count;

	snapshot->entry_count = count;
	snapshot->service_count = board_config(maker->board)->service_count;
	snapshot->entries = xcalloc(count + 1, sizeof(struct entry_text *));
	for (size_t i = 0; i < count; i++) {
		struct entry_text *text =
		    snapshot_maker_text(maker, i, snapshot->generation);

		snapshot->entries[i] = entry_text_ref(text);
		snapshot->bytes += text->document_len - skipped_lead(snapshot, i);
	}
}

/* The entries between the parts of the frame. */
static void
lay_out_pieces(struct snapshot *snapshot)
{
	const size_t *part_lens = snapshot->part_lens;
	char *part = snapshot->frame.data;
	struct iovec *piece;

	snapshot->pieces =
	    xcalloc(snapshot->entry_count + FRAME_PARTS, sizeof(struct iovec));
	piece = snapshot->pieces;
	*piece++ = (struct iovec){ part, part_lens[0] };
	part += part_lens[0];
	for (size_t i = 0; i <= snapshot->entry_count; i++) {
		size_t skip = skipped_lead(snapshot, i);
		const struct entry_text *text;

		if (i == snapshot->service_count) {
			*piece++ = (struct iovec){ part, part_lens[1] };
			part += part_lens[1];
		}
		if (i == snapshot->entry_count)
			break;
		text = snapshot_document_text(snapshot, i);
		*piece++ =
		    (struct iovec){ text->document + skip, text->document_len - skip };
	}
	*piece = (struct iovec){ part, part_lens[2] };
}

/* All that is no entry. */
static void
make_frame(struct snapshot *snapshot, const struct snapshot_maker *maker,
    const struct head_facts *facts)
{
	size_t service_count = board_config(maker->board)->service_count;
	bool has_prompts = maker->entry_count > service_count;
	const struct snapshot_head *head = facts->head;
	struct buffer *frame = &snapshot->frame;
	size_t *part_lens = snapshot->part_lens;

	head_append(frame, facts);
	buffer_append_string(frame, SERVICES_LEAD);
	part_lens[0] = frame->len;
	buffer_append_string(frame, service_count > 0 ? SECTION_END : EMPTY_END);
	buffer_append_string(frame, PROMPTS_LEAD);
	part_lens[1] = frame->len - part_lens[0];
	buffer_append_string(frame, has_prompts ? SECTION_END : EMPTY_END);
	buffer_append_string(frame, PROVIDERS_LEAD);
	providers_part_append(frame, maker->board, head->now_us, head->now_ms);
	buffer_append_string(frame, DOCUMENT_FOOT);
	part_lens[2] = frame->len - part_lens[0] - part_lens[1];
	snapshot->bytes = frame->len;
}

/* ---- what the other forms have beside entries ---- */

static void
make_summary(struct snapshot *snapshot, const struct head_facts *facts)
{
	struct json_write json;

	json_write_init(&json, &snapshot->summary);
	json_write_begin_object(&json);
	for (const struct head_row *row = head_rows; row->name != NULL; row++) {
		json_write_key(&json, row->name);
		row->put(&json, facts);
	}
	json_write_end_object(&json);
	json_escape_markup(&snapshot->summary, 0);
}

/* ---- making ---- */

static struct snapshot *
snapshot_new(const struct snapshot_maker *maker, const struct snapshot_head *head)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));

	atomic_init(&snapshot->references, 1);
	snapshot->generation = head->generation;
	snapshot->layout = maker->layout;
	snapshot->generated_at_ms = head->now_ms;
	snapshot->stale_after_ms = head_stale_after_ms(maker->board, head->now_ms);
	snapshot->wants = maker->wants;
	buffer_init(&snapshot->summary, BUFFER_UNLIMITED);
	buffer_init(&snapshot->gauges, BUFFER_UNLIMITED);
	buffer_init(&snapshot->frame, BUFFER_UNLIMITED);
	return snapshot;
}

struct snapshot *
snapshot_make(struct snapshot_maker *maker, const struct snapshot_head *head)
{
	struct snapshot *snapshot = snapshot_new(maker, head);
	const struct head_facts facts = {
		.generator = maker->generator,
		.host = maker->host,
		.board = maker->board,
		.head = head,
	};

	assert(maker->entry_count == board_size(maker->board));
	make_frame(snapshot, maker, &facts);
	collect_entries(maker, snapshot);
	snapshot_fit(maker, snapshot);
	lay_out_pieces(snapshot);
	if (snapshot->wants.cards)
		make_summary(snapshot, &facts);
	if (snapshot->wants.samples)
		gauges_append(&snapshot->gauges, maker->board, head);
	return snapshot;
}

struct snapshot *
snapshot_ref(struct snapshot *snapshot)
{
	/* As entry_text_ref(). */
	atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
	return snapshot;
}

static void
unref_texts(struct entry_text **texts, size_t count)
{
	if (texts == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		entry_text_unref(texts[i]);
	free(texts);
}

void
snapshot_unref(struct snapshot *snapshot)
{
	/* As entry_text_unref(). */
	if (snapshot == NULL ||
	    atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) >
	        1)
		return;
	unref_texts(snapshot->entries, snapshot->entry_count);
	unref_texts(snapshot->without_data, snapshot->entry_count);
	free(snapshot->pieces);
	buffer_clear(&snapshot->frame);
	buffer_clear(&snapshot->gauges);
	buffer_clear(&snapshot->summary);
	free(snapshot);
}

/* ---- what it holds ---- */

const struct iovec *
snapshot_pieces(const struct snapshot *snapshot, size_t *count)
{
	*count = snapshot->entry_count + FRAME_PARTS;
	return snapshot->pieces;
}

uint64_t
snapshot_generation(const struct snapshot *snapshot)
{
	return snapshot->generation;
}

int64_t
snapshot_generated_at_ms(const struct snapshot *snapshot)
{
	return snapshot->generated_at_ms;
}

int64_t
snapshot_stale_after_ms(const struct snapshot *snapshot)
{
	return snapshot->stale_after_ms;
}

uint64_t
snapshot_layout(const struct snapshot *snapshot)
{
	return snapshot->layout;
}

struct span
snapshot_summary(const struct snapshot *snapshot)
{
	return (struct span){ snapshot->summary.data, snapshot->summary.len };
}

struct span
snapshot_gauges(const struct snapshot *snapshot)
{
	return (struct span){ snapshot->gauges.data, snapshot->gauges.len };
}

size_t
snapshot_entry_count(const struct snapshot *snapshot)
{
	return snapshot->entry_count;
}

void
snapshot_entry(
    const struct snapshot *snapshot, size_t index, struct snapshot_entry *entry)
{
	/* One that was made when more was wanted may have it still. */
	static const uint32_t no_lines[SAMPLE_FAMILY_COUNT];
	const struct entry_text *document = snapshot_document_text(snapshot, index);
	const struct entry_text *text = snapshot->entries[index];

	*entry = (struct snapshot_entry){
		.name = text->name,
		.is_prompt = text->is_prompt,
		.changed_in = text->changed_in,
		.text = { document->document + document->object_at,
		    document->document_len - document->object_at },
		.card = { "", 0 },
		.samples = { "", 0 },
		.family_ends = no_lines,
	};
	if (snapshot->wants.cards)
		entry->card = (struct span){ text->card, text->card_len };
	if (snapshot->wants.samples) {
		entry->samples = (struct span){ text->samples, text->samples_len };
		entry->family_ends = text->family_ends;
	}
}
