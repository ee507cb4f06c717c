#include "http/url.h"

#include <arpa/inet.h>
#include <locale.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/xalloc.h"

/* RFC 1035, 2.3.4, as the text of a name without its last dot. */
#define MAX_HOST_BYTES  253
#define MAX_LABEL_BYTES 63

#define ALPHA          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS         "0123456789"
#define BLANKS         " \t"
#define AUTHORITY_ENDS "/?#"

static bool
refuse(const char **why, const char *phrase)
{
	*why = phrase;
	return false;
}

/* What libcurl's URLCODE means to the author of a URL. */
static const char *
phrase_of(CURLUcode code)
{
	switch (code) {
	case CURLUE_BAD_PORT_NUMBER:
		return "the port is no number from 1 to 65535";
	case CURLUE_NO_HOST:
		return "no host";
	case CURLUE_BAD_HOSTNAME:
		return "not a valid host name";
	case CURLUE_BAD_IPV6:
		return "not a valid IPv6 address";
	case CURLUE_LACKS_IDN:
		return "this libcurl knows no international host names";
	default:
		return "malformed";
	}
}

/* A part of the URL as a copy of ours, or NULL where it has none or it cannot be had. */
static char *
get_part(CURLU *handle, CURLUPart part, unsigned flags)
{
	char *theirs = NULL;
	char *ours;

	if (curl_url_get(handle, part, &theirs, flags) != CURLUE_OK)
		return NULL;
	ours = xstrdup(theirs);
	curl_free(theirs);
	return ours;
}

/* The length of the scheme at TEXT (RFC 3986, 3.1) without its colon; 0: there is none. */
static size_t
scheme_len(const char *text)
{
	size_t len = strspn(text, ALPHA DIGITS "+-.");

	return strchr(ALPHA, text[0]) != NULL && text[len] == ':' ? len : 0;
}

static bool
check_characters(const char *text, const char **why)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == ' ')
			return refuse(why, "a blank in it");
		/* U+0080 to U+009F, here in UTF-8, are control characters too. */
		if ((unsigned char)*c < ' ' || *c == '\x7f' ||
		    (c[0] == '\xc2' && (unsigned char)(c[1] - '\x80') < 0x20))
			return refuse(why, "a control character in it");
	}
	return true;
}

/* libcurl lets much more pass: http:/host, http:///host, more than one "@". */
static bool
check_shape(const char *text, const char **why)
{
	size_t scheme = scheme_len(text);
	const char *at;
	size_t len;

	if (scheme == 0)
		return refuse(why, "it does not begin with http:// or https://");
	if ((scheme != 4 || strncasecmp(text, "http", 4) != 0) &&
	    (scheme != 5 || strncasecmp(text, "https", 5) != 0))
		return refuse(why, "its scheme is neither http nor https");
	text += scheme + 1;
	if (strncmp(text, "//", 2) != 0)
		return refuse(why, "no host");
	text += 2;
	len = strcspn(text, AUTHORITY_ENDS);
	at = memchr(text, '@', len);
	if (at == NULL)
		at = text;
	else if (memrchr(text, '@', len) != at)
		return refuse(why, "a second \"@\" before the host: write it as %40");
	else
		at++;
	if (at == text + len || *at == ':')
		return refuse(why, "no host");
	return true;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/*
 * PART with the host in ASCII, the caller's, or NULL. libidn2 reads what libcurl hands it
 * in the charset of the locale, and a daemon mostly runs in "C"; a URL is UTF-8 wherever
 * we run.
 */
static char *
get_punycode(CURLU *handle, CURLUPart part)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = (locale_t)0;
	char *text;

	if (utf8 != (locale_t)0)
		before = uselocale(utf8);
	text = get_part(handle, part, CURLU_PUNYCODE);
	if (utf8 != (locale_t)0) {
		uselocale(before);
		freelocale(utf8);
	}
	return text;
}

/*
 * Take the host to its last form: percent-decoded by libcurl, which does not look at it
 * again then ("%39" is an IPv4 address), and in ASCII. IDNA maps some characters to ASCII
 * ones, even to such as delimit a URL: U+2100 to "a/c", U+FF11 to "1". Hence the new host
 * is checked by libcurl, and then the whole URL parsed once more.
 */
static CURLUcode
settle_host(CURLU *handle)
{
	/* The whole URL first: libcurl 7.88.1 leaks where it is asked for the host and that
	 * cannot be converted. */
	char *whole = get_punycode(handle, CURLUPART_URL);
	char *host = whole != NULL ? get_punycode(handle, CURLUPART_HOST) : NULL;
	CURLUcode code = CURLUE_BAD_HOSTNAME;

	if (host != NULL)
		code = curl_url_set(handle, CURLUPART_HOST, host, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(handle, CURLUPART_URL, whole, 0);
	free(host);
	free(whole);
	return code;
}

static bool
is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 ||
	    inet_pton(AF_INET6, host, &address) == 1;
}

/* Could NAME be in the DNS or in a hosts file? A last dot and "_" are in use. */
static bool
is_host_name(const char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > MAX_HOST_BYTES)
		return false;
	for (const char *label = name; label < name + len;) {
		size_t label_len = strspn(label, ALPHA DIGITS "-_");

		if (label_len == 0 || label_len > MAX_LABEL_BYTES)
			return false;
		label += label_len;
		if (*label == '.')
			label++;
	}
	return name[len - 1] != '.';
}

/* Host and port into URL, the host of HANDLE in lower case. */
static bool
take_host(CURLU *handle, struct url *url, const char **why)
{
	char *port = get_part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	char *host = get_part(handle, CURLUPART_HOST, 0);
	bool bracketed = host != NULL && host[0] == '[';

	url->port = port != NULL ? (unsigned)strtoul(port, NULL, 10) : 0;
	free(port);
	url->host =
	    host != NULL && bracketed ? xmemdup0(host + 1, strlen(host) - 2) : host;
	if (bracketed)
		free(host);
	if (url->port == 0)
		return refuse(why, phrase_of(CURLUE_BAD_PORT_NUMBER));
	if (url->host == NULL)
		return refuse(why, phrase_of(CURLUE_NO_HOST));
	for (char *c = url->host; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	url->host_is_address = is_address(url->host);
	/* To set the host would lose the zone of an IPv6 address; that is lower case. */
	if (url->host_is_address)
		return true;
	if (!is_host_name(url->host) ||
	    curl_url_set(handle, CURLUPART_HOST, url->host, 0) != CURLUE_OK)
		return refuse(why, phrase_of(CURLUE_BAD_HOSTNAME));
	return true;
}

static bool
take_userinfo(CURLU *handle, struct url *url, const char **why)
{
	char *user = get_part(handle, CURLUPART_USER, 0);
	char *password = get_part(handle, CURLUPART_PASSWORD, 0);
	/* A bare "@" is no user. */
	bool has_user = user != NULL && (user[0] != '\0' || password != NULL);
	bool has_password = password != NULL;

	free(user);
	free(password);
	if (has_user)
		url->user = get_part(handle, CURLUPART_USER, CURLU_URLDECODE);
	if (has_password)
		url->password = get_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
	/* libcurl does not decode what would be a control character (RFC 7617, 2). */
	if ((has_user && url->user == NULL) || (has_password && url->password == NULL))
		return refuse(why, "a control character in the user or password");
	/* Basic authentication ends the user at the first colon (RFC 7617, 2). */
	if (has_user && strchr(url->user, ':') != NULL)
		return refuse(why, "a colon in the user");
	return true;
}

/* Is there a "?" in TEXT, and nothing behind it? Servers may tell that from none (RFC
 * 3986, 6.2.3); libcurl does not write it. */
static bool
has_empty_query(const char *text)
{
	size_t len = strcspn(text, "#");
	size_t path_len = strcspn(text, "?#");

	return path_len + 1 == len;
}

/* What is asked for: no userinfo, no fragment, no port that goes without saying. */
static bool
take_text(CURLU *handle, const char *text, struct url *url, const char **why)
{
	static const CURLUPart dropped[] = { CURLUPART_USER, CURLUPART_PASSWORD,
		CURLUPART_OPTIONS, CURLUPART_FRAGMENT };
	char *whole;

	for (size_t i = 0; i < ARRAY_COUNT(dropped); i++)
		curl_url_set(handle, dropped[i], NULL, 0);
	whole = get_part(handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
	if (whole == NULL)
		return refuse(why, phrase_of(CURLUE_MALFORMED_INPUT));
	url->text = has_empty_query(text) ? xasprintf("%s?", whole) : xstrdup(whole);
	free(whole);
	/* libcurl has written the scheme in lower case. */
	url->tls = strncmp(url->text, "https:", 6) == 0;
	return true;
}

static bool
parse_into(CURLU *handle, const char *text, struct url *url, const char **why)
{
	/* Bytes over 127 in path and query are percent-encoded (RFC 3987, 3.1). */
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, CURLU_URLENCODE);

	if (code == CURLUE_OK && (!is_ascii(text) || strchr(text, '%') != NULL))
		code = settle_host(handle);
	if (code != CURLUE_OK)
		return refuse(why, phrase_of(code));
	return take_host(handle, url, why) && take_userinfo(handle, url, why) &&
	    take_text(handle, text, url, why);
}

bool
url_parse(const char *text, struct url *url, const char **why)
{
	struct url parsed = { 0 };
	CURLU *handle;

	if (!check_characters(text, why) || !check_shape(text, why))
		return false;
	handle = curl_url();
	if (handle == NULL)
		return refuse(why, "out of memory");
	if (!parse_into(handle, text, &parsed, why)) {
		curl_url_cleanup(handle);
		url_clear(&parsed);
		return false;
	}
	curl_url_cleanup(handle);
	*url = parsed;
	return true;
}

/* The length of "https://host:port" in the text of a parsed URL, where a path follows. */
static size_t
origin_len(const struct url *url)
{
	size_t scheme = strlen(url->tls ? "https://" : "http://");

	return scheme + strcspn(url->text + scheme, AUTHORITY_ENDS);
}

/* How much of BASE's text stays before REFERENCE, which has no scheme (RFC 3986, 5.2.2);
 * dot segments are removed when the whole is parsed. */
static size_t
kept_len(const struct url *base, const char *reference)
{
	const char *path = base->text + origin_len(base);
	size_t path_len = strcspn(path, "?");
	const char *last_slash = memrchr(path, '/', path_len);

	if (strncmp(reference, "//", 2) == 0)
		return strlen(base->tls ? "https:" : "http:");
	switch (reference[0]) {
	case '\0':
	case '#':
		return strlen(base->text);
	case '/':
		return (size_t)(path - base->text);
	case '?':
		return (size_t)(path - base->text) + path_len;
	default:
		return last_slash != NULL ? (size_t)(last_slash + 1 - base->text)
		                          : strlen(base->text);
	}
}

/* A copy of TEXT without white space around it, and with that inside percent-encoded. */
static char *
tidy(const char *text)
{
	size_t len, out = 0;
	char *tidied;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	tidied = xmalloc(3 * len + 1);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ') {
			memcpy(tidied + out, "%20", 3);
			out += 3;
		} else {
			tidied[out++] = text[i];
		}
	}
	tidied[out] = '\0';
	return tidied;
}

bool
url_join(
    const struct url *base, const char *location, struct url *url, const char **why)
{
	char *reference = tidy(location);
	char *whole;
	bool joined;

	if (scheme_len(reference) > 0)
		whole = xstrdup(reference);
	else
		whole = xasprintf(
		    "%.*s%s", (int)kept_len(base, reference), base->text, reference);
	joined = url_parse(whole, url, why);
	free(whole);
	free(reference);
	return joined;
}

static char *
copy_text(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

void
url_copy(struct url *out, const struct url *from)
{
	*out = *from;
	out->text = copy_text(from->text);
	out->host = copy_text(from->host);
	out->user = copy_text(from->user);
	out->password = copy_text(from->password);
}

void
url_clear(struct url *url)
{
	free(url->text);
	free(url->host);
	free(url->user);
	free(url->password);
	*url = (struct url){ 0 };
}

bool
url_same_origin(const struct url *a, const struct url *b)
{
	size_t len = origin_len(a);

	/* The texts are normalised; and they, unlike `host`, have the zone of an address:
	 * fe80::1 is another machine on each link. */
	return len == origin_len(b) && memcmp(a->text, b->text, len) == 0;
}

/* The length of the template tag or ${...} at TEXT, 0 where none is: what stands in it
 * ("/", "?", "#") is no part of the URL's syntax. */
static size_t
tag_len(const char *text)
{
	const char *end = NULL;

	if (strncmp(text, "{{", 2) == 0)
		end = strstr(text + 2, "}}");
	else if (strncmp(text, "${", 2) == 0)
		end = strchr(text + 2, '}');
	if (end == NULL)
		return 0;
	return (size_t)(end - text) + (text[0] == '{' ? 2 : 1);
}

/* The first of the characters STOPS in TEXT outside of tags, or its end. */
static const char *
find_outside_tags(const char *text, const char *stops)
{
	while (*text != '\0') {
		size_t tag = tag_len(text);

		if (tag == 0 && strchr(stops, *text) != NULL)
			break;
		text += tag > 0 ? tag : 1;
	}
	return text;
}

/* The last "@" from TEXT up to END: outside of tags, or, where there is none, inside of
 * what may be one ("u:{{@host" needs no end). */
static const char *
find_last_at(const char *text, const char *end)
{
	const char *last = NULL;

	for (const char *at = find_outside_tags(text, "@"); at < end;
	     at = find_outside_tags(at + 1, "@"))
		last = at;
	return last != NULL ? last : memrchr(text, '@', (size_t)(end - text));
}

/* Where the authority of a URL begins; the slashes before it may be too few, too many or
 * the wrong ones, the scheme may be missing or a tag. */
static const char *
find_authority(const char *text)
{
	const char *stop;

	while (*text != '\0' && (unsigned char)*text <= ' ')
		text++;
	stop = find_outside_tags(text, "/\\?#@");
	if ((*stop != '/' && *stop != '\\') || (stop > text && stop[-1] != ':'))
		return text;
	return stop + strspn(stop, *stop == '/' ? "/" : "/\\");
}

/*
 * Is what stands between AUTHORITY and END, without an "@", more likely the first part of
 * "user:pass/word@host" than a host with its port? A port is digits and tags.
 */
static bool
looks_like_user(const char *authority, const char *end)
{
	const char *from = authority;
	const char *colon;
	const char *port;

	if (*authority == '[')
		from = authority + strcspn(authority, "]" AUTHORITY_ENDS);
	colon = find_outside_tags(from, ":");
	if (colon >= end)
		return false;
	port = colon + 1;
	while (port < end) {
		size_t tag = tag_len(port);

		if (tag == 0 && strchr(DIGITS, *port) == NULL)
			return true;
		port += tag > 0 ? tag : 1;
	}
	return port == colon + 1;
}

bool
url_find_userinfo(const char *text, size_t *start, size_t *len)
{
	const char *authority = find_authority(text);
	const char *end = find_outside_tags(authority, AUTHORITY_ENDS);
	const char *at = find_last_at(authority, end);

	/* A password with a bare "/", "?" or "#" makes no valid URL, but it is a password
	 * all the same, and the message about it must not show it. */
	if (at == NULL && looks_like_user(authority, end))
		at = find_last_at(authority, authority + strlen(authority));
	if (at == NULL)
		return false;
	*start = (size_t)(authority - text);
	*len = (size_t)(at - authority);
	return true;
}
