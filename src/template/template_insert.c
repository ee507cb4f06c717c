/* Values in a text for a language model: no longer than they may be, in blocks of their
 * own. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "template/internal.h"

/* So much of the digest stands in a block's lines. Whoever wants to write an end that fits
 * would have to try 2^64 values. */
#define BLOCK_DIGITS 16

/* One value that is put in. */
struct inserted {
	const char *text; /* all of it, borrowed */
	size_t len;
	const struct marked *marks; /* of `text`, borrowed; NULL: it has none */
	bool escaped; /* it is JSON, and its secrets are insides of strings */
	bool goes_on; /* it is still longer, who knows by how much */

	size_t kept; /* so much of `text` is put in */
	char *note;  /* owned: says that the rest is not; NULL: all of it is */
};

/* ---- too long ---- */

/* How much of TEXT, which is longer than MAX bytes, fits into them: whole characters. */
static size_t
fitting(const char *text, size_t max)
{
	size_t end = max;

	/* At most three bytes follow a character's first one; more are no UTF-8. */
	while (end > 0 && max - end < 4 && ((unsigned char)text[end] & 0xC0) == 0x80)
		end--;
	return max - end < 4 ? end : max;
}

static void
cut(struct inserted *inserted, size_t max)
{
	inserted->kept = inserted->len;
	if (max == 0 || (inserted->len <= max && !inserted->goes_on))
		return;
	if (inserted->len > max)
		inserted->kept = fitting(inserted->text, max);
	inserted->note = xasprintf("[... %s%zu more bytes cut]",
	    inserted->goes_on ? "over " : "", inserted->len - inserted->kept);
}

/* ---- secrets ---- */

static void
carry_part(struct template_output *output, const struct inserted *inserted,
    const char *part, size_t len)
{
	if (inserted->escaped)
		template_carry_escaped(output, part, len);
	else
		template_carry(output, part, len);
}

/* What is left of a secret may come back as well as all of it. */
static void
carry(struct template_output *output, const struct inserted *inserted)
{
	const struct marked *marks = inserted->marks;

	if (output->carried == NULL || marks == NULL)
		return;
	if (!inserted->escaped)
		secrets_add_marked(output->carried, marks);
	for (size_t i = 0; i < marks->part_count; i++) {
		size_t start = marks->parts[i].start;
		const char *part;
		enum mark mark;
		size_t len;

		marked_part(marks, i, &part, &len, &mark);
		if (mark != MARK_SECRET)
			continue;
		carry_part(output, inserted, part, len);
		if (start < inserted->kept && len > inserted->kept - start)
			carry_part(output, inserted, part, inserted->kept - start);
	}
}

/* ---- the text itself ---- */

static bool
put_parts(struct template_output *output, const struct inserted *inserted)
{
	const struct marked *marks = inserted->marks;
	size_t kept = inserted->kept;

	if (marks == NULL)
		return template_put(output, inserted->text, kept, MARK_PUT_IN);
	for (size_t i = 0; i < marks->part_count && marks->parts[i].start < kept; i++) {
		size_t left = kept - marks->parts[i].start;
		const char *part;
		enum mark mark;
		size_t len;

		marked_part(marks, i, &part, &len, &mark);
		if (mark != MARK_SECRET)
			mark = MARK_PUT_IN;
		if (!template_put(output, part, len < left ? len : left, mark))
			return false;
	}
	return true;
}

static bool
put_word(struct template_output *output, const char *word)
{
	return template_put(output, word, strlen(word), MARK_PUT_IN);
}

static bool
put_content(struct template_output *output, const struct inserted *inserted)
{
	return put_parts(output, inserted) &&
	    (inserted->note == NULL || put_word(output, inserted->note));
}

/* ---- blocks ---- */

/* Of what stands between the lines of the block and what it is called: what is the same is
 * called the same, so that a text does not change with each rendering. */
static void
make_digest(
    char digest[DIGEST_HEX_SIZE], const struct inserted *inserted, const char *label)
{
	struct buffer content;

	buffer_init(&content, BUFFER_UNLIMITED);
	buffer_append_string(&content, label);
	buffer_append_char(&content, '\n');
	buffer_append(&content, inserted->text, inserted->kept);
	if (inserted->note != NULL)
		buffer_append_string(&content, inserted->note);
	digest_hex(digest, content.data, content.len);
	digest[BLOCK_DIGITS] = '\0';
	buffer_clear(&content);
}

static bool
begin_line(struct template_output *output)
{
	const struct buffer *text = &output->out->text;

	return text->len == 0 || text->data[text->len - 1] == '\n' ||
	    put_word(output, "\n");
}

static bool
put_line(struct template_output *output, const char *what, const char *label,
    const char *digest, enum mark mark)
{
	return begin_line(output) && put_word(output, "[") && put_word(output, what) &&
	    put_word(output, " ") && put_word(output, label) && put_word(output, " ") &&
	    template_put(output, digest, BLOCK_DIGITS, mark) && put_word(output, "]");
}

static bool
put_block(
    struct template_output *output, const struct inserted *inserted, const char *label)
{
	enum mark mark = MARK_PUT_IN;
	char digest[DIGEST_HEX_SIZE];
	bool fits;

	make_digest(digest, inserted, label);
	/* By the digest of a secret one could tell whether it was guessed. */
	if (inserted->marks != NULL && marked_has_secret(inserted->marks)) {
		mark = MARK_SECRET;
		template_carry(output, digest, BLOCK_DIGITS);
	}
	fits = put_line(output, "data", label, digest, mark) &&
	    put_word(output, "\n") && put_content(output, inserted) &&
	    put_line(output, "end of data", label, digest, mark);
	output->ends_block = true;
	return fits;
}

/* ---- any value ---- */

static void
take_text(struct inserted *inserted, const struct template_value *value)
{
	if (value->text != NULL) {
		inserted->marks = value->text;
		inserted->text = value->text->text.data;
		inserted->len = value->text->text.len;
	} else {
		inserted->text = value->plain;
		inserted->len = strlen(value->plain);
	}
}

/* A list or a map, as far as there is room for it in all; JSON gets its text. */
static void
take_json(
    struct inserted *inserted, const struct template_value *value, struct marked *json)
{
	inserted->goes_on = !value->data->json(value, json);
	inserted->escaped = true;
	inserted->marks = json;
	inserted->text = json->text.data;
	inserted->len = json->text.len;
}

static bool
insert(struct template_output *output, struct inserted *inserted, const char *label)
{
	struct template_insertion *insertion = output->insertion;
	bool fits;

	/* What is left out costs time as well. */
	template_spend_bytes(output, inserted->len);
	cut(inserted, insertion->max_bytes);
	if (inserted->note == NULL && inserted->goes_on)
		return false;
	insertion->cut_count += inserted->note != NULL;
	carry(output, inserted);
	fits = label != NULL ? put_block(output, inserted, label)
	                     : put_content(output, inserted);
	free(inserted->note);
	return fits;
}

enum template_result
template_insert(struct template_output *output, const struct template_value *value,
    const char *label)
{
	struct inserted inserted = { .text = "null", .len = 4 };
	struct marked json;
	bool fits;

	marked_init(&json, TEMPLATE_MAX_OUTPUT);
	switch (value->kind) {
	case TEMPLATE_NULL:
		break;
	case TEMPLATE_FALSE:
		inserted.text = "false";
		inserted.len = 5;
		break;
	case TEMPLATE_TRUE:
		inserted.text = "true";
		break;
	case TEMPLATE_TEXT:
		take_text(&inserted, value);
		break;
	case TEMPLATE_LIST:
	case TEMPLATE_MAP:
		if (value->data->json == NULL)
			return TEMPLATE_NOT_TEXT;
		take_json(&inserted, value, &json);
		break;
	}
	fits = insert(output, &inserted, label);
	marked_clear(&json);
	return fits ? TEMPLATE_RENDERED : TEMPLATE_TOO_LARGE;
}
