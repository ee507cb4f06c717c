#include "config/providers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/render.h"
#include "config/routes.h"
#include "config/shown.h"
#include "config/vars.h"
#include "http/request.h"
#include "http/route.h"
#include "http/url.h"
#include "template/template.h"

/* Not for the eyes of other machines: machine-id(5). It is 33 bytes long. */
#define MACHINE_ID           "/etc/machine-id"
#define MACHINE_ID_MAX_BYTES 128

struct provider *
provider_new(const char *name, struct place place)
{
	struct provider *provider = xcalloc(1, sizeof(*provider));

	provider->name = xstrdup(name);
	provider->place = place;
	keyed_init(&provider_keys, provider);
	return provider;
}

/* What the keys come to. */
static void
empty(struct provider *provider)
{
	url_clear(&provider->url);
	free(provider->shown_url);
	provider->shown_url = NULL;
	free(provider->host);
	provider->host = NULL;
	for (size_t i = 0; i < provider->sent_count; i++) {
		free(provider->sent[i].name);
		free(provider->sent[i].value);
		free(provider->sent[i].shown);
	}
	free(provider->sent);
	provider->sent = NULL;
	provider->sent_count = 0;
	secrets_free(provider->secrets);
	provider->secrets = NULL;
	free(provider->hash_key);
	provider->hash_key = NULL;
}

void
provider_free(struct provider *provider)
{
	if (provider == NULL)
		return;
	empty(provider);
	route_clear(&provider->way.route);
	keyed_clear(&provider_keys, provider);
	free(provider->name);
	free(provider);
}

/* A provider whose keys are looked at. */
struct fill {
	struct provider *provider;
	const struct config *config;
	struct faults *faults;
};

static bool
is_said(const struct text *text)
{
	return text->value.text.len > 0;
}

const char *
provider_key_header(const struct provider *provider)
{
	if (is_said(&provider->key_header))
		return provider->key_header.value.text.data;
	return api_facts[provider->api].key_header;
}

/* ---- templates ---- */

/* PATH, in the template of WHAT, is to blame for RESULT. */
static void
tell_name(struct fill *fill, struct place place, const char *what,
    enum template_result result, const char *path)
{
	const struct value *vars = fill->config->vars;
	struct template_value value;
	char *hint = NULL;

	if (path == NULL)
		path = "a name";
	/* That was told where it stands. */
	if (vars_is_broken(NULL, vars, path))
		return;
	if (result == TEMPLATE_TOO_LARGE)
		faults_error(fill->faults, place, "%s: too large", what);
	else if (result == TEMPLATE_NOT_TEXT)
		faults_error(fill->faults, place, "%s: %s is neither text nor a number",
		    what, path);
	else if (dependencies_is_state(path) || vars_is_now(path, strlen(path)))
		faults_error(fill->faults, place, "%s: %s: only vars can stand here",
		    what, path);
	else if (vars_find(NULL, vars, path, &value, &hint))
		faults_error(fill->faults, place, "%s: %s is null", what, path);
	else
		faults_error(
		    fill->faults, place, "%s: unknown name %s%s", what, path, hint);
	free(hint);
}

/* Render TEMPLATE, of TEXT, over the vars into OUT, which is initialised here and to be
 * cleared either way. */
static bool
render(struct fill *fill, const struct text *text, struct template **template,
    enum template_place place, const char *what, struct marked *out)
{
	const struct vars_both both = { .vars = fill->config->vars };
	struct template_value root;
	struct template_fault fault;
	enum template_result result;
	const char *path = NULL;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	template_free(*template);
	*template = template_compile(&text->value, place, &fault);
	if (*template == NULL) {
		faults_error(fill->faults, text->place, "%s: %s", what, fault.message);
		return false;
	}
	vars_for_template(&both, &root);
	result = template_render(*template, &root, out, fill->provider->secrets, &path);
	if (result != TEMPLATE_RENDERED)
		tell_name(fill, text->place, what, result, path);
	return result == TEMPLATE_RENDERED;
}

/* ---- where it is ---- */

/* What cannot stand in front of the path that leads to a model; NULL: nothing. */
static const char *
why_no_base(const char *text, const struct url *url)
{
	if (strpbrk(text, "?#") != NULL)
		return "a query or fragment in it: the path of the request follows it";
	if (url->user == NULL && url->password == NULL)
		return NULL;
	return "a user in it: that is what key and key_header are for";
}

static void
drop_last_slashes(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
}

static bool
parse_url(struct fill *fill, const struct marked *text, struct url *url)
{
	struct place place = fill->provider->base_url.text.place;
	const char *why = "a NUL in it";

	if (strlen(text->text.data) < text->text.len ||
	    !url_parse(text->text.data, url, &why)) {
		faults_error(fill->faults, place,
		    "base_url is no absolute http(s) URL: %s", why);
		return false;
	}
	why = why_no_base(text->text.data, url);
	if (why == NULL)
		return true;
	faults_error(fill->faults, place, "base_url: %s", why);
	url_clear(url);
	return false;
}

/* URL, which is taken over; SHOWN likewise. */
static void
set_url(struct provider *provider, const struct url *url, char *shown)
{
	provider->url = *url;
	provider->shown_url = shown;
	drop_last_slashes(provider->url.text);
	drop_last_slashes(provider->shown_url);
	provider->host = render_origin(url);
	provider->asks_tls = url->tls;
}

static void
fill_own_url(struct fill *fill)
{
	struct provider *provider = fill->provider;
	struct templated *base = &provider->base_url;
	struct marked text;
	struct url url;

	if (render(
	        fill, &base->text, &base->template, TEMPLATE_URL, "base_url", &text) &&
	    parse_url(fill, &text, &url)) {
		set_url(provider, &url, marked_shown(&text));
		if (marked_has_secret(&text))
			secrets_add(provider->secrets, url.host, strlen(url.host));
	}
	marked_clear(&text);
}

static void
fill_url(struct fill *fill)
{
	struct provider *provider = fill->provider;
	const char *vendor = api_facts[provider->api].base_url;
	const char *why;
	struct url url;

	if (provider->base_url.text.place.line > 0)
		fill_own_url(fill);
	else if (url_parse(vendor, &url, &why))
		set_url(provider, &url, xstrdup(vendor));
}

/* ---- headers ---- */

/* VALUE and SHOWN are taken over. */
static void
add_sent(
    struct provider *provider, const char *name, char *value, char *shown, bool secret)
{
	provider->sent =
	    xgrow(provider->sent, provider->sent_count, sizeof(*provider->sent));
	provider->sent[provider->sent_count++] = (struct provider_header){
		.name = xstrdup(name),
		.value = value,
		.shown = shown,
		.secret = secret,
	};
}

bool
provider_sends(const struct provider *provider, const char *name)
{
	for (size_t i = 0; i < provider->sent_count; i++) {
		if (strcasecmp(provider->sent[i].name, name) == 0)
			return true;
	}
	return false;
}

/* As it may come back: all of VALUE, and what is behind "Bearer ". */
static void
add_secret_value(struct secrets *secrets, const char *value)
{
	const char *rest = value + strcspn(value, " ");

	secrets_add(secrets, value, strlen(value));
	rest += strspn(rest, " ");
	secrets_add(secrets, rest, strlen(rest));
}

static void
fill_header(struct fill *fill, struct config_pair *header)
{
	struct provider *provider = fill->provider;
	bool secret = shown_is_secret_header(header->name) ||
	    strcasecmp(header->name, provider_key_header(provider)) == 0;
	char *what = xasprintf("headers: %s", header->name);
	struct marked value;

	if (render(fill, &header->text, &header->template, TEMPLATE_HEADER, what,
	        &value)) {
		if (secret)
			add_secret_value(provider->secrets, value.text.data);
		add_sent(provider, header->name, xstrdup(value.text.data),
		    secret ? xstrdup(MARKED_MASK) : marked_shown(&value),
		    secret || marked_has_secret(&value));
	}
	marked_clear(&value);
	free(what);
}

/* ---- the key ---- */

static const char *
why_no_key(const struct marked *key)
{
	for (size_t i = 0; i < key->text.len; i++) {
		unsigned char c = (unsigned char)key->text.data[i];

		if (c <= ' ' || c == 0x7f)
			return "a blank or control character in it";
	}
	return NULL;
}

/* The vendor's own address is of no use without one. */
static void
check_no_key(struct fill *fill)
{
	const struct provider *provider = fill->provider;
	const char *variable = api_facts[provider->api].variable;

	if (variable == NULL || provider->base_url.text.place.line > 0 ||
	    provider_sends(provider, provider_key_header(provider)))
		return;
	faults_error(fill->faults, provider->place,
	    "%s: key is missing: expected one such as \"${%s}\"", provider->name,
	    variable);
}

static void
fill_key(struct fill *fill)
{
	struct provider *provider = fill->provider;
	const struct text *key = &provider->key;
	const char *header = provider_key_header(provider);
	bool bearer = strcasecmp(header, "Authorization") == 0;
	const char *why = why_no_key(&key->value);

	if (!is_said(key)) {
		check_no_key(fill);
		return;
	}
	if (why != NULL)
		faults_error(fill->faults, key->place, "key: %s", why);
	if (provider_sends(provider, header))
		faults_error(fill->faults, key->place,
		    "key beside the header %s: expected only one", header);
	secrets_add(provider->secrets, key->value.text.data, key->value.text.len);
	add_sent(provider, header,
	    xasprintf("%s%s", bearer ? "Bearer " : "", key->value.text.data),
	    xstrdup(bearer ? "Bearer " MARKED_MASK : MARKED_MASK), true);
}

/* The caller's; "": it cannot be read. */
static char *
read_machine_id(void)
{
	struct buffer id;

	buffer_init(&id, MACHINE_ID_MAX_BYTES);
	/* Half of one might be more another time. */
	if (!file_read(MACHINE_ID, &id))
		buffer_reset(&id);
	return buffer_take(&id);
}

static void
fill_hash_key(struct provider *provider)
{
	const struct text *key = &provider->key;

	provider->hash_key =
	    is_said(key) ? xstrdup(key->value.text.data) : read_machine_id();
}

/* ---- what not every API has ---- */

/* Part of a path, a header's value, the name of a field. */
static void
check_word(struct fill *fill, const char *name, const struct text *text, bool taken)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const struct buffer *value = &text->value.text;

	if (value->len == 0)
		return;
	if (!taken)
		faults_error(fill->faults, text->place, "%s: the API %s has none", name,
		    api_names[fill->provider->api]);
	else if (strspn(value->data, letters) < value->len)
		faults_error(fill->faults, text->place,
		    "%s: expected letters, digits, -, _ and .", name);
}

static void
check_words(struct fill *fill)
{
	const struct provider *provider = fill->provider;
	const struct api_facts *facts = &api_facts[provider->api];

	check_word(fill, "api_version", &provider->api_version, facts->takes_version);
	check_word(fill, "max_tokens_field", &provider->max_tokens_field,
	    facts->max_tokens_field != NULL);
}

/* What costs nobody knows is never spent. */
static void
check_budget(struct fill *fill)
{
	const struct provider *provider = fill->provider;

	if (provider->budget.cost > 0 && provider->budget.tokens == 0 &&
	    (provider->price.input < 0 || provider->price.output < 0))
		faults_error(fill->faults, provider->place,
		    "%s: budget: there is no price of input and output to count by",
		    provider->name);
}

void
provider_fill(
    struct provider *provider, const struct config *config, struct faults *faults)
{
	struct fill fill = {
		.provider = provider,
		.config = config,
		.faults = faults,
	};

	empty(provider);
	provider->secrets = secrets_new();
	fill_url(&fill);
	for (size_t i = 0; i < provider->headers.count; i++)
		fill_header(&fill, &provider->headers.items[i]);
	fill_key(&fill);
	fill_hash_key(provider);
	check_words(&fill);
	check_budget(&fill);
	routes_fill(&provider->way, faults);
	routes_add_secrets(&provider->way, provider->secrets);
	secrets_add_marked(provider->secrets, &provider->api_version.value);
}

void
provider_add_headers(const struct provider *provider, struct request *request)
{
	for (size_t i = 0; i < provider->sent_count; i++) {
		const struct provider_header *header = &provider->sent[i];

		request_add_header(
		    request, header->name, header->value, header->secret);
	}
	if (request->secrets == NULL)
		request->secrets = secrets_new();
	secrets_add_all(request->secrets, provider->secrets);
}
