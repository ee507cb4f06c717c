#include "config/templates.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/config.h"
#include "config/json_body.h"
#include "config/shown.h"
#include "config/text.h"

/* Who gets them. */
struct walk {
	target_template_fn *fn;
	void *arg;
};

/* A target that is being made has its templates compiled through what is told here, and
 * whoever has one that is made does not write. */
static struct template **
writable(struct template *const *template)
{
	const union {
		struct template *const *read;
		struct template **written;
	} same = { .read = template };

	/* cppcheck-suppress CastIntegerToAddressAtReturn; it is a pointer */
	return same.written;
}

/* Tell of TEMPLATED if it is said. LIKE has all but its parts. */
static void
tell(const struct walk *walk, const struct templated *templated,
    struct target_template like)
{
	if (templated->text.place.line == 0)
		return;
	like.text = &templated->text;
	like.template = writable(&templated->template);
	walk->fn(&like, walk->arg);
}

static void
tell_header(const struct walk *walk, struct config_pair *header)
{
	char *what = xasprintf("headers: %s", header->name);

	walk->fn(&(struct target_template){ .what = what,
	             .text = &header->text,
	             .template = &header->template,
	             .place = TEMPLATE_HEADER,
	             .from_state = true,
	             .secret = shown_is_secret_header(header->name) },
	    walk->arg);
	free(what);
}

static void
tell_field(const struct walk *walk, struct config_pair *field)
{
	char *what = xasprintf("form: %s", field->name);

	walk->fn(&(struct target_template){ .what = what,
	             .text = &field->text,
	             .template = &field->template,
	             .place = TEMPLATE_PLAIN,
	             .takes_any = true,
	             .from_state = true },
	    walk->arg);
	free(what);
}

static void
tell_string(const struct text *text, struct template **template, void *arg)
{
	const struct walk *walk = arg;

	walk->fn(&(struct target_template){ .what = "json",
	             .text = text,
	             .template = template,
	             .place = TEMPLATE_PLAIN,
	             .takes_any = true,
	             .typed = true,
	             .from_state = true },
	    walk->arg);
}

static void
tell_body(const struct target *target, struct walk *walk)
{
	tell(walk, &target->body,
	    (struct target_template){ .what = "body",
	        .place = TEMPLATE_PLAIN,
	        .takes_any = true,
	        .from_state = true });
	if (target->json.body != NULL)
		json_body_each(target->json.body, tell_string, walk);
	for (size_t i = 0; i < target->form.count; i++)
		tell_field(walk, &target->form.items[i]);
}

/* What goes into a header ends up without line breaks: these do so at once. LIKE says what is
 * special about this one. */
static void
tell_secret(const struct walk *walk, const struct templated *templated,
    struct target_template like)
{
	like.place = TEMPLATE_HEADER;
	like.secret = true;
	tell(walk, templated, like);
}

static void
tell_login(const struct walk *walk, const struct templated *user, const char *user_what,
    const struct templated *password, const char *password_what)
{
	tell_secret(walk, user,
	    (struct target_template){
	        .what = user_what, .from_state = true, .identity = true });
	tell_secret(walk, password,
	    (struct target_template){ .what = password_what, .from_state = true });
}

/* An access token is fetched before a service is asked, for all of the same settings: of the
 * state nothing is known then. */
static void
tell_oauth2(const struct target *target, const struct walk *walk)
{
	tell(walk, &target->auth.oauth2.token_url,
	    (struct target_template){
	        .what = "auth.oauth2.token_url", .place = TEMPLATE_URL });
	tell_secret(walk, &target->auth.oauth2.client_id,
	    (struct target_template){
	        .what = "auth.oauth2.client_id", .identity = true });
	tell_secret(walk, &target->auth.oauth2.client_secret,
	    (struct target_template){ .what = "auth.oauth2.client_secret" });
	tell(walk, &target->auth.oauth2.scope,
	    (struct target_template){
	        .what = "auth.oauth2.scope", .place = TEMPLATE_HEADER });
}

static void
tell_auth(const struct target *target, const struct walk *walk)
{
	tell_secret(walk, &target->auth.bearer,
	    (struct target_template){ .what = "auth.bearer", .from_state = true });
	tell_login(walk, &target->auth.basic.user, "auth.basic.user",
	    &target->auth.basic.password, "auth.basic.password");
	tell_login(walk, &target->auth.digest.user, "auth.digest.user",
	    &target->auth.digest.password, "auth.digest.password");
	tell_oauth2(target, walk);
}

/* Who is asked is known at load; what, when it is. */
static void
tell_prompt(const struct prompt *prompt, const struct walk *walk)
{
	tell(walk, &prompt->provider_name,
	    (struct target_template){ .what = "provider", .place = TEMPLATE_PLAIN });
	tell(walk, &prompt->model,
	    (struct target_template){ .what = "model", .place = TEMPLATE_PLAIN });
	tell(walk, &prompt->prompt.templated,
	    (struct target_template){ .what = "prompt",
	        .place = TEMPLATE_PLAIN,
	        .takes_any = true,
	        .from_state = true });
	tell(walk, &prompt->system.templated,
	    (struct target_template){ .what = "system",
	        .place = TEMPLATE_PLAIN,
	        .takes_any = true,
	        .from_state = true });
}

void
templates_each(const struct target *target, target_template_fn *fn, void *arg)
{
	struct walk walk = { .fn = fn, .arg = arg };
	const struct prompt *prompt = target_prompt(target);

	if (prompt != NULL) {
		tell_prompt(prompt, &walk);
		return;
	}
	tell(&walk, &target->url,
	    (struct target_template){
	        .what = "url", .place = TEMPLATE_URL, .from_state = true });
	for (size_t i = 0; i < target->headers.count; i++)
		tell_header(&walk, &target->headers.items[i]);
	tell_body(target, &walk);
	tell_auth(target, &walk);
}
