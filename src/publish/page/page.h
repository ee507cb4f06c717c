/*
 * A snapshot as a web page: one self-contained document, with the entries' cards as JSON and a
 * script that shows them.
 */
#ifndef GATHERD_PUBLISH_PAGE_PAGE_H
#define GATHERD_PUBLISH_PAGE_PAGE_H

#include <stdbool.h>

struct buffer;
struct snapshot;

#define PAGE_CONTENT_TYPE "text/html; charset=utf-8"

/* Of a snapshot that was made with `cards`. LIVE: it follows `events` beside it; else it says
 * how old it is, and looks for a newer one of itself. In any thread. */
void page_append(struct buffer *out, const struct snapshot *snapshot, bool live);

/* The Content-Security-Policy (CSP level 3) under which its script and style work, and nothing
 * else: for a header. Made once; in any thread. */
const char *page_policy(void);

#endif
