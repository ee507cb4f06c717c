/*
 * http/transfers over TLS: whom connections trust, and what is told of it.
 */
#include "config.h"

#ifdef HAVE_OPENSSL

#include "transfer_tls_stage.h"

/* ---- The server's certificate ---- */

static void
test_the_connection_is_told_of_new_or_not(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	int64_t end_ms = clock_wall_ms() + INT64_C(3600000);

	tls_server_run(&tls->server);
	for (int i = 0; i < 3; i++) {
		const struct response *response = ask_home(tls);

		assert_int_equal(response->result, RESPONSE_COMPLETE);
		assert_string_equal(response->tls.version, "TLSv1.3");
		assert_true(response->tls.expires_at_ms > end_ms - 120000);
		assert_true(response->tls.expires_at_ms <= end_ms + 1000);
		assert_null(response->tls.subject);
		assert_int_equal(response->timing.tls_us >= 0, i == 0);
	}
	tls->stage->request.keep_trail = true;
	ask_home(tls);
	assert_string_equal(tls->seen.response.tls.subject, "CN=Serv\xc3\xa9r");
	assert_string_equal(tls->seen.response.tls.issuer, "CN=authority");
	assert_int_equal(tls->server.accepted, 1);

	/* Of plain HTTP there is nothing to tell, whatever the handle did before. */
	aim_at(tls->stage, "http://127.0.0.1:%u/");
	ask(tls->stage, &tls->seen);
	assert_null(tls->seen.response.tls.version);
	assert_int_equal(tls->seen.response.tls.expires_at_ms, -1);
	free_tls_stage(tls);
}

static void
test_a_certificate_is_refused_for_a_reason(UNUSED void **state)
{
	static const struct {
		struct identity_form form;
		const char *message;
	} cases[] = {
		{ { .name = "a",
		      .alternative = "IP:127.0.0.1",
		      .issuer = &other_authority },
		    "certificate of 127.0.0.1:%u: signed by an unknown authority (unable "
		    "to get local issuer certificate)" },
		{ { .name = "a", .alternative = "IP:127.0.0.1" },
		    "certificate of 127.0.0.1:%u: self-signed certificate" },
		{ { .name = "a",
		      .alternative = "IP:127.0.0.1",
		      .issuer = &authority,
		      .begins_s = -200,
		      .ends_s = -100 },
		    "certificate of 127.0.0.1:%u: certificate has expired" },
		{ { .name = "a",
		      .alternative = "IP:127.0.0.1",
		      .issuer = &authority,
		      .begins_s = 1000,
		      .ends_s = 2000 },
		    "certificate of 127.0.0.1:%u: certificate is not yet valid" },
		{ { .name = "a", .alternative = "DNS:a.test", .issuer = &authority },
		    "certificate of 127.0.0.1:%u: made out to another host (no "
		    "alternative certificate subject name matches target host name "
		    "'127.0.0.1')" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct identity identity;
		struct tls_stage *tls;

		identity_make(&identity, &cases[i].form);
		tls = new_tls_stage(&identity);
		tls_server_run(&tls->server);
		ask_home(tls);
		expect_fault(tls, cases[i].message);
		assert_true(tls->seen.response.timing.connect_us >= 0);

		/* Unless nobody looks. */
		tls->route.verify = false;
		renew(&tls->route);
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_true(tls->seen.response.tls.expires_at_ms > 0);
		free_tls_stage(tls);
		identity_clear(&identity);
	}
}

static void
test_a_connection_serves_only_who_trusts_it(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	const struct {
		const char *ca;
		bool verify;
		enum response_result result;
	} cases[] = {
		{ ca_file, true, RESPONSE_COMPLETE },
		{ other_ca_file, true, RESPONSE_TLS },
		{ NULL, true, RESPONSE_TLS },
		{ NULL, false, RESPONSE_COMPLETE },
		{ NULL, true, RESPONSE_TLS },
		{ ca_file, true, RESPONSE_COMPLETE },
		{ other_ca_file, false, RESPONSE_COMPLETE },
		{ other_ca_file, true, RESPONSE_TLS },
	};

	tls_server_run(&tls->server);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		reroute(tls);
		free(tls->route.ca);
		tls->route.ca = cases[i].ca != NULL ? xstrdup(cases[i].ca) : NULL;
		tls->route.verify = cases[i].verify;
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, cases[i].result);
	}
	/* And the usual way. */
	tls->stage->request.route = NULL;
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
	free_tls_stage(tls);
}

static void
test_a_file_of_authorities_is_read_again_once_it_has_changed(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	const struct timespec times[2] = { { .tv_sec = 1000000000 },
		{ .tv_sec = 1000000000 } };
	char path[64];

	name_file(path, "changing.pem");
	identity_write(&other_authority, path, false);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	tls_server_run(&tls->server);
	free(tls->route.ca);
	tls->route.ca = xstrdup(path);
	tls->stage->request.reuse = false;
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
	identity_write(&authority, path, false);
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
	unlink(path);
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
	assert_non_null(strstr(tls->seen.response.message,
	    "cannot read certificate authorities from /tmp/"));
	free_tls_stage(tls);
}

static void
test_authorities_of_no_use_are_told(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char message[256];

	tls_server_run(&tls->server);
	free(tls->route.ca);
	tls->route.ca = xstrdup(junk_file);
	ask_home(tls);
	snprintf(message, sizeof(message),
	    "cannot read certificate authorities from %s", junk_file);
	expect_fault(tls, message);
	/* Nobody reads them where nobody looks. */
	tls->route.verify = false;
	renew(&tls->route);
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
	free_tls_stage(tls);
}

static void
test_a_pipe_of_authorities_is_not_waited_for(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char pipe_file[64], message[256];

	name_file(pipe_file, "pipe");
	assert_int_equal(mkfifo(pipe_file, 0600), 0);
	tls_server_run(&tls->server);
	free(tls->route.ca);
	tls->route.ca = xstrdup(pipe_file);
	ask_home(tls);
	snprintf(message, sizeof(message),
	    "cannot read certificate authorities from %s", pipe_file);
	expect_fault(tls, message);
	unlink(pipe_file);
	free_tls_stage(tls);
}

/* ---- Names and versions ---- */

static void
test_the_handshake_may_name_another_server(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char host[64];

	tls_server_run(&tls->server);
	tls->route.server_name = xstrdup("inner.test");
	snprintf(host, sizeof(host), "\r\nHost: outer.test:%u\r\n", tls->server.port);
	for (int i = 0; i < 2; i++) {
		ask_tls(tls, "https://outer.test:%u/a?b");
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_string_equal(tls->server.name, "inner.test");
		assert_non_null(strstr(tls->server.last, "GET /a?b HTTP/1.1\r\n"));
		assert_non_null(strstr(tls->server.last, host));
	}
	assert_int_equal(tls->server.accepted, 1);
	assert_int_equal(fake_lookups, 1);

	/* By its own name it is not trusted, and that connection does not count. */
	reroute(tls);
	ask_tls(tls, "https://outer.test:%u/");
	assert_int_equal(tls->seen.response.result, RESPONSE_TLS);

	reroute(tls);
	tls->route.server_name = xstrdup("wrong.test");
	ask_tls(tls, "https://127.0.0.1:%u/");
	expect_fault(tls,
	    "certificate of 127.0.0.1:%u: made out to another host (no alternative "
	    "certificate subject name matches target host name 'wrong.test')");

	/* An own Host header, and a pinned address. */
	reroute(tls);
	tls->route.server_name = xstrdup("inner.test");
	tls->route.pins = xcalloc(1, sizeof(*tls->route.pins));
	tls->route.pins[0] = (struct route_pin){ .host = xstrdup("nowhere.test"),
		.address = xstrdup("127.0.0.1") };
	tls->route.pin_count = 1;
	request_add_header(&tls->stage->request, "Host", "own.test", false);
	ask_tls(tls, "https://nowhere.test:%u/");
	assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
	assert_non_null(strstr(tls->server.last, "\r\nHost: own.test\r\n"));
	assert_null(strstr(tls->server.last, "nowhere"));
	free_tls_stage(tls);
}

static void
test_old_versions_can_be_refused(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);

	SSL_CTX_set_max_proto_version(tls->server.context, TLS1_2_VERSION);
	tls_server_run(&tls->server);
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
	assert_string_equal(tls->seen.response.tls.version, "TLSv1.2");
	reroute(tls);
	tls->route.min_version = TLS_1_3;
	ask_home(tls);
	expect_fault(tls,
	    "TLS handshake with 127.0.0.1:%u failed: the server has no version of TLS in "
	    "common (tlsv1 alert protocol version)");
	free_tls_stage(tls);
}

static void
test_a_server_without_http_2_is_asked_by_1_1(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);

	tls_server_run(&tls->server);
	tls->route.http_version = HTTP_2;
	tls->stage->request.keep_head = true;
	for (int i = 0; i < 2; i++) {
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_memory_equal(tls->seen.response.head, "HTTP/1.1 200", 12);
	}
	assert_int_equal(tls->server.accepted, 1);
	free_tls_stage(tls);
}

/* ---- Times ---- */

static void
test_a_handshake_that_hangs_tells_how_long_tcp_took(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	transfers_expect_tls(stage->transfers, NULL);
	aim_at(stage, "https://127.0.0.1:%u/");
	stage->request.connect_timeout_us = 300 * MS_US;
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(seen.response.phase, PHASE_TLS);
	assert_in_range(seen.response.timing.connect_us, 1, 250 * MS_US);
	assert_int_equal(seen.response.timing.tls_us, -1);
	forget(&seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_connection_is_told_of_new_or_not),
		cmocka_unit_test(test_a_certificate_is_refused_for_a_reason),
		cmocka_unit_test(test_a_connection_serves_only_who_trusts_it),
		cmocka_unit_test(
		    test_a_file_of_authorities_is_read_again_once_it_has_changed),
		cmocka_unit_test(test_authorities_of_no_use_are_told),
		cmocka_unit_test(test_a_pipe_of_authorities_is_not_waited_for),
		cmocka_unit_test(test_the_handshake_may_name_another_server),
		cmocka_unit_test(test_old_versions_can_be_refused),
		cmocka_unit_test(test_a_server_without_http_2_is_asked_by_1_1),
		cmocka_unit_test(test_a_handshake_that_hangs_tells_how_long_tcp_took),
	};

	return RUN_WITH_FILES(tests);
}

#else /* without OpenSSL */

int
main(void)
{
	return 77; /* skipped */
}

#endif
