#include "gather/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/entry_view.h"
#include "gather/json_view.h"
#include "gather/view.h"

#define SERVICES "services."
#define PROMPTS  "prompts."

/* So many entries are looked at before they are found by their number. */
#define FEW 16

/* What was made on the way. */
struct memory {
	struct entry_view *few[FEW]; /* owned */
	size_t few_indexes[FEW];
	size_t few_count;
	struct entry_view **views; /* owned, and each; by index; NULL: not so many */

	char *total;                /* owned, as written; NULL: not asked for */
	char *counts[STATUS_COUNT]; /* likewise, how many have each status */
	bool counted;
	struct board_counts board_counts;

	bool failed_known;
	const char **failed; /* owned: the names */
	size_t failed_count;
};

/* The targets of one kind. */
struct kin {
	const struct state *state;
	enum target_kind kind;
};

struct state {
	const struct board *board; /* borrowed */
	struct kin services, prompts;
	struct template_value root;
	struct json_view *json; /* owned */
	struct memory *memory;  /* owned */
};

/* ---- entries ---- */

/* The view of the entry at INDEX among the few; NULL: not there. */
static const struct entry_view *
find_among_few(const struct memory *memory, size_t index)
{
	for (size_t i = 0; i < memory->few_count; i++) {
		if (memory->few_indexes[i] == index)
			return memory->few[i];
	}
	return NULL;
}

/* Most templates look at one or two entries of a board that may have many thousands. */
static const struct entry_view *
view_of(const struct state *state, size_t index)
{
	struct memory *memory = state->memory;
	const struct entry_view *known = find_among_few(memory, index);
	struct entry_view *view;

	if (known == NULL && memory->views != NULL)
		known = memory->views[index];
	if (known != NULL)
		return known;
	view = entry_view_new(board_entry(state->board, index), state->json);
	if (memory->few_count < FEW) {
		memory->few_indexes[memory->few_count] = index;
		memory->few[memory->few_count++] = view;
		return view;
	}
	if (memory->views == NULL)
		memory->views =
		    xcalloc(board_size(state->board), sizeof(struct entry_view *));
	memory->views[index] = view;
	return view;
}

/* The target of KIND that PATH, of LEN bytes, begins with: the longest name fits. *USED is
 * how long it is. */
static const struct target *
find_target(const struct config *config, enum target_kind kind, const char *path,
    size_t len, size_t *used)
{
	char name[CONFIG_MAX_NAME_BYTES + 1];

	for (; len > 0; len = view_without_last_part(path, len)) {
		const struct target *target;

		if (len > CONFIG_MAX_NAME_BYTES)
			continue;
		memcpy(name, path, len);
		name[len] = '\0';
		target = config_find(config, name);
		*used = len;
		if (target != NULL && target->kind == kind)
			return target;
	}
	return NULL;
}

static size_t
get_kin(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct kin *kin = map->node;
	const struct state *state = kin->state;
	const struct target *target;
	size_t used;

	target = find_target(board_config(state->board), kin->kind, path, len, &used);
	if (target == NULL)
		return 0;
	entry_view_value(view_of(state, target->index), found);
	return used;
}

static bool
append_kin(const struct template_value *map, struct marked *out)
{
	const struct kin *kin = map->node;
	const struct state *state = kin->state;
	const char *before = "{";

	for (size_t i = 0; i < board_size(state->board); i++) {
		const struct target *target = board_entry(state->board, i)->target;
		struct template_value entry;

		if (target->kind != kin->kind)
			continue;
		entry_view_value(view_of(state, i), &entry);
		if (!view_append_member(out, before, target->name, &entry))
			return false;
		before = ",";
	}
	return (*before == ',' || view_append_raw(out, "{")) &&
	    view_append_raw(out, "}");
}

static const struct template_data kin_data = {
	.get = get_kin,
	.json = append_kin,
};

/* ---- lists of targets ---- */

/* Services alone, which stand before all prompts: a prompt that goes over them would else
 * find itself. */
static bool
get_target(
    const struct template_value *list, size_t index, struct template_value *found)
{
	const struct state *state = list->node;

	if (index >= board_size(state->board) ||
	    board_entry(state->board, index)->target->kind != TARGET_SERVICE)
		return false;
	entry_view_listed(view_of(state, index), found);
	return true;
}

static const struct template_data targets_data = {
	.item = get_target,
	.json = view_append_list,
};

static void
list_failed(const struct state *state)
{
	struct memory *memory = state->memory;

	if (memory->failed_known)
		return;
	memory->failed_known = true;
	for (size_t i = 0; i < board_size(state->board); i++) {
		const struct board_entry *entry = board_entry(state->board, i);

		if (!status_is_listed_failed(board_newest_status(entry)))
			continue;
		memory->failed = xgrow(
		    (void *)memory->failed, memory->failed_count, sizeof(const char *));
		memory->failed[memory->failed_count++] = entry->target->name;
	}
}

static bool
get_failed(
    const struct template_value *list, size_t index, struct template_value *found)
{
	const struct state *state = list->node;

	list_failed(state);
	if (index >= state->memory->failed_count)
		return false;
	view_text(found, state->memory->failed[index]);
	return true;
}

static const struct template_data failed_data = {
	.item = get_failed,
	.json = view_append_list,
};

/* ---- counts ---- */

#define TOTAL "total"

static void
set_count(struct template_value *value, char **text, size_t count)
{
	if (*text == NULL)
		*text = xasprintf("%zu", count);
	view_text(value, *text);
	value->number = true;
}

/* With what a round that is all or nothing holds. */
static const struct board_counts *
count_once(const struct state *state)
{
	struct board_counts *counts = &state->memory->board_counts;

	if (state->memory->counted)
		return counts;
	state->memory->counted = true;
	board_count(state->board, counts);
	if (board_config(state->board)->mode != MODE_ALL_OR_NOTHING)
		return counts;
	for (size_t i = 0; i < counts->total; i++) {
		const struct board_entry *entry = board_entry(state->board, i);

		counts->of[entry->outcome.status]--;
		counts->of[board_newest_status(entry)]++;
	}
	return counts;
}

static size_t
get_count(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct state *state = map->node;
	size_t part = view_first_part(path, len);
	const struct board_counts *counts = count_once(state);

	if (view_is_name(path, part, TOTAL)) {
		set_count(found, &state->memory->total, counts->total);
		return part;
	}
	for (int i = 0; i < STATUS_COUNT; i++) {
		if (!view_is_name(path, part, status_names[i]))
			continue;
		set_count(found, &state->memory->counts[i], counts->of[i]);
		return part;
	}
	return 0;
}

static bool
append_count(const struct template_value *map, struct marked *out, const char *before,
    const char *name)
{
	struct template_value count;

	return get_count(map, name, strlen(name), &count) > 0 &&
	    view_append_member(out, before, name, &count);
}

static bool
append_counts(const struct template_value *map, struct marked *out)
{
	bool fits = append_count(map, out, "{", TOTAL);

	for (int i = 0; fits && i < STATUS_COUNT; i++)
		fits = append_count(map, out, ",", status_names[i]);
	return fits && view_append_raw(out, "}");
}

static const struct template_data counts_data = {
	.get = get_count,
	.json = append_counts,
};

/* ---- the whole ---- */

static size_t
get_from_root(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct state *state = map->node;
	size_t part = view_first_part(path, len);

	if (view_is_name(path, part, "services"))
		view_map(found, &state->services, &kin_data);
	else if (view_is_name(path, part, "prompts"))
		view_map(found, &state->prompts, &kin_data);
	else if (view_is_name(path, part, "targets"))
		view_list(found, state, &targets_data);
	else if (view_is_name(path, part, "failed"))
		view_list(found, state, &failed_data);
	else if (view_is_name(path, part, "counts"))
		view_map(found, state, &counts_data);
	else if (view_is_name(path, part, "status"))
		view_text(found, board_status(state->board));
	else
		return 0;
	return part;
}

/* Nobody can name it. */
static const struct template_data root_data = { .get = get_from_root };

struct state *
state_new(const struct board *board)
{
	struct state *state = xcalloc(1, sizeof(*state));

	state->board = board;
	state->services = (struct kin){ state, TARGET_SERVICE };
	state->prompts = (struct kin){ state, TARGET_PROMPT };
	state->json = json_view_new();
	state->memory = xcalloc(1, sizeof(*state->memory));
	view_map(&state->root, state, &root_data);
	return state;
}

static void
memory_free(struct memory *memory, size_t board_size)
{
	for (size_t i = 0; i < memory->few_count; i++)
		entry_view_free(memory->few[i]);
	for (size_t i = 0; memory->views != NULL && i < board_size; i++)
		entry_view_free(memory->views[i]);
	free((void *)memory->views);
	free(memory->total);
	for (int i = 0; i < STATUS_COUNT; i++)
		free(memory->counts[i]);
	free((void *)memory->failed);
	free(memory);
}

void
state_free(struct state *state)
{
	if (state == NULL)
		return;
	memory_free(state->memory, board_size(state->board));
	json_view_free(state->json);
	free(state);
}

const struct template_value *
state_root(struct state *state)
{
	return &state->root;
}

/* ---- what is missing ---- */

/* The kind of error that ENTRY tells; "" where it tells none. The caller's. */
static char *
kind_of(const struct board_entry *entry)
{
	struct span whole;
	char *kind;

	if (entry->asked || entry->restored == NULL)
		return xstrdup(error_kind_names[entry->outcome.kind]);
	whole = span_whole(entry->restored, entry->restored_len);
	kind = span_text(span_member(span_member(whole, "error"), "kind"), NULL);
	return kind != NULL ? kind : xstrdup("");
}

static char *
why_without_answer(const struct board_entry *entry, const char *how)
{
	char *kind = kind_of(entry);
	char *why = xasprintf(" (%s %s%s%s)", entry->target->name, how,
	    kind[0] != '\0' ? ": " : "", kind);

	free(kind);
	return why;
}

/* The target that NAME is about; NULL: none. */
static const struct target *
target_of(const struct config *config, const char *name)
{
	enum target_kind kind = TARGET_SERVICE;
	size_t used = 0;

	if (strncmp(name, SERVICES, strlen(SERVICES)) == 0) {
		name += strlen(SERVICES);
	} else if (strncmp(name, PROMPTS, strlen(PROMPTS)) == 0) {
		name += strlen(PROMPTS);
		kind = TARGET_PROMPT;
	} else {
		return NULL;
	}
	return find_target(config, kind, name, strlen(name), &used);
}

char *
state_why_missing(const struct board *board, const char *name)
{
	const struct target *target = target_of(board_config(board), name);
	struct board_entry entry;

	if (target == NULL)
		return xstrdup("");
	board_see(board_entry(board, target->index), &entry);
	switch (entry.outcome.status) {
	case STATUS_TIMEOUT:
	case STATUS_HTTP_ERROR:
	case STATUS_ERROR:
		return why_without_answer(&entry, "failed");
	case STATUS_SKIPPED:
		return why_without_answer(&entry, "was skipped");
	case STATUS_CANCELLED:
		return xasprintf(" (%s was cancelled)", target->name);
	case STATUS_PENDING:
		/* A prompt whose time it is not. */
		if (entry.asked)
			return xasprintf(" (%s was not asked)", target->name);
		return xasprintf(" (%s was not asked yet)", target->name);
	case STATUS_OK:
	case STATUS_DEGRADED:
		break;
	}
	/* Its values that are secret nobody has written down. */
	if (!entry.asked)
		return xasprintf(" (%s was not asked since the start)", target->name);
	return xstrdup("");
}

bool
state_is_put_off(const struct board *board, const char *name)
{
	const struct target *target = target_of(board_config(board), name);

	return target != NULL && board_is_put_off(board_entry(board, target->index));
}
