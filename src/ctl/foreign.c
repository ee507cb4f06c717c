#include "ctl/foreign.h"

#include <stdlib.h>

#include "base/words.h"

void
foreign_append(struct buffer *out, struct span string)
{
	size_t len;
	char *text = span_text(string, &len);

	if (text != NULL)
		words_append_line(out, text, len);
	free(text);
}
