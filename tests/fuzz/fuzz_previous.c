/*
 * Any bytes as the document that a former run left: what is not refused is restored, and
 * what was restored must be able to stand in the next document.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "config/target.h"
#include "gather/board.h"
#include "publish/previous.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(3), but also where NDEBUG is set. */
static void
must(bool condition)
{
	if (!condition)
		abort();
}

/* ---- the board ---- */

static const char *const names[] = { "a", "b", "with \"quotes\" \\", "\xC3\xA4",
	"orders" };

/* A request without secrets: what is said of a target that has none is taken as it is. */
static struct rendered_request *
make_request(void)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));

	request_init(&rendered->request);
	rendered->request.url.text = xstrdup("http://test/");
	rendered->shown_url = xstrdup("http://test/");
	return rendered;
}

/* Kept for all inputs. Every other target keeps its last good answer. */
static struct config *
make_config(void)
{
	struct config *config = xcalloc(1, sizeof(*config));

	config->references = 1;
	config->targets = xcalloc(ARRAY_COUNT(names), sizeof(struct target *));
	config->target_count = ARRAY_COUNT(names);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		config->targets[i] =
		    target_new(TARGET_SERVICE, names[i], (struct place){ .line = 1 });
		config->targets[i]->keep_last = i % 2 == 0;
		config->targets[i]->rendered = make_request();
	}
	config_index(config);
	return config;
}

/* ---- what was restored ---- */

/* Three levels stand around it in a document. */
static void
check_json(const char *text, size_t len, enum span_kind kind)
{
	char *copy = xmemdup0(text, len);
	struct json_scan scan;

	must(json_scan_compact(copy, len, JSON_SCAN_MAX_DEPTH - 2, &scan));
	must(scan.len == len);
	must(kind == SPAN_ABSENT || span_kind(span_whole(text, len)) == kind);
	free(copy);
}

static bool
is_time(int64_t wall_ms)
{
	return wall_ms >= -1;
}

/* Returns whether anything was restored there. */
static bool
check_entry(const struct board_entry *entry)
{
	must(is_time(entry->since_ms));
	must(is_time(entry->last_ok_at_ms));
	must(is_time(entry->outcome.checked_at_ms));
	must(entry->failures <= SPAN_MAX_WHOLE);
	if (entry->restored == NULL) {
		must(entry->outcome.status == STATUS_PENDING);
		must(entry->settled == STATUS_PENDING);
		must(entry->last_data == NULL);
		must(entry->failures == 0);
		return false;
	}
	must(entry->outcome.status != STATUS_PENDING);
	check_json(entry->restored, entry->restored_len, SPAN_OBJECT);
	if (entry->last_data != NULL) {
		must(entry->target->keep_last);
		check_json(entry->last_data, entry->last_data_len, SPAN_ABSENT);
	}
	return true;
}

static void
check_board(const struct board *board, size_t restored_count)
{
	struct board_counts counts;
	size_t restored = 0;

	for (size_t i = 0; i < board_size(board); i++)
		restored += check_entry(board_entry(board, i));
	must(restored == restored_count);
	board_count(board, &counts);
	must(counts.of[STATUS_PENDING] == counts.total - restored);
}

static void
check_head(const struct previous *previous)
{
	must(previous->generation <= SPAN_MAX_WHOLE);
	must(previous->round.number <= SPAN_MAX_WHOLE);
	must(previous->round.target_count <= SPAN_MAX_WHOLE);
	must(is_time(previous->round.started_at_ms));
	must(previous->round.duration_us >= -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	struct previous previous;
	struct board *board;
	struct buffer text;
	char *fault = NULL;

	if (config == NULL)
		config = make_config();
	board = board_new(config);
	buffer_init(&text, size);
	buffer_append(&text, (const char *)data, size);
	if (previous_restore(board, &text, &previous, &fault)) {
		must(fault == NULL);
		check_head(&previous);
		check_board(board, previous.restored_count);
	} else {
		must(fault != NULL);
		check_board(board, 0);
	}
	must(text.len == 0);
	buffer_clear(&text);
	free(fault);
	board_free(board);
	return 0;
}
