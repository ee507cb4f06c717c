/*
 * Transfers over TLS, on the files of some authorities and clients. To be included by one file
 * of a test, which ends with RUN_WITH_FILES().
 */
#ifndef GATHERD_TESTS_UNIT_TRANSFER_TLS_STAGE_H
#define GATHERD_TESTS_UNIT_TRANSFER_TLS_STAGE_H

#include <curl/curl.h>

#include "http/route.h"
#include "tls_stage.h"

/* ---- The files of the tests ---- */

static char folder[] = "/tmp/gatherd-test-tls-XXXXXX";
static char ca_file[64], other_ca_file[64], client_file[64], client_key_file[64],
    stranger_file[64], junk_file[64];

static struct identity authority, other_authority, server_identity, client, stranger;

static inline void
name_file(char path[static 64], const char *name)
{
	snprintf(path, 64, "%s/%s", folder, name);
}

static inline void
write_key(const struct identity *identity, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
}

static inline int
set_up(UNUSED void **state)
{
	FILE *junk;

	assert_non_null(mkdtemp(folder));
	name_file(ca_file, "ca.pem");
	name_file(other_ca_file, "other-ca.pem");
	name_file(client_file, "client.pem");
	name_file(client_key_file, "client-key.pem");
	name_file(stranger_file, "stranger.pem");
	name_file(junk_file, "junk.pem");
	identity_make(&authority,
	    &(struct identity_form){ .name = "authority", .is_authority = true });
	identity_make(&other_authority,
	    &(struct identity_form){ .name = "other", .is_authority = true });
	identity_make(&server_identity,
	    &(struct identity_form){ .name = "Serv\xc3\xa9r",
	        .alternative = "IP:127.0.0.1,DNS:inner.test",
	        .issuer = &authority });
	identity_make(
	    &client, &(struct identity_form){ .name = "client", .issuer = &authority });
	identity_make(&stranger, &(struct identity_form){ .name = "stranger" });
	identity_write(&authority, ca_file, false);
	identity_write(&other_authority, other_ca_file, false);
	identity_write(&client, client_file, false);
	write_key(&client, client_key_file);
	identity_write(&stranger, stranger_file, true);
	junk = fopen(junk_file, "w");
	fputs("no certificate\n", junk);
	fclose(junk);
	return 0;
}

static inline int
tear_down(UNUSED void **state)
{
	unlink(ca_file);
	unlink(other_ca_file);
	unlink(client_file);
	unlink(client_key_file);
	unlink(stranger_file);
	unlink(junk_file);
	rmdir(folder);
	identity_clear(&authority);
	identity_clear(&other_authority);
	identity_clear(&server_identity);
	identity_clear(&client);
	identity_clear(&stranger);
	return 0;
}

/* ---- Stages ---- */

struct tls_stage {
	struct stage *stage;
	struct tls_server server;
	struct route route;
	struct seen seen;
};

static inline struct tls_stage *
new_tls_stage(const struct identity *identity)
{
	struct tls_stage *tls = xcalloc(1, sizeof(*tls));

	tls->stage = new_stage(send_answer, OK_JSON);
	tls_server_init(&tls->server, identity);
	route_init(&tls->route);
	tls->route.ca = xstrdup(ca_file);
	tls->stage->request.route = &tls->route;
	return tls;
}

static inline void
free_tls_stage(struct tls_stage *tls)
{
	forget(&tls->seen);
	free_stage(tls->stage);
	tls_server_stop(&tls->server);
	route_clear(&tls->route);
	free(tls);
}

/* The route has been changed: no handle has seen it. */
static inline void
renew(struct route *route)
{
	struct route other;

	route_init(&other);
	route->id = other.id;
}

/* Another way from now on. */
static inline void
reroute(struct tls_stage *tls)
{
	route_clear(&tls->route);
	route_init(&tls->route);
	tls->route.ca = xstrdup(ca_file);
}

static inline const struct response *
ask_tls(struct tls_stage *tls, const char *format)
{
	struct stage *stage = tls->stage;
	char text[128];
	const char *why;

	snprintf(text, sizeof(text), format, tls->server.port);
	url_clear(&stage->request.url);
	assert_true(url_parse(text, &stage->request.url, &why));
	ask(stage, &tls->seen);
	return &tls->seen.response;
}

static inline const struct response *
ask_home(struct tls_stage *tls)
{
	return ask_tls(tls, "https://127.0.0.1:%u/");
}

/* With the server's port for "%u". What stands behind it in parentheses are OpenSSL's words,
 * which are others from version to version. */
static inline void
expect_fault(const struct tls_stage *tls, const char *format)
{
	const struct response *response = &tls->seen.response;
	char message[512];

	snprintf(message, sizeof(message), format, tls->server.port);
	assert_int_equal(response->result, RESPONSE_TLS);
	assert_int_equal(response->phase, PHASE_TLS);
	message[strcspn(message, "(")] = '\0';
	assert_ptr_equal(strstr(response->message, message), response->message);
}

/* ---- Running ---- */

/* Skips them all where libcurl's TLS is not OpenSSL. */
#define RUN_WITH_FILES(tests) \
	(libcurl_has_openssl() ? cmocka_run_group_tests(tests, set_up, tear_down) : 77)

static inline bool
libcurl_has_openssl(void)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return tls != NULL && strncmp(tls, "OpenSSL/", 8) == 0;
}

#endif
