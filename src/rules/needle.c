#include "rules/needle.h"

#include <string.h>

#include "base/buffer.h"

/* What is known of a pattern while it is read from left to right. */
struct reader {
	const char *at;
	const char *end;
	size_t depth;      /* groups that are open */
	struct buffer run; /* characters, one behind the other, outside all groups */
	struct buffer best;
	bool other;  /* there is more than characters */
	bool opaque; /* it has something in it whose meaning is not known here */
};

/* Whatever follows need not stand right behind the characters before. */
static void
end_run(struct reader *reader)
{
	if (reader->run.len > reader->best.len) {
		buffer_reset(&reader->best);
		buffer_append(&reader->best, reader->run.data, reader->run.len);
	}
	buffer_reset(&reader->run);
}

static void
pass_item(struct reader *reader, size_t len)
{
	reader->other = true;
	end_run(reader);
	reader->at += len;
}

/* A character of the text: LEN bytes of the source, of which the last one is it, or the
 * first of it. */
static void
take_character(struct reader *reader, size_t len)
{
	if (reader->depth == 0)
		buffer_append_char(&reader->run, reader->at[len - 1]);
	reader->at += len;
}

static void
drop_last_character(struct buffer *run)
{
	size_t len = run->len;

	while (len > 0 && ((unsigned char)run->data[len - 1] & 0xC0) == 0x80)
		len--;
	buffer_truncate(run, len > 0 ? len - 1 : 0);
}

/* A quantifier of LEN bytes: what stands before it may be there not at all, or, with
 * ONCE_AT_LEAST, several times. */
static void
pass_quantifier(struct reader *reader, size_t len, bool once_at_least)
{
	if (!once_at_least)
		drop_last_character(&reader->run);
	pass_item(reader, len);
}

/* The length of the quantifier, or what looks like one, at an opening brace; 0: none. */
static size_t
braces_len(const struct reader *reader)
{
	const char *at = reader->at + 1;

	while (at < reader->end && strchr("0123456789, \t", *at) != NULL && *at != '\0')
		at++;
	return at < reader->end && *at == '}' ? (size_t)(at + 1 - reader->at) : 0;
}

static void
read_escape(struct reader *reader)
{
	char c = '\0';

	if (reader->at + 1 < reader->end)
		c = reader->at[1];
	if (c != '\0' && strchr("dDwWsSbBAZzhHvVRnrtfae", c) != NULL)
		pass_item(reader, 2);
	else if (c > ' ' && c < 0x7F && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
	    !(c >= '0' && c <= '9'))
		take_character(reader, 2);
	else
		reader->opaque = true;
}

/* A class in brackets, without the names that may stand in it. */
static void
read_class(struct reader *reader)
{
	const char *at = reader->at + 1;

	if (at < reader->end && *at == '^')
		at++;
	if (at < reader->end && *at == ']')
		at++;
	while (at < reader->end && *at != ']') {
		bool escape = *at == '\\';

		if (*at == '[' ||
		    (escape && at + 1 < reader->end && strchr("QE", at[1]) != NULL)) {
			reader->opaque = true;
			return;
		}
		at += escape ? 2 : 1;
	}
	if (at < reader->end)
		pass_item(reader, (size_t)(at + 1 - reader->at));
	else
		reader->opaque = true;
}

/* Only groups that do nothing but hold together are looked past: options change what
 * characters mean, and what a lookahead sees need not be there. */
static void
read_group(struct reader *reader)
{
	const char *behind = reader->at + 1;
	size_t rest = (size_t)(reader->end - behind);
	bool plain = rest > 0 && *behind != '?' && *behind != '*';

	if (!plain && (rest < 2 || memcmp(behind, "?:", 2) != 0)) {
		reader->opaque = true;
		return;
	}
	pass_item(reader, plain ? 1 : 3);
	reader->depth++;
}

static void
read_next(struct reader *reader)
{
	size_t braces;

	switch (*reader->at) {
	case '\\':
		read_escape(reader);
		break;
	case '[':
		read_class(reader);
		break;
	case '(':
		read_group(reader);
		break;
	case ')':
		reader->depth -= reader->depth > 0 ? 1 : 0;
		pass_item(reader, 1);
		break;
	case '|':
		/* Either side will do: none of them has to be there. */
		reader->opaque = reader->depth == 0;
		pass_item(reader, 1);
		break;
	case '*':
	case '?':
	case '+':
		pass_quantifier(reader, 1, *reader->at == '+');
		break;
	case '{':
		braces = braces_len(reader);
		if (braces > 0)
			pass_quantifier(reader, braces, false);
		else
			take_character(reader, 1);
		break;
	case '.':
	case '^':
	case '$':
		pass_item(reader, 1);
		break;
	default:
		take_character(reader, 1);
		break;
	}
}

bool
needle_find(const char *source, size_t len, struct buffer *needle)
{
	struct reader reader = { .at = source, .end = source + len };
	bool whole = false;

	buffer_init(&reader.run, len);
	buffer_init(&reader.best, len);
	while (reader.at < reader.end && !reader.opaque)
		read_next(&reader);
	end_run(&reader);
	if (!reader.opaque && reader.best.len > 0) {
		buffer_append(needle, reader.best.data, reader.best.len);
		whole = !reader.other;
	}
	buffer_clear(&reader.run);
	buffer_clear(&reader.best);
	return whole;
}
