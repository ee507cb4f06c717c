#include "config/yaml_text.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* libyaml compares each with all before it: a file full of them would take hours. None
 * is of any use where tags are refused. */
#define MAX_TAG_DIRECTIVES 16

/* YAML 1.1, section 4.1. */
static bool
is_allowed(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	if (c < 0xa0)
		return c < 0x7f || c == 0x85;
	return c != 0xfeff && c != 0xfffe && c != 0xffff;
}

/* Where libyaml counts a new line; of CR LF, at the LF. */
static bool
ends_line(const char *text, size_t len, uint32_t c)
{
	if (c == '\r')
		return len < 2 || text[1] != '\n';
	return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool
starts_with(const char *text, size_t len, const char *start)
{
	return len >= strlen(start) && memcmp(text, start, strlen(start)) == 0;
}

static bool
looks_like_utf16(const char *text, size_t len)
{
	return starts_with(text, len, "\xff\xfe") || starts_with(text, len, "\xfe\xff");
}

/* Tell what is wrong with the character C (STEP bytes; 0: none at all) at PLACE. */
static bool
check_character(unsigned char byte, size_t step, uint32_t c, struct place place,
    struct faults *faults)
{
	if (step == 0)
		faults_error(faults, place, "not UTF-8: byte 0x%02x", byte);
	else if (!is_allowed(c))
		faults_error(
		    faults, place, "the character U+%04X is not allowed in YAML", c);
	else
		return true;
	return false;
}

bool
yaml_text_check(const char *text, size_t len, unsigned file, struct faults *faults)
{
	struct place place = { .file = file, .line = 1, .column = 1 };
	unsigned directives = 0;

	if (looks_like_utf16(text, len)) {
		faults_error(faults, place, "this is UTF-16: expected UTF-8");
		return false;
	}
	for (size_t i = 0, step; i < len; i += step) {
		uint32_t c = 0;

		if (place.column == 1 && starts_with(text + i, len - i, "%TAG"))
			directives++;
		if (directives > MAX_TAG_DIRECTIVES) {
			faults_error(faults, place, "too many %%TAG lines");
			return false;
		}
		step = utf8_decode(text + i, len - i, &c);
		if (!check_character((unsigned char)text[i], step, c, place, faults))
			return false;
		place.column++;
		if (ends_line(text + i, len - i, c)) {
			place.line++;
			place.column = 1;
		}
	}
	return true;
}
