/*
 * Clients that ask a listener at a given pace: one thread, epoll(7), keep-alive. What they
 * cost should be small beside what is measured.
 *
 *	clients [-c COUNT] [-r RATE] [-t SECONDS] [-k EACH] [-H HEADER] ADDRESS PATH
 *
 *	ADDRESS		HOST:PORT with a literal address, or unix:PATH
 *	-c COUNT	connections (16)
 *	-r RATE		requests a second of all of them (0: each as fast as it is answered)
 *	-t SECONDS	for so long (5); SIGTERM and SIGINT end it before
 *	-k EACH		every so manieth answer is compared (1; 0: none)
 *	-H HEADER	one more header of the requests, as "Accept-Encoding: gzip"
 *
 * A connection is made anew when the server says `Connection: close`, or has closed it while
 * nothing was asked. Answers have to have a Content-Length, and as many bytes. An answer that
 * is compared has to be equal, byte by byte, to those with the same ETag before it.
 *
 * Prints an object of JSON. Its latencies count from when a request was due, whether there was
 * a connection for it by then or not, to the last byte of its answer. Exits with 1 where not
 * all was answered well.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define EVENTS_AT_ONCE 256
#define DRAIN_US       INT64_C(5000000)

struct run {
	struct load load;
	double rate;
	double seconds;
	int timer_fd; /* -1: not paced */
	int64_t begun_us;
	uint64_t due_count; /* requests that should have been sent by now */
};

static volatile sig_atomic_t is_ending;

static void
on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

/* ---- Requests ---- */

/* What is due to the clients that are idle. */
static void
ask_all(struct run *run)
{
	size_t idle = run->load.idle_count; /* one that fails at once is idle again */

	for (; idle > 0; idle--) {
		double due_s;

		if (run->timer_fd == -1) {
			load_ask(&run->load, now_us());
			continue;
		}
		if (run->load.counts.requests >= run->due_count)
			return;
		due_s = (double)(run->load.counts.requests + 1) / run->rate;
		load_ask(
		    &run->load, run->begun_us + (int64_t)(due_s * (double)SECOND_US));
	}
}

/* The timer fires once for each request that is due. */
static void
start_timer(struct run *run)
{
	double period_ns = 1e9 / run->rate;
	struct timespec period = {
		.tv_sec = (time_t)(period_ns / 1e9),
		.tv_nsec = (long)period_ns % 1000000000,
	};
	const struct itimerspec timer = { .it_value = period, .it_interval = period };
	struct epoll_event event = { .events = EPOLLIN }; /* data: NULL */

	run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (run->timer_fd == -1 ||
	    timerfd_settime(run->timer_fd, 0, &timer, NULL) == -1 ||
	    epoll_ctl(run->load.epoll_fd, EPOLL_CTL_ADD, run->timer_fd, &event) == -1)
		die("timer");
}

static void
on_due(struct run *run)
{
	uint64_t count;

	if (read(run->timer_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		run->due_count += count;
}

/* ---- The run ---- */

static void
take_events(struct run *run, int64_t until_us)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t left_us = until_us - now_us();
	int count = epoll_wait(run->load.epoll_fd, events, EVENTS_AT_ONCE,
	    left_us > 0 ? (int)(left_us / 1000 + 1) : 0);

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == NULL)
			on_due(run);
		else
			client_serve(&run->load, events[i].data.ptr);
	}
}

static void
run_clients(struct run *run)
{
	int64_t end_us;

	load_begin(&run->load);
	run->timer_fd = -1;
	run->begun_us = now_us();
	run->load.last_us = run->begun_us;
	end_us = run->begun_us + (int64_t)(run->seconds * (double)SECOND_US);
	if (run->rate > 0)
		start_timer(run);
	while (!is_ending && now_us() < end_us) {
		ask_all(run);
		take_events(run, end_us);
	}
	if (run->timer_fd != -1)
		close(run->timer_fd);
	/* What was asked may still be answered. */
	end_us = now_us() + DRAIN_US;
	while (run->load.idle_count < run->load.client_count && now_us() < end_us)
		take_events(run, end_us);
	run->load.counts.errors += run->load.client_count - run->load.idle_count;
}

static int
compare_latencies(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* Below which SHARE of the latencies are; they are sorted. */
static uint32_t
quantile_us(const struct load *load, double share)
{
	size_t at = (size_t)(share * (double)load->latency_count);

	if (load->latency_count == 0)
		return 0;
	return load
	    ->latencies_us[at < load->latency_count ? at : load->latency_count - 1];
}

static void
print(struct run *run)
{
	struct load *load = &run->load;
	const struct counts *counts = &load->counts;
	double seconds = (double)(load->last_us - run->begun_us) / (double)SECOND_US;

	if (load->latency_count > 0)
		qsort(load->latencies_us, load->latency_count,
		    sizeof(*load->latencies_us), compare_latencies);
	printf("{\"requests\":%llu,\"answers\":%llu,\"compared\":%llu,",
	    (unsigned long long)counts->requests, (unsigned long long)counts->answers,
	    (unsigned long long)counts->compared);
	printf("\"errors\":%llu,\"refused\":%llu,\"short\":%llu,\"torn\":%llu,",
	    (unsigned long long)counts->errors, (unsigned long long)counts->refused,
	    (unsigned long long)counts->short_bodies, (unsigned long long)counts->torn);
	printf("\"retries\":%llu,\"connects\":%llu,\"bytes\":%llu,",
	    (unsigned long long)counts->retries, (unsigned long long)counts->connects,
	    (unsigned long long)counts->bytes);
	printf("\"seconds\":%.3f,\"rate\":%.1f,", seconds,
	    seconds > 0 ? (double)load->latency_count / seconds : 0.0);
	printf("\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n", quantile_us(load, 0.5),
	    quantile_us(load, 0.99), quantile_us(load, 1));
}

/* ---- What is asked ---- */

static void
usage(void)
{
	fputs("usage: clients [-c COUNT] [-r RATE] [-t SECONDS] [-k EACH] [-H HEADER] "
	      "ADDRESS PATH\n",
	    stderr);
	exit(2);
}

static void
set_unix_address(struct run *run, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		usage();
	memcpy(address.sun_path, path, strlen(path) + 1);
	memcpy(&run->load.address, &address, sizeof(address));
	run->load.address_len = sizeof(address);
}

static void
set_address(struct run *run, const char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	const char *colon = strrchr(text, ':');
	struct addrinfo *found;
	char host[INET6_ADDRSTRLEN + 2];
	size_t len;

	if (strncmp(text, "unix:", 5) == 0) {
		set_unix_address(run, text + 5);
		return;
	}
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		usage();
	len = (size_t)(colon - text);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		usage();
	memcpy(&run->load.address, found->ai_addr, found->ai_addrlen);
	run->load.address_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void
set_request(struct run *run, const char *address, const char *path, const char *header)
{
	bool local = strncmp(address, "unix:", 5) == 0;
	int len = snprintf(run->load.request, sizeof(run->load.request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", path,
	    local ? "localhost" : address, header, header[0] != '\0' ? "\r\n" : "");

	if (len < 0 || (size_t)len >= sizeof(run->load.request))
		usage();
	run->load.request_len = (size_t)len;
}

static void
read_options(struct run *run, int argc, char **argv)
{
	const char *header = "";
	int option;

	while ((option = getopt(argc, argv, "c:r:t:k:H:")) != -1) {
		switch (option) {
		case 'c':
			run->load.client_count = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			run->rate = strtod(optarg, NULL);
			break;
		case 't':
			run->seconds = strtod(optarg, NULL);
			break;
		case 'k':
			run->load.compare_each = strtoul(optarg, NULL, 10);
			break;
		case 'H':
			header = optarg;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 2)
		usage();
	set_address(run, argv[optind]);
	set_request(run, argv[optind], argv[optind + 1], header);
	if (run->load.client_count == 0)
		usage();
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	const struct sigaction ending = { .sa_handler = on_signal };
	struct run run = {
		.load = { .client_count = 16, .compare_each = 1 },
		.seconds = 5,
	};
	bool well;

	read_options(&run, argc, argv);
	sigaction(SIGTERM, &ending, NULL);
	sigaction(SIGINT, &ending, NULL);
	raise_descriptor_limit();
	run_clients(&run);
	print(&run);
	well = run.load.counts.answers == run.load.counts.requests;
	load_end(&run.load);
	return well ? 0 : 1;
}
