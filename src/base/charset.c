#include "base/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "base/utf8.h"

#define REPLACEMENT  "\xEF\xBF\xBD"
#define UTF8_BOM     "\xEF\xBB\xBF"
#define UTF8_BOM_LEN 3

/* Labels that mean something else on the web than iconv makes of them (WHATWG Encoding,
 * section 4.2). */
static const struct {
	const char *label;
	const char *name;
} aliases[] = {
	{ "utf8", "utf-8" },
	{ "unicode-1-1-utf-8", "utf-8" },
	{ "iso-8859-1", "windows-1252" },
	{ "iso8859-1", "windows-1252" },
	{ "iso_8859-1", "windows-1252" },
	{ "latin1", "windows-1252" },
	{ "l1", "windows-1252" },
	{ "us-ascii", "windows-1252" },
	{ "ascii", "windows-1252" },
	{ "iso-8859-9", "windows-1254" },
	{ "latin5", "windows-1254" },
	{ "gb2312", "gb18030" },
	{ "gbk", "gb18030" },
	{ "shift_jis", "cp932" },
	{ "shift-jis", "cp932" },
	{ "sjis", "cp932" },
	{ "euc-kr", "cp949" },
	{ "ks_c_5601-1987", "cp949" },
};

/* UTF-32 before UTF-16, whose mark is the beginning of its own. */
static const struct {
	const char *bytes;
	size_t len;
	const char *name;
} marks[] = {
	{ UTF8_BOM, UTF8_BOM_LEN, "utf-8" },
	{ "\xFF\xFE\0\0", 4, "utf-32le" },
	{ "\0\0\xFE\xFF", 4, "utf-32be" },
	{ "\xFF\xFE", 2, "utf-16le" },
	{ "\xFE\xFF", 2, "utf-16be" },
};

/* Only what a charset's name is made of (RFC 2978, section 2.3): iconv_open(3) finds
 * more in a name than that, such as a "//" with options. */
static bool
is_name(const char *charset)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789!#$%&'+-^_`{}~.:()";

	return charset[0] != '\0' && charset[strspn(charset, allowed)] == '\0';
}

/* The charset by TEXT's own mark; UTF-8 where there is none. */
static const char *
guess(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
		if (len >= marks[i].len &&
		    memcmp(text, marks[i].bytes, marks[i].len) == 0)
			return marks[i].name;
	}
	return "utf-8";
}

/* The name to ask iconv for. Without a byte order in its name, the text's mark says
 * it. */
static const char *
resolve(const char *charset, const char *text, size_t len)
{
	const char *marked = guess(text, len);
	size_t family = strlen("utf-16");

	if (strcasecmp(charset, "utf-16") == 0)
		return strncmp(marked, "utf-16", family) == 0 ? marked : "utf-16le";
	if (strcasecmp(charset, "utf-32") == 0)
		return strncmp(marked, "utf-32", family) == 0 ? marked : "utf-32le";
	for (size_t i = 0; i < ARRAY_COUNT(aliases); i++) {
		if (strcasecmp(charset, aliases[i].label) == 0)
			return aliases[i].name;
	}
	return charset;
}

/* How many bytes to pass over where nothing can be made of them. */
static size_t
unit_of(const char *charset)
{
	if (strncasecmp(charset, "utf-16", 6) == 0 ||
	    strncasecmp(charset, "ucs-2", 5) == 0)
		return 2;
	if (strncasecmp(charset, "utf-32", 6) == 0 ||
	    strncasecmp(charset, "ucs-4", 5) == 0)
		return 4;
	return 1;
}

static void
append_utf8(struct buffer *out, const char *text, size_t len)
{
	if (len >= UTF8_BOM_LEN && memcmp(text, UTF8_BOM, UTF8_BOM_LEN) == 0) {
		text += UTF8_BOM_LEN;
		len -= UTF8_BOM_LEN;
	}
	utf8_append_repaired(out, text, len);
}

/* One conversion, in steps of what fits into a small array. */
struct conversion {
	iconv_t descriptor;
	size_t unit;
	struct buffer *out; /* borrowed */
	bool begun;         /* something was written: what follows is no mark */
};

static void
write_part(struct conversion *conversion, const char *text, size_t len)
{
	if (len == 0)
		return;
	if (conversion->begun)
		utf8_append_repaired(conversion->out, text, len);
	else
		append_utf8(conversion->out, text, len);
	conversion->begun = true;
}

/* One step. Returns iconv(3)'s errno, or 0. With TEXT NULL, what a stateful charset
 * still holds back comes out. */
static int
convert_part(struct conversion *conversion, const char **text, size_t *len)
{
	char part[4096];
	char *to = part;
	size_t room = sizeof(part);
	/* The bytes are only read, whatever the prototype says. */
	char **from = (char **)(void *)text;
	size_t result = iconv(conversion->descriptor, from, len, &to, &room);
	int reason = result == (size_t)-1 ? errno : 0;

	write_part(conversion, part, sizeof(part) - room);
	return reason;
}

static void
convert(struct conversion *conversion, const char *text, size_t len)
{
	while (len > 0 && !conversion->out->full) {
		size_t before = len;
		int reason = convert_part(conversion, &text, &len);
		size_t skipped = len < conversion->unit ? len : conversion->unit;

		/* The array was full; a step that gets nowhere must not be repeated. */
		if (reason == E2BIG && len < before)
			continue;
		if (reason == 0)
			break;
		/* EINVAL is a character that the end cuts off. */
		if (reason == EINVAL)
			skipped = len;
		write_part(conversion, REPLACEMENT, strlen(REPLACEMENT));
		text += skipped;
		len -= skipped;
	}
	convert_part(conversion, NULL, NULL);
}

/* Returns false, and has done nothing, if iconv does not know the charset NAME. */
static bool
append_from(struct buffer *out, const char *name, const char *text, size_t len)
{
	struct conversion conversion = { .unit = unit_of(name), .out = out };

	if (strcasecmp(name, "utf-8") == 0) {
		append_utf8(out, text, len);
		return true;
	}
	conversion.descriptor = iconv_open("UTF-8", name);
	/* iconv(3) has it so. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	if (conversion.descriptor == (iconv_t)-1)
		return false;
	convert(&conversion, text, len);
	iconv_close(conversion.descriptor);
	return true;
}

void
charset_append_utf8(
    struct buffer *out, const char *charset, const char *text, size_t len)
{
	if (charset && is_name(charset) &&
	    append_from(out, resolve(charset, text, len), text, len))
		return;
	if (!append_from(out, guess(text, len), text, len))
		append_utf8(out, text, len);
}
