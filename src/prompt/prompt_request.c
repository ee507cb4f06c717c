#include "prompt/prompt_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/providers.h"
#include "config/render.h"
#include "config/render_prompt.h"
#include "config/value.h"
#include "prompt/dialect.h"
#include "prompt/parts.h"

/* Most bodies are no longer, and so are written without growing. */
#define USUAL_BODY_BYTES 1024

#define METHOD    "POST"
#define JSON_TYPE "application/json"
#define US_PER_MS 1000

/* One request that is being made. */
struct making {
	const struct prompt *prompt;
	const struct provider *provider;
	const struct dialect *dialect;
	const struct render_with *with;
	struct rendered_request *rendered;
	struct buffer head; /* as shown, where that is wanted */
};

/* ---- the URL ---- */

static void
append_version_query(struct marked *url, const struct making *making)
{
	struct marked version;

	version_of(making->prompt, &version);
	if (version.text.len > 0) {
		append_own(url, "?");
		append_own(url, making->dialect->version_query);
		append_own(url, "=");
		append_encoded(url, &version, 0);
	}
	marked_clear(&version);
}

/* The provider's was checked at load and has no query, and what is put behind it is
 * percent-encoded: the whole needs no parsing. */
static void
make_url(struct making *making)
{
	const struct provider *provider = making->provider;
	struct url *url = &making->rendered->request.url;
	struct marked rest;
	char *shown;

	marked_init(&rest, BUFFER_UNLIMITED);
	making->dialect->append_path(&rest, making->prompt);
	if (making->dialect->version_query != NULL)
		append_version_query(&rest, making);
	shown = marked_shown(&rest);
	url_copy(url, &provider->url);
	free(url->text);
	url->text = xasprintf("%s%s", provider->url.text, rest.text.data);
	making->rendered->shown_url = xasprintf("%s%s", provider->shown_url, shown);
	free(shown);
	marked_clear(&rest);
}

/* ---- headers ---- */

static void
show_header(struct making *making, const char *name, const char *shown)
{
	if (making->with->shown)
		buffer_append_format(&making->head, "%s: %s\n", name, shown);
}

static void
add_header(struct making *making, const char *name, const struct marked *value)
{
	char *shown = marked_shown(value);

	request_add_header(&making->rendered->request, name, value->text.data,
	    marked_has_secret(value));
	show_header(making, name, shown);
	free(shown);
}

/* The provider's own headers win. */
static void
add_version_header(struct making *making)
{
	const char *name = making->dialect->version_header;
	struct marked version;

	if (name == NULL || provider_sends(making->provider, name))
		return;
	version_of(making->prompt, &version);
	if (version.text.len > 0)
		add_header(making, name, &version);
	marked_clear(&version);
}

static void
add_headers(struct making *making)
{
	const struct provider *provider = making->provider;
	struct request *request = &making->rendered->request;

	if (!provider_sends(provider, "Content-Type")) {
		request_add_header(request, "Content-Type", JSON_TYPE, false);
		show_header(making, "Content-Type", JSON_TYPE);
	}
	add_version_header(making);
	provider_add_headers(provider, request);
	for (size_t i = 0; i < provider->sent_count; i++)
		show_header(making, provider->sent[i].name, provider->sent[i].shown);
}

/* ---- the body ---- */

/* All that the config puts in; what the templates did is known. */
static void
add_secrets(struct secrets *secrets, const struct value *value)
{
	secrets_add_marked(secrets, &value->text.value);
	for (size_t i = 0; i < value->count; i++)
		add_secrets(secrets, value->items[i]);
}

static void
write_json(const struct value *value, struct marked *out)
{
	struct template_value tree;

	value_for_template(value, &tree);
	/* All that it holds has a limit of its own. */
	marked_init(out, BUFFER_UNLIMITED);
	(void)!buffer_reserve(&out->text, USUAL_BODY_BYTES);
	(void)tree.data->json(&tree, out);
}

/* Does anybody want to know? What is sent each time anyway is not looked at again, and a digest
 * is a good part of what a request costs. */
static bool
wants_hash(const struct making *making)
{
	return making->prompt->when == WHEN_CHANGED || making->with->shown;
}

static void
make_body(struct making *making, const struct prompt_texts *texts)
{
	struct request *request = &making->rendered->request;
	struct value *tree = making->dialect->build(making->prompt, texts);
	struct marked body;

	merge_over(tree, making->provider->extra_body);
	merge_over(tree, making->prompt->extra_body);
	add_secrets(request->secrets, tree);
	write_json(tree, &body);
	value_free(tree);
	if (wants_hash(making))
		making->rendered->shown_body = marked_shown(&body);
	request->body_secret = marked_has_secret(&body);
	request->body_len = body.text.len;
	request->body = buffer_take(&body.text);
	marked_clear(&body);
}

/* ---- what is known of it ---- */

/* Does what is shown of URL and body hide something? */
static bool
hides_secrets(const struct rendered_request *rendered)
{
	const struct request *request = &rendered->request;

	return strcmp(request->url.text, rendered->shown_url) != 0 ||
	    strlen(rendered->shown_body) != request->body_len ||
	    memcmp(rendered->shown_body, request->body, request->body_len) != 0;
}

/* The document is for everybody: a plain digest would tell who guesses a secret, which may be
 * a short one, that the guess is right. */
static void
append_keyed_hash(struct buffer *input, const struct request *request, const char *key)
{
	char hash[DIGEST_HEX_SIZE];
	struct buffer real;

	buffer_init(&real, BUFFER_UNLIMITED);
	buffer_append_string(&real, request->url.text);
	buffer_append_char(&real, '\n');
	(void)buffer_append(&real, request->body, request->body_len);
	digest_hmac_hex(hash, key, strlen(key), real.data, real.len);
	buffer_clear(&real);
	buffer_append_char(input, '\n');
	buffer_append_string(input, hash);
}

/* What makes it another request, so that an answer to this one is none to that. */
static void
hash_input(const struct making *making, char hash[DIGEST_HEX_SIZE])
{
	const struct rendered_request *rendered = making->rendered;
	const char *rules_hash = making->prompt->rules_hash;
	struct buffer input;

	buffer_init(&input, BUFFER_UNLIMITED);
	buffer_append_string(&input, METHOD "\n");
	buffer_append_string(&input, rendered->shown_url);
	buffer_append_char(&input, '\n');
	buffer_append_string(&input, rendered->shown_body);
	if (rules_hash[0] != '\0') {
		buffer_append_char(&input, '\n');
		buffer_append_string(&input, rules_hash);
	}
	if (hides_secrets(rendered))
		append_keyed_hash(
		    &input, &rendered->request, making->provider->hash_key);
	digest_hex(hash, input.data, input.len);
	buffer_clear(&input);
}

/* Append PART with U+FFFD for each NUL, which fetched text may hold: texts to show end at one. */
static void
append_without_nul(struct marked *out, const char *part, size_t len, enum mark mark)
{
	const char *nul;

	while ((nul = memchr(part, '\0', len)) != NULL) {
		size_t before = (size_t)(nul - part);

		(void)marked_append(out, part, before, mark);
		(void)marked_append(out, "\xef\xbf\xbd", 3, mark);
		part += before + 1;
		len -= before + 1;
	}
	(void)marked_append(out, part, len, mark);
}

static char *
shown_text(const struct marked *text)
{
	struct marked clean;
	char *shown;

	if (strlen(text->text.data) == text->text.len)
		return marked_shown(text);
	marked_init(&clean, BUFFER_UNLIMITED);
	for (size_t i = 0; i < text->part_count; i++) {
		const char *part;
		size_t len;
		enum mark mark;

		marked_part(text, i, &part, &len, &mark);
		append_without_nul(&clean, part, len, mark);
	}
	shown = marked_shown(&clean);
	marked_clear(&clean);
	return shown;
}

static struct rendered_prompt *
describe(const struct making *making, const struct prompt_texts *texts)
{
	struct rendered_prompt *known = xcalloc(1, sizeof(*known));

	known->shown = shown_text(&texts->prompt);
	known->input_bytes = texts->prompt.text.len + texts->system.text.len +
	    making->prompt->schema.json_bytes;
	known->cut_count = texts->cut_count;
	if (wants_hash(making))
		hash_input(making, known->input_hash);
	return known;
}

/* ---- the request ---- */

static void
set_limits(struct making *making)
{
	const struct target *target = &making->prompt->target;
	struct request *request = &making->rendered->request;

	request->method = xstrdup(METHOD);
	request->route = &making->provider->way.route;
	request->connect_timeout_us = target->connect_timeout_ms * US_PER_MS;
	request->max_body_bytes = target->max_body_bytes;
	/* A key goes nowhere but where it is meant for. */
	request->max_redirects = 0;
	request->reuse = true;
	request->keep_body = true;
	/* The name of the request, and how long to wait, are in it. */
	request->keep_head = true;
}

static void
drop_empty_secrets(struct request *request)
{
	if (!secrets_empty(request->secrets))
		return;
	secrets_free(request->secrets);
	request->secrets = NULL;
}

static void
make(struct making *making, const struct prompt_texts *texts)
{
	struct rendered_request *rendered = making->rendered;

	make_url(making);
	buffer_init(&making->head, BUFFER_UNLIMITED);
	add_headers(making);
	make_body(making, texts);
	set_limits(making);
	secrets_add_marked(rendered->request.secrets, &making->prompt->model_name);
	drop_empty_secrets(&rendered->request);
	rendered->prompt = describe(making, texts);
	if (making->with->shown) {
		rendered->shown_head = buffer_take(&making->head);
	} else {
		free(rendered->shown_body);
		rendered->shown_body = NULL;
	}
	buffer_clear(&making->head);
}

struct rendered_request *
prompt_request(const struct config *config, const struct prompt *prompt,
    const struct render_with *with, struct render_fault *fault)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));
	struct making making = {
		.prompt = prompt,
		.provider = prompt->provider,
		.dialect = dialect_of(prompt->provider->api),
		.with = with,
		.rendered = rendered,
	};
	struct prompt_texts texts;

	*fault = (struct render_fault){ 0 };
	request_init(&rendered->request);
	rendered->request.secrets = secrets_new();
	if (render_prompt(
	        config, prompt, with, &texts, rendered->request.secrets, fault)) {
		make(&making, &texts);
	} else {
		rendered_request_free(rendered);
		rendered = NULL;
	}
	prompt_texts_clear(&texts);
	return rendered;
}

struct rendered_request *
target_request(const struct config *config, const struct target *target,
    const struct render_with *with, struct render_fault *fault)
{
	const struct prompt *prompt = target_prompt(target);

	return prompt != NULL ? prompt_request(config, prompt, with, fault)
	                      : render_request(config, target, with, fault);
}
