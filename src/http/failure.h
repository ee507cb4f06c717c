/*
 * How a transfer ended, by libcurl's code for it: the result, and words for a person.
 *
 * Private to http/transfers.
 */
#ifndef GATHERD_HTTP_FAILURE_H
#define GATHERD_HTTP_FAILURE_H

#include <curl/curl.h>

struct destination;
struct handle;
struct response;

/* Fill in `result`, `phase` and `message` of RESPONSE for HANDLE's transfer, which ended
 * with CODE. A timeout has no message: how long it was is the asker's to know. */
void failure_judge(
    struct response *response, const struct handle *handle, CURLcode code);

/* Words for a lookup of DESTINATION that failed for the reason ERROR, or, where that is
 * NULL, brought no address of its family. The caller's. */
char *failure_tell_lookup(const struct destination *destination, const char *error);

#endif
