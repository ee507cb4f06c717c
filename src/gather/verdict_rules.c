#include "gather/judgement.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/secrets.h"
#include "base/span.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "gather/trace.h"
#include "gather/verdict.h"
#include "http/request.h"

/* Of broken rules, how many the message tells one by one. */
#define MAX_TOLD_RULES 3

/* ---- the status ---- */

static void
append_statuses(struct buffer *out, const struct rules *rules)
{
	for (size_t i = 0; i < rules->status_count; i++) {
		const struct status_range *range = &rules->statuses[i];

		buffer_append_format(out, i > 0 ? ", %u" : "%u", range->first);
		if (range->last != range->first)
			buffer_append_format(out, "-%u", range->last);
	}
	if (rules->status_count == 0)
		buffer_append_string(out, "200-299");
}

/* What was expected is told only where that was said. */
char *
judgement_status_message(const struct judgement *judgement)
{
	const struct rules *rules = &judgement->target->expect.rules;
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	buffer_append_format(
	    &out, "returned HTTP %ld", judgement->response->http_status);
	if (rules->status_count > 0) {
		buffer_append_string(&out, " (expected ");
		append_statuses(&out, rules);
		buffer_append_char(&out, ')');
	}
	return buffer_take(&out);
}

/* "status: expected 200-299, got 404", or where it HOLDS "status: 200". */
static void
append_status_result(
    struct buffer *out, const struct rules *rules, bool holds, long http_status)
{
	buffer_append_string(out, "status: ");
	if (!holds) {
		buffer_append_string(out, "expected ");
		append_statuses(out, rules);
		buffer_append_string(out, ", got ");
	}
	buffer_append_format(out, "%ld", http_status);
}

bool
judgement_status_holds(const struct judgement *judgement)
{
	const struct rules *rules = &judgement->target->expect.rules;
	long http_status = judgement->response->http_status;
	struct trace_attempt *trace = judgement->context->trace;
	bool holds = rules_status_holds(rules, http_status);
	struct buffer text;

	if (trace == NULL)
		return holds;
	buffer_init(&text, BUFFER_UNLIMITED);
	append_status_result(&text, rules, holds, http_status);
	trace_add_rule(trace, false, holds, text.data);
	buffer_clear(&text);
	return holds;
}

/* ---- rules ---- */

/* What is wrong with an answer, rule by rule. */
struct broken {
	struct trace_attempt *trace; /* NULL: nobody asks */
	bool warn;                   /* the rules are those of `warn` */
	char **texts;                /* owned, and each of them */
	size_t count;
};

/* All but the first KEPT of them. */
static void
forget(struct broken *broken, size_t kept)
{
	while (broken->count > kept)
		free(broken->texts[--broken->count]);
}

static void
clear(struct broken *broken)
{
	forget(broken, 0);
	free((void *)broken->texts);
	broken->texts = NULL;
}

static void
on_result(UNUSED const struct rule *rule, bool holds, const char *text, void *arg)
{
	struct broken *broken = arg;

	if (broken->trace != NULL)
		trace_add_rule(broken->trace, broken->warn, holds, text);
	if (holds)
		return;
	broken->texts = xgrow((void *)broken->texts, broken->count, sizeof(char *));
	broken->texts[broken->count++] = xstrdup(text);
}

/* The rules cut what they tell short. Half a secret is found no more: where there is one,
 * nothing of the answer is told. Looked for only where something is to be told. */
static void
be_discreet(struct judgement *judgement)
{
	struct facts *facts = &judgement->facts;

	facts->discreet = facts->discreet || judgement_echoes_secret(judgement);
}

/* Hold RULES against the facts; what is broken goes into BROKEN. */
static void
check(struct judgement *judgement, const struct rules *rules, struct broken *broken)
{
	struct facts *facts = &judgement->facts;
	bool all = broken->trace != NULL;
	const size_t before = broken->count;
	bool was_discreet;

	if (rules->count == 0)
		return;
	if (all)
		be_discreet(judgement);
	was_discreet = facts->discreet || all;
	if (rules_check(rules, facts, all, on_result, broken) || was_discreet)
		return;
	be_discreet(judgement);
	if (!facts->discreet)
		return;
	forget(broken, before);
	(void)rules_check(rules, facts, false, on_result, broken);
}

/* "A; B; C; and 2 more" */
static char *
join(const struct broken *broken)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	for (size_t i = 0; i < broken->count && i < MAX_TOLD_RULES; i++) {
		if (i > 0)
			buffer_append_string(&out, "; ");
		buffer_append_string(&out, broken->texts[i]);
	}
	if (broken->count > MAX_TOLD_RULES)
		buffer_append_format(
		    &out, "; and %zu more", broken->count - MAX_TOLD_RULES);
	return buffer_take(&out);
}

bool
judgement_expect(struct judgement *judgement)
{
	struct broken broken = { .trace = judgement->context->trace };
	bool holds;

	check(judgement, &judgement->target->expect.rules, &broken);
	holds = broken.count == 0;
	if (!holds)
		judgement_fail(judgement, KIND_EXPECTATION, join(&broken));
	clear(&broken);
	return holds;
}

/* What `warn` says of the status; what it does not say is no concern of it. */
static void
check_status(const struct judgement *judgement, struct broken *broken)
{
	const struct rules *rules = &judgement->target->warn.rules;
	long http_status = judgement->response->http_status;
	bool holds = rules_status_holds(rules, http_status);
	struct buffer text;

	if (rules->status_count == 0 || (holds && broken->trace == NULL))
		return;
	buffer_init(&text, BUFFER_UNLIMITED);
	append_status_result(&text, rules, holds, http_status);
	on_result(NULL, holds, text.data, broken);
	buffer_clear(&text);
}

void
judgement_warn(struct judgement *judgement)
{
	struct broken broken = { .trace = judgement->context->trace, .warn = true };

	check_status(judgement, &broken);
	check(judgement, &judgement->target->warn.rules, &broken);
	if (broken.count > 0)
		judgement->outcome->status = STATUS_DEGRADED;
	for (size_t i = 0; i < broken.count; i++)
		outcome_warn(judgement->outcome, broken.texts[i]);
	free((void *)broken.texts);
}

/* ---- values ---- */

/* Begin the member NAME of the object that OUT ends in. */
static void
append_name(struct buffer *out, const char *name)
{
	buffer_append_string(out, out->len > 0 ? ",\"" : "{\"");
	json_write_append_escaped(out, name, strlen(name));
	buffer_append_string(out, "\":");
}

/* extract_append(), whose reason tells no secret of the request. */
static bool
take(const struct extract *extract, struct judgement *judgement, struct buffer *out,
    char **why)
{
	if (extract_append(extract, &judgement->facts, out, why))
		return true;
	if (judgement->facts.discreet)
		return false;
	be_discreet(judgement);
	if (!judgement->facts.discreet)
		return false;
	free(*why);
	return extract_append(extract, &judgement->facts, out, why);
}

/* The value of EXTRACT into VALUES or, where it is secret, into SECRET_VALUES. */
static void
extract_one(struct judgement *judgement, const struct extract *extract,
    struct buffer *values, struct buffer *secret_values)
{
	struct buffer *out = extract->secret ? secret_values : values;
	size_t before = out->len;
	char *why = NULL;

	append_name(out, extract->name);
	if (take(extract, judgement, out, &why)) {
		if (extract->secret) {
			append_name(values, extract->name);
			buffer_append_string(values, "\"" MARKED_MASK "\"");
		}
		return;
	}
	buffer_truncate(out, before);
	append_name(values, extract->name);
	buffer_append_string(values, "null");
	outcome_warn(judgement->outcome, xasprintf("%s: %s", extract->name, why));
	free(why);
}

/* Close the object that VALUES is and hand it over; NULL where nothing is in it. */
static char *
take_object(struct buffer *values, size_t *len)
{
	if (values->len == 0)
		return NULL;
	buffer_append_char(values, '}');
	*len = values->len;
	return buffer_take(values);
}

/* VALUES, JSON, without what is one of SECRETS. */
static void
mask(const struct secrets *secrets, struct buffer *values)
{
	struct buffer masked;

	if (secrets_empty(secrets) || values->len == 0)
		return;
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked_json(secrets, &masked, values->data, values->len);
	buffer_clear(values);
	*values = masked;
}

/* The strings in JSON, but for names, are SECRETS. */
static void
add_strings(struct secrets *secrets, struct span json)
{
	const char *end = json.text + json.len;
	struct span token = span_token(json.text, end);

	while (token.len > 0) {
		struct span next = span_token(token.text + token.len, end);
		bool is_name = next.len > 0 && *next.text == ':';
		size_t len;
		char *text = is_name ? NULL : span_text(token, &len);

		if (text != NULL)
			secrets_add(secrets, text, len);
		free(text);
		token = next;
	}
}

/* The values that are open may hold what a secret one says, or the request does. */
static void
mask_values(struct judgement *judgement, struct buffer *values)
{
	const struct outcome *outcome = judgement->outcome;
	struct secrets *secrets;
	struct span_walk walk;
	struct span name, value;

	mask(judgement->request->secrets, values);
	if (outcome->secret_values == NULL)
		return;
	secrets = secrets_new();
	span_walk_init(
	    &walk, span_whole(outcome->secret_values, outcome->secret_values_len));
	while (span_walk_next(&walk, &name, &value))
		add_strings(secrets, value);
	mask(secrets, values);
	secrets_free(secrets);
}

void
judgement_extract(struct judgement *judgement)
{
	const struct config_extracts *extracts = &judgement->target->extract;
	struct outcome *outcome = judgement->outcome;
	struct buffer values;
	struct buffer secret_values;

	if (extracts->count == 0)
		return;
	buffer_init(&values, BUFFER_UNLIMITED);
	buffer_init(&secret_values, BUFFER_UNLIMITED);
	for (size_t i = 0; i < extracts->count; i++)
		extract_one(judgement, &extracts->items[i], &values, &secret_values);
	outcome->secret_values =
	    take_object(&secret_values, &outcome->secret_values_len);
	mask_values(judgement, &values);
	outcome->values = take_object(&values, &outcome->values_len);
	buffer_clear(&secret_values);
	buffer_clear(&values);
}
