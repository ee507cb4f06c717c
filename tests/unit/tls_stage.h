/*
 * What the tests of TLS stand on: identities made by the test, and a server in threads.
 */
#ifndef GATHERD_TESTS_TLS_STAGE_H
#define GATHERD_TESTS_TLS_STAGE_H

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "transfers_stage.h"

/* ---- Identities ---- */

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

/* How to make one; all zero: valid from an hour ago for an hour. */
struct identity_form {
	const char *name;              /* its common name */
	const char *alternative;       /* "DNS:a.test", "IP:127.0.0.1"; NULL: none */
	const struct identity *issuer; /* NULL: itself */
	bool is_authority;
	long begins_s, ends_s; /* from now; both 0: as said */
};

static inline void
identity_extend(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline void
identity_make(struct identity *identity, const struct identity_form *form)
{
	static long serial;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	const struct identity *issuer = form->issuer != NULL ? form->issuer : identity;
	bool usual = form->begins_s == 0 && form->ends_s == 0;

	identity->key = EVP_EC_gen("P-256");
	identity->certificate = certificate;
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(
	    X509_getm_notBefore(certificate), usual ? -3600 : form->begins_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), usual ? 3600 : form->ends_s);
	X509_set_pubkey(certificate, identity->key);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_UTF8, (const unsigned char *)form->name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
	if (form->is_authority)
		identity_extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (form->alternative != NULL)
		identity_extend(certificate, NID_subject_alt_name, form->alternative);
	assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
}

static inline void
identity_clear(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
	*identity = (struct identity){ 0 };
}

/* Write the certificate, and the key if WITH_KEY, to PATH. */
static inline void
identity_write(const struct identity *identity, const char *path, bool with_key)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
	if (with_key)
		assert_int_equal(PEM_write_PrivateKey(
		                     file, identity->key, NULL, NULL, 0, NULL, NULL),
		    1);
	fclose(file);
}

/* ---- A server, with a thread for each connection ---- */

#define TLS_MAX_PEERS 64

struct tls_server;

struct tls_peer {
	struct tls_server *server;
	pthread_t thread;
	int fd;
};

/* What a server does after the handshake. */
enum tls_parting {
	TLS_ANSWERS, /* and goes on to */
	TLS_ANSWERS_ONCE,
	TLS_LEAVES,
	TLS_LEAVES_ONCE_ASKED,
	TLS_RESETS,
	TLS_RESETS_ONCE_ASKED,
};

struct tls_server {
	pthread_t thread;
	SSL_CTX *context;
	int fd;
	uint16_t port;
	const char *answer;
	enum tls_parting parting;
	struct tls_peer peers[TLS_MAX_PEERS];
	atomic_uint accepted; /* connections */
	atomic_uint secured;  /* ... with a handshake that succeeded */

	pthread_mutex_t lock;
	char last[4096]; /* the last request */
	char name[256];  /* that the last handshake asked for; "": none */
	bool knows_peer; /* the client showed a certificate */
};

static inline void
tls_note(struct tls_server *server, SSL *tls, const char *request)
{
	const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);

	pthread_mutex_lock(&server->lock);
	snprintf(server->last, sizeof(server->last), "%s", request);
	snprintf(server->name, sizeof(server->name), "%s", name != NULL ? name : "");
	server->knows_peer = SSL_get0_peer_certificate(tls) != NULL;
	pthread_mutex_unlock(&server->lock);
}

/* As who closes it with the socket option SO_LINGER and no time (connect(2)). */
static inline void
tls_reset(int fd)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	connect(fd, &nobody, sizeof(nobody));
}

/* The server has read so many REQUESTS. Returns whether it goes on. */
static inline bool
tls_goes_on(const struct tls_server *server, int fd, int requests)
{
	switch (server->parting) {
	case TLS_ANSWERS:
		return true;
	case TLS_ANSWERS_ONCE:
		return requests == 0;
	case TLS_LEAVES:
		return false;
	case TLS_LEAVES_ONCE_ASKED:
		return requests == 0;
	case TLS_RESETS:
		tls_reset(fd);
		return false;
	case TLS_RESETS_ONCE_ASKED:
		if (requests > 0)
			tls_reset(fd);
		return requests == 0;
	}
	return false;
}

static inline void *
tls_attend(void *arg)
{
	struct tls_peer *peer = arg;
	struct tls_server *server = peer->server;
	SSL *tls = SSL_new(server->context);
	char request[4096];
	int requests = 0;
	int len;

	SSL_set_fd(tls, peer->fd);
	if (SSL_accept(tls) == 1)
		server->secured++;
	while (SSL_is_init_finished(tls) && tls_goes_on(server, peer->fd, requests) &&
	    (len = SSL_read(tls, request, sizeof(request) - 1)) > 0) {
		request[len] = '\0';
		tls_note(server, tls, request);
		requests++;
		if (server->parting == TLS_LEAVES_ONCE_ASKED ||
		    server->parting == TLS_RESETS_ONCE_ASKED)
			continue;
		SSL_write(tls, server->answer, (int)strlen(server->answer));
	}
	SSL_free(tls);
	shutdown(peer->fd, SHUT_RDWR);
	return NULL;
}

static inline void *
tls_serve(void *arg)
{
	struct tls_server *server = arg;

	for (;;) {
		struct tls_peer *peer = &server->peers[server->accepted];

		peer->server = server;
		peer->fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (peer->fd == -1)
			return NULL;
		server->accepted++;
		pthread_create(&peer->thread, NULL, tls_attend, peer);
	}
}

/* May be changed, in its context, until tls_server_run(). */
static inline void
tls_server_init(struct tls_server *server, const struct identity *identity)
{
	*server = (struct tls_server){ .answer = OK_JSON };
	pthread_mutex_init(&server->lock, NULL);
	server->fd = loopback_listen(TLS_MAX_PEERS, &server->port);
	server->context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(server->context, identity->certificate);
	SSL_CTX_use_PrivateKey(server->context, identity->key);
}

static inline void
tls_server_run(struct tls_server *server)
{
	assert_int_equal(pthread_create(&server->thread, NULL, tls_serve, server), 0);
}

static inline void
tls_server_stop(struct tls_server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->fd);
	for (unsigned i = 0; i < server->accepted; i++) {
		shutdown(server->peers[i].fd, SHUT_RDWR);
		pthread_join(server->peers[i].thread, NULL);
		close(server->peers[i].fd);
	}
	SSL_CTX_free(server->context);
	pthread_mutex_destroy(&server->lock);
}

#endif
