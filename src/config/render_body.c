/*
 * The body of a request, text, JSON or a form, and the header that says which.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/marked.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/json_body.h"
#include "config/render.h"
#include "config/render_parts.h"

#define JSON_TYPE "application/json"
/* Also what curl(1) says of a body that it knows nothing of. */
#define FORM_TYPE "application/x-www-form-urlencoded"

/* ---- JSON ---- */

static void
look_for_fault(UNUSED const struct text *text, struct template **template, void *arg)
{
	bool *whole = arg;

	if (*template == NULL)
		*whole = false;
}

static bool
render_json(struct rendering *rendering, struct marked *out)
{
	const struct config_json *json = &rendering->target->json;
	struct template_value root = render_root_value(&rendering->root);
	const char *name = NULL;
	enum template_result result;
	bool whole = true;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	json_body_each(json->body, look_for_fault, &whole);
	if (!whole)
		return false;
	result = json_body_render(
	    json->body, &root, out, rendering->rendered->request.secrets, &name);
	if (result != TEMPLATE_RENDERED)
		render_refuse_result(
		    rendering, json->source->place, result, "json", name);
	return result == TEMPLATE_RENDERED;
}

/* ---- forms ---- */

/* application/x-www-form-urlencoded, as curl's --data-urlencode: a blank is "+", all but
 * unreserved characters (RFC 3986, 2.3) are percent-encoded. */
static bool
append_encoded(struct marked *out, const char *text, size_t len, enum mark mark)
{
	static const char hex[] = "0123456789ABCDEF";
	struct buffer encoded;
	bool done;

	buffer_init(&encoded, BUFFER_UNLIMITED);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c >= '0' && c <= '9') ||
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		    (c != '\0' && strchr("-._~", c) != NULL))
			buffer_append_char(&encoded, (char)c);
		else if (c == ' ')
			buffer_append_char(&encoded, '+');
		else
			buffer_append(&encoded,
			    (const char[]){ '%', hex[c >> 4], hex[c & 0xf] }, 3);
	}
	done = marked_append(out, encoded.data, encoded.len, mark);
	buffer_clear(&encoded);
	return done;
}

/* Part by part, so that what was secret stays secret. */
static bool
append_value(struct marked *out, const struct marked *value)
{
	bool done = true;

	for (size_t i = 0; done && i < value->part_count; i++) {
		const char *text;
		size_t len;
		enum mark mark;

		marked_part(value, i, &text, &len, &mark);
		done = append_encoded(out, text, len, mark);
	}
	return done;
}

static bool
render_field(
    struct rendering *rendering, const struct config_pair *field, struct marked *out)
{
	char *what = xasprintf("form: %s", field->name);
	struct marked value;
	bool done =
	    render_text(rendering, field->template, what, field->text.place, &value);

	if (done &&
	    !(append_encoded(out, field->name, strlen(field->name), MARK_OWN) &&
	        marked_append(out, "=", 1, MARK_OWN) && append_value(out, &value))) {
		render_refuse_result(
		    rendering, field->text.place, TEMPLATE_TOO_LARGE, "form", NULL);
		done = false;
	}
	marked_clear(&value);
	free(what);
	return done;
}

static bool
render_form(struct rendering *rendering, struct marked *out)
{
	const struct config_pairs *form = &rendering->target->form;
	bool done = true;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	for (size_t i = 0; i < form->count; i++) {
		if (i > 0)
			(void)marked_append(out, "&", 1, MARK_OWN);
		if (!render_field(rendering, &form->items[i], out))
			done = false;
	}
	return done;
}

/* ---- the body ---- */

/* The service's own header wins. */
static void
add_content_type(struct rendering *rendering, const char *type)
{
	const struct config_pairs *headers = &rendering->target->headers;

	for (size_t i = 0; i < headers->count; i++) {
		if (strcasecmp(headers->items[i].name, "Content-Type") == 0)
			return;
	}
	render_add_header(rendering, "Content-Type", type, false, type);
}

static void
set_body(struct rendering *rendering, const struct marked *body, const char *type)
{
	struct rendered_request *rendered = rendering->rendered;
	struct request *request = &rendered->request;

	request->body = xmemdup0(body->text.data, body->text.len);
	request->body_len = body->text.len;
	request->body_secret = marked_has_secret(body);
	if (rendering->with != NULL && rendering->with->shown)
		rendered->shown_body = marked_shown(body);
	add_content_type(rendering, type);
}

bool
render_body(struct rendering *rendering)
{
	const struct target *target = rendering->target;
	bool is_text =
	    target->body.template != NULL || target->body.text.place.line > 0;
	const char *type = target->json.body != NULL ? JSON_TYPE : FORM_TYPE;
	struct marked body;
	bool done;

	if (target->json.body != NULL)
		done = render_json(rendering, &body);
	else if (is_text)
		done = render_text(rendering, target->body.template, "body",
		    target->body.text.place, &body);
	else if (target->form.items != NULL)
		done = render_form(rendering, &body);
	else
		return true;
	if (done)
		set_body(rendering, &body, type);
	marked_clear(&body);
	return done;
}
