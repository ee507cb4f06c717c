#include "base/secrets.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_escape.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/skip.h"
#include "base/units.h"
#include "base/utf8.h"
#include "base/xalloc.h"

/* Of two bytes: several pairs share a number, which costs a closer look at most. */
#define PAIR_COUNT 4096

/* More of them are no longer told apart. */
#define MAX_SECRETS 1024

/*
 * How many bytes are compared for one text at most: these, and so many for each of its
 * bytes. A secret may be a server's word, and another's answer made to go along with it for
 * as long as can be. Where that is not enough, all the rest counts as secret.
 */
#define STEPS          1000000
#define STEPS_PER_BYTE 4

/* Percent signs of a secret that are looked at in two ways at once. */
#define MAX_DOUBTS 1000

struct secret {
	char *text; /* owned */
	size_t len;
};

struct secrets {
	struct secret *items; /* owned */
	size_t count;
	/* One bit for each pair of bytes (by pair_of()) that a secret, however it is
	 * written, can start with: nearly all of a text is passed over by it. */
	uint64_t starts[PAIR_COUNT / 64];
};

struct secrets *
secrets_new(void)
{
	return xcalloc(1, sizeof(struct secrets));
}

void
secrets_free(struct secrets *secrets)
{
	if (!secrets)
		return;
	for (size_t i = 0; i < secrets->count; i++)
		free(secrets->items[i].text);
	free(secrets->items);
	free(secrets);
}

static bool
is_known(const struct secrets *secrets, const char *text, size_t len)
{
	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret *secret = &secrets->items[i];

		if (secret->len == len && memcmp(secret->text, text, len) == 0)
			return true;
	}
	return false;
}

static inline unsigned
pair_of(char first, char second)
{
	return (unsigned)(unsigned char)first << 4 ^ (unsigned char)second;
}

static void
add_pair(struct secrets *secrets, char first, char second)
{
	unsigned pair = pair_of(first, second);

	secrets->starts[pair / 64] |= UINT64_C(1) << pair % 64;
}

/* All ways in which what TEXT begins with may be written. */
static void
add_starts(struct secrets *secrets, const char *text)
{
	unsigned char high = (unsigned char)text[0] >> 4;

	add_pair(secrets, '%', "0123456789abcdef"[high]);
	add_pair(secrets, '%', "0123456789ABCDEF"[high]);
	add_pair(secrets, '\\', 'u');
	for (const char *letter = json_escape_letters; *letter != '\0'; letter++) {
		if (json_escape_meanings[letter - json_escape_letters] == text[0])
			add_pair(secrets, '\\', *letter);
	}
	for (const char *second = "%\\+"; *second != '\0'; second++) {
		add_pair(secrets, text[0], *second);
		if (text[0] == ' ')
			add_pair(secrets, '+', *second);
	}
	add_pair(secrets, text[0], text[1]);
	if (text[0] == ' ')
		add_pair(secrets, '+', text[1]);
}

void
secrets_add(struct secrets *secrets, const char *text, size_t len)
{
	if (len < SECRETS_MIN_BYTES || secrets->count > MAX_SECRETS ||
	    is_known(secrets, text, len))
		return;
	secrets->items = xgrow(secrets->items, secrets->count, sizeof(*secrets->items));
	secrets->items[secrets->count++] =
	    (struct secret){ .text = xmemdup0(text, len), .len = len };
	add_starts(secrets, text);
}

void
secrets_add_marked(struct secrets *secrets, const struct marked *text)
{
	const char *run = NULL; /* where the secrets that stand side by side begin */

	for (size_t i = 0; i < text->part_count; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(text, i, &part, &len, &mark);
		if (mark != MARK_SECRET) {
			run = NULL;
			continue;
		}
		secrets_add(secrets, part, len);
		if (run == NULL)
			run = part;
		if (i + 1 == text->part_count || text->parts[i + 1].mark != MARK_SECRET)
			secrets_add(secrets, run, (size_t)(part + len - run));
	}
}

/* RFC 4648, section 4. */
static void
append_base64(struct buffer *out, const char *data, size_t len)
{
	/* The last one is the padding. */
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	const unsigned char *bytes = (const unsigned char *)data;

	for (size_t i = 0; i < len; i += 3) {
		size_t rest = len - i;
		uint32_t group = (uint32_t)bytes[i] << 16 |
		    (rest > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
		    (rest > 2 ? bytes[i + 2] : 0);

		buffer_append_char(out, alphabet[group >> 18]);
		buffer_append_char(out, alphabet[group >> 12 & 63]);
		buffer_append_char(out, alphabet[rest > 1 ? group >> 6 & 63 : 64]);
		buffer_append_char(out, alphabet[rest > 2 ? group & 63 : 64]);
	}
}

void
secrets_add_basic(struct secrets *secrets, const char *user, const char *password)
{
	char *pair = xasprintf("%s:%s", user, password);
	struct buffer token;

	buffer_init(&token, BUFFER_UNLIMITED);
	append_base64(&token, pair, strlen(pair));
	secrets_add(secrets, token.data, token.len);
	secrets_add(secrets, password, strlen(password));
	buffer_clear(&token);
	free(pair);
}

void
secrets_add_all(struct secrets *secrets, const struct secrets *from)
{
	for (size_t i = 0; i < from->count; i++)
		secrets_add(secrets, from->items[i].text, from->items[i].len);
}

bool
secrets_empty(const struct secrets *secrets)
{
	return !secrets || secrets->count == 0;
}

/* Looking for secrets in one text. */
struct search {
	const struct secrets *secrets; /* borrowed */
	size_t steps_left;             /* 0: given up */
	unsigned doubts;
};

static struct search
search_begin(const struct secrets *secrets, size_t len)
{
	return (struct search){
		.secrets = secrets,
		.steps_left = !secrets_empty(secrets) && secrets->count > MAX_SECRETS
		    ? 0
		    : STEPS + STEPS_PER_BYTE * len,
	};
}

static const char *match(struct search *search, const char *secret,
    const char *secret_end, const char *text, const char *end, bool escaped);

/* As match(), behind the percent sign that SECRET begins with, if TEXT has it as "%25". */
static const char *
match_percent(struct search *search, const char *secret, const char *secret_end,
    const char *text, const char *end, bool escaped)
{
	const char *found;

	if (search->doubts == MAX_DOUBTS) {
		search->steps_left = 0;
		return NULL;
	}
	search->doubts++;
	found = match(search, secret + 1, secret_end, text + 3, end, escaped);
	search->doubts--;
	return found;
}

/*
 * Behind SECRET if it is written at TEXT, each of its bytes as it is or percent-
 * encoded; NULL if not, or if that was given up. With ESCAPED, a backslash there is always
 * one of JSON's escapes.
 */
static const char *
match(struct search *search, const char *secret, const char *secret_end,
    const char *text, const char *end, bool escaped)
{
	while (secret < secret_end) {
		if (text == end || search->steps_left == 0)
			return NULL;
		search->steps_left--;
		if (*text == '%' &&
		    units_read_hex(text + 1, end, 2) == (unsigned char)*secret) {
			/* A percent sign may also stand for itself before what looks
			 * like two digits, and only what follows tells. */
			const char *found = *secret != '%'
			    ? NULL
			    : match_percent(
			          search, secret, secret_end, text, end, escaped);

			if (found)
				return found;
			text += *secret == '%' ? 1 : 3;
			secret++;
		} else if (*text == '\\' && escaped) {
			uint32_t written = 0;
			uint32_t wanted = 0;
			size_t taken = json_read_escape(text, end, &written);
			size_t len =
			    utf8_decode(secret, (size_t)(secret_end - secret), &wanted);

			if (taken == 0 || len == 0 || written != wanted)
				return NULL;
			text += taken;
			secret += len;
		} else if (*text == *secret || (*text == '+' && *secret == ' ')) {
			text++;
			secret++;
		} else {
			return NULL;
		}
	}
	return text;
}

/* Behind the longest secret that is written at TEXT, or NULL. */
static const char *
match_longest(struct search *search, const char *text, const char *end)
{
	const struct secrets *secrets = search->secrets;
	const char *longest = NULL;

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret *secret = &secrets->items[i];
		const char *secret_end = secret->text + secret->len;

		for (int escaped = 0; escaped <= 1; escaped++) {
			const char *found = match(
			    search, secret->text, secret_end, text, end, escaped != 0);

			if (found && (!longest || found > longest))
				longest = found;
		}
	}
	return longest;
}

/* The first place from TEXT on, but before STOP, where a secret may start; else
 * STOP. */
static const char *
skip_to_start(const struct secrets *secrets, const char *text, const char *stop)
{
	for (; text < stop; text++) {
		unsigned pair = pair_of(text[0], text[1]);

		if ((secrets->starts[pair / 64] >> pair % 64 & 1) != 0)
			break;
	}
	return text;
}

/*
 * The first secret from TEXT on, and where it ends; NULL if there is none. Secrets that
 * overlap count as one, so that no rest of one is left beside another.
 */
static const char *
find(struct search *search, const char *text, const char *end, const char **found_end)
{
	const char *found = NULL;
	/* Behind the last place where a secret has room. */
	const char *last =
	    end - text < SECRETS_MIN_BYTES ? text : end - SECRETS_MIN_BYTES + 1;
	const char *stop = last;

	for (; text < stop; text++) {
		const char *match_end;

		text = skip_to_start(search->secrets, text, stop);
		match_end = text < stop ? match_longest(search, text, end) : NULL;
		if (search->steps_left == 0)
			break;
		if (!match_end || (found && match_end <= *found_end))
			continue;
		if (!found)
			found = text;
		*found_end = match_end;
		/* From here on, only for others that begin inside of it. */
		stop = match_end < last ? match_end : last;
	}
	if (search->steps_left > 0 || text == end)
		return found;
	*found_end = end;
	return found ? found : text;
}

static void
append_masked(
    struct search *search, struct buffer *out, const char *text, const char *end)
{
	while (!secrets_empty(search->secrets)) {
		const char *found_end;
		const char *found = find(search, text, end, &found_end);

		if (!found)
			break;
		buffer_append(out, text, (size_t)(found - text));
		buffer_append_string(out, MARKED_MASK);
		text = found_end;
	}
	buffer_append(out, text, (size_t)(end - text));
}

void
secrets_append_masked(
    const struct secrets *secrets, struct buffer *out, const char *text, size_t len)
{
	struct search search = search_begin(secrets, len);

	append_masked(&search, out, text, text + len);
}

/* From behind a string's opening quote to its closing one. */
static const char *
skip_string(const char *text, const char *end, bool *has_escape)
{
	*has_escape = false;
	for (;;) {
		text = skip_plain(text, end);
		while (text < end && (signed char)*text < 0)
			text++;
		if (text == end || *text == '"')
			return text;
		if (*text == '\\') {
			*has_escape = true;
			text++;
		}
		if (text < end)
			text++;
	}
}

/* What the strings of one text are worked on in. */
struct masking {
	struct search search;
	struct buffer meant;  /* a string without its escapes */
	struct buffer masked; /* the same with *** in it */
};

/* Leave in `masked` what takes the place of the string from TEXT to END. Returns
 * false if it can stay as it is. */
static bool
mask_string(struct masking *masking, const char *text, const char *end, bool has_escape)
{
	const char *found_end;

	if (has_escape) {
		buffer_reset(&masking->meant);
		json_append_unescaped(&masking->meant, text, (size_t)(end - text));
		text = masking->meant.data;
		end = text + masking->meant.len;
	}
	if (!find(&masking->search, text, end, &found_end))
		return false;
	buffer_reset(&masking->masked);
	append_masked(&masking->search, &masking->masked, text, end);
	return true;
}

static void
mask_strings(
    struct masking *masking, struct buffer *out, const char *json, const char *end)
{
	const char *text = json; /* what lies before was appended */

	for (;;) {
		const char *start = skip_plain(json, end);
		const char *quote;
		bool has_escape;

		if (start == end)
			break;
		start++;
		quote = skip_string(start, end, &has_escape);
		json = quote < end ? quote + 1 : end;
		/* A name is no value. */
		if (json < end && *json == ':')
			continue;
		if (!mask_string(masking, start, quote, has_escape))
			continue;
		buffer_append(out, text, (size_t)(start - text));
		json_write_append_escaped(
		    out, masking->masked.data, masking->masked.len);
		text = quote;
	}
	buffer_append(out, text, (size_t)(end - text));
}

/* Is it certain that none of the strings in JSON holds a secret? */
static bool
is_clean(const struct secrets *secrets, const char *json, size_t len)
{
	struct search search = search_begin(secrets, len);
	const char *found_end;

	/* Without escapes, what is in a string is in the text as it stands. */
	return secrets_empty(secrets) ||
	    (!memchr(json, '\\', len) && !find(&search, json, json + len, &found_end));
}

void
secrets_append_masked_json(
    const struct secrets *secrets, struct buffer *out, const char *json, size_t len)
{
	struct masking masking = { .search = search_begin(secrets, len) };

	if (is_clean(secrets, json, len)) {
		buffer_append(out, json, len);
		return;
	}
	buffer_init(&masking.meant, BUFFER_UNLIMITED);
	buffer_init(&masking.masked, BUFFER_UNLIMITED);
	mask_strings(&masking, out, json, json + len);
	buffer_clear(&masking.masked);
	buffer_clear(&masking.meant);
}
