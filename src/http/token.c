#include "http/token.h"

#include <string.h>

#define ALPHA  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool
http_is_token(const char *text)
{
	return text[0] != '\0' &&
	    text[strspn(text, ALPHA DIGITS HTTP_TOKEN_MARKS)] == '\0';
}
