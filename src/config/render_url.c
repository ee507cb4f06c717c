/*
 * The URL of a request: rendered, checked, shown.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "config/render_parts.h"
#include "http/url.h"

/* Append LEN bytes from START of FROM with their marks, or all marked secret. */
static void
append_range(struct marked *out, const struct marked *from, size_t start, size_t len,
    bool secret)
{
	size_t end = start + len;
	size_t at = 0;

	for (size_t i = 0; i < from->part_count; i++) {
		const char *text;
		size_t part_len, first, last;
		enum mark mark;

		marked_part(from, i, &text, &part_len, &mark);
		first = at < start ? start : at;
		last = at + part_len < end ? at + part_len : end;
		if (first < last)
			(void)marked_append(out, text + (first - at), last - first,
			    secret ? MARK_SECRET : mark);
		at += part_len;
	}
}

/* As it may be shown: secrets by their marks, and the userinfo wherever it is from. */
static char *
show_url(const struct marked *url)
{
	struct marked masked;
	size_t start, len;
	char *shown;

	if (!url_find_userinfo(url->text.data, &start, &len))
		return marked_shown(url);
	marked_init(&masked, url->text.len);
	append_range(&masked, url, 0, start, false);
	append_range(&masked, url, start, len, true);
	append_range(&masked, url, start + len, url->text.len - start - len, false);
	shown = marked_shown(&masked);
	marked_clear(&masked);
	return shown;
}

static void
add_userinfo_secrets(const struct url *url, struct secrets *secrets)
{
	const char *user = url->user != NULL ? url->user : "";
	const char *password = url->password != NULL ? url->password : "";

	if (url->user == NULL && url->password == NULL)
		return;
	secrets_add_basic(secrets, user, password);
	/* Tokens are given as a user without a password; and it is shown nowhere else. */
	secrets_add(secrets, user, strlen(user));
}

size_t
render_authority_end(const char *text)
{
	const char *host = strstr(text, "://");

	if (host == NULL)
		return strlen(text);
	host += strlen("://");
	return (size_t)(host - text) + strcspn(host, "/?#\\");
}

/* A secret in the host comes back in lower case, in our own words. */
static void
add_host_secret(
    const struct marked *text, const struct url *url, struct secrets *secrets)
{
	size_t end = render_authority_end(text->text.data);
	size_t at = 0;

	for (size_t i = 0; i < text->part_count && at < end; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(text, i, &part, &len, &mark);
		if (mark == MARK_SECRET)
			secrets_add(secrets, url->host, strlen(url->host));
		at += len;
	}
}

/* A secret may have come in as URLs want it; it may come back as it is. */
static void
add_decoded_secrets(const struct marked *url, struct secrets *secrets)
{
	struct buffer plain;

	buffer_init(&plain, BUFFER_UNLIMITED);
	for (size_t i = 0; i < url->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(url, i, &text, &len, &mark);
		if (mark != MARK_SECRET || memchr(text, '%', len) == NULL)
			continue;
		buffer_reset(&plain);
		for (size_t at = 0; at < len; at++) {
			int32_t byte = text[at] == '%'
			    ? units_read_hex(text + at + 1, text + len, 2)
			    : -1;

			if (byte == -1) {
				buffer_append_char(&plain, text[at]);
				continue;
			}
			buffer_append(&plain, (const char[]){ (char)byte }, 1);
			at += 2;
		}
		secrets_add(secrets, plain.data, plain.len);
	}
	buffer_clear(&plain);
}

char *
render_origin(const struct url *url)
{
	bool bracketed = strchr(url->host, ':') != NULL;

	return xasprintf(bracketed ? "%s://[%s]:%u" : "%s://%s:%u",
	    url->tls ? "https" : "http", url->host, url->port);
}

/* What came in while running does not say where to go, by whatever way it got there. */
static bool
has_moved(const struct target *target, const struct url *url)
{
	char *origin;
	bool moved;

	if (target->host == NULL)
		return false;
	origin = render_origin(url);
	moved = strcmp(origin, target->host) != 0;
	free(origin);
	return moved;
}

/* Is TEXT, of LEN bytes, "." or "..", percent-encoded or not? */
static bool
is_dots(const char *text, size_t len)
{
	size_t dots = 0;

	for (size_t i = 0; i < len; dots++) {
		if (text[i] == '.')
			i++;
		else if (len - i >= 3 && strncasecmp(text + i, "%2e", 3) == 0)
			i += 3;
		else
			return false;
	}
	return dots == 1 || dots == 2;
}

/* Did the author write all LEN bytes from START of TEXT? */
static bool
is_own(const struct marked *text, size_t start, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < text->part_count; i++) {
		const char *part;
		size_t part_len;
		enum mark mark;

		marked_part(text, i, &part, &part_len, &mark);
		if (mark != MARK_OWN && at < start + len && at + part_len > start)
			return false;
		at += part_len;
	}
	return true;
}

/* A segment of dots takes what stands before it out of the path (RFC 3986, 5.2.4). That is
 * for the author of the URL to do, not for what is put in: it would be another page. */
static bool
climbs(const struct marked *text)
{
	const char *url = text->text.data;
	size_t at = render_authority_end(url);

	while (url[at] == '/') {
		size_t len = strcspn(url + at + 1, "/?#");

		if (is_dots(url + at + 1, len) && !is_own(text, at + 1, len))
			return true;
		at += 1 + len;
	}
	return false;
}

/* Was a whole URL, scheme and all, put in as if it were a part of one? */
static bool
is_escaped_url(const char *text)
{
	return strncasecmp(text, "http%3A%2F%2F", strlen("http%3A%2F%2F")) == 0 ||
	    strncasecmp(text, "https%3A%2F%2F", strlen("https%3A%2F%2F")) == 0;
}

/* TEXT becomes URL. Returns what is wrong with it, the caller's, or NULL. */
static char *
parse(const struct target *target, const struct marked *text, struct url *url)
{
	const char *phrase;

	/* A NUL can only come in from outside; it would hide what follows. */
	if (strlen(text->text.data) < text->text.len)
		return xstrdup("url is no absolute http(s) URL: a NUL in it");
	if (!url_parse(text->text.data, url, &phrase))
		return xasprintf("url is no absolute http(s) URL: %s%s", phrase,
		    is_escaped_url(text->text.data)
		        ? " (what is put in by {{NAME}} is escaped, by {{{NAME}}} not)"
		        : "");
	if (has_moved(target, url))
		return xstrdup("url: scheme, host and port cannot come from {{now}} or "
		               "from services");
	if (climbs(text))
		return xstrdup(
		    "url: what is put in makes a \".\" or \"..\" of its path");
	return NULL;
}

bool
render_url(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	struct request *request = &rendering->rendered->request;
	struct marked url;
	char *why;

	if (!render_text(
	        rendering, target->url.template, "url", target->url.text.place, &url)) {
		marked_clear(&url);
		return false;
	}
	why = parse(target, &url, &request->url);
	if (why == NULL) {
		add_decoded_secrets(&url, request->secrets);
		add_userinfo_secrets(&request->url, request->secrets);
		add_host_secret(&url, &request->url, request->secrets);
		rendering->rendered->shown_url = show_url(&url);
	} else {
		render_refuse(rendering, target->url.text.place, why);
	}
	marked_clear(&url);
	return rendering->rendered->shown_url != NULL;
}

/* ---- where answers go ---- */

static bool
render_with_probe(const struct config *config, const struct target *target,
    const char *now, const struct template_value *probe, struct marked *out)
{
	struct render_root root = {
		.each = target->each,
		.vars = config->vars,
		.now = now,
		.probe = probe,
	};

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	return render_over(&root, target->url.template, out, NULL, NULL) ==
	    TEMPLATE_RENDERED;
}

bool
render_authority_is_fixed(const struct config *config, const struct target *target)
{
	/* Two texts that no escaping makes alike, and what opens no section. */
	static const struct template_value probes[] = {
		{ .kind = TEMPLATE_TEXT, .plain = "0" },
		{ .kind = TEMPLATE_TEXT, .plain = "1" },
		{ .kind = TEMPLATE_FALSE },
	};
	struct marked first, other;
	bool fixed = true;
	size_t len;

	/* What cannot be rendered is told when it is. */
	if (render_with_probe(config, target, "0", &probes[0], &first)) {
		len = render_authority_end(first.text.data);
		for (size_t i = 1; fixed && i < ARRAY_COUNT(probes); i++) {
			if (render_with_probe(
			        config, target, i == 1 ? "1" : "0", &probes[i], &other))
				fixed = render_authority_end(other.text.data) == len &&
				    memcmp(first.text.data, other.text.data, len) == 0;
			marked_clear(&other);
		}
	}
	marked_clear(&first);
	return fixed;
}
