#include "config.h"

#include "http/trust.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#endif

#include "base/xalloc.h"
#include "http/request.h"

/*
 * libcurl keeps the certificates it has read for all connections of a multi handle, but
 * not where it also has a folder of them, as Debian's has: then it reads the whole file
 * for each connection. The file holds what is in the folder.
 */
static bool
use_file_alone(CURL *easy, const char *ca)
{
	const char *file = NULL, *folder = NULL;

	curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
	curl_easy_getinfo(easy, CURLINFO_CAPATH, &folder);
	if (ca != NULL || (file != NULL && access(file, R_OK) == 0))
		folder = NULL;
	/* A proxy's authorities are left to libcurl's own choice. */
	return curl_easy_setopt(easy, CURLOPT_CAINFO, ca != NULL ? ca : file) ==
	    CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_CAPATH, folder) == CURLE_OK;
}

#ifdef HAVE_OPENSSL

/* The authorities in one file. */
struct authorities {
	SLIST_ENTRY(authorities) in_list;
	char *file; /* owned; NULL: libcurl's own choice, not known yet, or none */
	struct stat state; /* of the file, before it was read */
	X509_STORE *store; /* owned; counts its references itself; NULL: nothing read */
};

SLIST_HEAD(authorities_list, authorities);

struct trust {
	bool tried; /* to read the system's, whatever came of that */
	struct authorities system;
	struct authorities_list own; /* owned: those of configs, past ones too */
};

/* Is it OpenSSL that libcurl would hand us a context of? */
static bool
libcurl_has_openssl(void)
{
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

	return tls != NULL && strncmp(tls, "OpenSSL/", strlen("OpenSSL/")) == 0;
}

static X509_STORE *
read_store(const char *file)
{
	X509_STORE *store = X509_STORE_new();

	if (store != NULL && X509_STORE_load_file(store, file) == 1) {
		/* As libcurl has it: an authority in the file is trusted even where it is
		 * not the root of its chain. */
		X509_STORE_set_flags(
		    store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
		return store;
	}
	X509_STORE_free(store);
	ERR_clear_error();
	return NULL;
}

/* The file of authorities that libcurl was built to read; NULL: none. The caller's. */
static char *
file_of_libcurl(void)
{
	const char *file = NULL;
	char *copy = NULL;
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return NULL;
	curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
	if (file != NULL)
		copy = xstrdup(file);
	curl_easy_cleanup(easy);
	return copy;
}

/* What is written anew is another file, or has another size or time. */
static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Read the file, if it has changed since it was read. Returns whether it could be, or did
 * not have to be. */
static bool
refresh(struct authorities *authorities)
{
	struct stat state;
	X509_STORE *store;

	/* To open a pipe could take for ever. */
	if (stat(authorities->file, &state) == -1 || !S_ISREG(state.st_mode))
		return false;
	if (authorities->store != NULL && is_same(&state, &authorities->state))
		return true;
	store = read_store(authorities->file);
	if (store == NULL)
		return false;
	X509_STORE_free(authorities->store);
	authorities->store = store;
	authorities->state = state;
	return true;
}

struct trust *
trust_new(void)
{
	struct trust *trust;

	if (!libcurl_has_openssl())
		return NULL;
	trust = xcalloc(1, sizeof(*trust));
	SLIST_INIT(&trust->own);
	return trust;
}

static void
expect_system(struct trust *trust)
{
	trust->tried = true;
	if (trust->system.file == NULL)
		trust->system.file = file_of_libcurl();
	/* Where there is nothing to be read, what was read before holds. */
	if (trust->system.file != NULL)
		(void)refresh(&trust->system);
}

static void
clear_authorities(struct authorities *authorities)
{
	X509_STORE_free(authorities->store);
	free(authorities->file);
}

void
trust_free(struct trust *trust)
{
	struct authorities *first;

	if (trust == NULL)
		return;
	while ((first = SLIST_FIRST(&trust->own)) != NULL) {
		SLIST_REMOVE_HEAD(&trust->own, in_list);
		clear_authorities(first);
		free(first);
	}
	clear_authorities(&trust->system);
	free(trust);
}

static struct authorities *
find_own(struct trust *trust, const char *file)
{
	struct authorities *authorities;

	authorities = SLIST_FIRST(&trust->own);
	for (; authorities != NULL; authorities = SLIST_NEXT(authorities, in_list)) {
		if (strcmp(authorities->file, file) == 0)
			return authorities;
	}
	authorities = xcalloc(1, sizeof(*authorities));
	authorities->file = xstrdup(file);
	SLIST_INSERT_HEAD(&trust->own, authorities, in_list);
	return authorities;
}

void
trust_expect(struct trust *trust, const char *ca)
{
	if (trust == NULL)
		return;
	if (ca == NULL)
		expect_system(trust);
	else
		(void)refresh(find_own(trust, ca));
}

bool
trust_use(struct trust *trust, CURL *easy, const char *ca)
{
	if (trust == NULL)
		return use_file_alone(easy, ca);
	if (!trust->tried)
		expect_system(trust);
	if (trust->system.store != NULL) {
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	} else if (ca == NULL) {
		return use_file_alone(easy, NULL);
	}
#if LIBCURL_VERSION_NUM >= 0x075700
	/* It would take our store for the one it reads itself, and keep that for a day. */
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	/*
	 * Our store takes the place of libcurl's own in trust_apply(). But a connection
	 * that was trusted by one file must not serve who trusts another, and a folder is
	 * compared though nothing is read of it at first.
	 */
	return curl_easy_setopt(easy, CURLOPT_CAPATH, ca) == CURLE_OK;
}

/* SSL_CTX_set_cert_cb(3): called as the server asks for the client's certificate. */
static int
on_certificate_wish(UNUSED SSL *tls, void *arg)
{
	struct trust_handshake *handshake = arg;

	handshake->wants_certificate = true;
	return 1;
}

CURLcode
trust_apply(struct trust *trust, void *context, const char *ca,
    struct trust_handshake *handshake)
{
	struct authorities *authorities =
	    ca != NULL ? find_own(trust, ca) : &trust->system;

	if (handshake != NULL)
		SSL_CTX_set_cert_cb(context, on_certificate_wish, handshake);
	/* What was read before is not what the user trusts by now. */
	if (ca != NULL && !refresh(authorities))
		return CURLE_SSL_CACERT_BADFILE;
	/* Takes a reference of its own. */
	if (authorities->store != NULL)
		SSL_CTX_set1_cert_store(context, authorities->store);
	return CURLE_OK;
}

bool
trust_sees_handshakes(const struct trust *trust)
{
	return trust != NULL;
}

/* ---- What came of a handshake ---- */

/* The wall time, in milliseconds, that TIME says; -1: none. */
static int64_t
time_of(const ASN1_TIME *time)
{
	struct tm parts = { 0 };

	if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
		return -1;
	return (int64_t)timegm(&parts) * 1000;
}

/* "C=US, O=Example, CN=example.com". The caller's. */
static char *
write_name(const X509_NAME *name)
{
	/* UTF-8 as it is; control characters and the like are escaped. */
	unsigned long flags =
	    (XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) & ~ASN1_STRFLGS_ESC_MSB;
	BIO *text = BIO_new(BIO_s_mem());
	char *data, *copy = NULL;
	long len;

	if (text == NULL)
		return NULL;
	if (X509_NAME_print_ex(text, name, 0, flags) >= 0) {
		len = BIO_get_mem_data(text, &data);
		copy = xmemdup0(len > 0 ? data : "", len > 0 ? (size_t)len : 0);
	}
	BIO_free(text);
	return copy;
}

void
trust_inspect(CURL *easy, struct response_tls *tls, bool named)
{
	struct curl_tlssessioninfo *info = NULL;
	const X509 *certificate;
	SSL *session;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
	    info == NULL || info->backend != CURLSSLBACKEND_OPENSSL ||
	    info->internals == NULL)
		return;
	session = info->internals;
	/* From here on it may outlive who listened. */
	SSL_set_cert_cb(session, NULL, NULL);
	tls->version = SSL_get_version(session);
	certificate = SSL_get0_peer_certificate(session);
	if (certificate == NULL)
		return;
	tls->expires_at_ms = time_of(X509_get0_notAfter(certificate));
	if (!named)
		return;
	tls->subject = write_name(X509_get_subject_name(certificate));
	tls->issuer = write_name(X509_get_issuer_name(certificate));
}

#else /* without OpenSSL */

struct trust *
trust_new(void)
{
	return NULL;
}

void
trust_expect(UNUSED struct trust *trust, UNUSED const char *ca)
{
}

void
trust_free(UNUSED struct trust *trust)
{
}

bool
trust_use(UNUSED struct trust *trust, CURL *easy, const char *ca)
{
	return use_file_alone(easy, ca);
}

CURLcode
trust_apply(UNUSED struct trust *trust, UNUSED void *context, UNUSED const char *ca,
    UNUSED struct trust_handshake *handshake)
{
	return CURLE_OK;
}

bool
trust_sees_handshakes(UNUSED const struct trust *trust)
{
	return false;
}

void
trust_inspect(UNUSED CURL *easy, UNUSED struct response_tls *tls, UNUSED bool named)
{
}

#endif
