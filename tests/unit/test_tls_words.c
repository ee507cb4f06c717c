/*
 * http/tls_words: what the words of OpenSSL and libcurl, of the versions that Debian has
 * had, come to for a person.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "http/tls_words.h"

static void
expect_words(const char *words, const char *expected)
{
	if (expected == NULL)
		assert_null(words);
	else
		assert_string_equal(words, expected);
}

static void
test_who_did_not_sign_a_certificate_is_told(UNUSED void **state)
{
	static const struct {
		const char *reason, *words;
	} cases[] = {
		{ "self-signed certificate in certificate chain",
		    "signed by an unknown authority" },
		{ "unable to get local issuer certificate",
		    "signed by an unknown authority" },
		{ "no alternative certificate subject name matches target host name "
		  "'a.test'",
		    "made out to another host" },
		{ "no alternative certificate subject name matches target ipv4 address "
		  "'127.0.0.1'",
		    "made out to another host" },
		{ "certificate subject name 'b' does not match target host name 'a'",
		    "made out to another host" },
		/* These speak for themselves. */
		{ "certificate has expired", NULL },
		{ "self-signed certificate", NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		expect_words(tls_words_of_certificate(cases[i].reason), cases[i].words);
}

static void
test_a_certificate_that_was_asked_for_is_what_was_missing(UNUSED void **state)
{
	static const char demanded[] = "the server demands a client certificate";
	static const char refused[] = "the server refuses the client certificate";
	static const struct {
		const char *reason;
		bool wanted, given;
		const char *words;
	} cases[] = {
		{ "tlsv13 alert certificate required", true, false, demanded },
		{ "tlsv13 alert certificate required", false, false, demanded },
		{ "sslv3 alert handshake failure", true, false, demanded },
		{ "ssl/tls alert handshake failure", true, false, demanded },
		{ "tlsv1 alert unknown ca", true, true, refused },
		{ "sslv3 alert certificate expired", true, true, refused },
		/* Not by who did not ask for one. */
		{ "sslv3 alert handshake failure", false, true, NULL },
		{ "tlsv1 alert internal error", true, true, NULL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		expect_words(tls_words_of_handshake(
		                 cases[i].reason, cases[i].wanted, cases[i].given),
		    cases[i].words);
}

static void
test_who_asks_for_a_certificate_and_hangs_up_demands_it(UNUSED void **state)
{
	const char *const reasons[] = { "SSL_ERROR_SYSCALL",
		"unexpected eof while reading", strerror(ECONNRESET) };

	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		expect_words(tls_words_of_handshake(reasons[i], true, false),
		    "the server demands a client certificate");
		expect_words(tls_words_of_handshake(reasons[i], true, true),
		    "the connection was closed");
		expect_words(tls_words_of_handshake(reasons[i], false, false),
		    "the connection was closed");
	}
}

static void
test_what_is_no_tls_of_ours_is_told(UNUSED void **state)
{
	expect_words(tls_words_of_handshake("wrong version number", false, false),
	    "what answers there is no TLS");
	expect_words(
	    tls_words_of_handshake("tlsv1 alert protocol version", false, false),
	    "the server has no version of TLS in common");
	expect_words(tls_words_of_handshake("unsupported protocol", false, false),
	    "the server has no version of TLS in common");
}

static void
test_an_alert_is_known_by_who_tells_of_it(UNUSED void **state)
{
	assert_true(tls_words_tell_of_alert("OpenSSL SSL_read: error:0A00045C:SSL "
	                                    "routines::tlsv13 alert certificate "
	                                    "required, errno 0"));
	assert_false(tls_words_tell_of_alert("Recv failure: Connection reset by peer"));
	assert_false(tls_words_tell_of_alert("an alert of somebody else"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_did_not_sign_a_certificate_is_told),
		cmocka_unit_test(
		    test_a_certificate_that_was_asked_for_is_what_was_missing),
		cmocka_unit_test(
		    test_who_asks_for_a_certificate_and_hangs_up_demands_it),
		cmocka_unit_test(test_what_is_no_tls_of_ours_is_told),
		cmocka_unit_test(test_an_alert_is_known_by_who_tells_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
