/*
 * http/trust, and what http/transfers does with it. The file of authorities that libcurl
 * was built to read is one of the test's own here: what opens it is linked before the C
 * library.
 */
#include "config.h"

#include "http/trust.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "transfers_stage.h"

#ifdef HAVE_OPENSSL

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define CONNECTIONS 20

/* ---- The file of authorities ---- */

static char *libcurls_file;
static char own_file[] = "/tmp/gatherd-test-trust-XXXXXX";
static atomic_uint opened;

static const char *
replaced(const char *path)
{
	return libcurls_file != NULL && strcmp(path, libcurls_file) == 0 ? own_file
	                                                                 : path;
}

FILE *
fopen(const char *path, const char *mode)
{
	const char *real = replaced(path);
	int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
	int fd = open(real, flags | O_CLOEXEC, 0600);

	if (real == own_file && mode[0] == 'r')
		opened++;
	return fd != -1 ? fdopen(fd, mode) : NULL;
}

FILE *
fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int
stat(const char *path, struct stat *state)
{
	return fstatat(AT_FDCWD, replaced(path), state, 0);
}

/* ---- Authorities, who sign for themselves ---- */

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

static void
extend(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
found(struct authority *authority, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	authority->key = EVP_EC_gen("P-256");
	authority->certificate = certificate;
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, authority->key);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
	extend(certificate, NID_subject_alt_name, "IP:127.0.0.1");
	assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
}

static void
dissolve(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
}

static struct authority good, other;

/* The file now holds AUTHORITY; NULL: nothing of use. */
static void
write_file(const struct authority *authority)
{
	static struct timespec times[2] = { { .tv_sec = 1000000000 } };
	FILE *file = fopen(own_file, "w");

	assert_non_null(file);
	if (authority != NULL)
		assert_int_equal(PEM_write_X509(file, authority->certificate), 1);
	else
		fputs("no certificate\n", file);
	fclose(file);
	/* Each time another one. */
	times[0].tv_sec++;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, own_file, times, 0), 0);
}

/* ---- A server with TLS, in a thread: it answers one request a connection ---- */

struct server {
	pthread_t thread;
	SSL_CTX *context;
	int fd;
	uint16_t port;
};

static void
attend_to(const struct server *server, int fd)
{
	SSL *tls = SSL_new(server->context);
	char request[4096];

	SSL_set_fd(tls, fd);
	if (SSL_accept(tls) == 1 && SSL_read(tls, request, sizeof(request)) > 0)
		SSL_write(tls, OK_JSON, (int)strlen(OK_JSON));
	SSL_free(tls);
	close(fd);
}

static void *
serve(void *arg)
{
	struct server *server = arg;
	int fd;

	for (;;) {
		fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			return NULL;
		attend_to(server, fd);
	}
}

static void
open_server(struct server *server, const struct authority *authority)
{
	server->fd = loopback_listen(CONNECTIONS, &server->port);
	server->context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server->context, authority->certificate);
	SSL_CTX_use_PrivateKey(server->context, authority->key);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void
close_server(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	SSL_CTX_free(server->context);
}

/* ---- Whom connections trust ---- */

/* Ask SERVER over a connection of its own. */
static enum response_result
ask_server(struct stage *stage, const struct server *server)
{
	struct seen seen = { 0 };
	enum response_result result;
	char url[64];
	const char *why;

	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server->port);
	url_clear(&stage->request.url);
	assert_true(url_parse(url, &stage->request.url, &why));
	stage->request.reuse = false;
	ask(stage, &seen);
	result = seen.response.result;
	forget(&seen);
	return result;
}

static void
test_the_file_is_read_once_for_all_connections(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct server server;

	write_file(&good);
	open_server(&server, &good);
	opened = 0;
	transfers_expect_tls(stage->transfers, NULL);
	assert_int_equal(opened, 1);
	for (int i = 0; i < CONNECTIONS; i++)
		assert_int_equal(ask_server(stage, &server), RESPONSE_COMPLETE);
	assert_int_equal(opened, 1);
	close_server(&server);
	free_stage(stage);
}

static void
test_who_is_not_in_the_file_is_not_trusted(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct server server;

	write_file(&other);
	open_server(&server, &good);
	assert_int_equal(ask_server(stage, &server), RESPONSE_TLS);
	close_server(&server);
	free_stage(stage);
}

static void
test_a_changed_file_is_read_again(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct server server;

	write_file(&other);
	open_server(&server, &good);
	opened = 0;
	transfers_expect_tls(stage->transfers, NULL);
	transfers_expect_tls(stage->transfers, NULL);
	assert_int_equal(opened, 1);
	assert_int_equal(ask_server(stage, &server), RESPONSE_TLS);

	write_file(&good);
	transfers_expect_tls(stage->transfers, NULL);
	assert_int_equal(opened, 2);
	assert_int_equal(ask_server(stage, &server), RESPONSE_COMPLETE);

	/* What is of no use changes nothing, */
	write_file(NULL);
	transfers_expect_tls(stage->transfers, NULL);
	assert_int_equal(ask_server(stage, &server), RESPONSE_COMPLETE);

	/* and who is gone is not trusted any more, with the next connection. */
	write_file(&other);
	transfers_expect_tls(stage->transfers, NULL);
	close_server(&server);
	open_server(&server, &good);
	assert_int_equal(ask_server(stage, &server), RESPONSE_TLS);
	close_server(&server);
	free_stage(stage);
}

static void
test_without_a_file_of_use_libcurl_reads_for_itself(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct server server;

	write_file(NULL);
	open_server(&server, &good);
	transfers_expect_tls(stage->transfers, NULL);
	assert_int_equal(ask_server(stage, &server), RESPONSE_TLS);
	write_file(&good);
	assert_int_equal(ask_server(stage, &server), RESPONSE_COMPLETE);
	close_server(&server);
	free_stage(stage);
}

/* Have a new handle use TRUST. */
static void
use(struct trust *trust)
{
	CURL *easy = curl_easy_init();

	assert_true(trust_use(trust, easy, NULL));
	curl_easy_cleanup(easy);
}

static void
test_who_is_not_expected_has_it_read_once(UNUSED void **state)
{
	struct trust *trust = trust_new();

	write_file(&good);
	opened = 0;
	use(trust);
	use(trust);
	assert_int_equal(opened, 1);
	trust_free(trust);
}

static void
test_what_is_of_no_use_is_tried_once_until_it_is_expected(UNUSED void **state)
{
	struct trust *trust = trust_new();

	write_file(NULL);
	opened = 0;
	use(trust);
	use(trust);
	assert_int_equal(opened, 1);
	write_file(&good);
	use(trust);
	assert_int_equal(opened, 1);
	trust_expect(trust, NULL);
	use(trust);
	assert_int_equal(opened, 2);
	trust_free(trust);
}

static void
test_there_may_be_no_trust(UNUSED void **state)
{
	trust_expect(NULL, NULL);
	use(NULL);
	trust_free(NULL);
	opened = 0;
	trust_free(trust_new());
	assert_int_equal(opened, 0);
}

/* ---- All of them ---- */

static int
set_up(UNUSED void **state)
{
	int fd = mkstemp(own_file);

	assert_int_not_equal(fd, -1);
	close(fd);
	found(&good, "good");
	found(&other, "other");
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	dissolve(&good);
	dissolve(&other);
	free(libcurls_file);
	unlink(own_file);
	return 0;
}

/* Where its TLS is not OpenSSL, or has no file, libcurl does everything itself. */
static bool
libcurl_has_file(void)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
	CURL *easy = curl_easy_init();
	const char *file = NULL;

	curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
	if (file != NULL && tls != NULL && strncmp(tls, "OpenSSL/", 8) == 0)
		libcurls_file = xstrdup(file);
	curl_easy_cleanup(easy);
	return libcurls_file != NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_file_is_read_once_for_all_connections),
		cmocka_unit_test(test_who_is_not_in_the_file_is_not_trusted),
		cmocka_unit_test(test_a_changed_file_is_read_again),
		cmocka_unit_test(test_without_a_file_of_use_libcurl_reads_for_itself),
		cmocka_unit_test(test_who_is_not_expected_has_it_read_once),
		cmocka_unit_test(
		    test_what_is_of_no_use_is_tried_once_until_it_is_expected),
		cmocka_unit_test(test_there_may_be_no_trust),
	};

	if (!libcurl_has_file())
		return 77; /* skipped */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else /* without OpenSSL */

int
main(void)
{
	return 77; /* skipped */
}

#endif
