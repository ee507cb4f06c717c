/*
 * The keys of a service.
 */
#include "config/keys.h"

#include "base/compiler.h"
#include "config/config.h"
#include "config/keys_shared.h"

#define MAX_REDIRECTS 50

const char *const body_format_names[] = { "auto", "json", "text", "none", NULL };

static const char *const client_auth_names[] = { "basic", "body", NULL };

static const struct key basic_rows[] = {
	{ "user", &type_secret, offsetof(struct target, auth.basic.user),
	    .flags = KEY_REQUIRED, .description = "The user. A template." },
	{ "password", &type_secret, offsetof(struct target, auth.basic.password),
	    .description = "The password, by default empty. A template." },
};

const struct key_table basic_keys = {
	.keys = basic_rows,
	.count = ARRAY_COUNT(basic_rows),
};

static const struct key digest_rows[] = {
	{ "user", &type_secret, offsetof(struct target, auth.digest.user),
	    .flags = KEY_REQUIRED, .description = "The user. A template." },
	{ "password", &type_secret, offsetof(struct target, auth.digest.password),
	    .description = "The password, by default empty. A template." },
};

const struct key_table digest_keys = {
	.keys = digest_rows,
	.count = ARRAY_COUNT(digest_rows),
};

static const struct key oauth2_rows[] = {
	{ "token_url", &type_url, offsetof(struct target, auth.oauth2.token_url),
	    .flags = KEY_REQUIRED,
	    .description =
	        "Where the access token is fetched by POST. A template over vars." },
	{ "client_id", &type_secret, offsetof(struct target, auth.oauth2.client_id),
	    .flags = KEY_REQUIRED,
	    .description = "Who asks for it. A template over vars." },
	{ "client_secret", &type_secret,
	    offsetof(struct target, auth.oauth2.client_secret), .flags = KEY_REQUIRED,
	    .description = "What proves that. A template over vars." },
	{ "scope", &type_template, offsetof(struct target, auth.oauth2.scope),
	    .description = "What the token is to be good for. A template over vars." },
	{ "client_auth", &type_word, offsetof(struct target, auth.oauth2.client_auth),
	    "basic", .names = client_auth_names,
	    .description = "How client_id and client_secret are sent. basic: as Basic "
	                   "authentication; body: as fields of the form." },
};

const struct key_table oauth2_keys = {
	.keys = oauth2_rows,
	.count = ARRAY_COUNT(oauth2_rows),
};

static const struct key auth_rows[] = {
	{ "bearer", &type_secret, offsetof(struct target, auth.bearer),
	    .description = "A token, sent as Authorization: Bearer. A template." },
	{ "basic", &type_credentials, 0, .table = &basic_keys,
	    .description = "User and password, sent as Basic authentication." },
	{ "digest", &type_credentials, 0, .table = &digest_keys,
	    .description = "User and password, proven by Digest authentication." },
	{ "oauth2", &type_credentials, 0, .table = &oauth2_keys,
	    .description = "An access token that is fetched by client credentials." },
};

const struct key_table auth_keys = {
	.keys = auth_rows,
	.count = ARRAY_COUNT(auth_rows),
};

/* ---- a service ---- */

static const struct key service_rows[] = {
	{ "url", &type_url, offsetof(struct target, url),
	    .flags = KEY_REQUIRED | KEY_OWN_ONLY,
	    .description =
	        "What is asked: an absolute http or https URL. A template." },
	{ "method", &type_method, offsetof(struct target, method),
	    .description =
	        "The method, in upper case. By default GET, or POST with a body." },
	{ "headers", &type_headers, offsetof(struct target, headers),
	    .description = "Headers of the request. Their values are templates." },
	{ "body", &type_template, offsetof(struct target, body),
	    .description = "The body, as text. A template." },
	{ "json", &type_json, offsetof(struct target, json),
	    .description =
	        "The body, as a tree that is sent as JSON. The texts in it are "
	        "templates." },
	{ "form", &type_form, offsetof(struct target, form),
	    .description = "The body, as the fields of a form. Their values are "
	                   "templates." },
	{ "auth", &type_auth, 0, .table = &auth_keys,
	    .description = "Who asks: one of bearer, basic, digest and oauth2." },
	KEYS_OF_WAY(target),
	KEY_INTERVAL,
	{ "timeout", &type_duration, offsetof(struct target, timeout_ms), .min = 1,
	    .flags = KEY_OF_FILE,
	    .description = "For one attempt, from the name lookup to the last byte. By "
	                   "default the file's." },
	KEYS_OF_START,
	KEY_RETRIES("0"),
	KEY_RETRY_DELAY,
	{ "retry_unsafe", &type_bool, offsetof(struct target, retry_unsafe), "false",
	    .description =
	        "Whether POST and PATCH are asked again, too, when the server "
	        "may already have acted." },
	KEYS_OF_END,
	{ "format", &type_word, offsetof(struct target, format), "auto",
	    .names = body_format_names,
	    .description =
	        "How the body is taken. auto: kept if it is said to be JSON, "
	        "and then it must be." },
	KEYS_OF_BODY,
	{ "redirects", &type_int, offsetof(struct target, redirects), "5",
	    .max = MAX_REDIRECTS,
	    .description = "How many redirects are followed. 0: a redirect is the "
	                   "answer." },
	KEYS_OF_ANSWER,
	{ "data", &type_bool, offsetof(struct target, data), "true",
	    .description = "Whether the answer goes into the document." },
	KEY_KEEP_LAST,
	{ "reuse", &type_bool, offsetof(struct target, reuse), "true",
	    .description = "Whether connections are kept and used again." },
	KEYS_OF_TARGET,
};

const struct key_table service_keys = {
	.keys = service_rows,
	.count = ARRAY_COUNT(service_rows),
};

const struct key_table defaults_keys = {
	.keys = service_rows,
	.count = ARRAY_COUNT(service_rows),
	.also = &prompt_keys,
};
