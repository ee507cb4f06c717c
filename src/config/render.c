#include "config/render.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/shown.h"
#include "config/value.h"
#include "config/vars.h"
#include "http/url.h"
#include "template/template.h"

#define US_PER_MS 1000

/* ---- what templates are rendered over ---- */

struct root {
	const struct value *vars;
	const char *now;
};

static size_t
get_from_root(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct root *root = map->node;
	struct template_value vars;

	if (vars_is_now(path, len)) {
		*found = (struct template_value){
			.kind = TEMPLATE_TEXT,
			.plain = root->now,
		};
		return 3;
	}
	value_for_template(root->vars, &vars);
	return vars.data->get(&vars, path, len, found);
}

static const struct template_data root_data = { .get = get_from_root };

static struct template_value
root_value(const struct root *root)
{
	return (struct template_value){
		.kind = TEMPLATE_MAP,
		.node = root,
		.data = &root_data,
	};
}

/* The sentence for RESULT, which is not TEMPLATE_RENDERED. */
static char *
why_not_rendered(enum template_result result, const char *what, const char *name)
{
	if (name == NULL)
		name = "a name";
	switch (result) {
	case TEMPLATE_MISSING:
		return xasprintf("%s: %s is missing", what, name);
	case TEMPLATE_NOT_TEXT:
		return xasprintf("%s: %s is neither text nor a number", what, name);
	case TEMPLATE_TOO_LARGE:
	case TEMPLATE_RENDERED:
		break;
	}
	return xasprintf("%s: too large", what);
}

/* What becomes of reasons not to render. */
struct refusal {
	struct faults *faults; /* all are told here; NULL: */
	char *why;             /* ... the first is kept; the caller's */
};

/* WHY, which is taken over, is the reason not to render TEXT. */
static void
refuse(struct refusal *refusal, const struct text *text, char *why)
{
	if (refusal->faults == NULL && refusal->why == NULL) {
		refusal->why = why;
		return;
	}
	if (refusal->faults != NULL)
		faults_error(refusal->faults, text->place, "%s", why);
	free(why);
}

/* Render TEMPLATE into OUT, which is initialised here and to be cleared by the caller
 * either way. WHAT is what it is, for *WHY. */
static bool
render(const struct template *template, const struct root *root, const char *what,
    struct marked *out, struct secrets *carried, char **why)
{
	struct template_value value = root_value(root);
	const char *name = NULL;
	enum template_result result;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	result = template_render(template, &value, out, carried, &name);
	if (result != TEMPLATE_RENDERED)
		*why = why_not_rendered(result, what, name);
	return result == TEMPLATE_RENDERED;
}

/* ---- the URL ---- */

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
	/* Tokens are given as a user without a password. */
	if (password[0] == '\0')
		secrets_add(secrets, user, strlen(user));
}

/* How much of TEXT is scheme, userinfo, host and port; all of it where that cannot be
 * told. */
static size_t
authority_end(const char *text)
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
	size_t end = authority_end(text->text.data);
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

static bool
render_url(const struct target *target, const struct root *root,
    struct rendered_request *rendered, struct refusal *refusal)
{
	struct request *request = &rendered->request;
	struct marked url;
	const char *phrase;
	char *why = NULL;

	if (target->url_template == NULL)
		return false;
	if (!render(target->url_template, root, "url", &url, request->secrets, &why))
		goto out;
	/* A NUL can only come in from outside; it would hide what follows. */
	if (strlen(url.text.data) < url.text.len) {
		why = xstrdup("url is no absolute http(s) URL: a NUL in it");
		goto out;
	}
	if (!url_parse(url.text.data, &request->url, &phrase)) {
		why = xasprintf("url is no absolute http(s) URL: %s", phrase);
		goto out;
	}
	add_decoded_secrets(&url, request->secrets);
	add_userinfo_secrets(&request->url, request->secrets);
	add_host_secret(&url, &request->url, request->secrets);
	rendered->shown_url = show_url(&url);

out:
	marked_clear(&url);
	if (why != NULL)
		refuse(refusal, &target->url, why);
	return why == NULL;
}

/* ---- headers ---- */

/* "Bearer TOKEN": the token may come back alone. */
static void
add_authorization_secrets(const char *value, struct secrets *secrets)
{
	const char *rest = value + strcspn(value, " ");

	secrets_add(secrets, value, strlen(value));
	rest += strspn(rest, " ");
	if (*rest != '\0')
		secrets_add(secrets, rest, strlen(rest));
}

static void
add_cookie_secrets(const char *value, struct secrets *secrets)
{
	secrets_add(secrets, value, strlen(value));
	while (*value != '\0') {
		size_t len = strcspn(value, ";");
		const char *equals = memchr(value, '=', len);

		if (equals != NULL)
			secrets_add(
			    secrets, equals + 1, (size_t)(value + len - equals - 1));
		value += len;
		value += strspn(value, "; ");
	}
}

static bool
render_header(const struct config_pair *header, const struct root *root,
    struct request *request, struct refusal *refusal)
{
	char *what = xasprintf("header %s", header->name);
	bool secret = shown_is_secret_header(header->name);
	struct marked marked;
	const char *value;
	char *why = NULL;
	bool done;

	done = render(header->template, root, what, &marked, request->secrets, &why);
	if (done) {
		value = marked.text.data;
		request_add_header(
		    request, header->name, value, secret || marked_has_secret(&marked));
		if (secret && strcasecmp(header->name, "Cookie") == 0)
			add_cookie_secrets(value, request->secrets);
		else if (secret)
			add_authorization_secrets(value, request->secrets);
	} else {
		refuse(refusal, &header->text, why);
	}
	marked_clear(&marked);
	free(what);
	return done;
}

/* ---- the request ---- */

/* What reads the body in the end: the document, or the check that it is JSON. */
static bool
needs_body(const struct target *target)
{
	switch (target->format) {
	case FORMAT_AUTO:
	case FORMAT_JSON:
		return true;
	case FORMAT_TEXT:
		return target->data;
	case FORMAT_NONE:
		return false;
	}
	return true;
}

static bool
render_all(const struct target *target, const struct root *root,
    struct rendered_request *rendered, struct refusal *refusal)
{
	struct request *request = &rendered->request;
	bool done = render_url(target, root, rendered, refusal);

	for (size_t i = 0; i < target->headers.count; i++) {
		const struct config_pair *header = &target->headers.items[i];

		if (header->template == NULL ||
		    !render_header(header, root, request, refusal))
			done = false;
	}
	if (secrets_empty(request->secrets)) {
		secrets_free(request->secrets);
		request->secrets = NULL;
	}
	request->connect_timeout_us = target->connect_timeout_ms * US_PER_MS;
	request->max_body_bytes = target->max_body_bytes;
	request->max_redirects = (unsigned)target->redirects;
	request->reuse = target->reuse;
	request->keep_body = needs_body(target);
	return done;
}

static struct rendered_request *
render_at(const struct config *config, const struct target *target, int64_t wall_ms,
    struct refusal *refusal)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));
	char now[CLOCK_RFC3339_SIZE];
	struct root root = { .vars = config->vars, .now = now };

	clock_format_rfc3339(now, wall_ms);
	request_init(&rendered->request);
	rendered->request.secrets = secrets_new();
	if (render_all(target, &root, rendered, refusal))
		return rendered;
	rendered_request_free(rendered);
	return NULL;
}

struct rendered_request *
render_request(const struct config *config, const struct target *target,
    int64_t wall_ms, char **why)
{
	struct refusal refusal = { 0 };
	struct rendered_request *rendered =
	    render_at(config, target, wall_ms, &refusal);

	if (rendered == NULL)
		*why = refusal.why;
	return rendered;
}

struct rendered_request *
render_checked(
    const struct config *config, const struct target *target, struct faults *faults)
{
	struct refusal refusal = { .faults = faults };

	return render_at(config, target, 0, &refusal);
}

void
rendered_request_free(struct rendered_request *rendered)
{
	if (rendered == NULL)
		return;
	request_clear(&rendered->request);
	free(rendered->shown_url);
	free(rendered);
}

/* ---- where answers go ---- */

bool
render_authority_is_fixed(const struct config *config, const struct target *target)
{
	/* Two texts that no escaping makes alike. */
	struct root first = { .vars = config->vars, .now = "0" };
	struct root second = { .vars = config->vars, .now = "1" };
	struct marked a, b;
	char *why = NULL;
	bool fixed = true;

	/* What cannot be rendered is told when it is. */
	if (render(target->url_template, &first, "url", &a, NULL, &why)) {
		size_t len = authority_end(a.text.data);

		if (render(target->url_template, &second, "url", &b, NULL, &why))
			fixed = authority_end(b.text.data) == len &&
			    memcmp(a.text.data, b.text.data, len) == 0;
		marked_clear(&b);
	}
	marked_clear(&a);
	free(why);
	return fixed;
}
