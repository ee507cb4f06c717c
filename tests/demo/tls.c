/*
 * https for the demo, which wants a certificate of its clients: made anew at each start, for
 * a day.
 */
#include "config.h"

#include "answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"

#ifdef HAVE_EVENT_OPENSSL

#include <fcntl.h>
#include <unistd.h>

#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/xalloc.h"

#define LIFETIME_S 86400L

/* A certificate and its key; owned. */
struct identity {
	X509 *certificate;
	EVP_PKEY *key;
};

static void
identity_clear(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	*identity = (struct identity){ 0 };
}

/* ---- certificates (RFC 5280) ---- */

static bool
add_extension(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);
	bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return added;
}

static bool
fill_in(X509 *certificate, const char *name, long serial, EVP_PKEY *key)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -60) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), LIFETIME_S) != NULL &&
	    X509_set_pubkey(certificate, key) == 1 &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	        (const unsigned char *)name, -1, -1, 0) == 1;
}

/* Make IDENTITY, called NAME, with the extension ID of VALUE, signed by ISSUER or, NULL, by
 * itself. */
static bool
make_identity(struct identity *identity, const char *name, long serial, int id,
    const char *value, const struct identity *issuer)
{
	const struct identity *signer = issuer != NULL ? issuer : identity;

	identity->key = EVP_EC_gen("P-256");
	identity->certificate = X509_new();
	return identity->key != NULL && identity->certificate != NULL &&
	    fill_in(identity->certificate, name, serial, identity->key) &&
	    X509_set_issuer_name(identity->certificate,
	        X509_get_subject_name(signer->certificate)) == 1 &&
	    add_extension(identity->certificate, id, value) &&
	    X509_sign(identity->certificate, signer->key, EVP_sha256()) > 0;
}

/* ---- files ---- */

/* To be written by us alone: a key is in one of them. */
static FILE *
create(const char *folder, const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file = fd != -1 ? fdopen(fd, "w") : NULL;

	if (file == NULL)
		fprintf(stderr, "gatherd-demo: cannot write %s: %m\n", path);
	free(path);
	return file;
}

static bool
save_certificate(const char *folder, const char *name, X509 *certificate)
{
	FILE *file = create(folder, name);
	bool saved = file != NULL && PEM_write_X509(file, certificate) == 1;

	return file != NULL && fclose(file) == 0 && saved;
}

static bool
save_key(const char *folder, const char *name, EVP_PKEY *key)
{
	FILE *file = create(folder, name);
	bool saved = file != NULL &&
	    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;

	return file != NULL && fclose(file) == 0 && saved;
}

/* ---- connections ---- */

static struct bufferevent *
make_connection(struct event_base *base, void *arg)
{
	SSL *ssl = SSL_new(arg);

	if (ssl == NULL)
		return NULL;
	return bufferevent_openssl_socket_new(
	    base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

/* A context that shows SERVER, and asks for what AUTHORITY has signed. */
static SSL_CTX *
make_context(const struct identity *authority, const struct identity *server)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL)
		return NULL;
	SSL_CTX_set_verify(
	    context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (SSL_CTX_use_certificate(context, server->certificate) == 1 &&
	    SSL_CTX_use_PrivateKey(context, server->key) == 1 &&
	    X509_STORE_add_cert(
	        SSL_CTX_get_cert_store(context), authority->certificate) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

bool
tls_serve(struct evhttp *http, const char *folder)
{
	struct identity authority = { 0 };
	struct identity server = { 0 };
	struct identity client = { 0 };
	/* Kept for as long as the program runs. */
	static SSL_CTX *context;

	if (make_identity(&authority, "gatherd demo authority", 1,
	        NID_basic_constraints, "critical,CA:TRUE", NULL) &&
	    make_identity(&server, "gatherd demo server", 2, NID_subject_alt_name,
	        "IP:127.0.0.1,DNS:localhost", &authority) &&
	    make_identity(&client, "gatherd demo client", 3, NID_ext_key_usage,
	        "clientAuth", &authority) &&
	    save_certificate(folder, "ca.pem", authority.certificate) &&
	    save_certificate(folder, "client.pem", client.certificate) &&
	    save_key(folder, "client-key.pem", client.key))
		context = make_context(&authority, &server);
	identity_clear(&client);
	identity_clear(&server);
	identity_clear(&authority);
	if (context == NULL) {
		fprintf(stderr, "gatherd-demo: no certificates could be made\n");
		return false;
	}
	evhttp_set_bevcb(http, make_connection, context);
	return true;
}

#else

bool
tls_serve(UNUSED struct evhttp *http, UNUSED const char *folder)
{
	fprintf(stderr, "gatherd-demo: built without OpenSSL\n");
	return false;
}

#endif
