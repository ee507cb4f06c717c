/*
 * http/transfers over TLS: with a proxy between.
 */
#include "config.h"

#ifdef HAVE_OPENSSL

#include "transfer_tls_stage.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tunnel_shows_the_servers_answer_alone),
		cmocka_unit_test(
		    test_a_proxy_with_tls_is_not_trusted_by_the_targets_file),
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
