/*
 * What the tests of the publisher's metrics and page stand on: publisher_stage.h, with places
 * for all three forms. To be included behind cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_FORMS_STAGE_H
#define GATHERD_TESTS_UNIT_FORMS_STAGE_H

#include <fcntl.h>

#include "publisher_stage.h"

/* FORM goes to PATH, which the log calls SHOWN; NULL: nowhere. */
static void
set_place(
    struct stage *stage, enum snapshot_form form, const char *path, const char *shown)
{
	stage->options.places[form] = (struct publisher_place){ path, shown };
}

static void
set_all_places(struct stage *stage)
{
	set_place(stage, FORM_METRICS, stage->metrics, "METRICS");
	set_place(stage, FORM_PAGE, stage->page, "PAGE");
}

/* A publisher that is ready for all three. */
UNUSED static void
open_all(struct stage *stage)
{
	stage_init(stage);
	set_all_places(stage);
	stage_start_well(stage);
}

/* Run the loop until *REPORTS are at least COUNT. */
UNUSED static void
run_until(struct stage *stage, const int *reports, int count)
{
	while (*reports < count)
		event_base_loop(stage->base, EVLOOP_ONCE);
}

/* Run the loop until documents, and the other form that is no slower, are COUNT. */
UNUSED static void
run_documents(struct stage *stage, enum snapshot_form other, int count)
{
	run_until(stage, &stage->forms[FORM_DOCUMENT], count);
	run_until(stage, &stage->forms[other], count);
}

/* The first round, whose page hangs in the disk, until fake_disk_release(). */
UNUSED static void
pass_round_with_page_hanging(struct stage *stage)
{
	fake_disk_choose("page.html");
	fake_disk_hang_flushes(1);
	stage_pass_round(stage);
	run_documents(stage, FORM_METRICS, 1);
	fake_disk_wait(1);
}

/* A config comes that says the stage's options; returns whether their places can be written. */
UNUSED static bool
prepare_all(struct stage *stage)
{
	int ready = stage->ready;

	publisher_prepare(stage->publisher, &stage->options);
	assert_int_equal(stage->ready, ready);
	stage_run(stage, &stage->ready, ready + 1);
	return stage->is_ready;
}

UNUSED static void
reload_all(struct stage *stage)
{
	assert_true(prepare_all(stage));
	publisher_reload(stage->publisher);
}

/* ---- what stands there ---- */

/* The content of PATH, the caller's; NULL: there is none. */
static char *
text_at_path(const char *path)
{
	struct buffer read;

	buffer_init(&read, BUFFER_UNLIMITED);
	if (!file_read(path, &read)) {
		buffer_clear(&read);
		return NULL;
	}
	return buffer_take(&read);
}

UNUSED static void
assert_holds(const char *path, const char *expected)
{
	char *text = text_at_path(path);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

/* TEXT is metrics, or a page, of GENERATION. */
static void
assert_is(const char *text, enum snapshot_form form, int generation)
{
	char *words = form == FORM_PAGE
	    ? xasprintf("\"generation\":%d,", generation)
	    : xasprintf("\ngatherd_document_generation %d\n", generation);

	assert_non_null(text);
	if (strstr(text, words) == NULL)
		fail_msg("no generation %d", generation);
	free(words);
	if (form == FORM_PAGE) {
		assert_non_null(strstr(text, "</html>"));
		assert_non_null(strstr(text, "\"live\":false"));
		assert_non_null(strstr(text, "\"name\":\"t0\""));
	} else {
		assert_non_null(strstr(text, "target=\"t0\""));
	}
}

UNUSED static void
assert_file_is(const char *path, enum snapshot_form form, int generation)
{
	char *text = text_at_path(path);

	assert_is(text, form, generation);
	free(text);
}

/* ---- the log ---- */

/* Since catch_log() it has a line of these, one behind the other. */
UNUSED static void
assert_log(const char *begin, const char *path, const char *end)
{
	char *expected = xasprintf("%s%s%s", begin, path, end);

	assert_string_equal(release_log(), expected);
	free(expected);
}

/* ---- a link in the folder ---- */

/* To PATH; its own path. */
UNUSED static char *
make_link(const struct stage *stage, const char *path)
{
	char *link_path = xasprintf("%s/link", stage->folder);

	assert_int_equal(symlink(path, link_path), 0);
	return link_path;
}

UNUSED static void
remove_link(char *link_path)
{
	unlink(link_path);
	free(link_path);
}

/* ---- a place that is slow until somebody reads ---- */

/* All three places, and the metrics' is a FIFO. */
UNUSED static void
init_with_fifo(struct stage *stage)
{
	stage_init(stage);
	set_all_places(stage);
	assert_int_equal(mkfifo(stage->metrics, 0600), 0);
}

/* Let the writer of the FIFO at PATH go on; returns the end to read from. */
UNUSED static int
open_fifo(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd != -1);
	return fd;
}

/* What was written into it, which is all there by now; the caller's. FD is closed. */
UNUSED static char *
read_fifo(int fd)
{
	struct buffer text;
	ssize_t len;

	buffer_init(&text, BUFFER_UNLIMITED);
	do {
		char *room = buffer_reserve(&text, 65536);

		assert_non_null(room);
		len = read(fd, room, 65536);
		if (len > 0)
			buffer_grown(&text, (size_t)len);
	} while (len > 0);
	close(fd);
	return buffer_take(&text);
}

#endif
