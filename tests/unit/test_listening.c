#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "config/listen.h"
#include "serve_client.h"

/* ---- addresses ---- */

static struct listen_address
address_of(const char *text)
{
	struct listen_address address;
	char *fault = NULL;

	if (!listen_parse(text, &address, &fault))
		fail_msg("%s: %s", text, fault);
	return address;
}

/* At a port that the system chooses: the config knows no such thing. */
static struct listen_address
any_port_of(const char *text)
{
	struct listen_address address = address_of(text);

	if (address.socket.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&address.socket)->sin6_port = 0;
	else
		((struct sockaddr_in *)&address.socket)->sin_port = 0;
	return address;
}

static struct listen_address
bound_address(const struct listening *listening)
{
	struct listen_address address = { .kind = LISTEN_TCP };

	address.socket_len = sizeof(address.socket);
	assert_int_equal(getsockname(listening->sockets[0].fd,
	                     (struct sockaddr *)&address.socket, &address.socket_len),
	    0);
	return address;
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, level, name, &value, &len);
	return value;
}

/* ---- TCP ---- */

static void
test_nothing_is_opened_for_no_address(UNUSED void **state)
{
	const struct listen_address none = { .kind = LISTEN_NONE };
	struct listening listening = { 0 };

	assert_true(listening_open(&listening, &none, 0666, false));
	assert_int_equal(listening.count, 0);
	listening_close(&listening);
}

static void
test_a_socket_of_this_machine_checks_the_host(UNUSED void **state)
{
	const struct listen_address address = any_port_of("127.0.0.1:1");
	struct listening listening = { 0 };
	int fd;

	assert_true(listening_open(&listening, &address, 0666, false));
	assert_int_equal(listening.count, 1);
	assert_true(listening.sockets[0].checks_host);
	assert_null(listening.sockets[0].path);
	fd = connect_to_port(port_of(listening.sockets[0].fd));
	assert_int_not_equal(fd, -1);
	close(fd);
	listening_close(&listening);
	assert_int_equal(listening.count, 0);
	assert_null(listening.sockets);
}

static void
test_a_public_one_does_not(UNUSED void **state)
{
	const struct listen_address address = any_port_of("127.0.0.1:1");
	struct listening listening = { 0 };

	assert_true(listening_open(&listening, &address, 0666, true));
	assert_false(listening.sockets[0].checks_host);
	listening_close(&listening);
}

static void
test_it_can_become_public_and_back(UNUSED void **state)
{
	const struct listen_address address = any_port_of("127.0.0.1:1");
	struct listening listening = { 0 };

	assert_true(listening_open(&listening, &address, 0666, true));
	assert_true(listening_admit(&listening, 0666, false));
	assert_true(listening.sockets[0].checks_host);
	assert_true(listening_admit(&listening, 0666, true));
	assert_false(listening.sockets[0].checks_host);
	listening_close(&listening);
}

static void
test_every_address_of_ipv6_is_every_one_of_ipv4_too(UNUSED void **state)
{
	const struct listen_address address = any_port_of("[::]:1");
	struct listening listening = { 0 };
	int fd;

	if (!listening_open(&listening, &address, 0666, true) && errno == EAFNOSUPPORT)
		skip();
	assert_int_equal(listening.count, 1);
	assert_false(listening.sockets[0].checks_host);
	fd = connect_to_port(port_of(listening.sockets[0].fd));
	assert_int_not_equal(fd, -1);
	close(fd);
	listening_close(&listening);
}

static void
test_sockets_are_made_for_a_loop_and_short_answers(UNUSED void **state)
{
	const struct listen_address address = any_port_of("127.0.0.1:1");
	struct listening listening = { 0 };
	int fd;

	assert_true(listening_open(&listening, &address, 0666, false));
	fd = listening.sockets[0].fd;
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	listening_close(&listening);
}

static void
test_where_another_one_listens_is_no_place(UNUSED void **state)
{
	const struct listen_address any = any_port_of("127.0.0.1:1");
	unsigned descriptors = open_descriptors();
	struct listening first = { 0 }, second = { 0 };
	struct listen_address address;

	assert_true(listening_open(&first, &any, 0666, false));
	address = bound_address(&first);
	assert_false(listening_open(&second, &address, 0666, false));
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(second.count, 0);
	listening_close(&first);
	assert_true(listening_open(&second, &address, 0666, false));
	listening_close(&second);
	assert_int_equal(open_descriptors(), descriptors);
}

static void
test_what_is_still_connected_is_no_hindrance(UNUSED void **state)
{
	const struct listen_address any = any_port_of("127.0.0.1:1");
	struct listening first = { 0 }, second = { 0 };
	struct listen_address address;
	int client, accepted;

	assert_true(listening_open(&first, &any, 0666, false));
	address = bound_address(&first);
	client = connect_to_port(port_of(first.sockets[0].fd));
	accepted = accept(first.sockets[0].fd, NULL, NULL);
	assert_int_not_equal(accepted, -1);
	listening_close(&first);
	assert_true(listening_open(&second, &address, 0666, false));
	listening_close(&second);
	close(accepted);
	close(client);
}

/* ---- Unix sockets ---- */

struct folder {
	char path[64];
	char socket[96];
	struct listen_address address;
};

static void
folder_make(struct folder *folder)
{
	char text[128];

	strcpy(folder->path, "/tmp/gatherd-listening.XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	snprintf(folder->socket, sizeof(folder->socket), "%s/http.sock", folder->path);
	snprintf(text, sizeof(text), "unix:%s", folder->socket);
	folder->address = address_of(text);
}

/* Nothing is left in it. */
static void
folder_remove(const struct folder *folder)
{
	assert_int_equal(rmdir(folder->path), 0);
}

static mode_t
mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode;
}

static void
test_a_unix_socket_has_its_mode_whatever_the_umask_is(UNUSED void **state)
{
	static const mode_t modes[] = { 0666, 0660, 0600 };
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	struct folder folder;
	size_t i, j;

	folder_make(&folder);
	for (i = 0; i < ARRAY_COUNT(modes); i++) {
		for (j = 0; j < ARRAY_COUNT(masks); j++) {
			struct listening listening = { 0 };
			mode_t before = umask(masks[j]);
			bool opened = listening_open(
			    &listening, &folder.address, modes[i], false);

			umask(before);
			assert_true(opened);
			assert_int_equal(mode_of(folder.socket), S_IFSOCK | modes[i]);
			listening_close(&listening);
		}
	}
	folder_remove(&folder);
}

static void
test_a_unix_socket_goes_away_when_it_is_closed(UNUSED void **state)
{
	struct listening listening = { 0 };
	struct folder folder;
	int fd;

	folder_make(&folder);
	assert_true(listening_open(&listening, &folder.address, 0600, false));
	assert_string_equal(listening.sockets[0].path, folder.socket);
	assert_false(listening.sockets[0].checks_host);
	fd = connect_to_path(folder.socket);
	assert_int_not_equal(fd, -1);
	close(fd);
	listening_close(&listening);
	folder_remove(&folder);
}

static void
test_who_may_connect_can_change(UNUSED void **state)
{
	struct listening listening = { 0 };
	struct folder folder;

	folder_make(&folder);
	assert_true(listening_open(&listening, &folder.address, 0660, false));
	assert_true(listening_admit(&listening, 0666, true));
	assert_int_equal(mode_of(folder.socket), S_IFSOCK | 0666);
	assert_true(listening_admit(&listening, 0660, false));
	assert_int_equal(mode_of(folder.socket), S_IFSOCK | 0660);
	assert_false(listening.sockets[0].checks_host);
	/* What is no longer ours is left as it is. */
	assert_int_equal(unlink(folder.socket), 0);
	assert_int_equal(symlink("/nowhere", folder.socket), 0);
	assert_false(listening_admit(&listening, 0666, false));
	assert_int_equal(errno, ENOENT);
	listening_close(&listening);
	assert_int_equal(unlink(folder.socket), 0);
	folder_remove(&folder);
}

static void
test_what_another_one_has_put_there_stays(UNUSED void **state)
{
	struct listening first = { 0 }, second = { 0 };
	struct folder folder;

	folder_make(&folder);
	assert_true(listening_open(&first, &folder.address, 0600, false));
	assert_int_equal(unlink(folder.socket), 0);
	assert_true(listening_open(&second, &folder.address, 0600, false));
	listening_close(&first);
	assert_true(S_ISSOCK(mode_of(folder.socket)));
	listening_close(&second);
	folder_remove(&folder);
}

static void
test_a_socket_that_nobody_listens_at_is_replaced(UNUSED void **state)
{
	struct listening listening = { 0 };
	struct folder folder;
	int left;

	folder_make(&folder);
	left = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(left, (const struct sockaddr *)&folder.address.socket,
	                     folder.address.socket_len),
	    0);
	close(left);
	assert_true(listening_open(&listening, &folder.address, 0600, false));
	left = connect_to_path(folder.socket);
	assert_int_not_equal(left, -1);
	close(left);
	listening_close(&listening);
	folder_remove(&folder);
}

static void
test_a_socket_that_is_listened_at_is_not_replaced(UNUSED void **state)
{
	struct listening first = { 0 }, second = { 0 };
	unsigned descriptors;
	struct folder folder;
	int fd;

	folder_make(&folder);
	assert_true(listening_open(&first, &folder.address, 0600, false));
	descriptors = open_descriptors();
	assert_false(listening_open(&second, &folder.address, 0600, false));
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(second.count, 0);
	assert_int_equal(open_descriptors(), descriptors);
	fd = connect_to_path(folder.socket);
	assert_int_not_equal(fd, -1);
	close(fd);
	listening_close(&first);
	folder_remove(&folder);
}

static void
test_a_file_is_not_replaced(UNUSED void **state)
{
	struct listening listening = { 0 };
	struct folder folder;
	int fd;

	folder_make(&folder);
	fd = open(folder.socket, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	assert_false(listening_open(&listening, &folder.address, 0600, false));
	assert_int_equal(errno, EEXIST);
	assert_true(S_ISREG(mode_of(folder.socket)));
	assert_int_equal(unlink(folder.socket), 0);
	folder_remove(&folder);
	assert_false(listening_open(&listening, &folder.address, 0600, false));
	assert_int_equal(errno, ENOENT);
}

/* ---- handed over by systemd ---- */

/* What is done in a process of its own, since the descriptors are 3 and those after it. */
typedef bool in_child_fn(const int *fds, size_t count);

/* Does RUN, with COUNT sockets FDS as 3 and so on, say yes? */
static bool
in_child(in_child_fn *run, const int *fds, size_t count)
{
	pid_t child = fork();
	int status = 1;
	size_t i;

	if (child == 0) {
		/* Their numbers may be among those that they are to have. */
		int high[4];

		for (i = 0; i < count; i++)
			high[i] = fcntl(fds[i], F_DUPFD, 50);
		for (i = 0; i < count; i++)
			dup2(high[i], 3 + (int)i);
		_exit(run(fds, count) ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
say_there_are(size_t count)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%zu", count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", "http", 1);
}

static bool
variables_are_gone(void)
{
	return getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL &&
	    getenv("LISTEN_FDNAMES") == NULL;
}

static bool
takes_both(UNUSED const int *fds, size_t count)
{
	struct listening listening = { 0 };
	bool well;

	say_there_are(count);
	if (!listening_take(&listening) || listening.count != 2 ||
	    !variables_are_gone())
		return false;
	well = listening.sockets[0].fd == 3 && listening.sockets[0].checks_host &&
	    listening.sockets[1].fd == 4 && !listening.sockets[1].checks_host &&
	    listening.sockets[1].path == NULL &&
	    (fcntl(3, F_GETFL) & O_NONBLOCK) != 0 &&
	    (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 &&
	    (fcntl(4, F_GETFL) & O_NONBLOCK) != 0 &&
	    option(3, IPPROTO_TCP, TCP_NODELAY) == 1;
	listening_close(&listening);
	return well;
}

static int
blocking_listener(int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if (bind(fd, address, len) == -1 || listen(fd, 5) == -1)
		fail_msg("cannot listen: %s", strerror(errno));
	return fd;
}

static void
test_sockets_that_are_handed_over_are_taken(UNUSED void **state)
{
	const struct sockaddr_in loopback = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct folder folder;
	int fds[2];

	folder_make(&folder);
	fds[0] = blocking_listener(
	    AF_INET, (const struct sockaddr *)&loopback, sizeof(loopback));
	fds[1] = blocking_listener(AF_UNIX,
	    (const struct sockaddr *)&folder.address.socket, folder.address.socket_len);
	assert_true(in_child(takes_both, fds, 2));
	/* The path is systemd's. */
	assert_true(S_ISSOCK(mode_of(folder.socket)));
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(unlink(folder.socket), 0);
	folder_remove(&folder);
}

static bool
takes_none_for_another(UNUSED const int *fds, UNUSED size_t count)
{
	struct listening listening = { 0 };

	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	return listening_take(&listening) && listening.count == 0 &&
	    variables_are_gone();
}

static bool
takes_none_where_there_are_none(UNUSED const int *fds, UNUSED size_t count)
{
	struct listening listening = { 0 };
	bool well = listening_take(&listening) && listening.count == 0;

	say_there_are(0);
	return well && listening_take(&listening) && listening.count == 0;
}

static void
test_what_is_meant_for_another_process_is_not_taken(UNUSED void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(in_child(takes_none_for_another, &fd, 1));
	assert_true(in_child(takes_none_where_there_are_none, &fd, 1));
	close(fd);
}

static bool
refuses(UNUSED const int *fds, size_t count)
{
	struct listening listening = { 0 };

	say_there_are(count);
	return !listening_take(&listening) && errno != 0 && listening.count == 0 &&
	    listening.sockets == NULL && variables_are_gone();
}

static bool
refuses_nonsense(UNUSED const int *fds, UNUSED size_t count)
{
	struct listening listening = { 0 };

	say_there_are(1);
	setenv("LISTEN_FDS", "many", 1);
	return !listening_take(&listening) && errno == EINVAL && variables_are_gone();
}

static void
test_what_is_no_stream_that_listens_is_refused(UNUSED void **state)
{
	int silent = socket(AF_INET, SOCK_STREAM, 0);
	int datagram = socket(AF_INET, SOCK_DGRAM, 0);
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(in_child(refuses, &silent, 1));
	assert_true(in_child(refuses, &datagram, 1));
	assert_true(in_child(refuses, &file, 1));
	assert_true(in_child(refuses_nonsense, &file, 1));
	close(silent);
	close(datagram);
	close(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_opened_for_no_address),
		cmocka_unit_test(test_a_socket_of_this_machine_checks_the_host),
		cmocka_unit_test(test_a_public_one_does_not),
		cmocka_unit_test(test_it_can_become_public_and_back),
		cmocka_unit_test(test_every_address_of_ipv6_is_every_one_of_ipv4_too),
		cmocka_unit_test(test_sockets_are_made_for_a_loop_and_short_answers),
		cmocka_unit_test(test_where_another_one_listens_is_no_place),
		cmocka_unit_test(test_what_is_still_connected_is_no_hindrance),
		cmocka_unit_test(test_a_unix_socket_has_its_mode_whatever_the_umask_is),
		cmocka_unit_test(test_a_unix_socket_goes_away_when_it_is_closed),
		cmocka_unit_test(test_who_may_connect_can_change),
		cmocka_unit_test(test_what_another_one_has_put_there_stays),
		cmocka_unit_test(test_a_socket_that_nobody_listens_at_is_replaced),
		cmocka_unit_test(test_a_socket_that_is_listened_at_is_not_replaced),
		cmocka_unit_test(test_a_file_is_not_replaced),
		cmocka_unit_test(test_sockets_that_are_handed_over_are_taken),
		cmocka_unit_test(test_what_is_meant_for_another_process_is_not_taken),
		cmocka_unit_test(test_what_is_no_stream_that_listens_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
