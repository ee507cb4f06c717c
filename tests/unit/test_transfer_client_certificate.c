/*
 * http/transfers over TLS: who connections are themselves.
 */
#include "config.h"

#ifdef HAVE_OPENSSL

#include "transfer_tls_stage.h"

static void
demand_certificate(struct tls_server *server, int version)
{
	X509_STORE *store = SSL_CTX_get_cert_store(server->context);

	X509_STORE_add_cert(store, authority.certificate);
	SSL_CTX_set_verify(
	    server->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_max_proto_version(server->context, version);
	SSL_CTX_set_session_id_context(server->context, (const unsigned char *)"t", 1);
}

static void
test_a_client_certificate_is_shown_or_missed(UNUSED void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
		struct tls_stage *tls = new_tls_stage(&server_identity);
		const char *text;

		demand_certificate(&tls->server, versions[i]);
		tls_server_run(&tls->server);
		ask_home(tls);
		text = i == 0
		    ? "TLS handshake with 127.0.0.1:%u failed: the server demands a "
		      "client certificate (sslv3 alert handshake failure)"
		    : "TLS handshake with 127.0.0.1:%u failed: the server demands a "
		      "client certificate (tlsv13 alert certificate required)";
		expect_fault(tls, text);
		assert_false(tls->seen.response.lost);

		reroute(tls);
		tls->route.cert = xstrdup(stranger_file);
		ask_home(tls);
		expect_fault(tls,
		    "TLS handshake with 127.0.0.1:%u failed: the server refuses the "
		    "client certificate (tlsv1 alert unknown ca)");

		reroute(tls);
		tls->route.cert = xstrdup(client_file);
		tls->route.key = xstrdup(client_key_file);
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_true(tls->server.knows_peer);

		/* That connection is nobody else's. */
		reroute(tls);
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
		free_tls_stage(tls);
	}
}

/* It asks for a certificate, but who shows none is let in. */
static void
ask_for_certificate(struct tls_server *server, int version)
{
	demand_certificate(server, version);
	SSL_CTX_set_verify(server->context, SSL_VERIFY_PEER, NULL);
}

static const enum tls_parting partings[] = { TLS_LEAVES, TLS_LEAVES_ONCE_ASKED,
	TLS_RESETS, TLS_RESETS_ONCE_ASKED };

static void
test_who_asks_for_a_certificate_and_hangs_up_demands_it(UNUSED void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < ARRAY_COUNT(versions) * ARRAY_COUNT(partings); i++) {
		struct tls_stage *tls = new_tls_stage(&server_identity);

		ask_for_certificate(&tls->server, versions[i % 2]);
		tls->server.parting = partings[i / 2];
		tls_server_run(&tls->server);
		ask_home(tls);
		expect_fault(tls,
		    "TLS handshake with 127.0.0.1:%u failed: the server demands a "
		    "client certificate (the connection ended before the answer)");
		assert_false(tls->seen.response.lost);
		free_tls_stage(tls);
	}
}

/* Ask a server that asks for a certificate if it is CURIOUS and ends it by PARTING. */
static void
expect_protocol_fault(
    const char *answer, enum tls_parting parting, bool curious, bool shown)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);

	if (curious)
		ask_for_certificate(&tls->server, TLS1_3_VERSION);
	tls->server.answer = answer;
	tls->server.parting = parting;
	tls_server_run(&tls->server);
	if (shown) {
		tls->route.cert = xstrdup(client_file);
		tls->route.key = xstrdup(client_key_file);
	}
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_PROTOCOL);
	assert_null(strstr(tls->seen.response.message, "client certificate"));
	free_tls_stage(tls);
}

static void
test_another_end_of_a_connection_is_about_no_certificate(UNUSED void **state)
{
	static const char cut[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

	/* It got what it asked for, or asked for nothing. */
	expect_protocol_fault(OK_JSON, TLS_LEAVES_ONCE_ASKED, true, true);
	expect_protocol_fault(OK_JSON, TLS_RESETS_ONCE_ASKED, true, true);
	expect_protocol_fault(OK_JSON, TLS_LEAVES_ONCE_ASKED, false, false);
	expect_protocol_fault(OK_JSON, TLS_RESETS_ONCE_ASKED, false, false);
	/* It answered, or began to. */
	expect_protocol_fault(cut, TLS_ANSWERS_ONCE, true, false);
	expect_protocol_fault("what?\r\n\r\n", TLS_ANSWERS_ONCE, true, false);
}

static void
test_a_client_certificate_stays_at_home(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	struct stage *stage = tls->stage;

	SSL_CTX_set_verify(tls->server.context, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(
	    SSL_CTX_get_cert_store(tls->server.context), authority.certificate);
	SSL_CTX_set_session_id_context(
	    tls->server.context, (const unsigned char *)"t", 1);
	tls_server_run(&tls->server);
	tls->route.cert = xstrdup(client_file);
	tls->route.key = xstrdup(client_key_file);
	ask_home(tls);
	for (int i = 0; i < 4; i++) {
		const struct hop hop = {
			.request = &stage->request,
			.url = &stage->request.url,
			.with_secrets = i % 2 == 0,
			.deadline_us =
			    transfers_now_us(stage->transfers) + SECOND_US * 5,
		};

		forget(&tls->seen);
		tls->seen.transfer =
		    transfer_start(stage->transfers, &hop, on_done, &tls->seen);
		await(stage, &tls->seen);
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_int_equal(tls->server.knows_peer, i % 2 == 0);
	}
	free_tls_stage(tls);
}

static void
test_files_of_no_use_are_told(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	const struct {
		const char *cert, *key, *message;
	} cases[] = {
		{ junk_file, NULL,
		    "the client certificate cannot be used: could not load PEM client "
		    "certificate from " },
		{ "/no/such/file", NULL,
		    "the client certificate cannot be used: could not load PEM client "
		    "certificate from /no/such/file" },
		{ client_file, NULL,
		    "the client certificate cannot be used: unable to set private key "
		    "file: " },
		{ client_file, stranger_file,
		    "the client certificate cannot be used: " },
	};

	tls_server_run(&tls->server);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		reroute(tls);
		tls->route.cert = xstrdup(cases[i].cert);
		tls->route.key = cases[i].key != NULL ? xstrdup(cases[i].key) : NULL;
		ask_home(tls);
		assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
		assert_non_null(strstr(tls->seen.response.message, cases[i].message));
	}
	free_tls_stage(tls);
}

static void
test_a_key_with_a_pass_phrase_is_not_asked_for_at_the_terminal(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char path[64];
	FILE *file;

	name_file(path, "locked.pem");
	file = fopen(path, "w");
	PEM_write_X509(file, client.certificate);
	PEM_write_PrivateKey(file, client.key, EVP_aes_128_cbc(),
	    (const unsigned char *)"phrase", 6, NULL, NULL);
	fclose(file);
	tls_server_run(&tls->server);
	tls->route.cert = xstrdup(path);
	ask_home(tls);
	assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
	unlink(path);
	free_tls_stage(tls);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_client_certificate_is_shown_or_missed),
		cmocka_unit_test(
		    test_who_asks_for_a_certificate_and_hangs_up_demands_it),
		cmocka_unit_test(
		    test_another_end_of_a_connection_is_about_no_certificate),
		cmocka_unit_test(test_a_client_certificate_stays_at_home),
		cmocka_unit_test(test_files_of_no_use_are_told),
		cmocka_unit_test(
		    test_a_key_with_a_pass_phrase_is_not_asked_for_at_the_terminal),
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
