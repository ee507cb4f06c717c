#include "config/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/marked.h"
#include "base/units.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/shown.h"
#include "config/vars.h"
#include "template/template.h"

/* Descriptors for all but attempts: the document, the log, the loop, lookups. */
#define RESERVED_DESCRIPTORS 64

struct check {
	const struct config *config;
	struct faults *faults;
};

/* One template that is looked through. */
struct look {
	const struct check *check;
	const char *what;
	struct place place;
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

/* SHOWN, which is released, is TEXT's source with its literal secrets masked. */
static void
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

static void
check_vars(const struct check *check)
{
	const struct value *vars = check->config->vars;
	struct shown_vars *shown = shown_vars_new(check->config);

	for (size_t i = 0; i < vars->count; i++)
		check_value(check, shown, vars->keys[i], vars->items[i]);
	shown_vars_free(shown);
}

/* ---- names in sections ---- */

static bool
is_number(const char *text, size_t len)
{
	return strspn(text, "0123456789") >= len;
}

/* Every part of the dotted name must be a key somewhere: which map a section will be
 * over is not known here. */
static void
check_name(const struct template_name *name, void *arg)
{
	const struct look *look = arg;
	const struct value *vars = look->check->config->vars;

	if (!name->in_section && !name->is_section)
		return;
	if (strcmp(name->path, "now") == 0)
		return;
	for (const char *part = name->path; *part != '\0';) {
		size_t len = strcspn(part, ".");

		if (!is_number(part, len) && !vars_has_key(vars, part, len)) {
			faults_warning(look->check->faults, look->place,
			    "%s: %s in a section can match nothing: there is no "
			    "\"%.*s\" anywhere in vars",
			    look->what, name->path, (int)len, part);
			return;
		}
		part += len;
		if (*part == '.')
			part++;
	}
}

static void
check_template(const struct check *check, const struct template *template,
    const struct text *text, const char *what)
{
	struct look look = { .check = check, .what = what, .place = text->place };

	template_each_name(template, check_name, &look);
}

/* ---- targets ---- */

static void
check_times(const struct check *check, const struct target *target)
{
	char timeout[UNITS_TEXT_SIZE];
	char interval[UNITS_TEXT_SIZE];

	if (target->timeout_ms <= target->interval_ms)
		return;
	units_format_duration(timeout, target->timeout_ms);
	units_format_duration(interval, target->interval_ms);
	faults_warning(check->faults, target->place,
	    "%s: its timeout of %s is longer than its interval of %s", target->name,
	    timeout, interval);
}

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
check_target(const struct check *check, const struct target *target)
{
	check_times(check, target);
	check_literal(check, &target->url, "url", shown_url(target->url.source));
	check_template(check, target->url_template, &target->url, "url");
	for (size_t i = 0; i < target->headers.count; i++) {
		const struct config_pair *header = &target->headers.items[i];

		check_literal(check, &header->text, header->name,
		    shown_header(header->name, header->text.source));
		check_template(check, header->template, &header->text, header->name);
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

	check_descriptors(&check);
	check_spread(&check);
	check_vars(&check);
	if (config->target_count == 0)
		faults_warning(faults, config->services_place,
		    "no %sservices: nothing is asked",
		    config->disabled_count > 0 ? "enabled " : "");
	for (size_t i = 0; i < config->target_count; i++)
		check_target(&check, config->targets[i]);
	for (size_t i = 0; i < config->disabled_count; i++)
		check_target(&check, config->disabled[i]);
}
