/*
 * http/transfers over TLS: whom connections trust, who they are themselves, and what is
 * told of it.
 */
#include "config.h"

#ifdef HAVE_OPENSSL

#include <curl/curl.h>

#include "http/route.h"
#include "tls_stage.h"

/* ---- The files of the tests ---- */

static char folder[] = "/tmp/gatherd-test-tls-XXXXXX";
static char ca_file[64], other_ca_file[64], client_file[64], client_key_file[64],
    stranger_file[64], junk_file[64];

static struct identity authority, other_authority, server_identity, client, stranger;

static void
name_file(char path[static 64], const char *name)
{
	snprintf(path, 64, "%s/%s", folder, name);
}

static void
write_key(const struct identity *identity, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
}

static int
set_up(UNUSED void **state)
{
	FILE *junk;

	assert_non_null(mkdtemp(folder));
	name_file(ca_file, "ca.pem");
	name_file(other_ca_file, "other-ca.pem");
	name_file(client_file, "client.pem");
	name_file(client_key_file, "client-key.pem");
	name_file(stranger_file, "stranger.pem");
	name_file(junk_file, "junk.pem");
	identity_make(&authority,
	    &(struct identity_form){ .name = "authority", .is_authority = true });
	identity_make(&other_authority,
	    &(struct identity_form){ .name = "other", .is_authority = true });
	identity_make(&server_identity,
	    &(struct identity_form){ .name = "Serv\xc3\xa9r",
	        .alternative = "IP:127.0.0.1,DNS:inner.test",
	        .issuer = &authority });
	identity_make(
	    &client, &(struct identity_form){ .name = "client", .issuer = &authority });
	identity_make(&stranger, &(struct identity_form){ .name = "stranger" });
	identity_write(&authority, ca_file, false);
	identity_write(&other_authority, other_ca_file, false);
	identity_write(&client, client_file, false);
	write_key(&client, client_key_file);
	identity_write(&stranger, stranger_file, true);
	junk = fopen(junk_file, "w");
	fputs("no certificate\n", junk);
	fclose(junk);
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	unlink(ca_file);
	unlink(other_ca_file);
	unlink(client_file);
	unlink(client_key_file);
	unlink(stranger_file);
	unlink(junk_file);
	rmdir(folder);
	identity_clear(&authority);
	identity_clear(&other_authority);
	identity_clear(&server_identity);
	identity_clear(&client);
	identity_clear(&stranger);
	return 0;
}

/* ---- Stages ---- */

struct tls_stage {
	struct stage *stage;
	struct tls_server server;
	struct route route;
	struct seen seen;
};

static struct tls_stage *
new_tls_stage(const struct identity *identity)
{
	struct tls_stage *tls = xcalloc(1, sizeof(*tls));

	tls->stage = new_stage(send_answer, OK_JSON);
	tls_server_init(&tls->server, identity);
	route_init(&tls->route);
	tls->route.ca = xstrdup(ca_file);
	tls->stage->request.route = &tls->route;
	return tls;
}

static void
free_tls_stage(struct tls_stage *tls)
{
	forget(&tls->seen);
	free_stage(tls->stage);
	tls_server_stop(&tls->server);
	route_clear(&tls->route);
	free(tls);
}

/* The route has been changed: no handle has seen it. */
static void
renew(struct route *route)
{
	struct route other;

	route_init(&other);
	route->id = other.id;
}

/* Another way from now on. */
static void
reroute(struct tls_stage *tls)
{
	route_clear(&tls->route);
	route_init(&tls->route);
	tls->route.ca = xstrdup(ca_file);
}

static const struct response *
ask_tls(struct tls_stage *tls, const char *format)
{
	struct stage *stage = tls->stage;
	char text[128];
	const char *why;

	snprintf(text, sizeof(text), format, tls->server.port);
	url_clear(&stage->request.url);
	assert_true(url_parse(text, &stage->request.url, &why));
	ask(stage, &tls->seen);
	return &tls->seen.response;
}

static const struct response *
ask_home(struct tls_stage *tls)
{
	return ask_tls(tls, "https://127.0.0.1:%u/");
}

/* With the server's port for "%u". */
static void
expect_fault(const struct tls_stage *tls, const char *format)
{
	const struct response *response = &tls->seen.response;
	char message[512];

	snprintf(message, sizeof(message), format, tls->server.port);
	assert_int_equal(response->result, RESPONSE_TLS);
	assert_int_equal(response->phase, PHASE_TLS);
	assert_string_equal(response->message, message);
}

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

/* ---- The client's certificate ---- */

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

/* ---- Proxies ---- */

/* Whatever comes from PEER goes on to the server with TLS, and back. */
static void
on_tunnelled(evutil_socket_t fd, UNUSED short what, void *arg)
{
	int other = *(int *)arg;
	char data[16384];
	ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (len > 0)
		send(other, data, (size_t)len, MSG_NOSIGNAL);
}

static struct tls_stage *tunnel_stage;
static int tunnel_fds[2];
static struct event *tunnel_event;

static void
tunnel(struct loopback_peer *peer, UNUSED const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(tunnel_stage->server.port) };

	if (!peer->server->any_bytes) {
		loopback_send(peer, "HTTP/1.1 200 Connected\r\nX-Proxy: p\r\n\r\n");
		peer->server->any_bytes = true;
		tunnel_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		tunnel_fds[1] = peer->fd;
		assert_int_equal(connect(tunnel_fds[0], (struct sockaddr *)&address,
		                     sizeof(address)),
		    0);
		tunnel_event = event_new(peer->server->base, tunnel_fds[0],
		    EV_READ | EV_PERSIST, on_tunnelled, &tunnel_fds[1]);
		event_add(tunnel_event, NULL);
		return;
	}
	send(tunnel_fds[0], peer->server->last, peer->server->last_len, MSG_NOSIGNAL);
}

static void
test_a_tunnel_shows_the_servers_answer_alone(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char text[64];
	const char *why;

	tunnel_stage = tls;
	tls_server_run(&tls->server);
	tls->stage->server->answer = tunnel;
	snprintf(text, sizeof(text), "http://127.0.0.1:%u", tls->stage->server->port);
	assert_true(proxy_parse(text, &tls->route.proxy, &why));
	tls->route.server_name = xstrdup("inner.test");
	tls->stage->request.keep_head = true;
	for (int i = 0; i < 2; i++) {
		ask_tls(tls, "https://nowhere.test:%u/");
		assert_int_equal(tls->seen.response.result, RESPONSE_COMPLETE);
		assert_string_equal(tls->seen.response.head,
		    OK_HEAD "Content-Type: application/json\r\nContent-Length: 2\r\n");
		assert_string_equal(tls->server.name, "inner.test");
		assert_int_equal(tls->seen.response.timing.connect_us >= 0, i == 0);
	}
	assert_int_equal(tls->server.accepted, 1);
	assert_int_equal(fake_lookups, 0);
	event_free(tunnel_event);
	close(tunnel_fds[0]);
	free_tls_stage(tls);
}

static void
test_a_proxy_with_tls_is_not_trusted_by_the_targets_file(UNUSED void **state)
{
	struct tls_stage *tls = new_tls_stage(&server_identity);
	char text[64], message[256];
	const char *why;

	tls_server_run(&tls->server);
	snprintf(text, sizeof(text), "https://127.0.0.1:%u", tls->server.port);
	assert_true(proxy_parse(text, &tls->route.proxy, &why));
	for (int verify = 0; verify < 2; verify++) {
		tls->route.verify = verify;
		renew(&tls->route);
		ask_tls(tls, "https://a.test/");
		assert_int_equal(tls->seen.response.result, RESPONSE_TLS);
		snprintf(message, sizeof(message),
		    "certificate of proxy 127.0.0.1:%u: ", tls->server.port);
		assert_non_null(strstr(tls->seen.response.message, message));
	}
	free_tls_stage(tls);
}

/* ---- Times ---- */

static void
test_a_handshake_that_hangs_tells_how_long_tcp_took(UNUSED void **state)
{
	struct stage *stage = new_stage(send_nothing, NULL);
	struct seen seen = { 0 };

	transfers_expect_tls(stage->transfers);
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
		cmocka_unit_test(test_a_client_certificate_is_shown_or_missed),
		cmocka_unit_test(test_a_client_certificate_stays_at_home),
		cmocka_unit_test(test_files_of_no_use_are_told),
		cmocka_unit_test(
		    test_a_key_with_a_pass_phrase_is_not_asked_for_at_the_terminal),
		cmocka_unit_test(test_the_handshake_may_name_another_server),
		cmocka_unit_test(test_old_versions_can_be_refused),
		cmocka_unit_test(test_a_server_without_http_2_is_asked_by_1_1),
		cmocka_unit_test(test_a_tunnel_shows_the_servers_answer_alone),
		cmocka_unit_test(
		    test_a_proxy_with_tls_is_not_trusted_by_the_targets_file),
		cmocka_unit_test(test_a_handshake_that_hangs_tells_how_long_tcp_took),
	};
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

	if (tls == NULL || strncmp(tls, "OpenSSL/", 8) != 0)
		return 77; /* skipped */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else /* without OpenSSL */

int
main(void)
{
	return 77; /* skipped */
}

#endif
