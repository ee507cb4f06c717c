/*
 * http/transfers: what is sent, and what of the answer is kept.
 */
#include <spawn.h>
#include <sys/wait.h>

#include "http/route.h"
#include "transfers_stage.h"

/* ---- Stages ---- */

/* The stage's request becomes METHOD, with BODY (LEN bytes; NULL: none). */
static void
say(struct stage *stage, const char *method, const char *body, size_t len)
{
	free(stage->request.method);
	free(stage->request.body);
	stage->request.method = method != NULL ? xstrdup(method) : NULL;
	stage->request.body = body != NULL ? xmemdup0(body, len) : NULL;
	stage->request.body_len = body != NULL ? len : 0;
}

static void
log_in(
    struct stage *stage, enum request_auth auth, const char *user, const char *password)
{
	free(stage->request.user);
	free(stage->request.password);
	stage->request.auth = auth;
	stage->request.user = user != NULL ? xstrdup(user) : NULL;
	stage->request.password = password != NULL ? xstrdup(password) : NULL;
}

static void
drop_headers(struct request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	free(request->headers);
	request->headers = NULL;
	request->header_count = 0;
}

/* Ask as the hop that FORM makes of the request. */
static void
ask_hop(struct stage *stage, struct seen *seen, const struct hop *form)
{
	struct hop hop = *form;

	hop.request = &stage->request;
	if (hop.url == NULL)
		hop.url = &stage->request.url;
	hop.deadline_us = transfers_now_us(stage->transfers) + 10 * SECOND_US;
	forget(seen);
	seen->transfer = transfer_start(stage->transfers, &hop, on_done, seen);
	await(stage, seen);
}

/* ---- curl(1) as the judge ---- */

#define MAX_LINES 64

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The request line, the headers in order, without those that may differ, and the body. */
static char *
normalise(const char *text, size_t len)
{
	char *copy = xmemdup0(text, len);
	char *end = strstr(copy, "\r\n\r\n");
	char *lines[MAX_LINES], *rest, *out, *line;
	size_t count = 0, out_len = 0;

	assert_non_null(end);
	*end = '\0';
	line = strtok_r(copy, "\r\n", &rest);
	out = xmalloc(len + 1);
	out_len += (size_t)sprintf(out, "%s\n", line);
	while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
		if (strncmp(line, "User-Agent:", 11) != 0 &&
		    strncmp(line, "Accept:", 7) != 0 && count < MAX_LINES)
			lines[count++] = line;
	}
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < count; i++)
		out_len += (size_t)sprintf(out + out_len, "%s\n", lines[i]);
	memcpy(out + out_len, end + 4, len - (size_t)(end + 4 - copy));
	out[out_len + len - (size_t)(end + 4 - copy)] = '\0';
	free(copy);
	return out;
}

/* What curl(1) sends with ARGUMENTS, "%u" in the last one, the URL, being the port. */
static char *
what_curl_sends(struct stage *stage, const char *const *arguments)
{
	static char usual[][16] = { "curl", "-q", "-s", "-o", "/dev/null", "--max-time",
		"10" };
	char *argv[32] = { NULL };
	unsigned before = stage->server->requests;
	size_t count = 0;
	pid_t child;
	int status;

	for (; count < ARRAY_COUNT(usual); count++)
		argv[count] = usual[count];
	for (; arguments[1] != NULL; arguments++)
		argv[count++] = xstrdup(arguments[0]);
	argv[count++] = xasprintf(arguments[0], stage->server->port);
	assert_int_equal(posix_spawnp(&child, "curl", NULL, NULL, argv, environ), 0);
	while (waitpid(child, &status, WNOHANG) == 0)
		run_for_ms(stage, 5);
	assert_int_not_equal(stage->server->requests, before);
	while (count-- > ARRAY_COUNT(usual))
		free(argv[count]);
	return normalise(stage->server->last, stage->server->last_len);
}

static bool
has_curl(void)
{
	return access("/usr/bin/curl", X_OK) == 0;
}

struct wish {
	const char *method;
	const char *body;
	const char *headers[5]; /* name, value, ... */
	const char *user;
	bool with_digest;
	bool compressed;
	const char *url;
	const char *curl[12];
};

static const struct wish wishes[] = {
	{ .url = "http://127.0.0.1:%u/a?b=%%20c&d=e%%2Ff",
	    .curl = { "http://127.0.0.1:%u/a?b=%%20c&d=e%%2Ff" } },
	{ .method = "HEAD", .curl = { "-I", "http://127.0.0.1:%u/" } },
	{ .method = "DELETE", .curl = { "-X", "DELETE", "http://127.0.0.1:%u/" } },
	{ .method = "OPTIONS", .curl = { "-X", "OPTIONS", "http://127.0.0.1:%u/" } },
	{ .method = "POST", .curl = { "-X", "POST", "http://127.0.0.1:%u/" } },
	{ .method = "POST",
	    .body = "a=b&c=d",
	    .curl = { "--data-binary", "a=b&c=d", "http://127.0.0.1:%u/" } },
	{ .method = "POST",
	    .body = "",
	    .curl = { "--data-binary", "", "http://127.0.0.1:%u/" } },
	{ .method = "PUT",
	    .body = "text",
	    .curl = { "-X", "PUT", "--data-binary", "text", "http://127.0.0.1:%u/" } },
	{ .method = "PATCH",
	    .body = "{\"a\": 1}",
	    .headers = { "Content-Type", "application/json" },
	    .curl = { "-X", "PATCH", "-H", "Content-Type: application/json",
	        "--data-binary", "{\"a\": 1}", "http://127.0.0.1:%u/" } },
	{ .method = "GET",
	    .body = "{}",
	    .curl = { "-X", "GET", "--data-binary", "{}", "http://127.0.0.1:%u/" } },
	{ .headers = { "X-Team", "web", "X-Empty", "" },
	    .curl = { "-H", "X-Team: web", "-H", "X-Empty;", "http://127.0.0.1:%u/" } },
	{ .headers = { "Host", "other.test", "Cookie", "a=b" },
	    .curl = { "-H", "Host: other.test", "-H", "Cookie: a=b",
	        "http://127.0.0.1:%u/" } },
	{ .user = "me", .curl = { "-u", "me:se:cret", "http://127.0.0.1:%u/" } },
	{ .user = "me",
	    .method = "POST",
	    .body = "x",
	    .with_digest = true,
	    .curl = { "--digest", "-u", "me:se:cret", "--data-binary", "x",
	        "http://127.0.0.1:%u/" } },
	{ .url = "http://me:p%%40ss@127.0.0.1:%u/",
	    .curl = { "http://me:p%%40ss@127.0.0.1:%u/" } },
	{ .compressed = true, .curl = { "--compressed", "http://127.0.0.1:%u/" } },
};

static void
express(struct stage *stage, const struct wish *wish)
{
	say(stage, wish->method, wish->body,
	    wish->body != NULL ? strlen(wish->body) : 0);
	drop_headers(&stage->request);
	for (size_t i = 0; wish->headers[i] != NULL; i += 2)
		request_add_header(
		    &stage->request, wish->headers[i], wish->headers[i + 1], false);
	log_in(stage,
	    wish->user == NULL      ? AUTH_NONE
	        : wish->with_digest ? AUTH_DIGEST
	                            : AUTH_BASIC,
	    wish->user, wish->user != NULL ? "se:cret" : NULL);
	aim_at(stage, wish->url != NULL ? wish->url : "http://127.0.0.1:%u/");
}

/* One handle asks for everything, so that nothing of a former wish may be left. */
static void
test_the_bytes_are_those_of_curl(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	struct route route;

	if (!has_curl()) {
		free_stage(stage);
		skip();
		return;
	}
	route_init(&route);
	route.compressed = true;
	for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
		char *expected = what_curl_sends(stage, wishes[i].curl);
		char *asked;

		express(stage, &wishes[i]);
		stage->request.route = wishes[i].compressed ? &route : NULL;
		ask(stage, &seen);
		asked = normalise(stage->server->last, stage->server->last_len);
		assert_string_equal(asked, expected);
		free(asked);
		free(expected);
	}
	forget(&seen);
	free_stage(stage);
	route_clear(&route);
}

/* ---- Methods and bodies ---- */

static void
test_a_body_may_hold_any_byte(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	const char *body;

	aim_at(stage, "http://127.0.0.1:%u/");
	say(stage, "POST", "a\0b\r\n\xff", 6);
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_true(sent(stage, "Content-Length: 6\r\n"));
	body = strstr(stage->server->last, "\r\n\r\n") + 4;
	assert_memory_equal(body, "a\0b\r\n\xff", 6);
	assert_true(seen.response.sent);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_large_body_does_not_wait_to_be_wished_for(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };
	size_t len = (size_t)3 * 1024 * 1024;
	char *body = xcalloc(1, len);

	aim_at(stage, "http://127.0.0.1:%u/");
	say(stage, "PUT", body, len);
	free(body);
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_true(sent(stage, "PUT / HTTP/1.1\r\n"));
	assert_true(sent(stage, "Content-Length: 3145728\r\n"));
	assert_false(sent(stage, "Expect:"));
	forget(&seen);
	free_stage(stage);
}

static void
test_head_has_no_body_however_long_it_is_said_to_be(UNUSED void **state)
{
	struct stage *stage =
	    new_stage(send_answer, OK_HEAD "Content-Length: 1000000\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int with_body = 0; with_body < 2; with_body++) {
		say(stage, "HEAD", with_body ? "x" : NULL, 1);
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_true(seen.response.no_content);
		assert_int_equal(seen.response.bytes, 0);
		assert_true(sent(stage, "HEAD / HTTP/1.1\r\n"));
		assert_int_equal(sent(stage, "Content-Length: 1\r\n"), with_body);
	}
	assert_int_equal(stage->server->accepted, 1);
	say(stage, NULL, NULL, 0);
	stage->answer = OK_JSON;
	ask(stage, &seen);
	assert_int_equal(seen.response.bytes, 2);
	assert_false(seen.response.no_content);
	forget(&seen);
	free_stage(stage);
}

static void
test_a_hop_without_the_body_does_not_tell_of_it(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	say(stage, "POST", "{}", 2);
	request_add_header(&stage->request, "content-type", "application/json", false);
	request_add_header(&stage->request, "Content-Language", "de", false);
	request_add_header(&stage->request, "X-Team", "web", false);
	ask_hop(stage, &seen, &(struct hop){ .method = "GET", .with_secrets = true });
	assert_true(sent(stage, "GET / HTTP/1.1\r\n"));
	assert_null(strcasestr(stage->server->last, "content-"));
	assert_true(sent(stage, "X-Team: web\r\n"));
	assert_string_equal(strstr(stage->server->last, "\r\n\r\n"), "\r\n\r\n");

	ask_hop(stage, &seen, &(struct hop){ .with_body = true, .with_secrets = true });
	assert_true(sent(stage, "POST / HTTP/1.1\r\n"));
	assert_true(sent(stage, "content-type: application/json\r\n"));
	assert_string_equal(strstr(stage->server->last, "\r\n\r\n"), "\r\n\r\n{}");
	forget(&seen);
	free_stage(stage);
}

static void
test_away_from_home_nobody_logs_in(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	request_add_header(&stage->request, "X-Key", "k", true);
	request_add_header(&stage->request, "Host", "other.test", false);
	for (enum request_auth auth = AUTH_BASIC; auth <= AUTH_DIGEST; auth++) {
		log_in(stage, auth, "me", "secret");
		ask_hop(stage, &seen, &(struct hop){ .with_secrets = true });
		assert_true(sent(stage, "X-Key: k\r\n"));
		assert_true(sent(stage, "Host: other.test\r\n"));
		ask_hop(stage, &seen, &(struct hop){ .with_secrets = false });
		assert_false(sent(stage, "Authorization"));
		assert_false(sent(stage, "X-Key"));
		assert_false(sent(stage, "other.test"));
	}
	forget(&seen);
	free_stage(stage);
}

/* ---- Digest ---- */

#define CHALLENGE                                                                     \
	"HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"abc\"\r\n" \
	"Retry-After: 9\r\nLocation: /elsewhere\r\nContent-Type: text/html\r\n"       \
	"Content-Length: 3\r\n\r\nwho"

static void
send_challenge_first(struct loopback_peer *peer, const char *text)
{
	const struct stage *stage = peer->server->arg;

	loopback_send(peer,
	    strstr(text, "Authorization: Digest ") == NULL ? CHALLENGE : stage->answer);
}

static void
test_digest_is_asked_twice_and_the_second_answer_counts(UNUSED void **state)
{
	struct stage *stage = new_stage(
	    send_challenge_first, OK_HEAD "X-A: b\r\nContent-Length: 4\r\n\r\nfine");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/a?b");
	stage->request.keep_head = true;
	say(stage, "POST", "data", 4);
	log_in(stage, AUTH_DIGEST, "me", "secret");
	for (unsigned i = 1; i <= 3; i++) {
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_int_equal(seen.response.http_status, 200);
		assert_string_equal(seen.response.body, "fine");
		assert_int_equal(seen.response.bytes, 4);
		assert_string_equal(
		    seen.response.head, OK_HEAD "X-A: b\r\nContent-Length: 4\r\n");
		assert_int_equal(seen.response.retry_after_ms, -1);
		assert_null(seen.response.content_type);
		assert_null(seen.location);
		assert_true(sent(stage, "username=\"me\""));
		assert_true(sent(stage, "uri=\"/a?b\""));
		assert_true(sent(stage, "\r\n\r\ndata"));
		/* The nonce of another request is never gone on with. */
		assert_int_equal(stage->server->requests, 2 * i);
		assert_int_equal(stage->server->accepted, 1);
	}
	forget(&seen);
	free_stage(stage);
}

static void
test_a_digest_that_is_refused_is_the_answer(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, CHALLENGE);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	log_in(stage, AUTH_DIGEST, "me", "wrong");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.http_status, 401);
	assert_string_equal(seen.response.body, "who");
	assert_int_equal(seen.response.bytes, 3);
	assert_int_equal(seen.response.retry_after_ms, 9000);
	assert_int_equal(stage->server->requests, 2);
	forget(&seen);
	free_stage(stage);
}

static void
challenge_and_close(struct loopback_peer *peer, const char *text)
{
	if (strstr(text, "Authorization: Digest ") == NULL) {
		loopback_send(peer, CHALLENGE);
		loopback_close(peer);
	} else {
		send_answer(peer, text);
	}
}

static void
test_digest_may_need_another_connection(UNUSED void **state)
{
	struct stage *stage = new_stage(challenge_and_close, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	say(stage, "POST", "x", 1);
	log_in(stage, AUTH_DIGEST, "me", "secret");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
	assert_int_equal(seen.response.http_status, 200);
	assert_string_equal(seen.response.body, "{}");
	forget(&seen);
	free_stage(stage);
}

/* ---- What is asked once ---- */

static void
close_after_the_first(struct loopback_peer *peer, const char *text)
{
	if (peer->server->requests > 1)
		loopback_close(peer);
	else
		send_answer(peer, text);
}

static void
test_what_may_have_had_its_effect_is_not_sent_again(UNUSED void **state)
{
	static const struct {
		const char *method;
		unsigned requests;
	} cases[] = { { "POST", 2 }, { "PATCH", 2 }, { "GET", 3 }, { "PUT", 3 } };
	struct seen seen = { 0 };

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct stage *stage = new_stage(close_after_the_first, OK_JSON);

		aim_at(stage, "http://127.0.0.1:%u/");
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		assert_false(seen.response.lost);
		/* The connection that stands is lost as the request is on it. */
		say(stage, cases[i].method, NULL, 0);
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
		assert_string_equal(seen.response.message,
		    "the server closed the connection before answering");
		assert_true(seen.response.sent);
		assert_true(seen.response.lost);
		assert_int_equal(stage->server->requests, cases[i].requests);
		forget(&seen);
		free_stage(stage);
	}
}

static void
test_what_was_not_sent_is_told(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:1/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_CONNECT);
	assert_false(seen.response.sent);
	assert_false(seen.response.lost);
	stage->answer = OK_HEAD "Content-Length: 10\r\n\r\nabc";
	stage->server->answer = send_answer_and_close;
	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_int_equal(seen.response.result, RESPONSE_PROTOCOL);
	assert_true(seen.response.sent);
	assert_false(seen.response.lost);
	forget(&seen);
	free_stage(stage);
}

/* ---- Times ---- */

static void
send_answer_late(struct loopback_peer *peer, const char *text)
{
	usleep(20000);
	send_answer(peer, text);
}

static void
test_the_first_byte_is_timed_from_the_request_on(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer_late, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	for (int with_body = 0; with_body < 2; with_body++) {
		say(stage, NULL, with_body ? "x" : NULL, 1);
		for (int i = 0; i < 2; i++) {
			ask(stage, &seen);
			assert_in_range(seen.response.timing.first_byte_us, 20000,
			    seen.response.timing.total_us);
		}
	}
	forget(&seen);
	free_stage(stage);
}

static void
test_digest_is_timed_by_its_second_answer(UNUSED void **state)
{
	struct stage *stage = new_stage(send_challenge_first, OK_JSON);
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	log_in(stage, AUTH_DIGEST, "me", "secret");
	ask(stage, &seen);
	assert_true(seen.response.timing.connect_us >= 0);
	assert_true(seen.response.timing.first_byte_us > 0);
	forget(&seen);
	free_stage(stage);
}

/* ---- The head of an answer ---- */

static void
test_the_head_is_kept_where_it_is_wanted(UNUSED void **state)
{
	struct stage *stage = new_stage(send_answer,
	    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
	    "HTTP/1.1 404 No\r\nX-A:  b \r\nX-A: c\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: t\r\n\r\n");
	struct seen seen = { 0 };

	aim_at(stage, "http://127.0.0.1:%u/");
	ask(stage, &seen);
	assert_null(seen.response.head);
	stage->request.keep_head = true;
	ask(stage, &seen);
	assert_string_equal(seen.response.head,
	    "HTTP/1.1 404 No\r\nX-A:  b \r\nX-A: c\r\nTransfer-Encoding: chunked\r\n");
	forget(&seen);
	free_stage(stage);
}

/* ---- One handle after the other ---- */

static unsigned
draw(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % below;
}

/* What each wish looks like from a handle of its own. */
static void
note_pure(struct stage *stage, char *pure[static ARRAY_COUNT(wishes)],
    const struct route *compressed)
{
	struct seen seen = { 0 };

	for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
		struct transfers *one =
		    transfers_new(stage->base, stage->resolver, 1, 1);
		struct transfers *usual = stage->transfers;

		express(stage, &wishes[i]);
		stage->request.route = wishes[i].compressed ? compressed : NULL;
		stage->transfers = one;
		ask(stage, &seen);
		stage->transfers = usual;
		transfers_free(one);
		pure[i] = normalise(stage->server->last, stage->server->last_len);
	}
	forget(&seen);
}

static void
test_nothing_of_a_former_request_is_left(UNUSED void **state)
{
	struct stage *stage = new_stage(send_challenge_first, OK_JSON);
	struct seen seen = { 0 };
	char *pure[ARRAY_COUNT(wishes)];
	struct route compressed;
	unsigned seed = 7;

	route_init(&compressed);
	compressed.compressed = true;
	note_pure(stage, pure, &compressed);
	for (unsigned n = 0; n < 400; n++) {
		unsigned i = draw(&seed, ARRAY_COUNT(wishes));
		char *asked;

		express(stage, &wishes[i]);
		stage->request.route = wishes[i].compressed ? &compressed : NULL;
		ask(stage, &seen);
		assert_int_equal(seen.response.result, RESPONSE_COMPLETE);
		asked = normalise(stage->server->last, stage->server->last_len);
		if (!wishes[i].with_digest)
			assert_string_equal(asked, pure[i]);
		free(asked);
	}
	for (size_t i = 0; i < ARRAY_COUNT(wishes); i++)
		free(pure[i]);
	route_clear(&compressed);
	forget(&seen);
	free_stage(stage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_bytes_are_those_of_curl),
		cmocka_unit_test(test_a_body_may_hold_any_byte),
		cmocka_unit_test(test_a_large_body_does_not_wait_to_be_wished_for),
		cmocka_unit_test(test_head_has_no_body_however_long_it_is_said_to_be),
		cmocka_unit_test(test_a_hop_without_the_body_does_not_tell_of_it),
		cmocka_unit_test(test_away_from_home_nobody_logs_in),
		cmocka_unit_test(
		    test_digest_is_asked_twice_and_the_second_answer_counts),
		cmocka_unit_test(test_a_digest_that_is_refused_is_the_answer),
		cmocka_unit_test(test_digest_may_need_another_connection),
		cmocka_unit_test(test_what_may_have_had_its_effect_is_not_sent_again),
		cmocka_unit_test(test_what_was_not_sent_is_told),
		cmocka_unit_test(test_the_first_byte_is_timed_from_the_request_on),
		cmocka_unit_test(test_digest_is_timed_by_its_second_answer),
		cmocka_unit_test(test_the_head_is_kept_where_it_is_wanted),
		cmocka_unit_test(test_nothing_of_a_former_request_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
