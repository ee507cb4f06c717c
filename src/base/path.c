#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"

/* Append what PATH consists of, each part behind a slash. */
static void
append_parts(struct buffer *out, const char *path)
{
	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		if (len > 0 && !(len == 1 && *path == '.')) {
			buffer_append_char(out, '/');
			buffer_append(out, path, len);
		}
		path += len;
		path += strspn(path, "/");
	}
}

char *
path_tidy(const char *path)
{
	struct buffer tidy;
	char *folder;

	buffer_init(&tidy, BUFFER_UNLIMITED);
	if (*path != '/') {
		/* The kernel knows it by heart. Where it is gone, all relative paths start
		 * in the same nowhere. */
		folder = getcwd(NULL, 0);
		if (folder != NULL)
			append_parts(&tidy, folder);
		free(folder);
	}
	append_parts(&tidy, path);
	if (tidy.len == 0)
		buffer_append_char(&tidy, '/');
	return buffer_take(&tidy);
}

bool
path_is_same(const char *path, const char *other)
{
	char *tidy = path_tidy(path);
	char *other_tidy = path_tidy(other);
	bool same = strcmp(tidy, other_tidy) == 0;

	free(tidy);
	free(other_tidy);
	return same;
}
