#include "config/shown.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/providers.h"
#include "config/templates.h"
#include "config/value.h"
#include "http/url.h"
#include "template/template.h"

static const char *const secret_headers[] = { "Authorization", "Cookie",
	"Proxy-Authorization" };

bool
shown_is_secret_header(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(secret_headers); i++) {
		if (strcasecmp(name, secret_headers[i]) == 0)
			return true;
	}
	return false;
}

/* ---- pieces ---- */

/* The length of the ${...} or {{...}} at TEXT, or 0 where none begins. */
static size_t
reference_len(const char *text)
{
	const char *end;

	if (strncmp(text, "${", 2) == 0) {
		end = strchr(text, '}');
		return end != NULL ? (size_t)(end + 1 - text) : 0;
	}
	if (strncmp(text, "{{", 2) != 0)
		return 0;
	end = strstr(text, text[2] == '{' ? "}}}" : "}}");
	return end != NULL ? (size_t)(end - text) + (text[2] == '{' ? 3 : 2) : 0;
}

/* The length of the text at TEXT, of LEN bytes, up to the next reference. "$$" is a
 * dollar sign and begins none. */
static size_t
literal_len(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && reference_len(text + i) == 0)
		i += strncmp(text + i, "$$", 2) == 0 ? 2 : 1;
	return i < len ? i : len;
}

/* A reference as it stands, but what stands in for a missing secret is one, too. */
static void
append_reference(struct buffer *out, const char *text, size_t len)
{
	const char *instead = memmem(text, len, ":-", 2);

	if (text[0] == '$' && instead != NULL)
		buffer_append_format(
		    out, "%.*s" MARKED_MASK "}", (int)(instead + 2 - text), text);
	else
		buffer_append(out, text, len);
}

/* How much at the start of the literal TEXT, of LEN bytes, is frame and may be shown.
 * MORE: a reference follows. */
typedef size_t frame_fn(const char *text, size_t len, bool more);

/* Append TEXT, of LEN bytes, with *** for what is literal in it and no frame. */
static void
append_masked(struct buffer *out, const char *text, size_t len, frame_fn *frame)
{
	size_t i = 0;

	while (i < len) {
		size_t literal = literal_len(text + i, len - i);
		size_t shown = frame(text + i, literal, i + literal < len);
		size_t reference;

		buffer_append(out, text + i, shown);
		if (shown < literal)
			buffer_append_string(out, MARKED_MASK);
		i += literal;
		if (i == len)
			break;
		reference = reference_len(text + i);
		append_reference(out, text + i, reference);
		i += reference;
	}
}

/* ---- headers ---- */

/* "Bearer " and "Token token=" before a reference. */
static size_t
authorization_frame(const char *text, size_t len, bool more)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyz"
	                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *end = text + len;
	const char *c = text + strspn(text, token);

	if (!more || c == text || c >= end || *c != ' ')
		return 0;
	c++;
	if (c < end) {
		const char *name = c;

		c += strspn(c, token);
		if (c == name || c >= end || *c != '=')
			return 0;
		c++;
		if (c < end && *c == '"')
			c++;
	}
	return c == end ? len : 0;
}

/* A cookie's name with its "=", where nothing else stands before the reference. */
static size_t
cookie_frame(const char *text, size_t len, bool more)
{
	const char *equals = memchr(text, '=', len);

	return more && equals != NULL && equals == text + len - 1 ? len : 0;
}

/* Cookies one by one: a literal one does not hide its neighbours. */
static void
append_masked_cookies(struct buffer *out, const char *source)
{
	while (*source != '\0') {
		size_t len = 0;

		while (source[len] != '\0' && source[len] != ';') {
			size_t reference = reference_len(source + len);

			len += reference > 0 ? reference : 1;
		}
		append_masked(out, source, len, cookie_frame);
		source += len;
		if (*source == ';') {
			size_t blanks = 1 + strspn(source + 1, " ");

			buffer_append(out, source, blanks);
			source += blanks;
		}
	}
}

char *
shown_header(const char *name, const char *source)
{
	struct buffer out;

	if (!shown_is_secret_header(name))
		return xstrdup(source);
	buffer_init(&out, BUFFER_UNLIMITED);
	if (strcasecmp(name, "Cookie") == 0)
		append_masked_cookies(&out, source);
	else
		append_masked(&out, source, strlen(source), authorization_frame);
	return buffer_take(&out);
}

/* ---- URLs ---- */

static size_t
no_frame(UNUSED const char *text, UNUSED size_t len, UNUSED bool more)
{
	return 0;
}

/* The length of the user in USERINFO: up to a colon that is not in a reference. */
static size_t
user_len(const char *userinfo, size_t len)
{
	size_t i = 0;

	while (i < len && userinfo[i] != ':') {
		size_t reference = reference_len(userinfo + i);

		i += reference > 0 ? reference : 1;
	}
	return i < len ? i : len;
}

char *
shown_secret(const char *source)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	append_masked(&out, source, strlen(source), no_frame);
	return buffer_take(&out);
}

static bool
has_literal(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i += reference_len(text + i)) {
		if (reference_len(text + i) == 0)
			return true;
	}
	return false;
}

static void
append_masked_userinfo(struct buffer *out, const char *userinfo, size_t len)
{
	size_t user = user_len(userinfo, len);
	const char *password = userinfo + user + 1;
	size_t password_len = user < len ? len - user - 1 : 0;

	if (password_len > 0 && !has_literal(password, password_len)) {
		buffer_append(out, userinfo, user + 1);
		append_masked(out, password, password_len, no_frame);
	} else if (!has_literal(userinfo, user) && password_len == 0) {
		append_masked(out, userinfo, user, no_frame);
		buffer_append(out, userinfo + user, len - user);
	} else {
		buffer_append_string(out, MARKED_MASK);
	}
}

char *
shown_url(const char *source)
{
	struct buffer out;
	size_t start, len;

	if (!url_find_userinfo(source, &start, &len) || len == 0)
		return xstrdup(source);
	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append(&out, source, start);
	append_masked_userinfo(&out, source + start, len);
	buffer_append_string(&out, source + start + len);
	return buffer_take(&out);
}

/* ---- variables ---- */

/* Where a template names a variable. */
enum use {
	USE_AUTHORITY, /* before a URL's path: a userinfo may be in the value */
	USE_SECRET,    /* all of the value is in what is secret */
};

struct used_var {
	const char *name; /* borrowed: a path that begins with the name */
	size_t len;
	enum use use;
};

struct shown_vars {
	struct used_var *items; /* owned; sorted by name, the most secret use first */
	size_t count;
};

/* One template that is looked through. */
struct look {
	struct shown_vars *vars;
	size_t secret_start, secret_end; /* names in between are USE_SECRET */
	size_t authority_end;            /* others before are USE_AUTHORITY */
};

static void
note_name(const struct template_name *name, void *arg)
{
	struct look *look = arg;
	struct shown_vars *vars = look->vars;
	bool secret =
	    name->offset >= look->secret_start && name->offset < look->secret_end;

	if (!secret && name->offset >= look->authority_end)
		return;
	vars->items = xgrow(vars->items, vars->count, sizeof(*vars->items));
	vars->items[vars->count++] = (struct used_var){
		.name = name->path,
		.len = strcspn(name->path, "."),
		.use = secret ? USE_SECRET : USE_AUTHORITY,
	};
}

/* How much of the URL TEXT is scheme, userinfo, host and port. */
static size_t
authority_end(const char *text)
{
	const char *host = strstr(text, "://");
	size_t i = host != NULL ? (size_t)(host - text) + strlen("://") : 0;

	while (text[i] != '\0' && strchr("/?#\\", text[i]) == NULL) {
		size_t reference = reference_len(text + i);

		i += reference > 0 ? reference : 1;
	}
	return i;
}

/* Of a URL its userinfo, and all up to its path. */
static void
note_url(
    struct shown_vars *vars, const struct text *text, const struct template *template)
{
	const char *url = text->value.text.data;
	struct look look = { .vars = vars, .authority_end = authority_end(url) };
	size_t len;

	if (url_find_userinfo(url, &look.secret_start, &len))
		look.secret_end = look.secret_start + len;
	template_each_name(template, note_name, &look);
}

static void
note_secret(struct shown_vars *vars, const struct template *template)
{
	struct look look = { .vars = vars, .secret_end = SIZE_MAX };

	template_each_name(template, note_name, &look);
}

static void
note_template(const struct target_template *one, void *arg)
{
	if (*one->template == NULL)
		return;
	if (one->place == TEMPLATE_URL)
		note_url(arg, one->text, *one->template);
	else if (one->secret)
		note_secret(arg, *one->template);
}

static void
note_provider(struct shown_vars *vars, const struct provider *provider)
{
	const char *key_header = provider_key_header(provider);

	if (provider->base_url.template != NULL)
		note_url(vars, &provider->base_url.text, provider->base_url.template);
	for (size_t i = 0; i < provider->headers.count; i++) {
		const struct config_pair *header = &provider->headers.items[i];

		if (header->template != NULL &&
		    (shown_is_secret_header(header->name) ||
		        strcasecmp(header->name, key_header) == 0))
			note_secret(vars, header->template);
	}
}

static int
compare_names(const struct used_var *a, const struct used_var *b)
{
	int order = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int
compare_vars(const void *left, const void *right)
{
	const struct used_var *a = left;
	const struct used_var *b = right;
	int order = compare_names(a, b);

	return order != 0 ? order : (int)b->use - (int)a->use;
}

/* Leave the first, most secret one of each name. */
static void
drop_repeated(struct shown_vars *vars)
{
	size_t left = 0;

	for (size_t i = 0; i < vars->count; i++) {
		if (left == 0 ||
		    compare_names(&vars->items[left - 1], &vars->items[i]) != 0)
			vars->items[left++] = vars->items[i];
	}
	vars->count = left;
}

struct shown_vars *
shown_vars_new(const struct config *config)
{
	struct shown_vars *vars = xcalloc(1, sizeof(*vars));

	for (size_t i = 0; i < config->target_count; i++)
		templates_each(config->targets[i], note_template, vars);
	for (size_t i = 0; i < config->disabled_count; i++)
		templates_each(config->disabled[i], note_template, vars);
	for (size_t i = 0; i < config->provider_count; i++)
		note_provider(vars, config->providers[i]);
	if (vars->count > 0)
		qsort(vars->items, vars->count, sizeof(*vars->items), compare_vars);
	drop_repeated(vars);
	return vars;
}

void
shown_vars_free(struct shown_vars *vars)
{
	if (vars == NULL)
		return;
	free(vars->items);
	free(vars);
}

static int
compare_to_name(const void *key, const void *item)
{
	return compare_names(key, item);
}

bool
shown_is_secret_var(
    const struct shown_vars *vars, const char *name, const struct value *value)
{
	struct used_var wanted = { .name = name, .len = strlen(name) };
	const struct used_var *used = NULL;

	if (vars->count > 0)
		used = bsearch(
		    &wanted, vars->items, vars->count, sizeof(wanted), compare_to_name);
	if (used == NULL)
		return false;
	/* What holds a whole URL is masked as one. */
	return used->use == USE_SECRET ||
	    (value->kind == VALUE_STRING && strchr(value->text.source, '@') != NULL &&
	        strstr(value->text.source, "://") == NULL);
}
