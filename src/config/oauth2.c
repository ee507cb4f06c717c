#include "config/oauth2.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json_pointers.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/render.h"
#include "config/target.h"
#include "config/text.h"
#include "config/types.h"
#include "config/vars.h"
#include "http/request.h"
#include "http/url.h"
#include "template/template.h"

/* ---- the settings of one target ---- */

/* What its `auth.oauth2` comes to; all are initialised. */
struct settings {
	struct marked token_url;
	struct marked client_id;
	struct marked client_secret;
	struct marked scope;
	bool in_body; /* client_auth: body */
};

static void
settings_clear(struct settings *settings)
{
	marked_clear(&settings->token_url);
	marked_clear(&settings->client_id);
	marked_clear(&settings->client_secret);
	marked_clear(&settings->scope);
}

/* What is being put together. */
struct resolve {
	struct config *config;
	struct faults *faults;
	void *known; /* a tsearch(3) tree of struct known */
};

/* Render TEMPLATED, WHAT, of TARGET into OUT, which is initialised; what is not said is
 * empty. */
static bool
render(const struct resolve *resolve, const struct target *target,
    const struct templated *templated, const char *what, struct marked *out)
{
	const struct vars_both both = {
		.each = target->each,
		.vars = resolve->config->vars,
	};
	struct template_value root;
	const char *name = NULL;
	enum template_result result;

	/* Not said, or with a fault that was told. */
	if (templated->template == NULL)
		return templated->text.place.line == 0;
	vars_for_template(&both, &root);
	result = template_render(templated->template, &root, out, NULL, &name);
	if (result == TEMPLATE_RENDERED)
		return true;
	faults_error(resolve->faults, templated->text.place,
	    result == TEMPLATE_MISSING ? "%s: %s is missing"
	                               : "%s: %s is neither text nor a number",
	    what, name != NULL ? name : "a name");
	return false;
}

static bool
check_url(const struct resolve *resolve, const struct target *target,
    const struct marked *token_url)
{
	struct place place = target->auth.oauth2.token_url.text.place;
	const char *text = token_url->text.data;
	struct url url;
	const char *why = "a NUL in it";
	bool fine;

	if (strlen(text) < token_url->text.len || !url_parse(text, &url, &why)) {
		faults_error(resolve->faults, place,
		    "auth.oauth2.token_url is no absolute http(s) URL: %s", why);
		return false;
	}
	fine = url.user == NULL && url.password == NULL;
	if (!fine)
		faults_error(resolve->faults, place,
		    "auth.oauth2.token_url: a user in it: that is what client_id and "
		    "client_secret are for");
	url_clear(&url);
	return fine;
}

static bool
check_client_id(const struct resolve *resolve, const struct target *target,
    const struct marked *client_id)
{
	if (client_id->text.len > 0)
		return true;
	faults_error(resolve->faults, target->auth.oauth2.client_id.text.place,
	    "auth.oauth2.client_id is empty");
	return false;
}

/* SETTINGS is to be cleared either way. Returns false with faults told, now or before. */
static bool
settings_init(const struct resolve *resolve, const struct target *target,
    struct settings *settings)
{
	bool fine;

	marked_init(&settings->token_url, TEMPLATE_MAX_OUTPUT);
	marked_init(&settings->client_id, TEMPLATE_MAX_OUTPUT);
	marked_init(&settings->client_secret, TEMPLATE_MAX_OUTPUT);
	marked_init(&settings->scope, TEMPLATE_MAX_OUTPUT);
	settings->in_body = target->auth.oauth2.client_auth != 0;
	fine = render(resolve, target, &target->auth.oauth2.token_url,
	           "auth.oauth2.token_url", &settings->token_url) &&
	    check_url(resolve, target, &settings->token_url);
	fine = render(resolve, target, &target->auth.oauth2.client_id,
	           "auth.oauth2.client_id", &settings->client_id) &&
	    check_client_id(resolve, target, &settings->client_id) && fine;
	fine = render(resolve, target, &target->auth.oauth2.client_secret,
	           "auth.oauth2.client_secret", &settings->client_secret) &&
	    fine;
	return render(resolve, target, &target->auth.oauth2.scope, "auth.oauth2.scope",
	           &settings->scope) &&
	    fine;
}

/* ---- the target that asks ---- */

/* How it asks is said by the first target that needs the token. */
static const char *const shared_keys[] = { "interval", "timeout", "connect_timeout",
	"deadline", "retries", "retry_delay", "redirects", "reuse", "tls", "proxy",
	"ip", "unix_socket", "resolve", "http_version", "compressed" };

static void
copy_key(const struct key *key, const void *from, void *object)
{
	const void *source = (const char *)from + key->offset;
	void *field = (char *)object + key->offset;

	for (size_t i = 0; key->table != NULL && i < key->table->count; i++)
		copy_key(&key->table->keys[i], source, field);
	if (key->type->inherit != NULL)
		key->type->inherit(field, source);
	else if (key->table == NULL)
		memcpy(field, source, key->type->size);
}

/* TEXT, which is initialised, becomes VALUE. Nothing in it is a template any more. */
static void
set_text(struct text *text, const struct marked *value, struct place place)
{
	text_clear(text);
	*text = (struct text){ .source = xstrdup(""), .place = place };
	marked_init(&text->value, BUFFER_UNLIMITED);
	for (size_t i = 0; i < value->part_count; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(value, i, &part, &len, &mark);
		(void)marked_append(&text->value, part, len,
		    mark == MARK_SECRET ? MARK_SECRET : MARK_PUT_IN);
	}
}

static void
add_pair(struct config_pairs *pairs, const char *name, const struct marked *value,
    struct place place)
{
	struct config_pair *pair;

	pairs->items = xgrow(pairs->items, pairs->count, sizeof(*pairs->items));
	pair = &pairs->items[pairs->count++];
	*pair = (struct config_pair){ .name = xstrdup(name) };
	set_text(&pair->text, value, place);
}

static void
add_word(
    struct config_pairs *pairs, const char *name, const char *word, struct place place)
{
	struct marked value;

	marked_init(&value, BUFFER_UNLIMITED);
	(void)marked_append(&value, word, strlen(word), MARK_PUT_IN);
	add_pair(pairs, name, &value, place);
	marked_clear(&value);
}

/* As application/x-www-form-urlencoded has it. */
static void
append_encoded(struct buffer *out, const struct buffer *text)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789*-._";

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c == ' ')
			buffer_append_char(out, '+');
		else if (c != '\0' && strchr(plain, c) != NULL)
			buffer_append_char(out, (char)c);
		else
			buffer_append_format(out, "%%%02X", c);
	}
}

/* All of VALUE as one secret into OUT, which is initialised here, form-encoded or not. */
static void
make_secret(const struct marked *value, bool encoded, struct marked *out)
{
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	if (encoded)
		append_encoded(&text, &value->text);
	else
		buffer_append(&text, value->text.data, value->text.len);
	marked_init(out, BUFFER_UNLIMITED);
	(void)marked_append(out, text.data, text.len, MARK_SECRET);
	buffer_clear(&text);
}

/* RFC 6749, 2.3.1: in Basic authentication both are form-encoded first; a form is so
 * anyway. */
static void
set_credentials(
    struct target *source, const struct settings *settings, struct place place)
{
	struct marked id;
	struct marked secret;

	make_secret(&settings->client_id, !settings->in_body, &id);
	make_secret(&settings->client_secret, !settings->in_body, &secret);
	if (settings->in_body) {
		add_pair(&source->form, "client_id", &id, place);
		add_pair(&source->form, "client_secret", &secret, place);
	} else {
		set_text(&source->auth.basic.user.text, &id, place);
		set_text(&source->auth.basic.password.text, &secret, place);
	}
	marked_clear(&id);
	marked_clear(&secret);
}

static void
add_extract(struct target *source, const char *name, bool secret)
{
	struct config_extracts *list = &source->extract;
	char *path = xasprintf("/%s", name);

	list->items = xgrow(list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = (struct extract){
		.name = xstrdup(name),
		.path = path,
		.pointer = json_pointers_add(source->pointers, path),
		.round = -1,
		.secret = secret,
	};
}

static void
set_answer(struct target *source)
{
	source->format = FORMAT_JSON;
	source->data = false;
	source->pointers = json_pointers_new();
	source->wants_json = true;
	source->has_secret_value = true;
	add_extract(source, "access_token", true);
	add_extract(source, "token_type", false);
	add_extract(source, "expires_in", false);
}

/* The target that fetches by SETTINGS, the first of which are TARGET's; NULL with a fault. */
static struct target *
make_source(const struct resolve *resolve, const struct target *target,
    const struct settings *settings)
{
	struct place place = target->auth.oauth2.token_url.text.place;
	char *name = xasprintf("%s (token)", target->name);
	struct target *source = target_new(TARGET_SERVICE, name, target->place);
	struct secrets *secrets;

	free(name);
	for (size_t i = 0; i < ARRAY_COUNT(shared_keys); i++)
		copy_key(keys_find(&service_keys, shared_keys[i]), target, source);
	source->deadline_said = target->deadline_said;
	/* Whoever asks twice has two tokens, and no harm is done. */
	source->retry_unsafe = true;
	set_text(&source->url.text, &settings->token_url, place);
	add_word(&source->headers, "Accept", "application/json", place);
	add_word(&source->form, "grant_type", "client_credentials", place);
	if (settings->scope.text.len > 0)
		add_pair(&source->form, "scope", &settings->scope, place);
	set_credentials(source, settings, place);
	set_answer(source);
	target_compile(source, resolve->config, resolve->faults);
	target_try(source, resolve->config, resolve->faults);
	if (source->rendered == NULL) {
		target_free(source);
		return NULL;
	}
	/* A server may tell them as they were before they were encoded. */
	secrets = source->rendered->request.secrets;
	if (secrets != NULL)
		secrets_add(secrets, settings->client_secret.text.data,
		    settings->client_secret.text.len);
	return source;
}

/* ---- one for all ---- */

/* Settings, and the sources that ask with them: each by another route. */
struct known {
	struct buffer key;
	struct target **sources; /* owned; the targets are the config's */
	size_t count;
};

static int
compare_known(const void *left, const void *right)
{
	const struct known *a = left;
	const struct known *b = right;

	if (a->key.len != b->key.len)
		return a->key.len < b->key.len ? -1 : 1;
	return memcmp(a->key.data, b->key.data, a->key.len);
}

static void
free_known(void *item)
{
	struct known *known = item;

	buffer_clear(&known->key);
	free(known->sources);
	free(known);
}

/* Each with its length, so that no two settings read alike. */
static void
append_key(struct buffer *key, const struct marked *text)
{
	buffer_append_format(key, "%zu:", text->text.len);
	buffer_append(key, text->text.data, text->text.len);
}

static struct known *
find_known(struct resolve *resolve, const struct settings *settings)
{
	struct known *known = xcalloc(1, sizeof(*known));
	struct known **found;

	buffer_init(&known->key, BUFFER_UNLIMITED);
	append_key(&known->key, &settings->token_url);
	append_key(&known->key, &settings->client_id);
	append_key(&known->key, &settings->client_secret);
	append_key(&known->key, &settings->scope);
	buffer_append_char(&known->key, settings->in_body ? 'b' : 'h');
	found = tsearch(known, &resolve->known, compare_known);
	if (found == NULL)
		abort(); /* out of memory, as in base/xalloc */
	if (*found != known)
		free_known(known);
	return *found;
}

static struct target *
find_source(const struct known *known, const struct target *target)
{
	for (size_t i = 0; i < known->count; i++) {
		if (route_equal(&known->sources[i]->way.route, &target->way.route))
			return known->sources[i];
	}
	return NULL;
}

static void
add_source(struct config *config, struct known *known, struct target *source)
{
	known->sources = xgrow(known->sources, known->count, sizeof(struct target *));
	known->sources[known->count++] = source;
	source->index = config->token_source_count;
	config->token_sources = xgrow(
	    config->token_sources, config->token_source_count, sizeof(struct target *));
	config->token_sources[config->token_source_count++] = source;
}

static void
resolve_target(struct resolve *resolve, struct target *target)
{
	struct settings settings;
	struct known *known;
	struct target *source;

	target->oauth2 = NULL;
	if (target->auth.oauth2.token_url.text.place.line == 0)
		return;
	if (settings_init(resolve, target, &settings)) {
		known = find_known(resolve, &settings);
		source = find_source(known, target);
		if (source == NULL) {
			source = make_source(resolve, target, &settings);
			if (source != NULL)
				add_source(resolve->config, known, source);
		}
		target->oauth2 = source;
	}
	settings_clear(&settings);
}

void
oauth2_resolve(struct config *config, struct faults *faults)
{
	struct resolve resolve = { .config = config, .faults = faults };

	oauth2_clear(config);
	for (size_t i = 0; i < config->target_count; i++)
		resolve_target(&resolve, config->targets[i]);
	tdestroy(resolve.known, free_known);
}

void
oauth2_clear(struct config *config)
{
	for (size_t i = 0; i < config->token_source_count; i++)
		target_free(config->token_sources[i]);
	free(config->token_sources);
	config->token_sources = NULL;
	config->token_source_count = 0;
}
