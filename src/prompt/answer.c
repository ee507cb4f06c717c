#include "prompt/answer.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "http/request.h"
#include "prompt/dialect.h"
#include "prompt/error_words.h"
#include "rules/rules.h"

/* ---- usage ---- */

void
prompt_usage_init(struct prompt_usage *usage)
{
	*usage = (struct prompt_usage){
		.input = -1,
		.output = -1,
		.reasoning = -1,
		.cached = -1,
		.total = -1,
	};
}

bool
prompt_usage_is_known(const struct prompt_usage *usage)
{
	return usage->input >= 0 || usage->output >= 0 || usage->reasoning >= 0 ||
	    usage->cached >= 0 || usage->total >= 0;
}

/* ---- answers ---- */

/* What the dialect found in an answer that is an error gives way to that, but for the model and
 * what was used up: it may have to be paid for. */
static void
set_error(const struct error_words *words, struct prompt_answer *answer)
{
	buffer_reset(&answer->text);
	free(answer->why);
	answer->ending = ENDING_ERROR;
	answer->why = error_words_message(words);
	answer->error_status = error_words_status(words);
}

void
prompt_read_answer(
    enum api api, struct span body, size_t input_bytes, struct prompt_answer *answer)
{
	struct prompt_usage *usage = &answer->usage;
	struct error_words words;

	*answer = (struct prompt_answer){ .ending = ENDING_NORMAL };
	/* No text is longer than what it is spelled in. */
	buffer_init(&answer->text, body.len);
	prompt_usage_init(usage);
	dialect_of(api)->read(body, input_bytes, answer);
	if (error_words_find(body, &words))
		set_error(&words, answer);
	if (usage->total < 0 && usage->input >= 0 && usage->output >= 0)
		usage->total = usage->input + usage->output;
}

void
prompt_answer_clear(struct prompt_answer *answer)
{
	buffer_clear(&answer->text);
	free(answer->finish_reason);
	free(answer->why);
	free(answer->model);
	free(answer->warning);
	answer->finish_reason = NULL;
	answer->why = NULL;
	answer->model = NULL;
	answer->warning = NULL;
}

/* ---- who was asked ---- */

char *
prompt_request_id(const struct response *response)
{
	/* The rarer one first: many a proxy adds the other. */
	static const char *const names[] = { "request-id", "x-request-id" };
	char *id = NULL;

	for (size_t i = 0; i < ARRAY_COUNT(names) && id == NULL; i++) {
		id = rules_find_header(response->head, names[i]);
		if (id != NULL && id[0] == '\0') {
			free(id);
			id = NULL;
		}
	}
	return id;
}
