#include "http/sending.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "http/connection.h"
#include "http/destination.h"
#include "http/transfers.h"

void
sending_init(struct sending *sending, CURL *easy)
{
	*sending = (struct sending){ .is_get = true };
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
}

void
sending_clear(struct sending *sending)
{
	curl_slist_free_all(sending->headers);
	*sending = (struct sending){ 0 };
}

const char *
sending_method(const struct hop *hop)
{
	return hop->method != NULL ? hop->method : request_method(hop->request);
}

/* ---- Method and body ---- */

static bool
has_body(const struct hop *hop)
{
	return hop->with_body && hop->request->body != NULL;
}

bool
sending_breaks_off(const struct hop *hop)
{
	return has_body(hop) && strcmp(sending_method(hop), "HEAD") == 0;
}

static void
set_get(CURL *easy)
{
	/* Of a former transfer a body would be sent, and a method. */
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
}

static bool
set_method(struct sending *sending, CURL *easy, const struct hop *hop)
{
	const char *method = sending_method(hop);
	bool is_get = strcmp(method, "GET") == 0 && !has_body(hop);

	if (is_get && sending->is_get)
		return true;
	set_get(easy);
	sending->is_get = is_get;
	if (is_get)
		return true;
	if (has_body(hop)) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)hop->request->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, hop->request->body);
	} else if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

/* ---- Headers ---- */

/* Does the header tell of the body (RFC 9110, 8)? */
static bool
describes_body(const char *name)
{
	return strncasecmp(name, "Content-", strlen("Content-")) == 0 ||
	    strcasecmp(name, "Transfer-Encoding") == 0 ||
	    strcasecmp(name, "Expect") == 0;
}

/* Away from its origin a request carries no secret, and no Host that names another. */
static bool
is_sent(const struct request_header *header, const struct hop *hop)
{
	if (!hop->with_body && describes_body(header->name))
		return false;
	return hop->with_secrets ||
	    (!header->secret && strcasecmp(header->name, "Host") != 0);
}

static bool
names_header(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

/* LINE is taken over. */
static bool
append_line(struct curl_slist **list, char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	free(line);
	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* What libcurl would put there, if it were asked by the URL as it is written. */
static char *
host_line(const struct url *url)
{
	char place[DESTINATION_PLACE_SIZE];
	unsigned usual_port = url->tls ? 443 : 80;
	const char *format = strchr(url->host, ':') != NULL ? "Host: [%s]" : "Host: %s";

	if (url->port == usual_port)
		return xasprintf(format, url->host);
	destination_write(place, url->host, url->port);
	return xasprintf("Host: %s", place);
}

static bool
append_headers(struct curl_slist **list, const struct hop *hop)
{
	const struct request *request = hop->request;

	for (size_t i = 0; i < request->header_count; i++) {
		const struct request_header *header = &request->headers[i];

		if (!is_sent(header, hop))
			continue;
		/* "Name:" would mean to leave out libcurl's own, blanks behind it or not. */
		if (!append_line(list,
		        header->value[strspn(header->value, " \t")] != '\0'
		            ? xasprintf("%s: %s", header->name, header->value)
		            : xasprintf("%s;", header->name)))
			return false;
	}
	if (connection_renames(hop) && !names_header(request, "Host") &&
	    !append_line(list, host_line(hop->url)))
		return false;
	/* Servers that do not know of it would cost the second that libcurl waits for a
	 * "100 Continue". */
	return !has_body(hop) || names_header(request, "Expect") ||
	    append_line(list, xstrdup("Expect:"));
}

static bool
set_headers(struct sending *sending, CURL *easy, const struct hop *hop)
{
	bool had_headers = sending->headers != NULL;
	bool whole;

	curl_slist_free_all(sending->headers);
	sending->headers = NULL;
	whole = append_headers(&sending->headers, hop);
	if (had_headers || sending->headers != NULL)
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sending->headers);
	return whole;
}

/* ---- User and password ---- */

static enum request_auth
auth_of(const struct hop *hop)
{
	return hop->with_secrets && hop->request->auth == AUTH_DIGEST ? AUTH_DIGEST
	                                                              : AUTH_NONE;
}

/* The request's own: what a Location brings is the server's wish, not the user's. */
static bool
set_credentials(struct sending *sending, CURL *easy, const struct hop *hop)
{
	const struct request *request = hop->request;
	bool explicit = request->auth != AUTH_NONE;
	const char *user = explicit ? request->user : request->url.user;
	const char *password = explicit ? request->password : request->url.password;
	bool wanted = hop->with_secrets && (user != NULL || password != NULL);
	enum request_auth auth = auth_of(hop);

	if (sending->auth != auth)
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH,
		    (long)(auth == AUTH_DIGEST ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
	sending->auth = auth;
	if (!wanted && !sending->has_credentials)
		return true;
	sending->has_credentials = wanted;
	if (!wanted)
		user = password = NULL;
	else if (user == NULL)
		user = "";
	else if (password == NULL)
		password = "";
	return curl_easy_setopt(easy, CURLOPT_USERNAME, user) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_PASSWORD, password) == CURLE_OK;
}

/* ---- All of it ---- */

static bool
set_url(CURL *easy, const struct hop *hop)
{
	char *renamed = connection_renamed_url(hop);
	bool set = curl_easy_setopt(easy, CURLOPT_URL,
	               renamed != NULL ? renamed : hop->url->text) == CURLE_OK;

	free(renamed);
	return set;
}

bool
sending_apply(struct sending *sending, CURL *easy, const struct hop *hop)
{
	return set_url(easy, hop) && set_method(sending, easy, hop) &&
	    set_headers(sending, easy, hop) && set_credentials(sending, easy, hop);
}

bool
sending_withdraw(struct sending *sending, CURL *easy)
{
	/* The body is not ours, and goes. */
	if (!sending->is_get)
		set_get(easy);
	sending->is_get = true;
	/* libcurl goes on with the nonce of a former server, whatever is asked next; only
	 * curl_easy_reset(3), which forgets all else, too, makes it forget that. */
	return sending->auth != AUTH_DIGEST;
}
