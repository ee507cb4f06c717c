#include "rules/rules.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/json_pointers.h"
#include "base/utf8.h"

#define MS_PER_DAY INT64_C(86400000)

void
rules_clear(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		free(rules->items[i].name);
		condition_clear(&rules->items[i].condition);
	}
	free(rules->items);
	free(rules->statuses);
	*rules = (struct rules){ .items = NULL };
}

bool
rules_status_holds(const struct rules *rules, long http_status)
{
	for (size_t i = 0; i < rules->status_count; i++) {
		if (http_status >= (long)rules->statuses[i].first &&
		    http_status <= (long)rules->statuses[i].last)
			return true;
	}
	return rules->status_count == 0 && http_status >= 200 && http_status <= 299;
}

/* ---- headers ---- */

/* One line of a head, less its end. */
struct line {
	const char *text;
	size_t len;
};

static bool
next_line(const char **at, struct line *line)
{
	size_t len = strcspn(*at, "\n");

	if (**at == '\0')
		return false;
	line->text = *at;
	line->len = len > 0 && line->text[len - 1] == '\r' ? len - 1 : len;
	*at += len + ((*at)[len] == '\n' ? 1 : 0);
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Append LINE from START on, without the white space around it. */
static void
append_trimmed(struct buffer *out, const struct line *line, size_t start)
{
	size_t end = line->len;

	while (start < end && is_blank(line->text[start]))
		start++;
	while (end > start && is_blank(line->text[end - 1]))
		end--;
	utf8_append_repaired(out, line->text + start, end - start);
}

char *
rules_find_header(const char *head, const char *name)
{
	const size_t name_len = strlen(name);
	bool found = false;
	bool within = false; /* the line before is one of it */
	struct buffer value;
	struct line line;

	buffer_init(&value, BUFFER_UNLIMITED);
	while (head != NULL && next_line(&head, &line)) {
		/* A line that goes on with the one before (RFC 9112, section 5.2). */
		if (line.len > 0 && is_blank(line.text[0])) {
			if (!within)
				continue;
			buffer_append_char(&value, ' ');
			append_trimmed(&value, &line, 0);
			continue;
		}
		within = line.len > name_len && line.text[name_len] == ':' &&
		    strncasecmp(line.text, name, name_len) == 0;
		if (!within)
			continue;
		if (found)
			buffer_append_string(&value, ", ");
		found = true;
		append_trimmed(&value, &line, name_len + 1);
	}
	return found ? buffer_take(&value) : NULL;
}

/* ---- what a rule looks at ---- */

static int64_t
whole_days(int64_t ms)
{
	return ms / MS_PER_DAY - (ms % MS_PER_DAY < 0 ? 1 : 0);
}

static struct fact
fact_of_text(const char *text, size_t len, bool discreet)
{
	return (struct fact){
		.kind = text != NULL ? FACT_TEXT : FACT_ABSENT,
		.text = text,
		.len = len,
		.discreet = discreet,
	};
}

static struct fact
fact_of_number(double number)
{
	return (struct fact){ .kind = FACT_NUMBER, .number = number };
}

/* HEADER is the rule's, if it is about one. */
static struct fact
fact_of(const struct rule *rule, const struct facts *facts, const char *header)
{
	struct fact fact = { .kind = FACT_ABSENT };

	switch (rule->subject) {
	case RULE_JSON:
		if (!facts->has_json)
			break;
		fact.json = facts->found[rule->pointer];
		fact.kind = fact.json.text != NULL ? FACT_JSON : FACT_ABSENT;
		fact.discreet = facts->discreet;
		break;
	case RULE_BODY:
		return fact_of_text(facts->body, facts->body_len, facts->discreet);
	case RULE_HEADER:
		return fact_of_text(
		    header, header != NULL ? strlen(header) : 0, facts->discreet);
	case RULE_DURATION:
		return fact_of_number((double)facts->duration_us / 1000);
	case RULE_CERTIFICATE_DAYS:
		if (facts->has_certificate)
			return fact_of_number(
			    (double)whole_days(facts->certificate_left_ms));
		break;
	}
	return fact;
}

/* ---- messages ---- */

char *
facts_pointer_end(const struct facts *facts, size_t number, const char *name)
{
	if (facts->pointers != NULL)
		return json_pointers_end(facts->pointers, facts->found, number);
	return json_pointer_end(facts->json, name);
}

static void
append_subject(const struct rule *rule, struct buffer *out)
{
	switch (rule->subject) {
	case RULE_JSON:
		/* The pointer to all of it is empty. */
		buffer_append_string(out, *rule->name != '\0' ? rule->name : "JSON");
		break;
	case RULE_BODY:
		buffer_append_string(out, "body");
		break;
	case RULE_HEADER:
		buffer_append_format(out, "header %s", rule->name);
		break;
	case RULE_DURATION:
		buffer_append_string(out, "duration");
		break;
	case RULE_CERTIFICATE_DAYS:
		buffer_append_string(out, "certificate_days");
		break;
	}
	buffer_append_string(out, ": ");
}

/* Why there is nothing. */
static void
append_absence(const struct rule *rule, const struct facts *facts, struct buffer *out)
{
	char *end;

	switch (rule->subject) {
	case RULE_JSON:
		if (!facts->has_json) {
			buffer_append_string(out, ", but there is no JSON");
			break;
		}
		end = facts_pointer_end(facts, rule->pointer, rule->name);
		buffer_append_format(out, ", but the path %s", end);
		free(end);
		break;
	case RULE_BODY:
		buffer_append_string(out, ", but there is no body");
		break;
	case RULE_HEADER:
		buffer_append_string(out, ", but there is no such header");
		break;
	case RULE_DURATION:
		break;
	case RULE_CERTIFICATE_DAYS:
		buffer_append_string(out, ", but there is no certificate");
		break;
	}
}

static void
append_broken(const struct rule *rule, const struct facts *facts,
    const struct fact *fact, bool too_hard, struct buffer *out)
{
	buffer_append_string(out, "expected ");
	condition_describe(&rule->condition, out);
	if (too_hard) {
		buffer_append_string(
		    out, ", but looking for it was given up: it takes too much time");
		return;
	}
	if (fact->kind == FACT_ABSENT) {
		append_absence(rule, facts, out);
		return;
	}
	buffer_append_string(out, ", got ");
	fact_describe(fact, rule->condition.unit, out);
}

/* ---- the check ---- */

/* What plain HTTP cannot have is not asked of it, so that one rule can be the default of
 * all; who says `exists` does ask. */
static bool
is_passed_over(const struct rule *rule, const struct facts *facts)
{
	return rule->subject == RULE_CERTIFICATE_DAYS && facts->plain &&
	    !facts->has_certificate && !rule->condition.exists_said;
}

/* Whether RULE holds; TEXT becomes what came of it, where it breaks or with TOLD. */
static bool
check(const struct rule *rule, struct facts *facts, bool told, struct buffer *text)
{
	char *header = rule->subject == RULE_HEADER
	    ? rules_find_header(facts->head, rule->name)
	    : NULL;
	const struct fact fact = fact_of(rule, facts, header);
	bool passed_over = is_passed_over(rule, facts);
	bool too_hard = false;
	bool holds = passed_over ||
	    condition_holds(&rule->condition, &fact, &facts->budget, &too_hard);

	buffer_reset(text);
	if (!holds || told)
		append_subject(rule, text);
	if (!holds)
		append_broken(rule, facts, &fact, too_hard, text);
	else if (passed_over && told)
		buffer_append_string(text, "no TLS");
	else if (told)
		fact_describe(&fact, rule->condition.unit, text);
	free(header);
	return holds;
}

bool
rules_check(const struct rules *rules, struct facts *facts, bool all,
    rules_result_fn *result, void *arg)
{
	bool all_hold = true;
	struct buffer text;

	buffer_init(&text, BUFFER_UNLIMITED);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		bool holds = check(rule, facts, all, &text);

		all_hold = all_hold && holds;
		if (!holds || all)
			result(rule, holds, text.data, arg);
	}
	buffer_clear(&text);
	return all_hold;
}
