/*
 * What the parts of the demo's upstream have in common.
 */
#ifndef GATHERD_TESTS_DEMO_ANSWER_H
#define GATHERD_TESTS_DEMO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct evhttp;
struct evhttp_request;

/* Answer REQUEST now. */
void answer(
    struct evhttp_request *request, int status, const char *type, const char *text);
void answer_json(struct evhttp_request *request, int status, const char *json);

/* The header NAME of REQUEST, or "". */
const char *asked_header(struct evhttp_request *request, const char *name);

/* The body of REQUEST into BODY, which is initialised here. */
void asked_body(struct evhttp_request *request, struct buffer *body);

/* The shop: profile, orders, payments, reviews, terms, and the health of its branches. */
void shop_serve(struct evhttp *http);

/* Who logs in, by password or OAuth 2, and what they may then see. */
void accounts_serve(struct evhttp *http);

/* A language model: see models.c. Some of its paths are no fixed ones: was REQUEST one of those,
 * and answered? */
void models_serve(struct evhttp *http);
bool models_answer(struct evhttp_request *request);

/*
 * Ask for a certificate on connections to HTTP: make an authority, a server's certificate for
 * 127.0.0.1 and localhost, and a client's, and put ca.pem, client.pem and client-key.pem into
 * FOLDER. Returns false, told on standard error, where it cannot.
 */
bool tls_serve(struct evhttp *http, const char *folder);

#endif
