#include "config/render.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/render_parts.h"
#include "config/routes.h"
#include "config/shown.h"
#include "config/value.h"
#include "config/vars.h"
#include "http/route.h"

#define US_PER_MS 1000

/* ---- what templates are rendered over ---- */

/* What the state has, or at load whatever stands for it. */
static size_t
get_from_state(const struct render_root *root, const char *path, size_t len,
    struct template_value *found)
{
	if (root->probe != NULL) {
		*found = *root->probe;
		return len;
	}
	if (root->state == NULL)
		return 0;
	return root->state->data->get(root->state, path, len, found);
}

static size_t
get_from_root(const struct template_value *map, const char *path, size_t len,
    struct template_value *found)
{
	const struct render_root *root = map->node;
	struct template_value vars;

	if (vars_is_now(path, len)) {
		*found = (struct template_value){
			.kind = TEMPLATE_TEXT,
			.plain = root->now,
		};
		return 3;
	}
	if (dependencies_is_state(path))
		return get_from_state(root, path, len, found);
	value_for_template(vars_holder(root->each, root->vars, path, len), &vars);
	return vars.data->get(&vars, path, len, found);
}

static const struct template_data root_data = { .get = get_from_root };

struct template_value
render_root_value(const struct render_root *root)
{
	return (struct template_value){
		.kind = TEMPLATE_MAP,
		.node = root,
		.data = &root_data,
	};
}

enum template_result
render_over(const struct render_root *root, const struct template *template,
    struct marked *out, struct secrets *carried, const char **name)
{
	struct template_value value = render_root_value(root);

	return template_render(template, &value, out, carried, name);
}

/* ---- why there is no request ---- */

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

/* WHY is taken over. NAME, of the state, is missing; NULL: that is not the reason. */
static void
refuse(struct rendering *rendering, struct place place, char *why, const char *name)
{
	struct render_fault *fault = rendering->fault;

	if (rendering->faults != NULL) {
		faults_error(rendering->faults, place, "%s", why);
		free(why);
	} else if (fault->why != NULL) {
		free(why);
	} else {
		*fault = (struct render_fault){
			.why = why,
			.missing = name != NULL,
			.name = name,
		};
	}
}

void
render_refuse(struct rendering *rendering, struct place place, char *why)
{
	refuse(rendering, place, why, NULL);
}

void
render_refuse_result(struct rendering *rendering, struct place place,
    enum template_result result, const char *what, const char *name)
{
	bool missing =
	    result == TEMPLATE_MISSING && name != NULL && dependencies_is_state(name);

	refuse(rendering, place, why_not_rendered(result, what, name),
	    missing ? name : NULL);
}

bool
render_text(struct rendering *rendering, const struct template *template,
    const char *what, struct place place, struct marked *out)
{
	struct secrets *carried = rendering->rendered->request.secrets;
	const char *name = NULL;
	enum template_result result;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	if (template == NULL)
		return false;
	result = render_over(&rendering->root, template, out, carried, &name);
	if (result != TEMPLATE_RENDERED)
		render_refuse_result(rendering, place, result, what, name);
	return result == TEMPLATE_RENDERED;
}

/* ---- headers ---- */

void
render_add_header(struct rendering *rendering, const char *name, const char *value,
    bool secret, const char *shown)
{
	request_add_header(&rendering->rendered->request, name, value, secret);
	buffer_append_format(&rendering->head, "%s: %s\n", name, shown);
}

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

static void
add_header_secrets(const char *name, const char *value, struct secrets *secrets)
{
	if (!shown_is_secret_header(name))
		return;
	if (strcasecmp(name, "Cookie") == 0)
		add_cookie_secrets(value, secrets);
	else
		add_authorization_secrets(value, secrets);
}

static bool
render_header(struct rendering *rendering, const struct config_pair *header)
{
	char *what = xasprintf("header %s", header->name);
	bool secret = shown_is_secret_header(header->name);
	struct marked value;
	bool done;

	done =
	    render_text(rendering, header->template, what, header->text.place, &value);
	if (done) {
		char *shown = secret ? xstrdup(MARKED_MASK) : marked_shown(&value);

		render_add_header(rendering, header->name, value.text.data,
		    secret || marked_has_secret(&value), shown);
		add_header_secrets(header->name, value.text.data,
		    rendering->rendered->request.secrets);
		free(shown);
	}
	marked_clear(&value);
	free(what);
	return done;
}

/* ---- the request ---- */

/* What reads the body in the end: the document, a rule, or the check that it is JSON. */
static bool
needs_body(const struct target *target)
{
	if (target->wants_json || target->wants_text)
		return true;
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

static void
set_limits(const struct target *target, struct request *request)
{
	request->route = &target->way.route;
	request->connect_timeout_us = target->connect_timeout_ms * US_PER_MS;
	request->max_body_bytes = target->max_body_bytes;
	request->max_redirects = (unsigned)target->redirects;
	request->reuse = target->reuse;
	request->keep_body = needs_body(target);
	request->keep_head = target->wants_head;
}

static void
set_method(const struct target *target, struct request *request)
{
	if (target->method.value.text.len > 0)
		request->method = xstrdup(target->method.value.text.data);
	else if (request->body != NULL)
		request->method = xstrdup("POST");
}

/* All parts, whatever came of those before: each has its own faults. */
static bool
render_all(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	struct request *request = &rendering->rendered->request;
	bool done = render_url(rendering);

	for (size_t i = 0; i < target->headers.count; i++) {
		if (!render_header(rendering, &target->headers.items[i]))
			done = false;
	}
	if (!render_auth(rendering))
		done = false;
	if (!render_body(rendering))
		done = false;
	routes_add_secrets(&target->way, request->secrets);
	if (secrets_empty(request->secrets)) {
		secrets_free(request->secrets);
		request->secrets = NULL;
	}
	set_method(target, request);
	set_limits(target, request);
	return done;
}

/* RENDERING knows all but what is made here. */
static struct rendered_request *
make(struct rendering *rendering)
{
	struct rendered_request *rendered = xcalloc(1, sizeof(*rendered));

	rendering->rendered = rendered;
	buffer_init(&rendering->head, BUFFER_UNLIMITED);
	request_init(&rendered->request);
	rendered->request.secrets = secrets_new();
	if (!render_all(rendering)) {
		rendered_request_free(rendered);
		rendered = NULL;
	} else if (rendering->with != NULL && rendering->with->shown) {
		rendered->shown_head = buffer_take(&rendering->head);
	}
	buffer_clear(&rendering->head);
	return rendered;
}

struct rendered_request *
render_request(const struct config *config, const struct target *target,
    const struct render_with *with, struct render_fault *fault)
{
	char now[CLOCK_RFC3339_SIZE];
	struct rendering rendering = {
		.target = target,
		.with = with,
		.root = { .each = target->each,
		    .vars = config->vars,
		    .now = now,
		    .state = with->state },
		.fault = fault,
	};

	clock_format_rfc3339(now, with->wall_ms);
	*fault = (struct render_fault){ 0 };
	return make(&rendering);
}

struct rendered_request *
render_checked(
    const struct config *config, const struct target *target, struct faults *faults)
{
	static const struct template_value probe = { .kind = TEMPLATE_TEXT,
		.plain = "0" };
	char now[CLOCK_RFC3339_SIZE];
	struct rendering rendering = {
		.target = target,
		.root = { .each = target->each,
		    .vars = config->vars,
		    .now = now,
		    .probe = &probe },
		.faults = faults,
	};

	clock_format_rfc3339(now, 0);
	return make(&rendering);
}

static void
free_prompt(struct rendered_prompt *prompt)
{
	if (prompt == NULL)
		return;
	free(prompt->shown);
	free(prompt);
}

void
rendered_request_free(struct rendered_request *rendered)
{
	if (rendered == NULL)
		return;
	free_prompt(rendered->prompt);
	request_clear(&rendered->request);
	free(rendered->shown_url);
	free(rendered->shown_head);
	free(rendered->shown_body);
	free(rendered);
}
