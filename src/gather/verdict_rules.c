#include "gather/judgement.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/json_write.h"
#include "base/marked.h"
#include "base/secrets.h"
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
	buffer_append_string(&text, "status: ");
	if (!holds) {
		buffer_append_string(&text, "expected ");
		append_statuses(&text, rules);
		buffer_append_string(&text, ", got ");
	}
	buffer_append_format(&text, "%ld", http_status);
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

static void
forget(struct broken *broken)
{
	for (size_t i = 0; i < broken->count; i++)
		free(broken->texts[i]);
	free((void *)broken->texts);
	broken->texts = NULL;
	broken->count = 0;
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
	forget(broken);
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
	forget(&broken);
	return holds;
}

void
judgement_warn(struct judgement *judgement)
{
	struct broken broken = { .trace = judgement->context->trace, .warn = true };

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

/* VALUES without what the request holds secret. */
static void
mask(const struct judgement *judgement, struct buffer *values)
{
	const struct secrets *secrets = judgement->request->secrets;
	struct buffer masked;

	if (secrets_empty(secrets) || values->len == 0)
		return;
	buffer_init(&masked, BUFFER_UNLIMITED);
	secrets_append_masked_json(secrets, &masked, values->data, values->len);
	buffer_clear(values);
	*values = masked;
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
	mask(judgement, &values);
	outcome->values = take_object(&values, &outcome->values_len);
	outcome->secret_values =
	    take_object(&secret_values, &outcome->secret_values_len);
	buffer_clear(&secret_values);
	buffer_clear(&values);
}
