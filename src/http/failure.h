/*
 * How a transfer ended, by libcurl's code for it: the result, and words for a person.
 *
 * Private to http/transfers.
 */
#ifndef GATHERD_HTTP_FAILURE_H
#define GATHERD_HTTP_FAILURE_H

#include <curl/curl.h>

struct handle;
struct response;

/* Fill in `result`, `phase` and `message` of RESPONSE for HANDLE's transfer, which ended
 * with CODE. A timeout has no message: how long it was is the asker's to know. */
void failure_judge(
    struct response *response, const struct handle *handle, CURLcode code);

#endif
