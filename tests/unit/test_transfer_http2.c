/*
 * http/transfers by HTTP/2 (RFC 9113): several transfers on one connection. The server
 * speaks just as much of it as that takes, and TLS where it is spoken to so.
 */
#include "config.h"

#ifdef HAVE_OPENSSL

#include <curl/curl.h>

#include "http/route.h"
#include "tls_stage.h"

/* ---- A server ---- */

#define MAX_PEERS   16
#define MAX_STREAMS 128
#define PREFACE_LEN 24

enum frame_type {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RESET = 3,
	FRAME_SETTINGS = 4,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
};

struct stream {
	struct loopback_peer *peer;
	uint32_t id;
};

struct session {
	struct loopback_peer *peer;
	unsigned number; /* of the peer: once it is gone, another may stand there */
	unsigned char data[65536];
	size_t len;
	bool greeted;
	SSL *tls; /* NULL: in clear text */
};

static struct {
	struct session sessions[MAX_PEERS];
	unsigned session_count;
	struct stream asked[MAX_STREAMS]; /* and not answered yet */
	unsigned asked_count;
	unsigned requests;
	uint32_t resets[MAX_STREAMS]; /* identifiers */
	unsigned reset_count;
	size_t body_bytes;
	bool holds;          /* does not answer by itself */
	uint8_t max_streams; /* 0: does not say */
} server;

static struct session *session_of(struct loopback_peer *peer);

/* Send what TLS has to say. */
static void
flush_tls(struct session *session)
{
	char data[16384];
	int len;

	while ((len = BIO_read(SSL_get_wbio(session->tls), data, sizeof(data))) > 0)
		loopback_send_bytes(session->peer, data, (size_t)len);
}

static void
send_bytes(struct loopback_peer *peer, const char *data, size_t len)
{
	struct session *session = session_of(peer);

	if (session->tls == NULL) {
		loopback_send_bytes(peer, data, len);
		return;
	}
	if (len > 0)
		SSL_write(session->tls, data, (int)len);
	flush_tls(session);
}

static void
send_frame(struct loopback_peer *peer, enum frame_type type, unsigned flags,
    uint32_t id, const char *data, size_t len)
{
	const char head[9] = { (char)(len >> 16), (char)(len >> 8), (char)len,
		(char)type, (char)flags, (char)(id >> 24), (char)(id >> 16),
		(char)(id >> 8), (char)id };

	send_bytes(peer, head, sizeof(head));
	send_bytes(peer, data, len);
}

static void
answer_stream(const struct stream *stream)
{
	/* ":status: 200" is the eighth of the static table (RFC 7541, A). */
	send_frame(stream->peer, FRAME_HEADERS, 4, stream->id, "\x88", 1);
	send_frame(stream->peer, FRAME_DATA, 1, stream->id, "{}", 2);
}

/* The last one first. */
static void
answer_all(void)
{
	while (server.asked_count > 0)
		answer_stream(&server.asked[--server.asked_count]);
}

static void
note_request(struct loopback_peer *peer, uint32_t id)
{
	server.requests++;
	assert_true(server.asked_count < MAX_STREAMS);
	server.asked[server.asked_count++] = (struct stream){ peer, id };
	if (!server.holds)
		answer_all();
}

static void
take_frame(struct loopback_peer *peer, const unsigned char *head, size_t len)
{
	uint32_t id = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 |
	    (uint32_t)head[7] << 8 | head[8];
	bool ends = (head[4] & 1) != 0;

	if (head[3] == FRAME_SETTINGS && !ends)
		send_frame(peer, FRAME_SETTINGS, 1, 0, "", 0);
	if (head[3] == FRAME_PING && !ends)
		send_frame(peer, FRAME_PING, 1, 0, (const char *)head + 9, 8);
	if (head[3] == FRAME_RESET && server.reset_count < MAX_STREAMS)
		server.resets[server.reset_count++] = id;
	if (head[3] == FRAME_DATA)
		server.body_bytes += len;
	if ((head[3] == FRAME_HEADERS || head[3] == FRAME_DATA) && ends)
		note_request(peer, id);
}

static struct session *
session_of(struct loopback_peer *peer)
{
	for (unsigned i = 0; i < server.session_count; i++) {
		if (server.sessions[i].number == peer->number)
			return &server.sessions[i];
	}
	assert_true(server.session_count < MAX_PEERS);
	server.sessions[server.session_count].peer = peer;
	server.sessions[server.session_count].number = peer->number;
	return &server.sessions[server.session_count++];
}

/* Take what is whole off DATA; how much that was. */
static size_t
take_data(struct session *session)
{
	size_t at = 0;

	if (!session->greeted && session->len >= PREFACE_LEN) {
		const char limit[] = { 0, 3, 0, 0, 0, (char)server.max_streams };

		session->greeted = true;
		at = PREFACE_LEN;
		send_frame(session->peer, FRAME_SETTINGS, 0, 0, limit,
		    server.max_streams > 0 ? sizeof(limit) : 0);
	}
	while (session->greeted && session->len - at >= 9) {
		const unsigned char *head = session->data + at;
		size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

		if (session->len - at < 9 + len)
			break;
		take_frame(session->peer, head, len);
		at += 9 + len;
	}
	return at;
}

static SSL_CTX *context;

static int
choose_protocol(UNUSED SSL *tls, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, UNUSED void *arg)
{
	static const unsigned char known[] = "\2h2\10http/1.1";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_len, known, sizeof(known) - 1, in,
	        in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Take TEXT in clear text behind what is there. */
static void
add_clear_text(struct session *session, const char *text, size_t len)
{
	assert_true(session->len + len <= sizeof(session->data));
	memcpy(session->data + session->len, text, len);
	session->len += len;
}

static void
decode(struct session *session, const char *text, size_t len)
{
	char data[16384];
	int count;

	BIO_write(SSL_get_rbio(session->tls), text, (int)len);
	while ((count = SSL_read(session->tls, data, sizeof(data))) > 0)
		add_clear_text(session, data, (size_t)count);
	flush_tls(session);
}

static void
serve(struct loopback_peer *peer, const char *text)
{
	struct session *session = session_of(peer);
	size_t len = peer->server->last_len, taken;

	/* A handshake begins with a record of its own kind. */
	if (session->tls == NULL && !session->greeted && text[0] == 22) {
		session->tls = SSL_new(context);
		SSL_set_bio(session->tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_accept_state(session->tls);
	}
	if (session->tls != NULL)
		decode(session, text, len);
	else
		add_clear_text(session, text, len);
	if (session->len >= 4 && memcmp(session->data, "GET ", 4) == 0) {
		session->len = 0;
		send_bytes(peer, OK_JSON, strlen(OK_JSON));
		return;
	}
	taken = take_data(session);
	session->len -= taken;
	memmove(session->data, session->data + taken, session->len);
}

/* ---- Stages ---- */

static struct route by_2;

static struct stage *
new_stage_2(void)
{
	struct stage *stage = new_stage(serve, OK_JSON);

	memset(&server, 0, sizeof(server));
	stage->server->any_bytes = true;
	route_init(&by_2);
	by_2.http_version = HTTP_2;
	by_2.verify = false;
	stage->request.route = &by_2;
	stage->request.keep_head = true;
	aim_at(stage, "https://127.0.0.1:%u/");
	return stage;
}

static void
free_stage_2(struct stage *stage)
{
	free_stage(stage);
	route_clear(&by_2);
	for (unsigned i = 0; i < server.session_count; i++)
		SSL_free(server.sessions[i].tls);
	server.session_count = 0;
}

/* Without TLS, which agrees on the version. */
static void
know_before(struct stage *stage)
{
	by_2.http_version = HTTP_2_PRIOR_KNOWLEDGE;
	aim_at(stage, "http://127.0.0.1:%u/");
}

static void
expect_answer(const struct seen *seen)
{
	assert_int_equal(seen->response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen->response.http_status, 200);
	assert_string_equal(seen->response.head, "HTTP/2 200 \r\n");
	assert_string_equal(seen->response.body, "{}");
}

static bool
was_reset(uint32_t id)
{
	for (unsigned i = 0; i < server.reset_count; i++) {
		if (server.resets[i] == id)
			return true;
	}
	return false;
}

static void
await_requests(struct stage *stage, unsigned count)
{
	while (server.requests < count)
		run_for_ms(stage, 2);
}

/* ---- Many on one connection ---- */

#define CROWD 50

/* HTTP/2 was written anew in libcurl 8: it says other things, and fails in other ways. */
static bool
is_newer_libcurl(void)
{
	return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000;
}

static void
test_many_share_a_connection(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen[CROWD] = { 0 };

	ask(stage, &seen[0]);
	expect_answer(&seen[0]);
	forget(&seen[0]);
	server.holds = true;
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < CROWD; i++)
			start_within(stage, &seen[i], 10 * SECOND_US);
		await_requests(stage, 1 + (unsigned)round * CROWD);
		answer_all();
		for (int i = 0; i < CROWD; i++) {
			await(stage, &seen[i]);
			expect_answer(&seen[i]);
			assert_int_equal(seen[i].response.timing.connect_us, -1);
			assert_true(seen[i].response.timing.first_byte_us >= 0);
			forget(&seen[i]);
		}
	}
	assert_int_equal(stage->server->accepted, 1);
	free_stage_2(stage);
}

static void
test_one_that_is_late_does_not_disturb_the_others(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen slow = { 0 }, cancelled = { 0 }, quick = { 0 };
	uint32_t late[2];

	ask(stage, &quick);
	server.holds = true;
	start_within(stage, &slow, 100 * MS_US);
	start_within(stage, &cancelled, 10 * SECOND_US);
	await_requests(stage, 3);
	server.holds = false;
	late[0] = server.asked[0].id;
	late[1] = server.asked[1].id;
	server.asked_count = 0;
	transfer_cancel(cancelled.transfer);
	ask(stage, &quick);
	expect_answer(&quick);
	assert_int_equal(cancelled.reports, 0);
	await(stage, &slow);
	assert_int_equal(slow.response.result, RESPONSE_TIMEOUT);
	assert_int_equal(slow.response.phase, PHASE_FIRST_BYTE);
	assert_true(slow.response.sent);
	assert_true(slow.response.timing.total_us >= 100 * MS_US);
	ask(stage, &quick);
	expect_answer(&quick);
	assert_true(was_reset(late[0]));
	assert_true(was_reset(late[1]));
	assert_int_equal(stage->server->accepted, 1);
	forget(&quick);
	forget(&slow);
	free_stage_2(stage);
}

static void
test_more_than_the_server_takes_get_another_connection(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen[5] = { 0 };

	server.max_streams = 2;
	ask(stage, &seen[0]);
	forget(&seen[0]);
	server.holds = true;
	for (int i = 0; i < 5; i++) {
		start_within(stage, &seen[i], 10 * SECOND_US);
		await_requests(stage, 2 + (unsigned)i);
	}
	assert_int_equal(stage->server->accepted, 3);
	answer_all();
	for (int i = 0; i < 5; i++) {
		await(stage, &seen[i]);
		expect_answer(&seen[i]);
		forget(&seen[i]);
	}
	free_stage_2(stage);
}

static void
test_all_are_lost_with_the_connection(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen[3] = { 0 };

	ask(stage, &seen[0]);
	forget(&seen[0]);
	stage->request.method = xstrdup("POST");
	stage->request.body = xstrdup("x");
	stage->request.body_len = 1;
	server.holds = true;
	for (int i = 0; i < 3; i++)
		start_within(stage, &seen[i], 10 * SECOND_US);
	await_requests(stage, 4);
	loopback_close_all(stage->server);
	for (int i = 0; i < 3; i++) {
		await(stage, &seen[i]);
		/* Newer ones try a connection of their own, which fails as well. */
		if (is_newer_libcurl() && seen[i].response.result == RESPONSE_TLS)
			continue;
		assert_int_equal(seen[i].response.result, RESPONSE_PROTOCOL);
		if (!is_newer_libcurl())
			assert_string_equal(seen[i].response.message,
			    "the server closed the connection before answering");
		assert_true(seen[i].response.sent);
		assert_true(seen[i].response.lost);
		forget(&seen[i]);
	}
	/* None was asked again. */
	assert_int_equal(server.requests, 4);
	free_stage_2(stage);
}

/* Where an answer stops. */
static void
test_an_answer_that_is_cut_off_is_no_answer(UNUSED void **state)
{
	static const char *const messages[] = {
		"the answer was cut off after 1 bytes",
		"the answer was cut off after 0 bytes",
		"the connection broke within the answer: INTERNAL_ERROR (err 2)",
		"the connection broke within the answer: INTERNAL_ERROR (err 2)",
	};

	for (int way = 0; way < 4; way++) {
		struct stage *stage = new_stage_2();
		struct seen seen = { 0 };

		server.holds = true;
		start_within(stage, &seen, 10 * SECOND_US);
		await_requests(stage, 1);
		send_frame(server.asked[0].peer, FRAME_HEADERS, 4, 1, "\x88", 1);
		if (way % 2 == 0)
			send_frame(server.asked[0].peer, FRAME_DATA, 0, 1, "{", 1);
		if (way < 2)
			loopback_close_all(stage->server);
		else
			send_frame(
			    server.asked[0].peer, FRAME_RESET, 0, 1, "\0\0\0\2", 4);
		await(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
		if (!is_newer_libcurl())
			assert_string_equal(seen.response.message, messages[way]);
		assert_false(seen.response.lost);
		forget(&seen);
		free_stage_2(stage);
	}
}

static void
test_a_body_is_sent_by_frames(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen = { 0 };

	stage->request.method = xstrdup("PUT");
	stage->request.body_len = 40000;
	stage->request.body = xcalloc(1, stage->request.body_len);
	ask(stage, &seen);
	expect_answer(&seen);
	assert_int_equal(server.body_bytes, 40000);
	assert_true(seen.response.timing.first_byte_us >= 0);
	forget(&seen);
	free_stage_2(stage);
}

static void
test_a_connection_of_its_own_is_closed(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen = { 0 };

	stage->request.reuse = false;
	for (unsigned i = 1; i <= 3; i++) {
		ask(stage, &seen);
		expect_answer(&seen);
		run_for_ms(stage, 10);
		assert_int_equal(stage->server->accepted, i);
		/* Newer ones wait for the server to take leave as well. */
		if (!is_newer_libcurl())
			assert_int_equal(stage->server->open_count, 0);
	}
	forget(&seen);
	free_stage_2(stage);
}

/* ---- Without asking ---- */

static void
test_a_server_may_be_known_to_speak_it(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen[10] = { 0 };
	bool reuses = curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000;

	know_before(stage);
	for (int i = 0; i < 3; i++) {
		ask(stage, &seen[0]);
		expect_answer(&seen[0]);
		forget(&seen[0]);
	}
	assert_int_equal(stage->server->accepted, reuses ? 1 : 3);
	for (int i = 0; i < 10; i++)
		start_within(stage, &seen[i], 10 * SECOND_US);
	for (int i = 0; i < 10; i++) {
		await(stage, &seen[i]);
		expect_answer(&seen[i]);
		forget(&seen[i]);
	}
	free_stage_2(stage);
}

static void
test_a_server_that_knows_only_the_older_one_is_told_of(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen = { 0 };

	know_before(stage);
	stage->answer = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
	for (int closes = 0; closes < 2; closes++) {
		stage->server->answer = closes ? send_answer_and_close : send_answer;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
		assert_int_equal(seen.response.http_status, 0);
		if (!is_newer_libcurl())
			assert_string_equal(seen.response.message,
			    "the connection ended without an answer by HTTP/2");
	}
	forget(&seen);
	free_stage_2(stage);
}

static void
test_without_tls_it_is_not_asked_for(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_memory_equal(seen.response.head, "HTTP/1.1 200", 12);
	assert_false(sent(stage, "Upgrade"));
	forget(&seen);
	free_stage_2(stage);
}

/* ---- Beside HTTP/1.1 ---- */

static void
test_versions_do_not_share_connections(UNUSED void **state)
{
	struct stage *stage = new_stage_2();
	struct seen seen = { 0 };
	struct route by_1;

	route_init(&by_1);
	by_1.verify = false;
	for (int i = 0; i < 20; i++) {
		bool new = i * 7 % 5 >= 2; /* the older one first */

		stage->request.route = new ? &by_2 : &by_1;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_memory_equal(
		    seen.response.head, new ? "HTTP/2 200" : "HTTP/1.1 200", 10);
	}
	assert_int_equal(stage->server->accepted, 2);
	forget(&seen);
	free_stage_2(stage);
	route_clear(&by_1);
}

static int
set_up(UNUSED void **state)
{
	struct identity identity;

	identity_make(&identity, &(struct identity_form){ .name = "server" });
	context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(context, identity.certificate);
	SSL_CTX_use_PrivateKey(context, identity.key);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	identity_clear(&identity);
	return 0;
}

static int
tear_down(UNUSED void **state)
{
	SSL_CTX_free(context);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_share_a_connection),
		cmocka_unit_test(test_one_that_is_late_does_not_disturb_the_others),
		cmocka_unit_test(
		    test_more_than_the_server_takes_get_another_connection),
		cmocka_unit_test(test_all_are_lost_with_the_connection),
		cmocka_unit_test(test_an_answer_that_is_cut_off_is_no_answer),
		cmocka_unit_test(test_a_body_is_sent_by_frames),
		cmocka_unit_test(test_a_connection_of_its_own_is_closed),
		cmocka_unit_test(test_a_server_may_be_known_to_speak_it),
		cmocka_unit_test(
		    test_a_server_that_knows_only_the_older_one_is_told_of),
		cmocka_unit_test(test_without_tls_it_is_not_asked_for),
		cmocka_unit_test(test_versions_do_not_share_connections),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else /* without OpenSSL */

int
main(void)
{
	return 77; /* skipped */
}

#endif
