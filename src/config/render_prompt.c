#include "config/render_prompt.h"

#include <string.h>

#include "base/clock.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/faults.h"
#include "config/render.h"
#include "config/render_parts.h"
#include "template/template.h"

/* The texts of one prompt that are being rendered. */
struct job {
	struct rendering rendering;
	const struct prompt *prompt;
	struct secrets *secrets;
	struct prompt_texts *texts;
};

/* The text of DOCUMENT, the key WHAT, into OUT, which is initialised here. */
static bool
render_document(struct job *job, const struct config_document *document,
    const char *what, struct marked *out)
{
	const struct templated *templated = &document->templated;
	struct template_value root = render_root_value(&job->rendering.root);
	struct template_insertion insertion = {
		.max_bytes = job->prompt->max_insert_bytes,
		.fence = job->prompt->fence,
	};
	const char *name = NULL;
	enum template_result result;

	marked_init(out, TEMPLATE_MAX_OUTPUT);
	if (templated->text.place.line == 0)
		return true;
	if (templated->template == NULL)
		return false;
	result = template_render_inserting(
	    templated->template, &root, &insertion, out, job->secrets, &name);
	job->texts->cut_count += insertion.cut_count;
	if (result != TEMPLATE_RENDERED)
		render_refuse_result(
		    &job->rendering, templated->text.place, result, what, name);
	return result == TEMPLATE_RENDERED;
}

/* Vendors refuse what has no text in it, each in its own words; some take money for it. At
 * load only what is the same each time can be told to be so. */
static bool
check_is_text(struct job *job)
{
	const struct templated *templated = &job->prompt->prompt.templated;
	const struct buffer *text = &job->texts->prompt.text;

	if (strspn(text->data, " \t\r\n") < text->len)
		return true;
	if (job->rendering.faults != NULL && !template_is_literal(templated->template))
		return true;
	render_refuse(&job->rendering, templated->text.place,
	    xstrdup("prompt: there is no text in it"));
	return false;
}

/* Both texts, whatever came of the first: each has its own faults. */
static bool
render_texts(struct job *job)
{
	const struct prompt *prompt = job->prompt;
	struct prompt_texts *texts = job->texts;
	bool has_prompt, has_system;

	texts->cut_count = 0;
	has_prompt = render_document(job, &prompt->prompt, "prompt", &texts->prompt);
	has_system = render_document(job, &prompt->system, "system", &texts->system);
	return has_prompt && has_system && prompt->prompt.templated.template != NULL &&
	    check_is_text(job);
}

bool
render_prompt(const struct config *config, const struct prompt *prompt,
    const struct render_with *with, struct prompt_texts *texts, struct secrets *secrets,
    struct render_fault *fault)
{
	char now[CLOCK_RFC3339_SIZE];
	struct job job = {
		.rendering = {
		    .target = &prompt->target,
		    .with = with,
		    .root = { .each = prompt->target.each,
		        .vars = config->vars,
		        .now = now,
		        .state = with->state },
		    .fault = fault,
		},
		.prompt = prompt,
		.secrets = secrets,
		.texts = texts,
	};

	clock_format_rfc3339(now, with->wall_ms);
	*fault = (struct render_fault){ 0 };
	return render_texts(&job);
}

void
prompt_texts_clear(struct prompt_texts *texts)
{
	marked_clear(&texts->prompt);
	marked_clear(&texts->system);
	texts->cut_count = 0;
}

bool
render_prompt_checked(
    const struct config *config, const struct prompt *prompt, struct faults *faults)
{
	static const struct template_value probe = { .kind = TEMPLATE_TEXT,
		.plain = "0" };
	char now[CLOCK_RFC3339_SIZE];
	struct prompt_texts texts;
	struct job job = {
		.rendering = {
		    .target = &prompt->target,
		    .root = { .each = prompt->target.each,
		        .vars = config->vars,
		        .now = now,
		        .probe = &probe },
		    .faults = faults,
		},
		.prompt = prompt,
		.texts = &texts,
	};
	bool done;

	clock_format_rfc3339(now, 0);
	done = render_texts(&job);
	prompt_texts_clear(&texts);
	return done;
}
