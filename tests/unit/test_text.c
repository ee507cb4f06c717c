#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "config/text.h"
#include "parsed.h"

/* A scalar at line 3, column 4 of "f", loaded from the test's folder. */
struct loaded {
	struct parsed parsed;
	struct text text;
	bool well;
};

static void
load(struct loaded *loaded, const char *source)
{
	struct yaml_node node = {
		.kind = YAML_SCALAR,
		.place = { .line = 3, .column = 4 },
		.plain = true,
		.text = source,
		.len = strlen(source),
	};
	struct parsed *parsed = &loaded->parsed;

	parsed_init(parsed, "");
	loaded->well = text_load(&node, "here", parsed->faults, &loaded->text);
	(void)parsed_lines(parsed);
}

static void
unload(struct loaded *loaded)
{
	text_clear(&loaded->text);
	parsed_clear(&loaded->parsed);
}

/* The text's value is REAL, and SHOWN where it may be seen. */
static void
assert_loads(const char *source, const char *real, const char *shown)
{
	struct loaded loaded;
	char *seen;

	load(&loaded, source);
	assert_string_equal(loaded.parsed.lines.data, "");
	assert_true(loaded.well);
	assert_string_equal(loaded.text.value.text.data, real);
	seen = marked_shown(&loaded.text.value);
	assert_string_equal(seen, shown);
	assert_string_equal(loaded.text.source, source);
	free(seen);
	unload(&loaded);
}

static void
assert_faults(const char *source, const char *lines)
{
	struct loaded loaded;

	load(&loaded, source);
	assert_string_equal(loaded.parsed.lines.data, lines);
	assert_false(loaded.well);
	unload(&loaded);
}

static void
assert_refused(const char *source, const char *fault)
{
	char *line = xasprintf("f:3:4: error: %s\n", fault);

	assert_faults(source, line);
	free(line);
}

static void
put_file(const char *path, const char *content, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
put_text(const char *path, const char *content)
{
	put_file(path, content, strlen(content));
}

/* A folder with a folder "here", and the environment the tests are about. */
static int
set_up(void **state)
{
	char *folder = xstrdup("/tmp/test_text-XXXXXX");

	if (mkdtemp(folder) == NULL || chdir(folder) == -1 || mkdir("here", 0700) == -1)
		return -1;
	setenv("GT_KEY", "s3cret-value", 1);
	setenv("GT_HOST", "h.example", 1);
	setenv("GT_EMPTY", "", 1);
	setenv("GT_NESTED", "${GT_KEY} $$ {{x}}", 1);
	unsetenv("GT_NONE");
	unsetenv("CREDENTIALS_DIRECTORY");
	*state = folder;
	return 0;
}

static int
tear_down(void **state)
{
	int failed;

	(void)unlink("here/key");
	failed = rmdir("here") == -1 || chdir("/") == -1 || rmdir(*state) == -1;
	free(*state);
	return failed ? -1 : 0;
}

static void
test_text_without_dollar_signs_stays(UNUSED void **state)
{
	assert_loads("", "", "");
	assert_loads("plain {text}", "plain {text}", "plain {text}");
}

static void
test_dollar_signs_are_doubled_or_alone(UNUSED void **state)
{
	assert_loads("$$", "$", "$");
	assert_loads("$", "$", "$");
	assert_loads("a $5 $x $", "a $5 $x $", "a $5 $x $");
	assert_loads("$${GT_KEY}", "${GT_KEY}", "${GT_KEY}");
	assert_loads("$$${GT_KEY}", "$s3cret-value", "$***");
	assert_loads("$$$$", "$$", "$$");
}

static void
test_a_variable_is_put_in_and_secret(UNUSED void **state)
{
	assert_loads("a ${GT_KEY} b", "a s3cret-value b", "a *** b");
	assert_loads("${GT_KEY}${GT_HOST}", "s3cret-valueh.example", "***");
}

static void
test_a_plain_variable_may_be_shown(UNUSED void **state)
{
	assert_loads(
	    "http://${plain:GT_HOST}/", "http://h.example/", "http://h.example/");
	assert_loads("${plain:GT_NONE:-x}", "x", "x");
}

/* The first character is the author's, the rest is marked MARK. */
static void
assert_mark(const char *source, enum mark mark)
{
	struct loaded loaded;

	load(&loaded, source);
	assert_int_equal(loaded.text.value.part_count, 2);
	assert_int_equal(loaded.text.value.parts[0].mark, MARK_OWN);
	assert_int_equal(loaded.text.value.parts[1].start, 1);
	assert_int_equal(loaded.text.value.parts[1].mark, mark);
	unload(&loaded);
}

static void
test_no_template_is_read_in_what_was_put_in(UNUSED void **state)
{
	assert_mark("a${GT_KEY}", MARK_SECRET);
	assert_mark("a${plain:GT_HOST}", MARK_PUT_IN);
	assert_mark("a${GT_NONE:-{{x}", MARK_PUT_IN);
}

static void
test_what_was_put_in_is_not_read_again(UNUSED void **state)
{
	assert_loads("${plain:GT_NESTED}", "${GT_KEY} $$ {{x}}", "${GT_KEY} $$ {{x}}");
	assert_loads("${GT_NONE:-$$ ${x}", "$$ ${x", "$$ ${x");
}

static void
test_a_default_is_for_what_is_unset_or_empty(UNUSED void **state)
{
	assert_loads("${GT_NONE:-some text}", "some text", "some text");
	assert_loads("${GT_EMPTY:-x}", "x", "x");
	assert_loads("${GT_NONE:-}", "", "");
	assert_loads("${GT_KEY:-x}", "s3cret-value", "***");
	assert_loads("${GT_NONE:-a:b?{}}", "a:b?{}", "a:b?{}");
	assert_loads("${file:-x}", "x", "x");
}

static void
test_a_missing_variable_is_a_fault_that_names_it(UNUSED void **state)
{
	assert_refused("Bearer ${GT_NONE}", "GT_NONE is not set");
	assert_refused("${GT_EMPTY}", "GT_EMPTY is not set");
	assert_refused("${plain:GT_NONE}", "GT_NONE is not set");
	assert_refused("${GT_NONE:?}", "GT_NONE is not set");
	assert_refused("${GT_NONE:?get one at x.org}", "GT_NONE: get one at x.org");
	assert_loads("${GT_KEY:?get one}", "s3cret-value", "***");
}

static void
test_all_faults_of_a_text_are_told(UNUSED void **state)
{
	assert_faults("${GT_NONE} ${GT_EMPTY} ${",
	    "f:3:4: error: GT_NONE is not set\n"
	    "f:3:4: error: GT_EMPTY is not set\n"
	    "f:3:4: error: unclosed ${: expected a } behind it ($${ is ${ itself)\n");
}

static void
test_a_malformed_reference_is_not_quoted(UNUSED void **state)
{
	const char *line =
	    "malformed ${...}: expected ${NAME}, ${NAME:-text}, ${NAME:?text}, "
	    "${plain:NAME}, ${file:PATH} or ${credential:NAME}";

	assert_refused("${}", line);
	assert_refused("${1A}", line);
	assert_refused("${sk-12345}", line);
	assert_refused("${A B}", line);
	assert_refused("${ A}", line);
	assert_refused("${:-x}", line);
	assert_refused(
	    "${plain:}", "malformed ${plain:...}: expected the name of a variable");
	assert_refused(
	    "${plain:a-b}", "malformed ${plain:...}: expected the name of a variable");
}

static void
test_an_unknown_scheme_is_told_with_the_nearest(UNUSED void **state)
{
	assert_refused("${flie:x}", "unknown ${flie:...}: did you mean ${file:...}?");
	assert_refused("${credentials:x}",
	    "unknown ${credentials:...}: did you mean ${credential:...}?");
	assert_refused("${GT_KEY:=x}",
	    "unknown ${GT_KEY:...}: expected ${NAME}, ${NAME:-text}, ${NAME:?text}, "
	    "${plain:NAME}, ${file:PATH} or ${credential:NAME}");
}

static void
test_a_file_is_put_in_less_one_newline(UNUSED void **state)
{
	put_text("here/key", "abc");
	assert_loads("<${file:key}>", "<abc>", "<***>");
	put_text("here/key", "abc\n");
	assert_loads("${file:./key}", "abc", "***");
	put_text("here/key", "abc\r\n");
	assert_loads("${file:key}", "abc", "***");
	put_text("here/key", "a\nbc\n\n");
	assert_loads("${file:key}", "a\nbc\n", "***");
	put_text("here/key", "abc\r");
	assert_loads("${file:key}", "abc\r", "***");
}

static void
test_a_file_may_be_named_from_the_root(void **state)
{
	char *source = xasprintf("${file:%s/here/key}", (const char *)*state);

	put_text("here/key", "abc");
	assert_loads(source, "abc", "***");
	free(source);
}

static void
test_an_unfit_file_is_a_fault_without_its_content(UNUSED void **state)
{
	assert_refused("${file:}", "${file:} names no file");
	assert_refused(
	    "${file:no}", "file no cannot be read: No such file or directory");
	assert_refused("${file:.}", "file . cannot be read: Is a directory");
	assert_refused(
	    "${file:/dev/zero}", "file /dev/zero is neither a regular file nor a FIFO");
	put_file("here/key", "a\0b", 3);
	assert_refused("${file:key}", "file key holds a NUL byte");
	put_text("here/key", "");
	assert_refused(
	    "${file:key}", "file key is empty: a run never starts with an empty key");
	put_text("here/key", "\r\n");
	assert_refused(
	    "${file:key}", "file key is empty: a run never starts with an empty key");
}

static void
test_a_file_holds_1_mib_at_most(UNUSED void **state)
{
	size_t len = (size_t)1024 * 1024;
	char *large = xmalloc(len + 1);
	struct loaded loaded;

	memset(large, 'x', len + 1);
	put_file("here/key", large, len);
	load(&loaded, "${file:key}");
	assert_true(loaded.well);
	assert_int_equal(loaded.text.value.text.len, len);
	unload(&loaded);

	put_file("here/key", large, len + 1);
	assert_refused("${file:key}", "file key is larger than 1MiB");

	/* Nor do many of them grow without end. */
	put_file("here/key", large, len);
	assert_refused(
	    "${file:key}${file:key}${file:key}${file:key}${file:key}${file:key}"
	    "${file:key}${file:key}${file:key}${file:key}${file:key}${file:key}"
	    "${file:key}${file:key}${file:key}${file:key}${file:key}",
	    "with what ${...} puts in, larger than 16MiB");
	free(large);
}

static void
test_a_credential_is_put_in(UNUSED void **state)
{
	setenv("CREDENTIALS_DIRECTORY", "here", 1);
	put_text("here/key", "abc\n");
	assert_loads("${credential:key}", "abc", "***");
	assert_refused("${credential:other}",
	    "credential other cannot be read: No such file or directory");
}

static void
test_a_credential_has_a_name_and_a_folder(UNUSED void **state)
{
	const char *line =
	    "${credential:...}: expected the name of a credential, without /";

	assert_refused("${credential:key}",
	    "credential key: CREDENTIALS_DIRECTORY is not set (systemd sets it with "
	    "LoadCredential=)");
	setenv("CREDENTIALS_DIRECTORY", "here", 1);
	put_text("here/key", "abc\n");
	assert_refused("${credential:}", line);
	assert_refused("${credential:../here/key}", line);
	assert_refused("${credential:..}", line);
}

static void
assert_reference(const char *source, bool expected)
{
	struct text text = { .source = xstrdup(source) };

	assert_int_equal(text_has_reference(&text), expected);
	free(text.source);
}

static void
test_a_reference_is_seen_in_the_source(UNUSED void **state)
{
	assert_reference("", false);
	assert_reference("$", false);
	assert_reference("a$b$", false);
	assert_reference("$${A}", false);
	assert_reference("$${A}$", false);
	assert_reference("${A:-}", true);
	assert_reference("x $$${A}", true);
	assert_reference("$x${A}", true);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_text_without_dollar_signs_stays),
		WITH_FOLDER(test_dollar_signs_are_doubled_or_alone),
		WITH_FOLDER(test_a_variable_is_put_in_and_secret),
		WITH_FOLDER(test_a_plain_variable_may_be_shown),
		WITH_FOLDER(test_no_template_is_read_in_what_was_put_in),
		WITH_FOLDER(test_what_was_put_in_is_not_read_again),
		WITH_FOLDER(test_a_default_is_for_what_is_unset_or_empty),
		WITH_FOLDER(test_a_missing_variable_is_a_fault_that_names_it),
		WITH_FOLDER(test_all_faults_of_a_text_are_told),
		WITH_FOLDER(test_a_malformed_reference_is_not_quoted),
		WITH_FOLDER(test_an_unknown_scheme_is_told_with_the_nearest),
		WITH_FOLDER(test_a_file_is_put_in_less_one_newline),
		WITH_FOLDER(test_a_file_may_be_named_from_the_root),
		WITH_FOLDER(test_an_unfit_file_is_a_fault_without_its_content),
		WITH_FOLDER(test_a_file_holds_1_mib_at_most),
		WITH_FOLDER(test_a_credential_is_put_in),
		WITH_FOLDER(test_a_credential_has_a_name_and_a_folder),
		cmocka_unit_test(test_a_reference_is_seen_in_the_source),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
