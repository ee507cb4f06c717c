#include "gather/token_sources.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"

struct token_sources {
	const struct target **items; /* owned; sorted by what they ask */
	size_t count;
};

/* ---- what is asked ---- */

/* NULL is before all texts. */
static int
compare_texts(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int
compare_sizes(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int
compare_headers(const struct request *a, const struct request *b)
{
	int order = compare_sizes(a->header_count, b->header_count);

	for (size_t i = 0; order == 0 && i < a->header_count; i++) {
		order = strcasecmp(a->headers[i].name, b->headers[i].name);
		if (order == 0)
			order = strcmp(a->headers[i].value, b->headers[i].value);
	}
	return order;
}

static int
compare_bodies(const struct request *a, const struct request *b)
{
	int order = compare_sizes(a->body_len, b->body_len);

	return order != 0 || a->body_len == 0 ? order
	                                      : memcmp(a->body, b->body, a->body_len);
}

static int
compare_requests(const struct request *a, const struct request *b)
{
	int order = strcmp(a->url.text, b->url.text);

	if (order == 0)
		order = compare_texts(a->url.user, b->url.user);
	if (order == 0)
		order = compare_texts(a->url.password, b->url.password);
	if (order == 0)
		order = (a->auth > b->auth) - (a->auth < b->auth);
	if (order == 0)
		order = compare_texts(a->user, b->user);
	if (order == 0)
		order = compare_texts(a->password, b->password);
	if (order == 0)
		order = compare_headers(a, b);
	return order != 0 ? order : compare_bodies(a, b);
}

/* All but the route, which has no order. What changes from asking to asking comes first. */
static int
compare_asked(const struct target *a, const struct target *b)
{
	if (a->rendered == NULL || b->rendered == NULL)
		return (a->rendered != NULL) - (b->rendered != NULL);
	return compare_requests(&a->rendered->request, &b->rendered->request);
}

static bool
brings_same(const struct target *a, const struct target *b)
{
	if (a == b)
		return true;
	/* What changes from asking to asking is nobody else's. */
	return a->rendered != NULL && b->rendered != NULL && compare_asked(a, b) == 0 &&
	    route_equal(&a->way.route, &b->way.route);
}

/* ---- all of a config ---- */

static int
compare_items(const void *left, const void *right)
{
	const struct target *const *a = left;
	const struct target *const *b = right;

	return compare_asked(*a, *b);
}

struct token_sources *
token_sources_new(const struct config *config)
{
	struct token_sources *sources = xcalloc(1, sizeof(*sources));

	sources->count = config->token_source_count;
	sources->items = xcalloc(sources->count + 1, sizeof(const struct target *));
	for (size_t i = 0; i < sources->count; i++)
		sources->items[i] = config->token_sources[i];
	qsort((void *)sources->items, sources->count, sizeof(const struct target *),
	    compare_items);
	return sources;
}

void
token_sources_free(struct token_sources *sources)
{
	if (sources == NULL)
		return;
	free((void *)sources->items);
	free(sources);
}

size_t
token_sources_count(const struct token_sources *sources)
{
	return sources->count;
}

const struct target *
token_sources_at(const struct token_sources *sources, size_t number)
{
	return sources->items[number];
}

/* The number of the first that does not come before SOURCE. */
static size_t
find_first(const struct token_sources *sources, const struct target *source)
{
	size_t first = 0;
	size_t end = sources->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare_asked(sources->items[middle], source) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool
token_sources_find(
    const struct token_sources *sources, const struct target *source, size_t *number)
{
	for (size_t i = find_first(sources, source);
	     i < sources->count && compare_asked(sources->items[i], source) == 0; i++) {
		if (brings_same(sources->items[i], source)) {
			*number = i;
			return true;
		}
	}
	return false;
}
