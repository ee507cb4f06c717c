#include "config/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/marked.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/check_parts.h"
#include "config/config.h"
#include "config/dependencies.h"
#include "config/faults.h"
#include "config/keys.h"
#include "config/shown.h"
#include "config/templates.h"
#include "config/vars.h"
#include "template/template.h"

/* Descriptors for all but attempts: the document, the log, the loop, lookups. */
#define RESERVED_DESCRIPTORS 64

/* One template that is looked through. */
struct look {
	const struct check *check;
	const struct target *target;
	const struct target_template *one;
	bool over_state; /* one of its sections is: what is inside is known to nobody */
};

/* ---- secrets ---- */

static bool
is_world_readable(const struct check *check, unsigned file)
{
	struct stat status;

	/* Standard input has a name that no file of ours has. */
	if (stat(faults_file_name(check->faults, file), &status) == -1)
		return false;
	return (status.st_mode & S_IROTH) != 0;
}

void
check_literal(
    const struct check *check, const struct text *text, const char *what, char *shown)
{
	if (strcmp(shown, text->source) != 0 &&
	    is_world_readable(check, text->place.file))
		faults_warning(check->faults, text->place,
		    "%s: a secret stands here literally, and everybody may read %s: "
		    "use ${file:PATH} or ${NAME}",
		    what, faults_file_name(check->faults, text->place.file));
	free(shown);
}

/* A value of the variable NAME. */
static void
check_value(const struct check *check, const struct shown_vars *shown, const char *name,
    const struct value *value)
{
	const char *source = value->text.source;
	bool secret = shown_is_secret_var(shown, name, value);

	for (size_t i = 0; i < value->count; i++)
		check_value(check, shown, name, value->items[i]);
	/* What --var set stands in no file. */
	if ((value->kind != VALUE_STRING && value->kind != VALUE_NUMBER) ||
	    value->text.place.line == 0)
		return;
	if (secret && !text_has_reference(&value->text))
		check_literal(check, &value->text, name, xstrdup(MARKED_MASK));
	else if (strstr(source, "://") != NULL)
		check_literal(check, &value->text, name, shown_url(source));
}

/* The names of `for_each` stand where those of vars do. */
static void
check_vars(
    const struct check *check, const struct shown_vars *shown, const struct value *vars)
{
	for (size_t i = 0; vars != NULL && i < vars->count; i++)
		check_value(check, shown, vars->keys[i], vars->items[i]);
}

/* What TEXT of a template may be shown as. */
static char *
shown_template(const struct target_template *one)
{
	static const char header[] = "headers: ";
	const char *source = one->text->source;

	if (strncmp(one->what, header, strlen(header)) == 0)
		return shown_header(one->what + strlen(header), source);
	if (one->secret && !one->identity)
		return shown_secret(source);
	return one->place == TEMPLATE_URL ? shown_url(source) : xstrdup(source);
}

/* ---- names in sections ---- */

static bool
is_number(const char *text, size_t len)
{
	return strspn(text, "0123456789") >= len;
}

static bool
is_key_somewhere(const struct look *look, const char *name, size_t len)
{
	const struct value *each = look->target->each;

	return vars_has_key(look->check->config->vars, name, len) ||
	    (each != NULL && vars_has_key(each, name, len));
}

static void
tell_no_match(const struct look *look, const char *path, const char *why)
{
	faults_warning(look->check->faults, look->one->text->place,
	    "%s: %s in a section can match nothing: %s", look->one->what, path, why);
}

/* PATH begins with what the state of gathering knows. */
static void
check_state_name(const struct look *look, const char *path)
{
	const char *name = strchr(path, '.');
	bool is_service = strncmp(path, "services.", strlen("services.")) == 0;
	char *why;

	if ((!is_service && strncmp(path, "prompts.", strlen("prompts.")) != 0) ||
	    dependencies_find(look->check->config, path, NULL) != NULL)
		return;
	why = xasprintf("no enabled %s is called %.*s",
	    target_kind_names[is_service ? TARGET_SERVICE : TARGET_PROMPT],
	    (int)strcspn(name + 1, "."), name + 1);
	tell_no_match(look, path, why);
	free(why);
}

/* Every part of the dotted name must be a key somewhere: which map a section will be
 * over is not known here. */
static void
check_var_name(const struct look *look, const char *path)
{
	for (const char *part = path; *part != '\0';) {
		size_t len = strcspn(part, ".");

		if (!is_number(part, len) && !is_key_somewhere(look, part, len)) {
			char *why = xasprintf(
			    "there is no \"%.*s\" anywhere in vars", (int)len, part);

			tell_no_match(look, path, why);
			free(why);
			return;
		}
		part += len;
		if (*part == '.')
			part++;
	}
}

static void
check_name(const struct template_name *name, void *arg)
{
	const struct look *look = arg;

	if (!name->in_section && !name->is_section)
		return;
	if (strcmp(name->path, "now") == 0 || (name->in_section && look->over_state))
		return;
	if (dependencies_is_state(name->path))
		check_state_name(look, name->path);
	else
		check_var_name(look, name->path);
}

static void
note_section(const struct template_name *name, void *arg)
{
	struct look *look = arg;

	if (name->is_section && dependencies_is_state(name->path))
		look->over_state = true;
}

static void
check_template(const struct target_template *one, void *arg)
{
	struct look look = *(const struct look *)arg;

	check_literal(look.check, one->text, one->what, shown_template(one));
	look.one = one;
	template_each_name(*one->template, note_section, &look);
	template_each_name(*one->template, check_name, &look);
}

/* ---- targets ---- */

const char *
check_written_name(const struct target *target)
{
	return target->definition != NULL ? target->definition : target->name;
}

/* Is WHAT of TARGET, A_MS, longer than OTHER, B_MS, so that it does not come to its end? */
static void
check_longer(const struct check *check, const struct target *target, const char *what,
    int64_t a_ms, const char *other, int64_t b_ms)
{
	char a[UNITS_TEXT_SIZE];
	char b[UNITS_TEXT_SIZE];

	if (a_ms <= b_ms)
		return;
	units_format_duration(a, a_ms);
	units_format_duration(b, b_ms);
	faults_warning(check->faults, target->place,
	    "%s: its %s of %s is longer than its %s of %s", check_written_name(target),
	    what, a, other, b);
}

/* Where the server lets every attempt run into its timeout, the last ones never begin. */
static void
check_retries(const struct check *check, const struct target *target)
{
	char deadline[UNITS_TEXT_SIZE];
	char timeout[UNITS_TEXT_SIZE];

	if (target->retries == 0 ||
	    (target->retries + 1) * target->timeout_ms <= target->deadline_ms)
		return;
	units_format_duration(deadline, target->deadline_ms);
	units_format_duration(timeout, target->timeout_ms);
	faults_warning(check->faults, target->place,
	    "%s: its deadline of %s has no room for %" PRId64
	    " attempts of up to %s each",
	    check_written_name(target), deadline, target->retries + 1, timeout);
}

static void
check_backoff(const struct check *check, const struct target *target)
{
	char backoff[UNITS_TEXT_SIZE];
	char interval[UNITS_TEXT_SIZE];

	if (target->backoff_ms == 0 || target->backoff_ms > target->interval_ms)
		return;
	units_format_duration(backoff, target->backoff_ms);
	units_format_duration(interval, target->interval_ms);
	faults_warning(check->faults, target->place,
	    "%s: its backoff of %s is not longer than its interval of %s: it does nothing",
	    check_written_name(target), backoff, interval);
}

/* A model may take longer than a round of services: what nobody chose is not told. */
static bool
is_default_timeout(const struct target *target)
{
	int64_t ms = 0;

	return target->kind == TARGET_PROMPT &&
	    units_parse_duration_ms(keys_find(&prompt_keys, "timeout")->initial, &ms) &&
	    target->timeout_ms == ms;
}

/* Prompts of a batch have their times from one place, and what is wrong with them is told once:
 * BEFORE, which may be NULL, was looked at. */
static bool
has_times_of(const struct target *target, const struct target *before)
{
	return target->kind == TARGET_PROMPT && before != NULL &&
	    before->kind == TARGET_PROMPT &&
	    target_prompt(before)->provider == target_prompt(target)->provider &&
	    before->timeout_ms == target->timeout_ms &&
	    before->interval_ms == target->interval_ms &&
	    before->delay_ms == target->delay_ms &&
	    before->deadline_ms == target->deadline_ms &&
	    before->retries == target->retries &&
	    before->backoff_ms == target->backoff_ms;
}

static void
check_times(const struct check *check, const struct target *target)
{
	if (!is_default_timeout(target))
		check_longer(check, target, "timeout", target->timeout_ms, "interval",
		    target->interval_ms);
	check_longer(check, target, "timeout", target->timeout_ms, "deadline",
	    target->deadline_ms);
	check_longer(
	    check, target, "delay", target->delay_ms, "interval", target->interval_ms);
	check_retries(check, target);
	check_backoff(check, target);
}

static void
check_tls(const struct check *check, const struct target *target)
{
	/* A prompt's way is its provider's. */
	if (target->kind == TARGET_SERVICE && target->asks_tls &&
	    !target->way.tls.verify)
		faults_warning(check->faults, target->place,
		    "%s: the server's certificate is not verified (tls.verify)",
		    check_written_name(target));
}

static void
check_service_name(const struct check *check, const struct target *target)
{
	if (target->definition == NULL && strstr(target->name, "{{") != NULL)
		faults_warning(check->faults, target->place,
		    "%s: without for_each a name is taken as it stands", target->name);
}

/* ---- what hosts are asked ---- */

static int
compare_hosts(const void *left, const void *right)
{
	const struct target *a = *(const struct target *const *)left;
	const struct target *b = *(const struct target *const *)right;
	int order = strcmp(a->host, b->host);

	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* What COUNT TARGETS are called, more than one of them in the plural. */
static const char *
what_they_are(struct target *const *targets, size_t count)
{
	static const char *const names[][2] = {
		[TARGET_SERVICE] = { "service", "services" },
		[TARGET_PROMPT] = { "prompt", "prompts" },
	};

	for (size_t i = 1; i < count; i++) {
		if (targets[i]->kind != targets[0]->kind)
			return "targets";
	}
	return names[targets[0]->kind][count > 1];
}

/* COUNT targets of one host fall due, all in all, so often a second. */
static void
check_rate(const struct check *check, struct target *const *targets, size_t count)
{
	const struct config_rate *rate = &check->config->rate_per_host;
	double allowed_per_s = (double)rate->count * 1000 / (double)rate->per_ms;
	double due_per_s = 0;

	for (size_t i = 0; i < count; i++)
		due_per_s += 1000.0 / (double)targets[i]->interval_ms;
	if (due_per_s > allowed_per_s)
		faults_warning(check->faults, targets[0]->place,
		    "rate_per_host: %zu %s of %s would start %.3g times a "
		    "second, and %.3g are allowed: turns will be skipped",
		    count, what_they_are(targets, count), targets[0]->host, due_per_s,
		    allowed_per_s);
}

static void
check_rates(const struct check *check)
{
	const struct config *config = check->config;
	struct target **targets;
	size_t count = 0;
	size_t start = 0;

	if (config->rate_per_host.count == 0 || config->target_count == 0)
		return;
	targets = xcalloc(config->target_count, sizeof(struct target *));
	for (size_t i = 0; i < config->target_count; i++) {
		if (config->targets[i]->host != NULL)
			targets[count++] = config->targets[i];
	}
	qsort(targets, count, sizeof(struct target *), compare_hosts);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && strcmp(targets[i]->host, targets[start]->host) == 0)
			continue;
		check_rate(check, targets + start, i - start);
		start = i;
	}
	free(targets);
}

static void
check_per_host(const struct check *check)
{
	const struct config *config = check->config;

	if (config->max_per_host > config->max_concurrent)
		faults_warning(check->faults, config->max_concurrent_place,
		    "max_per_host: %" PRId64 " is more than max_concurrent, %" PRId64
		    ": it does nothing",
		    config->max_per_host, config->max_concurrent);
}

/* ---- the file ---- */

static void
check_spread(const struct check *check)
{
	const struct config *config = check->config;
	int64_t interval_ms = config_shortest_interval_ms(config);
	char spread[UNITS_TEXT_SIZE];
	char interval[UNITS_TEXT_SIZE];

	if (config->spread_ms <= interval_ms)
		return;
	units_format_duration(spread, config->spread_ms);
	units_format_duration(interval, interval_ms);
	faults_warning(check->faults, config->spread_place,
	    "spread: %s is longer than the shortest interval, %s: what has a shorter "
	    "interval than the spread begins within that",
	    spread, interval);
}

static void
check_target(const struct check *check, const struct shown_vars *shown,
    const struct target *target, const struct target *before)
{
	struct look look = { .check = check, .target = target };
	const struct text *proxy = &target->way.proxy;

	check_service_name(check, target);
	if (!has_times_of(target, before))
		check_times(check, target);
	check_tls(check, target);
	templates_each(target, check_template, &look);
	if (target->kind == TARGET_PROMPT)
		check_prompt(check, target_prompt(target));
	if (proxy->place.line > 0)
		check_literal(check, proxy, "proxy", shown_url(proxy->source));
	check_vars(check, shown, target->for_each);
}

/* Of the targets of one `for_each` the first stands for all: they are written alike. */
static void
check_targets(const struct check *check, const struct shown_vars *shown,
    struct target *const *targets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || targets[i]->definition == NULL ||
		    targets[i - 1]->definition == NULL ||
		    strcmp(targets[i]->definition, targets[i - 1]->definition) != 0)
			check_target(
			    check, shown, targets[i], i > 0 ? targets[i - 1] : NULL);
	}
}

/* ---- the whole ---- */

static void
check_descriptors(const struct check *check)
{
	const struct config *config = check->config;
	struct rlimit limit;
	int64_t allowed;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_max == RLIM_INFINITY)
		return;
	allowed = (int64_t)limit.rlim_max - RESERVED_DESCRIPTORS;
	if (config->max_concurrent > allowed)
		faults_warning(check->faults, config->max_concurrent_place,
		    "max_concurrent: %" PRId64 " is more than the %" PRId64
		    " that the limit of open files allows",
		    config->max_concurrent, allowed > 0 ? allowed : 1);
}

void
config_check(const struct config *config, struct faults *faults)
{
	struct check check = { .config = config, .faults = faults };
	struct shown_vars *shown = shown_vars_new(config);

	check_descriptors(&check);
	check_per_host(&check);
	check_spread(&check);
	check_listen(&check);
	check_vars(&check, shown, config->vars);
	if (config->target_count == 0)
		faults_warning(faults, config->services_place,
		    "no %sservices or prompts: nothing is asked",
		    config->disabled_count > 0 ? "enabled " : "");
	check_targets(&check, shown, config->targets, config->target_count);
	check_targets(&check, shown, config->disabled, config->disabled_count);
	check_rates(&check);
	for (size_t i = 0; i < config->provider_count; i++)
		check_provider(&check, config->providers[i]);
	shown_vars_free(shown);
}
