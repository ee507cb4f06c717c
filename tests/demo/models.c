/*
 * A language model of little brain, asked by each API that gatherd speaks: it reads lines such
 * as "orders: ok" and says which of those named are not well; of anything else it repeats how
 * it began. With JSON asked for, it answers {"summary": ..., "failing": N}.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/names.h"
#include "base/span.h"

#define MODEL      "demo-1"
#define MAX_DEPTH  32
#define ECHO_BYTES 60
#define MAX_NAMED  8

/* ---- what it says ---- */

/* What it knows of one text. */
struct reading {
	unsigned lines; /* of the form "NAME: STATUS" */
	unsigned failing;
	struct buffer names; /* of those, with their statuses */
};

static const char *const good[] = { "ok", "degraded", NULL };
static const char *const bad[] = { "timeout", "http_error", "error", "cancelled",
	"skipped", NULL };

/* Is TEXT, LEN bytes, one of NAMES? */
static bool
is_one_of(const char *text, size_t len, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strlen(*names) == len && memcmp(*names, text, len) == 0)
			return true;
	}
	return false;
}

static void
read_line(struct reading *reading, const char *line, size_t len)
{
	const char *colon = memrchr(line, ':', len);
	const char *name = line;
	const char *status;
	size_t status_len;

	if (colon == NULL || line + len - colon < 3)
		return;
	while (name < colon && (*name == '-' || *name == ' '))
		name++;
	status = colon + 2;
	status_len = (size_t)(line + len - status);
	if (is_one_of(status, status_len, bad)) {
		if (reading->failing++ < MAX_NAMED)
			buffer_append_format(&reading->names, "%s%.*s (%.*s)",
			    reading->failing > 1 ? ", " : "", (int)(colon - name), name,
			    (int)status_len, status);
	} else if (!is_one_of(status, status_len, good)) {
		return;
	}
	reading->lines++;
}

static void
read_text(struct reading *reading, const char *text)
{
	*reading = (struct reading){ 0 };
	buffer_init(&reading->names, BUFFER_UNLIMITED);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		read_line(reading, text, len);
		text += len;
		text += *text == '\n';
	}
}

static void
say(const struct reading *reading, const char *text, struct buffer *out)
{
	size_t len = strcspn(text, "\n");

	if (reading->lines == 0)
		buffer_append_format(out, "You asked: %.*s",
		    (int)(len < ECHO_BYTES ? len : ECHO_BYTES), text);
	else if (reading->failing == 0)
		buffer_append_format(out, "All %u are well.", reading->lines);
	else
		buffer_append_format(out, "%u of %u need attention: %s.",
		    reading->failing, reading->lines, reading->names.data);
}

/* The answer to TEXT, as JSON if that is wanted. */
static void
think(const char *text, bool as_json, struct buffer *out)
{
	struct reading reading;
	struct json_write json;
	struct buffer summary;

	read_text(&reading, text);
	buffer_init(&summary, BUFFER_UNLIMITED);
	say(&reading, text, &summary);
	if (as_json) {
		json_write_init(&json, out);
		json_write_begin_object(&json);
		json_write_key(&json, "summary");
		json_write_string(&json, summary.data);
		json_write_key(&json, "failing");
		json_write_int(&json, reading.failing);
		json_write_end_object(&json);
	} else {
		buffer_append(out, summary.data, summary.len);
	}
	buffer_clear(&summary);
	buffer_clear(&reading.names);
}

/* ---- what it is asked, and how it answers ---- */

/* One of the APIs. */
struct api {
	const char *path;
	struct span (*prompt)(struct span body); /* the last thing that was said */
	const char
	    *format; /* the key that asks for JSON; within `settings` if that is said */
	const char *settings;
	/* The answer, with %T for the text as a JSON string and %I, %O, %S for tokens of input,
	 * output and their sum. */
	const char *answer;
};

static struct span
last_item(struct span list)
{
	struct span_walk walk;
	struct span key, item, last = { .text = NULL };

	span_walk_init(&walk, list);
	while (span_walk_next(&walk, &key, &item))
		last = item;
	return last;
}

static struct span
last_message(struct span body)
{
	return span_member(last_item(span_member(body, "messages")), "content");
}

static struct span
last_content(struct span body)
{
	struct span content = last_item(span_member(body, "contents"));

	return span_member(last_item(span_member(content, "parts")), "text");
}

static struct span
input(struct span body)
{
	return span_member(body, "input");
}

static const struct api gemini = {
	.prompt = last_content,
	.format = "responseMimeType",
	.settings = "generationConfig",
	.answer =
	    "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": %T}], \"role\": "
	    "\"model\"}, \"finishReason\": \"STOP\", \"index\": 0}],\n"
	    " \"usageMetadata\": {\"promptTokenCount\": %I, "
	    "\"candidatesTokenCount\": %O, \"totalTokenCount\": %S},\n"
	    " \"modelVersion\": \"" MODEL "\", \"responseId\": \"demo\"}\n",
};

/* Not const: evhttp hands them back as it got them. */
static struct api apis[] = {
	{ .path = "/v1/chat/completions",
	    .prompt = last_message,
	    .format = "response_format",
	    .answer =
	        "{\"id\": \"demo\", \"object\": \"chat.completion\", \"model\": "
	        "\"" MODEL "\",\n"
	        " \"choices\": [{\"index\": 0, \"message\": {\"role\": "
	        "\"assistant\", \"content\": %T}, \"finish_reason\": \"stop\"}],\n"
	        " \"usage\": {\"prompt_tokens\": %I, \"completion_tokens\": %O, "
	        "\"total_tokens\": %S}}\n" },
	{ .path = "/v1/responses",
	    .prompt = input,
	    .format = "format",
	    .settings = "text",
	    .answer = "{\"id\": \"demo\", \"object\": \"response\", \"status\": "
	              "\"completed\", \"model\": \"" MODEL "\",\n"
	              " \"output\": [{\"type\": \"message\", \"role\": \"assistant\", "
	              "\"content\": [{\"type\": \"output_text\", \"text\": %T}]}],\n"
	              " \"usage\": {\"input_tokens\": %I, \"output_tokens\": %O, "
	              "\"total_tokens\": %S}}\n" },
	{ .path = "/v1/messages",
	    .prompt = last_message,
	    .format = "output_config",
	    .answer = "{\"id\": \"demo\", \"type\": \"message\", \"role\": "
	              "\"assistant\", \"model\": \"" MODEL "\",\n"
	              " \"content\": [{\"type\": \"text\", \"text\": %T}], "
	              "\"stop_reason\": \"end_turn\",\n"
	              " \"usage\": {\"input_tokens\": %I, \"output_tokens\": %O}}\n" },
	{ .path = "/api/chat",
	    .prompt = last_message,
	    .format = "format",
	    .answer =
	        "{\"model\": \"" MODEL "\", \"message\": {\"role\": \"assistant\", "
	        "\"content\": %T},\n"
	        " \"done\": true, \"done_reason\": \"stop\", "
	        "\"prompt_eval_count\": %I, \"eval_count\": %O}\n" },
};

/* Append API's answer that says TEXT to a request of INPUT_BYTES. A token is four bytes. */
static void
put_answer(const struct api *api, const struct buffer *text, size_t input_bytes,
    struct buffer *out)
{
	size_t asked = input_bytes / 4 + 1;
	size_t said = text->len / 4 + 1;
	struct json_write json;

	for (const char *at = api->answer; *at != '\0'; at++) {
		if (*at != '%') {
			buffer_append_char(out, *at);
			continue;
		}
		switch (*++at) {
		case 'T':
			json_write_init(&json, out);
			json_write_string(&json, text->data);
			break;
		case 'I':
			buffer_append_format(out, "%zu", asked);
			break;
		case 'O':
			buffer_append_format(out, "%zu", said);
			break;
		case 'S':
			buffer_append_format(out, "%zu", asked + said);
			break;
		}
	}
}

static bool
wants_json(const struct api *api, struct span body)
{
	struct span settings =
	    api->settings != NULL ? span_member(body, api->settings) : body;

	return settings.text != NULL &&
	    !span_is_nothing(span_member(settings, api->format));
}

/* REQUEST's BODY is compact JSON. */
static void
reply(struct evhttp_request *request, const struct api *api, struct span body)
{
	char *prompt = span_text(api->prompt(body), NULL);
	struct buffer text, out;

	if (prompt == NULL) {
		answer_json(request, HTTP_BADREQUEST,
		    "{\"error\": {\"message\": \"there is no prompt in it\"}}\n");
		return;
	}
	buffer_init(&text, BUFFER_UNLIMITED);
	buffer_init(&out, BUFFER_UNLIMITED);
	think(prompt, wants_json(api, body), &text);
	put_answer(api, &text, strlen(prompt), &out);
	answer_json(request, HTTP_OK, out.data);
	buffer_clear(&out);
	buffer_clear(&text);
	free(prompt);
}

static void
answer_prompt(struct evhttp_request *request, const struct api *api)
{
	struct json_scan scan;
	struct buffer body;

	asked_body(request, &body);
	if (json_scan_compact(body.data, body.len, MAX_DEPTH, &scan))
		reply(request, api, (struct span){ body.data, scan.len });
	else
		answer_json(request, HTTP_BADREQUEST,
		    "{\"error\": {\"message\": \"that is no JSON\"}}\n");
	buffer_clear(&body);
}

static void
on_prompt(struct evhttp_request *request, void *arg)
{
	answer_prompt(request, arg);
}

bool
models_answer(struct evhttp_request *request)
{
	static const char models[] = "/v1beta/models/";
	static const char method[] = ":generateContent";
	const char *path = evhttp_request_get_uri(request);

	if (strncmp(path, models, sizeof(models) - 1) != 0 ||
	    strstr(path, method) == NULL)
		return false;
	answer_prompt(request, &gemini);
	return true;
}

void
models_serve(struct evhttp *http)
{
	for (size_t i = 0; i < ARRAY_COUNT(apis); i++)
		evhttp_set_cb(http, apis[i].path, on_prompt, &apis[i]);
}
