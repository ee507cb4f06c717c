#include "daemon/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "config/check.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/print.h"
#include "daemon/output.h"
#include "publish/status_schema.h"

static void
tell_line(const char *line, UNUSED bool is_error, UNUSED void *arg)
{
	fprintf(stderr, "%s\n", line);
}

static void
tell_error_line(const char *line, bool is_error, UNUSED void *arg)
{
	if (is_error)
		log_bare(LOG_LEVEL_ERROR, line);
	else
		log_warn("%s", line);
}

static struct config *
load(const struct options *options, struct faults *faults)
{
	return config_load(
	    options->config_path, options->vars, options->var_count, faults);
}

/* ---- --only ---- */

/* Put the names of one --only list, or all of it where it is a name itself (names may
 * hold commas), behind NAMES. */
static void
add_listed_names(
    const struct config *config, const char *list, char ***names, size_t *count)
{
	bool whole = config_find(config, list) != NULL;

	while (*list != '\0') {
		size_t len = whole ? strlen(list) : strcspn(list, ",");

		if (len > 0) {
			*names = xreallocarray(*names, *count + 1, sizeof(**names));
			(*names)[(*count)++] = xmemdup0(list, len);
		}
		list += len;
		list += strspn(list, ",");
	}
}

static bool
is_disabled(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->disabled_count; i++) {
		if (strcmp(config->disabled[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void
tell_unknown_name(const struct config *config, const char *option, const char *name)
{
	const char **known = xcalloc(config->target_count + 1, sizeof(*known));
	const char *nearest;

	for (size_t i = 0; i < config->target_count; i++)
		known[i] = config->targets[i]->name;
	nearest = names_nearest(name, known, config->target_count);
	fprintf(stderr, "gatherd: %s: there is no target \"%s\"%s%s%s\n", option, name,
	    nearest ? " (did you mean " : "", nearest ? nearest : "",
	    nearest ? "?)" : "");
	free(known);
}

const struct target *
setup_find_target(const struct config *config, const char *option, const char *name)
{
	const struct target *target = config_find(config, name);

	if (target == NULL && is_disabled(config, name))
		fprintf(
		    stderr, "gatherd: %s: \"%s\" has enabled: false\n", option, name);
	else if (target == NULL)
		tell_unknown_name(config, option, name);
	return target;
}

static bool
keep_only(struct config *config, const struct options *options)
{
	char **names = NULL;
	size_t count = 0;
	bool known = true;

	if (options->only_count == 0)
		return true;
	for (size_t i = 0; i < options->only_count; i++)
		add_listed_names(config, options->only[i], &names, &count);
	if (count == 0) {
		/* An empty variable of a script, most likely: not "none of them". */
		fprintf(stderr, "gatherd: --only: no name is given\n");
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (setup_find_target(config, "--only", names[i]) == NULL)
			known = false;
	}
	if (known)
		config_keep_only(config, (const char *const *)names, count);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return known;
}

/* ---- what main asks for ---- */

void
setup_log(const struct config *config, const struct options *options)
{
	log_setup(options->log_level == -1 ? config->log.level
	                                   : (enum log_level)options->log_level,
	    options->log_format == -1 ? config->log.format
	                              : (enum log_format)options->log_format);
}

static void
warn_unverified(const char *name, bool asks_tls, const struct way *way)
{
	if (asks_tls && !way->tls.verify)
		log_line(LOG_LEVEL_WARN, name,
		    "tls.verify is false: whoever answers is believed, and gets what "
		    "is sent");
}

void
setup_warn_unverified(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++) {
		const struct target *target = config->targets[i];

		warn_unverified(target->name, target->asks_tls, &target->way);
	}
	for (size_t i = 0; i < config->provider_count; i++) {
		const struct provider *provider = config->providers[i];

		warn_unverified(provider->name, provider->asks_tls, &provider->way);
	}
}

void
setup_warn(const struct config *config)
{
	setup_warn_unverified(config);
	if (config->target_count == 0)
		log_warn("the config has no %sservices or prompts: nothing is asked",
		    config->disabled_count > 0 ? "enabled " : "");
}

/* A slip of the hand, mostly on the command line. */
static bool
writes_well(const struct config *config, const struct options *options)
{
	char *fault = options->action == ACTION_GATHER
	    ? output_find_fault(config, options)
	    : NULL;

	if (fault == NULL)
		return true;
	fprintf(stderr, "gatherd: %s\n", fault);
	free(fault);
	return false;
}

struct config *
setup_config(const struct options *options)
{
	struct faults *faults = faults_new();
	struct config *config = load(options, faults);

	if (config != NULL)
		setup_log(config, options);
	faults_each(faults, tell_error_line, NULL);
	faults_free(faults);
	if (config != NULL &&
	    (!keep_only(config, options) || !writes_well(config, options))) {
		config_unref(config);
		config = NULL;
	}
	return config;
}

/* How many services there are, and prompts, as "4 prompts" or "1 service, 2 prompts". */
static void
print_counts(const struct config *config)
{
	size_t services = config->service_count;
	size_t prompts = config->target_count - services;

	if (services > 0 || prompts == 0)
		printf("%zu service%s", services, services == 1 ? "" : "s");
	if (prompts > 0)
		printf("%s%zu prompt%s", services > 0 ? ", " : "", prompts,
		    prompts == 1 ? "" : "s");
}

enum exit_status
setup_check(const struct options *options)
{
	struct faults *faults = faults_new();
	struct config *config = load(options, faults);
	const char *name =
	    strcmp(options->config_path, "-") == 0 ? "<stdin>" : options->config_path;
	enum exit_status status = EXIT_STATUS_USAGE;

	if (config != NULL)
		config_check(config, faults);
	faults_each(faults, tell_line, NULL);
	if (config != NULL && keep_only(config, options)) {
		printf("%s: ok (", name);
		print_counts(config);
		if (config->disabled_count > 0)
			printf(", %zu disabled", config->disabled_count);
		if (faults_warning_count(faults) > 0)
			printf(", %zu warning%s", faults_warning_count(faults),
			    faults_warning_count(faults) == 1 ? "" : "s");
		puts(")");
		status = EXIT_STATUS_OK;
	}
	config_unref(config);
	faults_free(faults);
	return status;
}

static void
print_and_clear(struct buffer *out)
{
	fwrite(out->data, 1, out->len, stdout);
	buffer_clear(out);
}

enum exit_status
setup_print_config(const struct options *options)
{
	struct config *config = setup_config(options);
	struct buffer out;

	if (config == NULL)
		return EXIT_STATUS_USAGE;
	buffer_init(&out, BUFFER_UNLIMITED);
	config_print(config, &out);
	config_unref(config);
	print_and_clear(&out);
	return EXIT_STATUS_OK;
}

void
setup_print_schema(const struct options *options)
{
	struct buffer out;

	buffer_init(&out, BUFFER_UNLIMITED);
	if (options->schema == SCHEMA_STATUS)
		status_schema_append(&out);
	else
		config_print_schema(&out);
	print_and_clear(&out);
}
