/*
 * What the page is made of: the files of src/publish/page/, made into arrays by
 * build-aux/embed. Behind each array stands a NUL that its length does not count.
 */
#ifndef GATHERD_PUBLISH_PAGE_ASSETS_H
#define GATHERD_PUBLISH_PAGE_ASSETS_H

#include <stddef.h>

/* The document, with a @WORD@ wherever something is put in: see publish/page/page.c. */
extern const unsigned char page_html[];
extern const size_t page_html_len;

/* Its style and its script. */
extern const unsigned char page_css[];
extern const size_t page_css_len;
extern const unsigned char page_js[];
extern const size_t page_js_len;

#endif
