/*
 * Text in any charset to UTF-8, by iconv(3).
 */
#ifndef GATHERD_BASE_CHARSET_H
#define GATHERD_BASE_CHARSET_H

#include <stddef.h>

#include "base/buffer.h"

/*
 * Append TEXT as UTF-8, with U+FFFD for what is not in CHARSET. CHARSET is a name as
 * in Content-Type, in any case, or NULL: then, and where iconv does not know it, a byte
 * order mark decides, else UTF-8 is assumed. "iso-8859-1" and "us-ascii" are read as
 * windows-1252, as browsers do (WHATWG Encoding). A leading byte order mark is dropped.
 */
void charset_append_utf8(
    struct buffer *out, const char *charset, const char *text, size_t len);

#endif
