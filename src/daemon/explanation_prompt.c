#include "daemon/explanation_lines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/marked.h"
#include "base/pretty.h"
#include "base/units.h"
#include "base/words.h"
#include "config/config.h"
#include "gather/board.h"
#include "gather/budget.h"
#include "gather/gate.h"
#include "gather/providers.h"
#include "gather/trace.h"

/* Of a prompt's text, and of the model's, what is shown. */
#define SHOWN_LINES 40
#define SHOWN_BYTES ((size_t)4 * 1024)

/* As all texts of models count about. */
#define BYTES_PER_TOKEN 4

static const struct prompt *
prompt_of(const struct explanation *explanation)
{
	const struct prompt *prompt = target_prompt(explanation->entry->target);

	assert(prompt != NULL);
	return prompt;
}

/* Every provider of the config has its state on the board. */
static const struct provider_state *
state_of(const struct explanation *explanation)
{
	const struct provider_state *state =
	    providers_find(board_providers(explanation->board),
	        prompt_of(explanation)->provider->name);

	assert(state != NULL);
	return state;
}

static void
append_money(struct buffer *out, int64_t money)
{
	char text[UNITS_TEXT_SIZE];

	units_format_decimal(text, money, MONEY_ONE);
	buffer_append_string(out, text);
}

/* "50000 tokens per 1d, of which this run spent 30: of others it knows nothing" */
static void
append_budget(const struct explanation *explanation, const struct config_budget *limit,
    const struct budget *budget, struct buffer *out)
{
	int64_t spent = budget_spent(budget, limit, explanation->now_ms);

	if (budget_limit(limit) == 0)
		return;
	if (limit->tokens > 0) {
		buffer_append_format(out, "%lld tokens", (long long)limit->tokens);
	} else {
		buffer_append_string(out, "a cost of ");
		append_money(out, limit->cost);
	}
	lines_append_duration(
	    out, " per ", limit->per_ms, ", of which this run spent ");
	if (limit->tokens > 0)
		buffer_append_format(out, "%lld", (long long)spent);
	else
		append_money(out, spent);
	buffer_append_string(out, ": of other runs it knows nothing");
}

/* ---- the provider ---- */

static void
fill_model(const struct explanation *explanation, struct buffer *out)
{
	char *shown = marked_shown(&prompt_of(explanation)->model_name);

	buffer_append_string(out, shown);
	free(shown);
}

static void
fill_api(const struct explanation *explanation, struct buffer *out)
{
	const struct provider *provider = prompt_of(explanation)->provider;

	buffer_append_string(out, api_names[provider->api]);
	if (provider->shown_url != NULL)
		buffer_append_format(out, " at %s", provider->shown_url);
}

static void
fill_at_once(const struct explanation *explanation, struct buffer *out)
{
	const struct provider *provider = prompt_of(explanation)->provider;
	struct gate_facts facts;

	gate_see(state_of(explanation)->gate, explanation->now_us, &facts);
	buffer_append_format(out, "at most %zu", facts.max);
	if (!provider->adaptive) {
		buffer_append_string(out, ", whatever it says to that");
		return;
	}
	if (facts.limit < facts.max)
		buffer_append_format(out, ", %zu for now", facts.limit);
	buffer_append_string(
	    out, ": its push-back lowers that, and its answers raise it again");
}

static void
append_times(struct buffer *out, const char *before, uint64_t times, const char *behind)
{
	if (times > 0)
		buffer_append_format(out, "%s%llu time%s%s", before,
		    (unsigned long long)times, times == 1 ? "" : "s", behind);
}

static void
fill_push_back(const struct explanation *explanation, struct buffer *out)
{
	struct gate_facts facts;

	gate_see(state_of(explanation)->gate, explanation->now_us, &facts);
	if (facts.rejections == 0 && facts.pauses == 0)
		return;
	append_times(out, "", facts.rejections, " (no answer counts, too), ");
	append_times(out, "lowered its limit ", facts.cuts, ", ");
	append_times(out, "paused it ", facts.pauses, ", ");
	buffer_truncate(out, out->len - strlen(", "));
	if (facts.paused_until_us > explanation->now_us)
		lines_append_duration(out, ", now for ",
		    (facts.paused_until_us - explanation->now_us + 999) / 1000, "");
}

static void
fill_rate(const struct explanation *explanation, struct buffer *out)
{
	const struct config_rate *rate = &prompt_of(explanation)->provider->rate;
	char text[UNITS_TEXT_SIZE];

	if (rate->count == 0)
		return;
	units_format_rate(text, rate->count, rate->per_ms);
	buffer_append_format(out, "at most %s started", text);
}

static void
append_price(struct buffer *out, const char *before, int64_t price, const char *behind)
{
	if (price < 0)
		return;
	buffer_append_string(out, out->len > 0 ? ", " : before);
	append_money(out, price);
	buffer_append_string(out, behind);
}

static void
fill_price(const struct explanation *explanation, struct buffer *out)
{
	const struct provider *provider = prompt_of(explanation)->provider;

	append_price(out, "", provider->price.input, " in");
	append_price(out, "", provider->price.output, " out");
	if (out->len > 0)
		buffer_append_string(out, ", for a million tokens");
}

static void
fill_provider_budget(const struct explanation *explanation, struct buffer *out)
{
	const struct provider_state *state = state_of(explanation);

	append_budget(explanation, &state->provider->budget, &state->budget, out);
}

void
explanation_append_provider(const struct view *view)
{
	const struct prompt *prompt = prompt_of(view->explanation);

	lines_heading(view, "Provider");
	lines_row(view, "Name", prompt->provider->name);
	lines_row_of(view, "API", fill_api);
	lines_row_of(view, "Model", fill_model);
	lines_row_of(view, "At once", fill_at_once);
	lines_row_of(view, "Rate", fill_rate);
	lines_row_of(view, "Push-back", fill_push_back);
	lines_row_of(view, "Price", fill_price);
	lines_row_of(view, "Budget", fill_provider_budget);
}

/* ---- limits ---- */

static void
fill_when(const struct explanation *explanation, struct buffer *out)
{
	switch (prompt_of(explanation)->when) {
	case WHEN_ALWAYS:
		return;
	case WHEN_CHANGED:
		buffer_append_string(out,
		    "changed: not again for what its last good answer was to, of which "
		    "this run knows nothing");
		return;
	case WHEN_FAILING:
		buffer_append_string(out, "failing: only while a service fails");
		return;
	}
}

static void
fill_max_tokens(const struct explanation *explanation, struct buffer *out)
{
	const struct prompt *prompt = prompt_of(explanation);
	int64_t demanded = api_facts[prompt->provider->api].max_tokens;

	if (prompt->max_tokens > 0)
		buffer_append_format(
		    out, "%lld for the answer", (long long)prompt->max_tokens);
	else if (demanded > 0)
		buffer_append_format(out,
		    "%lld for the answer, as the API demands a number",
		    (long long)demanded);
}

static void
fill_budget(const struct explanation *explanation, struct buffer *out)
{
	append_budget(explanation, &prompt_of(explanation)->budget,
	    &explanation->entry->budget, out);
}

void
explanation_append_prompt_limits(const struct view *view)
{
	lines_row(view, "Push-back",
	    "tried again while the deadline lasts, without being counted");
	lines_row_of(view, "When", fill_when);
	lines_row_of(view, "Max tokens", fill_max_tokens);
	lines_row_of(view, "Budget", fill_budget);
}

/* ---- what was sent ---- */

/* TEXT, of LEN bytes, behind INDENT columns that are taken. */
static void
put_begin(const struct view *view, const char *text, size_t len, size_t indent)
{
	const struct pretty pretty = {
		.indent = indent,
		.columns = view->screen->columns,
		.max_lines = SHOWN_LINES,
		.max_bytes = SHOWN_BYTES,
	};

	lines_put_laid_out(view, text, len, &pretty);
}

static void
append_prompt_text(const struct view *view, const char *text)
{
	lines_begin_row(view, "Prompt");
	put_begin(view, text, strlen(text), LINES_TEXT_COLUMN);
	lines_end(view);
}

/* "156 bytes, about 39 tokens; 2 values were cut to `max_insert`, 16KiB" */
static void
append_size(const struct view *view, const struct trace_input *input)
{
	const struct prompt *prompt = prompt_of(view->explanation);
	size_t tokens = (input->bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
	char most[UNITS_TEXT_SIZE];
	struct buffer line;

	buffer_init(&line, BUFFER_UNLIMITED);
	words_append_bytes(&line, (double)input->bytes);
	buffer_append_format(
	    &line, ", about %zu token%s", tokens, tokens == 1 ? "" : "s");
	if (input->cut_count > 0) {
		units_format_size(most, prompt->max_insert_bytes);
		buffer_append_format(&line, "; %zu value%s cut to `max_insert`, %s",
		    input->cut_count, input->cut_count == 1 ? " was" : "s were", most);
	}
	lines_row(view, "Input", line.data);
	buffer_clear(&line);
}

void
explanation_append_input(const struct view *view, const struct trace_attempt *attempt)
{
	if (attempt->input->text != NULL)
		append_prompt_text(view, attempt->input->text);
	append_size(view, attempt->input);
}

void
explanation_append_unsent(const struct view *view)
{
	const struct outcome_prompt *part = view->explanation->entry->outcome.prompt;

	if (part != NULL && part->prompt != NULL)
		append_prompt_text(view, part->prompt);
}

/* ---- what came back ---- */

static void
append_count(struct buffer *out, int64_t count, const char *behind)
{
	if (count >= 0)
		buffer_append_format(out, "%s%lld %s", out->len > 0 ? ", " : "",
		    (long long)count, behind);
}

/* "14 in, 16 out, 3 of that reasoning, 30 in all" */
static void
fill_tokens(const struct explanation *explanation, struct buffer *out)
{
	const struct prompt_usage *usage = &explanation->entry->outcome.prompt->usage;

	append_count(out, usage->input, "in");
	append_count(out, usage->cached, "of that from a cache");
	append_count(out, usage->output, "out");
	append_count(out, usage->reasoning, "of that reasoning");
	append_count(out, usage->total, "in all");
}

static void
fill_cost(const struct explanation *explanation, struct buffer *out)
{
	int64_t cost = explanation->entry->outcome.prompt->cost;

	if (cost >= 0)
		append_money(out, cost);
}

static void
fill_unknown(const struct explanation *explanation, struct buffer *out)
{
	unsigned count = explanation->entry->outcome.prompt->usage_unknown_attempts;

	if (count > 0)
		buffer_append_format(out,
		    "unknown of %u attempt%s, which may have been paid for all the same",
		    count, count == 1 ? "" : "s");
}

void
explanation_append_usage(const struct view *view)
{
	const struct outcome_prompt *part = view->explanation->entry->outcome.prompt;

	if (part == NULL)
		return;
	/* Else it is the one that was asked, which stands above. */
	if (part->model != NULL &&
	    (part->finish_reason != NULL || prompt_usage_is_known(&part->usage)))
		lines_row(view, "Model", part->model);
	if (part->finish_reason != NULL)
		lines_row(view, "Finish", part->finish_reason);
	lines_row_of(view, "Tokens", fill_tokens);
	lines_row_of(view, "Cost", fill_cost);
	lines_row_of(view, "Usage", fill_unknown);
	if (part->request_id != NULL)
		lines_row(view, "Request ID", part->request_id);
}

bool
explanation_append_response(const struct view *view)
{
	const struct outcome_prompt *part = view->explanation->entry->outcome.prompt;

	if (part == NULL || part->response == NULL)
		return false;
	lines_heading(view, "Begin of the answer");
	lines_put(view, "  ");
	put_begin(view, part->response, part->response_len, 2);
	lines_end(view);
	return true;
}
