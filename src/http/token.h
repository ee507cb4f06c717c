/*
 * Tokens (RFC 9110, 5.6.2): what methods and the names of headers are made of.
 */
#ifndef GATHERD_HTTP_TOKEN_H
#define GATHERD_HTTP_TOKEN_H

#include <stdbool.h>

/* The characters that a token may hold beside letters and digits. */
#define HTTP_TOKEN_MARKS "!#$%&'*+.^_`|~-"

bool http_is_token(const char *text);

#endif
