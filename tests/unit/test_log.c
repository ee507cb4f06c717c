#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/clock.h"
#include "base/names.h"

/* Standard error leads into a pipe, or a terminal, while a case logs. */
static struct {
	int saved; /* the real one */
	int reader;
	char text[65536]; /* what was written there */
} captured;

static void
lead_to(int fd)
{
	fflush(stderr);
	captured.saved = dup(STDERR_FILENO);
	assert_int_not_equal(captured.saved, -1);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
}

static void
capture(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	captured.reader = ends[0];
	lead_to(ends[1]);
}

static void
capture_terminal(void)
{
	int terminal;

	captured.reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_not_equal(captured.reader, -1);
	assert_int_equal(grantpt(captured.reader), 0);
	assert_int_equal(unlockpt(captured.reader), 0);
	terminal = open(ptsname(captured.reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_not_equal(terminal, -1);
	lead_to(terminal);
}

/* Give standard error back; what was written meanwhile. */
static const char *
release(void)
{
	size_t len = 0;
	ssize_t got;

	assert_int_equal(fcntl(captured.reader, F_SETFL, O_NONBLOCK), 0);
	while (len < sizeof(captured.text) - 1) {
		got = read(captured.reader, captured.text + len,
		    sizeof(captured.text) - 1 - len);
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	captured.text[len] = '\0';
	dup2(captured.saved, STDERR_FILENO);
	close(captured.saved);
	close(captured.reader);
	return captured.text;
}

/* The rest of a line behind its time, which must be one. */
static const char *
behind_time(const char *line)
{
	char time[CLOCK_RFC3339_SIZE];

	assert_true(strlen(line) > CLOCK_RFC3339_SIZE);
	memcpy(time, line, CLOCK_RFC3339_SIZE - 1);
	time[CLOCK_RFC3339_SIZE - 1] = '\0';
	assert_true(llabs(clock_parse_rfc3339(time) - clock_wall_ms()) < 60000);
	assert_int_equal(line[CLOCK_RFC3339_SIZE - 1], ' ');
	return line + CLOCK_RFC3339_SIZE;
}

static void
name_journal_stream(unsigned long device_shift)
{
	struct stat status;
	char value[64];

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(value, sizeof(value), "%ju:%ju",
	    (uintmax_t)status.st_dev + device_shift, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", value, 1);
}

static int
setup(UNUSED void **state)
{
	unsetenv("JOURNAL_STREAM");
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	log_wrap(NULL, NULL, NULL);
	return 0;
}

static void
test_without_a_setup_info_is_written_and_debug_is_not(UNUSED void **state)
{
	capture();
	errno = EADDRINUSE;
	log_info("cannot listen: %m");
	log_debug("step");
	assert_string_equal(
	    behind_time(release()), "info cannot listen: Address already in use\n");
}

static void
test_a_text_line_is_time_level_text(UNUSED void **state)
{
	capture();
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_line(LOG_LEVEL_WARN, "payments", "timed out after %ds", 5);
	assert_string_equal(
	    behind_time(release()), "warn [payments] timed out after 5s\n");
}

static void
test_levels_above_the_chosen_one_are_silent(UNUSED void **state)
{
	for (int chosen = LOG_LEVEL_ERROR; chosen <= LOG_LEVEL_DEBUG; chosen++) {
		int lines = 0;
		const char *text;

		capture();
		log_setup((enum log_level)chosen, LOG_FORMAT_TEXT);
		log_error("e");
		log_warn("w");
		log_info("i");
		log_debug("d");
		text = release();
		for (const char *p = text; *p != '\0'; p++)
			lines += *p == '\n';
		assert_int_equal(lines, chosen + 1);
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
			assert_int_equal(
			    log_enabled((enum log_level)level), level <= chosen);
	}
}

static void
test_the_journal_gets_priorities(UNUSED void **state)
{
	capture();
	name_journal_stream(0);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_AUTO);
	log_error("e");
	log_line(LOG_LEVEL_WARN, "a", "w");
	log_info("i");
	log_debug("d");
	assert_string_equal(release(), "<3>e\n<4>[a] w\n<6>i\n<7>d\n");
}

static void
test_text_format_holds_in_the_journal_too(UNUSED void **state)
{
	capture();
	name_journal_stream(0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_error("e");
	assert_string_equal(behind_time(release()), "error e\n");
}

static void
test_a_journal_stream_elsewhere_is_not_ours(UNUSED void **state)
{
	capture();
	name_journal_stream(1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_error("e");
	setenv("JOURNAL_STREAM", "rubbish", 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	assert_string_equal(behind_time(release()), "error e\n");
}

static void
test_on_a_terminal_the_level_is_coloured(UNUSED void **state)
{
	capture_terminal();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_error("e");
	assert_string_equal(behind_time(release()), "\033[31merror\033[0m e\r\n");
}

static void
test_no_colour_where_it_is_not_wanted(UNUSED void **state)
{
	capture_terminal();
	setenv("NO_COLOR", "1", 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_error("e");
	assert_string_equal(behind_time(release()), "error e\r\n");

	capture_terminal();
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_error("e");
	assert_string_equal(behind_time(release()), "error e\r\n");

	capture_terminal();
	setenv("TERM", "xterm", 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_error("e");
	assert_string_equal(behind_time(release()), "error e\r\n");
}

static const char *
member(struct json_object *line, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(line, key, &value));
	return json_object_get_string(value);
}

static void
test_a_json_line_is_one_object(UNUSED void **state)
{
	struct json_object *line;
	const char *text;

	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_line(LOG_LEVEL_WARN, "a \"b\"", "said \"%s\"\n", "no\\");
	text = release();
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	line = json_tokener_parse(text);
	assert_non_null(line);
	assert_int_equal(json_object_object_length(line), 4);
	assert_true(clock_parse_rfc3339(member(line, "time")) > 0);
	assert_string_equal(member(line, "level"), "warn");
	assert_string_equal(member(line, "target"), "a \"b\"");
	assert_string_equal(member(line, "message"), "said \"no\\\" ");
	json_object_put(line);
}

static void
test_a_json_line_about_no_target_has_null(UNUSED void **state)
{
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("ready");
	assert_non_null(strstr(
	    release(), "\"level\":\"info\",\"target\":null,\"message\":\"ready\"}\n"));
}

static void
test_control_characters_are_replaced(UNUSED void **state)
{
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_line(LOG_LEVEL_ERROR, "x\ny",
	    "a\nb\tc\rd\033[2Je\177f\302\233g\342\200\256h\342\200\250i");
	assert_string_equal(
	    behind_time(release()), "error [x y] a b c?d?[2Je?f?g?h?i\n");
}

static void
test_what_is_not_utf_8_is_replaced(UNUSED void **state)
{
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_error("caf\303\251 %s", "\351\303");
	assert_string_equal(
	    behind_time(release()), "error caf\303\251 \357\277\275\357\277\275\n");
}

/* A text of COUNT times PIECE, the caller's. */
static char *
repeated(const char *piece, size_t count)
{
	size_t len = strlen(piece);
	char *text = malloc(len * count + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, piece, len);
	text[len * count] = '\0';
	return text;
}

static void
test_a_long_text_is_cut_at_8_kib(UNUSED void **state)
{
	char *fits = repeated("x", 8192);
	char *longer = repeated("x", 8193);
	const char *text;

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture();
	log_error("%s", fits);
	text = behind_time(release()) + strlen("error ");
	assert_memory_equal(text, fits, 8192);
	assert_string_equal(text + 8192, "\n");

	capture();
	log_error("%s", longer);
	text = behind_time(release()) + strlen("error ");
	assert_int_equal(strlen(text), 8193);
	assert_string_equal(text + 8189, "...\n");
	free(fits);
	free(longer);
}

static void
test_a_cut_never_parts_a_character(UNUSED void **state)
{
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	for (int shift = 0; shift < 4; shift++) {
		char *longer = repeated("\360\237\246\206", 3000);
		const char *text;

		capture();
		log_error("%.*s%s", shift, "abcd", longer);
		text = release();
		assert_null(strstr(text, "\357\277\275"));
		assert_string_equal(text + strlen(text) - 8, "\360\237\246\206...\n");
		free(longer);
	}
}

static void
test_bytes_that_grow_when_replaced_are_cut_too(UNUSED void **state)
{
	char *rubbish = repeated("\377", 8000);
	const char *text;

	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_error("%s", rubbish);
	text = behind_time(release()) + strlen("error ");
	assert_in_range(strlen(text), 8185, 8193);
	assert_string_equal(text + strlen(text) - 7, "\357\277\275...\n");
	free(rubbish);
}

static void
test_errno_is_kept_and_can_be_told(UNUSED void **state)
{
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	errno = ENOSPC;
	log_error("cannot write: %m");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(
	    behind_time(release()), "error cannot write: No space left on device\n");
}

static void
write_mark(void *arg)
{
	assert_int_equal(write(STDERR_FILENO, arg, 1), 1);
}

static void
write_other_mark(void *arg)
{
	assert_int_equal(write(STDERR_FILENO, (const char *)arg + 1, 1), 1);
}

static void
test_a_line_is_wrapped_by_what_lives_on_the_terminal(UNUSED void **state)
{
	char marks[] = "<>";

	capture();
	name_journal_stream(0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
	log_wrap(write_mark, write_other_mark, marks);
	log_info("one");
	log_debug("not written, not wrapped");
	log_wrap(NULL, NULL, NULL);
	log_info("two");
	assert_string_equal(release(), "<<6>one\n><6>two\n");
}

static void
test_a_full_pipe_that_does_not_block_loses_the_line_only(UNUSED void **state)
{
	char *much = repeated("x", 8000);

	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 12; i++)
		log_error("%s", much);
	assert_true(strlen(release()) > 32768);
	free(much);
}

static int
count_lines(const char *text)
{
	int lines = 0;

	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

/* Everything that was written so far. */
static const char *
read_all(void)
{
	ssize_t len = recv(captured.reader, captured.text, sizeof(captured.text) - 1,
	    MSG_DONTWAIT | MSG_WAITALL);

	if (len == -1 && errno == ENOTSOCK) {
		assert_int_equal(fcntl(captured.reader, F_SETFL, O_NONBLOCK), 0);
		len = read(captured.reader, captured.text, sizeof(captured.text) - 1);
	}
	assert_true(len > 0);
	captured.text[len] = '\0';
	return captured.text;
}

/* 100 lines, of which most find no reader, into what is captured; then a reader comes. */
static void
lose_lines(void)
{
	char *much = repeated("x", 8192);
	int64_t begun_us = clock_now_us();
	int lines, lost;
	const char *text;
	bool torn;

	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	for (int i = 0; i < 100; i++)
		log_error("%s", much);
	/* The first that is lost was waited for, and none after it. */
	assert_in_range(clock_now_us() - begun_us, 90000, 3000000);
	text = read_all();
	lines = count_lines(text);
	torn = text[strlen(text) - 1] != '\n';
	assert_in_range(lines, 1, 20);

	/* What the last of them has left without its end is ended. */
	log_error("again");
	text = release();
	assert_int_equal(*text == '\n', torn);
	text += torn;
	assert_int_equal(
	    sscanf(behind_time(text), "warn %d lines of the log could", &lost), 1);
	assert_int_equal(lines + lost, 100);
	assert_int_equal(count_lines(text), 2);
	assert_string_equal(behind_time(strchr(text, '\n') + 1), "error again\n");
	free(much);
}

/* At the end: nothing makes it wait again. */
static void
test_who_does_not_read_is_not_waited_for(UNUSED void **state)
{
	int ends[2];

	/* What a case before has lost is told. */
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_error("now");
	release();

	log_drop_unread();
	alarm(30);
	capture();
	lose_lines();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	captured.reader = ends[0];
	lead_to(ends[1]);
	lose_lines();
	alarm(0);
}

static void
test_what_was_lost_is_told_to_whom_warnings_are(UNUSED void **state)
{
	char *much = repeated("x", 8000);

	capture();
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	for (int i = 0; i < 20; i++)
		log_error("%s", much);
	read_all();
	log_error("again");
	assert_null(strstr(release(), "could not be written"));
	free(much);
}

static void
test_the_words_are_in_the_order_of_the_enums(UNUSED void **state)
{
	assert_int_equal(names_find(log_level_names, "error"), LOG_LEVEL_ERROR);
	assert_int_equal(names_find(log_level_names, "warn"), LOG_LEVEL_WARN);
	assert_int_equal(names_find(log_level_names, "info"), LOG_LEVEL_INFO);
	assert_int_equal(names_find(log_level_names, "debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(names_find(log_format_names, "auto"), LOG_FORMAT_AUTO);
	assert_int_equal(names_find(log_format_names, "text"), LOG_FORMAT_TEXT);
	assert_int_equal(names_find(log_format_names, "json"), LOG_FORMAT_JSON);
	assert_int_equal(names_find(log_format_names, "xml"), -1);
}

#define test(function) cmocka_unit_test_setup(function, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: the others call log_setup(). */
		test(test_without_a_setup_info_is_written_and_debug_is_not),
		test(test_a_text_line_is_time_level_text),
		test(test_levels_above_the_chosen_one_are_silent),
		test(test_the_journal_gets_priorities),
		test(test_text_format_holds_in_the_journal_too),
		test(test_a_journal_stream_elsewhere_is_not_ours),
		test(test_on_a_terminal_the_level_is_coloured),
		test(test_no_colour_where_it_is_not_wanted),
		test(test_a_json_line_is_one_object),
		test(test_a_json_line_about_no_target_has_null),
		test(test_control_characters_are_replaced),
		test(test_what_is_not_utf_8_is_replaced),
		test(test_a_long_text_is_cut_at_8_kib),
		test(test_a_cut_never_parts_a_character),
		test(test_bytes_that_grow_when_replaced_are_cut_too),
		test(test_errno_is_kept_and_can_be_told),
		test(test_a_line_is_wrapped_by_what_lives_on_the_terminal),
		test(test_a_full_pipe_that_does_not_block_loses_the_line_only),
		test(test_the_words_are_in_the_order_of_the_enums),
		test(test_who_does_not_read_is_not_waited_for),
		test(test_what_was_lost_is_told_to_whom_warnings_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
