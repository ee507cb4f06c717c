#include "publish/head.h"

#include <stddef.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_write.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/round.h"
#include "publish/document.h"
#include "publish/schema_parts.h"
#include "publish/snapshot.h"

/* ---- plain values ---- */

static void
describe_text(struct json_write *json)
{
	schema_put_type(json, "string", false);
}

static void
describe_count(struct json_write *json)
{
	schema_put_count(json, false);
}

static void
describe_time(struct json_write *json)
{
	schema_put_time(json, false);
}

static void
put_version(struct json_write *json, UNUSED const struct head_facts *facts)
{
	json_write_int(json, DOCUMENT_VERSION);
}

static void
describe_version(struct json_write *json)
{
	json_write_key(json, "const");
	json_write_int(json, DOCUMENT_VERSION);
}

static void
put_generator(struct json_write *json, const struct head_facts *facts)
{
	json_write_string(json, facts->generator);
}

static void
put_host(struct json_write *json, const struct head_facts *facts)
{
	json_write_string(json, facts->host);
}

static void
put_generation(struct json_write *json, const struct head_facts *facts)
{
	json_write_int(json, (int64_t)facts->head->generation);
}

static void
put_generated_at(struct json_write *json, const struct head_facts *facts)
{
	json_write_time(json, facts->head->now_ms);
}

int64_t
head_stale_after_ms(const struct board *board, int64_t now_ms)
{
	const struct config *config = board_config(board);

	return now_ms + 2 * config_shortest_interval_ms(config) + config->timeout_ms;
}

static void
put_stale_after(struct json_write *json, const struct head_facts *facts)
{
	json_write_time(json, head_stale_after_ms(facts->board, facts->head->now_ms));
}

/* ---- words ---- */

/* Of a document that went out before its round was decided; a round's are its verdicts. */
static const char gathering[] = "gathering";

static void
put_status(struct json_write *json, const struct head_facts *facts)
{
	json_write_string(json, board_status(facts->board));
}

static void
describe_status(struct json_write *json)
{
	schema_put_names(json, board_status_names, false);
}

const char *
head_outcome(const struct snapshot_head *head)
{
	return head->gathering ? gathering : round_verdict_names[head->round->verdict];
}

const char *
head_outcome_name(size_t index)
{
	return index == 0 ? gathering : round_verdict_names[index - 1];
}

static void
put_outcome(struct json_write *json, const struct head_facts *facts)
{
	json_write_string(json, head_outcome(facts->head));
}

static void
describe_outcome(struct json_write *json)
{
	const char *name;

	json_write_key(json, "enum");
	json_write_begin_array(json);
	for (size_t i = 0; (name = head_outcome_name(i)) != NULL; i++)
		json_write_string(json, name);
	json_write_end_array(json);
}

static void
put_mode(struct json_write *json, const struct head_facts *facts)
{
	json_write_string(json, gather_mode_names[facts->head->mode]);
}

static void
describe_mode(struct json_write *json)
{
	schema_put_names(json, gather_mode_names, false);
}

/* ---- round ---- */

static void
put_round_number(struct json_write *json, const struct head_facts *facts)
{
	json_write_int(json, (int64_t)facts->head->round->number);
}

static void
put_started_at(struct json_write *json, const struct head_facts *facts)
{
	json_write_time(json, facts->head->round->started_at_ms);
}

static void
put_duration(struct json_write *json, const struct head_facts *facts)
{
	json_write_us_as_ms(json, facts->head->round->duration_us);
}

static void
describe_duration(struct json_write *json)
{
	schema_put_number(json, true);
}

static void
put_round_targets(struct json_write *json, const struct head_facts *facts)
{
	json_write_int(json, (int64_t)facts->head->round->target_count);
}

/* clang-format off */
static const struct head_row round_rows[] = {
	{ "number", "Counted on over restarts, from 1", put_round_number, describe_count },
	{ "started_at", "When it began", put_started_at, describe_time },
	{ "duration_ms", "From its start to the end of its last turn; null while it runs",
	  put_duration, describe_duration },
	{ "targets", "How many were asked in it", put_round_targets, describe_count },
	{ .name = NULL },
};
/* clang-format on */

static void
put_round(struct json_write *json, const struct head_facts *facts)
{
	json_write_begin_object(json);
	for (const struct head_row *row = round_rows; row->name != NULL; row++) {
		json_write_key(json, row->name);
		row->put(json, facts);
	}
	json_write_end_object(json);
}

static void
describe_round(struct json_write *json)
{
	schema_begin_object(json, false);
	head_put_properties(json, round_rows);
	schema_begin_required(json);
	head_put_names(json, round_rows);
	schema_end_object(json);
}

/* ---- counts ---- */

#define TOTAL "total"

static void
put_counts(struct json_write *json, const struct head_facts *facts)
{
	struct board_counts counts;

	board_count(facts->board, &counts);
	json_write_begin_object(json);
	json_write_key(json, TOTAL);
	json_write_int(json, (int64_t)counts.total);
	for (int status = 0; status < STATUS_COUNT; status++) {
		json_write_key(json, status_names[status]);
		json_write_int(json, (int64_t)counts.of[status]);
	}
	json_write_end_object(json);
}

static void
describe_counts(struct json_write *json)
{
	schema_begin_object(json, false);
	schema_begin_property(json, TOTAL, "All that are enabled");
	schema_put_count(json, false);
	schema_end_property(json);
	for (int status = 0; status < STATUS_COUNT; status++) {
		schema_begin_property(json, status_names[status], NULL);
		schema_put_count(json, false);
		schema_end_property(json);
	}
	schema_begin_required(json);
	json_write_string(json, TOTAL);
	for (int status = 0; status < STATUS_COUNT; status++)
		json_write_string(json, status_names[status]);
	schema_end_object(json);
}

/* ---- lists of targets ---- */

static void
put_names_of(struct json_write *json, const struct board *board,
    bool (*belongs)(const struct board_entry *entry))
{
	json_write_begin_array(json);
	for (size_t i = 0; i < board_size(board); i++) {
		const struct board_entry *entry = board_entry(board, i);

		if (belongs(entry))
			json_write_string(json, entry->target->name);
	}
	json_write_end_array(json);
}

static bool
is_in_flight(const struct board_entry *entry)
{
	return entry->in_flight;
}

static void
put_in_flight(struct json_write *json, const struct head_facts *facts)
{
	put_names_of(json, facts->board, is_in_flight);
}

static bool
has_failed(const struct board_entry *entry)
{
	return status_is_listed_failed(entry->outcome.status);
}

static void
put_failed(struct json_write *json, const struct head_facts *facts)
{
	put_names_of(json, facts->board, has_failed);
}

/* No name stands there twice. */
static void
describe_names(struct json_write *json)
{
	schema_put_texts(json);
	json_write_key(json, "uniqueItems");
	json_write_bool(json, true);
}

/* ---- the table ---- */

/* clang-format off */
const struct head_row head_rows[] = {
	{ "version", "Of this layout; another one has another number", put_version,
	  describe_version },
	{ "generator", "The program and its version", put_generator, describe_text },
	{ "host", "The machine's name", put_host, describe_text },
	{ "generation", "Grows by one with every published document", put_generation,
	  describe_count },
	{ "generated_at", "When the document was made", put_generated_at, describe_time },
	{ "stale_after", "A document past it should not be trusted: a later one is overdue",
	  put_stale_after, describe_time },
	{ "status", "ok: every target that counts is; down: none is; degraded: between",
	  put_status, describe_status },
	{ "outcome", "What the round came to; gathering: it went out before that was clear",
	  put_outcome, describe_outcome },
	{ "mode", "How the round deals with failures", put_mode, describe_mode },
	{ "round", "The round that ended last; the first one before it ends", put_round,
	  describe_round },
	{ "in_flight", "Targets that are being asked", put_in_flight, describe_names },
	{ "counts", "How many targets have each status", put_counts, describe_counts },
	{ "failed", "Targets that are neither ok nor degraded nor pending", put_failed,
	  describe_names },
	{ .name = NULL },
};
/* clang-format on */

/* One key a line, for whoever opens the file in a pager. */
static void
begin_line(struct json_write *json, const char *key)
{
	buffer_append_string(json->out, json->comma ? ",\n  " : "\n  ");
	json->comma = false;
	json_write_key(json, key);
	buffer_append_char(json->out, ' ');
}

void
head_append(struct buffer *out, const struct head_facts *facts)
{
	struct json_write json;

	json_write_init(&json, out);
	json_write_begin_object(&json);
	for (const struct head_row *row = head_rows; row->name != NULL; row++) {
		begin_line(&json, row->name);
		row->put(&json, facts);
	}
}

void
head_put_properties(struct json_write *json, const struct head_row *rows)
{
	for (const struct head_row *row = rows; row->name != NULL; row++) {
		schema_begin_property(json, row->name, row->description);
		row->describe(json);
		schema_end_property(json);
	}
}

void
head_put_names(struct json_write *json, const struct head_row *rows)
{
	for (const struct head_row *row = rows; row->name != NULL; row++)
		json_write_string(json, row->name);
}
