#include "base/marked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void
marked_init(struct marked *marked, size_t max_bytes)
{
	buffer_init(&marked->text, max_bytes);
	marked->parts = NULL;
	marked->part_count = 0;
}

void
marked_clear(struct marked *marked)
{
	buffer_clear(&marked->text);
	free(marked->parts);
	marked->parts = NULL;
	marked->part_count = 0;
}

static void
add_part(struct marked *marked, size_t start, enum mark mark)
{
	size_t count = marked->part_count;

	marked->parts = xgrow(marked->parts, count, sizeof(*marked->parts));
	marked->parts[count] = (struct marked_part){ .start = start, .mark = mark };
	marked->part_count++;
}

bool
marked_append(struct marked *marked, const char *text, size_t len, enum mark mark)
{
	size_t start = marked->text.len;
	size_t count = marked->part_count;

	if (len == 0)
		return true;
	if (!buffer_append(&marked->text, text, len))
		return false;
	if (count == 0 || marked->parts[count - 1].mark != mark || mark == MARK_SECRET)
		add_part(marked, start, mark);
	return true;
}

void
marked_part(const struct marked *marked, size_t index, const char **text, size_t *len,
    enum mark *mark)
{
	const struct marked_part *part = &marked->parts[index];
	size_t end = marked->text.len;

	assert(index < marked->part_count);
	if (index + 1 < marked->part_count)
		end = part[1].start;
	*text = marked->text.data + part->start;
	*len = end - part->start;
	*mark = part->mark;
}

bool
marked_has_secret(const struct marked *marked)
{
	for (size_t i = 0; i < marked->part_count; i++) {
		if (marked->parts[i].mark == MARK_SECRET)
			return true;
	}
	return false;
}

bool
marked_equal(const struct marked *a, const struct marked *b)
{
	if (a->text.len != b->text.len || a->part_count != b->part_count)
		return false;
	for (size_t i = 0; i < a->part_count; i++) {
		if (a->parts[i].start != b->parts[i].start ||
		    a->parts[i].mark != b->parts[i].mark)
			return false;
	}
	return memcmp(a->text.data, b->text.data, a->text.len) == 0;
}

void
marked_copy(struct marked *out, const struct marked *from)
{
	marked_init(out, from->text.max);
	for (size_t i = 0; i < from->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(from, i, &text, &len, &mark);
		marked_append(out, text, len, mark);
	}
}

char *
marked_shown(const struct marked *marked)
{
	enum mark before = MARK_OWN;
	struct buffer shown;

	buffer_init(&shown, BUFFER_UNLIMITED);
	for (size_t i = 0; i < marked->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(marked, i, &text, &len, &mark);
		if (mark != MARK_SECRET)
			buffer_append(&shown, text, len);
		else if (before != MARK_SECRET)
			buffer_append_string(&shown, MARKED_MASK);
		before = mark;
	}
	return buffer_take(&shown);
}
