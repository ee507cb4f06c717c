#include "config.h"

#include "http/trust.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#endif

#include "base/xalloc.h"

/*
 * libcurl keeps the certificates it has read for all connections of a multi handle, but
 * not where it also has a folder of them, as Debian's has: then it reads the whole file
 * for each connection. The file holds what is in the folder.
 */
static void
use_file_alone(CURL *easy)
{
	const char *file = NULL;

	curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
	if (file != NULL && access(file, R_OK) == 0)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

#ifdef HAVE_OPENSSL

struct trust {
	bool tried;        /* to read it, whatever came of that */
	char *file;        /* owned; NULL: not known, or none */
	struct stat state; /* of the file, before it was read */
	X509_STORE *store; /* owned; counts its references itself; NULL: nothing read */
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

struct trust *
trust_new(void)
{
	return libcurl_has_openssl() ? xcalloc(1, sizeof(struct trust)) : NULL;
}

void
trust_expect(struct trust *trust)
{
	struct stat state;
	X509_STORE *store;

	if (trust == NULL)
		return;
	trust->tried = true;
	if (trust->file == NULL)
		trust->file = file_of_libcurl();
	if (trust->file == NULL || stat(trust->file, &state) == -1 ||
	    is_same(&state, &trust->state))
		return;
	store = read_store(trust->file);
	if (store == NULL)
		return;
	X509_STORE_free(trust->store);
	trust->store = store;
	trust->state = state;
}

void
trust_free(struct trust *trust)
{
	if (trust == NULL)
		return;
	X509_STORE_free(trust->store);
	free(trust->file);
	free(trust);
}

/* The CURLOPT_SSL_CTX_FUNCTION. */
static CURLcode
on_context(UNUSED CURL *easy, void *context, void *arg)
{
	const struct trust *trust = arg;

	/* Takes a reference of its own. */
	SSL_CTX_set1_cert_store(context, trust->store);
	return CURLE_OK;
}

void
trust_use(struct trust *trust, CURL *easy)
{
	if (trust != NULL && !trust->tried)
		trust_expect(trust);
	if (trust == NULL || trust->store == NULL) {
		use_file_alone(easy);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* It would take our store for the one it reads itself, and keep that for a day. */
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
}

#else /* without OpenSSL */

struct trust *
trust_new(void)
{
	return NULL;
}

void
trust_expect(UNUSED struct trust *trust)
{
}

void
trust_free(UNUSED struct trust *trust)
{
}

void
trust_use(UNUSED struct trust *trust, CURL *easy)
{
	use_file_alone(easy);
}

#endif
