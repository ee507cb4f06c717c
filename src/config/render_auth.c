/*
 * `auth`: who asks. All of it is secret, wherever it comes from.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "config/render_parts.h"

static bool
is_said(const struct templated *templated)
{
	return templated->text.place.line > 0;
}

static void
add_bearer(struct rendering *rendering, const char *token)
{
	char *value = xasprintf("Bearer %s", token);
	struct secrets *secrets = rendering->rendered->request.secrets;

	render_add_header(
	    rendering, "Authorization", value, true, "Bearer " MARKED_MASK);
	secrets_add(secrets, token, strlen(token));
	secrets_add(secrets, value, strlen(value));
	free(value);
}

static bool
render_bearer(struct rendering *rendering)
{
	const struct templated *bearer = &rendering->target->auth.bearer;
	struct marked token;
	bool done = render_text(
	    rendering, bearer->template, "auth.bearer", bearer->text.place, &token);

	if (done)
		add_bearer(rendering, token.text.data);
	marked_clear(&token);
	return done;
}

/* A token is fetched before a request is rendered; at load there is none. */
static bool
render_oauth2(struct rendering *rendering)
{
	struct place place = rendering->target->auth.oauth2.token_url.text.place;

	if (rendering->with == NULL)
		return true;
	if (rendering->with->bearer == NULL) {
		render_refuse(
		    rendering, place, xstrdup("auth.oauth2: there is no access token"));
		return false;
	}
	add_bearer(rendering, rendering->with->bearer);
	return true;
}

/* *TEXT becomes what TEMPLATED makes; the caller's. One that is not said is empty. */
static bool
render_credential(struct rendering *rendering, const struct templated *templated,
    const char *what, char **text)
{
	struct marked marked;
	bool done = true;

	if (!is_said(templated)) {
		*text = xstrdup("");
		return true;
	}
	done = render_text(
	    rendering, templated->template, what, templated->text.place, &marked);
	if (done)
		*text = xmemdup0(marked.text.data, marked.text.len);
	marked_clear(&marked);
	return done;
}

static bool
render_basic(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	struct request *request = &rendering->rendered->request;
	bool user = render_credential(
	    rendering, &target->auth.basic.user, "auth.basic.user", &request->user);
	bool password = render_credential(rendering, &target->auth.basic.password,
	    "auth.basic.password", &request->password);

	request->auth = AUTH_BASIC;
	if (!user || !password)
		return false;
	/* RFC 7617, 2: the first colon ends the user. */
	if (strchr(request->user, ':') != NULL) {
		render_refuse(rendering, target->auth.basic.user.text.place,
		    xstrdup("auth.basic.user: a colon in it, which Basic "
		            "authentication cannot carry"));
		return false;
	}
	secrets_add_basic(request->secrets, request->user, request->password);
	return true;
}

static bool
render_digest(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	struct request *request = &rendering->rendered->request;
	bool user = render_credential(
	    rendering, &target->auth.digest.user, "auth.digest.user", &request->user);
	bool password = render_credential(rendering, &target->auth.digest.password,
	    "auth.digest.password", &request->password);

	request->auth = AUTH_DIGEST;
	if (!user || !password)
		return false;
	secrets_add(request->secrets, request->password, strlen(request->password));
	return true;
}

bool
render_auth(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	struct request *request = &rendering->rendered->request;
	bool done = true;

	if (is_said(&target->auth.bearer))
		return render_bearer(rendering);
	if (is_said(&target->auth.oauth2.token_url))
		return render_oauth2(rendering);
	if (is_said(&target->auth.basic.user))
		done = render_basic(rendering);
	else if (is_said(&target->auth.digest.user))
		done = render_digest(rendering);
	/* A user is as much of `auth` as a password. */
	if (done && request->user != NULL)
		secrets_add(request->secrets, request->user, strlen(request->user));
	return done;
}
